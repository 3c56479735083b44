"""Kinds of series that are no prices: what is studied of their values."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from eventstudy.core.abnormal import Array, IntArray
from eventstudy.outcomes.gaps import Gaps
from eventstudy.outcomes.level import level_gaps
from eventstudy.outcomes.mean import mean_gaps

WEEK = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is studied of a value.

    name, meaning : as in a study file, and in words
    studied : what is studied, and how effects are told, as a clause of a report
    is_log : the logarithm is studied, so that effects are told in per cent
    keeps_level : what happened to the level stays; not of changes
    counts : the value is a count, whose own variance is known
    """

    name: str
    meaning: str
    studied: str
    is_log: bool = False
    keeps_level: bool = True
    counts: bool = False

    def of(self, values: Array) -> Array:
        """Return what is studied of values, (S,), nan where there is none."""
        if self.is_log:
            with np.errstate(invalid="ignore", divide="ignore"):
                logs = np.log(values)
            return np.where(np.isfinite(logs), logs, np.nan)
        if self.keeps_level:
            return values
        return np.concatenate([[np.nan], np.diff(values)])[: len(values)]

    def back(self, y: Array | float) -> Array:
        """Return what is studied as values of the series."""
        return np.asarray(np.exp(y) if self.is_log else y)

    def poisson(self, values: Array) -> Array:
        """Return the variances of what is studied if values are Poisson counts."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(values > 0, 1 / values if self.is_log else values, np.nan)

    def gaps(
        self,
        y: Array,
        variance: Array | None,
        *,
        history: int,
        weights: Array,
        weekday: IntArray | None = None,
    ) -> Gaps:
        """Compare what is studied, (E, S), with what its history led to expect."""
        if self.keeps_level:
            return level_gaps(
                y, variance, history=history, weights=weights, weekday=weekday
            )
        return mean_gaps(y, history=history, weights=weights, weekday=weekday)


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind(
                name="level",
                meaning="the value itself, which may be negative",
                studied="The value itself is studied",
            ),
            Kind(
                name="log",
                meaning="the logarithm of the value",
                studied="The logarithm is studied, so gaps are in per cent",
                is_log=True,
            ),
            Kind(
                name="difference",
                meaning="the change from the session before",
                studied="Changes are studied, against their mean",
                keeps_level=False,
            ),
            Kind(
                name="count",
                meaning="the logarithm of a count, measured with Poisson noise",
                studied="The logarithm of a count is studied, so gaps are in per cent",
                is_log=True,
                counts=True,
            ),
        )
    }
)
MEASURES: Mapping[str, str] = MappingProxyType(
    {"mean": "mean", "last_week": "last week"}
)
"""What reports call the measures."""


def weights_of(measures: tuple[str, ...], n_sessions: int, last: int) -> Array:
    """Return the weights of measures of a window, (M, L).

    last : sessions of its last week
    """
    shape = {"mean": n_sessions, "last_week": min(last, n_sessions)}
    out = np.zeros((len(measures), n_sessions))
    for row, measure in zip(out, measures, strict=True):
        row[n_sessions - shape[measure] :] = 1.0 / shape[measure]
    return out
