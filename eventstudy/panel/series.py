"""Closes on sessions -> trade-to-trade returns of one asset and its factors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from eventstudy.calendars import Calendar
from eventstudy.core.abnormal import Array, IntArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quotes:
    """Closes of one symbol: days since 1970-01-01 (P,), ascending, and prices (P,).

    traded : (P,) closes as they were times the volume, nan where it is not known
    worth : (P,) market values, nan where they are not known
    """

    days: IntArray
    closes: Array
    traded: Array | None = None
    worth: Array | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """One asset and its factors on the S sessions of one calendar.

    log_return, simple_return : (S,), nan where there is none
    log_factors, simple_factors : (S, F), over the same spans
    span : (S,) sessions that the return spans, 0 where there is none
    """

    log_return: Array
    simple_return: Array
    log_factors: Array
    simple_factors: Array
    span: IntArray


def quotes_of(prices: pl.DataFrame) -> dict[str, Quotes]:
    """Return adjusted closes by symbol; rows without a price are left out."""
    nothing, known = pl.lit(float("nan")), prices.columns
    traded = pl.col("close") * pl.col("volume") if "volume" in known else nothing
    worth = pl.col("market_value") if "market_value" in known else nothing
    held = prices.select(
        "symbol",
        "date",
        close=pl.coalesce("adj_close", "close"),
        traded=traded.fill_null(float("nan")),
        worth=worth.fill_null(float("nan")),
    )
    held = held.filter(pl.col("close").is_not_null()).sort("symbol", "date")
    return {
        str(key[0]): Quotes(
            days=frame["date"].to_physical().cast(pl.Int64).to_numpy(),
            closes=frame["close"].to_numpy(),
            traded=frame["traded"].to_numpy(),
            worth=frame["worth"].to_numpy(),
        )
        for key, frame in held.partition_by(
            "symbol", as_dict=True, include_key=False
        ).items()
    }


def with_gaps(
    quotes: Quotes, calendar: Calendar, first: int, base: float
) -> tuple[Quotes, IntArray]:
    """Return levels made from returns on every session between them, and the gaps.

    A session without a return keeps the level of the one before, and is a gap: no
    return spans it. The level before the first return, ``base``, stands on the session
    before it, if the quotes begin with that return, on the day ``first``.
    """
    sessions, days = calendar.sessions, quotes.days
    inside = sessions[(sessions > days[0]) & (sessions < days[-1])]
    gaps = np.setdiff1d(inside, days)
    kept = quotes.closes[np.searchsorted(days, gaps) - 1]
    before = sessions[sessions < days[0]][-1:] if days[0] == first else sessions[:0]
    every = np.concatenate([before, days, gaps])
    order = np.argsort(every, kind="stable")
    levels = np.concatenate([np.full(len(before), base), quotes.closes, kept])

    def around(values: Array | None) -> Array | None:
        if values is None:
            return None
        nothing = np.full(len(before), np.nan), np.full(len(gaps), np.nan)
        return np.concatenate([nothing[0], values, nothing[1]])[order]

    return Quotes(
        days=every[order],
        closes=levels[order],
        traded=around(quotes.traded),
        worth=around(quotes.worth),
    ), gaps


def on_sessions(quotes: Quotes, calendar: Calendar) -> Array:
    """Return the closes on the calendar's sessions, (S,), nan where there is none."""
    at = np.searchsorted(quotes.days, calendar.sessions)
    inside = at < len(quotes.days)
    at = np.where(inside, at, 0)
    found = inside & (quotes.days[at] == calendar.sessions)
    return np.where(found, quotes.closes[at], np.nan)


def trade_to_trade(
    asset: str,
    factors: Sequence[str],
    quotes: Mapping[str, Quotes],
    calendar: Calendar,
    *,
    bridge_gaps: bool,
    riskless: str | None = None,
    shifts: Sequence[int] = (0,),
) -> Series:
    """Return the asset's returns, and its factors' over the very same spans.

    A session counts when the asset and every factor have a price there. A return runs
    from the last such session, however far back, so that a factor that trades every
    day is compounded from close to close of the asset (Maynes & Rumsey 1993,
    J. Banking & Finance 17). With ``bridge_gaps=False`` a return that would span a
    gap is missing instead. With ``riskless``, the symbol of an investment at the
    riskless rate, the asset's returns are in excess of its return over the span.

    ``shifts`` are the sessions, from that of a return, whose factor returns stand side
    by side: those of -1 are the factor's over the same span moved back by a session.
    They are the factor's own, whether the asset traded then or not; a return without
    all of them is missing.
    """
    names = [asset, *factors, *([riskless] if riskless else [])]
    levels = np.column_stack([on_sessions(quotes[name], calendar) for name in names])
    n_sessions = len(calendar.sessions)
    traded = np.flatnonzero(np.isfinite(levels).all(axis=1))
    now, before = traded[1:], traded[:-1]
    if not bridge_gaps:
        adjacent = now - before == 1
        now, before = now[adjacent], before[adjacent]
    ratio = np.full(levels.shape, np.nan)
    ratio[now] = levels[now] / levels[before]
    of_factors = np.full((n_sessions, len(factors) * len(shifts)), np.nan)
    for place in range(len(factors)):
        for at, shift in enumerate(shifts):
            moved = _moved(levels[:, 1 + place], shift)
            column = place * len(shifts) + at
            of_factors[now, column] = moved[now] / moved[before]
    span = np.zeros(n_sessions, np.int64)
    span[now] = now - before
    if len(shifts) > 1:
        lacking = ~np.isfinite(of_factors).all(axis=1)
        span[lacking], ratio[lacking], of_factors[lacking] = 0, np.nan, np.nan
    log, simple = np.log(ratio), ratio - 1.0
    if riskless:
        log[:, 0] -= log[:, -1]
        simple[:, 0] -= simple[:, -1]
    return Series(
        log_return=log[:, 0],
        simple_return=simple[:, 0],
        log_factors=np.log(of_factors),
        simple_factors=of_factors - 1.0,
        span=span,
    )


def _moved(levels: Array, shift: int) -> Array:
    """Return the level ``shift`` sessions after each, nan beyond the ends."""
    at = np.arange(len(levels)) + shift
    inside = (at >= 0) & (at < len(levels))
    return np.where(inside, levels[np.where(inside, at, 0)], np.nan)


def days_later(days: IntArray, calendar: Calendar, shift: int) -> IntArray:
    """Return the days of the sessions ``shift`` after those of some days.

    A day that is no session counts as the next one, whose return spans it.
    """
    if not shift:
        return days
    at = np.searchsorted(calendar.sessions, days) + shift
    return calendar.sessions[at[(at >= 0) & (at < len(calendar.sessions))]]


def without(series: Series, days: IntArray, calendar: Calendar) -> Series:
    """Leave out the returns that span days whose price change is wrong.

    The next return does not span them: a change of unit is in none.
    """
    log, simple = series.log_return.copy(), series.simple_return.copy()
    log_factors, simple_factors = (
        series.log_factors.copy(),
        series.simple_factors.copy(),
    )
    span = series.span.copy()
    traded = np.flatnonzero(span > 0)
    after = np.searchsorted(calendar.sessions[traded], days)
    for at in traded[after[after < len(traded)]].tolist():
        for values in (log, simple, log_factors, simple_factors):
            values[at] = np.nan
        span[at] = 0
    return Series(
        log_return=log,
        simple_return=simple,
        log_factors=log_factors,
        simple_factors=simple_factors,
        span=span,
    )
