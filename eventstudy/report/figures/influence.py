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
    of_first_model,
    short_title,
    window_words,
    words_for,
)
from eventstudy.spec import ALL
from eventstudy.study.result import StudyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PITCH = 32.0
_NAMES = 170.0
_MOST = 16  # rows
_LETTERS = SMALL - 0.5  # of the name of a date


def without_each(result: StudyResult) -> pl.DataFrame:
    """Return averages of the main window without each date, of the headline sample.

    Columns: group, event_id, estimate (of all dates), without (as returns are).
    """
    cars = result.cars.filter(
        in_window(main_window(result)),
        pl.col("headline"),
        pl.col("in_average").fill_null(value=True),
        pl.col("car").is_finite(),
    )
    first = of_first_model(result, cars)
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
    """Draw the figure as SVG."""
    return style.to_svg(figure(result))


@style.house()
def figure(result: StudyResult) -> "Figure":
    """Draw a row per group: the average as a line, without each date as dots."""
    groups, table = _groups(result)[:_MOST], _percent(result)
    names = [layout.wrap(words_for(result, g), _NAMES) for g in groups]
    left = EDGE + layout.widest(names, SMALL) + 2 * GAP
    width = WIDTH - EDGE - 3 * GAP - left
    x = _scale(table, width)
    y = scales.Scale("", len(groups) - 0.5, -0.5)
    below, high = scales.room_below(x), _PITCH * len(groups)
    page = style.canvas(WIDTH, below + high + EDGE, "influence")
    axes = layout.add_axes(page, left, below, width, high)
    scales.put(axes, x, y)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    paint(axes, result, table, groups)
    layout.write_rows(axes, left - 2 * GAP, names, ha="right", fontsize=SMALL)
    scales.write_titles(page, x, y, left, below + high)
    return page


@style.house()
def into(axes: "Axes", result: StudyResult) -> None:
    """Draw the rows into axes of somebody else, the names at the left."""
    groups, table = _groups(result)[:_MOST], _percent(result)
    ticks = {float(i): words_for(result, group) for i, group in enumerate(groups)}
    x = _scale(table, layout.room_across(axes))
    scales.put(axes, x, scales.Scale("", len(groups) - 0.5, -0.5, ticks))
    axes.set_xlabel(x.title)
    paint(axes, result, table, groups)


def _percent(result: StudyResult) -> pl.DataFrame:
    """The averages of the groups that are shown, in per cent of price."""
    shown = nb.Returns(result.spec.returns)
    table = without_each(result).filter(pl.col("group").is_in(_groups(result)[:_MOST]))
    return table.with_columns(shown.column("estimate"), shown.column("without"))


def _scale(table: pl.DataFrame, room: float) -> scales.Scale:
    ends = scales.bounds(table["estimate"], table["without"])
    return scales.linear(f"average, %{nb.NBSP}of price", *ends, room)


def paint(
    axes: "Axes", result: StudyResult, table: pl.DataFrame, groups: list[str]
) -> None:
    """Draw averages, what they are without each date, and name the date that counts."""
    axes.axvline(0, color=style.MUTED, linewidth=0.9)
    for place, group in enumerate(groups):
        rows = table.filter(pl.col("group") == group).to_dicts()
        estimate = rows[0]["estimate"]
        axes.plot([estimate] * 2, [place - 0.42, place + 0.08], color=style.INK, lw=2)
        far = max(rows, key=lambda row: abs(row["without"] - estimate))
        for number, row in enumerate(rows):
            gid = f"influence-{place}-{number}"
            colour = style.COLOURS[1] if row is far else style.COLOURS[0]
            look: dict[str, Any] = {"ms": 5.5, "alpha": 0.75, "mew": 0}
            at = row["without"], place - 0.17
            axes.plot(*at, "o", color=colour, gid=gid, **look)
        _name(axes, f"without: {short_title(result, far['event_id'])}", far, place)


def _name(axes: "Axes", text: str, row: dict[str, Any], place: int) -> None:
    """Write a date's name below its dot, moved from the edges into the axes."""
    low, high = axes.get_xlim()
    unit = (high - low) / layout.room_across(axes)
    shown = layout.fit(text, layout.room_across(axes), _LETTERS)
    half = layout.text_width(shown, _LETTERS) / 2 * unit
    at = min(max(row["without"], low + half), high - half)
    how: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": _LETTERS}
    axes.text(at, place + 0.27, shown, color=style.COLOURS[1], **how)


def _marks(result: StudyResult) -> dict[str, str]:
    """Say each average without a date as returns are."""
    table = without_each(result)
    shown = nb.Returns(result.spec.returns)
    found = {}
    for place, group in enumerate(_groups(result)[:_MOST]):
        rows = table.filter(pl.col("group") == group).to_dicts()
        for number, row in enumerate(rows):
            found[f"influence-{place}-{number}"] = (
                f"{words_for(result, group)} without "
                f"“{short_title(result, row['event_id'])}”: "
                f"{shown.percent(row['without'])}{nb.NBSP}%; "
                f"average without it {nb.exact(row['without'])}, "
                f"of all dates {nb.exact(row['estimate'])}"
            )
    return found


def _links(result: StudyResult) -> dict[str, str]:
    table = without_each(result)
    return {
        f"influence-{place}-{number}": result.members(event)[0]
        for place, group in enumerate(_groups(result)[:_MOST])
        for number, event in enumerate(
            table.filter(pl.col("group") == group)["event_id"]
        )
    }


def _alt(result: StudyResult) -> str:
    names = [words_for(result, group) for group in _groups(result)]
    return (
        f"Average of each group without each date in turn: {nb.listing(names, most=6)}"
    )


def _caption(result: StudyResult) -> str:
    text = (
        f"Average CAR over {window_words(main_window(result), result.spec)}: line, of "
        "all dates; dots, without one date each; named: the date that moves it most. "
        "An average rests on one date where a dot lies far from the line, or across "
        "zero."
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
    links=_links,
    placed=True,
)
