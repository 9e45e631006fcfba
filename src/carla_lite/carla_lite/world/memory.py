"""Gives memory back to the system."""

import ctypes


def release_free_memory() -> None:
    """Returns what the C library keeps of freed memory, where it can be asked to (glibc).

    Painting a map takes large arrays for a moment, which glibc would hold on to for good.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
