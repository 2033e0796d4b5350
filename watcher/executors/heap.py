"""Which freed memory a worker keeps. Decoding one picture after the other, it needs the same blocks again.

By itself glibc gives a picture's blocks back as soon as they are free, and the kernel then fills new pages with
zeroes for the next picture: a tenth of a worker's time. Another C library has its own ways: there nothing is done.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

_libc = ctypes.CDLL(None)

_TRIM_THRESHOLD = -1  # malloc.h: M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
_MMAP_THRESHOLD = -3
_KEPT_BYTES = 128 << 20  # a picture of 50 megapixels at preview size needs less
_MAPPED_FROM_BYTES = 32 << 20  # the most that mallopt takes; Pillow's blocks have 16 MiB


def keep_freed() -> None:
    """From now on up to `_KEPT_BYTES` of freed memory stay with this process."""
    with suppress(AttributeError):
        _libc.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        _libc.mallopt(_MMAP_THRESHOLD, _MAPPED_FROM_BYTES)


def give_back() -> None:
    """What is free goes back to the kernel now."""
    with suppress(AttributeError):
        _libc.malloc_trim(0)
