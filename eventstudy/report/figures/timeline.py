"""Panels over calendar time, one per group, with the announcements marked."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

import polars as pl

from eventstudy.report.figures import style
from eventstudy.report.labels import headline_ids, label
from eventstudy.study_result import StudyResult

MARGIN = timedelta(days=45)  # shown before the first and after the last day 0
MOST_LABELS = 16

Marks = dict[date, tuple[list[str], bool]]
Lines = dict[str, pl.DataFrame]  # asset -> date, value
Paint = Callable[[Any, Lines], None]


def draw(panels: Mapping[str, Lines], marks: Marks, paint: Paint, title: str) -> bytes:
    """Draw one panel per group; ``paint`` fills a panel's axes with its lines.

    panels : group -> asset -> frame with ``date``;  title : of the value axis
    """
    heights = [1.0 if len(lines) == 1 else 1.35 for lines in panels.values()]
    labels = _mark_texts(marks)
    head = 0.35 + 0.042 * max(map(len, labels.values()), default=0)
    with style.canvas(style.WIDTH, 0.7 + head + 2.1 * sum(heights)) as figure:
        top, *grid = figure.subplots(
            len(panels) + 1, 1, sharex=True, height_ratios=[head / 2.1, *heights]
        )
        for axes, (group, lines) in zip(grid, panels.items(), strict=True):
            paint(axes, lines)
            _mark_days(axes, marks)
            axes.text(
                0.01,
                0.04,
                label(group),
                transform=axes.transAxes,
                fontweight="bold",
                bbox={
                    "facecolor": "white",
                    "edgecolor": "none",
                    "pad": 1.5,
                    "alpha": 0.85,
                },
            )
        grid[-1].set_xlim(*_ends(panels))
        _mark_labels(top, labels)
        _date_axis(grid[-1])
        figure.supylabel(title, fontsize=style.SIZE)
        return style.to_svg(figure)


def grouped(
    result: StudyResult, table: pl.DataFrame, marks: Marks, assets: list[str]
) -> dict[str, Lines]:
    """Cut a table with ``asset`` and ``date`` into lines around the announcements."""
    if not marks:
        return {}
    shown = table.filter(
        pl.col("date").is_between(min(marks) - MARGIN, max(marks) + MARGIN)
    ).sort("date")
    panels: dict[str, Lines] = {}
    for asset in assets:
        line = shown.filter(pl.col("asset") == asset)
        if line.height > 1:
            panels.setdefault(result.spec.group_of(asset), {})[asset] = line
    return panels


def log_lines(column: str) -> Paint:
    """Paint a column of positive values on a log scale."""

    def paint(axes: Any, lines: Lines) -> None:  # noqa: ANN401
        held = [float(value) for line in lines.values() for value in line[column]]
        log_axis(axes, min(held) / 1.08, max(held) * 1.08)
        _plot(axes, lines, column)

    return paint


def share_bands(column: str) -> Paint:
    """Paint a column of probabilities, one band per asset, full height for one."""

    def paint(axes: Any, lines: Lines) -> None:  # noqa: ANN401
        for place, line in enumerate(reversed(lines.values())):
            top = place + 0.85 * line[column].to_numpy()
            colour = style.COLOURS[0]
            # Below the announcements' lines, which are below all else.
            axes.fill_between(
                line["date"], place, top, color=colour, linewidth=0, zorder=-1
            )
        axes.set_ylim(-0.17 * len(lines), len(lines))
        axes.set_yticks([place + 0.4 for place in range(len(lines))], [*lines][::-1])
        axes.tick_params(axis="y", length=0)

    return paint


def _plot(axes: Any, lines: Lines, column: str) -> None:  # noqa: ANN401
    colours = style.colours(list(lines))
    for asset, line in lines.items():
        axes.plot(line["date"], line[column], color=colours[asset], linewidth=1.3)
    last = max(line["date"][-1] for line in lines.values())
    ends = {asset: float(line[column][-1]) for asset, line in lines.items()}
    _end_labels(axes, ends, colours, last)


def log_axis(axes: Any, low: float, high: float) -> None:  # noqa: ANN401
    """Give the value axis a log scale with few round numbers."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.set_yscale("log")
    axes.set_ylim(low, high)
    axes.set_yticks(log_ticks(low, high))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="y", which="minor", length=0)
    axes.grid(axis="y", color=style.FAINT, linewidth=0.6)


def _end_labels(
    axes: Any,  # noqa: ANN401
    ends: Mapping[str, float],
    colours: Mapping[str, str],
    last: date,
) -> None:
    """Name lines at their right ends, moved apart; ``ends`` are values on the axis."""
    low, high = (float(v) for v in axes.get_ylim())
    scale = axes.yaxis.get_transform().transform
    inverse = axes.yaxis.get_transform().inverted().transform
    bottom, top = float(scale(low)), float(scale(high))
    # Text is about 13 pt high; a panel about 110 pt.
    gap = 0.115 * (top - bottom)
    wanted = [float(scale(max(value, low))) for value in ends.values()]
    heights = style.spread_apart(wanted, gap)
    lift = max(0.0, bottom + gap / 2 - min(heights))
    for asset, height in zip(ends, heights, strict=True):
        axes.annotate(
            asset,
            (last, float(inverse(height + lift))),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            color=colours[asset],
            annotation_clip=False,
        )


def marks_of(result: StudyResult) -> Marks:
    """Day 0 -> its announcements, headline ones first, and whether there are any."""
    used = result.observations.filter(pl.col("status") == "used")
    days = used.group_by("event_id").agg(pl.col("day0").max())
    chosen = headline_ids(result)
    marks: Marks = {}
    ordered = days.sort("day0", "event_id").iter_rows()
    for event, day in sorted(ordered, key=lambda row: row[0] not in chosen):
        names, headline = marks.get(day, ([], False))
        marks[day] = ([*names, event], headline or event in chosen)
    return dict(sorted(marks.items()))


def _mark_days(axes: Any, marks: Marks) -> None:  # noqa: ANN401
    for day, (_, headline) in marks.items():
        axes.axvline(
            day,
            color=style.PALE if headline else style.FAINT,
            linewidth=0.9 if headline else 0.7,
            linestyle="-" if headline else (0, (1, 2)),
            zorder=0,
        )


def _ends(panels: Mapping[str, Lines]) -> tuple[date, date]:
    lines = [line["date"] for lines in panels.values() for line in lines.values()]
    margin = timedelta(days=4)
    return min(d[0] for d in lines) - margin, max(d[-1] for d in lines) + margin


_STEPS = (
    tuple(step / 10 for step in range(10, 100)),
    (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9),
    (1, 1.5, 2, 3, 4, 6, 8),
    (1, 2, 3, 5),
    (1, 2, 5),
    (1, 3),
    (1,),
)


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers between two bounds, about six at most."""
    ticks: list[float] = []
    for steps in _STEPS:
        powers = (10.0**power for power in range(-3, 9))
        ticks = [step * power for power in powers for step in steps]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) <= 6:
            break
    return ticks


def _mark_texts(marks: Marks) -> dict[date, str]:
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
