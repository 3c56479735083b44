"""The very prices of an earlier report, from its manifest.json."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from eventstudy.core.cache_folder import cache_root
from eventstudy.core.errors import DataError, Problem, SourceError
from eventstudy.prices.cached import Cached, deliver
from eventstudy.prices.fetch import ask, open_source
from eventstudy.prices.source import SOURCES, PriceSource, SourceEntry
from eventstudy.prices.store import Store
from eventstudy.prices.symbols import symbol_fault
from eventstudy.prices.table import PriceFile, Prices

_MAX_BYTES = 16 << 20
_NO_MANIFEST = (
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    RecursionError,
    OverflowError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The source of the prices that a manifest records; never asks the network.

    cache : the store that downloaded prices are in; None for the usual one
    """

    path: Path
    cache: Path | None = None

    @property
    def name(self) -> str:
        """The name of the source that the report used."""
        return self._recorded()[0]

    def fetch(
        self, symbols: Sequence[str], *, start: date | None, end: date | None
    ) -> Prices:
        """Return all recorded prices; raise `SourceError` if any cannot be had again.

        Every file, or where prices were downloaded every symbol's values, must have
        the recorded SHA-256.
        """
        source, notice, files = self._recorded()
        opened = self._open(source)
        if opened is None:
            return self._from_store(source, notice, files)
        prices = self._asked(opened, source, files)
        held = {(file.symbol, file.sha256) for file in prices.files}
        changed = [f.symbol for f in files if (f.symbol, f.sha256) not in held]
        if changed:
            raise SourceError(
                f"{', '.join(changed)}: the prices in {prices.source} are not those "
                f"that {self.path.name} records; the report cannot be made again"
            )
        recorded = [file.symbol for file in files]
        kept = pl.col("symbol").is_in(recorded)
        return replace(
            prices,
            frame=prices.frame.filter(kept),
            files=tuple(file for file in prices.files if file.symbol in recorded),
            issues=prices.issues.filter(kept),
        )

    def _asked(
        self, opened: PriceSource, source: str, files: Sequence[PriceFile]
    ) -> Prices:
        """Return what a source holds, or delivers of the recorded symbols and dates."""
        if source not in SOURCES or SOURCES[source].holds_all:
            return ask(opened, (), None, None)
        first, last = min(f.first for f in files), max(f.last for f in files)
        return ask(opened, [file.symbol for file in files], first, last)

    def _open(self, source: str) -> PriceSource | None:
        """Return the recorded source, None where its prices are in the store."""
        kind, _, name = source.partition(": ")
        if kind == "files" and symbol_fault(name) is None:
            for folder in (Path(), self.path.parent):
                if (folder / name).exists():
                    return open_source(folder / name)
            raise SourceError(
                f"the report used the prices in {name!r}, which is neither here nor "
                f"beside {self.path.name}; run from the folder that holds it"
            )
        if source in SOURCES and not SOURCES[source].by_path:
            opened = open_source(source)
            if isinstance(opened, Cached):
                return None
            if not SOURCES[source].needs_network:
                return opened
        if symbol_fault(source) is None and (cache_root(self.cache) / source).is_dir():
            return None
        raise SourceError(
            f"the report used prices from {source!r}, which cannot be had again; "
            "give them with --prices"
        )

    def _from_store(
        self, source: str, notice: str | None, files: Sequence[PriceFile]
    ) -> Prices:
        store = Store(root=cache_root(self.cache), source=source)
        frames, issues, again, lost = [], [], [], []
        for wanted in files:
            for stored in store.versions(wanted.symbol):
                try:
                    frame, found, file = deliver(
                        stored,
                        name=wanted.name,
                        basis=wanted.basis,
                        start=wanted.first,
                        end=wanted.last,
                    )
                except DataError:
                    continue
                if file.sha256 == wanted.sha256:
                    frames.append(frame)
                    issues.append(found)
                    again.append(wanted)
                    break
            else:
                lost.append(wanted.symbol)
        if lost or not frames:
            raise SourceError(
                f"{', '.join(lost) or 'prices'}: the cache has no version with the "
                f"values that {self.path.name} records; import the cache in which the "
                "report was made (eventstudy prices export, import)"
            )
        return Prices(
            frame=pl.concat(frames, how="diagonal"),
            source=source,
            files=tuple(again),
            issues=pl.concat(issues),
            notice=notice,
        )

    def _recorded(self) -> tuple[str, str | None, list[PriceFile]]:
        """Return the source, its notice and its files that the manifest names."""
        try:
            with self.path.open("rb") as stream:
                data = stream.read(_MAX_BYTES + 1)
            inputs = json.loads(data[:_MAX_BYTES])["inputs"]
            files = [
                _price_file(found)
                for found in inputs["files"]
                if found.get("role") == "prices"
            ]
            notice = inputs.get("notice")
            return str(inputs["source"]), notice and str(notice), files
        except OSError as error:
            why = f"cannot be read ({error.strerror})"
            problem = Problem(message=why, file=self.path.name)
            raise DataError("the manifest cannot be used", [problem]) from error
        except _NO_MANIFEST as error:
            why = f"is not the manifest.json of a report ({error!r})"
            problem = Problem(message=why, file=self.path.name)
            raise DataError("the manifest cannot be used", [problem]) from error


SOURCES.register(
    SourceEntry(
        name="manifest",
        meaning="the very prices of an earlier report; give the path of its "
        "manifest.json",
        needs_network=False,
        holds_all=True,
        by_path=True,
        open=Manifest,
    )
)


def _price_file(found: Mapping[str, Any]) -> PriceFile:
    symbol, name = str(found["symbol"]), str(found["name"])
    if why := symbol_fault(symbol) or symbol_fault(name):
        raise ValueError(why)
    return PriceFile(
        symbol=symbol,
        name=name,
        sha256=str(found["sha256"]),
        rows=int(found["rows"]),
        first=date.fromisoformat(str(found["first"])),
        last=date.fromisoformat(str(found["last"])),
        basis=str(found["basis"]),
    )
