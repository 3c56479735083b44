"""Views of the volatility table: one row per ratio, its tests beside it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import polars as pl

from eventstudy.report.labels import model_names
from eventstudy.study.result import StudyResult

POOLED = "all"
# Valid under volatility clustering and shared dates, the first that is there first.
ROBUST = (
    "cluster",
    "bootstrap",
    "placebo",
    "cav_bootstrap",
    "filtered_simulation",
    "garch_dummy",
)
# What they take for granted; shown for comparison only.
NAIVE = {
    "f": "returns as normal and independent from day to day",
    "brown_forsythe": "returns as independent from day to day",
    "fligner": "returns as independent from day to day",
    "csect": "observations as independent of each other",
    "cav": "errors as normal",
}
RETURNS = ("abnormal_return", "raw_return")
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


def compared(result: StudyResult, window: str = "post") -> pl.DataFrame:
    """Rows of the volatility table for the post window, or the event window."""
    return result.volatility.filter(pl.col("window") == window)


def ratios(result: StudyResult, window: str = "post") -> pl.DataFrame:
    """One row per ratio; ``method`` names the robust test that gave the interval.

    ``robust`` and ``pvalue`` are the first robust test with a p-value, and that.
    """
    table = compared(result, window)
    values = table.group_by(KEY, maintain_order=True).agg(
        pl.col("pre", "post", "ratio").drop_nulls().first()
    )
    ranks = pl.col("test").replace_strict(ROBUST, range(len(ROBUST)), default=None)
    robust = (
        table.filter(pl.col("test").is_in(ROBUST))
        .with_columns(rank=ranks)
        .sort("rank", maintain_order=True)
    )
    ends = robust.filter(
        pl.col("ci_low").is_not_null() & pl.col("ci_high").is_not_null()
    ).select(*KEY, "ci_low", "ci_high", method="test")
    judged = robust.filter(pl.col("pvalue").is_not_null()).select(
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
    known = [t for t in (*ROBUST, *NAIVE) if t in held]
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
    return next((name for name in (*RETURNS, *held) if name in held), RETURNS[0])


def main_models(result: StudyResult) -> dict[str, str]:
    """By group, the first model of the study that has a ratio for it."""
    held = result.volatility.select("group", "model").unique().rows()
    names = model_names(result)
    groups = {group for group, _ in held}
    return {
        group: next((name for name in names if (group, name) in held), names[0])
        for group in sorted(groups)
    }
