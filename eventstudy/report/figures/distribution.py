"""The single CARs of a large list as a distribution per group."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from eventstudy.report import numbers as nb
from eventstudy.report.announced import MANY, days_zero
from eventstudy.report.figures import multiples, scales, style
from eventstudy.report.figures.drawing import Drawing
from eventstudy.report.labels import (
    groups_of,
    in_window,
    main_window,
    of_first_model,
    window_words,
    words_for,
)
from eventstudy.spec import ALL
from eventstudy.study.result import StudyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HIGH = 120.0
_BINS = 40
_MOST = 9  # panels
_TAIL = 0.01  # share of CARs at either end that the figure leaves out


def has_data(result: StudyResult) -> bool:
    """Tell whether there are too many announcements to show each."""
    return len(days_zero(result)) > MANY and not _cars(result).is_empty()


def _cars(result: StudyResult) -> pl.DataFrame:
    """CARs of the main window, of each group's first model, in per cent of price."""
    held = in_window(main_window(result))
    cars = result.cars.filter(held, pl.col("car").is_finite())
    shown = nb.Returns(result.spec.returns)
    return of_first_model(result, cars).select("group", shown.column("car"))


def _groups(result: StudyResult) -> list[str]:
    held = groups_of(result, _cars(result))
    return [g for g in held if g != ALL or len(held) == 1][:_MOST]


@style.house()
def draw(result: StudyResult) -> bytes:
    """Draw the figure as SVG."""
    return style.to_svg(figure(result))


@style.house()
def figure(result: StudyResult) -> "Figure":
    """Draw a histogram per group, its mean as a line."""
    held = _histograms(result)
    titles = [
        f"{words_for(result, one.group)} (N{nb.NBSP}={nb.NBSP}{one.size:,})"
        for one in held
    ]
    low, high = held[0].edges[0], held[0].edges[-1]
    top = max(max(one.counts) for one in held)
    x = scales.linear("CAR, %", low, high, multiples.room(len(titles)))
    y = scales.linear(
        "observations", 0, 1.05 * top or 1.0, _HIGH, upright=True, whole=True
    )
    page, panels = multiples.panels(titles, x, y, _HIGH, {}, "distribution")
    for place, (axes, one) in enumerate(zip(panels, held, strict=True)):
        paint(axes, one, f"distribution-{place}")
    return page


@dataclass(frozen=True, slots=True, kw_only=True)
class _Histogram:
    """The CARs of a group: how many lie between edges, their number and mean."""

    group: str
    edges: list[float]
    counts: list[int]
    size: int
    mean: float
    below: float


def _histograms(result: StudyResult) -> list[_Histogram]:
    cars = _cars(result)
    ends = cars["car"].quantile(_TAIL), cars["car"].quantile(1 - _TAIL)
    low, high = (float(end or 0.0) for end in ends)
    found = []
    for group in _groups(result):
        values = cars.filter(pl.col("group") == group)["car"].to_numpy()
        counts, edges = np.histogram(values, _BINS, (low, high))
        found.append(
            _Histogram(
                group=group,
                edges=[float(edge) for edge in edges],
                counts=[int(count) for count in counts],
                size=len(values),
                mean=float(values.mean()),
                below=float((values < 0).mean()),
            )
        )
    return found


def paint(axes: "Axes", held: _Histogram, name: str) -> None:
    """Draw the bars, those below zero darker, and the mean as a line."""
    starts, width = held.edges[:-1], held.edges[1] - held.edges[0]
    bars = axes.bar(starts, held.counts, width, align="edge", lw=0)
    for number, bar in enumerate(bars):
        middle = held.edges[number] + width / 2
        bar.set(color=style.COLOURS[0 if middle < 0 else 5], gid=f"{name}-{number}")
    axes.axvline(0, color=style.MUTED, linewidth=0.8)
    axes.axvline(held.mean, color=style.INK, linewidth=1.6, gid=f"{name}-mean")


def _marks(result: StudyResult) -> dict[str, str]:
    found = {}
    for place, one in enumerate(_histograms(result)):
        name = words_for(result, one.group)
        found[f"distribution-{place}-mean"] = (
            f"{name}: mean CAR {nb.decimal(one.mean)}{nb.NBSP}%, below zero "
            f"{100 * one.below:.0f}{nb.NBSP}%"
        )
        for number, count in enumerate(one.counts):
            low, high = one.edges[number : number + 2]
            found[f"distribution-{place}-{number}"] = (
                f"{name}: {nb.count(count, 'CAR')} from {nb.decimal(low, 1)} to "
                f"{nb.decimal(high, 1)}{nb.NBSP}%"
            )
    return found


def _alt(result: StudyResult) -> str:
    return f"Distribution of {nb.count(_cars(result).height, 'single CAR')} by group"


def _caption(result: StudyResult) -> str:
    parts = [
        f"{100 * one.below:.0f}{nb.NBSP}% for {words_for(result, one.group)}"
        for one in _histograms(result)
    ]
    text = (
        f"Single CARs over {window_words(main_window(result), result.spec)}; line: "
        f"their mean. Below zero: {nb.listing(parts)}. The outermost {100 * _TAIL:.0f} "
        "% at either end lie outside."
    )
    left = len([g for g in groups_of(result, _cars(result)) if g != ALL]) - _MOST
    if left > 0:
        text += f" {nb.count(left, 'more group')} not shown."
    return text


DRAWING = Drawing(
    name="distribution",
    has_data=has_data,
    draw=draw,
    alt=_alt,
    caption=_caption,
    marks=_marks,
    placed=True,
)
