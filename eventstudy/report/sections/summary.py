"""The page's opening: one bullet per question, the answer in plain words first."""

from collections.abc import Sequence

from eventstudy.report import facts
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.effects import Effects, Row, confidence_text, told
from eventstudy.report.labels import (
    group_label,
    label,
    main_window,
    model_names,
)
from eventstudy.report.sections import agreement, influence, joint, volatility
from eventstudy.report.sections.agreement import Verdict
from eventstudy.spec import window_text
from eventstudy.study.result import StudyResult

_DIFFERENCE = " - "  # in the name of a group: the first minus the second
_LEADS = {
    Verdict.BOTH: ("Yes, for", "on these dates and of such announcements"),
    Verdict.THESE: (
        "Yes, on these dates, for",
        "too few dates to say so of such announcements",
    ),
    Verdict.ALONE: (
        "Yes, on these dates, for",
        "nothing can be said of such announcements",
    ),
    Verdict.NEITHER: ("No effect that can be told from chance for", ""),
}


def bullets(result: StudyResult, effects: Effects) -> list[str]:
    """Answer the study's questions, a bullet each."""
    rows = told(effects.at(main_window(result)))
    averages = [row for row in rows if _DIFFERENCE not in row["group"]]
    lines = []
    for number, model in enumerate(model_names(result)):
        of_model = [row for row in averages if row["model"] == model]
        window = window_text(main_window(result))
        question = (
            f"Did prices move around the announcements, sessions {window}?"
            if number == 0
            else f"And under the model {md.escape(label(model))}?"
        )
        if answer := _by_verdict(effects, of_model):
            lines.append(f"**{question}** {answer}")
    first = [row for row in averages if row["model"] == model_names(result)[0]]
    found = [text for row in first if (text := influence.clause(effects, row))]
    if found:
        question = "Does an average rest on one date?"
        lines.append(f"**{question}** Yes, {'; '.join(found)}.")
    lines += _differences(effects, [row for row in rows if row not in averages])
    if answer := joint.summary(result):
        lines.append(f"**Can announcements that overlap be told apart?** {answer}")
    if answer := _volatility(result):
        lines.append(f"**Did volatility change?** {answer}")
    if answer := naive_sentence(effects):
        question = "What would tests that ignore dependence have said?"
        lines.append(f"**{question}** {answer}")
    return lines


def _by_verdict(effects: Effects, rows: Sequence[Row]) -> str:
    parts = []
    for verdict, (lead, words) in _LEADS.items():
        held = [row for row in rows if agreement.verdict(effects, row) is verdict]
        if held:
            names = [
                f"{md.escape(group_label(row['group']))} ({_size(effects, row)}"
                f"{_details(effects, row, ', ')})"
                for row in held
            ]
            text = f"{lead} {nb.listing(names)}"
            parts.append(f"{text}: {words}." if words else f"{text}.")
    return " ".join(parts)


def _differences(effects: Effects, rows: Sequence[Row]) -> list[str]:
    several = len(model_names(effects.result)) > 1
    words = {
        Verdict.BOTH: "Yes, on these dates and at such announcements",
        Verdict.THESE: "Yes, on these dates, too few of them to say so of such "
        "announcements",
        Verdict.ALONE: "Yes, on these dates; nothing can be said of such announcements",
        Verdict.NEITHER: "No difference that can be told from chance",
    }
    lines = []
    for group in dict.fromkeys(row["group"] for row in rows):
        found: dict[Verdict, list[str]] = {}
        for row in rows:
            if row["group"] == group:
                size = _size(effects, row)
                if several:
                    size += f" under the model {md.escape(label(row['model']))}"
                if details := _details(effects, row):
                    size += f" ({details})"
                found.setdefault(agreement.verdict(effects, row), []).append(size)
        parts = [
            f"{text}: {nb.listing(found[verdict])}."
            for verdict, text in words.items()
            if verdict in found
        ]
        first, second = (
            md.escape(label(name)) for name in group.split(_DIFFERENCE, maxsplit=1)
        )
        if parts:
            question = f"Did {first} move otherwise than {second}?"
            lines.append(f"**{question}** {' '.join(parts)}")
    return lines


def _size(effects: Effects, row: Row) -> str:
    return f"{effects.average(row)} %"


def _details(effects: Effects, row: Row, lead: str = "") -> str:
    """Write the interval and how many robust tests agree; empty without either."""
    ends = effects.interval(row)
    interval = f"{confidence_text(effects.result)} interval {ends}" if ends else ""
    parts = [part for part in (interval, agreement.count(row)) if part]
    return f"{lead}{'; '.join(parts)}" if parts else ""


def _volatility(result: StudyResult) -> str:
    """Say where volatility changed, where perhaps, where not."""
    leads = {
        "yes": "Yes, for {}.",
        "perhaps": "Perhaps, for {}: the interval excludes no change, but such changes "
        "are not rare at other dates.",
        "no": "No change that can be told from chance for {}.",
    }
    found: dict[str, list[str]] = {}
    for row in volatility.group_rows(result):
        changed = volatility.changed(result, row)
        if changed is None:
            continue
        answer = "perhaps" if changed and volatility.weak(result, row) else "yes"
        text = f"{md.escape(group_label(row['group']))} ({_ratio(row)})"
        found.setdefault(answer if changed else "no", []).append(text)
    if not found:
        return ""
    parts = [
        text.format(nb.listing(found[answer]))
        for answer, text in leads.items()
        if answer in found
    ]
    above = [
        f"{md.escape(group_label(row['group']))} ({nb.decimal(row['ratio'])} times as "
        f"high, {nb.p_equals(row['pvalue'])})"
        for row in volatility.above_forecast(result)
    ]
    if above:
        parts.append(
            f"Yet it was above GARCH forecasts made before for {nb.listing(above)}: "
            "there the measures disagree."
        )
    post, pre = result.spec.volatility_post, result.spec.volatility_pre
    return (
        f"{' '.join(parts)} The ratio is the standard deviation in sessions "
        f"{window_text(post)} to that in {window_text(pre)}."
    )


def _ratio(row: Row) -> str:
    ends = nb.interval(row["ci_low"], row["ci_high"])
    return f"{nb.decimal(row['ratio'])} times as high, interval {ends}"


def naive_sentence(effects: Effects) -> str:
    """Count what tests that ignore dependence would have claimed."""
    judged = [
        r for r in effects.rows if effects.pvalue(r, r["recommended"]) is not None
    ]
    claims = [r for r in judged if effects.naive_claims(r)]
    if not claims:
        return ""
    tests = nb.listing([md.code(n) for n in facts.naive() if n in effects.test_names])
    return (
        f"Much more: in {len(claims)} of "
        f"{nb.count(len(judged), 'combination')} of group, window and model they "
        f"({tests}) find an effect that the recommended test does not carry."
    )
