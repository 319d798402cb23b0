"""Install the package on a virtual device, run the real unit there, and see from outside what the relay does.

    python -m tests.device.virtual_device IMAGE ARCH PACKAGE        (make virtual-device, make virtual-device-arm64)

The machine has a simulated GPIO chip and a camera fed with recorded clips: a stranger, nobody, and the man who is
enrolled. Ends with a table of what was asserted; the exit code is 1 where any of it does not hold.

The unit is the shipped one and its limits are the shipped ones, in seconds of the machine's own clock (see vm.py). Of
the configuration, only the camera, its rate and the GPIO chip are set; its picture is 320 x 240 px, with faces of 90 px
and more, so that there is less to emulate. All seconds in the table are the machine's, unless they are said to be the
host's.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.device.vm import Machine, VmError
from tests.device.vm_agent import FPS, SIZE
from tests.media import default_directory, fetch_clips

# Clip, and the seconds of it that are played: the man's begins with an animation; where nobody is, nothing moves.
SCENES = {
    "stranger": ("WolfgangLanger_Pexels.mp4", 0.0, 6.0),
    "nobody": ("no_face.mp4", 0.0, 1 / FPS),
    "man": ("noface_face.mov", 4.0, 6.3),
}
REQUEST = 27
WHEELS = "/usr/local/lib/wheels"
SCAN_S, PULSE_S = 5.0, 3.0
WATCHDOG_S = 10
READY_MAX_S = 3.0
KILLED_MAX_S = 2
BACK_MAX_S = 30
ROLLBACK_MAX_S = 60
MEMORY_MAX_MB = 140
BEGUN = "/var/lib/begun"  # as old as this run: the package's own files are as old as its commit, so older
CONFIG = f"""
set -eu
chip=$(cat /sys/kernel/config/gpio-sim/vigil/bank0/chip_name) # an emulated ARM machine has one of its own before it
sed -i -e 's|^source = .*|source = "v4l2:/dev/video10"|' -e 's|^fps = .*|fps = {FPS}|' \\
    -e "s|^# chip = .*|chip = ${{chip#gpiochip}}|" /etc/vigil/vigil.toml
"""
STATE = """
import sqlite3
db = sqlite3.connect("file:/var/lib/vigil/vigil.db?mode=ro", uri=True)
for table in ("person", "template", "counter"):
    print(table, *db.execute(f"SELECT * FROM {table}"))
"""
# What a face leaves: numbers in rows (templates, landmarks), distances, encoded pictures.
FACE_DATA = re.compile(r"embedding|landmark|template \[|distance|(-?\d+\.\d+[,;\s]+){6}|[A-Za-z0-9+/]{120}")


@dataclass
class Checks:
    """What was asserted, and what was found."""

    rows: list[tuple[str, bool, str]] = field(default_factory=list)

    def add(self, name: str, holds: bool, found: object = "") -> None:
        self.rows.append((name, holds, str(found)))
        print(f"{'ok  ' if holds else 'FAIL'} {name}: {found}", flush=True)

    def table(self) -> str:
        width = max(len(name) for name, *_ in self.rows)
        return "\n".join(f"{'ok  ' if holds else 'FAIL'}  {name:{width}}  {found}" for name, holds, found in self.rows)


def record(share: Path) -> None:
    """The scenes as raw YUYV frames, and the photo that enrols the man."""
    clips = fetch_clips(default_directory())
    for name, (clip, begin_s, end_s) in SCENES.items():
        video = cv2.VideoCapture(str(clips / clip))
        frames = []
        for index in range(int((end_s - begin_s) * FPS)):
            video.set(cv2.CAP_PROP_POS_MSEC, (begin_s + index / FPS) * 1000)
            came, pixels = video.read()
            if came:
                frames.append(_yuyv(pixels))
        (share / f"{name}.yuyv").write_bytes(b"".join(frames))
    (share / "man.jpg").write_bytes((clips / "single_face.jpg").read_bytes())


def _yuyv(pixels: cv2.typing.MatLike) -> bytes:
    height = round(pixels.shape[0] * SIZE[0] / pixels.shape[1])
    small = cv2.resize(pixels, (SIZE[0], height), interpolation=cv2.INTER_AREA)
    margin = SIZE[1] - height
    whole = cv2.copyMakeBorder(small, margin // 2, margin - margin // 2, 0, 0, cv2.BORDER_CONSTANT)
    return bytes(cv2.cvtColor(whole, cv2.COLOR_BGR2YUV_YUY2).tobytes())


def releases(package: Path, share: Path, work: Path) -> None:
    """The package, and of it, signed: 9.0 and 9.2 (the same), 9.1 (broken on purpose); and the key of whoever signs.

    These three link to the wheels that the first has installed: to unpack 230 MB again takes minutes of emulation.
    """
    (share / "vigil.deb").write_bytes(package.read_bytes())
    key = Ed25519PrivateKey.generate()
    (share / "release.pub").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    for version in ("9.0", "9.1", "9.2"):
        tree = work / version
        subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
        home = renamed(tree, version)
        link_wheels(home)
        if version == "9.1":
            spoil(next(home.glob("lib/*/site-packages/edge/daemon.py")))
        target = share / f"vigil_{version}.deb"
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "-Zzstd", "-z1", "-b", tree, target],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        target.with_name(f"{target.name}.sig").write_bytes(key.sign(target.read_bytes()))
        shutil.rmtree(tree)


def renamed(tree: Path, version: str) -> Path:
    """The unpacked package, as another version. Returns the folder of its release."""
    (home,) = (tree / "opt/vigil/releases").iterdir()
    old = home.name
    for script in ("control", "postinst", "prerm", "md5sums"):
        file = tree / "DEBIAN" / script
        named = file.read_text().replace(f"releases/{old}", f"releases/{version}")
        file.write_text(named.replace(f"Version: {old}", f"Version: {version}"))
    return home.rename(home.with_name(version))


def link_wheels(home: Path) -> None:
    """Keep the program itself, and link to everything else."""
    for wheel in home.glob("lib/*/site-packages/*"):
        if not wheel.name.startswith(("edge", "vigil_edge")):
            shutil.rmtree(wheel) if wheel.is_dir() else wheel.unlink()
            wheel.symlink_to(f"{WHEELS}/{wheel.name}")


def spoil(daemon: Path) -> None:
    """It passes every check of a doctor; only the service does not run."""
    whole = daemon.read_text()
    spoilt = whole.replace("self.notifier.ready()", "raise SystemExit('broken on purpose')", 1)
    if spoilt == whole:
        raise ValueError(f"{daemon}: expected the line that says READY")
    daemon.write_text(spoilt)


@dataclass
class Trial:
    """The machine, and what is asked of it."""

    vm: Machine
    checks: Checks
    rose_s: float = 0.0  # when the relay rose last, by the machine's clock
    unpacked_s: float = 0.0  # how long the whole package took to install

    def relay(self, level: int, within_s: float = 0) -> float | None:
        """Seconds until the line has the level; None where it does not in time."""
        after_s = self.vm.say(within_s, relay=level, within_s=within_s)["after_s"]
        return None if after_s is None else float(after_s)

    def edges(self) -> list[tuple[float, int]]:
        """The line's changes since they were last asked for."""
        return [(at, level) for at, level in self.vm.say(edges=True)["edges"]]

    def scene(self, name: str | None) -> None:
        self.vm.say(scene=f"/srv/{name}.yuyv" if name else None)

    def main_pid(self) -> str:
        return self.vm.run("systemctl show --property=MainPID --value vigil")

    def active(self) -> bool:
        return self.vm.code("systemctl is-active --quiet vigil") == 0

    def active_again(self, old_pid: str = "0") -> float | None:
        """Seconds until the service runs in another process than ``old_pid``."""
        other = f'test "$(systemctl show --property=MainPID --value vigil)" != {old_pid}'
        return self.vm.until(f"{other} && systemctl is-active --quiet vigil", BACK_MAX_S)

    def press_for(self, scene: str) -> float | None:
        """Show the scene, press the button; seconds until the relay rises, None where it does not."""
        self.scene(scene)
        self.vm.run("sleep 1")
        self.edges()
        pressed_s = self.vm.say(press=REQUEST)["now_s"]
        rose = self.relay(1, SCAN_S + 1) is not None
        self.scene("nobody")
        if not rose:
            return None
        self.rose_s = next(at for at, level in reversed(self.edges()) if level == 1)
        return self.rose_s - float(pressed_s)

    def fall(self, within_s: float) -> float | None:
        """Seconds from the relay's rise to its fall; None where it does not fall in time."""
        if self.relay(0, within_s) is None:
            return None
        return next((at - self.rose_s for at, level in self.edges() if level == 0), None)

    def settle(self) -> None:
        """The service runs, nobody is there, and the last visit is over."""
        self.scene("nobody")
        self.active_again()
        self.relay(0, PULSE_S + 1)
        self.vm.run("sleep 2")

    def journal_since(self, begun: str) -> str:
        return self.vm.run(f"journalctl -o cat -u vigil --no-pager --since '{begun}'")

    def state(self) -> str:
        """Everything of the database that an update must not touch."""
        return self.vm.run(f"python3 -c '{STATE}'")

    def install(self) -> None:
        self.vm.run(f"touch {BEGUN}")
        done = self.vm.say(400, run="dpkg -i /srv/vigil.deb", timeout_s=400)
        self.unpacked_s = done["took_s"]
        self.checks.add("dpkg -i installs the package", done["code"] == 0, f"{self.unpacked_s:.1f} s")
        self.vm.run(CONFIG)
        self.vm.run("cp /srv/release.pub /etc/vigil/")
        told = self.vm.run("vigil enroll Guest --images /srv/man.jpg", 200)
        owners = "stat -c '%U %a %n' /var/lib/vigil /var/lib/vigil/* /etc/vigil/gallery.key"
        owned = self.vm.run(owners).splitlines()
        holds = "enrolled" in told and owned[0] == "vigil 700 /var/lib/vigil"
        holds = holds and all(row.startswith("vigil 600") for row in owned[1:-1]) and owned[-1].startswith("root 600")
        self.checks.add("enrolled by root, and the files are the service's", holds, "; ".join(owned))
        self.scene("nobody")
        findings = self.vm.run("vigil doctor", 200, check=False)
        lines = [line for line in findings.splitlines() if not line.startswith(("ok ", " "))]
        holds = "XNNPACK took" in findings and not [x for x in lines if not x.startswith("warning")]
        self.checks.add("vigil doctor finds nothing wrong", holds, lines or "ok")

    def start(self) -> None:
        self.vm.run("systemctl enable --quiet vigil")
        took_s = self.vm.say(120, run="systemctl start vigil", timeout_s=120)["took_s"]
        holds = self.active() and took_s <= READY_MAX_S
        self.checks.add(f"the unit is READY within {READY_MAX_S:g} s", holds, f"{took_s:.1f} s")

    def visits(self) -> None:
        begun = self.vm.run("date '+%F %T'")
        rise = self.press_for("stranger")
        said = self.journal_since(begun)
        refused = "scanning -> refused (failed)" in said
        self.checks.add(
            "the stranger is looked at, and the relay never rises for him", rise is None and refused, after(rise)
        )
        self.settle()
        rise = self.press_for("man")
        self.checks.add("the relay rises for the man", rise is not None, after(rise))
        pulse_s = self.fall(PULSE_S + 1)
        holds = pulse_s is not None and abs(pulse_s - PULSE_S) < 0.3
        self.checks.add(f"it falls by itself after {PULSE_S:g} s", holds, after(pulse_s))

    def memory(self) -> None:
        peak = int(self.vm.run(f"grep VmHWM /proc/{self.main_pid()}/status").split()[1]) * 1024 / 1e6
        self.checks.add(f"at most {MEMORY_MAX_MB} MB resident", peak <= MEMORY_MAX_MB, f"{peak:.0f} MB")
        core = self.vm.run(f"grep 'Max core' /proc/{self.main_pid()}/limits")
        self.checks.add("no core file can be written", core.split()[4:6] == ["0", "0"], core.split()[4:6])

    def killed(self, how: str, signal: str, within_s: float) -> None:
        """End the process in the middle of a pulse: the relay has to fall, and the service to come back."""
        self.settle()
        rise = self.press_for("man")
        pid = self.main_pid()
        killed = self.vm.say(run=f"kill -{signal} {pid}; cut -d' ' -f1 /proc/uptime", timeout_s=10)
        fell_s = self.fall(within_s)
        late_s = None if fell_s is None else self.rose_s + fell_s - float(killed["out"])
        holds = rise is not None and killed["code"] == 0 and late_s is not None
        self.checks.add(f"after {how} the relay falls within {within_s:g} s", holds, after(late_s))
        back = self.active_again(pid)
        self.checks.add(f"the service comes back after {how}", back is not None, after(back))

    def unplugged(self) -> None:
        self.settle()
        rise = self.press_for("man")
        self.scene(None)
        # OpenCV waits 10 s for a frame: the door is locked after timeout_s, and the watchdog ends the process.
        ended = self.vm.until("! systemctl is-active --quiet vigil", WATCHDOG_S + 5)
        holds = rise is not None and ended is not None and self.relay(0) is not None
        self.checks.add("without frames the service ends, and the relay is safe", holds, after(ended))
        begun = self.vm.run("date '+%F %T'")
        self.vm.run("systemctl stop vigil; rmmod v4l2loopback; systemctl start --no-block vigil; sleep 8")
        told = "no such device" in self.journal_since(begun)
        holds = told and not self.active() and self.relay(0) is not None
        self.checks.add("without a camera it says so, and the relay is safe", holds)
        self.vm.run("modprobe v4l2loopback")
        self.scene("nobody")
        back = self.active_again()
        self.checks.add("the service comes back with the camera", back is not None, after(back))

    def disk_full(self) -> None:
        self.settle()
        self.vm.run(
            "fallocate -l $(($(df --output=avail -B1 / | tail -n 1) - 1000000)) /full; cat /dev/zero >/full2; sync",
            200,
            check=False,
        )
        full = self.vm.code("dd if=/dev/zero of=/var/lib/vigil/probe bs=4096 count=1")
        rise = self.press_for("man")
        self.vm.run("sleep 4")
        holds = full != 0 and self.relay(0) is not None
        self.checks.add("on a full disk the relay is safe", holds, "it opened once" if rise else "it did not open")
        self.vm.run("rm -f /full /full2 /var/lib/vigil/probe")
        self.settle()
        rise = self.press_for("man")
        self.checks.add("with room again the door opens", rise is not None, after(rise))

    def updates(self) -> None:
        self.settle()
        before = self.state()
        self.vm.run(f"mkdir -p $(dirname {WHEELS}) && cp -al /opt/vigil/releases/*/lib/*/site-packages {WHEELS}")
        told = self.vm.run("vigil-update /srv/vigil_9.0.deb; echo code $?", 600)
        holds = self.in_use("9.0") and self.state() == before and "access.failures" in before
        self.checks.add(
            "an update over the running service loses no template and no counter",
            holds,
            "; ".join(told.splitlines()[1:]),
        )
        done = self.vm.say(600, run="vigil-update /srv/vigil_9.1.deb; echo code $?", timeout_s=600)
        holds = self.in_use("9.0") and "9.0 serves again" in done["out"] and "code 9" in done["out"]
        holds = holds and self.unpacked_s + done["took_s"] <= ROLLBACK_MAX_S
        found = f"{done['took_s']:.0f} s and {self.unpacked_s:.0f} s to unpack a whole one"
        self.checks.add(f"a release broken on purpose is taken back within {ROLLBACK_MAX_S} s", holds, found)
        self.checks.add("and nothing is lost by it", self.state() == before)
        self.vm.run("cp /srv/vigil_9.1.deb /tmp/x.deb && cp /srv/vigil_9.0.deb.sig /tmp/x.deb.sig")
        told = self.vm.run("vigil-update /tmp/x.deb; echo code $?; rm /tmp/x.deb", 200)
        self.checks.add("a release with another's signature is refused", "code 9" in told, told.splitlines()[0])
        self.vm.run("dpkg -i /srv/vigil_9.2.deb", 600)
        holds = self.in_use("9.2") and self.state() == before
        self.checks.add("nor does dpkg -i over the running service", holds, self.vm.run("vigil --version"))

    def in_use(self, version: str) -> bool:
        """Whether this release is in place, and serves."""
        exe = f"tr '\\0' ' ' </proc/{self.main_pid()}/cmdline"
        return self.vm.run("readlink /opt/vigil/current") == f"releases/{version}" and "-m edge run" in self.vm.run(exe)

    def journal(self) -> None:
        text = self.vm.run("journalctl -o cat -u vigil --no-pager")
        found = FACE_DATA.search(text)
        self.checks.add(
            "the journal holds no face data", found is None and bool(text), found or f"{len(text.splitlines())} lines"
        )
        kinds = " -o ".join(f"-name '{kind}'" for kind in ("core", "core.[0-9]*", "*.jpg", "*.png", "*.bmp"))
        files = self.vm.run(f"find / -xdev -type f \\( {kinds} \\) -newer {BEGUN}")
        self.checks.add("no picture and no core file is left", not files, files or "none")

    def power_cut(self) -> None:
        self.settle()
        rise = self.press_for("man")
        before = self.state()
        self.vm.cut_power()
        self.vm.start()
        self.up_again("after a power cut in a pulse", before, rise is not None)

    def reboot(self) -> None:
        before = self.state()
        self.vm.reboot()
        self.up_again("after a reboot", before, True)

    def up_again(self, when: str, before: str, well: bool) -> None:
        """Nobody touches the machine: the relay is safe, the service starts by itself, and knows whom it knew."""
        safe = well and self.relay(0) is not None
        self.scene("nobody")
        back = self.active_again()
        raised = any(level for _, level in self.edges())
        holds = safe and back is not None and not raised and self.state() == before
        self.checks.add(f"{when}: relay safe, service up, nobody and no counter lost", holds, after(back))

    def remove(self) -> None:
        self.vm.run("dpkg -r vigil-edge", 200)
        kept = self.vm.code("test -s /var/lib/vigil/vigil.db -a -s /etc/vigil/gallery.key -a ! -e /opt/vigil") == 0
        holds = kept and not self.active() and self.relay(0) is not None
        self.checks.add("removing stops the service, leaves the relay safe, keeps the state", holds)
        self.vm.run("dpkg -P vigil-edge", 100)
        gone = self.vm.code("! test -e /var/lib/vigil && ! test -e /etc/vigil && ! getent passwd vigil") == 0
        self.checks.add("purging removes it all", gone)


def after(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.2f} s"


def last_words(vm: Machine) -> str:
    """What the service said last, for whoever has to find out why."""
    try:
        return vm.run("journalctl -u vigil -n 60 --no-pager -o short-monotonic", check=False)
    except (VmError, OSError) as error:
        return f"no journal: {error}"


def main() -> None:
    image, arch, package = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    begun_s = time.monotonic()
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="vigil-vm-") as scratch:
        work = Path(scratch)
        share = work / "share"
        share.mkdir()
        record(share)
        releases(package, share, work)
        vm = Machine(image, arch, work, share)
        try:
            vm.prepare()
            checks.add("it boots", True, f"{vm.start():.0f} s of the host")
            for step in steps(Trial(vm, checks)):
                step()
        except VmError as error:
            checks.add("the machine answers", False, error)
        finally:
            if not all(holds for _, holds, _ in checks.rows):
                print(last_words(vm), flush=True)
            vm.cut_power()
    print(f"\n{checks.table()}\n\n{arch}: {time.monotonic() - begun_s:.0f} s of the host")
    sys.exit(0 if all(holds for _, holds, _ in checks.rows) else 1)


def steps(trial: Trial) -> list[Callable[[], None]]:
    return [
        trial.install,
        trial.start,
        trial.visits,
        trial.memory,
        lambda: trial.killed("kill -9", "KILL", KILLED_MAX_S),
        lambda: trial.killed("SIGSTOP, by the watchdog,", "STOP", WATCHDOG_S + KILLED_MAX_S),
        trial.unplugged,
        trial.disk_full,
        trial.updates,
        trial.journal,  # before the power is cut: the machine keeps its journal in memory
        trial.power_cut,
        trial.reboot,
        trial.remove,
    ]


if __name__ == "__main__":
    main()
