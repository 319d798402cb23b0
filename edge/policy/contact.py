"""The door contact as a table: open, held open too long, forced open. Pure; it raises alarms and never moves the relay.

It stands apart from the access table so that a broken contact cannot keep the owner out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

# A reed contact opens a few centimetres after the latch is free, and a hand may pull just as the strike falls back.
OPENING_GRACE_S = 1.0


class Door(Enum):
    """What the contact has shown so far."""

    UNKNOWN = "unknown"
    SHUT = "shut"
    OPEN = "open"
    HELD = "held"
    FORCED = "forced"


class DoorTrigger(Enum):
    """What moves the table."""

    CLOSED = "closed"
    OPENED = "opened"
    OPENED_LOCKED = "opened_while_locked"
    TOO_LONG = "open_too_long"


# From UNKNOWN an open door is no alarm: the daemon may be started while the door stands open.
DOOR_TABLE: dict[Door, dict[DoorTrigger, Door]] = {
    Door.UNKNOWN: {DoorTrigger.CLOSED: Door.SHUT, DoorTrigger.OPENED: Door.OPEN, DoorTrigger.OPENED_LOCKED: Door.OPEN},
    Door.SHUT: {DoorTrigger.OPENED: Door.OPEN, DoorTrigger.OPENED_LOCKED: Door.FORCED},
    Door.OPEN: {DoorTrigger.CLOSED: Door.SHUT, DoorTrigger.TOO_LONG: Door.HELD},
    Door.HELD: {DoorTrigger.CLOSED: Door.SHUT},
    Door.FORCED: {DoorTrigger.CLOSED: Door.SHUT},
}


@dataclass(frozen=True, slots=True)
class Contact:
    """``opened_s``: when the door was last seen to open."""

    door: Door = Door.UNKNOWN
    opened_s: float = 0.0

    @property
    def is_open(self) -> bool:
        return self.door in (Door.OPEN, Door.HELD, Door.FORCED)


def step_contact(
    contact: Contact, door_open: bool | None, now_s: float, *, released: bool, held_s: float
) -> tuple[Contact, DoorTrigger | None]:
    """The contact after one reading. ``released``: the strike is or was just now free. None: no contact is fitted."""
    trigger = _trigger(contact, door_open, now_s, released, held_s)
    target = DOOR_TABLE[contact.door].get(trigger) if trigger is not None else None
    if target is None:
        return contact, None
    opened_s = contact.opened_s if contact.is_open else now_s
    return Contact(target, opened_s), trigger


def _trigger(
    contact: Contact, door_open: bool | None, now_s: float, released: bool, held_s: float
) -> DoorTrigger | None:
    if door_open is None:
        return None
    if not door_open:
        return DoorTrigger.CLOSED
    if contact.is_open:
        return DoorTrigger.TOO_LONG if now_s - contact.opened_s > held_s else None
    return DoorTrigger.OPENED if released else DoorTrigger.OPENED_LOCKED
