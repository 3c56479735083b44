"""Which dates the prices of a study must have."""

from datetime import date, timedelta

import polars as pl

from eventstudy.calendars.periods import DAYS, last_day
from eventstudy.spec import StudySpec

_OF_VOLATILITY = ("volatility", "garch", "intraday")  # parts with its windows
_WEEKEND = timedelta(days=3)


def needed_dates(spec: StudySpec, events: pl.DataFrame) -> tuple[date, date]:
    """Return the dates of the prices: all windows, and a year of history before."""
    first, last = events["announced_date"].min(), events["announced_date"].max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    windows = [spec.event_window]
    if any(part in spec.parts for part in _OF_VOLATILITY):
        windows += [spec.volatility_pre, spec.volatility_event, spec.volatility_post]
    back = -min(start for start, _ in (spec.estimation, *windows))
    ahead = max(end for _, end in windows)
    each = DAYS[spec.frequency]
    margin = 10 if spec.frequency == "daily" else 10 + int(each)
    return (
        first - timedelta(days=int(each * back) + 365),
        last + timedelta(days=int(each * max(ahead, 0)) + margin),
    )


def last_used(
    spec: StudySpec, events: pl.DataFrame, latest: object, most: date
) -> date:
    """Return the end of the last week or month whose return enters what is computed.

    A week of 30 after an announcement is most of a year, so that windows of parts which
    nobody asked for, and a margin, would miss prices that the study does not need.

    latest : last date of all prices; where they are their own calendar, it ends a
    period of which only a weekend and a holiday are left
    """
    ahead = [spec.event_window[1]]
    if any(part in spec.parts for part in _OF_VOLATILITY):
        ahead += [spec.volatility_event[1], spec.volatility_post[1]]
    last = events["announced_date"].max()
    assert isinstance(last, date)
    end = min(most, last_day(last, max(*ahead, 0), spec.frequency))
    if isinstance(latest, date) and "prices" in spec.calendars.values():
        return min(end, max(latest, end - _WEEKEND))
    return end
