"""How much of a move came before the stamp of the announcement."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from eventstudy.core.abnormal import Array, IntArray
from eventstudy.core.errors import DataError
from eventstudy.inference.pvalues import check_level, quantile

LEAST_CLUSTERS = 3
Shape = Literal["between", "outside", "any"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareBefore:
    """Share of a mean move that came before, and the shares that are not rejected.

    Parameters
    ----------
    before, whole : float
        Mean moves, of clusters of dates.
    share : float
        The first over the second.
    low, high : float
        Ends of the set of shares; nan where it is everything.
    shape : {"between", "outside", "any"} or None
        Where the set lies: between the ends; outside of them; or any share, since the
        whole move cannot be told from zero.
    n, n_clusters : int
        Observations and clusters.
    reason : str or None
        Why there is no set.

    Examples
    --------
    >>> share_before([0.1, 0.2, 0.2], [0.4, 0.5, 0.7]).n
    3
    """

    before: float
    whole: float
    share: float
    low: float = float("nan")
    high: float = float("nan")
    shape: Shape | None = None
    n: int
    n_clusters: int
    reason: str | None = None


def share_before(
    before: Array,
    whole: Array,
    cluster: IntArray | None = None,
    *,
    level: float = 0.95,
) -> ShareBefore:
    """Estimate the mean move before the stamp over the mean of the whole move.

    The share θ is kept where the t test over clusters of ``mean(before - θ whole) = 0``
    does not reject it: Fieller's set. That is an interval where the whole move differs
    from zero at the level; where it does not, all shares outside of an interval, or
    any share at all, agree with the data, and the ratio of two means says little.
    Clusters of dates count once each. The test is exact where their moves are normal
    with one variance.

    Parameters
    ----------
    before : array (N,)
        Moves of the observations before the stamp, such as CARs over [-10, -1].
    whole : array (N,)
        Their whole moves, the part before included.
    cluster : array (N,), optional
        Labels of the clusters; default each observation its own.
    level : float
        Confidence.

    Returns
    -------
    ShareBefore
        The share and its set, with a reason where there are fewer than three clusters.

    Raises
    ------
    DataError
        For arrays of different shapes, values that are not finite, or none.

    References
    ----------
    Fieller (1954), J. Royal Statistical Society B 16.

    Examples
    --------
    >>> found = share_before([0.1, 0.2, 0.2, 0.1], [0.4, 0.5, 0.7, 0.5])
    >>> round(found.share, 3), round(found.low, 3), round(found.high, 3), found.shape
    (0.286, 0.143, 0.419, 'between')
    """
    check_level(level)
    b, w = (np.atleast_1d(np.asarray(x, np.float64)) for x in (before, whole))
    label = np.arange(len(b)) if cluster is None else np.asarray(cluster)
    if b.ndim != 1 or b.shape != w.shape or b.shape != label.shape or not len(b):
        raise DataError(
            f"before, whole and cluster have shapes {b.shape}, {w.shape} and "
            f"{label.shape}; wanted three times (N,)"
        )
    if not (np.isfinite(b).all() and np.isfinite(w).all()):
        raise DataError("before and whole must be finite; leave out what is missing")
    if label.dtype.kind == "f" and not np.isfinite(label).all():
        raise DataError("cluster must be finite; give each observation a label")
    _, index = np.unique(label, return_inverse=True)
    count = np.bincount(index)
    b, w = (np.bincount(index, one) / count for one in (b, w))
    mean_b, mean_w, n_clusters = float(b.mean()), float(w.mean()), len(count)
    low, high, shape, reason = np.nan, np.nan, None, None
    if n_clusters < LEAST_CLUSTERS:
        reason = (
            f"clusters of dates: {n_clusters}, at least {LEAST_CLUSTERS} are needed"
        )
    elif not w.any():
        reason = "the whole move is zero in every cluster"
    else:
        low, high, shape = _fieller(b, w, level)
    return ShareBefore(
        before=mean_b,
        whole=mean_w,
        share=mean_b / mean_w if mean_w else float("nan"),
        low=low,
        high=high,
        shape=shape,
        n=len(label),
        n_clusters=n_clusters,
        reason=reason,
    )


def _fieller(b: Array, w: Array, level: float) -> tuple[float, float, Shape]:
    """Solve ``(b̄ - θ w̄)² <= q² var(b̄ - θ w̄)`` for θ."""
    g = len(b)
    variance = np.cov(b, w) * float(quantile(g - 1, level)) ** 2 / g
    square = w.mean() ** 2 - variance[1, 1]
    half = b.mean() * w.mean() - variance[0, 1]
    inside = half**2 - square * (b.mean() ** 2 - variance[0, 0])
    if square == 0 or (square < 0 and inside <= 0):
        return np.nan, np.nan, "any"
    # The share itself is kept always: below 0 is rounding.
    root = np.sqrt(max(inside, 0.0))
    ends = sorted((half + np.array([-1.0, 1.0]) * root) / square)
    return float(ends[0]), float(ends[1]), "between" if square > 0 else "outside"
