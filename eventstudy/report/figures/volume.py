"""Abnormal volume around the announcements, one panel per group."""

import polars as pl

from eventstudy.report.figures import multiples, style
from eventstudy.report.figures.drawing import Drawing
from eventstudy.report.figures.scales import linear, logarithmic
from eventstudy.report.numbers import NBSP
from eventstudy.spec import window_text
from eventstudy.study.result import StudyResult

HEIGHT = 125.0
BAR = 0.75  # sessions wide


def has_data(result: StudyResult) -> bool:
    """Tell whether there is an average abnormal volume."""
    return not _path(result).is_empty()


@style.house()
def draw(result: StudyResult) -> bytes:
    """Draw the average abnormal log volume per session of the headline sample."""
    path = _path(result)
    titles = multiples.group_titles(result, path)
    first, last = result.spec.event_window
    times = path["times"].to_list()
    room = multiples.room(len(titles))
    x, y = (
        linear("sessions from day 0", first - 0.6, last + 0.6, room, whole=True),
        logarithmic(
            f"volume, times the usual (log{NBSP}scale)",
            min([*times, 0.9]) / 1.06,
            max([*times, 1.1]) * 1.06,
        ),
    )
    figure, panels = multiples.panels([*titles.values()], x, y, HEIGHT, {}, "volume")
    for axes, group in zip(panels, titles, strict=True):
        axes.grid(axis="y")
        style.cross(axes, 0, 1)
        of_group = path.filter(group=group)
        bar = BAR * axes.bbox.width / (x.high - x.low)
        ends, colour = (1, of_group["times"]), style.COLOURS[0]
        axes.vlines(of_group["offset"], *ends, colour, linewidth=bar)
    return style.to_svg(figure)


def _path(result: StudyResult) -> pl.DataFrame:
    return result.volume_aar.filter(
        (pl.col("sample") == "headline") & pl.col("aar").is_finite()
    ).with_columns(times=pl.col("aar").exp())


def _alt(result: StudyResult) -> str:
    window = window_text(result.spec.event_window)
    return f"Average abnormal volume per group over sessions {window}"


def _caption(_: StudyResult) -> str:
    return (
        "Average abnormal volume of the headline sample per session, as a multiple of "
        "the usual volume (log scale). Dotted: day 0."
    )


DRAWING = Drawing(
    name="volume",
    has_data=has_data,
    draw=draw,
    alt=_alt,
    caption=_caption,
    placed=True,
)
