"""The finding: a short answer, then what the tests of average effects carry."""

from collections.abc import Iterator

from eventstudy.report import facts
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.effects import (
    Effects,
    Row,
    confidence_text,
    level_text,
    told,
)
from eventstudy.report.labels import main_window, model_names, period_word, window_words
from eventstudy.report.section import Section
from eventstudy.report.sections import agreement, doubts, influence
from eventstudy.report.sections.agreement import Verdict
from eventstudy.report.views import Views
from eventstudy.spec import window_text


def blocks(views: Views) -> Iterator[str]:
    """What the tests carry about each average of the main window."""
    found = bullets(views.effects)
    if not found:
        yield "No average effect could be estimated."
        return
    yield (
        f"Over {period_word(views.result.spec)}s "
        f"{window_words(main_window(views.result), views.result.spec)}:"
    )
    yield md.bullets(found)
    yield from agreement.yardstick_sentences(views.effects)


def bullets(effects: Effects) -> list[str]:
    """One bullet per group and model for the main window."""
    several = len(model_names(effects.result)) > 1
    lines = []
    for row in told(effects.at(main_window(effects.result))):
        name = f"**{effects.group(row)}**"
        if several:
            name += f" ({effects.model(row)})"
        size = nb.count(row["n"], "observation")
        lines.append(f"{name}, {size}: {sentences(effects, row)}")
    return lines


def sentences(effects: Effects, row: Row) -> str:
    """Say what the tests carry about one average effect."""
    if nb.is_missing(row["estimate"]):
        return "no average could be computed."
    parts = [_answers(effects, row)]
    if agreement.verdict(effects, row) is not Verdict.NONE:
        parts += [agreement.agreement(effects, row), *agreement.sides(effects, row)]
    parts += [influence.sentence(effects, row), _differing(effects, row)]
    parts += [_tension(effects, row), _naive(effects, row)]
    parts.append(doubts.of_average(effects.result, row))
    return " ".join(part for part in parts if part)


def _answers(effects: Effects, row: Row) -> str:
    """Write both estimates with intervals and p-values, and the verdict."""
    text = f"{effects.average(row)} % {agreement.dates_words(row)}"
    confidence = f"{confidence_text(effects.result)} interval"
    ends = effects.interval(row)
    interval = f"{confidence} {ends}" if ends else ""
    if agreement.verdict(effects, row) is Verdict.NONE:
        found = effects.test(row, row["test_these"]) if row["test_these"] else None
        reason = found["reason"] if found else None
        why = f" ({md.escape(reason)})" if reason else ""
        shown = f" ({interval})" if interval else ""
        return (
            f"{text}{shown}. The recommended test could not be computed{why}: no "
            "conclusion."
        )
    details = [interval, md.code(row["test_these"]), nb.p_equals(row["pvalue_these"])]
    text += f" ({', '.join(part for part in details if part)})"
    if not nb.is_missing(row["pvalue_such"]):
        ends = effects.such_interval(row)
        interval = f"{confidence} {ends}" if ends else ""
        details = [interval, md.code(row["test_such"]), nb.p_equals(row["pvalue_such"])]
        text += (
            f"; {effects.such_average(row)} % of such announcements "
            f"({', '.join(part for part in details if part)})"
        )
    text += f": **{agreement.verdict_words(effects, row)}**"
    if nb.is_missing(row["pvalue_such"]):
        why = row["why_such"] or "it could not be computed"
        text += f". No test of such announcements: {md.escape(why)}"
    return f"{text}."


def _differing(effects: Effects, row: Row) -> str:
    """Say whether dates differ by more than noise."""
    if nb.is_missing(row["q_pvalue"]):
        return ""
    if row["q_pvalue"] >= effects.alpha:
        value = nb.p_equals(row["q_pvalue"])
        return f"No sign that dates differ by more than noise (Q, {value})."
    share = nb.decimal(100 * row["i2"], 0) if row["i2"] is not None else nb.MISSING
    return (
        f"Dates differ by more than noise (Q, {nb.p_equals(row['q_pvalue'])}; I² = "
        f"{share} %)."
    )


def _tension(effects: Effects, row: Row) -> str:
    low, high = row["ci_low_these"], row["ci_high_these"]
    if nb.is_missing(low) or nb.is_missing(high):
        return ""
    if effects.pvalue(row, row["recommended"]) is None:
        return ""
    excludes = low > 0 or high < 0
    if excludes == effects.rejects(row, row["recommended"]):
        return ""
    verb = "excludes" if excludes else "covers"
    other = "does not reject" if excludes else "rejects"
    return (
        f"The interval {verb} zero while the test {other}: the two weigh the "
        "observations differently, so the evidence is weak either way."
    )


def _naive(effects: Effects, row: Row) -> str:
    """Say where tests that ignore dependence would have misled."""
    if effects.pvalue(row, row["recommended"]) is None:
        return ""
    claims = effects.naive_claims(row)
    if claims:
        return (
            "A naive reading would have claimed an effect: "
            f"{agreement.named(effects, row, claims)} "
            f"{'treats' if len(claims) == 1 else 'treat'} the "
            f"{nb.count(row['n'], 'observation')} as independent, "
            f"{_dependence(row, period_word(effects.result.spec))}."
        )
    present = [n for n in facts.naive() if n != row["recommended"]]
    present = [n for n in present if effects.pvalue(row, n) is not None]
    missed = [n for n in present if not effects.rejects(row, n)]
    if effects.rejects(row, row["recommended"]) and missed and missed == present:
        listed = agreement.named(effects, row, missed)
        return f"Naive tests would have missed it: {listed}."
    return ""


def _dependence(row: Row, word: str) -> str:
    """Say how far the observations of a row are from independent."""
    dates = nb.count(row["n_dates"], "date")
    clusters = nb.count(row["n_clusters"], "cluster")
    text = f"but they fall on {dates} in {clusters} that share no {word}"
    if 0 < (row["n_effective"] or 0) < row["n"]:
        text += f" and are worth about {nb.decimal(row['n_effective'], 1)}"
    return text


def scan(effects: Effects) -> str:
    """Count rejections over all groups, windows and models, beside those of chance."""
    verdicts = [(row, agreement.verdict(effects, row)) for row in effects.rows]
    judged = [(row, found) for row, found in verdicts if found is not Verdict.NONE]
    if len(judged) < 2:
        return ""
    hits = [row for row, found in judged if found is not Verdict.NEITHER]
    both = [row for row, found in judged if found is Verdict.BOTH]
    expected = nb.decimal(effects.alpha * len(judged), 1)
    text = (
        f"Over all {len(judged)} combinations of group, window and model, the test for "
        f"these dates rejects at {level_text(effects.result)} in {len(hits)}; without "
        f"any effect about {expected} would be expected by chance."
    )
    if not hits:
        return text
    carried = sum(row["agree"] == row["agree_of"] for row in hits)
    if carried:
        text += f" In {carried} of the {len(hits)} every robust test agrees."
    else:
        text += f" In none of the {len(hits)} does every robust test agree."
    if not both:
        return f"{text} In none of them is it so of announcements like these."
    listed = nb.listing([_combination(effects, r) for r in both], most=4)
    return f"{text} Both questions are answered so in {len(both)}: {listed}."


def _combination(effects: Effects, row: Row) -> str:
    window = window_text((row["start"], row["end"]))
    text = f"{effects.group(row)} {window}"
    if len(model_names(effects.result)) > 1:
        text += f" {effects.model(row)}"
    return f"{text} {effects.average(row)} %"


SECTION = Section(title="The averages one by one", table="headline", blocks=blocks)
