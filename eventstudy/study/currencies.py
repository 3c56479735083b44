"""Prices in one currency: the warning where they are not, and the conversion."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import polars as pl

from eventstudy.calendars.of_symbol import currency_of, is_told
from eventstudy.core.errors import DataError, SpecError
from eventstudy.prices import Prices
from eventstudy.prices.table import LEVEL, PRICES, columns_of, issues_frame
from eventstudy.spec import StudySpec
from eventstudy.study.remarks import Remark

OLDEST = timedelta(days=5)
"""How old a rate may be: over a weekend and a holiday the last one stands."""

NO_RATE = "no_rate"
"""Rule of the issue that prices are missing, as no rate of their days is known."""

_OHLC = tuple(name for name in PRICES)


def rate_of(spec: StudySpec, symbol: str) -> str | None:
    """Return the symbol of the rate that converts a symbol's prices, if any does."""
    told = currency_of(symbol)
    return spec.currencies.get(symbol) or spec.currencies.get(told or "")


def converted(spec: StudySpec, prices: Prices) -> Prices:
    """Return the prices in the currency of the study, times the rates of their days.

    A day without a rate takes the last one, if that is not older than `OLDEST`; else
    its prices are missing, which the issues say. Raises `DataError` where a rate has no
    prices, `SpecError` for symbols whose returns were given.
    """
    rates = {s: rate for s in prices.symbols if (rate := rate_of(spec, s))}
    rates = {s: rate for s, rate in rates.items() if s not in spec.currencies.values()}
    if not rates:
        return prices
    if absent := sorted(set(rates.values()) - set(prices.symbols)):
        raise DataError(
            f"no prices for the rates {', '.join(absent)} of [currencies]; add them to "
            "the prices"
        )
    if given := sorted(set(rates) & set(prices.returns)):
        raise SpecError(
            f"currencies: {', '.join(given)} came as returns, which a rate cannot "
            "convert; give prices, or returns in the currency of the study"
        )
    named = pl.DataFrame(
        {"symbol": list(rates), "_rate": list(rates.values())},
        schema={"symbol": pl.String, "_rate": pl.String},
    )
    levels = prices.frame.select(
        pl.col("symbol").alias("_rate"), "date", _level=LEVEL
    ).drop_nulls()
    rows = prices.frame.join(named, on="symbol", how="left").sort("date")
    found = rows.join_asof(
        levels.sort("date"),
        on="date",
        by="_rate",
        strategy="backward",
        tolerance=OLDEST,
        check_sortedness=False,
    )
    factor = pl.when(pl.col("_rate").is_null()).then(1.0).otherwise(pl.col("_level"))
    lost = found.filter(
        pl.col("_rate").is_not_null() & pl.col("_level").is_null(), LEVEL.is_not_null()
    )
    frame = found.with_columns(
        [pl.col(name) * factor for name in columns_of(found, _OHLC)]
    )
    return replace(
        prices,
        frame=frame.select(prices.frame.columns).sort("symbol", "date"),
        issues=pl.concat([prices.issues, _lost(lost)]),
    )


def _lost(rows: pl.DataFrame) -> pl.DataFrame:
    counted = rows.group_by("symbol", "_rate").agg(
        pl.col("date").min(), pl.col("date").max().alias("until"), n=pl.len()
    )
    return issues_frame(
        {
            "symbol": row["symbol"],
            "date": row["date"],
            "until": row["until"],
            "severity": "warning",
            "rule": NO_RATE,
            "detail": f"no rate {row['_rate']} for {row['n']} closes",
            "action": "their prices are missing",
        }
        for row in counted.sort("symbol").iter_rows(named=True)
    )


def _currency(spec: StudySpec, asset: str) -> str | None:
    """Return the currency of an asset; one on the NYSE by default is in dollars."""
    if told := currency_of(asset):
        return told
    plain = not is_told(asset) and not asset.startswith("^") and "." not in asset
    said = asset in spec.calendars or "default" in spec.calendars
    return currency_of("^GSPC") if plain and not said else None


def of_currencies(
    spec: StudySpec, groups: Mapping[str, Sequence[str]], prices: Prices
) -> list[Remark]:
    """Say where a group has shares of several currencies, and of rates not used."""
    out = []
    for group, members in groups.items():
        held: dict[str, list[str]] = {}
        for asset in members:
            if rate_of(spec, asset) is None and (told := _currency(spec, asset)):
                held.setdefault(told, []).append(asset)
        if len(held) > 1:
            named = ", ".join(f"{told} ({', '.join(held[told][:3])})" for told in held)
            text = (
                f"{group} has assets in several currencies, {named}: an average mixes "
                'them; [currencies] with rates, such as EUR = "EURUSD=X", converts'
            )
            out.append(Remark(severity="warning", about="currencies", text=text))
    used = {rate_of(spec, symbol) for symbol in prices.symbols}
    if unused := [k for k, rate in spec.currencies.items() if rate not in used]:
        text = f"[currencies] {', '.join(unused)}: no symbol of the study is in it"
        out.append(Remark(severity="warning", about="currencies", text=text))
    return out
