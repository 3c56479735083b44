"""Prices around the instant of an announcement, from intraday bars."""

import polars as pl

from eventstudy.report.figures import multiples, style
from eventstudy.report.figures.drawing import Drawing
from eventstudy.report.figures.scales import bounds, linear
from eventstudy.report.labels import short_title
from eventstudy.report.numbers import NBSP, Returns, count
from eventstudy.study.result import StudyResult

MOST_PANELS = 12
HEIGHT = 105.0


def has_data(result: StudyResult) -> bool:
    """Tell whether intraday bars surround any announcement."""
    return not _path(result).is_empty()


@style.house()
def draw(result: StudyResult) -> bytes:
    """Draw the change of the price since the last bar before each announcement."""
    path = _path(result)
    events = path["event_id"].unique(maintain_order=True).to_list()[:MOST_PANELS]
    titles = [short_title(result, event) for event in events]
    symbols = path["symbol"].unique(maintain_order=True).to_list()
    colours = style.colours(symbols)
    path = path.filter(pl.col("event_id").is_in(events)).sort("minutes")
    hours, changes = bounds(path["hours"]), bounds(path["change"])
    whole = hours[1] - hours[0] > 4
    room = multiples.room(len(events))
    x, y = (
        linear("hours from the announcement", *hours, room, whole=whole),
        linear(f"change of the price,{NBSP}%", *changes, HEIGHT, upright=True),
    )
    named = colours if len(colours) > 1 else {}
    figure, panels = multiples.panels(titles, x, y, HEIGHT, named, "intraday")
    for axes, event in zip(panels, events, strict=True):
        style.cross(axes, 0, 0)
        for symbol, colour in colours.items():
            line = path.filter(event_id=event, symbol=symbol)
            axes.plot(line["hours"], line["change"], color=colour)
    return style.to_svg(figure)


def _path(result: StudyResult) -> pl.DataFrame:
    return result.intraday.filter(pl.col("log_change").is_finite()).with_columns(
        hours=pl.col("minutes") / 60, change=Returns("log").column("log_change")
    )


def _alt(_: StudyResult) -> str:
    return "Change of prices in the hours around each announcement"


def _caption(result: StudyResult) -> str:
    left = _path(result)["event_id"].n_unique() - MOST_PANELS
    text = (
        "Change of the price since the last bar before the announcement. "
        "Dotted: the recorded instant; a move before it means that the news was out "
        "earlier, or that something else moved the price."
    )
    more = f" {count(left, 'more announcement')} not shown."
    return text + more if left > 0 else text


DRAWING = Drawing(
    name="intraday",
    has_data=has_data,
    draw=draw,
    alt=_alt,
    caption=_caption,
    placed=True,
)
