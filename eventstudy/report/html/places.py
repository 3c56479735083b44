"""Where things are in the page: names given once, and links that stay within it."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from eventstudy.report.html.pictures import Picture


class Ids:
    """Names of places in the page, each given once.

    Those that the page itself has without a heading's text are taken already; others of
    its own have a dot, which no heading's fragment has.
    """

    def __init__(self) -> None:
        self._given = {"report", "explore", "tables", "details", "tip", "data"}

    def new(self, wanted: str) -> str:
        """Return the name, or the name with a number where it is taken."""
        name, number = wanted, 0
        while name in self._given:
            number += 1
            name = f"{wanted}-{number}"
        self._given.add(name)
        return name


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are in the page, for the links of all its parts.

    pages : page, or "page#fragment" -> id in the page
    tables : names of the embedded tables
    pictures : file of a figure -> the figure
    back : id of a place -> name of a figure and id of its mark that leads there
    shown : files of the figures that the page has already; a figure is shown once
    """

    pages: dict[str, str] = field(default_factory=dict)
    tables: frozenset[str] = frozenset()
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    back: dict[str, tuple[str, str]] = field(default_factory=dict)
    shown: set[str] = field(default_factory=set)

    def resolve(self, href: str, page: str) -> str | None:
        """Return the address within this file, None for what is beside it only."""
        path, _, fragment = href.partition("#")
        file = posixpath.normpath(
            posixpath.join(posixpath.dirname(page), unquote(path)) if path else page
        )
        key = f"{file}#{unquote(fragment)}" if fragment else file
        if key in self.pages:
            return f"#{self.pages[key]}"
        if not fragment and file.startswith("tables/"):
            name = posixpath.basename(file).rpartition(".")[0]
            return f"#table.{name}" if name in self.tables else None
        if not fragment and file.startswith("figures/"):
            picture = self.pictures.get(posixpath.basename(file))
            return f"#{picture.anchor}" if picture else None
        return None
