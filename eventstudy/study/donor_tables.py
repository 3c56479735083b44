"""Donors of counterfactuals, with their weights, or why they are none."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from eventstudy.panel.donors import RULES
from eventstudy.study.estimate import Estimate, Estimator
from eventstudy.study.observation_tables import keys
from eventstudy.study.schema import empty

if TYPE_CHECKING:
    from eventstudy.study.builders import Study, Tables

# A weight of rounding noise is none.
LEAST_WEIGHT = 1e-9


def donors(study: "Study") -> "Tables":
    """List the donors that have weight, and those that may not have any."""
    rows = [
        _donors(estimator, block)
        for estimator, blocks in study.fitted
        if estimator.panel.donors
        for block in blocks
    ]
    return {"donors": pl.concat([empty("donors"), *rows])}


def _donors(estimator: Estimator, estimate: Estimate) -> pl.DataFrame:
    assert estimator.panel.donors is not None
    assert estimate.barred is not None
    weights, barred = estimate.event.weights, estimate.barred
    shown = (np.abs(weights) > LEAST_WEIGHT) | (barred > 0)
    where, at = np.nonzero(shown)
    # the greatest weight first, and those without any in the order of the study file
    order = np.lexsort((at, -np.abs(weights[where, at]), where))
    where, at = where[order], at[order]
    table = keys(estimator, estimate).select("event_id", "asset", "model")
    names, why = np.array(estimator.panel.donors.names), barred[where, at]
    return table[where].with_columns(
        donor=pl.Series(names[at].tolist(), dtype=pl.String),
        weight=pl.Series(
            np.where(why > 0, np.nan, weights[where, at]), nan_to_null=True
        ),
        reason=pl.Series([RULES[i] or None for i in why.tolist()], dtype=pl.String),
    )
