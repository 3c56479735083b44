"""Tables of volatility ratios: pooled, by measure, and of single announcements."""

from collections.abc import Iterable, Iterator, Sequence

import polars as pl

from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report import ratios
from eventstudy.report.effects import confidence_text
from eventstudy.report.labels import (
    asset_order,
    groups_of,
    label,
    not_computed,
    period_word,
    reason_words,
    words_for,
)
from eventstudy.report.section import Section
from eventstudy.report.sections.volatility import (
    Row,
    near_events,
    significance_note,
)
from eventstudy.report.sections.volatility import bullets as volatility_bullets
from eventstudy.report.views import Views
from eventstudy.spec import window_text
from eventstudy.study.result import StudyResult
from eventstudy.volatility import MEASURES, SHIFTS


def pooled_tables(result: StudyResult) -> list[tuple[str, str]]:
    """(title, table) per model of the ratios of returns over all events."""
    held = ratios.all_ratios(result)
    measures = ratios.returns()
    table = ratios.pooled(result).filter(pl.col("measure").is_in(measures))
    order = {asset: i for i, asset in enumerate(["all", *asset_order(result)])}
    settings = list(table.select("measure", "model").unique(maintain_order=True).rows())
    settings.sort(key=lambda pair: measures.index(pair[0]))
    found = []
    for measure, model in settings:
        chosen = table.filter(
            (pl.col("measure") == measure) & pl.col("model").eq_missing(model)
        )
        rows: list[Row] = []
        for group in groups_of(result, chosen):
            of_group = chosen.filter(pl.col("group") == group).to_dicts()
            if len(of_group) == 2:  # one asset is its group
                of_group = [row for row in of_group if row["asset"] == "all"]
            rows += sorted(of_group, key=lambda r: order.get(r["asset"], len(order)))
        title = label(measure).capitalize()
        if model:
            title += f", model {words_for(result, model)}"
        found.append((title, ratio_table(result, held, rows)))
    return found


def ratio_table(result: StudyResult, held: ratios.Ratios, rows: Sequence[Row]) -> str:
    """Standard deviations, ratios with intervals and p-values; the event window last.

    Bold: groups. Columns without any value are left out.
    """
    values, event = held.pvalues, held.during
    keys = [ratios.key_of(row) for row in rows]
    tests = [n for n in ratios.shown() if any((*key, n) in values for key in keys)]
    during = any(key in event for key in keys)
    judges = _judges(event.get(key) for key in keys)
    cells = []
    for key, row in zip(keys, rows, strict=True):
        line = [
            _name(result, row),
            nb.spread(row["pre"]),
            nb.spread(row["post"]),
            _ratio(row),
        ]
        line += [nb.pvalue_cell(values.get((*key, test))) for test in tests]
        if during:
            line += _ratio_cells(event.get(key), judges)
        cells.append(line)
    spec = result.spec
    pre, post = window_text(spec.volatility_pre), window_text(spec.volatility_post)
    columns = ["", f"SD {pre}, %", f"SD {post}, %"]
    columns.append(f"Ratio [{confidence_text(result)} interval]")
    naive = ratios.naive()
    columns += [f"{md.code(t)}{' (naive)' if t in naive else ''}" for t in tests]
    if during:
        columns.append(f"Ratio {window_text(spec.volatility_event)}")
        columns.append(_p_head(judges))
    return md.table(columns, cells) if cells else ""


def _name(result: StudyResult, row: Row) -> str:
    if row["asset"] == "all":
        return f"**{md.escape(words_for(result, row['group']))}**"
    return md.escape(row["asset"])


def _ratio(row: Row) -> str:
    ends = nb.interval(row["ci_low"], row["ci_high"])
    return (
        f"{nb.decimal(row['ratio'])}{nb.NBSP}{ends}"
        if ends
        else nb.decimal(row["ratio"])
    )


def _judges(rows: Iterable[Row | None]) -> list[str]:
    """Names of the robust tests that gave the rows' p-values."""
    held = [row["robust"] for row in rows if row is not None and row["robust"]]
    return list(dict.fromkeys(held))


def _ratio_cells(row: Row | None, judges: Sequence[str]) -> list[str]:
    """Write ratio and robust p; the test's name only where there are several."""
    if row is None:
        return ["", ""]
    name = f" {md.code(row['robust'])}" if row["robust"] and len(judges) > 1 else ""
    return [_ratio(row), nb.pvalue_cell(row["pvalue"]) + name]


def _p_head(judges: Sequence[str]) -> str:
    return md.code(judges[0]) if len(judges) == 1 else "p"


def measure_table(result: StudyResult) -> str:
    """Groups by measures, main model only: ratios after and during the event."""
    after = _by_measure(result, "post")
    during = _by_measure(result, "event")
    held = list(dict.fromkeys([*after, *during]))
    groups = list(dict.fromkeys([*result.spec.groups, *(key[0] for key in held)]))
    keys = sorted(held, key=lambda key: groups.index(key[0]))
    judges = _judges([*after.values(), *during.values()])
    rows = []
    for key in keys:
        group, measure = key
        cells = _ratio_cells(after.get(key), judges)
        cells += _ratio_cells(during.get(key), judges)
        rows.append([md.escape(words_for(result, group)), _measure(measure), *cells])
    post = window_text(result.spec.volatility_post)
    event = window_text(result.spec.volatility_event)
    head = _p_head(judges)
    columns = ["Group", "Measure", f"Ratio {post}", head, f"Ratio {event}", head]
    if not during:
        rows, columns = [row[:-2] for row in rows], columns[:-2]
    several = len({measure for _, measure in keys}) > 1
    return md.table(columns, rows, "llrrrr"[: len(columns)]) if several else ""


def _measure(name: str) -> str:
    """Write a measure's name as its entry has it, or as words."""
    entry = MEASURES.get(name)
    return md.escape((entry.words if entry else "") or label(name))


def _by_measure(result: StudyResult, window: str) -> dict[tuple[str, str], Row]:
    found = ratios.pooled(result, window).filter(pl.col("asset") == "all")
    several = found["group"].n_unique() > 1
    models = ratios.main_models(result)
    return {
        (row["group"], row["measure"]): row
        for row in found.iter_rows(named=True)
        if row["ratio"] is not None
        and row["model"] in (None, models[row["group"]])
        and not (several and row["group"] == "all")
    }


def event_table(
    result: StudyResult, held: ratios.Ratios, observations: Sequence[tuple[str, str]]
) -> str:
    """Ratios of single observations given as (event_id, asset)."""
    wanted = set(observations)
    measure, models = ratios.main_measure(result), ratios.main_models(result)
    rows = [
        row
        for row in held.after.values()
        if row["measure"] == measure
        and (row["event_id"], row["asset"]) in wanted
        and row["model"] == models[row["group"]]
    ]
    order = asset_order(result)
    rows.sort(key=lambda row: order.index(row["asset"]))
    return ratio_table(result, held, rows)


def reasons(result: StudyResult) -> list[str]:
    """Why p-values are missing, each reason once with its count."""
    table = result.volatility.filter(
        pl.col("reason").is_not_null() & pl.col("pvalue").is_null()
    )
    counted = table.group_by("test", "reason", maintain_order=True).len()
    return [
        f"{md.code(test)}: {md.escape(reason_words(reason, result.spec))} "
        f"({nb.count(n, 'row')})"
        for test, reason, n in counted.sort("len", descending=True).iter_rows()
    ]


def blocks(views: Views) -> Iterator[str]:
    """Ratios of returns pooled over announcements, and those of other measures."""
    result = views.result
    tables = pooled_tables(result)
    if not tables:
        asked = "volatility" in result.spec.parts
        yield "No volatility could be compared." if asked else not_computed(result.spec)
        return
    yield (
        f"Standard deviations of returns per {period_word(result.spec)}, not "
        f"annualised, {significance_note(result)}. {near_events(result)}"
    ).rstrip()
    yield md.bullets(volatility_bullets(result))
    (first, table), *others = tables
    yield f"**{md.escape(first)}**"
    yield table
    robust = [name for name in ratios.robust() if SHIFTS[name].of_pool is not None]
    methods = nb.listing([md.code(name) for name in robust], last="or")
    yield (
        "Pooled over announcements; bold rows are groups. Intervals come from a method "
        f"that allows for volatility clustering and shared dates ({methods}, the first "
        "that can be computed). Columns named after tests hold p-values; naive ones "
        "take days or observations as independent and are there for comparison."
    )
    for title, table in others:
        yield md.details(title, table)
    if table := measure_table(result):
        forecasts = [f"*{md.escape(label(n))}*" for n in ratios.against_forecasts()]
        yield (
            "**By other measures.** Ranges use the high and low of each "
            f"{period_word(result.spec)}; {nb.listing(forecasts)}, where shown, sets "
            "squared abnormal returns against forecasts made before the event, and its "
            "tests look for a rise only."
        )
        yield table
    yield md.details("Missing values", md.bullets(reasons(result)))
    yield "Single announcements and all tests: `tables/volatility.csv`."


SECTION = Section(title="Volatility", table="volatility", blocks=blocks)
