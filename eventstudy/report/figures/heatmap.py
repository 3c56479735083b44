"""CARs of the first window, events by assets."""

import math
from datetime import date
from typing import Any

import polars as pl

from eventstudy.report.figures import style
from eventstudy.report.labels import (
    alpha_of,
    asset_order,
    headline_ids,
    in_window,
    label,
    main_window,
    model_names,
)
from eventstudy.report.numbers import decimal
from eventstudy.spec import window_text
from eventstudy.study_result import StudyResult

MOST_ROWS = 60


def has_data(result: StudyResult) -> bool:
    """Tell whether any observation has a CAR."""
    return not _cars(result).is_empty()


def draw(result: StudyResult) -> bytes:
    """Draw the CARs of the first model."""
    model = first_model(result)
    cars = _cars(result)
    rows = cars["day0"].unique().sort().to_list()[:MOST_ROWS]
    held = set(cars["asset"])
    assets = [asset for asset in asset_order(result) if asset in held]
    cells = {(row["day0"], row["asset"]): row for row in cars.iter_rows(named=True)}
    with style.canvas(style.WIDTH, 1.35 + 0.235 * len(rows)) as figure:
        axes = figure.subplots()
        image = _paint(axes, rows, assets, cells, alpha_of(result))
        _asset_axis(axes, result, assets)
        names = [f"{_names(result, cars, day)}  {day:%d %b %y}" for day in rows]
        axes.set_yticks([i + 0.5 for i in range(len(rows))], names)
        bar = figure.colorbar(image, ax=axes, location="bottom", shrink=0.5, pad=0.01)
        bar.outline.set_visible(False)
        window = window_text(main_window(result))
        bar.ax.set_xlabel(f"CAR{window}, %, model: {label(model)}")
        return style.to_svg(figure)


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


def _names(result: StudyResult, cars: pl.DataFrame, day: date) -> str:
    """Name the announcements of a day: the first of the headline, how many more."""
    joined = cars.filter(pl.col("day0") == day)["event_id"]
    events: set[str] = {event for names in joined for event in names.split("+")}
    first, *others = sorted(events, key=lambda e: (e not in headline_ids(result), e))
    more = f" +{len(others)}" if others else ""
    return (first if len(first) <= 18 else first[:17] + "…") + more


def first_model(result: StudyResult) -> str:
    """Name of the first model setting that has estimates."""
    held: set[str] = set(result.cars["model"])
    names = [name for name in model_names(result) if name in held]
    return (names or model_names(result))[0]


def _paint(
    axes: Any,  # noqa: ANN401 - matplotlib is imported inside functions
    rows: list[date],
    assets: list[str],
    cells: dict[tuple[date, str], dict[str, Any]],
    alpha: float,
) -> Any:  # noqa: ANN401
    import numpy as np

    grid = np.full((len(rows), len(assets)), np.nan)
    for row, day in enumerate(rows):
        for column, asset in enumerate(assets):
            if cell := cells.get((day, asset)):
                grid[row, column] = 100 * cell["car"]
    limit = float(np.nanquantile(np.abs(grid), 0.95)) or 1.0
    image = axes.pcolormesh(
        grid, cmap="RdBu", vmin=-limit, vmax=limit, edgecolors="white", linewidth=1.5
    )
    for (row, column), value in np.ndenumerate(grid):
        if math.isnan(value):
            continue
        cell = cells[rows[row], assets[column]]
        shade = abs(value) > 0.62 * limit
        axes.text(
            column + 0.5,
            row + 0.5,
            _cell_text(value, cell, alpha),
            ha="center",
            va="center",
            color="white" if shade else style.INK,
            fontsize=style.SIZE - 1.5,
            fontweight="bold" if _below(cell["pvalue_holm"], alpha) else "normal",
        )
    return image


def _cell_text(value: float, cell: dict[str, Any], alpha: float) -> str:
    places = 0 if abs(value) >= 9.95 else 1
    text = decimal(value, places)
    return f"{text}*" if _below(cell["pvalue"], alpha) else text


def _below(pvalue: float | None, alpha: float) -> bool:
    return pvalue is not None and pvalue < alpha


def _asset_axis(axes: Any, result: StudyResult, assets: list[str]) -> None:  # noqa: ANN401
    axes.invert_yaxis()
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    rotation = 0 if len(assets) <= 6 else 45
    axes.set_xticks(
        [i + 0.5 for i in range(len(assets))],
        assets,
        rotation=rotation,
        ha="left" if rotation else "center",
    )
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    for edge in range(1, len(assets)):
        group, before = (result.spec.group_of(assets[i]) for i in (edge, edge - 1))
        if group != before:
            axes.axvline(edge, color=style.INK, linewidth=1.2)
