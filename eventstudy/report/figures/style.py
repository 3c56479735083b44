"""How every figure looks, and how it becomes the same bytes each time."""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
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
# Verdana has the same widths; the others have the scripts that these two lack.
FONT_STACK = (
    "'DejaVu Sans', Verdana, 'Noto Sans', 'Noto Sans CJK SC', 'Microsoft YaHei', "
    "'PingFang SC', 'Noto Sans Arabic', sans-serif"
)
SIZE = 10.5

_RC: dict[str, Any] = {
    "svg.fonttype": "none",  # texts stay texts: found, copied and read aloud
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
        # names in other scripts are drawn by fonts of the reader's machine
        filterwarnings("ignore", message="Glyph .* missing from")
        kept = {k: v for k, v in rcParamsDefault.items() if k != "backend"}
        rcParams.update(kept | _RC)  # type: ignore[arg-type]
        yield


def canvas(width: float, height: float, name: str = "") -> "Figure":
    """Give an empty figure so many points large, which a notebook shows by itself.

    name : of the drawing; ids in its SVG are like those of no other
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 72, height / 72), dpi=72, label=name)
    FigureCanvasSVG(figure)
    vars(figure)["_repr_svg_"] = partial(_shown, figure)
    return figure


def _shown(figure: "Figure") -> str:
    with house():
        return to_svg(figure).decode()


def to_svg(figure: "Figure") -> bytes:
    """Write the figure as SVG without date or program name."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with rc_context({"svg.hashsalt": f"eventstudy {figure.get_label()}"}):
        figure.savefig(buffer, format="svg", metadata=metadata)
    return _compact(buffer.getvalue()).encode()


def _compact(svg: str) -> str:
    """Drop comments and white space and round coordinates to 1/100 pt.

    It halves the file and hides differences in a float's last digits. Names that
    matplotlib counts (``axes_1``) go too: every figure of a page would have them.
    """
    svg = re.sub(r"<!--.*?-->\n?", "", svg, flags=re.DOTALL)
    svg = re.sub(r' id="[A-Za-z][\w.]*_\d+"(?=[ />])', "", svg)
    svg = re.sub(rf" ?font-family: '{FONT}';", "", svg)
    svg = svg.replace(f"'{FONT}'", FONT_STACK)  # as older releases write it
    svg = svg.replace("<svg ", f'<svg font-family="{FONT_STACK}" ', 1)
    svg = re.sub(r' transform="rotate\(-0 [^)]*\)"', "", svg)
    svg = re.sub(r"\s*\n\s*", "\n", svg)
    svg = re.sub(r'(?<= d=")[^"]*', lambda d: _round(" ".join(d[0].split())), svg)
    return re.sub(r'(translate\([^)]*\)| [xy]="[^"]*")', lambda m: _round(m[0]), svg)


def _round(field: str) -> str:
    return re.sub(r"-?\d+\.\d{2,}", lambda n: f"{float(n[0]):.1f}", field)


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
