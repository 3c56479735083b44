"""Tests when the day of the event within the window is not known."""

import numpy as np

from eventstudy.core.abnormal import Array
from eventstudy.inference.pvalues import Answer, Options, judged, refused
from eventstudy.inference.sample import Sample

_MAX_STEPS = 5000
_TOLERANCE = 1e-10


def ball_torous(sample: Sample, options: Options) -> Answer:
    """Mean effect when the event day is unknown within the window: signed root of LR.

    Each session of an observation's window is the event day with equal probability;
    its SAR is N(μ, v) then, N(0, 1) on the other days. μ and v are estimated by EM and
    μ = 0 is tested with v free; ``sign(μ̂) sqrt(LR)`` is normal. Observations count as
    independent. The estimate is μ̂, in standard deviations of a session.
    Ball & Torous (1988), J. Financial Economics 22.
    """
    if (refusal := sample.lacks(3, sessions=True)) is not None:
        return refusal
    free = _fit(sample.sar, null=False)
    null = _fit(sample.sar, null=True)
    if free is None or null is None:
        return refused(sample.mean, "the likelihood could not be maximised")
    ratio = max(0.0, 2.0 * (free[1] - null[1]))
    z = float(np.sign(free[0]) * np.sqrt(ratio))
    return judged(free[0], z, np.inf, options.alternative)


def _fit(sar: Array, *, null: bool) -> tuple[float, float] | None:
    """EM for μ and v; return μ and the log-likelihood against N(0, 1) on all days."""
    valid = ~np.isnan(sar)
    x = np.where(valid, sar, 0.0)
    n, n_days = len(x), valid.sum(axis=1)
    mean, variance = 0.0 if null else float(x.sum() / valid.sum()), 2.0
    before = -np.inf
    for _ in range(_MAX_STEPS):
        log_odds = np.where(
            valid,
            0.5 * x**2 - 0.5 * (x - mean) ** 2 / variance - 0.5 * np.log(variance),
            -np.inf,
        )
        top = log_odds.max(axis=1, keepdims=True)
        odds = np.exp(log_odds - top)
        total = odds.sum(axis=1, keepdims=True)
        likelihood = float((top + np.log(total)).sum() - np.log(n_days).sum())
        if abs(likelihood - before) <= _TOLERANCE * (1.0 + abs(likelihood)):
            return mean, likelihood
        before = likelihood
        weight = odds / total
        if not null:
            mean = float((weight * x).sum() / n)
        variance = max(float((weight * (x - mean) ** 2).sum() / n), 1e-4)
    return None
