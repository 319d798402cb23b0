"""The speed over ground from a GPS receiver: NMEA 0183 sentences RMC, read without blocking from a device or a file."""

from __future__ import annotations

import logging
import os
from functools import reduce
from operator import xor
from pathlib import Path

from edge.errors import ActuatorError

_LOG = logging.getLogger(__name__)

FRESH_S = 3.0  # receivers send once a second; without a fix for longer the speed is not known
_KMH_PER_KNOT = 1.852
_CHUNK = 4096


class NmeaSpeed:
    """The speed of the last valid RMC sentence."""

    def __init__(self, path: Path) -> None:
        """Raises ActuatorError naming the file. A regular file is read from its end: what it holds is past."""
        self._path = path
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
            if path.is_file():
                os.lseek(self._file, 0, os.SEEK_END)
        except OSError as error:
            raise ActuatorError(f"{path}: the GPS receiver cannot be read: {error.strerror}") from error
        self._rest = b""
        self._kmh: float | None = None
        self._at_s = float("-inf")
        self._closed, self._gone = False, False

    def kmh(self, now_s: float) -> float | None:
        """The speed, None without a fix within the last 3 s.

        A receiver that is gone is no reason to stop watching: its speed is not known, which counts as fast.
        """
        for line in self._lines():
            is_rmc, kmh = rmc_speed(line)
            if is_rmc:
                self._kmh, self._at_s = kmh, now_s
        return self._kmh if now_s - self._at_s <= FRESH_S else None

    def close(self) -> None:
        """Safe to call twice."""
        if not self._closed:
            self._closed = True
            os.close(self._file)

    def _lines(self) -> list[bytes]:
        try:
            chunk = os.read(self._file, _CHUNK)
        except BlockingIOError:
            return []
        except OSError as error:
            self._say_once(error)
            return []
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        self._rest = self._rest[-_CHUNK:]
        return lines

    def _say_once(self, error: OSError) -> None:
        if not self._gone:
            self._gone = True
            _LOG.warning("%s: the GPS receiver cannot be read: %s", self._path, error.strerror)


def rmc_speed(line: bytes) -> tuple[bool, float | None]:
    """Whether ``line`` is a whole RMC sentence, and its speed in km/h: None where it has no fix."""
    body, star, checksum = line.strip().removeprefix(b"$").partition(b"*")
    fields = body.split(b",")
    if not star or len(fields) < 8 or fields[0][2:] != b"RMC":
        return False, None
    try:
        if int(checksum[:2], 16) != reduce(xor, body, 0):
            return False, None
        return True, float(fields[7]) * _KMH_PER_KNOT if fields[2] == b"A" else None
    except ValueError:
        return False, None
