"""``vigil update``: a signed release takes the place of the one that runs, or the old one serves again.

A release is a folder of ``/opt/vigil/releases``, and ``/opt/vigil/current`` points to the one in use. The new one comes
out of a package (.deb) whose Ed25519 signature (RFC 8032) lies beside it; nothing of the package is run before that is
verified. The unit file, the udev rule and the configuration are not touched: those come with ``apt install``.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from edge.clock import Clock
from edge.errors import UpdateError
from edge.store import FILE_NAME as DATABASE

UNIT = "vigil.service"
HEALTHY_S = 10.0  # a release that holds for so long after READY, without a restart, is kept
_STEP_S = 1.0
_COMMAND_S = 180  # unpacking onto a slow card; systemctl start waits for READY, TimeoutStartSec=60 of the unit
_TRIAL = '[camera]\nsource = "v4l2:/dev/null"\n[gpio]\nbackend = "log"\n[state]\ndirectory = "{}"\n'


class System(Protocol):
    """The programs of the machine."""

    def call(self, *command: str | Path) -> tuple[int, str]:
        """Exit code and output of a command; does not raise for a code that is not 0. Raises UpdateError."""
        ...


class Programs:
    """The real ones."""

    def call(self, *command: str | Path) -> tuple[int, str]:
        try:
            done = subprocess.run(  # noqa: S603
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=_COMMAND_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UpdateError(
                f"{command[0]}: cannot be run, or gave no answer within {_COMMAND_S} s: {error}"
            ) from error
        return done.returncode, done.stdout


@dataclass(frozen=True, slots=True)
class Layout:
    """Where releases, state and the public key of whoever signs them lie."""

    home: Path = Path("/opt/vigil")
    state: Path = Path("/var/lib/vigil")
    public_key: Path = Path("/etc/vigil/release.pub")

    @property
    def releases(self) -> Path:
        return self.home / "releases"

    @property
    def current(self) -> Path:
        return self.home / "current"

    def release_in_use(self) -> Path:
        """The folder that ``current`` points to. Raises UpdateError."""
        if not self.current.is_symlink() or not self.current.is_dir():
            raise UpdateError(
                f"{self.current}: expected a link to an installed release, found none; install the package first"
            )
        return self.current.resolve()


@dataclass(frozen=True, slots=True)
class Updater:
    """One update. ``say`` is told of each step."""

    layout: Layout
    system: System
    clock: Clock
    say: Callable[[str], None]

    def update(self, package: Path, signature: Path) -> str:
        """Install the release in ``package`` and switch to it. Returns its version.

        Raises UpdateError: the release that served before then serves again, and what was enrolled is as it was.
        """
        old = self.layout.release_in_use()
        verify(package, signature, self.layout.public_key)
        self.say(f"{package.name}: the signature is good")
        new = self._install(package, old)
        try:
            self._try_out(new)
            self._switch(new, old)
        except BaseException:
            if self.layout.release_in_use() != new:
                shutil.rmtree(new)
            raise
        self._remove_others(new, old)
        return new.name

    def _install(self, package: Path, old: Path) -> Path:
        with tempfile.TemporaryDirectory(dir=self.layout.home, prefix=".unpacked-") as scratch:
            self._need("dpkg-deb", "--extract", package, scratch)
            found = list((Path(scratch) / "opt/vigil/releases").glob("*"))
            if len(found) != 1:
                raise UpdateError(f"{package}: expected one release in it, found {len(found)}")
            target = self.layout.releases / found[0].name
            if target == old:
                raise UpdateError(f"{package}: release {target.name} is in use already")
            if target.exists():
                shutil.rmtree(target)
            found[0].rename(target)
        self.system.call(target / "bin/python", "-I", "-m", "compileall", "-q", target)
        return target

    def _try_out(self, new: Path) -> None:
        """Python, models and interpreter, before the door has to do without the old release. Opens no database: a newer
        release may change its format, and the old one would then refuse it."""
        with tempfile.TemporaryDirectory() as scratch:
            config = Path(scratch) / "trial.toml"
            config.write_text(_TRIAL.format(scratch))
            code, output = self.system.call(new / "bin/vigil", "doctor", "--json", "--config", config)
        failed = [line for line in output.splitlines() if '"failed"' in line and '"check":"camera"' not in line]
        if failed or '"check":"interpreter","status":"ok"' not in output:
            last = (failed or output.splitlines() or ["no answer"])[-1]
            raise UpdateError(f"{new.name}: does not work on this device (code {code}): {last}; nothing was changed")

    def _switch(self, new: Path, old: Path) -> None:
        if self.system.call("systemctl", "is-active", "--quiet", UNIT)[0] != 0:
            self._point_to(new)
            self.say(f"{new.name} is in place; {UNIT} does not run, so it was not tried there")
            return
        self._need("systemctl", "stop", UNIT)  # the door locks
        with self._kept_state() as restore:
            self._point_to(new)
            fault = self._fault_of_start()
            if not fault:
                self.say(f"{new.name} serves")
                return
            self.say(f"{new.name}: {fault}; going back to {old.name}")
            self.system.call("systemctl", "stop", UNIT)
            self._point_to(old)
            restore()
            again = self._fault_of_start()
        if again:
            raise UpdateError(
                f"{new.name}: {fault}; and {old.name}, put back, does not serve either: {again}; see vigil doctor"
            )
        raise UpdateError(f"{new.name}: {fault}; {old.name} serves again")

    @contextmanager
    def _kept_state(self) -> Iterator[Callable[[], None]]:
        """A copy of the database while the service stands still, and a way to put it back.

        It goes back only where the new release has changed the format: else what was counted meanwhile would be lost.
        """
        database = self.layout.state / DATABASE
        with tempfile.TemporaryDirectory(dir=self.layout.home, prefix=".state-") as scratch:
            kept = [Path(shutil.copy2(file, scratch)) for file in self.layout.state.glob(f"{DATABASE}*")]
            before = _format(database)

            def restore() -> None:
                if before is None or _format(database) == before:
                    return
                owner = self.layout.state.stat()
                for file in self.layout.state.glob(f"{DATABASE}*"):
                    file.unlink()
                for copy in kept:
                    target = Path(shutil.copy2(copy, self.layout.state))
                    os.chown(target, owner.st_uid, owner.st_gid)

            yield restore

    def _fault_of_start(self) -> str:
        """Start the service and watch it; empty where it is well."""
        code, _ = self.system.call("systemctl", "start", UNIT)
        if code:
            return "it does not start"
        until_s = self.clock.now_s() + HEALTHY_S
        while self.clock.now_s() < until_s:
            self.clock.sleep_s(_STEP_S)
            told = dict(line.split("=", 1) for line in self._show().splitlines() if "=" in line)
            if told.get("ActiveState") != "active" or told.get("NRestarts") != "0":
                return f"it did not hold for {HEALTHY_S:g} s"
        return ""

    def _show(self) -> str:
        return self.system.call("systemctl", "show", "--property=ActiveState,NRestarts", UNIT)[1]

    def _point_to(self, release: Path) -> None:
        draft = self.layout.home / ".next"
        draft.unlink(missing_ok=True)
        draft.symlink_to(Path("releases") / release.name)
        draft.rename(self.layout.current)  # at once, also if the power fails

    def _remove_others(self, new: Path, old: Path) -> None:
        """Keep the release in use, the one before it, and what apt counts on."""
        for release in self.layout.releases.iterdir():
            if release not in (new, old) and self.system.call("dpkg-query", "--search", release)[0] != 0:
                shutil.rmtree(release)

    def _need(self, *command: str | Path) -> None:
        code, output = self.system.call(*command)
        if code:
            last = output.strip().splitlines()[-1:] or ["it said nothing"]
            raise UpdateError(f"{command[0]} {command[1]}: failed with code {code}: {last[0]}")


def verify(package: Path, signature: Path, public_key: Path) -> None:
    """Whether the owner of ``public_key`` (PEM, Ed25519) has signed the package. Raises UpdateError."""
    try:
        key = load_pem_public_key(public_key.read_bytes())
        signed, content = signature.read_bytes(), package.read_bytes()
    except OSError as error:
        raise UpdateError(f"{error.filename}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UpdateError(f"{public_key}: expected an Ed25519 public key in PEM form: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise UpdateError(f"{public_key}: expected an Ed25519 public key, found another kind")
    try:
        key.verify(signed, content)
    except InvalidSignature as error:
        raise UpdateError(
            f"{package}: the signature {signature.name} is not that of {public_key}; nothing was changed"
        ) from error


def _format(database: Path) -> int | None:
    """The version of the database's format; None where there is no database that can be read."""
    if not database.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as db:
            return int(db.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.Error:
        return None
