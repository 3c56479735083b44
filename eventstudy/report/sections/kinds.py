"""Kinds of announcement compared, and why some cannot be."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from eventstudy.cross_section import categories, variance_contrasts
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.effects import confidence_text
from eventstudy.report.labels import (
    headline_ids,
    in_window,
    label,
    main_window,
    model_names,
    period_word,
    window_words,
    words_for,
)
from eventstudy.report.section import Section
from eventstudy.report.views import Views
from eventstudy.study.result import StudyResult

MIXED = "mixed"

Compared = dict[str, pl.DataFrame]


def blocks(views: Views) -> Iterator[str]:
    """Averages by kind, the differences between kinds, and what cannot be told."""
    result = views.result
    found = compared(result)
    kinds = table(result, found)
    if not kinds:
        return
    yield (
        f"Average CAR over {window_words(main_window(result), result.spec)} by kind of "
        "announcement, headline sample. Variances are clustered by dates whose windows "
        f"share a {period_word(result.spec)} (CR2, Satterthwaite degrees of freedom), "
        "so the interval of a kind on two or three dates is very wide."
    )
    yield kinds
    yield md.bullets(reasons(result, found))
    yield _larger_moves(result, found)
    yield md.details(
        "The same for all announcements", table(result, compared(result, "all"))
    )


def compared(result: StudyResult, sample: str = "headline") -> Compared:
    """Return the categories of each group, against the kind on most dates."""
    asked = {group: _asked(result, group, sample) for group in _groups(result)}
    held = {
        group: categories(result, "kind", **options)
        for group, options in asked.items()
        if options
    }
    base = _base(list(held.values()))
    for group, frame in held.items():
        if base in frame["category"][1:]:  # it is compared with another kind
            held[group] = categories(result, "kind", **asked[group], against=base)
    return held


def table(result: StudyResult, found: Compared) -> str:
    """CAARs of each kind per group, and their differences from one of them."""
    rows = []
    shown = nb.Returns(result.spec.returns)
    for group, held in found.items():
        name = md.escape(words_for(result, group))
        rows += [_cells(shown, name, row) for row in held.iter_rows(named=True)]
    interval = f"CAAR, % [{confidence_text(result)} interval]"
    columns = ["Group", "Kind", "N", "Dates", interval, "Against", "Difference", "p"]
    return md.table(columns, rows, "llrrrlrr") if len(rows) > len(found) else ""


def _larger_moves(result: StudyResult, found: Compared) -> str:
    """Compare the size of moves, up or down, of kinds in dates enough."""
    cells, few = [], 0
    for group in found:
        asked = _asked(result, group, "headline")
        if not asked:
            continue
        for row in variance_contrasts(result, "kind", **asked).to_dicts():
            if row["pvalue"] is None:
                few += 1
                continue
            ends = (nb.decimal(row[name]) for name in ("low", "high"))
            cells.append(
                [
                    md.escape(words_for(result, group)),
                    md.escape(label(row["category"])),
                    md.escape(label(row["against"])),
                    f"{nb.decimal(row['ratio'])} [{', '.join(ends)}]",
                    nb.pvalue_cell(row["pvalue"]),
                    f"{row['n_clusters']}, {row['n_clusters_against']}",
                ]
            )
    if not cells and not few:
        return ""
    said = "Whether one kind brings larger moves than another, up or down: "
    if not cells:
        return (
            f"{said}no pair of kinds lies in clusters of dates enough "
            f"({nb.count(few, 'pair')})."
        )
    columns = ["Group", "Kind", "Against", "Mean square, times the other's"]
    left = f" {nb.count(few, 'pair')} in too few clusters of dates." if few else ""
    return (
        f"{said}the ratio of mean squared standardised CARs, with its interval.{left}"
        f"\n\n{md.table([*columns, 'p', 'Clusters'], cells, 'lllrrr')}"
    )


def _groups(result: StudyResult) -> list[str]:
    held = set(result.cars["group"])
    return [group for group in result.spec.groups if group in held] or sorted(held)


def _asked(result: StudyResult, group: str, sample: str) -> dict[str, Any]:
    """What to ask of the kinds of a group's announcements; empty without any."""
    if "kind" not in result.events.columns or result.events["kind"].is_null().all():
        return {}
    held = result.cars.filter(
        (pl.col("group") == group) & in_window(main_window(result))
    )
    if sample == "headline":
        held = held.filter("headline")
    models = set(held["model"])
    model = next((name for name in model_names(result) if name in models), None)
    if model is None:
        return {}
    window = main_window(result)
    return {"group": group, "model": model, "sample": sample, "window": window}


def _base(tables: list[pl.DataFrame]) -> str | None:
    """The kind that lies in most clusters of dates, all groups together."""
    if not tables:
        return None
    counts = (
        pl.concat(tables)
        .filter(pl.col("category") != MIXED)
        .group_by("category", maintain_order=True)
        .agg(pl.col("n_clusters").sum())
        .sort("n_clusters", descending=True, maintain_order=True)
    )
    return counts["category"][0] if counts.height else None


def _cells(shown: nb.Returns, group: str, row: dict[str, Any]) -> list[str]:
    places = shown.places(row["caar"], row["se"])
    ends = shown.interval(row["ci_low"], row["ci_high"], places)
    caar = f"{shown.percent(row['caar'], row['se'])} {ends}".strip()
    cells = [group, md.escape(label(row["category"]))]
    cells += [f"{row['n']}", f"{row['n_dates']}", caar]
    if row["against"] is None:
        return [*cells, "", "", ""]
    difference = shown.percent(row["difference"], row["difference_se"])
    cells += [md.escape(label(row["against"])), difference]
    return [*cells, nb.pvalue_cell(row["pvalue"])]


def reasons(result: StudyResult, found: Compared) -> list[str]:
    """Why a kind has no row of its own, no interval or no test."""
    notes = []
    never, unused = _without_row(result, found)
    if never:
        verb = "has" if len(never) == 1 else "have"
        notes.append(
            f"Where {_kinds(never)} {verb} no row, each "
            "such announcement shares its day 0 with one of another kind. Such days "
            "are *mixed*; no test can divide them."
        )
    if unused:
        notes.append(
            f"No headline announcement of these kinds could be estimated: "
            f"{_kinds(unused)}."
        )
    why: dict[str, list[str]] = {}
    for held in found.values():
        for row in held.iter_rows(named=True):
            for name, column in (("interval", "reason"), ("p", "difference_reason")):
                if row[column]:
                    kinds = why.setdefault(f"No {name}: {md.escape(row[column])}", [])
                    kinds.append(md.escape(label(row["category"])))
    notes += [f"{text} ({nb.listing([*dict.fromkeys(k)])})." for text, k in why.items()]
    return notes


def _kinds(names: list[str]) -> str:
    return nb.listing([md.escape(label(name)) for name in names])


def _without_row(result: StudyResult, found: Compared) -> tuple[list[str], list[str]]:
    """Kinds of the headline sample that somewhere only come mixed; that never do."""
    if not found:
        return [], []
    chosen = result.events.filter(
        pl.col("event_id").is_in(sorted(headline_ids(result)))
    ).select("event_id", "kind")
    used = (
        result.observations.filter(pl.col("status") == "used")
        .select("event_id", "group")
        .unique(maintain_order=True)
        .join(chosen.drop_nulls(), on="event_id", how="inner", maintain_order="left")
    )
    never = [
        kind
        for group, kind in used.select("group", "kind").iter_rows()
        if group in found and kind not in found[group]["category"]
    ]
    kinds = dict.fromkeys(chosen["kind"].drop_nulls())
    return list(dict.fromkeys(never)), [k for k in kinds if k not in set(used["kind"])]


SECTION = Section(title="Kinds of announcement compared", table="cars", blocks=blocks)
