"""Whether a media file is as long as its own format says: decoders pass over a missing end in silence."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_UNKNOWN_RIFF_SIZES = (0, 0xFFFFFFFF)  # written by recorders that could not seek back to fill the size in
_JPEG_START, _JPEG_SCAN, _JPEG_END = b"\xff\xd8", 0xDA, b"\xff\xd9"
_PNG_START, _PNG_END = b"\x89PNG", b"IEND\xaeB`\x82"


def is_cut_off(path: Path) -> bool:
    """True where the end of an MP4, MOV, AVI, WebP, JPEG or PNG file is missing. Raises OSError.

    False also for other formats, which do not say. OpenCV may decode a cut JPEG and leave the rest grey; FFmpeg plays
    half an MP4 and ends as if that were all.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        if len(head) < 8:
            return False
        if head.startswith(b"RIFF"):
            promised = struct.unpack("<I", head[4:])[0]
            return promised not in _UNKNOWN_RIFF_SIZES and promised + 8 > size
        if head[4:] in _FIRST_BOXES:
            return _boxes_end(file, size) > size
        if head.startswith(_PNG_START):
            return _PNG_END not in file.read()
        if head.startswith(_JPEG_START):
            file.seek(_jpeg_scan_start(file))
            return _JPEG_END not in file.read()
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


def _jpeg_scan_start(file: BinaryIO) -> int:
    """Where the compressed image begins; a segment before it may hold a thumbnail with an end marker of its own."""
    at = 2
    file.seek(at)
    while len(head := file.read(4)) == 4 and head[0] == 0xFF and head[1] != _JPEG_SCAN:
        at += 1 if head[1] == 0xFF else 2 + int.from_bytes(head[2:], "big")  # 0xFF may be repeated as padding
        file.seek(at)
    return at
