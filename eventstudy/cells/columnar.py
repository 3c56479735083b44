"""Parquet and Feather files -> frames, their sizes checked before they are read.

The compiled reader asks for the memory that a page's header claims. A damaged header
claims anything, and a process whose memory is refused ends without a word. So the
headers of all pages are read here first: nothing may be negative, and no page may
hold more than its column or end behind it.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import polars as pl

from eventstudy.cells.compact import Damaged, Value, structure
from eventstudy.core.quiet import quiet

PARQUET, FEATHER = b"PAR1", b"ARROW1"
MAX_PAGE_BYTES = 1 << 30
# No file of prices packs a row into less than a sixteenth of a byte.
_ROWS_PER_BYTE, _ROWS_OF_ANY = 16, 1 << 20

_Fields = dict[int, Value]


def is_columnar(data: bytes) -> bool:
    """Tell by its first bytes whether a file is Parquet or Feather."""
    return data.startswith((PARQUET, FEATHER))


def columnar_kind(data: bytes) -> str:
    """Return the name of the format."""
    return "Parquet" if data.startswith(PARQUET) else "Feather"


def columnar_frame(data: bytes) -> pl.DataFrame:
    """Read the bytes of a Parquet or Feather file.

    Raises `Damaged` for what is cut off or cannot be what was written.
    """
    check_columnar(data)
    read = pl.read_parquet if columnar_kind(data) == "Parquet" else pl.read_ipc
    with in_words(data):
        return read(io.BytesIO(data))


@contextmanager
def in_words(data: bytes) -> Iterator[None]:
    """Raise `Damaged` for whatever the compiled reader says of a file's bytes."""
    try:
        with quiet():
            yield
    except (
        pl.exceptions.PolarsError,
        pl.exceptions.PanicException,
        OSError,
    ) as error:
        kind = columnar_kind(data)
        raise Damaged(f"the {kind} file is damaged ({error}); get it again") from error


def check_columnar(data: bytes) -> None:
    """Raise `Damaged` for what is cut off, and for sizes that cannot be."""
    kind = columnar_kind(data)
    if not data.endswith(PARQUET if kind == "Parquet" else FEATHER):
        raise Damaged(f"the {kind} file is cut off; get it again")
    if kind == "Parquet":
        try:
            _check_pages(data)
        except Damaged as error:
            text = f"the Parquet file is damaged ({error}); get it again"
            raise Damaged(text) from error


def _check_pages(data: bytes) -> None:
    """Raise `Damaged` unless each page of a Parquet file lies within its column."""
    length = int.from_bytes(data[-8:-4], "little")
    end = len(data) - 8 - length
    if end < 4:
        raise Damaged("its footer is larger than the file")
    footer = structure(data, end).fields
    rows = _count(footer, 3, "rows", len(data) * _ROWS_PER_BYTE + _ROWS_OF_ANY)
    for group in _list(footer, 4):
        _count(group, 3, "rows of a row group", rows)
        for column in _list(group, 1):
            _check_column(data, _dict(column, 3), end)


def _check_column(data: bytes, about: _Fields, end: int) -> None:
    values = _count(about, 5, "values of a column", len(data) * _ROWS_PER_BYTE * 8)
    size = _count(about, 7, "bytes of a column", end)
    starts = [_count(about, n, "offset", end) for n in (9, 11) if n in about]
    # Some writers name 0 where there is no dictionary.
    at = min((start for start in starts if start > 0), default=0)
    last, left = min(at + size, end), values
    while at < last and left > 0:
        page = structure(data, at)
        held = _check_page(page.fields, values, last - page.end)
        at = page.end + _count(page.fields, 3, "bytes of a page", last - page.end)
        left -= held


def _check_page(page: _Fields, values: int, room: int) -> int:
    """Return how many values of the column a page has; of a dictionary none."""
    _count(page, 2, "bytes of a page, unpacked", MAX_PAGE_BYTES)
    if 7 in page:
        _count(_dict(page, 7), 1, "values of a dictionary", MAX_PAGE_BYTES)
        return 0
    if 8 in page:
        about = _dict(page, 8)
        held = _count(about, 1, "values of a page", values)
        for number in (2, 3):
            _count(about, number, "nulls or rows of a page", held)
        levels = [_count(about, n, "bytes of levels", room) for n in (5, 6)]
        if sum(levels) > room:
            raise Damaged("the levels of a page are longer than the page")
        return held
    return _count(_dict(page, 5), 1, "values of a page", values)


def _count(fields: _Fields, number: int, what: str, most: int) -> int:
    value = fields.get(number)
    if not isinstance(value, int) or not 0 <= value <= most:
        raise Damaged(f"{what}: {value}, where 0 to {most} can be")
    return value


def _dict(fields: Value, number: int) -> _Fields:
    value = fields.get(number) if isinstance(fields, dict) else None
    if not isinstance(value, dict):
        raise Damaged(f"field {number} is missing")
    return value


def _list(fields: Value, number: int) -> list[_Fields]:
    value = fields.get(number) if isinstance(fields, dict) else None
    if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
        raise Damaged(f"field {number} is missing")
    return cast("list[_Fields]", value)
