"""What a report can be written as: one entry for each format, with its files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from eventstudy.core.errors import SpecError
from eventstudy.report.announced import in_order
from eventstudy.report.figures import DRAWINGS, figures
from eventstudy.report.links import to
from eventstudy.report.render import pages
from eventstudy.report.sections.events import name_of
from eventstudy.study.result import StudyResult

DEFAULT = ("md", "html")

Files = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Format:
    """A format: its name, what it gives, and a function that makes its files.

    make : result, the Markdown pages and the figures -> file name -> content
    """

    name: str
    meaning: str
    make: Callable[[StudyResult, Mapping[str, str], Mapping[str, bytes]], Files]


def written(result: StudyResult, names: Sequence[str]) -> Files:
    """Return the files of a report in the formats named; pages are made once."""
    asked = checked(names)
    texts, images = pages(result), figures(result)
    files: Files = {}
    for name in asked:
        files |= FORMATS[name].make(result, texts, images)
    return files


def checked(names: Sequence[str]) -> tuple[str, ...]:
    """Return the formats named, each once; refuse one that there is not."""
    split = [one.strip() for name in names for one in name.split(",")]
    for name in split:
        if name not in FORMATS:
            known = ", ".join(FORMATS)
            raise SpecError(f"there is no format {name!r}; known: {known}")
    return tuple(dict.fromkeys(split))


def _markdown(
    _: StudyResult, texts: Mapping[str, str], images: Mapping[str, bytes]
) -> Files:
    files = {name: text.encode() for name, text in texts.items()}
    return files | {f"figures/{name}": image for name, image in images.items()}


def _html(
    result: StudyResult, texts: Mapping[str, str], images: Mapping[str, bytes]
) -> Files:
    from eventstudy.report.html import report_html

    drawn = {name: DRAWINGS[name] for name in images}
    marks = {name: drawing.marks(result) for name, drawing in drawn.items()}
    heads = {str(row["event_id"]): name_of(row) for row in in_order(result)}
    links = {
        name: {
            mark: to("", "announcements", heads[event])[3:-1]
            for mark, event in drawing.links(result).items()
        }
        for name, drawing in drawn.items()
    }
    page = report_html(result, texts, images, marks=marks, links=links)
    return {"report.html": page}


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        one.name: one
        for one in (
            Format("md", "pages of Markdown with figures beside them", _markdown),
            Format("html", "one page that can be sent, with all figures", _html),
        )
    }
)
