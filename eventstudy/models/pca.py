"""A factor model whose factors are principal components of donors' returns."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Unpack

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, IntArray, Status
from eventstudy.core.donors import Donors, by_row
from eventstudy.core.errors import SpecError
from eventstudy.core.registry import MODELS
from eventstudy.core.windows import whole
from eventstudy.models.counterfactual import MIN_DONORS, Treated, treated
from eventstudy.models.entry import Context, ModelEntry
from eventstudy.models.solver import Fit, ModelInput, abnormal, least_squares
from eventstudy.models.synthetic import by_donors

MOST_FACTORS = 8
SESSIONS_PER_FACTOR, DONORS_PER_FACTOR = 10, 2
# A component whose size is below this share of the first one's is rounding noise.
_LEAST_FACTOR = 1e-7
# A donor whose returns vary by less than this share of the largest does not move.
_STILL = 1e-10
_TINY = np.finfo(np.float64).tiny


def pca(
    y: Array,
    x: Array | None = None,
    *,
    n_estimation: int,
    donors: Donors | Array | None = None,
    n_factors: int | None = None,
    **context: Unpack[Context],
) -> Abnormal:
    """Fit the factor model on principal components of donors' returns.

    The components are those of the donors' standardised returns in the estimation
    window alone; their weights make the factors of any session, of the event's too.
    How many there are is told by the criterion IC_p2 of Bai & Ng, from none to eight,
    at most one for ten sessions and one for two donors: with few donors the criterion
    falls again where a component is left for each of them. The rest is least squares,
    by which a forecast error has its exact variance given the factors. That these are
    made of donors with errors of their own is not in it: see the entry's caution.

    Parameters
    ----------
    y : array (E, T+L)
        Returns; nan = no return.
    x : array (T+L, J) or (E, T+L, J)
        Returns of the donors, the same for all rows or by row, without the asset.
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
        Prediction errors; ``coefficients`` are the constant and eight loadings, 0 of
        factors that are not in. ``weights`` of any sign make the same expected returns
        of the donors'.

    Raises
    ------
    SpecError
        Without donors, for more than eight factors, and for shapes that do not fit.

    References
    ----------
    Connor & Korajczyk (1988), J. Financial Economics 21; Bai & Ng (2002),
    Econometrica 70, for the number of factors.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> factor = 0.01 * rng.standard_normal((63, 1))
    >>> donors = factor + 1e-3 * rng.standard_normal((63, 40))
    >>> y = 0.01 + 3 * factor.T + 1e-4 * rng.standard_normal((1, 63))
    >>> ab = pca(y, donors, n_estimation=60)
    >>> (ab.coefficients != 0).sum(), abs(ab.ar).max() < 1e-3
    (np.int64(2), np.True_)
    """
    if n_factors is not None and whole(n_factors) not in range(MOST_FACTORS + 1):
        raise SpecError(
            f"n_factors = {n_factors!r}; wanted a whole number from 0 to {MOST_FACTORS}"
        )
    given = treated(y, x, donors, n_estimation=n_estimation, **context)
    factors, makers, r = _factors(given, n_factors)
    d = given.d
    valid = d.valid & np.isfinite(factors).all(axis=2)
    factors = np.where(valid[:, :, None], factors, 0.0)
    whole_input = replace(d, x=factors, valid=valid, complete=False)
    fit = _least_squares(whole_input, r)
    found = abnormal(whole_input, fit, model="pca")
    weights = np.einsum("ejf,ef->ej", makers, fit.coefficients[:, 1:])
    ok = fit.status == Status.OK
    return replace(found, weights=np.where(ok[:, None], weights, np.nan))


def _factors(given: Treated, wanted: int | None) -> tuple[Array, Array, IntArray]:
    """Return factors (E, T+L, 8), their makers (E, J, 8), and how many there are (E,).

    A factor over several sessions is made of the donors' returns over these.
    """
    donors, d = given.donors, given.d
    n_obs, n_donors = donors.allowed.shape
    factors = np.full((*d.y.shape, MOST_FACTORS), np.nan)
    makers = np.zeros((n_obs, n_donors, MOST_FACTORS))
    r = np.zeros(n_obs, np.int64)
    ends = _first_and_last(d.valid[:, : given.t])
    kinds = np.column_stack([ends, donors.allowed])
    sets, which = np.unique(kinds, axis=0, return_inverse=True)
    which = which.ravel()
    for group, same in by_row(donors.row):
        over = _over_spans(given, group, d.span[same])
        for at in np.unique(which[same]).tolist():
            first, end, *flags = sets[at].tolist()
            allowed = np.array(flags, np.bool_)
            own = same[which[same] == at]
            if not allowed.any() or first >= end:
                continue
            held = over[1][:, allowed]
            found = components(held[first:end], wanted)
            n = r[own] = found.shape[1]
            makers[np.ix_(own, np.flatnonzero(allowed), np.arange(n))] = found
            factors[own] = 0.0
            for span, returns in over.items():
                here = d.span[own] == span
                made = returns[:, allowed] @ found
                part = factors[own, :, :n]
                factors[own, :, :n] = np.where(here[:, :, None], made, part)
    return factors, makers, r


def _first_and_last(valid: BoolArray) -> IntArray:
    """Return the first session with a return, and the one after the last, (E, 2)."""
    t = valid.shape[1]
    first, back = valid.argmax(axis=1), valid[:, ::-1].argmax(axis=1)
    end = np.where(valid.any(axis=1), t - back, 0)
    return np.column_stack([first, end]).astype(np.int64)


def _over_spans(given: Treated, group: int, spans: Array) -> dict[int, Array]:
    """Return the donors' returns (T+L, J) over each number of sessions that is met.

    They are of the kind of y; nan where one of the sessions is not at hand.
    """
    donors = given.donors
    wanted = {1, *np.unique(spans).astype(np.int64).tolist()}
    if wanted == {1} and not donors.in_logs:
        return {1: donors.returns[group]}
    logs = np.log1p(donors.returns[group])
    total, unbroken, out = logs.copy(), np.ones(len(logs), np.bool_), {}
    for span in range(1, max(wanted) + 1):
        if span > 1:
            back = span - 1
            unbroken[back:] &= donors.follows[1 : len(logs) - back + 1]
            unbroken[:back] = False
            total[back:] += logs[:-back]
            total[~unbroken] = np.nan
        if span in wanted:
            out[span] = total.copy() if donors.in_logs else np.expm1(total)
    return out


def components(returns: Array, wanted: int | None = None) -> Array:
    """Return the weights (J, r) of donors that make the first components' factors.

    returns : (S, J), of which sessions without the return of a donor are left out
    wanted : r, by default what IC_p2 says

    The factors' mean square about their mean is one; the largest weight is positive.
    """
    held = returns[np.isfinite(returns).all(axis=1)]
    n_sessions, n_donors = held.shape
    if n_sessions < SESSIONS_PER_FACTOR:
        return np.empty((n_donors, 0))
    centred = held - held.mean(axis=0)
    sd = np.sqrt((centred**2).mean(axis=0))
    moves = sd > _STILL * np.abs(held).max(initial=0.0)
    scale = np.divide(1.0, sd, out=np.zeros(n_donors), where=moves)
    size, vectors = _largest(centred * scale)
    there = int((size > _LEAST_FACTOR * size[0]).sum()) if moves.any() else 0
    if wanted is None:
        wanted = _by_criterion(size, n_sessions, int(moves.sum()))
    r = min(wanted, there, MOST_FACTORS)
    vectors = vectors[:, :r]
    largest = np.abs(vectors).argmax(axis=0)
    sign = np.sign(vectors[largest, np.arange(r)])
    out: Array = scale[:, None] * vectors * sign * np.sqrt(n_sessions) / size[:r]
    return out


def _largest(z: Array) -> tuple[Array, Array]:
    """Return all singular values (n,), descending, and eight right vectors (J, 8).

    By eigenvectors of the smaller of z'z and zz', many times faster than those of z.
    """
    wide = z.shape[0] < z.shape[1]
    values, vectors = np.linalg.eigh(z @ z.T if wide else z.T @ z)
    size = np.sqrt(np.maximum(values[::-1], 0.0))
    vectors = vectors[:, ::-1][:, :MOST_FACTORS]
    if wide:
        vectors = z.T @ (vectors / np.maximum(size[: vectors.shape[1]], _TINY))
    return size, vectors


def _by_criterion(size: Array, n_sessions: int, n_donors: int) -> int:
    """Return the number of factors with the least IC_p2, given the singular values."""
    most = min(
        MOST_FACTORS, n_sessions // SESSIONS_PER_FACTOR, n_donors // DONORS_PER_FACTOR
    )
    if not most:
        return 0
    cells = n_sessions * n_donors
    left = np.cumsum((size**2)[::-1])[::-1][: most + 1] / cells
    penalty = (n_sessions + n_donors) / cells * np.log(min(n_sessions, n_donors))
    with np.errstate(divide="ignore"):
        return int(np.argmin(np.log(left) + penalty * np.arange(len(left))))


def _least_squares(d: ModelInput, r: IntArray) -> Fit:
    """Fit the first r factors of each row; coefficients of the others are 0."""
    n_obs, k = len(d.y), d.x.shape[2] + 1
    out = Fit(
        coefficients=np.zeros((n_obs, k)),
        xtx_inv=np.zeros((n_obs, k, k)),
        sigma=np.full(n_obs, np.nan),
        df=np.zeros(n_obs),
        r_squared=np.full(n_obs, np.nan),
        status=np.full(n_obs, Status.TOO_FEW, np.int8),
    )
    for n in np.unique(r).tolist():
        own = np.flatnonzero(r == n)
        complete = bool(d.valid[own].all() and (d.span[own] == 1).all())
        part = replace(
            d,
            y=d.y[own],
            x=d.x[own, :, :n],
            valid=d.valid[own],
            span=d.span[own],
            complete=complete,
        )
        fit = least_squares(part)
        out.coefficients[own, : n + 1] = fit.coefficients
        out.xtx_inv[own, : n + 1, : n + 1] = fit.xtx_inv
        for name in ("sigma", "df", "r_squared", "status"):
            getattr(out, name)[own] = getattr(fit, name)
    lost = out.status != Status.OK
    out.coefficients[lost], out.xtx_inv[lost] = np.nan, np.nan
    return out


def _caution(options: Mapping[str, Any]) -> str:
    return (
        "Factors are made of donors that have errors of their own, so that a part of "
        "a factor's move stays in the abnormal return: with 30 donors and two factors, "
        "of which one falls by three standard deviations on each of five sessions, a "
        "test at 5 % rejects 15 % of windows without an effect"
    )


MODELS.register(
    ModelEntry(
        name="pca",
        meaning="principal components of donors' returns as factors",
        formula="E[R] = α + Σ β_f F_f, F_f of donors",
        citation="Connor & Korajczyk (1988), J. Financial Economics 21; Bai & Ng "
        "(2002), Econometrica 70",
        max_factors=0,
        min_donors=MIN_DONORS,
        caution=_caution,
        terms=("constant", *(f"factor {i}" for i in range(1, MOST_FACTORS + 1))),
        fit=pca,
        expected=by_donors,
    )
)
