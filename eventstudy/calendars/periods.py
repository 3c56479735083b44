"""Weeks and months of a calendar, each of which ends with its last session.

A week begins on Monday, or on Sunday where an exchange trades on Sundays and not on
Fridays. An announcement belongs to the week or month of the session that is its day 0.
"""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np

from eventstudy.calendars.day_zero import DayZero
from eventstudy.calendars.exchange import Calendar, Period, day_number, day_of
from eventstudy.core.abnormal import IntArray
from eventstudy.core.periods import PERIODS

DAYS = {"daily": 1.6, "weekly": 7.0, "monthly": 31.0}
"""Calendar days of a period, at most; of a session, generously: 252 are in a year."""
SHORTEST = {"daily": 1, "weekly": 7, "monthly": 28}
"""Calendar days of a period, at least."""

_MONDAY, _SUNDAY = 3, 4  # of day 0, 1970-01-01, a Thursday, since the week began
_DAY = timedelta(days=1)
_REST = timedelta(days=14)  # more than any exchange rests


def whole_periods(first: date, last: date, period: Period) -> tuple[date, date]:
    """Return the dates with whole periods around both of them.

    >>> whole_periods(date(2021, 6, 23), date(2021, 6, 23), "monthly")
    (datetime.date(2021, 5, 31), datetime.date(2021, 7, 1))
    """
    if period == "daily":
        return first, last
    days: IntArray = np.arange(day_number(first) - 31, day_number(last) + 32)
    names = _names(days, period, _MONDAY)
    start, end = np.searchsorted(days, [day_number(first), day_number(last)])
    begins = np.searchsorted(names, names[start])
    ends = np.searchsorted(names, names[end], side="right")
    return day_of(int(days[begins]) - 1), day_of(int(days[ends - 1]) + 1)


def last_day(day: date, ahead: int, period: Period) -> date:
    """Return the last day of the week or month that is ``ahead`` ones after a day's.

    >>> last_day(date(2021, 9, 24), 4, "weekly").isoformat()
    '2021-10-24'
    >>> last_day(date(2021, 9, 24), 4, "monthly").isoformat()
    '2022-01-31'
    """
    if period == "weekly":
        return whole_periods(day, day + timedelta(weeks=ahead), period)[1] - _DAY
    months = 12 * day.year + day.month + ahead  # of the month after, from 0
    return date(months // 12, months % 12 + 1, 1) - _DAY


def in_periods(calendar: Calendar, period: Period, until: date | None) -> Calendar:
    """Return a calendar whose sessions are the last ones of its weeks or months.

    A session opens with the first one of its period. A last period that has sessions
    after those at hand, or may have, is left out: it has not ended.

    until : the date up to which sessions are known; None: that of the last one

    >>> from eventstudy.calendars import get_calendar
    >>> june = get_calendar("24/7", start=date(2021, 6, 1), end=date(2021, 6, 30))
    >>> weeks = in_periods(june, "weekly", None)
    >>> [day_of(day).isoformat() for day in weeks.sessions.tolist()]
    ['2021-06-06', '2021-06-13', '2021-06-20', '2021-06-27']
    """
    if period == "daily":
        return calendar
    sessions = calendar.sessions
    weekdays = np.bincount((sessions + _MONDAY) % 7, minlength=7)
    begins = _SUNDAY if weekdays[6] > 2 * weekdays[4] else _MONDAY
    names = _names(sessions, period, begins)
    last = np.flatnonzero(np.append(names[1:] != names[:-1], True))
    first = np.append(0, last[:-1] + 1)
    known = int(sessions[-1])
    if until is not None and until - day_of(known) <= _REST:
        known = max(known, day_number(until))
    ahead: IntArray = np.arange(known + 1, known + 32)
    same = _names(ahead, period, begins) == names[-1]
    if (same & (weekdays[(ahead + _MONDAY) % 7] > 0)).any():
        first, last = first[:-1], last[:-1]
    return replace(
        calendar,
        sessions=sessions[last],
        opens_utc=calendar.opens_utc[first],
        closes_utc=calendar.closes_utc[last],
        period=period,
    )


def of_period(zero: DayZero, calendar: Calendar) -> DayZero:
    """Return day 0 with the place of its period among a calendar's; the date stays."""
    if calendar.period == "daily" or zero.session is None:
        return zero
    place = int(np.searchsorted(calendar.sessions, day_number(zero.session)))
    if place < len(calendar.sessions):
        return replace(zero, index=place)
    reason = (
        f"in a {PERIODS[calendar.period]} that has not ended with the prices at hand"
    )
    return replace(zero, index=None, session=None, shift=0, reason=reason)


def _names(days: IntArray, period: Period, begins: int) -> IntArray:
    """Return a number for the period of each day, ascending."""
    if period == "weekly":
        return (days + begins) // 7
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
