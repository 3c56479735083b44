"""Whether announcements of one kind bring larger moves, either way, than another's."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from eventstudy.core.abnormal import Array, IntArray
from eventstudy.core.errors import DataError, SpecError

# All arrangements of the kinds over clusters are counted up to so many, else drawn.
MOST_ARRANGEMENTS = 5_000
# With fewer no two-sided p-value reaches 5 %.
LEAST_ARRANGEMENTS = 40
_SAME = 1e-12
_FARTHEST, _HALVINGS = np.log(1e6), 40


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceContrast:
    """Mean squares of two kinds of announcements, and their ratio.

    Parameters
    ----------
    kind, against : str
        The two kinds.
    mean_square, mean_square_against : float
        Means over clusters of dates of squared standardised moves; 1 where the
        announcement adds nothing to the variance.
    ratio : float
        The first over the second.
    low, high : float
        Ratios that are not rejected; 0 and inf where a side has no end.
    pvalue : float
        Two-sided, of a ratio of one.
    n_clusters, n_clusters_against : int
        Clusters of each kind.
    n_mixed : int
        Clusters left out since announcements of both kinds are in them.
    reason : str or None
        Why there is no p-value.

    Examples
    --------
    >>> z = np.random.default_rng(0).normal(size=20)
    >>> kinds = np.repeat(["ban", "rumour"], 10)
    >>> variance_contrast(z, kinds, kind="ban", against="rumour").n_clusters
    10
    """

    kind: str
    against: str
    mean_square: float
    mean_square_against: float
    ratio: float
    low: float = float("nan")
    high: float = float("nan")
    pvalue: float = float("nan")
    n_clusters: int
    n_clusters_against: int
    n_mixed: int
    reason: str | None = None


def variance_contrast(
    z: Array,
    kinds: Sequence[str] | NDArray[np.str_],
    cluster: IntArray | None = None,
    *,
    kind: str,
    against: str,
    level: float = 0.95,
    reps: int = 4999,
    seed: int = 0,
) -> VarianceContrast:
    """Compare the size of moves at two kinds of announcements.

    The mean over a cluster's observations of ``z²`` (Beaver's U) is one fact, the
    contrast the ratio of the kinds' means of these facts. If the kind does not matter,
    it might as well have been borne by any other of the clusters: the p-value is twice
    the smaller share of arrangements of the kinds over the clusters with a ratio as
    large or as small, exact whatever correlates the observations of a cluster, when
    clusters are alike but for their kind. The interval holds the ratios by which the
    first kind's facts can be divided without a rejection. Moves are measured about
    zero, so that a mean effect of a kind is part of its mean square.

    Parameters
    ----------
    z : array (N,)
        Standardised moves, such as CARs over their forecast standard errors.
    kinds : sequence of str (N,)
        The kind of each observation's announcement; others than the two are left out.
    cluster : array of int (N,), optional
        Labels of the clusters of dates; default each observation its own.
    kind, against : str
        The two kinds.
    level : float
        Confidence of the interval.
    reps, seed : int
        Arrangements drawn where there are too many to count all, and their seed.

    Returns
    -------
    VarianceContrast
        The ratio and its interval, with a reason where there are too few clusters.

    Raises
    ------
    SpecError
        For a level or a number of draws out of range, and for twice the same kind.
    DataError
        For arrays of different shapes, values that are not finite, a kind that is not
        there, or moves that are all zero.

    References
    ----------
    Beaver (1968), J. Accounting Research 6, for U; Fisher (1935), The Design of
    Experiments, for the arrangements.

    Examples
    --------
    >>> z = np.random.default_rng(0).normal(size=24) * np.repeat([3.0, 1.0], 12)
    >>> kinds = np.repeat(["ban", "rumour"], 12)
    >>> found = variance_contrast(z, kinds, kind="ban", against="rumour")
    >>> bool(found.pvalue < 0.05 and found.low > 1)
    True
    """
    if kind == against or reps < 1 or not 0 < level < 1:
        raise SpecError(
            f"kind = {kind!r}, against = {against!r}, reps = {reps}, level = {level}; "
            "wanted two different kinds, at least 1, and a level between 0 and 1"
        )
    facts, first, n_mixed = _facts(z, kinds, cluster, kind, against)
    a, b = facts[first], facts[~first]
    n_arranged = comb(len(facts), len(a))
    few = (
        f"{len(a)} and {len(b)} clusters of dates can be arranged in {n_arranged} "
        f"ways, at least {LEAST_ARRANGEMENTS} are needed"
    )
    enough = n_arranged >= LEAST_ARRANGEMENTS and min(a.mean(), b.mean()) > 0
    low = high = pvalue = float("nan")
    if enough:
        members = _arrangements(first, reps, seed)
        both = _tails(facts, first, members, 0.0)
        pvalue = min(1.0, 2.0 * min(both))
        low, high = _interval(facts, first, members, (1.0 - level) / 2.0)
    elif n_arranged >= LEAST_ARRANGEMENTS:
        few = "the moves of one kind are all zero"
    return VarianceContrast(
        kind=kind,
        against=against,
        mean_square=float(a.mean()),
        mean_square_against=float(b.mean()),
        ratio=float(a.mean() / b.mean()) if b.mean() > 0 else float("nan"),
        low=low,
        high=high,
        pvalue=pvalue,
        n_clusters=len(a),
        n_clusters_against=len(b),
        n_mixed=n_mixed,
        reason=None if enough else few,
    )


def _facts(
    z: Array,
    kinds: Sequence[str] | NDArray[np.str_],
    cluster: IntArray | None,
    kind: str,
    against: str,
) -> tuple[Array, NDArray[np.bool_], int]:
    """Mean squares (G,), which of them are of the first kind, and clusters of both."""
    values, names = np.asarray(z, np.float64), np.asarray(kinds)
    label = np.arange(len(values)) if cluster is None else np.asarray(cluster)
    if values.ndim != 1 or values.shape != names.shape or values.shape != label.shape:
        raise DataError(
            f"z, kinds and cluster have shapes {values.shape}, {names.shape} and "
            f"{label.shape}; wanted three times (N,)"
        )
    if not np.isfinite(values).all():
        raise DataError("z must be finite; leave out observations without a move")
    lacking = [one for one in (kind, against) if not (names == one).any()]
    if lacking:
        raise DataError(f"kinds has no {lacking[0]!r}; there are {sorted(set(names))}")
    chosen = (names == kind) | (names == against)
    values, mine = values[chosen], names[chosen] == kind
    if not values.any():
        raise DataError("z is zero throughout, which has no variance to compare")
    _, index = np.unique(label[chosen], return_inverse=True)
    count = np.bincount(index)
    square, share = (np.bincount(index, v) / count for v in (values**2, mine))
    pure = (share == 0) | (share == 1)
    if not ((share == 0).any() and (share == 1).any()):
        raise DataError(
            f"no cluster of dates holds {kind!r} alone, or none {against!r} alone; "
            "their moves cannot be told apart"
        )
    return square[pure], share[pure] == 1, int((~pure).sum())


def _arrangements(first: NDArray[np.bool_], reps: int, seed: int) -> Array:
    """Which clusters bear the first kind, (B, G), the actual arrangement among them.

    All there are, when they can be counted; otherwise draws and the actual one.
    """
    n, n_first = len(first), int(first.sum())
    if comb(n, n_first) <= MOST_ARRANGEMENTS:
        chosen = np.array(list(combinations(range(n), n_first)))
    else:
        drawn = np.random.default_rng(seed).random((reps, n))
        chosen = np.argsort(drawn, axis=1)[:, :n_first]
        chosen = np.concatenate([np.flatnonzero(first)[None], chosen])
    members = np.zeros((len(chosen), n))
    np.put_along_axis(members, chosen, 1.0, axis=1)
    return members


def _tails(
    facts: Array, first: NDArray[np.bool_], members: Array, log_ratio: float
) -> tuple[float, float]:
    """Shares of arrangements with a ratio as large, and as small, as the actual one.

    The first kind's facts are divided by a ratio before. More of the total in one kind
    is less in the other, so that the first kind's sum orders the ratios.
    """
    scaled = np.where(first, facts * np.exp(-log_ratio), facts)
    sums, own = members @ scaled, scaled[first].sum()
    slack = _SAME * scaled.sum()
    above, below = sums >= own - slack, sums <= own + slack
    return float(above.mean()), float(below.mean())


def _interval(
    facts: Array, first: NDArray[np.bool_], members: Array, tail: float
) -> tuple[float, float]:
    """Ends of the ratios that neither tail rejects, by bisection from the estimate."""
    start = float(np.log(facts[first].mean() / facts[~first].mean()))
    ends = []
    for side, sign in ((0, -1.0), (1, 1.0)):
        inside, outside = start, start + sign * _FARTHEST
        if _tails(facts, first, members, outside)[side] > tail:
            ends.append(0.0 if sign < 0 else float("inf"))
            continue
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2.0
            kept = _tails(facts, first, members, middle)[side] > tail
            inside, outside = (middle, outside) if kept else (inside, middle)
        ends.append(float(np.exp(inside)))
    return ends[0], ends[1]
