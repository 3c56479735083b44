"""Bytes of a file -> a table of its cells with the line of each row; no meaning yet.

Reads are bounded: a file by its size, a text file by its longest line too.
"""

import csv
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from eventstudy.cells import decoded
from eventstudy.cells.book import sheet_rows
from eventstudy.cells.columnar import columnar_frame, is_columnar
from eventstudy.cells.compact import Damaged
from eventstudy.core.errors import DataError, Problem
from eventstudy.prices.layout import (
    UNREADABLE,
    fault,
    header_columns,
    is_note,
    laid_out,
)

MAX_FILE_BYTES = 1 << 30
MAX_LINE_BYTES = 1 << 20
MAX_PROBLEMS = 50
_SHOWN_LINES = 10
TEXT_SUFFIXES = (".csv", ".tsv")
BOOK_SUFFIXES = (".xlsx", ".xls", ".xlsb", ".ods")
TABLE_SUFFIXES = (".parquet", ".feather", ".arrow", ".ipc")

_SEPARATORS = ",;\t|"


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTable:
    """Cells as they stand in a file; ``lines`` says where each row stands.

    ``cells`` of a text file are all strings. ``name`` is the file's name; ``notes``
    say what was decided in reading it;  symbol : of a frame that is given by it
    part : whether it has all rows of its symbols, and no other table has any
    """

    name: str
    cells: pl.DataFrame
    lines: pl.Series
    sha256: str | None
    notes: tuple[str, ...] = ()
    symbol: str | None = None
    part: bool = False


def is_price_file(path: Path) -> bool:
    """Tell by its name whether a file may hold prices."""
    name = path.name.lower().removesuffix(".gz")
    return not name.startswith(".") and name.endswith(
        (*TEXT_SUFFIXES, *TABLE_SUFFIXES, *BOOK_SUFFIXES)
    )


def read_raw(path: Path, *, sheet: str | None = None) -> RawTable:
    """Read one CSV (also gzip), Parquet or Feather file, or a sheet of a workbook.

    Raises `DataError` that names the file, and the line where there is one.
    """
    data = read_bytes(path)
    sha256 = hashlib.sha256(data).hexdigest()
    if data[:2] == b"\x1f\x8b":
        data = _gunzip(data, path.name)
    if is_columnar(data):
        cells = _binary_table(data, path.name)
        lines = pl.int_range(1, cells.height + 1, dtype=pl.Int64, eager=True)
        notes: list[str] = []
    elif path.name.lower().endswith(BOOK_SUFFIXES):
        cells, lines, notes = book_table(data, path.name, sheet)
    else:
        cells, lines, notes = text_table(data, path.name)
    return RawTable(
        name=path.name, cells=cells, lines=lines, sha256=sha256, notes=tuple(notes)
    )


def shown(problems: Sequence[Problem]) -> list[Problem]:
    """Return the problems, the end of a very long list cut off."""
    if len(problems) <= MAX_PROBLEMS:
        return list(problems)
    return [*problems[:MAX_PROBLEMS], Problem(message="and more like these")]


class TextTable(NamedTuple):
    """String cells, blanks as null, the line of each row, and what was decided."""

    cells: pl.DataFrame
    lines: pl.Series
    notes: list[str]


def text_table(data: bytes, name: str) -> TextTable:
    """Split a delimited text into string cells with line numbers.

    Raises `DataError` for what is no delimited text, for lines with more or fewer
    cells than the header, and for a header that names a column twice.
    """
    _check_is_text(data, name)
    data, notes = _as_utf8(data, name)
    if not data.strip():
        raise fault(name, "the file is empty; wanted a table with a header line")
    _check_is_table(data, name)
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    _check_lines(data, name)
    data, separator = _separator(data)
    split = _split_quoted if b'"' in data else _split_plain
    header, cells, lines = split(data, separator, name, notes)
    return _laid_out(header, cells, lines, name, notes)


def book_table(data: bytes, name: str, sheet: str | None) -> TextTable:
    """Read a sheet of a workbook, its cells as texts.

    Raises `DataError` for what is no workbook and for a sheet that there is not.
    """
    rows, notes = sheet_rows(data, name, sheet)
    header = [cell.strip() for cell in rows[0]]
    width = max(map(len, rows))
    header += [""] * (width - len(header))
    schema = dict.fromkeys(header_columns(header), pl.String())
    filled = [[*row, *[""] * (width - len(row))] for row in rows[1:]]
    cells = pl.DataFrame(filled, schema=schema, orient="row")
    lines = pl.int_range(2, len(rows) + 1, dtype=pl.Int64, eager=True)
    return _laid_out(header, cells, lines, name, notes)


def _laid_out(
    header: list[str],
    cells: pl.DataFrame,
    lines: pl.Series,
    name: str,
    notes: list[str],
) -> TextTable:
    """Drop rows without a cell, and what stands beside prices."""
    cells = blanks_to_null(cells)
    used = cells.select(~pl.all_horizontal(pl.all().is_null())).to_series()
    found = laid_out(header, cells.filter(used), lines.filter(used), name)
    return TextTable(found.cells, found.lines, [*notes, *found.notes])


def _as_utf8(data: bytes, name: str) -> tuple[bytes, list[str]]:
    try:
        text, note = decoded(data)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"byte 0x{data[error.start]:02x} is no text; save the file as UTF-8"
        raise fault(name, message, line=line) from error
    return text, [] if note is None else [note]


def _separator(data: bytes) -> tuple[bytes, str]:
    """Return the text with its line ``sep=;`` blanked, and what separates its cells."""
    first, _, rest = data.lstrip(b"\n").partition(b"\n")
    said = re.fullmatch(rb'"?sep=(.)"?', first.strip())
    if said:
        return b"\n" + rest, said[1].decode()
    # a title may stand above the header
    head = [line.decode() for line in data.split(b"\n", 6)[:6] if line.strip()]

    def usual(mark: str) -> tuple[int, int]:
        counts = sorted(line.count(mark) for line in head)
        return counts[len(counts) // 2], counts[0]

    return data, max(_SEPARATORS, key=usual)


def blanks_to_null(cells: pl.DataFrame) -> pl.DataFrame:
    """Return the table with its texts stripped, and null where they are empty."""
    texts = pl.col(pl.String)
    stripped = cells.with_columns(texts.str.strip_chars())
    return stripped.with_columns(pl.when(texts != "").then(texts))


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
    if is_columnar(head) or head[:2] == b"\x1f\x8b" or len(head) < MAX_LINE_BYTES:
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
    try:
        return blanks_to_null(columnar_frame(data))
    except Damaged as error:
        raise fault(name, str(error)) from error


def _check_is_text(data: bytes, name: str) -> None:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return
    if data[:4] == b"PK\x03\x04":
        raise fault(
            name, "this is a zip file, or a workbook that is not named .xlsx; rename it"
        )
    if data[:4] == b"\xd0\xcf\x11\xe0":
        raise fault(name, "an old Excel workbook; save it as .xlsx or as CSV")
    position = data.find(b"\x00")
    if position in (0, 1) and data[position:400:2].count(b"\x00") > 100:
        raise fault(name, "UTF-16 text without its mark; save the file as UTF-8")
    if position >= 0:
        line = data.count(b"\n", 0, position) + 1
        message = f"binary data (a zero byte at position {position}), not a text table"
        raise fault(name, message, line=line)


def _check_is_table(data: bytes, name: str) -> None:
    head = data[:2048].lstrip().lower()
    if head.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        raise fault(name, "this is a web page, not a table; download the data itself")
    if head.startswith((b"{", b"[")):
        raise fault(name, "this is JSON, not a table; convert it to CSV or Parquet")


def _check_lines(data: bytes, name: str) -> None:
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
    lengths = np.diff(ends, prepend=-1, append=len(data))
    longest = int(lengths.argmax())
    if lengths[longest] > MAX_LINE_BYTES:
        raise fault(name, _TOO_LONG, line=longest + 1)


_Split = tuple[list[str], pl.DataFrame, pl.Series]


def _split_plain(data: bytes, separator: str, name: str, notes: list[str]) -> _Split:
    """Split a text without quotes: lines and separators are counted as bytes."""
    octets = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(octets == ord("\n"))
    if not data.endswith(b"\n"):
        ends = np.append(ends, len(data))
    filled = np.diff(ends, prepend=-1) > 1
    marks = np.searchsorted(ends, np.flatnonzero(octets == ord(separator)))
    counts = np.bincount(marks, minlength=len(ends))[filled] + 1
    lines = np.flatnonzero(filled) + 1
    if (counts != counts[0]).any() or counts[0] == 1:
        # Rows of another length are looked at one by one, as quoted ones are.
        return _split_quoted(data, separator, name, notes)
    if not filled.all():
        rows = data.split(b"\n")
        data = b"\n".join(row for row in rows if row)
    head, _, body = data.partition(b"\n")
    header = [cell.strip() for cell in head.decode().split(separator)]
    if not body.strip():
        raise fault(name, "there is a header line and nothing below it", line=1)
    cells = pl.read_csv(
        body,
        has_header=False,
        new_columns=header_columns(header),
        infer_schema=False,
        separator=separator,
        quote_char=None,
    )
    return header, cells, pl.Series(lines[1:], dtype=pl.Int64)


def _split_quoted(data: bytes, separator: str, name: str, notes: list[str]) -> _Split:
    """Split a text with quotes, where a cell may hold separators and line ends."""
    reader = csv.reader(
        io.StringIO(data.decode(), newline=""),
        delimiter=separator,
        strict=True,
        skipinitialspace=True,
    )
    rows, lines, start = [], [], 1
    try:
        for row in reader:
            if row:
                rows.append(row)
                lines.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        message = (
            f"cannot be split into cells: {error}; a cell that begins with a quotation "
            "mark must end with one"
        )
        raise fault(name, message, line=start) from error
    rows, lines = _without_notes(rows, lines, notes)
    rows = _without_last_mark(rows)
    _check_counts(rows, lines, name)
    header = [cell.strip() for cell in rows[0]]
    if len(rows) < 2:
        raise fault(name, "there is a header line and nothing below it", line=lines[0])
    schema = dict.fromkeys(header_columns(header), pl.String())
    cells = pl.DataFrame(rows[1:], schema=schema, orient="row")
    return header, cells, pl.Series(lines[1:], dtype=pl.Int64)


def _without_notes(
    rows: list[list[str]], lines: list[int], notes: list[str]
) -> tuple[list[list[str]], list[int]]:
    """Drop remarks above the header and below the last row of a table."""
    width = max(map(len, rows), default=0)
    first, last = 0, len(rows)
    if width > 1:
        # Names in the first row that has all cells: what is above is no header.
        whole = next(row for row in rows if len(row) == width)
        named = all(map(_is_words, whole))
        while (
            first < last - 1
            and len(rows[first]) < width
            and (named or is_note(rows[first]))
        ):
            first += 1
        while (
            last > first + 1
            and len(rows[last - 1]) < width
            and all(map(_is_words, rows[last - 1]))
        ):
            last -= 1
    skipped = [*lines[:first], *lines[last:]]
    if skipped:
        held = ", ".join(map(str, skipped[:_SHOWN_LINES]))
        notes.append(f"remarks, skipped: line {held}")
    return rows[first:last], lines[first:last]


def _is_words(cell: str) -> bool:
    return not cell.strip() or is_note([cell])


def _without_last_mark(rows: list[list[str]]) -> list[list[str]]:
    """Drop the empty last cell of rows that end with a separator the header lacks."""
    width = len(rows[0])
    longer = [row for row in rows[1:] if len(row) == width + 1 and not row[-1].strip()]
    if longer and len(longer) == len(rows) - 1:
        return [rows[0], *(row[:-1] for row in rows[1:])]
    return rows


def _check_counts(rows: list[list[str]], lines: list[int], name: str) -> None:
    width = len(rows[0])
    problems = [
        Problem(
            message=f"{len(row)} cells where the header has {width}; "
            "is the file cut off?",
            file=name,
            line=line,
        )
        for row, line in zip(rows, lines, strict=True)
        if len(row) != width
    ]
    if problems:
        raise DataError(UNREADABLE, shown(problems))
