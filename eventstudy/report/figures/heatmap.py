"""CARs of the first window, events by assets."""

import math
from collections.abc import Sequence
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

ROW = 17.0  # height
NARROW = 17.0  # column above which slanted names touch
ASSETS = 100.0  # widest name of an asset
EVENTS = 190.0  # widest name of an announcement
APART = 5.0  # from one level name to the next, and from names to the columns
SLANT = math.sin(math.pi / 4)
NUMBER = style.SIZE - 1.5  # size of the text in a cell
_CUT = ("cut", "beyond")
_CUT_WORDS = f"{CUT}: a close is missing at an edge of the window. "
SMALLEST = 5.5  # size that can be read


def has_data(result: StudyResult) -> bool:
    """Tell whether any observation has a CAR, and days are few enough for a map."""
    return 0 < _cars(result)["day0"].n_unique() <= MANY


@style.house()
def draw(result: StudyResult) -> bytes:
    """Draw the CARs of the first model."""
    cars = _cars(result)
    held = set(cars["asset"])
    assets = [asset for asset in asset_order(result) if asset in held]
    names = _names(result, cars)
    left = EDGE + layout.widest(names.values(), SMALL, bold=True) + 2 * GAP
    heads = [layout.fit(asset, ASSETS, SMALL) for asset in assets]
    pitch, angle, letters, head = arrange(heads, WIDTH - left - EDGE)
    wide, high = pitch * len(assets), ROW * len(names)
    title = f"CAR{window_text(main_window(result))}, %, model: "
    title += words_for(result, first_model(result))
    title, legend = layout.fit(title, wide), EDGE + scales.BAR_HIGH
    shown = Returns(result.spec.returns)
    cells = _cells(shown, cars, [*names], assets)
    limit = float(cells["value"].abs().quantile(0.95, "linear") or 1.0)
    scale = scales.linear(title, -limit, limit, scales.BAR_WIDE)
    figure = style.canvas(WIDTH, legend + LINE + high + head + EDGE)
    axes = layout.add_axes(figure, left, legend + LINE, wide, high)
    image = scales.matrix(axes, cells, (len(names), len(assets)), scale, "RdBu")
    _number(axes, cells, pitch - 3, alpha_of(result), limit)
    groups = [result.spec.group_of(asset) for asset in assets]
    edges = [i for i in range(1, len(groups)) if groups[i] != groups[i - 1]]
    axes.vlines(edges, 0, len(names), style.INK, linewidth=1.2)
    said = [*names.values()]
    main = set(cars.filter("headline")["day0"])
    bold = {place for place, day in enumerate(names) if day in main}
    layout.write_rows(axes, left - 2 * GAP, said, bold, ha="right", fontsize=SMALL)
    how: dict[str, Any] = {"rotation": angle, "rotation_mode": "anchor"}
    how |= {"fontsize": letters, "va": "center" if angle == 90 else "baseline"}
    for place, text in enumerate(heads):
        x, y = left + pitch * (place + 0.5), axes.bbox.y1 + APART
        across = "left" if angle else "center"
        axes.text(x, y, text, transform=None, ha=across, **how)
    start = left + (wide - scales.BAR_WIDE) / 2
    scales.bar(figure, image, scale, start, legend, open_ends=True)
    return style.to_svg(figure)


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
    names = {}
    for day, joined in days.iter_rows():
        events = {event for one in joined for event in result.members(one)}
        first, *others = sorted(events, key=lambda e: (e not in chosen, e))
        more = f" +{len(others)}" if others else ""
        title = layout.fit(titles[first], EVENTS, SMALL)
        names[day] = f"{title}{more}  {day:%d %b %y}"
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
    """Write each CAR in its cell; only its star where the column is too narrow."""
    stars = [
        ("*" if p is not None and p < alpha else "") + (CUT if covered in _CUT else "")
        for p, covered in cells.select("pvalue", "covered").iter_rows()
    ]
    rounded = [decimal(v, 0 if abs(v) >= 9.95 else 1) for v in cells["value"]]
    texts = [number + star for number, star in zip(rounded, stars, strict=True)]
    longest = max(map(len, texts))
    long = {text for text in texts if len(text) > longest - 2}
    size = min(NUMBER, NUMBER * room / layout.widest(long, NUMBER, bold=True))
    if size < SMALLEST:
        size, texts = NUMBER, stars
    held = cells.select("row", "column", "value", "pvalue_holm").iter_rows()
    how: dict[str, Any] = {"ha": "center", "va": "center_baseline", "fontsize": size}
    for text, (row, column, value, holm) in zip(texts, held, strict=True):
        colour = "white" if abs(value) > 0.62 * limit else style.INK
        weight = "bold" if holm is not None and holm < alpha else "normal"
        place = (column + 0.5, row + 0.5)
        axes.text(*place, text, color=colour, fontweight=weight, **how)


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
        f"\\*: p below {level_text(result)} on its own. Bold number: still below after "
        "Holm's correction for all CARs of the study. "
        f"{_CUT_WORDS if cut else ''}White: not estimated. "
        "Pointed ends of the bar: larger CARs have the last colour."
    )


DRAWING = Drawing(
    name="car_heatmap", has_data=has_data, draw=draw, alt=_alt, caption=_caption
)
