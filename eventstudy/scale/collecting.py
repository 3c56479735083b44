"""Observations reduced to a part of a plan, where they are."""

from collections.abc import Mapping
from dataclasses import fields, replace
from hashlib import sha256

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, Clock, IntArray, Status
from eventstudy.core.compiled import MANY
from eventstudy.core.errors import SpecError
from eventstudy.core.threads import OneThread
from eventstudy.core.windows import check_window, cumulate
from eventstudy.inference.aggregates import Evidence, Vectors, merge_all, parts_of
from eventstudy.inference.battery import RANKS
from eventstudy.inference.rank_aggregates import (
    Ranked,
    Scales,
    merge_ranked,
    ranked_parts,
)
from eventstudy.inference.shared_error import error_key
from eventstudy.inference.sums import AssetSeries, NumberedDates, members
from eventstudy.scale.loadings import Loadings, reduced
from eventstudy.scale.part import ByClock, Numbers, Part, Source
from eventstudy.scale.plans import Plan

# Sums by clock that are kept session by session, by name.
_DENSE = ("residual", "residual_count", "day_z", "day_count")
# Begins the names of sums of ranks.
RANKED = "ranked "
_NARROW = (np.int8, np.int16, np.int32)


@OneThread()
def collect(abnormal: Abnormal, plan: Plan, *, source: str = "") -> Part:
    """Reduce observations to what the tests of a plan need of them.

    Parameters
    ----------
    abnormal : Abnormal
        Abnormal returns of E observations, on the plan's clocks.
    plan : Plan
        What is to be tested; that of a second walk collects ranks, see `again`.
    source : str
        Where the observations come from, such as a file and its row group. What has
        a name can be merged only once.

    Returns
    -------
    Part
        To be merged with those of other observations.

    Raises
    ------
    SpecError
        For another table of clocks, or a window outside the event window.

    Examples
    --------
    >>> import eventstudy as es
    >>> ab = es.models.constant_mean(np.eye(8)[:3], n_estimation=5)
    >>> plan = es.scale.plan(windows=(0, 0), tests="csect", clocks=ab.clocks)
    >>> part = es.scale.collect(ab, plan, source="the first three")
    >>> part.sources[0].name
    'the first three'
    """
    _check(abnormal, plan)
    ab, calendar, rows = _narrowed(abnormal, plan.calendar)
    many = max(len(ab.ar), plan.observations or 0) >= MANY
    told = Source(name=source, rows=len(ab.ar), sha=_sha(abnormal))
    if plan.scales is not None:
        ranks = _ranked(ab, plan, plan.scales, calendar, many=many)
        return _part_of_ranks(plan, told, ranks, ab.first_offset)
    evidence = merge_all(
        parts_of(
            ab,
            plan.windows,
            plan.needs,
            outcome=plan.outcome,
            calendar=calendar,
            many=many,
            by_asset=plan.by_asset,
        )
    )
    ranked = None
    if plan.walks == 1 and plan.needs & RANKS:
        ranked = _ranked(ab, plan, None, calendar, many=many)
    return _part(plan, told, evidence, ranked, ab, rows)


def _check(ab: Abnormal, plan: Plan) -> None:
    if not isinstance(ab, Abnormal):
        raise SpecError(
            f"abnormal returns are {type(ab).__name__}; wanted an Abnormal, as models "
            "return it"
        )
    own, wanted = ab.clocks, plan.clocks
    same = own is wanted or (
        np.array_equal(own.estimation, wanted.estimation)
        and np.array_equal(own.event, wanted.event)
    )
    if not same:
        raise SpecError(
            f"the observations stand on a table of {len(own.event):,} clocks that is "
            f"not the plan's, of {len(wanted.event):,}; fit them with clocks = those "
            "that the plan was made with"
        )
    for window in plan.windows:
        check_window(ab, window)


def _narrowed(
    ab: Abnormal, calendar: NumberedDates
) -> tuple[Abnormal, NumberedDates, IntArray]:
    """Keep of the table of clocks only those that the observations have."""
    held = members(ab.clock)
    rows = held.values
    clocks = Clock(estimation=ab.clocks.estimation[rows], event=ab.clocks.event[rows])
    own = replace(
        calendar, clocks=clocks, day=calendar.day[rows], whole=calendar.whole[rows]
    )
    return replace(ab, clock=held.index, clocks=clocks), own, rows


def _ranked(
    ab: Abnormal,
    plan: Plan,
    scales: Scales | None,
    calendar: NumberedDates,
    *,
    many: bool,
) -> Ranked:
    """Sum ranks; those of SCARs only where their scale is known."""
    needs = plan.needs & RANKS
    if scales is None:
        scar = np.empty((len(ab.ar), 0))
        scales = Scales(scar=np.empty(0), sar=np.full(ab.ar.shape[1], np.nan))
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            scar = np.column_stack([cumulate(ab, w).scar for w in plan.windows])
    parts = ranked_parts(
        ab,
        scar,
        needs,
        scales,
        calendar=calendar,
        many=many,
        by_asset=plan.by_asset,
    )
    return merge_ranked(parts)


def _part_of_ranks(plan: Plan, told: Source, ranked: Ranked, first_offset: int) -> Part:
    return Part(
        plan=plan.hash,
        first_offset=first_offset,
        sources=(told,),
        vectors={},
        sums={RANKED + name: value for name, value in ranked.sums.items()},
        by_clock={},
        loadings=None,
        series=_series(plan, ranked.series, RANKED),
    )


def _part(
    plan: Plan,
    told: Source,
    evidence: Evidence,
    ranked: Ranked | None,
    ab: Abnormal,
    rows: IntArray,
) -> Part:
    first_offset = ab.first_offset
    by_clock = {n: v for n, v in evidence.sums.items() if n in _DENSE}
    keys = {error_key(window) for window in plan.windows}
    sums = {n: v for n, v in evidence.sums.items() if n not in {*by_clock, *keys}}
    series = _series(plan, evidence.series, "")
    if ranked is not None:
        sums |= {RANKED + name: value for name, value in ranked.sums.items()}
        series |= _series(plan, ranked.series, RANKED)
    return Part(
        plan=plan.hash,
        first_offset=first_offset,
        sources=(told,),
        vectors=_vectors(evidence.vectors, rows, plan),
        sums=sums,
        by_clock={n: ByClock(rows=rows, total=v) for n, v in by_clock.items()},
        loadings=_loadings(plan, evidence, ab, rows),
        series=series,
    )


def _series(
    plan: Plan, found: Mapping[str, AssetSeries | None], prefix: str
) -> dict[str, AssetSeries | None]:
    return {prefix + n: v if plan.by_asset else None for n, v in found.items()}


def _loadings(plan: Plan, evidence: Evidence, ab: Abnormal, rows: IntArray) -> Loadings:
    """Sums of loadings by clock, on the factors of one observation of each."""
    total = np.stack([evidence.sums[error_key(w)] for w in plan.windows], axis=1)
    complete = (ab.status == Status.OK) & ~np.isnan(ab.residuals.sum(axis=1))
    order = np.argsort(~complete, kind="stable")
    _, first = np.unique(ab.clock[order], return_index=True)
    return reduced(
        total,
        rows,
        plan.calendar.day[rows],
        ab.x_estimation[order[first]],
        insides(plan, ab.first_offset),
    )


def insides(plan: Plan, first_offset: int) -> BoolArray:
    """Tell which event-window columns each window has, (W, L)."""
    session = first_offset + np.arange(plan.clocks.event.shape[1])
    ends = np.array(plan.windows)
    return np.asarray((session >= ends[:, :1]) & (session <= ends[:, 1:]))


def _vectors(found: Vectors, rows: IntArray, plan: Plan) -> dict[str, Numbers]:
    """Scalars per observation, narrow; effects that CARs tell are left out."""
    own: dict[str, Numbers] = {f.name: getattr(found, f.name) for f in fields(Vectors)}
    own["clock"] = rows[found.clock]
    own["positive"], own["counted"] = _share(found.positive, found.n_estimation)
    if plan.outcome != "bhar":
        del own["effect"]
    if not found.sar.shape[1]:
        del own["sar"]
    return {name: narrow(value) for name, value in own.items()}


def _share(share: Array, n: IntArray) -> tuple[Array, BoolArray]:
    """Write shares of ``n`` as counts, and say where that is exact.

    >>> _share(np.array([0.5, 0.3]), np.array([4, 4]))
    (array([2. , 0.3]), array([ True, False]))
    """
    count = np.rint(share * n)
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = (n > 0) & (count / n == share)
    return np.where(exact, count, share), exact


def narrow(values: Numbers) -> Numbers:
    """Return values in the narrowest type that holds them all.

    >>> narrow(np.array([1.0, 250.0])).dtype, narrow(np.array([0.5, 1.0])).dtype
    (dtype('int16'), dtype('float64'))
    """
    if values.dtype == np.bool_:
        return values.astype(np.int8)
    if not values.size:
        return values.astype(np.int8)
    if values.dtype.kind == "f":
        if not np.isfinite(values.sum()) or (values != np.rint(values)).any():
            return values
        if np.signbit(values[values == 0]).any():
            return values
    low, high = values.min(), values.max()
    for kind in _NARROW:
        held = np.iinfo(kind)
        if held.min <= low and high <= held.max:
            return values.astype(kind)
    return values


def _sha(ab: Abnormal) -> str:
    said = sha256()
    for array in (ab.ar, ab.sigma, ab.asset, ab.clock):
        said.update(np.ascontiguousarray(array).tobytes())
    return said.hexdigest()
