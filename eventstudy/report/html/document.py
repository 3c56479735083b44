"""The report as one HTML file that can be sent: no request, a strict policy.

The words are those of the Markdown, which is read here once more.
"""

import base64
import hashlib
import posixpath
from collections.abc import Mapping
from html import escape
from importlib.resources import files

from eventstudy.report.html.markup import Page
from eventstudy.report.html.pictures import Picture
from eventstudy.report.html.places import Ids, Places
from eventstudy.report.html.tables import browsers, data, explorer, held
from eventstudy.report.labels import study_title
from eventstudy.study.result import StudyResult

Groups = Mapping[str, Mapping[str, str]]  # file of a figure -> id of a group -> text

MAIN = "report.md"

# Signs that turn the direction of what follows; browsers need none of them.
_TURNING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def report_html(
    result: StudyResult,
    pages: Mapping[str, str],
    figures: Mapping[str, bytes],
    *,
    marks: Groups | None = None,
    links: Groups | None = None,
) -> bytes:
    """Return ``report.html`` as it is written into the report's folder.

    Parameters
    ----------
    result : StudyResult
        A finished study.
    pages : mapping of str to str
        File name -> Markdown, as `document` takes them.
    figures : mapping of str to bytes
        File name -> SVG.
    marks, links : mapping, optional
        As for `document`.

    Returns
    -------
    bytes
        The file; the same arguments give the same bytes.

    Examples
    --------
    >>> from eventstudy import StudyResult, StudySpec
    >>> nothing = StudyResult(spec=StudySpec(returns="log"), provenance={})
    >>> report_html(nothing, {"report.md": "# Nothing yet"}, {})[:15]
    b'<!doctype html>'
    """
    return document(pages, figures, result, marks=marks, links=links).encode()


def document(
    pages: Mapping[str, str],
    figures: Mapping[str, bytes],
    result: StudyResult,
    *,
    marks: Groups | None = None,
    links: Groups | None = None,
) -> str:
    """Return the report as one HTML page that needs nothing beside it.

    Parameters
    ----------
    pages : mapping of str to str
        File name -> Markdown. ``report.md`` comes first, the others are folded parts
        at the end, in their order.
    figures : mapping of str to bytes
        File name -> SVG, for the pictures of the pages.
    result : StudyResult
        The study, for the tables that can be searched.
    marks : mapping of str to mapping, optional
        File name -> id of a group in the SVG -> what is told where a reader points at
        it, with numbers as in the tables.
    links : mapping of str to mapping, optional
        File name -> id of a group in the SVG -> where it leads, as a link of the page
        that shows the figure. The place gets a link back to the group.

    Returns
    -------
    str
        HTML. Nothing is loaded, and the content policy allows the page's own style
        and script only.

    Examples
    --------
    >>> from eventstudy import StudyResult, StudySpec
    >>> nothing = StudyResult(spec=StudySpec(returns="log"), provenance={})
    >>> text = document({"report.md": "# Nothing yet"}, {}, nothing)
    >>> '<h1 id="nothing-yet">Nothing yet</h1>' in text
    True
    """
    embedded = held(result)
    ids = Ids()
    read = [Page(name, pages[name], ids, main=name == MAIN) for name in _order(pages)]
    pictures = {
        file: Picture(
            posixpath.splitext(file)[0],
            svg,
            (marks or {}).get(file, {}),
            (links or {}).get(file, {}),
        )
        for file, svg in figures.items()
    }
    places = Places(
        pages={key: name for page in read for key, name in page.places.items()},
        tables=frozenset(one.about.name for one in embedded),
        pictures=pictures,
    )
    _link_back(read, places)
    report = "".join(page.write(places) for page in read if page.main)
    details = "".join(_folded(page, places) for page in read if not page.main)
    main = (
        f'<article id="report">{report}</article>'
        f"{explorer(embedded)}{browsers(embedded)}{_details(details)}"
    )
    title = next((page.title for page in read), "") or study_title(
        result.spec, result.provenance
    )
    parts = [("explore", "Explore"), ("tables", "Tables"), ("details", "Details")]
    contents = "".join(
        f'<li><a href="#{name}">{words}</a></li>'
        for name, words in [("report", "Report"), *parts]
        if f'<section id="{name}"' in main or name == "report"
    )
    return _page(title, contents, main, data(result, embedded)).translate(_TURNING)


def _order(pages: Mapping[str, str]) -> list[str]:
    return sorted(pages, key=lambda name: name != MAIN)


def _link_back(read: list[Page], places: Places) -> None:
    """Note for each place that a figure's mark leads to where the mark is."""
    for page in read:
        for file in page.figures():
            picture = places.pictures.get(file)
            for mark, href in picture.links.items() if picture else ():
                within = places.resolve(href, page.name)
                if picture and within:
                    back = (picture.title, picture.anchor_of(mark))
                    places.back.setdefault(within.removeprefix("#"), back)


def _folded(page: Page, places: Places) -> str:
    title = escape(page.title or page.name, quote=False)
    return (
        f'<details class="page" id="{escape(page.id)}"><summary><h3>{title}</h3>'
        f"</summary>\n{page.write(places)}</details>\n"
    )


def _details(pages: str) -> str:
    if not pages:
        return ""
    return (
        '<section id="details" aria-labelledby="details.title">'
        f'<h2 id="details.title">Details</h2>\n{pages}</section>'
    )


def _page(title: str, contents: str, main: str, content: str) -> str:
    """Put the parts between head and foot."""
    own = files("eventstudy.report.html")
    css = (own / "page.css").read_text(encoding="utf-8")
    js = (own / "page.js").read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; style-src '{_hash(css)}'; script-src '{_hash(js)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    name = escape(title, quote=False)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f'<title>{name}</title>\n<link rel="icon" href="data:,">\n'
        f"<style>{css}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#report">Skip to the report</a>\n'
        f'<header><nav aria-label="Parts of the page"><ul>{contents}</ul></nav>'
        f'</header>\n<main>{main}</main>\n<div id="tip" role="status" hidden></div>\n'
        f'<script type="application/json" id="data">{content}</script>\n'
        f"<script>{js}</script>\n</body>\n</html>\n"
    )


def _hash(text: str) -> str:
    """Return the hash by which the policy knows an inline text."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
