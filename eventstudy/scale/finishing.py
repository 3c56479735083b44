"""The tests of a plan, from the parts of all observations."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from eventstudy.core.abnormal import Array, InferenceResult
from eventstudy.core.errors import SpecError
from eventstudy.core.threads import OneThread
from eventstudy.core.windows import Window
from eventstudy.inference.aggregates import Evidence, Vectors
from eventstudy.inference.battery import (
    RANKS,
    rank_correlations,
    ranked_sample,
    result_of,
    sar_scale,
    scar_scale,
)
from eventstudy.inference.dependence import Correlations, correlations
from eventstudy.inference.rank_aggregates import Ranked, Scales
from eventstudy.inference.sample import Related, Sample, sample_of
from eventstudy.inference.shared_error import error_key
from eventstudy.scale.collecting import RANKED, insides
from eventstudy.scale.loadings import expanded
from eventstudy.scale.merging import check_plan
from eventstudy.scale.part import Part
from eventstudy.scale.plans import Plan, hashed

if TYPE_CHECKING:
    import polars as pl

Results = dict[tuple[Window, str], InferenceResult]
# What is known of the sample of a window, and costs time to work out.
Known = dict[Window, Related]


def again(part: Part, plan: Plan) -> Plan:
    """Return the plan of a second walk through the observations.

    Some ranks are of returns that were divided by a spread over all observations. It is
    known once all parts are merged: with it the same observations are collected again.

    Parameters
    ----------
    part : Part
        All observations, merged.
    plan : Plan
        The plan that they were collected for, with ``walks == 2``.

    Returns
    -------
    Plan
        To collect the same observations for; `finish` takes the merged parts of both.

    Raises
    ------
    SpecError
        For a part of another plan, and for a plan of one walk.

    Examples
    --------
    >>> import eventstudy as es
    >>> y = np.random.default_rng(0).normal(size=(8, 63))
    >>> ab = es.models.constant_mean(y, n_estimation=60)
    >>> plan = es.scale.plan(windows=(0, 0), tests="grank_t", clocks=ab.clocks)
    >>> ranks = es.scale.again(es.scale.collect(ab, plan), plan)
    >>> ranks.scales.scar.shape
    (1,)
    """
    return ranking(part, plan, {})


@OneThread()
def ranking(part: Part, plan: Plan, known: Known) -> Plan:
    """Return the plan of a second walk; see `again`.

    known : what is known of the windows' samples, and is added to
    """
    check_plan(part, plan.hash, "one of the plan given")
    if plan.walks == 1 or plan.scales is not None:
        raise SpecError(
            "the plan needs no second walk: finish(part, plan) has its tests"
        )
    scar = np.array(
        [scar_scale(sample) for _, sample, _ in _samples(part, plan, known)]
    )
    scales = Scales(scar=scar, sar=sar_scale(_evidence(part, plan, 0)))
    first = f"{plan.hash} {part.digest}"
    return hashed(replace(plan, scales=scales, first=first))


def finish(part: Part, plan: Plan, ranks: Part | None = None) -> "pl.DataFrame":
    """Test what was collected.

    Parameters
    ----------
    part : Part
        All observations, merged.
    plan : Plan
        The plan that they were collected for.
    ranks : Part, optional
        The same observations collected for the `again` plan, where ``plan.walks`` is
        2.

    Returns
    -------
    polars.DataFrame
        A row per window and test: test, start, end, estimate, statistic, df, pvalue, n,
        n_clusters and the reason why there is no value.

    Raises
    ------
    SpecError
        For parts of another plan, or of other observations in the second walk.

    Examples
    --------
    >>> import eventstudy as es
    >>> y = np.random.default_rng(0).normal(size=(8, 63))
    >>> ab = es.models.constant_mean(y, n_estimation=60)
    >>> plan = es.scale.plan(windows=(0, 1), tests=["csect", "bmp"], clocks=ab.clocks)
    >>> parts = [es.scale.collect(ab, plan)]
    >>> es.scale.finish(es.scale.merge(parts), plan)["test"].to_list()
    ['csect', 'bmp']
    """
    known: Known = {}
    if plan.walks == 2 and ranks is not None:
        check_plan(part, plan.hash, "one of the plan given")
        wanted = ranking(part, plan, known)
        check_plan(ranks, wanted.hash, "one of again(part, plan)")
    return table(results(part, plan, ranks, known))


def table(found: Results) -> "pl.DataFrame":
    """Return answers as a table; see `finish`."""
    import polars as pl

    rows = [
        {
            "test": test,
            "start": window[0],
            "end": window[1],
            **{
                name: _value(getattr(one, name)[0])
                for name in ("estimate", "statistic", "df", "pvalue")
            },
            "n": int(one.n[0]),
            "n_clusters": int(one.n_clusters[0]),
            "reason": one.reason[0],
        }
        for (window, test), one in found.items()
    ]
    schema = {
        "test": pl.String,
        "start": pl.Int64,
        "end": pl.Int64,
        **dict.fromkeys(("estimate", "statistic", "df", "pvalue"), pl.Float64),
        "n": pl.Int64,
        "n_clusters": pl.Int64,
        "reason": pl.String,
    }
    return pl.DataFrame(rows, schema=schema)


def _value(number: float) -> float | None:
    """Return a number as tables have it: null where there is none, or no end."""
    return float(number) if np.isfinite(number) else None


@OneThread()
def results(part: Part, plan: Plan, ranks: Part | None, known: Known) -> Results:
    """Return an answer per window and test; see `finish`."""
    check_plan(part, plan.hash, "one of the plan given")
    ranked, needs = part, plan.needs & RANKS
    if plan.walks == 2:
        ranked = _second_part(part, plan, ranks)
    elif ranks is not None:
        raise SpecError("the plan needs no second walk; leave ranks out")
    found: Results = {}
    for i, sample, evidence in _samples(part, plan, known):
        if needs:
            sums = _ranked(ranked)
            rank = _rank(evidence, sums, plan)
            sample = ranked_sample(sample, rank, sums, i)
        for entry in plan.entries:
            own = result_of(entry, sample, plan.options)
            found[plan.windows[i], entry.name] = own
    return found


def _second_part(part: Part, plan: Plan, ranks: Part | None) -> Part:
    """Return the part of the second walk, which must be of the same observations."""
    if ranks is None:
        named = [e.name for e in plan.entries if e.needs & RANKS]
        raise SpecError(
            f"{', '.join(named)} rank what is first divided by a spread over all "
            "observations: collect them again for eventstudy.scale.again(part, plan), "
            "and give the merged parts as ranks"
        )
    if ranks.rows != part.rows:
        raise SpecError(
            f"the second walk has {ranks.rows:,} observations; wanted the "
            f"{part.rows:,} of the first"
        )
    return ranks


def _ranked(part: Part) -> Ranked:
    return Ranked(
        sums={
            name.removeprefix(RANKED): value
            for name, value in part.sums.items()
            if name.startswith(RANKED)
        },
        series={
            name.removeprefix(RANKED): value
            for name, value in part.series.items()
            if name.startswith(RANKED)
        },
    )


def _rank(evidence: Evidence, ranked: Ranked, plan: Plan) -> Correlations | None:
    return rank_correlations(
        evidence, ranked, groups=plan.groups, calendar=plan.calendar
    )


def _samples(
    part: Part, plan: Plan, known: Known
) -> Iterator[tuple[int, Sample, Evidence]]:
    """Yield the samples of one window after the other, so that one is held at once."""
    _check_assets(part, plan)
    for i, window in enumerate(plan.windows):
        evidence = _evidence(part, plan, i)
        related = known.get(window)
        residual = None
        if related is None:
            residual = correlations(
                evidence, groups=plan.groups, calendar=plan.calendar
            )
        sample = sample_of(evidence, window, residual=residual, related=related)
        known[window] = sample.related
        yield i, sample, evidence


def _check_assets(part: Part, plan: Plan) -> None:
    """Refuse few assets where a plan said that there were many."""
    if plan.by_asset:
        return
    n = len(np.unique(part.vectors["asset"]))
    if replace(plan, assets=n).by_asset:
        raise SpecError(
            f"the plan says {plan.assets:,} assets, the parts have {n:,}: so few are "
            "correlated pair by pair, which these parts cannot tell; collect them for "
            "a plan without assets"
        )


def _evidence(part: Part, plan: Plan, i: int) -> Evidence:
    """Return the evidence of one window as `battery` has it."""
    window = plan.windows[i]
    key, width = error_key(window), plan.calendar.whole.shape[1]
    sums = dict(part.sums)
    for name, held in part.by_clock.items():
        sums[name] = np.zeros((len(plan.calendar.day), held.total.shape[1]))
        sums[name][held.rows] += held.total
    assert part.loadings is not None
    inside = insides(plan, part.first_offset)[i]
    sums[key] = expanded(part.loadings, i, plan.calendar.day, width, inside)
    return Evidence(
        windows=(window,),
        clocks=plan.clocks,
        first_offset=part.first_offset,
        outcome=plan.outcome,
        vectors=_vectors(part, plan, i),
        sums=sums,
        series=part.series,
    )


def _vectors(part: Part, plan: Plan, i: int) -> Vectors:
    """Return the scalars of a window, at full width."""
    held = part.vectors

    def real(name: str) -> Array:
        return np.asarray(held[name], np.float64)

    def own(name: str) -> Array:
        return np.ascontiguousarray(held[name][:, i : i + 1], np.float64)

    n_estimation = np.asarray(held["n_estimation"], np.int64)
    share = real("positive")
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(held["counted"], share / n_estimation, share)
    car, se = own("car"), own("se")
    effect = car
    if plan.outcome == "scar":
        with np.errstate(divide="ignore", invalid="ignore"):
            effect = car / se
    elif plan.outcome == "bhar":
        effect = own("effect")
    return Vectors(
        usable=np.asarray(held["usable"], np.bool_),
        asset=np.asarray(held["asset"], np.int64),
        clock=np.asarray(held["clock"], np.int64),
        sigma=real("sigma"),
        df=real("df"),
        n_estimation=n_estimation,
        positive=share,
        recent=real("recent"),
        recent_n=real("recent_n"),
        car=car,
        se=se,
        n_valid=np.asarray(held["n_valid"][:, i : i + 1], np.int64),
        sar_sum=own("sar_sum"),
        effect=effect,
        sar=real("sar") if "sar" in held else np.empty((part.rows, 0)),
    )
