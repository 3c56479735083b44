"""The quality gate: what looks wrong in prices, said before any estimate is made.

Nothing is changed here. Each finding is a row of an issues table with its severity,
rule, symbol, first date, detail and what becomes of it:

===============  ========  ==========================================================
rule             severity  finding
===============  ========  ==========================================================
gap              warning   sessions of the symbol's calendar without a close
off_session      warning   dates that are no sessions of the calendar; a guessed
                           calendar yields to the prices, see `calendars.of_prices`
ends_early       warning   the last close is before the last date that is needed
stale            warning   the same close on `STALE_RUN` sessions or more
zero_volume      warning   sessions without trade
no_volume        info      volumes that are all zero, as of an index
spike            warning   a jump that the next session takes back by half or more
split            warning   a jump by a round ratio, overnight: a split that the prices
                           are not adjusted for?
jump             warning   the same, with more trade than a split brings: news?
currency         warning   a jump by some 100 or 1/100: from pounds to pence?
same_returns     warning   the returns of two symbols are equal: one share, two names?
no_calendar      info      the sessions of the symbol are not known, so not checked
===============  ========  ==========================================================
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType

import numpy as np
import polars as pl

from eventstudy.calendars.of_prices import Assigned, assign_calendars
from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.core.errors import DataError, Problem, SpecError
from eventstudy.prices.raw import shown
from eventstudy.prices.table import Prices, issues_frame

STALE_RUN = 5
"""Sessions with one and the same close that make a run stale."""

SPIKE = 0.2
"""Smallest spike, as a log return; it must also be `SPIKE_SCALE` usual moves."""

SPIKE_SCALE = 5.0
SPLITS = (2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50)
UNIT = 100

OF_RETURNS = ("stale", "zero_volume", "spike", "jump", "split", "currency")
"""Rules that doubt a return that is used, not one that is missing."""

HELD_BACK = ("split", "currency")
"""Rules by which returns are wrong, not only unusual."""

SAME_RETURNS = "same_returns"
"""Rule of two symbols that are one share."""

BUSY = 3.0
"""Times the usual value traded from which a jump is news; a split leaves it alone."""

_USUAL_SESSIONS = 20
_COMPARED = 30  # returns that make two symbols one
_NEAR_WITH_OPEN = 0.10
_NEAR_ALONE = 0.03
_NEAR_UNIT = 0.5  # of a log ratio: prices move on the day of a change of unit, too
_LISTED = 5
_MAD_TO_SIGMA = 1.4826
_EPOCH = date(1970, 1, 1)

_LOOKED_AT = ("symbol", "date", "open", "close", "adj_close", "volume")

_Row = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Quotes:
    """Closes of one symbol that are there; days since 1970-01-01, prices (P,)."""

    symbol: str
    days: IntArray
    closes: Array
    opens: Array
    volumes: Array
    of_returns: bool


def check_quality(
    prices: Prices,
    *,
    calendars: Mapping[str, str] = MappingProxyType({}),
    start: date | None = None,
    end: date | None = None,
) -> pl.DataFrame:
    """Look for what is suspicious: gaps, stale prices, jumps like splits, spikes.

    Parameters
    ----------
    prices : Prices
        Prices; levels of factors among them are not looked at.
    calendars : mapping of str to str
        Name of a calendar by symbol, and by ``"default"``, over what the symbol tells.
    start, end : datetime.date, optional
        First and last date for which the study needs prices; what lies before is not
        looked at.

    Returns
    -------
    polars.DataFrame
        The findings, in the columns of `Prices.issues`.

    Raises
    ------
    SpecError
        For a calendar that is not known.

    Examples
    --------
    >>> from eventstudy.prices import fetch_prices
    >>> found = check_quality(fetch_prices(["BTBT"]), end=date(2021, 12, 31))
    >>> found.filter(rule="spike").select("symbol", "date").rows()
    [('BTBT', datetime.date(2021, 7, 26)), ('BTBT', datetime.date(2021, 10, 29))]
    """
    rows: list[_Row] = []
    levels = [file.symbol for file in prices.files if file.is_factor]
    frame = prices.frame.select(*_LOOKED_AT)
    if levels:
        frame = frame.filter(~pl.col("symbol").is_in(levels))
    if start is not None and frame.height and frame["date"].min() < start:  # type: ignore[operator]
        frame = frame.filter(pl.col("date") >= start)
    if not frame.height:
        return issues_frame()
    span = _span(frame, end)
    held = _quotes(frame, prices.returns)
    assigned = assign_calendars({q.symbol: q.days for q in held}, calendars)
    for quotes in held:
        symbol = quotes.symbol
        sessions, trouble = _sessions(symbol, assigned, span)
        if trouble is not None:
            rows.append(_row(symbol, None, "no_calendar", trouble, "", "info"))
        if quotes.days.size:
            if sessions is not None:
                rows += _against_sessions(quotes, sessions, end)
            elif end is not None:
                rows += _ends_early(quotes, np.array([_day(end)]), end)
            rows += [*_stale(quotes), *_volume(quotes), *_jumps(quotes)]
    rows += _same_returns(held)
    return issues_frame(rows)


def refuse_warnings(issues: pl.DataFrame) -> None:
    """Raise `DataError` listing every warning and error, if there are any."""
    bad = issues.filter(pl.col("severity") != "info")
    problems = [
        Problem(
            message=f"{row['rule']}: {row['detail']}",
            file=row["symbol"] or row["file"],
            value=None if row["date"] is None else str(row["date"]),
        )
        for row in bad.iter_rows(named=True)
    ]
    if problems:
        message = f"{len(problems)} findings in the prices, and --strict allows none"
        raise DataError(message, shown(problems))


def _quotes(frame: pl.DataFrame, returns: Container[str]) -> list[_Quotes]:
    """Cut the columns of prices into those of each symbol."""
    used = pl.col("adj_close").is_not_null()
    if frame["symbol"].rle_id().max() != frame["symbol"].n_unique() - 1:
        frame = frame.sort("symbol", "date")
    counts = frame.group_by("symbol", maintain_order=True).agg(used.sum())
    there = frame.filter(used) if frame["adj_close"].null_count() else frame
    days = there["date"].to_physical().cast(pl.Int64).to_numpy()
    closes = _floats(there["close"].fill_null(there["adj_close"]))
    opens, volumes = _floats(there["open"]), _floats(there["volume"])
    found, start = [], 0
    for symbol, count in counts.iter_rows():
        own = slice(start, start + count)
        start += count
        found.append(
            _Quotes(
                symbol=symbol,
                days=days[own],
                closes=closes[own],
                opens=opens[own],
                volumes=volumes[own],
                of_returns=symbol in returns,
            )
        )
    return found


def _floats(column: pl.Series) -> Array:
    return column.fill_null(float("nan")).to_numpy()


def _span(frame: pl.DataFrame, end: date | None) -> tuple[date, date]:
    """Return a range that covers all prices and the end, one for all calendars."""
    first, last = frame["date"].min(), frame["date"].max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    return first - timedelta(days=7), max(last, end or last) + timedelta(days=1)


def _sessions(
    symbol: str, assigned: Assigned, span: tuple[date, date]
) -> tuple[IntArray | None, str | None]:
    """Return the sessions, or why they are not known."""
    try:
        name = assigned.name_of(symbol)
        if name == "prices":
            return None, None
        return assigned.calendar(name, *span).sessions, None
    except SpecError as error:
        return None, str(error)


def _against_sessions(
    quotes: _Quotes, sessions: IntArray, end: date | None
) -> Iterator[_Row]:
    on_session = np.isin(quotes.days, sessions)
    off = quotes.days[~on_session]
    if off.size:
        yield _row(
            quotes.symbol,
            off[0],
            "off_session",
            f"{_count(off.size, 'date')} on no session of the calendar: {_list(off)}",
            "not used",
        )
    held = quotes.days[on_session]
    if not held.size:
        return
    inside = sessions[(sessions >= held[0]) & (sessions <= held[-1])]
    missing = ~np.isin(inside, held)
    what, done = "close", "the return spans the gap, or is missing, as the study says"
    if quotes.of_returns:
        what, done = "return", "out of the study"
    for start, stop in _runs(missing):
        yield _row(
            quotes.symbol,
            inside[start],
            "gap",
            f"no {what} on {_count(stop - start, 'session')}, {_text(inside[start])} "
            f"to {_text(inside[stop - 1])}",
            done,
            until=inside[stop - 1],
        )
    if end is not None:
        yield from _ends_early(quotes, sessions[sessions <= _day(end)], end)


def _ends_early(quotes: _Quotes, sessions: IntArray, end: date) -> Iterator[_Row]:
    lacking = int((sessions > quotes.days[-1]).sum())
    if lacking:
        yield _row(
            quotes.symbol,
            quotes.days[-1],
            "ends_early",
            f"the last close is of {_text(quotes.days[-1])}, needed is {end}",
            "what lies later is missing",
        )


def _stale(quotes: _Quotes) -> Iterator[_Row]:
    same = np.diff(quotes.closes) == 0
    for start, stop in _runs(same):
        length = stop - start + 1
        if length >= STALE_RUN:
            yield _row(
                quotes.symbol,
                quotes.days[start],
                "stale",
                f"the close is {quotes.closes[start]:g} on {length} sessions, "
                f"{_text(quotes.days[start])} to {_text(quotes.days[stop])}",
                "kept: their returns are zero",
                until=quotes.days[stop],
            )


def _volume(quotes: _Quotes) -> Iterator[_Row]:
    known = ~np.isnan(quotes.volumes)
    none = known & (quotes.volumes == 0)
    zero = quotes.days[none]
    if not zero.size:
        return
    if zero.size == known.sum():
        detail = "all volumes are zero, as of an index"
        kept = "volumes cannot be studied"
        yield _row(quotes.symbol, zero[0], "no_volume", detail, kept, "info")
        return
    for start, stop in _runs(none):
        days = quotes.days[start:stop]
        yield _row(
            quotes.symbol,
            days[0],
            "zero_volume",
            f"no trade on {_count(days.size, 'session')}: {_list(days)}",
            "kept: the close may be of an earlier session",
            until=days[-1],
        )


def _same_returns(held: Sequence[_Quotes]) -> Iterator[_Row]:
    """Find symbols whose returns are equal at the beginning or at the end."""
    seen: dict[bytes, _Quotes] = {}
    for quotes in held:
        moves = np.round(np.diff(np.log(quotes.closes)), 8)
        if len(moves) < _COMPARED or not moves.any():
            continue
        keys = [
            quotes.days[1:][part].tobytes() + (moves[part] + 0.0).tobytes()
            for part in (slice(_COMPARED), slice(-_COMPARED, None))
        ]
        twin = next((seen[key] for key in keys if key in seen), None)
        for key in keys:
            seen.setdefault(key, quotes)
        if twin is not None:
            yield _row(
                quotes.symbol,
                None,
                SAME_RETURNS,
                f"the returns of {twin.symbol} and {quotes.symbol} are the same: one "
                "share under two names?",
                "kept: averages count it twice",
            )


def _jumps(quotes: _Quotes) -> Iterator[_Row]:
    moves = np.diff(np.log(quotes.closes))
    if not moves.size:
        return
    usual = max(_MAD_TO_SIGMA * float(np.median(np.abs(moves))), 1e-12)
    overnight = np.log(quotes.opens[1:] / quotes.closes[:-1])
    units = np.abs(np.abs(moves) - np.log(UNIT)) < _NEAR_UNIT
    splits = _near(moves, overnight, SPLITS)
    for at in np.flatnonzero(units | splits):
        if units[at]:
            rule, asked = "currency", "another unit of currency"
        elif _busy(quotes, int(at) + 1):
            rule, asked = "jump", "news, with the trade that it brings"
        else:
            rule, asked = "split", "a split not adjusted for"
        ratio = float(np.exp(abs(moves[at])))
        yield _row(
            quotes.symbol,
            quotes.days[at + 1],
            rule,
            f"the close goes from {quotes.closes[at]:g} to {quotes.closes[at + 1]:g}, "
            f"a ratio of {ratio:.3g}: {asked}?",
            "kept as found; correct the prices if it is"
            if rule == "jump"
            else "held back where a window has it; correct the prices if it is, or say "
            "hold_back = false",
        )
    big = np.abs(moves[:-1]) > max(SPIKE, SPIKE_SCALE * usual)
    undone = np.abs(moves[:-1] + moves[1:]) <= 0.5 * np.abs(moves[:-1])
    previous = -2
    for spike in np.flatnonzero(big & undone).tolist():
        if spike == previous + 1:  # the way back of the spike before
            continue
        previous = spike
        before, peak, after = quotes.closes[spike : spike + 3]
        yield _row(
            quotes.symbol,
            quotes.days[spike + 1],
            "spike",
            f"close {peak:g} between {before:g} and {after:g}",
            "kept as found",
        )


def _busy(quotes: _Quotes, at: int) -> bool:
    """Tell whether far more was traded than before, in money; false if not known."""
    with np.errstate(invalid="ignore"):
        traded = quotes.closes * quotes.volumes
    before = traded[max(at - _USUAL_SESSIONS, 0) : at]
    before = before[np.isfinite(before)]
    if not before.size:
        return False
    return bool(traded[at] > BUSY * np.median(before))


def _near(moves: Array, overnight: Array, ratios: tuple[int, ...]) -> BoolArray:
    """Tell which moves are, both overnight and to the close, near a ratio or 1/ratio.

    Without an open the close alone must be nearer. Signs must agree, too.
    """
    logs = np.log(np.array(ratios, dtype=float))
    off_close = np.abs(np.abs(moves)[:, None] - logs)
    same_way = np.sign(overnight) == np.sign(moves)
    off_open = np.abs(np.abs(overnight)[:, None] - logs)
    both = (off_close < _NEAR_WITH_OPEN) & (off_open < _NEAR_WITH_OPEN)
    alone = np.isnan(overnight)[:, None] & (off_close < _NEAR_ALONE)
    hit: BoolArray = ((both & same_way[:, None]) | alone).any(axis=1)
    return hit


def _runs(mask: BoolArray) -> list[tuple[int, int]]:
    """Return ``(start, stop)`` of each run of True, half open."""
    edges = np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return list(zip(starts.tolist(), stops.tolist(), strict=True))


def _row(
    symbol: str,
    day: int | np.int64 | None,
    rule: str,
    detail: str,
    action: str,
    severity: str = "warning",
    *,
    until: int | np.int64 | None = None,
) -> _Row:
    return {
        "symbol": symbol,
        "date": None if day is None else _EPOCH + timedelta(days=int(day)),
        "severity": severity,
        "rule": rule,
        "detail": detail,
        "action": action,
        "until": None if until is None else _EPOCH + timedelta(days=int(until)),
    }


def _day(day: date) -> int:
    return (day - _EPOCH).days


def _text(day: int | np.int64) -> str:
    return str(_EPOCH + timedelta(days=int(day)))


def _list(days: IntArray) -> str:
    texts = [_text(day) for day in days[:_LISTED]]
    return ", ".join([*texts, "…"] if days.size > _LISTED else texts)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' if number != 1 else ''}"
