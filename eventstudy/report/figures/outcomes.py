"""A series that is no price around an announcement, and what was expected after it."""

from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from eventstudy.outcomes.kinds import KINDS
from eventstudy.report import numbers as nb
from eventstudy.report.effects import confidence_text
from eventstudy.report.figures import layout, scales, style
from eventstudy.report.figures.drawing import Drawing
from eventstudy.report.figures.layout import EDGE, LINE, TICK, WIDTH
from eventstudy.report.labels import short_title
from eventstudy.spec import OutcomeSetting
from eventstudy.study.result import StudyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT = 150.0
MOST_PANELS = 4
ABOVE = 4.0


def settings(result: StudyResult) -> list[OutcomeSetting]:
    """Return the series that the study has rows of."""
    held = set(result.outcomes["outcome"])
    return [one for one in result.spec.outcomes if one.name in held]


def main_event(result: StudyResult, outcome: str) -> str:
    """Return the announcement that is told of: of a question, or the first; or ""."""
    paths = result.outcome_paths.filter(outcome=outcome)["event_id"].unique(
        maintain_order=True
    )
    asked = [
        one.event_id
        for one in result.spec.questions
        if one.measure == "outcome" and one.outcome in ("", outcome)
    ]
    return next((one for one in (*asked, *paths) if one in paths), "")


def period_of(result: StudyResult, outcome: str) -> str:
    """Return what a session of a series is: days, weeks or sessions."""
    dates = result.outcome_paths.filter(
        event_id=main_event(result, outcome), outcome=outcome
    )["date"]
    step = dates.diff().dt.total_days().median() if dates.len() > 1 else None
    return {1: "days", 7: "weeks"}.get(int(step or 0), "sessions")  # type: ignore[arg-type]


def path(result: StudyResult, outcome: str) -> pl.DataFrame:
    """Return the path of a series around the announcement that is told of."""
    event_id = main_event(result, outcome)
    return result.outcome_paths.filter(event_id=event_id, outcome=outcome)


def has_data(result: StudyResult) -> bool:
    """Tell whether there is a path to draw."""
    return any(path(result, one.name).height > 1 for one in settings(result))


@style.house()
def draw(result: StudyResult) -> bytes:
    """Draw each series, and the band of what was expected."""
    return style.to_svg(figure(result))


@style.house()
def figure(result: StudyResult) -> "Figure":
    """Draw a panel per series, on one scale of dates."""
    shown = [one for one in settings(result) if path(result, one.name).height > 1]
    paths = [path(result, one.name) for one in shown[:MOST_PANELS]]
    titles = [
        f"{one.name}{f', {one.unit}' if one.unit else ''}: "
        f"{short_title(result, held['event_id'][0])}"
        for one, held in zip(shown, paths, strict=False)
    ]
    days: list[date] = pl.concat([held["date"] for held in paths]).sort().to_list()
    x = scales.dates(days[0], days[-1])
    ys = [
        _values(held, log=KINDS[one.kind].is_log)
        for one, held in zip(shown, paths, strict=False)
    ]
    left, foot = scales.room_left(ys, HEIGHT), scales.room_below(x)
    each = HEIGHT + 2 * ABOVE + LINE + TICK
    page = style.canvas(WIDTH, foot + each * len(paths), "outcomes")
    for place, (held, y, title) in enumerate(zip(paths, ys, titles, strict=True)):
        bottom = foot + each * (len(paths) - 1 - place)
        width = WIDTH - left - 4 * EDGE
        axes = layout.add_axes(page, left, bottom, width, HEIGHT)
        scales.put(axes, x, y, labels="xy" if place == len(paths) - 1 else "y")
        head = layout.fit(title, width, bold=True)
        layout.write(page, left, bottom + HEIGHT + ABOVE, head, fontweight="bold")
        _paint(axes, held)
    return page


def into(axes: "Axes", result: StudyResult) -> None:
    """Draw the first series into axes of somebody else."""
    setting = next(s for s in settings(result) if path(result, s.name).height > 1)
    held = path(result, setting.name)
    axes.set(yscale="log" if KINDS[setting.kind].is_log else "linear")
    axes.set_ylabel(setting.unit)
    _paint(axes, held)
    axes.xaxis_date()


def _values(held: pl.DataFrame, *, log: bool) -> scales.Scale:
    columns = pl.concat([held[name] for name in ("value", "low", "high")]).drop_nulls()
    least, most = float(columns.min()), float(columns.max())  # type: ignore[arg-type]
    if log:
        ends = least / 1.05, most * 1.05
        return scales.logarithmic("", *ends, scales.log_ticks(*ends) or [least, most])
    margin = 0.04 * (most - least) or 1.0
    return scales.linear("", least - margin, most + margin, HEIGHT, upright=True)


def _paint(axes: "Axes", held: pl.DataFrame) -> None:
    day = scales.days(held["date"])
    after = held["expected"].is_not_null().to_numpy()
    low, middle, high = (held[n].to_numpy()[after] for n in ("low", "expected", "high"))
    colour = style.COLOURS[0]
    axes.axvline(day[after][0], color=style.MUTED, lw=0.8, ls=(0, (2, 2)))
    axes.fill_between(day[after], low, high, color=colour, alpha=0.16, lw=0)
    axes.plot(day[after], middle, color=colour, lw=1, ls="--")
    axes.plot(day, held["value"].cast(pl.Float64).to_numpy(), color=colour)


def _alt(result: StudyResult) -> str:
    names = [one.name for one in settings(result)]
    return f"{nb.listing(names)} around an announcement, beside what was expected"


def _caption(result: StudyResult) -> str:
    more = len(settings(result)) - MOST_PANELS
    text = (
        "Solid: what was observed; dashed: what the past before the announcement "
        "(dotted) led to expect, with its "
        f"{confidence_text(result)} band for each single session."
    )
    return f"{text} {more} more series not shown." if more > 0 else text


DRAWING = Drawing(
    name="outcomes",
    has_data=has_data,
    draw=draw,
    alt=_alt,
    caption=_caption,
    placed=True,
)
