"""Prices of named symbols from a named source."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from inspect import signature
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import polars as pl

from eventstudy.cells.frames import ArrowStream
from eventstudy.core.cache_folder import cache_root
from eventstudy.core.errors import DataError, SourceError, SpecError, nearest_of
from eventstudy.prices.cached import Cached, failure
from eventstudy.prices.files import read_prices
from eventstudy.prices.provider import TEXTS, Provider
from eventstudy.prices.source import SOURCES, PriceSource, SourceEntry
from eventstudy.prices.splice import Splices, parts_of, splice
from eventstudy.prices.store import Store
from eventstudy.prices.symbols import check_symbols, symbol_fault
from eventstudy.prices.table import NO_PRICES, Prices, issues_frame

Source = str | Path | SourceEntry | PriceSource | Provider | Callable[..., Any]

_OF_CACHE = {
    "refresh": "refresh downloads anew",
    "cache": "cache holds downloads",
    "offline": "offline is without a network",
    "interval": "interval is of downloaded bars",
    "workers": "workers download",
    "progress": "progress is of downloads",
    "now": "now is the time of a download",
}


def fetch_prices(
    symbols: str | Sequence[str],
    *,
    source: Source = "snapshot",
    start: date | None = None,
    end: date | None = None,
    partial: bool = False,
    splices: Splices = MappingProxyType({}),
    **settings: object,
) -> Prices:
    """Return the prices of the symbols, from ``start`` to ``end`` (both included).

    Parameters
    ----------
    symbols : str or sequence of str
        One symbol or several; with none, all that the source has.
    source : str, pathlib.Path, SourceEntry, Provider, PriceSource or callable
        A name of `SOURCES`; a path of files, or of a report's manifest.json, which
        gives the very prices that it used; or a source of your own. A `Provider` is
        kept in the cache. A function takes ``symbols, *, start, end`` and returns
        `Prices` or a frame.
    start, end : datetime.date, optional
        First and last date; default all that there is.
    partial : bool
        Whether symbols without prices are issues of severity error, as long as any
        symbol has prices, in place of an error that names them all.
    splices : mapping of str to sequence of str
        Symbols whose history is made of several, the oldest first:
        ``{"BTCM": ("WBAI", "BTCM")}``.
    **settings
        What the source is opened with: ``columns`` and ``date_format`` for files;
        ``cache`` (folder), ``offline``, ``refresh`` and ``timeout`` (seconds) where
        prices are downloaded.

    Returns
    -------
    Prices
        Daily prices with their origin, and what was found in them.

    Raises
    ------
    SpecError
        For a source, symbol or setting that means nothing.
    DataError
        When the source does not have the symbols in that span.
    SourceError
        When prices could not be downloaded.

    Examples
    --------
    >>> prices = fetch_prices(["BTCM", "^GSPC"], source="snapshot")
    >>> prices.frame.group_by("symbol").len().sort("symbol").rows()
    [('BTCM', 358), ('^GSPC', 358)]
    >>> fetch_prices("RIOT").symbols
    ('RIOT',)
    """
    wanted = parts_of(check_symbols(symbols), splices)
    prices = ask(open_source(source, **settings), wanted, start, end)
    held = _restrict(prices, wanted, start, end, partial=partial)
    return splice(held, splices) if splices else held


def source_entry(source: Source) -> SourceEntry:
    """Return the entry that is meant: by its name, a path, an object or a function.

    Raises `SpecError` for an unknown name, `DataError` for a file that is not there.
    """
    if isinstance(source, SourceEntry):
        return source
    if isinstance(source, str | Path):
        if source in SOURCES and not SOURCES[source].by_path:
            return SOURCES[source]
        return _of_path(source)
    if hasattr(source, "fetch"):
        name = str(getattr(source, "name", type(source).__name__))
        return SourceEntry(name=name, open=lambda: source, needs_network=False)
    if hasattr(source, "download"):
        name = _checked(source).name
        if name in SOURCES and SOURCES[name].open is not type(source):
            raise SpecError(
                f"there is a source of prices {name!r} already; give yours another name"
            )
        return SourceEntry(name=name, open=lambda: source)
    return SOURCES.entry(source)


def open_source(
    source: Source,
    **settings: Any,  # noqa: ANN401
) -> PriceSource:
    """Return the source that is meant, a provider behind the cache.

    Raises `SpecError` for a name, path or setting that means nothing.
    """
    entry = source_entry(source)
    takes = signature(entry.open).parameters
    own = {n: v for n, v in settings.items() if n in takes or n not in _OF_CACHE}
    of_cache = {n: v for n, v in settings.items() if n not in own}
    try:
        opened = entry.open(**own)
    except TypeError as error:
        raise SpecError(f"prices from {source}: {error}") from error
    if hasattr(opened, "download"):
        return _kept(_checked(opened), **of_cache)
    if not entry.needs_network:
        of_cache.pop("offline", None)
    if refused := [words for name, words in _OF_CACHE.items() if of_cache.get(name)]:
        raise SpecError(f"{refused[0]}, but the prices are {entry.name}")
    if hasattr(opened, "fetch"):
        return cast(PriceSource, opened)
    return _Function(entry.name, opened)


def ask(
    opened: PriceSource, symbols: Sequence[str], start: date | None, end: date | None
) -> Prices:
    """Return what a source delivers; a frame is read as `read_prices` does."""
    found = opened.fetch(symbols, start=start, end=end)
    if isinstance(found, Prices):
        return found
    prices, name = read_prices(found), opened.name
    files = tuple(replace(file, name=name) for file in prices.files)
    return replace(prices, source=name, files=files)


def source_for(symbols: Collection[str], days: pl.Series) -> str:
    """Return the source of a study that names none.

    That is the embedded prices where they have all ``symbols`` and reach to any of
    the ``days``, and otherwise the package's provider.
    """
    held = fetch_prices([], source="snapshot").frame
    first, last = held["date"].min(), held["date"].max()
    covered = set(symbols) <= set(held["symbol"]) and days.is_between(first, last).any()
    return "snapshot" if covered else usual_provider()


def usual_provider() -> str:
    """Return the name of the first source that downloads."""
    return next(name for name, entry in SOURCES.items() if entry.needs_network)


def _of_path(source: str | Path) -> SourceEntry:
    path = Path(source)
    manifest = path.suffix == ".json"
    if manifest or isinstance(source, Path) or path.exists() or path.name != source:
        entry = SOURCES["manifest" if manifest else "files"]
        return replace(entry, name=str(source), open=partial(entry.open, path=path))
    if path.suffix:
        raise DataError(f"prices: there is no file {source}")
    if source in SOURCES:
        raise SpecError(f"prices from {source}: give the path in place of this name")
    raise SpecError(f"{SOURCES.unknown(source)}; or give the path of a file or folder")


def _checked(provider: Any) -> Provider:  # noqa: ANN401
    """Return a provider that has all its texts, and a name fit for a folder."""
    lacks = [name for name in TEXTS if not isinstance(getattr(provider, name, 0), str)]
    if lacks:
        kind = type(provider).__name__
        raise SpecError(f"the provider {kind} lacks the texts {', '.join(lacks)}")
    if fault := symbol_fault(provider.name):
        raise SpecError(
            f"the provider's name {provider.name!r} is a folder's name too: "
            + fault.replace("symbol", "name")
        )
    return provider  # type: ignore[no-any-return]


def _kept(
    provider: Provider,
    *,
    cache: Path | None = None,
    interval: str = "1d",
    **settings: Any,  # noqa: ANN401
) -> Cached:
    store = Store(root=cache_root(cache), source=provider.name, interval=interval)
    return Cached(provider=provider, store=store, **settings)


@dataclass(frozen=True, slots=True)
class _Function:
    """A source that is a function of symbols, start and end."""

    name: str
    function: Callable[..., Prices | ArrowStream]

    def fetch(
        self, symbols: Sequence[str], *, start: date | None, end: date | None
    ) -> Prices | ArrowStream:
        """Return what the function returns."""
        return self.function(symbols, start=start, end=end)


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
    return replace(
        prices,
        frame=frame,
        files=tuple(file for file in prices.files if file.symbol in held),
        issues=pl.concat([issues, missing]),
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
        + _asked(absent, prices.symbols)
    )


def _absences(prices: Prices, absent: list[str]) -> pl.DataFrame:
    told = set(prices.issues.filter(rule=NO_PRICES)["symbol"])
    return issues_frame(
        {
            "symbol": symbol,
            "severity": "error",
            "rule": NO_PRICES,
            "detail": f"not in {prices.source} for these dates"
            + meant(symbol, prices.symbols),
            "action": "the symbol is left out",
        }
        for symbol in absent
        if symbol not in told
    )


def meant(symbol: str, held: Sequence[str]) -> str:
    """Ask for the symbol that may have been meant; "" where none is near.

    >>> meant("RIOTT", ["RIOT", "MARA"]), meant("X", ["RIOT"])
    (': did you mean RIOT?', '')
    """
    near = _near(symbol, held)
    return f": did you mean {near}?" if near else ""


def _near(symbol: str, held: Sequence[str]) -> str | None:
    return next(iter(nearest_of(symbol, held, cutoff=0.75)), None)


def _asked(absent: Sequence[str], held: Sequence[str]) -> str:
    """Ask for all symbols at once that may have been meant."""
    pairs = [(near, symbol) for symbol in absent if (near := _near(symbol, held))]
    if len(absent) == 1:
        return "".join(f"; did you mean {near}?" for near, _ in pairs)
    named = ", ".join(f"{near} for {symbol}" for near, symbol in pairs)
    return f"; did you mean {named}?" if pairs else ""


def _some(symbols: Sequence[str], limit: int = 40) -> list[str]:
    rest = len(symbols) - limit
    return [*symbols[:limit], f"and {rest} more"] if rest > 0 else list(symbols)
