"""The averages among those of other dates of the same assets."""

from typing import TYPE_CHECKING

import polars as pl

from eventstudy.report import numbers as nb
from eventstudy.report.figures import multiples, scales, style
from eventstudy.report.figures.drawing import Drawing
from eventstudy.report.labels import (
    DIFFERENCE,
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

_HIGH = 100.0
_MOST = 6  # panels


def has_data(result: StudyResult) -> bool:
    """Tell whether there are pseudo-dates of any group."""
    return bool(_groups(result))


def _table(result: StudyResult) -> pl.DataFrame:
    """The histograms of the headline sample, of each group's first model."""
    names = model_names(result)
    held = result.placebo.filter(
        in_window(main_window(result)), pl.col("sample") == "headline"
    ).with_columns(
        order=pl.col("model").replace_strict(names, range(len(names)), default=99)
    )
    return held.filter(pl.col("order") == pl.col("order").min().over("group"))


def _groups(result: StudyResult) -> list[str]:
    held = groups_of(result, _table(result))
    groups = [g for g in held if g != ALL and DIFFERENCE not in g]
    return (groups or held)[:_MOST]


@style.house()
def draw(result: StudyResult) -> bytes:
    """Draw a histogram per group, the actual statistic as a line."""
    table, groups = _table(result), _groups(result)
    shown = table.filter(pl.col("group").is_in(groups))
    reach = shown["high"].max()
    far = float(reach) if isinstance(reach, float) else 1.0
    top = shown["n"].max()
    most = 1.08 * int(top) if isinstance(top, int) else 1.0
    titles = [words_for(result, group) for group in groups]
    room = multiples.room(len(titles))
    x = scales.linear("standardised average", -far, far, room)
    y = scales.linear("other dates", 0, most, _HIGH, upright=True, whole=True)
    figure, axes = multiples.panels(titles, x, y, _HIGH, {})
    for panel, group in zip(axes, groups, strict=True):
        paint(panel, shown.filter(pl.col("group") == group))
    return style.to_svg(figure)


def paint(axes: "Axes", bins: pl.DataFrame) -> None:
    """Draw the bins of a group and where its actual dates lie."""
    low, high = bins["low"].to_numpy(), bins["high"].to_numpy()
    axes.bar(
        low, bins["n"].to_numpy(), high - low, align="edge", color=style.PALE, lw=0
    )
    axes.axvline(bins["actual"][0], color=style.COLOURS[1], linewidth=2)


def _pvalues(result: StudyResult) -> dict[str, float]:
    """The p-value of the test that compares with these dates, by group."""
    table = _table(result).unique(["group", "model"], maintain_order=True)
    tests = result.tests.filter(
        in_window(main_window(result)),
        pl.col("sample") == "headline",
        pl.col("outcome") == "car",
        pl.col("basis").is_not_null(),
    )
    keys = ["group", "model", "basis"]
    found = table.select(*keys, "actual").join(
        tests, left_on=[*keys, "actual"], right_on=[*keys, "statistic"]
    )
    return dict(found.select("group", "pvalue").iter_rows())


def _alt(result: StudyResult) -> str:
    names = [words_for(result, group) for group in _groups(result)]
    return f"Averages at other dates, the actual ones marked: {nb.listing(names)}"


def _caption(result: StudyResult) -> str:
    values = _pvalues(result)
    parts = [
        f"{words_for(result, group)} {nb.p_equals(values[group])}"
        for group in _groups(result)
        if group in values
    ]
    counts = _table(result).group_by("group", "model").agg(pl.col("n").sum())["n"]
    ends = sorted({*counts.to_list()})
    number = nb.listing([str(n) for n in dict.fromkeys((ends[0], ends[-1]))], last="to")
    text = (
        f"Standardised average over {window_words(main_window(result))} at the actual "
        f"dates (line) among those with all dates moved by the same number of sessions "
        f"({number} dates). "
    )
    if parts:
        text += f"As far out or further: {nb.listing(parts)}. "
    return (
        f"{text}Moved within quiet months it sets wild dates against calm ones; moved "
        "over months as wild it does not."
    ).strip()


DRAWING = Drawing(
    name="placebo", has_data=has_data, draw=draw, alt=_alt, caption=_caption
)
