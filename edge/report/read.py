"""An event log into runs. What power cuts and other versions leave in such a file is counted and passed over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge.errors import InputError
from edge.events import Record
from edge.report.gather import Gathering, Run

_WANTED = "expected an event log of vigil run --events (JSON lines)"


@dataclass(frozen=True, slots=True)
class Log:
    """``broken``: lines that are no JSON, as a power cut leaves them; ``other``: JSON that is no record."""

    path: Path
    runs: tuple[Run, ...]
    broken: int = 0
    other: int = 0

    def run(self, number: int | None = None) -> Run:
        """The run of that number from 1, or the last. Raises InputError."""
        if number is None:
            return self.runs[-1]
        if not 1 <= number <= len(self.runs):
            raise InputError(f"{self.path}: expected a run from 1 to {len(self.runs)}, got {number}")
        return self.runs[number - 1]

    def remark(self, run: Run) -> str:
        """What a reader of ``run`` should know of the file; empty if it was whole and held nothing else."""
        which = f"run {self.runs.index(run) + 1} of {len(self.runs)}" if len(self.runs) > 1 else ""
        parts = [f"{self.broken} broken"] if self.broken else []
        parts += [f"{self.other} of another kind"] if self.other else []
        skipped = f"lines passed over: {', '.join(parts)}" if parts else ""
        return ", ".join(words for words in (which, skipped) if words)


def read_log(path: Path) -> Log:
    """Every run in the file, in order. Raises InputError for a file that holds no record at all."""
    decoder = msgspec.json.Decoder(Record)
    gatherings: list[Gathering] = []
    broken = other = 0
    try:
        with path.open("rb") as lines:
            for line in lines:
                if not line.strip():
                    continue
                try:
                    _take(gatherings, decoder.decode(line))
                except msgspec.ValidationError:
                    other += 1
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    broken += 1
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if not gatherings:
        found = f"{broken + other} lines that are none" if broken + other else "an empty file"
        raise InputError(f"{path}: {_WANTED}, found {found}")
    return Log(path, tuple(gathering.run() for gathering in gatherings), broken, other)


def _take(gatherings: list[Gathering], record: Record) -> None:
    if gatherings and gatherings[-1].continues(record):
        gatherings[-1].add(record)
    else:
        gatherings.append(Gathering(record))
