"""What some observations add to the tests of a plan, and its file.

A part is written as a Parquet file of one row: a list per array, its shape beside it.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from eventstudy.core.abnormal import Array, IntArray
from eventstudy.core.errors import DataError, Problem, SourceError
from eventstudy.inference.sums import AssetSeries
from eventstudy.scale.loadings import Linear, Loadings
from eventstudy.scale.plans import FORMAT

Numbers = NDArray[np.generic]
_KEY = "eventstudy.part"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the observations of a part come from.

    Parameters
    ----------
    name : str
        What they were read from, such as a file and its row group; empty where nobody
        said.
    rows : int
        Observations.
    sha : str
        SHA-256 of their abnormal returns, assets and clocks.

    Examples
    --------
    >>> Source(name="returns.parquet, rows 0 to 999", rows=1000, sha="").rows
    1000
    """

    name: str
    rows: int
    sha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ByClock:
    """Sums (g, S) over the observations of some clocks, ``rows`` (g,) of the table."""

    rows: IntArray
    total: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """The observations of one chunk or many, reduced to what a plan's tests need.

    Made by `collect`, added up by `merge`, tested by `finish`. Neither returns nor the
    table of clocks are in it: a number or two dozen per observation, and sums by date.

    Parameters
    ----------
    plan : str
        Hash of the plan that it was collected for.
    first_offset : int
        Event time of the first event-window column.
    sources : tuple of Source
        Where the observations come from.
    vectors : mapping of str to array
        Scalars per observation, (E,) or (E, W), in the narrowest type that holds them.
    sums : mapping of str to array
        Sums by date or by session of event time.
    by_clock : mapping of str to ByClock
        Sums by clock that few tests need.
    loadings : Loadings, optional
        Sums of loadings by clock, which say how far windows share sessions.
    series : mapping of str to AssetSeries or None
        Sums by asset and date, None once there are more than 500 assets.

    Examples
    --------
    >>> import eventstudy as es
    >>> ab = es.models.constant_mean(np.eye(8)[:3], n_estimation=5)
    >>> plan = es.scale.plan(windows=(0, 0), tests="csect", clocks=ab.clocks)
    >>> part = es.scale.collect(ab, plan)
    >>> part.rows, part.plan == plan.hash
    (3, True)
    """

    plan: str
    first_offset: int
    sources: tuple[Source, ...]
    vectors: Mapping[str, Numbers] = field(repr=False)
    sums: Mapping[str, Array] = field(repr=False)
    by_clock: Mapping[str, ByClock] = field(repr=False)
    loadings: Loadings | None = field(repr=False)
    series: Mapping[str, AssetSeries | None] = field(repr=False)

    @property
    def rows(self) -> int:
        """Observations."""
        return sum(source.rows for source in self.sources)

    @property
    def digest(self) -> str:
        """SHA-256 of where the observations come from, in their order."""
        said = sha256(self.plan.encode())
        for source in self.sources:
            said.update(f"{source.rows} {source.sha} {source.name}\n".encode())
        return said.hexdigest()

    def write(self, path: str | Path) -> None:
        """Write the part as Parquet, whole or not at all.

        Parameters
        ----------
        path : str or Path
            The file; one that is there is replaced.

        Raises
        ------
        SourceError
            Where nothing can be written.
        """
        _write(to_bytes(self), Path(path))

    def __reduce__(self) -> tuple[object, tuple[bytes]]:
        """Go to other processes as the bytes of a file, which are fewer."""
        return from_bytes, (to_bytes(self),)


def to_bytes(part: Part) -> bytes:
    """Return the part as a Parquet file."""
    arrays = _arrays(part)
    shapes = {name: list(value.shape) for name, value in arrays.items()}
    header = {
        "format": FORMAT,
        "plan": part.plan,
        "first_offset": part.first_offset,
        "sources": [asdict(source) for source in part.sources],
        "no_series": [name for name, held in part.series.items() if held is None],
        "linear": len(part.loadings.linear) if part.loadings else None,
        "shapes": shapes,
        "sha": _sha(arrays),
    }
    frame = pl.DataFrame(
        [pl.Series(name, [_flat(value)]) for name, value in arrays.items()]
    )
    buffer = BytesIO()
    frame.write_parquet(buffer, compression="zstd", metadata={_KEY: json.dumps(header)})
    return buffer.getvalue()


def from_bytes(data: bytes, name: str = "a part") -> Part:
    """Return the part that `to_bytes` wrote; refuse what is none, or not whole."""
    try:
        header = json.loads(pl.read_parquet_metadata(BytesIO(data))[_KEY])
        frame = pl.read_parquet(BytesIO(data))
    except (pl.exceptions.PolarsError, KeyError, ValueError, OSError) as error:
        raise _refused(name, "is no part, or was cut off; collect it again") from error
    if header.get("format") != FORMAT:
        raise _refused(
            name,
            f"has format {header.get('format')}; this version reads {FORMAT}; collect "
            "it again",
        )
    arrays = {key: _array(frame[key], shape) for key, shape in header["shapes"].items()}
    if _sha(arrays) != header["sha"]:
        raise _refused(name, "was changed since it was written; collect it again")
    return _part(header, arrays)


def _refused(name: str, message: str) -> DataError:
    return DataError("a part cannot be read", [Problem(message=message, file=name)])


def _write(data: bytes, path: Path) -> None:
    """Write beside the place first, so that no half of a file is ever there."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise SourceError(f"{path}: cannot be written: {error.strerror}") from error


def read_part(path: str | Path) -> Part:
    """Read a part that `Part.write` wrote.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    Part
        As it was.

    Raises
    ------
    DataError
        For a file that is no part, of another format, cut off or changed.
    SourceError
        For one that cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> import eventstudy as es
    >>> ab = es.models.constant_mean(np.eye(8)[:3], n_estimation=5)
    >>> plan = es.scale.plan(windows=(0, 0), tests="csect", clocks=ab.clocks)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     es.scale.collect(ab, plan).write(f"{folder}/1.parquet")
    ...     es.scale.read_part(f"{folder}/1.parquet").rows
    3
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from error
    return from_bytes(data, Path(path).name)


def _arrays(part: Part) -> dict[str, Numbers]:
    """Name all arrays of a part."""
    named: dict[str, Numbers] = {}
    for name, value in part.vectors.items():
        named[f"vectors/{name}"] = value
    for name, value in part.sums.items():
        named[f"sums/{name}"] = value
    for name, held in part.by_clock.items():
        named[f"by_clock/{name}/rows"], named[f"by_clock/{name}/total"] = (
            held.rows,
            held.total,
        )
    for name, series in part.series.items():
        if series is not None:
            for what in ("assets", "total", "count"):
                named[f"series/{name}/{what}"] = getattr(series, what)
    if part.loadings is not None:
        named["loadings/rows"] = part.loadings.rows
        named["loadings/total"] = part.loadings.total
        for i, one in enumerate(part.loadings.linear):
            for what in ("factors", "rows", "weights"):
                named[f"linear/{i}/{what}"] = getattr(one, what)
    return named


def _part(header: Mapping[str, Any], arrays: Mapping[str, Any]) -> Part:
    """Put the arrays of a part in their places."""

    def under(place: str) -> dict[str, Any]:
        """Return the arrays of a place, by their names there."""
        start = f"{place}/"
        return {
            name.removeprefix(start): value
            for name, value in arrays.items()
            if name.startswith(start)
        }

    def grouped(place: str) -> dict[str, dict[str, Any]]:
        """Return those of members that have several, by member."""
        found: dict[str, dict[str, Any]] = {}
        for name, value in under(place).items():
            member, _, what = name.rpartition("/")
            found.setdefault(member, {})[what] = value
        return found

    series: dict[str, AssetSeries | None] = dict.fromkeys(header["no_series"])
    series |= {n: AssetSeries(**own) for n, own in grouped("series").items()}
    loadings = None
    if header["linear"] is not None:
        linear = [grouped("linear")[str(i)] for i in range(header["linear"])]
        loadings = Loadings(
            linear=tuple(Linear(**own) for own in linear), **under("loadings")
        )
    return Part(
        plan=header["plan"],
        first_offset=header["first_offset"],
        sources=tuple(Source(**one) for one in header["sources"]),
        vectors=under("vectors"),
        sums=under("sums"),
        by_clock={n: ByClock(**own) for n, own in grouped("by_clock").items()},
        loadings=loadings,
        series=series,
    )


def _flat(value: Numbers) -> pl.Series:
    return pl.Series(np.ascontiguousarray(value).reshape(-1))


def _array(column: pl.Series, shape: list[int]) -> Numbers:
    values: Numbers = column[0].to_numpy().reshape(shape).copy()
    return values


def _sha(arrays: Mapping[str, Numbers]) -> str:
    said = sha256()
    for name, value in arrays.items():
        said.update(f"{name} {value.dtype.str} {value.shape}\n".encode())
        said.update(np.ascontiguousarray(value).tobytes())
    return said.hexdigest()
