"""When moves began: effects of windows by their first session, one panel per group."""

from typing import TYPE_CHECKING

import polars as pl

from eventstudy.report import numbers as nb
from eventstudy.report.effects import confidence_text
from eventstudy.report.figures import multiples, scales, style
from eventstudy.report.figures.drawing import Drawing
from eventstudy.report.labels import main_window, of_first_model, period_word, words_for
from eventstudy.spec import ALL
from eventstudy.study.result import StudyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT = 130.0
SHOWN = ("estimate", "ci_low", "ci_high")


def has_data(result: StudyResult) -> bool:
    """Tell whether there is a band to draw."""
    return not paths(result).is_empty()


def paths(result: StudyResult) -> pl.DataFrame:
    """Paths of the headline sample with a band, in per cent, of the first model."""
    shown = nb.Returns(result.spec.returns)
    held = result.anticipation.filter(
        (pl.col("sample") == "headline")
        & (pl.col("group") != ALL)
        & pl.all_horizontal(pl.col(name).is_not_null() for name in SHOWN)
    )
    return of_first_model(result, held).with_columns(*map(shown.column, SHOWN))


@style.house()
def draw(result: StudyResult) -> bytes:
    """Draw the paths with their bands, and where the move probably began."""
    path = paths(result)
    titles = multiples.group_titles(result, path)
    path = path.filter(pl.col("group").is_in([*titles]))
    start = path["start"].to_numpy()
    x = scales.linear(
        f"first {period_word(result.spec)} of the window",
        float(start.min()) - 0.5,
        float(start.max()) + 0.5,
        multiples.room(len(titles)),
        whole=True,
    )
    ends = scales.bounds(*(path[name] for name in SHOWN))
    y = scales.linear(f"mean CAR, %{nb.NBSP}of price", *ends, HEIGHT, upright=True)
    page, panels = multiples.panels([*titles.values()], x, y, HEIGHT, {})
    for axes, group in zip(panels, titles, strict=True):
        _paint(axes, path.filter(group=group).sort("start"))
    return style.to_svg(page)


def _paint(axes: "Axes", path: pl.DataFrame) -> None:
    start, line, low, high = (
        column.to_numpy() for column in path.select("start", *SHOWN)
    )
    axes.bar(
        start,
        path["onset"].fill_null(0.0).to_numpy(),
        width=0.8,
        color=style.SHADE,
        transform=axes.get_xaxis_transform(),
        zorder=0,
    )
    style.cross(axes, 0, 0)
    axes.fill_between(start, low, high, color=style.COLOURS[0], alpha=0.16, lw=0)
    axes.plot(start, line, color=style.COLOURS[0], marker="o", markersize=2.5)


def _alt(result: StudyResult) -> str:
    found = paths(result).filter(pl.col("found"))
    parts = [
        f"{words_for(result, row['group'])} {nb.decimal(row['estimate'], 1, sign=True)}"
        f" % from {period_word(result.spec)} {row['start']}"
        for row in found.iter_rows(named=True)
    ]
    word = period_word(result.spec)
    text = f"Mean CARs by the first {word} of the window, with a band for all"
    return f"{text}; the largest: {nb.listing(parts, most=6)}" if parts else text


def _caption(result: StudyResult) -> str:
    last = main_window(result)[1]
    word = period_word(result.spec)
    return (
        f"Mean CARs of windows that end on {word} {last:+d} by their first {word}, "
        f"headline sample; band: {confidence_text(result)} for all windows of a panel "
        f"at once. Bars: probability that a lasting move began with that {word}, if "
        "there was one (full height is 1); a picture, not a test."
    )


DRAWING = Drawing(
    name="anticipation",
    has_data=has_data,
    draw=draw,
    alt=_alt,
    caption=_caption,
    placed=True,
)
