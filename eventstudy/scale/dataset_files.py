"""The files of a data set: their columns, the calendar, and the list of dates."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from eventstudy.core.abnormal import Array, IntArray
from eventstudy.core.errors import DataError, Problem, SourceError
from eventstudy.core.windows import Window

_LEFT_OUT = "its windows are not inside the sessions"


def pattern_of(returns: str | Path) -> str:
    """Return the pattern of files that is meant: of a folder all Parquet files."""
    path = Path(returns)
    return str(path / "*.parquet") if path.is_dir() else str(returns)


def times(given: pl.Series, kind: pl.DataType) -> IntArray:
    """Return times as numbers of the calendar's kind: days, or microseconds."""
    if given.dtype == pl.String:
        given = given.str.to_date() if kind == pl.Date else given.str.to_datetime("us")
    whole = given.cast(pl.Date if kind == pl.Date else pl.Datetime("us"))
    return whole.to_physical().cast(pl.Int64).to_numpy()


def text_of(time: int, kind: pl.DataType) -> str:
    """Write a time of the calendar."""
    if kind == pl.Date:
        return str(np.datetime64(int(time), "D"))
    return str(np.datetime64(int(time), "us"))


def kind_of(path: str, names: Sequence[str]) -> pl.DataType:
    """Return the type of the sessions; refuse columns that are not there, or wrong."""
    try:
        schema = pl.scan_parquet(path).collect_schema()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SourceError(f"{path}: cannot be read: {error}") from error
    lacking = [name for name in names if name not in schema]
    if lacking:
        raise DataError(
            "the returns lack columns",
            [
                Problem(
                    message=f"there are {', '.join(schema.names())}; say with names= "
                    "which are asset, date and return",
                    file=path,
                    column=name,
                )
                for name in lacking
            ],
        )
    for name, wanted, good in (
        (names[1], "dates", schema[names[1]].is_temporal()),
        (names[2], "numbers", schema[names[2]].is_numeric()),
    ):
        if not good:
            raise DataError(
                f"the returns have {schema[name]} where {wanted} are wanted",
                [Problem(message=f"write it as {wanted}", file=path, column=name)],
            )
    return schema[names[1]]


def _frame(given: Any, what: str, columns: Sequence[str]) -> pl.DataFrame:  # noqa: ANN401
    """Read a frame, or a Parquet file."""
    try:
        if isinstance(given, str | Path):
            found = pl.read_parquet(given)
        else:
            found = pl.DataFrame(given)
    except (OSError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise SourceError(f"the {what} cannot be read: {error}") from error
    lacking = [name for name in columns if name not in found.columns]
    if lacking:
        raise DataError(
            f"the {what} lack {', '.join(lacking)}; there are "
            f"{', '.join(found.columns)}"
        )
    return found


def calendar_of(
    path: str,
    names: Sequence[str],
    factors: Any,  # noqa: ANN401
    kind: pl.DataType,
) -> tuple[IntArray, Array]:
    """Return the sessions (D,) and the factors on them (D, F)."""
    date = names[1]
    if factors is None:
        found = pl.scan_parquet(path).select(pl.col(date)).unique().collect()
        sessions = np.unique(times(found[date].drop_nulls(), kind))
        return sessions, np.empty((len(sessions), 0))
    frame = _frame(factors, "factors", ["date"]).sort("date")
    values = frame.drop("date").cast(pl.Float64).to_numpy()
    sessions = times(frame["date"], kind)
    if len(np.unique(sessions)) < len(sessions):
        raise DataError("the factors have two rows of a date; keep one of each")
    if not np.isfinite(values).all():
        first = sessions[~np.isfinite(values).all(axis=1)][0]
        raise DataError(
            f"the factors have no number on {text_of(first, kind)}; leave sessions "
            "without one out"
        )
    return sessions, values


def observations_of(
    path: str,
    names: Sequence[str],
    events: Any,  # noqa: ANN401
    sessions: IntArray,
    kind: pl.DataType,
    estimation: Window,
    event_window: Window,
) -> tuple[tuple[Any, ...], IntArray, IntArray, dict[str, int]]:
    """Return the assets, each observation's asset and day 0, and who was left out."""
    asset = names[0]
    first, last = -estimation[0], len(sessions) - 1 - event_window[1]
    if events is None:
        every = pl.scan_parquet(path).select(pl.col(asset).unique()).collect()[asset]
        codes = tuple(every.drop_nulls().sort().to_list())
        day0 = np.tile(np.arange(first, last + 1), len(codes))
        return (
            codes,
            np.repeat(np.arange(len(codes)), max(last + 1 - first, 0)),
            day0,
            {},
        )
    frame = _frame(events, "events", ["asset", "date"]).select("asset", "date")
    frame = frame.drop_nulls().unique().sort("asset", "date")
    at = np.searchsorted(sessions, times(frame["date"], kind))
    inside = (first <= at) & (at <= last)
    if not inside.any():
        raise DataError(
            f"no event has its windows inside the {len(sessions):,} sessions from "
            f"{text_of(sessions[0], kind)} to {text_of(sessions[-1], kind)}"
        )
    codes = tuple(frame["asset"].unique().sort().to_list())
    place = frame["asset"].replace_strict(
        pl.Series(codes), np.arange(len(codes)), return_dtype=pl.Int64
    )
    gone = int((~inside).sum())
    left_out = {_LEFT_OUT: gone} if gone else {}
    return codes, place.to_numpy()[inside], at[inside], left_out
