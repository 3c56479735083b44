"""Views of the volatility table: one row per ratio, its tests beside it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import polars as pl

from eventstudy.report.labels import model_names
from eventstudy.study.result import StudyResult
from eventstudy.volatility import MEASURES, SHIFTS, ShiftEntry

POOLED = "all"
KEY = ("event_id", "asset", "group", "model", "measure")

Row = Mapping[str, Any]
Key = tuple[str | None, ...]


class Ratios(NamedTuple):
    """Rows of `ratios` by their key, of the post and of the event window.

    pvalues : of all tests, see `pvalues`
    """

    after: Mapping[Key, Row]
    during: Mapping[Key, Row]
    pvalues: Mapping[Key, float]


def robust() -> list[str]:
    """Tests valid under volatility clustering and shared dates, the preferred first."""
    found = [entry for entry in SHIFTS.values() if entry.preference]
    return [entry.name for entry in sorted(found, key=lambda entry: entry.preference)]


def naive() -> dict[str, str]:
    """Tests shown for comparison, with what they take for granted."""
    found = [entry for entry in SHIFTS.values() if entry.naive]
    found.sort(key=lambda entry: entry.of_each is None)
    return {entry.name: entry.naive for entry in found}


def other_dates() -> list[str]:
    """Tests that set an event against other dates of the same assets."""
    return [entry.name for entry in SHIFTS.values() if entry.other_dates]


def shown() -> list[str]:
    """Tests with a column in tables: robust ones, then naive ones, then others."""
    ordered = dict.fromkeys([*robust(), *naive(), *SHIFTS])
    return [name for name in ordered if SHIFTS[name].shown]


def answered_in(table: str) -> list[ShiftEntry]:
    """Tests whose answers stand in a table of the study."""
    return [entry for entry in SHIFTS.values() if entry.table == table]


def returns() -> list[str]:
    """Measures that are the standard deviation of returns, abnormal ones first."""
    found = [e for e in MEASURES.values() if e.spread is not None and e.spread.centred]
    found.sort(key=lambda entry: entry.of == "returns")
    return [entry.name for entry in found]


def against_forecasts() -> list[str]:
    """Measures that a model's forecasts give."""
    return [entry.name for entry in MEASURES.values() if entry.of == "forecasts"]


def key_of(row: Row) -> Key:
    """What tells one ratio from another."""
    return tuple(row[name] for name in KEY)


def all_ratios(result: StudyResult) -> Ratios:
    """Look up everything that tables of ratios show."""
    after, during = (
        {key_of(row): row for row in ratios(result, window).iter_rows(named=True)}
        for window in ("post", "event")
    )
    return Ratios(after=after, during=during, pvalues=pvalues(result))


def of_forecasts(held: Ratios, key: Key) -> Row | None:
    """The row of a ratio against forecasts; ``key`` without the measure."""
    found = [held.after.get((*key, name)) for name in against_forecasts()]
    return next((row for row in found if row is not None), None)


def compared(result: StudyResult, window: str = "post") -> pl.DataFrame:
    """Rows of the volatility table for the post window, or the event window."""
    return result.volatility.filter(pl.col("window") == window)


def ratios(result: StudyResult, window: str = "post") -> pl.DataFrame:
    """One row per ratio; ``method`` names the robust test that gave the interval.

    ``robust`` and ``pvalue`` are the first robust test with a p-value, and that.
    """
    table = compared(result, window)
    tests = robust()
    values = table.group_by(KEY, maintain_order=True).agg(
        pl.col("pre", "post", "ratio").drop_nulls().first()
    )
    ranks = pl.col("test").replace_strict(tests, range(len(tests)), default=None)
    judging = (
        table.filter(pl.col("test").is_in(tests))
        .with_columns(rank=ranks)
        .sort("rank", maintain_order=True)
    )
    ends = judging.filter(
        pl.col("ci_low").is_not_null() & pl.col("ci_high").is_not_null()
    ).select(*KEY, "ci_low", "ci_high", method="test")
    judged = judging.filter(pl.col("pvalue").is_not_null()).select(
        *KEY, "pvalue", robust="test"
    )
    for found in (ends, judged):
        values = values.join(
            found.unique(KEY, keep="first", maintain_order=True),
            on=KEY,
            how="left",
            nulls_equal=True,
            maintain_order="left",
        )
    return values


def pooled(result: StudyResult, window: str = "post") -> pl.DataFrame:
    """Ratios over all events, per asset and (asset ``all``) per group."""
    return ratios(result, window).filter(pl.col("event_id") == POOLED)


def test_names(table: pl.DataFrame) -> list[str]:
    """Tests of a table, robust ones first."""
    held = table["test"].drop_nulls().unique(maintain_order=True).to_list()
    known = [t for t in (*robust(), *naive()) if t in held]
    return known + [t for t in held if t not in known]


def pvalues(result: StudyResult, window: str = "post") -> dict[Key, float]:
    """P-values by (event, asset, group, model, measure, test), where there are any."""
    rows = compared(result, window).drop_nulls("pvalue").drop_nans("pvalue")
    return {
        tuple(row[:-1]): row[-1]
        for row in rows.select(*KEY, "test", "pvalue").iter_rows()
    }


def main_measure(result: StudyResult) -> str:
    """The measure for figures and sentences: abnormal returns where there are any."""
    held = result.volatility["measure"].unique(maintain_order=True).to_list()
    usual = returns()
    return next((name for name in (*usual, *held) if name in held), usual[0])


def main_models(result: StudyResult) -> dict[str, str]:
    """By group, the first model of the study that has a ratio for it."""
    held = result.volatility.select("group", "model").unique().rows()
    names = model_names(result)
    groups = {group for group, _ in held}
    return {
        group: next((name for name in names if (group, name) in held), names[0])
        for group in sorted(groups)
    }
