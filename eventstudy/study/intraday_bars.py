"""Files of intraday bars, and prices of a 24/7 asset at an exchange's close.

A file is CSV (also .gz) or Parquet with the columns ``time_utc`` (when the bar starts),
``open`` and ``close``; with a column ``symbol`` it may hold several. The length of the
bars is the step that is most frequent; gaps are allowed. Where bars of an exchange's
symbol overlap, those outside its sessions are left out; no others may.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from eventstudy.calendars import ALWAYS_OPEN, Calendar, get_calendar
from eventstudy.calendars.of_prices import assign_calendars
from eventstudy.cells.columnar import columnar_frame, is_columnar
from eventstudy.cells.compact import Damaged
from eventstudy.core.abnormal import IntArray
from eventstudy.core.errors import DataError
from eventstudy.panel.series import Quotes, on_sessions
from eventstudy.prices.raw import read_bytes
from eventstudy.spec import StudySpec
from eventstudy.volatility import Bars, check_bars, price_at

_WANTED = ("time_utc", "open", "close")
# Share of the sessions with a daily price at which the bars must know one, too.
_COVERED = 0.99
_HOUR = 3600


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BarFile:
    """Bars of one symbol and the file that they came from.

    notes : what was decided in reading them
    """

    symbol: str
    name: str
    sha256: str
    bars: Bars
    notes: tuple[str, ...] = ()


def read_bars(path: str, symbol: str, calendar: str = ALWAYS_OPEN) -> BarFile:
    """Read the bars of a symbol; raise `DataError` with the file's name.

    calendar : of the symbol. Where bars of an exchange's symbol overlap, as those
        before its opening overlap the first of the session, only bars that begin in a
        session are kept.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     name = f"{folder}/bars.csv"
    ...     start = ["2021-06-18T14:00Z", "2021-06-18T15:00Z"]
    ...     table = pl.DataFrame({"time_utc": start, "open": [2, 1], "close": [1, 2]})
    ...     table.write_csv(name)
    ...     read_bars(name, "BTC-USD").bars.bar
    3600
    """
    source = Path(path)
    try:
        content = read_bytes(source)
        if is_columnar(content):
            table = columnar_frame(content)
        else:
            table = pl.read_csv(content, infer_schema_length=None)
    except DataError as err:
        said = "; ".join(problem.message for problem in err.problems)
        raise DataError(f"{path}: the intraday bars cannot be read: {said}") from err
    except (Damaged, pl.exceptions.PolarsError) as err:
        raise DataError(f"{path}: the intraday bars cannot be read: {err}") from err
    if lacking := [name for name in _WANTED if name not in table.columns]:
        raise DataError(
            f"{path}: no column {', '.join(lacking)}; bars need {', '.join(_WANTED)} "
            f"(start of the bar in UTC), held: {', '.join(table.columns)}"
        )
    if "symbol" in table.columns:
        held = table["symbol"].unique().sort().to_list()
        table = table.filter(pl.col("symbol") == symbol)
        if table.is_empty():
            shown = ", ".join(map(str, held[:20]))
            raise DataError(f"{path}: no bars of {symbol}; it has {shown}")
    rows, notes = _apart(_rows(path, table), symbol, calendar)
    return BarFile(
        symbol=symbol,
        name=path,
        sha256=hashlib.sha256(content).hexdigest(),
        bars=_bars(path, rows),
        notes=notes,
    )


def sessions_between(calendar: str, first: int, last: int) -> tuple[IntArray, IntArray]:
    """Return opens and closes of sessions, in seconds, that span two moments."""
    days = [datetime.fromtimestamp(moment, UTC).date() for moment in (first, last)]
    found = get_calendar(
        calendar, start=days[0] - timedelta(days=7), end=days[1] + timedelta(days=1)
    )
    return found.opens_utc // 1_000_000, found.closes_utc // 1_000_000


def _apart(
    rows: pl.DataFrame, symbol: str, calendar: str
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Keep the bars of an exchange's sessions where bars overlap."""
    start = rows["start"].to_numpy()
    if calendar == ALWAYS_OPEN or len(start) < 2:
        return rows, ()
    if not (np.diff(start) < _step(start)).any():
        return rows, ()
    opens, closes = sessions_between(calendar, int(start[0]), int(start[-1]))
    at = np.searchsorted(opens, start, side="right") - 1
    inside = (at >= 0) & (start < closes[np.maximum(at, 0)])
    note = (
        f"{symbol}: bars overlap, so that only the {int(inside.sum())} of {len(start)} "
        f"that begin in a session of {calendar} are used"
    )
    return rows.filter(pl.Series(inside)), (note,)


def _step(start: IntArray) -> int:
    steps, count = np.unique(np.diff(start), return_counts=True)
    return max(int(steps[count.argmax()]), 1)


def _rows(path: str, table: pl.DataFrame) -> pl.DataFrame:
    try:
        return (
            table.select(
                start=_seconds(table["time_utc"]),
                open=pl.col("open").cast(pl.Float64),
                close=pl.col("close").cast(pl.Float64),
            )
            .drop_nulls()
            .sort("start")
        )
    except pl.exceptions.PolarsError as err:
        raise DataError(
            f"{path}: wanted times such as 2021-06-18T14:00:00Z in time_utc, and "
            f"numbers in open and close: {err}"
        ) from err


def _bars(path: str, rows: pl.DataFrame) -> Bars:
    if rows.height < 2:
        raise DataError(f"{path}: {rows.height} bars; at least two are wanted")
    start = rows["start"].to_numpy()
    try:
        return check_bars(
            start,
            rows["open"].to_numpy(),
            rows["close"].to_numpy(),
            bar=_step(start),
        )
    except DataError as err:
        raise DataError(f"{path}: {err}") from err


def _seconds(times: pl.Series) -> pl.Series:
    if times.dtype == pl.String:
        times = times.str.to_datetime(time_zone="UTC", time_unit="us")
    elif times.dtype == pl.Datetime and times.dtype.time_zone is None:  # type: ignore[attr-defined]
        times = times.dt.replace_time_zone("UTC")
    return times.dt.epoch("s").cast(pl.Int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClosingPrices:
    """Prices of 24/7 symbols at the closes of exchanges, from intraday bars.

    With them a factor's return covers the very span of an exchange-listed asset's,
    instead of running from UTC midnight to UTC midnight.
    daily : quotes by the day, which say on which sessions a price is needed
    used : (symbol, calendar) -> whether the bars know enough of them
    """

    spec: StudySpec
    files: Mapping[str, BarFile]
    used: dict[tuple[str, str], bool] = field(default_factory=dict)

    def __call__(self, symbol: str, calendar: Calendar, daily: Quotes) -> Quotes:
        """Return the symbol's quotes for a calendar, those by the day if need be."""
        assigned = assign_calendars({symbol: daily.days}, self.spec.calendars)
        always = assigned.name_of(symbol) == ALWAYS_OPEN
        listed = calendar.hours and calendar.name != ALWAYS_OPEN
        if symbol not in self.files or not always or not listed:
            return daily
        bars = self.files[symbol].bars
        found = price_at(
            bars, calendar.closes_utc // 1_000_000, max_age=max(bars.bar, _HOUR)
        ).price
        needed = np.isfinite(on_sessions(daily, calendar))
        known = np.isfinite(found)
        enough = bool(needed.any()) and known[needed].mean() >= _COVERED
        self.used[symbol, calendar.name] = bool(enough)
        if not enough:
            return daily
        return Quotes(days=calendar.sessions[known], closes=found[known])

    @property
    def notes(self) -> list[str]:
        """Say for which symbols and calendars intraday prices were taken, or not."""
        return [
            f"{symbol} as a factor is taken at the closes of {calendar} from "
            f"{Path(self.files[symbol].name).name}"
            if used
            else f"{symbol} as a factor is taken by the UTC day: "
            f"{Path(self.files[symbol].name).name} knows too few closes of {calendar}"
            for (symbol, calendar), used in self.used.items()
        ]
