"""Least squares of many rows by the normal equations of centred, scaled factors.

Centred and scaled to length one, the factors have their correlation matrix for a Gram
matrix. It is inverted by Gauss-Jordan elimination for all rows at once, whose pivots
are the shares of each factor that those before it leave unexplained. Normal equations
lose as many digits as the least share has noughts; rows with a small one are solved by
singular value decomposition, which loses half as many.
"""

from dataclasses import dataclass

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray

# Rows whose factors leave less than this share of one another unexplained are solved
# by decomposition: above it the equations keep eleven digits.
_INDEPENDENT_SHARE = 1e-4
# Below these shares (of a factor that moves at all; of the least to the greatest
# singular value) the forecast variance, a difference of terms as large as the inverse
# of the share squared, would be rounding noise: the regressors count as collinear.
_LEAST_VARIATION = 1e-6
_LEAST_SINGULAR = 2e-8
# Sums of squares below this have lost digits to underflow: such a factor does not move.
_LEAST_SQUARE = 1e-290


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows with their weighted means taken out.

    y : (E, T);  x : (E, F, T), or (1, F, T) for the factors of all rows
    mean_y : (E,);  mean_x : (E, F) or (1, F);  total : (E,) or (1,), sessions spanned
    """

    y: Array
    x: Array
    mean_y: Array
    mean_x: Array
    total: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """Slopes (E, F), (X'X)^-1 with the constant (E, F+1, F+1), sums of squares (E,)."""

    slopes: Array
    xtx_inv: Array
    rss: Array
    tss: Array
    singular: BoolArray


def centred(y: Array, x: Array) -> Rows:
    """Centre complete rows y (E, T) and factors x (E, T, F), or (1, T, F) of all."""
    mean_y = y.mean(axis=1)
    xc = np.ascontiguousarray(x.transpose(0, 2, 1))
    mean_x = xc.mean(axis=2)
    return Rows(
        y=y - mean_y[:, None],
        x=xc - mean_x[:, :, None],
        mean_y=mean_y,
        mean_x=mean_x,
        total=np.full(1, float(y.shape[1])),
    )


def centred_with_gaps(y: Array, x: Array, valid: BoolArray, span: Array) -> Rows:
    """Centre the valid returns, each weighing the inverse of its span; zero elsewhere.

    y, valid, span : (E, T);  x : (E, T, F)
    """
    root = np.where(valid, np.sqrt(span), 0.0)  # the constant's column
    weight = np.where(valid, 1.0 / np.sqrt(span), 0.0)
    total = np.einsum("et,et->e", root, root)
    lasting = np.where(total > 0, total, 1.0)
    yw = np.where(valid, y, 0.0) * weight
    xw = np.array(x.transpose(0, 2, 1), order="C")  # a copy, also of a single row
    with np.errstate(over="ignore", invalid="ignore"):
        known = np.isfinite(xw.sum())
    if not known:
        np.copyto(xw, 0.0, where=~valid[:, None, :])
    xw *= weight[:, None, :]
    mean_y = np.einsum("et,et->e", root, yw) / lasting
    mean_x = (xw @ root[:, :, None])[:, :, 0] / lasting[:, None]
    yw -= root * mean_y[:, None]
    xw -= root[:, None, :] * mean_x[:, :, None]
    return Rows(y=yw, x=xw, mean_y=mean_y, mean_x=mean_x, total=total)


def solve(rows: Rows) -> Solution:
    """Solve every row; the slopes and inverses of singular ones mean nothing."""
    y, x = rows.y, rows.x
    n_rows, n_factors = len(y), x.shape[1]
    gram = x @ x.transpose(0, 2, 1)
    square = np.diagonal(gram, axis1=1, axis2=2)
    whole = square + rows.total[:, None] * rows.mean_x**2
    moves = square > np.maximum(_LEAST_VARIATION**2 * whole, _LEAST_SQUARE)
    flat = ~moves.all(axis=1)
    scale = np.sqrt(np.where(moves, square, 1.0))
    gram /= scale[:, :, None] * scale[:, None, :]
    gram[flat] = np.eye(n_factors)
    inverse, least = _inverse(gram)
    doubtful = np.flatnonzero(~(least > _INDEPENDENT_SHARE))
    inverse[doubtful] = np.eye(n_factors)
    shares = (x @ y[:, :, None])[:, :, 0] / scale
    beta = (inverse @ shares[:, :, None])[:, :, 0]
    singular = np.array(np.broadcast_to(flat, n_rows))
    if doubtful.size:
        few = np.arange(n_rows) if len(x) < n_rows else doubtful
        unit = (x[doubtful] / scale[doubtful, :, None]).transpose(0, 2, 1)
        beta[few], inverse[doubtful], lost = _by_svd(unit, y[few])
        singular[few] = lost
    beta /= scale
    inverse /= scale[:, :, None] * scale[:, None, :]
    residual = y - (beta[:, None, :] @ x)[:, 0]
    return Solution(
        slopes=beta,
        xtx_inv=_with_constant(inverse, rows.mean_x, rows.total, n_rows),
        rss=np.einsum("et,et->e", residual, residual),
        tss=np.einsum("et,et->e", y, y),
        singular=singular,
    )


def _inverse(gram: Array) -> tuple[Array, Array]:
    """Invert correlation matrices (E, F, F); the least pivot and share of each (E,).

    Inverses of rows without positive pivots mean nothing.
    """
    a = np.ascontiguousarray(gram.transpose(1, 2, 0))
    least = np.ones(a.shape[2])
    with np.errstate(all="ignore"):
        for k in range(len(a)):
            column = a[:, k].copy()
            pivot = column[k]
            row = a[k] / pivot
            a -= column[:, None] * row
            a[k], a[:, k] = row, -column / pivot
            a[k, k] = 1.0 / pivot
            least = np.minimum(least, pivot)
        for k in range(len(a)):
            least = np.minimum(least, 1.0 / a[k, k])
    return np.ascontiguousarray(a.transpose(2, 0, 1)), least


def _by_svd(unit: Array, yc: Array) -> tuple[Array, Array, BoolArray]:
    """Solve nearly collinear rows without squaring their condition number."""
    u, s, vt = np.linalg.svd(unit, full_matrices=False)
    lost = s[:, -1] <= s[:, 0] * _LEAST_SINGULAR
    inverse_s = np.where(lost[:, None], 0.0, 1.0 / np.where(s > 0, s, 1.0))
    shares = (yc[:, None, :] @ u)[:, 0] * inverse_s
    beta = (shares[:, None, :] @ vt)[:, 0]
    gram_inv = np.einsum("esf,es,esg->efg", vt, inverse_s**2, vt)
    return beta, gram_inv, lost


def _with_constant(inverse: Array, mean: Array, total: Array, n_rows: int) -> Array:
    """Add the constant's row and column to the inverse of the centred Gram matrix."""
    n_factors = mean.shape[1]
    out = np.empty((n_rows, n_factors + 1, n_factors + 1))
    shift = (inverse @ mean[:, :, None])[:, :, 0]
    with np.errstate(divide="ignore"):
        out[:, 0, 0] = 1.0 / total + np.einsum("ef,ef->e", mean, shift)
    out[:, 0, 1:] = out[:, 1:, 0] = -shift
    out[:, 1:, 1:] = inverse
    return out
