"""What a reader of report.md sees first: measured in a browser, as it is rendered.

Markdown is rendered by markdown-it-py with the measures of a usual reader: 16 px text,
tables of 13.6 px at their natural width, in a box of 916 px.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from eventstudy.report.markdown import anchor

if TYPE_CHECKING:
    from playwright.sync_api import Page

BOX = 916
STYLE = f"""
body {{ font: 16px/1.5 system-ui, sans-serif; width: {BOX}px; margin: 0 42px; }}
table {{ font-size: 13.6px; border-collapse: collapse; width: max-content; }}
td, th {{ padding: 6px 13px; border: 1px solid #ddd; }}
img {{ max-width: 100%; }}
"""
MOST_LINES, MOST_WORDS, LOWEST_FIGURE = 200, 60, 1_400

pytestmark = [pytest.mark.processes, pytest.mark.long]


@pytest.fixture(scope="module")
def browser() -> "Iterator[Page]":
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"]
        )
        yield opened.new_page(viewport={"width": 1000, "height": LOWEST_FIGURE})
        opened.close()


@pytest.fixture(scope="module")
def report(worked_example) -> Path:
    return worked_example.report


@pytest.fixture(scope="module")
def shown(
    browser: "Page", report: Path, tmp_path_factory: pytest.TempPathFactory
) -> "Page":
    from markdown_it import MarkdownIt

    folder = tmp_path_factory.mktemp("shown")
    shutil.copytree(report / "figures", folder / "figures")
    text = (report / "report.md").read_text(encoding="utf-8")
    body = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(text)
    page = folder / "report.html"
    page.write_text(
        f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{body}",
        encoding="utf-8",
    )
    browser.goto(page.as_uri())
    return browser


def lead_of(text: str) -> str:
    """The first bold paragraph."""
    return next(line for line in text.splitlines() if line.startswith("**")).strip("*")


def grade_of(text: str) -> float:
    """Grade of reading of Flesch and Kincaid (1975); vowels in a row are a syllable."""
    sentences = len(re.findall(r"[.!?](?:\s|$)", text))
    words = re.findall(r"[A-Za-z]+", text)
    syllables = sum(max(1, len(re.findall(r"[aeiouy]+", w.lower()))) for w in words)
    return 0.39 * len(words) / sentences + 11.8 * syllables / len(words) - 15.59


def test_a_long_sentence_of_long_words_is_hard() -> None:
    assert grade_of("It fell. We saw it.") < 3
    assert grade_of("Extraordinary considerations necessitated deliberations.") > 20


def test_the_page_is_short(report: Path) -> None:
    text = (report / "report.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES


def test_the_lead_is_short_and_plain(report: Path) -> None:
    lead = lead_of((report / "report.md").read_text(encoding="utf-8"))
    assert len(lead.split()) <= MOST_WORDS
    assert grade_of(lead) <= 12
    assert "%" in lead


def test_the_first_figure_is_on_the_first_screen(shown: "Page") -> None:
    box = shown.locator("img").first.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= LOWEST_FIGURE


def test_no_table_is_wider_than_the_page(shown: "Page") -> None:
    widths = shown.eval_on_selector_all("table", "all => all.map(t => t.offsetWidth)")
    assert widths
    assert max(widths) <= BOX


def test_no_id_of_an_announcement_is_in_a_figure(report: Path) -> None:
    catalogue = (report / "tables/events.csv").read_text(encoding="utf-8")
    ids = set(re.findall(r"^(C[NO][\w-]+),", catalogue, re.MULTILINE))
    assert len(ids) > 30
    images = sorted((report / "figures").glob("*.svg"))
    assert images
    for image in images:
        words = set(re.findall(r"[\w-]+", image.read_text(encoding="utf-8")))
        assert not words & ids, image.name


def test_links_of_all_pages_lead_somewhere(report: Path) -> None:
    pages = [report / "report.md", *sorted((report / "details").glob("*.md"))]
    assert len(pages) == 11
    texts = {page: page.read_text(encoding="utf-8") for page in pages}
    places = {
        page: {anchor(head.lstrip("# ")) for head in re.findall(r"(?m)^#+ .*", text)}
        for page, text in texts.items()
    }
    for page, text in texts.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if target.startswith("http"):
                continue
            file, _, place = target.partition("#")
            path = (page.parent / file).resolve() if file else page
            assert path.exists(), (page.name, target)
            assert not place or place in places[path], (page.name, target)
