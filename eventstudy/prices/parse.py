"""Cells of a table -> symbol, date and numbers, or a list of every cell at fault."""

import re
from collections.abc import Mapping

import polars as pl

from eventstudy.core.errors import DataError, Problem, SpecError
from eventstudy.prices.raw import MAX_PROBLEMS, RawTable, shown
from eventstudy.prices.stamps import SNAPSHOTS, read_stamps
from eventstudy.prices.symbols import symbol_fault
from eventstudy.prices.table import FIELDS, SCHEMA

SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "symbol": ("symbol", "ticker", "asset", "instrument"),
    "date": ("date", "timestamp", "datetime", "time", "session", *SNAPSHOTS),
    "open": ("open", "open_price", "px_open"),
    "high": ("high", "high_price", "px_high"),
    "low": ("low", "low_price", "px_low"),
    "close": ("close", "price", "last", "close_last", "close_price", "px_last"),
    "adj_close": ("adj_close", "adjusted_close", "adjclose", "close_adjusted"),
    "volume": ("volume", "vol", "px_volume"),
}
_FIELD_OF = {name: field for field, names in SPELLINGS.items() for name in names}

_MIDNIGHT = (
    r"^(\d{4}-\d{2}-\d{2})"
    r"(?:[T ]00:00(?::00(?:\.0+)?)?\s*(?:Z|UTC|[+-]\d{2}:?\d{2})?)?$"
)
_CLOCK_TIME = r"^\d{4}-\d{2}-\d{2}[T ]\d{1,2}:\d{2}"
_YEARS = (1800, 2200)


def resolve_columns(
    names: list[str], file: str, columns: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return ``{field: column}`` for the columns of a table that mean something here.

    ``columns`` says it for single fields, ``{"close": "Settle"}``. Raises `SpecError`
    for an unknown field, `DataError` for a column that is missing or ambiguous.

    >>> resolve_columns(["Date", "Adj Close", "Close"], "x.csv")
    {'date': 'Date', 'adj_close': 'Adj Close', 'close': 'Close'}
    """
    given = dict(columns or {})
    if unknown := sorted(set(given) - set(SPELLINGS)):
        known = ", ".join(SPELLINGS)
        raise SpecError(f"columns: unknown field {unknown[0]!r}; known: {known}")
    held = ", ".join(repr(name) for name in names)
    problems = [
        Problem(
            message=f"wanted for '{field}', found only {held}", file=file, column=name
        )
        for field, name in given.items()
        if name not in names
    ]
    candidates: dict[str, list[str]] = {}
    for name in names:
        field = _FIELD_OF.get(_plain(name))
        if field is not None and field not in given and name not in given.values():
            candidates.setdefault(field, []).append(name)
    if exact := [name for name in candidates.get("date", []) if _plain(name) == "date"]:
        candidates["date"] = exact  # beside it, a time of day means nothing here
    problems += [
        Problem(
            message=f"{' and '.join(map(repr, found))} can both be '{field}'; "
            f"say which, for example columns = {{ {field} = {found[0]!r} }}",
            file=file,
        )
        for field, found in candidates.items()
        if len(found) > 1
    ]
    fields = {field: found[0] for field, found in candidates.items()} | given
    problems += [
        Problem(
            message=f"there is no column '{field}'; found {held}", file=file, line=1
        )
        for field in ("date", "close")
        if field not in fields
    ]
    if problems:
        raise DataError("the columns of the price file are not clear", problems)
    return fields


def parse_table(
    raw: RawTable,
    *,
    symbol: str | None,
    columns: Mapping[str, str] | None = None,
    date_format: str | None = None,
    stamps: str = "",
) -> pl.DataFrame:
    """Return the columns of a price table, typed, with ``file`` and ``line`` added.

    The column ``snapshot`` says whether dates were moved to the day that ended.
    ``symbol`` names the rows of a table without a symbol column. A blank cell is a
    missing number. Raises `DataError` listing every cell that is no symbol, no date
    or no number.
    """
    fields = resolve_columns(raw.cells.columns, raw.name, columns)
    if "symbol" not in fields and symbol is None:
        problem = Problem(message="there is no column 'symbol'", file=raw.name, line=1)
        raise DataError("whose prices are these? Add a column 'symbol'", [problem])
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
        stamps=stamps,
    )
    parsed = picked.select(
        _symbols(picked, fields.get("symbol"), raw.name, problems),
        _dates(picked, fields["date"], raw.name, date_format, problems),
        *[
            _numbers(picked, field, fields[field], raw.name, problems)
            for field in FIELDS
            if field in fields
        ],
        pl.lit(raw.name).alias("file"),
        pl.col("line"),
    )
    _raise(problems)
    return _moved(parsed, end=end)


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


def is_wide(names: list[str]) -> bool:
    """Tell whether a table has a column of dates and else only columns of symbols.

    Symbols are written in capitals, fields are not, so a misspelt field is none.

    >>> is_wide(["Date", "RIOT", "^GSPC"]), is_wide(["date", "clsoe", "RIOT"])
    (True, False)
    """
    dates = [name for name in names if _FIELD_OF.get(_plain(name)) == "date"]
    others = [name for name in names if name not in dates]
    return (
        len(dates) == 1
        and len(others) > 1
        and not any(_plain(name) in _FIELD_OF for name in others)
        and all(name == name.upper() and not symbol_fault(name) for name in others)
    )


def parse_wide(
    raw: RawTable, *, date_format: str | None = None, stamps: str = ""
) -> pl.DataFrame:
    """Return the closes of a table with one column per symbol, as `parse_table` does.

    A blank cell says that the symbol did not trade, and makes no row.
    """
    names = raw.cells.columns
    (date_name,) = [n for n in names if _FIELD_OF.get(_plain(n)) == "date"]
    symbols = [name for name in names if name != date_name]
    cells = raw.cells.rename({date_name: "date"}).with_columns(raw.lines.alias("line"))
    problems: list[Problem] = []
    cells, end = _stamped(
        cells,
        date_name,
        raw.name,
        close_only=True,
        date_format=date_format,
        stamps=stamps,
    )
    wide = cells.select(
        _dates(cells, date_name, raw.name, date_format, problems),
        *[_numbers(cells, name, name, raw.name, problems) for name in symbols],
        pl.lit(raw.name).alias("file"),
        pl.col("line"),
    )
    _raise(problems)
    long = wide.unpivot(
        symbols,
        index=["date", "file", "line"],
        variable_name="symbol",
        value_name="close",
    )
    held = long.drop_nulls("close").select("symbol", "date", "close", "file", "line")
    return _moved(held, end=end)


def _raise(problems: list[Problem]) -> None:
    if problems:
        problems.sort(key=lambda problem: problem.line or 0)
        raise DataError("the price file holds cells that are wrong", shown(problems))


def _plain(name: str) -> str:
    """Return ``adj_close`` for ``Adj Close``, ``close_last`` for ``Close/Last``.

    pandas writes the two header levels of yfinance as ``('Close', 'RIOT')``: such a
    name is not one of ours and stays unknown.
    """
    return re.sub(r"[\s_\-./*]+", "_", name.strip().lower()).strip("_")


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


def _dates(
    cells: pl.DataFrame,
    column: str,
    file: str,
    date_format: str | None,
    problems: list[Problem],
) -> pl.Series:
    found = cells["date"]
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
        dates = _dates_of_texts(texts, date_format)
    else:
        message = f"wanted dates, found numbers or other things ({found.dtype})"
        problems.append(Problem(message=message, file=file, column=column))
        return found
    years = dates.dt.year()
    sane = dates.is_not_null() & years.is_between(*_YEARS).fill_null(value=False)
    wrong = (~sane).arg_true()
    for index in wrong[: MAX_PROBLEMS + 1]:
        text = texts[index]
        problems.append(
            Problem(
                message=_date_message(text, date_format),
                file=file,
                line=cells["line"][index],
                column=column,
                value=text,
            )
        )
    return dates.alias("date")


def _dates_of_texts(texts: pl.Series, date_format: str | None) -> pl.Series:
    if date_format is not None:
        return texts.str.to_date(date_format, strict=False)
    dates = texts.str.to_date("%Y-%m-%d", strict=False)
    if dates.null_count():
        midnight = texts.str.extract(_MIDNIGHT).str.to_date("%Y-%m-%d", strict=False)
        compact = texts.str.extract(r"^(\d{8})$").str.to_date("%Y%m%d", strict=False)
        dates = dates.fill_null(midnight).fill_null(compact)
    return dates


def _date_message(text: str | None, date_format: str | None) -> str:
    if text is None:
        return "the date is missing"
    if date_format is not None:
        return f"not a date written {date_format}"
    if re.match(_CLOCK_TIME, text):
        return "a time of day; daily prices are wanted, one row per session"
    return "not a date; write 2021-05-21, or name the format with date_format"


def _numbers(
    cells: pl.DataFrame, field: str, column: str, file: str, problems: list[Problem]
) -> pl.Series:
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
    numbers = texts.cast(pl.Float64, strict=False)
    wrong = (numbers.is_null() & texts.is_not_null()).arg_true()
    for index in wrong[: MAX_PROBLEMS + 1]:
        problems.append(
            Problem(
                message="not a number; write 1234.5 without other marks",
                file=file,
                line=cells["line"][index],
                column=column,
                value=texts[index],
            )
        )
    return numbers


def complete(frame: pl.DataFrame) -> pl.DataFrame:
    """Add the columns that a table lacks: adj_close is the close, others are null."""
    if "adj_close" not in frame.columns:
        frame = frame.with_columns(adj_close="close")
    absent = [name for name in FIELDS if name not in frame.columns]
    return frame.with_columns(
        [pl.lit(None, dtype=SCHEMA[name]).alias(name) for name in absent]
    )
