"""Small multiples: mean abnormal returns around each headline date."""

from typing import TYPE_CHECKING

import polars as pl

from eventstudy.report import numbers as nb
from eventstudy.report.announced import main_dates
from eventstudy.report.figures import multiples, scales, style
from eventstudy.report.figures.drawing import Drawing
from eventstudy.report.labels import (
    groups_of,
    main_window,
    model_names,
    title_of,
    words_for,
)
from eventstudy.spec import window_text
from eventstudy.study.result import StudyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HIGH = 92.0
_AROUND = 5  # sessions before and after day 0
_MOST = 12  # panels
_GROUPS = 4


def has_data(result: StudyResult) -> bool:
    """Tell whether there are few enough dates for a panel each."""
    return 0 < len(main_dates(result)) <= _MOST and not _means(result).is_empty()


def _means(result: StudyResult) -> pl.DataFrame:
    """Mean abnormal return per date, group and session: first model of the group."""
    names = model_names(result)
    first, last = _around(result)
    held = result.abnormal_returns.filter(
        pl.col("offset").is_between(first, last), pl.col("abnormal").is_finite()
    ).with_columns(
        order=pl.col("model").replace_strict(names, range(len(names)), default=99)
    )
    of_first = held.filter(pl.col("order") == pl.col("order").min().over("group"))
    shown = nb.Returns(result.spec.returns)
    return (
        of_first.group_by("event_id", "group", "offset", maintain_order=True)
        .agg(pl.col("abnormal").mean())
        .with_columns(shown.column("abnormal"))
    )


def _around(result: StudyResult) -> tuple[int, int]:
    first, last = result.spec.event_window
    return max(first, -_AROUND), min(last, _AROUND)


@style.house()
def draw(result: StudyResult) -> bytes:
    """Draw a panel per date, its bars side by side by group."""
    means = _means(result)
    dates = main_dates(result)
    observed = result.observations.filter(pl.col("status") == "used")
    groups = [g for g in groups_of(result, means) if g != "all"] or ["all"]
    groups = groups[:_GROUPS]
    colours = style.colours(groups)
    titles = [
        title_of(rows[0]) + (f" +{len(rows) - 1}" if len(rows) > 1 else "")
        for rows in dates.values()
    ]
    titles = [f"{n}  {title}" for n, title in enumerate(titles, 1)]
    first, last = _around(result)
    room = multiples.room(len(titles))
    x = scales.linear("sessions from day 0", first - 0.6, last + 0.6, room, whole=True)
    y = scales.linear("AR, %", *scales.bounds(means["abnormal"]), _HIGH, upright=True)
    named = {words_for(result, g): c for g, c in colours.items()}
    figure, axes = multiples.panels(
        titles, x, y, _HIGH, named if len(named) > 1 else {}
    )
    for panel, rows in zip(axes, dates.values(), strict=True):
        ids = [row["event_id"] for row in rows]
        names = observed.filter(pl.col("event_id").is_in(ids))["observation"].unique()
        of_date = means.filter(pl.col("event_id").is_in(names.to_list()))
        paint(panel, of_date, colours, main_window(result))
    return style.to_svg(figure)


def paint(
    axes: "Axes", means: pl.DataFrame, colours: dict[str, str], window: tuple[int, int]
) -> None:
    """Draw the bars of a date, the headline window shaded."""
    axes.axvspan(window[0] - 0.5, window[1] + 0.5, color=style.SHADE, lw=0, zorder=0)
    axes.axhline(0, color=style.MUTED, linewidth=0.8)
    width = 0.8 / len(colours)
    for place, (group, colour) in enumerate(colours.items()):
        of_group = (
            means.filter(pl.col("group") == group)
            .group_by("offset")
            .agg(pl.col("abnormal").mean())
        )
        offsets = of_group["offset"].to_numpy() + (place + 0.5) * width - 0.4
        axes.bar(offsets, of_group["abnormal"].to_numpy(), width, color=colour, lw=0)


def _alt(result: StudyResult) -> str:
    number = nb.count(len(main_dates(result)), "headline date")
    return f"Mean abnormal returns by group in the sessions around {number}"


def _caption(result: StudyResult) -> str:
    text = (
        "Mean abnormal return of each group by session, a panel per headline date; "
        f"shaded: {window_text(main_window(result))}. A date alone shows what "
        "happened, not whether it was more than chance."
    )
    left = len(set(result.abnormal_returns["group"])) - _GROUPS
    return f"{text} {left} more groups are not shown." if left > 0 else text


DRAWING = Drawing(
    name="announcements", has_data=has_data, draw=draw, alt=_alt, caption=_caption
)
