"""What a report can be written as: one entry for each format, with its files."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType

from eventstudy.core.errors import SpecError
from eventstudy.report.announced import in_order
from eventstudy.report.figures import DRAWINGS, begun
from eventstudy.report.labels import study_title
from eventstudy.report.links import to
from eventstudy.report.paper import KINDS, Choice, Fresh, make
from eventstudy.report.printed import document, to_latex
from eventstudy.report.render import pages
from eventstudy.report.sections.events import name_of
from eventstudy.report.workbook import to_dta, to_xlsx
from eventstudy.scale.choice import opened
from eventstudy.scale.engine import Engine
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


def written(
    result: StudyResult, names: Sequence[str], engine: str | Engine = "threads"
) -> Files:
    """Return the files of a report in the formats named; pages are made once."""
    asked = checked(names)
    files: Files = {}
    with opened(engine) as who:
        who.hold("result", result)
        images = begun(who)
        texts = pages(result)
        # Figures last: the page can be read while they are drawn elsewhere.
        for name in sorted(asked, key=list(FORMATS).index, reverse=True):
            files = FORMATS[name].make(result, texts, images) | files
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


def _latex(result: StudyResult, _: Mapping[str, str], __: Mapping[str, bytes]) -> Files:
    """Write the tables for papers, and a document that holds them."""
    held, parts = Fresh(result), {}
    for kind in KINDS:
        with suppress(SpecError):  # the study has no such rows
            parts[f"{kind}.tex"] = to_latex(make(held, kind, Choice()))
    title = study_title(result.spec, result.provenance)
    parts["all.tex"] = document(dict(parts), title)
    return {f"latex/{name}": text.encode() for name, text in parts.items()}


def _workbook(
    result: StudyResult, _: Mapping[str, str], __: Mapping[str, bytes]
) -> Files:
    return {"tables.xlsx": to_xlsx(result)}


def _stata(result: StudyResult, _: Mapping[str, str], __: Mapping[str, bytes]) -> Files:
    return {f"stata/{name}.dta": file for name, file in to_dta(result).items()}


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        one.name: one
        for one in (
            Format("md", "pages of Markdown with figures beside them", _markdown),
            Format("html", "one page that can be sent, with all figures", _html),
            Format("tex", "tables for papers, as LaTeX", _latex),
            Format("xlsx", "all tables as sheets of one workbook", _workbook),
            Format("dta", "all tables as files for Stata", _stata),
        )
    }
)
