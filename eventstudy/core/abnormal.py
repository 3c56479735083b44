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
    """Why an observation has no estimate; ``OK`` when it has one."""

    OK = 0
    TOO_FEW = 1
    CONSTANT = 2
    SINGULAR = 3
    NOT_CONVERGED = 4

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
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Calendar dates of event time, one row per distinct calendar and day 0.

    estimation : (G, T) and event : (G, L) hold days since 1970-01-01. Observations
    with the same row lived through the same sessions; dependence between
    observations is worked out from these dates.
    """

    estimation: IntArray
    event: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Abnormal:
    """Abnormal returns of E observations, with what inference needs to judge them.

    Missing or excluded sessions are nan in ``ar``, ``residuals`` and ``actual``.

    model : name of the normal-return model
    ar, actual : (E, L) abnormal and observed returns in the event window
    residuals : (E, T) abnormal returns in the estimation window
    sigma : (E,) residual standard deviation per session, with ``df`` degrees of
        freedom; nan where there is no estimate
    df, n_estimation : (E,) degrees of freedom, valid estimation returns
    span_event : (E, L), span_estimation : (E, T) sessions that a return spans
        (1 unless prices are missing); the variance of a return is its span x sigma²
    x_event : (E, L, K) regressors in the event window, constant first
    xtx_inv : (E, K, K) inverse of X'X, so that the event-window forecast errors have
        covariance ``sigma² (diag(span) + X* (X'X)^-1 X*')``. K = 0 without parameters
    coefficients : (E, K);  r_squared : (E,)
    status : (E,) values of `Status`
    asset : (E,) code of the asset; clock : (E,) row of ``clocks``
    first_offset : event time of the first event-window column; day 0 is session 0
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
    xtx_inv: Array
    coefficients: Array
    r_squared: Array
    status: NDArray[np.int8]
    asset: IntArray
    clock: IntArray
    clocks: Clock
    first_offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceResult:
    """Answer of one test; H = E for tests of single observations, otherwise 1.

    estimate, statistic, pvalue, df : (H,) nan where not computed; df is inf for the
        normal and for resampling tests
    n : (H,) observations used;  n_clusters : (H,) independent clusters of dates
    reason : H texts, why a value is missing, None where it is there
    alternative : "two-sided", "less" or "greater"
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
