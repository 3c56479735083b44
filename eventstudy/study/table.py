"""What a table of a result is: columns with types, units and meanings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

Dtype = pl.DataType | type[pl.DataType]
_INSTANT = pl.Datetime("us", "UTC")
_TEXTS = pl.List(pl.String)

_TYPES: Mapping[Dtype, str] = {
    pl.String: "text",
    pl.Float64: "number",
    pl.Int64: "whole number",
    pl.Boolean: "true or false",
    pl.Date: "date",
    _INSTANT: "instant (UTC)",
    _TEXTS: "list of texts",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    name : str
        Name in frames and files.
    dtype : polars data type
        Type of its values; each may be null.
    meaning : str
        What a value says.
    unit : str
        Unit of a number: "log return", "sessions"; "" where there is none.
    """

    name: str
    dtype: Dtype
    meaning: str
    unit: str = ""

    @property
    def kind(self) -> str:
        """The type in words."""
        return _TYPES[self.dtype]


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a result.

    Parameters
    ----------
    name : str
        Attribute of the result, and name of the file.
    meaning : str
        What a row is.
    columns : sequence of Column
        The columns in their order.
    written : bool
        Whether a report has the table as a file.
    further : str
        What columns beyond these a table may have; "" for none.
    made_by : mapping of str to str
        Per part of a study the builder of the table, as "module:function"; empty for
        what every study has. See `eventstudy.study.builders`.
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]
    written: bool = True
    further: str = ""
    made_by: Mapping[str, str] = field(default_factory=dict)

    @property
    def dtypes(self) -> dict[str, Dtype]:
        """Name to polars type, in order."""
        return {column.name: column.dtype for column in self.columns}

    def empty(self) -> pl.DataFrame:
        """Return the table without rows."""
        return pl.DataFrame(schema=self.dtypes)

    def frame(self, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
        """Return rows as the table; what a row does not say is null.

        Numbers that are nan or infinite are null: there is no value.

        Raises `ValueError` for a row with a column that the table does not have.
        """
        dtypes = self.dtypes
        unknown = sorted({name for row in rows for name in row} - set(dtypes))
        if unknown:
            raise ValueError(f"table {self.name} has no column {', '.join(unknown)}")
        plain = [[row.get(name) for name in dtypes] for row in rows]
        frame = pl.DataFrame(plain, schema=dtypes, orient="row")
        return frame.with_columns(
            pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name)
            for name, dtype in dtypes.items()
            if dtype == pl.Float64
        )

    def checked(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return a frame with the table's columns in their order.

        Raises `ValueError` for a column that lacks, is of another type, or unknown.
        """
        held, dtypes = frame.schema, self.dtypes
        faults = [
            f"{name} is {held.get(name, 'not there')}, wanted {dtype}"
            for name, dtype in dtypes.items()
            if held.get(name) != dtype
        ]
        if not self.further:
            faults += [f"{name} is unknown" for name in held if name not in dtypes]
        if faults:
            raise ValueError(f"table {self.name}: {'; '.join(faults)}")
        return frame if self.further else frame.select(list(dtypes))

    def describe(self) -> pl.DataFrame:
        """Return the columns: name, type, unit, meaning."""
        return pl.DataFrame(
            {
                "column": [column.name for column in self.columns],
                "type": [column.kind for column in self.columns],
                "unit": [column.unit for column in self.columns],
                "meaning": [column.meaning for column in self.columns],
            }
        )

    def markdown(self) -> str:
        """Return the columns as a table of Markdown, headed by the name."""
        place = f"`tables/{self.name}.csv`" if self.written else "not written"
        parts = f"; part {', '.join(self.made_by)}" if self.made_by else ""
        lines = [f"## {self.name}", "", f"{self.meaning} ({place}{parts})", ""]
        lines += ["| column | type | unit | meaning |", "| :--- | :--- | :--- | :--- |"]
        for c in self.columns:
            meaning = c.meaning.replace("|", r"\|")
            lines.append(f"| `{c.name}` | {c.kind} | {c.unit} | {meaning} |")
        if self.further:
            lines += ["", f"Further columns: {self.further}."]
        return "\n".join([*lines, ""])


def text(name: str, meaning: str) -> Column:
    """Return a column of texts."""
    return Column(name, pl.String, meaning)


def texts(name: str, meaning: str) -> Column:
    """Return a column of lists of texts."""
    return Column(name, _TEXTS, meaning)


def number(name: str, meaning: str, unit: str = "") -> Column:
    """Return a column of numbers."""
    return Column(name, pl.Float64, meaning, unit)


def count(name: str, meaning: str, unit: str = "") -> Column:
    """Return a column of whole numbers."""
    return Column(name, pl.Int64, meaning, unit)


def flag(name: str, meaning: str) -> Column:
    """Return a column of true and false."""
    return Column(name, pl.Boolean, meaning)


def day(name: str, meaning: str) -> Column:
    """Return a column of dates."""
    return Column(name, pl.Date, meaning)


def instant(name: str, meaning: str) -> Column:
    """Return a column of instants in UTC."""
    return Column(name, _INSTANT, meaning)
