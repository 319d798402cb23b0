"""Updates of a device that is laid out in a folder: releases are scripts, packages real, systemd is played."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edge.errors import ExitCode, UpdateError
from edge.store import Store
from edge.testing import FakeClock
from edge.update import HEALTHY_S, Layout, Programs, Updater

pytestmark = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not here")

WELL = '{"check":"interpreter","status":"ok"}'
SICK = '{"check":"models","status":"failed"}'
# A release: what its doctor says, and what it does when it is started.
RELEASE = """#!/bin/sh
case $1 in
    doctor) echo '{doctor}' ;;
    run) {run} ;;
esac
"""


@dataclass
class Device:
    """Where everything lies, and systemd as it would behave: ``start`` runs the release that is current."""

    root: Path
    key: Ed25519PrivateKey
    clock: FakeClock
    running: str | None = None
    restarts: int = 0
    log: list[str] = field(default_factory=list)

    @property
    def layout(self) -> Layout:
        return Layout(self.root / "vigil", self.root / "state", self.root / "release.pub")

    @property
    def current(self) -> str:
        return self.layout.release_in_use().name

    def call(self, *command: str | Path) -> tuple[int, str]:
        words = [str(word) for word in command]
        if words[0] == "systemctl":
            return self._systemctl(words[1])
        if words[0] == "dpkg-query":
            return 1, ""
        if "compileall" in words:
            return 0, ""
        return Programs().call(*command)

    def _systemctl(self, verb: str) -> tuple[int, str]:
        if verb == "is-active":
            return (0 if self.running else 3), ""
        if verb == "stop":
            self.running = None
        if verb == "start":
            done = subprocess.run([self.layout.current / "bin/vigil", "run", self.layout.state], check=False)
            if done.returncode == 1:
                return 1, ""
            self.running, self.restarts = self.current, 1 if done.returncode == 2 else 0
            self.log.append(f"{self.running} serves")
        return 0, f"ActiveState=active\nNRestarts={self.restarts}\n"

    def update(self, package: Path) -> str:
        signature = package.with_name(package.name + ".sig")
        return Updater(self.layout, self, self.clock, self.log.append).update(package, signature)


def lay_out(folder: Path, version: str, doctor: str = WELL, run: str = "true") -> None:
    program = folder / "opt/vigil/releases" / version / "bin/vigil"
    program.parent.mkdir(parents=True)
    program.write_text(RELEASE.format(doctor=doctor, run=run))
    program.chmod(0o755)


@pytest.fixture
def device(tmp_path: Path) -> Device:
    """Release 1 runs, and its gallery has a counter."""
    made = Device(tmp_path, Ed25519PrivateKey.generate(), FakeClock())
    lay_out(tmp_path / "image", "1")
    (tmp_path / "image/opt/vigil").rename(made.layout.home)
    made.layout.current.symlink_to("releases/1")
    pem = made.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    made.layout.public_key.write_bytes(pem)
    with Store.open(made.layout.state) as store:
        store.set_counters({"failures": 4})
    made.running = "1"
    return made


Package = Callable[..., Path]


@pytest.fixture
def package(device: Device, tmp_path: Path) -> Package:
    """Builds and signs a package of a release."""

    def build(version: str, doctor: str = WELL, run: str = "true") -> Path:
        tree = tmp_path / f"tree{version}"
        lay_out(tree, version, doctor, run)
        (tree / "DEBIAN").mkdir()
        (tree / "DEBIAN/control").write_text(
            f"Package: vigil-edge\nVersion: {version}\nArchitecture: all\nMaintainer: T <t@localhost>\nDescription: t\n"
        )
        target = tmp_path / f"vigil_{version}.deb"
        subprocess.run(["dpkg-deb", "--build", tree, target], check=True, stdout=subprocess.DEVNULL)
        target.with_name(target.name + ".sig").write_bytes(device.key.sign(target.read_bytes()))
        return target

    return build


def failures(device: Device) -> int | float:
    with Store.open(device.layout.state) as store:
        return store.counter("failures")


def releases(device: Device) -> set[str]:
    return {path.name for path in device.layout.releases.iterdir()}


def leftovers(device: Device) -> list[str]:
    return [path.name for path in device.layout.home.iterdir() if path.name.startswith(".")]


def test_a_good_release_takes_over_and_loses_nothing(device: Device, package: Package) -> None:
    assert device.update(package("2")) == "2"
    assert (device.current, device.running, failures(device)) == ("2", "2", 4)
    assert releases(device) == {"1", "2"}
    assert not leftovers(device)


def test_the_release_before_the_last_is_cleared_away(device: Device, package: Package) -> None:
    device.update(package("2"))
    device.update(package("3"))
    assert releases(device) == {"2", "3"}


@pytest.mark.parametrize("run", ["exit 1", "exit 2"], ids=["never ready", "ready, then restarted"])
def test_a_release_that_does_not_hold_is_taken_back(device: Device, package: Package, run: str) -> None:
    with pytest.raises(UpdateError, match="1 serves again") as raised:
        device.update(package("2", run=run))
    assert raised.value.exit_code == ExitCode.UPDATE_FAILURE
    assert (device.current, device.running, failures(device)) == ("1", "1", 4)
    assert releases(device) == {"1"}
    assert not leftovers(device)


def test_going_back_takes_less_than_a_minute(device: Device, package: Package) -> None:
    begun_s = device.clock.now_s()
    with pytest.raises(UpdateError):
        device.update(package("2", run="exit 2"))
    assert device.clock.now_s() - begun_s <= 2 * HEALTHY_S < 60


def test_a_release_that_is_sick_on_this_device_never_gets_the_door(device: Device, package: Package) -> None:
    with pytest.raises(UpdateError, match="nothing was changed"):
        device.update(package("2", doctor=SICK, run="exit 1"))
    assert (device.current, device.running, device.log[-1]) == ("1", "1", "vigil_2.deb: the signature is good")
    assert releases(device) == {"1"}


def test_a_database_that_the_new_release_changed_is_put_back(device: Device, package: Package) -> None:
    script = device.root / "migrate"
    code = "import sqlite3,sys; db=sqlite3.connect(sys.argv[1]); db.execute('PRAGMA user_version = 99'); db.commit()"
    script.write_text(f'import sys\nsys.argv[1] += "/vigil.db"\n{code}\n')
    with pytest.raises(UpdateError, match="1 serves again"):
        device.update(package("2", run=f"python3 {script} $2; exit 2"))
    assert failures(device) == 4  # and it opens: its format is the old one


def test_what_was_counted_meanwhile_stays_where_the_format_did_not_change(device: Device, package: Package) -> None:
    script = device.root / "count"
    code = "db=sqlite3.connect(sys.argv[1] + '/vigil.db'); db.execute('UPDATE counter SET value = 9'); db.commit()"
    script.write_text(f"import sqlite3, sys\n{code}\n")
    with pytest.raises(UpdateError):
        device.update(package("2", run=f"python3 {script} $2; exit 2"))
    assert failures(device) == 9


@pytest.mark.parametrize("spoil", ["package", "signature", "key"])
def test_what_is_not_signed_by_the_owner_is_not_even_unpacked(device: Device, package: Package, spoil: str) -> None:
    good = package("2")
    signature = good.with_name(good.name + ".sig")
    if spoil == "package":
        good.write_bytes(good.read_bytes() + b"\0")
    elif spoil == "signature":
        signature.write_bytes(bytes(64))
    else:
        signature.write_bytes(Ed25519PrivateKey.generate().sign(good.read_bytes()))
    with pytest.raises(UpdateError, match="nothing was changed"):
        device.update(good)
    assert releases(device) == {"1"}
    assert device.running == "1"


def test_without_a_signature_or_a_key_nothing_happens(device: Device, package: Package) -> None:
    good = package("2")
    device.layout.public_key.rename(device.root / "elsewhere")
    with pytest.raises(UpdateError, match=r"release.pub: cannot be read"):
        device.update(good)


def test_the_release_in_use_is_not_installed_over_itself(device: Device, package: Package) -> None:
    with pytest.raises(UpdateError, match="in use already"):
        device.update(package("1"))
    assert device.running == "1"


def test_where_the_service_does_not_run_it_is_not_started(device: Device, package: Package) -> None:
    device.running = None
    assert device.update(package("2")) == "2"
    assert (device.current, device.running) == ("2", None)


def test_the_copy_of_the_database_is_for_its_owner_only(device: Device, package: Package) -> None:
    seen: list[int] = []

    class Spy(Device):
        def _systemctl(self, verb: str) -> tuple[int, str]:
            seen.extend(path.stat().st_mode & 0o077 for path in self.layout.home.glob(".state-*/*"))
            return super()._systemctl(verb)

    spy = Spy(device.root, device.key, device.clock, running="1")
    spy.update(package("2"))
    assert seen
    assert set(seen) == {0}
    with closing(sqlite3.connect(device.layout.state / "vigil.db")) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == 1
    assert os.access(device.layout.state / "vigil.db", os.R_OK)
