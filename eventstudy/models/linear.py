"""Linear normal-return models: batched over observations, exact forecast errors.

Every model takes returns ``y`` (E, T+L), the first ``n_estimation`` columns being the
estimation window, and gives an `Abnormal`. nan marks a return that is missing or
excluded; ``span`` (E, T+L) says how many sessions a return spans.
"""

from typing import Unpack

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array
from eventstudy.core.errors import SpecError
from eventstudy.core.registry import MODELS
from eventstudy.models.entry import Context, ModelEntry
from eventstudy.models.own import less_expected
from eventstudy.models.solver import ModelInput, abnormal, least_squares, model_input


def constant_mean(
    y: Array,
    x: Array | None = None,
    *,
    n_estimation: int,
    **context: Unpack[Context],
) -> Abnormal:
    """Take the asset's own mean in the estimation window as its normal return.

    Parameters
    ----------
    y : array (E, T+L)
        Returns; nan = no return.
    x : None
        Not used; must be left out.
    n_estimation : int
        T, the sessions of the estimation window.
    **context : Context
        Spans, assets, dates, and the event time of the first event-window column.

    Returns
    -------
    Abnormal
        Return less the mean, with its exact forecast error.

    Raises
    ------
    SpecError
        For factors, and for shapes that do not fit.

    References
    ----------
    Brown & Warner (1985), J. Financial Economics 14, p. 7 (mean-adjusted returns).

    Examples
    --------
    >>> ab = constant_mean(np.array([[0.01, 0.03, 0.02, 0.05]]), n_estimation=3)
    >>> ab.ar.round(4)
    array([[0.03]])
    """
    if x is not None and np.size(x):
        raise SpecError("constant_mean takes no factors; use market or factors")
    d = model_input(y, None, n_estimation=n_estimation, **context)
    return abnormal(d, least_squares(d), model="constant_mean")


MODELS.register(
    ModelEntry(
        name="constant_mean",
        meaning="the asset's own mean return in the estimation window",
        formula="E[R] = μ",
        citation="Brown & Warner (1985), J. Financial Economics 14",
        min_factors=0,
        max_factors=0,
        default_with="no factor",
        fit=constant_mean,
    )
)


def market_adjusted(
    y: Array,
    x: Array | None = None,
    *,
    n_estimation: int,
    **context: Unpack[Context],
) -> Abnormal:
    """Take the market's return as the normal return; no parameter is estimated.

    Parameters
    ----------
    y : array (E, T+L)
        Returns; nan = no return.
    x : array (T+L,), (E, T+L) or (E, T+L, 1)
        Returns of the market, one for all rows or one for each.
    n_estimation : int
        T, the sessions of the estimation window.
    **context : Context
        Spans, assets, dates, and the event time of the first event-window column.

    Returns
    -------
    Abnormal
        Return less the market's. sigma is the standard deviation of the
        estimation-window differences about their mean, T-1 degrees of freedom.

    Raises
    ------
    SpecError
        Without the market's returns, and for shapes that do not fit.

    References
    ----------
    Brown & Warner (1985), J. Financial Economics 14, p. 8.

    Examples
    --------
    >>> y, m = np.array([[0.01, 0.03, 0.02, 0.05]]), np.full(4, 0.01)
    >>> market_adjusted(y, m, n_estimation=3).ar.round(4)
    array([[0.04]])
    """
    d = _with_market("market_adjusted", y, x, n_estimation=n_estimation, **context)
    return less_expected(d, model="market_adjusted")


def _market_itself(abnormal: Abnormal, x: Array) -> Array:
    return x[:, :, 0]


MODELS.register(
    ModelEntry(
        name="market_adjusted",
        meaning="the market's return; nothing is estimated but the variance",
        formula="E[R] = R_m",
        citation="Brown & Warner (1985), J. Financial Economics 14",
        min_factors=1,
        max_factors=1,
        fit=market_adjusted,
        expected=_market_itself,
    )
)


def market(
    y: Array,
    x: Array | None = None,
    *,
    n_estimation: int,
    **context: Unpack[Context],
) -> Abnormal:
    """Fit the market model ``R = α + β R_m + e`` by least squares.

    On returns in excess of the riskless rate this is the CAPM.

    Parameters
    ----------
    y : array (E, T+L)
        Returns; nan = no return.
    x : array (T+L,), (E, T+L) or (E, T+L, 1)
        Returns of the market, one for all rows or one for each.
    n_estimation : int
        T, the sessions of the estimation window.
    **context : Context
        Spans, assets, dates, and the event time of the first event-window column.

    Returns
    -------
    Abnormal
        Prediction errors with their exact forecast-error covariance.

    Raises
    ------
    SpecError
        Without the market's returns, and for shapes that do not fit.

    References
    ----------
    MacKinlay (1997), J. Economic Literature 35, p. 18; Campbell, Lo & MacKinlay
    (1997), section 4.3, for the forecast-error covariance.

    Examples
    --------
    >>> m = np.array([0.01, -0.01, 0.02, 0.00, 0.03])
    >>> y = 0.001 + 2 * m + np.array([[1e-3, -1e-3, 0, 0, 0.05]])
    >>> market(y, m, n_estimation=4).ar.shape
    (1, 1)
    """
    d = _with_market("market", y, x, n_estimation=n_estimation, **context)
    return abnormal(d, least_squares(d), model="market")


MODELS.register(
    ModelEntry(
        name="market",
        meaning="market model by least squares (CAPM on excess returns)",
        formula="E[R] = α + β R_m",
        citation="MacKinlay (1997), J. Economic Literature 35",
        min_factors=1,
        max_factors=1,
        default_with="one factor",
        fit=market,
    )
)


def factors(
    y: Array,
    x: Array | None = None,
    *,
    n_estimation: int,
    **context: Unpack[Context],
) -> Abnormal:
    """Fit a factor model ``R = α + β_1 F_1 + ... + β_F F_F + e`` by least squares.

    Parameters
    ----------
    y : array (E, T+L)
        Returns; nan = no return.
    x : array (E, T+L, F) or (T+L, F)
        Factor returns, by row or the same for all rows. An array of y's own shape is
        one factor by row.
    n_estimation : int
        T, the sessions of the estimation window.
    **context : Context
        Spans, assets, dates, and the event time of the first event-window column.

    Returns
    -------
    Abnormal
        Prediction errors with their exact forecast-error covariance.

    Raises
    ------
    SpecError
        Without a factor, and for shapes that do not fit.

    References
    ----------
    Fama & French (1993), J. Financial Economics 33, for theirs.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y, x = rng.normal(size=(2, 60)), rng.normal(size=(2, 60, 3))
    >>> factors(y, x, n_estimation=51).coefficients.shape
    (2, 4)
    """
    d = model_input(y, x, n_estimation=n_estimation, **context)
    if not d.x.shape[2]:
        raise SpecError("the factors model needs at least one factor in x")
    return abnormal(d, least_squares(d), model="factors")


MODELS.register(
    ModelEntry(
        name="factors",
        meaning="several factors by least squares",
        formula="E[R] = α + Σ β_f F_f",
        citation="Fama & French (1993), J. Financial Economics 33",
        min_factors=1,
        max_factors=None,
        default_with="several factors",
        fit=factors,
    )
)


def _with_market(
    model: str,
    y: Array,
    x: Array | None,
    *,
    n_estimation: int,
    **context: Unpack[Context],
) -> ModelInput:
    """Return the input of a model that takes the market's returns alone."""
    if x is None:
        raise SpecError(f"the {model} model needs the market's returns in x")
    d = model_input(y, x, n_estimation=n_estimation, **context)
    if d.x.shape[2] != 1:
        raise SpecError(
            f"the {model} model takes one factor, x has {d.x.shape[2]}; use factors"
        )
    return d
