"""A long Parquet or Feather file of many symbols, a part of it at a time.

Only the rows of the symbols that are asked for are read, and of many symbols some at
once: what a row needs while it is parsed is several times what is kept of it.
"""

import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from eventstudy.cells.columnar import PARQUET, check_columnar, in_words, is_columnar
from eventstudy.cells.compact import Damaged
from eventstudy.core.errors import DataError
from eventstudy.prices.columns import resolve_columns
from eventstudy.prices.layout import fault
from eventstudy.prices.parse import Spelling
from eventstudy.prices.raw import RawTable, blanks_to_null, read_bytes

MAX_ROWS = 1_000_000
_LINE = "line of the file"
_TEXTS = (pl.String, pl.Categorical, pl.Enum)


def long_parts(
    path: Path, symbols: Sequence[str], spelling: Spelling
) -> Iterator[RawTable] | None:
    """Yield the rows of symbols in parts; None where the file must be read whole.

    That is so for other kinds of files, without a column of symbols, and where one of
    the symbols is not in it as it is spelled.

    symbols : those wanted; none is all
    Raises `DataError` for a damaged file.
    """
    if not _begins_columnar(path):
        return None
    data = read_bytes(path)
    try:
        check_columnar(data)
        with in_words(data):
            column = _symbol_column(_scan(data), path.name, spelling)
            counts = None if column is None else _counts(_scan(data), column)
    except Damaged as error:
        raise fault(path.name, str(error)) from error
    if column is None or counts is None or not {*symbols} <= {*counts}:
        return None
    wanted = sorted(symbols or counts)
    return _parts(data, path.name, column, _batches(wanted, counts))


def _begins_columnar(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return is_columnar(stream.read(6))
    except OSError:
        return False


def _scan(data: bytes) -> pl.LazyFrame:
    scan = pl.scan_parquet if data.startswith(PARQUET) else pl.scan_ipc
    return scan(io.BytesIO(data), row_index_name=_LINE, row_index_offset=1)


def _symbol_column(scan: pl.LazyFrame, name: str, spelling: Spelling) -> str | None:
    schema = scan.collect_schema()
    names = [column for column in schema.names() if column != _LINE]
    try:
        fields = resolve_columns(
            names, name, spelling.columns, returns=bool(spelling.input_returns)
        )
    except DataError:
        return None  # told where the table is parsed
    column = fields.get("symbol")
    return column if column and isinstance(schema[column], _TEXTS) else None


def _counts(scan: pl.LazyFrame, column: str) -> dict[str, int] | None:
    """Count the rows of each symbol; None where a cell is empty or has blanks."""
    texts = pl.col(column).cast(pl.String)
    found = scan.group_by(texts.alias("symbol")).len().collect()
    symbols = found["symbol"]
    if symbols.null_count() or (symbols.str.strip_chars() != symbols).any():
        return None
    return dict(found.iter_rows()) if (symbols != "").all() else None


def _batches(symbols: Sequence[str], counts: dict[str, int]) -> list[list[str]]:
    batches: list[list[str]] = [[]]
    rows = 0
    for symbol in symbols:
        rows += counts[symbol]
        if rows > MAX_ROWS and batches[-1]:
            batches.append([])
            rows = counts[symbol]
        batches[-1].append(symbol)
    return batches


def _parts(
    data: bytes, name: str, column: str, batches: Sequence[Sequence[str]]
) -> Iterator[RawTable]:
    sha256 = hashlib.sha256(data).hexdigest()
    for batch in batches:
        wanted = pl.col(column).cast(pl.String).is_in(list(batch))
        try:
            with in_words(data):
                cells = _scan(data).filter(wanted).collect()
        except Damaged as error:
            raise fault(name, str(error)) from error
        yield RawTable(
            name=name,
            cells=blanks_to_null(cells.drop(_LINE)),
            lines=cells[_LINE].cast(pl.Int64),
            sha256=sha256,
            part=True,
        )
