"""The systemd unit: it parses without a word, stays hardened, and locks the door on every way out."""

from __future__ import annotations

import configparser
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from edge.errors import ExitCode
from edge.verify.keys import CREDENTIAL

SYSTEMD = Path(__file__).resolve().parents[2] / "systemd"
PROGRAM = "/opt/vigil/current/bin/vigil"
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False, env={"LC_ALL": "C"}
    )


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that exists: verify looks for it."""
    program = tmp_path / "vigil"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / "vigil.service"
    copy.write_text((SYSTEMD / "vigil.service").read_text().replace(PROGRAM, str(program)))
    return copy


@pytest.fixture
def service() -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(strict=False, comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(SYSTEMD / "vigil.service")
    return parser["Service"]


@needs_systemd
def test_systemd_has_nothing_to_say_of_the_unit(unit: Path) -> None:
    done = analyze("verify", "--man=no", unit)
    assert done.returncode == 0
    assert done.stdout + done.stderr == ""


@needs_systemd
def test_a_key_that_systemd_does_not_know_would_be_told(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("WatchdogSec=", "WatchdogSecs="))
    assert "'WatchdogSecs'" in analyze("verify", "--man=no", unit).stderr


@needs_systemd
def test_its_exposure_stays_below_1_of_10(unit: Path) -> None:
    done = analyze("security", "--offline=true", "--no-pager", "--threshold=10", unit)  # in tenths
    assert done.returncode == 0, done.stdout[-500:]


def test_every_end_of_the_service_locks_the_door(service: configparser.SectionProxy) -> None:
    config = "--config /etc/vigil/vigil.toml"
    assert service["ExecStart"] == f"{PROGRAM} run {config}"
    assert service["ExecStopPost"] == f"{PROGRAM} safe {config}"


def test_a_loop_that_hangs_is_ended_and_started_again(service: configparser.SectionProxy) -> None:
    assert service["Type"] == "notify"
    assert 0 < int(service["WatchdogSec"]) <= 30
    assert service["Restart"] == "on-failure"


def test_what_a_restart_cannot_cure_is_not_restarted(service: configparser.SectionProxy) -> None:
    codes = {int(code) for code in service["RestartPreventExitStatus"].split()}
    assert codes == {ExitCode.BAD_CONFIG, ExitCode.BAD_MODEL}


@needs_systemd
def test_each_setting_that_is_left_open_is_explained(unit: Path) -> None:
    done = analyze("security", "--offline=true", "--no-pager", "--json=short", unit)
    open_settings = {row["name"].split("=")[0] for row in json.loads(done.stdout) if row["exposure"]}
    assert "PrivateUsers" in open_settings
    explained = [line for line in unit.read_text().splitlines() if line.startswith("# Left open: ")]
    unexplained = {name for name in open_settings if not any(f"{name}=" in line for line in explained)}
    assert not unexplained


def test_it_runs_as_a_user_of_its_own_that_reaches_the_pins_and_the_camera(service: configparser.SectionProxy) -> None:
    assert service["User"] == "vigil"
    assert set(service["SupplementaryGroups"].split()) == {"gpio", "video"}
    assert service["LoadCredential"].split(":")[0] == CREDENTIAL


def test_nothing_of_a_face_is_left_by_a_crash(service: configparser.SectionProxy) -> None:
    assert service["LimitCORE"] == service["MemorySwapMax"] == "0"
