"""Prices around the instant of an announcement, from intraday bars."""

from typing import Any

import polars as pl

from eventstudy.report.figures import style
from eventstudy.study_result import StudyResult

MOST_PANELS = 12


def has_data(result: StudyResult) -> bool:
    """Tell whether intraday bars surround any announcement."""
    return not _path(result).is_empty()


def draw(result: StudyResult) -> bytes:
    """Draw the change of the log price since the last bar before each announcement."""
    path = _path(result)
    events = path["event_id"].unique(maintain_order=True).to_list()[:MOST_PANELS]
    symbols = path["symbol"].unique(maintain_order=True).to_list()
    colours = style.colours(symbols)
    columns = min(3, len(events))
    rows = -(-len(events) // columns)
    with style.canvas(style.WIDTH, 0.7 + 1.9 * rows) as figure:
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes, event in zip(grid.flat, events, strict=False):
            _panel(axes, path.filter(pl.col("event_id") == event), colours)
            axes.set_title(event if len(event) <= 22 else event[:21] + "…")
        for axes in list(grid.flat)[len(events) :]:
            axes.set_visible(False)
        for axes in list(grid.flat)[len(events) - columns : len(events)]:
            axes.tick_params(labelbottom=True)
        figure.supxlabel("hours from the announcement", fontsize=style.SIZE)
        figure.supylabel("change of the log price, %", fontsize=style.SIZE)
        if len(symbols) > 1:
            _legend(figure, colours)
        return style.to_svg(figure)


def _path(result: StudyResult) -> pl.DataFrame:
    return result.intraday.filter(pl.col("log_change").is_finite())


def _panel(axes: Any, path: pl.DataFrame, colours: dict[str, str]) -> None:  # noqa: ANN401
    axes.axhline(0, color=style.MUTED, linewidth=0.8)
    axes.axvline(0, color=style.MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
    for symbol, colour in colours.items():
        line = path.filter(pl.col("symbol") == symbol).sort("minutes")
        axes.plot(line["minutes"] / 60, 100 * line["log_change"], color=colour)


def _legend(figure: Any, colours: dict[str, str]) -> None:  # noqa: ANN401
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=c, label=name) for name, c in colours.items()]
    figure.legend(
        handles=handles, loc="outside upper left", ncols=len(handles), frameon=False
    )
