"""A CAR as a linear form in its asset's disturbances, session by session.

``CAR_i = Σ_t a_i(t) ε(t)``: 1 on the sessions of the window, less the weight that the
session had in the estimate of what was normal. Two CARs share what their loadings
share, in overlapping event windows and in overlapping estimation windows alike.
"""

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, IntArray
from eventstudy.core.windows import Window, columns


def loadings(ab: Abnormal, window: Window) -> Array:
    """Return ``a_i(t)`` on the sessions of estimation and event window, (E, T+L).

    ``a_i(t) = 1{t in W_i} - s_i'(X'Ω^-1X)^-1 x_r / k_r`` with ``s_i`` the sum of the
    regressor rows of the window's returns and r the estimation return that spans
    session t among its k_r; Ω holds the spans. ``Σ_t a_i(t)²`` is the variance of the
    CAR over sigma², see `cumulate`. Where a model gives sessions variances of their
    own (GARCH), a_i(t) is in units of sigma. All 0 without an estimate or a return.
    Sessions that a first return spans before the window held are left out.

    Patell (1976), J. Accounting Research 14, and Campbell, Lo & MacKinlay (1997),
    section 4.4, for the forecast error that is taken apart here.

    Raises `SpecError` for a window outside the event window.

    >>> from eventstudy.models import constant_mean
    >>> ab = constant_mean(np.array([[0.01, -0.01, 0.0, 0.02, 0.03]]), n_estimation=4)
    >>> loadings(ab, (0, 0))
    array([[-0.25, -0.25, -0.25, -0.25,  1.  ]])
    """
    held = columns(ab, window)
    n_estimation = ab.residuals.shape[1]
    out = np.zeros((len(ab.ar), n_estimation + ab.ar.shape[1]))
    valid = ~np.isnan(ab.ar[:, held])
    event, past = out[:, n_estimation:], out[:, :n_estimation]
    event[:, held] = valid
    if ab.xtx_inv.shape[1]:
        rows = np.where(valid[:, :, None], ab.x_event[:, held], 0.0).sum(axis=1)
        past[:] = -_weights(ab, np.einsum("ek,ekl->el", rows, ab.xtx_inv))
    if not ((ab.span_event == 1).all() and (ab.span_estimation == 1).all()):
        event[:] = _on_sessions(event, ab.span_event)
        past[:] = _on_sessions(past, ab.span_estimation)
    out[np.isnan(ab.sigma) | ~valid.any(axis=1)] = 0.0
    return out


def unit_loadings(ab: Abnormal, window: Window) -> Array:
    """Return `loadings` with square sum 1, so that their products are correlations."""
    out = loadings(ab, window)
    size = np.sqrt(np.einsum("et,et->e", out, out))
    out /= np.where(size > 0, size, 1.0)[:, None]
    return out


def _weights(ab: Abnormal, contrast: Array) -> Array:
    """Weight of each estimation return in the window's expected return, (E, T)."""
    span = ab.span_estimation
    constant = contrast[:, :1] * sessions_spanned(span)
    if ab.x_estimation.shape[2]:
        slopes = np.einsum("etf,ef->et", ab.x_estimation, contrast[:, 1:])
        constant = constant + slopes
    return np.where(np.isnan(ab.residuals), 0.0, constant / span)


def sessions_spanned(span: Array) -> IntArray:
    """Sessions that returns span; 1 where the span holds a variance instead."""
    whole = np.rint(span)
    return np.where((whole == span) & (whole >= 1), whole, 1.0).astype(np.int64)


def _on_sessions(values: Array, span: Array) -> Array:
    """Put the value of each return on all sessions that it spans, in units of sigma."""
    n = sessions_spanned(span)
    values = values * np.sqrt(span / n)
    out = values.copy()
    for back in range(1, min(int(n.max(initial=1)), values.shape[1])):
        out[:, :-back] += np.where(n > back, values, 0.0)[:, back:]
    return out
