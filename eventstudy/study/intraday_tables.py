"""Tables of announcements among intraday bars: price paths and realised variance."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from scipy import special

from eventstudy.calendars import ALWAYS_OPEN, Calendar, calendar_name, get_calendar
from eventstudy.core.abnormal import IntArray
from eventstudy.core.errors import DataError
from eventstudy.spec import StudySpec
from eventstudy.study.intraday_bars import BarFile
from eventstudy.study.schema import frame
from eventstudy.study.volatility_pieces import RETURNS, Piece, keep, plain
from eventstudy.volatility import Bars, har, path_around, realised_variance
from eventstudy.volatility.spread import MEASURES

Row = dict[str, Any]

_BEFORE, _AFTER = 120 * 60, 240 * 60
_STEP = 300
_DAY = 86_400
# Days of the baseline at least, so that its month has some months to learn from.
_LEAST_DAYS = 90
_HORIZONS = {True: (1, 7, 30), False: (1, 5, 22)}


@dataclass(frozen=True, slots=True, kw_only=True)
class IntradayTables:
    """Paths around announcements, and the variance that followed them."""

    paths: pl.DataFrame
    events: pl.DataFrame


def intraday_tables(
    spec: StudySpec, events: pl.DataFrame, files: Mapping[str, BarFile]
) -> IntradayTables:
    """Set every announcement known to the hour among the bars of every symbol.

    The variance is that of the 24 hours from the announcement, or for an
    exchange-listed symbol of day 0, against the forecast of a HAR model of the days
    before; its p-value is two-sided.
    """
    paths: list[Row] = []
    summary: list[Row] = []
    timed = events.filter(
        pl.col("announced_utc").is_not_null(), pl.col("precision") != "day"
    )
    for symbol, file in files.items():
        for row in timed.iter_rows(named=True):
            if concerns(spec, row, symbol):
                key = {"event_id": row["event_id"], "symbol": symbol}
                one, found = _around(key, file.bars, row["announced_utc"])
                paths += one
                summary.append(found | _variance(spec, symbol, file.bars, row))
    return IntradayTables(
        paths=frame("intraday", paths),
        events=frame("intraday_events", summary),
    )


def concerns(spec: StudySpec, event: Row, symbol: str) -> bool:
    """Tell whether the bars of a symbol are looked at for an announcement."""
    return symbol in (event["assets"] or [symbol]) or symbol not in spec.assets


def _seconds(instant: datetime) -> int:
    return int(instant.timestamp())


def _around(key: Row, bars: Bars, instant: datetime) -> tuple[list[Row], Row]:
    shared = key | {"bar_minutes": bars.bar / 60.0, "announced_utc": instant}
    try:
        found = path_around(bars, _seconds(instant), before=_BEFORE, after=_AFTER)
    except DataError:
        return [], shared
    shown = np.ones(len(found.seconds), np.bool_)
    if bars.bar < _STEP:
        shown = (found.seconds + _seconds(instant)) % _STEP == 0
    rows = [
        {**key, "minutes": seconds / 60.0, "log_change": change}
        for seconds, change in zip(
            found.seconds[shown].tolist(), found.path[shown].tolist(), strict=True
        )
    ]
    return rows, shared | {"n_missing": found.missing}


def _variance(spec: StudySpec, symbol: str, bars: Bars, event: Row) -> Row:
    always = calendar_name(symbol, spec.calendars) == ALWAYS_OPEN
    n_days = max(-spec.estimation[0], _LEAST_DAYS)
    days = (
        _days_before(event["announced_utc"], n_days)
        if always
        else _sessions_before(spec, symbol, event["announced_utc"], n_days)
    )
    found = realised_variance(bars, *days)
    if found.reason[-1] is not None:
        return {"reason": f"the announcement's day: {found.reason[-1]}"}
    usual = har(found.rv[None], n_estimation=n_days, horizons=_HORIZONS[always])
    event_rv = float(found.rv[-1])
    if usual.reason[0] is not None or not np.isfinite(usual.expected[0, 0]):
        return {
            "rv_event": event_rv,
            "reason": usual.reason[0] or "no bars on the day before",
        }
    z = float(usual.abnormal[0, 0] / usual.se[0, 0])
    return {
        "rv_event": event_rv,
        "rv_usual": float(np.exp(usual.expected[0, 0])),
        "ratio": float(np.exp(usual.abnormal[0, 0])),
        "pvalue": 2.0 * float(special.ndtr(-abs(z))),
    }


def _days_before(instant: datetime, n_days: int) -> tuple[IntArray, IntArray]:
    """The 24 hours from the announcement, the last row, and the days up to it."""
    opens = _seconds(instant) + _DAY * np.arange(-n_days, 1)
    return opens, opens + _DAY


def _sessions_before(
    spec: StudySpec, symbol: str, instant: datetime, n_days: int
) -> tuple[IntArray, IntArray]:
    """Day 0, the last row, and the sessions up to it."""
    day = instant.astimezone(UTC).date()
    calendar = get_calendar(
        calendar_name(symbol, spec.calendars),
        start=day - timedelta(days=2 * n_days + 15),
        end=day + timedelta(days=15),
    )
    closes = calendar.closes_utc // 1_000_000
    last = int(np.searchsorted(closes, _seconds(instant), side="right")) + 1
    rows = slice(last - n_days - 1, last)
    return calendar.opens_utc[rows] // 1_000_000, closes[rows]


def realised_pieces(
    held: Sequence[Piece],
    calendars: Mapping[str, Calendar],
    files: Mapping[str, BarFile],
) -> Iterator[Piece]:
    """Yield the realised variances of the sessions of assets that have bars.

    held : pieces of a study; the observations are those of the raw returns
    """
    entries = [entry for entry in MEASURES.values() if entry.of == "bars"]
    for piece in plain(held, RETURNS):
        inside = piece.keys["asset"].is_in(list(files)).to_numpy()
        if not inside.any():
            continue
        part = keep(piece, inside)
        values = np.full(part.values.shape, np.nan)
        for row in np.unique(part.row).tolist():
            at = int(np.flatnonzero(part.row == row)[0])
            calendar = calendars[part.calendar[at]]
            found = realised_variance(
                files[part.keys["asset"][at]].bars,
                calendar.opens_utc // 1_000_000,
                calendar.closes_utc // 1_000_000,
            )
            values[row, : len(found.rv)] = found.rv
        for entry in entries:
            yield replace(part, measure=entry, values=values)
