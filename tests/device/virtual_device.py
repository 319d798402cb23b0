"""Install the package on a virtual device, run the real unit there, and see from outside what the relay does.

    python -m tests.device.virtual_device IMAGE PACKAGE        (make virtual-device)

The machine has a simulated GPIO chip and a camera fed with recorded clips: a stranger, nobody, and the man who is
enrolled. Ends with a table of what was asserted; the exit code is 1 where any of it does not hold. Times are emulated,
and a hundred times slower than a PC (a frame with a face costs 1.2 s of a core): the limits of the configuration, and
the unit's WatchdogSec and TimeoutStopSec, are widened to that; nothing else of the unit is changed.
"""

from __future__ import annotations

import re
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
from tests.media import default_directory, fetch_clips

SIZE, FPS = (640, 480), 5.0
# Clip, and the seconds of it that are played: the man's begins with an animation.
SCENES = {
    "stranger": ("WolfgangLanger_Pexels.mp4", 0.0, 6.0),
    "nobody": ("no_face.mp4", 0.0, 3.0),
    "man": ("noface_face.mov", 4.0, 6.3),
}
REQUEST = 27
PULSE_S = 3.0
WATCHDOG_S = 40
MEMORY_MAX_MB = 140
CONFIG = f"""
set -eu
cd /etc/vigil
sed -i -e 's|^source = .*|source = "v4l2:/dev/video10"|' -e 's|^fps = .*|fps = {FPS}|' \\
    -e 's|^timeout_s = .*|timeout_s = 8.0|' -e 's|^max_age_s = .*|max_age_s = 5.0|' \\
    -e 's|^# chip = .*|chip = 0|' -e 's|^scan_s = .*|scan_s = 40.0|' \\
    -e 's|^no_face_s = .*|no_face_s = 20.0|' vigil.toml
mkdir -p /etc/systemd/system/vigil.service.d
printf '[Service]\\nWatchdogSec={WATCHDOG_S}\\nTimeoutStopSec=60\\nTimeoutStartSec=180\\n' \\
    >/etc/systemd/system/vigil.service.d/emulated.conf
systemctl daemon-reload
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
    """The package; two signed releases made of it, 9.0 (the same) and 9.1 (broken on purpose); and their key."""
    (share / "vigil.deb").write_bytes(package.read_bytes())
    key = Ed25519PrivateKey.generate()
    (share / "release.pub").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    ready = "self.notifier.ready()"
    for version, spoil in (("9.0", ready), ("9.1", "raise SystemExit('broken on purpose')")):
        tree = work / version
        subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
        (home,) = (tree / "opt/vigil/releases").iterdir()
        home = home.rename(home.with_name(version))
        daemon = next(home.glob("lib/*/site-packages/edge/daemon.py"))
        daemon.write_text(
            daemon.read_text().replace(
                "from __future__ import annotations\n", f"from __future__ import annotations\n{spoil}", 1
            )
        )
        target = share / f"vigil_{version}.deb"
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "-Zzstd", "-z1", "-b", tree, target],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        target.with_name(f"{target.name}.sig").write_bytes(key.sign(target.read_bytes()))


@dataclass
class Trial:
    """The machine, and what is asked of it."""

    vm: Machine
    checks: Checks

    def relay(self) -> int:
        return int(self.vm.run("cat /sys/devices/platform/gpio-sim.0/gpiochip*/sim_gpio17/value"))

    def scene(self, name: str | None) -> None:
        self.vm.say(scene=f"/srv/{name}.yuyv" if name else None)

    def main_pid(self) -> str:
        return self.vm.run("systemctl show --property=MainPID --value vigil")

    def active(self) -> bool:
        return self.vm.run("systemctl is-active vigil", check=False) == "active"

    def until(self, holds: Callable[[], bool], within_s: float) -> float | None:
        """Seconds until it holds; None where it does not in time."""
        begun_s = time.monotonic()
        while time.monotonic() - begun_s < within_s:
            if holds():
                return time.monotonic() - begun_s
            time.sleep(0.2)
        return None

    def press_for(self, scene: str, within_s: float) -> float | None:
        """Show the scene, press the button; seconds until the relay rises, None where it does not."""
        self.scene(scene)
        time.sleep(3)
        self.vm.say(edges=True)
        self.vm.say(press=REQUEST)
        return self.until(lambda: self.relay() == 1, within_s)

    def settle(self) -> None:
        """The service runs, nobody is there, and the last visit is over."""
        self.scene("nobody")
        self.until(lambda: self.active() and self.relay() == 0, 90)
        time.sleep(5)

    def install(self) -> None:
        self.vm.run("dpkg -i /srv/vigil.deb", 400)
        self.vm.run(CONFIG)
        self.vm.run("cp /srv/release.pub /etc/vigil/")
        told = self.vm.run("vigil enroll Guest --images /srv/man.jpg", 200)
        self.checks.add(
            "the man is enrolled by root, and the files are the service's", "enrolled" in told, self.owners()
        )
        self.scene("nobody")
        findings = self.vm.run("vigil doctor", 200, check=False)
        lines = [line for line in findings.splitlines() if not line.startswith(("ok ", " "))]
        self.checks.add(
            "vigil doctor finds nothing wrong", not [x for x in lines if not x.startswith("warning")], lines or "ok"
        )

    def owners(self) -> str:
        return self.vm.run("stat -c '%U %a %n' /var/lib/vigil /var/lib/vigil/* /etc/vigil/gallery.key | tr '\\n' ';'")

    def start(self) -> None:
        took = self.vm.run(
            "s=$(date +%s%N); systemctl enable --quiet --now vigil; echo $(( ($(date +%s%N) - s) / 1000000 ))", 120
        )
        self.checks.add("the unit is READY", self.active(), f"{int(took) / 1000:.1f} s, emulated")

    def visits(self) -> None:
        rise = self.press_for("stranger", 25)
        self.checks.add("the relay never rises for the stranger", rise is None and self.relay() == 0, f"{rise}")
        self.scene("nobody")
        time.sleep(45)  # the scan of the stranger ends
        rise = self.press_for("man", 60)
        self.checks.add(
            "the relay rises for the man", rise is not None, f"{rise and round(rise, 1)} s after the button"
        )
        self.until(lambda: self.relay() == 0, 20)
        edges = self.vm.say(edges=True)["edges"]
        up = next((at for at, level in edges if level == 1), 0.0)
        down = next((at for at, level in edges if level == 0 and at > up), 0.0)
        self.checks.add("it falls by itself after the pulse", abs(down - up - PULSE_S) < 0.5, f"{down - up:.2f} s")

    def memory(self) -> None:
        peak = int(self.vm.run(f"awk '/VmHWM/ {{ print $2 }}' /proc/{self.main_pid()}/status")) * 1024 / 1e6
        self.checks.add(f"at most {MEMORY_MAX_MB} MB resident", peak <= MEMORY_MAX_MB, f"{peak:.0f} MB")
        core = self.vm.run(f"grep 'Max core' /proc/{self.main_pid()}/limits")
        self.checks.add("no core file can be written", core.split()[4:6] == ["0", "0"], core.split()[4:6])

    def killed(self, how: str, signal: str, within_s: float) -> None:
        """End the process in the middle of a pulse: the relay has to fall, and the service to come back."""
        self.settle()
        rise = self.press_for("man", 60)
        self.vm.run(f"kill -{signal} {self.main_pid()}")
        fell = self.until(lambda: self.relay() == 0, within_s)
        self.checks.add(
            f"the relay is safe after {how}", rise is not None and fell is not None, f"{fell and round(fell, 1)} s"
        )
        back = self.until(self.active, 120)
        self.checks.add(f"the service comes back after {how}", back is not None, f"{back and round(back, 1)} s")

    def unplugged(self) -> None:
        self.settle()
        rise = self.press_for("man", 60)
        self.scene(None)
        self.until(lambda: not self.active(), 60)
        self.vm.run("systemctl stop vigil; sleep 1; rmmod v4l2loopback; systemctl start --no-block vigil")
        self.checks.add("the relay is safe when the camera is gone", rise is not None and self.relay() == 0, "")
        self.vm.run("modprobe v4l2loopback")
        self.scene("nobody")
        back = self.until(self.active, 120)
        self.checks.add("the service comes back with the camera", back is not None, f"{back and round(back, 1)} s")

    def disk_full(self) -> None:
        self.settle()
        self.vm.run("dd if=/dev/zero of=/full bs=1M 2>/dev/null; sync", 200, check=False)
        rise = self.press_for("man", 40)
        fell = self.until(lambda: self.relay() == 0, 30)
        self.vm.run("rm /full")
        self.checks.add(
            "the relay is safe on a full disk", fell is not None, f"{'it opened once' if rise else 'it did not open'}"
        )
        self.until(self.active, 120)

    def updates(self) -> None:
        self.settle()
        people = self.vm.run("vigil people list --json")
        self.vm.run("vigil-update /srv/vigil_9.0.deb", 600)
        where = self.vm.run("readlink /opt/vigil/current")
        holds = where == "releases/9.0" and self.active() and self.vm.run("vigil people list --json") == people
        self.checks.add("an update over the running service loses nobody", holds, where)
        told = self.vm.run(
            "s=$(date +%s); vigil-update /srv/vigil_9.1.deb; echo code $? after $(( $(date +%s) - s )) s", 600
        )
        back = self.vm.run("readlink /opt/vigil/current") == "releases/9.0" and self.active()
        self.checks.add("a release broken on purpose is taken back", back and "code 9" in told, told.splitlines()[-1])
        self.vm.run("cp /srv/vigil_9.1.deb /tmp/x.deb && cp /srv/vigil_9.0.deb.sig /tmp/x.deb.sig")
        told = self.vm.run("vigil-update /tmp/x.deb; echo code $?", 200)
        self.checks.add("a release with another's signature is refused", "code 9" in told, told.splitlines()[0])

    def journal(self) -> None:
        text = self.vm.run("journalctl -o cat -u vigil --no-pager")
        found = FACE_DATA.search(text)
        self.checks.add(
            "the journal holds no face data", found is None and bool(text), found or f"{len(text.splitlines())} lines"
        )
        files = self.vm.run(
            "find / -xdev \\( -name 'core*' -path '*vigil*' -o -path '/var/lib/vigil/*.jpg' \\) -newer /etc/hostname"
        )
        self.checks.add("no picture and no core file is left", not files, files or "none")

    def power_cut(self) -> None:
        self.settle()
        rise = self.press_for("man", 60)
        self.vm.cut_power()
        self.vm.start()
        before = self.relay()
        self.scene("nobody")
        back = self.until(self.active, 120)
        people = self.vm.run("vigil people list")
        holds = rise is not None and before == 0 and self.relay() == 0 and back is not None and "Guest" in people
        self.checks.add("after a power cut: relay safe, service up, people kept", holds, people)

    def reboot(self) -> None:
        self.vm.reboot()
        before = self.relay()
        self.scene("nobody")
        back = self.until(self.active, 120)
        self.checks.add(
            "after a reboot: relay safe, service up", before == 0 and self.relay() == 0 and back is not None, ""
        )

    def remove(self) -> None:
        self.vm.run("dpkg -r vigil-edge", 200)
        kept = self.vm.code("test -s /var/lib/vigil/vigil.db -a -s /etc/vigil/gallery.key -a ! -e /opt/vigil") == 0
        holds = kept and not self.active() and self.relay() == 0
        self.checks.add("removing stops the service, leaves the relay safe, keeps the state", holds, "")
        self.vm.run("dpkg -P vigil-edge", 100)
        gone = self.vm.code("! test -e /var/lib/vigil && ! test -e /etc/vigil && ! getent passwd vigil") == 0
        self.checks.add("purging removes it all", gone, "")


def last_words(vm: Machine) -> str:
    """What the service said last, for whoever has to find out why."""
    try:
        return vm.run("journalctl -u vigil -n 60 --no-pager -o short-monotonic", check=False)
    except (VmError, OSError) as error:
        return f"no journal: {error}"


def main() -> None:
    image, package = Path(sys.argv[1]), Path(sys.argv[2])
    begun_s = time.monotonic()
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="vigil-vm-") as scratch:
        work = Path(scratch)
        share = work / "share"
        share.mkdir()
        record(share)
        releases(package, share, work)
        vm = Machine(image, work, share)
        try:
            vm.prepare()
            checks.add("it boots", True, f"{vm.start():.0f} s")
            trial = Trial(vm, checks)
            steps = [trial.install, trial.start, trial.visits, trial.memory]
            steps += [
                lambda: trial.killed("kill -9", "KILL", 20),
                lambda: trial.killed("SIGSTOP", "STOP", 3 * WATCHDOG_S),
            ]
            steps += [
                trial.unplugged,
                trial.disk_full,
                trial.updates,
                trial.power_cut,
                trial.reboot,
                trial.journal,
                trial.remove,
            ]
            for step in steps:
                step()
        except VmError as error:
            checks.add("the machine answers", False, error)
        finally:
            if not all(holds for _, holds, _ in checks.rows):
                print(last_words(vm), flush=True)
            vm.cut_power()
    print(f"\n{checks.table()}\n\n{time.monotonic() - begun_s:.0f} s")
    sys.exit(0 if all(holds for _, holds, _ in checks.rows) else 1)


main()
