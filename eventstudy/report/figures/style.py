"""How every figure looks, and how it becomes the same bytes each time."""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unicodedata import bidirectional
from warnings import catch_warnings, filterwarnings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito (2008): told apart with any colour vision; yellow is too faint for lines.
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
)
INK = "#222222"
MUTED = "#6b6b6b"
PALE = "#a8a8a8"
FAINT = "#d9d9d9"
SHADE = "#ececec"
FONT = "DejaVu Sans"  # it comes with matplotlib
FONT_STACK = (
    "'DejaVu Sans', 'Noto Sans', 'Noto Sans CJK SC', 'Microsoft YaHei', 'PingFang SC', "
    "'Noto Sans Arabic', sans-serif"
)
SIZE = 10.5

_RC: dict[str, Any] = {
    "svg.fonttype": "path",
    "svg.hashsalt": "eventstudy",
    "font.family": FONT,
    "font.size": SIZE,
    "legend.fontsize": SIZE,
    "legend.frameon": False,
    "legend.borderpad": 0,
    "legend.borderaxespad": 0,
    "legend.labelspacing": 0.3,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.labelsize": SIZE - 0.5,
    "ytick.labelsize": SIZE - 0.5,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
}


@contextmanager
def house() -> Iterator[None]:
    """Let the house style hold in a block or a function.

    No global state survives, and none of the reader's own settings matter in it.
    """
    from matplotlib import rc_context, rcParams, rcParamsDefault

    with rc_context(), catch_warnings():
        # names in other scripts are written as text, see `to_svg`
        filterwarnings("ignore", message="Glyph .* missing from")
        kept = {k: v for k, v in rcParamsDefault.items() if k != "backend"}
        rcParams.update(kept | _RC)  # type: ignore[arg-type]
        yield


def canvas(width: float, height: float) -> "Figure":
    """Give an empty figure so many points large.

    Matplotlib's display coordinates, ``transform=None``, are points on it.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 72, height / 72), dpi=72)
    FigureCanvasSVG(figure)
    return figure


def to_svg(figure: "Figure") -> bytes:
    """Write the figure as SVG without date or program name.

    Letters are outlines, the same everywhere. Where a name has signs that the font
    lacks (Chinese, Arabic), all texts are texts, in fonts of the reader's machine.
    """
    from matplotlib import rc_context

    outlines = _has_all_signs(figure)
    buffer = io.StringIO()
    metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with rc_context({"svg.fonttype": "path" if outlines else "none"}):
        figure.savefig(buffer, format="svg", metadata=metadata)
    svg = _compact(buffer.getvalue())
    if not outlines:
        svg = re.sub(rf"['\"]?{FONT}['\"]?(?=[;\"])", FONT_STACK, svg)
    return svg.encode()


def _has_all_signs(figure: "Figure") -> bool:
    """Whether the font has every sign of every text, and they stand side by side.

    Letters that run to the left and join (Arabic) cannot be placed one by one.
    """
    from matplotlib.font_manager import findfont, get_font
    from matplotlib.text import Text

    known = get_font(findfont(FONT)).get_charmap()
    texts: list[Any] = figure.findobj(Text)
    signs = {sign for one in texts for sign in one.get_text()}
    return all(
        (ord(sign) in known or sign.isspace())
        and bidirectional(sign) not in ("R", "AL")
        for sign in signs
    )


def _compact(svg: str) -> str:
    """Drop comments and white space and round coordinates to 1/100 pt.

    It halves the file and hides differences in a float's last digits.
    """
    svg = re.sub(r"<!--.*?-->\n?", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\s*\n\s*", "\n", svg)
    svg = svg.replace("DejaVuSans-Bold-", "B").replace("DejaVuSans-", "R")
    svg = re.sub(r'(?<= d=")[^"]*', lambda d: _round(" ".join(d[0].split())), svg)
    # Letters inside a text are placed in 1/100 of the font size.
    svg = re.sub(
        r'(?<="translate\()\d+\.\d+(?= 0\)")', lambda n: f"{float(n[0]):.0f}", svg
    )
    return re.sub(r'(translate\([^)]*\)| [xy]="[^"]*")', lambda m: _round(m[0]), svg)


def _round(field: str) -> str:
    return re.sub(r"-?\d+\.\d{3,}", lambda n: f"{float(n[0]):.2f}", field)


def cross(axes: "Axes", x: float, y: float) -> None:
    """Mark the usual level and the moment of an announcement."""
    axes.axhline(y, color=MUTED, linewidth=0.8)
    axes.axvline(x, color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)))


def colours(names: Sequence[str]) -> dict[str, str]:
    """Give each name a colour, in turn."""
    return {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}


def spread_apart(
    wanted: Sequence[float], gap: float, limits: tuple[float, float]
) -> list[float]:
    """Move positions as little as needed so that neighbours keep ``gap`` distance.

    limits : of the positions; where these leave too little room, all are in the middle

    >>> spread_apart([0.0, 0.1, 5.0], 1.0, (-9, 9))
    [-0.45, 0.55, 5.0]
    >>> spread_apart([0.0, 0.1, 5.0], 1.0, (0, 9))
    [0.0, 1.0, 5.0]
    """
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    # Less the gaps, positions must only not fall: those that do share their mean.
    means: list[tuple[float, int]] = []
    for rank, index in enumerate(order):
        mean, count = wanted[index] - gap * rank, 1
        while means and means[-1][0] > mean:
            before, others = means.pop()
            mean = (before * others + mean * count) / (others + count)
            count += others
        means.append((mean, count))
    low, high = limits[0], limits[1] - gap * (len(wanted) - 1)
    if low > high:
        low = high = (low + high) / 2
    held = [min(max(mean, low), high) for mean, count in means for _ in range(count)]
    placed = {index: held[rank] + gap * rank for rank, index in enumerate(order)}
    return [placed[index] for index in range(len(wanted))]
