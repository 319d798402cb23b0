"""``vigil doctor``: is this device fit to run Vigil? Each check says what it found, and what to do about it.

Looks only: no pin is claimed, nothing is written, and a service that runs meanwhile is not disturbed. What a check
reads of the machine it reads below ``Host.root``, so that a test can lay out a device of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from edge import app
from edge.camera.source import is_live
from edge.clock import Clock, unix_s
from edge.config import Config
from edge.errors import ActuatorError, ExitCode, ModelError, VigilError
from edge.runtime.litert import RUNTIME
from edge.runtime.manifest import read_model
from edge.store import FILE_NAME as DATABASE
from edge.tuning import Tuning, open_typical
from edge.verify.keys import load_key

PYTHONS = ((3, 11), (3, 13))  # the oldest and the newest that the tests run on
HOT_C = 75.0  # a Pi slows down at 80
FREE_MIN_MB, FREE_LOW_MB = 20, 200
BUILT_UNIX_S = 1_735_689_600  # 2025-01-01: a clock before it was never set
CAMERA_S = 5.0
# Bits of the firmware's get_throttled (Raspberry Pi documentation, "vcgencmd"); 16 places up: since the last boot.
_THROTTLED = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}
_SINCE_BOOT = 16

Status = Literal["ok", "warning", "absent", "failed"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found. ``absent``: hardware that is not there. ``advice`` is empty where nothing is to be done."""

    check: str
    status: Status
    found: str
    advice: str = ""
    exit_code: int = ExitCode.OK


@dataclass(frozen=True, slots=True)
class Host:
    """The machine: its files, its clock on the wall, and a way to ask a program of it (None: no such program)."""

    root: Path = Path("/")
    unix_s: Callable[[], float] = unix_s
    statvfs: Callable[[Path], os.statvfs_result] = os.statvfs
    ask: Callable[..., str | None] = lambda *command: _output(command)


def examine(config: Config, clock: Clock, host: Host | None = None) -> Iterator[Finding]:
    """Every check, in the order in which their failures would keep Vigil from running."""
    host = host or Host()
    yield check_python(sys.version_info[:2])
    yield _guarded("models", lambda: check_models(config))
    yield _guarded("interpreter", lambda: check_interpreter(config))
    yield check_disk(config, host)
    yield _guarded("key", lambda: check_key(config))
    yield _guarded("database", lambda: check_database(config))
    yield check_camera(config, clock, host)
    yield check_pins(config, host)
    yield check_power(host)
    yield check_temperature(host)
    yield check_clock(host)


def exit_code(findings: list[Finding]) -> int:
    """That of the first failure, or of the first thing that is not there; 0 where all is well, warnings included."""
    return next((finding.exit_code for finding in findings if finding.exit_code), int(ExitCode.OK))


def finding_line(finding: Finding, *, as_json: bool) -> str:
    """One finding for a terminal, or for a script."""
    if as_json:
        return msgspec.json.encode(finding).decode()
    advice = f"\n{'':9}-> {finding.advice}" if finding.advice else ""
    return f"{finding.status:8} {finding.check}: {finding.found}{advice}"


def tuning_lines(tuning: Tuning, path: Path, *, as_json: bool) -> list[str]:
    """What was measured, what was chosen, and where it was written."""
    if as_json:
        return [msgspec.json.encode(tuning).decode()]
    lines = [
        f"{timing.threads} thread{'s' if timing.threads > 1 else ' '}  {timing.total_ms:8.2f} ms a look  "
        + "  ".join(f"{name} {ms:.2f}" for name, ms in timing.model_ms.items())
        for timing in tuning.timings
    ]
    return [*lines, f"chosen: {tuning.threads}, kept in {path}; it holds where runtime.threads is 0"]


def check_python(version: tuple[int, ...]) -> Finding:
    found = ".".join(map(str, version))
    if PYTHONS[0] <= version <= PYTHONS[1]:
        return Finding(check="python", status="ok", found=found)
    span = " to ".join(".".join(map(str, each)) for each in PYTHONS)
    return Finding(check="python", status="warning", found=found, advice=f"Vigil is tested with Python {span}")


def check_models(config: Config) -> Finding:
    store = app.model_store(config)
    for name in store.manifest.models:
        spec = store.spec(name)
        read_model(store.directory / spec.file, spec)
    names = ", ".join(sorted(store.manifest.models))
    return Finding(check="models", status="ok", found=f"{names}: every hash as the manifest says")


def check_interpreter(config: Config) -> Finding:
    store = app.model_store(config)
    names = [name for name in store.manifest.models if store.spec(name).precision == "int8"]
    plain = [name for name in names if not open_typical(store, name).delegated()]
    if plain:
        advice = "int8 runs without XNNPACK, several times slower; use ai-edge-litert, and see that /sys is readable"
        found = f"{RUNTIME}, no delegate for {', '.join(plain)}"
        return Finding(check="interpreter", status="warning", found=found, advice=advice)
    taken = f"XNNPACK took {', '.join(names)}" if names else "every net in float32"
    return Finding(check="interpreter", status="ok", found=f"{RUNTIME}, {taken}")


def check_disk(config: Config, host: Host) -> Finding:
    directory = Path(config.state.directory).absolute()
    while not directory.exists():
        directory = directory.parent
    status = host.statvfs(directory)
    free_mb = status.f_bavail * status.f_frsize // 1_000_000
    found = f"{free_mb} MB free at {directory}"
    if status.f_flag & os.ST_RDONLY or free_mb < FREE_MIN_MB:
        advice = "free some space, or let the state directory be on a disk that can be written"
        return Finding(check="disk", status="failed", found=found, advice=advice, exit_code=ExitCode.STATE_FAILURE)
    low = free_mb < FREE_LOW_MB
    return Finding(
        check="disk", status="warning" if low else "ok", found=found, advice="free some space" if low else ""
    )


def check_key(config: Config) -> Finding:
    key = load_key(Path(config.state.directory), config.state.key_file)
    if key is None:
        return Finding(check="key", status="ok", found="none yet: made when the first person is enrolled")
    return Finding(check="key", status="ok", found="32 bytes that only their owner can read")


def check_database(config: Config) -> Finding:
    path = Path(config.state.directory) / DATABASE
    if not path.exists():
        advice = "enrol somebody: vigil enroll NAME --images DIR"
        return Finding(check="database", status="warning", found=f"{path}: none yet", advice=advice)
    with app.open_people(config) as gallery:
        people = gallery.people()
        gallery.check()
    if not people:
        advice = "enrol somebody: vigil enroll NAME --images DIR"
        return Finding(check="database", status="warning", found="nobody is enrolled", advice=advice)
    return Finding(check="database", status="ok", found=f"{len(people)} enrolled, every template opens")


def check_camera(config: Config, clock: Clock, host: Host) -> Finding:
    source = config.camera.source
    try:
        with closing(app.open_cameras([source], config, realtime=False)) as camera:
            begun_s = clock.now_s()
            frame = camera.read(CAMERA_S)
    except VigilError as error:
        there = not is_live(source) or any((host.root / "dev").glob("video*"))
        kind: Status = "failed" if there else "absent"
        return _refusal("camera", error, kind, "if the service runs, it has the camera: stop it first" if there else "")
    size = f"{frame.width} x {frame.height} px" if frame else "no frame"
    return Finding(check="camera", status="ok", found=f"{source}: {size} after {clock.now_s() - begun_s:.1f} s")


def check_pins(config: Config, host: Host) -> Finding:
    if config.gpio.backend != "gpiozero":
        found = f"gpio.backend is {config.gpio.backend}: no pin is used"
        return Finding(check="pins", status="ok", found=found)
    chips = sorted((host.root / "dev").glob("gpiochip*"))
    try:
        app.probe_pins(config.gpio)
    except ActuatorError as error:
        return _refusal("pins", error, "failed" if chips else "absent")
    return Finding(check="pins", status="ok", found=" ".join(str(chip) for chip in chips))


def check_power(host: Host) -> Finding:
    """Under-voltage and throttling, by the firmware of a Raspberry Pi."""
    files = (host.root / "sys/devices/platform").glob("soc*/*firmware/get_throttled")
    said = next((file.read_text() for file in files), None)
    if said is None:
        said = (host.ask("vcgencmd", "get_throttled") or "").partition("=")[2]
    try:
        bits = int(said.strip(), 16)
    except ValueError:
        return Finding(check="power", status="ok", found="not told: no Raspberry Pi firmware here")
    now = [words for bit, words in _THROTTLED.items() if bits >> bit & 1]
    before = [words for bit, words in _THROTTLED.items() if bits >> (bit + _SINCE_BOOT) & 1]
    if not now and not before:
        return Finding(check="power", status="ok", found="no under-voltage and no throttling since the start")
    found = f"now: {', '.join(now) or 'nothing'}; since the start: {', '.join(before) or 'nothing'}"
    advice = "use the power supply made for this board and a short cable, and cool it"
    return Finding(check="power", status="warning", found=found, advice=advice)


def check_temperature(host: Host) -> Finding:
    try:
        celsius = int((host.root / "sys/class/thermal/thermal_zone0/temp").read_text()) / 1000
    except (OSError, ValueError):
        return Finding(check="temperature", status="ok", found="not told: no thermal zone here")
    hot = celsius >= HOT_C
    advice = "give it a heat sink or air: it slows down at 80" if hot else ""
    return Finding(
        check="temperature", status="warning" if hot else "ok", found=f"{celsius:.0f} degrees", advice=advice
    )


def check_clock(host: Host) -> Finding:
    """The audit's dates only: decisions are timed by the monotonic clock."""
    if host.unix_s() < BUILT_UNIX_S:
        advice = "let it set its clock once (timedatectl), or fit a battery clock: the audit is dated by it"
        return Finding(check="clock", status="warning", found="was never set", advice=advice)
    return Finding(check="clock", status="ok", found="set")


def _guarded(name: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except VigilError as error:
        return _refusal(name, error, "failed")


def _refusal(name: str, error: VigilError, status: Status, more: str = "") -> Finding:
    """The error's own line says what was found and, after its last separator, mostly what to do."""
    found, _, advice = str(error).partition("; ")
    if isinstance(error, ModelError):
        advice = "install Vigil again"
    return Finding(
        check=name,
        status=status,
        found=found,
        advice="; ".join(filter(None, (advice, more))) or "see the message",
        exit_code=error.exit_code,
    )


def _output(command: tuple[str, ...]) -> str | None:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
