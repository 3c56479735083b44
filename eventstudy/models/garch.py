"""Linear normal-return models whose errors have a GARCH variance.

The conditional variance enters an `Abnormal` through its spans, which count a
session's variance in units of sigma²: ``span = sessions spanned x h / sigma²``, with
the model's h in the estimation window and its forecast, made at the end of that
window, in the event window. So every test that standardises does so with these
variances. ``bmp`` on a single day is then the test of Savickas (2003), the mean of
``AR/√h`` against its cross-sectional spread, without his dummy in the variance, which
one session cannot identify.
"""

from dataclasses import replace
from functools import partial
from typing import Unpack

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, Status
from eventstudy.core.registry import MODELS
from eventstudy.garch import MIN_SESSIONS, GarchFit, fit, forecast
from eventstudy.models.entry import Context, Model, ModelEntry
from eventstudy.models.solver import Fit, assemble, model_input

# Returns that vary less than this, relative to their size, do not vary.
_CONSTANT = 1e-10
_COLLINEAR = 1e-13  # least eigenvalue of a correlation matrix that can be inverted


def garch(
    y: Array,
    x: Array | None = None,
    *,
    n_estimation: int,
    kind: str = "garch",
    dist: str = "normal",
    **context: Unpack[Context],
) -> Abnormal:
    """Mean by factors (none: a constant) with GARCH(1,1) errors, maximum likelihood.

    y : (E, T+L) returns;  x : (E, T+L, F) factors or None;  kind : ``garch``, ``gjr``
    or ``egarch``;  dist : ``normal`` or ``t``. ``sigma`` is the root of the mean
    squared residual over ``n - K``. Rows with fewer than 60 returns or without
    convergence have no estimate.

    Savickas (2003), J. Financial Research 26; Bollerslev (1986), J. Econometrics 31.
    Raises `SpecError` for unknown names and shapes that do not fit.

    >>> rng = np.random.default_rng(0)
    >>> ab = garch(rng.normal(size=(2, 205)), n_estimation=200)
    >>> ab.ar.shape, ab.model
    ((2, 5), 'garch')
    """
    d = model_input(y, x, n_estimation=n_estimation, **context)
    t = d.n_estimation
    root = np.where(d.valid, np.sqrt(d.span), 1.0)
    rows = np.concatenate([root[:, :, None], d.x / root[:, :, None]], axis=2)
    rows = np.where(d.valid[:, :, None], rows, 0.0)
    scaled = np.where(d.valid, d.y / root, np.nan)
    found = fit(scaled[:, :t], rows[:, :t], kind=kind, dist=dist)
    n, k = d.valid[:, :t].sum(axis=1), rows.shape[2]
    status = _status(found, scaled[:, :t], k)
    ok = status == Status.OK
    beta = np.where(ok[:, None], found.mean, np.nan)
    errors = scaled - np.einsum("etk,ek->et", rows, beta)
    rss = np.nansum(errors[:, :t] ** 2, axis=1)
    df = np.maximum(n - k, 0).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        sigma = np.where(ok, np.sqrt(rss / df), np.nan)
        centred = scaled[:, :t] - np.nanmean(
            np.where(ok[:, None], scaled[:, :t], 0.0), axis=1, keepdims=True
        )
        r_squared = 1.0 - rss / np.nansum(centred**2, axis=1)
    variance = (
        np.concatenate([found.h, forecast(found, d.y.shape[1] - t)], axis=1)
        / (sigma**2)[:, None]
    )
    xtx_inv, singular = _weighted_inverse(rows[:, :t], variance[:, :t], ok)
    status[singular], ok = Status.SINGULAR, ok & ~singular
    fitted = Fit(
        coefficients=np.where(ok[:, None], beta, np.nan),
        xtx_inv=xtx_inv,
        sigma=np.where(ok, sigma, np.nan),
        df=df,
        r_squared=np.where(ok, r_squared, np.nan),
        status=status,
    )
    return assemble(
        replace(
            d, span=np.where(ok[:, None], d.span * variance, d.span), complete=False
        ),
        np.where(ok[:, None], errors * root, np.nan),
        (rows * root[:, :, None])[:, t:],
        fitted,
        model=kind,
    )


gjr: Model = partial(garch, kind="gjr")
egarch: Model = partial(garch, kind="egarch")

MODELS.register(
    ModelEntry(
        name="garch",
        meaning="mean or factors, with errors whose variance is GARCH(1,1)",
        formula="E[R] = α + Σ β_f F_f; h = ω + a e² + b h",
        citation="Savickas (2003), J. Financial Research 26",
        min_factors=0,
        max_factors=None,
        conditional_variance=True,
        fit=garch,
    )
)
MODELS.register(
    ModelEntry(
        name="gjr",
        meaning="the same, falls raising the variance by more than rises",
        formula="E[R] = α + Σ β_f F_f; h = ω + (a + g 1[e < 0]) e² + b h",
        citation="Glosten, Jagannathan & Runkle (1993), J. Finance 48",
        min_factors=0,
        max_factors=None,
        conditional_variance=True,
        fit=gjr,
    )
)
MODELS.register(
    ModelEntry(
        name="egarch",
        meaning="the same, for the logarithm of the variance",
        formula="E[R] = α + Σ β_f F_f; ln h = ω + a (|z| - E|z|) + g z + b ln h",
        citation="Nelson (1991), Econometrica 59",
        min_factors=0,
        max_factors=None,
        conditional_variance=True,
        fit=egarch,
    )
)


def _status(
    found: GarchFit, y: Array, k: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.int8]]:
    valid = np.isfinite(y)
    top = np.where(valid, y, -np.inf).max(axis=1)
    bottom = np.where(valid, y, np.inf).min(axis=1)
    size = np.where(valid, np.abs(y), 0.0).max(axis=1)
    few = found.n < max(MIN_SESSIONS, k + 1)
    constant = ~few & ~(top - bottom > _CONSTANT * size)
    chosen = np.select(
        [few, constant, ~found.converged],
        [Status.TOO_FEW, Status.CONSTANT, Status.NOT_CONVERGED],
        Status.OK,
    )
    return chosen.astype(np.int8)


def _weighted_inverse(
    rows: Array, variance: Array, ok: BoolArray
) -> tuple[Array, BoolArray]:
    """Inverse of ``Σ x x' σ²/h``, and where the regressors are nearly collinear.

    It is the covariance of the mean's coefficients over sigma².
    """
    k = rows.shape[2]
    weight = np.where(np.isfinite(variance) & ok[:, None], 1.0 / variance, 0.0)
    gram = np.einsum("etk,et,etl->ekl", rows, weight, rows, optimize=True)
    size = np.sqrt(np.diagonal(gram, axis1=1, axis2=2))
    scale = np.where(size > 0, size, 1.0)
    shape = scale[:, :, None] * scale[:, None, :]
    relative = np.where(ok[:, None, None], gram / shape, np.eye(k))
    singular = ~(np.linalg.eigvalsh(relative)[:, 0] > _COLLINEAR)
    relative[singular] = np.eye(k)
    inverse = np.linalg.inv(relative) / shape
    kept = ok & ~singular
    return np.where(kept[:, None, None], inverse, np.nan), ok & singular
