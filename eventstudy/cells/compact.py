"""Structures in Thrift's compact protocol -> dictionaries by field number.

Parquet keeps its footer and the headers of its pages in it. Only what is needed to
judge their numbers is kept: of texts the length is checked, not the content.
"""

from collections.abc import Callable
from typing import NamedTuple

_DEEPEST = 32  # structures within structures; Parquet needs about eight
_STOP, _TRUE, _FALSE = 0, 1, 2

Value = int | bool | None | list["Value"] | dict[int, "Value"]


class Damaged(ValueError):
    """Bytes that are not what their format wants."""


class Structure(NamedTuple):
    """Fields of a structure by their numbers, and where the bytes after it begin."""

    fields: dict[int, Value]
    end: int


def structure(data: bytes, start: int) -> Structure:
    """Read the structure that begins at a byte.

    Raises `Damaged` where the bytes end before it does, and for kinds that the
    protocol has not.

    >>> structure(bytes([0x15, 0x06, 0x00]), 0)  # field 1, an integer
    Structure(fields={1: 3}, end=3)
    """
    reader = _Reader(data, start)
    try:
        return Structure(reader.fields(0), reader.at)
    except IndexError as error:
        raise Damaged(f"the bytes end within the structure at {start}") from error


class _Reader:
    """A place in the bytes that moves as they are read."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at
        self.kinds: dict[int, Callable[[int], Value]] = {
            3: lambda _: self.skip(1),
            4: lambda _: self.integer(),
            5: lambda _: self.integer(),
            6: lambda _: self.integer(),
            7: lambda _: self.skip(8),
            8: lambda _: self.skip(self.varint()),
            9: self.items,
            10: self.items,
            12: self.fields,
        }

    def fields(self, depth: int) -> dict[int, Value]:
        if depth > _DEEPEST:
            raise Damaged("structures within structures without an end")
        found: dict[int, Value] = {}
        number = 0
        while (head := self.byte()) != _STOP:
            step, kind = head >> 4, head & 15
            number = number + step if step else self.integer()
            if kind in (_TRUE, _FALSE):
                found[number] = kind == _TRUE
            else:
                found[number] = self.value(kind, depth + 1)
        return found

    def items(self, depth: int) -> list[Value]:
        if depth > _DEEPEST:
            raise Damaged("lists within lists without an end")
        head = self.byte()
        count = head >> 4
        kind = head & 15
        if count == 15:
            count = self.varint()
        if count > len(self.data):
            raise Damaged(f"a list of {count} items")
        if kind in (_TRUE, _FALSE):
            return [self.byte() == _TRUE for _ in range(count)]
        return [self.value(kind, depth + 1) for _ in range(count)]

    def value(self, kind: int, depth: int) -> Value:
        if kind not in self.kinds:
            raise Damaged(f"a value of the unknown kind {kind}")
        return self.kinds[kind](depth)

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def skip(self, count: int) -> None:
        self.at += count
        if self.at > len(self.data):
            raise Damaged(f"{count} bytes where the file has fewer")

    def varint(self) -> int:
        shift = value = 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise Damaged("an integer of more than 64 bits")

    def integer(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)
