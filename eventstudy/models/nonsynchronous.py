"""Market models of assets that do not trade at the same time as the market."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Unpack

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array
from eventstudy.core.errors import SpecError
from eventstudy.core.registry import MODELS
from eventstudy.models.entry import Context, ModelEntry, expected_linear
from eventstudy.models.solver import (
    Fit,
    ModelInput,
    abnormal,
    assemble,
    least_squares,
    model_input,
)


def dimson(
    y: Array,
    x: Array | None = None,
    *,
    n_estimation: int,
    lags: int = 1,
    leads: int = 1,
    beta_only: bool = False,
    **context: Unpack[Context],
) -> Abnormal:
    """Fit the market model with lags and leads of the market, Dimson's (1979).

    ``R_t = α + Σ_k β_k R_{m,t+k} + e_t``, k from -lags to leads. Prediction errors have
    their exact covariance. The sum of the slopes is the beta of an asset that trades
    seldom, or whose session ends at another time than the market's; it stands in
    ``further`` as ``beta``. Where the market's own returns are autocorrelated that sum
    is inconsistent, and with as many leads as lags, one or two, ``beta_fowler_rorke``
    stands beside it: ``Σ w_|k| β_k`` with weights from the market's autocorrelations,
    which count as known in its standard error.

    Parameters
    ----------
    y : array (E, T+L)
        Returns; nan = no return.
    x : array (T+L,), (E, T+L) or (E, T+L, 1)
        Returns of the market. The columns count as consecutive sessions: sessions at
        the ends without all lags and leads are left out, and so are those of the
        estimation window whose leads lie in the event window. Alternatively
        (E, T+L, 1 + lags + leads), the market's returns from ``lags`` sessions before
        to ``leads`` sessions after that of the column; then nothing is left out.
    n_estimation : int
        T, the sessions of the estimation window.
    lags, leads : int
        How many sessions before and after.
    beta_only : bool
        Whether the normal return is ``α + (Σ β_k) R_{m,t}`` (Brown & Warner 1985). The
        errors are then serially correlated, and their variance over a window is not
        exact: it counts them as independent.
    **context : Context
        Spans, assets, dates, and the event time of the first event-window column.

    Returns
    -------
    Abnormal
        Prediction errors, with the beta in ``further``.

    Raises
    ------
    SpecError
        Without the market's returns, for shapes that do not fit, and for returns that
        span several sessions without columns of lags and leads.

    References
    ----------
    Dimson (1979), J. Financial Economics 7; Fowler & Rorke (1983), J. Financial
    Economics 12, for the weights.

    Examples
    --------
    A share that follows the market of today and of yesterday:

    >>> rng = np.random.default_rng(0)
    >>> m = 0.01 * rng.normal(size=151)
    >>> y = 0.6 * m + 0.4 * np.roll(m, 1) + 0.002 * rng.normal(size=151)
    >>> ab = dimson(y, m, n_estimation=130, lags=1, leads=0)
    >>> ab.coefficients.round(1), ab.further_terms, ab.further[0, 0].round(2)
    (array([[-0. ,  0.4,  0.6]]), ('beta',), array([0.99, 0.03]))
    """
    d = _with_neighbours(y, x, lags, leads, n_estimation=n_estimation, context=context)
    fit = least_squares(d)
    fit = replace(fit, further=_betas(d, fit, lags, leads))
    if not beta_only:
        return abnormal(d, fit, model="dimson")
    return _with_one_beta(d, fit, lags)


def _with_neighbours(
    y: Array,
    x: Array | None,
    lags: int,
    leads: int,
    *,
    n_estimation: int,
    context: Context,
) -> ModelInput:
    """Return the input with the market's lags and leads as its factors."""
    if x is None:
        raise SpecError("the dimson model needs the market's returns in x")
    if min(lags, leads) < 0:
        raise SpecError(f"lags = {lags}, leads = {leads}; wanted 0 or more")
    d = model_input(y, x, n_estimation=n_estimation, **context)
    count, wanted = d.x.shape[2], 1 + lags + leads
    if count == wanted:
        return d
    if count != 1:
        raise SpecError(
            f"x has {count} columns; wanted one, the market's returns, or {wanted}: "
            f"its returns from {lags} sessions before to {leads} after"
        )
    if (d.span != 1.0).any():
        raise SpecError(
            "some returns span several sessions, so that the market's lags and leads "
            f"over the same spans cannot be told from its returns; wanted x with "
            f"{wanted} columns, those of the lags and leads"
        )
    t = d.n_estimation
    market = np.full((*d.y.shape, wanted), np.nan)
    n_sessions = d.y.shape[1]
    for at, shift in enumerate(range(-lags, leads + 1)):
        there = slice(max(-shift, 0), n_sessions - max(shift, 0))
        source = slice(max(shift, 0), n_sessions - max(-shift, 0))
        market[:, there, at] = d.x[:, source, 0]
    market[:, max(t - leads, 0) : t] = np.nan
    valid = d.valid & np.isfinite(market).all(axis=2)
    return replace(d, x=market, valid=valid, complete=False)


def _betas(d: ModelInput, fit: Fit, lags: int, leads: int) -> dict[str, Array]:
    """Return the sum of the slopes, and that of Fowler and Rorke, with their errors."""
    ones = np.ones((len(d.y), 1 + lags + leads))
    out = {"beta": _weighted_sum(fit, ones)}
    if lags == leads and lags in (1, 2):
        out["beta_fowler_rorke"] = _weighted_sum(fit, _weights_of_slopes(d, lags))
    return out


def _weighted_sum(fit: Fit, weights: Array) -> Array:
    value = np.einsum("ek,ek->e", weights, fit.coefficients[:, 1:])
    variance = np.einsum("ek,ekl,el->e", weights, fit.xtx_inv[:, 1:, 1:], weights)
    return np.stack([value, fit.sigma * np.sqrt(variance)], axis=1)


def _weights_of_slopes(d: ModelInput, most: int) -> Array:
    """Return the weights of the slopes by Fowler and Rorke, (E, 1 + 2 most).

    ``w_k = 1 - (ρ_{n-k+1} + ... + ρ_n) / (1 + 2 Σ ρ_j)`` with n leads and lags and w_0
    = 1: for n = 1 it is ``(1 + ρ_1) / (1 + 2 ρ_1)``.
    """
    rho = _autocorrelations(d, most)
    bottom = 1.0 + 2.0 * rho.sum(axis=1)
    out = np.ones((len(d.y), 1 + 2 * most))
    for k in range(1, most + 1):
        with np.errstate(divide="ignore", invalid="ignore"):
            weight = 1.0 - rho[:, most - k :].sum(axis=1) / bottom
        out[:, most - k] = out[:, most + k] = weight
    return out


def _autocorrelations(d: ModelInput, most: int) -> Array:
    """Autocorrelations of the market in the estimation window, (E, most).

    Those of returns over a session with the ones before and after, on average.
    """
    t = d.n_estimation
    single = d.valid[:, :t] & (d.span[:, :t] == 1.0)
    n = np.maximum(single.sum(axis=1), 1)[:, None, None]
    market = np.where(single[:, :, None], d.x[:, :t], 0.0)
    market = np.where(
        single[:, :, None], market - market.sum(axis=1, keepdims=True) / n, 0.0
    )
    with_own = np.einsum("etk,et->ek", market, market[:, :, most])
    with np.errstate(divide="ignore", invalid="ignore"):
        both = with_own / with_own[:, most : most + 1]
    back, ahead = both[:, most - 1 :: -1][:, :most], both[:, most + 1 :]
    return np.asarray((back + ahead) / 2.0, np.float64)


def _with_one_beta(d: ModelInput, fit: Fit, lags: int) -> Abnormal:
    """Return errors against the sum of the slopes times the market of the session."""
    own = np.broadcast_to(d.x[:, :, lags : lags + 1], d.x.shape)
    held = replace(d, x=own)
    ab = abnormal(held, fit, model="dimson")
    with np.errstate(divide="ignore", invalid="ignore"):
        rss = np.nansum(ab.residuals**2 / ab.span_estimation, axis=1)
        sigma = np.where(np.isnan(fit.sigma), np.nan, np.sqrt(rss / fit.df))
        r_squared = 1.0 - (1.0 - fit.r_squared) * (sigma / fit.sigma) ** 2
    errors = np.concatenate([ab.residuals, ab.ar], axis=1)
    return assemble(
        held,
        errors,
        ab.x_event,
        replace(fit, sigma=sigma, r_squared=r_squared),
        model="dimson",
        factors=d.x,
    )


def _bind_dimson(entry: ModelEntry, options: Mapping[str, Any]) -> ModelEntry:
    """Say lags and leads; with one beta the market of the session alone predicts."""
    fit = partial(dimson, **options)
    lags = {**entry.options, **options}["lags"]
    if not options.get("beta_only"):
        return replace(entry, fit=fit)
    return replace(entry, fit=fit, expected=partial(_by_one_beta, lags=lags))


def _by_one_beta(ab: Abnormal, x: Array, *, lags: int) -> Array:
    own = np.broadcast_to(x[:, :, lags : lags + 1], x.shape)
    return expected_linear(ab, own)


MODELS.register(
    ModelEntry(
        name="dimson",
        meaning="market model with lags and leads of the market",
        formula="E[R] = α + Σ β_k R_m,t+k, k = -lags ... leads",
        citation="Dimson (1979), J. Financial Economics 7",
        min_factors=1,
        max_factors=1,
        neighbours="regressors",
        options={"lags": 1, "leads": 1, "beta_only": False},
        bind=_bind_dimson,
        fit=dimson,
    )
)
