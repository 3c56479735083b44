"""Sessions of exchanges kept between runs: building them takes most of a second.

A file belongs to one version of exchange_calendars, which alone says what is in it.
Whatever goes wrong here only costs the time to build the sessions again.
"""

import os
import re
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eventstudy.core.abnormal import IntArray
from eventstudy.core.cache_folder import cache_root
from eventstudy.core.files import BAD_ZIP

# What a file that was cut or changed can raise; it is built anew then.
_UNSOUND = (*BAD_ZIP, KeyError, MemoryError, OverflowError)
_NAME = re.compile(r"[A-Za-z0-9_]{1,30}")


class Sessions(NamedTuple):
    """Sessions of an exchange as exchange_calendars knows them.

    days : since 1970-01-01;  opens, closes : microseconds since 1970-01-01 00:00 UTC
    """

    name: str
    zone: str
    days: IntArray
    opens: IntArray
    closes: IntArray


def read_sessions(name: str, start: str, end: str) -> Sessions | None:
    """Return the sessions that were kept, None where there are none that are sound."""
    path = _path(name, start, end)
    if path is None:
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            found = Sessions(
                str(held["name"]),
                str(held["zone"]),
                *(held[part].astype(np.int64) for part in ("days", "opens", "closes")),
            )
    except _UNSOUND:
        return None
    days, opens, closes = found.days, found.opens, found.closes
    sound = days.ndim == 1 and 0 < days.size == opens.size == closes.size
    return found if sound and (np.diff(days) > 0).all() else None


def keep_sessions(found: Sessions, name: str, start: str, end: str) -> None:
    """Keep sessions for the next run, if the cache folder can be written."""
    path = _path(name, start, end)
    if path is None:
        return
    new = path.with_name(f".{path.stem}.{os.getpid()}.npz")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            np.savez(
                new,
                name=np.array(found.name),
                zone=np.array(found.zone),
                days=found.days,
                opens=found.opens,
                closes=found.closes,
            )
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)


def _path(name: str, start: str, end: str) -> Path | None:
    """Return the file's path, None for a name that is no exchange's."""
    if not _NAME.fullmatch(name):
        return None
    made_by = version("exchange_calendars")
    return cache_root() / "calendars" / f"{name}.{start}.{end}.{made_by}.npz"
