"""Views of the volatility table: one row per ratio, its tests beside it."""

import polars as pl

from eventstudy.report.labels import model_names
from eventstudy.study_result import StudyResult

POOLED = "all"
# Valid under volatility clustering and shared dates, the first that is there first.
ROBUST = ("cluster", "bootstrap", "placebo")
_ORDER = ("f", "csect", "brown_forsythe", "cluster", "bootstrap", "placebo")
KEY = ("event_id", "asset", "group", "model", "measure")


def compared(result: StudyResult, window: str = "post") -> pl.DataFrame:
    """Rows of the volatility table for the post window, or the event window."""
    return result.volatility.filter(pl.col("window") == window)


def ratios(result: StudyResult) -> pl.DataFrame:
    """One row per ratio; ``method`` names the robust test that gave the interval."""
    table = compared(result)
    values = table.group_by(KEY, maintain_order=True).agg(
        pl.col("pre", "post", "ratio").drop_nulls().first()
    )
    robust = table.filter(
        pl.col("test").is_in(ROBUST)
        & pl.col("ci_low").is_not_null()
        & pl.col("ci_high").is_not_null()
    ).with_columns(rank=pl.col("test").replace_strict(ROBUST, range(len(ROBUST))))
    best = (
        robust.sort("rank", maintain_order=True)
        .unique(KEY, keep="first", maintain_order=True)
        .select(*KEY, "ci_low", "ci_high", method="test")
    )
    return values.join(
        best, on=KEY, how="left", nulls_equal=True, maintain_order="left"
    )


def pooled(result: StudyResult) -> pl.DataFrame:
    """Ratios over all events, per asset and (asset ``all``) per group."""
    return ratios(result).filter(pl.col("event_id") == POOLED)


def test_names(table: pl.DataFrame) -> list[str]:
    """Tests of a table, naive ones first."""
    held = table["test"].drop_nulls().unique(maintain_order=True).to_list()
    return [t for t in _ORDER if t in held] + [t for t in held if t not in _ORDER]


def pvalues(result: StudyResult) -> dict[tuple[str, ...], float | None]:
    """P-values by (event, asset, group, model, measure, test)."""
    rows = result.volatility.select(*KEY, "test", "pvalue").iter_rows()
    return {tuple(row[:-1]): row[-1] for row in rows}


def main_measure(result: StudyResult) -> str:
    """The measure for figures and sentences: abnormal returns where there are any."""
    held = result.volatility["measure"].unique(maintain_order=True).to_list()
    if "abnormal_return" in held or not held:
        return "abnormal_return"
    return str(held[0])


def main_model(result: StudyResult, group: str) -> str:
    """The first model of the study that has a ratio for the group."""
    held = set(result.volatility.filter(pl.col("group") == group)["model"])
    names = model_names(result)
    return next((name for name in names if name in held), names[0])
