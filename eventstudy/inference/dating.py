"""Tests when the day of the event within the window is not known."""

from dataclasses import replace

import numpy as np

from eventstudy.core.abnormal import Array
from eventstudy.core.registry import TESTS
from eventstudy.inference.entry import BY_SESSION, EventTest
from eventstudy.inference.pvalues import (
    BUDGET,
    Answer,
    Options,
    answered,
    exceedance,
    refused,
)
from eventstudy.inference.sample import Sample, group_sums
from eventstudy.inference.single import MIN_PSEUDO_DATES

# With fewer the likelihood's spikes decide.
MIN_DATES = 20
_MAX_STEPS = 5000
_TOLERANCE = 1e-10


def ball_torous(sample: Sample, options: Options) -> Answer:
    """Mean effect when the event day is unknown within the window: signed root of LR.

    Each session of a date's window is the event day with equal probability; its
    standardised abnormal return is N(μ, v) then, N(0, 1) on the other days. μ and v are
    estimated by EM with v at least 1, since an event does not lower the variance, and
    μ = 0 is tested with v free. Assets that share a date are one observation, the
    standardised return of their portfolio. The likelihood has a spike where one day of
    every date is alike, so the statistic ``sign(μ̂) sqrt(LR)`` is not normal: it is
    compared with those of all windows of the estimation window, and 20 dates are
    needed. The estimate is μ̂, in standard deviations of a session.
    Ball & Torous (1988), J. Financial Economics 22; floor and shifts are ours.
    """
    if sample.n_dates < MIN_DATES:
        few = f"needs {MIN_DATES} dates, there are {sample.n_dates}"
        return refused(sample.mean, few)
    event, past = _portfolios(sample)
    mean, observed = _signed_roots(event)
    draws = _shifted(past, event.shape[-1])
    held = draws.shape[-1]
    if held < MIN_PSEUDO_DATES:
        few = f"only {held} windows of the estimation window can be compared with"
        return refused(sample.mean, few)
    p = exceedance(draws, observed, options.alternative)
    failed = (np.isnan(observed), "the likelihood could not be maximised")
    found = answered(mean, observed, p, np.inf, failed)
    estimate = np.where(np.isnan(observed), sample.mean, found.estimate)
    basis = f"{held} pseudo-dates of the estimation window"
    return replace(found, estimate=estimate, basis=basis)


TESTS.register(
    EventTest(
        name="ball_torous",
        meaning="mean effect when the day within the window is unknown",
        null="H0: μ = 0 on the unknown event day",
        citation="Ball & Torous (1988), J. Financial Economics 22",
        robust_to={"cross-correlation", "missing data"},
        scale="estimation window",
        min_n=MIN_DATES,
        outcomes=BY_SESSION,
        estimates_mean=False,
        needs={"days"},
        vectorised=True,
        of_sample=ball_torous,
    )
)


def _portfolios(sample: Sample) -> tuple[Array, Array]:
    """Standardised returns of the date portfolios: (..., G, L_w) and (..., G, T)."""
    dates, index = np.unique(sample.clock, return_inverse=True)
    count = sample.sums["day_count"][dates]
    there = count > 0
    past = np.where(there, sample.sums["day_z"][..., dates, :] / count, np.nan)
    valid = ~np.isnan(sample.sar)
    by_day = np.moveaxis(np.where(valid, sample.sar, 0.0), -1, -2)
    held = np.moveaxis(valid, -1, -2).astype(np.float64)
    total, n = (group_sums(v, index, len(dates)) for v in (by_day, held))
    event = np.moveaxis(np.where(n > 0, total / n, np.nan), -2, -1)
    square = np.where(there, past, 0.0) ** 2
    size = np.sqrt(square.sum(axis=-1) / np.maximum(there.sum(axis=-1) - 1, 1))
    scale = np.where(size > 0, size, np.nan)[..., None]
    return event / scale, past / scale


def _shifted(past: Array, length: int) -> Array:
    """Statistics (..., B) of all windows of the estimation window with returns."""
    if past.shape[-1] < length:
        return np.empty((*past.shape[:-2], 0))
    windows = np.lib.stride_tricks.sliding_window_view(past, length, axis=-1)
    windows = np.moveaxis(windows, -2, -3)
    valid = (~np.isnan(windows)).any(axis=-1).all(axis=-1)
    whole = valid.reshape(-1, valid.shape[-1]).all(axis=0)
    return _signed_roots(windows[..., whole, :, :])[1]


def _signed_roots(z: Array) -> tuple[Array, Array]:
    """Return μ̂ and ``sign(μ̂) sqrt(LR)`` (...,) of standardised returns (..., G, L)."""
    paths = z.reshape(-1, *z.shape[-2:])
    step = max(1, BUDGET // (8 * paths[0].size)) if len(paths) else 1
    mean, root = np.empty((2, len(paths)))
    for first in range(0, len(paths), step):
        rows = slice(first, first + step)
        mean[rows], free = _fit(paths[rows], null=False)
        ratio = np.maximum(0.0, 2.0 * (free - _fit(paths[rows], null=True)[1]))
        root[rows] = np.sign(mean[rows]) * np.sqrt(ratio)
    return mean.reshape(z.shape[:-2]), root.reshape(z.shape[:-2])


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
        variance = np.maximum(_total(weight * square) / n, 1.0)
    return found_mean, found_gain


def _total(values: Array) -> Array:
    """Sums (R,) over observations and days (R, n, L), in the order of memory."""
    total: Array = values.reshape(len(values), -1).sum(axis=1)
    return total
