"""The figures that show the whole study at once: paths, the map of CARs, prices."""

from collections.abc import Iterator

from eventstudy.report.section import Section
from eventstudy.report.views import Views


def blocks(views: Views) -> Iterator[str]:
    """Every one of these figures that there is data for."""
    for name in ("caar", "car_heatmap", "prices"):
        yield views.figure(name)


SECTION = Section(title="Paths, single CARs and prices", blocks=blocks)
