"""The report as one HTML file: what is in it, and what it does in a browser."""

import base64
import csv
import hashlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
import report_sample as sample

from eventstudy.report.formats import written

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HOSTILE = (
    '</script><script>alert(1)</script> & "x" <img src=http://e.org/a.png> \u202eabc'
)
LARGEST = 1_048_576

pytestmark = [pytest.mark.processes, pytest.mark.long]


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


# --- what is in the file --------------------------------------------------------------


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
    page = written(replace(result, events=events, spec=spec), ("html",))["report.html"]
    text = page.decode()
    outline = Outline(text)
    assert len(outline.all("script")) == 2
    assert outline.all("img") == []
    assert "\u202e" not in text


def test_the_same_result_gives_the_same_page() -> None:
    result = sample.sample_result()
    assert written(result, ("html",)) == written(result, ("html",))


# --- what it does in a browser --------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        how = {"executable_path": chromium, "args": ["--no-sandbox"]}
        opened = running.chromium.launch(**how)
        yield opened
        opened.close()


@pytest.fixture
def opened(browser: "Browser", worked_example) -> "Iterator[Page]":
    """The page, with all that went wrong and all that was asked for."""
    context = browser.new_context(viewport={"width": 1000, "height": 1400})
    page = context.new_page()
    wrong: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto((worked_example.report / "report.html").as_uri())
    yield page
    assert wrong == []
    assert [url for url in asked if not url.startswith(("file:", "blob:"))] == []
    assert len([url for url in asked if url.startswith("file:")]) == 1
    context.close()


def headline(report: Path, group: str) -> dict[str, str]:
    with (report / "tables/headline.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if (row["sample"], row["outcome"], row["group"], row["model"])
            == ("headline", "car", group, "total")
            and (row["start"], row["end"]) == ("-1", "1")
        ]
    return rows[0]


def test_what_is_told_at_a_mark_is_the_number_of_the_table(
    opened: "Page", worked_example
) -> None:
    row = headline(worked_example.report, "ether")
    for place in ("article", "#explore"):
        mark = opened.locator(f'{place} svg .mark[aria-label*="{row["estimate"]}"]')
        mark.first.scroll_into_view_if_needed()
        mark.first.hover(force=True)
        shown = opened.locator("#tip").inner_text()
        assert row["estimate"] in shown
        assert row["pvalue_these"] in shown


def test_tables_are_searched_and_sorted(opened: "Page") -> None:
    part = opened.locator("#table\\.cars")
    part.scroll_into_view_if_needed()
    rows = part.locator("tbody tr")
    before = rows.count()
    part.locator("input").fill("ETH-USD")
    opened.wait_for_timeout(200)
    assert 0 < rows.count() < before
    part.locator("input").fill("")
    head = part.locator("thead button").nth(0)
    head.focus()
    opened.keyboard.press("Enter")
    assert part.locator("th[aria-sort]").count() >= 1


def test_every_control_has_a_name_and_is_reached_by_tab(opened: "Page") -> None:
    nameless = opened.evaluate(
        """() => [...document.querySelectorAll('button, select, input, summary, a')]
        .filter(e => e.checkVisibility())
        .filter(e => !(e.textContent.trim() || e.getAttribute('aria-label')
            || (e.labels && e.labels.length))).map(e => e.outerHTML.slice(0, 80))"""
    )
    assert nameless == []
    reached = []
    for _ in range(12):
        opened.keyboard.press("Tab")
        reached.append(opened.evaluate("document.activeElement.tagName"))
    assert "A" in reached
    assert "BODY" not in reached[:-1]


def test_it_fits_a_phone_and_a_dark_room(browser: "Browser", worked_example) -> None:
    address = (worked_example.report / "report.html").as_uri()
    for width in (400, 1000):
        for scheme in ("light", "dark"):
            size = {"width": width, "height": 900}
            context = browser.new_context(viewport=size, color_scheme=scheme)
            page = context.new_page()
            page.goto(address)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(CONTRAST) >= 4.5, (width, scheme)
            context.close()


CONTRAST = """() => {
  const light = (c) => {
    const v = c.match(/[0-9.]+/g).slice(0, 3).map(Number).map((x) => x / 255)
      .map((x) => (x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
    return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2];
  };
  const ground = (e) => {
    for (let n = e; n; n = n.parentElement) {
      const c = getComputedStyle(n).backgroundColor;
      if (!/, 0\\)$|transparent/.test(c)) return c;
    }
    return matchMedia("(prefers-color-scheme: dark)").matches
      ? "rgb(18, 18, 18)" : "rgb(255, 255, 255)";
  };
  const all = [...document.querySelectorAll("p, li, h1, h2, h3, td, th, a, figcaption")]
    .filter((e) => e.checkVisibility() && e.textContent.trim()).slice(0, 400);
  return Math.min(...all.map((e) => {
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  }));
}"""


def test_it_is_read_without_scripts_and_printed(
    browser: "Browser", worked_example, tmp_path: Path
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((worked_example.report / "report.html").as_uri())
    words = page.locator("article").inner_text()
    assert "Average effects" in words
    assert "How it was made" in words
    assert not page.locator("#explore").is_visible()
    context.close()
    context = browser.new_context()
    page = context.new_page()
    page.goto((worked_example.report / "report.html").as_uri())
    printed = page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert len(printed) > 100_000
    context.close()
