"""All tables of a study as an Excel workbook, or as files for Stata."""

import io
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from eventstudy.core.errors import SpecError
from eventstudy.report.labels import study_title
from eventstudy.report.tables import tables
from eventstudy.study.result import StudyResult
from eventstudy.study.schema import SCHEMA

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 1_048_575  # of a sheet, below its head
_FRONT, _DICTIONARY = "about", "dictionary"
_MADE = datetime(2021, 1, 1)  # noqa: DTZ001 - the same bytes each time
_LONGEST_CELL = 32_767
_TEXT, _LABEL = 2_045, 80  # letters of a text variable of Stata, and of a label
# Words that Stata keeps for itself.
_RESERVED = frozenset(
    (
        *("aggregate", "array", "boolean", "break", "byte", "case", "catch", "class"),
        *("colvector", "complex", "const", "continue", "default", "delegate", "do"),
        *("delete", "double", "else", "eltypedef", "end", "enum", "explicit", "in"),
        *("export", "external", "float", "for", "friend", "function", "global", "if"),
        *("goto", "inline", "int", "local", "long", "pragma", "protected", "quad"),
        *("rowvector", "short", "typedef", "typename", "virtual", "using", "with"),
        *("_all", "_b", "_coef", "_cons", "_n", "_N", "_pi", "_pred", "_rc", "_se"),
        "_skip",
    )
)


def to_xlsx(result: StudyResult) -> bytes:
    """Return a workbook: a front sheet, a sheet per table, and the dictionary."""
    try:
        import xlsxwriter
    except ImportError:
        raise SpecError(
            "xlsx needs the package xlsxwriter: pip install 'market-eventstudy[excel]'"
        ) from None
    buffer = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": False,
    }
    book = xlsxwriter.Workbook(buffer, options)
    book.set_properties({"created": _MADE, "author": "", "comments": ""})
    held = {name: table for name, table in tables(result).items() if table.height}
    bold = book.add_format({"bold": True})
    _front(book.add_worksheet(_FRONT), result, held, bold)
    for name, table in held.items():
        _sheet(book.add_worksheet(name[:31]), table, bold)
    _sheet(book.add_worksheet(_DICTIONARY), _dictionary(held), bold)
    book.close()
    return buffer.getvalue()


def _front(
    sheet: Any,  # noqa: ANN401 - xlsxwriter has no types
    result: StudyResult,
    held: Mapping[str, pl.DataFrame],
    bold: Any,  # noqa: ANN401
) -> None:
    """Write the title, what the sheets are, and where the study comes from."""
    sheet.set_column(0, 0, 22)
    sheet.set_column(1, 1, 90)
    sheet.write_string(0, 0, study_title(result.spec, result.provenance), bold)
    lines = [("Prices", str(result.provenance.get("source") or "not recorded"))]
    lines.append(("Returns", f"{result.spec.returns}; fractions, not per cent"))
    if command := result.provenance.get("command"):
        lines.append(("Command", str(command)))
    lines += [(name, _about(name, table)) for name, table in held.items()]
    lines.append((_DICTIONARY, "every column of every sheet, with unit and meaning"))
    for row, (name, words) in enumerate(lines, 2):
        sheet.write_string(row, 0, name)
        sheet.write_string(row, 1, words)


def _about(name: str, table: pl.DataFrame) -> str:
    text = f"{SCHEMA[name].meaning} ({table.height:,} rows)"
    if table.height > MOST_ROWS:
        text += (
            f"; the sheet holds the first {MOST_ROWS:,}: all are in tables/{name}.csv"
        )
    return text


def _dictionary(held: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    parts = [
        StudyResult.describe(name).with_columns(table=pl.lit(name)) for name in held
    ]
    empty = pl.DataFrame(schema={"table": pl.String, "column": pl.String})
    return pl.concat(parts).select("table", pl.exclude("table")) if parts else empty


def _sheet(sheet: Any, table: pl.DataFrame, bold: Any) -> None:  # noqa: ANN401
    """Write a table: head in bold and fixed, a filter, missing values empty."""
    shown = table.head(MOST_ROWS)
    for column, name in enumerate(shown.columns):
        sheet.write_string(0, column, name, bold)
        for row, value in enumerate(shown[name].to_list(), 1):
            if value is None:
                continue
            if isinstance(value, bool):
                sheet.write_boolean(row, column, value)
            elif isinstance(value, int | float):
                sheet.write_number(row, column, value)
            else:
                sheet.write_string(row, column, _cell(value))
    sheet.freeze_panes(1, 0)
    if shown.width:
        sheet.autofilter(0, 0, shown.height, shown.width - 1)


def _cell(value: object) -> str:
    """Write dates as ISO text, so that no zone or calendar of Excel shifts them."""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return str(value)[:_LONGEST_CELL]


def to_dta(result: StudyResult) -> dict[str, bytes]:
    """Return a Stata file (version 15 and later) per table with rows."""
    return {
        name: _stata(name, table)
        for name, table in tables(result).items()
        if table.height
    }


def _stata(name: str, table: pl.DataFrame) -> bytes:
    import pandas as pd

    names = stata_names(table.columns)
    meanings = {column.name: column.meaning for column in SCHEMA[name].columns}
    frame = pd.DataFrame({names[c]: _series(table[c], pd) for c in table.columns})
    long = [
        names[column]
        for column, kind in table.schema.items()
        if kind == pl.String and (table[column].str.len_bytes() > _TEXT).any()
    ]
    dates = {names[c]: "td" for c, kind in table.schema.items() if kind == pl.Date}
    dates |= {
        names[c]: "tc"
        for c, kind in table.schema.items()
        if isinstance(kind, pl.Datetime)
    }
    buffer = io.BytesIO()
    frame.to_stata(
        buffer,
        write_index=False,
        version=118,
        time_stamp=_MADE,
        data_label=SCHEMA[name].meaning[:_LABEL],
        variable_labels={names[c]: meanings.get(c, c)[:_LABEL] for c in table.columns},
        convert_strl=long,
        convert_dates=dates,
    )
    return buffer.getvalue()


def _series(column: pl.Series, pd: Any) -> "pd.Series[Any]":  # noqa: ANN401
    """Return a column in a type that Stata has; it has no missing whole numbers."""
    kind = column.dtype
    if kind == pl.Boolean:
        column = column.cast(pl.Int8)
    if kind == pl.String:
        return pd.Series(column.fill_null("").to_list(), dtype=object)
    if isinstance(kind, pl.Datetime) or kind == pl.Date:
        values = [
            one.replace(tzinfo=None) if isinstance(one, datetime) else _midnight(one)
            for one in column.to_list()
        ]
        return pd.Series(values, dtype="datetime64[ms]")
    return pd.Series(column.cast(pl.Float64).to_numpy())


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime(day.year, day.month, day.day)  # noqa: DTZ001


def stata_names(columns: list[str]) -> dict[str, str]:
    """Return names that Stata takes: 32 letters, digits and underscores, each once.

    >>> stata_names(["event_id", "long", "in"])
    {'event_id': 'event_id', 'long': 'long_', 'in': 'in_'}
    """
    taken: dict[str, str] = {}
    for column in columns:
        name = "".join(
            c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in column
        )
        name = (f"_{name}" if name[:1].isdigit() else name or "_")[:32]
        name = f"{name[:31]}_" if name in _RESERVED else name
        number = 1
        while name in taken.values():
            name, number = f"{name[:29]}_{number}", number + 1
        taken[column] = name
    return taken
