"""Parts added up to parts."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from eventstudy.core.errors import SpecError
from eventstudy.inference.sums import Totals
from eventstudy.scale.loadings import Loadings, merged, summed
from eventstudy.scale.part import ByClock, Part


def merge(parts: Iterable[Part]) -> Part:
    """Add up parts of one plan, merged ones too.

    Order decides nothing but the order of observations, which resampled tests draw
    from, and rounding: merge neighbours.

    Parameters
    ----------
    parts : iterable of Part
        Any number of parts; of one that is merged nothing is left out.

    Returns
    -------
    Part
        Of all their observations.

    Raises
    ------
    SpecError
        For no part, for parts of another plan, and for observations that are in two.

    Examples
    --------
    >>> import eventstudy as es
    >>> ab = es.models.constant_mean(np.eye(8)[:3], n_estimation=5)
    >>> plan = es.scale.plan(windows=(0, 0), tests="csect", clocks=ab.clocks)
    >>> part = es.scale.collect(ab, plan)
    >>> es.scale.merge([part, part]).rows
    6
    """
    held = list(parts)
    if not held:
        raise SpecError("there is nothing to merge: no part was given")
    for part in held:
        if not isinstance(part, Part):
            raise SpecError(
                f"a part is {type(part).__name__}; wanted what "
                "eventstudy.scale.collect returns"
            )
    _check_same_plan(held)
    _check_once(held)
    if len(held) == 1:
        return held[0]
    total = Totals()
    for part in held:
        total.add(part.sums, part.series)
    first = held[0]
    return replace(
        first,
        sources=tuple(source for part in held for source in part.sources),
        vectors={
            name: np.concatenate([part.vectors[name] for part in held])
            for name in first.vectors
        },
        sums=total.sums,
        by_clock={
            name: _by_clock([part.by_clock[name] for part in held])
            for name in first.by_clock
        },
        loadings=_loadings([part.loadings for part in held]),
        series=total.series,
    )


def _by_clock(parts: Sequence[ByClock]) -> ByClock:
    rows, total = summed([one.rows for one in parts], [one.total for one in parts])
    return ByClock(rows=rows, total=total)


def _loadings(parts: Sequence[Loadings | None]) -> Loadings | None:
    there = [one for one in parts if one is not None]
    return merged(there) if there else None


def _check_same_plan(parts: Sequence[Part]) -> None:
    for part in parts:
        if part.plan != parts[0].plan:
            raise SpecError(
                f"parts of two plans cannot be merged: {_where(parts[0])} was "
                f"collected for plan {parts[0].plan[:12]}, {_where(part)} for "
                f"{part.plan[:12]}; windows, tests, clocks, options, seed and version "
                "must be the same"
            )
        if part.first_offset != parts[0].first_offset:
            raise SpecError(
                "parts of one study must share one event window; these begin on "
                f"{parts[0].first_offset:+d} and {part.first_offset:+d}"
            )


def _where(part: Part) -> str:
    """Name the observations of a part."""
    name = part.sources[0].name if part.sources else ""
    return f"that of {name}" if name else f"one of {part.rows:,} observations"


def _check_once(parts: Sequence[Part]) -> None:
    """Refuse named observations that would be counted twice."""
    seen: set[str] = set()
    for part in parts:
        for source in part.sources:
            if source.name and source.name in seen:
                raise SpecError(
                    f"{source.name} is in two of the parts; merge every part once"
                )
            seen.add(source.name)


def check_plan(part: Part, wanted: str, what: str) -> None:
    """Refuse a part of another plan."""
    if part.plan != wanted:
        raise SpecError(
            f"{_where(part)} was collected for plan {part.plan[:12]}; wanted {what}, "
            f"{wanted[:12]}: windows, tests, clocks, options, seed and version must be "
            "the same"
        )
