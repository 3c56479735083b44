"""What is printed: no text of a file or a provider commands the terminal."""

import json
import math
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import typer

_LONGEST = 2_000
# Control characters but line ends and tabs, and marks that turn the direction of text.
_COMMANDS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def say(text: str, *, err: bool = False) -> None:
    """Print a text for people, harmless and bounded.

    err : to the stream of errors
    """
    typer.echo(harmless(text), err=err)


def say_json(value: object) -> None:
    """Print plain values as JSON: dates as ISO texts, missing numbers as null."""
    text = json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False)
    typer.echo(text.encode("utf-8", "replace").decode())


def _plain(value: Any) -> Any:  # noqa: ANN401 - any value of a table
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | int | float):
        return value
    return value.isoformat() if isinstance(value, date) else str(value)


def harmless(text: str) -> str:
    r"""Return a text without control characters, its lines of bounded length.

    >>> harmless("a\x1b]0;b\x07")
    'a\ufffd]0;b\ufffd'
    """
    plain = _COMMANDS.sub("\ufffd", text)
    return "\n".join(
        line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
        for line in plain.split("\n")
    )
