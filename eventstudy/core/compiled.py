"""Loops that are compiled where numba is installed, for many observations.

A kernel is a plain function of arrays. It is compiled when it is first needed and kept
in the cache folder; without numba there is none, and the arrays' own operations, which
are the reference, do the same.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from eventstudy.core.cache_folder import cache_root
from eventstudy.core.errors import EventStudyError

Kernel = Callable[..., None]

# From so many observations on a kernel is worth the time that loading it takes.
MANY = 5_000
# Sums may be added up in another order; what is missing stays missing.
_ORDER = {"reassoc", "contract", "nsz"}
_lock = threading.Lock()
_held: dict[Kernel, Kernel | None] = {}


def compiled(
    function: Kernel, arguments: str, *, parts: Sequence[Callable[..., Any]] = ()
) -> Kernel | None:
    """Return the compiled function, None where numba is not installed.

    arguments : a word for each. A letter and the number of axes is an array: f of
    floats, i of whole numbers, b of truth values, that are read, F of floats that are
    written and contiguous. n is a whole number, t a truth value.
    parts : plain functions that it calls
    """
    with _lock:
        if function not in _held:
            _held[function] = _compile(function, arguments, parts)
        return _held[function]


def _compile(
    function: Kernel, arguments: str, parts: Sequence[Callable[..., Any]]
) -> Kernel | None:
    try:
        import numba
        from numba.extending import register_jitable
    except ImportError:
        return None
    config, njit = vars(numba)["config"], vars(numba)["njit"]
    if config.DISABLE_JIT:
        return None
    signature = numba.void(*(_type(word) for word in arguments.split()))
    options = {"nogil": True, "error_model": "numpy", "fastmath": _ORDER}
    for part in parts:
        register_jitable(**options)(part)
    kept: Kernel
    try:
        with _cached_in(config):
            kept = njit(signature, cache=True, **options)(function)
    except (OSError, RuntimeError, EventStudyError):  # there is nowhere to keep it
        kept = njit(signature, **options)(function)
    return kept


def _type(word: str) -> Any:  # noqa: ANN401  numba has no types of its own
    from numba import types

    if word in ("n", "t"):
        return {"n": types.int64, "t": types.boolean}[word]
    letter, axes = word[0], int(word[1])
    element = {"f": types.float64, "i": types.int64, "b": types.boolean}
    read = letter in element
    return types.Array(
        element[letter.lower()], axes, "A" if read else "C", readonly=read
    )


@contextmanager
def _cached_in(config: Any) -> Iterator[None]:  # noqa: ANN401
    """Have numba keep what it compiles in our cache folder, unless it is told where."""
    told = config.CACHE_DIR
    if not told:
        config.CACHE_DIR = str(cache_root() / "compiled")
    try:
        yield
    finally:
        config.CACHE_DIR = told
