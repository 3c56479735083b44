"""Abnormal returns over months: by calendar session, and by session after the event.

Holds of months overlap, so that the effects of single events are no independent draws.
Portfolios by calendar session put the shared sessions into one return each (Jaffe 1974,
J. Business 47; Mandelker 1974, J. Financial Economics 1; Fama 1998, J. Financial
Economics 49; Mitchell & Stafford 2000, J. Business 73).
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.core.errors import SpecError, unknown_name
from eventstudy.inference.pvalues import Alternative, check_alternative, tail

Variance = Literal["ols", "wls", "hc3", "newey_west"]
VARIANCES: tuple[Variance, ...] = get_args(Variance)
MIN_SESSIONS = 20
PER_REGRESSOR = 10
_NO_RESIDUAL = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class LongRun:
    """An abnormal return of a long run, nan with a reason where there is none.

    Parameters
    ----------
    estimate : float
        The abnormal return: per session, and of the whole hold for `rats`; for `ctar`
        the mean standardised one.
    se : float
        Its standard error.
    statistic, df, pvalue : float
        Student's t, its degrees of freedom and its p-value.
    n : int
        Sessions of the regression or mean; for `rats` the observations.
    reason : str, optional
        Why there is no statistic.

    Examples
    --------
    >>> LongRun(n=3, reason="too few").statistic
    nan
    """

    estimate: float = np.nan
    se: float = np.nan
    statistic: float = np.nan
    df: float = np.nan
    pvalue: float = np.nan
    n: int = 0
    reason: str | None = None


def live_sessions(
    asset: IntArray, day0: IntArray, hold: tuple[int, int], shape: tuple[int, int]
) -> BoolArray:
    """Return which assets have an event within its hold on which session.

    Parameters
    ----------
    asset : int array (E,)
        Row of the asset of each event.
    day0 : int array (E,)
        Column of its day 0.
    hold : (int, int)
        First and last session of the hold, day 0 = 0.
    shape : (int, int)
        Assets and sessions.

    Returns
    -------
    bool array (A, S)
        An asset with two events within their holds is in it once.

    Examples
    --------
    >>> live_sessions(np.array([0, 0]), np.array([1, 2]), (0, 1), (2, 5)).astype(int)
    array([[0, 1, 1, 1, 0],
           [0, 0, 0, 0, 0]])
    """
    steps = np.zeros((shape[0], shape[1] + 1), np.int64)
    start = np.clip(day0 + hold[0], 0, shape[1])
    stop = np.clip(day0 + hold[1] + 1, 0, shape[1])
    np.add.at(steps, (asset, start), 1)
    np.add.at(steps, (asset, stop), -1)
    live: BoolArray = np.cumsum(steps, axis=1)[:, :-1] > 0
    return live


def calendar_time(
    y: Array,
    x: Array | None,
    live: BoolArray,
    *,
    weights: Array | None = None,
    variance: Variance = "ols",
    alternative: Alternative = "two-sided",
) -> LongRun:
    """Regress the portfolio of assets with a live event on the factors, by session.

    Parameters
    ----------
    y : array (A, S)
        Returns by calendar session, in excess of the riskless rate where ``x`` is; nan
        where there is none.
    x : array (S, F) or (A, S, F), optional
        The factors, of all assets or of each.
    live : bool array (A, S)
        Assets within a hold, see `live_sessions`.
    weights : array (A, S), optional
        Weights of the assets, known at the session before; equal by default.
    variance : {"ols", "wls", "hc3", "newey_west"}
        Of equal errors; the regression weighted by the number of assets; robust to
        unequal variance; and to autocorrelation besides, with ⌊4 (n / 100)^(2/9)⌋ lags
        of calendar sessions.
    alternative : {"two-sided", "less", "greater"}
        The side of the alternative.

    Returns
    -------
    LongRun
        The abnormal return per session. At least 20 sessions are needed, and 10 per
        coefficient.

    Raises
    ------
    SpecError
        For arrays whose shapes do not fit, and an unknown variance.

    References
    ----------
    Jaffe (1974), J. Business 47; Fama (1998), J. Financial Economics 49;
    MacKinnon & White (1985), J. Econometrics 29; Newey & West (1987), Econometrica 55.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> market, noise = rng.normal(size=200), rng.normal(size=(5, 200))
    >>> live = live_sessions(np.arange(5), np.arange(5) * 30, (0, 20), (5, 200))
    >>> found = calendar_time(market + noise + 2 * live, market[:, None], live)
    >>> found.n, round(found.estimate, 1)
    (105, 2.1)
    """
    sides = check_alternative(alternative)
    held = _portfolio(y, x, live, weights)
    return _regression(held, variance, sides, at=0)


def calendar_dummy(
    y: Array,
    x: Array | None,
    live: BoolArray,
    *,
    variance: Variance = "ols",
    alternative: Alternative = "two-sided",
) -> LongRun:
    """Compare the sessions with a live event with all others, by one portfolio.

    Over the history of all event assets ``R_t = a + β'F_t + δ D_t + e_t``; D is 1 while
    some event is live. `calendar_time` compares with zero, δ with other sessions.

    Parameters
    ----------
    y : array (A, S)
        As for `calendar_time`, and so are the others.
    x : array (S, F) or (A, S, F), optional
        The factors.
    live : bool array (A, S)
        Assets within a hold.
    variance : {"ols", "wls", "hc3", "newey_west"}
        The variance of the coefficient.
    alternative : {"two-sided", "less", "greater"}
        The side of the alternative.

    Returns
    -------
    LongRun
        The coefficient δ per session; `n` counts all sessions of the history.

    Raises
    ------
    SpecError
        As `calendar_time`.

    References
    ----------
    Jaffe (1974), J. Business 47; Karafiath (1988), Financial Review 23.

    Examples
    --------
    >>> y = np.random.default_rng(0).normal(size=(3, 100))
    >>> live = live_sessions(np.arange(3), np.array([20, 40, 60]), (0, 9), (3, 100))
    >>> found = calendar_dummy(y + 5 * live.any(axis=0), None, live)
    >>> found.n, round(found.estimate)
    (100, 5)
    """
    sides = check_alternative(alternative)
    named = np.repeat(np.any(live, axis=1, keepdims=True), live.shape[1], axis=1)
    held = _portfolio(y, x, named, None)
    inside_hold: BoolArray = np.any(live, axis=0)
    indicator = inside_hold[held.session].astype(np.float64)
    inside = int(indicator.sum())
    if min(inside, len(indicator) - inside) < PER_REGRESSOR:
        return LongRun(
            n=len(indicator),
            reason=f"{inside} of {len(indicator)} sessions have a live event; "
            f"{PER_REGRESSOR} of each kind are needed",
        )
    design = np.column_stack([held.design, indicator])
    whole = _Portfolio(y=held.y, design=design, size=held.size, session=held.session)
    return _regression(whole, variance, sides, at=design.shape[1] - 1)


def ctar(
    errors: Array,
    asset: IntArray,
    day0: IntArray,
    *,
    hold: tuple[int, int],
    estimation: tuple[int, int],
    alternative: Alternative = "two-sided",
) -> LongRun:
    """Test standardised abnormal returns of portfolios by calendar session.

    A session's abnormal return is the mean over the assets within a hold, each once,
    by its latest event. It is divided by the standard deviation of the same portfolio
    in the estimation window of the member whose event was first. The mean over the
    sessions is tested by Student's t. Errors of a normal return's own coefficients last
    for the whole hold, and the test does not know of them: with an estimation window of
    L₁ sessions and a hold of L of them it rejects too often by a factor of about
    ``sqrt(1 + L / L₁)`` in the statistic.

    Parameters
    ----------
    errors : array (E, S)
        Abnormal returns of each event's asset by its own normal return, over all
        calendar sessions; nan where there is none.
    asset : int array (E,)
        Code of the asset.
    day0 : int array (E,)
        Column of day 0.
    hold, estimation : (int, int)
        First and last session, day 0 = 0.
    alternative : {"two-sided", "less", "greater"}
        The side of the alternative.

    Returns
    -------
    LongRun
        The mean standardised abnormal return of a session.

    Raises
    ------
    SpecError
        For arrays whose shapes do not fit.

    References
    ----------
    Jaffe (1974), J. Business 47; Mandelker (1974), J. Financial Economics 1.

    Examples
    --------
    >>> errors = np.random.default_rng(1).normal(size=(4, 400))
    >>> day0 = np.array([150, 160, 250, 350])
    >>> found = ctar(errors, np.arange(4), day0, hold=(0, 20), estimation=(-130, -11))
    >>> found.n
    73
    """
    sides = check_alternative(alternative)
    if errors.ndim != 2 or len(errors) != len(asset) or len(errors) != len(day0):
        raise SpecError(
            f"errors {errors.shape}, asset {asset.shape} and day0 {day0.shape}; wanted "
            "a row of errors, an asset and a day 0 for every event"
        )
    members = _latest(errors, asset, day0, hold)
    kinds, kind = np.unique(members, axis=1, return_inverse=True)
    total = np.where(members, np.nan_to_num(errors), 0.0).sum(axis=0)
    size = members.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = total / size / _spreads(errors, kinds, day0, estimation)[kind.ravel()]
    z = scaled[(size > 0) & np.isfinite(scaled)]
    n = len(z)
    if n < MIN_SESSIONS:
        return LongRun(
            n=n, reason=f"{n} sessions with a portfolio; {MIN_SESSIONS} are needed"
        )
    return _judged(float(z.mean()), float(z.std(ddof=1) / np.sqrt(n)), n - 1, n, sides)


def rats(
    y: Array, x: Array | None, *, alternative: Alternative = "two-sided"
) -> LongRun:
    """Add up intercepts of regressions across observations, by session after the event.

    In every session a regression across the observations on the factors of their own
    dates; the abnormal return of the hold is the sum of its intercepts, its variance
    the sum of theirs. The sessions and the observations are taken as independent: with
    shared dates it rejects far too often, and it is of historical interest only.

    Parameters
    ----------
    y : array (E, L)
        Returns in the sessions of the hold; nan where there is none.
    x : array (E, L, F), optional
        The factors.
    alternative : {"two-sided", "less", "greater"}
        The side of the alternative.

    Returns
    -------
    LongRun
        The abnormal return of the whole hold, with Satterthwaite's degrees of freedom.

    Raises
    ------
    SpecError
        For arrays whose shapes do not fit.

    References
    ----------
    Ibbotson (1975), J. Financial Economics 2; Satterthwaite (1946), Biometrics
    Bulletin 2.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> market = rng.normal(size=(400, 5))
    >>> y = 0.2 + market + rng.normal(size=(400, 5)) / 9
    >>> round(rats(y, market[:, :, None]).estimate, 1)
    1.0
    """
    sides = check_alternative(alternative)
    x = _factors(y, x)
    design = np.concatenate([np.ones((*y.shape, 1)), x], axis=2)
    valid = np.isfinite(y) & np.isfinite(design).all(axis=2)
    n, k = valid.sum(axis=0), design.shape[2]
    if not len(n) or n.min() < k + 2:
        least = int(n.min(initial=0))
        reason = f"{least} observations in some session of the hold; {k + 2} are needed"
        return LongRun(n=least, reason=reason)
    design = np.where(valid[:, :, None], design, 0.0)
    known = np.where(valid, y, 0.0)
    squares = np.einsum("elk,elj->lkj", design, design)
    if (np.linalg.matrix_rank(squares, hermitian=True) < k).any():
        return LongRun(n=int(valid.any(axis=1).sum()), reason=_COLLINEAR)
    inverse = np.linalg.inv(squares)
    slopes = np.einsum("lkj,elj,el->lk", inverse, design, known)
    rest = known - np.einsum("elk,lk->el", design, slopes)
    each = (rest**2).sum(axis=0) / (n - k) * inverse[:, 0, 0]
    total = float(each.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        df = float(total**2 / (each**2 / (n - k)).sum())
    estimate, held = float(slopes[:, 0].sum()), int(valid.any(axis=1).sum())
    return _judged(estimate, float(np.sqrt(total)), df, held, sides)


_COLLINEAR = "the regressors are collinear"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Portfolio:
    """Sessions with a portfolio: y, size, session (n,); design (n, K)."""

    y: Array
    design: Array
    size: Array
    session: IntArray


def _factors(y: Array, x: Array | None) -> Array:
    """Return the factors of each asset, (A, S, F)."""
    if x is None:
        return np.empty((*y.shape, 0))
    if x.ndim not in (2, 3) or x.shape[-2] != y.shape[-1]:
        raise SpecError(
            f"factors of shape {x.shape} beside returns of shape {y.shape}; wanted "
            "(sessions, factors) or (assets, sessions, factors)"
        )
    out: Array = np.broadcast_to(x, (*y.shape, x.shape[-1]))
    return out


def _portfolio(
    y: Array, x: Array | None, live: BoolArray, weights: Array | None
) -> _Portfolio:
    """Average the returns and factors of the assets that are held, by session."""
    if y.ndim != 2 or live.shape != y.shape:
        raise SpecError(
            f"returns of shape {y.shape} and live sessions of shape {live.shape}; "
            "wanted (assets, sessions) for both"
        )
    x = _factors(y, x)
    held = live & np.isfinite(y) & np.isfinite(x).all(axis=2)
    weight = held.astype(np.float64)
    if weights is not None:
        if weights.shape != y.shape:
            raise SpecError(
                f"weights of shape {weights.shape}; wanted {y.shape}, as the returns"
            )
        held &= np.isfinite(weights) & (weights > 0)
        weight = np.where(held, weights, 0.0)
    session = np.flatnonzero(held.any(axis=0))
    weight = weight[:, session]
    weight = weight / weight.sum(axis=0)
    known = np.where(held, y, 0.0)[:, session]
    factors = np.where(held[:, :, None], x, 0.0)[:, session]
    means = np.einsum("as,asf->sf", weight, factors)
    return _Portfolio(
        y=(weight * known).sum(axis=0),
        design=np.column_stack([np.ones(len(session)), means]),
        size=held[:, session].sum(axis=0).astype(np.float64),
        session=session,
    )


def _regression(
    held: _Portfolio, variance: Variance, sides: Alternative, *, at: int
) -> LongRun:
    """Return one coefficient with its standard error."""
    if variance not in VARIANCES:
        raise unknown_name("variance", variance, VARIANCES)
    n, k = held.design.shape
    least = max(MIN_SESSIONS, PER_REGRESSOR * k)
    if n < least:
        return LongRun(n=n, reason=f"{n} sessions with a portfolio; {least} are needed")
    root = np.sqrt(held.size) if variance == "wls" else np.ones(n)
    x, y = held.design * root[:, None], held.y * root
    if np.linalg.matrix_rank(x) < k:
        return LongRun(n=n, reason=_COLLINEAR)
    inverse = np.linalg.inv(x.T @ x)
    slopes = inverse @ (x.T @ y)
    rest = y - x @ slopes
    if rest @ rest <= _NO_RESIDUAL**2 * (y @ y):
        return LongRun(n=n, reason="the factors leave no residual variance")
    pull = x @ inverse[at]  # the coefficient is the sum of pull times return
    if variance == "hc3":
        leverage = np.einsum("nk,kj,nj->n", x, inverse, x)
        square = float(((pull * rest / (1.0 - leverage)) ** 2).sum())
    elif variance == "newey_west":
        square = _newey_west(pull * rest, held.session) * n / (n - k)
    else:
        square = float(rest @ rest) / (n - k) * float(inverse[at, at])
    return _judged(float(slopes[at]), float(np.sqrt(square)), n - k, n, sides)


def _newey_west(scores: Array, session: IntArray) -> float:
    """Return the long-run variance of a sum; sessions without a portfolio are gaps."""
    n = len(scores)
    lags = int(4 * (n / 100) ** (2 / 9))
    whole = np.zeros(int(session[-1] - session[0]) + 1)
    whole[session - session[0]] = scores
    total = float(whole @ whole)
    for lag in range(1, min(lags, len(whole) - 1) + 1):
        total += 2 * (1 - lag / (lags + 1)) * float(whole[lag:] @ whole[:-lag])
    return total


def _latest(
    errors: Array, asset: IntArray, day0: IntArray, hold: tuple[int, int]
) -> BoolArray:
    """Return which events (E, S) are held: of those of an asset the latest."""
    session = np.arange(errors.shape[1])
    after = session - day0[:, None]
    held = (after >= hold[0]) & (after <= hold[1]) & np.isfinite(errors)
    order = np.lexsort((np.arange(len(asset)), day0, asset))
    newest = np.zeros_like(held)
    # One step for each rank of an event among those of its asset.
    place = np.arange(len(order)) - np.searchsorted(asset[order], asset[order])
    codes = np.unique(asset, return_inverse=True)[1]
    taken = np.zeros((int(codes.max(initial=-1)) + 1, len(session)), np.bool_)
    for rank in range(int(place.max(initial=-1)), -1, -1):
        rows = order[place == rank]
        newest[rows] = held[rows] & ~taken[codes[rows]]
        taken[codes[rows]] |= held[rows]
    return newest


def _spreads(
    errors: Array, kinds: BoolArray, day0: IntArray, estimation: tuple[int, int]
) -> Array:
    """Return the standard deviation of each portfolio before its first event."""
    offsets = np.arange(estimation[0], estimation[1] + 1)
    far = np.iinfo(np.int64).max
    first = np.where(kinds, day0[:, None], far).min(axis=0)
    out = np.full(kinds.shape[1], np.nan)
    for at in np.flatnonzero(kinds.any(axis=0)).tolist():
        column = first[at] + offsets
        column = column[(column >= 0) & (column < errors.shape[1])]
        own = errors[np.ix_(kinds[:, at], column)]
        known = np.isfinite(own).all(axis=0)
        if known.sum() >= MIN_SESSIONS:
            out[at] = own[:, known].mean(axis=0).std(ddof=1)
    return np.where(out > 0, out, np.nan)


def _judged(
    estimate: float, se: float, df: float, n: int, sides: Alternative
) -> LongRun:
    """Return an estimate with its t statistic."""
    if not se > 0:
        return LongRun(n=n, reason="the returns have no variance")
    statistic = estimate / se
    pvalue = float(tail(statistic, df, sides))
    return LongRun(
        estimate=estimate, se=se, statistic=statistic, df=df, pvalue=pvalue, n=n
    )
