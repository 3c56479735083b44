"""Downloaded prices on disk: one Parquet file per symbol, each with its provenance.

::

    ROOT/SOURCE/INTERVAL/BASIS/SYMBOL.parquet        what is used
    ROOT/SOURCE/INTERVAL/BASIS/superseded/SYMBOL.HASH.parquet  what reports once used,
                                                               the last 20 of a symbol
    ROOT/SOURCE/INTERVAL/BASIS/damaged/SYMBOL.parquet          what could not be read
    ROOT/SOURCE/INTERVAL/BASIS/locks/SYMBOL.lock

A file is written whole under another name and moved into place, so a reader sees the
old one or the new one. It carries the hash of its own values; whatever does not match
it, or is not a file of this store, is set aside and never used.
"""

import glob
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from eventstudy.cells.columnar import PARQUET, columnar_frame
from eventstudy.core.files import umask
from eventstudy.core.interrupt import temporary
from eventstudy.core.quiet import quiet
from eventstudy.prices.lock import locked, unwritable
from eventstudy.prices.provider import CHART_SCHEMA
from eventstudy.prices.symbols import file_stem, symbol_of_file

BASIS = "split_adjusted"
"""Prices as of the last split before the download, with an adjusted close beside."""

_KEY = "eventstudy"
_FORMAT = 2
_ABANDONED = 3600.0  # seconds; writing takes less than one
_MOST_BYTES = 256 << 20
MOST_SUPERSEDED = 20
"""Earlier downloads of a symbol that are kept, for reports that used them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """How a stored file came to be.

    start, end : the dates that were asked for and answered, both included; there may
        be no prices at their ends
    adjusted_on : date as of which splits and dividends are accounted for
    fetched_at : UTC instant of the last download;  client : what downloaded it
    moved : daily bars that were stamped on the evening before, and dated by the day
    sha256 : of the values, see `stored_sha256`
    asked_start, asked_end : the dates of the last request, where less was answered
    asked_times : how often those were asked for, one request after the other
    """

    source: str
    symbol: str
    interval: str
    basis: str
    start: date
    end: date
    adjusted_on: date
    fetched_at: datetime
    client: str
    currency: str | None
    zone: str
    instrument: str
    moved: int
    sha256: str = ""
    asked_start: date | None = None
    asked_end: date | None = None
    asked_times: int = 0

    def asked(self, since: date, until: date) -> bool:
        """Tell whether a span was asked for, though not all of it was answered."""
        if self.asked_start is None or self.asked_end is None:
            return False
        start, end = min(self.start, self.asked_start), max(self.end, self.asked_end)
        return start <= since and until <= end


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stored:
    """Bars of one symbol, `CHART_SCHEMA`, with their provenance."""

    frame: pl.DataFrame
    provenance: Provenance


class DamagedError(Exception):
    """A file of the store cannot be used; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The files of one source, interval and adjustment basis under one root."""

    root: Path
    source: str
    interval: str = "1d"
    basis: str = BASIS

    def __iter__(self) -> Iterator[str]:
        """Yield the symbols that have a file, sound or not."""
        paths = self.folder.glob("*.parquet")
        names = sorted(path for path in paths if not path.name.startswith("."))
        return iter([symbol_of_file(path) for path in names])

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self.root / self.source / self.interval / self.basis

    @property
    def is_there(self) -> bool:
        """Whether anything was ever stored."""
        return self.folder.is_dir()

    def path(self, symbol: str) -> Path:
        """Return where a symbol's file is, or would be."""
        return self.folder / f"{file_stem(symbol)}.parquet"

    def lock(self, symbol: str) -> AbstractContextManager[None]:
        """Keep other processes from downloading or writing the same symbol."""
        return locked(self.folder / "locks" / f"{file_stem(symbol)}.lock")

    def read(self, symbol: str) -> Stored | None:
        """Return what is stored, None when there is nothing.

        Raises `DamagedError` for a file that is cut off, changed or of another symbol.
        """
        path = self.path(symbol)
        if not path.is_file():
            return None
        stored = read_stored(path)
        held, wanted = stored.provenance, (self.source, symbol, self.interval)
        if (held.source, held.symbol, held.interval) != wanted:
            raise DamagedError(
                f"{path.name} holds {held.symbol} ({held.source}, {held.interval})"
            )
        return stored

    def write(self, stored: Stored) -> None:
        """Put a file in the place of a symbol's old one, whole or not at all."""
        path = self.path(stored.provenance.symbol)
        write_stored(stored, path)

    def set_aside(self, symbol: str) -> None:
        """Move a damaged file out of the way."""
        target = self.folder / "damaged" / f"{file_stem(symbol)}.parquet"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self.path(symbol).replace(target)
        except OSError as error:
            raise unwritable(target.parent, error) from error

    def supersede(self, stored: Stored) -> None:
        """Keep a copy of what is about to be replaced, for reports that used it.

        Of more than `MOST_SUPERSEDED` the oldest go.
        """
        symbol, sha256 = stored.provenance.symbol, stored.provenance.sha256
        name = f"{file_stem(symbol)}.{sha256[:12]}.parquet"
        write_stored(stored, self.folder / "superseded" / name)
        held = sorted(self.superseded(symbol), key=lambda path: path.stat().st_mtime_ns)
        for path in held[:-MOST_SUPERSEDED]:
            path.unlink(missing_ok=True)

    def superseded(self, symbol: str | None = None) -> list[Path]:
        """Return the files of earlier downloads, of a symbol or of all."""
        stem = "*" if symbol is None else glob.escape(file_stem(symbol))
        pattern = f"{stem}.{'[0-9a-f]' * 12}.parquet"
        paths = (self.folder / "superseded").glob(pattern)
        return sorted(path for path in paths if not path.name.startswith("."))

    def damaged(self) -> list[Path]:
        """Return the files that were set aside because they could not be read."""
        return sorted((self.folder / "damaged").glob("[!.]*.parquet"))

    def versions(self, symbol: str) -> Iterator[Stored]:
        """Yield all sound files of a symbol, the one in use first."""
        for path in [self.path(symbol), *self.superseded(symbol)]:
            try:
                stored = read_stored(path) if path.is_file() else None
            except DamagedError:
                continue
            if stored is not None and stored.provenance.symbol == symbol:
                yield stored

    def clear(self, symbols: Sequence[str] = ()) -> list[str]:
        """Delete the files of the symbols, or of all; return whose were deleted."""
        old = [symbol_of_file(Path(path.stem)) for path in self.superseded()]
        aside = [symbol_of_file(path) for path in self.damaged()]
        held = dict.fromkeys([*self, *old, *aside])
        chosen = [s for s in held if not symbols or s in symbols]
        for symbol in chosen:
            with self.lock(symbol):
                self.path(symbol).unlink(missing_ok=True)
                damaged = self.folder / "damaged" / f"{file_stem(symbol)}.parquet"
                damaged.unlink(missing_ok=True)
                for path in self.superseded(symbol):
                    path.unlink(missing_ok=True)
        return chosen


def stored_sha256(frame: pl.DataFrame) -> str:
    """SHA-256 of all values of a stored table, independent of the file format."""
    digest = hashlib.sha256()
    for name, dtype in CHART_SCHEMA.items():
        column = frame[name]
        if dtype == pl.Float64:
            values = column.fill_null(float("nan")).to_numpy().astype("<f8")
        else:
            values = column.to_physical().cast(pl.Int64).to_numpy().astype("<i8")
        digest.update(values.tobytes())
    return digest.hexdigest()


def read_stored(path: Path) -> Stored:
    """Read and check one file of a store; raise `DamagedError` if it is not sound."""
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            raise DamagedError(f"no file, or larger than {_MOST_BYTES >> 20} MiB")
        data = path.read_bytes()
        if not data.startswith(PARQUET):
            raise DamagedError("no Parquet file")
        frame = columnar_frame(data)
        with quiet():
            found = pl.read_parquet_metadata(data).get(_KEY)
        if found is None:
            raise DamagedError("not a file of this store")
        provenance = _provenance(json.loads(found))
    except DamagedError as error:
        raise DamagedError(f"{path.name}: {error}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{path.name} cannot be read ({error})") from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise DamagedError(f"{path.name} is damaged ({error})") from error
    if frame.schema != pl.Schema(CHART_SCHEMA):
        raise DamagedError(f"{path.name} has other columns than this store writes")
    if stored_sha256(frame) != provenance.sha256:
        raise DamagedError(f"the values in {path.name} are not those that were stored")
    return Stored(frame=frame, provenance=provenance)


def write_stored(stored: Stored, path: Path) -> None:
    """Write one file of a store atomically; raise `SourceError` if that fails."""
    provenance = replace(stored.provenance, sha256=stored_sha256(stored.frame))
    about = {"format": _FORMAT, **asdict(provenance)}
    text = json.dumps({**about, "seal": _seal(about)}, default=str)
    new = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear_abandoned(path)
        # A random name that was not there: no link of anybody's is followed.
        held, name = tempfile.mkstemp(prefix=f".new-{path.name}-", dir=path.parent)
        new = Path(name)
        with temporary(new), os.fdopen(held, "wb") as stream:
            stored.frame.write_parquet(stream, metadata={_KEY: text})
            stream.flush()
            os.fsync(stream.fileno())
        new.chmod(0o666 & ~umask())
        new.replace(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        if new is not None:
            new.unlink(missing_ok=True)
        raise unwritable(path.parent, error) from error


def _seal(about: Mapping[str, object]) -> str:
    """SHA-256 of what a file says about itself, the hash of its values included."""
    text = json.dumps(about, default=str, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _clear_abandoned(path: Path) -> None:
    """Delete what writers of the same file left when they were killed."""
    for left in path.parent.glob(f".new-{glob.escape(path.name)}-*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _ABANDONED:
                left.unlink()


def _provenance(found: Mapping[str, object]) -> Provenance:
    fields = dict(found)
    if fields.get("format") != _FORMAT:
        raise DamagedError("the file is of another version of this store")
    if fields.pop("seal", None) != _seal(fields):
        raise DamagedError("what the file says about itself is not what was stored")
    del fields["format"]
    for name in ("start", "end", "adjusted_on"):
        fields[name] = date.fromisoformat(str(fields[name]))
    for name in ("asked_start", "asked_end"):
        asked = fields.get(name)
        fields[name] = None if asked is None else date.fromisoformat(str(asked))
    fields["fetched_at"] = datetime.fromisoformat(str(fields["fetched_at"]))
    _check_fields(fields)
    return Provenance(**fields)  # type: ignore[arg-type]


def _check_fields(fields: Mapping[str, object]) -> None:
    """Refuse values that no download has; each is used as what it should be."""
    texts = ("source", "symbol", "interval", "basis", "client", "zone", "instrument")
    wrong = [name for name in texts if not isinstance(fields.get(name), str)]
    if not isinstance(fields.get("currency"), str | None):
        wrong.append("currency")
    counts = ("moved", "asked_times")
    wrong += [name for name in counts if not isinstance(fields.get(name, 0), int)]
    if wrong:
        raise DamagedError(f"{', '.join(wrong)} cannot be what they are in the file")
    try:
        ZoneInfo(str(fields["zone"]))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise DamagedError(f"there is no time zone {fields['zone']!r}") from error
