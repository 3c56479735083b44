"""Many hypotheses at once: adjusted p-values, step-down under dependence."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eventstudy.errors import SpecError, unknown_name
from eventstudy.inference.answers import Alternative, check_alternative
from eventstudy.inference.dependence import MIN_COMMON_DATES
from eventstudy.inference.evidence import AssetSeries, collect
from eventstudy.resampling import block_draws, politis_white, resample
from eventstudy.results import Abnormal, Array, IntArray, Status
from eventstudy.windows import Window, cumulate


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """A member of `ADJUSTMENTS`: p-values in, adjusted p-values out, nan kept.

    controls : the error rate that stays below the level
    """

    name: str
    meaning: str
    controls: str
    citation: str
    function: Callable[[Array], Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDown:
    """Romano-Wolf p-values (E, W) of all observations and windows, nan if untested.

    n_dates : dates on which all assets have a residual, from which was drawn
    reason : why nothing could be adjusted
    """

    pvalue: Array
    n_dates: int
    reason: str | None = None


def adjust(pvalues: Array, method: str = "holm") -> Array:
    """Return p-values adjusted for their number; shape and nan are kept.

    method : a name in `ADJUSTMENTS`. Raises `SpecError` for another.

    >>> adjust(np.array([0.01, 0.04, np.nan]), "holm")
    array([0.02, 0.04,  nan])
    """
    if method not in ADJUSTMENTS:
        raise unknown_name("adjustment", method, ADJUSTMENTS)
    p = np.asarray(pvalues, np.float64)
    out = np.full(p.shape, np.nan)
    known = ~np.isnan(p)
    out[known] = ADJUSTMENTS[method].function(p[known])
    return out


def romano_wolf(observed: Array, draws: Array, alternative: str = "two-sided") -> Array:
    """Step-down p-values from joint draws of the statistics under the null.

    observed : (H,) statistics;  draws : (B, H) the same, resampled jointly, so that
    their dependence is used: hypotheses that move together cost little. The largest
    is compared with the maximum over all, the next with the maximum over the rest;
    ``p = (1 + #) / (1 + B)``, made monotone. nan in ``observed`` stays nan.
    Romano & Wolf (2005), Econometrica 73; (2016), Statistics & Probability Letters 113.

    >>> draws = np.random.default_rng(0).normal(size=(999, 2))
    >>> romano_wolf(np.array([4.0, 0.1]), draws).round(1)
    array([0. , 0.9])
    """
    chosen: Alternative = check_alternative(alternative)
    observed = np.asarray(observed, np.float64)
    if draws.shape[1:] != observed.shape:
        raise SpecError(
            f"draws of shape {draws.shape} do not belong to {observed.shape} statistics"
        )
    out = np.full(observed.shape, np.nan)
    known = np.flatnonzero(~np.isnan(observed))
    size = {"two-sided": np.abs, "less": np.negative}.get(chosen, np.positive)
    order = known[np.argsort(-size(observed[known]), kind="stable")]
    null = np.where(np.isnan(draws[:, order]), -np.inf, size(draws[:, order]))
    worst = np.maximum.accumulate(null[:, ::-1], axis=1)[:, ::-1]
    count = (worst >= size(observed[order]) * (1 - 1e-12)).sum(axis=0)
    out[order] = np.maximum.accumulate((1 + count) / (1 + len(draws)))
    return out


def step_down(
    ab: Abnormal,
    windows: Sequence[Window],
    *,
    alternative: str = "two-sided",
    seed: int = 0,
    n_draws: int = 999,
) -> StepDown:
    """Romano-Wolf p-values of every observation's SCAR in every window.

    Under the null a calendar session of the event windows brings what some date of
    the estimation windows brought: dates are drawn in blocks (stationary bootstrap,
    Politis & Romano 1994), the same for all assets, events and windows. So correlation
    between assets, overlapping windows and repeated assets are in the draws. The
    parameters' estimation error is not; it is in the observed SCAR's standard error.
    Needs memory for B x E x W numbers.
    """
    n_obs = len(ab.ar)
    nothing = np.full((n_obs, len(windows)), np.nan)
    series = collect(ab, windows, frozenset({"correlation"})).series["residual"]
    if series is None:
        return StepDown(pvalue=nothing, n_dates=0, reason="too many assets")
    z = _common_dates(series)
    if z.shape[1] < MIN_COMMON_DATES:
        return StepDown(
            pvalue=nothing,
            n_dates=z.shape[1],
            reason=f"the assets share {z.shape[1]} estimation dates, "
            f"{MIN_COMMON_DATES} are needed",
        )
    observed = np.column_stack([cumulate(ab, w).scar for w in windows])
    observed[ab.status != Status.OK] = np.nan
    rows = np.clip(np.searchsorted(series.assets, ab.asset), 0, len(z) - 1)
    draws = _joint_draws(ab, windows, z, rows, n_draws=n_draws, seed=seed)
    p = romano_wolf(observed.ravel(), draws.reshape(n_draws, -1), alternative)
    return StepDown(pvalue=p.reshape(observed.shape), n_dates=z.shape[1])


def _common_dates(series: AssetSeries) -> Array:
    """Standardised residuals on the dates that all estimated assets have, (A, D)."""
    estimated = (series.count > 0).any(axis=1)
    there = (series.count[estimated] > 0).all(axis=0)
    z = np.zeros((len(series.assets), int(there.sum())))
    z[estimated] = series.total[estimated][:, there] / series.count[estimated][:, there]
    return z


def _joint_draws(
    ab: Abnormal,
    windows: Sequence[Window],
    z: Array,
    rows: IntArray,
    *,
    n_draws: int,
    seed: int,
) -> Array:
    """Resampled SCARs (B, E, W): one drawn date per calendar session, for everyone."""
    dates = ab.clocks.event[ab.clock]
    sessions, day = np.unique(dates, return_inverse=True)
    day = day.reshape(dates.shape)
    block = politis_white(z.mean(axis=0)).stationary
    block = np.where(np.isfinite(block), block, 1.0)
    drawn = resample(block_draws(len(sessions), n_draws, seed), block, z.shape[1])[0]
    out = np.empty((n_draws, len(ab.ar), len(windows)))
    for w, (start, stop) in enumerate(windows):
        total = np.zeros((n_draws, len(ab.ar)))
        for column in range(start, stop):
            total += z[rows, drawn[:, day[:, column]]]
        out[:, :, w] = total / np.sqrt(stop - start)
    return out


def _holm(p: Array) -> Array:
    order = np.argsort(p, kind="stable")
    factor = len(p) - np.arange(len(p))
    out = np.empty_like(p)
    out[order] = np.minimum(np.maximum.accumulate(p[order] * factor), 1.0)
    return out


def _false_discovery(p: Array) -> Array:
    order = np.argsort(p, kind="stable")
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    out = np.empty_like(p)
    out[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return out


def _any_dependence(p: Array) -> Array:
    harmonic = (1.0 / np.arange(1, len(p) + 1)).sum()
    out: Array = np.minimum(_false_discovery(p) * harmonic, 1.0)
    return out


ADJUSTMENTS: Mapping[str, Adjustment] = {
    entry.name: entry
    for entry in (
        Adjustment(
            name="holm",
            meaning="step-down Bonferroni",
            controls="any false rejection, under any dependence",
            citation="Holm (1979), Scandinavian J. Statistics 6",
            function=_holm,
        ),
        Adjustment(
            name="bh",
            meaning="Benjamini-Hochberg step-up",
            controls="share of false rejections, under positive dependence",
            citation="Benjamini & Hochberg (1995), J. Royal Statistical Society B 57",
            function=_false_discovery,
        ),
        Adjustment(
            name="by",
            meaning="Benjamini-Yekutieli step-up",
            controls="share of false rejections, under any dependence",
            citation="Benjamini & Yekutieli (2001), Annals of Statistics 29",
            function=_any_dependence,
        ),
    )
}
