"""The figures that no other section shows: paths, the map of CARs, prices."""

from collections.abc import Iterator

from eventstudy.report.figures import DRAWINGS
from eventstudy.report.section import Section
from eventstudy.report.views import Views


def blocks(views: Views) -> Iterator[str]:
    """Every one of these figures that there is data for."""
    for drawing in DRAWINGS.values():
        if not drawing.placed:
            yield drawing.picture(views.result)


SECTION = Section(title="Paths, single CARs and prices", blocks=blocks)
