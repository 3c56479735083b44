"""The written tables: what is in ``tables/``, and the bytes of each file."""

import io

import polars as pl

from eventstudy.catalogue.text import escape_cell
from eventstudy.study.result import StudyResult
from eventstudy.study.schema import SCHEMA


def tables(result: StudyResult) -> dict[str, pl.DataFrame]:
    """Return the tables that a report has as files.

    Parameters
    ----------
    result : StudyResult
        The study.

    Returns
    -------
    dict of str to polars.DataFrame
        Frames by the name of the file. Numbers keep full precision, nan is null, and
        lists are joined with "; ".

    Examples
    --------
    >>> from eventstudy import StudyResult, StudySpec
    >>> nothing = StudyResult(spec=StudySpec(returns="log"), provenance={})
    >>> tables(nothing)["ledger"].columns[:3]
    ['stage', 'event_id', 'asset']
    """
    return {
        name: _plain(result.tables[name])
        for name, table in SCHEMA.items()
        if table.written
    }


def _plain(table: pl.DataFrame) -> pl.DataFrame:
    columns = []
    for name, kind in table.schema.items():
        column = pl.col(name)
        if kind.is_float():
            column = column.fill_nan(None)
        elif isinstance(kind, pl.List):
            column = column.cast(pl.List(pl.String)).list.join("; ")
            column = column.replace("", None)
        elif kind == pl.Null:
            column = column.cast(pl.String)
        columns.append(column)
    return table.select(columns)


def to_csv(table: pl.DataFrame) -> bytes:
    """Write a table as CSV: shortest exact floats, ISO dates, UTC, empty = null.

    Text that a spreadsheet would take for a formula is escaped.
    """
    columns = []
    for name, kind in table.schema.items():
        column = pl.col(name)
        if kind == pl.String:
            column = column.replace("", None).map_elements(
                escape_cell, return_dtype=pl.String
            )
        elif isinstance(kind, pl.Datetime):
            column = column.dt.to_string("%Y-%m-%dT%H:%M:%SZ")
        columns.append(column.alias(escape_cell(name)))
    buffer = io.BytesIO()
    table.select(columns).write_csv(buffer)
    return buffer.getvalue()


def to_parquet(table: pl.DataFrame) -> bytes:
    """Write a table as Parquet."""
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    return buffer.getvalue()
