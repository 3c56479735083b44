"""Probability of the turbulent regime, with the announcements marked."""

import polars as pl

from eventstudy.report.figures import timeline
from eventstudy.report.labels import asset_order
from eventstudy.study_result import StudyResult


def has_data(result: StudyResult) -> bool:
    """Tell whether regimes were estimated for any asset."""
    return bool(_panels(result))


def draw(result: StudyResult) -> bytes:
    """Draw the probability of the turbulent regime for every asset."""
    marks = timeline.marks_of(result)
    paint = timeline.share_bands("probability")
    title = "probability of the turbulent regime (full height: 1)"
    return timeline.draw(_panels(result), marks, paint, title)


def _panels(result: StudyResult) -> dict[str, timeline.Lines]:
    table = result.regimes.filter(pl.col("probability").is_finite())
    marks = timeline.marks_of(result)
    return timeline.grouped(result, table, marks, asset_order(result))
