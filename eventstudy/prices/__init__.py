"""Prices: from the embedded snapshot, the user's files, or a provider.

`read_prices` reads files and frames, `fetch_prices` asks a source for symbols; both
return `Prices`, which carry their origin and every fault that was found in them.
"""

from eventstudy.prices.fetch import SOURCES, PriceSource, fetch_prices
from eventstudy.prices.files import read_prices
from eventstudy.prices.table import PriceFile, Prices

__all__ = [
    "SOURCES",
    "PriceFile",
    "PriceSource",
    "Prices",
    "fetch_prices",
    "read_prices",
]
