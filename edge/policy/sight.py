"""Whether the driver can be seen at all, as a table. Pure. Blindness is said, never guessed to be sleep."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from edge.policy.attention_limits import BLIND_S


class Sight(Enum):
    """What the camera has shown so far."""

    SEEING = "seeing"
    BLIND = "blind"


class SightTrigger(Enum):
    """What moves the table."""

    NO_FACE = "no_usable_face"
    FACE = "face"


SIGHT_TABLE: dict[Sight, dict[SightTrigger, Sight]] = {
    Sight.SEEING: {SightTrigger.NO_FACE: Sight.BLIND},
    Sight.BLIND: {SightTrigger.FACE: Sight.SEEING},
}


@dataclass(frozen=True, slots=True)
class Watch:
    """``usable_s``: the last frame with a usable face, or the start; ``lost_s``: when it is thought to have gone."""

    sight: Sight
    usable_s: float
    lost_s: float | None = None

    def step(self, usable: bool | None, now_s: float) -> tuple[Watch, SightTrigger | None]:
        """The watch after one step. ``usable``: whether the frame shows a usable face; None: there was no frame."""
        if usable:
            blind = self.sight is Sight.BLIND
            return Watch(Sight.SEEING, now_s), SightTrigger.FACE if blind else None
        lost_s = self.lost_s
        if usable is False and lost_s is None:
            lost_s = (self.usable_s + now_s) / 2
        trigger = None
        if self.sight is Sight.SEEING and now_s - (self.usable_s if lost_s is None else lost_s) >= BLIND_S:
            trigger = SightTrigger.NO_FACE
        sight = SIGHT_TABLE[self.sight][trigger] if trigger else self.sight
        return Watch(sight, self.usable_s, lost_s), trigger
