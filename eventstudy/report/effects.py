"""The headline: average effects, their tests side by side, and what to conclude."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.labels import (
    alpha_of,
    group_label,
    label,
    main_window,
    model_names,
    window_words,
)
from eventstudy.spec import Pair, window_text
from eventstudy.study_result import StudyResult

Row = Mapping[str, Any]

# Blind to dependence between observations; shown for comparison, never recommended
# where dates are shared or close.
NAIVE = ("csect", "patell")


class Effects:
    """Rows of the headline and test tables of one sample, by group, model, window."""

    def __init__(self, result: StudyResult, sample: str = "headline") -> None:
        self.result = result
        self.alpha = alpha_of(result)
        self.rows: list[Row] = list(
            result.headline.filter(pl.col("sample") == sample).iter_rows(named=True)
        )
        tests = result.tests.filter(
            (pl.col("sample") == sample) & (pl.col("outcome") == "car")
        )
        self._tests = {
            (*_key(row), row["test"]): row for row in tests.iter_rows(named=True)
        }
        self.test_names = list(dict.fromkeys(tests["test"].drop_nulls()))

    def test(self, row: Row, name: str) -> Row | None:
        """Return the test's row for the same effect."""
        return self._tests.get((*_key(row), name))

    def pvalue(self, row: Row, name: str | None) -> float | None:
        """Return the p-value of the test, None where there is none."""
        found = self.test(row, name) if name else None
        value = found["pvalue"] if found else None
        return None if nb.is_missing(value) else value

    def rejects(self, row: Row, name: str | None) -> bool:
        """Tell whether the test rejects at the study's level."""
        value = self.pvalue(row, name)
        return value is not None and value < self.alpha

    def naive_claims(self, row: Row) -> list[str]:
        """Naive tests that reject where the recommended one does not."""
        if self.rejects(row, row["recommended"]):
            return []
        names = [name for name in NAIVE if name != row["recommended"]]
        return [name for name in names if self.rejects(row, name)]

    def at(self, window: Pair) -> list[Row]:
        """Return the rows of a window, group by group."""
        rows = [r for r in self.rows if (r["start"], r["end"]) == window]
        groups = list(dict.fromkeys(r["group"] for r in self.rows))
        return sorted(rows, key=lambda r: groups.index(r["group"]))


def _key(row: Row) -> tuple[Any, ...]:
    return row["model"], row["group"], row["start"], row["end"]


def level_text(result: StudyResult) -> str:
    """Write the significance level: ``5 %``."""
    return f"{100 * (alpha_of(result)):.3g} %"


def confidence_text(result: StudyResult) -> str:
    """Write the confidence of the intervals: ``95 %``."""
    return f"{100 * result.spec.level:.3g} %"


def effect_sentences(effects: Effects, row: Row) -> str:
    """Say what the recommended test carries about one average effect."""
    result = effects.result
    if nb.is_missing(row["estimate"]):
        return "no average could be computed."
    text = f"{nb.percent(row['estimate'])} %"
    if ends := nb.percent_interval(row["ci_low"], row["ci_high"]):
        text += f" ({confidence_text(result)} interval {ends})"
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
    negation = "" if effects.rejects(row, test) else "not "
    return (
        f"Recommended test {md.code(test)}: {nb.p_equals(value)}, **{negation}"
        f"distinguishable from zero at {level_text(effects.result)}**."
    )


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
    present = [n for n in NAIVE if effects.pvalue(row, n) is not None]
    present = [n for n in present if n != row["recommended"]]
    if not present or effects.pvalue(row, row["recommended"]) is None:
        return ""
    claims = effects.naive_claims(row)
    if claims:
        named = [
            f"{md.code(n)} ({nb.p_equals(effects.pvalue(row, n))})" for n in claims
        ]
        return (
            f"A naive reading would have claimed an effect: {nb.listing(named)} "
            f"{'treats' if len(named) == 1 else 'treat'} the "
            f"{nb.count(row['n'], 'observation')} as independent, "
            f"{dependence(row)}."
        )
    if effects.rejects(row, row["recommended"]):
        misses = [n for n in present if not effects.rejects(row, n)]
        if len(misses) == len(present):
            named = [
                f"{md.code(n)} ({nb.p_equals(effects.pvalue(row, n))})" for n in misses
            ]
            return f"Naive tests would have missed it: {nb.listing(named)}."
    return "The naive tests lead to the same conclusion."


def dependence(row: Row) -> str:
    """Say how far the observations of a row are from independent."""
    dates = nb.count(row["n_dates"], "date")
    clusters = nb.count(row["n_clusters"], "cluster")
    text = f"but they fall on {dates} in {clusters} that share no session"
    if nb.is_missing(row["rbar"]) or nb.is_missing(row["n_effective"]):
        return text
    text += f", with mean correlation {nb.decimal(row['rbar'])}"
    if 0 < row["n_effective"] < row["n"]:
        text += f": worth about {nb.decimal(row['n_effective'], 1)} independent ones"
    return text


def finding_bullets(effects: Effects) -> list[str]:
    """One bullet per group and model for the main window."""
    window = main_window(effects.result)
    several = len(model_names(effects.result)) > 1
    bullets = []
    for row in told(effects.at(window)):
        name = f"**{md.escape(group_label(row['group']))}**"
        if several:
            name += f" ({md.escape(label(row['model']))})"
        size = nb.count(row["n"], "observation")
        bullets.append(f"{name}, {size}: {effect_sentences(effects, row)}")
    return bullets


def told(rows: list[Row]) -> list[Row]:
    """Leave out the pool of all groups where there are several."""
    groups = {row["group"] for row in rows}
    return [row for row in rows if row["group"] != "all" or len(groups) == 1]


def summary_bullets(effects: Effects) -> list[str]:
    """The main window in one sentence per model: whom it moved, whom not."""
    result = effects.result
    several = len(model_names(result)) > 1
    bullets = []
    for model in model_names(result):
        rows = told([r for r in effects.at(main_window(result)) if r["model"] == model])
        judged = [r for r in rows if effects.pvalue(r, r["recommended"]) is not None]
        hits = [r for r in judged if effects.rejects(r, r["recommended"])]
        misses = [r for r in judged if r not in hits]
        parts = []
        if hits:
            named = nb.listing([_size(result, r) for r in hits])
            parts.append(f"distinguishable from zero for {named}")
        if misses:
            named = nb.listing([_size(result, r) for r in misses])
            parts.append(
                f"not for {named}"
                if hits
                else f"not distinguishable from zero for {named}"
            )
        if parts:
            which = f" (model {md.escape(label(model))})" if several else ""
            window = window_text(main_window(result))
            bullets.append(
                f"Average abnormal return over sessions {window}{which}: "
                f"{'; '.join(parts)}."
            )
    return bullets


def _size(result: StudyResult, row: Row) -> str:
    text = f"{md.escape(group_label(row['group']))} ({nb.percent(row['estimate'])} %"
    ends = nb.percent_interval(row["ci_low"], row["ci_high"])
    return f"{text}, {confidence_text(result)} interval {ends})" if ends else f"{text})"


def scan_sentences(effects: Effects) -> str:
    """Count rejections over all groups, windows and models, beside those of chance."""
    judged = [
        r for r in effects.rows if effects.pvalue(r, r["recommended"]) is not None
    ]
    if len(judged) < 2:
        return ""
    hits = [r for r in judged if effects.rejects(r, r["recommended"])]
    level = level_text(effects.result)
    expected = nb.decimal(effects.alpha * len(judged), 1)
    text = (
        f"Over all {len(judged)} combinations of group, window and model, the "
        f"recommended tests reject at {level} in {len(hits)}"
    )
    if hits:
        text += f" ({nb.listing([_combination(effects, r) for r in hits], most=6)})"
    text += f"; without any effect about {expected} would be expected by chance."
    return text


def naive_sentence(effects: Effects) -> str:
    """Count what tests that ignore dependence would have claimed."""
    judged = [
        r for r in effects.rows if effects.pvalue(r, r["recommended"]) is not None
    ]
    claims = [r for r in judged if effects.naive_claims(r)]
    if not claims:
        return ""
    return (
        f"In {len(claims)} of {nb.count(len(judged), 'combination')} of group, window "
        "and model a test that takes observations as independent "
        f"({nb.listing([md.code(n) for n in NAIVE if n in effects.test_names])}) would "
        "have claimed an effect that the recommended test does not carry."
    )


def _combination(effects: Effects, row: Row) -> str:
    window = window_text((row["start"], row["end"]))
    text = f"{md.escape(group_label(row['group']))} {window}"
    if len(model_names(effects.result)) > 1:
        text += f" {md.escape(label(row['model']))}"
    return f"{text} {nb.percent(row['estimate'])} %"


def window_intro(result: StudyResult) -> str:
    """Name the main window in words."""
    return window_words(main_window(result))
