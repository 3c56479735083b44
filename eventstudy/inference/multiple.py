"""Many hypotheses at once: adjusted p-values, step-down under dependence."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, IntArray, Status
from eventstudy.core.errors import SpecError, unknown_name
from eventstudy.core.windows import Window, as_windows, columns, cumulate, length_of
from eventstudy.inference.aggregates import collect
from eventstudy.inference.dependence import MIN_COMMON_DATES
from eventstudy.inference.pvalues import Alternative, check_alternative
from eventstudy.inference.standardised import daily_sar
from eventstudy.inference.sums import AssetSeries


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """A member of `ADJUSTMENTS`: p-values in, adjusted p-values out, nan kept.

    Parameters
    ----------
    name : str
        The name in study files and tables.
    meaning : str
        What it does, in a line.
    controls : str
        The error rate that stays below the level.
    citation : str
        Where it comes from.
    function : callable
        Of p-values (H,), to adjusted ones.

    Examples
    --------
    >>> ADJUSTMENTS["holm"].meaning
    'step-down Bonferroni'
    """

    name: str
    meaning: str
    controls: str
    citation: str
    function: Callable[[Array], Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDown:
    """Step-down p-values of all observations and windows; see `step_down`.

    Parameters
    ----------
    pvalue : array (E, W)
        P-values; nan where nothing was tested.
    n_dates : int
        Dates on which all assets have a return, from which was drawn.
    reason : str, optional
        Why nothing could be adjusted.

    Examples
    --------
    >>> StepDown(pvalue=np.full((1, 1), 0.03), n_dates=250).reason is None
    True
    """

    pvalue: Array
    n_dates: int
    reason: str | None = None


def adjust(pvalues: Array, method: str = "holm") -> Array:
    """Return p-values adjusted for their number; shape and nan are kept.

    Parameters
    ----------
    pvalues : array
        Of any shape, nan where there is none.
    method : str
        A name in `ADJUSTMENTS`.

    Returns
    -------
    array
        Adjusted p-values of the same shape.

    Raises
    ------
    SpecError
        For an unknown method.

    Examples
    --------
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

    The largest statistic is compared with the maximum over all, the next with the
    maximum over the rest; ``p = (1 + #) / (1 + B)``, made monotone. Hypotheses that
    move together cost little.

    Parameters
    ----------
    observed : array (H,)
        Statistics; nan stays nan.
    draws : array (B, H)
        The same, resampled jointly, so that their dependence is used.
    alternative : {"two-sided", "less", "greater"}
        The side of the alternative hypothesis.

    Returns
    -------
    array (H,)
        Adjusted p-values.

    Raises
    ------
    SpecError
        For draws of another number of statistics.

    References
    ----------
    Romano & Wolf (2005), Econometrica 73; (2016), Statistics & Probability Letters 113.

    Examples
    --------
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

    Under the null the calendar sessions of estimation and event windows could be
    exchanged. Each draw puts other dates, without repetition, in the place of the
    sessions of the event windows, the same for all assets, events and windows: the
    correlation between assets, overlapping windows and repeated assets are in the
    draws. Dates are drawn in blocks as long as the longest window, so that what hangs
    together over time does so in the draws.
    Only dates on which every asset has a return are used. The event's own
    sessions are among them, as in any permutation test. The parameters' estimation
    error is in the observed SCAR's standard error only. Needs memory for B x E x W
    numbers.

    Parameters
    ----------
    ab : Abnormal
        The abnormal returns of E observations.
    windows : sequence of (int, int)
        (start, end) in event time, both ends included.
    alternative : {"two-sided", "less", "greater"}
        The side of the alternative hypothesis.
    seed, n_draws : int
        Seed and number B of the draws.

    Returns
    -------
    StepDown
        P-values (E, W), or a reason why there are none.

    References
    ----------
    Romano & Wolf (2005), Econometrica 73; Nguyen & Wolf (2023) for the exchange.

    Examples
    --------
    >>> from eventstudy.models import constant_mean
    >>> y = np.random.default_rng(1).normal(size=(2, 63))
    >>> ab = constant_mean(y, n_estimation=60, asset=np.arange(2))
    >>> step_down(ab, [(0, 0)], n_draws=99).pvalue.shape
    (2, 1)
    """
    n_obs, windows = len(ab.ar), as_windows(windows)
    nothing = np.full((n_obs, len(windows)), np.nan)
    series = collect(ab, windows, frozenset({"correlation"})).series["residual"]
    if series is None:
        return StepDown(pvalue=nothing, n_dates=0, reason="too many assets")
    sessions = np.unique(ab.clocks.event[np.unique(ab.clock)])
    z = _by_date(ab, series, sessions)
    needed = len(sessions) + MIN_COMMON_DATES
    if z.shape[1] < needed:
        return StepDown(
            pvalue=nothing,
            n_dates=z.shape[1],
            reason=f"the assets share {z.shape[1]} dates, {needed} are needed",
        )
    observed = np.column_stack([cumulate(ab, w).scar for w in windows])
    observed[ab.status != Status.OK] = np.nan
    rows = np.searchsorted(series.assets, ab.asset)
    longest = max(map(length_of, windows))
    drawn = _blocks(np.random.default_rng(seed), n_draws, z.shape[1], longest)
    draws = _joint_draws(ab, windows, z, rows, drawn, sessions)
    p = romano_wolf(observed.ravel(), draws.reshape(n_draws, -1), alternative)
    return StepDown(pvalue=p.reshape(observed.shape), n_dates=z.shape[1])


def _blocks(
    rng: np.random.Generator, n_draws: int, n_dates: int, length: int
) -> IntArray:
    """Return all dates in blocks of neighbours, the blocks in random order, (B, D).

    The dates are a circle that each draw cuts at a place of its own.
    """
    start = rng.integers(0, n_dates, (n_draws, 1))
    block = np.arange(n_dates) // length
    keys = rng.random((n_draws, int(block[-1]) + 1))[:, block]
    order = np.argsort(keys, axis=1, kind="stable")
    return np.asarray((order + start) % n_dates, np.int64)


def _by_date(ab: Abnormal, series: AssetSeries, sessions: IntArray) -> Array:
    """Standardised returns on the dates that all estimated assets have, (A, D).

    In order. On a session of an event window the SAR, elsewhere the estimation
    residual; means where an asset has several.
    """
    days = np.unique(ab.clocks.estimation)
    elsewhere = ~np.isin(days, sessions)
    total, count = np.zeros((2, len(series.assets), len(sessions)))
    sar = daily_sar(ab)
    at = np.searchsorted(sessions, ab.clocks.event[ab.clock])
    row = np.broadcast_to(np.searchsorted(series.assets, ab.asset)[:, None], at.shape)
    known = ~np.isnan(sar)
    np.add.at(total, (row[known], at[known]), sar[known])
    np.add.at(count, (row[known], at[known]), 1.0)
    total = np.concatenate([series.total[:, elsewhere], total], axis=1)
    count = np.concatenate([series.count[:, elsewhere], count], axis=1)
    order = np.argsort(np.concatenate([days[elsewhere], sessions]))
    total, count = total[:, order], count[:, order]
    estimated = (count > 0).any(axis=1)
    common = (count[estimated] > 0).all(axis=0)
    z = np.zeros((len(total), int(common.sum())))
    z[estimated] = total[estimated][:, common] / count[estimated][:, common]
    return z


def _joint_draws(
    ab: Abnormal,
    windows: Sequence[Window],
    z: Array,
    rows: IntArray,
    drawn: IntArray,
    sessions: IntArray,
) -> Array:
    """Resampled SCARs (B, E, W): a draw's first dates stand for the sessions.

    Each is studentised anew by mean and standard deviation of further dates of its
    draw, as many as an estimation window has.
    """
    day = np.searchsorted(sessions, ab.clocks.event[ab.clock])
    n_past = min(int(np.median(ab.n_estimation)), z.shape[1] - len(sessions))
    past = drawn[:, len(sessions) : len(sessions) + n_past]
    mean, sd = np.empty((2, len(drawn), len(z)))
    for a, own in enumerate(z):
        mean[:, a], sd[:, a] = own[past].mean(axis=1), own[past].std(axis=1, ddof=1)
    sd[sd == 0] = np.nan
    out = np.empty((len(drawn), len(ab.ar), len(windows)))
    for w, window in enumerate(windows):
        n, held = length_of(window), columns(ab, window)
        total = np.zeros((len(drawn), len(ab.ar)))
        for column in range(held.start, held.stop):
            total += z[rows, drawn[:, day[:, column]]]
        forecast = np.sqrt(n + n**2 / n_past)
        out[:, :, w] = (total - n * mean[:, rows]) / (sd[:, rows] * forecast)
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
