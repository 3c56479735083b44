"""The pages of a report and how they are linked: one list of their files."""

from eventstudy.report.markdown import anchor

REPORT = "report"
FOLDER = "details"
# Name of a page -> what it is called in the line of pages.
PAGES = {
    "announcements": "Announcements",
    "tests": "Tests",
    "volatility": "Volatility",
    "volume": "Volume",
    "outcomes": "Other outcomes",
    "overlap": "Overlaps",
    "diagnostics": "Diagnostics",
    "left_out": "Left out",
    "methods": "Methods",
    "data": "Data",
}


def file_of(page: str) -> str:
    """Return the file of a page, from the report's folder.

    >>> file_of("report"), file_of("tests")
    ('report.md', 'details/tests.md')
    """
    return "report.md" if page == REPORT else f"{FOLDER}/{page}.md"


def to(words: str, page: str, heading: str = "") -> str:
    """Link a page, or a heading of one, as if from the report's folder.

    >>> to("all tests", "tests", "Side by side")
    '[all tests](details/tests.md#side-by-side)'
    """
    place = f"#{anchor(heading)}" if heading else ""
    return f"[{words}]({file_of(page)}{place})"


def placed(text: str, page: str) -> str:
    """Move the links of a page's text, written from the report's folder, to its own.

    >>> placed("[a](report.md#b), ![c](figures/d.svg)", "tests")
    '[a](../report.md#b), ![c](../figures/d.svg)'
    """
    if page == REPORT:
        return text.replace(f"]({file_of(REPORT)}#", "](#")
    text = text.replace(f"]({file_of(page)}#", "](#")
    text = text.replace(f"]({FOLDER}/", "](")
    for start in (file_of(REPORT), "figures/", "tables/", "manifest.json"):
        text = text.replace(f"]({start}", f"](../{start}")
    return text
