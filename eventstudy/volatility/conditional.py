"""Event volatility against what a GARCH model expected.

The variance that counts as normal is the forecast made at the end of the estimation
window, so that the event cannot raise its own yardstick.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import special

from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.core.errors import SpecError
from eventstudy.garch import NAMES, GarchFit, forecast, simulate
from eventstudy.volatility.entries import SHIFTS, ShiftEntry
from eventstudy.volatility.spread import MEASURES, MeasureEntry

# Resamples of which the paths are held in memory at once.
_CHUNK = 200
GARCH_WORDS = (
    "GARCH(1,1), `h_t = ω + α e²_(t−1) + β h_(t−1)`, with Student-t errors "
    "(Bollerslev 1986, J. Econometrics 31)"
)

GARCH = MEASURES.register(
    MeasureEntry(
        name="garch",
        meaning=f"{GARCH_WORDS}, fitted to the estimation window; its tests look for a "
        "rise only",
        of="forecasts",
        citation="Bollerslev (1986), J. Econometrics 31",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VolatilityTest:
    """Test of the event window's volatility; every array is (H,).

    Parameters
    ----------
    test : str
        Name of the test.
    estimate : ndarray
        What the test estimates, 1 (or 0 for a cumulated excess) without event.
    statistic : ndarray
        Statistic of the test.
    df : ndarray
        Degrees of freedom of the χ², inf for the normal and for resampling.
    pvalue : ndarray
        One-sided, for a rise.
    n : ndarray
        Observations.
    reason : tuple of str or None
        Why a value is missing, None where it is there.

    Examples
    --------
    >>> ar = np.array([[0.02, -0.05], [0.01, 0.04]])
    >>> abnormal_volatility(ar, np.full((2, 2), 4e-4), np.full(2, 100.0)).n
    array([2, 2])
    """

    test: str
    estimate: Array
    statistic: Array
    df: Array
    pvalue: Array
    n: IntArray
    reason: tuple[str | None, ...]


def abnormal_volatility(ar: Array, variance: Array, df: Array) -> VolatilityTest:
    """Set squared abnormal returns against their variance, by session: ``U = AR²/V``.

    Observations are taken for independent.

    Parameters
    ----------
    ar, variance : ndarray
        Abnormal returns and their forecast-error variances, (E, L).
    df : ndarray
        Degrees of freedom of the variances, (E,), inf where they are known.

    Returns
    -------
    VolatilityTest
        H = L rows: mean U, and ``Z = Σ (U - E U) / sqrt(Σ Var U)``, with the moments of
        F(1, df) (``E U = df / (df - 2)``).

    References
    ----------
    Beaver (1968), J. Accounting Research 6 (suppl.); Patell (1976), same journal 14.

    Examples
    --------
    >>> ar = np.array([[0.02, -0.05], [0.01, 0.04]])
    >>> abnormal_volatility(ar, np.full((2, 2), 4e-4), np.full(2, 100.0)).estimate
    array([0.625, 5.125])
    """
    u = np.asarray(ar) ** 2 / np.asarray(variance)
    known = np.isfinite(u)
    d = np.asarray(df, np.float64)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(np.isinf(d), 1.0, d / (d - 2.0))
        spread = np.where(np.isinf(d), 2.0, 2.0 * mean**2 * (d - 1.0) / (d - 4.0))
        known &= d > 4
        n = known.sum(axis=0)
        excess = np.where(known, u - mean, 0.0).sum(axis=0)
        z = excess / np.sqrt(np.where(known, spread, 0.0).sum(axis=0))
        estimate = np.where(known, u, 0.0).sum(axis=0) / n
    empty = n == 0
    return VolatilityTest(
        test="abnormal_volatility",
        estimate=np.where(empty, np.nan, estimate),
        statistic=np.where(empty, np.nan, z),
        df=np.where(empty, np.nan, np.inf),
        pvalue=np.where(empty, np.nan, special.ndtr(-z)),
        n=n,
        reason=tuple("no abnormal return" if e else None for e in empty),
    )


SHIFTS.register(
    ShiftEntry(
        name="abnormal_volatility",
        meaning="squared abnormal returns over their forecast-error variance",
        null="squared abnormal returns are as large as forecast",
        robust_to="estimation error, not fat tails, clustering or shared dates",
        citation="Patell (1976), J. Accounting Research 14",
        table="",
    )
)


def event_multiple(ar: Array, h: Array) -> Array:
    """Estimate the multiple of the variance in each session, λ̂ or ``M``.

    ``M = (1/N) Σ_i (N AR_i - Σ_j AR_j)² / (N (N-2) h_i + Σ_j h_j)``: each squared
    deviation from the cross-section's mean over its expectation, so a common mean
    effect does not count. The papers divide by N-1, which makes it N/(N-1) without any
    event, and their χ² too large.

    Parameters
    ----------
    ar : ndarray
        Abnormal returns, (E, L), nan where missing.
    h : ndarray
        Variances forecast before the event, (E, L).

    Returns
    -------
    ndarray
        M of each session, (L,); 1 without event, nan below three observations.

    References
    ----------
    Hilliard & Savickas (2002), J. Financial Research 25; Bialkowski, Gottschalk &
    Wisniewski (2008), J. Banking & Finance 32, equation 4.

    Examples
    --------
    >>> ar = np.array([[0.02], [-0.02], [0.04], [-0.04]])
    >>> event_multiple(ar, np.full((4, 1), 1e-3)).round(4)
    array([1.3333])
    """
    ar, h = np.asarray(ar, np.float64), np.asarray(h, np.float64)
    return _multiple(ar, h, np.isfinite(ar) & np.isfinite(h))


def _multiple(ar: Array, h: Array, known: BoolArray) -> Array:
    """M over the first axis; further axes are kept."""
    n = known.sum(axis=0)
    a, v = np.where(known, ar, 0.0), np.where(known, h, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = (n * a - a.sum(axis=0)) ** 2
        share = np.where(known, deviation / (n * (n - 2) * v + v.sum(axis=0)), 0.0)
        multiple = share.sum(axis=0) / n
    return np.where(n >= 3, multiple, np.nan)


def cumulative_abnormal_volatility(
    found: GarchFit,
    ar: Array,
    *,
    clock: IntArray | None = None,
    reps: int = 1999,
    seed: int = 0,
) -> tuple[VolatilityTest, VolatilityTest]:
    """Test the cumulative abnormal volatility ``CAV = Σ_τ M_τ - L`` for a rise.

    ``cav`` takes ``Σ_τ (N_τ - 1) M_τ ~ χ²(Σ_τ (N_τ - 1))``, for independent normal
    returns; for ``cav_bootstrap`` the window is simulated from the fitted models with
    standardised residuals drawn by session, the same for equal clocks, so that fat
    tails, clustering and the correlation across assets stay.

    Parameters
    ----------
    found : GarchFit
        GARCH fits of the estimation windows.
    ar : ndarray
        Abnormal returns of the sessions that follow, (E, L), nan where missing, as all
        of those before the event window.
    clock : ndarray or None
        Equal for observations that lived through the same sessions, (E,); None takes
        all as the same.
    reps : int
        Number of simulated windows.
    seed : int
        Of the simulation.

    Returns
    -------
    tuple of VolatilityTest
        The χ² test and the simulated one.

    Raises
    ------
    SpecError
        For shapes that do not fit.

    References
    ----------
    Bialkowski, Gottschalk & Wisniewski (2008), J. Banking & Finance 32, section 3.2.

    Examples
    --------
    >>> from eventstudy.garch import fit
    >>> y = np.random.default_rng(0).normal(size=(5, 210)) / 100
    >>> found = fit(y[:, :200])
    >>> chi, simulated = cumulative_abnormal_volatility(found, y[:, 200:], reps=99)
    >>> chi.test, simulated.test
    ('cav', 'cav_bootstrap')
    """
    ar = np.atleast_2d(np.asarray(ar, np.float64))
    _check(found, ar)
    h = forecast(found, ar.shape[1])
    known = np.isfinite(ar) & np.isfinite(h)
    within = known.any(axis=0)
    multiple = _multiple(ar, h, known)[within]
    weight = known.sum(axis=0)[within] - 1.0
    used = int(known.any(axis=1).sum())
    enough = within.any() and np.isfinite(multiple).all()
    lack = None if enough else "fewer than three abnormal returns"
    cav = float((multiple - 1.0).sum())
    statistic = float((weight * multiple).sum())
    df = float(weight.sum())
    chi = _one(
        "cav", cav, statistic, df, float(special.chdtrc(df, statistic)), used, lack
    )
    if lack:
        return chi, _one("cav_bootstrap", cav, np.nan, np.inf, np.nan, used, lack)
    far = 0
    groups = np.zeros(len(ar), np.int64) if clock is None else np.asarray(clock)
    for errors in _simulated(found, ar.shape[1], groups, reps, seed):
        there = np.broadcast_to(known[:, None], errors.shape)
        there = there & np.isfinite(errors)
        drawn = _multiple(errors, np.broadcast_to(h[:, None], errors.shape), there)
        drawn = drawn[:, within]
        far += int(((drawn - 1.0).sum(axis=1) >= cav).sum())
    pvalue = (1.0 + far) / (1.0 + reps)
    return chi, _one("cav_bootstrap", cav, cav, np.inf, pvalue, used, None)


def cav_missing(n: int, reason: str) -> tuple[VolatilityTest, VolatilityTest]:
    """The two tests of cumulative abnormal volatility, unanswered for a reason."""
    nothing = (np.nan, np.nan, np.nan, np.nan)
    return (
        _one("cav", *nothing, n, reason),
        _one("cav_bootstrap", *nothing, n, reason),
    )


SHIFTS.register(
    ShiftEntry(
        name="cav",
        meaning="cumulative abnormal volatility against GARCH forecasts",
        null="the cross-section's variance is as forecast",
        robust_to="volatility clustering, a common mean effect; not fat tails",
        citation="Bialkowski, Gottschalk & Wisniewski (2008), J. Banking & Finance 32",
        naive="errors as normal",
    )
)


SHIFTS.register(
    ShiftEntry(
        name="cav_bootstrap",
        meaning="cumulative abnormal volatility against simulated windows",
        null="the cross-section's variance is as the models simulate it",
        robust_to="volatility clustering, fat tails, shared dates",
        citation="Bialkowski, Gottschalk & Wisniewski (2008), J. Banking & Finance 32",
        resampled=True,
        preference=4,
    )
)


def filtered_simulation(
    found: GarchFit, ar: Array, *, reps: int = 1999, seed: int = 0
) -> VolatilityTest:
    """Test each observation's window against its own GARCH model.

    The statistic ``Σ_τ AR² / h`` over the forecast variances is set against filtered
    historical simulation: paths of the fitted model whose shocks are drawn from the
    standardised residuals.

    Parameters
    ----------
    found : GarchFit
        GARCH fits of the estimation windows.
    ar : ndarray
        Abnormal returns of the sessions that follow, (E, L), nan where missing, as all
        of those before the event window.
    reps : int
        Number of paths.
    seed : int
        Of the simulation.

    Returns
    -------
    VolatilityTest
        One row per observation; the estimate is the statistic per session.

    Raises
    ------
    SpecError
        For shapes that do not fit.

    References
    ----------
    Barone-Adesi, Giannopoulos & Vosper (1999), J. Futures Markets 19.

    Examples
    --------
    >>> from eventstudy.garch import fit
    >>> y = np.random.default_rng(0).normal(size=(2, 210)) / 100
    >>> filtered_simulation(fit(y[:, :200]), 5 * y[:, 200:], reps=99).pvalue
    array([0.01, 0.01])
    """
    ar = np.atleast_2d(np.asarray(ar, np.float64))
    _check(found, ar)
    h = forecast(found, ar.shape[1])
    known = np.isfinite(ar) & np.isfinite(h)
    count = known.sum(axis=1)
    safe = np.where(known, h, 1.0)
    statistic = np.where(known, ar**2 / safe, 0.0).sum(axis=1)
    far = np.zeros(len(ar))
    # One path of places for all rows, so that no row's answer depends on the others.
    shared = np.zeros(len(ar), np.int64)
    for errors in _simulated(found, ar.shape[1], shared, reps, seed):
        ratio = np.where(known[:, None], errors**2 / safe[:, None], 0.0)
        far += (ratio.sum(axis=2) >= statistic[:, None]).sum(axis=1)
    reason = tuple(
        unfitted(ok) or (None if c else "no abnormal return")
        for ok, c in zip(found.converged, count, strict=True)
    )
    usable = np.array([r is None for r in reason], np.bool_)
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = statistic / count
    return VolatilityTest(
        test="filtered_simulation",
        estimate=np.where(usable, estimate, np.nan),
        statistic=np.where(usable, statistic, np.nan),
        df=np.where(usable, np.inf, np.nan),
        pvalue=np.where(usable, (1.0 + far) / (1.0 + reps), np.nan),
        n=usable.astype(np.int64),
        reason=reason,
    )


SHIFTS.register(
    ShiftEntry(
        name="filtered_simulation",
        meaning="an asset's squared abnormal returns against its own GARCH paths",
        null="the window's volatility is as the asset's model simulates it",
        robust_to="volatility clustering, fat tails",
        citation="Barone-Adesi, Giannopoulos & Vosper (1999), J. Futures Markets 19",
        resampled=True,
        preference=5,
    )
)


def unfitted(converged: np.bool_) -> str | None:
    """Why there is no estimate of a fit, or None."""
    return None if converged else "the GARCH likelihood could not be maximised"


def _check(found: GarchFit, ar: Array) -> None:
    if len(found.n) != len(ar):
        raise SpecError(
            f"{len(found.n)} GARCH fits for {len(ar)} rows of abnormal returns: one "
            "fit per observation is wanted"
        )
    if found.shifts.shape[1]:
        names = ", ".join(NAMES[found.kind])
        raise SpecError(
            "the fit has regressors in its variance; give one with the parameters "
            f"{names} only"
        )


def _simulated(
    found: GarchFit, steps: int, clock: IntArray, reps: int, seed: int
) -> Iterator[Array]:
    """Yield simulated errors (E, some reps, steps), the same for any chunk size."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = found.residuals / np.sqrt(found.h)
    valid = np.isfinite(z)
    n = np.maximum(valid.sum(axis=1, keepdims=True), 1)
    z = z - np.where(valid, z, 0.0).sum(axis=1, keepdims=True) / n
    z /= np.sqrt(np.where(valid, z**2, 0.0).sum(axis=1, keepdims=True) / n)
    # a missing session's place is taken by valid ones in turn
    order = np.argsort(~valid, axis=1, kind="stable")
    place = np.arange(z.shape[1])
    source = np.where(valid, place, np.take_along_axis(order, place % n, axis=1))
    z = np.take_along_axis(z, source, axis=1)
    _, group = np.unique(clock, return_inverse=True)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(z.shape[1], size=(group.max(initial=-1) + 1, reps, steps))
    rows = np.arange(len(z))[:, None, None]
    for first in range(0, reps, _CHUNK):
        yield simulate(found, z[rows, drawn[group, first : first + _CHUNK]])


def _one(
    test: str,
    estimate: float,
    statistic: float,
    df: float,
    pvalue: float,
    n: int,
    lack: str | None,
) -> VolatilityTest:
    keep = np.nan if lack else 1.0
    return VolatilityTest(
        test=test,
        estimate=np.array([estimate * keep]),
        statistic=np.array([statistic * keep]),
        df=np.array([df * keep]),
        pvalue=np.array([pvalue * keep]),
        n=np.array([n]),
        reason=(lack,),
    )
