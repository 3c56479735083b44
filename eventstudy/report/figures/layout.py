"""Where things are on a page, in points, found from the room that texts take.

A text's width is known from its letters. So a figure is arranged before it is drawn,
and drawn once; matplotlib's layout engines draw everything to find out what it takes.
"""

from collections.abc import Container, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from eventstudy.report.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 518.0  # of a page; half of it still shows the text at about 5 pt
LINE = 1.25 * style.SIZE  # from a line of text to the next
EDGE = 3.0  # left free around a page
TICK = GAP = 3.5  # length of a mark of an axis, and from there to its label
SMALL = style.SIZE - 0.5  # size of the text at axes


def add_axes(
    figure: "Figure", left: float, bottom: float, width: float, height: float
) -> "Axes":
    """Add axes at a place on the page."""
    across, up = figure.bbox.width, figure.bbox.height
    return figure.add_axes((left / across, bottom / up, width / across, height / up))


def write_rows(
    axes: "Axes",
    x: float,
    texts: Sequence[str],
    bold: Container[int] = (),
    **how: Any,  # noqa: ANN401
) -> None:
    """Write texts below each other at the rows of axes, some of them bold."""
    pitch = axes.bbox.height / len(texts)
    for row, text in enumerate(texts):
        y, weight = axes.bbox.y1 - pitch * (row + 0.5), "bold" if row in bold else None
        axes.text(x, y, text, transform=None, va="center", fontweight=weight, **how)


@lru_cache(maxsize=4096)
def text_width(text: str, size: float = style.SIZE, *, bold: bool = False) -> float:
    """Width of a text, of its widest line if there are several."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    weight = "bold" if bold else "normal"
    letters = FontProperties(family=style.FONT, weight=weight, size=size)
    measure = text_to_path.get_text_width_height_descent
    return max(float(measure(line, letters, False)[0]) for line in text.split("\n"))


def widest(
    texts: Iterable[str], size: float = style.SIZE, *, bold: bool = False
) -> float:
    """Width of the widest of some texts."""
    return max((text_width(text, size, bold=bold) for text in texts), default=0.0)


def fit(text: str, room: float, size: float = style.SIZE, *, bold: bool = False) -> str:
    """Cut a text that is too wide, and say so by an ellipsis.

    >>> fit("RIOT", 40), fit("RIOT Platforms", 40)
    ('RIOT', 'RIOT…')
    """
    if text_width(text, size, bold=bold) <= room:
        return text
    kept, lost = 0, len(text)
    while lost - kept > 1:
        tried = (kept + lost) // 2
        fits = text_width(text[:tried].rstrip() + "…", size, bold=bold) <= room
        kept, lost = (tried, lost) if fits else (kept, tried)
    return text[:kept].rstrip() + "…"


def wrap(text: str, room: float, *, bold: bool = False) -> str:
    r"""Break a text between words into lines that fit; a word that does not is cut.

    >>> wrap("volume, times the usual", 80)
    'volume, times\nthe usual'
    """
    lines: list[str] = []
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, bold=bold) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(fit(line, room, bold=bold) for line in lines)


def text_height(text: str) -> float:
    """Room from top to bottom that a text of some lines takes."""
    return LINE * (text.count("\n") + 1)
