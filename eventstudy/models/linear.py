"""Linear normal-return models: batched over observations, exact forecast errors.

Every model takes returns ``y`` (E, T+L), the first ``n_estimation`` columns being the
estimation window, and gives an `Abnormal`. nan marks a return that is missing or
excluded; ``span`` (E, T+L) says how many sessions a return spans.
"""

from typing import Protocol, TypedDict, Unpack

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, Clock, IntArray, Status
from eventstudy.core.errors import SpecError
from eventstudy.models.solver import (
    Design,
    Fit,
    abnormal,
    assemble,
    design,
    least_squares,
)


class Context(TypedDict, total=False):
    """Keywords that every model takes: spans, and who lived through which dates.

    span : (E, T+L) sessions that each return spans, default 1
    asset : (E,) code of the asset, default a different one for each row
    clock : (E,) row of ``clocks``; clocks : calendar dates of the windows, default
        one shared date
    first_offset : event time of the first event-window column, default -(L//2) for
        an odd number L of columns
    """

    span: Array | None
    asset: IntArray | None
    clock: IntArray | None
    clocks: Clock | None
    first_offset: int | None


class Model(Protocol):
    """A normal-return model."""

    def __call__(
        self,
        y: Array,
        x: Array | None = None,
        *,
        n_estimation: int,
        **context: Unpack[Context],
    ) -> Abnormal:
        """Return abnormal returns of ``y`` (E, T+L) given factors ``x``."""
        ...


def constant_mean(
    y: Array,
    x: Array | None = None,
    *,
    n_estimation: int,
    **context: Unpack[Context],
) -> Abnormal:
    """Abnormal return = return less the asset's own estimation-window mean.

    y : (E, T+L) returns.  x is not used and must be left out.
    Brown & Warner (1985), J. Financial Economics 14, p. 7 (mean-adjusted returns).

    >>> ab = constant_mean(np.array([[0.01, 0.03, 0.02, 0.05]]), n_estimation=3)
    >>> ab.ar.round(4)
    array([[0.03]])
    """
    if x is not None and np.size(x):
        raise SpecError("constant_mean takes no factors; use market or factors")
    d = design(y, None, n_estimation=n_estimation, **context)
    return abnormal(d, least_squares(d), model="constant_mean")


def market_adjusted(
    y: Array,
    x: Array | None = None,
    *,
    n_estimation: int,
    **context: Unpack[Context],
) -> Abnormal:
    """Abnormal return = return less the market's; no parameter is estimated.

    y : (E, T+L), x : market returns, (T+L,) for all alike or (E, T+L). sigma is the
    standard deviation of the estimation-window differences about their mean, T-1
    degrees of freedom. Brown & Warner (1985), p. 8.

    >>> y, m = np.array([[0.01, 0.03, 0.02, 0.05]]), np.full((1, 4), 0.01)
    >>> market_adjusted(y, m, n_estimation=3).ar.round(4)
    array([[0.04]])
    """
    d = _with_market("market_adjusted", y, x, n_estimation=n_estimation, **context)
    errors = np.where(d.valid, d.y - d.x[:, :, 0], np.nan)
    centred = design(
        errors[:, : n_estimation + 1],
        None,
        n_estimation=n_estimation,
        span=d.span[:, : n_estimation + 1],
    )
    returns = np.where(d.valid, d.y, 0.0)[:, :n_estimation]
    spread = least_squares(centred, scale=np.einsum("et,et->e", returns, returns))
    n_obs, n_event = len(errors), errors.shape[1] - n_estimation
    errors[spread.status != Status.OK] = np.nan
    fit = Fit(
        coefficients=np.empty((n_obs, 0)),
        xtx_inv=np.empty((n_obs, 0, 0)),
        sigma=spread.sigma,
        df=spread.df,
        r_squared=np.full(n_obs, np.nan),
        status=spread.status,
    )
    x_event = np.empty((n_obs, n_event, 0))
    return assemble(d, errors, x_event, fit, model="market_adjusted")


def market(
    y: Array,
    x: Array | None = None,
    *,
    n_estimation: int,
    **context: Unpack[Context],
) -> Abnormal:
    """Market model: ``R = α + β R_m + e`` by least squares.

    y : (E, T+L), x : market returns, (T+L,) for all alike or (E, T+L). On returns in
    excess of the riskless rate this is the CAPM.
    MacKinlay (1997), J. Economic Literature 35, p. 18; Campbell, Lo & MacKinlay
    (1997), section 4.3, for the forecast-error covariance.

    >>> m = np.array([0.01, -0.01, 0.02, 0.00, 0.03])
    >>> y = 0.001 + 2 * m + np.array([[1e-3, -1e-3, 0, 0, 0.05]])
    >>> market(y, m, n_estimation=4).ar.shape
    (1, 1)
    """
    d = _with_market("market", y, x, n_estimation=n_estimation, **context)
    return abnormal(d, least_squares(d), model="market")


def factors(
    y: Array,
    x: Array | None = None,
    *,
    n_estimation: int,
    **context: Unpack[Context],
) -> Abnormal:
    """Factor model: ``R = α + β_1 F_1 + ... + β_F F_F + e`` by least squares.

    y : (E, T+L), x : (E, T+L, F) factor returns, (T+L, F) for all alike; Fama &
    French (1993), J. Financial Economics 33, or any other columns.

    >>> rng = np.random.default_rng(0)
    >>> y, x = rng.normal(size=(2, 60)), rng.normal(size=(2, 60, 3))
    >>> factors(y, x, n_estimation=51).coefficients.shape
    (2, 4)
    """
    d = design(y, x, n_estimation=n_estimation, **context)
    if not d.x.shape[2]:
        raise SpecError("the factors model needs at least one factor in x")
    return abnormal(d, least_squares(d), model="factors")


def _with_market(
    model: str,
    y: Array,
    x: Array | None,
    *,
    n_estimation: int,
    **context: Unpack[Context],
) -> Design:
    """Return the design of a model that takes the market's returns alone."""
    if x is None:
        raise SpecError(f"the {model} model needs the market's returns in x")
    d = design(y, x, n_estimation=n_estimation, **context)
    if d.x.shape[2] != 1:
        raise SpecError(
            f"the {model} model takes one factor, x has {d.x.shape[2]}; use factors"
        )
    return d
