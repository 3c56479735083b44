"""Sums of ranks per session: the second walk through the observations.

The generalised rank test re-standardises each SCAR by the cross-section before it is
ranked, so ranks can only be summed once that spread is known.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, Status
from eventstudy.core.workspace import scratch
from eventstudy.inference.aggregates import Need
from eventstudy.inference.block import RowBlock, blocks, is_one
from eventstudy.inference.compiled_ranks import compiled_ranks
from eventstudy.inference.plain_walk import co_movement
from eventstudy.inference.ranking import average_ranks, ranks_of
from eventstudy.inference.standardised import daily_sar, standardised_residuals
from eventstudy.inference.sums import (
    AssetSeries,
    NumberedDates,
    Series,
    Sum,
    Totals,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scales:
    """What the first walk tells the second.

    scar : (W,) divisor of each window's SCAR, ``s(SCAR) / sqrt(1 - r̄_w)``
    sar : (L,) cross-sectional standard deviation of each day's SAR
    """

    scar: Array
    sar: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedPart:
    """What some observations add to `Ranked`."""

    sums: Mapping[str, Sum]
    series: Mapping[str, Series]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """Mergeable sums of ranks by session, and rank series by asset."""

    sums: Mapping[str, Array]
    series: Mapping[str, AssetSeries | None]


def ranked_parts(
    ab: Abnormal,
    scar: Array,
    needs: frozenset[Need],
    scales: Scales,
    *,
    calendar: NumberedDates,
    many: bool = False,
    by_asset: bool = True,
) -> Iterator[RankedPart]:
    """Rank a chunk of observations, a block of rows at a time.

    scar : (E, W) standardised CARs of the windows, as the first walk found them
    many : whether there are so many observations that a compiled walk is worth it
    by_asset : whether series are kept asset by asset if the chunk has few assets
    ``rank`` and ``sign`` are over estimation and event window together,
    ``grank_i`` over the estimation window and the SCAR of the i-th window.
    """
    first = 0
    for block in blocks(ab, calendar, many=many, by_asset=by_asset):
        own = scar[first : first + len(block.ab.ar)] / scales.scar
        first += len(own)
        values = values_to_rank(block)
        found = None
        if many:
            found = compiled_ranks(block, values, _usable(block.ab), own)
        if found is None:
            found = plain_ranks_of(block, values, own, needs)
        sums, series = found
        if "rank_z" in needs:
            sums |= _standardised_ranks(block.ab, scales)
        yield RankedPart(sums=sums, series=series)


def plain_ranks_of(
    block: RowBlock, values: Array, scar: Array, needs: frozenset[Need]
) -> tuple[dict[str, Sum], dict[str, Series]]:
    """Sums of ranks, signs and generalised ranks of a block.

    values : (E, T+L) see `values_to_rank`;  scar : (E, W) scaled
    """
    n_first = block.ab.residuals.shape[1] if "granks" in needs else 0
    ranks, first = ranks_of(values, n_first=n_first)
    sums: dict[str, Sum] = {}
    series: dict[str, Series] = {}
    if "ranks" in needs:
        sums |= _rank_sums(ranks, "rank")
    if "signs" in needs:
        m = (~np.isnan(ranks)).sum(axis=1, keepdims=True)
        sums["sign"] = np.nansum(np.sign(ranks - (m + 1) / 2.0), axis=0)
        sums["sign_count"] = (~np.isnan(ranks)).sum(axis=0, dtype=np.float64)
    if "granks" in needs:
        pooled, series["rank"] = co_movement(block, first)
        sums |= {f"pooled_rank_{k}": v for k, v in pooled.items()}
        for i, own in enumerate(scar.T):
            sums |= _grank_sums(block, values[:, :n_first], first, own, i)
    return sums, series


def _standardised_ranks(ab: Abnormal, scales: Scales) -> dict[str, Array]:
    with np.errstate(divide="ignore", invalid="ignore"):
        sar = daily_sar(ab) / scales.sar
    z = np.concatenate([standardised_residuals(ab), sar], axis=1)
    z[~_usable(ab)] = np.nan
    return _rank_sums(average_ranks(z)[0], "rank_z")


def merge_ranked(parts: Iterable[RankedPart | Ranked]) -> Ranked:
    """Merge the ranks of all chunks."""
    total = Totals()
    for part in parts:
        total.add(part.sums, part.series)
    return Ranked(sums=total.sums, series=total.series)


def _usable(ab: Abnormal) -> BoolArray:
    return np.asarray((ab.status == Status.OK) & ~np.isnan(ab.ar).all(axis=1))


def values_to_rank(block: RowBlock) -> Array:
    """Returns of both windows per root of their span, nan where missing, (E, T+L)."""
    ab = block.ab
    t = ab.residuals.shape[1]
    values = scratch("values", (len(ab.ar), t + ab.ar.shape[1]))
    if is_one(ab.span_estimation) and is_one(ab.span_event):
        values[:, :t], values[:, t:] = ab.residuals, ab.ar
    else:
        with np.errstate(divide="ignore"):
            np.divide(ab.residuals, np.sqrt(ab.span_estimation), out=values[:, :t])
            np.divide(ab.ar, np.sqrt(ab.span_event), out=values[:, t:])
    gone = ~_usable(ab)
    if gone.any():
        values[gone] = np.nan
    return values


def _rank_sums(ranks: Array, name: str) -> dict[str, Array]:
    """Σ_i (K/(1+M_i) - ½) and the valid observations, per session."""
    n_obs, n_columns = ranks.shape
    total = ranks.sum(axis=0)
    if not np.isnan(total.sum()):
        return {
            name: total / (1.0 + n_columns) - 0.5 * n_obs,
            f"{name}_count": np.full(n_columns, float(n_obs)),
        }
    valid = ~np.isnan(ranks)
    m = valid.sum(axis=1, keepdims=True)
    centred = np.where(valid, ranks / (1.0 + m) - 0.5, 0.0)
    return {
        name: centred.sum(axis=0),
        f"{name}_count": valid.sum(axis=0, dtype=np.float64),
    }


def _grank_sums(
    block: RowBlock, z: Array, first: Array, scar: Array, i: int
) -> dict[str, Array]:
    """Σ_i U per estimation session and, last, for the event taken as one session.

    z : (E, T) residuals per root of their span
    ``first`` ranks the estimation window alone; the event lifts by one the ranks of
    the sessions above it, so no second sort is needed.
    """
    used = _usable(block.ab) & np.isfinite(scar)
    scar = scar * block.ab.sigma
    if not used.all():
        z, first, scar = z[used], first[used], scar[used]
    above, equal = z > scar[:, None], z == scar[:, None]
    n_above, n_equal = (np.count_nonzero(v, axis=1) for v in (above, equal))
    # A rank of the estimation window rises by one above the event, by ½ level with it.
    if block.complete:
        valid = np.full(len(z), z.shape[1])
        count = np.full(z.shape[1], float(len(z)))
        weight = 1.0 / (z.shape[1] + 2.0)
        u = first.sum(axis=0) + above.sum(axis=0)
        if n_equal.any():
            u += 0.5 * equal.sum(axis=0)
        u = weight * u - 0.5 * count
    else:
        missing = np.isnan(z)
        valid = z.shape[1] - missing.sum(axis=1)
        lifted = np.where(missing, 0.0, first + above + 0.5 * equal)
        count = (~missing).sum(axis=0).astype(np.float64)
        u = (1.0 / (valid + 2.0)) @ lifted - 0.5 * count
    n = valid + 1.0
    own = (valid - n_above - 0.5 * n_equal + 1.0) / (n + 1.0) - 0.5
    return {
        f"grank_{i}": np.append(u, own.sum()),
        f"grank_count_{i}": np.append(count, float(len(n))),
        f"grank_variance_{i}": np.array([((n - 1.0) / (12.0 * (n + 1.0))).sum()]),
    }
