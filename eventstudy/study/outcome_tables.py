"""Tables of series that are no prices: effects, by length of the history, and paths."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from eventstudy.core.abnormal import Array
from eventstudy.outcomes import Gaps
from eventstudy.outcomes.kinds import KINDS, weights_of
from eventstudy.outcomes.placebo import APART, HISTORIES, Placebo, can_tell, placebo
from eventstudy.prices import OutcomeSeries
from eventstudy.study.schema import frame

if TYPE_CHECKING:
    from eventstudy.study.builders import Study, Tables

Row = dict[str, Any]
_EPOCH = date(1970, 1, 1)
# A window of which fewer sessions have a value says too little of its mean.
_LEAST_SHARE = 0.8
MOST_BEFORE = 90
_OF_CHANCE = ("pvalue_placebo", "n_placebo", "n_apart")
Chance = tuple[Array, int, int]


def outcome_tables(study: "Study") -> "Tables":
    """Hold each series against its own history, announcement by announcement."""
    rows: dict[str, list[Row]] = {
        "outcomes": [],
        "outcome_histories": [],
        "outcome_paths": [],
    }
    for series in study.series:
        study.tell(f"Following {series.setting.name}")
        for name, found in _of_series(study, series):
            rows[name].append(found)
    return {name: frame(name, held) for name, held in rows.items()}


def _of_series(study: "Study", series: OutcomeSeries) -> Iterator[tuple[str, Row]]:
    first, last = series.setting.window
    events = list(study.events.iter_rows(named=True))
    places = {event["event_id"]: _place(series, event) for event in events}
    found = _Effects(series, {p for p in places.values() if not _lacking(series, p)})
    for event in events:
        at = places[event["event_id"]]
        keys = {"event_id": event["event_id"], "outcome": series.setting.name}
        labels: Row = {"start": first, "end": last}
        if reason := _lacking(series, at) or found.lacking(at):
            for measure in series.setting.measures:
                yield "outcomes", keys | labels | {"measure": measure, "reason": reason}
            continue
        by_history = found.by_history(at)
        whole, taken = max(by_history), found.taken(by_history)
        labels |= {
            "day0": _day(series, at),
            "placebo_history": taken,
            "n_history": found.n(at),
            "weekdays": found.weekdays(at),
        }
        for k, measure in enumerate(series.setting.measures):
            label = {"measure": measure}
            chance = {name: by_history[taken][k][name] for name in _OF_CHANCE}
            row = keys | labels | label | by_history[whole][k] | chance
            if row["effect"] is None:
                row["reason"] = "none of the measure's sessions has a value"
            yield "outcomes", row
            if event["headline"]:
                for history, rows in by_history.items():
                    row = keys | label | {"history": history} | rows[k]
                    yield "outcome_histories", row
        if event["headline"]:
            for row in found.path(at, study.spec.level):
                yield "outcome_paths", keys | row


class _Effects:
    """The effects at some places of a series, by length of the history.

    The whole history of all places is compared at once, a shorter one at every date of
    the series: the other dates are the placebo.
    """

    def __init__(self, series: OutcomeSeries, places: Iterable[int]) -> None:
        self.series, self.kind = series, KINDS[series.setting.kind]
        first, last = series.setting.window
        self.first, self.length = first, last - first + 1
        self.weights = weights_of(series.setting.measures, self.length, series.per_week)
        self._place = {at: k for k, at in enumerate(sorted(places))}
        self._dates: dict[tuple[int, bool], Placebo] = {}
        self._whole = first - series.setting.estimation[0]
        if self._place:
            self._gaps = self._of_places()

    def _of_places(self) -> Gaps:
        """Compare the windows of all places with their whole history."""
        begin = np.array(list(self._place)) + self.first - self._whole
        at = begin[:, None] + np.arange(self._whole + self.length)
        inside, at = at >= 0, np.maximum(at, 0)
        days, known = self.series.weekdays, self.series.variance
        return self.kind.gaps(
            np.where(inside, self.series.y[at], np.nan),
            None if known is None else known[at],
            history=self._whole,
            weights=self.weights,
            weekday=None if days is None else days[at],
        )

    def lacking(self, at: int) -> str | None:
        """Say why there is no effect although the history is long enough."""
        if np.isfinite(self._gaps.expected[self._place[at]]).any():
            return None
        return "the values before the announcement do not vary"

    def n(self, at: int) -> int:
        """Values of the history."""
        return int(self._gaps.n[self._place[at]])

    def weekdays(self, at: int) -> str | None:
        """Whether weekdays differ before a place."""
        if self.series.weekdays is None:
            return None
        return "yes" if self._gaps.weekdays[self._place[at]] else "no"

    def by_history(self, at: int) -> dict[int, list[Row]]:
        """Return the numbers of all measures by length of the history."""
        begin, row = at + self.first, self._place[at]
        whole = min(self._whole, begin)
        out: dict[int, list[Row]] = {}
        for history in (one for one in HISTORIES if one < whole):
            dates = self._at_all_dates(history, row)
            own = begin - history
            numbers = (dates.effect[own], dates.se[own], dates.pvalue[own])
            out[history] = _rows(*numbers, dates.before(begin, dates.statistic[own]))
        chance: Chance = (np.full(len(self.weights), np.nan), 0, 0)
        gaps = self._gaps
        if can_tell(begin, whole, self.length):
            dates = self._at_all_dates(whole, row)
            chance = dates.before(begin, gaps.statistic[row])
        numbers = (gaps.effect[row], gaps.se[row], gaps.pvalue[row])
        out[whole] = _rows(*numbers, chance)
        return out

    def taken(self, by_history: Mapping[int, list[Row]]) -> int:
        """Return the longest history whose placebo can tell, or the shortest."""
        apart = {history: rows[0]["n_apart"] for history, rows in by_history.items()}
        enough = [history for history, n in apart.items() if n >= APART]
        return max(enough) if enough else min(apart)

    def _at_all_dates(self, history: int, row: int) -> Placebo:
        differ = bool(self._gaps.weekdays[row])
        if (history, differ) not in self._dates:
            self._dates[history, differ] = placebo(
                self.kind,
                self.series.y,
                self.series.variance,
                weekdays=self.series.weekdays if differ else None,
                history=history,
                weights=self.weights,
            )
        return self._dates[history, differ]

    def path(self, at: int, level: float) -> Iterator[Row]:
        """Yield the values around a place, and what was expected after it."""
        z, shown = special.ndtri((1 + level) / 2), self.kind.back(self.series.y)
        row, first = self._place[at], self.first
        for offset in range(first - min(MOST_BEFORE, at + first), first + self.length):
            value = float(shown[at + offset])
            out: Row = {
                "offset": offset,
                "date": _day(self.series, at + offset),
                "value": value if np.isfinite(value) else None,
            }
            if offset >= first:
                middle = self._gaps.expected[row, offset - first]
                error = z * self._gaps.error[row, offset - first]
                ends = (middle, middle - error, middle + error)
                names = ("expected", "low", "high")
                back = (float(self.kind.back(one)) for one in ends)
                out |= dict(zip(names, back, strict=True))
            yield out


def _rows(effect: Array, se: Array, pvalue: Array, chance: Chance) -> list[Row]:
    placebo_p, n, apart = chance
    columns = {
        "effect": effect,
        "se": se,
        "pvalue_model": pvalue,
        "pvalue_placebo": placebo_p,
    }
    return [
        {
            name: float(values[k]) if np.isfinite(values[k]) else None
            for name, values in columns.items()
        }
        | {"n_placebo": n, "n_apart": apart}
        for k in range(len(effect))
    ]


def _place(series: OutcomeSeries, event: Row) -> int:
    """Return the first session of a series on the announcement's UTC date or later."""
    instant = event["announced_utc"]
    day = instant.date() if instant is not None else event["announced_date"]
    return int(np.searchsorted(series.days, (day - _EPOCH).days))


def _day(series: OutcomeSeries, at: int) -> date:
    return _EPOCH + timedelta(days=int(series.days[at]))


def _lacking(series: OutcomeSeries, at: int) -> str | None:
    """Say why a series tells nothing of an announcement."""
    first, last = series.setting.window
    begin, end = at + first, at + last + 1
    if begin < 1:
        return "the series begins after the announcement"
    if end > len(series.days):
        ahead = max(len(series.days) - begin, 0)
        return f"the series has {ahead} sessions of the window, wanted {end - begin}"
    if (missing := np.isnan(series.y[begin:end]).mean()) > 1 - _LEAST_SHARE:
        return f"{missing:.0%} of the window's sessions have no value"
    least = min(HISTORIES)
    before = series.y[max(begin + series.setting.estimation[0] - first, 0) : begin]
    if (n := int(np.isfinite(before).sum())) < least:
        return f"{n} values before the announcement, wanted {least}"
    return None
