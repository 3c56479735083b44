"""Forest plot of volatility after over volatility before."""

from typing import TYPE_CHECKING

import polars as pl

from eventstudy.report import numbers as nb
from eventstudy.report.effects import confidence_text
from eventstudy.report.figures import layout, scales, style
from eventstudy.report.figures.drawing import Drawing
from eventstudy.report.figures.layout import EDGE, GAP, SMALL, WIDTH
from eventstudy.report.labels import asset_order, groups_of, words_for
from eventstudy.report.ratios import main_measure, main_models, pooled
from eventstudy.spec import window_text
from eventstudy.study.result import StudyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PITCH = 21.0  # from a row to the next
NAMES = 180.0  # widest name
MOST_STEPS = 7
MOST_ROWS = 30  # of more, those of groups alone
USUAL = (0.1, 0.2, 0.25, 0.33, 0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 10, 20)
FEW = (0.1, 0.25, 0.5, 1, 2, 4, 10, 20)
Row = tuple[str, str, float, float | None, float | None, bool]


def has_data(result: StudyResult) -> bool:
    """Tell whether there is a ratio to draw."""
    return bool(_rows(result))


@style.house()
def draw(result: StudyResult) -> bytes:
    """Draw the pooled ratios of each group and its assets."""
    rows = _rows(result)
    names = [layout.fit(name, NAMES, SMALL, bold=bold) for name, *_, bold in rows]
    bold = {place for place, row in enumerate(rows) if row[-1]}
    ratios = [f"{ratio:.2f}" for _, _, ratio, *_ in rows]
    x = _scale(result, rows)
    y = scales.Scale("", len(rows) - 0.5, -0.5)
    left = EDGE + layout.widest(names, SMALL, bold=True) + 2 * GAP
    right = WIDTH - EDGE - layout.widest(ratios, bold=True) - 2 * GAP
    below, high = scales.room_below(x), PITCH * len(rows)
    figure = style.canvas(WIDTH, below + high + EDGE)
    axes = layout.add_axes(figure, left, below, right - left, high)
    scales.put(axes, x, y)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
    axes.axvline(1, color=style.MUTED, linewidth=0.9)
    _mark(axes, rows)
    layout.write_rows(axes, left - 2 * GAP, names, bold, ha="right", fontsize=SMALL)
    layout.write_rows(axes, right + 2 * GAP, ratios, bold)
    scales.write_titles(figure, x, y, left, below + high)
    return style.to_svg(figure)


def _rows(result: StudyResult) -> list[Row]:
    measure = main_measure(result)
    shown = pooled(result).filter(
        (pl.col("measure") == measure) & (pl.col("ratio") > 0)
    )
    order = [a for a in asset_order(result) if a in set(shown["asset"])]
    rows: list[Row] = []
    models = main_models(result)
    groups = groups_of(result, shown)
    for group in [g for g in groups if g != "all"] or groups:
        of_group = shown.filter(
            (pl.col("group") == group) & (pl.col("model") == models[group])
        )
        members = [a for a in order if a in set(of_group["asset"])]
        single = len(members) == 1 and "all" in set(of_group["asset"])
        for asset in ["all", *([] if single else members)]:
            found = of_group.filter(pl.col("asset") == asset)
            if not found.is_empty():
                row = found.row(0, named=True)
                name = words_for(result, group) if asset == "all" else asset
                ends = (row["ci_low"], row["ci_high"])
                rows.append((name, group, row["ratio"], *ends, asset == "all"))
    if len(rows) > MOST_ROWS:
        rows = [row for row in rows if row[-1]] or rows
    return rows[:MOST_ROWS]


def _scale(result: StudyResult, rows: list[Row]) -> scales.Scale:
    post, pre = result.spec.volatility_post, result.spec.volatility_pre
    title = (
        f"standard deviation in {window_text(post)} over that in {window_text(pre)}, "
        f"log{nb.NBSP}scale"
    )
    held = [v for _, _, *values, _ in rows for v in values if v is not None and v > 0]
    low, high = min([*held, 0.8]) / 1.06, max([*held, 1.25]) * 1.06
    ticks = [tick for tick in USUAL if low <= tick <= high]
    if len(ticks) > MOST_STEPS:
        ticks = [tick for tick in FEW if low <= tick <= high]
    return scales.logarithmic(title, low, high, ticks)


def _mark(axes: "Axes", rows: list[Row]) -> None:
    """Draw the intervals, and diamonds for groups and dots for assets on them."""
    colours = style.colours(list(dict.fromkeys(group for _, group, *_ in rows)))
    for place, (_, group, ratio, low, high, is_group) in enumerate(rows):
        colour, width = colours[group], 2.6 if is_group else 1.4
        if low is not None and high is not None and low > 0:
            axes.plot([low, high], [place, place], color=colour, linewidth=width)
        marker, size = ("D", 7) if is_group else ("o", 5.5)
        axes.plot(ratio, place, marker, color=colour, markersize=size)


def _alt(result: StudyResult) -> str:
    ratios = [
        f"{name} {nb.decimal(ratio)}"
        for name, _, ratio, *_, is_group in _rows(result)
        if is_group
    ]
    text = "Forest plot of the volatility after the announcements over that before"
    return f"{text}: {nb.listing(ratios)}" if ratios else text


def _caption(result: StudyResult) -> str:
    post, pre = result.spec.volatility_post, result.spec.volatility_pre
    return (
        f"Standard deviation of returns per session in {window_text(post)} over that "
        f"in {window_text(pre)}, with {confidence_text(result)} intervals; 1 is no "
        "change. Diamonds: groups; dots: single assets, pooled over announcements, "
        f"where there are at most {MOST_ROWS} rows."
    )


DRAWING = Drawing(
    name="volatility",
    has_data=has_data,
    draw=draw,
    alt=_alt,
    caption=_caption,
)
