"""Buy-and-hold returns over months against a control asset or a reference portfolio.

The wealth of who buys the asset, less that of who buys the benchmark in its place. Such
returns are skewed, and those of one date share its shocks: Johnson's statistic is held
against resamples of dates.
"""

from typing import Literal, get_args

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.core.errors import SpecError, unknown_name
from eventstudy.inference.long_run import LongRun
from eventstudy.inference.pvalues import Alternative, check_alternative, of_tails
from eventstudy.inference.skewness import johnson_of_powers

AfterDelisting = Literal["benchmark", "cash"]
AFTER_DELISTING: tuple[AfterDelisting, ...] = get_args(AfterDelisting)
# Variances of an effect below this are those of rounding.
_ROUNDING = 1e-24
MIN_DATES = 10


def bhar(
    y: Array,
    asset: IntArray,
    day0: IntArray,
    *,
    hold: tuple[int, int],
    control: Array | None = None,
    reference: Array | None = None,
    own: IntArray | None = None,
    after_delisting: AfterDelisting = "benchmark",
    alternative: Alternative = "two-sided",
    n_draws: int = 999,
    seed: int = 0,
) -> LongRun:
    """Test the mean buy-and-hold return in excess of a benchmark's, by dates.

    Johnson's skewness-adjusted statistic is held against its own values in resamples of
    a quarter of the dates, each with all of its observations, centred at the mean.
    Holds of different dates that overlap are taken as independent.

    Parameters
    ----------
    y : array (A, S)
        Simple returns by calendar session; nan where there is none. A return over
        several sessions stands at the last of them. After its last return an asset is
        delisted.
    asset : int array (E,)
        Row of the asset of each event.
    day0 : int array (E,)
        Column of its day 0.
    hold : (int, int)
        First and last session of the hold, day 0 = 0.
    control : array (A, S), optional
        Simple returns of each asset's control asset.
    reference : array (M, S), optional
        Those of the members of a reference portfolio, bought in equal parts when the
        hold begins; what a delisted member leaves goes into the others.
    own : int array (A,), optional
        Row of each asset in ``reference``, which its own portfolio leaves out; -1 for
        none.
    after_delisting : {"benchmark", "cash"}
        Where the last price of a delisted asset is invested for the rest of the hold.
    alternative : {"two-sided", "less", "greater"}
        The side of the alternative.
    n_draws : int
        Resamples.
    seed : int
        Of the resamples.

    Returns
    -------
    LongRun
        The mean of the whole hold, with its standard error by dates. Events without a
        return in the hold, whose hold has not ended, or whose benchmark has no price to
        its end, are not counted. At least 10 dates are needed.

    Raises
    ------
    SpecError
        Without a benchmark or with two, and for arrays whose shapes do not fit.

    References
    ----------
    Barber & Lyon (1997), J. Financial Economics 43; Lyon, Barber & Tsai (1999),
    J. Finance 54, section II, for the statistic and the resamples.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y, control = 0.01 * rng.standard_normal((2, 40, 300))
    >>> day0 = np.repeat(np.arange(20, 220, 10), 2)
    >>> found = bhar(y + 0.002, np.arange(40), day0, hold=(1, 60), control=control)
    >>> found.n, round(found.estimate, 1), found.pvalue
    (40, 0.1, 0.002)
    """
    sides = check_alternative(alternative)
    if (control is None) == (reference is None):
        raise SpecError("bhar wants a control for each asset, or a reference portfolio")
    if after_delisting not in AFTER_DELISTING:
        raise unknown_name("after_delisting", after_delisting, AFTER_DELISTING)
    y, asset, day0 = _arrays(y, asset, day0, hold, own, n_draws)
    if control is not None:
        _check(y, control, len(y), "control")
        known, grown = _bought(control, asset, day0, hold)
        known &= _last(control)[asset] >= day0 + hold[1]
    else:
        assert reference is not None
        _check(y, reference, max(len(reference), 1), "reference")
        row = np.full(len(y), -1) if own is None else own
        known, grown = _portfolios(reference, row[asset], day0, hold)
    bought, wealth = _bought(y, asset, day0, hold)
    stop = _last(y)[asset] + 1  # first session without the asset
    gone = np.clip(stop - day0 - hold[0], 0, wealth.shape[1] - 1)
    held = wealth[:, -1]
    if after_delisting == "benchmark":
        at = np.take_along_axis(grown, gone[:, None], axis=1)[:, 0]
        held = held * grown[:, -1] / at
    usable = bought & known & np.isfinite(held) & np.isfinite(grown[:, -1])
    effect = (held - grown[:, -1])[usable]
    return _by_dates(effect, day0[usable], sides, n_draws, seed)


def _arrays(
    y: Array,
    asset: IntArray,
    day0: IntArray,
    hold: tuple[int, int],
    own: IntArray | None,
    n_draws: int,
) -> tuple[Array, IntArray, IntArray]:
    """Refuse what is not returns of assets, events of theirs, and a hold."""
    y, asset, day0 = np.asarray(y, np.float64), np.asarray(asset), np.asarray(day0)
    whole = all(a.dtype.kind in "iu" and a.ndim == 1 for a in (asset, day0))
    if y.ndim != 2 or not whole or asset.shape != day0.shape:
        raise SpecError(
            f"y, asset and day0 have shapes {y.shape}, {asset.shape} and {day0.shape}; "
            "wanted (A, S) returns and whole numbers (E,) twice"
        )
    if asset.size and not 0 <= asset.min() <= asset.max() < len(y):
        raise SpecError(
            f"asset has rows {asset.min()} to {asset.max()}; wanted 0 to {len(y) - 1}"
        )
    if np.shape(hold) != (2,) or any(int(at) != at for at in hold):
        raise SpecError(f"hold = {hold!r}; wanted a first and a last session, (1, 250)")
    if hold[0] > hold[1]:
        raise SpecError(f"hold = {hold!r} ends before it begins")
    if own is not None and np.shape(own) != (len(y),):
        raise SpecError(f"own has shape {np.shape(own)}; wanted ({len(y)},)")
    if n_draws < 1:
        raise SpecError(f"n_draws = {n_draws}; wanted 1 or more")
    if np.nanmin(y, initial=0.0) < -1.0:
        raise SpecError(
            f"a return is {np.nanmin(y):g}; wanted simple returns as fractions, -1 at "
            "least"
        )
    return y, asset.astype(np.int64), day0.astype(np.int64)


def _check(y: Array, benchmark: Array, n_rows: int, name: str) -> None:
    if benchmark.ndim != 2 or benchmark.shape != (n_rows, y.shape[-1]):
        raise SpecError(
            f"{name} has shape {benchmark.shape} beside returns of shape {y.shape}; "
            "wanted the same sessions"
            + (" and assets" if name == "control" else ", a row for each member")
        )


def _last(y: Array) -> IntArray:
    """Return the last session with a return, -1 for none, (A,)."""
    there = np.isfinite(y)
    back = there[:, ::-1].argmax(axis=1)
    last: IntArray = np.where(there.any(axis=1), y.shape[1] - 1 - back, -1)
    return last


def _first(y: Array) -> IntArray:
    """Return the first session with a return, S for none, (A,)."""
    there = np.isfinite(y)
    first: IntArray = np.where(there.any(axis=1), there.argmax(axis=1), y.shape[1])
    return first


def _bought(
    y: Array, row: IntArray, day0: IntArray, hold: tuple[int, int]
) -> tuple[BoolArray, Array]:
    """Return which events' assets can be bought, and their wealth (E, L+1).

    The wealth before the hold is 1; nan where a hold ends beyond the sessions at hand.
    A delisted asset's stays as it is.
    """
    total = np.zeros((len(y), y.shape[1] + 1))
    np.cumsum(np.log1p(np.where(np.isfinite(y), y, 0.0)), axis=1, out=total[:, 1:])
    start = day0 + hold[0]
    column = start[:, None] + np.arange(hold[1] - hold[0] + 2)
    inside = (column >= 0) & (column <= y.shape[1])
    at = np.where(inside, column, 0)
    base = total[row, np.clip(start, 0, y.shape[1])]
    wealth = np.where(inside, np.exp(total[row[:, None], at] - base[:, None]), np.nan)
    able: BoolArray = (_first(y)[row] <= start) & (_last(y)[row] >= start)
    return able, wealth


def _portfolios(
    members: Array, left_out: IntArray, day0: IntArray, hold: tuple[int, int]
) -> tuple[BoolArray, Array]:
    """Return which events have a reference portfolio, and its wealth (E, L+1).

    left_out : (E,) the member that is the event's own asset, -1 for none
    """
    length = hold[1] - hold[0] + 1
    first, last = _first(members), _last(members)
    grown = np.full((len(day0), length + 1), np.nan)
    for day in np.unique(day0).tolist():
        start = day + hold[0]
        own = np.flatnonzero(day0 == day)
        if start < 0 or start + length > members.shape[1]:
            continue
        part = members[:, start : start + length]
        wealth = np.ones((len(members), length + 1))
        np.cumprod(1.0 + np.where(np.isfinite(part), part, 0.0), 1, out=wealth[:, 1:])
        alive = (first <= start)[:, None] & (last[:, None] >= start + np.arange(length))
        now = np.where(alive, wealth[:, 1:], 0.0)
        before = np.where(alive, wealth[:, :-1], 0.0)
        out = left_out[own]
        inside = (out >= 0)[:, None]
        now = now.sum(axis=0) - np.where(inside, now[out], 0.0)
        others = alive.sum(axis=0) - np.where(inside, alive[out], 0)
        before = before.sum(axis=0) - np.where(inside, before[out], 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.where(others > 0, now / before, np.nan)
        grown[own, 0] = 1.0
        grown[own, 1:] = np.cumprod(step, axis=1)
    known: BoolArray = np.isfinite(grown).all(axis=1)
    return known, grown


def _by_dates(
    effect: Array, date: IntArray, sides: Alternative, n_draws: int, seed: int
) -> LongRun:
    """Judge the mean effect by Johnson's statistic and resamples of dates."""
    n, (_, code) = len(effect), np.unique(date, return_inverse=True)
    n_dates = int(code.max(initial=-1)) + 1
    if n_dates < MIN_DATES:
        reason = (
            f"{n} announcements on {n_dates} dates have a whole hold and a benchmark; "
            f"{MIN_DATES} dates are needed"
        )
        return LongRun(n=n, reason=reason)
    mean = float(effect.mean())
    centred = effect - mean
    powers = np.stack([np.bincount(code, centred**p) for p in range(4)])
    if not powers[2].sum() > _ROUNDING * n:
        return LongRun(n=n, reason="the returns have no variance")
    drawn = np.random.default_rng(seed).integers(
        0, n_dates, (n_draws, max(n_dates // 4, 4))
    )
    draws = johnson_of_powers(*powers[:, drawn].sum(axis=2))
    draws = draws[np.isfinite(draws)]
    of_all = np.stack([np.sum(effect**p) for p in range(4)])
    observed = float(johnson_of_powers(*of_all))
    below = (1 + (draws <= observed).sum()) / (1 + len(draws))
    above = (1 + (draws >= observed).sum()) / (1 + len(draws))
    return LongRun(
        estimate=mean,
        se=float(np.sqrt((powers[1] ** 2).sum()) / n),
        statistic=observed,
        pvalue=float(of_tails(np.array(below), np.array(above), sides)),
        n=n,
    )
