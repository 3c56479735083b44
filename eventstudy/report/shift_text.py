"""The volatility section: what the ratios say, and their tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report import shifts
from eventstudy.report.effects import confidence_text, level_text
from eventstudy.report.labels import (
    alpha_of,
    asset_order,
    group_label,
    groups_of,
    label,
)
from eventstudy.spec import window_text
from eventstudy.study_result import StudyResult

Row = Mapping[str, Any]
_MOST_TESTS = 4
_NAIVE = {
    "f": "returns as normal and independent from day to day",
    "brown_forsythe": "returns as independent from day to day",
    "fligner": "returns as independent from day to day",
    "csect": "observations as independent of each other",
}


def group_rows(result: StudyResult) -> list[Row]:
    """The pooled ratio of each group: main measure, main model."""
    table = shifts.pooled(result).filter(
        (pl.col("measure") == shifts.main_measure(result)) & (pl.col("asset") == "all")
    )
    rows = [
        row
        for row in table.iter_rows(named=True)
        if row["model"] == shifts.main_model(result, row["group"])
    ]
    order = groups_of(result, table)
    rows = [r for r in rows if r["group"] != "all"] or rows
    return sorted(rows, key=lambda row: order.index(row["group"]))


def bullets(result: StudyResult) -> list[str]:
    """One sentence per group on the change of volatility."""
    values = shifts.pvalues(result)
    return [
        f"**{md.escape(group_label(row['group']))}**: {sentence(result, row, values)}"
        for row in group_rows(result)
    ]


def changed(result: StudyResult, row: Row) -> bool | None:
    """Tell whether the robust interval excludes no change; None without interval."""
    if nb.is_missing(row["ci_low"]) or nb.is_missing(row["ci_high"]):
        return None
    return bool(row["ci_low"] > 1 or row["ci_high"] < 1)


def sentence(
    result: StudyResult,
    row: Row,
    values: Mapping[tuple[str, ...], float | None],
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
    key = tuple(row[c] for c in shifts.KEY)
    notes = [_placebo(result, values.get((*key, "placebo")), verdict)]
    notes.append(_naive(result, {n: values.get((*key, n)) for n in _NAIVE}, verdict))
    return " ".join([text, *(note for note in notes if note)])


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
    for name, value in held.items():
        if value is not None and value < alpha_of(result):
            text = f"{md.code(name)} ({nb.p_equals(value)})"
            claims.setdefault(_NAIVE[name], []).append(text)
    if not claims:
        return ""
    parts = [
        f"{nb.listing(tests)}, which {'takes' if len(tests) == 1 else 'take'} {what}"
        for what, tests in claims.items()
    ]
    return f"A naive reading would have claimed a change: {'; '.join(parts)}."


def near_events(result: StudyResult) -> str:
    """Say how much of the compared windows lies near other announcements."""
    columns = ("pre_near_events", "post_near_events")
    if not set(columns) <= set(result.volatility.columns):
        return ""
    single = result.volatility.filter(pl.col("event_id") != shifts.POOLED)
    counts = [nb.median(single[column].to_list()) for column in columns]
    if None in counts or not any(counts):
        return ""
    windows = (result.spec.volatility_pre, result.spec.volatility_post)
    before, after = (
        f"{nb.decimal(count, 0)} of the {last - first + 1} sessions"
        for count, (first, last) in zip(counts, windows, strict=True)
    )
    return (
        f"At the median, {after} after and {before} before lie near another "
        "announcement: where announcements follow each other closely, one ratio cannot "
        "be told from the next."
    )


def pooled_tables(result: StudyResult) -> list[tuple[str, str]]:
    """(title, table) per measure and model of the ratios over all events."""
    table = shifts.pooled(result)
    order = {asset: i for i, asset in enumerate(["all", *asset_order(result)])}
    found = []
    settings = list(table.select("measure", "model").unique(maintain_order=True).rows())
    settings.sort(key=lambda pair: pair[0] != shifts.main_measure(result))
    for measure, model in settings:
        chosen = table.filter(
            (pl.col("measure") == measure) & pl.col("model").eq_missing(model)
        )
        rows: list[Row] = []
        for group in groups_of(result, chosen):
            of_group = chosen.filter(pl.col("group") == group).iter_rows(named=True)
            rows += sorted(of_group, key=lambda r: order.get(r["asset"], len(order)))
        title = label(measure).capitalize()
        if model:
            title += f", model {label(model)}"
        found.append((title, ratio_table(result, rows)))
    return found


def ratio_table(result: StudyResult, rows: Sequence[Row]) -> str:
    """Standard deviations before and after, ratio, interval and p-values."""
    values = shifts.pvalues(result)
    keys = {tuple(row[c] for c in shifts.KEY) for row in rows}
    held = {key[-1] for key, value in values.items() if key[:-1] in keys}
    names = shifts.test_names(result.volatility)
    tests = [name for name in names if name in held][:_MOST_TESTS]
    cells = []
    for row in rows:
        key = tuple(row[c] for c in shifts.KEY)
        is_group = row["asset"] == "all"
        name = group_label(row["group"]) if is_group else row["asset"]
        name = f"**{md.escape(name)}**" if is_group else md.escape(name)
        ends = nb.interval(row["ci_low"], row["ci_high"])
        ratio = f"{nb.decimal(row['ratio'])} {ends}"
        pvalues = [table_pvalue(values.get((*key, test))) for test in tests]
        sds = [nb.spread(row["pre"]), nb.spread(row["post"])]
        cells.append([name, *sds, ratio.strip(), *pvalues])
    pre, post = result.spec.volatility_pre, result.spec.volatility_post
    columns = [
        "",
        f"SD {window_text(pre)}, %",
        f"SD {window_text(post)}, %",
        f"Ratio [{confidence_text(result)} interval]",
        *(md.code(test) for test in tests),
    ]
    return md.table(columns, cells)


def table_pvalue(value: float | None) -> str:
    """Write a p-value so that a table cell shows it as it is."""
    return nb.pvalue(value).replace("<", "&lt;").replace(">", "&gt;")


def event_table(result: StudyResult, observations: Sequence[tuple[str, str]]) -> str:
    """Ratios of single observations given as (event_id, asset)."""
    wanted = set(observations)
    table = shifts.ratios(result).filter(
        pl.col("measure") == shifts.main_measure(result)
    )
    rows = [
        row
        for row in table.iter_rows(named=True)
        if (row["event_id"], row["asset"]) in wanted
        and row["model"] == shifts.main_model(result, row["group"])
    ]
    order = asset_order(result)
    rows.sort(key=lambda row: order.index(row["asset"]))
    return ratio_table(result, rows) if rows else ""


def reasons(result: StudyResult) -> list[str]:
    """Why some pooled values are missing, each reason once with its count."""
    table = result.volatility.filter(
        pl.col("reason").is_not_null() & pl.col("pvalue").is_null()
    )
    counted = table.group_by("test", "reason", maintain_order=True).len()
    return [
        f"{md.code(test)}: {md.escape(reason)} ({nb.count(n, 'row')})"
        for test, reason, n in counted.iter_rows()
    ]


def significance_note(result: StudyResult) -> str:
    """Say which windows are compared and at what level."""
    pre, post = result.spec.volatility_pre, result.spec.volatility_post
    return (
        f"sessions {window_text(post)} against sessions {window_text(pre)}, "
        f"judged at {level_text(result)}"
    )
