"""The same comparison at every earlier date: how often it is as large by chance."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from eventstudy.core.abnormal import Array, IntArray
from eventstudy.outcomes.kinds import Kind

HISTORIES = (75, 120, 180)
"""Lengths of the history by which a verdict is shown beside that of the whole."""
APART = 19
"""So many windows that share no session let p reach 5 %."""
_ROWS = 256  # dates that are compared at once


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placebo:
    """The comparison at every date of a series, from the same length of history.

    begin : (B,) first sessions of the windows;  effect, se, pvalue : (B, M)
    history, length : sessions before each date, and of its window
    """

    begin: IntArray
    effect: Array
    se: Array
    pvalue: Array
    history: int
    length: int

    @property
    def statistic(self) -> Array:
        """Effects over their standard errors, (B, M)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.effect / self.se)

    def before(self, begin: int, statistic: Array) -> tuple[Array, int, int]:
        """Rank a statistic (M,) among the dates whose window ends before ``begin``.

        Returns p (M,), the number of dates, and how many windows share no session. p is
        not below one in as many as these and the announcement's own: dates whose
        windows overlap are no further draws.
        """
        values = self.statistic
        known = (self.begin + self.length <= begin) & np.isfinite(values).all(axis=1)
        n = int(known.sum())
        if not n:
            return np.full(len(statistic), np.nan), 0, 0
        apart = _apart(self.begin[known], self.length)
        larger = np.abs(values[known]) >= np.abs(statistic)
        p = np.maximum((1 + larger.sum(axis=0)) / (1 + n), 1 / (1 + apart))
        return np.where(np.isfinite(statistic), p, np.nan), n, apart


def placebo(
    kind: Kind,
    y: Array,
    variance: Array | None,
    *,
    weekdays: IntArray | None,
    history: int,
    weights: Array,
) -> Placebo:
    """Compare a series (S,) at every date with what its history led to expect.

    weekdays : days of the week, (S,), where they are part of what is expected
    weights : (M, L) as for `level_gaps`
    """
    length = weights.shape[1]
    whole = history + length
    n = max(len(y) - whole + 1, 0)
    empty = np.full((0, len(weights)), np.nan)
    found = {name: [empty] for name in ("effect", "se", "pvalue")}

    def cut(values: Array | IntArray | None, start: int) -> Array | None:
        if values is None:
            return None
        view = sliding_window_view(values, whole)
        return np.asarray(view[start : start + _ROWS])

    for start in range(0, n, _ROWS):
        part = cut(y, start)
        assert part is not None
        days = cut(weekdays, start)
        gaps = kind.gaps(
            part,
            cut(variance, start),
            history=history,
            weights=weights,
            weekday=None if days is None else days.astype(np.int64),
        )
        for name, held in found.items():
            held.append(getattr(gaps, name))
    return Placebo(
        begin=np.arange(history, history + n),
        **{name: np.concatenate(held) for name, held in found.items()},
        history=history,
        length=length,
    )


def can_tell(n_sessions: int, history: int, length: int) -> bool:
    """Say whether so long a history leaves dates enough for p to reach 5 %.

    n_sessions : before the announcement
    """
    return (n_sessions - history) // length >= APART


def _apart(begin: IntArray, length: int) -> int:
    """Count windows of consecutive dates that share no session."""
    return int((begin[-1] - begin[0]) // length) + 1
