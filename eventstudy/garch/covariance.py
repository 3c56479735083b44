"""Robust (quasi maximum likelihood) standard errors of fitted GARCH models."""

from dataclasses import dataclass

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray
from eventstudy.garch.fitted import GarchFit
from eventstudy.garch.likelihood import beside, scores, value_and_gradient
from eventstudy.garch.prepare import prepare_plain
from eventstudy.garch.transform import forgets_slowly, to_free


@dataclass(frozen=True, slots=True, kw_only=True)
class GarchErrors:
    """Standard errors, nan where the information is singular (a fit on a bound).

    mean : (E, K);  variance : (E, V);  shifts : (E, M)
    """

    mean: Array
    variance: Array
    shifts: Array


def robust_errors(
    fit: GarchFit, y: Array, x: Array | None = None, *, shifts: Array | None = None
) -> GarchErrors:
    """Sandwich standard errors ``H^-1 (Σ s s') H^-1`` of a fit of the same data.

    y, x, shifts : as given to `fit`. Valid when errors are not of the assumed law.
    Bollerslev & Wooldridge (1992), Econometric Reviews 11.

    >>> from eventstudy.garch import fit as fit_garch
    >>> r = np.random.default_rng(1).normal(size=(1, 500))
    >>> robust_errors(fit_garch(r), r).mean.round(3)
    array([[0.041]])
    """
    series, theta, unit = prepare_plain(fit, y, x, shifts)
    n_dim, n_rows = theta.shape
    information = np.empty((n_rows, n_dim, n_dim))
    for d in range(n_dim):
        up, down, size = beside(theta, d)
        with np.errstate(all="ignore"):
            fall = (
                value_and_gradient(down, series).gradient
                - value_and_gradient(up, series).gradient
            )
        information[:, d] = (fall / (2.0 * size)).T
    information = (information + information.transpose(0, 2, 1)) / 2.0
    with np.errstate(all="ignore"):
        each = scores(theta, series)
    outer = np.einsum("dte,fte->edf", each, each)
    scale = np.sqrt(np.abs(np.diagonal(information, axis1=1, axis2=2)))
    finite = np.isfinite(information).all(axis=(1, 2))
    usable: BoolArray = np.asarray(finite & (scale > 0).all(axis=1), np.bool_)
    unscaled = np.where(usable[:, None], scale, 1.0)
    shape = unscaled[:, :, None] * unscaled[:, None, :]
    relative = np.where(usable[:, None, None], information / shape, np.eye(n_dim))
    usable &= np.linalg.eigvalsh(relative).min(axis=1) > 1e-8
    # on that bound the likelihood still rises: no maximum for the sandwich
    usable &= ~forgets_slowly(to_free(theta, series), series)
    relative[~usable] = np.eye(n_dim)
    inverse = np.linalg.inv(relative)
    spread = inverse @ (outer / shape) @ inverse
    se = np.sqrt(np.diagonal(spread, axis1=1, axis2=2)) / unscaled
    se = np.where((usable & fit.converged)[:, None], se * unit.T, np.nan)
    first, second = fit.mean.shape[1], fit.mean.shape[1] + fit.variance.shape[1]
    third = second + fit.shifts.shape[1]
    return GarchErrors(
        mean=se[:, :first], variance=se[:, first:second], shifts=se[:, second:third]
    )
