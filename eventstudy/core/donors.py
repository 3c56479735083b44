"""Returns of donors, from which the counterfactual of a treated asset is made."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.core.errors import SpecError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Donors:
    """Returns of J donors around G dates, and which observation may have which.

    Parameters
    ----------
    returns : array (G, T+L, J)
        Simple returns, each over one session; nan where there is none.
    row : int array (E,)
        Whose returns an observation has.
    allowed : bool array (E, J)
        Which donors it may have.
    in_logs : bool
        Whether the returns of the treated are logs. A portfolio's return is the
        weighted mean of simple returns, so weights are those of simple returns, and
        the counterfactual is turned into logs.
    follows : bool array (T+L,)
        Whether a column is the session after that of the column before it.

    Examples
    --------
    >>> donors = donors_of(np.zeros((5, 8)), 2, 5)
    >>> donors.returns.shape, donors.allowed.shape
    ((1, 5, 8), (2, 8))
    """

    returns: Array
    row: IntArray
    allowed: BoolArray
    in_logs: bool = False
    follows: BoolArray


def donors_of(given: object, n_obs: int, n_sessions: int) -> Donors:
    """Return donors as models use them.

    given : `Donors`, or returns (T+L, J) of the donors of all, or (E, T+L, J). A donor
    that lacks a return counts for nobody.

    Raises `SpecError` for shapes that do not fit.
    """
    if isinstance(given, Donors):
        return given
    if given is None:
        raise SpecError(
            "the model needs the returns of donors: wanted an array "
            f"{(n_sessions, 'J')}, or {(n_obs, n_sessions, 'J')}"
        )
    returns = np.asarray(given, np.float64)
    if np.isinf(returns).any():
        raise SpecError("the donors' returns are infinite somewhere; nan is no return")
    if returns.ndim == 3 and returns.shape[0] == n_obs and returns.strides[0] == 0:
        returns = returns[:1]
    elif returns.ndim == 2:
        returns = returns[None]
    if returns.ndim != 3 or returns.shape[1] != n_sessions or not returns.shape[2]:
        raise SpecError(
            f"the donors' returns have shape {np.asarray(given).shape}; wanted "
            f"{(n_sessions, 'J')}, or {(n_obs, n_sessions, 'J')}"
        )
    if len(returns) not in (1, n_obs):
        raise SpecError(
            f"there are donors of {len(returns)} observations for {n_obs} of y"
        )
    row = np.arange(n_obs) if len(returns) == n_obs else np.zeros(n_obs, np.int64)
    whole = np.asarray(np.isfinite(returns).all(axis=1), np.bool_)
    return Donors(
        returns=returns,
        row=row,
        allowed=whole[row],
        follows=np.arange(n_sessions) > 0,
    )


def chosen(donors: Donors, rows: IntArray) -> Donors:
    """Return the donors of some observations, in the order of ``rows``."""
    return replace(donors, row=donors.row[rows], allowed=donors.allowed[rows])


def by_row(row: IntArray) -> Iterator[tuple[int, IntArray]]:
    """Yield each set of donors with the observations that have it."""
    order = np.argsort(row, kind="stable")
    edges = np.flatnonzero(np.diff(row[order])) + 1
    for own in np.split(order, edges):
        if len(own):
            yield int(row[own[0]]), own


def weighted(weights: Array, donors: Donors) -> Array:
    """Return the weighted returns of donors, (E, T+L).

    nan on a session on which a donor that has weight has no return.
    """
    out = np.empty((len(weights), donors.returns.shape[1]))
    for group, own in by_row(donors.row):
        returns = donors.returns[group]
        there = np.isfinite(returns)
        sums = weights[own] @ np.where(there, returns, 0.0).T
        if not there.all():
            lacking = (weights[own] != 0).astype(np.float64) @ (~there).T
            sums = np.where(lacking > 0, np.nan, sums)
        out[own] = sums
    return out
