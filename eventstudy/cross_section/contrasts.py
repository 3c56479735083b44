"""Categories of announcements by the size of their moves, whatever the direction."""

from itertools import combinations
from typing import Any

import polars as pl

from eventstudy.core.errors import DataError
from eventstudy.cross_section.comparison import of_category
from eventstudy.cross_section.regression import model_of
from eventstudy.cross_section.rows import (
    MIXED,
    cluster_labels,
    observation_rows,
)
from eventstudy.inference import variance_contrast
from eventstudy.spec import Pair
from eventstudy.study.result import StudyResult

_SCHEMA = {
    "category": pl.String,
    "against": pl.String,
    "mean_square": pl.Float64,
    "mean_square_against": pl.Float64,
    "ratio": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "pvalue": pl.Float64,
    "n_clusters": pl.Int64,
    "n_clusters_against": pl.Int64,
    "n_mixed": pl.Int64,
    "reason": pl.String,
}


def variance_contrasts(
    result: StudyResult,
    by: str = "kind",
    *,
    window: Pair,
    group: str | None = None,
    model: str | None = None,
    sample: str = "headline",
) -> pl.DataFrame:
    """Compare how far categories of announcements move prices, up or down.

    Parameters
    ----------
    result : StudyResult
        A study with ``window`` among its windows.
    by : str
        A characteristic of events, as in `regress`.
    window : (int, int)
        One of the study's windows, in event time, both ends included.
    group : str, optional
        An asset group; default all assets of the model setting.
    model : str, optional
        Name of a model setting; default the first.
    sample : {"headline", "all"}
        Which events.

    Returns
    -------
    polars.DataFrame
        A row per pair of categories, in sorted order, "mixed" ones left out: the fields
        of `eventstudy.inference.VarianceContrast`, ``kind`` as ``category``.

    Raises
    ------
    SpecError
        For names that are not there.

    References
    ----------
    Beaver (1968), J. Accounting Research 6; see `inference.variance_contrast`.

    Examples
    --------
    >>> import eventstudy as es
    >>> spec = es.StudySpec(
    ...     model="constant_mean", groups={"bitcoin": ("BTC-USD",)}, windows=((0, 1),)
    ... )
    >>> prices = es.fetch_prices(["BTC-USD"], source="snapshot")
    >>> study = es.run(spec, "events/china_2021.csv", prices)
    >>> table = es.variance_contrasts(study, window=(0, 1))
    >>> table.select("category", "against", "n_clusters").row(0)
    ('banking_payment', 'mining_ban', 1)
    """
    model = model_of(result, model)
    rows = observation_rows(result, window=window, model=model, sample=sample)
    rows = of_category(rows, by, group, "scar").filter(pl.col(by) != MIXED)
    names = rows[by].unique().sort().to_list()
    label = cluster_labels(result, rows, "date", window=window, model=model)
    z, kinds = rows["scar"].to_numpy(), rows[by].to_list()
    options: dict[str, Any] = {"level": result.spec.level, "seed": result.spec.seed}
    table: list[dict[str, Any]] = []
    for kind, against in combinations(names, 2):
        named = {"category": kind, "against": against}
        try:
            one = variance_contrast(
                z, kinds, label, **options, kind=kind, against=against
            )
        except DataError as error:  # they are never apart
            table.append(named | {"reason": str(error)})
            continue
        table.append({name: getattr(one, name, None) for name in _SCHEMA} | named)
    floats = [name for name, kind in _SCHEMA.items() if kind == pl.Float64]
    return pl.DataFrame(table, schema=_SCHEMA).with_columns(
        pl.col(floats).fill_nan(None)
    )
