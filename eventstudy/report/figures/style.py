"""How every figure looks, and how it becomes the same bytes each time."""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
WIDTH = 7.2  # inches; half of it still shows 10 pt text at about 6.5 pt
SIZE = 10.5

_RC: dict[str, Any] = {
    "svg.fonttype": "path",
    "svg.hashsalt": "eventstudy",
    "path.simplify": True,
    "font.family": "DejaVu Sans",
    "font.size": SIZE,
    "axes.titlesize": SIZE,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": SIZE,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.labelsize": SIZE - 0.5,
    "ytick.labelsize": SIZE - 0.5,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "lines.linewidth": 1.6,
}


@contextmanager
def canvas(width: float, height: float) -> "Iterator[Figure]":
    """Give a figure in the house style; no global state survives the block."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with rc_context(_RC):  # type: ignore[arg-type]
        layout = ConstrainedLayoutEngine(wspace=0.06)
        figure = Figure(figsize=(width, height), layout=layout)
        FigureCanvasAgg(figure)
        yield figure


def to_svg(figure: "Figure") -> bytes:
    """Write the figure as SVG without date or program name."""
    buffer = io.BytesIO()
    metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=metadata)
    return _compact(buffer.getvalue().decode()).encode()


def _compact(svg: str) -> str:
    """Drop comments and white space and round coordinates to 1/100 pt.

    It halves the file and hides differences in a float's last digits.
    """
    svg = re.sub(r"<!--.*?-->\n?", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\s*\n\s*", "\n", svg)
    svg = svg.replace("DejaVuSans-Bold-", "B").replace("DejaVuSans-", "R")
    svg = re.sub(r' d="([^"]*)"', lambda d: f' d="{_path(d[1])}"', svg)
    # Letters inside a text are placed in 1/100 of the font size.
    svg = re.sub(
        r'"translate\((\d+\.\d+) 0\)"',
        lambda shift: f'"translate({float(shift[1]):.0f} 0)"',
        svg,
    )
    return re.sub(r'(translate\([^)]*\)| [xy]="[^"]*")', lambda m: _round(m[0]), svg)


def _path(points: str) -> str:
    return _round(points.replace("\n", " ").strip())


def _round(field: str) -> str:
    return re.sub(r"-?\d+\.\d{3,}", lambda n: f"{float(n[0]):.2f}", field)


def colours(names: Sequence[str]) -> dict[str, str]:
    """Give each name a colour, in turn."""
    return {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}


def spread_apart(wanted: Sequence[float], gap: float) -> list[float]:
    """Move positions as little as needed so that neighbours keep ``gap`` distance.

    >>> spread_apart([0.0, 0.1, 5.0], 1.0)
    [-0.45, 0.55, 5.0]
    """
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    clusters: list[tuple[float, list[int]]] = []
    for index in order:
        clusters.append((wanted[index], [index]))
        while len(clusters) > 1 and _touch(clusters[-2], clusters[-1], gap):
            (centre, members), (other, more) = clusters[-2], clusters[-1]
            weight = len(members) + len(more)
            merged = (centre * len(members) + other * len(more)) / weight
            clusters[-2:] = [(merged, members + more)]
    placed = [0.0] * len(wanted)
    for centre, members in clusters:
        for rank, index in enumerate(members):
            placed[index] = centre + gap * (rank - (len(members) - 1) / 2)
    return placed


def _touch(
    left: tuple[float, list[int]], right: tuple[float, list[int]], gap: float
) -> bool:
    reach = gap * (len(left[1]) + len(right[1])) / 2
    return right[0] - left[0] < reach
