"""The second walk through the observations as one compiled loop.

It does what `rank_aggregates` does with arrays, an observation at a time: rows come
nearly sorted, and their ranks go to the sums without being kept. See
docs/adr/0018-compiled-kernels.md.
"""

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.core.compiled import compiled
from eventstudy.inference.block import RowBlock
from eventstudy.inference.ranking import nearly_sorted
from eventstudy.inference.sums import Series, Sum


def compiled_ranks(
    block: RowBlock, values: Array, usable: BoolArray, scar: Array
) -> tuple[dict[str, Sum], dict[str, Series]] | None:
    """Sums of ranks, signs and generalised ranks; None where nothing is compiled.

    values : (E, M) returns of both windows, nan where missing or not usable
    scar : (E, W) standardised CARs of the windows, scaled
    """
    kernel = compiled(_ranks, _ARGUMENTS, parts=_PARTS)
    if kernel is None:
        return None
    ab, calendar = block.ab, block.calendar
    t, n_columns = ab.residuals.shape[1], values.shape[1]
    own = np.where(usable[:, None], scar, np.nan)
    rank, sign = np.zeros((2, n_columns)), np.zeros((2, n_columns))
    grank = np.zeros((scar.shape[1], 3, t + 1))
    pooled = np.zeros((2, calendar.n_days))
    kept = np.zeros((len(values) if block.by_asset else 0, t))
    kernel(
        values,
        nearly_sorted(values),
        ab.sigma,
        own,
        calendar.day[block.clocks.values],
        block.clocks.index,
        block.by_asset,
        rank,
        sign,
        grank,
        pooled,
        kept,
    )
    sums: dict[str, Sum] = {
        "rank": rank[0],
        "rank_count": rank[1],
        "sign": sign[0],
        "sign_count": sign[1],
        "pooled_rank_sum": pooled[0],
        "pooled_rank_count": pooled[1],
    }
    for i, (total, count, variance) in enumerate(grank):
        sums |= {
            f"grank_{i}": total,
            f"grank_count_{i}": count,
            f"grank_variance_{i}": variance[:1],
        }
    gaps = block.by_asset and not block.complete
    there = ~np.isnan(values[:, :t]) if gaps else None
    series = block.series(
        kept, calendar.day, calendar.n_days, averaged=True, present=there
    )
    return sums, {"rank": series}


def _ranks(
    values: Array,
    order: IntArray,
    sigma: Array,
    scar: Array,
    day: IntArray,
    clock: IntArray,
    by_asset: bool,  # noqa: FBT001  compiled functions take places, not names
    rank: Array,
    sign: Array,
    grank: Array,
    pooled: Array,
    kept: Array,
) -> None:
    """Walk through observations; what is added to begins as zeros."""
    n_obs, n_columns = values.shape
    n_clocks, t = day.shape
    u_sum, u_count = np.zeros((n_clocks, t)), np.zeros((n_clocks, t))
    whole = np.zeros(n_clocks)
    row, place = np.empty(n_columns), np.empty(n_columns, np.int64)
    ranks, first = np.empty(n_columns), np.empty(n_columns)
    for e in range(n_obs):
        for j in range(n_columns):
            row[j] = values[e, j]
            place[j] = order[e, j]
        m, tied = _sort(row, place)
        n_first = _rank(row, place, m, tied, t, ranks, first)
        _add_ranks(ranks, m, rank, sign)
        for w in range(scar.shape[1]):
            if np.isfinite(scar[e, w]):
                level = scar[e, w] * sigma[e]
                _add_granks(row[:t], first[:t], n_first, level, grank[w])
        _unit_ranks(first[:t], n_first)
        for j in range(t):
            u_sum[clock[e], j] += first[j]
        if n_first == t:
            whole[clock[e]] += 1.0
        else:
            for j in range(t):
                u_count[clock[e], j] += 1.0 if row[j] == row[j] else 0.0
        if by_asset:
            kept[e] = first[:t]
    for i in range(n_clocks):
        for j in range(t):
            pooled[0, day[i, j]] += u_sum[i, j]
            pooled[1, day[i, j]] += u_count[i, j] + whole[i]


def _sort(row: Array, place: IntArray) -> tuple[int, bool]:
    """Sort places that are nearly sorted: how many values there are, and any ties."""
    m = len(row)
    while m > 0 and row[place[m - 1]] != row[place[m - 1]]:
        m -= 1
    tied = False
    for p in range(1, m):
        here = place[p]
        if row[place[p - 1]] < row[here]:
            continue
        q = p
        while q > 0 and row[place[q - 1]] > row[here]:
            place[q] = place[q - 1]
            q -= 1
        place[q] = here
        tied = tied or (q > 0 and row[place[q - 1]] == row[here])
    return m, tied


def _rank(
    row: Array,
    place: IntArray,
    m: int,
    tied: bool,  # noqa: FBT001
    t: int,
    ranks: Array,
    first: Array,
) -> float:
    """Set mean ranks among all columns and among the first t, 0 where missing.

    Returns how many of the first are there.
    """
    for p in range(m, len(row)):
        ranks[place[p]] = 0.0
        first[place[p]] = 0.0
    p, held = 0, 0.0
    while p < m:
        q, own = p + 1, 1.0 if place[p] < t else 0.0
        while tied and q < m and row[place[q]] == row[place[p]]:
            own += 1.0 if place[q] < t else 0.0
            q += 1
        for i in range(p, q):
            ranks[place[i]] = 0.5 * (p + q + 1.0)
            first[place[i]] = held + 0.5 * (own + 1.0)
        held += own
        p = q
    return held


def _unit_ranks(first: Array, n_first: float) -> None:
    """Bring the ranks that are there to mean 0 and mean square 1."""
    mean, square = 0.5 * (n_first + 1.0), 0.0
    for j in range(len(first)):
        first[j] = first[j] - mean if first[j] > 0.0 else 0.0
        square += first[j] * first[j]
    scale = np.sqrt(n_first / square) if square > 0.0 else 1.0
    for j in range(len(first)):
        first[j] *= scale


def _add_ranks(ranks: Array, m: int, rank: Array, sign: Array) -> None:
    """Add centred ranks, their signs, and counts."""
    share, middle = 1.0 / (1.0 + m), 0.5 * (m + 1.0)
    for j in range(len(ranks)):
        there = 1.0 if ranks[j] > 0.0 else 0.0
        above = 1.0 if ranks[j] > middle else 0.0
        below = 1.0 if ranks[j] < middle else 0.0
        rank[0, j] += there * (ranks[j] * share - 0.5)
        rank[1, j] += there
        sign[0, j] += there * (above - below)
        sign[1, j] += there


def _add_granks(
    row: Array, first: Array, n_first: float, level: float, grank: Array
) -> None:
    """Add the ranks of the sessions and, last, of the event among them."""
    n = n_first + 1.0
    weight = 1.0 / (n + 1.0)
    below, equal = 0.0, 0.0
    for j in range(len(row)):
        there = 1.0 if row[j] == row[j] else 0.0
        lifted = 1.0 if row[j] > level else 0.5 if row[j] == level else 0.0
        below += 1.0 if row[j] < level else 0.0
        equal += 1.0 if row[j] == level else 0.0
        grank[0, j] += there * (weight * (first[j] + lifted) - 0.5)
        grank[1, j] += there
    grank[0, -1] += weight * (below + 0.5 * equal + 1.0) - 0.5
    grank[1, -1] += 1.0
    grank[2, 0] += (n - 1.0) / (12.0 * (n + 1.0))


_ARGUMENTS = "f2 i2 f1 f2 i2 i1 t F2 F2 F3 F2 F2"
_PARTS = (_sort, _rank, _unit_ranks, _add_ranks, _add_granks)
