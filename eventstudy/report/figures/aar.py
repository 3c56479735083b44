"""Average abnormal returns by session, one panel per group."""

from typing import TYPE_CHECKING

import polars as pl

from eventstudy.report import numbers as nb
from eventstudy.report.figures import layout, multiples, scales, style
from eventstudy.report.labels import main_window, of_first_model, offset_words
from eventstudy.spec import Pair
from eventstudy.study.result import StudyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HIGH = 110.0
_BAR = 0.75  # sessions wide


def has_data(result: StudyResult) -> bool:
    """Tell whether there is an average to draw."""
    return not _path(result).is_empty()


@style.house()
def figure(result: StudyResult) -> "Figure":
    """Draw the averages of the headline sample, a panel per group."""
    path = _path(result)
    titles = multiples.group_titles(result, path)
    shown = path.filter(pl.col("group").is_in([*titles]))
    x, y = _scales(result, shown, multiples.room(len(titles)), _HIGH)
    page, panels = multiples.panels([*titles.values()], x, y, _HIGH, {}, "aar")
    for place, (axes, group) in enumerate(zip(panels, titles, strict=True)):
        of_group = shown.filter(group=group)
        paint(axes, of_group, main_window(result), f"aar-{place}")
    return page


@style.house()
def into(axes: "Axes", result: StudyResult) -> None:
    """Draw the averages of the first group into axes of somebody else."""
    path = _path(result)
    group, title = next(iter(multiples.group_titles(result, path).items()))
    shown = path.filter(group=group)
    room = layout.room_across(axes), layout.room_up(axes)
    x, y = _scales(result, shown, *room)
    scales.put(axes, x, y)
    axes.set(xlabel=x.title, ylabel=y.title, title=title)
    paint(axes, shown, main_window(result), "aar-0")


def _path(result: StudyResult) -> pl.DataFrame:
    """The averages in per cent of price, of each group's first model."""
    of_headline = pl.col("sample") == "headline"
    held = result.aar.filter(of_headline, pl.col("aar").is_finite())
    shown = nb.Returns(result.spec.returns)
    return of_first_model(result, held).with_columns(shown.column("aar"))


def _scales(
    result: StudyResult, path: pl.DataFrame, across: float, up: float
) -> tuple[scales.Scale, scales.Scale]:
    first, last = result.spec.event_window
    title, ends = offset_words(result.spec), (first - 0.6, last + 0.6)
    x = scales.linear(title, *ends, across, whole=True)
    title = f"AAR, %{nb.NBSP}of price"
    return x, scales.linear(title, *scales.bounds(path["aar"]), up, upright=True)


def paint(axes: "Axes", path: pl.DataFrame, window: Pair, name: str) -> None:
    """Draw the bars of a group, the headline window shaded."""
    axes.axvspan(window[0] - 0.5, window[1] + 0.5, color=style.SHADE, lw=0, zorder=0)
    style.cross(axes, 0, 0)
    values = path["aar"].to_numpy()
    bars = axes.bar(path["offset"], values, _BAR, color=style.COLOURS[0], lw=0)
    for offset, bar in zip(path["offset"], bars, strict=True):
        bar.set_gid(f"{name}-{offset}")
