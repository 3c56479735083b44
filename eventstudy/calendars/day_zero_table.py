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
    """Return one row per event and calendar.

    Columns: event_id, calendar, announced_local (ISO text), announced_utc, state,
    day0, shift (days, null without day 0), reason.
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
