"""The market model whose market is a basket of other assets."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Unpack

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array
from eventstudy.core.errors import SpecError
from eventstudy.core.registry import MODELS
from eventstudy.models.entry import Context, ModelEntry
from eventstudy.models.linear import market

LEAST_MEMBERS = 3
"""Members with a return that a session of a basket needs."""


def basket_return(returns: Array, weights: Array | None = None) -> Array:
    """Return the weighted mean of simple returns, by the weights of the session before.

    An asset that is studied against a basket must not be in it: its abnormal return
    would shrink by its own weight.

    Parameters
    ----------
    returns : array (S, J)
        Simple returns of J members on S sessions; nan = no return.
    weights : array (S, J), optional
        Their weights at the end of each session, such as market values or turnovers;
        by default equal. A member without a weight the session before is left out.

    Returns
    -------
    array (S,)
        ``Σ w_{j,t-1} R_jt / Σ w_{j,t-1}``; nan where fewer than 3 members have both.

    Raises
    ------
    SpecError
        For weights of another shape, and below zero.

    Examples
    --------
    >>> r = np.array([[0.0, 0.0, 0.0], [0.01, 0.02, 0.06], [0.01, np.nan, 0.0]])
    >>> basket_return(r).round(4)
    array([0.  , 0.03,  nan])
    >>> basket_return(r, np.array([[2.0, 1.0, 1.0]] * 3)).round(4)
    array([  nan, 0.025,   nan])
    """
    returns = np.asarray(returns, np.float64)
    held = np.isfinite(returns)
    weight = np.ones(returns.shape)
    if weights is not None:
        given = np.asarray(weights, np.float64)
        if given.shape != returns.shape:
            raise SpecError(
                f"weights have shape {given.shape}; wanted {returns.shape}, one for "
                "each return"
            )
        if (given < 0).any():
            raise SpecError("some weights are below zero; wanted weights from 0")
        weight = np.full(returns.shape, np.nan)
        weight[1:] = given[:-1]
        held &= weight > 0
    total = np.where(held, weight, 0.0).sum(axis=1)
    moved = np.where(held, weight * returns, 0.0).sum(axis=1)
    enough = held.sum(axis=1) >= LEAST_MEMBERS
    mean = np.divide(moved, total, out=np.full(len(total), np.nan), where=enough)
    return np.asarray(mean, np.float64)


def basket(
    y: Array,
    x: Array | None = None,
    *,
    n_estimation: int,
    **context: Unpack[Context],
) -> Abnormal:
    """Fit the market model on the return of a basket of other assets.

    Parameters
    ----------
    y : array (E, T+L)
        Returns; nan = no return.
    x : array (T+L,), (E, T+L) or (E, T+L, 1)
        Returns of the basket, see `basket_return`, without the asset of the row.
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
        Without the basket's returns, and for shapes that do not fit.

    References
    ----------
    MacKinlay (1997), J. Economic Literature 35, for the market model.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> members = 0.03 * rng.normal(size=(141, 5))
    >>> y = 0.8 * basket_return(members) + 0.001 * rng.normal(size=141)
    >>> basket(y, basket_return(members), n_estimation=120).coefficients[:, 1].round(1)
    array([0.8])
    """
    if x is None:
        raise SpecError("the basket model needs the returns of a basket in x")
    found = market(y, x, n_estimation=n_estimation, **context)
    return replace(found, model="basket")


def _of_members(entry: ModelEntry, options: Mapping[str, Any]) -> ModelEntry:
    """Leave the function as it is: a study makes the basket of its members."""
    return entry


MODELS.register(
    ModelEntry(
        name="basket",
        meaning="market model on a basket of other assets, without the asset itself",
        formula="E[R_i] = α + β Σ w_j R_j / Σ w_j, j ≠ i",
        citation="MacKinlay (1997), J. Economic Literature 35",
        min_factors=0,
        max_factors=0,
        min_members=LEAST_MEMBERS,
        options={"members": (), "weights": "equal"},
        bind=_of_members,
        fit=basket,
    )
)
