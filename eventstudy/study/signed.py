"""Directions that a catalogue expects of its announcements, by group."""

from collections.abc import Mapping, Sequence

import polars as pl

from eventstudy.study.remarks import Remark
from eventstudy.study.samples import Directions, Fitted, direction_of

_SIGNS = {"+": 1, "-": -1}


def directions(events: pl.DataFrame, groups: Sequence[str]) -> Directions:
    """Return the columns ``expected_GROUP`` of the groups as 1, -1 and 0."""
    return {
        group: [_SIGNS.get(sign or "", 0) for sign in events[f"expected_{group}"]]
        for group in groups
        if f"expected_{group}" in events.columns
    }


def of_signs(events: pl.DataFrame, fitted: Fitted, known: Directions) -> list[Remark]:
    """Count what a signed average leaves out; warn of signs that none uses."""
    out = [
        Remark(
            severity="note",
            about="directions",
            text=f"{group}: {left} of {total} observations have no expected direction "
            "(0, ?, nothing, or announcements that differ) and are left out of the "
            "signed average",
        )
        for group, (left, total) in _counts(fitted, known).items()
        if left
    ]
    unused = [
        name
        for name in events.columns
        if name.startswith("expected_")
        and name.removeprefix("expected_") not in known
        and {"+", "-"} <= set(events.filter("headline")[name].drop_nulls())
    ]
    if unused and not known:
        out.append(
            Remark(
                severity="warning",
                about="directions",
                text=f"the announcements are expected to work in both directions "
                f"({', '.join(unused)}), and averages take no account of it: name the "
                "asset group like the column to have signed averages",
            )
        )
    return out


def _counts(fitted: Fitted, known: Directions) -> Mapping[str, tuple[int, int]]:
    """Return per group how many observations lack a direction, and all of them."""
    seen: dict[str, dict[tuple[str, str], int]] = {}
    for estimator, estimates in fitted:
        for estimate in estimates:
            for one in estimator.observations(estimate.rows):
                if one.group in known:
                    sign = direction_of(one, known)
                    seen.setdefault(one.group, {})[one.event_id, one.asset] = sign
    return {
        group: (sum(sign == 0 for sign in found.values()), len(found))
        for group, found in seen.items()
    }
