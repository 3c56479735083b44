"""One process at a time, on one machine; the system releases the lock of the dead."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eventstudy.core.cache_folder import CACHE_VARIABLE
from eventstudy.core.errors import SourceError


@contextmanager
def locked(path: Path, *, patience: float = 600.0) -> Iterator[None]:
    """Hold the lock file at ``path``; where it stays behind, it means nothing.

    Raises `SourceError` when the file cannot be made, and when another process holds
    it for longer than ``patience`` seconds.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=patience)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise SourceError(
            f"another process has been using {path.stem} for {patience:g} "
            "seconds; wait for it, or end it"
        ) from None
    except OSError as error:
        raise unwritable(path.parent, error) from error
    try:
        yield
    finally:
        lock.release()


def unwritable(folder: Path, error: Exception) -> SourceError:
    """Return the error for a cache folder that cannot be written."""
    why = getattr(error, "strerror", None) or f"{error}".partition("\n")[0]
    return SourceError(
        f"the cache folder {folder} cannot be written ({why}); is the disk full? Or "
        f"choose another with --cache or ${CACHE_VARIABLE}"
    )
