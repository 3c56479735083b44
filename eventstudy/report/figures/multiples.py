"""Small multiples: one panel per group or announcement, all on the same scales."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import polars as pl

from eventstudy.report.figures import layout, scales, style
from eventstudy.report.figures.layout import EDGE, LINE, TICK, WIDTH
from eventstudy.report.labels import groups_of, words_for
from eventstudy.report.numbers import NBSP
from eventstudy.study.result import StudyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BETWEEN = 24.0  # from a panel to the next; labels of both reach into it
BEYOND = 10.0  # how far a label reaches beyond the right end of its panel
ABOVE = 4.0  # from a panel to its title, and from a title to what is above
MOST = 12  # panels of groups
SWATCH = 48.0  # of a legend: a line, and what is left free beside its name


def columns_of(count: int) -> int:
    """Panels side by side."""
    return 2 if count == 4 else min(3, count)


def room(count: int) -> float:
    """Width of one of so many panels, about."""
    return (WIDTH - 60) / columns_of(count) - BETWEEN


def panels(
    titles: Sequence[str],
    x: scales.Scale,
    y: scales.Scale,
    height: float,
    colours: Mapping[str, str],
) -> "tuple[Figure, list[Axes]]":
    """Give a figure and its axes, one so high for each title, on a grid.

    colours : of the legend, by name
    """
    from matplotlib.lines import Line2D

    columns = columns_of(len(titles))
    rows = -(-len(titles) // columns)
    left = scales.room_left([y], rows * height)
    across = WIDTH - left - EDGE
    width = (across - BEYOND - BETWEEN * (columns - 1)) / columns
    heads = [layout.wrap(title, width + BEYOND, bold=True) for title in titles]
    below = scales.room_below(x)
    bottoms, top = [0.0] * rows, below
    for row in reversed(range(rows)):
        tallest = max(map(layout.text_height, heads[row * columns :][:columns]))
        bottoms[row], top = top, top + height + ABOVE + tallest + ABOVE + TICK
    taken = layout.widest(colours) + SWATCH  # by an entry of the legend
    entries = max(1, min(3, len(colours), int(across / taken)))
    legend = 1.1 * LINE * -(-len(colours) // entries)
    figure = style.canvas(WIDTH, top + legend)
    scales.write_titles(figure, x, y, left, top)
    axes = []
    for place, head in enumerate(heads):
        row, column = divmod(place, columns)
        start = left + column * (width + BETWEEN)
        axes.append(layout.add_axes(figure, start, bottoms[row], width, height))
        lowest = place + columns >= len(titles)
        labels = ("y" if column == 0 else "") + ("x" if lowest else "")
        scales.put(axes[-1], x, y, labels=labels)
        foot = bottoms[row] + height + ABOVE
        figure.text(start, foot, head, transform=None, fontweight="bold")
    if colours:
        fitted = [(layout.fit(n, across - SWATCH), c) for n, c in colours.items()]
        figure.legend(
            handles=[Line2D([], [], color=c, label=n) for n, c in fitted],
            loc="upper left",
            bbox_to_anchor=(left / figure.bbox.width, 1 - EDGE / figure.bbox.height),
            ncols=entries,
        )
    return figure, axes


def _groups(result: StudyResult, path: pl.DataFrame) -> list[str]:
    return [g for g in groups_of(result, path) if g != "all"] or ["all"]


def groups_left(result: StudyResult, path: pl.DataFrame) -> list[str]:
    """Groups for which there is no room."""
    return _groups(result, path)[MOST:]


def group_titles(result: StudyResult, path: pl.DataFrame) -> dict[str, str]:
    """Title of each group's panel: its name and how many observations it has."""
    most = dict(path.group_by("group").agg(pl.col("n").max()).iter_rows())
    return {
        group: f"{words_for(result, group)} (N{NBSP}={NBSP}{most[group] or 0})"
        for group in _groups(result, path)[:MOST]
    }
