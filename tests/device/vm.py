"""A virtual device: a Debian system under qemu's emulation (no KVM), told what to do over a virtio port.

Its clock counts instructions, one a nanosecond (-icount): emulation takes a hundred times as long as the processor that
it emulates, and another time on every host, but the machine does not notice. A second of its clock holds as much work
as one of a core that runs 10^9 instructions a second, so that limits in seconds mean there what they mean on a device.
While it has nothing to do, its second is one of the host's. The limits that are asked for below are seconds of the
machine; the host waits for the answer with a large factor.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

AGENT = Path(__file__).with_name("vm_agent.py")
BOOT_S = 1800
SLICE_S = 1.0
HOST_FACTOR = 60  # seconds of a busy host, shared with others, to one of the machine
MACHINES = {
    "amd64": (["qemu-system-x86_64", "-M", "pc", "-cpu", "max"], "ttyS0"),
    "arm64": (["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a76"], "ttyAMA0"),
}
CLOCK = ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=on", "-smp", "1"]


class VmError(RuntimeError):
    """The machine gave no answer, or a command in it failed."""


@dataclass
class Machine:
    """``image``: the folder that vm-image made for ``arch``. ``share``: a folder that it sees, read-only, as /srv; the
    agent is put into it."""

    image: Path
    arch: str
    work: Path
    share: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _socket: socket.socket | None = field(default=None, init=False)
    _pending: bytes = field(default=b"", init=False)

    def prepare(self) -> None:
        """A disk of its own, and one with what is shared."""
        shutil.copy(AGENT, self.share)
        subprocess.run(["cp", "--sparse=always", self.image / "disk.img", self.work / "disk.img"], check=True)
        size_mb = sum(path.stat().st_size for path in self.share.rglob("*")) // 900_000 + 40
        subprocess.run(["truncate", "-s", f"{size_mb}M", self.work / "share.img"], check=True)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-d", self.share, self.work / "share.img"], check=True)

    def start(self) -> float:
        """Power on and wait for its agent. Returns the seconds of the host that it took."""
        begun_s = time.monotonic()
        port = self.work / "agent"
        port.unlink(missing_ok=True)
        self._process = subprocess.Popen(self._command(port), stdin=subprocess.DEVNULL)
        while not port.exists():
            self._alive()
            time.sleep(0.1)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(port))
        self.wait_until_up()
        return time.monotonic() - begun_s

    def _command(self, port: Path) -> list[str]:
        machine, console = MACHINES[self.arch]
        command = [*machine, *CLOCK, "-m", "1024", "-display", "none", "-nic", "none"]
        command += ["-kernel", str(self.image / "vmlinuz"), "-initrd", str(self.image / "initrd")]
        command += ["-append", f"root=/dev/vda rw console={console} quiet panic=-1 mitigations=off"]
        for disk in ("disk", "share"):  # unsafe: what the machine wrote outlives it, as it is the host's file
            command += ["-drive", f"file={self.work / disk}.img,format=raw,if=virtio,cache=unsafe"]
        command += ["-device", "virtio-serial", "-chardev", f"socket,id=agent,path={port},server=on,wait=off"]
        command += ["-device", "virtserialport,chardev=agent,name=vigil.agent"]
        return [*command, "-serial", f"file:{self.work / 'console.log'}"]

    def wait_until_up(self) -> None:
        """Until the agent says that it is there: after power on, and after a reboot."""
        self._pending = b""
        until_s = time.monotonic() + BOOT_S
        while not self._line(until_s).get("ready"):
            pass

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
        told = self.say(timeout_s, run=command, timeout_s=timeout_s)
        if check and told["code"]:
            raise VmError(f"{command}: code {told['code']}: {told['out'][-2000:]}")
        return str(told["out"]).strip()

    def code(self, command: str, timeout_s: float = 120) -> int:
        return int(self.say(timeout_s, run=command, timeout_s=timeout_s)["code"])

    def until(self, command: str, within_s: float) -> float | None:
        """Seconds of the machine until a command succeeds; None where it does not in time."""
        after_s = self.say(within_s, until=command, within_s=within_s)["after_s"]
        return None if after_s is None else float(after_s)

    def say(self, within_s: float = 10, /, **asked: Any) -> dict[str, Any]:
        """See vm_agent.py for what can be asked."""
        self._send(asked)
        return self._line(time.monotonic() + 60 + within_s * HOST_FACTOR)

    def reboot(self) -> None:
        self._send({"run": "systemctl reboot", "timeout_s": 30})
        self.wait_until_up()

    def console(self) -> str:
        return (self.work / "console.log").read_text(errors="replace")[-3000:]

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
                came = self._socket.recv(65536)
            except TimeoutError:
                self._alive()
                continue
            except ConnectionError:
                came = b""
            if not came:
                raise VmError(f"qemu ended; the console's end:\n{self.console()}")
            self._pending += came
        line, self._pending = self._pending.split(b"\n", 1)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _alive(self) -> None:
        if self._process is None or self._process.poll() is not None:
            raise VmError(f"qemu ended; the console's end:\n{self.console()}")
