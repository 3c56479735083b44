"""Averages without each date in turn: whether one date carries them."""

from typing import TYPE_CHECKING, Any

import polars as pl

from eventstudy.report import numbers as nb
from eventstudy.report.figures import layout, scales, style
from eventstudy.report.figures.drawing import Drawing
from eventstudy.report.figures.layout import EDGE, GAP, SMALL, WIDTH
from eventstudy.report.labels import (
    groups_of,
    in_window,
    main_window,
    model_names,
    short_title,
    window_words,
    words_for,
)
from eventstudy.spec import ALL
from eventstudy.study.result import StudyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PITCH = 26.0
_NAMES = 170.0
_MOST = 16  # rows


def without_each(result: StudyResult) -> pl.DataFrame:
    """Return averages of the main window without each date, of the headline sample.

    Columns: group, event_id, estimate (of all dates), without (as returns are).
    """
    names = model_names(result)
    cars = result.cars.filter(
        in_window(main_window(result)),
        pl.col("headline"),
        pl.col("in_average").fill_null(value=True),
        pl.col("car").is_finite(),
    ).with_columns(
        order=pl.col("model").replace_strict(names, range(len(names)), default=99)
    )
    first = cars.filter(pl.col("order") == pl.col("order").min().over("group"))
    days = result.observations.filter(pl.col("status") == "used").select(
        pl.col("observation").alias("event_id"), "asset", "day0"
    )
    dated = first.join(
        days.unique(["event_id", "asset"]),
        on=["event_id", "asset"],
        maintain_order="left",
    )
    sums = dated.group_by("group", "day0", maintain_order=True).agg(
        pl.col("car").sum(), n=pl.len(), event_id=pl.col("event_id").first()
    )
    total, size = pl.col("car").sum().over("group"), pl.col("n").sum().over("group")
    left = size - pl.col("n")
    return sums.select(
        "group",
        "event_id",
        estimate=total / size,
        without=pl.when(left > 0).then((total - pl.col("car")) / left),
    ).drop_nulls("without")


def has_data(result: StudyResult) -> bool:
    """Tell whether an average has two dates or more."""
    return without_each(result).height > 1


def _groups(result: StudyResult) -> list[str]:
    held = groups_of(result, without_each(result))
    return [g for g in held if g != ALL or len(held) == 1]


@style.house()
def draw(result: StudyResult) -> bytes:
    """Draw a row per group: the average as a line, without each date as dots."""
    table = without_each(result)
    groups = _groups(result)[:_MOST]
    shown = nb.Returns(result.spec.returns)
    table = table.filter(pl.col("group").is_in(groups)).with_columns(
        shown.column("estimate"), shown.column("without")
    )
    names = [layout.wrap(words_for(result, g), _NAMES) for g in groups]
    values = [table["estimate"], table["without"]]
    x = scales.linear("average, % of price", *scales.bounds(*values), WIDTH / 2)
    y = scales.Scale("", len(groups) - 0.5, -0.5)
    left = EDGE + layout.widest(names, SMALL) + 2 * GAP
    below, high = scales.room_below(x), _PITCH * len(groups)
    figure = style.canvas(WIDTH, below + high + EDGE)
    axes = layout.add_axes(figure, left, below, WIDTH - EDGE - 3 * GAP - left, high)
    scales.put(axes, x, y)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    paint(axes, table, groups)
    layout.write_rows(axes, left - 2 * GAP, names, ha="right", fontsize=SMALL)
    scales.write_titles(figure, x, y, left, below + high)
    return style.to_svg(figure)


def paint(axes: "Axes", table: pl.DataFrame, groups: list[str]) -> None:
    """Draw the averages in per cent of price and what they are without each date."""
    axes.axvline(0, color=style.MUTED, linewidth=0.9)
    for place, group in enumerate(groups):
        of_group = table.filter(pl.col("group") == group)
        values = of_group["without"].to_numpy()
        estimate = of_group["estimate"][0]
        axes.plot([estimate] * 2, [place - 0.3, place + 0.3], color=style.INK, lw=2)
        for number, value in enumerate(values):
            gid = f"influence-{place}-{number}"
            look: dict[str, Any] = {"ms": 5.5, "alpha": 0.75, "mew": 0}
            axes.plot(value, place, "o", color=style.COLOURS[0], gid=gid, **look)


def _marks(result: StudyResult) -> dict[str, str]:
    table = without_each(result)
    found = {}
    for place, group in enumerate(_groups(result)[:_MOST]):
        rows = table.filter(pl.col("group") == group).to_dicts()
        for number, row in enumerate(rows):
            found[f"influence-{place}-{number}"] = (
                f"{words_for(result, group)} without "
                f"“{short_title(result, row['event_id'])}”: {row['without']}"
            )
    return found


def _alt(result: StudyResult) -> str:
    names = [words_for(result, group) for group in _groups(result)]
    return (
        f"Average of each group without each date in turn: {nb.listing(names, most=6)}"
    )


def _caption(result: StudyResult) -> str:
    text = (
        f"Average CAR over {window_words(main_window(result))}: line, of all dates; "
        "dots, without one date each. An average rests on one date where a dot lies "
        "far from the line, or across zero."
    )
    left = len(_groups(result)) - _MOST
    return f"{text} {nb.count(left, 'more group')} not shown." if left > 0 else text


DRAWING = Drawing(
    name="influence",
    has_data=has_data,
    draw=draw,
    alt=_alt,
    caption=_caption,
    marks=_marks,
)
