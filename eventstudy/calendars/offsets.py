"""Offsets from UTC that an exchange's own clock did not have on the day."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from eventstudy.calendars.exchange import Calendar, zone_of

_READING = re.compile(
    r"(?P<local>[0-9-]{10}[T ][0-9:.]{5,15})(?P<offset>[+-][0-9]{2}:[0-9]{2})"
)


def foreign_offset(announced_at: str, calendar: Calendar) -> str | None:
    """Return the offset that the exchange had, if another of its year is written.

    A catalogue may be written by any clock. An offset that the exchange's zone has at
    another time of the year, and not on that day, is likely a slip: winter time in
    summer.

    >>> from datetime import date
    >>> from eventstudy.calendars import get_calendar
    >>> xnys = get_calendar("XNYS", start=date(2021, 8, 2), end=date(2021, 8, 6))
    >>> foreign_offset("2021-08-03T15:45-05:00", xnys)
    '-04:00'
    >>> foreign_offset("2021-08-03T15:45+08:00", xnys)
    """
    match = _READING.fullmatch(announced_at)
    if match is None:
        return None
    zone = zone_of(calendar.zone)
    local = datetime.fromisoformat(match["local"])
    written = datetime.fromisoformat(match[0]).utcoffset()
    had = [local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1)]
    of_year = {
        datetime(local.year, month, 1, 12, tzinfo=UTC).astimezone(zone).utcoffset()
        for month in range(1, 13)
    }
    if written in had or written not in of_year:
        return None
    return _text(had[0])


def offset_warnings(
    event_id: str, announced_at: str, calendars: Sequence[Calendar]
) -> list[str]:
    """Say which exchanges had another offset than the one written for an event."""
    out: dict[str, list[str]] = {}
    for calendar in calendars:
        right = foreign_offset(announced_at, calendar)
        if right is not None:
            out.setdefault(right, []).append(calendar.name)
    return [
        f"{event_id}: {announced_at} has the offset {announced_at[-6:]}, which the "
        f"clocks of {', '.join(names)} did not show that day: there it was {right}. "
        "Correct it, or name the zone of the clock that was read"
        for right, names in out.items()
    ]


def _text(offset: timedelta | None) -> str:
    minutes = round((offset or timedelta()).total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
