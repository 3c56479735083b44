"""Average effects of categories, and their differences from one of them."""

from typing import Any

import numpy as np
import polars as pl

from eventstudy.cells.frames import ArrowStream
from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.core.errors import unknown_name
from eventstudy.core.threads import OneThread
from eventstudy.cross_section.estimate import least_squares
from eventstudy.cross_section.regression import model_of
from eventstudy.cross_section.rows import (
    characteristics,
    cluster_labels,
    observation_rows,
)
from eventstudy.spec import Pair
from eventstudy.study.result import StudyResult


@OneThread()
def categories(
    result: StudyResult,
    by: str = "kind",
    *,
    window: Pair,
    against: str | None = None,
    group: str | None = None,
    model: str | None = None,
    sample: str = "headline",
    assets: ArrowStream | None = None,
) -> pl.DataFrame:
    """Compare the CAARs of categories of events or assets.

    Variances are clustered by dates whose windows share a session (CR2, with
    Satterthwaite degrees of freedom); a category in one cluster has neither an interval
    nor a test.

    Parameters
    ----------
    result : StudyResult
        A study with ``window`` among its windows.
    by : str
        A characteristic of events or assets, as in `regress`.
    window : (int, int)
        One of the study's windows, in event time, both ends included.
    against : str, optional
        Category that the others are compared with; default the first in sorted order.
    group : str, optional
        An asset group; default all assets of the model setting.
    model : str, optional
        Name of a model setting; default the first.
    sample : {"headline", "all"}
        Which events.
    assets : frame, optional
        Characteristics of assets, with a column ``asset``.

    Returns
    -------
    polars.DataFrame
        Columns category, n, n_dates (distinct day 0s), n_clusters, caar, se, ci_low,
        ci_high, reason; then against, difference, difference_se, difference_low,
        difference_high, df, pvalue and difference_reason, null in the row of
        ``against``.

    Raises
    ------
    SpecError
        For names that are not there.

    References
    ----------
    Bell & McCaffrey (2002), Survey Methodology 28, 169-181.

    Examples
    --------
    >>> import eventstudy as es
    >>> events = pl.DataFrame(
    ...     {
    ...         "event_id": ["may", "june", "september"],
    ...         "announced_at": ["2021-05-21", "2021-06-18", "2021-09-24"],
    ...         "kind": ["policy_signal", "mining_ban", "mining_ban"],
    ...     }
    ... )
    >>> spec = es.StudySpec(
    ...     model="market",
    ...     factors=("^GSPC",),
    ...     windows=((-1, 1),),
    ...     groups={"abroad": ("RIOT", "MARA")},
    ...     tests=("csect",),
    ... )
    >>> study = es.run(spec, events, es.fetch_prices([*spec.assets, "^GSPC"]))
    >>> table = es.categories(study, "kind", window=(-1, 1))
    >>> table.select("category", "n", "n_dates").rows()
    [('mining_ban', 4, 2), ('policy_signal', 2, 1)]
    """
    model = model_of(result, model)
    rows = observation_rows(
        result, window=window, model=model, sample=sample, assets=assets
    )
    rows = of_category(rows, by, group, "car")
    names = rows[by].unique().sort().to_list()
    if against is not None and against not in names:
        raise unknown_name("category", against, names)
    first = against or next(iter(names), None)
    names.sort(key=lambda name: name != first)
    label = cluster_labels(result, rows, "date", window=window, model=model)
    y, level = rows["car"].to_numpy(), result.spec.level
    of = {name: (rows[by] == name).to_numpy() for name in names}
    table = [
        {
            "category": name,
            "n_dates": rows.filter(own)["day0"].n_unique(),
            **_mean(y[own], label[own], level),
            **({} if name == first else {"against": first}),
            **({} if name == first else _gap(y, label, own, of[str(first)], level)),
        }
        for name, own in of.items()
    ]
    floats = [name for name, kind in _SCHEMA.items() if kind == pl.Float64]
    return pl.DataFrame(table, schema=_SCHEMA).with_columns(
        pl.col(floats).fill_nan(None)
    )


def of_category(
    rows: pl.DataFrame, by: str, group: str | None, outcome: str
) -> pl.DataFrame:
    """Keep the rows of a group that have an outcome and a category, as text.

    Raises `SpecError` for a characteristic or group that there is not.
    """
    if by not in characteristics(rows):
        raise unknown_name("characteristic", by, characteristics(rows))
    if group is not None:
        if group not in rows["group"]:
            raise unknown_name("group", group, rows["group"].unique())
        rows = rows.filter(pl.col("group") == group)
    return rows.drop_nulls([outcome, by]).with_columns(pl.col(by).cast(pl.String))


def _mean(y: Array, label: IntArray, level: float) -> dict[str, Any]:
    fit = least_squares(
        y,
        np.ones((len(y), 1)),
        terms=["mean"],
        labels=[label],
        robust="CR2",
        level=level,
    )
    return {
        "n": len(y),
        "n_clusters": len(np.unique(label)),
        "caar": float(y.mean()),
        "se": fit.se[0],
        "ci_low": fit.low[0],
        "ci_high": fit.high[0],
        "reason": fit.reason[0],
    }


def _gap(
    y: Array, label: IntArray, own: BoolArray, other: BoolArray, level: float
) -> dict[str, Any]:
    both = own | other
    fit = least_squares(
        y[both],
        np.column_stack([np.ones(both.sum()), own[both]]),
        terms=["Intercept", "difference"],
        labels=[label[both]],
        robust="CR2",
        level=level,
    )
    return {
        "difference": float(y[own].mean() - y[other].mean()),
        "difference_se": fit.se[1],
        "difference_low": fit.low[1],
        "difference_high": fit.high[1],
        "df": fit.df[1],
        "pvalue": fit.pvalue[1],
        "difference_reason": fit.reason[1],
    }


_SCHEMA = {
    "category": pl.String,
    "n": pl.Int64,
    "n_dates": pl.Int64,
    "n_clusters": pl.Int64,
    "caar": pl.Float64,
    "se": pl.Float64,
    "ci_low": pl.Float64,
    "ci_high": pl.Float64,
    "reason": pl.String,
    "against": pl.String,
    "difference": pl.Float64,
    "difference_se": pl.Float64,
    "difference_low": pl.Float64,
    "difference_high": pl.Float64,
    "df": pl.Float64,
    "pvalue": pl.Float64,
    "difference_reason": pl.String,
}
