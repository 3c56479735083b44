"""The answer of Yahoo's chart service -> one checked table; no network here.

The service's own conventions: bars are stamped with the UTC second of their start;
open, high, low and close are adjusted for splits, the adjusted close for dividends
too, both as of the day of the answer; the day that is not over yet is included.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from eventstudy.prices.provider import CHART_SCHEMA, INTERVALS, Chart, NoPricesError
from eventstudy.prices.table import FIELDS
from eventstudy.prices.twice import merged

_ALWAYS_OPEN = "CRYPTOCURRENCY"
# What bars of one session must agree in.
_SETTLED = ("high", "low", "close", "adj_close", "dividend", "split")
_SECONDS = (-5_000_000_000, 7_000_000_000)  # the years 1811 to 2191


class BadAnswerError(Exception):
    """What came is not a whole answer; asking again may help."""


def read_chart(text: str, *, symbol: str, interval: str, now: datetime) -> Chart:
    """Read one answer of the chart service, without the bars that are not over at now.

    Raises `BadAnswerError` for what is cut off, garbled or not JSON, `NoPricesError`
    for a refusal in words, another symbol, another interval, or no bars at all.
    """
    result = _result(text, symbol)
    meta = _mapping(result.get("meta"))
    _check_meta(meta, symbol, interval)
    zone = _zone(meta)
    instrument = str(meta.get("instrumentType") or "unknown")
    stamps = _list(result.get("timestamp"))
    if not stamps:
        raise NoPricesError(f"no prices of {symbol} in that span")
    bars = _bars(result, stamps).with_columns(time=_times(stamps))
    bars, moved = _session_dates(bars, zone, interval, instrument)
    bars = _finished(bars, zone, interval, now)
    actions = _actions(_mapping(result.get("events")), zone)
    bars = bars.join(actions, on="date", how="left").select(list(CHART_SCHEMA))
    if interval != "1d":
        first = bars["date"].is_first_distinct()
        bars = bars.with_columns(pl.when(first).then(pl.col("dividend", "split")))
    key = "date" if interval == "1d" else "time"
    bars, _ = merged(bars.unique(maintain_order=True).sort(key), [key], _SETTLED)
    if again := bars.filter(bars[key].is_duplicated())[key].to_list():
        raise BadAnswerError(f"two different bars of {symbol} for {again[0]}")
    if not bars.height:
        raise NoPricesError(f"no finished bars of {symbol} in that span")
    return Chart(
        symbol=symbol,
        interval=interval,
        frame=bars,
        currency=meta.get("currency"),
        zone=zone.key,
        instrument=instrument,
        moved=moved,
        first_trade=_first_trade(meta, zone),
    )


def refusal(text: str) -> str | None:
    """Return the provider's own words for a refusal, if the answer holds any."""
    try:
        error = json.loads(text)["chart"]["error"]
        return str(error["description"] or error["code"]) if error else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _result(text: str, symbol: str) -> Mapping[str, Any]:
    try:
        chart = _mapping(json.loads(text)).get("chart")
    except (ValueError, RecursionError) as error:
        kind = "a web page" if text.lstrip()[:1] == "<" else "no JSON, or only a part"
        raise BadAnswerError(f"the answer for {symbol} is {kind}") from error
    words = refusal(text)
    if words is not None:
        raise NoPricesError(words)
    results = _list(_mapping(chart).get("result"))
    if not results:
        raise NoPricesError(f"an empty answer for {symbol}")
    return _mapping(results[0])


def _check_meta(meta: Mapping[str, Any], symbol: str, interval: str) -> None:
    answered = str(meta.get("symbol") or "")
    if answered.upper() != symbol.upper():
        raise NoPricesError(
            f"asked for {symbol}, answered with {answered or 'no symbol'}; if it was "
            "renamed, ask for the new symbol or use [splices]"
        )
    granularity = meta.get("dataGranularity")
    if granularity not in (None, interval, "60m" if interval == "1h" else interval):
        raise NoPricesError(
            f"asked for {interval} bars of {symbol}, answered with {granularity}; "
            "the provider does not have them that far back"
        )


def _zone(meta: Mapping[str, Any]) -> ZoneInfo:
    name = str(meta.get("exchangeTimezoneName") or "")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadAnswerError(f"the answer's time zone {name!r} is unknown") from error


def _first_trade(meta: Mapping[str, Any], zone: ZoneInfo) -> date | None:
    """Return the date of the symbol's first trade, where the provider says it."""
    found = meta.get("firstTradeDate")
    if not isinstance(found, int | float) or not _SECONDS[0] <= found <= _SECONDS[1]:
        return None
    return datetime.fromtimestamp(found, zone).date()


def _mapping(found: object) -> Mapping[str, Any]:
    if found is None:
        return {}
    if not isinstance(found, dict):
        kind = type(found).__name__
        raise BadAnswerError(f"the answer has {kind} for an object")
    return found


def _list(found: object) -> list[Any]:
    if found is None:
        return []
    if not isinstance(found, list):
        raise BadAnswerError(f"the answer has {type(found).__name__} for a list")
    return found


def _times(stamps: Sequence[object]) -> pl.Series:
    seconds = _column(stamps, "timestamp")
    if seconds.null_count():
        raise BadAnswerError("a bar of the answer has no timestamp")
    if not seconds.is_between(*_SECONDS).all():
        raise BadAnswerError("a bar of the answer has an impossible timestamp")
    seconds = seconds.cast(pl.Int64)
    return (seconds * 1_000_000).cast(pl.Datetime("us", "UTC"))


def _bars(result: Mapping[str, Any], stamps: Sequence[object]) -> pl.DataFrame:
    indicators = _mapping(result.get("indicators"))
    quote, adjusted = (
        _mapping(next(iter(_list(indicators.get(name))), None))
        for name in ("quote", "adjclose")
    )
    columns: dict[str, Any] = {
        name: quote.get(name) for name in FIELDS if name != "adj_close"
    }
    columns["adj_close"] = adjusted.get("adjclose", columns["close"])
    for name, values in columns.items():
        if not isinstance(values, list) or len(values) != len(stamps):
            found = len(values) if isinstance(values, list) else "no"
            raise BadAnswerError(
                f"the answer has {len(stamps)} timestamps and {found} values of {name}"
            )
    return pl.DataFrame([_column(values, name) for name, values in columns.items()])


def _column(values: Sequence[object], name: str) -> pl.Series:
    try:
        return pl.Series(name, values, dtype=pl.Float64, strict=True)
    except (
        TypeError,
        OverflowError,
        UnicodeError,
        pl.exceptions.PolarsError,
    ) as error:
        message = f"the answer's {name} are not all numbers"
        raise BadAnswerError(message) from error


def _session_dates(
    bars: pl.DataFrame, zone: ZoneInfo, interval: str, instrument: str
) -> tuple[pl.DataFrame, int]:
    """Add the exchange-local date of each bar; count the daily bars moved to it.

    Some daily histories are stamped with midnight in the wrong half of the year and
    so begin at 22:00 or 23:00 of the evening before. No exchange opens its day in
    these hours on the minute, so such a bar is of the day that begins.
    """
    local = pl.col("time").dt.convert_time_zone(zone.key)
    bars = bars.with_columns(date=local.dt.date())
    if interval != "1d" or instrument == _ALWAYS_OPEN:
        return bars, 0
    late = (local.dt.hour() >= 22) & (local.dt.minute() == 0)
    moved = bars.select(late.sum()).item()
    day_later = pl.col("date").dt.offset_by("1d")
    return bars.with_columns(
        date=pl.when(late).then(day_later).otherwise(pl.col("date"))
    ), int(moved)


def _finished(
    bars: pl.DataFrame, zone: ZoneInfo, interval: str, now: datetime
) -> pl.DataFrame:
    """Leave out what may still change: today's daily bar, the running shorter bar."""
    if interval == "1d":
        return bars.filter(pl.col("date") < now.astimezone(zone).date())
    return bars.filter(pl.col("time") <= now - INTERVALS[interval])


def _actions(events: Mapping[str, Any], zone: ZoneInfo) -> pl.DataFrame:
    """Dividends and splits by exchange-local ex-date."""
    rows: dict[date, dict[str, float]] = {}
    for kind, field in (("dividends", "dividend"), ("splits", "split")):
        for event in _mapping(events.get(kind)).values():
            try:
                stamp = datetime.fromtimestamp(event["date"], zone).date()
                value = (
                    float(event["amount"])
                    if field == "dividend"
                    else float(event["numerator"]) / float(event["denominator"])
                )
            except (KeyError, TypeError, ValueError, ArithmeticError, OSError) as error:
                message = f"the answer's {kind} cannot be read"
                raise BadAnswerError(message) from error
            rows.setdefault(stamp, {})[field] = value
    return pl.DataFrame(
        [
            (day, found.get("dividend"), found.get("split"))
            for day, found in rows.items()
        ],
        schema={"date": pl.Date, "dividend": pl.Float64, "split": pl.Float64},
        orient="row",
    )
