"""The prices of the worked example, embedded in the package."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path

import polars as pl

from eventstudy.prices.source import SOURCES, SourceEntry
from eventstudy.prices.table import Prices, describe_files, issues_frame

_FILE = "snapshot.parquet"
_BASIS = (
    "split-adjusted as of March 2024; no dividends in the span, so the adjusted close "
    "is the close"
)
_ODDITIES = (
    ("BTBT", date(2021, 10, 29), "doubtful print", "14.25 between 10.05 and 11.80"),
    ("BTCM", date(2020, 9, 28), "zero volume", "no trade, all prices 29.4"),
    ("BTC-USD", date(2021, 11, 25), "doubtful print", "2.9 % below other exchanges"),
    ("BTC-USD", date(2021, 12, 14), "doubtful print", "3.7 % below other exchanges"),
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The source of the embedded prices; it has what it has, for any dates."""

    @property
    def name(self) -> str:
        """The name of the source."""
        return "snapshot"

    def fetch(
        self, symbols: Sequence[str], *, start: date | None, end: date | None
    ) -> Prices:
        """Return the whole snapshot, whatever is asked for: it is small."""
        frame = pl.read_parquet(_path())
        oddities = [
            {
                "symbol": symbol,
                "date": day,
                "file": _FILE,
                "severity": "info",
                "rule": rule,
                "detail": detail,
                "action": "left as found",
            }
            for symbol, day, rule, detail in sorted(_ODDITIES)
        ]
        files = describe_files(frame, name=_FILE, basis=_BASIS, sha256=_sha256())
        return Prices(
            frame=frame,
            source=self.name,
            files=files,
            issues=issues_frame(oddities),
            notice=_path("NOTICE").read_text(encoding="utf-8").strip(),
        )


SOURCES.register(
    SourceEntry(
        name="snapshot",
        meaning="figures of Yahoo Finance, embedded for the worked example",
        needs_network=False,
        holds_all=True,
        open=Snapshot,
    )
)


def _path(name: str = _FILE) -> Path:
    return Path(str(resources.files("eventstudy.prices") / "data" / name))


@cache
def _sha256() -> str:
    return hashlib.sha256(_path().read_bytes()).hexdigest()
