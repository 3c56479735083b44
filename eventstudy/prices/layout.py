"""What stands in a table beside its prices: headers of several lines, notes, no names.

A table that comes out of here has one header, a name for each column, and rows of
prices alone. What was skipped is said in the notes, with its line.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from eventstudy.core.errors import DataError, Problem

# Daily klines of a coin exchange, by number of columns.
_LAYOUTS: dict[int, tuple[str, ...]] = {
    12: (
        "open_time",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "close_time",
        "quote_volume",
        "trades",
        "taker_base",
        "taker_quote",
        "ignore",
    )
}
_FIGURES = r"^[\s$€£+\-(]*[\d.,:/TZ\s+\-]+%?\)?$"
_NO_PRICE = r"(?i)\b(?:dividend|stock splits?|split|distribution|capital gain)\b"
_LEVEL_NAMES = ("price", "attributes", "field", "")
_SHOWN = 10
UNREADABLE = "the price file cannot be read"


def fault(name: str, message: str, *, line: int | None = None) -> DataError:
    """Return the error for one fault of one file."""
    return DataError(UNREADABLE, [Problem(message=message, file=name, line=line)])


class LaidOut(NamedTuple):
    """A table with one header, the line of each row, and what was skipped."""

    cells: pl.DataFrame
    lines: pl.Series
    notes: list[str]


def laid_out(
    header: list[str], cells: pl.DataFrame, lines: pl.Series, name: str
) -> LaidOut:
    """Give a table of texts one header and rows of prices alone.

    ``cells`` has as many columns as ``header`` has names. Raises `DataError` for a
    first line of figures in no known layout and for columns named twice.
    """
    notes: list[str] = []
    header, cells, lines = _headless(header, cells, lines, name, notes)
    levels = _levels(header, cells)
    if levels is not None:
        below = levels.rows
        return _stacked(levels, cells.slice(below), lines.slice(below), notes)
    header, cells = _named(header, cells, name)
    cells = cells.rename(dict(zip(cells.columns, header, strict=True)))
    kept = ~_same_as_header(cells) & ~_without_prices(cells) & ~_remarks(cells)
    if not kept.all():
        notes.append(f"no prices, skipped: {_places(lines.filter(~kept))}")
    return LaidOut(cells.filter(kept), lines.filter(kept), notes)


def _headless(
    header: list[str],
    cells: pl.DataFrame,
    lines: pl.Series,
    name: str,
    notes: list[str],
) -> tuple[list[str], pl.DataFrame, pl.Series]:
    """Name the columns of a table whose first line is a row of figures already."""
    filled = [cell for cell in header if cell]
    figures = [cell for cell in filled if re.match(_FIGURES, cell)]
    if len(figures) < len(filled) or not re.search(r"\d", "".join(figures)):
        return header, cells, lines
    layout = _LAYOUTS.get(len(header))
    if layout is None:
        problem = Problem(
            message="the first line holds numbers, not names; write a header line "
            "above it, such as date,open,high,low,close,volume",
            file=name,
            line=1,
        )
        raise DataError("the price file has no header", [problem])
    notes.append("no header line: read as the klines of a coin exchange")
    first = pl.DataFrame([header], schema=cells.schema, orient="row")
    return list(layout), pl.concat([first, cells]), pl.concat([pl.Series([1]), lines])


class _Levels(NamedTuple):
    """A header of several lines: its rows below the first, and what columns hold."""

    rows: int
    fields: list[str]
    symbols: list[str]


def _levels(header: Sequence[str], cells: pl.DataFrame) -> _Levels | None:
    """Read a header of several lines, or return None.

    Of its first two lines one names fields, the other symbols; a third, if there is
    one, names the dates below it, as frames with two levels of columns are written.
    """
    if cells.height < 2:
        return None
    second = [cell or "" for cell in cells.row(0)]
    above, below = list(header), second
    if "close" in {cell.strip().lower() for cell in second}:
        above, below = below, above  # symbols stand above fields
    if above[0].strip().lower() not in _LEVEL_NAMES:
        return None
    if below[0].strip().lower() not in ("ticker", "tickers", "symbol", "symbols", ""):
        return None
    symbols = [cell.strip() for cell in below[1:]]
    fields = [name.strip() for name in above[1:]]
    if not all(symbols) or not all(fields):
        return None
    if any(re.match(_FIGURES, cell) for cell in symbols) or not _repeats(
        fields, symbols
    ):
        return None
    third = [cell or "" for cell in cells.row(1)]
    dated = third[0].strip().lower() in ("date", "datetime") and not any(third[1:])
    return _Levels(2 if dated else 1, fields, symbols)


def _repeats(fields: Sequence[str], symbols: Sequence[str]) -> bool:
    """Whether pairs of field and symbol name columns, each pair once."""
    pairs = list(zip(fields, symbols, strict=True))
    return len(set(pairs)) == len(pairs)


def _stacked(
    levels: _Levels,
    cells: pl.DataFrame,
    lines: pl.Series,
    notes: list[str],
) -> LaidOut:
    """Put the columns of each symbol below those of the symbol before."""
    fields, symbols = levels.fields, levels.symbols
    wanted = list(dict.fromkeys(fields))
    parts, places = [], []
    for symbol in dict.fromkeys(symbols):
        own = {
            field: column
            for field, column, at in zip(
                fields, cells.columns[1:], symbols, strict=True
            )
            if at == symbol
        }
        part = cells.select(
            pl.lit(symbol).alias("symbol"),
            pl.col(cells.columns[0]).alias("date"),
            *[
                pl.col(own[f]).alias(f)
                if f in own
                else pl.lit(None, pl.String).alias(f)
                for f in wanted
            ],
        )
        parts.append(part)
        places.append(lines)
    notes.append("header lines of fields and symbols: one symbol below the other")
    table = pl.concat(parts)
    # a symbol without any cell on a date did not trade then
    held = ~table.select(pl.all_horizontal(pl.col(wanted).is_null())).to_series()
    return LaidOut(table.filter(held), pl.concat(places).filter(held), notes)


def _named(
    header: Sequence[str], cells: pl.DataFrame, name: str
) -> tuple[list[str], pl.DataFrame]:
    """Drop columns without name and cells; an index without name holds the dates."""
    names = list(header)
    if not names[0] and not any(n.strip().lower() in ("date", "time") for n in names):
        names[0] = "date"
    empty = [
        column
        for column, title in zip(cells.columns, names, strict=True)
        if not title and cells[column].null_count() == cells.height
    ]
    cells = cells.drop(empty)
    names = [
        title
        for column, title in zip(header_columns(header), names, strict=True)
        if column not in empty
    ]
    nameless = [n + 1 for n, title in enumerate(names) if not title]
    repeated = sorted({title for title in names if title and names.count(title) > 1})
    message = None
    if nameless:
        message = f"column {nameless[0]} has cells but no name; write one"
    elif repeated:
        message = f"columns named twice: {', '.join(repeated)}"
    if message is not None:
        raise fault(name, message, line=1)
    return names, cells


def header_columns(header: Sequence[str]) -> list[str]:
    """Return the names that columns have until their own are known.

    >>> header_columns(["date", "close"])
    ['0', '1']
    """
    return [f"{index}" for index in range(len(header))]


def _same_as_header(cells: pl.DataFrame) -> pl.Series:
    """Mark rows that are the header once more."""
    same = [pl.col(name).fill_null("") == name for name in cells.columns]
    return cells.select(pl.all_horizontal(same)).to_series()


def _without_prices(cells: pl.DataFrame) -> pl.Series:
    """Mark rows in which a dividend or a split stands in the place of prices."""
    texts = [
        pl.col(name).fill_null("").str.contains(_NO_PRICE) for name in cells.columns
    ]
    return cells.select(pl.any_horizontal(texts)).to_series()


def _remarks(cells: pl.DataFrame) -> pl.Series:
    """Mark rows below the last prices that hold a remark in their first cell alone."""
    alone = cells.select(
        pl.all_horizontal(pl.nth(range(1, cells.width)).is_null())
        if cells.width > 1
        else pl.lit(value=False)
    ).to_series()
    marks = [False] * cells.height
    for at in reversed(range(cells.height)):
        if (
            len(alone) != cells.height
            or not alone[at]
            or not is_note([cells[at, 0] or ""])
        ):
            break
        marks[at] = True
    return pl.Series(marks, dtype=pl.Boolean)


def is_note(cells: Sequence[str]) -> bool:
    """Whether a line of a text is a remark: one cell of words.

    >>> is_note(["*Close price adjusted for splits."]), is_note(["2021-05-2"])
    (True, False)
    """
    filled = [cell.strip() for cell in cells if cell.strip()]
    if len(filled) != 1 or re.match(r"^[\d$€£+\-.]", filled[0]):
        return False
    return bool(re.search(r"[^\W\d_]{2}", filled[0]))


def _places(lines: pl.Series) -> str:
    held = lines.to_list()
    more = f" and {len(held) - _SHOWN} more" if len(held) > _SHOWN else ""
    noun = "line" if len(held) == 1 else "lines"
    return f"{noun} {', '.join(map(str, held[:_SHOWN]))}{more}"
