"""Indexed prices, one panel per group, with the announcements marked."""

from datetime import date, timedelta
from typing import Any

import polars as pl

from eventstudy.report.figures import style
from eventstudy.report.labels import asset_order, headline_ids, label
from eventstudy.study_result import StudyResult

MARGIN = timedelta(days=45)  # shown before the first and after the last day 0
MOST_LABELS = 16


def has_data(result: StudyResult) -> bool:
    """Tell whether there are prices around announcements."""
    return bool(_panels(result, _marks(result)))


def draw(result: StudyResult) -> bytes:
    """Draw the prices of all assets."""
    marks = _marks(result)
    panels = _panels(result, marks)
    heights = [1.0 if len(lines) == 1 else 1.35 for lines in panels.values()]
    labels = _mark_texts(marks)
    head = 0.35 + 0.042 * max(map(len, labels.values()), default=0)
    with style.canvas(style.WIDTH, 0.7 + head + 2.1 * sum(heights)) as figure:
        top, *grid = figure.subplots(
            len(panels) + 1,
            1,
            sharex=True,
            height_ratios=[head / 2.1, *heights],
        )
        for axes, (group, lines) in zip(grid, panels.items(), strict=True):
            _panel(axes, group, lines)
            for day, (_, headline) in marks.items():
                axes.axvline(
                    day,
                    color=style.PALE if headline else style.FAINT,
                    linewidth=0.9 if headline else 0.7,
                    linestyle="-" if headline else (0, (1, 2)),
                    zorder=0,
                )
        grid[-1].set_xlim(*_ends(panels))
        _mark_labels(top, labels)
        _date_axis(grid[-1])
        figure.supylabel(
            "price, first day shown = 100 (log scale)", fontsize=style.SIZE
        )
        return style.to_svg(figure)


def _marks(result: StudyResult) -> dict[date, tuple[list[str], bool]]:
    used = result.observations.filter(pl.col("status") == "used")
    days = used.group_by("event_id").agg(pl.col("day0").max())
    chosen = headline_ids(result)
    marks: dict[date, tuple[list[str], bool]] = {}
    ordered = days.sort("day0", "event_id").iter_rows()
    for event, day in sorted(ordered, key=lambda row: row[0] not in chosen):
        names, headline = marks.get(day, ([], False))
        marks[day] = ([*names, event], headline or event in chosen)
    return dict(sorted(marks.items()))


def _panels(
    result: StudyResult, marks: dict[date, tuple[list[str], bool]]
) -> dict[str, dict[str, pl.DataFrame]]:
    if not marks:
        return {}
    shown = result.closes.filter(
        pl.col("date").is_between(min(marks) - MARGIN, max(marks) + MARGIN)
        & (pl.col("close") > 0)
    ).sort("date")
    panels: dict[str, dict[str, pl.DataFrame]] = {}
    for asset in asset_order(result):
        line = shown.filter(pl.col("symbol") == asset)
        if line.height > 1:
            indexed = line.with_columns(index=100 * pl.col("close") / line["close"][0])
            panels.setdefault(result.spec.group_of(asset), {})[asset] = indexed
    return panels


def _ends(panels: dict[str, dict[str, pl.DataFrame]]) -> tuple[date, date]:
    lines = [line["date"] for lines in panels.values() for line in lines.values()]
    margin = timedelta(days=4)
    return min(d[0] for d in lines) - margin, max(d[-1] for d in lines) + margin


def _panel(axes: Any, group: str, lines: dict[str, pl.DataFrame]) -> None:  # noqa: ANN401
    import numpy as np
    from matplotlib.ticker import FuncFormatter, NullFormatter

    colours = style.colours(list(lines))
    last = max(line["date"][-1] for line in lines.values())
    values = np.concatenate([line["index"].to_numpy() for line in lines.values()])
    low, high = values.min() / 1.08, values.max() * 1.08
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    ticks = _log_ticks(low, high)
    axes.set_yticks(ticks)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="y", which="minor", length=0)
    axes.grid(axis="y", color=style.FAINT, linewidth=0.6)
    for asset, line in lines.items():
        axes.plot(line["date"], line["index"], color=colours[asset], linewidth=1.3)
    ends = [(a, float(np.log(line["index"][-1]))) for a, line in lines.items()]
    # Text is about 13 pt high; a panel about 110 pt.
    gap = 0.115 * float(np.log(high / low))
    heights = style.spread_apart([height for _, height in ends], gap)
    lift = max(0.0, float(np.log(low)) + gap / 2 - min(heights))
    for (asset, _), height in zip(ends, heights, strict=True):
        axes.annotate(
            asset,
            (last, float(np.exp(height + lift))),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            color=colours[asset],
            annotation_clip=False,
        )
    axes.text(
        0.01,
        0.04,
        label(group),
        transform=axes.transAxes,
        fontweight="bold",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5, "alpha": 0.85},
    )


_STEPS = (
    tuple(step / 10 for step in range(10, 100)),
    (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9),
    (1, 1.5, 2, 3, 4, 6, 8),
    (1, 2, 3, 5),
    (1, 2, 5),
    (1, 3),
    (1,),
)


def _log_ticks(low: float, high: float) -> list[float]:
    """Round numbers between two bounds, about six at most."""
    ticks: list[float] = []
    for steps in _STEPS:
        powers = (10.0**power for power in range(-3, 9))
        ticks = [step * power for power in powers for step in steps]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) <= 6:
            break
    return ticks


def _mark_texts(marks: dict[date, tuple[list[str], bool]]) -> dict[date, str]:
    """Text of each labelled day: its first announcement, and how many more."""
    shown = {day: names for day, (names, headline) in marks.items() if headline}
    if len(shown) > MOST_LABELS:
        return {}
    more = {day: f" +{len(n) - 1}" if len(n) > 1 else "" for day, n in shown.items()}
    return {day: names[0][:24] + more[day] for day, names in shown.items()}


def _mark_labels(axes: Any, labels: dict[date, str]) -> None:  # noqa: ANN401
    from matplotlib.dates import date2num

    axes.axis("off")
    axes.set_ylim(0, 1)
    left, right = axes.get_xlim()
    wanted = [float(date2num(day)) for day in labels]  # type: ignore[no-untyped-call]
    # A line of text takes about 14 of the 440 points between the axes' ends.
    places = style.spread_apart(wanted, 14 / 440 * (right - left))
    for text, x, place in zip(labels.values(), wanted, places, strict=True):
        axes.plot([x, place], [0, 0.17], color=style.PALE, linewidth=0.9)
        axes.text(place, 0.21, text, rotation=90, ha="center", va="bottom")


def _date_axis(axes: Any) -> None:  # noqa: ANN401
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(formatter)
