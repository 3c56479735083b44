"""Where things are kept that can be had again."""

import os
from pathlib import Path

CACHE_VARIABLE = "EVENTSTUDY_CACHE"


def cache_root(folder: str | Path | None = None) -> Path:
    """Return the cache folder: the one given, $EVENTSTUDY_CACHE, or the user's own."""
    if folder is not None:
        return Path(folder)
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named)
    import platformdirs

    return platformdirs.user_cache_path("eventstudy", appauthor=False)
