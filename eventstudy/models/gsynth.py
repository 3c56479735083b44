"""Generalised synthetic control: factors of donors, loadings of the treated."""

from typing import Unpack

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, IntArray
from eventstudy.core.donors import Donors, by_row, weighted
from eventstudy.core.errors import SpecError
from eventstudy.core.registry import MODELS
from eventstudy.core.windows import whole
from eventstudy.models.counterfactual import (
    MIN_DONORS,
    Terms,
    Treated,
    expected,
    finished,
    treated,
)
from eventstudy.models.entry import Context, ModelEntry
from eventstudy.models.synthetic import BLOCK, by_donors

MOST_FACTORS = 5
# A factor whose size is below this share of the first one's is rounding noise.
_LEAST_FACTOR = 1e-10


def gsynth(
    y: Array,
    x: Array | None = None,
    *,
    n_estimation: int,
    donors: Donors | Array | None = None,
    n_factors: int | None = None,
    **context: Unpack[Context],
) -> Abnormal:
    """Take what factors of the donors explain as the normal return.

    Donors have effects of unit and session and r factors, found in all sessions, those
    of the event included, since donors are untreated. The treated asset's constant and
    loadings are least squares in the estimation window. r, from 0 to 5, predicts best
    the blocks of ten estimation sessions that are left out one at a time. Forecast
    errors are those of least squares given the factors: that these are estimated from
    the donors is not in them.

    Parameters
    ----------
    y : array (E, T+L)
        Simple returns; nan = no return.
    x : array (T+L, J) or (E, T+L, J)
        Simple returns of the donors, the same for all rows or by row.
    n_estimation : int
        T, the sessions of the estimation window.
    donors : array or Donors, optional
        The donors, in the place of ``x``.
    n_factors : int, optional
        How many factors there are, where that is known.
    **context : Context
        Spans, assets, dates, and the event time of the first event-window column.

    Returns
    -------
    Abnormal
        Prediction errors; ``coefficients`` are the constant and five loadings, 0 of
        factors that are not in. ``weights`` of any sign make the same expected returns
        of the donors'.

    Raises
    ------
    SpecError
        Without donors, for more than five factors, and for shapes that do not fit.

    References
    ----------
    Xu (2017), Political Analysis 25; Bai (2009), Econometrica 77, for the factors.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> factor = 0.01 * rng.standard_normal((63, 1))
    >>> donors = factor * np.arange(1, 9) + 1e-4 * rng.standard_normal((63, 8))
    >>> y = 0.01 + 3 * factor.T + 1e-4 * rng.standard_normal((1, 63))
    >>> ab = gsynth(y, donors, n_estimation=60)
    >>> (ab.coefficients != 0).sum(), abs(ab.ar).max() < 1e-3
    (np.int64(2), np.True_)
    """
    if n_factors is not None and whole(n_factors) not in range(MOST_FACTORS + 1):
        raise SpecError(
            f"n_factors = {n_factors!r}; wanted a whole number from 0 to {MOST_FACTORS}"
        )
    given = treated(y, x, donors, n_estimation=n_estimation, **context)
    factors, makers, mean = _factors(given)
    rest = given.simple - mean[:, : given.t]
    design = np.concatenate([np.ones((*rest.shape, 1)), factors[:, : given.t]], axis=2)
    able = np.isfinite(design).all(axis=2) & np.isfinite(rest) & given.rows
    design, rest = np.where(able[:, :, None], design, 0.0), np.where(able, rest, 0.0)
    usable = np.abs(makers).sum(axis=1) > 0
    if n_factors is None:
        r = _chosen(design, rest, able, usable)
    else:
        r = np.minimum(np.full(len(rest), n_factors), usable.sum(axis=1))
    beta, inverse = _least_squares(design, rest, able, r)
    weights = np.where(
        given.donors.allowed,
        1.0 / np.maximum(given.donors.allowed.sum(axis=1), 1)[:, None],
        0.0,
    ) + np.einsum("ejf,ef->ej", makers, beta[:, 1:])
    weights[~given.donors.allowed.any(axis=1)] = np.nan
    path = weighted(weights, given.donors) + beta[:, :1]
    errors = given.d.y - expected(given, path)
    n = able.sum(axis=1)
    df = n - 1.0 - r
    past = np.where(able, errors[:, : given.t], 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        square = np.einsum("et,et->e", past, past) / np.where(df > 0, df, np.nan)
    event = factors[:, given.t :]
    return finished(
        given,
        errors,
        weights,
        model="gsynth",
        square=square,
        df=df,
        terms=Terms(
            coefficients=beta,
            xtx_inv=inverse,
            event=np.concatenate(
                [np.ones((*event.shape[:2], 1)), np.nan_to_num(event)], axis=2
            ),
            past=np.nan_to_num(factors[:, : given.t]),
        ),
    )


def _factors(given: Treated) -> tuple[Array, Array, Array]:
    """Return factors (E, T+L, 5), what makes them of donors (E, J, 5), and means.

    ``factors = returns @ makers``, nan on sessions on which a donor has no return; the
    means are those over the donors, (E, T+L).
    """
    donors = given.donors
    n_obs, n_donors = donors.allowed.shape
    factors = np.full((n_obs, donors.returns.shape[1], MOST_FACTORS), np.nan)
    makers = np.zeros((n_obs, n_donors, MOST_FACTORS))
    mean = np.full((n_obs, donors.returns.shape[1]), np.nan)
    for group, same in by_row(donors.row):
        sets, which = np.unique(donors.allowed[same], axis=0, return_inverse=True)
        for at, allowed in enumerate(sets):
            if not allowed.any():
                continue
            own = same[which.ravel() == at]
            held = donors.returns[group][:, allowed]
            found = _of_donors(held)
            mean[own] = held.mean(axis=1)
            factors[own, :, : found.shape[1]] = held @ found
            factors[own, :, found.shape[1] :] = 0.0
            place = np.ix_(own, np.flatnonzero(allowed), np.arange(found.shape[1]))
            makers[place] = found
    return factors, makers, mean


def _of_donors(returns: Array) -> Array:
    """Return the weights (J, r) that make factors of donors' returns (S, J).

    They are right singular vectors of the returns less effects of unit and session,
    scaled so that the factors' mean square is one; the largest is positive.
    """
    held = returns[np.isfinite(returns).all(axis=1)]
    if not len(held):
        return np.empty((returns.shape[1], 0))
    centred = held - held.mean(axis=0)
    centred -= centred.mean(axis=1, keepdims=True)
    _, size, right = np.linalg.svd(centred, full_matrices=False)
    size, right = size[:MOST_FACTORS], right[:MOST_FACTORS]
    there = size > _LEAST_FACTOR * np.abs(held).max() * len(held)
    vectors = right[there].T
    largest = np.abs(vectors).argmax(axis=0)
    sign = np.sign(vectors[largest, np.arange(vectors.shape[1])])
    out: Array = vectors * sign * np.sqrt(len(held)) / size[there]
    return out


def _chosen(design: Array, rest: Array, able: BoolArray, usable: BoolArray) -> IntArray:
    """Return the number of factors that predicts left-out blocks best, (E,)."""
    t = rest.shape[1]
    error = np.full((len(rest), MOST_FACTORS + 1), np.inf)
    for r in range(MOST_FACTORS + 1):
        total = np.zeros(len(rest))
        wanted = np.full(len(rest), r)
        for first in range(0, t, BLOCK):
            block = slice(first, min(first + BLOCK, t))
            left = able.copy()
            left[:, block] = False
            beta, _ = _least_squares(design, rest, left, wanted)
            ahead = np.einsum("etk,ek->et", design[:, block], beta)
            gap = np.where(able[:, block], rest[:, block] - ahead, 0.0)
            total += np.einsum("et,et->e", gap, gap)
            total[left.sum(axis=1) <= r + 1] = np.inf
        error[:, r] = np.where(usable.sum(axis=1) >= r, total, np.inf)
    return np.asarray(error.argmin(axis=1), np.int64)


def _least_squares(
    design: Array, rest: Array, able: BoolArray, r: IntArray
) -> tuple[Array, Array]:
    """Return coefficients (E, K) and (X'X)^-1 with the first r factors, others 0."""
    k = design.shape[2]
    within: BoolArray = np.arange(k) <= r[:, None]
    rows = design * able[:, :, None] * within[:, None, :]
    gram = np.einsum("etk,etl->ekl", rows, rows, optimize=True)
    cross = np.einsum("etk,et->ek", rows, rest)
    size = np.sqrt(np.einsum("ekk->ek", gram))
    scale = np.where(size > 0, size, 1.0)
    unit = gram / (scale[:, :, None] * scale[:, None, :])
    out = ~within | (size == 0)
    unit[out[:, :, None] & np.eye(k, dtype=np.bool_)] = 1.0
    inverse = np.linalg.pinv(unit, hermitian=True)
    inverse /= scale[:, :, None] * scale[:, None, :]
    inverse = np.where(out[:, :, None] | out[:, None, :], 0.0, inverse)
    return np.einsum("ekl,el->ek", inverse, cross), inverse


MODELS.register(
    ModelEntry(
        name="gsynth",
        meaning="effects of unit and session, and factors of donors",
        formula="E[R] = α + ξ + Σ λ_f F_f, ξ and F_f of donors",
        citation="Xu (2017), Political Analysis 25",
        max_factors=0,
        min_donors=MIN_DONORS,
        terms=("constant", *(f"factor {i}" for i in range(1, MOST_FACTORS + 1))),
        fit=gsynth,
        expected=by_donors,
    )
)
