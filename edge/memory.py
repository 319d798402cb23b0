"""Keeping the daemon small: how the C library treats blocks the size of a frame."""

from __future__ import annotations

import ctypes

_M_MMAP_THRESHOLD = -3  # mallopt(3)
_LARGE_BYTES = 1_000_000


def give_frames_back() -> None:
    """Let glibc return every freed block of a megabyte or more to the system at once.

    By default it raises that limit each time such a block is freed, and then keeps frames on a heap that never shrinks:
    5 MB more on the demo. Does nothing where the C library has no mallopt.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
