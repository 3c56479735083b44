"""Event windows that share sessions."""

from collections.abc import Iterator

import polars as pl

from eventstudy.report import numbers as nb
from eventstudy.report.labels import period_word
from eventstudy.report.section import Section
from eventstudy.report.views import Views
from eventstudy.spec import window_text
from eventstudy.study.result import StudyResult


def blocks(views: Views) -> Iterator[str]:
    """How many observations are concerned, and which announcements."""
    yield overlap_sentence(views.result)
    if picture := views.figure("overlap"):
        yield (f"{picture} By asset: `tables/contamination.csv`.")


def overlap_sentence(result: StudyResult) -> str:
    """Count the observations whose event windows share sessions, per asset at most."""
    rows = result.contamination.filter(pl.col("event_id") != pl.col("other_event_id"))
    word = period_word(result.spec)
    if rows.is_empty():
        return f"No two event windows of one asset share a {word}."
    used = result.observations.filter(pl.col("status") == "used")
    total = used.unique(["observation", "asset"]).height
    touched = rows.unique(["event_id", "asset"]).height
    return (
        f"{touched:,} of {nb.count(total, 'observation')} have an event window "
        f"{window_text(result.spec.event_window)} that shares {word}s with another "
        "one of the same asset: a CAR over such a window holds both announcements."
    )


SECTION = Section(title="Overlapping windows", table="contamination", blocks=blocks)
