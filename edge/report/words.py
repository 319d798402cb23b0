"""The event log's words, read back: ``attention: attentive -> alarmed (microsleep, alarm, since 104.23 s)``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge.signs import Level

_WORDS = re.compile(
    r"(?P<part>\w+): (?P<before>\S+) -> (?P<after>\S+) "
    r"\((?P<kind>\w+)(?:, (?P<level>[a-z]+))?(?:, since (?P<since>-?\d+(?:\.\d+)?) s)?\)"
)


@dataclass(frozen=True, slots=True)
class Happening:
    """One event. ``part``: the table that moved; ``kind``: what moved it; ``since_s``: when what it is about began.

    ``person``: whom the door knew in that frame.
    """

    at_s: float
    part: str
    kind: str
    before: str
    after: str
    level: Level = Level.QUIET
    since_s: float | None = None
    person: str | None = None


def read_words(at_s: float, words: str, person: str | None = None) -> Happening | None:
    """What ``words`` tell; None where they are not of this form, as a later version's may be."""
    found = _WORDS.fullmatch(words)
    if found is None:
        return None
    since = found["since"]
    return Happening(
        at_s,
        found["part"],
        found["kind"],
        found["before"],
        found["after"],
        Level.__members__.get((found["level"] or "").upper(), Level.QUIET),
        None if since is None else float(since),
        person,
    )
