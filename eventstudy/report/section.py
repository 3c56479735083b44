"""What a section of a page is: a heading, and what makes its blocks of text."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from eventstudy.report.numbers import NBSP

V = TypeVar("V")  # what the blocks are made from: views of a result, or the result


@dataclass(frozen=True, slots=True, kw_only=True)
class Section(Generic[V]):
    """A part of a page under a heading of its own.

    Parameters
    ----------
    title : str
        The heading, plain text; empty for the opening of a page, which has none.
    blocks : callable
        Views of the result -> paragraphs, lists and tables as Markdown, empty ones
        left out. A section without any block has no heading either.
    table : str
        The table of the result that it is about, if it is about one only.
    """

    title: str
    blocks: Callable[[V], Iterable[str]]
    table: str = ""

    def write(self, views: V) -> str:
        """Return heading and blocks; empty where there is nothing to say."""
        blocks = [block for block in self.blocks(views) if block]
        head = [f"## {self.title}"] if self.title else []
        return "\n\n".join([*head, *blocks]) if blocks else ""


def page(blocks: Iterable[str]) -> str:
    """Join the blocks of a page, empty ones left out; numbers keep their per cent."""
    text = "\n\n".join(block for block in blocks if block)
    return re.sub(r"(?<=\d) %", f"{NBSP}%", text) + "\n"
