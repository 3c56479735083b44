"""Named sources of prices: the family, and what a member of it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from inspect import signature
from typing import Any, Protocol

from eventstudy.cells.frames import ArrowStream
from eventstudy.core import registry
from eventstudy.core.registry import Family
from eventstudy.prices.provider import Provider
from eventstudy.prices.table import Prices


class PriceSource(Protocol):
    """Whatever delivers daily prices of several symbols at once.

    Attributes
    ----------
    name : str
        The name that a report prints.

    Examples
    --------
    >>> import eventstudy as es
    >>> class Folder:
    ...     name = "our folder"
    ...
    ...     def fetch(self, symbols, *, start, end):
    ...         return es.fetch_prices(symbols)  # or a frame of your own
    >>> es.fetch_prices("RIOT", source=Folder()).symbols
    ('RIOT',)
    """

    @property
    def name(self) -> str:
        """The name that a report prints."""
        ...

    def fetch(
        self, symbols: Sequence[str], *, start: date | None, end: date | None
    ) -> Prices | ArrowStream:
        """Return prices from ``start`` to ``end``, both included.

        Parameters
        ----------
        symbols : sequence of str
            What is wanted; with none, all that the source has.
        start, end : datetime.date or None
            First and last date; None for all that there is.

        Returns
        -------
        Prices or frame
            What it has of the symbols, perhaps more of them and more days. A frame is
            read as by `read_prices`.

        Raises
        ------
        SourceError
            When it cannot deliver.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceEntry:
    """One named source of prices: what it is and how it is opened.

    Parameters
    ----------
    name : str
        The name in study files, in ``--prices`` and in `fetch_prices`.
    open : callable
        Returns a `Provider`, which is kept in the cache, or a `PriceSource`; takes
        the settings of `fetch_prices` that it names. What it returns may also be a
        function of the shape of `PriceSource.fetch`.
    meaning : str
        What ``eventstudy list sources`` says.
    needs_network : bool
        Whether it asks others for prices; then it cannot be used offline, unless it
        is a provider, whose downloads the cache keeps.
    holds_all : bool
        Whether it has histories of its own, which are given whole where no symbols
        and dates are named, such as a folder of files.
    by_path : bool
        Whether a path takes the place of its name.

    Examples
    --------
    >>> import polars as pl
    >>> import eventstudy as es
    >>> def flat(symbols, *, start, end):
    ...     table = {"symbol": "X", "date": ["2021-05-20", "2021-05-21"], "close": 9.0}
    ...     return pl.DataFrame(table)
    >>> entry = es.prices.SourceEntry(name="flat_file", open=lambda: flat)
    >>> es.prices.SOURCES.register(entry).name
    'flat_file'
    >>> len(es.fetch_prices("X", source="flat_file"))
    2
    >>> es.prices.SOURCES.remove("flat_file")
    """

    name: str
    open: Callable[..., PriceSource | Provider | Callable[..., Any]]
    meaning: str = ""
    needs_network: bool = True
    holds_all: bool = False
    by_path: bool = False

    @property
    def uses_cache(self) -> bool:
        """Whether its prices are in the cache: it downloads them, or looks there."""
        return self.needs_network or "cache" in signature(self.open).parameters


SOURCES: Family[SourceEntry] = registry.SOURCES


def _entry_of(function: Callable[..., Any]) -> SourceEntry:
    first = (function.__doc__ or "").strip().partition("\n")[0]
    return SourceEntry(name=function.__name__, meaning=first, open=lambda: function)


SOURCES.wrap = _entry_of
