"""Prices around the instant of an announcement, from intraday bars."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from eventstudy.report.figures import multiples, style
from eventstudy.report.figures.drawing import Drawing
from eventstudy.report.figures.scales import bounds, linear
from eventstudy.report.labels import short_title
from eventstudy.report.numbers import NBSP, Returns, count
from eventstudy.study.result import StudyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
        if len(symbols) == 1:
            _band(axes, _usual(result, event, symbols[0]), hours[1])
        for symbol, colour in colours.items():
            line = path.filter(event_id=event, symbol=symbol)
            axes.plot(line["hours"], line["change"], color=colour)
    return style.to_svg(figure)


def _usual(result: StudyResult, event: str, symbol: str) -> pl.DataFrame:
    """Return the errors of moves after an instant, by the length of the window."""
    held = result.intraday_effects.filter(event_id=event, symbol=symbol)
    return held.drop_nulls("se").sort("minutes")


def _band(axes: "Axes", held: pl.DataFrame, last: float) -> None:
    """Draw how far the price usually moves within so many hours."""
    if held.is_empty():
        return
    hours = np.concatenate([[0.0], held["minutes"].to_numpy() / 60])
    error = np.concatenate([[0.0], 1.96 * held["se"].to_numpy()])
    at = np.linspace(0.0, min(last, float(hours[-1])), 60)
    # Between two windows the variance grows with the time.
    half = np.sqrt(np.interp(at, hours, error**2))
    low, high = (100 * np.expm1(sign * half) for sign in (-1, 1))
    axes.fill_between(at, low, high, color=style.SHADE, lw=0, zorder=0)


def _path(result: StudyResult) -> pl.DataFrame:
    return result.intraday.filter(pl.col("log_change").is_finite()).with_columns(
        hours=pl.col("minutes") / 60, change=Returns("log").column("log_change")
    )


def _is_one(result: StudyResult) -> bool:
    return _path(result)["symbol"].n_unique() == 1


def _alt(_: StudyResult) -> str:
    return "Change of prices in the hours around each announcement"


def _caption(result: StudyResult) -> str:
    left = _path(result)["event_id"].n_unique() - MOST_PANELS
    text = (
        "Change of the price since the last bar before the announcement. "
        "Dotted: the recorded instant; a move before it means that the news was out "
        "earlier, or that something else moved the price."
    )
    if result.intraday_effects["se"].is_not_null().any() and _is_one(result):
        text += " Shaded: 95 % of moves of that length, by the volatility of the day."
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
