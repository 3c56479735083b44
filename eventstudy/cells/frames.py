"""Frames of others -> polars frames: pandas without pyarrow, two levels of columns.

A frame with the Arrow C stream is taken by it. pandas needs pyarrow for that; without
it, columns are taken one by one.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import polars as pl

FIELD_NAMES = ("open", "high", "low", "close", "adj close", "volume", "price")


@runtime_checkable
class ArrowStream(Protocol):
    """A table that offers its columns through the Arrow C stream interface."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return a capsule with the stream."""


class _Stream:
    """Shows a frame by its Arrow stream only, in which pandas' index is a column."""

    def __init__(self, frame: ArrowStream) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)


def is_frame(source: object) -> bool:
    """Whether something is a frame, or frames by symbol."""
    if isinstance(source, Mapping):
        return all(map(is_frame, source.values()))
    return isinstance(source, pl.LazyFrame | ArrowStream) or _is_pandas(source)


def as_polars(source: Any) -> pl.DataFrame:  # noqa: ANN401 - any frame
    """Return a frame as one of polars.

    Frames by symbol (a mapping) stand below one another, with a column ``symbol``; so
    do the columns of a pandas frame with two levels, fields and symbols, as yfinance
    gives.

    >>> as_polars({"A": pl.DataFrame({"close": [1.0]})}).row(0)
    ('A', 1.0)
    """
    if isinstance(source, Mapping):
        parts = [
            as_polars(frame).select(pl.lit(str(symbol)).alias("symbol"), pl.all())
            for symbol, frame in source.items()
        ]
        return pl.concat(parts, how="diagonal_relaxed") if parts else pl.DataFrame()
    if isinstance(source, pl.LazyFrame):
        return source.collect()
    if isinstance(source, pl.DataFrame):
        return source
    if _is_pandas(source):
        if _one(source):
            source = source.to_frame(source.name or "close")
        if getattr(source.columns, "nlevels", 1) > 1:
            return _stacked(source)
        return _by_column(source)
    return pl.DataFrame(_Stream(source))


def _is_pandas(source: object) -> bool:
    module = type(source).__module__.partition(".")[0]
    return module == "pandas" and (hasattr(source, "columns") or _one(source))


def _one(source: object) -> bool:
    """Whether something of pandas is a single column."""
    return type(source).__name__ == "Series"


def _by_column(frame: Any) -> pl.DataFrame:  # noqa: ANN401 - pandas is not imported
    columns = []
    index = frame.index
    if index.name is not None or not _counts(index):
        for level in range(index.nlevels):
            values = index.get_level_values(level)
            name = str(
                index.names[level] or ("date" if level == 0 else f"level_{level}")
            )
            columns.append(_series(name, values.to_series()))
    for place, name in enumerate(frame.columns):
        columns.append(_series(str(name), frame.iloc[:, place]))
    return pl.DataFrame(columns)


def _counts(index: Any) -> bool:  # noqa: ANN401
    """Whether an index only numbers the rows."""
    return type(index).__name__ == "RangeIndex"


def _series(name: str, column: Any) -> pl.Series:  # noqa: ANN401
    """Return a column, with null for pandas' own words for missing."""
    if type(column.dtype).__name__ == "PeriodDtype":
        column = column.dt.to_timestamp()
    zone = getattr(column.dtype, "tz", None)
    if getattr(column.dtype, "kind", "O") == "M":
        column = column.dt.as_unit("us")  # polars has no times in whole seconds
    if zone is not None:
        utc = column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
        held = pl.Series(name, utc).dt.replace_time_zone("UTC")
        return held.dt.convert_time_zone(str(zone))
    kind = getattr(column.dtype, "kind", "O")
    if kind in "biufmM" and hasattr(column.dtype, "itemsize") and _is_plain(column):
        return pl.Series(name, column.to_numpy(), nan_to_null=False)
    missing = column.isna().to_numpy()
    values = [
        None if lost else value
        for value, lost in zip(column.tolist(), missing, strict=True)
    ]
    return pl.Series(name, values)


def _is_plain(column: Any) -> bool:  # noqa: ANN401
    return type(column.dtype).__module__.partition(".")[0] == "numpy"


def _stacked(frame: Any) -> pl.DataFrame:  # noqa: ANN401
    """Put the columns of each symbol below those of the symbol before."""
    level = _field_level(frame)
    symbols = frame.columns.get_level_values(1 - level)
    parts: dict[str, pl.DataFrame] = {}
    for symbol in dict.fromkeys(symbols):
        own = frame.loc[:, symbols == symbol]
        own = own.set_axis(own.columns.get_level_values(level), axis=1)
        held = _by_column(own)
        fields = pl.all_horizontal(pl.nth(range(1, held.width)).is_null())
        parts[str(symbol)] = held.filter(~fields) if held.width > 1 else held
    return as_polars(parts)


def _field_level(frame: Any) -> int:  # noqa: ANN401
    def fields(level: int) -> int:
        names: Sequence[object] = frame.columns.get_level_values(level).unique()
        return sum(str(name).lower() in FIELD_NAMES for name in names)

    return 0 if fields(0) >= fields(1) else 1
