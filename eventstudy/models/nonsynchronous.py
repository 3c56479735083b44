"""Market models of assets that do not trade at the same time as the market."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Unpack

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, Status
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
    d = model_input(y, _given("dimson", x), n_estimation=n_estimation, **context)
    d = _with_neighbours(d, lags, leads)
    fit = least_squares(d)
    fit = replace(fit, further=_betas(d, fit, lags, leads))
    if not beta_only:
        return abnormal(d, fit, model="dimson")
    return _with_one_beta(d, fit, lags)


def _given(model: str, x: Array | None) -> Array:
    if x is None:
        raise SpecError(f"the {model} model needs the market's returns in x")
    return x


def _with_neighbours(d: ModelInput, lags: int, leads: int) -> ModelInput:
    """Return the input with the market's lags and leads as its factors."""
    if min(lags, leads) < 0:
        raise SpecError(f"lags = {lags}, leads = {leads}; wanted 0 or more")
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
    market = np.where(single[:, :, None], d.x[:, :t], 0.0)
    total = market.sum(axis=1)
    own = market[:, :, most]
    with_own = np.matmul(own[:, None, :], market)[:, 0]
    n = np.maximum(single.sum(axis=1), 1)[:, None]
    with_own -= total * total[:, most : most + 1] / n
    with np.errstate(divide="ignore", invalid="ignore"):
        both = with_own / with_own[:, most : most + 1]
    back, ahead = both[:, most - 1 :: -1][:, :most], both[:, most + 1 :]
    return np.asarray((back + ahead) / 2.0, np.float64)


def _with_one_beta(d: ModelInput, fit: Fit, lags: int) -> Abnormal:
    """Return errors against the sum of the slopes times the market of the session."""
    own = np.broadcast_to(d.x[:, :, lags : lags + 1], d.x.shape)
    held = replace(d, x=own)
    ab = abnormal(held, fit, model="dimson")
    errors = np.concatenate([ab.residuals, ab.ar], axis=1)
    return assemble(
        held,
        errors,
        ab.x_event,
        _with_variance_of(ab, fit),
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


def _caution_of_dimson(options: Mapping[str, Any]) -> str:
    if not options["beta_only"]:
        return ""
    return (
        "The normal return is the sum of the slopes times the return of the session: "
        "such errors are serially correlated, so that the standard error of a CAR is "
        "not exact"
    )


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
        words={
            "beta": "sum of the slopes",
            "beta_fowler_rorke": "beta by Fowler & Rorke (1983)",
        },
        caution=_caution_of_dimson,
        bind=_bind_dimson,
        fit=dimson,
    )
)


# Below this covariance with the market, over its variance, the sum of three returns
# says too little of the middle one to be its instrument.
_LEAST_SHARE = 0.1


def scholes_williams(
    y: Array,
    x: Array | None = None,
    *,
    n_estimation: int,
    **context: Unpack[Context],
) -> Abnormal:
    """Fit the market model of Scholes and Williams (1977) to nonsynchronous returns.

    The market's return is instrumented by its sum over the session, the one before and
    the one after. That is their ``(β⁻ + β⁰ + β⁺) / (1 + 2 ρ)``, all moments over the
    same sessions. Where ``|1 + 2 ρ|`` is 0.1 or less there is no estimate.

    Parameters
    ----------
    y : array (E, T+L)
        Returns; nan = no return.
    x : array (T+L,), (E, T+L) or (E, T+L, 1)
        Returns of the market. The columns count as consecutive sessions: those of the
        estimation window without a neighbour on each side, or whose next one lies in
        the event window, are left out. Alternatively (E, T+L, 3), the market's returns
        from one session before to one after that of the column.
    n_estimation : int
        T, the sessions of the estimation window.
    **context : Context
        Spans, assets, dates, and the event time of the first event-window column.

    Returns
    -------
    Abnormal
        Prediction errors, whose variance has that of the instrumented estimates.

    Raises
    ------
    SpecError
        Without the market's returns, for shapes that do not fit, and for returns that
        span several sessions without columns of neighbours.

    References
    ----------
    Scholes & Williams (1977), J. Financial Economics 5.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> m = 0.01 * rng.normal(size=501)
    >>> y = 0.6 * m + 0.4 * np.roll(m, 1) + 0.002 * rng.normal(size=501)
    >>> scholes_williams(y, m, n_estimation=480).coefficients.round(1)
    array([[-0.,  1.]])
    """
    given = _given("scholes_williams", x)
    d = model_input(y, given, n_estimation=n_estimation, **context)
    wide = _with_neighbours(d, 1, 1)
    own, valid, t = wide.x[:, :, 1:2], wide.valid, d.n_estimation
    if d.x.shape[2] == 1:  # in the event window no neighbour is needed
        own = d.x
        valid = np.concatenate([valid[:, :t], d.valid[:, t:]], axis=1)
    market = replace(d, x=own, valid=valid, complete=False)
    told, weak = _as_instrumented(market, wide.x.sum(axis=2))
    fit = least_squares(replace(market, x=told))
    refused = (fit.status == Status.OK) & weak
    status = np.where(refused, Status.WEAK, fit.status).astype(np.int8)
    fit = replace(
        fit,
        status=status,
        sigma=np.where(refused, np.nan, fit.sigma),
        coefficients=np.where(refused[:, None], np.nan, fit.coefficients),
        xtx_inv=np.where(refused[:, None, None], np.nan, fit.xtx_inv),
    )
    ab = abnormal(market, fit, model="scholes_williams")
    return assemble(
        market,
        np.concatenate([ab.residuals, ab.ar], axis=1),
        ab.x_event,
        _with_variance_of(ab, fit),
        model="scholes_williams",
        factors=told,
    )


def _as_instrumented(market: ModelInput, instrument: Array) -> tuple[Array, BoolArray]:
    """Return what the instrument tells of the market, (E, T+L, 1), and who lacks it.

    The market is regressed on the instrument in the estimation window: least squares
    on its fitted values are instrumental variables.
    """
    stage = least_squares(
        replace(market, y=market.x[:, :, 0], x=instrument[:, :, None])
    )
    constant, slope = stage.coefficients.T
    with np.errstate(divide="ignore", invalid="ignore"):
        share = stage.r_squared / slope  # of the covariance in the market's variance
    weak = ~(np.abs(share) > _LEAST_SHARE)
    told = constant[:, None] * market.span + slope[:, None] * instrument
    return np.where(weak[:, None], market.x[:, :, 0], told)[:, :, None], weak


def _with_variance_of(ab: Abnormal, fit: Fit) -> Fit:
    """Return the fit with the variance of these residuals, in place of its own."""
    with np.errstate(divide="ignore", invalid="ignore"):
        rss = np.nansum(ab.residuals**2 / ab.span_estimation, axis=1)
        sigma = np.where(np.isnan(fit.sigma), np.nan, np.sqrt(rss / fit.df))
        r_squared = 1.0 - (1.0 - fit.r_squared) * (sigma / fit.sigma) ** 2
    return replace(fit, sigma=sigma, r_squared=r_squared)


def _by_own_factor(ab: Abnormal, x: Array) -> Array:
    """Predict by the market of the session, the middle one of three columns."""
    return expected_linear(ab, x[:, :, 1:2] if x.shape[2] == 3 else x)


MODELS.register(
    ModelEntry(
        name="scholes_williams",
        meaning="market model, instrumented by the market of three sessions",
        formula="E[R] = α + β R_m, β = (β⁻ + β⁰ + β⁺) / (1 + 2 ρ)",
        citation="Scholes & Williams (1977), J. Financial Economics 5",
        min_factors=1,
        max_factors=1,
        by_least_squares=False,
        neighbours="instruments",
        expected=_by_own_factor,
        fit=scholes_williams,
    )
)
