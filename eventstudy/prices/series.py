"""Series that are no prices: a table of dates and numbers on sessions of its own."""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from eventstudy.cells.frames import as_polars, is_frame
from eventstudy.core.abnormal import Array, IntArray
from eventstudy.core.errors import DataError, Problem, nearest
from eventstudy.outcomes.kinds import KINDS, WEEK
from eventstudy.prices.columns import FIELD_OF, plain_heading
from eventstudy.prices.parse import cell_dates, cell_numbers, mark_of
from eventstudy.prices.raw import RawTable, read_raw, shown
from eventstudy.spec.outcome import POISSON, OutcomeSetting

SNAPSHOT = "snapshot"
_NETWORK = "network.csv"
_UNREADABLE = "the file of a series cannot be read"
# A block is found with this many hashes per unit of difficulty.
_HASHES, _SECONDS, _EXA = 2.0**32, 86_400.0, 1e18


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OutcomeSeries:
    """A series that is no price, on regular sessions.

    Parameters
    ----------
    setting : OutcomeSetting
        What it is and what is studied of it.
    days : int array (S,)
        Days since 1970-01-01 that the sessions are of, ascending.
    values : array (S,)
        The values as they stand in the file, nan where there is none.
    y : array (S,)
        What is studied of them.
    variance : array (S,) or None
        Known variances of measurement of ``y``.
    step : int
        Days from one session to the next; 0 where that differs.
    name, sha256 : str
        The file's name and SHA-256; of a frame "frame" and "".

    Examples
    --------
    >>> import eventstudy as es
    >>> series = es.read_series(
    ...     "snapshot", name="hash rate", value="hash_rate", kind="log", unit="EH/s"
    ... )
    >>> len(series.days), series.step, round(float(series.values[0]), 1)
    (610, 1, 100.8)
    """

    setting: OutcomeSetting
    days: IntArray
    values: Array
    y: Array
    variance: Array | None
    step: int
    name: str
    sha256: str

    @property
    def weekdays(self) -> IntArray | None:
        """Days of the week, Monday 0, where every day is a session; None elsewhere."""
        if self.step != 1:
            return None
        return np.asarray((self.days + 3) % WEEK, np.int64)

    @property
    def per_week(self) -> int:
        """Sessions of seven days, at least one."""
        if self.step:
            return max(WEEK // self.step, 1)
        gap = float(np.median(np.diff(self.days))) if len(self.days) > 1 else 1.0
        inside = np.searchsorted(self.days, self.days - WEEK, side="right")
        held = np.arange(1, len(self.days) + 1) - inside
        return int(np.median(held)) if gap < WEEK else 1


def read_series(
    source: str | Path | Any,  # noqa: ANN401 - any frame with Arrow's stream
    *,
    name: str,
    value: str,
    date: str = "",
    kind: Literal["level", "log", "difference", "count"] = "level",
    unit: str = "",
    lag: int = 0,
    variance: str = "",
    epochs: bool = False,
    estimation: tuple[int, int] = (-354, -1),
    window: tuple[int, int] = (0, 60),
    measures: tuple[str, ...] = ("mean", "last_week"),
    date_format: str = "",
    decimal: Literal["", ".", ","] = "",
    sheet: str = "",
) -> OutcomeSeries:
    """Read a series that is no price, to be studied beside them.

    Parameters
    ----------
    source : str, Path or frame
        A file (CSV, also gzip, Parquet, Feather, workbook), ``"snapshot"``, or any
        frame with Arrow's stream.
    name : str
        What reports call it.
    value, date : str
        Columns of its values and dates; by default the dates are read off the headings.
    kind : {"level", "log", "difference", "count"}
        What is studied: the value, its logarithm, its change from the session before,
        or the logarithm of a count.
    unit : str
        Unit of the values, for reports.
    lag : int
        Days by which a date of the file is after the day that its value is of.
    variance : str
        Column of the known variance of measurement of what is studied, or "poisson".
    epochs : bool
        Whether values hold for runs of days, which are one session each.
    estimation, window : (int, int)
        Sessions that say what was to be expected, and those that are studied.
    measures : sequence of str
        "mean", "last_week".
    date_format, decimal, sheet : str
        How dates and numbers are written, and the sheet of a workbook.

    Returns
    -------
    OutcomeSeries
        Values on regular sessions: a day or week without a row is a missing value.

    Raises
    ------
    DataError
        For a file without these columns, cells that are no dates or numbers, and dates
        that come twice; with file, line and column.
    SpecError
        For settings that cannot be.

    Examples
    --------
    >>> import polars as pl
    >>> days = pl.date_range(pl.date(2021, 1, 1), pl.date(2021, 1, 4), eager=True)
    >>> frame = pl.DataFrame({"date": days, "flow": [1.0, -2.0, 0.5, 3.0]})
    >>> read_series(frame, name="net flow", value="flow").y.tolist()
    [1.0, -2.0, 0.5, 3.0]
    """
    setting = OutcomeSetting(
        name=name,
        file="frame" if is_frame(source) else str(source),
        value=value,
        date=date,
        kind=kind,
        unit=unit,
        lag=lag,
        variance=variance,
        epochs=epochs,
        estimation=estimation,
        window=window,
        measures=measures,
        date_format=date_format,
        decimal=decimal,
        sheet=sheet,
    )
    if not is_frame(source):
        return series_of(setting)
    cells = as_polars(source)
    lines = pl.int_range(1, cells.height + 1, dtype=pl.Int64, eager=True)
    raw = RawTable(name="frame", cells=cells, lines=lines, sha256=None)
    return _series(setting, raw)


def series_of(setting: OutcomeSetting) -> OutcomeSeries:
    """Read the series of a setting; `DataError` as `read_series`."""
    if setting.file == SNAPSHOT:
        return _series(setting, _network())
    try:
        raw = read_raw(Path(setting.file), sheet=setting.sheet or None)
    except DataError as error:
        raise DataError(_UNREADABLE, error.problems) from error
    return _series(setting, raw)


def _fault(name: str, message: str, *, line: int | None = None) -> DataError:
    """Return the error for one fault of one file."""
    return DataError(_UNREADABLE, [Problem(message=message, file=name, line=line)])


@cache
def _network() -> RawTable:
    """Return the embedded figures of bitcoin's network, a row per UTC day.

    hash_rate : in EH/s;  counting_variance : of its logarithm, blocks being counted
    """
    path = resources.files("eventstudy.prices") / "data" / _NETWORK
    raw = read_raw(Path(str(path)))
    blocks, difficulty = (
        pl.col(name).cast(pl.Float64) for name in ("blocks", "difficulty")
    )
    cells = raw.cells.with_columns(
        hash_rate=blocks * difficulty * _HASHES / _SECONDS / _EXA,
        counting_variance=1 / blocks,
    )
    return RawTable(name=_NETWORK, cells=cells, lines=raw.lines, sha256=raw.sha256)


def _series(setting: OutcomeSetting, raw: RawTable) -> OutcomeSeries:
    table = _typed(setting, raw)
    days = table["date"].to_physical().cast(pl.Int64).to_numpy() - setting.lag
    columns = [table[name].to_numpy() for name in dict.fromkeys(setting.columns)]
    if setting.epochs:
        days, columns = _runs(days, columns)
    days, columns, step = _regular(days, columns)
    values, kind = columns[0], KINDS[setting.kind]
    if kind.is_log and (bad := np.flatnonzero(values <= 0)).size:
        day = np.datetime64(int(days[bad[0]]), "D")
        raise _fault(
            raw.name,
            f"{setting.value} is {values[bad[0]]:g} on {day}, which has no logarithm; "
            "say kind = 'level'",
        )
    y, variance = kind.of(values), None
    if setting.variance == POISSON or (kind.counts and not setting.variance):
        variance = kind.poisson(values)
    elif setting.variance:
        variance = columns[-1]
        if (variance < 0).any():
            raise _fault(raw.name, f"a variance in {setting.variance} is negative")
    if np.isfinite(y).sum() < 2:
        raise _fault(raw.name, f"{setting.value} has fewer than two values")
    return OutcomeSeries(
        setting=setting,
        days=days,
        values=values,
        y=y,
        variance=variance,
        step=step,
        name=raw.name,
        sha256=raw.sha256 or "",
    )


def _typed(setting: OutcomeSetting, raw: RawTable) -> pl.DataFrame:
    """Return dates and numbers in the order of time."""
    wanted = dict.fromkeys(setting.columns)
    day = setting.date or _date_column(raw)
    held = ", ".join(raw.cells.columns)
    for name in (day, *wanted):
        if name not in raw.cells.columns:
            near = nearest(name, raw.cells.columns)
            meant = f": did you mean {near!r}?" if near else f"; it has {held}"
            raise _fault(raw.name, f"there is no column {name!r}{meant}", line=1)
    cells = raw.cells.select(pl.col(day).alias("date"), *wanted)
    cells = cells.with_columns(raw.lines.alias("line"))
    problems: list[Problem] = []
    dates = cell_dates(cells, day, raw.name, setting.date_format or None, problems)
    mark = mark_of(
        cells, {n: n for n in wanted}, setting.decimal or None, raw.name, problems
    )
    numbers = [
        cell_numbers(cells, name, name, raw.name, problems, mark) for name in wanted
    ]
    if not problems and (twice := (~dates.is_first_distinct()).arg_true()).len():
        problems.append(
            Problem(
                message="a second row for the day",
                file=raw.name,
                line=cells["line"][int(twice[0])],
                column=day,
                value=str(dates[int(twice[0])]),
            )
        )
    if problems:
        raise DataError(
            f"the series {setting.name!r} holds cells that are wrong", shown(problems)
        )
    table = pl.DataFrame([dates.alias("date"), *numbers]).sort("date")
    return table.with_columns(pl.col(*wanted).fill_null(float("nan")))


def _date_column(raw: RawTable) -> str:
    found = [n for n in raw.cells.columns if FIELD_OF.get(plain_heading(n)) == "date"]
    if len(found) == 1:
        return found[0]
    said = f"two columns may be dates, {' and '.join(found)}" if found else ""
    raise _fault(
        raw.name,
        f"{said or 'there is no column of dates'}; say date = 'NAME OF THE COLUMN', "
        f"found {', '.join(raw.cells.columns)}",
        line=1,
    )


def _runs(days: IntArray, columns: list[Array]) -> tuple[IntArray, list[Array]]:
    """Keep the first day of every run of two equal values or more."""
    values = columns[0]
    same = values[1:] == values[:-1]
    first = np.concatenate([[True], ~same])
    follows = np.concatenate([same, [False]])
    kept = np.flatnonzero(first & follows)
    return days[kept], [column[kept] for column in columns]


def _regular(days: IntArray, columns: list[Array]) -> tuple[IntArray, list[Array], int]:
    """Return the sessions of a series, those without a row with nan, and their step.

    The commonest distance is the step, if all others are multiples of it. Days of
    exchanges, months and runs have none: their rows are the sessions.
    """
    steps, counts = np.unique(np.diff(days), return_counts=True)
    if not len(steps):
        return days, columns, 0
    step = int(steps[counts.argmax()])
    whole = (steps % step == 0).all() and counts.max() >= 0.9 * counts.sum()
    if not whole:
        return days, columns, 0
    grid = np.arange(days[0], days[-1] + 1, step)
    at = (days - days[0]) // step
    out = []
    for column in columns:
        full = np.full(len(grid), np.nan)
        full[at] = column
        out.append(full)
    return grid, out, step
