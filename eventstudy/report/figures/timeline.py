"""The price over the study's span with its announcements numbered and titled."""

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from eventstudy.report.announced import MANY, days_zero, in_order, main_dates
from eventstudy.report.figures import layout, scales, style
from eventstudy.report.figures.drawing import Drawing
from eventstudy.report.figures.layout import EDGE, GAP, LINE, SMALL, WIDTH
from eventstudy.report.labels import (
    asset_order,
    first_title,
    headline_ids,
    title_of,
)
from eventstudy.report.numbers import NBSP, count
from eventstudy.study.result import StudyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HIGH = 150.0
_BADGE = 17.0  # height of the numbers above the price
_APART = 15.0  # of the numbers
_SMALL = style.SIZE - 1.2  # size of the numbers
_MARGIN = timedelta(days=30)
_MOST_TITLES = 12  # dates
_MOST_ASSETS = 12  # of which the first stands for the study
_FOOT = 0.07  # height of the marks of other announcements, of the panel's


def has_data(result: StudyResult) -> bool:
    """Tell whether an asset has closes around the announcements."""
    return _closes(result).height > 1


def asset_of(result: StudyResult) -> str:
    """Name what is drawn: the first asset with closes, of many assets a benchmark."""
    held = result.closes["symbol"].unique(maintain_order=True).to_list()
    assets = asset_order(result)
    factors = [name for model in result.spec.models for name in model.factors]
    wanted = [*factors, *assets] if len(assets) > _MOST_ASSETS else [*assets, *factors]
    return next((name for name in (*wanted, *held) if name in held), "")


def _closes(result: StudyResult) -> pl.DataFrame:
    days = [day for held in days_zero(result).values() for day in held]
    if not days:
        return result.closes.clear()
    near = pl.col("date").is_between(min(days) - _MARGIN, max(days) + _MARGIN)
    table = result.closes.filter(pl.col("symbol") == asset_of(result), near)
    return table.filter(pl.col("close").is_finite(), pl.col("close") > 0).sort("date")


@style.house()
def draw(result: StudyResult) -> bytes:
    """Draw the figure as SVG."""
    return style.to_svg(figure(result))


@style.house()
def figure(result: StudyResult) -> "Figure":
    """Draw the price; above it the numbers of dates, below it their titles."""
    dates = _shown_dates(result)
    x, y = _scales(result)
    left = scales.room_left([y], _HIGH)
    width = WIDTH - left - 4 * EDGE
    entries = _entries(dates)
    stops = _stops(entries)
    widest = stops[-1] + layout.widest([title for *_, title in entries], SMALL)
    columns = 2 if widest <= width / 2 - 2 * GAP else 1
    lines = -(-len(entries) // columns)
    foot = LINE * lines + (2 * GAP if lines else 0)
    below = scales.room_below(x) + foot
    page = style.canvas(WIDTH, below + _HIGH + _BADGE + EDGE, "timeline")
    axes = layout.add_axes(page, left, below, width, _HIGH)
    scales.put(axes, x, y)
    axes.grid(axis="y")
    paint(axes, result)
    for place, entry in enumerate(entries):
        column, row = divmod(place, lines)
        start, up = left + column * width / 2, foot - LINE * (row + 1) + EDGE
        room = width / columns - 2 * GAP - stops[-1]
        texts = (*entry[:2], layout.fit(entry[2], room, SMALL))
        looks: tuple[dict[str, Any], ...] = (
            {"weight": "bold"},
            {"color": style.MUTED},
            {},
        )
        for stop, text, look in zip(stops, texts, looks, strict=True):
            how: dict[str, Any] = {"va": "bottom", "fontsize": SMALL, **look}
            layout.write(page, start + stop, up, text, **how)
    title = layout.wrap(y.title, _HIGH)
    upright: dict[str, Any] = {"rotation": 90, "va": "center", "ha": "left"}
    middle = below + _HIGH / 2
    layout.write(page, EDGE, middle, title, multialignment="center", **upright)
    return page


@style.house()
def into(axes: "Axes", result: StudyResult) -> None:
    """Draw the price and the numbers into axes of somebody else."""
    x, y = _scales(result)
    scales.put(axes, x, y)
    axes.set_ylabel(y.title)
    paint(axes, result)


def _scales(result: StudyResult) -> tuple[scales.Scale, scales.Scale]:
    closes = _closes(result)
    low, high = _f(closes["close"].min()) / 1.1, _f(closes["close"].max()) * 1.1
    y = scales.logarithmic(f"{asset_of(result)}, log{NBSP}scale", low, high)
    ticks = {tick: f"{tick:,g}" for tick in y.ticks}
    return scales.dates(closes["date"][0], closes["date"][-1]), replace(y, ticks=ticks)


def _f(value: Any) -> float:  # noqa: ANN401 - polars types a column's least as anything
    return float(value)


def paint(axes: "Axes", result: StudyResult) -> None:
    """Draw the price and its dates; of many announcements how many a month has."""
    closes = _closes(result)
    axes.plot(scales.days(closes["date"]), closes["close"], color=style.COLOURS[0])
    days = days_zero(result)
    if len(days) > MANY:
        _bars(axes, [held[0] for held in days.values()])
    else:
        for number, (day, _) in enumerate(_minor(result).items()):
            at = [*scales.days([day])] * 2
            how: dict[str, Any] = {"transform": axes.get_xaxis_transform()}
            look: dict[str, Any] = {"color": style.MUTED, "lw": 1.4}
            axes.plot(at, [0, _FOOT], gid=f"timeline-minor-{number}", **look, **how)
    _number(axes, closes, _shown_dates(result))


def _minor(result: StudyResult) -> dict[date, list[Any]]:
    """The announcements beside the headline sample, by their first day 0."""
    chosen, days = headline_ids(result), days_zero(result)
    found: dict[date, list[Any]] = {}
    for row in in_order(result):
        if row["event_id"] not in chosen and row["event_id"] in days:
            found.setdefault(days[row["event_id"]][0], []).append(row)
    return dict(sorted(found.items()))


def _bars(axes: "Axes", days: list[date]) -> None:
    """Draw at the foot how many announcements each month has."""
    months = pl.Series("day", days).dt.truncate("1mo").value_counts().sort("day")
    starts = scales.days(months["day"])
    heights = 0.3 * months["count"].to_numpy() / _f(months["count"].max())
    how: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "zorder": 0}
    held = axes.bar(starts, heights, width=25, align="edge", color=style.PALE, **how)
    for number, bar in enumerate(held):
        bar.set_gid(f"timeline-month-{number}")


def _shown_dates(result: StudyResult) -> dict[date, list[Any]]:
    """Dates with a number: those of the headline sample, unless they are many."""
    dates = main_dates(result)
    return dates if len(dates) <= _MOST_TITLES else {}


def _entries(dates: dict[date, list[Any]]) -> list[tuple[str, str, str]]:
    """Number, day and words of each date."""
    return [
        (str(number), f"{day.day} {day:%b}", first_title(rows))
        for number, (day, rows) in enumerate(dates.items(), 1)
    ]


def _stops(entries: list[tuple[str, str, str]]) -> tuple[float, float, float]:
    """Where the number, the day and the words of an entry begin."""
    numbers = layout.widest([number for number, *_ in entries], SMALL, bold=True)
    days = layout.widest([day for _, day, _ in entries], SMALL)
    return 0.0, numbers + 2 * GAP, numbers + days + 4 * GAP


def _number(axes: "Axes", closes: pl.DataFrame, dates: dict[date, list[Any]]) -> None:
    """Mark dates on the price, their numbers above it, moved apart."""
    if not dates:
        return
    from matplotlib.transforms import Affine2D, blended_transform_factory

    low, high = axes.get_xlim()
    wide = (high - low) / layout.room_across(axes)  # days a point
    at = scales.days(dates).tolist()
    places = style.spread_apart(at, _APART * wide, (low, high))
    up = Affine2D().scale(1 / layout.room_up(axes)) + axes.transAxes
    above = blended_transform_factory(axes.transData, up)  # days, and points
    top = layout.room_up(axes)
    prices = closes.sort("date")
    for number, (day, x, place) in enumerate(zip(dates, at, places, strict=True), 1):
        how: dict[str, Any] = {"transform": above, "clip_on": False}
        line: dict[str, Any] = {"color": style.MUTED, "linewidth": 0.7, "zorder": 0}
        axes.plot([x, x, place], [0, top, top + 3], **line, **how)
        held = prices.filter(pl.col("date") <= day)["close"]
        if len(held):
            axes.plot(x, held[-1], "o", ms=5, color=style.INK)
        badge = {"boxstyle": "circle,pad=0.12", "fc": style.INK, "ec": "none"}
        look: dict[str, Any] = {"color": "white", "bbox": badge, "fontsize": _SMALL}
        look |= {"ha": "center", "va": "center", "gid": f"timeline-{number}"}
        axes.text(place, top + 10, str(number), **look, **how)


def _months(result: StudyResult) -> dict[str, str]:
    days = [held[0] for held in days_zero(result).values()]
    months = pl.Series("day", days).dt.truncate("1mo").value_counts().sort("day")
    return {
        f"timeline-month-{number}": f"{day:%B %Y}: {count(n, 'announcement')}"
        for number, (day, n) in enumerate(months.iter_rows())
    }


def _marks(result: StudyResult) -> dict[str, str]:
    if len(days_zero(result)) > MANY:
        minor = _months(result)
    else:
        held = enumerate(_minor(result).items())
        minor = {f"timeline-minor-{n}": _said(*entry) for n, entry in held}
    shown = enumerate(_shown_dates(result).items(), 1)
    return {f"timeline-{n}": _said(*entry) for n, entry in shown} | minor


def _said(day: date, rows: list[Any]) -> str:
    return f"{day}: " + "; ".join(title_of(row, 120) for row in rows)


def _links(result: StudyResult) -> dict[str, str]:
    shown = enumerate(_shown_dates(result).values(), 1)
    found = {f"timeline-{n}": str(rows[0]["event_id"]) for n, rows in shown}
    if len(days_zero(result)) <= MANY:
        for n, rows in enumerate(_minor(result).values()):
            found[f"timeline-minor-{n}"] = str(rows[0]["event_id"])
    return found


def _alt(result: StudyResult) -> str:
    shown = len(_shown_dates(result))
    what = f"{count(shown, 'numbered date')} of" if shown else "the number of"
    return f"Price of {asset_of(result)} with {what} announcements"


def _caption(result: StudyResult) -> str:
    text = f"Close of {asset_of(result)}, log scale."
    if _shown_dates(result):
        text += (
            " Numbered: days 0 of the headline sample, its announcements named below."
        )
    elif len(main_dates(result)) > _MOST_TITLES:
        text += " The announcements are too many to be named here."
    if len(days_zero(result)) > MANY:
        return f"{text} Bars: announcements a month."
    if _minor(result):
        text += " Short marks at the foot: the other announcements."
    return text


DRAWING = Drawing(
    name="timeline",
    has_data=has_data,
    draw=draw,
    alt=_alt,
    caption=_caption,
    marks=_marks,
    links=_links,
    placed=True,
)
