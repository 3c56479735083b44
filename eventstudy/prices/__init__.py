"""Prices: from the embedded snapshot, the user's files, or a provider.

`read_prices` reads files and frames, `fetch_prices` asks a source for symbols; both
return `Prices`, which carry their origin and every fault that was found in them.
`check_quality` looks for what is suspicious; `read_factors` reads factor returns.
"""

from eventstudy.prices.factors import Factors, read_factors, with_factors
from eventstudy.prices.fetch import SOURCES, PriceSource, fetch_prices
from eventstudy.prices.files import read_prices
from eventstudy.prices.quality import check_quality, refuse_warnings
from eventstudy.prices.table import PriceFile, Prices

__all__ = [
    "SOURCES",
    "Factors",
    "PriceFile",
    "PriceSource",
    "Prices",
    "check_quality",
    "fetch_prices",
    "read_factors",
    "read_prices",
    "refuse_warnings",
    "with_factors",
]
