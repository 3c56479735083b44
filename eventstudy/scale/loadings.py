"""Sums of loadings by clock, kept as a few coefficients on the factors of their dates.

Loadings of complete returns are linear in the regressors, and those are, as a rule, the
same for all observations of a date. So a clock's sums over hundreds of sessions are a
coefficient per regressor, and one for the sessions of the window. What is not so (gaps,
regressors of an asset's own) is kept session by session.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, IntArray

# Largest error of what is taken as linear, relative to the row's largest number.
_EXACT = 1e-14
# Factors of unit length whose products have a smaller determinant are no regressors.
_SINGULAR = 1e-9
# Sets of factors by date that are told apart, such as one per market's index.
_MOST = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Linear:
    """Sums (g,) of some clocks as coefficients on one set of factors by date.

    factors : (D, F) by number of the date, nan where not known
    rows : (g,) of the table of clocks
    weights : (g, W, 1 + F + 1) of constant, factors, and the window's sessions
    """

    factors: Array
    rows: IntArray
    weights: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Loadings:
    """Sums of loadings by clock, of W windows.

    linear : what is linear in factors by date
    rows : (g,) clocks;  total : (g, W, S) the rest, session by session
    """

    linear: tuple[Linear, ...]
    rows: IntArray
    total: Array


def reduced(
    total: Array, rows: IntArray, day: IntArray, factors: Array, inside: BoolArray
) -> Loadings:
    """Find what is linear in sums by clock.

    total : (g, W, T+L);  rows : (g,) of the table of clocks
    day : (g, T) number of the estimation dates;  factors : (g, T, F) of one observation
    of each clock, nan where unknown;  inside : (W, L) sessions of the windows
    """
    weights, linear = _fit(total, factors, inside)
    found, left = [], np.ones(len(rows), np.bool_)
    for taken, by_date in _alike(np.flatnonzero(linear), day, factors):
        found.append(Linear(factors=by_date, rows=rows[taken], weights=weights[taken]))
        left[taken] = False
    return Loadings(linear=tuple(found), rows=rows[left], total=total[left])


def _alike(
    clocks: IntArray, day: IntArray, factors: Array
) -> list[tuple[IntArray, Array]]:
    """Group clocks whose factors are the same on the dates that they share."""
    if not len(clocks):
        return []
    n_days = int(day[clocks].max(initial=-1)) + 1
    by_date = np.full((n_days, factors.shape[2]), np.nan)
    by_date[day[clocks]] = factors[clocks]
    if (by_date[day[clocks]] == factors[clocks]).all():
        return [(clocks, by_date)]
    sets: list[tuple[list[int], Array]] = []
    for i in clocks[np.argsort(day[clocks, 0], kind="stable")].tolist():
        for members, known in sets:
            there = known[day[i]]
            if ((there == factors[i]) | np.isnan(there)).all():
                members.append(i)
                known[day[i]] = factors[i]
                break
        else:
            if len(sets) < _MOST:
                sets.append(([i], np.full(by_date.shape, np.nan)))
                sets[-1][1][day[i]] = factors[i]
    return [(np.array(members), known) for members, known in sets]


def _fit(total: Array, factors: Array, inside: BoolArray) -> tuple[Array, BoolArray]:
    """Coefficients (g, W, 1+F+1), and whether they say all that the sums say, (g,)."""
    n_rows, n_windows, _ = total.shape
    t, n_factors = factors.shape[1:]
    past, event = total[..., :t], total[..., t:]
    weights = np.zeros((n_rows, n_windows, n_factors + 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        if n_factors:
            mean = factors.mean(axis=1)
            x = factors - mean[:, None]
            scale = np.sqrt(np.einsum("gtf,gtf->gf", x, x))
            x /= scale[:, None]
            gram = np.einsum("gtf,gth->gfh", x, x)
            usable = np.isfinite(gram).all(axis=(1, 2))
            gram[~usable] = 0.0
            usable = np.linalg.det(gram) > _SINGULAR
            gram[~usable] = np.eye(n_factors)
            with_x = np.einsum("gtf,gwt->gfw", x, past)
            slope = np.linalg.solve(gram, with_x) / scale[:, :, None]
            weights[..., 1:-1] = np.swapaxes(slope, 1, 2)
        else:
            usable = np.ones(n_rows, np.bool_)
            mean = np.zeros((n_rows, 0))
        lift = np.einsum("gwf,gf->gw", weights[..., 1:-1], mean)
        weights[..., 0] = past.mean(axis=-1) - lift
        count = np.maximum(inside.sum(axis=1), 1)
        weights[..., -1] = np.einsum("gwl,wl->gw", event, inside) / count
        size = np.abs(total).max(axis=-1, initial=0.0)
        off = np.abs(past - _past(weights, factors)).max(axis=-1, initial=0.0)
        gap = np.abs(event - weights[..., -1:] * inside).max(axis=-1, initial=0.0)
        linear = (np.maximum(off, gap) <= _EXACT * size).all(axis=1)
    return weights, np.asarray(linear & usable)


def _past(weights: Array, factors: Array) -> Array:
    """Loadings (g, W, T) of the estimation window."""
    out = np.repeat(weights[..., :1], factors.shape[1], axis=-1)
    for f in range(factors.shape[2]):
        out += weights[..., f + 1, None] * factors[:, None, :, f]
    return np.asarray(out)


def merged(parts: Sequence[Loadings]) -> Loadings:
    """Add up the loadings of parts."""
    sets: list[list[Linear]] = []
    for part in parts:
        for one in part.linear:
            for own in sets:
                factors = _joined(own[0].factors, one.factors)
                if factors is not None:
                    own[0] = replace(own[0], factors=factors)
                    own.append(one)
                    break
            else:
                sets.append([one])
    linear = []
    for own in sets:
        rows, weights = summed([one.rows for one in own], [one.weights for one in own])
        linear.append(Linear(factors=own[0].factors, rows=rows, weights=weights))
    rows, total = summed([part.rows for part in parts], [part.total for part in parts])
    return Loadings(linear=tuple(linear), rows=rows, total=total)


def _joined(a: Array, b: Array) -> Array | None:
    """Return factors by date known from either, None where the two differ."""
    if a.shape[1] != b.shape[1]:
        return None
    n = max(len(a), len(b))
    a, b = (
        np.concatenate([v, np.full((n - len(v), v.shape[1]), np.nan)]) for v in (a, b)
    )
    known = np.isnan(a)
    if not ((a == b) | known | np.isnan(b)).all():
        return None
    return np.where(known, b, a)


def summed(rows: Sequence[IntArray], totals: Sequence[Array]) -> tuple[IntArray, Array]:
    """Add up rows (g,) with sums (g, ...) that several parts have."""
    if len(rows) == 1:
        return rows[0], totals[0]
    every = np.concatenate(rows)
    distinct, index = np.unique(every, return_inverse=True)
    widest = max(totals, key=lambda one: one.ndim and len(one))
    out = np.zeros((len(distinct), *widest.shape[1:]))
    first = 0
    for one in totals:
        if len(one):
            # A part has each of its rows once.
            out[index[first : first + len(one)]] += one
        first += len(one)
    return distinct, out


def expanded(
    loadings: Loadings, w: int, day: IntArray, width: int, inside: BoolArray
) -> Array:
    """Return the sums (G, T+L) of the w-th window over all clocks.

    day : (G, T) numbers of the estimation dates;  inside : (L,) its sessions
    """
    out = np.zeros((len(day), width))
    t = day.shape[1]
    for one in loadings.linear:
        own = one.weights[:, w : w + 1]
        held = one.factors[day[one.rows]]
        out[one.rows, :t] += _past(own, held)[:, 0]
        out[one.rows, t:] += own[:, 0, -1:] * inside
    out[loadings.rows] += loadings.total[:, w] if len(loadings.rows) else 0.0
    return out
