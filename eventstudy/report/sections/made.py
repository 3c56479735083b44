"""How the study was made, in a few lines with links to the details."""

from collections.abc import Iterator

from eventstudy.report import links
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.labels import label, words
from eventstudy.report.section import Section
from eventstudy.report.sections import provenance
from eventstudy.report.views import Views
from eventstudy.spec import StudySpec, window_text
from eventstudy.study.result import StudyResult


def blocks(views: Views) -> Iterator[str]:
    """Models, windows, tests, data, seed and command."""
    spec, held = views.result.spec, views.result.provenance
    lines = [f"**Models.** {'; '.join(model_phrases(spec))}."]
    lines.append(
        f"**Windows.** Estimation {window_text(spec.estimation)}, event "
        f"{window_text(spec.event_window)}, in sessions of each asset's own market; "
        f"{spec.returns} returns."
    )
    source = held.get("source") or "not recorded"
    rights = links.to("notice, files and settings", "methods", provenance.SECTION.title)
    lines.append(f"**Prices.** {md.escape(source)} ({rights}).")
    versions = held.get("versions") or {}
    program = f"eventstudy {versions['eventstudy']}" if "eventstudy" in versions else ""
    seed = f"seed {spec.seed}"
    lines.append(
        f"**Software.** {', '.join(part for part in (program, seed) if part)}."
    )
    yield md.bullets(lines)
    yield provenance.command_block(held)
    pages = [links.to(title, page) for page, title in links.PAGES.items()]
    yield f"The details: {' · '.join(pages)}."
    yield (
        "Every number, in full precision, is in the folder `tables`; the settings and "
        "the hashes of all files are in [manifest.json](manifest.json)."
    )


def expected(result: StudyResult) -> str:
    """Say against what the effects of the first page are measured."""
    parts: list[str] = []
    done: set[str] = set()
    for setting in result.spec.models:
        groups = [group for group in setting.groups if group not in done]
        if done and not groups:
            continue
        text = f"a {label(setting.model)} model"
        if setting.factors:
            text += f" on {nb.listing([md.escape(f) for f in setting.factor_words])}"
        whom = [md.escape(words(g, result.spec.labels)) for g in groups]
        parts.append(f"{text} for {nb.listing(whom, most=4)}" if whom else text)
        done |= {*groups} or {""}
    return f"Expected is what {nb.listing(parts)} says." if parts else ""


def model_phrases(spec: StudySpec) -> list[str]:
    """Name each model in a few words, for readers who skip the methods."""
    phrases: dict[str, list[str]] = {}
    for setting in spec.models:
        factors = nb.listing([md.escape(f) for f in setting.factor_words])
        kind = (
            f"{label(setting.model)} on {factors}" if factors else label(setting.model)
        )
        whom = nb.listing(
            [md.escape(words(g, spec.labels)) for g in setting.groups], most=4
        )
        phrases.setdefault(setting.name, []).append(
            f"{kind} for {whom}" if whom else kind
        )
    return [
        text
        if (text := ", ".join(parts)) == words(name, spec.labels)
        else f"*{md.escape(words(name, spec.labels))}*: {text}"
        for name, parts in phrases.items()
    ]


SECTION = Section(title="How it was made", blocks=blocks)
