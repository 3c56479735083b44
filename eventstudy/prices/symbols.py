"""Symbols that are safe in file names and web addresses."""

import re
from collections.abc import Iterable
from pathlib import Path

from eventstudy.core.errors import SpecError
from eventstudy.core.names import name_fault

_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)")


def symbol_fault(symbol: str) -> str | None:
    r"""Say why a text cannot be a symbol, or return None.

    >>> symbol_fault("BTC-USD"), symbol_fault("^GSPC"), symbol_fault("M&M.NS")
    (None, None, None)
    >>> symbol_fault("../x")
    "a symbol cannot begin with '.' or a blank"
    """
    return name_fault(symbol, "a symbol")


def check_symbols(symbols: str | Iterable[str]) -> tuple[str, ...]:
    """Return the symbols without repetition, in their order; a text is one symbol.

    Raises `SpecError` that names every text that cannot be a symbol.

    >>> check_symbols(["RIOT", "MARA", "RIOT"])
    ('RIOT', 'MARA')
    >>> check_symbols("RIOT")
    ('RIOT',)
    """
    given = (symbols,) if isinstance(symbols, str) else symbols
    unique = tuple(dict.fromkeys(given))
    faults = [(symbol, fault) for symbol in unique if (fault := symbol_fault(symbol))]
    if faults:
        listing = "; ".join(f"{symbol!r}: {fault}" for symbol, fault in faults)
        raise SpecError(f"not usable as symbols: {listing}")
    return unique


def file_stem(symbol: str) -> str:
    """Return a file name for a symbol; names that Windows reserves get a prefix.

    >>> file_stem("BTC-USD"), file_stem("CON.DE")
    ('BTC-USD', '_CON.DE')
    """
    (checked,) = check_symbols([symbol])
    return f"_{checked}" if _RESERVED.match(checked) else checked


def symbol_of_file(path: Path) -> str:
    """Return the symbol that a file is named after; the inverse of `file_stem`.

    >>> symbol_of_file(Path("BRK.B.csv.gz")), symbol_of_file(Path("_CON.DE.parquet"))
    ('BRK.B', 'CON.DE')
    """
    name = path.name.removesuffix(".gz")
    stem = name.rpartition(".")[0]
    bare = stem.removeprefix("_")
    return bare if bare != stem and _RESERVED.match(bare) else stem
