"""The report as one HTML file: what it does in a browser."""

import csv
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.processes, pytest.mark.long]


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


def table(report: Path, name: str) -> list[dict[str, str]]:
    """The rows of a written table, as its texts."""
    with (report / f"tables/{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def headline(report: Path, group: str) -> dict[str, str]:
    rows = [
        row
        for row in table(report, "headline")
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


def test_averages_follow_the_choice(opened: "Page", worked_example) -> None:
    opened.locator("select[data-choice=group]").select_option("ether")
    opened.locator("select[data-choice=window]").select_option("")
    opened.locator("select[data-choice=question]").select_option("such")
    marks = opened.locator("#explore .mark")
    told = [marks.nth(i).get_attribute("aria-label") for i in range(marks.count())]
    rows = [
        row
        for row in table(worked_example.report, "headline")
        if (row["sample"], row["outcome"], row["group"], row["model"])
        == ("headline", "car", "ether", "total")
    ]
    assert len(told) == len(rows) > 3
    for text, row in zip(told, rows, strict=True):
        assert f"estimate_such {row['estimate_such']}\n" in str(text)
        assert f"{row['ci_low_such']} to {row['ci_high_such']}" in str(text)


def test_embedded_tables_are_searched_sorted_and_turned(
    opened: "Page", worked_example
) -> None:
    part = opened.locator("#table\\.cars")
    count = part.locator("[role=status]")
    assert part.locator("tbody tr").count() == 50
    part.get_by_role("button", name="Next").click()
    assert count.inner_text().startswith("51–100 of ")
    part.locator("input").fill("eth-usd whole")
    asked = [
        row
        for row in table(worked_example.report, "cars")
        if (row["asset"], row["model"]) == ("ETH-USD", "total")
        and (row["start"], row["end"]) == ("-1", "1")
    ]
    assert f" of {len(asked)} rows" in count.inner_text()
    head = part.locator("thead th", has_text="car")
    column = 1 + part.locator("thead th").all_inner_texts().index("car")
    head.locator("button").focus()
    for direction in ("ascending", "descending"):
        opened.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == direction
        cells = part.locator(f"tbody td:nth-child({column})")
        shown = cells.evaluate_all("cells => cells.map(cell => cell.title)")
        wanted = sorted((row["car"] for row in asked), key=float)
        assert shown == (wanted if direction == "ascending" else wanted[::-1])


def test_tables_of_the_text_are_searched_and_sorted(opened: "Page") -> None:
    box = opened.locator("article .scroll").nth(1)
    rows = box.locator("tbody tr:not([hidden])")
    everything = rows.count()
    tools = opened.locator("article .tools").nth(1)
    tools.locator("input").fill("sichuan")
    assert 0 < rows.count() < everything
    assert tools.locator("[role=status]").inner_text().startswith(f"{rows.count()} of")
    tools.locator("input").fill("")
    box.get_by_role("button", name="bitcoin").click()
    column = box.locator("thead th").all_inner_texts().index("bitcoin") + 1
    cells = box.locator(f"tbody tr > :nth-child({column})").all_inner_texts()
    held = [float(cell.replace("−", "-")) for cell in cells if cell != "–"]
    assert held == sorted(held)
    assert cells[len(held) :] == ["–"] * (len(cells) - len(held)) != []


def test_what_is_downloaded_and_copied_is_the_table(
    opened: "Page", worked_example
) -> None:
    part = opened.locator("#table\\.headline")
    part.locator("input").fill("ether distinguishable")
    with opened.expect_download() as waiting:
        part.get_by_role("button", name="Download CSV").click()
    content = waiting.value.path().read_text(encoding="utf-8")
    found = list(csv.DictReader(io.StringIO(content)))
    rows = {tuple(row[name] for name in found[0]) for row in held(worked_example)}
    assert len(found) > 3
    assert {tuple(row.values()) for row in found} <= rows
    opened.context.grant_permissions(["clipboard-read", "clipboard-write"])
    part.get_by_role("button", name="Copy CSV").click()
    opened.get_by_role("button", name="Copied").or_(
        part.get_by_text("Copied")
    ).first.wait_for()
    assert opened.evaluate("navigator.clipboard.readText()") == content


def held(example) -> list[dict[str, str]]:
    return table(example.report, "headline")


TAB_STOPS = """() => [...document.querySelectorAll(
    "a[href], button, select, input, summary, [tabindex='0']")]
  .filter((e) => e.tabIndex >= 0 && !e.disabled && e.checkVisibility())"""

NAME = """(e) => e.getAttribute("aria-label")
  || (e.getAttribute("aria-labelledby")
      && document.getElementById(e.getAttribute("aria-labelledby")).textContent)
  || (e.labels && e.labels.length && e.labels[0].textContent) || e.textContent"""


def test_every_control_is_reached_by_tab_in_order_and_has_a_name(
    opened: "Page",
) -> None:
    stops = opened.evaluate(f"({TAB_STOPS})().length")
    names = opened.evaluate(f"({TAB_STOPS})().map((e) => ({NAME})(e).trim())")
    assert stops > 60
    assert "" not in names
    opened.evaluate(f"window.stops = ({TAB_STOPS})()")
    reached = []
    for _ in range(stops):
        opened.keyboard.press("Tab")
        reached.append(opened.evaluate("stops.indexOf(document.activeElement)"))
    assert reached == list(range(stops))


def test_a_figure_is_one_stop_and_arrows_lead_to_announcements_and_back(
    opened: "Page",
) -> None:
    plot = opened.locator("#figure\\.timeline .plot")
    assert plot.locator("a").evaluate_all("all => all.every(a => a.tabIndex < 0)")
    plot.focus()
    opened.keyboard.press("ArrowRight")
    opened.keyboard.press("ArrowRight")
    told = opened.locator("#tip").inner_text()
    title = told.partition(": ")[2]
    link = plot.locator("a", has=opened.locator(".mark.current"))
    opened.keyboard.press("Escape")
    assert not opened.locator("#tip").is_visible()
    target = str(link.get_attribute("href"))
    opened.keyboard.press("Enter")
    heading = opened.locator(f'[id="{target[1:]}"]')
    heading.wait_for()
    assert heading.is_visible()  # the folded page has opened
    assert title.split()[0] in heading.inner_text()
    back = heading.locator("xpath=following-sibling::*[1]").locator("a.back")
    back.click()
    mark = opened.locator(":target")
    assert mark.evaluate("mark => mark.classList.contains('mark')")
    assert mark.evaluate("mark => mark.closest('a').getAttribute('href')") == target


def test_it_fits_a_phone_and_a_dark_room(opened: "Page") -> None:
    overflow = "document.documentElement.scrollWidth - innerWidth"
    opened.evaluate(OPEN)
    for scheme in ("light", "dark"):
        opened.emulate_media(color_scheme=scheme)
        worst, where = opened.evaluate(CONTRAST)
        assert worst >= 4.5, (scheme, where[:90])
    for width in (1000, 400):
        opened.set_viewport_size({"width": width, "height": 900})
        assert opened.evaluate(overflow) <= 0, width


OPEN = "() => document.querySelectorAll('details').forEach(e => { e.open = true; })"

# The least contrast of a text with its ground, and the text.
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
    throw Error("no ground");
  };
  const written = (e) => [...e.childNodes].some(
    (n) => n.nodeType === Node.TEXT_NODE && n.data.trim());
  const rows = "tr:nth-child(n + 3), tr:nth-child(n + 3) *";  // as those before
  const left = `script, style, noscript, svg *, ${rows}`;
  const all = [...document.querySelectorAll(`body *:not(${left})`)]
    .filter((e) => written(e) && e.checkVisibility() && !e.disabled);
  const found = all.map((e) => {
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))];
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.outerHTML];
  });
  if (found.length < 300) throw Error("most of the page was not looked at");
  return found.reduce((a, b) => (a[0] < b[0] ? a : b));
}"""


def test_it_is_read_without_scripts(browser: "Browser", worked_example) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((worked_example.report / "report.html").as_uri())
    words = page.locator("article").inner_text()
    assert "Average effects" in words
    assert "How it was made" in words
    assert not page.locator("#explore").is_visible()
    assert page.locator("button:visible, input:visible, select:visible").count() == 0
    assert page.locator("noscript p").is_visible()
    fold = page.locator("details.page").nth(1)
    assert not fold.locator("h4").first.is_visible()
    fold.locator("summary").first.click()
    assert fold.locator("h4").first.is_visible()
    context.close()


def test_it_is_printed_with_its_folds_open(
    browser: "Browser", worked_example, tmp_path: Path
) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto((worked_example.report / "report.html").as_uri())
    closed = "document.querySelectorAll('details:not([open])').length"
    page.evaluate(
        f"addEventListener('beforeprint', () => {{ window.seen = {closed} }})"
    )
    before = page.evaluate(closed)
    printed = page.pdf(
        path=tmp_path / "report.pdf", prefer_css_page_size=True, page_ranges="1-21"
    )
    assert page.evaluate("window.seen") == 0 < before
    assert page.evaluate(closed) == before
    assert len(re.findall(rb"/MediaBox \[0 0 59[45]", printed)) > 20  # pages of A4
    page.emulate_media(media="print")
    assert page.locator(".tools:visible, .controls:visible").count() == 0
    context.close()
