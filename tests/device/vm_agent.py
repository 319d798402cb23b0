"""Runs inside of the virtual device, as root: does what the test asks, plays the camera, watches the relay's line.

One JSON object a line over a virtio port, and one as the answer. All seconds are the machine's own.

    {"run": COMMAND, "timeout_s": N}         -> {"code", "out", "took_s"}
    {"until": COMMAND, "within_s": N}        -> {"after_s"}: until it succeeds; null where it does not in time
    {"relay": LEVEL, "within_s": N}          -> {"after_s"}: until the relay's line has the level
    {"scene": FILE or null, "press": LINE or null, "edges": true}, any of them
        -> {"edges", "now_s"}: the camera plays the file in a loop, or gives nothing; a button is pressed; the changes
        of the relay's line since they were last asked for, as [seconds, level]
"""

from __future__ import annotations

import fcntl
import json
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PORT = Path("/dev/virtio-ports/vigil.agent")
CONFIG = Path("/sys/kernel/config/gpio-sim/vigil")
CAMERA = Path("/dev/video10")
LINES, RELAY = 54, 17
SIZE, FPS = (320, 240), 5.0
FRAME_BYTES = SIZE[0] * SIZE[1] * 2  # YUYV
VIDIOC_S_FMT = 0xC0D05605  # linux/videodev2.h: _IOWR('V', 5, struct v4l2_format), 208 bytes
OUTPUT, FIELD_NONE = 2, 1
LOOK_S = 0.01
COMMAND_EVERY_S = 0.5  # a shell and systemctl take a tenth of a second of the emulated core


def make_pins() -> Path:
    """A chip of 54 lines; the folder in which each line can be read and pulled."""
    if not CONFIG.exists():
        (CONFIG / "bank0").mkdir(parents=True)
        (CONFIG / "bank0/num_lines").write_text(str(LINES))
        (CONFIG / "live").write_text("1")
    chip = (CONFIG / "bank0/chip_name").read_text().strip()
    device = (CONFIG / "dev_name").read_text().strip()
    return Path("/sys/devices/platform") / device / chip


class Watch(threading.Thread):
    """Notes each change of the relay's line. A level that lasts under 10 ms may be missed."""

    def __init__(self, value: Path) -> None:
        super().__init__(daemon=True)
        self._value, self._lock = value, threading.Lock()
        self._edges: list[list[float]] = []
        self.level: int | None = None

    def run(self) -> None:
        while True:
            level = int(self._value.read_text())
            if level != self.level:
                self.level = level
                with self._lock:
                    self._edges.append([time.monotonic(), level])
            time.sleep(LOOK_S)

    def take(self) -> list[list[float]]:
        with self._lock:
            taken, self._edges = self._edges, []
        return taken


class Feed(threading.Thread):
    """Writes the frames of a recording to the camera, again and again; without a scene, the camera gives nothing."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.scene: str | None = None

    def run(self) -> None:
        while True:
            if self.scene is None or not CAMERA.exists():
                time.sleep(0.1)
                continue
            try:
                self._play(self.scene)
            except OSError:
                time.sleep(0.5)

    def _play(self, scene: str) -> None:
        content = Path(scene).read_bytes()
        pix = struct.pack(
            "=IIIIIIII", *SIZE, int.from_bytes(b"YUYV", "little"), FIELD_NONE, SIZE[0] * 2, FRAME_BYTES, 8, 0
        )
        with CAMERA.open("wb", buffering=0) as camera:
            fcntl.ioctl(camera, VIDIOC_S_FMT, bytearray(struct.pack("=II", OUTPUT, 0) + pix.ljust(200, b"\0")))
            while self.scene == scene:
                for start in range(0, len(content), FRAME_BYTES):
                    if self.scene != scene:
                        return
                    camera.write(content[start : start + FRAME_BYTES])
                    time.sleep(1 / FPS)


def run(command: str, timeout_s: float) -> dict[str, Any]:
    begun_s = time.monotonic()
    try:
        done = subprocess.run(
            ["/bin/bash", "-c", command],
            check=False,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        return {"code": 124, "out": "no answer in time", "took_s": timeout_s}
    return {"code": done.returncode, "out": done.stdout + done.stderr, "took_s": time.monotonic() - begun_s}


def wait(holds: Callable[[], bool], within_s: float, every_s: float) -> dict[str, Any]:
    begun_s = time.monotonic()
    while not holds():
        if time.monotonic() - begun_s > within_s:
            return {"after_s": None}
        time.sleep(every_s)
    return {"after_s": time.monotonic() - begun_s}


def press(line: Path) -> None:
    """A button closes to ground for 0.3 s."""
    (line / "pull").write_text("pull-down")
    time.sleep(0.3)
    (line / "pull").write_text("pull-up")


def answer(asked: dict[str, Any], pins: Path, watch: Watch, feed: Feed) -> dict[str, Any]:
    match asked:
        case {"run": command, "timeout_s": timeout_s}:
            return run(command, timeout_s)
        case {"until": command, "within_s": within_s}:
            return wait(lambda: not run(command, within_s)["code"], within_s, COMMAND_EVERY_S)
        case {"relay": level, "within_s": within_s}:
            return wait(lambda: watch.level == level, within_s, LOOK_S)
    edges = watch.take() if "edges" in asked else []
    if "scene" in asked:
        feed.scene = asked["scene"]
    if "press" in asked:
        press(pins / f"sim_gpio{asked['press']}")
    return {"edges": edges, "now_s": time.monotonic()}


def main() -> None:
    pins = make_pins()
    watch, feed = Watch(pins / f"sim_gpio{RELAY}" / "value"), Feed()
    watch.start()
    feed.start()
    with PORT.open("r+b", buffering=0) as port:
        port.write(b'{"ready": true}\n')
        pending = b""
        while True:
            pending += port.read(65536) or b""
            while b"\n" in pending:
                line, pending = pending.split(b"\n", 1)
                port.write(json.dumps(answer(json.loads(line), pins, watch, feed)).encode() + b"\n")


if __name__ == "__main__":
    main()
