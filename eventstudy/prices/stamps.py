"""Times at 00:00 UTC in prices: the start of their day, or a snapshot at its end.

A daily bar is stamped with the start of its day (or its date), and that day is its
session. A *snapshot* at midnight is the price at the end of the day before, so its
session is that day. Which it is, only the writer of the file knows:

- columns that are known for it (``snapped_at``) hold snapshots;
- dates, times elsewhere than at 00:00 UTC, times beside open, high or low, and opening
  times (``open_time``) are sessions as they stand;
- else the user is asked for ``stamps``.
"""

import re
from typing import NamedTuple

import polars as pl

from eventstudy.core.errors import DataError, Problem, SpecError

SNAPSHOTS = ("snapped_at",)
STAMPS = ("start", "end")

_MIDNIGHT_UTC = r"^\d{4}-\d{2}-\d{2}[T ]00:00(?::00(?:\.0+)?)?\s*(?:Z|UTC|[+-]00:?00)$"
# A snapshot may be taken some minutes late.
_LATE = (
    r"^(\d{4}-\d{2}-\d{2})[T ]00:[0-5]\d:[0-5]\d(?:\.\d+)?(\s*(?:Z|UTC|[+-]00:?00))$"
)
_HOUR_US = 3_600_000_000


class Stamps(NamedTuple):
    """Times as they are to be read, and whether they end the day of their price."""

    times: pl.Series
    end: bool


def read_stamps(
    times: pl.Series, column: str, *, close_only: bool, stamps: str, file: str
) -> Stamps:
    """Tell whether times are snapshots at midnight; bring late ones to midnight.

    close_only : there is a price without open, high and low;  stamps : what the user
    says, "start", "end" or ""
    Raises `DataError` where it must be asked, `SpecError` for an unknown ``stamps``.
    """
    if stamps not in (*STAMPS, ""):
        known = " or ".join(map(repr, STAMPS))
        raise SpecError(f"stamps = {stamps!r}; wanted {known}")
    plain = _plain(column)
    if stamps == "end" or (not stamps and plain in SNAPSHOTS):
        moved = _to_midnight(times)
        return Stamps(moved, end=_at_midnight_utc(moved))
    if stamps or not close_only or "open" in plain or not _at_midnight_utc(times):
        return Stamps(times, end=False)
    problem = Problem(
        message="all times are at 00:00 UTC: a snapshot at midnight is the close of "
        "the day that ended, the stamp of a daily bar is that of the day that begins; "
        'say which with stamps = "end" or stamps = "start"',
        file=file,
        column=column,
        value=str(times[0]),
    )
    raise DataError("it is not clear to which day the prices belong", [problem])


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")


def _at_midnight_utc(times: pl.Series) -> bool:
    """Tell whether a column holds times, not dates, and all of them at 00:00 UTC."""
    held = times.drop_nulls()
    if not len(held):
        return False
    if isinstance(held.dtype, pl.Datetime):
        in_utc = held.dtype.time_zone in ("UTC", "Etc/UTC", "+00:00")
        return in_utc and bool((held.dt.truncate("1d") == held).all())
    if held.dtype == pl.String:
        return bool(held.str.contains(_MIDNIGHT_UTC).all())
    return False


def _to_midnight(times: pl.Series) -> pl.Series:
    if isinstance(times.dtype, pl.Datetime):
        day = times.dt.truncate("1d")
        late = (times - day).dt.total_microseconds() < _HOUR_US
        return (
            times.to_frame("t")
            .select(pl.when(late).then(day).otherwise(pl.col("t")))
            .to_series()
        )
    if times.dtype == pl.String:
        return times.str.replace(_LATE, "$1 00:00:00$2")
    return times
