"""The averages beside those of other dates of the same assets."""

from collections.abc import Iterator

from eventstudy.report.section import Section
from eventstudy.report.views import Views


def blocks(views: Views) -> Iterator[str]:
    """The histogram of averages at dates drawn at random, the actual one as a line."""
    yield views.figure("placebo")


SECTION = Section(title="Against other dates", blocks=blocks)
