"""What a section of the report is: a heading, and what makes its blocks of text."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from eventstudy.report.views import Views


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the page under a heading of its own.

    Parameters
    ----------
    title : str
        The heading, plain text.
    blocks : callable
        Views of the result -> paragraphs, lists and tables as Markdown, empty ones
        left out. A section without any block has no heading either.
    level : int
        2 for a section, 3 for a part of the section before it.
    short : str
        Its name in the line of contents, where that is not the title.
    """

    title: str
    blocks: Callable[[Views], Iterable[str]]
    level: int = 2
    short: str = ""

    def write(self, views: Views) -> str:
        """Return heading and blocks; empty where there is nothing to say."""
        blocks = [block for block in self.blocks(views) if block]
        return "\n\n".join(
            [f"{'#' * self.level} {self.title}", *blocks] if blocks else []
        )
