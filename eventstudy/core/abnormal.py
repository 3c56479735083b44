"""Frozen values that are passed between the rooms; arrays with named shapes.

``E`` observations (event x asset), ``T`` estimation sessions, ``L`` event-window
sessions, ``K`` regressors (the constant included), ``G`` clocks.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


class Status(IntEnum):
    """Why an observation has no estimate; ``OK`` when it has one.

    Examples
    --------
    >>> Status.TOO_FEW.text
    'no more valid estimation returns than the model has parameters'
    """

    OK = 0
    TOO_FEW = 1
    CONSTANT = 2
    SINGULAR = 3
    NOT_CONVERGED = 4
    WEAK = 5

    @property
    def text(self) -> str:
        """The reason in words."""
        return _STATUS_TEXT[self]


_STATUS_TEXT = {
    Status.OK: "estimated",
    Status.TOO_FEW: "no more valid estimation returns than the model has parameters",
    Status.CONSTANT: "the model leaves no residual variance (a constant price?)",
    Status.SINGULAR: "the regressors are collinear in the estimation window",
    Status.NOT_CONVERGED: "the likelihood could not be maximised",
    Status.WEAK: "the instrument hardly moves with the factor",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Calendar dates of event time, one row per distinct calendar and day 0.

    Observations with the same row lived through the same sessions; dependence between
    observations is worked out from these dates.

    Parameters
    ----------
    estimation : int array (G, T)
        Days since 1970-01-01 of the estimation window.
    event : int array (G, L)
        Days since 1970-01-01 of the event window.

    Examples
    --------
    >>> Clock(estimation=np.arange(18_793, 18_796)[None], event=np.array([[18_799]]))
    Clock(estimation=array([[18793, 18794, 18795]]), event=array([[18799]]))
    """

    estimation: IntArray
    event: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Abnormal:
    """Abnormal returns of E observations, with what inference needs to judge them.

    Missing or excluded sessions are nan in ``ar``, ``residuals`` and ``actual``.

    Parameters
    ----------
    model : str
        Name of the normal-return model.
    ar : array (E, L)
        Abnormal returns in the event window.
    actual : array (E, L)
        Observed returns in the event window.
    residuals : array (E, T)
        Abnormal returns in the estimation window.
    sigma : array (E,)
        Residual standard deviation per session; nan where there is no estimate.
    df : array (E,)
        Degrees of freedom of sigma.
    n_estimation : int array (E,)
        Valid estimation returns.
    span_event : array (E, L)
        Sessions that a return spans, 1 unless prices are missing; the variance of a
        return is its span times sigma squared.
    span_estimation : array (E, T)
        The same in the estimation window.
    x_event : array (E, L, K)
        Regressors in the event window, the constant's first; K = 0 without parameters.
    x_estimation : array (E, T, K-1)
        Factors in the estimation window, without the constant; no columns without
        factors.
    xtx_inv : array (E, K, K)
        Inverse of X'X: the weight of an estimation return of regressors x in a forecast
        of regressors x* is ``x*' (X'X)^-1 x``.
    cov_coef : array (E, K, K)
        Covariance of the coefficients over sigma², by least squares ``(X'X)^-1``: the
        event-window forecast errors have covariance
        ``sigma² (diag(span) + X* cov_coef X*')``.
    coefficients : array (E, K)
        Estimated coefficients, the constant's first.
    further : array (E, M, 2)
        What else is estimated, such as a sum of coefficients, with its standard error;
        nan where there is none.
    further_terms : tuple of str
        The names of these M.
    r_squared : array (E,)
        Share of the estimation window's variance that the model explains.
    status : int array (E,)
        Values of `Status`: why an observation has no estimate.
    asset : int array (E,)
        Code of the asset.
    clock : int array (E,)
        Row of ``clocks`` that the observation lived through.
    clocks : Clock
        Calendar dates of the windows.
    first_offset : int
        Event time of the first event-window column; day 0 is session 0.
    weights : array (E, J)
        Weights of the donors whose returns make the expected ones; J = 0 without.

    Examples
    --------
    >>> from eventstudy.models import market
    >>> y, m = np.random.default_rng(0).normal(size=(2, 4, 63))
    >>> ab = market(y, m, n_estimation=60)
    >>> ab.ar.shape, ab.residuals.shape, ab.first_offset
    ((4, 3), (4, 60), -1)
    """

    model: str
    ar: Array
    actual: Array
    residuals: Array
    sigma: Array
    df: Array
    n_estimation: IntArray
    span_event: Array
    span_estimation: Array
    x_event: Array
    x_estimation: Array
    xtx_inv: Array
    cov_coef: Array
    coefficients: Array
    further: Array
    further_terms: tuple[str, ...]
    r_squared: Array
    status: NDArray[np.int8]
    asset: IntArray
    clock: IntArray
    clocks: Clock
    first_offset: int
    weights: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceResult:
    """Answer of one test; H = E for tests of single observations, otherwise 1.

    estimate, statistic, pvalue, df : (H,) nan where not computed; df is inf for the
        normal and for resampling tests
    n : (H,) observations used;  n_clusters : (H,) independent clusters of dates
    reason : H texts, why a value is missing, None where it is there
    alternative : "two-sided", "less" or "greater"
    basis : what a randomisation compares with, None for other tests
    """

    test: str
    null: str
    alternative: str
    estimate: Array
    statistic: Array
    pvalue: Array
    df: Array
    n: IntArray
    n_clusters: IntArray
    reason: tuple[str | None, ...]
    basis: str | None = None
