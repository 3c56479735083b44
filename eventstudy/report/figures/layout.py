"""Where things are on a page, in points, found from the room that texts take.

A text's width is known from its letters. So a figure is arranged before it is drawn,
and drawn once; matplotlib's layout engines draw everything to find out what it takes.
"""

from collections.abc import Container, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast
from unicodedata import east_asian_width

from eventstudy.report.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from matplotlib.transforms import Transform

WIDTH = 518.0  # of a page; texts are 6.5 px high or more where it is 368 px wide
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


def on_page(figure: "Figure") -> "Transform":
    """Give the transform of points from the page's lower left corner.

    It holds at any resolution, and when a figure is saved without its margins.
    """
    from matplotlib.transforms import Affine2D

    across, up = 1 / figure.bbox.width, 1 / figure.bbox.height
    return Affine2D().scale(across, up) + figure.transFigure


def write(
    figure: "Figure",
    x: float,
    y: float,
    text: str,
    **how: Any,  # noqa: ANN401
) -> "Text":
    """Write a text at a place on the page."""
    return figure.text(x, y, text, transform=on_page(figure), **how)


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
        write(page_of(axes), x, y, text, va="center", fontweight=weight, **how)


def room_across(axes: "Axes") -> float:
    """Width of axes in points, wherever they are."""
    return float(axes.bbox.width * 72 / axes.figure.dpi)


def room_up(axes: "Axes") -> float:
    """Height of axes in points."""
    return float(axes.bbox.height * 72 / axes.figure.dpi)


def page_of(axes: "Axes") -> "Figure":
    """Return the page that axes are on."""
    return cast("Figure", axes.figure)


@lru_cache(maxsize=4096)
def text_width(text: str, size: float = style.SIZE, *, bold: bool = False) -> float:
    """Width of a text, of its widest line if there are several.

    Signs of the East that the font lacks are as wide as the letters are high.

    >>> text_width("矿机", 10.0)
    20.0
    """
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    weight = "bold" if bold else "normal"
    letters = FontProperties(family=style.FONT, weight=weight, size=size)
    measure = text_to_path.get_text_width_height_descent

    def width(line: str) -> float:
        wide = sum(east_asian_width(sign) in "WF" for sign in line)
        if wide:
            line = "".join(sign for sign in line if east_asian_width(sign) not in "WF")
        return wide * size + (float(measure(line, letters, False)[0]) if line else 0.0)

    return max(map(width, text.split("\n")))


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


def fit_words(text: str, room: float, size: float = style.SIZE) -> str:
    """Cut a text that is too wide at a word, if one ends in its latter half.

    >>> fit_words("Three associations bar crypto", 130)
    'Three associations…'
    """
    shown = fit(text, room, size)
    if shown == text or " " not in shown[len(shown) // 2 :]:
        return shown
    return shown.rsplit(" ", 1)[0].rstrip(" ,;:") + "…"


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
