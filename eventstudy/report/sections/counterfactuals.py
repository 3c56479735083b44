"""Counterfactuals made of donors: who they are, how they fit, how gaps are judged."""

from collections.abc import Iterator

import polars as pl

from eventstudy.models.conformal import EMPTY
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.effects import level_text
from eventstudy.report.labels import (
    alpha_of,
    asset_order,
    in_window,
    main_window,
    period_word,
    short_title,
    window_words,
    words_for,
)
from eventstudy.report.section import Section
from eventstudy.report.views import Views
from eventstudy.study.result import StudyResult

_MOST_DONORS = 6
_MOST_ROWS = 60
_EMPTY_SET = "empty"


def blocks(views: Views) -> Iterator[str]:
    """Donors, fit and tests of every model with donors, over the first window."""
    result = views.result
    of_window = result.counterfactuals.filter(in_window(main_window(result)))
    if of_window.is_empty():
        return
    yield _how_judged(result, of_window)
    for model in of_window["model"].unique(maintain_order=True):
        rows = of_window.filter(model=model)
        name = md.escape(words_for(result, model))
        yield f"**Model {name}.** {_who_may(result, model, rows)}"
        yield weights_table(result, model)
        table = gaps_table(result, rows)
        if rows.height > _MOST_ROWS:
            table = md.details(f"All {rows.height} observations", table)
        yield table
    yield "All windows: `tables/counterfactuals.csv`; weights: `tables/donors.csv`."


def _who_may(result: StudyResult, model: str, rows: pl.DataFrame) -> str:
    """Say how many donors observations have, and which rules kept others out."""
    numbers = rows["n_donors"].to_list()
    least, most = min(numbers), max(numbers)
    held = f"{least}" if least == most else f"{least} to {most}"
    weighted = nb.decimal(nb.median(rows["n_weighted"].to_list()), 0)
    text = (
        f"{nb.count(rows.height, 'observation')}, of {held} donors each; {weighted} of "
        "them have weight (median)."
    )
    kept_out = (
        result.donors.filter(model=model)
        .drop_nulls("reason")
        .group_by("reason")
        .agg(pl.col("donor").n_unique())
        .sort("donor", "reason", descending=[True, False])
    )
    if kept_out.is_empty():
        return text
    why = [
        f"{nb.count(n, 'donor')} ({md.escape(reason)})"
        for reason, n in kept_out.iter_rows()
    ]
    return f"{text} Kept out of some observations or all: {nb.listing(why)}."


def weights_table(result: StudyResult, model: str) -> str:
    """The donors of greatest mean weight of every asset."""
    held = result.donors.filter(model=model).drop_nulls("weight")
    n_observations = dict(
        held.group_by("asset").agg(pl.col("event_id").n_unique()).iter_rows()
    )
    total = held.group_by("asset", "donor").agg(pl.col("weight").sum())
    lines = []
    for asset in asset_order(result):
        own = total.filter(asset=asset).sort(
            "weight", "donor", descending=[True, False]
        )
        if own.is_empty():
            continue
        shares = [
            f"{md.escape(donor)} {nb.decimal(weight / n_observations[asset])}"
            for donor, weight in own.select("donor", "weight").iter_rows()
        ]
        lines.append([md.escape(asset), nb.listing(shares, _MOST_DONORS)])
    return md.table(["Asset", "Donors and their mean weights"], lines, "ll")


def _how_judged(result: StudyResult, rows: pl.DataFrame) -> str:
    """Say what the columns of the tables are, and what few donors cannot show."""
    level, word = level_text(result), period_word(result.spec)
    parts = [
        f"Gaps over {window_words(main_window(result), result.spec)}. RMSE: root mean "
        "square gap in the estimation window; betas: on the donors' mean there. p in "
        "time: the gap among those of the estimation window. p in space: every donor "
        "in the asset's place, ranked by root mean square gap after over before."
    ]
    if rows["pvalue_conformal"].null_count() < rows.height:
        parts.append(
            f"p conformal: gaps of weights fitted to all {word}s, moved around in "
            f"time; beside it the constant effects a {word} that it does not reject at "
            f"{level}."
        )
    most, wanted = max(rows["n_space"].to_list()), round(1 / alpha_of(result)) - 1
    if most < wanted:
        parts.append(
            f"With {nb.count(most, 'donor')} p in space cannot reach {level}, which "
            f"needs {wanted}."
        )
    if empty := sum(reason == EMPTY for reason in rows["reason"].to_list()):
        parts.append(
            f"The set of {nb.count(empty, 'observation')} is empty: no constant effect "
            f"makes the window like other {word}s."
        )
    return " ".join(parts)


def gaps_table(result: StudyResult, rows: pl.DataFrame) -> str:
    """Fit before and p-values, a row per observation."""
    conformal = rows["pvalue_conformal"].null_count() < rows.height
    lines = []
    for row in rows.iter_rows(named=True):
        cells = [
            md.escape(short_title(result, row["event_id"])),
            md.escape(row["asset"]),
            nb.spread(row["rmse_before"]),
            nb.decimal(row["beta_treated"]),
            nb.decimal(row["beta_synthetic"]),
            nb.pvalue_cell(row["pvalue_time"]),
            nb.pvalue_cell(row["pvalue_space"]),
        ]
        if conformal:
            interval = nb.percent_interval(row["ci_low"], row["ci_high"])
            cells += [
                nb.pvalue_cell(row["pvalue_conformal"]),
                _EMPTY_SET if row["reason"] == EMPTY else interval,
            ]
        lines.append(cells)
    heads = ["Announcement", "Asset", "RMSE, %", "beta", "beta synthetic"]
    heads += ["p in time", "p in space"]
    if conformal:
        heads += ["p conformal", f"Effect a {period_word(result.spec)}, %"]
    return md.table(heads, lines, "ll" + "r" * (len(heads) - 2))


SECTION = Section(
    title="Counterfactuals from donors", table="counterfactuals", blocks=blocks
)
