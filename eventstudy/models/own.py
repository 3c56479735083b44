"""Abnormal returns from expected returns: what a user's own model returns."""

from typing import Unpack

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, Status
from eventstudy.core.errors import SpecError
from eventstudy.models.entry import Context
from eventstudy.models.solver import (
    Fit,
    ModelInput,
    assemble,
    least_squares,
    model_input,
)


def abnormal_from(
    y: Array,
    expected: Array,
    *,
    n_estimation: int,
    model: str = "own",
    n_parameters: int = 0,
    coefficients: Array | None = None,
    x: Array | None = None,
    xtx_inv: Array | None = None,
    **context: Unpack[Context],
) -> Abnormal:
    """Make an `Abnormal` of returns and what a model of one's own expects of them.

    The variance per session is that of the estimation window's errors about their
    mean. Without ``xtx_inv`` the expected returns count as known, as those of
    `market_adjusted` do: forecasts have no estimation error.

    Parameters
    ----------
    y : array (E, T+L)
        Returns; nan = no return.
    expected : array (E, T+L)
        Expected returns of the same sessions, (T+L,) for those of all rows; nan takes
        the return out.
    n_estimation : int
        T, the sessions of the estimation window.
    model : str
        Name of the model; an entry of `MODELS` puts its own in its place.
    n_parameters : int
        Parameters that were estimated, a constant included: k of n - k degrees of
        freedom, at least 1 for the mean.
    coefficients : array (E, K), optional
        Coefficients for the tables, the constant's first, then those of ``x``.
    x : array (E, T+L, K-1), optional
        The factors that the coefficients belong to.
    xtx_inv : array (E, K, K), optional
        Their covariance over sigma²; with it forecasts have their estimation error.
    **context : Context
        Spans, assets, dates and the first offset, as the model was given them.

    Returns
    -------
    Abnormal
        What every test, table and figure takes.

    Raises
    ------
    SpecError
        For shapes that do not fit.

    Examples
    --------
    >>> y, m = np.array([[0.01, 0.03, 0.02, 0.05]]), np.full(4, 0.02)
    >>> abnormal_from(y, 0.5 * m, n_estimation=3).ar.round(4)
    array([[0.04]])
    """
    d = model_input(y, expected, n_estimation=n_estimation, **context)
    if d.x.shape[2] != 1:
        raise SpecError(
            f"expected has shape {np.shape(expected)}; wanted {d.y.shape}, one value "
            "for each return"
        )
    terms = _terms(d, coefficients, x, xtx_inv)
    return less_expected(d, model=model, n_parameters=n_parameters, terms=terms)


Terms = tuple[Array, Array, Array, Array]


def less_expected(
    d: ModelInput, *, model: str, n_parameters: int = 0, terms: Terms | None = None
) -> Abnormal:
    """Take the expected returns, which ``d`` holds as its one factor, off the returns.

    terms : coefficients (E, K), (X'X)^-1 (E, K, K), event-window rows (E, L, K) and
    factors (E, T+L, K-1)
    """
    errors = np.where(d.valid, d.y - d.x[:, :, 0], np.nan)
    spread = _about_the_mean(d, errors)
    sigma, df, status = spread.sigma, spread.df, spread.status
    if n_parameters > 1:
        df = np.maximum(df + 1.0 - n_parameters, 0.0)
        few = (status == Status.OK) & (df == 0)
        status = np.where(few, Status.TOO_FEW, status).astype(np.int8)
        with np.errstate(divide="ignore", invalid="ignore"):
            sigma = np.where(few, np.nan, sigma * np.sqrt(spread.df / df))
    errors[status != Status.OK] = np.nan
    coefficients, xtx_inv, rows, factors = _terms(d) if terms is None else terms
    fit = Fit(
        coefficients=coefficients,
        xtx_inv=xtx_inv,
        sigma=sigma,
        df=df,
        r_squared=np.full(len(errors), np.nan),
        status=status,
    )
    return assemble(d, errors, rows, fit, model=model, factors=factors)


def _about_the_mean(d: ModelInput, errors: Array) -> Fit:
    """Fit a constant to the errors of the estimation window."""
    t = d.n_estimation
    centred = model_input(
        errors[:, : t + 1], None, n_estimation=t, span=d.span[:, : t + 1]
    )
    returns = np.where(d.valid, d.y, 0.0)[:, :t]
    return least_squares(centred, scale=np.einsum("et,et->e", returns, returns))


def _terms(
    d: ModelInput,
    coefficients: Array | None = None,
    x: Array | None = None,
    xtx_inv: Array | None = None,
) -> Terms:
    """Check the shapes of a model's terms; without coefficients it has none."""
    n_obs, t = len(d.y), d.n_estimation
    n_event = d.y.shape[1] - t
    if coefficients is None:
        if x is not None or xtx_inv is not None:
            raise SpecError("x and xtx_inv belong to coefficients; give these as well")
        nothing = np.empty((n_obs, 0))
        none = np.empty((n_obs, t + n_event, 0))
        return nothing, np.empty((n_obs, 0, 0)), none[:, t:], none
    of = model_input(d.y, x, n_estimation=t, first_offset=d.first_offset)
    k = of.x.shape[2] + 1
    beta = np.asarray(coefficients, np.float64)
    inverse = np.zeros((n_obs, k, k)) if xtx_inv is None else np.asarray(xtx_inv)
    for name, found, wanted in (
        ("coefficients", beta.shape, (n_obs, k)),
        ("xtx_inv", inverse.shape, (n_obs, k, k)),
    ):
        if found != wanted:
            raise SpecError(
                f"{name} has shape {found}; wanted {wanted}, a constant and then "
                f"{k - 1} factors of x"
            )
    constant = np.where(d.valid, d.span, 0.0)[:, t:, None]
    factors = np.where(d.valid[:, :, None], of.x, 0.0)[:, t:]
    return beta, inverse, np.concatenate([constant, factors], axis=2), of.x
