"""What goes into a decision of the door, what comes out, and what is remembered between two."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, Protocol

from edge.policy.contact import Contact
from edge.policy.lockout import Counters
from edge.policy.window import FrameEvidence, Window
from edge.types import Observation


class Mode(Enum):
    """Where the door's table stands."""

    IDLE = "idle"
    REQUESTED = "requested"  # the button was pressed; nobody has been seen yet
    SCANNING = "scanning"
    PULSE = "pulse"  # the strike is free
    RELOCK = "relock"  # locked again; the same visit gets no second pulse
    REFUSED = "refused"  # the scan failed; hands-free: he is still there
    DELAYED = "delayed"  # lockout: no try until the delay is over
    DISABLED = "disabled"  # lockout: no try until an administrator acts


class Trigger(Enum):
    """What moves the table. The values are the kinds in the event log."""

    EXIT = "exit"
    REQUEST = "request"
    APPROACH = "approach"
    CAMERA_LOST = "camera_lost"
    FACE = "face"
    NO_FACE = "no_face"
    INCONCLUSIVE = "inconclusive"  # time is up, with too few good frames for a verdict: not a failure
    GRANTED = "granted"
    GRANTED_LATE = "granted_late"
    FAILED = "failed"
    FAILED_DELAYED = "failed_delayed"
    FAILED_DISABLED = "failed_disabled"
    PULSE_OVER = "pulse_over"
    DOOR_SHUT = "door_shut"
    VISIT_OVER = "visit_over"
    DELAY_OVER = "delay_over"
    STILL_DELAYED = "still_delayed"
    ENABLED = "enabled"
    STILL_DISABLED = "still_disabled"


@dataclass(frozen=True, slots=True)
class AccessEvidence:
    """All that one step is told. ``frame`` is None where the step brought no picture (a tick, a camera fault).

    ``camera_ok`` False: the camera gives nothing that may be decided on; ``frame`` is then ignored. ``door_open`` None:
    no contact is fitted. ``reset``: an administrator clears the counters.
    """

    camera_ok: bool = True
    frame: FrameEvidence | None = None
    request_pressed: bool = False
    exit_pressed: bool = False
    door_open: bool | None = None
    reset: bool = False


class DoorSignals(Protocol):
    """What the wires say; ``edge.actuate.DoorInputs`` is one."""

    @property
    def request_pressed(self) -> bool: ...

    @property
    def exit_pressed(self) -> bool: ...

    @property
    def door_open(self) -> bool | None: ...


def evidence_from(
    observation: Observation | None,
    inputs: DoorSignals,
    *,
    camera_ok: bool = True,
    live: bool | None = None,
    reset: bool = False,
) -> AccessEvidence:
    """Turn what the pipeline saw into evidence. ``observation`` None: a step without a frame.

    ``live``: the liveness verdict on the primary face, None where it was not judged. Raises InputError for a distance
    or area that is not a number.
    """
    return AccessEvidence(
        camera_ok=camera_ok,
        frame=None if observation is None else _frame_evidence(observation, live),
        request_pressed=inputs.request_pressed,
        exit_pressed=inputs.exit_pressed,
        door_open=inputs.door_open,
        reset=reset,
    )


def _frame_evidence(observation: Observation, live: bool | None) -> FrameEvidence:
    primary = observation.primary
    if primary is None:
        return FrameEvidence(observation.frame_index)
    match = primary.match
    return FrameEvidence(
        frame_index=observation.frame_index,
        face_present=True,
        track_id=primary.track_id,
        person=match.person if match else None,
        distance=match.distance if match else None,
        distance_max=match.distance_max if match else 0.0,
        weight_px2=primary.face.area_px2,
        good=primary.quality is not None and primary.quality.good,
        live=live,
    )


@dataclass(frozen=True, slots=True)
class AccessState:
    """All that is remembered. Times are seconds on the clock that ``step`` is given.

    ``judged``: this scan had frames enough to open the door. ``absent_since_s``: since when frames have shown nobody,
    None while somebody is there or the camera cannot tell. ``served``: whom this visit let in. ``last_index``: the last
    frame taken in; a frozen picture brings no news.
    """

    mode: Mode = Mode.IDLE
    now_s: float = 0.0
    counters: Counters = field(default_factory=Counters)
    window: Window = field(default_factory=Window)
    contact: Contact = field(default_factory=Contact)
    last_index: int | None = None
    requested: bool = False
    judged: bool = False
    scan_started_s: float = 0.0
    face_seen_s: float = 0.0
    absent_since_s: float | None = None
    served: str | None = None
    pulse_started_s: float = 0.0
    released_until_s: float = 0.0
    delayed_until_s: float = 0.0
    hands_free_from_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Pulse:
    """Release the strike for ``duration_s``, from now; the relay's hard limit holds."""

    duration_s: float
    reason: Literal["granted", "exit"]
    person: str | None = None


@dataclass(frozen=True, slots=True)
class Lock:
    """Drive the relay to its safe level now."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """The door is open when it should not be."""

    kind: Literal["held", "forced"]


@dataclass(frozen=True, slots=True)
class CounterChanged:
    """Store these counters, so that a restart does not forget them."""

    counters: Counters


@dataclass(frozen=True, slots=True)
class Event:
    """One line for the event log: every transition, and every request that was turned down.

    ``part``: which table moved. ``kind``: its trigger, or "refused_request", "reset". ``wait_s``: until the next try.
    """

    part: Literal["access", "door"]
    kind: str
    before: str
    after: str
    person: str | None = None
    distance: float | None = None
    wait_s: float | None = None


Command = Pulse | Lock | Alarm | CounterChanged | Event
