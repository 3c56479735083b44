"""The statistics of a sample's average at other dates, as a histogram."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from eventstudy.core.abnormal import Array
from eventstudy.core.windows import Window
from eventstudy.inference import (
    Evidence,
    Need,
    Options,
    PseudoDates,
    collect,
    pseudo_dates,
)
from eventstudy.inference.aggregates import merge_all
from eventstudy.inference.dependence import correlations
from eventstudy.inference.sample import sample_of
from eventstudy.inference.single import MIN_PSEUDO_DATES, MIN_SHIFTS
from eventstudy.study.samples import GroupSample

BINS = 40

Row = dict[str, Any]


def placebo_rows(
    members: GroupSample,
    known: Evidence,
    window: Window,
    shifts: Mapping[Window, Array] | None,
) -> list[Row]:
    """Return a row per bin of the histogram; none where there are too few dates.

    members : a sample whose observations count in the window;  known : its evidence
    """
    found = _found(members, known, window, shifts)
    draws = found.draws[np.isfinite(found.draws)] if found else np.empty(0)
    if found is None or len(draws) < MIN_PSEUDO_DATES:
        return []
    reach = 1.02 * max(float(np.abs(draws).max()), abs(float(found.observed)))
    counts, edges = np.histogram(draws, BINS, (-reach, reach))
    return [
        {
            **members.labels,
            "start": window[0],
            "end": window[1],
            "low": low,
            "high": high,
            "n": int(count),
            "actual": float(found.observed),
            "basis": found.basis,
        }
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]


def _found(
    members: GroupSample,
    known: Evidence,
    window: Window,
    shifts: Mapping[Window, Array] | None,
) -> PseudoDates | None:
    """Use what is at hand; large samples are gathered for this window alone."""
    length = window[1] - window[0] + 1
    residual = correlations(known)
    enough = shifts is not None and len(shifts[window]) >= MIN_SHIFTS
    if not enough and f"placebo_{length}" not in known.sums:
        needs: frozenset[Need] = frozenset({"placebo"})
        known = merge_all(collect(ab, [window], needs) for ab in members.event)
        residual = None
    sample = sample_of(known, window, residual=residual)
    if not sample.n:
        return None
    return pseudo_dates(sample, Options(shifts=shifts))
