"""What compiled readers say of a damaged file is kept off the terminal.

A reader that stops inside compiled code writes its own report to the error stream
before Python hears of the fault, which the caller then tells in words of ours.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_STREAM = 2
_lock = threading.Lock()
_inside = 0
_kept: int | None = None


@contextmanager
def quiet() -> Iterator[None]:
    """Send the error stream of the process nowhere for a moment.

    Several threads may be inside at once: the last to leave brings the stream back.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def error_stream() -> int:
    """Return the descriptor that the terminal's error stream has now."""
    kept = _kept
    return _STREAM if kept is None else kept


def _enter() -> None:
    global _inside, _kept
    with _lock:
        _inside += 1
        if _inside > 1:
            return
        try:
            _kept = os.dup(_STREAM)
        except OSError:
            return  # it is closed: nothing can be said there
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, _STREAM)
        os.close(nowhere)


def _leave() -> None:
    global _inside, _kept
    with _lock:
        _inside -= 1
        if _inside or _kept is None:
            return
        os.dup2(_kept, _STREAM)
        os.close(_kept)
        _kept = None
