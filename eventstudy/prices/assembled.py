"""Tables of files -> prices: parsed and cleaned, with what was decided on the way."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import polars as pl

from eventstudy.core.errors import DataError, Problem
from eventstudy.prices.clean import clean
from eventstudy.prices.columns import is_wide
from eventstudy.prices.parse import Spelling, complete, parse_table, parse_wide
from eventstudy.prices.raw import RawTable, shown
from eventstudy.prices.returns import Kind, first_returns, to_levels
from eventstudy.prices.symbols import symbol_of_file
from eventstudy.prices.table import (
    SIMPLE_RETURNS,
    SNAPSHOT,
    PriceFile,
    Prices,
    describe_files,
    issues_frame,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Parsed:
    """A table, typed, and where it came from."""

    table: pl.DataFrame
    name: str
    sha256: str | None
    notes: tuple[str, ...]
    basis: str
    returns: Mapping[str, tuple[date, float]]


def assembled(
    raws: Iterable[RawTable], source: str, spelling: Callable[[str], Spelling]
) -> Prices:
    """Parse and clean tables of files.

    Tables are cleaned together, as they may hold the same symbols; the parts of a long
    file one by one, so that only one of them is in memory with all its cells.

    spelling : file name -> how it is written
    Raises `DataError` with every place at fault.
    """
    together: list[_Parsed] = []
    done: list[Prices] = []
    problems: list[Problem] = []
    for raw in raws:
        try:
            found = _parsed(raw, spelling(raw.name))
        except DataError as error:
            problems += error.problems
            continue
        if raw.part:
            done.append(_cleaned([found], source))
        else:
            together.append(found)
    if problems:
        raise DataError("the price files hold what is wrong", shown(problems))
    if together:
        done.append(_cleaned(together, source))
    if len(done) == 1:
        return done[0]
    files = [file for one in done for file in one.files]
    return replace(
        done[0],
        frame=pl.concat([one.frame for one in done], how="diagonal"),
        files=tuple(sorted(files, key=lambda file: (file.symbol, file.name))),
        issues=pl.concat([one.issues for one in done]),
        returns={k: v for one in done for k, v in one.returns.items()},
    )


def _parsed(raw: RawTable, own: Spelling) -> _Parsed:
    symbol = raw.symbol
    if symbol is None and raw.name != "frame":
        symbol = symbol_of_file(Path(raw.name))
    if not own.columns and is_wide(raw.cells.columns):
        table = parse_wide(raw, own)
    else:
        table = parse_table(raw, own, symbol=symbol)
    basis = _basis_of(table, own)
    returns: Mapping[str, tuple[date, float]] = {}
    if "return" in table.columns:
        kind: Kind = "log" if own.input_returns == "log" else "simple"
        table = to_levels(table, kind)
        returns = first_returns(table)
    return _Parsed(
        table=complete(table),
        name=raw.name,
        sha256=raw.sha256,
        notes=raw.notes,
        basis=basis,
        returns=returns,
    )


def _cleaned(parsed: Sequence[_Parsed], source: str) -> Prices:
    table = pl.concat([one.table for one in parsed], how="diagonal")
    if not table.height:
        raise DataError("there are no rows of prices")
    frame, issues = clean(table)
    basis = {one.name: one.basis for one in parsed}
    issues = pl.concat([issues, _snapshot_issues(table), _midquote_issues(table)])
    issues = pl.concat([issues, _note_issues(parsed, table)])
    issues = pl.concat([issues, _returns_issues(table, basis)])
    origins = table.select("symbol", "file").unique()
    files: list[PriceFile] = []
    for one in parsed:
        of_file = origins.filter(pl.col("file") == one.name)["symbol"]
        part = frame.filter(pl.col("symbol").is_in(of_file.to_list()))
        files += describe_files(part, name=one.name, basis=one.basis, sha256=one.sha256)
    ordered = tuple(sorted(files, key=lambda file: (file.symbol, file.name)))
    return Prices(
        frame=frame,
        source=source,
        files=ordered,
        issues=issues,
        returns={k: v for one in parsed for k, v in one.returns.items()},
    )


def _basis_of(table: pl.DataFrame, spelling: Spelling) -> str:
    """Say what the prices of a table are, before returns are made levels."""
    if "return" in table.columns:
        return RETURNS[spelling.input_returns]
    return _ADJUSTED if "adj_close" in table.columns else _UNADJUSTED


def _returns_issues(table: pl.DataFrame, basis: Mapping[str, str]) -> pl.DataFrame:
    """Say of which symbols the returns were taken for simple ones, unsaid."""
    unsaid = [name for name, held in basis.items() if held == RETURNS[""]]
    found = table.filter(pl.col("file").is_in(unsaid))
    rows = found.group_by("symbol", "file").agg(pl.col("date", "line").min())
    return issues_frame(
        {
            **row,
            "severity": "info",
            "rule": SIMPLE_RETURNS,
            "detail": "a column of returns, and nothing says of which kind",
            "action": "read as simple returns",
        }
        for row in rows.sort("symbol", "file").iter_rows(named=True)
    )


def _snapshot_issues(table: pl.DataFrame) -> pl.DataFrame:
    """Say of which symbols the prices were snapshots at midnight."""
    moved = (
        table.filter("snapshot").group_by("symbol", "file").agg(pl.col("date").min())
    )
    return issues_frame(
        {
            "symbol": row["symbol"],
            "date": row["date"],
            "file": row["file"],
            "severity": "info",
            "rule": SNAPSHOT,
            "detail": "times at 00:00 UTC are closes of the day that ended",
            "action": "dated a day earlier",
        }
        for row in moved.sort("symbol", "file").iter_rows(named=True)
    )


def _midquote_issues(table: pl.DataFrame) -> pl.DataFrame:
    """Say of which symbols some closes were means of bid and ask."""
    held = table.filter("midquote").group_by("symbol", "file")
    counted = held.agg(pl.col("date", "line").min(), n=pl.len())
    return issues_frame(
        {
            "symbol": row["symbol"],
            "date": row["date"],
            "file": row["file"],
            "line": row["line"],
            "severity": "info",
            "rule": "midquote",
            "detail": f"{row['n']} prices with a minus: means of bid and ask",
            "action": "taken without the minus",
        }
        for row in counted.sort("symbol", "file").iter_rows(named=True)
    )


def _note_issues(parsed: Sequence[_Parsed], table: pl.DataFrame) -> pl.DataFrame:
    """Say of each file what was decided in reading it."""
    first = table.group_by("file").agg(pl.col("symbol").min(), pl.col("date").min())
    of_file = {row["file"]: row for row in first.iter_rows(named=True)}
    return issues_frame(
        {
            "symbol": of_file[raw.name]["symbol"],
            "date": of_file[raw.name]["date"],
            "file": raw.name,
            "severity": "info",
            "rule": "file",
            "detail": note,
            "action": "read",
        }
        for raw in parsed
        for note in raw.notes
        if raw.name in of_file
    )


RETURNS = {
    "": "returns of the file, taken for simple ones, as a level",
    "simple": "simple returns of the file, as a level",
    "log": "log returns of the file, as a level",
}
_ADJUSTED = "as in the file, which has an adjusted close"
_UNADJUSTED = "as in the file; it has no adjusted close, the close is taken for it"
