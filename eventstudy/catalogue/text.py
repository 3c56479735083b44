"""Bytes of a catalogue file -> records with the line on which each one starts."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from eventstudy.catalogue.lists import REQUEST, is_request
from eventstudy.cells import decoded
from eventstudy.cells.book import sheet_rows
from eventstudy.cells.opened import opened
from eventstudy.core.errors import DataError, Problem

MAX_BYTES = 64 * 1024 * 1024
MAX_LINE_BYTES = 1024 * 1024
_CHUNK_BYTES = MAX_LINE_BYTES
_LINE_END = re.compile(rb"[\r\n]")
_SEPARATORS = {",": "','", ";": "';'", "\t": "tab"}
_FOREIGN = {
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save it as 'CSV UTF-8'",
    b"PAR1": "a Parquet file; read it with polars and pass the frame",
    b"\x1f\x8b": "compressed with gzip; unpack it first",
    b"%PDF": "a PDF document",
}
WORKBOOK = b"PK\x03\x04"
UTF16 = (b"\xff\xfe", b"\xfe\xff")
_MARKUP = re.compile(r"\s*<")


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Header and rows of a file; ``lines[i]`` is the line where ``rows[i]`` starts.

    Rows have as many cells as the header; those that had not are in ``problems``.
    """

    header: list[str]
    header_line: int
    rows: list[list[str]]
    lines: list[int]
    notes: list[str]
    problems: list[Problem]


def escape_cell(text: str) -> str:
    """Return the text so that a spreadsheet shows it instead of calculating it.

    For text cells of written CSV files; numbers are not text and need no escape, and a
    lone sign, such as an expected direction, calculates nothing.

    >>> escape_cell("=1+1"), escape_cell("plain"), escape_cell("-")
    ("'=1+1", 'plain', '-')
    """
    if text in ("+", "-"):
        return text
    formula = text.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    return "'" + text if formula else text


def read_bytes(path: Path, name: str) -> bytes:
    """Read a text file of bounded size and line length; raise `DataError` otherwise.

    A file that is too large, has an endless line or is not text is refused before
    more than a chunk of it beyond the bound is in memory.
    """
    try:
        with opened(path) as stream:
            return b"".join(_text_chunks(stream, name))
    except OSError as error:
        raise _refusal(name, f"cannot be read: {error.strerror}") from None


def parse_records(data: bytes, name: str, *, sheet: str | None = None) -> Records:
    """Split the bytes of a catalogue file into records, or raise `DataError`.

    sheet : of a workbook, by default its first
    """
    if data.startswith(WORKBOOK):
        return _of_workbook(data, name, sheet)
    notes = []
    if data.startswith(b"\xef\xbb\xbf"):
        notes.append("byte order mark skipped")
    text, note = _decode(data, name)
    notes += [note] if note else []
    if not text.strip():
        raise _refusal(name, "is empty; wanted a header and one line per event")
    if _MARKUP.match(text):
        raise _refusal(name, "is HTML or XML, not CSV; save the raw file instead", 1)
    separator = _detect_separator(text)
    text = re.sub(r'\A\s*"?sep=.[^\r\n]*', "", text)
    if separator != ",":
        notes.append(f"separator {_SEPARATORS[separator]} detected")
    return _without_nameless(_split(text, separator, name, notes), name)


def _refusal(name: str, message: str, line: int | None = None) -> DataError:
    return DataError(
        f"{name}: not a catalogue that can be read",
        [Problem(message=message, file=name, line=line)],
    )


def _refuse_foreign(start: bytes, name: str) -> None:
    for magic, meaning in _FOREIGN.items():
        if start.startswith(magic):
            raise _refusal(name, f"is {meaning}")


def _text_chunks(stream: BinaryIO, name: str) -> Iterator[bytes]:
    size, line, open_line, binary = 0, 1, 0, False
    while chunk := stream.read(_CHUNK_BYTES):
        if not size:
            _refuse_foreign(chunk, name)
            binary = chunk.startswith((WORKBOOK, *UTF16))
        if b"\0" in chunk and not binary:
            line += _count_lines(chunk[: chunk.index(b"\0")])
            raise _refusal(name, "holds NUL bytes: it is binary, not text", line)
        # A chunk is no longer than the longest line, so only a line that began
        # before the chunk can be too long.
        line_end = _LINE_END.search(chunk)
        open_line += line_end.start() if line_end else len(chunk)
        if open_line > MAX_LINE_BYTES and not binary:
            raise _refusal(
                name,
                f"a line of more than {MAX_LINE_BYTES} bytes; wanted one event a line",
                line,
            )
        size += len(chunk)
        if size > MAX_BYTES:
            raise _refusal(
                name,
                f"is larger than {MAX_BYTES // 1024**2} MB, the bound of a catalogue "
                "file; pass a frame instead",
            )
        if line_end:
            open_line = len(chunk) - 1 - max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        line += _count_lines(chunk)
        yield chunk


def _count_lines(data: bytes) -> int:
    return data.count(b"\n") or data.count(b"\r")


def _of_workbook(data: bytes, name: str, sheet: str | None) -> Records:
    rows, notes = sheet_rows(data, name, sheet)
    width = max(map(len, rows))
    filled = [[*row, *[""] * (width - len(row))] for row in rows]
    records = Records(
        header=filled[0],
        header_line=1,
        rows=filled[1:],
        lines=list(range(2, len(rows) + 1)),
        notes=notes,
        problems=[],
    )
    return _without_nameless(records, name)


def _decode(data: bytes, name: str) -> tuple[str, str | None]:
    try:
        text, note = decoded(data)
        return text.decode(), note
    except UnicodeDecodeError:
        problems = []
        for number, line in enumerate(data.splitlines(), start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                byte = line[error.start]
                near = line[max(0, error.start - 12) : error.start + 12]
                problems.append(
                    Problem(
                        message=f"byte 0x{byte:02x} is not UTF-8; save as UTF-8",
                        file=name,
                        line=number,
                        value=near.decode("utf-8", errors="replace"),
                    )
                )
        raise DataError(f"{name}: the text is not UTF-8", problems) from None


def _detect_separator(text: str) -> str:
    """Separator that finds the required columns, else the most columns, else comma."""
    first = next(line for line in text.splitlines() if line.strip())

    def score(separator: str) -> tuple[int, int]:
        names = {cell.strip(' "') for cell in first.split(separator)}
        return len(names & {"event_id", "announced_at"}), first.count(separator)

    if said := re.fullmatch(r'"?sep=([,;\t])"?', first.strip()):
        return said[1]

    return max(_SEPARATORS, key=score)


def _split(text: str, separator: str, name: str, notes: list[str]) -> Records:
    header: list[str] = []
    header_line = 1
    rows: list[list[str]] = []
    lines: list[int] = []
    empty: list[str] = []
    problems: list[Problem] = []
    for line, cells in _iterate(text, separator, name, problems):
        if not any(cell.strip() for cell in cells):
            if len(cells) > 1:
                empty.append(str(line))
        elif not header and is_request(cells):
            header, header_line = list(REQUEST), line
            rows.append(cells)
            lines.append(line)
            notes.append(
                "no header: read as a request of EventStudyTools, of which event, "
                "firm, market (as benchmark), date and estimation window are taken; "
                "event windows and groups belong in a study file"
            )
        elif not header:
            header, header_line = [cell.strip() for cell in cells], line
        elif len(cells) != len(header):
            problems.append(_ragged(cells, header, separator, name, line))
        else:
            rows.append(cells)
            lines.append(line)
    if empty:
        where = ", ".join(empty[:10]) + (" …" if len(empty) > 10 else "")
        notes.append(f"lines of empty cells skipped: {where}")
    return Records(
        header=header,
        header_line=header_line,
        rows=rows,
        lines=lines,
        notes=notes,
        problems=problems,
    )


def _iterate(
    text: str, separator: str, name: str, problems: list[Problem]
) -> Iterator[tuple[int, list[str]]]:
    """Yield (first line, cells); a broken quotation ends the file with a problem."""
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=separator,
        strict=True,
        skipinitialspace=True,
    )
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        problems.append(
            Problem(
                message=f"the quotation marks of this row do not pair up ({error}); "
                'write " inside a quoted cell as "", unless the file is cut off; what '
                "follows was not read",
                file=name,
                line=line,
            )
        )


def _ragged(
    cells: list[str], header: list[str], separator: str, name: str, line: int
) -> Problem:
    cause = (
        f"put quotation marks around a cell that holds {_SEPARATORS[separator]}"
        if len(cells) > len(header)
        else "is the line cut off?"
    )
    return Problem(
        message=f"{len(cells)} cells where the header has {len(header)}; {cause}",
        file=name,
        line=line,
    )


def _without_nameless(records: Records, name: str) -> Records:
    """Drop columns that have neither name nor cells; the others need a name."""
    nameless = [i for i, title in enumerate(records.header) if not title]
    if not nameless:
        return records
    filled = [i for i in nameless if any(row[i].strip() for row in records.rows)]
    problems = [
        Problem(
            message=f"column {i + 1} has cells but no name",
            file=name,
            line=records.header_line,
        )
        for i in filled
    ]
    keep = [i for i, title in enumerate(records.header) if title]
    dropped = len(nameless) - len(filled)
    notes = [f"empty columns without a name skipped: {dropped}"] if dropped else []
    return replace(
        records,
        header=[records.header[i] for i in keep],
        rows=[[row[i] for i in keep] for row in records.rows],
        notes=[*records.notes, *notes],
        problems=[*records.problems, *problems],
    )
