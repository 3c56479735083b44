"""Looking after the stores of a cache folder: what is there, is it sound, moves."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from eventstudy.core.errors import DataError, Problem
from eventstudy.prices.cached import combine
from eventstudy.prices.lock import unwritable
from eventstudy.prices.provider import INTERVALS
from eventstudy.prices.store import (
    BASIS,
    DamagedError,
    Provenance,
    Store,
    Stored,
    read_stored,
)
from eventstudy.prices.symbols import check_symbols, file_stem, symbol_fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One file of a store that cannot be used, and why."""

    path: Path
    why: str


def stores(root: Path) -> list[Store]:
    """Return every store under a cache folder."""
    return [
        store
        for folder in sorted(root.glob("[!.]*"))
        for interval in INTERVALS
        if (store := Store(root=root, source=folder.name, interval=interval)).is_there
    ]


def status(root: Path) -> pl.DataFrame:
    """Return one row per stored symbol: what is there, since when, and is it sound.

    Columns: symbol, source, interval, first, last, rows, currency, fetched_at,
    adjusted_on, client, bytes, fault (null when sound), superseded (earlier downloads
    that are kept).
    """
    rows = [_status_row(store, symbol) for store in stores(root) for symbol in store]
    return pl.DataFrame(rows, schema=pl.Schema(_STATUS_SCHEMA), orient="row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Files that are kept and not used: how many, and their bytes."""

    files: int
    bytes: int


def kept(root: Path) -> dict[str, Kept]:
    """Return what is kept beside the files in use: superseded, and damaged."""
    found = {
        "superseded": [path for store in stores(root) for path in store.superseded()],
        "damaged": [path for store in stores(root) for path in store.damaged()],
    }
    return {
        kind: Kept(files=len(paths), bytes=sum(path.stat().st_size for path in paths))
        for kind, paths in found.items()
    }


def verify(root: Path) -> list[Fault]:
    """Read every file of every store; return those that are damaged or foreign."""
    faults = []
    for store in stores(root):
        for symbol in store:
            try:
                store.read(symbol)
            except DamagedError as error:
                faults.append(Fault(path=store.path(symbol), why=str(error)))
        for path in store.superseded():
            try:
                read_stored(path)
            except DamagedError as error:
                why = f"{error}; it is superseded: delete it"
                faults.append(Fault(path=path, why=why))
    return faults


def clear(root: Path, symbols: Sequence[str] = ()) -> list[str]:
    """Delete the stored files of the symbols, or of all; return whose were deleted."""
    wanted = check_symbols(symbols)
    gone = {symbol for store in stores(root) for symbol in store.clear(wanted)}
    if absent := [symbol for symbol in wanted if symbol not in gone]:
        raise DataError(f"not in the cache: {', '.join(absent)}")
    return sorted(gone)


def export(
    root: Path, folder: Path, symbols: Sequence[str] = (), *, source: str
) -> list[Path]:
    """Copy a source's daily files into a folder for `read_prices` and `bring`.

    Raises `DataError` when a symbol is not there or damaged, before anything is copied.
    """
    store = Store(root=root, source=source)
    wanted = check_symbols(symbols) or tuple(store)
    problems = []
    for symbol in wanted:
        try:
            if store.read(symbol) is None:
                problems.append(Problem(message=f"{symbol} is not in the cache"))
        except DamagedError as error:
            problems.append(Problem(message=str(error)))
    if problems or not wanted:
        raise DataError("there is nothing to export, or not all of it", problems)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [
            shutil.copyfile(store.path(symbol), folder / store.path(symbol).name)
            for symbol in wanted
        ]
    except OSError as error:
        raise unwritable(folder, error) from error


def bring(root: Path, source: Path) -> list[str]:
    """Take exported files (a folder or one file) into the store; return the symbols.

    Where the store has the symbol already, bars that agree are put together; if they
    do not agree, the later download is used and the other kept aside for old reports.
    Raises `DataError` naming every file that is not a sound export; the others are in.
    """
    paths = sorted(source.glob("*.parquet")) if source.is_dir() else [source]
    problems, taken = [], []
    for path in paths:
        try:
            stored = read_stored(path)
            _check_export(stored.provenance)
        except DamagedError as error:
            problems.append(Problem(message=str(error), file=path.name))
            continue
        held = stored.provenance
        _take(Store(root=root, source=held.source, interval=held.interval), stored)
        taken.append(held.symbol)
    if problems or not taken:
        raise DataError(
            f"not exported files{', the others are in' if taken else ''}; to use your "
            f"own prices, give their folder with --prices",
            problems or [Problem(message="no *.parquet file", file=source.name)],
        )
    return taken


def _take(store: Store, stored: Stored) -> None:
    symbol = stored.provenance.symbol
    with store.lock(symbol):
        try:
            held = store.read(symbol)
        except DamagedError:
            store.set_aside(symbol)
            held = None
        if held is None:
            store.write(stored)
            return
        both = combine(held, stored)
        if both is not None:
            store.write(both)
            return
        times = held.provenance.fetched_at, stored.provenance.fetched_at
        newer, older = (stored, held) if times[1] > times[0] else (held, stored)
        store.supersede(older)
        store.write(newer)


def _check_export(provenance: Provenance) -> None:
    known = provenance.interval in INTERVALS and provenance.basis == BASIS
    if not known or symbol_fault(provenance.source):
        raise DamagedError(
            f"a store has no place for {provenance.source!r}, "
            f"{provenance.interval!r}, {provenance.basis!r}"
        )
    file_stem(provenance.symbol)


def _status_row(store: Store, symbol: str) -> tuple[object, ...]:
    size = store.path(symbol).stat().st_size
    try:
        stored = store.read(symbol)
    except DamagedError as error:
        nothing = (None,) * 7
        old = len(store.superseded(symbol))
        return (symbol, store.source, store.interval, *nothing, size, str(error), old)
    if stored is None:
        raise AssertionError("a listed file is gone")
    held, days = stored.provenance, stored.frame["date"]
    return (
        symbol,
        store.source,
        store.interval,
        days.min(),
        days.max(),
        stored.frame.height,
        held.currency,
        held.fetched_at,
        held.adjusted_on,
        held.client,
        size,
        None,
        len(store.superseded(symbol)),
    )


_STATUS_SCHEMA: dict[str, pl.DataType] = {
    "symbol": pl.String(),
    "source": pl.String(),
    "interval": pl.String(),
    "first": pl.Date(),
    "last": pl.Date(),
    "rows": pl.Int64(),
    "currency": pl.String(),
    "fetched_at": pl.Datetime("us", "UTC"),
    "adjusted_on": pl.Date(),
    "client": pl.String(),
    "bytes": pl.Int64(),
    "fault": pl.String(),
    "superseded": pl.Int64(),
}
