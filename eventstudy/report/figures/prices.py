"""Indexed prices, one panel per group, with the announcements marked."""

import polars as pl

from eventstudy.report.figures import timeline
from eventstudy.report.labels import asset_order
from eventstudy.study_result import StudyResult


def has_data(result: StudyResult) -> bool:
    """Tell whether there are prices around announcements."""
    return bool(_panels(result))


def draw(result: StudyResult) -> bytes:
    """Draw the prices of all assets."""
    marks = timeline.marks_of(result)
    title = "price, first day shown = 100 (log scale)"
    return timeline.draw(_panels(result), marks, timeline.log_lines("index"), title)


def _panels(result: StudyResult) -> dict[str, timeline.Lines]:
    closes = result.closes.filter(
        (pl.col("close") > 0) & pl.col("close").is_finite()
    ).rename({"symbol": "asset"})
    marks = timeline.marks_of(result)
    panels = timeline.grouped(result, closes, marks, asset_order(result))
    index = 100 * pl.col("close") / pl.col("close").first()
    return {
        group: {a: line.with_columns(index=index) for a, line in lines.items()}
        for group, lines in panels.items()
    }
