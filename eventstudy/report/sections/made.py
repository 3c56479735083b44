"""How the study was made, in a few lines with links to the details."""

from collections.abc import Iterator, Mapping
from typing import Any

from eventstudy.models import MODELS
from eventstudy.prices import SOURCES
from eventstudy.report import links
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.labels import label, period_word, words
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
        f"{window_text(spec.event_window)}, in {period_word(spec)}s of each asset's "
        f"own market; {of_frequency(spec)}{spec.returns} returns."
    )
    source = held.get("source") or "not recorded"
    rights = links.to("notice, files and settings", "methods", provenance.SECTION.title)
    known = SOURCES.get(source)
    named = f"{md.escape(source)}: {known.meaning}" if known else md.escape(source)
    lines.append(f"**Prices.** {named}{_period(held)} ({rights}).")
    lines.append(_settings(views.result))
    versions = held.get("versions") or {}
    program = f"eventstudy {versions['eventstudy']}" if "eventstudy" in versions else ""
    seed = f"seed {spec.seed}"
    lines.append(
        f"**Software.** {', '.join(part for part in (program, seed) if part)}."
    )
    yield md.bullets(line for line in lines if line)
    yield provenance.command_block(held)
    pages = [links.to(title, page) for page, title in links.PAGES.items()]
    yield f"The details: {' · '.join(pages)}."
    yield (
        "Every number, in full precision, is in the folder `tables`; the settings and "
        "the hashes of all files are in [manifest.json](manifest.json)."
    )


def _period(held: Mapping[str, Any]) -> str:
    """Give the first and the last day of the prices that were used."""
    files = [one for one in held.get("files") or () if one.get("first")]
    if not files:
        return ""
    first, last = min(f["first"] for f in files), max(f["last"] for f in files)
    return f"; used from {first} to {last}"


def _settings(result: StudyResult) -> str:
    """Say which file the settings are from, and which were taken by default."""
    files = result.provenance.get("files") or ()
    study = [md.escape(one["name"]) for one in files if one.get("role") == "study"]
    said = [f"From {nb.listing(study)} and the command"] if study else []
    # the last sentence of the remark; what comes before it stands above
    told = result.remarks.filter(about="defaults")["text"]
    said += [text.rpartition(". ")[2] for text in told]
    return f"**Settings.** {'. '.join(said)}." if said else ""


def expected(result: StudyResult) -> str:
    """Say against what the effects of the first page are measured."""
    spec = result.spec
    names = list(dict.fromkeys(setting.name for setting in spec.models))
    parts: list[str] = []
    for setting in spec.models:
        entry = MODELS.get(setting.model)
        factors = nb.listing([md.escape(f) for f in setting.factor_words])
        text = (
            f"what {factors} {'tell' if len(setting.factor_words) > 1 else 'tells'}"
            f" ({label(setting.model)} model)"
            if factors
            else (entry.meaning if entry else f"a {label(setting.model)} model")
        )
        whom = [md.escape(words(g, spec.labels)) for g in setting.groups]
        if setting.name == names[0] or not whom:
            head = f"for {nb.listing(whom, most=4)}," if whom else ""
        else:
            head = f"*{md.escape(words(setting.name, spec.labels))}* is beyond"
        parts.append(f"{head}{' ' if head else ''}{text}")
    window = window_text(spec.estimation)
    told = "; ".join(parts)
    unit = f"{period_word(spec)}s"
    if said := of_frequency(spec):
        unit += f"; returns are {said.strip()}"
    return f"Expected is {told}. The estimation window is {window}, in {unit}."


def of_frequency(spec: StudySpec) -> str:
    """Name a frequency that is not daily, before the word returns."""
    return "" if spec.frequency == "daily" else f"{spec.frequency} "


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
