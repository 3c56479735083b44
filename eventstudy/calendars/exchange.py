"""Sessions of exchanges: when they open and close, as instants.

A *session* is a date on which an exchange trades; its *close* is an instant.
"""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from eventstudy.calendars.cache import Sessions, keep_sessions, read_sessions
from eventstudy.core.abnormal import IntArray
from eventstudy.core.errors import DataError, SpecError, nearest_of

ALWAYS_OPEN = "24/7"
Period = Literal["daily", "weekly", "monthly"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = EPOCH.toordinal()
MICROSECOND = timedelta(microseconds=1)
_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calendar:
    """Sessions of one exchange; the arrays are ascending and read-only.

    Parameters
    ----------
    name : str
        An exchange_calendars name, ``24/7``, or the name given to a list of dates.
    sessions : ndarray of int, (S,)
        Days since 1970-01-01.
    opens_utc, closes_utc : ndarray of int, (S,)
        Microseconds since 1970-01-01 00:00 UTC.
    zone : str
        IANA zone of the exchange, which says what the local date of an instant is.
    hours : bool
        False where only dates are known and a session is its whole local day.
    period : {"daily", "weekly", "monthly"}
        What a session is: a day, or a week or month, whose last day it is named after.

    Examples
    --------
    >>> crypto = get_calendar("24/7", start=date(2021, 6, 1), end=date(2021, 6, 30))
    >>> crypto.name, crypto.sessions.shape, crypto.hours
    ('24/7', (30,), True)
    """

    name: str
    sessions: IntArray
    opens_utc: IntArray
    closes_utc: IntArray
    zone: str
    hours: bool = True
    period: Period = "daily"


def get_calendar(name: str, *, start: date, end: date) -> Calendar:
    """Return the sessions of an exchange from ``start`` to ``end``, both included.

    A calendar that is recorded for a part of the range only gives that part. Calendars
    are kept, those of exchanges in the cache folder too, so asking twice is free.

    Parameters
    ----------
    name : str
        An exchange_calendars name or alias (``XNYS``, ``XLON``, ``NASDAQ``), or
        ``24/7``, whose sessions are the UTC days.
    start, end : datetime.date
        First and last date.

    Returns
    -------
    Calendar
        The sessions with their hours.

    Raises
    ------
    SpecError
        For an unknown name, and a range of which nothing can be had.

    Examples
    --------
    >>> calendar = get_calendar("24/7", start=date(2021, 6, 1), end=date(2021, 6, 30))
    >>> calendar.zone, len(calendar.sessions)
    ('UTC', 30)
    """
    if start >= end:
        raise SpecError(
            f"calendar {name!r}: the range {start}..{end} is empty; "
            "give a start before the end"
        )
    if name == ALWAYS_OPEN:
        return _always_open(day_number(start), day_number(end))
    return _between(name, start, end)


def calendar_from_dates(
    dates: Iterable[date], *, name: str = "prices", zone: str = "UTC"
) -> Calendar:
    """Return a calendar whose sessions are the dates at hand.

    Trading hours being unknown, a session lasts its whole local day: it closes at
    24:00 in ``zone``, so news after the true close maps to the day itself instead of
    the next. `DayZero.reason` says so.

    Parameters
    ----------
    dates : iterable of datetime.date
        Dates of the sessions, in any order; they may repeat.
    name : str
        Name of the calendar.
    zone : str
        IANA zone of the exchange.

    Returns
    -------
    Calendar
        The sessions, each as long as its local day.

    Raises
    ------
    DataError
        For no dates, or a missing one.
    SpecError
        For an unknown zone.

    Examples
    --------
    >>> calendar_from_dates([date(2021, 6, 18), date(2021, 6, 21)]).sessions
    array([18796, 18799])
    """
    days = np.unique(np.array(list(dates), dtype="datetime64[D]"))
    if not days.size or np.isnat(days).any():
        raise DataError(
            f"calendar {name!r}: {'a date is missing' if days.size else 'no dates'}; "
            "give the dates of the sessions"
        )
    return calendar_of_days(days.astype(np.int64), name=name, zone=zone)


def calendar_of_days(days: IntArray, *, name: str, zone: str = "UTC") -> Calendar:
    """Return a calendar of days since 1970-01-01, ascending; see the function above."""
    sessions = np.array(days, np.int64)
    tz = zone_of(zone)
    opens = [_local_midnight(day, tz) for day in sessions.tolist()]
    closes = [_local_midnight(day + 1, tz) for day in sessions.tolist()]
    return _calendar(
        name, sessions, np.array(opens), np.array(closes), zone, hours=False
    )


def _calendar(
    name: str,
    sessions: IntArray,
    opens: IntArray,
    closes: IntArray,
    zone: str,
    *,
    hours: bool = True,
) -> Calendar:
    for array in (sessions, opens, closes):
        array.setflags(write=False)  # calendars are kept and shared
    return Calendar(
        name=name,
        sessions=sessions,
        opens_utc=opens,
        closes_utc=closes,
        zone=zone,
        hours=hours,
    )


def day_number(day: date) -> int:
    """Return the days since 1970-01-01."""
    return day.toordinal() - _EPOCH_ORDINAL


def day_of(days: int) -> date:
    """Return the date so many days after 1970-01-01."""
    return date.fromordinal(days + _EPOCH_ORDINAL)


@lru_cache(maxsize=128)
def _always_open(first: int, last: int) -> Calendar:
    sessions = np.arange(first, last + 1, dtype=np.int64)
    opens = sessions * _DAY_US
    return _calendar(ALWAYS_OPEN, sessions, opens, opens + _DAY_US, "UTC")


@lru_cache(maxsize=128)
def _between(name: str, start: date, end: date) -> Calendar:
    """Cut a calendar of whole years, which other ranges can share, if there is one."""
    january, december = f"{start.year:04}-01-01", f"{end.year:04}-12-31"
    try:
        whole = _kept(name, january, december)
    except SpecError:  # recorded for a part of these years only, or unknown
        return _kept(name, start.isoformat(), end.isoformat())
    first, stop = np.searchsorted(
        whole.sessions, [day_number(start), day_number(end) + 1]
    )
    if first == stop:
        raise SpecError(
            f"calendar {name!r} has no sessions from {start} to {end}; choose another "
            "range"
        )
    return replace(
        whole,
        sessions=whole.sessions[first:stop],
        opens_utc=whole.opens_utc[first:stop],
        closes_utc=whole.closes_utc[first:stop],
    )


@lru_cache(maxsize=128)
def _kept(name: str, start: str, end: str) -> Calendar:
    found = read_sessions(name, start, end)
    if found is None:
        found = _from_exchange_calendars(name, start, end)
        keep_sessions(found, name, start, end)
    return _calendar(found.name, found.days, found.opens, found.closes, found.zone)


def reach(name: str) -> tuple[int, int]:
    """Return the first and the last day for which an exchange's sessions are known."""
    if name == ALWAYS_OPEN:
        return day_number(date.min), day_number(date.max)
    return _reach(name)


@lru_cache(maxsize=128)
def _reach(name: str) -> tuple[int, int]:
    import exchange_calendars as xc

    with _quiet_pandas():
        source = xc.get_calendar(name)
    bounds = (source.bound_min(), source.bound_max())
    ends = (date.min, date.max)
    first, last = (
        day_number(end if bound is None else bound.date())
        for bound, end in zip(bounds, ends, strict=True)
    )
    return first, last


def _from_exchange_calendars(name: str, start: str, end: str) -> Sessions:
    import exchange_calendars as xc

    known = xc.get_calendar_names(include_aliases=True)
    if name not in known:
        near = nearest_of(name, known)
        raise SpecError(
            f"unknown calendar {name!r}{'; near: ' if near else ''}{', '.join(near)}; "
            "give a name of exchange_calendars (XNYS, XLON, XHKG) or '24/7'"
        )
    with _quiet_pandas():
        try:
            source = xc.get_calendar(name, start=start, end=end)
        except (ValueError, NotImplementedError, xc.errors.CalendarError) as error:
            first, last = (day_of(day).isoformat() for day in reach(name))
            inside = max(start, first), min(end, last)
            if inside != (start, end) and inside[0] < inside[1]:
                return _from_exchange_calendars(name, *inside)
            raise SpecError(
                f"calendar {name!r} cannot be had from {start} to {end}: "
                f"{str(error)[:200]}; choose another range, another calendar, or "
                "'prices'"
            ) from error
        return Sessions(
            name=source.name,
            zone=str(source.tz),
            days=source.sessions.to_numpy().astype("datetime64[D]").astype(np.int64),
            opens=_microseconds(source.opens),
            closes=_microseconds(source.closes),
        )


@contextmanager
def _quiet_pandas() -> Iterator[None]:
    """Silence what pandas announces to exchange_calendars, not to our users."""
    with warnings.catch_warnings():
        for message in (
            "Series.values returning an ndarray",
            "DatetimeIndex.weekday is deprecated",
        ):
            warnings.filterwarnings("ignore", message, DeprecationWarning)
        yield


def _microseconds(series: object) -> IntArray:
    naive = series.dt.tz_convert(None).to_numpy()  # type: ignore[attr-defined]
    instants: IntArray = naive.astype("datetime64[us]").astype(np.int64)
    return instants


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone of an IANA name; raise `SpecError` if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SpecError(
            f"unknown time zone {name!r}; give an IANA name such as 'America/New_York'"
        ) from error


def _local_midnight(day: int, zone: ZoneInfo) -> int:
    local = datetime.combine(day_of(day), datetime.min.time(), tzinfo=zone)
    return (local - EPOCH) // MICROSECOND
