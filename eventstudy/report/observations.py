"""Look-ups of the observations of a study: who belongs to which, with which CARs."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from eventstudy.report.labels import asset_order, headline_ids
from eventstudy.spec import Pair
from eventstudy.study.result import StudyResult

Row = Mapping[str, Any]
Held = tuple[str, str]  # observation, asset


class Observations:
    """The used observations of a study, by event and by asset."""

    def __init__(self, result: StudyResult) -> None:
        self.order = asset_order(result)
        used = result.observations.filter(pl.col("status") == "used")
        held = used.select("event_id", "observation", "asset").unique()
        self._held: dict[str, set[Held]] = {}
        for event, observation, asset in held.iter_rows():
            self._held.setdefault(event, set()).add((observation, asset))
        self._cars = {
            (r["event_id"], r["asset"], r["model"], r["start"], r["end"]): r
            for r in result.cars.iter_rows(named=True)
        }
        day0 = result.abnormal_returns.filter(pl.col("offset") == 0)
        self._day0 = {
            (r["event_id"], r["asset"], r["model"]): r
            for r in day0.iter_rows(named=True)
        }
        self._first: dict[frozenset[Held], str] = {}
        for event in _in_order(result):
            self._first.setdefault(frozenset(self._held.get(event, ())), event)

    def of(self, event_id: str) -> list[Held]:
        """Return an event's (observation, asset) pairs, in the order of the assets."""
        pairs = self._held.get(event_id, ())
        return sorted(pairs, key=lambda pair: (self.order.index(pair[1]), pair[0]))

    def car(self, held: Held, model: str, window: Pair) -> Row | None:
        """Return the CAR of an observation."""
        return self._cars.get((*held, model, *window))

    def day0(self, held: Held, model: str) -> Row | None:
        """Return the abnormal return of an observation's day 0."""
        return self._day0.get((*held, model))

    def earlier(self, event_id: str) -> str:
        """Name the event above with the same observations; empty if there is none."""
        first = self._first.get(frozenset(self._held.get(event_id, ())), event_id)
        return "" if first == event_id else first


def _in_order(result: StudyResult) -> list[str]:
    """Events as the report shows them: those of the headline sample first."""
    chosen = headline_ids(result)
    return sorted(result.events["event_id"], key=lambda event: event not in chosen)
