"""Prices: from the embedded snapshot, the user's files, or a provider.

`read_prices` reads files and frames, `fetch_prices` asks a source for symbols; both
return `Prices`, which carry their origin and every fault that was found in them.
`SOURCES` holds the sources by name, and takes further ones: a `Provider` downloads a
symbol at a time and is kept in the cache, a `PriceSource` delivers as it likes.
`check_quality` looks for what is suspicious; `read_factors` reads factor returns,
`read_series` series that are no prices.
"""

from eventstudy.prices.factors import Factors, read_factors, with_factors
from eventstudy.prices.fetch import fetch_prices
from eventstudy.prices.files import read_prices
from eventstudy.prices.provider import Chart, NoPricesError, Provider, TryAgainError
from eventstudy.prices.quality import check_quality
from eventstudy.prices.series import OutcomeSeries, read_series
from eventstudy.prices.source import SOURCES, PriceSource, SourceEntry
from eventstudy.prices.table import PriceFile, Prices

__all__ = [
    "SOURCES",
    "Chart",
    "Factors",
    "NoPricesError",
    "OutcomeSeries",
    "PriceFile",
    "PriceSource",
    "Prices",
    "Provider",
    "SourceEntry",
    "TryAgainError",
    "check_quality",
    "fetch_prices",
    "read_factors",
    "read_prices",
    "read_series",
    "with_factors",
]
