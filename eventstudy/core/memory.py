"""Memory that nothing holds any more goes back to the system."""

import ctypes
import gc
from collections.abc import Callable
from functools import cache


def give_back() -> None:
    """Return what was freed to the system, where the C library keeps it.

    glibc keeps freed blocks for later: after arrays of some megabytes, hundreds of
    them. Other libraries return theirs by themselves.

    >>> give_back()
    """
    gc.collect()
    _trim()(0)


@cache
def _trim() -> Callable[[int], object]:
    try:
        found: Callable[[int], object] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return lambda _kept: None
    return found
