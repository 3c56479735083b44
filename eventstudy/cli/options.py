"""The command line's settings, and the prices that they lead to."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from eventstudy.core.errors import DataError, SpecError
from eventstudy.prices import (
    Prices,
    check_quality,
    fetch_prices,
    read_factors,
    with_factors,
)
from eventstudy.prices.fetch import source_entry, source_for
from eventstudy.prices.quality import refuse_warnings
from eventstudy.spec import RISK_FREE, StudySpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """The command line's settings as written, None where a flag was not given."""

    study: Path | None = None
    prices: str | None = None
    assets: str | None = None
    groups: tuple[str, ...] = ()
    model: str | None = None
    factors: str | None = None
    market: str | None = None
    estimation: str | None = None
    event_window: str | None = None
    windows: tuple[str, ...] = ()
    returns: str | None = None
    missing: str | None = None
    overlap: str | None = None
    day0: str | None = None
    tests: str | None = None
    alternative: str | None = None
    volatility_pre: str | None = None
    volatility_event: str | None = None
    volatility_post: str | None = None
    seed: int | None = None
    factor_files: tuple[Path, ...] = ()
    cache: Path | None = None
    offline: bool = False
    refresh: bool = False
    strict: bool = False


def prices_of(spec: StudySpec, events: pl.DataFrame, flags: Flags) -> Prices:
    """Fetch the prices that a study needs, and let them pass the quality gate.

    Factors in lower case are columns of the factor files, others are symbols.
    Raises `DataError` with ``strict`` when the gate finds anything doubtful.
    """
    from_files = [name for name in spec.factor_names if name != name.upper()]
    symbols = [s for s in _symbols(spec, events) if s not in from_files]
    start, end = needed_dates(spec, events)
    whole = source_entry(spec.prices).holds_all
    prices = fetch_prices(
        symbols,
        source=spec.prices,
        start=None if whole else start,
        end=None if whole else end,
        partial=True,
        splices=spec.splices,
        **_settings(spec, flags),
    )
    if from_files:
        prices = with_factors(prices, _factors(spec, from_files))
    found = check_quality(prices, calendars=spec.calendars, start=start, end=end)
    prices = replace(prices, issues=pl.concat([prices.issues, found]))
    if flags.strict:
        refuse_warnings(prices.issues)
    return prices


def _factors(spec: StudySpec, names: list[str]) -> Any:  # noqa: ANN401
    if not spec.factor_files:
        raise SpecError(
            f"the factors {', '.join(names)} come from a file of daily returns: give "
            "--factor-file FILE.csv, or factor_files in the study file"
        )
    factors = read_factors(spec.factor_files, [n for n in names if n != RISK_FREE])
    if RISK_FREE in names and RISK_FREE not in factors.frame.columns:
        raise DataError(
            f"{', '.join(spec.factor_files)}: no column '{RISK_FREE}', the riskless "
            "rate that returns beside mkt_rf are in excess of"
        )
    return factors


def _symbols(spec: StudySpec, events: pl.DataFrame) -> list[str]:
    """Return the symbols to fetch; none means all that the source has."""
    if spec.groups:
        return list(spec.symbols)
    named = events["assets"].explode().drop_nulls().unique(maintain_order=True)
    if (events["assets"].list.len() > 0).all():
        return list(dict.fromkeys([*named, *spec.symbols]))
    if not source_entry(spec.prices).holds_all:
        raise SpecError(
            "some events name no assets: give --assets BTC-USD,RIOT or --group "
            "NAME=SYMBOL,SYMBOL, or write a study file"
        )
    return []


def _settings(spec: StudySpec, flags: Flags) -> dict[str, Any]:
    """Return what the source of prices is opened with."""
    given = {
        "offline": flags.offline,
        "refresh": flags.refresh,
        "cache": flags.cache,
        "columns": spec.price_columns,
        "date_format": spec.date_format,
    }
    return {name: value for name, value in given.items() if value}


def default_prices(spec: StudySpec, events: pl.DataFrame) -> str:
    """Return the source of the prices of a study that names none."""
    named = events["assets"].explode().drop_nulls()
    symbols = {name for name in spec.symbols if name == name.upper()}
    wanted = {*symbols, *named} if spec.groups or len(named) else set()
    return source_for(wanted, events["announced_date"])


def needed_dates(spec: StudySpec, events: pl.DataFrame) -> tuple[date, date]:
    """Return the dates of the prices: all windows, and a year of history before."""
    first, last = events["announced_date"].min(), events["announced_date"].max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    windows = (
        spec.event_window,
        spec.volatility_pre,
        spec.volatility_event,
        spec.volatility_post,
    )
    back = -min(start for start, _ in (spec.estimation, *windows))
    ahead = max(end for _, end in windows)
    return (
        first - timedelta(days=int(1.6 * back) + 365),
        last + timedelta(days=int(1.6 * max(ahead, 0)) + 10),
    )
