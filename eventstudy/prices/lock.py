"""One process at a time, on one machine; the system releases the lock of the dead."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from eventstudy.core.cache_folder import CACHE_VARIABLE
from eventstudy.core.errors import SourceError

_POLL = 0.05


@contextmanager
def locked(
    path: Path, *, patience: float = 600.0, sleep: Callable[[float], None] = time.sleep
) -> Iterator[None]:
    """Hold the lock file at ``path``; it stays behind, empty, and means nothing then.

    Raises `SourceError` when the file cannot be made, and when another process holds
    it for longer than ``patience`` seconds.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise unwritable(path.parent, error) from error
    waited = 0.0
    try:
        while not _try_lock(handle):
            if waited >= patience:
                raise SourceError(
                    f"another process has been using {path.stem} for {patience:g} "
                    "seconds; wait for it, or end it"
                )
            sleep(_POLL)
            waited += _POLL
        yield
    finally:
        os.close(handle)


def unwritable(folder: Path, error: OSError) -> SourceError:
    """Return the error for a cache folder that cannot be written."""
    return SourceError(
        f"the cache folder {folder} cannot be written ({error.strerror or error}); "
        f"choose another with --cache or ${CACHE_VARIABLE}"
    )


if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
