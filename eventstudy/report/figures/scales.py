"""Scales of axes: their ends, and round numbers or dates between with their labels."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from eventstudy.report.figures import layout
from eventstudy.report.figures.layout import EDGE, GAP, LINE, SMALL, TICK, widest

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.figure import Figure

SHADES = 101  # of a range of colours; more cannot be told apart
BAR, BAR_WIDE = 8.0, 150.0  # height and width of the bar
BAR_HIGH = LINE + GAP + BAR + TICK + GAP + LINE  # with its title and labels


@dataclass(frozen=True, slots=True)
class Scale:
    """What an axis says; ``ticks`` are positions and their labels."""

    title: str
    low: float
    high: float
    ticks: Mapping[float, str] = field(default_factory=dict)
    log: bool = False


def number(value: float) -> str:
    """Write a number at an axis."""
    return f"{value:g}".replace("-", "−")


def bounds(*columns: pl.Series) -> tuple[float, float]:
    """Least and greatest number of some columns, or zero, and some room."""
    values = np.append(pl.concat(columns).to_numpy(), 0.0)
    low, high = values[np.isfinite(values)].min(), values[np.isfinite(values)].max()
    margin = 0.04 * (high - low) or 1.0
    return float(low - margin), float(high + margin)


def linear(
    title: str,
    low: float,
    high: float,
    room: float,
    *,
    whole: bool = False,
    upright: bool = False,
) -> Scale:
    """Give a linear scale with as many round numbers as fit, eight at most.

    room : length of the axis, of which labels take two thirds at most
    whole : whether only whole numbers make sense
    """
    from matplotlib.ticker import MaxNLocator

    if low == high:
        low, high = low - 0.5, high + 0.5
    ticks: dict[float, str] = {}
    for most in range(8, 0, -1):
        steps = [1, 2, 5, 10] if whole else [1, 2, 2.5, 5, 10]
        locator = MaxNLocator(most, steps=steps, integer=whole, min_n_ticks=1)
        values = map(float, locator.tick_values(low, high))
        ticks = {v: number(v) for v in values if low <= v <= high}
        step = 2 * LINE if upright else 1.5 * widest(ticks.values(), SMALL)
        if step * len(ticks) <= room:
            break
    return Scale(title, low, high, ticks)


def logarithmic(
    title: str, low: float, high: float, ticks: Iterable[float] | None = None
) -> Scale:
    """Give a log scale with few round numbers."""
    chosen = log_ticks(low, high) if ticks is None else ticks
    return Scale(title, low, high, {v: number(v) for v in chosen}, log=True)


_STEPS = (
    tuple(step / 10 for step in range(10, 100)),
    (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9),
    (1, 1.5, 2, 3, 4, 6, 8),
    (1, 2, 3, 5),
    (1, 2, 5),
    (1, 3),
    (1,),
)


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers between two bounds, about six at most."""
    ticks: list[float] = []
    for steps in _STEPS:
        powers = (10.0**power for power in range(-3, 9))
        ticks = [step * power for power in powers for step in steps]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) <= 6:
            break
    return ticks


def days(dates: Iterable[date]) -> NDArray[np.float64]:
    """Where dates lie on matplotlib's scale of dates."""
    from matplotlib.dates import date2num

    held = np.asarray([*dates], dtype="datetime64[D]")
    return np.asarray(date2num(held), dtype=np.float64)  # type: ignore[no-untyped-call]


def dates(first: date, last: date) -> Scale:
    """Give a scale of days; the year or month that labels leave out is said once."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, num2date

    low, high = days([first, last]).tolist()
    locator: Any = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
    formatter: Any = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
    ends = num2date([low, high])  # type: ignore[no-untyped-call]
    values = [float(v) for v in locator.tick_values(*ends) if low <= v <= high]
    first_label, *labels = formatter.format_ticks(values)
    offset: str = formatter.get_offset()
    if "-" in offset:  # of the last label's month, where labels are days
        start = num2date(values[0])  # type: ignore[no-untyped-call]
        offset = f"{start:%Y}" if first_label == f"{start:%b}" else f"{start:%b %Y}"
    first_label = f"{first_label}\n{offset}".rstrip()
    return Scale("", low, high, dict(zip(values, [first_label, *labels], strict=True)))


def put(axes: "Axes", x: Scale, y: Scale, *, labels: str = "xy") -> None:
    """Give axes their scales; ``labels`` names those whose labels are written."""
    axes.set(xscale="log" if x.log else "linear", xlim=(x.low, x.high))
    axes.set(yscale="log" if y.log else "linear", ylim=(y.low, y.high), axisbelow=True)
    axes.set_xticks([*x.ticks], [*x.ticks.values()])
    axes.set_yticks([*y.ticks], [*y.ticks.values()])
    axes.minorticks_off()
    axes.tick_params(labelbottom="x" in labels, labelleft="y" in labels)


def room_left(scales: Sequence[Scale], height: float) -> float:
    """Room that the title and the labels of vertical scales take, beside a height."""
    title = scales[0].title
    labels = [label for scale in scales for label in scale.ticks.values()]
    lines = layout.text_height(layout.wrap(title, height)) + GAP if title else 0.0
    return EDGE + lines + widest(labels, SMALL) + GAP + TICK


def room_below(scale: Scale) -> float:
    """Room that the labels and the title of a horizontal scale take."""
    labels = max(map(layout.text_height, scale.ticks.values()), default=0.0)
    return TICK + GAP + labels + (LINE if scale.title else 0.0) + EDGE


def write_titles(figure: "Figure", x: Scale, y: Scale, left: float, top: float) -> None:
    """Write the titles of scales at the page's left and lower edge.

    left, top : where the panels between the edges and the titles begin
    """
    right, below = figure.bbox.width - EDGE, room_below(x)
    middle = min((left + right) / 2, right - widest([x.title]) / 2)
    layout.write(figure, middle, EDGE, x.title, ha="center", va="bottom")
    title, middle = layout.wrap(y.title, top - below), (below + top) / 2
    how: dict[str, Any] = {"va": "center", "multialignment": "center"}
    layout.write(figure, EDGE, middle, title, rotation=90, **how)


def matrix(
    axes: "Axes", cells: pl.DataFrame, size: tuple[int, int], scale: Scale, colours: str
) -> "PolyCollection":
    """Shade cells by their values, a white seam between them.

    cells : of ``row`` and ``column`` and their ``value``;  size : rows and columns
    """
    from matplotlib import colormaps
    from matplotlib.collections import PolyCollection

    axes.axis("off")
    axes.set(xlim=(0, size[1]), ylim=(size[0], 0))
    corners = [
        ((x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1))
        for x, y in cells.select("column", "row").iter_rows()
    ]
    image = PolyCollection(corners, edgecolor="white", linewidth=1, clip_on=False)
    shades, ends = colormaps[colours].resampled(SHADES), (scale.low, scale.high)
    image.set(array=cells["value"].to_numpy(), cmap=shades, clim=ends)
    axes.add_collection(image, autolim=False)
    return image


def bar(
    figure: "Figure",
    cells: "PolyCollection",
    scale: Scale,
    left: float,
    top: float,
    *,
    open_ends: bool = False,
) -> None:
    """Draw the shades of rectangles from left to right, below a title.

    open_ends : whether values beyond the ends have their colours
    """
    bottom = top - LINE - GAP - BAR
    axes = layout.add_axes(figure, left, bottom, BAR_WIDE, BAR)
    extend = "both" if open_ends else "neither"
    figure.colorbar(cells, cax=axes, orientation="horizontal", extend=extend)
    axes.set_xticks([*scale.ticks], [*scale.ticks.values()])
    axes.minorticks_off()
    axes.spines["outline"].set_visible(False)
    middle, foot = left + BAR_WIDE / 2, bottom + BAR + GAP
    layout.write(figure, middle, foot, scale.title, ha="center", va="bottom")
