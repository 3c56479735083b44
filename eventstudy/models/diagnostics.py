"""Does the estimation window look like the model says? Batched over observations."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from eventstudy.core.abnormal import Abnormal, Array
from eventstudy.models.solver import least_squares, model_input

LAGS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostics:
    """Shape and serial dependence of the estimation residuals; every array is (E,).

    skewness, excess_kurtosis : moments, 0 for the normal
    jarque_bera, ljung_box, arch_lm : p-values of normality, of no autocorrelation and
        of no autoregressive variance, the last two over `LAGS` lags
    """

    skewness: Array
    excess_kurtosis: Array
    jarque_bera: Array
    ljung_box: Array
    arch_lm: Array


def diagnose(ab: Abnormal) -> Diagnostics:
    """Test the residuals, each scaled by the root of the sessions that it spans.

    Jarque & Bera (1980), Economics Letters 6; Ljung & Box (1978), Biometrika 65, with
    autocorrelations over the pairs of sessions at hand; Engle (1982), Econometrica 50:
    n R² of the squared residual on its own lags, chi-squared. nan without an estimate.

    >>> from eventstudy.models import constant_mean
    >>> y = np.random.default_rng(1).normal(size=(3, 200))
    >>> diagnose(constant_mean(y, n_estimation=189)).jarque_bera.shape
    (3,)
    """
    e = ab.residuals / np.sqrt(ab.span_estimation)
    valid = np.isfinite(e)
    n = valid.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        e = np.where(valid, e - (np.where(valid, e, 0.0).sum(axis=1) / n)[:, None], 0.0)
        m2, m3, m4 = ((e**power).sum(axis=1) / n for power in (2, 3, 4))
        skewness, kurtosis = m3 / m2**1.5, m4 / m2**2 - 3.0
        jb = n / 6.0 * (skewness**2 + kurtosis**2 / 4.0)
    estimated = np.isfinite(ab.sigma)
    return Diagnostics(
        skewness=np.where(estimated, skewness, np.nan),
        excess_kurtosis=np.where(estimated, kurtosis, np.nan),
        jarque_bera=np.where(estimated, special.chdtrc(2, jb), np.nan),
        ljung_box=np.where(estimated, _ljung_box(e, n), np.nan),
        arch_lm=_arch_lm(np.where(valid, e, np.nan)),
    )


def _ljung_box(e: Array, n: Array) -> Array:
    lags = np.arange(1, LAGS + 1)
    products = np.stack([(e[:, k:] * e[:, :-k]).sum(axis=1) for k in lags], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = products / (e**2).sum(axis=1)[:, None]
        q = n * (n + 2) * (rho**2 / (n[:, None] - lags)).sum(axis=1)
    p: Array = special.chdtrc(LAGS, q)
    return np.where(n > LAGS, p, np.nan)


def _arch_lm(e: Array) -> Array:
    squared = e**2
    t = squared.shape[1] - LAGS
    if t <= LAGS + 1:
        return np.full(len(e), np.nan)
    lagged = np.stack(
        [squared[:, LAGS - k : LAGS - k + t] for k in range(1, LAGS + 1)], axis=2
    )
    # The solver wants an event window; one column without a return serves.
    y = np.column_stack([squared[:, LAGS:], np.full(len(e), np.nan)])
    x = np.concatenate([lagged, np.zeros((len(e), 1, LAGS))], axis=1)
    d = model_input(y, x, n_estimation=t)
    fit = least_squares(d)
    n = d.valid[:, :t].sum(axis=1)
    p: Array = special.chdtrc(LAGS, n * np.maximum(fit.r_squared, 0.0))
    return p
