"""CARs of the first window, events by assets."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl

from eventstudy.report.announced import MANY
from eventstudy.report.effects import level_text
from eventstudy.report.figures import layout, scales, style
from eventstudy.report.figures.drawing import Drawing
from eventstudy.report.figures.layout import EDGE, GAP, LINE, SMALL, WIDTH
from eventstudy.report.labels import (
    CUT,
    alpha_of,
    asset_order,
    headline_ids,
    in_window,
    main_window,
    model_names,
    title_of,
    words_for,
)
from eventstudy.report.numbers import Returns, decimal
from eventstudy.spec import window_text
from eventstudy.study.result import StudyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.figure import Figure

ROW = 17.0  # height
NARROW = 30.0  # column from which on slanted names leave room for numbers
ASSETS = 100.0  # widest name of an asset
EVENTS = 165.0  # widest name of an announcement
APART = 5.0  # from one level name to the next, and from names to the columns
SLANT = math.sin(math.pi / 4)
NUMBER = style.SIZE - 1.0  # size of the text in a cell
_CUT = ("cut", "beyond")
_CUT_WORDS = f"{CUT}: a close is missing at an edge of the window. "
SMALLEST = 8.8  # size that can be read in half the width


def has_data(result: StudyResult) -> bool:
    """Tell whether any observation has a CAR, and days are few enough for a map."""
    return 0 < _cars(result)["day0"].n_unique() <= MANY


@style.house()
def draw(result: StudyResult) -> bytes:
    """Draw the figure as SVG."""
    return style.to_svg(figure(result))


@style.house()
def figure(result: StudyResult) -> "Figure":
    """Draw the CARs of the first model."""
    held = _map(result)
    left = EDGE + layout.widest(held.names, SMALL, bold=True) + 2 * GAP
    heads = [layout.fit(asset, ASSETS, SMALL) for asset in held.assets]
    pitch, angle, letters, head = arrange(heads, WIDTH - left - EDGE)
    wide, high = pitch * len(heads), ROW * len(held.names)
    title, legend = layout.fit(_title(result), wide), EDGE + scales.BAR_HIGH
    scale = scales.linear(title, -held.limit, held.limit, scales.BAR_WIDE)
    page = style.canvas(WIDTH, legend + LINE + high + head + EDGE, "car_heatmap")
    axes = layout.add_axes(page, left, legend + LINE, wide, high)
    image = paint(axes, held, scale, pitch - 3)
    layout.write_rows(
        axes, left - 2 * GAP, held.names, held.bold, ha="right", fontsize=SMALL
    )
    how: dict[str, Any] = {"rotation": angle, "rotation_mode": "anchor"}
    how |= {"fontsize": letters, "va": "center" if angle == 90 else "baseline"}
    for place, text in enumerate(heads):
        x, y = left + pitch * (place + 0.5), axes.bbox.y1 + APART
        across = "left" if angle else "center"
        layout.write(page, x, y, text, ha=across, **how)
    start = left + (wide - scales.BAR_WIDE) / 2
    scales.bar(page, image, scale, start, legend, open_ends=True)
    return page


@style.house()
def into(axes: "Axes", result: StudyResult) -> None:
    """Draw the map into axes of somebody else, names at its left and upper edge."""
    held = _map(result)
    scale = scales.linear("", -held.limit, held.limit, scales.BAR_WIDE)
    room = layout.room_across(axes) / len(held.assets) - 3
    paint(axes, held, scale, room)
    axes.axis("on")
    axes.set_title(_title(result))
    axes.set_xticks([i + 0.5 for i in range(len(held.assets))], held.assets)
    axes.set_yticks([i + 0.5 for i in range(len(held.names))], held.names)
    axes.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
    axes.tick_params(axis="x", labelrotation=90)
    axes.spines[:].set_visible(False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Map:
    """The map: names of rows and columns, which rows are bold, edges of groups.

    limit : CAR in per cent from which on colours stay the same;  alpha : the level
    """

    names: list[str]
    assets: list[str]
    bold: set[int]
    edges: list[int]
    cells: pl.DataFrame
    limit: float
    alpha: float


def _map(result: StudyResult) -> _Map:
    cars = _cars(result)
    held = set(cars["asset"])
    assets = [asset for asset in asset_order(result) if asset in held]
    names = _names(result, cars)
    cells = _cells(Returns(result.spec.returns), cars, [*names], assets)
    groups = [result.spec.group_of(asset) for asset in assets]
    main = set(cars.filter("headline")["day0"])
    return _Map(
        names=[*names.values()],
        assets=assets,
        bold={place for place, day in enumerate(names) if day in main},
        edges=[i for i in range(1, len(groups)) if groups[i] != groups[i - 1]],
        cells=cells,
        limit=float(cells["value"].abs().quantile(0.95, "linear") or 1.0),
        alpha=alpha_of(result),
    )


def _title(result: StudyResult) -> str:
    model = words_for(result, first_model(result))
    return f"CAR{window_text(main_window(result))}, %, model: {model}"


def paint(
    axes: "Axes", held: _Map, scale: scales.Scale, room: float
) -> "PolyCollection":
    """Shade and number the cells, whose texts have so much room; return the shades."""
    size = len(held.names), len(held.assets)
    image = scales.matrix(axes, held.cells, size, scale, "RdBu")
    _number(axes, held.cells, room, held.alpha, held.limit)
    axes.vlines(held.edges, 0, size[0], style.INK, linewidth=1.2)
    return image


def arrange(names: Sequence[str], room: float) -> tuple[float, int, float, float]:
    """Width of columns, and angle, size and height of the names above them.

    The names are level, slanted or upright, as there is room.
    """
    count, longest = len(names), layout.widest(names, SMALL)
    level, reach = room / count, SLANT * (longest + LINE)
    slanted = (room - reach) / (count - 0.5)
    if longest + APART <= level:
        return level, 0, SMALL, APART + LINE
    if slanted >= NARROW:
        # The last name starts in the middle of its column and reaches beyond it.
        return min(level, slanted), 45, SMALL, APART + reach
    size = min(SMALL, level / 1.2)
    return level, 90, size, APART + longest * size / SMALL


def _cars(result: StudyResult) -> pl.DataFrame:
    held = result.cars.filter(
        (pl.col("model") == first_model(result))
        & in_window(main_window(result))
        & pl.col("car").is_finite()
    )
    return held.join(_days(result), on=["event_id", "asset", "model"], how="inner")


def _days(result: StudyResult) -> pl.DataFrame:
    used = result.observations.filter(pl.col("status") == "used")
    return used.select(
        pl.col("observation").alias("event_id"), "asset", "model", "day0"
    ).unique(["event_id", "asset", "model"], keep="first", maintain_order=True)


def _names(result: StudyResult, cars: pl.DataFrame) -> dict[date, str]:
    """Name each day: its first headline announcement, how many more, and the date."""
    chosen = headline_ids(result)
    titles = {r["event_id"]: title_of(r) for r in result.events.to_dicts()}
    days = cars.group_by("day0").agg("event_id").sort("day0")
    years = {day.year for day in days["day0"]}
    written = "%d %b" if len(years) == 1 else "%d %b %y"
    names = {}
    for day, joined in days.iter_rows():
        events = {event for one in joined for event in result.members(one)}
        first, *others = sorted(events, key=lambda e: (e not in chosen, e))
        more = f" +{len(others)}" if others else ""
        title = layout.fit_words(titles.get(first, first), EVENTS, SMALL)
        names[day] = f"{title}{more}, {day:{written}}"
    return names


def first_model(result: StudyResult) -> str:
    """Name of the first model setting that has estimates."""
    held: set[str] = set(result.cars["model"])
    names = [name for name in model_names(result) if name in held]
    return (names or model_names(result))[0]


def _cells(
    shown: Returns, cars: pl.DataFrame, days: list[date], assets: list[str]
) -> pl.DataFrame:
    """Give each CAR, in per cent, its row and column."""
    return (
        cars.filter(pl.col("day0").is_in(days))
        .unique(["day0", "asset"], keep="last", maintain_order=True)
        .with_columns(
            value=shown.column("car"),
            row=pl.col("day0").replace_strict(days, range(len(days))),
            column=pl.col("asset").replace_strict(assets, range(len(assets))),
        )
    )


def _number(
    axes: "Axes", cells: pl.DataFrame, room: float, alpha: float, limit: float
) -> None:
    """Write each CAR in its cell; only marks where even whole numbers do not fit."""
    size = NUMBER
    for places in (1, 0):
        texts = [decimal(value, places) for value in cells["value"]]
        size = min(NUMBER, NUMBER * room / layout.widest(texts, NUMBER, bold=True))
        if size >= SMALLEST:
            break
    else:
        size, texts = NUMBER, [""] * len(texts)
    held = cells.select(
        "row", "column", "value", "pvalue", "pvalue_holm", "covered"
    ).iter_rows()
    how: dict[str, Any] = {"ha": "center", "va": "center_baseline", "fontsize": size}
    for text, (row, column, value, p, holm, covered) in zip(texts, held, strict=True):
        low, adjusted = (one is not None and one < alpha for one in (p, holm))
        shown = f"{text}{'*' if adjusted else ''}{CUT if covered in _CUT else ''}"
        if not text and low:
            shown = f"·{shown}"
        colour = "white" if abs(value) > 0.62 * limit else style.INK
        weight = "bold" if low else "normal"
        place = (column + 0.5, row + 0.5)
        axes.text(*place, shown, color=colour, fontweight=weight, **how)


def _alt(result: StudyResult) -> str:
    return (
        f"Heat map of CAR {window_text(main_window(result))} in per cent, announcement "
        "days by assets"
    )


def _caption(result: StudyResult) -> str:
    cut = not _cars(result).filter(pl.col("covered").is_in(_CUT)).is_empty()
    return (
        f"CAR{window_text(main_window(result))} in per cent, one row per day 0 (first "
        "announcement of the day, number of others, date; bold: headline sample). "
        f"Bold number, or a dot where numbers do not fit: p below {level_text(result)} "
        "on its own. \\*: still below after Holm's correction for all CARs of the "
        f"study. {_CUT_WORDS if cut else ''}White: not estimated. "
        "Pointed ends of the bar: larger CARs have the last colour."
    )


DRAWING = Drawing(
    name="car_heatmap", has_data=has_data, draw=draw, alt=_alt, caption=_caption
)
