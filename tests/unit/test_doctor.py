"""What the doctor finds on a device that the test lays out, and what it advises."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from edge import doctor
from edge.__main__ import run
from edge.config import CameraConfig, Config, GpioConfig, RuntimeConfig, StateConfig
from edge.doctor import Finding, Host, examine, exit_code
from edge.errors import ExitCode
from edge.runtime.manifest import MODELS_DIR
from edge.store import Store
from edge.testing import FakeClock
from edge.verify.keys import FILE_NAME as KEY


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(
        camera=CameraConfig(source="v4l2:/dev/video-none"),
        gpio=GpioConfig(backend="mock"),
        state=StateConfig(directory=str(tmp_path / "state")),
    )


def device(root: Path, **files: str) -> Host:
    """A machine with these files (path with __ for /), its clock set, and no programs to ask."""
    for name, content in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return Host(root=root, unix_s=lambda: 1.8e9, ask=lambda *_: None)


def statvfs(free_mb: int, flags: int = 0) -> Callable[[Path], os.statvfs_result]:
    """A file system with so much space, in blocks of a megabyte."""
    return lambda _: os.statvfs_result((10**6, 10**6, 10**6, free_mb, free_mb, 10, 10, 10, flags, 255))


def test_a_device_without_its_hardware_is_well_but_for_that(config: Config, tmp_path: Path) -> None:
    findings = list(examine(config, FakeClock(), device(tmp_path / "root")))
    assert {finding.check for finding in findings if finding.status == "absent"} == {"camera"}
    assert not [finding for finding in findings if finding.status == "failed"]
    assert exit_code(findings) == ExitCode.CAMERA_FAILURE


def test_nothing_is_made_by_looking(config: Config, tmp_path: Path) -> None:
    list(examine(config, FakeClock(), device(tmp_path / "root")))
    assert not Path(config.state.directory).exists()


def test_pins_that_are_not_there_are_absent_and_said_to_be(config: Config, tmp_path: Path) -> None:
    real = replace(config, gpio=GpioConfig(chip=31))
    found = doctor.check_pins(real, device(tmp_path))
    assert (found.status, found.exit_code) == ("absent", ExitCode.ACTUATOR_FAILURE)
    assert found.advice


def test_pins_that_are_there_and_cannot_be_opened_are_a_failure(config: Config, tmp_path: Path) -> None:
    real = replace(config, gpio=GpioConfig(chip=31))
    assert doctor.check_pins(real, device(tmp_path, dev__gpiochip0="")).status == "failed"


def test_a_camera_that_is_there_and_gives_nothing_is_a_failure(config: Config, tmp_path: Path) -> None:
    found = doctor.check_camera(config, FakeClock(), device(tmp_path, dev__video0=""))
    assert (found.status, found.exit_code) == ("failed", ExitCode.CAMERA_FAILURE)


def test_an_altered_model_is_named(config: Config, tmp_path: Path) -> None:
    models = shutil.copytree(MODELS_DIR, tmp_path / "models")
    file = next(models.glob("*.tflite"))
    file.write_bytes(file.read_bytes()[:-1])
    altered = replace(config, runtime=RuntimeConfig(models_dir=str(models)))
    found = next(each for each in examine(altered, FakeClock(), device(tmp_path)) if each.check == "models")
    assert (found.status, found.exit_code) == ("failed", ExitCode.BAD_MODEL)
    assert file.name in found.found


def test_a_key_that_others_can_read_is_a_failure(config: Config, tmp_path: Path) -> None:
    state = Path(config.state.directory)
    Store.open(state).close()
    (state / KEY).write_bytes(bytes(32))
    (state / KEY).chmod(0o644)
    found = next(each for each in examine(config, FakeClock(), device(tmp_path)) if each.check == "key")
    assert (found.status, found.exit_code) == ("failed", ExitCode.STATE_FAILURE)
    assert "chmod 600" in found.found


def test_a_database_of_another_kind_is_a_failure(config: Config, tmp_path: Path) -> None:
    state = Path(config.state.directory)
    state.mkdir()
    (state / "vigil.db").write_bytes(b"x" * 200)
    found = next(each for each in examine(config, FakeClock(), device(tmp_path)) if each.check == "database")
    assert (found.status, found.exit_code) == ("failed", ExitCode.STATE_FAILURE)


@pytest.mark.parametrize(
    ("free_mb", "flags", "status"),
    [(5000, 0, "ok"), (100, 0, "warning"), (5, 0, "failed"), (5000, os.ST_RDONLY, "failed")],
)
def test_a_disk_that_is_full_or_cannot_be_written(config: Config, free_mb: int, flags: int, status: str) -> None:
    assert doctor.check_disk(config, Host(statvfs=statvfs(free_mb, flags))).status == status


@pytest.mark.parametrize(
    ("said", "status", "words"),
    [
        ("0", "ok", "no under-voltage"),
        ("0x50005", "warning", "now: under-voltage, throttled; since the start: under-voltage, throttled"),
        ("80000", "warning", "now: nothing; since the start: soft temperature limit"),
        ("nonsense", "ok", "not told"),
    ],
)
def test_the_power_bits_of_the_firmware(tmp_path: Path, said: str, status: str, words: str) -> None:
    host = device(tmp_path, **{"sys__devices__platform__soc__soc:firmware__get_throttled": said})
    found = doctor.check_power(host)
    assert (found.status, words in found.found) == (status, True)


def test_without_the_file_the_firmware_is_asked() -> None:
    host = Host(root=Path("/nowhere"), ask=lambda *command: "throttled=0x1\n" if command[0] == "vcgencmd" else None)
    assert doctor.check_power(host).found.startswith("now: under-voltage")


@pytest.mark.parametrize(("milli", "status"), [("48000", "ok"), ("81500", "warning")])
def test_heat_is_told(tmp_path: Path, milli: str, status: str) -> None:
    host = device(tmp_path, sys__class__thermal__thermal_zone0__temp=milli)
    assert doctor.check_temperature(host).status == status


def test_a_clock_that_was_never_set_is_told() -> None:
    assert doctor.check_clock(Host(unix_s=lambda: 0.0)).status == "warning"


@pytest.mark.parametrize(("version", "status"), [((3, 10), "warning"), ((3, 11), "ok"), ((3, 14), "warning")])
def test_a_python_that_no_test_runs_on_is_told(version: tuple[int, int], status: str) -> None:
    assert doctor.check_python(version).status == status


def test_every_finding_that_is_not_well_says_what_to_do(config: Config, tmp_path: Path) -> None:
    findings = list(examine(config, FakeClock(), device(tmp_path / "root")))
    assert all(finding.advice for finding in findings if finding.status != "ok")


def test_a_script_reads_one_object_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "vigil.toml"
    file.write_text(
        f'[camera]\nsource = "v4l2:/dev/video-none"\n[gpio]\nbackend = "log"\n[state]\ndirectory = "{tmp_path}"'
    )
    code = run(["doctor", "--json", "--config", str(file)])
    findings = [msgspec.json.decode(line, type=Finding) for line in capsys.readouterr().out.splitlines()]
    assert code == ExitCode.CAMERA_FAILURE
    assert [finding.check for finding in findings if finding.status == "ok"][:2] == ["python", "models"]
