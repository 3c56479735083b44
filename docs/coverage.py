"""Compare the package with the site: ``python docs/coverage.py docs/_build/html``.

Every public name, setting, column of a table, member of a family, option of a command
and figure has its place on a page; every internal link leads somewhere. What lacks is
printed, and the exit code is 1.
"""

import html
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import click_of
import reference_text
from public import public_names

PARTS = (
    "tutorial",
    "how-to",
    "explanation",
    "reference",
    "gallery",
    "adr",
    "changelog",
)
FAMILY_PAGES = {
    **dict.fromkeys(("test", "long-run", "adjustment"), "tests"),
    "model": "models",
    **dict.fromkeys(("volatility-test", "measure"), "volatility"),
    "outcome": "outcomes",
    "source": "sources",
}


def missing(site: Path) -> Iterator[str]:
    """Yield what the package has and the site has not."""
    yield from _parts(site)
    yield from _names(site)
    yield from _settings(site)
    yield from _tables(site)
    yield from _members(site)
    yield from _options(site)
    yield from _figures(site)
    yield from broken_links(site)


def _parts(site: Path) -> Iterator[str]:
    paths = [str(path.relative_to(site)) for path in site.rglob("*.html")]
    if "index.html" not in paths:
        yield "index.html"
    for part in PARTS:
        if not any(part in path for path in paths):
            yield f"no page has {part} in its path"


def _names(site: Path) -> Iterator[str]:
    for module, names in public_names().items():
        page = _read(site / "reference" / "api" / f"{module}.html")
        for name in names:
            if name != "__version__" and f'id="{module}.{name}"' not in page:
                yield f"public name {module}.{name}"


def _settings(site: Path) -> Iterator[str]:
    from eventstudy.spec import (
        LongRunSetting,
        ModelSetting,
        OutcomeSetting,
        Question,
        StudySpec,
    )
    from eventstudy.spec.setting import settings_of

    page = _read(site / "reference" / "study_file.html")
    kinds = {
        "setting": StudySpec,
        "model-setting": ModelSetting,
        "long-run-setting": LongRunSetting,
        "outcome-setting": OutcomeSetting,
        "question-setting": Question,
    }
    for kind, of in kinds.items():
        for one in settings_of(of):
            if not _has(page, kind, one.name):
                yield f"{kind} {one.name}"


def _tables(site: Path) -> Iterator[str]:
    from eventstudy.simulation.schema import SCHEMA as OF_SIMULATIONS
    from eventstudy.study.multiverse_result import SCHEMA as OF_CURVES
    from eventstudy.study.schema import SCHEMA

    schemas = {"table": SCHEMA, "simulation": OF_SIMULATIONS, "multiverse": OF_CURVES}
    page = _read(site / "reference" / "tables.html")
    for kind, schema in schemas.items():
        for table in schema.values():
            section = _section(page, reference_text.label(kind, table.name))
            for column in table.columns:
                if f">{column.name}<" not in section:
                    yield f"column {column.name} of the table {table.name}"


def _members(site: Path) -> Iterator[str]:
    for kind, members in reference_text.families().items():
        page = _read(site / "reference" / f"{FAMILY_PAGES[kind]}.html")
        for name in members:
            if not _has(page, kind, name):
                yield f"{kind} {name}"


def _options(site: Path) -> Iterator[str]:
    page = _read(site / "reference" / "commands.html")
    for name, command in click_of.commands().items():
        section = html.unescape(_section(page, reference_text.label("cli", name)))
        for one in click_of.parameters(command):
            for word in one.names:
                if word not in section:
                    yield f"option {word} of {name}"


def _figures(site: Path) -> Iterator[str]:
    from eventstudy import plot

    page = _read(site / "gallery" / "index.html")
    for name in plot.__all__:
        section = _section(page, name)
        if "<img" not in section and "<svg" not in section:
            yield f"figure {name} in the gallery"


def broken_links(site: Path) -> Iterator[str]:
    """Yield internal links, of pages and of llms.txt, that lead nowhere."""
    anchors: dict[Path, set[str]] = {}
    for page in sorted(site.rglob("*.html")):
        text = _read(page)
        for link in set(re.findall(r'<a [^>]*href="([^"]+)"', text)):
            yield from _broken(page, html.unescape(link), anchors)
    for link in re.findall(r"\]\(([^)]+)\)", _read(site / "llms.txt")):
        yield from _broken(site / "llms.txt", link, anchors)


def _broken(page: Path, link: str, anchors: dict[Path, set[str]]) -> Iterator[str]:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc or link == "#":
        return
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.exists():
        yield f"link {link} of {page.name}"
    elif parts.fragment and target.suffix == ".html":
        known = anchors.setdefault(
            target, set(re.findall(r'id="([^"]+)"', _read(target)))
        )
        if unquote(parts.fragment) not in known:
            yield f"anchor {link} of {page.name}"


def _has(page: str, kind: str, name: str) -> bool:
    return f'id="{reference_text.label(kind, name)}"' in page


def _section(page: str, anchor: str) -> str:
    """Return a page from an anchor to the next section; "" where it is not there."""
    _, found, rest = page.partition(f'id="{anchor}"')
    return rest.partition("</section>")[0] if found else ""


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


if __name__ == "__main__":
    lacking = list(missing(Path(sys.argv[1])))
    for one in lacking:
        print("missing:", one)
    sys.exit(bool(lacking))
