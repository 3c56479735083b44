"""Where every announcement falls on every calendar, for whoever checks the dates."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

import polars as pl

from eventstudy.calendars.day_zero import day_zeros
from eventstudy.calendars.exchange import Calendar


def day_zero_table(
    event_ids: Sequence[str],
    calendars: Iterable[Calendar],
    announced_utc: Sequence[datetime | None],
    announced_date: Sequence[date],
    policy: str = "next",
) -> pl.DataFrame:
    """Return where every announcement falls on every calendar.

    Parameters
    ----------
    event_ids : sequence of str
        Names of the events, n.
    calendars : iterable of Calendar
        Calendars, each of which gives n rows.
    announced_utc : sequence of datetime.datetime or None
        Instants of the announcements, n.
    announced_date : sequence of datetime.date
        Their dates, n, used where the instant is None.
    policy : {"next", "previous", "error", "drop"}
        What to do with an announcement on no session, see `day_zero`.

    Returns
    -------
    polars.DataFrame
        Columns event_id, calendar, announced_local (ISO text), announced_utc, state,
        day0, shift (days, null without day 0), reason.

    Raises
    ------
    SpecError
        For an unknown policy.
    DataError
        For a time without an offset, and with policy ``error``.

    Examples
    --------
    >>> from eventstudy.calendars import get_calendar
    >>> june = get_calendar("24/7", start=date(2021, 6, 1), end=date(2021, 6, 30))
    >>> table = day_zero_table(["summons"], [june], [None], [date(2021, 6, 21)])
    >>> table.select("calendar", "state", "day0", "shift").row(0)
    ('24/7', 'open', datetime.date(2021, 6, 21), 0)
    """
    rows = [
        (
            event_id,
            calendar.name,
            zero.announced_local,
            instant,
            zero.state,
            zero.session,
            None if zero.session is None else zero.shift,
            zero.reason,
        )
        for calendar in calendars
        for event_id, instant, zero in zip(
            event_ids,
            announced_utc,
            day_zeros(calendar, announced_utc, announced_date, policy),
            strict=True,
        )
    ]
    return pl.DataFrame(
        rows,
        schema={
            "event_id": pl.String,
            "calendar": pl.String,
            "announced_local": pl.String,
            "announced_utc": pl.Datetime("us", "UTC"),
            "state": pl.String,
            "day0": pl.Date,
            "shift": pl.Int64,
            "reason": pl.String,
        },
        orient="row",
    )
