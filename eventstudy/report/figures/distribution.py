"""The single CARs of a large list as a distribution per group."""

from typing import TYPE_CHECKING

import polars as pl

from eventstudy.report import numbers as nb
from eventstudy.report.announced import MANY, days_zero
from eventstudy.report.figures import multiples, scales, style
from eventstudy.report.figures.drawing import Drawing
from eventstudy.report.labels import (
    groups_of,
    in_window,
    main_window,
    model_names,
    window_words,
    words_for,
)
from eventstudy.spec import ALL
from eventstudy.study.result import StudyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HIGH = 120.0
_BINS = 40
_MOST = 9  # panels
_TAIL = 0.01  # share of CARs at either end that the figure leaves out


def has_data(result: StudyResult) -> bool:
    """Tell whether there are too many announcements to show each."""
    return len(days_zero(result)) > MANY and not _cars(result).is_empty()


def _cars(result: StudyResult) -> pl.DataFrame:
    names = model_names(result)
    cars = result.cars.filter(
        in_window(main_window(result)), pl.col("car").is_finite()
    ).with_columns(
        order=pl.col("model").replace_strict(names, range(len(names)), default=99)
    )
    first = cars.filter(pl.col("order") == pl.col("order").min().over("group"))
    shown = nb.Returns(result.spec.returns)
    return first.select("group", shown.column("car"))


def _groups(result: StudyResult) -> list[str]:
    held = groups_of(result, _cars(result))
    return [g for g in held if g != ALL or len(held) == 1][:_MOST]


@style.house()
def draw(result: StudyResult) -> bytes:
    """Draw a histogram per group."""
    cars = _cars(result)
    groups = _groups(result)
    low = _number(cars["car"].quantile(_TAIL))
    high = _number(cars["car"].quantile(1 - _TAIL))
    titles = [
        f"{words_for(result, g)} (N = {cars.filter(pl.col('group') == g).height:,})"
        for g in groups
    ]
    counts = [_counts(cars, group, low, high) for group in groups]
    top = max(max(held) for held in counts)
    room = multiples.room(len(titles))
    x = scales.linear("CAR, %", low, high, room)
    y = scales.linear(
        "observations", 0, 1.05 * top or 1.0, _HIGH, upright=True, whole=True
    )
    figure, axes = multiples.panels(titles, x, y, _HIGH, {})
    for panel, group, held in zip(axes, groups, counts, strict=True):
        values = cars.filter(pl.col("group") == group)["car"]
        paint(panel, held, low, high, _number(values.mean()))
    return style.to_svg(figure)


def _number(value: object) -> float:
    return float(value)  # type: ignore[arg-type]


def _of(cars: pl.DataFrame, group: str) -> pl.Series:
    return cars.filter(pl.col("group") == group)["car"]


def _counts(cars: pl.DataFrame, group: str, low: float, high: float) -> list[int]:
    import numpy as np

    values = cars.filter(pl.col("group") == group)["car"].to_numpy()
    return [int(n) for n in np.histogram(values, _BINS, (low, high))[0]]


def paint(
    axes: "Axes", counts: list[int], low: float, high: float, mean: float
) -> None:
    """Draw the bars, zero, and the mean as a line."""
    width = (high - low) / _BINS
    starts = [low + width * place for place in range(_BINS)]
    axes.bar(starts, counts, width, align="edge", color=style.COLOURS[5], lw=0)
    axes.axvline(0, color=style.MUTED, linewidth=0.8)
    axes.axvline(mean, color=style.INK, linewidth=1.6)


def _alt(result: StudyResult) -> str:
    return f"Distribution of {nb.count(_cars(result).height, 'single CAR')} by group"


def _caption(result: StudyResult) -> str:
    cars = _cars(result)
    parts = [
        f"{100 * _number((held < 0).mean()):.0f} % for {words_for(result, group)}"
        for group in _groups(result)
        if len(held := _of(cars, group))
    ]
    text = (
        f"Single CARs over {window_words(main_window(result))}; line: their mean. "
        f"Below zero: {nb.listing(parts)}. The outermost {100 * _TAIL:.0f} % at either "
        "end lie outside."
    )
    left = len([g for g in groups_of(result, cars) if g != ALL]) - _MOST
    if left > 0:
        text += f" {left} more groups are not shown."
    return text


DRAWING = Drawing(
    name="distribution", has_data=has_data, draw=draw, alt=_alt, caption=_caption
)
