"""Small multiples: mean abnormal returns around each headline date."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl

from eventstudy.report import numbers as nb
from eventstudy.report.announced import Row, main_dates
from eventstudy.report.figures import multiples, scales, style
from eventstudy.report.figures.drawing import Drawing
from eventstudy.report.labels import (
    first_title,
    groups_of,
    main_window,
    of_first_model,
    offset_words,
    period_word,
    words_for,
)
from eventstudy.spec import ALL, window_text
from eventstudy.study.result import StudyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HIGH = 92.0
_AROUND = 5  # sessions before and after day 0
_MOST = 12  # panels
_GROUPS = 4


def has_data(result: StudyResult) -> bool:
    """Tell whether there are few enough dates for a panel each."""
    few = 0 < len(main_dates(result)) <= _MOST
    return few and any(not means.is_empty() for means in _by_date(result))


def _held(result: StudyResult) -> pl.DataFrame:
    """Abnormal returns near day 0, of the first model of each group."""
    near = pl.col("offset").is_between(*_around(result))
    held = result.abnormal_returns.filter(near, pl.col("abnormal").is_finite())
    return of_first_model(result, held)


def _around(result: StudyResult) -> tuple[int, int]:
    first, last = result.spec.event_window
    return max(first, -_AROUND), min(last, _AROUND)


@style.house()
def draw(result: StudyResult) -> bytes:
    """Draw the figure as SVG."""
    return style.to_svg(figure(result))


@style.house()
def figure(result: StudyResult) -> "Figure":
    """Draw a panel per date, its bars side by side by group."""
    dates = main_dates(result)
    colours = style.colours(_groups(result))
    titles = [_title(*date) for date in enumerate(dates.items(), 1)]
    first, last = _around(result)
    room = multiples.room(len(titles))
    x = scales.linear(
        offset_words(result.spec), first - 0.6, last + 0.6, room, whole=True
    )
    by_date = _by_date(result)
    values = pl.concat(by_date)["percent"]
    title = f"AR, %{nb.NBSP}of price"
    y = scales.linear(title, *scales.bounds(values), _HIGH, upright=True)
    named = {words_for(result, group): colour for group, colour in colours.items()}
    page, panels = multiples.panels(
        titles, x, y, _HIGH, named if len(named) > 1 else {}, "announcements"
    )
    window = main_window(result)
    for number, (panel, means) in enumerate(zip(panels, by_date, strict=True), 1):
        paint(panel, means, colours, window, f"announcements-{number}")
    return page


def _groups(result: StudyResult) -> list[str]:
    held = groups_of(result, _held(result))
    return ([group for group in held if group != ALL] or [ALL])[:_GROUPS]


def _title(number: int, held: tuple[date, Sequence[Row]]) -> str:
    day, rows = held
    return f"{number} · {day.day} {day:%b} · {first_title(rows)}"


def _by_date(result: StudyResult) -> list[pl.DataFrame]:
    """Mean abnormal returns of each date.

    Columns: group, offset, mean (as returns are), percent (of price).
    """
    held = _held(result).filter(pl.col("group").is_in(_groups(result)))
    observed = result.observations.filter(pl.col("status") == "used")
    percent = nb.Returns(result.spec.returns).column("mean").alias("percent")
    found = []
    for rows in main_dates(result).values():
        ids = [row["event_id"] for row in rows]
        names = observed.filter(pl.col("event_id").is_in(ids))["observation"]
        means = (
            held.filter(pl.col("event_id").is_in(names.unique().to_list()))
            .group_by("group", "offset", maintain_order=True)
            .agg(mean=pl.col("abnormal").mean())
        )
        found.append(means.sort("offset").with_columns(percent))
    return found


def paint(
    axes: "Axes",
    means: pl.DataFrame,
    colours: Mapping[str, str],
    window: tuple[int, int],
    name: str,
) -> None:
    """Draw the bars of a date, the headline window shaded.

    name : with the place of the group and the session, the id of a bar
    """
    axes.axvspan(window[0] - 0.5, window[1] + 0.5, color=style.SHADE, lw=0, zorder=0)
    axes.axhline(0, color=style.MUTED, linewidth=0.8)
    width = 0.8 / len(colours)
    for place, (group, colour) in enumerate(colours.items()):
        of_group = means.filter(pl.col("group") == group)
        at = of_group["offset"].to_numpy() + (place + 0.5) * width - 0.4
        values = of_group["percent"].to_numpy()
        how: dict[str, Any] = {"color": colour, "lw": 0, "clip_on": False}
        bars = axes.bar(at, values, width, **how)
        for offset, bar in zip(of_group["offset"], bars, strict=True):
            bar.set_gid(f"{name}-{place}-{offset}")


def _marks(result: StudyResult) -> dict[str, str]:
    """Say each bar's mean as the table of abnormal returns has it."""
    found, word = {}, period_word(result.spec)
    for number, means in enumerate(_by_date(result), 1):
        for place, group in enumerate(_groups(result)):
            held = means.filter(pl.col("group") == group)
            columns = held.select("offset", "percent", "mean").iter_rows()
            for offset, percent, mean in columns:
                found[f"announcements-{number}-{place}-{offset}"] = (
                    f"{words_for(result, group)}, {word} {offset:+d}: "
                    f"{nb.decimal(percent, 1, sign=True)}{nb.NBSP}%; "
                    f"mean abnormal return {nb.exact(mean)}"
                )
    return found


def _alt(result: StudyResult) -> str:
    number = nb.count(len(main_dates(result)), "headline date")
    word = period_word(result.spec)
    return f"Mean abnormal returns by group in the {word}s around {number}"


def _caption(result: StudyResult) -> str:
    text = (
        f"Mean abnormal return of each group by {period_word(result.spec)}, a panel "
        f"per headline date; shaded: {window_text(main_window(result))}. A date alone "
        "shows what happened, not whether it was more than chance."
    )
    first, last = result.spec.event_window
    if (first, last) != _around(result):
        text += f" The event window is {window_text((first, last))}."
    left = len([g for g in groups_of(result, _held(result)) if g != ALL]) - _GROUPS
    return f"{text} {nb.count(left, 'more group')} not shown." if left > 0 else text


DRAWING = Drawing(
    name="announcements",
    has_data=has_data,
    draw=draw,
    alt=_alt,
    caption=_caption,
    marks=_marks,
    placed=True,
)
