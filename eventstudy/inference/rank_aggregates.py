"""Sums of ranks per session: the second walk through the observations.

The generalised rank test re-standardises each SCAR by the cross-section before it is
ranked, so ranks can only be summed once that spread is known.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, Status
from eventstudy.core.windows import Window, cumulate
from eventstudy.inference.aggregates import (
    AssetSeries,
    Need,
    NumberedDates,
    Totals,
    co_movement,
    numbered_dates,
)
from eventstudy.inference.ranking import average_ranks, ranks_from_order
from eventstudy.inference.standardised import daily_sar, standardised_residuals


@dataclass(frozen=True, slots=True, kw_only=True)
class Scales:
    """What the first walk tells the second.

    scar : (W,) divisor of each window's SCAR, ``s(SCAR) / sqrt(1 - r̄_w)``
    sar : (L,) cross-sectional standard deviation of each day's SAR
    """

    scar: Array
    sar: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """Mergeable sums of ranks by session, and rank series by asset."""

    sums: Mapping[str, Array]
    series: Mapping[str, AssetSeries | None]


def collect_ranked(
    ab: Abnormal,
    windows: Sequence[Window],
    needs: frozenset[Need],
    scales: Scales,
    *,
    calendar: NumberedDates | None = None,
) -> Ranked:
    """Rank one chunk of observations.

    ``rank`` and ``sign`` are over estimation and event window together,
    ``grank_i`` over the estimation window and the SCAR of the i-th window.
    """
    calendar = numbered_dates(ab.clocks) if calendar is None else calendar
    n_first = ab.residuals.shape[1]
    usable = (ab.status == Status.OK) & ~np.isnan(ab.ar).all(axis=1)
    with np.errstate(divide="ignore"):
        values = np.concatenate(
            [
                ab.residuals / np.sqrt(ab.span_estimation),
                ab.ar / np.sqrt(ab.span_event),
            ],
            axis=1,
        )
    values[~usable] = np.nan
    ranks, first = ranks_from_order(
        values, np.argsort(values, axis=1), n_first=n_first if "granks" in needs else 0
    )
    sums: dict[str, Array] = {}
    series: dict[str, AssetSeries | None] = {}
    if "ranks" in needs:
        sums |= _rank_sums(ranks, "rank")
    if "signs" in needs:
        m = (~np.isnan(ranks)).sum(axis=1, keepdims=True)
        sums["sign"] = np.nansum(np.sign(ranks - (m + 1) / 2.0), axis=0)
        sums["sign_count"] = (~np.isnan(ranks)).sum(axis=0, dtype=np.float64)
    if "rank_z" in needs:
        with np.errstate(divide="ignore", invalid="ignore"):
            sar = daily_sar(ab) / scales.sar
        z = np.concatenate([standardised_residuals(ab), sar], axis=1)
        z[~usable] = np.nan
        sums |= _rank_sums(average_ranks(z)[0], "rank_z")
    if "granks" in needs:
        pooled, by_asset = co_movement(ab, calendar, first)
        sums |= {f"pooled_rank_{k}": v for k, v in pooled.items()}
        series["rank"] = by_asset
        z = standardised_residuals(ab)
        for i, window in enumerate(windows):
            scar = cumulate(ab, window).scar / scales.scar[i]
            sums |= _grank_sums(z, first, scar, usable & np.isfinite(scar), i)
    return Ranked(sums=sums, series=series)


def merge_ranked(parts: Iterable[Ranked]) -> Ranked:
    """Merge the ranks of all chunks."""
    total = Totals()
    for part in parts:
        total.add(part.sums, part.series)
    return Ranked(sums=total.sums, series=total.series)


def _rank_sums(ranks: Array, name: str) -> dict[str, Array]:
    """Σ_i (K/(1+M_i) - ½) and the valid observations, per session."""
    valid = ~np.isnan(ranks)
    m = valid.sum(axis=1, keepdims=True)
    centred = np.where(valid, ranks / (1.0 + m) - 0.5, 0.0)
    return {
        name: centred.sum(axis=0),
        f"{name}_count": valid.sum(axis=0, dtype=np.float64),
    }


def _grank_sums(
    z: Array, first: Array, scar: Array, used: BoolArray, i: int
) -> dict[str, Array]:
    """Σ_i U per estimation session and, last, for the event taken as one session.

    ``first`` ranks the estimation window alone; the event lifts by one the ranks of
    the sessions above it, so no second sort is needed.
    """
    if not used.all():
        z, first, scar = z[used], first[used], scar[used]
    missing = np.isnan(z)
    below = (z < scar[:, None]).sum(axis=1)
    equal = (z == scar[:, None]).sum(axis=1)
    valid = z.shape[1] - missing.sum(axis=1)
    n = valid + 1.0
    weight = 1.0 / (n + 1.0)
    # A rank of the estimation window rises by one above the event, by ½ level with it.
    lifted = (z > scar[:, None]).astype(np.float64)
    if equal.any():
        lifted += 0.5 * (z == scar[:, None])
    lifted += first
    if missing.any():
        lifted[missing] = 0.0
        count = (~missing).sum(axis=0).astype(np.float64)
    else:
        count = np.full(z.shape[1], float(len(z)))
    u = weight @ lifted - 0.5 * count
    own = weight * (below + 0.5 * equal + 1.0) - 0.5
    total = np.append(u, own.sum())
    count = np.append(count, float(len(n)))
    variance = ((n - 1.0) / (12.0 * (n + 1.0))).sum()
    return {
        f"grank_{i}": total,
        f"grank_count_{i}": count,
        f"grank_variance_{i}": np.array([variance]),
    }
