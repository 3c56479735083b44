"""Prices of named symbols from a named source."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import polars as pl

from eventstudy.core.cache_folder import cache_root
from eventstudy.core.errors import DataError, SourceError, SpecError, unknown_name
from eventstudy.prices.cached import Cached, failure
from eventstudy.prices.files import Files
from eventstudy.prices.manifest import Manifest
from eventstudy.prices.snapshot import Snapshot
from eventstudy.prices.splice import Splices, parts_of, splice
from eventstudy.prices.store import Store
from eventstudy.prices.table import NO_PRICES, Prices, issues_frame
from eventstudy.prices.yahoo import Yahoo

_FILES = "files"


class PriceSource(Protocol):
    """Whatever delivers daily prices.

    ``fetch`` returns what it has of the symbols, perhaps more of them and more days;
    with no symbols, all that it has. It raises `SourceError` when it cannot deliver.
    """

    @property
    def name(self) -> str:
        """The name that a report prints."""
        ...

    def fetch(
        self, symbols: Sequence[str], *, start: date | None, end: date | None
    ) -> Prices:
        """Return prices from ``start`` to ``end``, both included."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceEntry:
    """One named source: what it is and how it is opened."""

    name: str
    meaning: str
    needs_network: bool
    open: Callable[..., PriceSource]


def open_yahoo(
    *,
    cache: Path | None = None,
    interval: str = "1d",
    timeout: float = 20.0,
    **settings: Any,  # noqa: ANN401
) -> Cached:
    """Open Yahoo Finance behind the store in ``cache``; see `Cached` for settings."""
    store = Store(root=cache_root(cache), interval=interval)
    return Cached(provider=Yahoo(timeout=timeout), store=store, **settings)


SOURCES: Mapping[str, SourceEntry] = MappingProxyType(
    {
        entry.name: entry
        for entry in (
            SourceEntry(
                name="snapshot",
                meaning="the embedded prices of the worked example, "
                "2020-08-03 to 2021-12-31",
                needs_network=False,
                open=Snapshot,
            ),
            SourceEntry(
                name=_FILES,
                meaning="a folder with a CSV, Parquet or Feather file per symbol, "
                "or one long file; give its path",
                needs_network=False,
                open=Files,
            ),
            SourceEntry(
                name="yahoo",
                meaning="Yahoo Finance through yfinance, kept in a local cache",
                needs_network=True,
                open=open_yahoo,
            ),
        )
    }
)


def fetch_prices(
    symbols: Sequence[str],
    *,
    source: str | Path | PriceSource = "snapshot",
    start: date | None = None,
    end: date | None = None,
    partial: bool = False,
    splices: Splices = MappingProxyType({}),
    **settings: object,
) -> Prices:
    """Return the prices of the symbols, from ``start`` to ``end`` (both included).

    ``source`` is a name of `SOURCES`, a path (a report's manifest.json gives the very
    prices that it used), or any object with the methods of
    `PriceSource`; ``settings`` go to the source. With no symbols, all that the source
    has. Symbols without prices are an error that names them all; with ``partial``
    they are issues of severity error instead, as long as any symbol has prices.
    ``splices`` makes one history of several symbols, see `splice`.

    Raises `DataError` or, where prices could not be had, `SourceError`.

    >>> prices = fetch_prices(["BTCM", "^GSPC"], source="snapshot")
    >>> prices.frame.group_by("symbol").len().sort("symbol").rows()
    [('BTCM', 358), ('^GSPC', 358)]
    """
    wanted = parts_of(symbols, splices)
    opened = open_source(source, **settings)
    prices = opened.fetch(wanted, start=start, end=end)
    held = _restrict(prices, wanted, start, end, partial=partial)
    return splice(held, splices) if splices else held


def open_source(source: str | Path | PriceSource, **settings: object) -> PriceSource:
    """Return the source of a name or a path; raise `SpecError` if it is neither."""
    if not isinstance(source, str | Path):
        return source
    try:
        if source in SOURCES and source != _FILES:
            return SOURCES[str(source)].open(**settings)
        path = Path(source)
        if path.suffix == ".json":
            return Manifest(path=path, **settings)  # type: ignore[arg-type]
        if isinstance(source, Path) or path.exists() or path.name != source:
            return Files(path=path, **settings)  # type: ignore[arg-type]
    except TypeError as error:
        raise SpecError(f"prices from {source}: {error}") from error
    if path.suffix:
        raise DataError(f"prices: there is no file {source}")
    unknown = unknown_name("source of prices", source, set(SOURCES) - {_FILES})
    raise SpecError(f"{unknown}; or give the path of a file or folder")


def _restrict(
    prices: Prices,
    symbols: tuple[str, ...],
    start: date | None,
    end: date | None,
    *,
    partial: bool,
) -> Prices:
    wanted = symbols or prices.symbols
    kept = pl.col("symbol").is_in(wanted)
    in_span = pl.col("date").is_between(start or date.min, end or date.max)
    frame = prices.frame.filter(kept, in_span)
    held = set(frame["symbol"].unique())
    absent = [symbol for symbol in wanted if symbol not in held]
    missing = issues_frame()
    if absent:
        if not (partial and held):
            raise _absence(prices, absent, start, end)
        missing = _absences(prices, absent)
    issues = prices.issues.filter(kept, in_span | pl.col("date").is_null())
    return Prices(
        frame=frame,
        source=prices.source,
        files=tuple(file for file in prices.files if file.symbol in held),
        issues=pl.concat([issues, missing]),
        notice=prices.notice,
    )


def _absence(
    prices: Prices, absent: list[str], start: date | None, end: date | None
) -> DataError | SourceError:
    failed = prices.issues.filter(rule=NO_PRICES)
    if reasons := dict(failed.select("symbol", "detail").iter_rows()):
        told = {symbol: reasons.get(symbol, "none in that span") for symbol in absent}
        return failure(told, prices.source)
    span = f" from {start or 'the beginning'} to {end or 'the end'}"
    return DataError(
        f"no prices for {', '.join(absent)}{span if start or end else ''} "
        f"in {prices.source}; it has {', '.join(_some(prices.symbols))}"
    )


def _absences(prices: Prices, absent: list[str]) -> pl.DataFrame:
    told = set(prices.issues.filter(rule=NO_PRICES)["symbol"])
    return issues_frame(
        {
            "symbol": symbol,
            "severity": "error",
            "rule": NO_PRICES,
            "detail": f"not in {prices.source} for these dates",
            "action": "the symbol is left out",
        }
        for symbol in absent
        if symbol not in told
    )


def _some(symbols: Sequence[str], limit: int = 40) -> list[str]:
    rest = len(symbols) - limit
    return [*symbols[:limit], f"and {rest} more"] if rest > 0 else list(symbols)
