"""Abnormal volume around the announcements, one panel per group."""

from typing import Any

import polars as pl

from eventstudy.report.figures import style, timeline
from eventstudy.report.labels import group_label, groups_of
from eventstudy.study_result import StudyResult


def has_data(result: StudyResult) -> bool:
    """Tell whether there is an average abnormal volume."""
    return not _path(result).is_empty()


def draw(result: StudyResult) -> bytes:
    """Draw the average abnormal log volume per session of the headline sample."""
    path = _path(result)
    groups = [g for g in groups_of(result, path) if g != "all"] or ["all"]
    first, last = result.spec.event_window
    columns = 2 if len(groups) == 4 else min(3, len(groups))
    rows = -(-len(groups) // columns)
    with style.canvas(style.WIDTH, 0.5 + 2.3 * rows) as figure:
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes, group in zip(grid.flat, groups, strict=False):
            of_group = path.filter(pl.col("group") == group).sort("offset")
            _panel(axes, of_group)
            n = max(of_group["n"].drop_nulls(), default=0)
            axes.set_title(f"{group_label(group)} (N = {n})")
            _level_axis(axes, path)
            axes.set_xlim(first - 0.6, last + 0.6)
        for axes in list(grid.flat)[len(groups) :]:
            axes.set_visible(False)
        for axes in list(grid.flat)[len(groups) - columns : len(groups)]:
            axes.tick_params(labelbottom=True)
        figure.supxlabel("sessions from day 0", fontsize=style.SIZE)
        figure.supylabel("volume, times the usual (log scale)", fontsize=style.SIZE)
        return style.to_svg(figure)


def _path(result: StudyResult) -> pl.DataFrame:
    return result.volume_aar.filter(
        (pl.col("sample") == "headline") & pl.col("aar").is_finite()
    )


def _panel(axes: Any, path: pl.DataFrame) -> None:  # noqa: ANN401
    axes.axvline(0, color=style.MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
    axes.axhline(1, color=style.MUTED, linewidth=0.8)
    above = path["aar"].exp() - 1
    axes.bar(path["offset"], above, bottom=1, color=style.COLOURS[0], width=0.75)


def _level_axis(axes: Any, path: pl.DataFrame) -> None:  # noqa: ANN401
    """Give all panels, which share it, a log scale around the usual level."""
    axes.set_axisbelow(True)
    times = path["aar"].exp().to_list()
    timeline.log_axis(axes, min([*times, 0.9]) / 1.06, max([*times, 1.1]) * 1.06)
