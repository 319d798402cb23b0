"""What each trigger of the door's table asks before it fires. Pure questions: nothing is changed here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge.config import AccessConfig
from edge.policy.access_types import AccessEvidence, AccessState, Trigger
from edge.policy.lockout import Counters, Standing, after_failure, standing
from edge.policy.window import Verdict, judge


@dataclass(frozen=True, slots=True)
class Look:
    """All that a guard may ask. ``face``: a new frame shows a face; ``news``: one that is fit to be verified."""

    state: AccessState
    evidence: AccessEvidence
    now_s: float
    config: AccessConfig
    face: bool
    news: bool

    def verdict(self, frames_min: int) -> Verdict | None:
        return judge(self.state.window, frames_min) if self.news else None

    @property
    def scan_age_s(self) -> float:
        return self.now_s - self.state.scan_started_s

    @property
    def gone(self) -> bool:
        return self.now_s - self.state.face_seen_s >= self.config.no_face_s

    @property
    def failed(self) -> bool:
        """The scan is over, and there were frames enough to open the door: it was a try, and it failed."""
        return self.state.judged and (self.gone or self.scan_age_s >= self.config.scan_s)

    def counters_if_failed(self) -> Counters:
        return after_failure(self.state.counters, requested=self.state.requested)

    def standing_if_failed(self) -> Standing:
        # A failed visit only pauses hands-free mode, whatever failures the button has counted before.
        return standing(self.counters_if_failed(), self.config) if self.state.requested else Standing.FREE


def _granted(look: Look) -> Verdict | None:
    return look.verdict(look.config.frames_min) if look.scan_age_s <= look.config.scan_s else None


def _granted_late(look: Look) -> Verdict | None:
    if not look.config.hands_free or look.now_s < look.state.hands_free_from_s:
        return None
    verdict = look.verdict(look.config.frames_window)
    return None if verdict is None or verdict.person == look.state.served else verdict


def _approach(look: Look) -> bool:
    return look.config.hands_free and look.news and look.now_s >= look.state.hands_free_from_s


def _visit_over(look: Look) -> bool:
    absent_since_s = look.state.absent_since_s
    left = absent_since_s is not None and look.now_s - absent_since_s >= look.config.revisit_s
    return left or not look.config.hands_free


GUARDS: dict[Trigger, Callable[[Look], bool]] = {
    Trigger.EXIT: lambda look: look.evidence.exit_pressed,
    Trigger.REQUEST: lambda look: look.evidence.request_pressed and look.evidence.camera_ok,
    Trigger.APPROACH: _approach,
    Trigger.CAMERA_LOST: lambda look: not look.evidence.camera_ok,
    Trigger.FACE: lambda look: look.face,
    Trigger.NO_FACE: lambda look: look.gone,
    Trigger.INCONCLUSIVE: lambda look: look.scan_age_s >= look.config.scan_s,
    Trigger.GRANTED: lambda look: _granted(look) is not None,
    Trigger.GRANTED_LATE: lambda look: _granted_late(look) is not None,
    Trigger.FAILED: lambda look: look.failed,
    Trigger.FAILED_DELAYED: lambda look: look.failed and look.standing_if_failed() is Standing.DELAYED,
    Trigger.FAILED_DISABLED: lambda look: look.failed and look.standing_if_failed() is Standing.DISABLED,
    Trigger.PULSE_OVER: lambda look: look.now_s >= look.state.released_until_s,
    # Once somebody has gone through and the door is shut again, nothing is gained by leaving it open to the next.
    Trigger.DOOR_SHUT: lambda look: look.state.contact.is_open and look.evidence.door_open is False,
    Trigger.VISIT_OVER: _visit_over,
    Trigger.DELAY_OVER: lambda look: look.now_s >= look.state.delayed_until_s,
    Trigger.STILL_DELAYED: lambda look: look.now_s < look.state.delayed_until_s,
    Trigger.ENABLED: lambda look: standing(look.state.counters, look.config) is not Standing.DISABLED,
    Trigger.STILL_DISABLED: lambda look: standing(look.state.counters, look.config) is Standing.DISABLED,
}

# Who is let in, for the triggers that let somebody in.
GRANTS: dict[Trigger, Callable[[Look], Verdict | None]] = {
    Trigger.GRANTED: _granted,
    Trigger.GRANTED_LATE: _granted_late,
}
