"""Average effects: who the groups are, the headline table, and what it cannot say."""

from collections.abc import Iterator

import polars as pl

from eventstudy.report import facts, links
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.effects import Effects, Row, level_text, told
from eventstudy.report.labels import (
    DIFFERENCE,
    alpha_of,
    headline_ids,
    in_window,
    main_window,
    model_names,
    period_word,
    window_words,
    words_for,
)
from eventstudy.report.section import Section
from eventstudy.report.sections import finding
from eventstudy.report.views import Views
from eventstudy.spec import ALL, StudySpec, window_text
from eventstudy.study.result import StudyResult

_MOST_ROWS = 20
_MOST_GROUPS = 8
_NAIVE_SHOWN = 3
_FEW = 4  # CARs that are named one by one


def blocks(views: Views) -> Iterator[str]:
    """Groups, counts, terms, the table, and what a naive reading would say."""
    result, effects = views.result, views.effects
    rows = _shown(effects)
    if not rows:
        yield "Nothing could be estimated."
        return
    yield md.bullets(_groups(result))
    yield _counts(result, rows)
    yield _terms(result.spec)
    yield (
        f"Average effect over {period_word(result.spec)}s "
        f"{window_words(main_window(result), result.spec)}:"
    )
    yield _table(effects, rows)
    yield _left_rows(effects, rows)
    yield md.bullets(text for text in _readings(views) if text)


def _shown(effects: Effects) -> list[Row]:
    """Rows of the main window, those of all groups together last."""
    order = model_names(effects.result)
    rows = [
        row
        for row in effects.at(main_window(effects.result))
        if not nb.is_missing(row["estimate"])
    ]
    groups = {row["group"] for row in rows}
    kept = [r for r in rows if r["group"] != ALL or len(groups) == 1]
    return sorted(
        kept, key=lambda r: (DIFFERENCE in r["group"], order.index(r["model"]))
    )


def _groups(result: StudyResult) -> Iterator[str]:
    """Name the members of each group; of many groups the first."""
    used = result.observations.filter(pl.col("status") == "used")
    members = used.group_by("group", maintain_order=True).agg(
        pl.col("asset").unique(maintain_order=True)
    )
    held = dict(members.iter_rows())
    order = [g for g in result.spec.groups if g in held] or list(held)
    for group in order[:_MOST_GROUPS]:
        assets = [md.escape(asset) for asset in held[group]]
        name = "assets" if group == ALL else md.escape(words_for(result, group))
        size = nb.count(len(assets), "asset")
        yield f"**{name}**: {size}, {nb.listing(assets, most=10)}"
    if len(order) > _MOST_GROUPS:
        yield f"and {nb.count(len(order) - _MOST_GROUPS, 'more group')}"


def _counts(result: StudyResult, rows: list[Row]) -> str:
    """Say how announcements become dates, and dates observations."""
    row = max(rows, key=lambda r: r["n"])
    chosen = pl.col("event_id").is_in(sorted(headline_ids(result)))
    sample = result.observations.filter(chosen, pl.col("status") == "used")
    number = sample["event_id"].n_unique()
    minor = len(headline_ids(result)) < result.events.height
    of = " of the headline sample" if minor else ""
    text = f"{nb.count(number, 'announcement')}{of} could be estimated"
    if number == 1:
        text += f", in {nb.count(row['n'], 'observation')}, one of each asset"
    else:
        text += (
            f". Those whose day 0 is the same count once: for "
            f"{md.escape(words_for(result, row['group']))} they fall on "
            f"{nb.count(row['n_dates'], 'date')}, which give "
            f"{nb.count(row['n'], 'observation')} (dates by assets)"
        )
    if 0 < (row["n_effective"] or 0) < row["n"]:
        text += (
            f"; as these move together, they are worth about "
            f"{nb.decimal(row['n_effective'], 0 if row['n_effective'] > 99 else 1)} "
            "independent ones"
        )
    return f"{text}."


def _terms(spec: StudySpec) -> str:
    """Explain the words that the table needs."""
    log = spec.returns == "log"
    units = "per cent of price (geometric means)" if log else "per cent"
    one = spec.alternative != "two-sided"
    sides = f"one-sided: {spec.alternative}" if one else "two-sided"
    word, zero, first = period_word(spec), "day", ""
    if spec.frequency != "daily":
        zero, first = word, f"the {word} of "
    return (
        "An *abnormal return* is what an asset did beyond what its model expects of "
        f"that {word}; the sum over a window around {zero} 0, {first}the first session "
        f"that could react, is a *CAR*, shown in {units}. Two questions are asked of "
        "each average: did prices move *on these dates*, the average of observations, "
        "and do they at *announcements like these*, the average of dates that stand "
        f"for them? p-values ({sides}) weigh each return by its asset's usual "
        "volatility, intervals do not: near the limit the two may differ."
    )


def _table(effects: Effects, rows: list[Row]) -> str:
    several = len(model_names(effects.result)) > 1
    cells = []
    for row in rows[:_MOST_ROWS]:
        names = [md.broken(effects.group(row))]
        names += [md.broken(effects.model(row))] if several else []
        agreed = f"{row['agree']} of {row['agree_of']}" if row["agree_of"] else ""
        such = ""
        if not nb.is_missing(row["estimate_such"]):
            ends = effects.such_interval(row)
            such = f"{effects.such_average(row)} {ends}".strip()
        cells.append(
            [
                *names,
                f"{effects.average(row)} {effects.interval(row)}".strip(),
                nb.pvalue_cell(row["pvalue_these"]),
                such,
                nb.pvalue_cell(row["pvalue_such"]),
                agreed,
            ]
        )
    heads = ["Group", "Model"] if several else ["Group"]
    columns = [*heads, "These dates, %", "p", "Announcements<br>like these, %", "p"]
    columns.append("Robust tests<br>that agree")
    return md.table(columns, cells, "l" * len(heads) + "rrrrr")


def _left_rows(effects: Effects, rows: list[Row]) -> str:
    left = len(rows) - _MOST_ROWS
    more = f"{left} more rows, the other" if left > 0 else "Other"
    return (
        f"In brackets: {100 * effects.result.spec.level:.3g} % intervals. {more} "
        f"windows, all announcements, and each test: {links.to('tests', 'tests')}."
    )


def _readings(views: Views) -> Iterator[str]:
    """What a naive reading would claim, and what chance alone would give."""
    yield naive_sentence(views.effects)
    yield other_models(views.effects)
    yield finding.scan(views.effects)
    yield singles(views.result)


def naive_sentence(effects: Effects) -> str:
    """Count what tests that ignore dependence would have claimed."""
    judged = [
        r for r in effects.rows if effects.pvalue(r, r["recommended"]) is not None
    ]
    claims = [r for r in judged if effects.naive_claims(r)]
    how = "takes observations as independent, though those of one date move together"
    if not claims:
        shown = _naive_values(effects)
        same = f"**A naive reading**, which {how}, would say the same: {shown}."
        return same if shown else ""
    order = [id(row) for row in told(effects.at(main_window(effects.result)))]
    claims.sort(key=lambda row: id(row) not in order)
    examples = [_naive_value(effects, row) for row in claims[:_NAIVE_SHOWN]]
    return (
        f"**A naive reading would have claimed more.** It {how}. In {len(claims)} of "
        f"{nb.count(len(judged), 'combination')} of group, window and model it finds "
        "an effect that the recommended test does not carry: "
        f"{nb.listing(examples)}{' and others' if len(claims) > _NAIVE_SHOWN else ''}."
    )


def _naive_value(effects: Effects, row: Row) -> str:
    """Set a naive p-value beside the one relied on, of a row where they part."""
    name = effects.naive_claims(row)[0]
    value = effects.pvalue(row, name)
    model = f", {effects.model(row)}" if len(model_names(effects.result)) > 1 else ""
    window = window_text((row["start"], row["end"]))
    return (
        f"{effects.group(row)} {window}{model} {nb.p_equals(value)} "
        f"({md.code(name)}) in place of "
        f"{nb.p_equals(effects.pvalue(row, row['recommended']))}"
    )


def _naive_values(effects: Effects) -> str:
    """The p-values of a naive test beside those relied on, of the first groups."""
    parts = []
    for row in told(effects.at(main_window(effects.result))):
        for name in facts.naive():
            value = effects.pvalue(row, name)
            if value is None or (row["n"] == row["n_dates"] and row["n"] < 2):
                continue
            parts.append(
                f"{effects.group(row)} {nb.p_equals(value)} ({md.code(name)}) in place "
                f"of {nb.p_equals(row['pvalue_these'])}"
            )
            break
    return nb.listing(parts[:_NAIVE_SHOWN])


def other_models(effects: Effects) -> str:
    """Say whether another model changes the finding, or that none was asked for."""
    names = model_names(effects.result)
    rows = told(effects.at(main_window(effects.result)))
    rows = [r for r in rows if DIFFERENCE not in r["group"] and r["verdict"]]
    by_group: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda r: names.index(r["model"])):
        by_group.setdefault(row["group"], []).append(row)
    compared = [held for held in by_group.values() if len(held) > 1]
    if not compared:
        return (
            "**Another model?** Each group was measured by one model only; whether "
            "another would change the finding is not known."
            if rows
            else ""
        )
    parts = []
    for first, *others in compared:
        moved = nb.listing(
            [f"{effects.average(r)} % {effects.model(r)}" for r in others]
        )
        parts.append(
            f"{effects.group(first)} {effects.average(first)} % become {moved}"
        )
    changed = any(held[0]["verdict"] != r["verdict"] for held in compared for r in held)
    verdict = "The model matters" if changed else "No verdict changes"
    alone = [effects.group(held[0]) for held in by_group.values() if len(held) == 1]
    text = f"**Another model?** {verdict}: {nb.listing(parts, most=4)}."
    if alone:
        text += f" One model only: {nb.listing(alone, most=4)}."
    return text


def singles(result: StudyResult) -> str:
    """Count single CARs of the main window below the level, and those of chance."""
    window, alpha = main_window(result), alpha_of(result)
    cars = result.cars.filter(in_window(window) & pl.col("pvalue").is_not_null())
    if cars.height < 2:
        return ""
    if cars.height <= _FEW:
        return _few_singles(result, cars)
    low = cars.filter(pl.col("pvalue") < alpha).height
    holm = cars.filter(pl.col("pvalue_holm") < alpha)
    by_chance = alpha * cars.height
    compared = "fewer than" if low < by_chance else "more than"
    chance = f", {compared} the {nb.decimal(by_chance, 0)} of chance"
    text = (
        f"**Single CARs** of that window: {low:,} of {cars.height:,} have p below "
        f"{level_text(result)}{chance if by_chance >= 1 else ''}; "
        f"{holm.height or 'none'} after Holm's correction for all CARs of the study"
    )
    if holm.is_empty():
        return f"{text}, so no single one is a finding."
    shown = nb.Returns(result.spec.returns)
    named = [
        f"{md.escape(row['asset'])} {shown.percent(row['car'], row['se'])} %"
        for row in holm.sort("pvalue").iter_rows(named=True)
    ]
    return f"{text}: {nb.listing(named, most=6)}."


def _few_singles(result: StudyResult, cars: pl.DataFrame) -> str:
    """Give each CAR of the main window, with its p-value and that after Holm."""
    low = cars.filter(pl.col("pvalue_holm") < alpha_of(result)).height
    shown = nb.Returns(result.spec.returns)
    several = cars["model"].n_unique() > 1
    told = [
        f"{md.escape(row['asset'])} {nb.percent(shown.change(row['car']), 1)} %"
        + (f" by {md.escape(words_for(result, row['model']))}" if several else "")
        + f" ({nb.p_equals(row['pvalue'])}; {nb.pvalue(row['pvalue_holm'])})"
        for row in cars.iter_rows(named=True)
    ]
    return (
        f"**Single CARs** of that window: {nb.listing(told)}; the second p after "
        f"Holm's correction for all CARs of the study. So {low or 'none'} of "
        f"{cars.height} {'is a finding' if low < 2 else 'are findings'}."
    )


SECTION = Section(title="Average effects", table="headline", blocks=blocks)
