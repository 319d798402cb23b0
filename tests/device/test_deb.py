"""The packages in dist/ (make deb): what they carry, whom it belongs to, and that nothing is of the wrong machine."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.runtime.manifest import load_manifest

ROOT = Path(__file__).resolve().parents[2]
DEBS = sorted((ROOT / "dist").glob("vigil-edge_*.deb"))
# With all wheels, of a package that a device gets. There is none for amd64: that one is made for the virtual device,
# and its wheels of OpenCV and LiteRT are 80 MB larger.
INSTALLED_MAX_MB = 330
ELF_MACHINES = {"arm64": 183, "amd64": 62}  # elf(5): EM_AARCH64, EM_X86_64
PYTHONS = {"deb12": "3.11", "deb13": "3.13"}

pytestmark = [
    pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not here"),
    pytest.mark.skipif(not DEBS, reason="no package in dist/: make deb"),
]


def field(deb: Path, name: str) -> str:
    return subprocess.run(["dpkg-deb", "-f", deb, name], capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def archive(deb: Path, kind: str) -> Iterator[tarfile.TarFile]:
    """``kind``: fsys for what is installed, ctrl for what dpkg reads."""
    with subprocess.Popen(["dpkg-deb", f"--{kind}-tarfile", deb], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
            yield tar
        process.stdout.read()


def members(deb: Path) -> list[tarfile.TarInfo]:
    with archive(deb, "fsys") as tar:
        return list(tar)


def control(deb: Path) -> dict[str, str]:
    with archive(deb, "ctrl") as tar:
        found = {}
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            if content is not None:
                found[member.name.removeprefix("./")] = content.read().decode()
        return found


@pytest.fixture(scope="module", params=DEBS, ids=[deb.name for deb in DEBS])
def deb(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_it_is_for_one_python_and_small_enough(deb: Path) -> None:
    python = PYTHONS[field(deb, "Version").split("+")[1]]
    assert f"python3 (>= {python})" in field(deb, "Depends")
    if field(deb, "Architecture") == "arm64":
        assert int(field(deb, "Installed-Size")) * 1024 / 1e6 <= INSTALLED_MAX_MB


def test_it_carries_program_models_unit_manual_and_completion(deb: Path) -> None:
    release = f"./opt/vigil/releases/{field(deb, 'Version').split('+')[0]}"
    names = {member.name for member in members(deb)}
    site = next(name for name in names if re.fullmatch(rf"{release}/lib/python3\.\d+/site-packages", name))
    assert {f"{site}/edge/models/{spec.file}" for spec in load_manifest().models.values()} <= names
    assert {
        f"{release}/bin/vigil",
        "./usr/bin/vigil",
        "./usr/lib/systemd/system/vigil.service",
        "./usr/lib/udev/rules.d/60-vigil.rules",
        "./usr/share/man/man1/vigil.1.gz",
        "./usr/share/bash-completion/completions/vigil",
        "./usr/share/doc/vigil-edge/copyright",
        "./etc/vigil/vigil.toml",
    } <= names


def test_everything_is_roots_and_nothing_can_be_written_by_others(deb: Path) -> None:
    wrong = [m.name for m in members(deb) if (m.uid, m.gid) != (0, 0) or (m.mode & 0o022 and not m.issym())]
    assert not wrong


def test_nothing_has_to_be_compiled_and_nothing_is_for_another_machine(deb: Path) -> None:
    wanted = ELF_MACHINES[field(deb, "Architecture")]
    libraries = 0
    with archive(deb, "fsys") as tar:
        for member in tar:
            assert not member.name.endswith((".pyx", ".whl", ".tar.gz")), member.name
            if member.isfile() and ".so" in member.name:
                content = tar.extractfile(member)
                head = io.BytesIO(content.read(20)).getvalue() if content else b""
                assert head.startswith(b"\x7fELF"), member.name
                assert int.from_bytes(head[18:20], "little") == wanted, member.name
                libraries += 1
    assert libraries > 20


def test_the_configuration_is_kept_over_an_upgrade(deb: Path) -> None:
    assert control(deb)["conffiles"] == "/etc/vigil/vigil.toml\n"


def test_the_scripts_parse_and_hold_no_placeholder(deb: Path) -> None:
    files = control(deb)
    for script in ("postinst", "prerm", "postrm"):
        assert not re.search("@[A-Z]+@", files[script])
        assert subprocess.run(["sh", "-n"], input=files[script], text=True, check=False).returncode == 0
    assert not re.search("@[A-Z]+@", files["control"])


def test_removing_stops_the_service_and_purging_takes_the_state(deb: Path) -> None:
    files = control(deb)
    assert "systemctl stop vigil.service" in files["prerm"]
    remove, purge = files["postrm"].split("purge)")
    assert "/var/lib/vigil" not in remove.split("case")[1]
    assert "/var/lib/vigil" in purge
