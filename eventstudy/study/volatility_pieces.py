"""What is compared before and after events: returns and ranges per session."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from eventstudy.calendars import Calendar
from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.core.windows import select
from eventstudy.panel.series import Quotes, on_sessions
from eventstudy.prices.table import LEVEL
from eventstudy.spec import StudySpec
from eventstudy.study.estimate import Estimate, Estimator
from eventstudy.study.observation_tables import keys
from eventstudy.study.samples import Fitted
from eventstudy.volatility import MEASURES, MeasureEntry, log_ranges
from eventstudy.volatility.spread import measures_of

RETURNS = "returns"
ABNORMAL = "abnormal returns"
_ROWS = 512  # histories that are held at once beside what they give


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """One measure of some observations on their calendars, and who they are.

    keys : event_id, asset, group, model, headline, day0, one row per observation
    calendar : E names;  values : (A, S, ...) per session, nan = missing
    row : (E,) each observation's row of ``values``;  day0 : (E,) its column of day 0
    near_events : (A, S) lies near some event's day 0
    """

    keys: pl.DataFrame
    calendar: list[str]
    measure: MeasureEntry
    values: Array
    row: IntArray
    day0: IntArray
    near_events: BoolArray

    @property
    def model(self) -> str | None:
        """The model setting of the returns, None for raw prices."""
        name: str | None = self.keys["model"][0]
        return name


def pieces(
    spec: StudySpec,
    fitted: Fitted,
    calendars: Mapping[str, Calendar],
    prices: pl.DataFrame,
) -> list[Piece]:
    """Return every measure of returns, abnormal returns and ranges.

    Those that single observations are tested on come first, by block of fits.
    """
    out = return_pieces(spec, fitted)
    quotes = by_symbol(prices)
    for piece in plain(out, RETURNS):
        out += _as(piece, RETURNS, single=False)
        out += _ranges(piece, calendars, quotes)
    for piece in plain(out, ABNORMAL):
        out += _as(piece, ABNORMAL, single=False)
    return out


def return_pieces(spec: StudySpec, fitted: Fitted) -> list[Piece]:
    """Return raw and abnormal returns of every block of fits.

    Raw returns do not depend on a model; an asset has them once, on the calendar of
    its first model setting.
    """
    out: list[Piece] = []
    done: set[str] = set()
    for estimator, estimates in fitted:
        fresh = set(estimator.panel.calendar) - done
        for estimate in estimates:
            if not len(estimate.rows):
                continue
            raw = _raw(spec, estimator, estimate)
            if held := [asset in fresh for asset in raw.keys["asset"]]:
                kept = keep(raw, np.array(held, np.bool_))
                if len(kept.row):
                    out += _as(kept, RETURNS, single=True)
            abnormal = _abnormal(spec, estimator, estimate, raw)
            out += _as(abnormal, ABNORMAL, single=True)
        done |= fresh
    return out


def _as(piece: Piece, series: str, *, single: bool) -> list[Piece]:
    """Return the measures of a series, of the values of one of them."""
    entries = measures_of(series, single=single)
    return [replace(piece, measure=entry) for entry in entries]


def plain(held: Sequence[Piece], series: str) -> list[Piece]:
    """Return the pieces of a series once, whatever is measured of it."""
    first = measures_of(series, single=True)[0]
    return [piece for piece in held if piece.measure is first]


def _raw(spec: StudySpec, estimator: Estimator, estimate: Estimate) -> Piece:
    panel = estimator.panel
    who = keys(estimator, estimate)
    _, first, row = np.unique(
        panel.asset[estimate.rows], return_index=True, return_inverse=True
    )
    held = panel.history(estimate.rows[first], simple=spec.returns == "simple")
    return Piece(
        keys=who.with_columns(model=pl.lit(None, pl.String)),
        calendar=[panel.calendar[asset] for asset in who["asset"]],
        measure=measures_of(RETURNS, single=True)[0],
        values=held.y / np.sqrt(held.span),
        row=row,
        day0=panel.day0[estimate.rows],
        near_events=held.near_events,
    )


def keep(piece: Piece, kept: BoolArray) -> Piece:
    """Return some observations of a piece, (E,) of them wanted."""
    return replace(
        piece,
        keys=piece.keys.filter(pl.Series(kept)),
        calendar=[c for c, k in zip(piece.calendar, kept, strict=True) if k],
        row=piece.row[kept],
        day0=piece.day0[kept],
    )


def _abnormal(
    spec: StudySpec, estimator: Estimator, estimate: Estimate, raw: Piece
) -> Piece:
    panel, simple = estimator.panel, spec.returns == "simple"
    n_obs = len(estimate.rows)
    shape = n_obs, int(panel.length[estimate.rows].max(initial=0))
    values, near = np.full(shape, np.nan), np.zeros(shape, np.bool_)
    for start in range(0, n_obs, _ROWS):
        part = slice(start, min(start + _ROWS, n_obs))
        held = panel.history(estimate.rows[part], simple=simple)
        meant = np.zeros(n_obs, np.bool_)
        meant[part] = True
        own = replace(estimate, wide=select(estimate.wide, meant))
        width = held.y.shape[1]
        errors = estimator.prediction_errors(own, held)
        values[part, :width] = errors / np.sqrt(held.span)
        near[part, :width] = held.near_events
    return replace(
        raw,
        keys=raw.keys.with_columns(model=pl.lit(panel.setting.name)),
        measure=measures_of(ABNORMAL, single=True)[0],
        values=values,
        row=np.arange(n_obs),
        near_events=near,
    )


def _ranges(
    piece: Piece, calendars: Mapping[str, Calendar], prices: Mapping[str, pl.DataFrame]
) -> Iterator[Piece]:
    """Yield the measures of ranges of the observations of raw returns."""
    asset = dict(zip(piece.row.tolist(), piece.keys["asset"], strict=True))
    calendar = dict(zip(piece.row.tolist(), piece.calendar, strict=True))
    values = np.full((*piece.values.shape, 4), np.nan)
    for row, symbol in asset.items():
        quotes = adjusted_prices(prices[symbol])
        found = on_calendar(quotes, calendars[calendar[row]])
        values[row, : found.shape[1]] = log_ranges(*found[:, None]).values[0]
    for entry in MEASURES.values():
        if entry.is_range:
            yield replace(piece, measure=entry, values=values)


def by_symbol(prices: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Cut prices, sorted by symbol and date, into the rows of each symbol."""
    runs = prices["symbol"].rle().struct.unnest()
    starts = runs["len"].cum_sum() - runs["len"]
    return {
        symbol: prices.slice(start, length)
        for symbol, start, length in zip(
            runs["value"], starts, runs["len"], strict=True
        )
    }


def adjusted_prices(prices: pl.DataFrame) -> pl.DataFrame:
    """Date, open, high, low and close of one symbol, scaled to the adjusted close.

    A session's range does not depend on the scale; the step from the close before to
    the open does, where a dividend or a split lies between them.
    """
    scale = (pl.col("adj_close") / pl.col("close")).fill_null(1.0)
    return prices.filter(LEVEL.is_not_null()).select(
        "date", pl.col("open", "high", "low", "close") * scale
    )


def on_calendar(table: pl.DataFrame, calendar: Calendar) -> Array:
    """Return the columns beside ``date`` on the sessions of a calendar, (C, S)."""
    if calendar.period != "daily":
        table = _bars(table, calendar)
    days = table["date"].to_physical().cast(pl.Int64).to_numpy()
    return np.array(
        [
            on_sessions(
                Quotes(days=days, closes=column.fill_null(np.nan).to_numpy()), calendar
            )
            for column in table.drop("date")
        ]
    )


def _bars(table: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """Return open, high, low and close of weeks or months, on their last days.

    A period is from the last session of the one before; one of which the close is not
    known has no bar.
    """
    sessions = calendar.sessions
    days = table["date"].to_physical().cast(pl.Int64).to_numpy()
    at = np.searchsorted(sessions, days)
    held = table.with_columns(_at=pl.Series(at)).filter(
        pl.col("_at").is_between(1, len(sessions) - 1)
    )
    ends = held["_at"].to_numpy()
    return (
        held.with_columns(_end=pl.Series(sessions[ends]).cast(pl.Int32).cast(pl.Date))
        .group_by("_end", maintain_order=True)
        .agg(
            pl.col("open").drop_nulls().first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").filter(pl.col("date") == pl.col("_end")).first(),
        )
        .drop_nulls("close")
        .rename({"_end": "date"})
    )
