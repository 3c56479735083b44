"""Tests when the day of the event within the window is not known."""

from dataclasses import replace

import numpy as np

from eventstudy.core.abnormal import Array
from eventstudy.core.registry import TESTS
from eventstudy.inference.entry import BY_SESSION, EventTest
from eventstudy.inference.pvalues import Answer, Options, judged
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
    shape = sample.sar.shape[:-2]
    sar = sample.sar.reshape(-1, *sample.sar.shape[-2:])
    mean, free = _fit(sar, null=False)
    ratio = np.maximum(0.0, 2.0 * (free - _fit(sar, null=True)[1]))
    z = (np.sign(mean) * np.sqrt(ratio)).reshape(shape)
    failed = (np.isnan(z), "the likelihood could not be maximised")
    found = judged(mean.reshape(shape), z, np.inf, options.alternative, failed)
    estimate = np.where(np.isnan(z), sample.mean, found.estimate)
    return replace(found, estimate=estimate)


TESTS.register(
    EventTest(
        name="ball_torous",
        meaning="mean effect when the day within the window is unknown",
        null="H0: μ = 0 on the unknown event day",
        citation="Ball & Torous (1988), J. Financial Economics 22",
        robust_to={"event-induced variance", "missing data"},
        estimand="such dates",
        scale="event",
        min_n=3,
        outcomes=BY_SESSION,
        estimates_mean=False,
        needs={"days"},
        vectorised=True,
        of_sample=ball_torous,
    )
)


def _fit(sar: Array, *, null: bool) -> tuple[Array, Array]:
    """EM for μ and v of samples (R, n, L): μ (R,) and the gain in log-likelihood.

    The gain is over N(0, 1) on all days; both are nan where the search did not end.
    """
    n_paths, n, _ = sar.shape
    valid = ~np.isnan(sar)
    x = np.where(valid, sar, 0.0)
    log_days = np.log(valid.sum(axis=2)).sum(axis=1)
    start = 0.0 if null else _total(x) / valid.sum(axis=(1, 2))
    mean, variance = np.broadcast_to(start, n_paths).copy(), np.full(n_paths, 2.0)
    found_mean, found_gain = np.full((2, n_paths), np.nan)
    before, rows = np.full(n_paths, -np.inf), np.arange(n_paths)
    for _ in range(_MAX_STEPS):
        v = variance[:, None, None]
        square = (x - mean[:, None, None]) ** 2
        odds = np.where(valid, 0.5 * x**2 - 0.5 * square / v - 0.5 * np.log(v), -np.inf)
        top = odds.max(axis=2, keepdims=True)
        odds = np.exp(odds - top)
        total = odds.sum(axis=2, keepdims=True)
        gain = (top + np.log(total)).sum(axis=(1, 2)) - log_days
        done = np.abs(gain - before) <= _TOLERANCE * (1.0 + np.abs(gain))
        found_mean[rows[done]], found_gain[rows[done]] = mean[done], gain[done]
        go = ~done
        if not go.any():
            break
        weight = (odds / total)[go]
        rows, before, x, valid, log_days = (
            values[go] for values in (rows, gain, x, valid, log_days)
        )
        mean = mean[go] if null else _total(weight * x) / n
        square = (x - mean[:, None, None]) ** 2
        variance = np.maximum(_total(weight * square) / n, 1e-4)
    return found_mean, found_gain


def _total(values: Array) -> Array:
    """Sums (R,) over observations and days (R, n, L), in the order of memory."""
    total: Array = values.reshape(len(values), -1).sum(axis=1)
    return total
