"""Path of the cumulative average abnormal return, one panel per group."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from eventstudy.report import numbers as nb
from eventstudy.report.effects import confidence_text
from eventstudy.report.figures import layout, multiples, scales, style
from eventstudy.report.figures.drawing import Drawing
from eventstudy.report.labels import (
    DIFFERENCE,
    main_window,
    model_names,
    offset_words,
    period_word,
    words_for,
)
from eventstudy.spec import ALL, Pair, window_text
from eventstudy.study.result import StudyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT = 165.0
MOST_LINES = 7  # models of a panel, as many as there are colours
SHOWN = ("caar", "ci_low", "ci_high")


def has_data(result: StudyResult) -> bool:
    """Tell whether there is an average to draw."""
    return not _path(result).is_empty()


@style.house()
def draw(result: StudyResult) -> bytes:
    """Draw the figure as SVG."""
    return style.to_svg(figure(result))


@style.house()
def figure(result: StudyResult) -> "Figure":
    """Draw the CAAR of the headline sample, a panel per group."""
    path = _path(result)
    titles = _titles(result, path)
    colours = _colours(result, path)
    shown = path.filter(pl.col("group").is_in([*titles]))
    x, y = _scales(result, shown, multiples.room(len(titles)), HEIGHT)
    named = {words_for(result, model): colour for model, colour in colours.items()}
    page, panels = multiples.panels(
        [*titles.values()], x, y, HEIGHT, named if len(named) > 1 else {}, "caar"
    )
    for axes, group in zip(panels, titles, strict=True):
        paint(axes, shown.filter(group=group), colours, main_window(result))
    return page


@style.house()
def into(axes: "Axes", result: StudyResult) -> None:
    """Draw the paths of the first group into axes of somebody else."""
    path = _path(result)
    group, title = next(iter(_titles(result, path).items()))
    shown = path.filter(group=group)
    colours = _colours(result, shown)
    x, y = _scales(result, shown, layout.room_across(axes), layout.room_up(axes))
    scales.put(axes, x, y)
    axes.set(xlabel=x.title, ylabel=y.title, title=title)
    paint(axes, shown, colours, main_window(result))
    if len(colours) > 1:
        named = {words_for(result, model): c for model, c in colours.items()}
        axes.legend(handles=multiples.swatches(named))


def _path(result: StudyResult) -> pl.DataFrame:
    """The paths in per cent of price; ``inner`` is cumulated from the main window.

    Of more groups than there are panels the median, in a band of the middle four
    fifths, as the group `ALL`.
    """
    shown, start = nb.Returns(result.spec.returns), main_window(result)[0]
    held = result.aar.filter(
        (pl.col("sample") == "headline") & pl.col("caar").is_finite()
    )
    before = pl.col("caar").filter(pl.col("offset") == start - 1).first()
    first = start == result.spec.event_window[0]
    base = pl.lit(0.0) if first else before.over("group", "model")
    inner = pl.when(pl.col("offset") >= start - 1).then(pl.col("caar") - base)
    path = held.with_columns(inner=inner)
    if _many(result):
        value = pl.col("caar")
        path = (
            path.filter(pl.col("group").is_in(_single(held)))
            .group_by("model", "offset", maintain_order=True)
            .agg(
                pl.col("caar", "inner").median(),
                pl.col("n").sum(),
                ci_low=value.quantile(0.1, "linear"),
                ci_high=value.quantile(0.9, "linear"),
                group=pl.lit(ALL),
            )
        )
    return path.with_columns(*map(shown.column, (*SHOWN, "inner")))


def _single(path: pl.DataFrame) -> list[str]:
    """Groups of the study file: no pool and no difference."""
    held = path["group"].unique(maintain_order=True)
    return [group for group in held if group != ALL and DIFFERENCE not in group]


def _many(result: StudyResult) -> int:
    """Return the number of groups where it is more than there are panels, else 0."""
    held = result.aar.filter(pl.col("sample") == "headline")
    count = len(_single(held))
    return count if count > multiples.MOST else 0


def _titles(result: StudyResult, path: pl.DataFrame) -> dict[str, str]:
    if many := _many(result):
        return {ALL: f"{many} groups, their median"}
    return multiples.group_titles(result, path)


def _colours(result: StudyResult, path: pl.DataFrame) -> dict[str, str]:
    """Colours of the models, the first of the study file where they are many."""
    held = set(path["model"])
    names = [model for model in model_names(result) if model in held]
    return style.colours(names[:MOST_LINES])


def _scales(
    result: StudyResult, path: pl.DataFrame, across: float, up: float
) -> tuple[scales.Scale, scales.Scale]:
    columns = [path[name] for name in (*SHOWN, "inner")]
    ends = scales.bounds(*(column.drop_nulls() for column in columns))
    x = scales.linear(
        offset_words(result.spec), *result.spec.event_window, across, whole=True
    )
    return x, scales.linear(f"CAAR, %{nb.NBSP}of price", *ends, up, upright=True)


def paint(
    axes: "Axes", path: pl.DataFrame, colours: Mapping[str, str], window: Pair
) -> None:
    """Draw the paths of a group's models with their bands, the window shaded."""
    style.cross(axes, 0, 0)
    axes.axvspan(window[0] - 0.5, window[1] + 0.5, color=style.SHADE, lw=0, zorder=0)
    for model, colour in colours.items():
        held = path.filter(model=model).sort("offset")
        offset, line, low, high, inner = (
            column.to_numpy() for column in held.select("offset", *SHOWN, "inner")
        )
        axes.fill_between(offset, low, high, color=colour, alpha=0.16, lw=0)
        axes.plot(offset, line, color=colour)
        axes.plot(offset, inner, color=colour, linewidth=1.1, linestyle=(0, (4, 2)))


def _alt(result: StudyResult) -> str:
    window = window_text(result.spec.event_window)
    text = (
        "Path of the cumulative average abnormal return per group over "
        f"{period_word(result.spec)}s {window} with {confidence_text(result)} bands"
    )
    last = result.aar.filter(
        (pl.col("sample") == "headline")
        & (pl.col("model") == model_names(result)[0])
        & (pl.col("offset") == result.spec.event_window[1])
        & pl.col("caar").is_not_null()
    )
    shown = nb.Returns(result.spec.returns)
    ends = [
        f"{words_for(result, group)} {shown.percent(caar)} %"
        for group, caar in last.select("group", "caar").iter_rows()
    ]
    return f"{text}; at its end {nb.listing(ends, most=6)}" if ends else text


def _caption(result: StudyResult) -> str:
    left = len(multiples.groups_left(result, _path(result)))
    band = (
        f"with {confidence_text(result)} bands that allow for dependence between "
        "observations"
    )
    if many := _many(result):
        band = f"the median of {many} groups in a band of the middle four fifths"
    text = (
        "Cumulative average abnormal return of the headline sample from the start of "
        f"the event window, {band}. Dashed: the same, cumulated from the start of the "
        "headline window, which is shaded. Dotted: day 0."
    )
    return f"{text} {nb.count(left, 'more panel')} not shown." if left else text


DRAWING = Drawing(name="caar", has_data=has_data, draw=draw, alt=_alt, caption=_caption)
