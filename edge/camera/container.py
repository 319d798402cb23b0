"""Whether a media file is as long as its container says. Reads a few headers, never the media."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_UNKNOWN_RIFF_SIZES = (0, 0xFFFFFFFF)  # written by recorders that could not seek back to fill the size in


def is_cut_off(path: Path) -> bool:
    """True where an MP4/MOV box or a RIFF file (AVI, WebP) promises more bytes than the file has.

    False also for other containers, which do not say. Raises OSError.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        if head[:4] == b"RIFF" and len(head) == 8:
            promised = struct.unpack("<I", head[4:])[0]
            return promised not in _UNKNOWN_RIFF_SIZES and promised + 8 > size
        if head[4:] in _FIRST_BOXES:
            return _boxes_end(file, size) > size
    return False


def _boxes_end(file: BinaryIO, size: int) -> int:
    """Where the last top-level box ends (ISO/IEC 14496-12, section 4.2). Stops at bytes that are not a box."""
    end = 0
    while end + 8 <= size:
        file.seek(end)
        length, kind = struct.unpack(">I4s", file.read(8))
        if length == 1:  # the length follows as 64 bits
            extended = file.read(8)
            length = struct.unpack(">Q", extended)[0] if len(extended) == 8 else 16
        if length == 0:  # up to the end of the file
            return size
        if length < 8 or not kind.isascii():
            return end
        end += length
    return end
