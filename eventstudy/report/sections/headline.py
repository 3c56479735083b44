"""The headline table: average effects, tests side by side, and why which one."""

from collections.abc import Iterator

from eventstudy.report import facts
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.effects import Effects, Row, confidence_text, told
from eventstudy.report.labels import (
    main_window,
    model_names,
    window_words,
    words_for,
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
    yield (
        "Two questions, each with its own estimate, interval and test: whether prices "
        "moved *on these dates*, the average of observations; and whether they move "
        "at *such announcements*, the average of clusters of dates, which are the "
        "sample then. Where there is no second answer, the design has no test of it. "
        "*Agree*: of the robust tests of the first question, how many decide as the "
        "one relied on."
    )
    yield f"The study's first window, {window_words(main_window(result))}:"
    yield main_table(effects)
    naive = nb.listing([md.code(name) for name in facts.naive()])
    for model, answers in tables.items():
        yield md.details(f"All windows: model {words_for(result, model)}", answers)
    yield (
        "The p-values of several tests side by side, one column each. In bold the "
        f"test to rely on for these dates; {naive}, where shown, take the observations "
        "as independent and are there for comparison."
    )
    for model in models:
        table = tests_table(effects, model)
        yield md.details(f"Tests side by side: model {words_for(result, model)}", table)
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
            "All announcements, not only the headline sample: model "
            + words_for(result, model),
            headline_table(views.effects_of_all, model),
        )
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
    """Groups by models in the main window, with the answers to both questions."""
    rows = effects.at(main_window(effects.result))
    several = len(model_names(effects.result)) > 1
    heads = ["Group", "Model"] if several else ["Group"]
    names = [[effects.group(row), effects.model(row)] for row in rows]
    return _answers(effects, rows, heads, [cells[: len(heads)] for cells in names])


def headline_table(effects: Effects, model: str) -> str:
    """Groups by windows of a model, with the answers to both questions."""
    rows, names = _of_model(effects, model)
    return _answers(effects, rows, ["Group", "Window"], names)


def tests_table(effects: Effects, model: str) -> str:
    """Groups by windows of a model, with the p-values of tests side by side."""
    rows, names = _of_model(effects, model)
    tests = shown_tests(effects)
    lines = [
        [*name, effects.average(row), *(_pvalue_cell(effects, row, n) for n in tests)]
        for row, name in zip(rows, names, strict=True)
    ]
    columns = ["Group", "Window", "CAAR, %"]
    columns += [md.escape(name).replace("_", "_<br>") for name in tests]
    return md.table(columns, lines, "ll" + "r" * (1 + len(tests))) if lines else ""


def _of_model(effects: Effects, model: str) -> tuple[list[Row], list[list[str]]]:
    rows = [row for row in effects.rows if row["model"] == model]
    names = [[effects.group(r), window_text((r["start"], r["end"]))] for r in rows]
    return rows, names


def _answers(
    effects: Effects, rows: list[Row], heads: list[str], names: list[list[str]]
) -> str:
    """Estimate, interval and p-value for each question, and how many tests agree."""
    lines = []
    for row, name in zip(rows, names, strict=True):
        agreed = f"{row['agree']} of {row['agree_of']}" if row["agree_of"] else ""
        these = _estimate(effects.average(row), effects.interval(row))
        such = ""
        if not nb.is_missing(row["estimate_such"]):
            such = _estimate(effects.such_average(row), effects.such_interval(row))
        values = (
            _answered(row["pvalue_these"], row["test_these"]),
            _answered(row["pvalue_such"], row["test_such"]),
        )
        lines.append([*name, these, values[0], such, values[1], agreed])
    interval = f"[{confidence_text(effects.result)} interval]"
    columns = [*heads, f"On these dates, %<br>{interval}", "p<br>by"]
    columns += [f"Of such announcements, %<br>{interval}", "p<br>by", "Agree"]
    return md.table(columns, lines, "l" * len(heads) + "rrrrr") if lines else ""


def _estimate(value: str, ends: str) -> str:
    return f"{value}<br>{ends}" if ends else value


def _answered(pvalue: float | None, test: str | None) -> str:
    """Write a p-value with its test; empty without a test."""
    return f"{nb.pvalue_cell(pvalue)}<br>{md.code(test)}" if test else ""


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
                place = effects.group(row)
                reasons.setdefault((name, found["reason"]), []).append(place)
    return [
        f"{md.code(name)}: {md.escape(reason)} ({nb.listing([*dict.fromkeys(places)])})"
        for (name, reason), places in reasons.items()
    ]


def recommendations(effects: Effects) -> list[str]:
    """Each recommended test: how often, and its reason in a row of the first window."""
    return [
        *_reasons(effects, "these dates", "test_these", "why"),
        *_reasons(effects, "such announcements", "test_such", "why_such"),
    ]


def _reasons(effects: Effects, question: str, name: str, why: str) -> list[str]:
    """The same for one question, whose columns are named."""
    total = len(effects.rows)
    first = main_window(effects.result)
    lines = []
    for test in dict.fromkeys(r[name] for r in effects.rows):
        rows = [r for r in effects.rows if r[name] == test]
        if test is None:
            continue
        row = max(
            told(rows) or rows, key=lambda r: ((r["start"], r["end"]) == first, r["n"])
        )
        where = f"{effects.group(row)} "
        where += window_text((row["start"], row["end"]))
        lines.append(
            f"for {question} {md.code(test)} in {len(rows)} of "
            f"{nb.count(total, 'row')}; for {where}, because "
            f"{md.escape(row[why] or 'no reason was recorded')}."
        )
    return lines


SECTION = Section(title="Headline table", table="headline", blocks=blocks)
