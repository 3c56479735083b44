"""Parametric tests of the mean, for all replications at once."""

import numpy as np

from eventstudy.core.abnormal import Array
from eventstudy.simulation.batch import Injected, spread
from eventstudy.simulation.batched.judged import Judged, judge, nothing


def csect(one: Injected) -> Judged:
    """Cross-sectional t of the mean CAR."""
    n = one.batch.layout.n
    return judge(one, one.car.mean(axis=1) * np.sqrt(n) / spread(one.car), n - 1.0)


def _patell_z(one: Injected) -> Array:
    df = one.batch.df
    with np.errstate(divide="ignore", invalid="ignore"):
        z: Array = one.scar.sum(axis=1) / np.sqrt((df / (df - 2.0)).sum(axis=1))
    return np.where((df > 2).all(axis=1), z, np.nan)


def patell(one: Injected) -> Judged:
    """Sum of the SCARs, normal."""
    return judge(one, _patell_z(one), np.inf)


def _inflation(one: Injected) -> Array:
    """``1 + (N-1) r̄``, 1 for one observation, nan where it is not positive."""
    n = one.batch.layout.n
    if n == 1:
        return np.ones(len(one.car))
    factor = 1.0 + (n - 1) * one.batch.rbar
    return np.where(factor > 0, factor, np.nan)


def kp_patell(one: Injected) -> Judged:
    """Patell's Z over the root of ``1 + (N-1) r̄``."""
    return judge(one, _patell_z(one) / np.sqrt(_inflation(one)), np.inf)


def _bmp_t(one: Injected) -> Array:
    n = one.batch.layout.n
    return np.asarray(one.scar.mean(axis=1) * np.sqrt(n) / spread(one.scar), np.float64)


def bmp(one: Injected) -> Judged:
    """Cross-sectional t of the mean SCAR."""
    return judge(one, _bmp_t(one), one.batch.layout.n - 1.0)


def kp_bmp(one: Injected) -> Judged:
    """BMP's t times the root of ``(1-r̄) / (1 + (N-1) r̄)``."""
    rbar = one.batch.rbar
    share = np.where(rbar < 1, 1.0 - rbar, np.nan) / _inflation(one)
    return judge(one, _bmp_t(one) * np.sqrt(share), one.batch.layout.n - 1.0)


def jackknife(one: Injected) -> Judged:
    """Mean of jackknifed pseudo-values of mean over spread, t."""
    x, n = one.scar, one.batch.layout.n
    if n < 4:
        return nothing(one)
    mean = x.mean(axis=1, keepdims=True)
    deviation = x - mean
    left_square = (deviation**2).sum(axis=1, keepdims=True)
    left_square = left_square - deviation**2 * n / (n - 1)
    real = left_square > 1e-20 * (x**2).sum(axis=1, keepdims=True)
    left_square = np.where(real, left_square, np.nan)
    left_out = (mean - deviation / (n - 1)) / np.sqrt(left_square / (n - 2))
    pseudo = n * mean / spread(x)[:, None] - (n - 1) * left_out
    return judge(one, pseudo.mean(axis=1) * np.sqrt(n) / spread(pseudo), n - 1.0)


def _johnson(one: Injected, *, cubic: bool) -> Array:
    n = one.batch.layout.n
    if n < 3:
        return np.full(len(one.car), np.nan)
    s = spread(one.car)
    ratio = one.car.mean(axis=1) / s
    deviation = one.car - one.car.mean(axis=1, keepdims=True)
    skew = (deviation**3).sum(axis=1) / (n * s**3)
    t = ratio + skew * ratio**2 / 3.0 + skew / (6.0 * n)
    if cubic:
        t = t + skew**2 * ratio**3 / 27.0
    return np.asarray(np.sqrt(n) * t, np.float64)


def skewness(one: Injected) -> Judged:
    """Johnson's skewness-adjusted t."""
    return judge(one, _johnson(one, cubic=False), one.batch.layout.n - 1.0)


def skewness_hall(one: Injected) -> Judged:
    """Hall's transformation of Johnson's statistic, normal."""
    return judge(one, _johnson(one, cubic=True), np.inf)
