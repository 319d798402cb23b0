"""A virtual device: a Debian system under qemu's emulation (no KVM), told what to do over a virtio port."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BOOT_S = 300
SLICE_S = 1.0


class VmError(RuntimeError):
    """The machine gave no answer, or a command in it failed."""


@dataclass
class Machine:
    """``image``: the folder that vm-image made. ``share``: a folder that the machine sees, read-only, as /srv."""

    image: Path
    work: Path
    share: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _socket: socket.socket | None = field(default=None, init=False)
    _pending: bytes = field(default=b"", init=False)

    def prepare(self) -> None:
        """A disk of its own, and one with what is shared."""
        subprocess.run(["cp", "--sparse=always", self.image / "disk.img", self.work / "disk.img"], check=True)
        size_mb = sum(path.stat().st_size for path in self.share.rglob("*")) // 900_000 + 40
        subprocess.run(["truncate", "-s", f"{size_mb}M", self.work / "share.img"], check=True)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-d", self.share, self.work / "share.img"], check=True)

    def start(self) -> float:
        """Power on and wait for its agent. Returns the seconds that it took."""
        begun_s = time.monotonic()
        port = self.work / "agent"
        port.unlink(missing_ok=True)
        command = [
            "qemu-system-x86_64",
            "-M",
            "pc",
            "-accel",
            "tcg,thread=multi",
            "-cpu",
            "max",
            "-smp",
            "2",
            "-m",
            "1024",
        ]
        command += ["-kernel", str(self.image / "vmlinuz"), "-initrd", str(self.image / "initrd")]
        command += ["-append", "root=/dev/vda rw console=ttyS0 quiet panic=-1"]
        for disk in ("disk", "share"):
            command += ["-drive", f"file={self.work / disk}.img,format=raw,if=virtio,cache=writethrough"]
        command += ["-device", "virtio-serial", "-chardev", f"socket,id=agent,path={port},server=on,wait=off"]
        command += ["-device", "virtserialport,chardev=agent,name=vigil.agent"]
        command += ["-display", "none", "-nic", "none", "-serial", f"file:{self.work / 'console.log'}"]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        while not port.exists():
            self._alive(begun_s)
            time.sleep(0.1)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(port))
        self.wait_until_up()
        return time.monotonic() - begun_s

    def wait_until_up(self) -> None:
        """Until the agent says that it is there: after power on, and after a reboot."""
        begun_s = time.monotonic()
        self._pending = b""
        while not self._line(begun_s + BOOT_S).get("ready"):
            pass
        self.run("mkdir -p /srv && mount -o ro /dev/vdb /srv")

    def cut_power(self) -> None:
        """As if the plug were pulled: nothing in it is told."""
        if self._socket:
            self._socket.close()
            self._socket = None
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def run(self, command: str, timeout_s: float = 120, *, check: bool = True) -> str:
        """What a command prints. Raises VmError where it fails."""
        told = self._ask({"run": command, "timeout_s": timeout_s}, timeout_s + 30)
        if check and told["code"]:
            raise VmError(f"{command}: code {told['code']}: {told['out'][-2000:]}")
        return str(told["out"]).strip()

    def code(self, command: str, timeout_s: float = 120) -> int:
        return int(self._ask({"run": command, "timeout_s": timeout_s}, timeout_s + 30)["code"])

    def say(self, **asked: Any) -> dict[str, Any]:
        """``press=LINE``, ``scene=FILE``, ``edges=True``: see vm_agent.py."""
        return self._ask(asked, 60)

    def reboot(self) -> None:
        self._send({"run": "systemctl reboot", "timeout_s": 30})
        self.wait_until_up()

    def console(self) -> str:
        return (self.work / "console.log").read_text(errors="replace")[-3000:]

    def _ask(self, asked: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        self._send(asked)
        return self._line(time.monotonic() + timeout_s)

    def _send(self, asked: dict[str, Any]) -> None:
        if self._socket is None:
            raise VmError("the machine is off")
        self._socket.sendall(json.dumps(asked).encode() + b"\n")

    def _line(self, until_s: float) -> dict[str, Any]:
        assert self._socket is not None
        self._socket.settimeout(SLICE_S)
        while b"\n" not in self._pending:
            if time.monotonic() > until_s:
                raise VmError(f"no answer in time; the console's end:\n{self.console()}")
            try:
                self._pending += self._socket.recv(65536)
            except TimeoutError:
                self._alive(until_s)
        line, self._pending = self._pending.split(b"\n", 1)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _alive(self, _: float) -> None:
        if self._process is None or self._process.poll() is not None:
            raise VmError(f"qemu ended; the console's end:\n{self.console()}")


def emptied(folder: Path) -> Path:
    """The folder, new."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
