"""The report as one HTML file: what is in it."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import ClassVar

import polars as pl
import pytest
import report_sample as sample

from eventstudy.report.figures.effects import DRAWING
from eventstudy.report.html import document, report_html
from eventstudy.report.html.tables import MOST_ROWS
from eventstudy.report.html.tables import held as on_page
from eventstudy.report.render import pages

HOSTILE = (
    '</script><script>alert(1)</script> & "x" <img src=http://e.org/a.png> \u202eabc'
)
LARGEST = 1_048_576

pytestmark = pytest.mark.long


class Outline(HTMLParser):
    """The elements of a page, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag in tags]


@pytest.fixture(scope="module")
def text(worked_example) -> str:
    return (worked_example.report / "report.html").read_text(encoding="utf-8")


def test_the_file_can_be_sent(text: str) -> None:
    assert len(text.encode()) <= LARGEST


def test_nothing_is_loaded(text: str) -> None:
    page = Outline(text)
    loaded = [
        attributes[name]
        for _, attributes in page.found
        for name in ("src", "srcset", "data", "xlink:href", "action", "poster")
        if attributes.get(name)
    ]
    assert loaded == []
    icons = page.all("link")
    assert [a for a in icons if a != {"rel": "icon", "href": "data:,"}] == []
    assert page.all("iframe", "object", "embed", "base") == []
    assert "@import" not in text
    assert "url(http" not in text


def test_the_policy_allows_its_own_style_and_script_only(text: str) -> None:
    (policy,) = re.findall(
        r'http-equiv="Content-Security-Policy" content="([^"]*)"', text
    )
    policy = policy.replace("&#x27;", "'")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (inner,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert not [a for _, a in Outline(text).found if "style" in a]
    assert not [a for _, a in Outline(text).found if any(k[:2] == "on" for k in a)]


def test_ids_are_unique_and_links_lead_somewhere(text: str) -> None:
    page = Outline(text)
    ids = [str(a["id"]) for _, a in page.found if a.get("id")]
    assert len(ids) == len(set(ids))
    targets = {str(a["href"])[1:] for a in page.all("a") if str(a["href"])[:1] == "#"}
    assert len(targets) > 40
    assert targets <= set(ids)


def test_tables_and_figures_have_names(text: str) -> None:
    page = Outline(text)
    assert all(a.get("scope") for a in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    figures = [a for a in page.all("svg") if a.get("role")]
    assert len(figures) >= 10
    assert all(a.get("aria-label") for a in figures)
    assert page.all("html")[0]["lang"] == "en"
    heads = [int(tag[1]) for tag, _ in page.found if re.fullmatch("h[1-6]", tag)]
    assert heads[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(heads))


def test_hostile_texts_are_texts() -> None:
    result = sample.sample_result()
    events = result.events.with_columns(title=pl.lit(HOSTILE), note=pl.lit(HOSTILE))
    spec = sample.sample_spec(title=HOSTILE, labels={"bitcoin": HOSTILE})
    hostile = replace(result, events=events, spec=spec)
    drawn = {DRAWING.file: DRAWING.draw(hostile)}
    marks = {DRAWING.file: DRAWING.marks(hostile)}
    text = document(pages(hostile), drawn, hostile, marks=marks)
    outline = Outline(text)
    assert len(outline.all("script")) == 2
    assert outline.all("img") == []
    assert "\u202e" not in text


def test_every_element_is_closed(text: str) -> None:
    void = {"meta", "link", "br", "hr", "input", "img"}

    class Closed(HTMLParser):
        stack: ClassVar[list[str]] = []

        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in void:
                self.stack.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.stack.pop() == tag, self.getpos()

        def handle_startendtag(self, tag: str, attrs: object) -> None:
            pass

    parser = Closed()
    parser.feed(text)
    assert parser.stack == []


def page_of(markdown: dict[str, str], **figures: bytes) -> str:
    drawn = {f"{name}.svg": svg for name, svg in figures.items()}
    return document(
        markdown,
        drawn,
        sample.sample_result(),
        marks={"plot.svg": {"dot": "beta 0.1234567890123456"}},
        links={"plot.svg": {"dot": "details/tests.md#one"}},
    )


SVG = b"""<?xml version="1.0"?>
<svg xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 90 60"
 xmlns="http://www.w3.org/2000/svg" onload="alert(1)">
<style>*{fill: red}</style><script>alert(1)</script>
<defs><clipPath id="p1"><rect width="9" height="9"/></clipPath>
<path id="m1" d="M 0 0 L 1.5 0"/></defs>
<g id="dot"><use xlink:href="#m1" style="fill: #222222; stroke: none"/></g>
<g id="other" clip-path="url(#p1)"><text style="font: bold 9px 'DejaVu Sans'">a</text>
<image xlink:href="http://example.org/a.png"/></g></svg>"""


def test_figures_keep_to_the_policy_and_to_themselves() -> None:
    text = page_of(
        {"report.md": "# A\n\n![Alt](figures/plot.svg)\n\nRead *so*."}, plot=SVG
    )
    (figure,) = re.findall(r"<figure.*?</figure>", text, re.DOTALL)
    assert "<figcaption>Read <em>so</em>.</figcaption>" in figure
    assert "<title>Alt</title>" in figure
    assert "<title>beta 0.1234567890123456</title>" in figure
    assert 'font-weight="bold" font-size="9"' in figure
    assert not re.search(r"style|script|onload|example\.org|xlink", figure)
    ids = re.findall(r' id="([^"]*)"', figure)
    used = re.findall(r'(?:url\(|href=")#([^)"]*)', figure)
    assert used
    assert set(used) <= set(ids)
    assert "<a " not in figure  # where a mark would lead is not in this page


def test_pages_are_linked_within_the_file() -> None:
    written = {
        "report.md": "# A\n\n## One\n\n![Alt](figures/plot.svg)\n\n"
        "[there](details/tests.md#one) [cars](tables/cars.csv) [fit](tables/fit.csv) "
        "[no](#no)",
        "details/tests.md": "# Tests\n\n[up](../report.md#one) [self](#one)\n\n"
        "## One\n\n![Alt](../figures/plot.svg)\n\n## One",
    }
    text = page_of(written, plot=SVG)
    for link in (
        '<a href="#tests:one">there</a>',
        '<a href="#table.cars">cars</a>',
        "fit (in the folder) no<",
        '<a href="#one">up</a> <a href="#tests:one">self</a>',
        '<a href="#figure.plot">Alt</a>',  # drawn once
        '<a href="#tests:one"><g id="plot.dot" class="mark">',
        '<a class="back" href="#plot.dot">↑ plot</a>',
    ):
        assert link in text
    assert re.findall(r'<h4 id="([^"]*)"', text) == ["tests:one", "tests:one-1"]


def test_only_our_own_elements_are_elements() -> None:
    text = page_of(
        {
            "report.md": "# A\n\n<details>\n<summary>B &amp; C</summary>\n\nd<br>e "
            "<b onclick='x'>f</b> [g](javascript:alert(1))\n\n</details>\n\n"
            "<script>alert(1)</script>\n\n<details open onclick=x>"
        }
    )
    article = text[text.index("<article") : text.index("</article>")]
    assert "<summary>B &amp; C</summary>" in article
    assert "d<br>e &lt;b onclick='x'&gt;f&lt;/b&gt;" in article
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in article
    assert "&lt;details open onclick=x&gt;" in article
    assert "href" not in article


def test_of_many_cars_those_with_the_largest_statistics_are_held() -> None:
    result = sample.sample_result()
    window = result.cars.filter(pl.col("start") == -1, pl.col("end") == 1)
    many = pl.concat([window] * (2 + MOST_ROWS // window.height)).with_columns(
        statistic=pl.int_range(pl.len()).cast(pl.Float64) - 1500.5
    )
    # The statistic itself is in the CSV only: here another column stands for it.
    many = many.with_columns(car=pl.col("statistic"))
    many = pl.concat([many, result.cars.filter(pl.col("start") == 0)])
    larger = replace(result, cars=many)
    (cars,) = [one for one in on_page(larger) if one.about.name == "cars"]
    assert cars.rows.height == MOST_ROWS
    assert "3,000 rows of the window [-1,+1] with the largest |statistic|" in cars.scope
    assert f", of {many.height:,};" in cars.scope
    left = many.filter(pl.col("start") == -1)["statistic"].abs().sort(descending=True)
    assert cars.rows["car"].abs().to_list() == left.head(MOST_ROWS).to_list()
    assert len(report_html(larger, {"report.md": "# A"}, {})) < LARGEST


def test_the_same_result_gives_the_same_page() -> None:
    result = sample.sample_result()
    drawn = {DRAWING.file: DRAWING.draw(result)}
    marks = {DRAWING.file: DRAWING.marks(result)}
    twice = [report_html(result, pages(result), drawn, marks=marks) for _ in range(2)]
    assert twice[0] == twice[1]
    assert b'class="mark"' in twice[0]
