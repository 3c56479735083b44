"""What the tests of average effects carry, in sentences."""

from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.effects import (
    NAIVE,
    Effects,
    Row,
    confidence_text,
    level_text,
    told,
)
from eventstudy.report.labels import group_label, label, main_window, model_names
from eventstudy.report.sections import agreement
from eventstudy.report.sections.agreement import Verdict
from eventstudy.spec import window_text


def bullets(effects: Effects) -> list[str]:
    """One bullet per group and model for the main window."""
    several = len(model_names(effects.result)) > 1
    lines = []
    for row in told(effects.at(main_window(effects.result))):
        name = f"**{md.escape(group_label(row['group']))}**"
        if several:
            name += f" ({md.escape(label(row['model']))})"
        size = nb.count(row["n"], "observation")
        lines.append(f"{name}, {size}: {sentences(effects, row)}")
    return lines


def sentences(effects: Effects, row: Row) -> str:
    """Say what the tests carry about one average effect."""
    if nb.is_missing(row["estimate"]):
        return "no average could be computed."
    text = f"{nb.percent(row['estimate'])} %"
    if ends := nb.percent_interval(row["ci_low"], row["ci_high"]):
        text += f" ({confidence_text(effects.result)} interval {ends})"
    parts = [f"{text}. {_verdict(effects, row)}"]
    parts += [_tension(effects, row), _naive(effects, row)]
    return " ".join(part for part in parts if part)


def _verdict(effects: Effects, row: Row) -> str:
    test = row["recommended"]
    value = effects.pvalue(row, test)
    if value is None:
        found = effects.test(row, test) if test else None
        reason = found["reason"] if found else None
        why = f" ({md.escape(reason)})" if reason else ""
        return f"The recommended test could not be computed{why}: no conclusion."
    level = level_text(effects.result)
    words = {
        Verdict.CARRIED: f"distinguishable from zero at {level}",
        Verdict.DISPUTED: f"distinguishable from zero at {level}, but not by every "
        "robust test",
        Verdict.CLAIMED: f"not distinguishable from zero at {level}",
        Verdict.NOTHING: f"not distinguishable from zero at {level}",
    }[agreement.verdict(effects, row)]
    text = f"Recommended test {md.code(test)}: {nb.p_equals(value)}, **{words}**"
    dissent = agreement.dissent(effects, row)
    return f"{text}; {dissent}." if dissent else f"{text}."


def _tension(effects: Effects, row: Row) -> str:
    if nb.is_missing(row["ci_low"]) or nb.is_missing(row["ci_high"]):
        return ""
    if effects.pvalue(row, row["recommended"]) is None:
        return ""
    excludes = row["ci_low"] > 0 or row["ci_high"] < 0
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
            f"{_dependence(row)}."
        )
    present = [n for n in NAIVE if n != row["recommended"]]
    present = [n for n in present if effects.pvalue(row, n) is not None]
    missed = [n for n in present if not effects.rejects(row, n)]
    if effects.rejects(row, row["recommended"]) and missed and missed == present:
        listed = agreement.named(effects, row, missed)
        return f"Naive tests would have missed it: {listed}."
    return ""


def _dependence(row: Row) -> str:
    """Say how far the observations of a row are from independent."""
    dates = nb.count(row["n_dates"], "date")
    clusters = nb.count(row["n_clusters"], "cluster")
    text = f"but they fall on {dates} in {clusters} that share no session"
    if 0 < (row["n_effective"] or 0) < row["n"]:
        text += f" and are worth about {nb.decimal(row['n_effective'], 1)}"
    return text


def scan(effects: Effects) -> str:
    """Count rejections over all groups, windows and models, beside those of chance."""
    judged = [
        r for r in effects.rows if effects.pvalue(r, r["recommended"]) is not None
    ]
    if len(judged) < 2:
        return ""
    verdicts = [agreement.verdict(effects, row) for row in judged]
    carried = [r for r, v in zip(judged, verdicts, strict=True) if v is Verdict.CARRIED]
    hits = len(carried) + verdicts.count(Verdict.DISPUTED)
    expected = nb.decimal(effects.alpha * len(judged), 1)
    text = (
        f"Over all {len(judged)} combinations of group, window and model, the "
        f"recommended tests reject at {level_text(effects.result)} in {hits}; without "
        f"any effect about {expected} would be expected by chance."
    )
    if not hits:
        return text
    if not carried:
        return f"{text} In none of them does every robust test reject."
    listed = nb.listing([_combination(effects, r) for r in carried], most=4)
    return f"{text} Every robust test rejects in {len(carried)}: {listed}."


def _combination(effects: Effects, row: Row) -> str:
    window = window_text((row["start"], row["end"]))
    text = f"{md.escape(group_label(row['group']))} {window}"
    if len(model_names(effects.result)) > 1:
        text += f" {md.escape(label(row['model']))}"
    return f"{text} {nb.percent(row['estimate'])} %"
