"""Bytes of a file -> a table of its cells with the line of each row; no meaning yet.

Reads are bounded: a file by its size, a text file by its longest line too.
"""

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from eventstudy.core.errors import DataError, Problem

MAX_FILE_BYTES = 1 << 30
MAX_LINE_BYTES = 1 << 20
MAX_PROBLEMS = 50
TEXT_SUFFIXES = (".csv", ".tsv")
TABLE_SUFFIXES = (".parquet", ".feather", ".arrow", ".ipc")

_SEPARATORS = ",;\t|"
_MISSING_WORDS = ("", "null", "NULL", "NA", "N/A", "#N/A", "None")


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTable:
    """Cells as they stand in a file; ``lines`` says where each row stands.

    ``cells`` of a text file are all strings. ``name`` is the file's name.
    """

    name: str
    cells: pl.DataFrame
    lines: pl.Series
    sha256: str | None


def is_price_file(path: Path) -> bool:
    """Tell by its name whether a file may hold prices."""
    name = path.name.lower().removesuffix(".gz")
    return not name.startswith(".") and name.endswith((*TEXT_SUFFIXES, *TABLE_SUFFIXES))


def read_raw(path: Path) -> RawTable:
    """Read one CSV (also gzip), Parquet or Feather file.

    Raises `DataError` that names the file, and the line where there is one.
    """
    data = read_bytes(path)
    sha256 = hashlib.sha256(data).hexdigest()
    if data[:2] == b"\x1f\x8b":
        data = _gunzip(data, path.name)
    if data[:4] == b"PAR1" or data[:6] == b"ARROW1":
        cells = _binary_table(data, path.name)
        lines = pl.int_range(1, cells.height + 1, dtype=pl.Int64, eager=True)
    else:
        cells, lines = text_table(data, path.name)
    return RawTable(name=path.name, cells=cells, lines=lines, sha256=sha256)


def fault(name: str, message: str, *, line: int | None = None) -> DataError:
    """Return the error for one fault of one file."""
    problem = Problem(message=message, file=name, line=line)
    return DataError("the price file cannot be read", [problem])


def shown(problems: Sequence[Problem]) -> list[Problem]:
    """Return the problems, the end of a very long list cut off."""
    if len(problems) <= MAX_PROBLEMS:
        return list(problems)
    return [*problems[:MAX_PROBLEMS], Problem(message="and more like these")]


def text_table(data: bytes, name: str) -> tuple[pl.DataFrame, pl.Series]:
    """Split a delimited text into string cells, blanks as null, and line numbers.

    Raises `DataError` for what is no delimited text, for lines with more or fewer
    cells than the header, and for a header that names a column twice.
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        raise fault(name, "the file is empty; wanted a table with a header line")
    _check_is_text(data, name)
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    _check_lines_and_encoding(data, name)
    first = data.lstrip(b"\n").split(b"\n", 1)[0].decode()
    separator = max(_SEPARATORS, key=first.count)
    split = _split_quoted if b'"' in data else _split_plain
    header, cells, lines = split(data, separator, name)
    _check_header(header, name)
    cells = cells.rename(dict(zip(cells.columns, header, strict=True)))
    cells = blanks_to_null(cells)
    used = cells.select(~pl.all_horizontal(pl.all().is_null())).to_series()
    return cells.filter(used), lines.filter(used)


def blanks_to_null(cells: pl.DataFrame) -> pl.DataFrame:
    """Return the table with its texts stripped, and null where they say nothing."""
    texts = pl.col(pl.String)
    stripped = cells.with_columns(texts.str.strip_chars())
    return stripped.with_columns(pl.when(~texts.is_in(_MISSING_WORDS)).then(texts))


def read_bytes(path: Path) -> bytes:
    """Return a file's content, unless it is too large or one endless line."""
    try:
        if not path.is_file():
            raise fault(path.name, "there is no such file")
        with path.open("rb") as stream:
            data = stream.read(MAX_LINE_BYTES)
            if _is_one_endless_line(data):
                raise fault(path.name, _TOO_LONG, line=1)
            data += stream.read(MAX_FILE_BYTES + 1 - len(data))
    except OSError as error:
        raise fault(path.name, f"cannot be opened: {error.strerror}") from error
    if len(data) > MAX_FILE_BYTES:
        raise fault(path.name, f"larger than {MAX_FILE_BYTES >> 20} MiB; split it")
    return data


_TOO_LONG = f"a line longer than {MAX_LINE_BYTES >> 10} KiB; this is no price table"


def _is_one_endless_line(head: bytes) -> bool:
    binary = head[:4] == b"PAR1" or head[:6] == b"ARROW1" or head[:2] == b"\x1f\x8b"
    if binary or len(head) < MAX_LINE_BYTES:
        return False
    return b"\n" not in head and b"\r" not in head


def _gunzip(data: bytes, name: str) -> bytes:
    try:
        with gzip.open(io.BytesIO(data)) as stream:
            plain = stream.read(MAX_FILE_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        message = f"the gzip file is damaged ({error}); get it again"
        raise fault(name, message) from error
    if len(plain) > MAX_FILE_BYTES:
        raise fault(name, f"unpacks to more than {MAX_FILE_BYTES >> 20} MiB; split it")
    return plain


def _binary_table(data: bytes, name: str) -> pl.DataFrame:
    parquet = data[:4] == b"PAR1"
    kind = "Parquet" if parquet else "Feather"
    if not data.endswith(b"PAR1" if parquet else b"ARROW1"):
        raise fault(name, f"the {kind} file is cut off; get it again")
    try:
        if parquet:
            return blanks_to_null(pl.read_parquet(io.BytesIO(data)))
        return blanks_to_null(pl.read_ipc(io.BytesIO(data)))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        message = f"the {kind} file is damaged ({error}); get it again"
        raise fault(name, message) from error


def _check_is_text(data: bytes, name: str) -> None:
    head = data[:2048].lstrip().lower()
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise fault(name, "the text is UTF-16; save it as UTF-8")
    if data[:4] == b"PK\x03\x04":
        raise fault(name, "this is a zip file or workbook; save the sheet as CSV")
    if head.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        raise fault(name, "this is a web page, not a table; download the data itself")
    if head.startswith((b"{", b"[")):
        raise fault(name, "this is JSON, not a table; convert it to CSV or Parquet")
    position = data.find(b"\x00")
    if position >= 0:
        line = data.count(b"\n", 0, position) + 1
        message = f"binary data (a zero byte at position {position}), not a text table"
        raise fault(name, message, line=line)


def _check_lines_and_encoding(data: bytes, name: str) -> None:
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
    lengths = np.diff(ends, prepend=-1, append=len(data))
    longest = int(lengths.argmax())
    if lengths[longest] > MAX_LINE_BYTES:
        raise fault(name, _TOO_LONG, line=longest + 1)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise fault(name, message, line=line) from error


def _check_header(header: Sequence[str], name: str) -> None:
    repeated = sorted({column for column in header if header.count(column) > 1})
    if repeated:
        raise fault(name, f"columns named twice: {', '.join(repeated)}", line=1)


_Split = tuple[list[str], pl.DataFrame, pl.Series]


def _split_plain(data: bytes, separator: str, name: str) -> _Split:
    """Split a text without quotes: lines and separators are counted as bytes."""
    octets = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(octets == ord("\n"))
    if not data.endswith(b"\n"):
        ends = np.append(ends, len(data))
    filled = np.diff(ends, prepend=-1) > 1
    marks = np.searchsorted(ends, np.flatnonzero(octets == ord(separator)))
    counts = np.bincount(marks, minlength=len(ends))[filled] + 1
    lines = np.flatnonzero(filled) + 1
    _check_counts(counts, lines, name)
    if not filled.all():
        rows = data.split(b"\n")
        data = b"\n".join(row for row in rows if row)
    head, _, body = data.partition(b"\n")
    header = [cell.strip() for cell in head.decode().split(separator)]
    columns = [f"{index}" for index in range(len(header))]
    if not body.strip():
        raise fault(name, "there is a header line and nothing below it", line=1)
    cells = pl.read_csv(
        body,
        has_header=False,
        new_columns=columns,
        infer_schema=False,
        separator=separator,
        quote_char=None,
    )
    return header, cells, pl.Series(lines[1:], dtype=pl.Int64)


def _split_quoted(data: bytes, separator: str, name: str) -> _Split:
    """Split a text with quotes, where a cell may hold separators and line ends."""
    reader = csv.reader(
        io.StringIO(data.decode(), newline=""), delimiter=separator, strict=True
    )
    rows, lines, start = [], [], 1
    try:
        for row in reader:
            if row:
                rows.append(row)
                lines.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        message = f"cannot be split into cells: {error}"
        raise fault(name, message, line=start) from error
    _check_counts(np.array([len(row) for row in rows]), np.array(lines), name)
    header = [cell.strip() for cell in rows[0]]
    if len(rows) < 2:
        raise fault(name, "there is a header line and nothing below it", line=1)
    columns = [f"{index}" for index in range(len(header))]
    schema = dict.fromkeys(columns, pl.String())
    cells = pl.DataFrame(rows[1:], schema=schema, orient="row")
    return header, cells, pl.Series(lines[1:], dtype=pl.Int64)


def _check_counts(counts: np.ndarray, lines: np.ndarray, name: str) -> None:
    wrong = np.flatnonzero(counts != counts[0])
    if not wrong.size:
        return
    problems = [
        Problem(
            message=f"{counts[index]} cells where the header has {counts[0]}; "
            "is the file cut off?",
            file=name,
            line=int(lines[index]),
        )
        for index in wrong[: MAX_PROBLEMS + 1]
    ]
    raise DataError("the price file cannot be read", shown(problems))
