"""Bytes of a text file -> UTF-8, from the encodings that spreadsheets write."""

import codecs
from typing import NamedTuple

_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
# Letters of continental names; the other bytes of Windows' table are punctuation.
_WINDOWS = "cp1252"


class Decoded(NamedTuple):
    """A text as UTF-8 without byte order mark, and what was decided, or None."""

    data: bytes
    note: str | None


def decoded(data: bytes) -> Decoded:
    """Return a text as UTF-8: as it is, from UTF-16, or from Windows' Latin letters.

    Raises `UnicodeDecodeError` for what is none of these.

    >>> decoded("Preis;5,–".encode("cp1252")).data.decode()
    'Preis;5,–'
    """
    for mark, encoding in _UTF16.items():
        if data.startswith(mark):
            text = data[len(mark) :].decode(encoding)
            return Decoded(text.encode(), "UTF-16 text")
    plain = data.removeprefix(codecs.BOM_UTF8)
    try:
        plain.decode()
    except UnicodeDecodeError as error:
        if b"\x00" in plain:
            raise
        try:
            text = plain.decode(_WINDOWS)
        except UnicodeDecodeError:
            raise error from None
        return Decoded(text.encode(), "not UTF-8: read as Windows text (cp1252)")
    return Decoded(plain, None)
