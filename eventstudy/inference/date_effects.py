"""Effects of the dates of a sample, their covariance, and what each one carries."""

from dataclasses import dataclass

import numpy as np

from eventstudy.core.abnormal import Array, IntArray
from eventstudy.core.windows import Window
from eventstudy.inference.aggregates import Evidence
from eventstudy.inference.dependence import Correlations, correlations

# Beyond so many dates their covariance is not worked out.
MAX_DATES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class DateEffects:
    """Mean CARs of the K dates of a window, and the covariance of their errors.

    clocks : (K,) rows of the table of clocks;  effect : (K,);  covariance : (K, K)
    """

    clocks: IntArray
    effect: Array
    covariance: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Influence:
    """What an average is without the part that moves it most.

    which : the clock or asset left out, None where one is all there is
    """

    which: int | None
    estimate: float


def date_effects(evidence: Evidence, window: Window) -> DateEffects | None:
    """Return the effects of the dates; None for more than 500 of them, or none.

    The covariance is ``A C A'`` with ``C_ij = R_ij se_i se_j`` of the observations'
    forecast errors, R as in `dependence`, and A their weights 1/n in the date's mean:
    shared sessions, shared estimation windows and correlation between assets are in it.
    Of the loadings κ the clocks' means are taken, as for the degrees of freedom.
    """
    known = correlations(evidence)
    v, column = evidence.vectors, evidence.windows.index(window)
    used = v.usable & (v.n_valid[:, column] > 0)
    asset, clock = v.asset[used], v.clock[used]
    rows, index = np.unique(clock, return_inverse=True)
    if known is None or not len(rows) or len(rows) > MAX_DATES:
        return None
    count = np.bincount(index).astype(np.float64)
    se = v.se[used, column] / count[index]
    means = known.clock_means(window, clock)
    dense = means if isinstance(means, np.ndarray) else means.toarray()
    kappa = dense @ dense.T
    covariance = kappa * _between(known, asset, index, se, len(rows))
    # An observation's product with itself is 1, not that of its clock's mean.
    own = np.bincount(index, se**2)
    covariance[np.diag_indices(len(rows))] += own * (1.0 - np.diag(kappa))
    effect = np.bincount(index, v.car[used, column]) / count
    return DateEffects(clocks=rows, effect=effect, covariance=covariance)


def _between(
    known: Correlations, asset: IntArray, index: IntArray, se: Array, n_dates: int
) -> Array:
    """``Σ_ij ρ_ij se_i se_j`` over the observations of two dates, (K, K)."""
    assets = np.unique(asset) if known.assets is None else known.assets
    weights = np.zeros((n_dates, len(assets)))
    np.add.at(weights, (index, np.searchsorted(assets, asset)), se)
    if known.matrix is not None:
        return np.asarray(weights @ known.matrix @ weights.T)
    total = weights.sum(axis=1)
    same = weights @ weights.T
    return np.asarray(
        known.pooled * np.outer(total, total) + (1.0 - known.pooled) * same
    )


def leave_one_out(effect: Array, label: IntArray) -> Influence:
    """Return the label without which the mean of ``effect`` (n,) moves most."""
    labels, index = np.unique(label, return_inverse=True)
    if len(labels) < 2:
        return Influence(which=None, estimate=float("nan"))
    count = np.bincount(index)
    rest = (effect.sum() - np.bincount(index, effect)) / (len(effect) - count)
    away = np.abs(rest - effect.mean())
    # Of labels that move it alike the first, whatever rounding makes of them.
    most = int(np.argmax(away >= away.max() * (1.0 - 1e-9)))
    return Influence(which=int(labels[most]), estimate=float(rest[most]))
