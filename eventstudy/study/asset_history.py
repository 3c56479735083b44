"""Whole return histories of a study's assets, with what was announced in them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from eventstudy.calendars import Calendar
from eventstudy.core.abnormal import Array, IntArray
from eventstudy.spec import StudySpec
from eventstudy.study.samples import Fitted


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AssetHistory:
    """Returns of one asset from its first to its last, per session.

    days : (S,) days since 1970-01-01;  y : (S,) returns / sqrt(span), nan = missing
    event_id : announcements that fall into it;  day0 : (N,) their columns
    """

    asset: str
    group: str
    days: IntArray
    y: Array
    event_id: tuple[str, ...]
    day0: IntArray


def asset_histories(
    spec: StudySpec, fitted: Fitted, calendars: Mapping[str, Calendar]
) -> list[AssetHistory]:
    """Return each asset once, on the calendar of its first model setting."""
    out: dict[str, AssetHistory] = {}
    for estimator, _ in fitted:
        panel = estimator.panel
        rows: dict[str, list[int]] = {}
        for row, observation in enumerate(panel.observations):
            if observation.asset not in out:
                rows.setdefault(observation.asset, []).append(row)
        if not rows:
            continue
        firsts = np.array([held[0] for held in rows.values()])
        held = panel.history(firsts, simple=spec.returns == "simple")
        for (asset, own), y in zip(
            rows.items(), held.y / np.sqrt(held.span), strict=True
        ):
            known = np.flatnonzero(np.isfinite(y))
            if not len(known):
                continue
            first, stop = known[0], known[-1] + 1
            touching = [panel.observations[row] for row in own]
            inside = [o for o in touching if first <= o.day0 < stop]
            out[asset] = AssetHistory(
                asset=asset,
                group=touching[0].group,
                days=calendars[panel.calendar[asset]].sessions[first:stop],
                y=y[first:stop],
                event_id=tuple(o.event_id for o in inside),
                day0=np.array([o.day0 - first for o in inside], np.int64),
            )
    return list(out.values())


def padded(histories: list[AssetHistory]) -> Array:
    """Returns of all assets, (A, S), nan after the end of a history."""
    width = max((len(h.y) for h in histories), default=0)
    out = np.full((len(histories), width), np.nan)
    for row, history in enumerate(histories):
        out[row, : len(history.y)] = history.y
    return out
