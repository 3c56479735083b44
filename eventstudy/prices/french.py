"""Daily factors from the data library of Kenneth French, as levels of investments.

The library is a folder of zip files. A file is asked for once however many of its
factors are wanted, read by `factors`, and kept in the cache factor by factor: the
symbol ``Europe.5.cma`` is the factor cma of the five factors of Europe, ``US.mom`` the
momentum of the United States.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import polars as pl

from eventstudy._version import __version__
from eventstudy.core.errors import DataError, SourceError, SpecError, unknown_text
from eventstudy.prices.factors import factor_table, level_of
from eventstudy.prices.fetch import fetch_prices
from eventstudy.prices.provider import (
    CHART_SCHEMA,
    Chart,
    NoPricesError,
    TryAgainError,
)
from eventstudy.prices.retry import Retry
from eventstudy.prices.source import SOURCES, SourceEntry
from eventstudy.prices.table import FACTOR_LEVEL, Prices
from eventstudy.spec import FACTOR_REGIONS, FACTOR_SETS, RISK_FREE

NAME = "french"
LIBRARY = "https://mba.tuck.dartmouth.edu/pages/faculty/ken.french/ftp/"
_MOST_BYTES = 64 << 20
_PIECE = 1 << 16
_OF_THREE = ("mkt_rf", "smb", "hml", RISK_FREE)
_OF_FIVE = ("mkt_rf", "smb", "hml", "rmw", "cma", RISK_FREE)
_MOMENTUM = ("mom",)
# The files of a region by what they hold; those of the United States have other names.
_HELD: Mapping[str, tuple[str, ...]] = {
    "3": _OF_THREE,
    "5": _OF_FIVE,
    "mom": _MOMENTUM,
}
_FILES = {
    "3": "{}_3_Factors_Daily",
    "5": "{}_5_Factors_Daily",
    "mom": "{}_Mom_Factor_Daily",
}
_FILES_OF_US = {
    "3": "F-F_Research_Data_Factors_daily",
    "5": "F-F_Research_Data_5_Factors_2x3_daily",
    "mom": "F-F_Momentum_Factor_daily",
}
_US = "US"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class French:
    """The `Provider` of daily factors; safe to call from several threads.

    timeout : seconds for a whole file, however slowly it drips
    retry : how faults that may pass are asked again
    """

    name: str = field(default=NAME, init=False)
    client: str = field(default=f"eventstudy {__version__}", init=False)
    notice: str = field(
        default="Factor returns of the data library of Kenneth R. French, downloaded "
        "for this study.",
        init=False,
    )
    terms: str = field(
        default="Copyright Eugene F. Fama and Kenneth R. French.", init=False
    )
    basis: str = field(default=FACTOR_LEVEL, init=False)

    timeout: float = 60.0
    retry: Retry = field(default_factory=Retry)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _tables: dict[str, pl.DataFrame] = field(default_factory=dict, repr=False)
    _failed: dict[str, TryAgainError] = field(default_factory=dict, repr=False)

    def download(
        self, symbol: str, *, interval: str, start: date, end: date, now: datetime
    ) -> Chart:
        """Return the level of a factor from ``start`` to ``end``, both included.

        Raises `NoPricesError` for a symbol that the library does not have,
        `TryAgainError` when it cannot be reached or what comes is no file of factors.
        """
        if interval != "1d":
            raise SpecError(f"interval {interval!r}: factors are daily, interval 1d")
        file, factor = _file_of(symbol)
        level = level_of(self._table(file), factor)
        first, last = level["date"][0], level["date"][-1]
        kept = level.filter(
            pl.col("date").is_between(start, end), pl.col("date") < now.date()
        )
        if not kept.height:
            raise NoPricesError(f"the library has {symbol} from {first} to {last}")
        absent = [name for name in CHART_SCHEMA if name not in kept.columns]
        frame = kept.with_columns(
            pl.lit(None, CHART_SCHEMA[name]).alias(name) for name in absent
        ).with_columns(time=pl.col("date").cast(pl.Datetime("us", "UTC")))
        return Chart(
            symbol=symbol,
            interval=interval,
            frame=frame.select(list(CHART_SCHEMA)),
            currency=None,
            zone="UTC",
            instrument="FACTOR",
            first_trade=first,
        )

    def _table(self, file: str) -> pl.DataFrame:
        """Return the factors of a file, which is asked for once, also where it fails.

        Raises `TryAgainError` for a file that did not come.
        """
        with self._lock:
            if file in self._failed:
                raise self._failed[file]
            if file not in self._tables:
                try:
                    self._tables[file] = self.retry(lambda: self._read(file))
                except TryAgainError as error:
                    # Anew: the first one holds on to the answer that failed.
                    self._failed[file] = TryAgainError(str(error))
                    raise
            return self._tables[file]

    def _read(self, file: str) -> pl.DataFrame:
        name = f"{file}_CSV.zip"
        data = self._get(name)
        try:
            return factor_table(data, name, "percent")
        except DataError as error:
            raise TryAgainError(f"what came is no file of factors: {error}") from error

    def _get(self, name: str) -> bytes:
        from http.client import HTTPException
        from urllib.error import HTTPError
        from urllib.request import Request, urlopen

        until = time.monotonic() + self.timeout
        asked = Request(LIBRARY + name, headers={"User-Agent": self.client})
        data = bytearray()
        try:
            with urlopen(asked, timeout=self.timeout) as answer:
                size = int(answer.headers.get("Content-Length") or 0)
                while piece := answer.read1(_PIECE):
                    data += piece
                    if time.monotonic() > until:
                        raise TimeoutError(f"not whole after {self.timeout:g} seconds")
                    if len(data) > _MOST_BYTES:
                        raise NoPricesError(
                            f"{name} is larger than {_MOST_BYTES >> 20} MiB"
                        )
        except HTTPError as error:
            if error.code in (404, 410):
                raise NoPricesError(f"the library has no file {name}") from error
            raise TryAgainError(f"the library answers HTTP {error.code}") from error
        except (OSError, HTTPException, ValueError) as error:
            raise TryAgainError(
                f"the library of Kenneth French cannot be reached ({error}); check "
                "the network, or work offline with what the cache has"
            ) from error
        if len(data) < size:
            raise TryAgainError(f"{name}: {len(data)} of {size} bytes came")
        return bytes(data)


def factor_prices(
    names: Sequence[str],
    *,
    region: str = _US,
    end: date | None = None,
    **settings: Any,  # noqa: ANN401
) -> Prices:
    """Return the levels of factors under their own names, from the cache or anew.

    Where ``rmw`` or ``cma`` is among them, all come from the file of five factors,
    otherwise from that of three; momentum has a file of its own.

    Parameters
    ----------
    names : sequence of str
        Factors: ``["mkt_rf", "smb", "hml", "rf"]``.
    region : str
        A name of `FACTOR_REGIONS`.
    end : datetime.date, optional
        Last date; default all that there is.
    **settings
        ``cache``, ``offline``, ``refresh`` as of `fetch_prices`.

    Returns
    -------
    Prices
        A symbol for each factor, its first value 100 before the first return.

    Raises
    ------
    SpecError
        For a factor or a region that the library does not have.
    SourceError
        When a factor could not be downloaded; says how to give a file instead.

    Examples
    --------
    >>> factor_prices(["smb"], region="Mars")
    Traceback (most recent call last):
    ...
    eventstudy.core.errors.SpecError: unknown region of factors 'Mars'; known: ...
    """
    if region not in FACTOR_REGIONS:
        raise SpecError(unknown_text("region of factors", region, FACTOR_REGIONS))
    known = dict.fromkeys([*FACTOR_SETS, *_OF_FIVE, *_MOMENTUM])
    for name in names:
        if name not in known:
            unknown = unknown_text("factor or set of factors", name, known)
            raise SpecError(f"{unknown}; or give --factor-file FILE.csv that has it")
    size = "3" if set(names) <= {*_OF_THREE, *_MOMENTUM} else "5"
    symbols = {
        f"{region}.mom" if name in _MOMENTUM else f"{region}.{size}.{name}": name
        for name in names
    }
    try:
        found = fetch_prices(list(symbols), source=NAME, end=end, **settings)
    except SourceError as error:
        raise SourceError(
            f"{error}\nor give the factors as a file with --factor-file FILE.csv "
            "(factor_files in the study file)"
        ) from error
    renamed = pl.col("symbol").replace(symbols)
    return replace(
        found,
        frame=found.frame.with_columns(renamed).sort("symbol", "date"),
        issues=found.issues.with_columns(renamed),
        files=tuple(replace(one, symbol=symbols[one.symbol]) for one in found.files),
    )


def _file_of(symbol: str) -> tuple[str, str]:
    """Return the file that a symbol is in, and its factor there."""
    region, _, rest = symbol.partition(".")
    kind, _, factor = rest.partition(".")
    factor = factor or rest
    if region not in FACTOR_REGIONS or factor not in _HELD.get(kind, ()):
        raise NoPricesError(
            "no factor of the library: write REGION.3.FACTOR, REGION.5.FACTOR or "
            f"REGION.mom, such as US.3.smb; regions: {', '.join(FACTOR_REGIONS)}"
        )
    names = _FILES_OF_US if region == _US else _FILES
    return names[kind].format(region), factor


SOURCES.register(
    SourceEntry(
        name=NAME,
        meaning="daily factors of Kenneth French's data library, kept in a local "
        "cache; a study with --factors ff3 and no factor file asks it",
        open=French,
    )
)
