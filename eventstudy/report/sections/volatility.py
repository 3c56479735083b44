"""What the volatility ratios say, in sentences."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from eventstudy.report import links, ratios
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.effects import confidence_text, level_text
from eventstudy.report.labels import alpha_of, groups_of, period_word, words_for
from eventstudy.spec import window_text
from eventstudy.study.result import StudyResult

Row = Mapping[str, Any]

_NAMED = 4


def group_rows(result: StudyResult, window: str = "post") -> list[Row]:
    """The pooled ratio of each group: main measure, main model."""
    table = ratios.pooled(result, window).filter(
        (pl.col("measure") == ratios.main_measure(result)) & (pl.col("asset") == "all")
    )
    models = ratios.main_models(result)
    rows = [
        row
        for row in table.iter_rows(named=True)
        if row["model"] == models[row["group"]]
    ]
    order = groups_of(result, table)
    rows = [r for r in rows if r["group"] != "all"] or rows
    return sorted(rows, key=lambda row: order.index(row["group"]))


def line(result: StudyResult) -> str:
    """Say in which groups volatility changed, where perhaps, where not."""
    leads = {
        "yes": "Yes, for {}.",
        "perhaps": "Perhaps, for {}: the interval excludes no change, but such changes "
        "are not rare at other dates.",
        "no": "No change that can be told from chance for {}.",
    }
    found: dict[str, list[str]] = {}
    for row in group_rows(result):
        verdict = changed(result, row)
        if verdict is None:
            continue
        answer = "perhaps" if verdict and weak(result, row) else "yes"
        name = md.escape(words_for(result, row["group"]))
        found.setdefault(answer if verdict else "no", []).append(name)
    parts = [
        text.format(nb.listing(found[answer], most=_NAMED))
        for answer, text in leads.items()
        if answer in found
    ]
    if not parts and result.volatility.height:
        return _of_single_assets(result)
    above = [
        f"{md.escape(words_for(result, r['group']))} ({nb.decimal(r['ratio'])} times, "
        f"one-sided {nb.p_equals(r['pvalue'])})"
        for r in above_forecast(result)
    ]
    if parts and above:
        parts.append(
            "Yet GARCH forecasts made before the dates expected less than came for "
            f"{nb.listing(above, most=_NAMED)}: volatility stayed where it was, in "
            "place of calming."
        )
    return " ".join(parts)


def _of_single_assets(result: StudyResult) -> str:
    """Say how each asset's volatility changed where no group has a ratio."""
    models = ratios.main_models(result)
    rows = [
        row
        for row in ratios.pooled(result).iter_rows(named=True)
        if row["measure"] == ratios.main_measure(result)
        and row["model"] == models[row["group"]]
        and row["asset"] != "all"
    ]
    verdicts = {row["asset"]: changed(result, row) for row in rows}
    told = [
        f"{md.escape(row['asset'])} {nb.decimal(row['ratio'])} "
        f"{nb.interval(row['ci_low'], row['ci_high'])}"
        for row in rows
        if verdicts[row["asset"]] is not None
    ]
    page = links.to("volatility", "volatility")
    if not told:
        return (
            "No group could be compared, as its assets trade on different calendars, "
            f"and no single asset has an interval: {page}."
        )
    moved = [md.escape(asset) for asset, verdict in verdicts.items() if verdict]
    lead = (
        f"Yes, for {nb.listing(moved, most=_NAMED)}"
        if moved
        else "No change that can be told from chance"
    )
    pre, post = result.spec.volatility_pre, result.spec.volatility_post
    return (
        f"{lead}. Standard deviation of {period_word(result.spec)}s "
        f"{window_text(post)} over that of {window_text(pre)}, of single assets, as "
        "those of the group trade on different calendars: "
        f"{nb.listing(told, most=_NAMED)}."
    )


def bullets(result: StudyResult) -> list[str]:
    """One sentence per group on the change of volatility, one on the event itself."""
    values = ratios.pvalues(result)
    during = {row["group"]: row for row in group_rows(result, "event")}
    above = {row["group"]: row for row in above_forecast(result)}
    lines = []
    for row in group_rows(result):
        name = md.escape(words_for(result, row["group"]))
        parts = [f"**{name}**: {sentence(result, row, values)}"]
        parts.append(during_event(result, during.get(row["group"])))
        parts.append(forecast(above.get(row["group"])))
        lines.append(" ".join(part for part in parts if part))
    return lines


def during_event(result: StudyResult, row: Row | None) -> str:
    """Say how volatility was in the event window alone."""
    if row is None or nb.is_missing(row["ratio"]) or changed(result, row) is None:
        return ""
    verdict = "" if changed(result, row) else "not "
    return (
        f"In the event window {window_text(result.spec.volatility_event)} alone: "
        f"{nb.decimal(row['ratio'])} times "
        f"({nb.interval(row['ci_low'], row['ci_high'])}), {verdict}distinguishable."
    )


def above_forecast(result: StudyResult) -> list[Row]:
    """Groups whose volatility after the event exceeds GARCH forecasts made before."""
    table = ratios.pooled(result).filter(
        pl.col("measure").is_in(ratios.against_forecasts()) & (pl.col("asset") == "all")
    )
    models = ratios.main_models(result)
    groups = {row["group"] for row in group_rows(result)}
    return [
        row
        for row in table.iter_rows(named=True)
        if row["model"] == models[row["group"]]
        and row["group"] in groups
        and row["pvalue"] is not None
        and row["pvalue"] < alpha_of(result)
    ]


def forecast(row: Row | None) -> str:
    """Set volatility against GARCH forecasts; empty without a p-value."""
    if row is None or nb.is_missing(row["ratio"]) or row["pvalue"] is None:
        return ""
    return (
        "Against GARCH forecasts made before the announcements it was "
        f"{nb.decimal(row['ratio'])} times as high ({md.code(row['robust'])}, "
        f"one-sided {nb.p_equals(row['pvalue'])})."
    )


def weak(result: StudyResult, row: Row) -> bool:
    """Tell whether the interval excludes no change but the placebo dates do not."""
    value = _of_other_dates(row, ratios.pvalues(result))
    return value is not None and value >= alpha_of(result)


def changed(result: StudyResult, row: Row) -> bool | None:
    """Tell whether the robust interval excludes no change; None without interval."""
    if nb.is_missing(row["ci_low"]) or nb.is_missing(row["ci_high"]):
        return None
    return bool(row["ci_low"] > 1 or row["ci_high"] < 1)


def sentence(
    result: StudyResult,
    row: Row,
    values: Mapping[ratios.Key, float],
) -> str:
    """Say how volatility changed and whether the interval carries it."""
    if nb.is_missing(row["ratio"]):
        return "no ratio could be computed."
    text = f"{nb.decimal(row['ratio'])} times its earlier level"
    verdict = changed(result, row)
    if verdict is None:
        text += "; no interval could be computed, so no conclusion."
    else:
        ends = nb.interval(row["ci_low"], row["ci_high"])
        text += (
            f" ({confidence_text(result)} interval {ends} by {md.code(row['method'])})"
        )
        verb = "higher" if row["ratio"] > 1 else "lower"
        text += (
            f": **{verb}, and the interval excludes no change**."
            if verdict
            else ": **not distinguishable from no change**."
        )
    key = ratios.key_of(row)
    notes = [_placebo(result, _of_other_dates(row, values), verdict)]
    notes.append(
        _naive(result, {n: values.get((*key, n)) for n in ratios.naive()}, verdict)
    )
    return " ".join([text, *(note for note in notes if note)])


def _of_other_dates(row: Row, values: Mapping[ratios.Key, float]) -> float | None:
    """P-value of the first test that looks at other dates, if there is one."""
    key = ratios.key_of(row)
    found = [values.get((*key, name)) for name in ratios.other_dates()]
    return next((value for value in found if value is not None), None)


def _placebo(result: StudyResult, value: float | None, verdict: bool | None) -> str:  # noqa: FBT001
    if not verdict or value is None or value < alpha_of(result):
        return ""
    return (
        "Yet a change as large is not rare at other dates of the same assets (placebo "
        f"{nb.p_equals(value)})."
    )


def _naive(
    result: StudyResult,
    held: Mapping[str, float | None],
    verdict: bool | None,  # noqa: FBT001
) -> str:
    if verdict:
        return ""
    claims: dict[str, list[str]] = {}
    granted = ratios.naive()
    for name, value in held.items():
        if value is not None and value < alpha_of(result):
            text = f"{md.code(name)} ({nb.p_equals(value)})"
            claims.setdefault(granted[name], []).append(text)
    if not claims:
        return ""
    parts = [
        f"{nb.listing(tests)}, which {'takes' if len(tests) == 1 else 'take'} {what}"
        for what, tests in claims.items()
    ]
    return f"A naive reading would have claimed a change: {'; '.join(parts)}."


def near_events(result: StudyResult) -> str:
    """Say how much of the compared windows lies near other announcements."""
    single = ratios.compared(result).filter(pl.col("event_id") != ratios.POOLED)
    columns = ("pre_near_events", "post_near_events")
    before, after = (nb.median(single[column].to_list()) for column in columns)
    if before is None or after is None or not before + after:
        return ""
    pre, post = result.spec.volatility_pre, result.spec.volatility_post
    return (
        f"Of the {post[1] - post[0] + 1} {period_word(result.spec)}s after an "
        f"announcement {nb.decimal(after, 0)} lie near another one at the median, of "
        f"the {pre[1] - pre[0] + 1} before {nb.decimal(before, 0)}. Where "
        "announcements follow each other so closely, a change of volatility cannot be "
        "given to one of them."
    )


def significance_note(result: StudyResult) -> str:
    """Say which windows are compared and at what level."""
    pre, post = result.spec.volatility_pre, result.spec.volatility_post
    unit = f"{period_word(result.spec)}s"
    return (
        f"{unit} {window_text(post)} against {unit} {window_text(pre)}, "
        f"judged at {level_text(result)}"
    )
