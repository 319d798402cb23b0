"""Nods and yawns: short stories told by pitch and mouth. Pure. Both support a judgement; a yawn never alarms alone."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.spells import Spell

# A nod: the head drops below NOD_DOWN_DEG and is back above NOD_BACK_DEG within NOD_MAX_S, without turning. A
# deliberate look at the instruments or the lap takes longer: turning the head there and back takes 0.3 s each way, and
# a glance dwells for 0.4 s and more (ISO 15007: glances to in-car displays last 0.5 to 1.5 s, without the way there).
NOD_DOWN_DEG, NOD_BACK_DEG = -12.0, -8.0
NOD_MIN_S, NOD_MAX_S = 0.15, 0.75
# A turned head's pose jumps by 10 degrees from frame to frame: a head that hung at the limit for seconds "nodded" so.
NOD_GLITCH_S = 0.08
NOD_YAW_MAX_DEG = 15.0
NODS_S = 60.0  # DESIGN, section 4
# Yawns last 4 to 7 s (Provine, 2005), wide open for a good part of it; vowels do not last 1.5 s.
# MouthNet on people whom it has not seen (yawdd_frames, ytf_crops): 0.6 and more for 94 % of frames of yawns, 1 % of
# drivers who do not yawn and 2 % of people who talk in videos; 0.9 for 78 %, none and 0.4 %. Of the 39 people with
# three such frames or more each comes to 0.9 in one of them, so that a yawn has to, and may then be held at 0.6.
YAWN_OPEN_MIN, YAWN_SHUT_MAX = 0.9, 0.6
YAWN_MIN_S = 1.5
YAWN_GLITCH_S = 0.15
YAWNS_S = 300.0


@dataclass(frozen=True, slots=True)
class Nods:
    """``times_s``: when nods ended, within the last NODS_S."""

    down: Spell = field(default_factory=Spell)
    straight: bool = True
    times_s: tuple[float, ...] = ()

    def step(self, yaw_deg: float, pitch_deg: float, now_s: float) -> Nods:
        """Take in a certain pose, in degrees from the road."""
        before = self.down
        limit_deg = NOD_BACK_DEG if before.value else NOD_DOWN_DEG
        down = before.sample(pitch_deg <= limit_deg, now_s, glitch_s=NOD_GLITCH_S)
        ahead = abs(yaw_deg) <= NOD_YAW_MAX_DEG
        times_s = _recent(self.times_s, NODS_S, now_s)
        if before.value and not down.value and down.since_s < now_s and self.straight:
            length_s = down.since_s - before.since_s
            times_s = (*times_s, now_s) if NOD_MIN_S <= length_s <= NOD_MAX_S else times_s
        return Nods(down, ahead and (self.straight or not before.value), times_s)


@dataclass(frozen=True, slots=True)
class Yawns:
    """``times_s``: when yawns were made out, within the last YAWNS_S."""

    wide: Spell = field(default_factory=Spell)
    told_s: float | None = None
    times_s: tuple[float, ...] = ()

    def step(self, mouth_open: float | None, now_s: float) -> Yawns:
        """Take in how far the mouth is open (0..1), None where that cannot be told."""
        times_s = _recent(self.times_s, YAWNS_S, now_s)
        if mouth_open is None:
            return Yawns(self.wide, self.told_s, times_s)
        limit = YAWN_SHUT_MAX if self.wide.value else YAWN_OPEN_MIN
        wide = self.wide.sample(mouth_open >= limit, now_s, glitch_s=YAWN_GLITCH_S)
        if wide.lasted_s(True, now_s) >= YAWN_MIN_S and wide.since_s != self.told_s:
            return Yawns(wide, wide.since_s, (*times_s, now_s))
        return Yawns(wide, self.told_s, times_s)


def _recent(times_s: tuple[float, ...], window_s: float, now_s: float) -> tuple[float, ...]:
    if times_s and times_s[0] <= now_s - window_s:
        return tuple(one for one in times_s if one > now_s - window_s)
    return times_s
