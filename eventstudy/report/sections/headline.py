"""The headline table: average effects, tests side by side, and why which one."""

from collections.abc import Iterator
from math import isclose

from eventstudy.report import facts
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.effects import Effects, Row, confidence_text, told
from eventstudy.report.labels import (
    group_label,
    label,
    main_window,
    model_names,
    window_words,
)
from eventstudy.report.section import Section
from eventstudy.report.views import Views
from eventstudy.spec import window_text

_MOST_TESTS = 8


def blocks(views: Views) -> Iterator[str]:
    """Averages with intervals and tests, and why which test is relied on."""
    result, effects = views.result, views.effects
    models = model_names(result)
    tables = {model: headline_table(effects, model) for model in models}
    if not any(tables.values()):
        yield "Nothing could be estimated."
        return
    naive = nb.listing([md.code(name) for name in facts.naive()])
    yield (
        "Average effects with intervals that allow for dependence between "
        "observations, and the p-values of several tests side by side, one column "
        f"each. In bold the test to rely on; {naive}, where shown, take the "
        "observations as independent and are there for comparison."
    )
    yield f"The study's first window, {window_words(main_window(result))}:"
    yield main_table(effects)
    for model, table in tables.items():
        yield md.details(f"All windows: model {label(model)}", table)
    yield (
        "Which test to rely on, and why (every row's reason is in the last columns of "
        "`tables/headline.csv`):"
    )
    yield md.bullets(recommendations(effects))
    if missing := missing_reasons(effects):
        yield "Missing p-values:"
        yield md.bullets(missing)
    for model in models:
        yield md.details(
            "All announcements, not only the headline sample: model " + label(model),
            headline_table(views.effects_of_all, model),
        )
    yield from estimand_notes(views.effects_of_all)
    yield "All tests of all outcomes, windows and groups: `tables/tests.csv`."


def shown_tests(effects: Effects) -> list[str]:
    """Tests with a column: the usual ones, and every one that is recommended."""
    held = effects.test_names
    needed = [r["recommended"] for r in effects.rows if r["recommended"] in held]
    usual = [name for name in facts.in_headline() if name in held]
    rest = [name for name in held if name not in usual]
    chosen = list(dict.fromkeys([*needed, *usual, *rest]))[:_MOST_TESTS]
    extra = [name for name in chosen if name not in usual]
    naive = [name for name in facts.naive() if name in chosen]
    return list(dict.fromkeys([*naive, *extra, *(n for n in usual if n in chosen)]))


def main_table(effects: Effects) -> str:
    """Groups by models in the main window, with the tests side by side."""
    rows = effects.at(main_window(effects.result))
    several = len(model_names(effects.result)) > 1
    heads = ["Group", "Model"] if several else ["Group"]
    names = [
        [md.escape(group_label(row["group"])), md.escape(label(row["model"]))]
        for row in rows
    ]
    return _table(effects, rows, heads, [cells[: len(heads)] for cells in names])


def headline_table(effects: Effects, model: str) -> str:
    """Groups by windows of a model, with the tests side by side."""
    rows = [row for row in effects.rows if row["model"] == model]
    names = [
        [md.escape(group_label(r["group"])), window_text((r["start"], r["end"]))]
        for r in rows
    ]
    return _table(effects, rows, ["Group", "Window"], names)


def _table(
    effects: Effects, rows: list[Row], heads: list[str], names: list[list[str]]
) -> str:
    """Effects with the p-values of tests; that of the recommended one is bold."""
    tests = shown_tests(effects)
    lines = []
    for row, name in zip(rows, names, strict=True):
        ends = effects.interval(row)
        caar = effects.average(row) + (f"<br>{ends}" if ends else "")
        lines.append([*name, caar, *(_pvalue_cell(effects, row, n) for n in tests)])
    columns = [*heads, f"CAAR, %<br>[{confidence_text(effects.result)} interval]"]
    columns += [md.escape(name).replace("_", "_<br>") for name in tests]
    align = "l" * len(heads) + "r" * (1 + len(tests))
    return md.table(columns, lines, align) if lines else ""


def _pvalue_cell(effects: Effects, row: Row, name: str) -> str:
    text = nb.pvalue_cell(effects.pvalue(row, name))
    return f"**{text}**" if name == row["recommended"] else text


def missing_reasons(effects: Effects) -> list[str]:
    """Why some p-values of the headline are missing, each reason once."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in effects.rows:
        for name in shown_tests(effects):
            found = effects.test(row, name)
            if found and nb.is_missing(found["pvalue"]) and found["reason"]:
                place = md.escape(group_label(row["group"]))
                reasons.setdefault((name, found["reason"]), []).append(place)
    return [
        f"{md.code(name)}: {md.escape(reason)} ({nb.listing([*dict.fromkeys(places)])})"
        for (name, reason), places in reasons.items()
    ]


def estimand_notes(effects: Effects) -> list[str]:
    """Name the recommended tests whose estimate is not the printed average."""
    notes = []
    for test in dict.fromkeys(row["recommended"] for row in effects.rows):
        pairs = [
            (row, found["estimate"])
            for row in effects.rows
            if row["recommended"] == test
            and (found := effects.test(row, test)) is not None
            and not nb.is_missing(found["estimate"])
            and not nb.is_missing(row["estimate"])
        ]
        apart = [pair for pair in pairs if not isclose(pair[0]["estimate"], pair[1])]
        if not apart:
            continue
        row, estimate = max(apart, key=lambda p: abs(p[0]["estimate"] - p[1]))
        window = window_text((row["start"], row["end"]))
        notes.append(
            f"{md.code(test)} tests another average than the printed CAAR: each "
            "cluster of dates counts once, however many observations it holds. For "
            f"{md.escape(group_label(row['group']))} {window} "
            f"({md.escape(label(row['model']))}) that is "
            f"{effects.returns.percent(estimate, row['se'])} %, "
            f"against a CAAR of {effects.average(row)} %."
        )
    return notes


def recommendations(effects: Effects) -> list[str]:
    """Each recommended test: how often, and its reason in a row of the first window."""
    total = len(effects.rows)
    first = main_window(effects.result)
    lines = []
    for test in dict.fromkeys(r["recommended"] for r in effects.rows):
        rows = [r for r in effects.rows if r["recommended"] == test]
        if test is None:
            continue
        row = max(
            told(rows) or rows, key=lambda r: ((r["start"], r["end"]) == first, r["n"])
        )
        where = f"{md.escape(group_label(row['group']))} "
        where += window_text((row["start"], row["end"]))
        lines.append(
            f"{md.code(test)} in {len(rows)} of {nb.count(total, 'row')}; for {where}, "
            f"because {md.escape(row['why'] or 'no reason was recorded')}."
        )
    return lines


SECTION = Section(title="Headline table", table="headline", blocks=blocks)
