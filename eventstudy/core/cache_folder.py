"""Where things are kept that can be had again."""

import os
import tempfile
from pathlib import Path

from eventstudy.core.errors import SourceError

CACHE_VARIABLE = "EVENTSTUDY_CACHE"


def cache_root(folder: str | Path | None = None) -> Path:
    """Return the cache folder: the one given, $EVENTSTUDY_CACHE, or the user's own.

    Users without a home have a folder of theirs among the temporary ones.
    """
    if folder is not None:
        return Path(folder)
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named)
    import platformdirs

    try:
        own = platformdirs.user_cache_path("eventstudy", appauthor=False)
    except RuntimeError:
        return _without_home()
    return own if own.is_absolute() else _without_home()


def _without_home() -> Path:
    """Return a folder beside other temporary ones that nobody else can write.

    Raises `SourceError` where somebody else has made it.
    """
    user = os.getuid()
    folder = Path(tempfile.gettempdir()) / f"eventstudy-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        held = folder.lstat()
        if held.st_uid == user and not folder.is_symlink() and not held.st_mode & 0o022:
            return folder
        why = "it is not yours alone"
    except OSError as error:
        why = str(error.strerror)
    raise SourceError(
        f"there is no home folder, and the cache cannot be in {folder} ({why}); name "
        f"another folder with --cache or ${CACHE_VARIABLE}"
    )
