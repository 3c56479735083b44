"""The figures that show the whole study; others stand beside their numbers."""

from collections.abc import Iterator

from eventstudy.report.figures import DRAWINGS
from eventstudy.report.section import Section
from eventstudy.report.views import Views


def blocks(views: Views) -> Iterator[str]:
    """Every opening figure that there is data for."""
    opening = [drawing for drawing in DRAWINGS.values() if drawing.opening]
    pictures = [picture for drawing in opening if (picture := views.picture(drawing))]
    yield from pictures or ["There is nothing to draw."]


SECTION = Section(title="Figures", blocks=blocks)
