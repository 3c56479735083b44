"""Whether a download is what was asked for: usable closes, on nearly all sessions."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from eventstudy.prices.provider import Chart, NoPricesError

# Weekdays without holidays are some 96 % of all; fewer than this lack sessions.
_NEARLY_ALL = 0.85
_DAYS_OPEN = {"CRYPTOCURRENCY": "1111111"}
_HOLE = timedelta(days=10)  # longer than any row of holidays, but a few


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a download has of its span.

    held, expected : sessions;  start, end : the last stretch without a hole
    """

    held: int
    expected: int
    start: date
    end: date

    @property
    def whole(self) -> bool:
        """Whether nearly all sessions are there."""
        return self.held >= _NEARLY_ALL * self.expected


def judged(chart: Chart, start: date | None, end: date) -> Judged:
    """Judge daily bars by the sessions of their span, from the first trade on.

    start : None where all was asked for that there is
    Raises `NoPricesError` for bars without one usable close, or without adjustment.
    """
    closes, adjusted = chart.frame["close"], chart.frame["adj_close"]
    usable = (closes > 0) & closes.is_finite()
    if not usable.fill_null(value=False).any():
        raise NoPricesError(f"not one usable close of {chart.symbol} in that span")
    if not (adjusted > 0).fill_null(value=False).any():
        raise NoPricesError(f"no adjusted close of {chart.symbol} in that span")
    if not (chart.frame["split"].drop_nulls() > 0).all():
        raise NoPricesError(f"a split of {chart.symbol} that is no ratio")
    days = chart.frame.filter(usable.fill_null(value=False))["date"].unique().sort()
    first, last = days[0], days[-1]
    begin = max(start or first, chart.first_trade or start or first)
    weekmask = _DAYS_OPEN.get(chart.instrument, "1111100")
    expected = int(np.busday_count(begin, end + timedelta(days=1), weekmask=weekmask))
    held = int(days.is_between(begin, end).sum())
    holes = days.filter(days.diff().fill_null(timedelta(0)) > _HOLE)
    since = (
        begin
        if len(holes) == 0 and first - begin <= _HOLE
        else (holes[-1] if len(holes) else first)
    )
    until = end if end - last <= _HOLE else last
    return Judged(held=held, expected=max(expected, 1), start=since, end=until)
