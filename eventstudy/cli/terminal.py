"""What is printed: no text of a file or a provider commands the terminal."""

import re

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
