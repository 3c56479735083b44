"""How a batched test answers: statistics and p-values of all replications."""

import numpy as np

from eventstudy.core.abnormal import Array
from eventstudy.inference.pvalues import tail
from eventstudy.simulation.batch import Injected

Judged = tuple[Array, Array]


def judge(one: Injected, statistic: Array, df: Array | float) -> Judged:
    """Return the statistics with their p-values; infinite ones are no answer."""
    statistic = np.where(np.isfinite(statistic), statistic, np.nan)
    return statistic, tail(statistic, df, one.batch.alternative)


def nothing(one: Injected) -> Judged:
    """Return no answer for any replication."""
    missing = np.full(len(one.car), np.nan)
    return missing, missing


def exact(one: Injected, below: Array, above: Array) -> Array:
    """Return the p-value of a discrete law from its two tails."""
    both = np.minimum(1.0, 2.0 * np.minimum(below, above))
    tails = {"less": below, "greater": above}
    return tails.get(one.batch.alternative, both)
