"""Conditional volatility over time, with the announcements marked."""

import polars as pl

from eventstudy.report.figures import timeline
from eventstudy.report.labels import asset_order
from eventstudy.study_result import StudyResult


def has_data(result: StudyResult) -> bool:
    """Tell whether a GARCH model was fitted to any asset."""
    return bool(_panels(result))


def draw(result: StudyResult) -> bytes:
    """Draw the fitted standard deviation of every asset."""
    marks = timeline.marks_of(result)
    paint = timeline.log_lines("percent")
    title = "conditional standard deviation, % a session (log scale)"
    return timeline.draw(_panels(result), marks, paint, title)


def _panels(result: StudyResult) -> dict[str, timeline.Lines]:
    table = result.conditional.filter(
        (pl.col("sd") > 0) & pl.col("sd").is_finite()
    ).with_columns(percent=100 * pl.col("sd"))
    marks = timeline.marks_of(result)
    return timeline.grouped(result, table, marks, asset_order(result))
