"""Any frame with the Arrow C stream -> the cells that a file would have held."""

import polars as pl

from eventstudy.cells.frames import ArrowStream, as_polars
from eventstudy.core.errors import DataError, Problem

NAME = "frame"


def cells_of(source: ArrowStream, problems: list[Problem]) -> pl.DataFrame:
    """Return all columns as text; a column without a written form is a problem."""
    try:
        frame = as_polars(source)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{NAME}: cannot be read as a table: {error}") from None
    columns = []
    for column in frame.get_columns():
        text = _as_text(column.dtype, pl.col(column.name))
        if isinstance(text, str):
            problems.append(Problem(message=text, file=NAME, column=column.name))
            text = pl.lit(None, dtype=pl.String).alias(column.name)
        columns.append(text)
    if frame.is_empty():
        raise DataError(f"{NAME}: holds no events; wanted one row per event")
    return frame.select(columns)


def _as_text(dtype: pl.DataType, column: pl.Expr) -> pl.Expr | str:
    """Text of a column, or the words why it has none."""
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone is None:  # midnights are days, as they are for prices
            midnight = column == column.dt.truncate("1d")
            read = column.dt.cast_time_unit("us").dt.strftime("%Y-%m-%dT%H:%M:%S%.6f")
            read = read.str.replace(".000000", "", literal=True)
            return (
                pl.when(midnight).then(column.dt.strftime("%Y-%m-%d")).otherwise(read)
            )
        if dtype.time_zone == "UTC":
            written = column.dt.cast_time_unit("us").dt.strftime(
                "%Y-%m-%dT%H:%M:%S%.6fZ"
            )
            return written.str.replace(".000000", "", literal=True)
        written = column.dt.cast_time_unit("us").dt.strftime("%Y-%m-%dT%H:%M:%S%.6f%:z")
        return written.str.replace(".000000", "", literal=True)
    if isinstance(dtype, pl.List) and dtype.inner in (pl.String, pl.Null):
        return column.cast(pl.List(pl.String)).list.join(" ")
    if dtype.is_float():
        whole = column.cast(pl.Int64, strict=False)
        other = column.fill_nan(None).cast(pl.String)
        return pl.when(column == whole).then(whole.cast(pl.String)).otherwise(other)
    if dtype == pl.Boolean or dtype.is_integer() or dtype in (pl.Date, pl.Null):
        return column.cast(pl.String)
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        return column.cast(pl.String)
    return f"has type {dtype}; wanted text, a date, an instant, a number or true/false"
