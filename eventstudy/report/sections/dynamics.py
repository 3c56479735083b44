"""Persistence, breaks, volume and intraday moves: words and tables."""

import math
from collections.abc import Iterator
from typing import Any

import polars as pl

from eventstudy.outcomes import OUTCOMES, OutcomeEntry
from eventstudy.outcomes.entries import leading
from eventstudy.report import facts
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.effects import level_text
from eventstudy.report.labels import (
    alpha_of,
    asset_order,
    groups_of,
    in_window,
    label,
    main_window,
    period_word,
    words_for,
)
from eventstudy.report.section import Section
from eventstudy.report.views import Views
from eventstudy.spec import window_text
from eventstudy.study.result import StudyResult

MOST_BREAKS = 60
_FEW_BREAKS = 12  # need no folding


def persistence(result: StudyResult) -> str:
    """Say how long a shock to volatility lasts; empty without GARCH fits."""
    fits = result.garch.filter(pl.col("converged") & pl.col("persistence").is_finite())
    if fits.is_empty():
        return ""
    lives = fits.filter(pl.col("half_life").is_finite()).sort("half_life")
    text = (
        "Volatility comes in spells. "
        if (nb.median(fits["persistence"].to_list()) or 0) > 0.8
        else ""
    )
    if not lives.is_empty():
        middle = nb.decimal(nb.median(lives["half_life"].to_list()), 1)
        text += (
            f"Half of a shock to the variance is gone after {middle} "
            f"{period_word(result.spec)}s at the median of "
            f"{nb.count(lives.height, 'asset')}"
        )
        if lives.height > 1:
            ends = lives.select("asset", "half_life").rows()
            (first, short), (last, long) = ends[0], ends[-1]
            text += (
                f" ({nb.decimal(short, 1)} for {md.escape(first)}, "
                f"{nb.decimal(long, 1)} for {md.escape(last)})"
            )
        text += ". "
    lasting = fits.filter(~pl.col("half_life").is_finite().fill_null(value=False))
    if not lasting.is_empty():
        named = nb.listing([md.escape(a) for a in lasting["asset"]], most=6)
        text += (
            f"For {named} the fit gives no half-life: a shock outlives the history. "
        )
    return (
        f"{text}Wild weeks therefore follow wild days without any announcement, and a "
        "test that takes days as independent mistakes them for an effect. (GARCH(1,1) "
        "with Student-t errors on each asset's whole history; "
        "`tables/garch.csv`.)"
    )


def garch_table(result: StudyResult) -> str:
    """The fitted models, a row per asset."""
    rows = [
        [
            md.escape(row["asset"]),
            nb.decimal(row["n"], 0),
            *(nb.decimal(row[name], 3) for name in ("alpha", "beta", "persistence")),
            nb.decimal(row["half_life"], 1),
            nb.decimal(row["nu"], 1),
            md.escape(row["reason"] or ("" if row["converged"] else "not converged")),
        ]
        for row in _by_asset(result, result.garch)
    ]
    columns = [
        "Asset",
        "Returns",
        "α",
        "β",
        "Persistence",
        f"Half-life, {period_word(result.spec)}s",
    ]
    columns += ["Degrees of freedom", "Remark"]
    return md.table(columns, rows, "lrrrrrrl") if rows else ""


def _by_asset(result: StudyResult, table: pl.DataFrame) -> list[dict[str, Any]]:
    order = asset_order(result)
    places = {asset: place for place, asset in enumerate(order)}
    rows = table.to_dicts()
    return sorted(rows, key=lambda row: places.get(row["asset"], len(order)))


def breaks(result: StudyResult) -> str:
    """Count breaks of the variance and say whether announcements are near."""
    if result.breaks.is_empty():
        return ""
    assets = result.breaks.unique("asset", keep="first", maintain_order=True)
    dated = result.breaks.drop_nulls("date")
    if dated.is_empty():
        return (
            f"No break of the variance was found in any of "
            f"{nb.count(assets.height, 'asset')} (ICSS with κ₂)."
        )
    broken = dated["asset"].n_unique()
    text = (
        f"The variance broke on {nb.count(dated.height, 'date')} in {broken} of "
        f"{nb.count(assets.height, 'asset')} (ICSS with κ₂). "
    )
    judged = assets.filter(pl.col("pvalue").is_finite())
    if judged.is_empty():
        return text.strip()
    near = judged.filter(pl.col("pvalue") < alpha_of(result))
    level = level_text(result)
    if near.is_empty():
        return (
            f"{text}For no asset do the breaks lie closer to announcements than dates "
            f"drawn at random ({level})."
        )
    named = nb.listing(
        [
            f"{md.escape(row['asset'])} ({nb.p_equals(row['pvalue'])})"
            for row in near.iter_rows(named=True)
        ]
    )
    return (
        f"{text}For {near.height} of {judged.height} they lie closer to announcements "
        f"than dates drawn at random: {named}; at {level} about "
        f"{nb.decimal(alpha_of(result) * judged.height, 1)} would by chance."
    )


def break_table(result: StudyResult) -> str:
    """Every break with the announcement next to it."""
    rows = [
        [
            md.escape(row["asset"]),
            str(row["date"]),
            f"{nb.spread(row['sd_before'])} → {nb.spread(row['sd_after'])}",
            md.escape(row["event_id"] or ""),
            nb.decimal(row["distance"], 0, sign=True),
            nb.pvalue_cell(row["pvalue"]),
        ]
        for row in _by_asset(result, result.breaks)
        if row["date"] is not None
    ]
    word = period_word(result.spec)
    columns = ["Asset", "Break", f"SD a {word}, %", "Nearest announcement"]
    columns += [f"{word.capitalize()}s from it", "p of the asset's breaks"]
    return md.table(columns, rows[:MOST_BREAKS], "llrlrr") if rows else ""


def volume(result: StudyResult) -> str:
    """Name the groups whose volume every robust test finds unusual in the window.

    It must have moved from that of shortly before as well: a level that had drifted
    away from the estimation window's before the announcements is no finding.
    """
    name = leading().name
    found = _robust_estimates(result, name)
    if not found:
        return ""
    start, end = main_window(result)
    window, alpha = window_text((start, end)), alpha_of(result)
    changes = [entry for entry in OUTCOMES.values() if entry.change_of == name]
    moved = [(_robust_estimates(result, e.name), e.compared_with) for e in changes]
    unusual, drifted = [], []
    for group, (total, pvalue) in found.items():
        if not pvalue < alpha:
            continue
        times = nb.decimal(math.exp(total / (end - start + 1)))
        text = f"{md.escape(words_for(result, group))} ({times} times the usual"
        against = [(*one[group], before) for one, before in moved if group in one]
        if all(p < alpha and step * total > 0 for step, p, _ in against):
            unusual.append(f"{text})")
            continue
        step, p, before = max(against, key=lambda one: one[1])
        rate = nb.decimal(math.exp(step / (end - start + 1)))
        drifted.append(
            f"{text}, {rate} times that of {before}, largest p of a "
            f"robust test {nb.pvalue_cell(p)})"
        )
    said = (
        f"Every robust test finds the volume of {window} unusual for "
        f"{nb.listing(unusual)}."
        if unusual
        else f"In no group does every robust test find the volume of {window} unusual."
    )
    if drifted:
        said += (
            f" For {nb.listing(drifted)} the level had drifted from that of the "
            "estimation window before the announcements: not an effect of theirs."
        )
    return said


def _robust_estimates(
    result: StudyResult, outcome: str
) -> dict[str, tuple[float, float]]:
    """Estimate, and largest p of the robust tests, by group in the main window."""
    table = result.tests.filter(
        pl.col("test").is_in(facts.voting()),
        pl.col("pvalue").is_finite(),
        in_window(main_window(result)),
        outcome=outcome,
        sample="headline",
    )
    found = table.group_by("group", maintain_order=True).agg(
        pl.col("estimate").drop_nulls().first(), pl.col("pvalue").max()
    )
    rows = found.filter(pl.col("estimate").is_finite()).iter_rows()
    return {group: (total, pvalue) for group, total, pvalue in rows}


def volume_table(result: StudyResult) -> str:
    """Volume of each group and window, with robust tests; then outcomes of users."""
    tables = []
    for entry in OUTCOMES.values():
        if entry.shown and (table := _outcome_table(result, entry)):
            if entry is not leading():
                tables.append(f"**{_outcome_title(entry)}**")
            tables.append(table)
    return "\n\n".join(tables)


def _outcome_title(entry: OutcomeEntry) -> str:
    name = md.escape(entry.words or label(entry.name))
    return f"{name}, {md.escape(entry.meaning)}" if entry.meaning else name


def _outcome_table(result: StudyResult, entry: OutcomeEntry) -> str:
    """An outcome of each group and window: a multiple of the usual, or a difference."""
    table = result.tests.filter(
        (pl.col("outcome") == entry.name) & (pl.col("sample") == "headline")
    )
    held = table.drop_nulls("pvalue")["test"].unique().to_list()
    tests = [name for name in facts.voting() if name in held]
    cells: dict[tuple[str, int, int], dict[str, Any]] = {}
    for row in table.iter_rows(named=True):
        key = (row["group"], row["start"], row["end"])
        cells.setdefault(key, {})[row["test"]] = row
    groups = groups_of(result, table)
    rows = []
    for key in sorted(cells, key=lambda key: groups.index(key[0])):
        group, start, end = key
        sums = [row["estimate"] for name, row in cells[key].items() if name in tests]
        total = next((value for value in sums if not nb.is_missing(value)), None)
        if total is None:
            continue
        mean = total / (end - start + 1)
        pvalues = [cells[key].get(name, {}).get("pvalue") for name in tests]
        rows.append(
            [
                md.escape(words_for(result, group)),
                window_text((start, end)),
                nb.decimal(math.exp(mean)) if entry.is_log else f"{mean:+.3g}",
                *(nb.pvalue_cell(value) for value in pvalues),
            ]
        )
    head = "Times usual" if entry.is_log else _difference(entry)
    columns = ["Group", "Window", head, *(md.code(name) for name in tests)]
    return md.table(columns, rows, "ll" + "r" * (len(tests) + 1)) if rows else ""


def _difference(entry: OutcomeEntry) -> str:
    unit = f", {md.escape(entry.unit)}" if entry.unit else ""
    return f"Less usual, a session{unit}"


def intraday_table(result: StudyResult) -> str:
    """Realised variance around each announcement against that of other days."""
    rows = [
        [
            md.escape(row["event_id"]),
            md.escape(row["symbol"]),
            f"{row['announced_utc']:%Y-%m-%d %H:%M}" if row["announced_utc"] else "",
            nb.decimal(row["ratio"]),
            nb.pvalue_cell(row["pvalue"]),
            nb.decimal(row["n_missing"], 0),
            md.escape(row["reason"] or ""),
        ]
        for row in result.intraday_events.iter_rows(named=True)
    ]
    columns = ["Announcement", "Symbol", "UTC", "Variance, times usual", "p"]
    columns += ["Bars missing", "Remark"]
    return md.table(columns, rows, "lllrrrl") if rows else ""


def _persistence_blocks(views: Views) -> Iterator[str]:
    text = persistence(views.result)
    if not text:
        return
    yield text
    yield views.figure("conditional")
    yield md.details("GARCH models", garch_table(views.result))
    yield views.figure("regimes")


def _break_blocks(views: Views) -> Iterator[str]:
    yield breaks(views.result)
    table = break_table(views.result)
    few = views.result.breaks["date"].count() <= _FEW_BREAKS
    yield table if few else md.details("Every break", table)


def _volume_blocks(views: Views) -> Iterator[str]:
    picture = views.figure("volume")
    table = volume_table(views.result)
    if not picture and not table:
        return
    yield (
        "Log volume against its mean in the estimation window; *times usual* is the "
        f"geometric mean over the sessions of a window. {volume(views.result)}"
    ).rstrip()
    yield picture
    yield md.details("Abnormal volume by group and window", table)


def _intraday_blocks(views: Views) -> Iterator[str]:
    yield views.figure("intraday")
    table = intraday_table(views.result)
    yield md.details("Realised variance around each announcement", table)


PERSISTENCE = Section(title="Persistence", table="garch", blocks=_persistence_blocks)
BREAKS = Section(title="Breaks of the variance", table="breaks", blocks=_break_blocks)
VOLUME = Section(title="Volume", blocks=_volume_blocks)
INTRADAY = Section(
    title="Around the instant", table="intraday", blocks=_intraday_blocks
)
