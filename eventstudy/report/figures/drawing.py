"""What a figure of the report is: when it is drawn, how, and its words."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from eventstudy.scale.engine import Engine, Promise

R = TypeVar("R")  # the result that is drawn: of a study, of a simulation

# Characters that would end a link's text or start an element of HTML.
_FLAT = str.maketrans("[]|`<>\\", "()/'()/")


def _no_marks(_: object) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing(Generic[R]):
    """A figure with everything that the report says about it.

    Parameters
    ----------
    name : str
        Name of its file, without the ending.
    has_data : callable
        Result -> whether there is anything to draw.
    draw : callable
        Result -> SVG, the same bytes each time.
    alt : callable
        Result -> what the figure shows, for readers who do not see it.
    caption : callable
        Result -> how to read it, as Markdown.
    placed : bool
        Whether a section names it; others stand among those of the whole study.
    marks : callable
        Result -> what each mark stands for, by the id of its group in the SVG, with
        numbers as the tables have them.
    links : callable
        Result -> the announcement of a mark, by the id of its group in the SVG.
    """

    name: str
    has_data: Callable[[R], bool]
    draw: Callable[[R], bytes]
    alt: Callable[[R], str]
    caption: Callable[[R], str]
    placed: bool = False
    marks: Callable[[R], Mapping[str, str]] = _no_marks
    links: Callable[[R], Mapping[str, str]] = _no_marks

    @property
    def file(self) -> str:
        """Name of the file in the report's folder of figures."""
        return f"{self.name}.svg"

    def picture(self, result: R) -> str:
        """Return the figure and its caption as Markdown; empty without data."""
        if not self.has_data(result):
            return ""
        alt = self.alt(result).translate(_FLAT)
        return f"![{alt}](figures/{self.file})\n\n{self.caption(result)}".rstrip()


class Drawn(Mapping[str, bytes]):
    """Figures that are being drawn: file name -> SVG, waited for when one is asked.

    promises : file name -> the promise of its SVG
    """

    def __init__(self, engine: Engine, promises: Mapping[str, Promise]) -> None:
        self._engine, self._promises = engine, promises

    @cached_property
    def _images(self) -> dict[str, bytes]:
        images = self._engine.gathered([*self._promises.values()])
        return dict(zip(self._promises, images, strict=True))

    def __getitem__(self, file: str) -> bytes:
        """Return a figure."""
        return self._images[file]

    def __iter__(self) -> Iterator[str]:
        """Name the figures, which needs none of them."""
        return iter(self._promises)

    def __len__(self) -> int:
        """Count the figures."""
        return len(self._promises)


def drawn(drawings: Iterable[Drawing[R]], result: R) -> dict[str, bytes]:
    """Draw the figures that there is data for: file name -> SVG."""
    return {d.file: d.draw(result) for d in drawings if d.has_data(result)}
