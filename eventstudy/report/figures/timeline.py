"""The price over the study's span with its announcements numbered and titled."""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from eventstudy.report.announced import MANY, days_zero, main_dates
from eventstudy.report.figures import layout, scales, style
from eventstudy.report.figures.drawing import Drawing
from eventstudy.report.figures.layout import EDGE, GAP, LINE, SMALL, WIDTH
from eventstudy.report.labels import asset_order, headline_ids, title_of
from eventstudy.report.numbers import count
from eventstudy.study.result import StudyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HIGH = 150.0
_BADGE = 15.0  # height of the numbers above the price
_MARGIN = timedelta(days=30)
_COLUMNS = 2  # of titles below
_MOST_TITLES = 12  # dates


def has_data(result: StudyResult) -> bool:
    """Tell whether an asset has closes around the announcements."""
    return _closes(result).height > 1


def asset_of(result: StudyResult) -> str:
    """Name the asset that is drawn: the first of the study that has closes."""
    held = set(result.closes["symbol"])
    return next((asset for asset in asset_order(result) if asset in held), "")


def _closes(result: StudyResult) -> pl.DataFrame:
    days = [day for held in days_zero(result).values() for day in held]
    if not days:
        return result.closes.clear()
    near = pl.col("date").is_between(min(days) - _MARGIN, max(days) + _MARGIN)
    table = result.closes.filter(pl.col("symbol") == asset_of(result), near)
    return table.filter(pl.col("close").is_finite(), pl.col("close") > 0).sort("date")


@style.house()
def draw(result: StudyResult) -> bytes:
    """Draw the price; above it the numbers of dates, below it their titles."""
    closes = _closes(result)
    dates = _shown_dates(result)
    entries = [_entry(number, rows) for number, rows in enumerate(dates.values(), 1)]
    x = scales.dates(closes["date"][0], closes["date"][-1])
    low, high = closes["close"].min(), closes["close"].max()
    y = scales.logarithmic(
        f"{asset_of(result)} (log scale)", _f(low) / 1.1, _f(high) * 1.1
    )
    lines = -(-len(entries) // _COLUMNS)
    left = scales.room_left([y], _HIGH)
    foot = LINE * lines + (2 * GAP if lines else 0)
    below = scales.room_below(x) + foot
    figure = style.canvas(WIDTH, below + _HIGH + _BADGE + EDGE)
    axes = layout.add_axes(figure, left, below, WIDTH - left - 4 * EDGE, _HIGH)
    scales.put(axes, x, y)
    axes.grid(axis="y")
    paint(axes, result)
    _number(axes, dates)
    for place, text in enumerate(entries):
        column, row = divmod(place, lines)
        room = (WIDTH - left) / _COLUMNS - 2 * GAP
        at = left + column * (room + 2 * GAP), foot - LINE * (row + 1) + EDGE
        shown = layout.fit(text, room, SMALL)
        figure.text(*at, shown, transform=None, va="bottom", fontsize=SMALL)
    title = layout.wrap(y.title, _HIGH)
    how: dict[str, Any] = {"rotation": 90, "va": "center", "transform": None}
    figure.text(EDGE, below + _HIGH / 2, title, multialignment="center", **how)
    return style.to_svg(figure)


def _f(value: Any) -> float:  # noqa: ANN401 - polars types a column's least as anything
    return float(value)


def paint(axes: "Axes", result: StudyResult) -> None:
    """Draw the price, and of many announcements how many each month has."""
    closes = _closes(result)
    axes.plot(scales.days(closes["date"]), closes["close"], color=style.COLOURS[0])
    days = days_zero(result)
    chosen = headline_ids(result)
    if len(days) > MANY:
        _bars(axes, [held[0] for held in days.values()])
        return
    minor = sorted({held[0] for event, held in days.items() if event not in chosen})
    how: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "zorder": 0}
    axes.vlines(scales.days(minor), 0, 0.06, style.MUTED, linewidth=1, **how)


def _bars(axes: "Axes", days: list[date]) -> None:
    """Draw at the foot how many announcements each month has."""
    months = pl.Series("day", days).dt.truncate("1mo").value_counts().sort("day")
    starts = scales.days(months["day"])
    heights = 0.3 * months["count"].to_numpy() / _f(months["count"].max())
    how: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "zorder": 0}
    axes.bar(starts, heights, width=25, align="edge", color=style.PALE, **how)


def _shown_dates(result: StudyResult) -> dict[date, list[Any]]:
    """Dates with a number: those of the headline sample, unless they are many."""
    dates = main_dates(result)
    return dates if len(dates) <= _MOST_TITLES else {}


def _entry(number: int, rows: list[Any]) -> str:
    more = f" +{len(rows) - 1}" if len(rows) > 1 else ""
    return f"{number}  {title_of(rows[0])}{more}"


def _number(axes: "Axes", dates: dict[date, list[Any]]) -> None:
    """Write the numbers above the price, moved apart, with a line at each date."""
    ends = [(day, 1.0) for day in scales.days(dates).tolist()]
    wanted = [float(axes.transData.transform(end)[0]) for end in ends]
    limits = (axes.bbox.x0, axes.bbox.x1)
    places = style.spread_apart(wanted, 13.0, limits)
    top = axes.bbox.y1
    how: dict[str, Any] = {"transform": None, "clip_on": False}
    pairs = zip(wanted, places, strict=True)
    for number, (x, place) in enumerate(pairs, 1):
        line = [x, x, place], [axes.bbox.y0, top, top + 4]
        axes.plot(*line, color=style.MUTED, linewidth=0.7, zorder=0, **how)
        badge = {"boxstyle": "circle,pad=0.15", "fc": style.INK, "ec": "none"}
        look: dict[str, Any] = {"color": "white", "bbox": badge, "fontsize": 7.5}
        gid = f"timeline-{number}"
        axes.text(
            place,
            top + 10,
            str(number),
            ha="center",
            va="center",
            gid=gid,
            **look,
            **how,
        )


def _marks(result: StudyResult) -> dict[str, str]:
    return {
        f"timeline-{number}": f"{day}: " + "; ".join(title_of(row, 120) for row in rows)
        for number, (day, rows) in enumerate(_shown_dates(result).items(), 1)
    }


def _links(result: StudyResult) -> dict[str, str]:
    return {
        f"timeline-{number}": str(rows[0]["event_id"])
        for number, rows in enumerate(_shown_dates(result).values(), 1)
    }


def _alt(result: StudyResult) -> str:
    number = count(len(_shown_dates(result)), "numbered date")
    return f"Price of {asset_of(result)} with {number} of announcements"


def _caption(result: StudyResult) -> str:
    text = f"Close of {asset_of(result)}."
    if _shown_dates(result):
        text += " Numbered: days 0 of the headline sample, with its announcements."
    elif len(main_dates(result)) > _MOST_TITLES:
        text += " The announcements are too many to be named here."
    if len(days_zero(result)) > MANY:
        return f"{text} Bars: announcements a month."
    return f"{text} Short marks at the foot: the other announcements."


DRAWING = Drawing(
    name="timeline",
    has_data=has_data,
    draw=draw,
    alt=_alt,
    caption=_caption,
    marks=_marks,
    links=_links,
)
