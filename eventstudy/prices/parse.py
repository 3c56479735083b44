"""Cells of a table -> symbol, date and numbers, or a list of every cell at fault."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from eventstudy.cells import decimal_mark, read_dates, read_numbers
from eventstudy.cells.dates import not_a_date
from eventstudy.core.errors import DataError, Problem, SpecError
from eventstudy.prices.columns import (
    FIELD_OF,
    MIDQUOTES,
    plain_heading,
    resolve_columns,
)
from eventstudy.prices.raw import MAX_PROBLEMS, RawTable, shown
from eventstudy.prices.returns import CODES
from eventstudy.prices.stamps import read_stamps
from eventstudy.prices.symbols import symbol_fault
from eventstudy.prices.table import FIELDS, MARKET_VALUE, SCHEMA

_DAYS = ((date.min - date(1970, 1, 1)).days, (date.max - date(1970, 1, 1)).days)
_PER_DAY = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """How a table is written, as far as its user says so; see `read_prices`."""

    columns: Mapping[str, str] | None = None
    date_format: str | None = None
    decimal: str | None = None
    stamps: str = ""
    input_returns: str = ""

    def __post_init__(self) -> None:
        """Refuse a kind of returns that there is not."""
        if self.input_returns not in ("", "simple", "log"):
            raise SpecError(
                f"input_returns = {self.input_returns!r}; wanted 'simple' or 'log'"
            )


def parse_table(
    raw: RawTable, spelling: Spelling, *, symbol: str | None
) -> pl.DataFrame:
    """Return the columns of a price table, typed, with ``file`` and ``line`` added.

    The column ``snapshot`` says whether dates were moved to the day that ended,
    ``midquote`` whether a close is the mean of bid and ask (a minus of CRSP).
    ``symbol`` names the rows of a table without a symbol column. A blank cell is a
    missing number. Raises `DataError` listing every cell that is no symbol, no date
    or no number.
    """
    fields = resolve_columns(
        raw.cells.columns,
        raw.name,
        spelling.columns,
        returns=bool(spelling.input_returns),
    )
    date_format = spelling.date_format
    if "symbol" not in fields and symbol is None:
        message = (
            "there is no column 'symbol', so nothing says whose prices these are: add "
            "one, or give frames by symbol: {'AAPL': frame}"
        )
        problem = Problem(message=message, file=raw.name, line=1)
        raise DataError("whose prices are these?", [problem])
    picked = raw.cells.select(
        [pl.col(name).alias(field) for field, name in fields.items()]
    ).with_columns(raw.lines.alias("line"))
    if "symbol" not in fields:
        picked = picked.with_columns(pl.lit(symbol).alias("symbol"))
    problems: list[Problem] = []
    picked, end = _stamped(
        picked,
        fields["date"],
        raw.name,
        close_only=not {"open", "high", "low"} & set(fields),
        date_format=date_format,
        stamps=spelling.stamps,
    )
    known = (*FIELDS, MARKET_VALUE, "shares", "return")
    numbers = {f: fields[f] for f in known if f in fields}
    if "return" in numbers:
        coded = pl.col("return").cast(pl.String).is_in(CODES["text"])
        picked = picked.with_columns(pl.when(~coded).then(pl.col("return")))
    mark = mark_of(picked, numbers, spelling.decimal, raw.name, problems)
    parsed = picked.select(
        _symbols(picked, fields.get("symbol"), raw.name, problems),
        cell_dates(picked, fields["date"], raw.name, date_format, problems),
        *[
            cell_numbers(picked, field, column, raw.name, problems, mark)
            for field, column in numbers.items()
        ],
        pl.lit(raw.name).alias("file"),
        pl.col("line"),
    )
    _raise(problems)
    return _moved(_midquotes(parsed, fields.get("close", "")), end=end)


def _midquotes(parsed: pl.DataFrame, column: str) -> pl.DataFrame:
    """Take the size of CRSP's prices, whose minus marks the mean of bid and ask."""
    if plain_heading(column) != MIDQUOTES:
        return parsed.with_columns(midquote=pl.lit(value=False))
    negative = (pl.col("close") < 0).fill_null(value=False)
    return parsed.with_columns(pl.col("close").abs(), midquote=negative)


def _stamped(
    cells: pl.DataFrame,
    column: str,
    file: str,
    *,
    close_only: bool,
    date_format: str | None,
    stamps: str,
) -> tuple[pl.DataFrame, bool]:
    """Return the cells with times brought to midnight, and whether these end days."""
    if date_format is not None and not stamps:
        stamps = "start"  # whoever writes the format says that there are dates
    found = read_stamps(
        cells["date"], column, close_only=close_only, stamps=stamps, file=file
    )
    return cells.with_columns(found.times.alias("date")), found.end


def _moved(parsed: pl.DataFrame, *, end: bool) -> pl.DataFrame:
    """Move the dates of snapshots at midnight to the day that ended."""
    if end:
        parsed = parsed.with_columns(pl.col("date").dt.offset_by("-1d"))
    return parsed.with_columns(snapshot=pl.lit(end))


def parse_wide(raw: RawTable, spelling: Spelling) -> pl.DataFrame:
    """Return the closes of a table with one column per symbol, as `parse_table` does.

    They are returns if ``spelling`` says so. A blank cell says that the symbol did not
    trade, and makes no row.
    """
    held_in = "return" if spelling.input_returns else "close"
    names = raw.cells.columns
    (date_name,) = [n for n in names if FIELD_OF.get(plain_heading(n)) == "date"]
    symbols = [name for name in names if name != date_name]
    cells = raw.cells.rename({date_name: "date"}).with_columns(raw.lines.alias("line"))
    problems = [
        Problem(message=f"no symbol: {wrong}", file=raw.name, line=1, column=name)
        for name in symbols
        if (wrong := symbol_fault(name))
    ]
    cells, end = _stamped(
        cells,
        date_name,
        raw.name,
        close_only=True,
        date_format=spelling.date_format,
        stamps=spelling.stamps,
    )
    own = {name: name for name in symbols}
    mark = mark_of(cells, own, spelling.decimal, raw.name, problems)
    wide = cells.select(
        cell_dates(cells, date_name, raw.name, spelling.date_format, problems),
        *[
            cell_numbers(cells, name, name, raw.name, problems, mark)
            for name in symbols
        ],
        pl.lit(raw.name).alias("file"),
        pl.col("line"),
    )
    _raise(problems)
    long = wide.unpivot(
        symbols,
        index=["date", "file", "line"],
        variable_name="symbol",
        value_name=held_in,
    )
    held = long.drop_nulls(held_in).select("symbol", "date", held_in, "file", "line")
    return _moved(held.with_columns(midquote=pl.lit(value=False)), end=end)


def _raise(problems: list[Problem]) -> None:
    if problems:
        problems.sort(key=lambda problem: problem.line or 0)
        raise DataError("the price file holds cells that are wrong", shown(problems))


def _symbols(
    cells: pl.DataFrame, column: str | None, file: str, problems: list[Problem]
) -> pl.Series:
    texts = cells["symbol"].cast(pl.String)
    for text in texts.unique().to_list():
        message = symbol_fault(text or "")
        if message is None:
            continue
        at = cells["line"][texts.to_list().index(text)]
        problems.append(
            Problem(message=message, file=file, line=at, column=column, value=text)
        )
    return texts


def cell_dates(
    cells: pl.DataFrame,
    column: str,
    file: str,
    date_format: str | None,
    problems: list[Problem],
) -> pl.Series:
    """Return the column ``date`` as dates, and add its cells that are none."""
    found = cells["date"]
    beyond = _beyond_calendar(found)
    if beyond is not None:
        message = "wanted a day of the years 1 to 9999; is the file damaged?"
        unit = getattr(found.dtype, "time_unit", "days")
        value = f"{found.to_physical()[beyond]} {unit} since 1970"
        at = cells["line"][beyond]
        problems.append(
            Problem(message=message, file=file, line=at, column=column, value=value)
        )
        return pl.Series("date", [None] * len(found), dtype=pl.Date)
    if found.dtype == pl.Date:
        dates, texts = found, found.cast(pl.String)
    elif isinstance(found.dtype, pl.Datetime):
        # The wall clock of the stamp's own zone: converting would shift the session.
        local = found.dt.replace_time_zone(None).alias("local")
        midnight = pl.col("local").dt.truncate("1d") == pl.col("local")
        day = pl.when(midnight).then(pl.col("local").dt.date())
        dates = local.to_frame().select(day).to_series()
        texts = local.cast(pl.String)
    elif found.dtype in (pl.String, pl.Categorical, pl.Int32, pl.Int64):
        texts = found.cast(pl.String)
        try:
            dates = read_dates(texts, date_format).values
        except SpecError as error:
            problems.append(Problem(message=str(error), file=file, column=column))
            return pl.Series("date", [None] * len(found), dtype=pl.Date)
    else:
        message = f"wanted dates, found numbers or other things ({found.dtype})"
        problems.append(Problem(message=message, file=file, column=column))
        return found
    wrong = dates.is_null().arg_true()
    for index in wrong[: MAX_PROBLEMS + 1]:
        text = texts[index]
        problems.append(
            Problem(
                message=not_a_date(text, date_format),
                file=file,
                line=cells["line"][index],
                column=column,
                value=text,
            )
        )
    return dates.alias("date")


def _beyond_calendar(stamps: pl.Series) -> int | None:
    """Return the first row of a time that polars could not write as text."""
    per_day = _PER_DAY.get(getattr(stamps.dtype, "time_unit", "days"))
    if stamps.dtype != pl.Date and per_day is None:
        return None
    days = stamps.to_physical().cast(pl.Int64)
    if per_day is not None:
        days = days // per_day
    rows = (~days.is_between(*_DAYS)).fill_null(value=False)
    return rows.arg_max() if rows.any() else None


def mark_of(
    cells: pl.DataFrame,
    fields: Mapping[str, str],
    decimal: str | None,
    file: str,
    problems: list[Problem],
) -> str:
    """Return the decimal mark of a table, which all of its numbers share."""
    texts = {
        field: cells[field].cast(pl.String)
        for field in fields
        if cells[field].dtype in (pl.String, pl.Categorical)
    }
    try:
        found = decimal_mark(list(texts.values()), decimal)
    except SpecError as error:
        problems.append(Problem(message=str(error), file=file))
        return "."
    if found is not None:
        return found
    for field, column in texts.items():
        held = column.drop_nulls()
        hit = held.filter(held.str.contains(","))
        if len(hit):
            at = column.to_list().index(hit[0])
            problems.append(
                Problem(
                    message="thousands or decimals? No cell of the file decides; say "
                    "decimal = '.' or decimal = ','",
                    file=file,
                    line=cells["line"][at],
                    column=fields[field],
                    value=hit[0],
                )
            )
            break
    return "."


def cell_numbers(
    cells: pl.DataFrame,
    field: str,
    column: str,
    file: str,
    problems: list[Problem],
    decimal: str,
) -> pl.Series:
    """Return a column as numbers, and add its cells that are none."""
    found = cells[field]
    if found.dtype.is_numeric():
        return found.cast(pl.Float64)
    if found.dtype == pl.Null:
        return found.cast(pl.Float64)
    if found.dtype not in (pl.String, pl.Categorical):
        message = f"wanted numbers, found {found.dtype}"
        problems.append(Problem(message=message, file=file, column=column))
        return found
    texts = found.cast(pl.String)
    read = read_numbers(texts, decimal)
    for index in read.wrong[: MAX_PROBLEMS + 1]:
        problems.append(
            Problem(
                message="not a number; write 1234.5"
                if decimal == "."
                else "not a number with a decimal comma; write 1234,5",
                file=file,
                line=cells["line"][index],
                column=column,
                value=texts[index],
            )
        )
    return read.values


def complete(frame: pl.DataFrame) -> pl.DataFrame:
    """Add the columns that a table lacks: adj_close is the close, others are null.

    The market value, where nothing says it, is the close times the shares.
    """
    if "shares" in frame.columns:
        if MARKET_VALUE not in frame.columns and "close" in frame.columns:
            worth = (pl.col("close") * pl.col("shares")).alias(MARKET_VALUE)
            frame = frame.with_columns(worth)
        frame = frame.drop("shares")
    if "adj_close" not in frame.columns:
        frame = frame.with_columns(adj_close="close")
    absent = [name for name in FIELDS if name not in frame.columns]
    return frame.with_columns(
        [pl.lit(None, dtype=SCHEMA[name]).alias(name) for name in absent]
    )
