"""What downloads prices, one symbol at a time, and the bars that it returns."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

import polars as pl

from eventstudy.cells.frames import ArrowStream
from eventstudy.prices.table import FIELDS

INTERVALS: Mapping[str, timedelta] = {
    "1d": timedelta(days=1),
    "1h": timedelta(hours=1),
    "1m": timedelta(minutes=1),
}

CHART_SCHEMA: Mapping[str, pl.DataType] = {
    "date": pl.Date(),
    "time": pl.Datetime("us", "UTC"),
    **{name: pl.Float64() for name in FIELDS},
    "dividend": pl.Float64(),
    "split": pl.Float64(),
}

EARLIEST = date(1900, 1, 1)
"""The start of a request for all that there is."""


class NoPricesError(Exception):
    """The answer is whole and holds no prices of the symbol; it would stay so.

    Parameters
    ----------
    message : str
        Why there are none, in the provider's words where it gives any.

    Examples
    --------
    >>> raise NoPricesError("delisted in 2019")
    Traceback (most recent call last):
    ...
    eventstudy.prices.provider.NoPricesError: delisted in 2019
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)


class TryAgainError(Exception):
    """A fault of a provider that may pass: no network, too many requests.

    Parameters
    ----------
    message : str
        What went wrong; the error of `fetch_prices` prints it beside the symbol.
    retry_after : float, optional
        Seconds to wait before the next request, where the server said so.

    Examples
    --------
    >>> TryAgainError("too many requests", retry_after=7.0).retry_after
    7.0
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Bars of one symbol as delivered, with what the provider says about them.

    Parameters
    ----------
    symbol : str
        Symbol that the bars are of.
    interval : str
        Length of a bar: ``"1d"``, ``"1h"`` or ``"1m"``.
    frame : polars.DataFrame
        Columns date, time, open, high, low, close, adj_close, volume, dividend and
        split, sorted by time. ``date`` is the bar's date in the exchange's own time
        zone and ``time`` the UTC instant of its start. ``dividend`` and ``split`` (new
        shares per old one) stand on their ex-dates. Null where the provider has
        nothing.
    currency : str or None
        Currency of the prices.
    zone : str
        IANA name of the exchange's time zone.
    instrument : str
        EQUITY, INDEX, CRYPTOCURRENCY, or what else the provider calls it.
    moved : int
        Daily bars that were stamped in the last two hours of the day before, and are
        dated by the day that they open.
    first_trade : datetime.date, optional
        Date of the symbol's first trade, before which no bar is missing.

    Examples
    --------
    >>> import polars as pl
    >>> from eventstudy.prices import Chart
    >>> chart = Chart(
    ...     symbol="X",
    ...     interval="1d",
    ...     frame=pl.DataFrame(schema=CHART_SCHEMA),
    ...     currency="USD",
    ...     zone="America/New_York",
    ...     instrument="EQUITY",
    ... )
    >>> chart.frame.columns[:3]
    ['date', 'time', 'open']
    """

    symbol: str
    interval: str
    frame: pl.DataFrame
    currency: str | None
    zone: str
    instrument: str
    moved: int = 0
    first_trade: date | None = None


class Provider(Protocol):
    """Whatever downloads bars of one symbol; the cache keeps what it returns.

    Any object with these attributes and the method `download` is a provider. Its own
    texts stand in the report and its manifest. Prices have to be adjusted for all
    splits up to the day of the download: the cache extends a history only where the
    overlap agrees, and otherwise downloads it whole.

    Attributes
    ----------
    name : str
        Name of the provider, and its folder in the cache.
    client : str
        Name and version of the program that asks, for the record.
    notice : str
        Whose prices they are; printed in every report.
    terms : str
        Terms of use, printed after the notice.
    basis : str
        What the closes are adjusted for; printed beside every file of prices.

    Examples
    --------
    >>> from datetime import timedelta
    >>> import polars as pl
    >>> import eventstudy as es
    >>> class Flat:
    ...     name, client = "flat", "flat 1.0"
    ...     notice, terms = "Prices of nobody.", "Use them as you like."
    ...     basis = "flat: there is nothing to adjust for"
    ...
    ...     def download(self, symbol, *, interval, start, end, now):
    ...         days = pl.date_range(start, end, eager=True)
    ...         return pl.DataFrame({"date": days, "close": [1.0] * len(days)})
    >>> entry = es.prices.SourceEntry(name="flat", meaning="flat prices", open=Flat)
    >>> es.prices.SOURCES.register(entry).name
    'flat'
    >>> es.prices.SOURCES.remove("flat")
    """

    @property
    def name(self) -> str:
        """Name of the provider, and its folder in the cache."""
        ...

    @property
    def client(self) -> str:
        """Name and version of the program that asks."""
        ...

    @property
    def notice(self) -> str:
        """Whose prices they are."""
        ...

    @property
    def terms(self) -> str:
        """Terms of use."""
        ...

    @property
    def basis(self) -> str:
        """What the closes are adjusted for."""
        ...

    def download(
        self, symbol: str, *, interval: str, start: date, end: date, now: datetime
    ) -> Chart | ArrowStream:
        """Return the bars of a symbol.

        Parameters
        ----------
        symbol : str
            Symbol, checked to be safe in file names and web addresses.
        interval : str
            ``"1d"``, ``"1h"`` or ``"1m"``.
        start, end : datetime.date
            First and last date in the exchange's own time zone, both included.
        now : datetime.datetime
            The time in UTC: bars that are not over by then are left out.

        Returns
        -------
        Chart or frame
            The bars. A frame of daily bars needs the columns ``date`` and ``close``;
            open, high, low, adj_close and volume are read where there are any.

        Raises
        ------
        NoPricesError
            When there are none of the symbol, or not those that were asked for.
        TryAgainError
            When the provider cannot be reached; it is not asked for other symbols.
        """
        ...


TEXTS = ("name", "client", "notice", "terms", "basis")
"""Attributes that every provider has."""


def notice_of(provider: Provider) -> str:
    """Return what a report prints about the prices of a provider."""
    return " ".join(text for text in (provider.notice, provider.terms) if text)
