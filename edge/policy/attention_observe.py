"""Taking a frame in: where the head was, whether the driver answers an alert, and what was driven. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from edge.policy.attention_limits import (
    AWAY_DOWN_DEG,
    AWAY_YAW_DEG,
    BACK_DOWN_DEG,
    BACK_YAW_DEG,
    BLINK_S,
    GLIMPSE_S,
    PERCLOS_REARM,
    REPEATED_CLEARED_S,
    RETURNED_S,
    STEP_MAX_S,
    UNCERTAIN_MAX_S,
)
from edge.policy.attention_types import Alert, AttentionEvidence, AttentionState, Cause, Mode, Trigger
from edge.signs import DriverSigns, HeadSigns
from edge.spells import GAP_MAX_S, Spell, Tally


def observe(state: AttentionState, evidence: AttentionEvidence, now_s: float) -> AttentionState:
    """The state with this step's frame, if it brought one. A frame's own time places it, ``now_s`` the step."""
    driven_s = 0.0 if state.mode is Mode.STANDBY else min(now_s - state.now_s, STEP_MAX_S)
    total_s = state.driven_s + driven_s
    signs = evidence.signs
    if signs is None or (state.signs is not None and signs.seen_s <= state.signs.seen_s):
        return replace(state, now_s=now_s, driven_s=total_s)
    away, tally, unsure = _look_at_head(state, signs)
    return replace(
        state,
        now_s=now_s,
        driven_s=total_s,
        signs=signs,
        away=away,
        away_tally=tally,
        unsure=unsure,
        fired=_rearmed(state.fired, tally, signs),
        alert=_answer(state.alert, None if unsure else not away.value, signs) if state.alert else None,
    )


def _look_at_head(state: AttentionState, signs: DriverSigns) -> tuple[Spell, Tally, bool]:
    """The spell of the head off the road, its seconds, and whether this frame leaves it open."""
    before, seen_s = state.away, signs.seen_s
    is_away = _is_away(signs.head, before=before.value is True and before.rival_s is None)
    if is_away is None:
        return before, state.away_tally, True
    gap_max_s = UNCERTAIN_MAX_S if state.unsure else GAP_MAX_S
    away = before.sample(is_away, seen_s, glitch_s=GLIMPSE_S if before.value else 0.0, gap_max_s=gap_max_s)
    tally = state.away_tally
    if before.value is not None and seen_s - before.sampled_s <= gap_max_s:
        tally = _told(tally, before, away)
    if away.lasted_s(False, seen_s) >= REPEATED_CLEARED_S:
        tally = Tally(tally.reach_s)
    return away, tally, False


def _is_away(head: HeadSigns, *, before: bool) -> bool | None:
    """Whether the head is off the road; looking up never is. None: not known, which never counts as distracted."""
    if head.yaw_deg is None or head.pitch_deg is None:
        return None
    yaw_deg, down_deg = (BACK_YAW_DEG, BACK_DOWN_DEG) if before else (AWAY_YAW_DEG, AWAY_DOWN_DEG)
    return abs(head.yaw_deg) > yaw_deg or -head.pitch_deg > down_deg


def _told(tally: Tally, before: Spell, after: Spell) -> Tally:
    """The tally with the time between two samples."""
    if after.value is before.value:
        return tally.add(before.sampled_s, after.sampled_s, counted=bool(after.value))
    turned = tally.add(before.sampled_s, after.since_s, counted=bool(before.value))
    return turned.add(after.since_s, after.sampled_s, counted=bool(after.value))


def _rearmed(fired: Mapping[Trigger, float], tally: Tally, signs: DriverSigns) -> Mapping[Trigger, float]:
    """What fired, without what is over by now: that may fire again."""
    if not fired:
        return fired
    rested = signs.eyes.perclos_60 is not None and signs.eyes.perclos_60 < PERCLOS_REARM
    over = {Trigger.REPEATED_DISTRACTION: not tally.knots, Trigger.PERCLOS: rested}
    return {trigger: at_s for trigger, at_s in fired.items() if not over.get(trigger, False)}


def _answer(alert: Alert, on_road: bool | None, signs: DriverSigns) -> Alert:
    good = _is_good(alert.cause, signs, on_road)
    if good is None:
        return alert
    spell = alert.good.sample(good, signs.seen_s, glitch_s=BLINK_S if alert.good.value else 0.0)
    returned = alert.returned or spell.lasted_s(True, signs.seen_s) >= RETURNED_S
    return replace(alert, good=spell, returned=returned)


def _is_good(cause: Cause, signs: DriverSigns, on_road: bool | None) -> bool | None:
    """Whether the frame shows what the alert asks for. None: it cannot tell, which is no answer."""
    shut = signs.eyes.shut
    if shut or on_road is False:
        return False
    if cause is Cause.ROAD:
        return on_road
    return None if shut is None else True
