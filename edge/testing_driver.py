"""A driver who follows a script, before the real signals and the real policy: scenarios that read as stories.

What the driver does is told in continuous time; frames sample it at ``fps``, of which a seeded share may be dropped.
While a frame is missing the policy takes steps without one, as the daemon does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random

import numpy as np

from edge.actuate import CabinInputs
from edge.attributes.signals import start
from edge.clock import Clock
from edge.errors import ActuatorError
from edge.policy.attention import initial, step
from edge.policy.attention_types import AttentionEvidence, AttentionState, Command, Event, Notice, Show
from edge.signs import DriverSigns, Level
from edge.types import Eyes, Face, HeadPose, Observation, Quality, TrackedFace

TICK_S = 0.1  # how long the daemon waits for a frame before it takes a step without one
_FACE = Face(
    np.array([200, 120, 400, 360], np.float32), 0.99, np.eye(3, dtype=np.float32), np.zeros((5, 2), np.float32)
)


@dataclass(frozen=True, slots=True)
class Pose:
    """What the driver does. ``eyes``: p(open) of both, None where they cannot be read; ``mouth``: 0..1; angles in
    degrees as the camera sees them; ``face`` False: nobody can be seen; ``blurred``: the pose is not certain.
    """

    eyes: float | None = 0.95
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    mouth: float = 0.0
    face: bool = True
    blurred: bool = False

    def observed(self, at_s: float, index: int) -> Observation:
        """One frame of it."""
        return Observation(at_s, index, self.faces())

    @lru_cache(maxsize=4)  # noqa: B019 - frozen: building a face costs more than judging it
    def faces(self) -> tuple[TrackedFace, ...]:
        """What the pipeline would say."""
        if not self.face:
            return ()
        eyes = Eyes(self.eyes, self.eyes, self.eyes, 0.0 if self.eyes is None else 0.9, self.mouth)
        head = HeadPose(self.yaw_deg, self.pitch_deg, 0.0)
        quality = Quality(220.0, 20.0, 120.0, head, ("blurred",) if self.blurred else ())
        return (TrackedFace(1, _FACE, 1.0, head, quality, eyes=eyes),)


class RecordingAlerter:
    """An Alerter that keeps what it was told, and when. ``fail_on``: the ``show`` that raises, counted from 1."""

    def __init__(self, clock: Clock, *, fail_on: int | None = None) -> None:
        self.shown: list[tuple[float, Level]] = []
        self.level = Level.QUIET
        self.notices = 0
        self.closed = False
        self._clock, self._fail_on, self._shows = clock, fail_on, 0

    def show(self, level: Level) -> None:
        self._shows += 1
        if self.closed or self._shows == self._fail_on:
            raise ActuatorError(f"show {self._shows} fails, as the script says")
        self.level = level
        self.shown.append((self._clock.now_s(), level))

    def notice(self) -> None:
        self.notices += 1

    def safe(self) -> None:
        self.level = Level.QUIET

    def close(self) -> None:
        self.safe()
        self.closed = True


class ScriptedCabin:
    """Inputs of a car that follow a list; at its end nobody presses and the speed stays as it was."""

    def __init__(self, script: Iterable[CabinInputs] = ()) -> None:
        self.closed = False
        self._script = iter(script)
        self._last = CabinInputs()

    def read(self) -> CabinInputs:
        self._last = next(self._script, CabinInputs(speed_kmh=self._last.speed_kmh))
        return self._last

    def close(self) -> None:
        self.closed = True


class DriverScene:
    """A drive. ``now_s`` is the end of what was told so far; ``said`` keeps every command with its time.

    ``calibrated``: the road is known from the start, straight ahead; else it is learnt over ``calibration_s``.
    """

    def __init__(
        self,
        fps: float = 15.0,
        *,
        dropped: float = 0.0,
        seed: int = 0,
        calibration_s: float = 60.0,
        calibrated: bool = True,
        mute_below_kmh: float = 20.0,
        start_s: float = 100.0,
    ) -> None:
        begun = start(calibration_s)
        self.signals = replace(begun, road=replace(begun.road, direction=(0.0, 0.0))) if calibrated else begun
        self.state: AttentionState = initial(start_s)
        self.signs: DriverSigns | None = None
        self.said: list[tuple[float, Command]] = []
        self.speed_kmh: float | None = None
        self.now_s = start_s
        self._fps, self._dropped, self._random = fps, dropped, Random(seed)  # noqa: S311 - a script, not a secret
        self._mute_below_kmh = mute_below_kmh
        self._start_s, self._index = start_s, 0
        self._acknowledged = False

    def be(self, pose: Pose, for_s: float) -> DriverScene:
        """Be so for ``for_s`` seconds."""
        self.now_s += for_s
        while (at_s := self._start_s + self._index / self._fps) < self.now_s:
            self._frame(pose, at_s)
            self._index += 1
        return self

    def attentive(self, for_s: float) -> DriverScene:
        """Eyes open, on the road."""
        return self.be(Pose(), for_s)

    def close(self, for_s: float) -> DriverScene:
        """Eyes shut."""
        return self.be(Pose(eyes=0.02), for_s)

    def look(self, for_s: float, *, yaw_deg: float = 0.0, pitch_deg: float = 0.0) -> DriverScene:
        """The head turned."""
        return self.be(Pose(yaw_deg=yaw_deg, pitch_deg=pitch_deg), for_s)

    def hide(self, for_s: float) -> DriverScene:
        """No face."""
        return self.be(Pose(face=False), for_s)

    def acknowledge(self) -> DriverScene:
        """The button, seen by the next step."""
        self._acknowledged = True
        return self

    def times(self, kind: str) -> list[float]:
        """When events of this kind happened."""
        return [at_s for at_s, one in self.said if isinstance(one, Event) and one.kind == kind]

    def raised(self, level: Level) -> list[str]:
        """The kinds of everything that was this loud or louder."""
        return [one.kind for _, one in self.said if isinstance(one, Event) and one.level >= level]

    @property
    def notices(self) -> list[str]:
        return [one.kind for _, one in self.said if isinstance(one, Notice)]

    @property
    def levels(self) -> list[Level]:
        """What the outputs showed, one after the other."""
        return [one.level for _, one in self.said if isinstance(one, Show)]

    def _frame(self, pose: Pose, at_s: float) -> None:
        if self._dropped and self._random.random() < self._dropped:
            self._miss(at_s)
            return
        driving = self.speed_kmh is None or self.speed_kmh >= self._mute_below_kmh
        self.signals, self.signs = self.signals.step(pose.observed(at_s, self._index), driving=driving)
        self._step(self.signs, at_s)

    def _miss(self, at_s: float) -> None:
        """The steps of a daemon that waits for the frame after the one that is missing."""
        tick_s = at_s
        while tick_s < at_s + 1 / self._fps - 1e-9:
            self._step(None, tick_s)
            tick_s += TICK_S

    def _step(self, signs: DriverSigns | None, at_s: float) -> None:
        evidence = AttentionEvidence(signs, self.speed_kmh, self._acknowledged)
        self._acknowledged = False
        self.state, commands = step(self.state, evidence, at_s, self._mute_below_kmh)
        self.said += [(at_s, command) for command in commands]
