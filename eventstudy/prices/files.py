"""Prices from the user's own files and frames."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

import polars as pl

from eventstudy.cells.frames import ArrowStream, as_polars, is_frame
from eventstudy.core.errors import DataError, Problem
from eventstudy.prices.assembled import assembled
from eventstudy.prices.long_file import long_parts
from eventstudy.prices.parse import Spelling, complete, parse_table
from eventstudy.prices.raw import (
    RawTable,
    blanks_to_null,
    is_price_file,
    read_raw,
    shown,
)
from eventstudy.prices.source import SOURCES, SourceEntry
from eventstudy.prices.symbols import symbol_of_file
from eventstudy.prices.table import Prices


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The source of prices that are files: a folder, or one file.

    columns : ``{field: column}`` where the header's own words are not clear
    date_format : of dates that are not written 2021-05-21, like ``%m/%d/%Y``
    decimal : the decimal mark, where the cells do not tell
    stamps : whether times at 00:00 UTC are the start or the end of their day
    sheet : of a workbook, by default its first
    input_returns : "simple" or "log" where the files hold returns
    per_file : these settings for files of their own, by the name before the suffix
    """

    path: Path
    columns: Mapping[str, str] | None = None
    date_format: str | None = None
    decimal: str | None = None
    stamps: str = ""
    sheet: str | None = None
    input_returns: str = ""
    per_file: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the source, without the folder that it lies in."""
        return f"files: {self.path.resolve().name}"

    def fetch(
        self, symbols: Sequence[str], *, start: date | None, end: date | None
    ) -> Prices:
        """Read the files of these symbols, or all files when none is named for them."""
        raws = self._raws(symbols)
        return self._read(raws)

    def read(self) -> Prices:
        """Read everything."""
        raws = self._raws(())
        return self._read(raws)

    def _read(self, raws: Iterable[RawTable]) -> Prices:
        return assembled(raws, self.name, self._spelling)

    def _spelling(self, file: str) -> Spelling:
        """Return how a file is written: its own settings over those of all."""
        own = {
            "columns": self.columns,
            "date_format": self.date_format,
            "decimal": self.decimal,
            "stamps": self.stamps,
            "input_returns": self.input_returns,
            **self._own(file),
        }
        return Spelling(**{k: v for k, v in own.items() if k in Spelling.__slots__})

    def _own(self, file: str) -> Mapping[str, Any]:
        return self.per_file.get(symbol_of_file(Path(file)), {})

    def _raw(self, path: Path) -> RawTable:
        return read_raw(path, sheet=self._own(path.name).get("sheet", self.sheet))

    def _raws(self, symbols: Sequence[str]) -> Iterable[RawTable]:
        if not self.path.exists():
            problem = Problem(
                message="there is no such file or folder", file=str(self.path)
            )
            raise DataError("the prices cannot be read", [problem])
        if not self.path.is_dir():
            spelling = self._spelling(self.path.name)
            parts = long_parts(self.path, symbols, spelling)
            return [self._raw(self.path)] if parts is None else parts
        paths = sorted(path for path in self.path.iterdir() if is_price_file(path))
        if not paths:
            problem = Problem(
                message="no CSV, Excel, Parquet or Feather file", file=self.path.name
            )
            raise DataError("the folder holds no prices", [problem])
        by_symbol = {symbol_of_file(path): path for path in paths}
        if symbols and all(symbol in by_symbol for symbol in symbols):
            paths = [path for path in paths if symbol_of_file(path) in set(symbols)]
        return _collect(paths, self._raw)


SOURCES.register(
    SourceEntry(
        name="files",
        meaning="a folder with a CSV, Parquet or Feather file per symbol, or one long "
        "file; give its path",
        needs_network=False,
        holds_all=True,
        by_path=True,
        open=Files,
    )
)


def read_prices(
    source: str | Path | ArrowStream | Mapping[str, Any],
    *,
    columns: Mapping[str, str] | None = None,
    date_format: str | None = None,
    decimal: str | None = None,
    stamps: str = "",
    sheet: str | None = None,
    input_returns: Literal["", "simple", "log"] = "",
    per_file: Mapping[str, Mapping[str, Any]] | None = None,
) -> Prices:
    """Read prices from a folder, a file or a frame.

    A folder holds one CSV, Excel, Parquet or Feather file per symbol, named after it. A
    file or frame is long, with a column ``symbol``, or wide, with a column of closes
    for each symbol; a file that is neither holds the symbol that it is named after.
    Only ``date`` and ``close`` are required; common spellings of the headers are
    understood.

    Parameters
    ----------
    source : str, pathlib.Path or frame
        A folder, a file, any frame with the Arrow C stream, a pandas frame (also one
        of yfinance, with two levels of columns), or frames by symbol.
    columns : mapping of str to str, optional
        ``{field: column}`` where a header's own words are not clear.
    date_format : str, optional
        Of dates that are not written 2021-05-21, like ``%m/%d/%Y``. Other dates are
        read where a column admits one reading only.
    decimal : {".", ","}, optional
        The decimal mark. Read off the cells of a file where one of them decides.
    stamps : {"start", "end"}, optional
        Whether times at 00:00 UTC are those of the day that begins, as of daily bars,
        or snapshots at the end of the day before. Asked where it matters and no name
        such as ``snapped_at`` tells.
    sheet : str, optional
        Of a workbook, by default its first.
    input_returns : {"simple", "log"}, optional
        What the returns of a file are that holds returns in place of prices: in a
        column called ``return`` (or named so by ``columns``), or in all columns of a
        wide file. A column of returns alone is read as simple returns.
    per_file : mapping of str to mapping, optional
        ``{"MKT": {"date_format": "%d.%m.%Y"}}``: the settings above for the file
        MKT.csv.

    Returns
    -------
    Prices
        The prices; rows that cannot be right are in its ``issues``.

    Raises
    ------
    DataError
        With every place at fault.
    SpecError
        For a field in ``columns`` that is not known.

    Examples
    --------
    >>> import polars as pl
    >>> table = {"symbol": "X", "date": ["2021-05-20", "2021-05-21"], "close": [9.0, 0]}
    >>> prices = read_prices(pl.DataFrame(table, strict=False))
    >>> prices.frame["close"].to_list()
    [9.0, None]
    >>> prices.issues["rule"].to_list()
    ['price']
    """
    if isinstance(source, str | Path):
        files = Files(
            path=Path(source),
            columns=columns,
            date_format=date_format,
            decimal=decimal,
            stamps=stamps,
            sheet=sheet,
            input_returns=input_returns,
            per_file=per_file or {},
        )
        return files.read()
    spelling = Spelling(
        columns=columns,
        date_format=date_format,
        decimal=decimal,
        stamps=stamps,
        input_returns=input_returns,
    )
    if isinstance(source, Mapping) and source and is_frame(source):
        raws = [_raw_of_frame(frame, str(name)) for name, frame in source.items()]
    else:
        raws = [_raw_of_frame(source)]
    return assembled(raws, "frame", lambda _file: spelling)


def parsed_frame(source: ArrowStream, symbol: str) -> pl.DataFrame:
    """Return the columns of a frame that holds one symbol, typed and complete."""
    spelling = Spelling(stamps="start")
    return complete(parse_table(_raw_of_frame(source), spelling, symbol=symbol))


def _raw_of_frame(
    source: Any,  # noqa: ANN401 - any frame
    symbol: str | None = None,
) -> RawTable:
    empty = isinstance(source, Mapping) and not source
    if empty or not is_frame(source):
        found = "none" if empty else type(source).__name__
        problem = Problem(
            message=f"wanted a path or a frame, or frames by symbol, found {found}"
        )
        raise DataError("the prices cannot be read", [problem])
    try:
        cells = blanks_to_null(as_polars(source))
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        problem = Problem(message=f"no table: {error}", file="frame")
        raise DataError("the prices cannot be read", [problem]) from error
    lines = pl.int_range(1, cells.height + 1, dtype=pl.Int64, eager=True)
    name = "frame" if symbol is None else f"frame of {symbol}"
    return RawTable(name=name, cells=cells, lines=lines, sha256=None, symbol=symbol)


def _collect(paths: Sequence[Path], read: Callable[[Path], RawTable]) -> list[RawTable]:
    """Read all files; the faults of all of them make one error."""
    raws: list[RawTable] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            raws.append(read(path))
        except DataError as error:
            problems += error.problems
    if problems:
        raise DataError("price files cannot be read", shown(problems))
    return raws
