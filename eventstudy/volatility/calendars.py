"""Resampled calendars: whole dates in another order, the same for all observations."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from eventstudy.core.abnormal import Array, IntArray
from eventstudy.core.bootstrap import block_draws, resample
from eventstudy.core.compiled import Kernel, compiled
from eventstudy.volatility.running import RunningSums

# From so many resampled windows on a compiled loop is worth the time of loading it.
_MANY = 500_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calendars:
    """Resampled calendars, each a few stretches of the true one.

    index : (P, reps) date of every position
    position, rep : (K,) where a stretch begins, but for the first of each calendar, in
    the order of positions;  first, before : (K,) date on which it begins, and on which
    the stretch before it ended
    order : (K,) the same by calendar and position;  begun : (P, reps) place in
    ``order`` behind the stretches of a calendar that begin up to a position
    """

    index: IntArray
    position: IntArray
    rep: IntArray
    first: IntArray
    before: IntArray
    order: IntArray
    begun: IntArray

    def sums(
        self, before: Callable[[IntArray], Array], start: int, length: int
    ) -> Array:
        """Sums of ``length`` positions of every calendar, (M, E, reps).

        before : from K dates of the true calendar to the sums before each, (M, E, K).
        A window is the difference of them at its ends, and where a stretch begins
        inside it what lies between the date before and that date is taken out.
        """
        last = start + length - 1
        total = before(self.index[last] + 1) - before(self.index[start])
        inside = slice(*np.searchsorted(self.position, [start + 1, last + 1]).tolist())
        rep = self.rep[inside]
        order = np.argsort(rep, kind="stable")
        begins = np.flatnonzero(np.diff(rep[order], prepend=-1))
        if len(begins):
            jump = before(self.before[inside][order] + 1)
            jump -= before(self.first[inside][order])
            total[..., rep[order][begins]] += np.add.reduceat(jump, begins, axis=-1)
        return np.asarray(total)

    def windows(
        self,
        sums: RunningSums,
        rows: IntArray,
        distance: IntArray,
        begin: int,
        kernel: Kernel | None,
        start: int,
        length: int,
    ) -> Array:
        """Sums of a window of observations on every calendar, (1 + M, n, reps).

        rows : (n,) of the sums;  distance : (n,) position of each one's first window,
        all the same unless there is a kernel;  begin : column of the first date
        start, length : of the window, from the first one on
        """
        if kernel is None:
            of_dates = partial(_of_dates, sums, rows, begin)
            return self.sums(of_dates, int(distance[0]) + start, length)
        out = np.empty((len(sums.totals), len(rows), self.index.shape[1]))
        kernel(
            sums.totals,
            sums.row[rows],
            sums.first[rows],
            sums.stop[rows],
            distance + start,
            length,
            begin,
            self.index,
            self.begun,
            self.first[self.order],
            self.before[self.order],
            out,
        )
        return out


def _of_dates(sums: RunningSums, rows: IntArray, begin: int, date: IntArray) -> Array:
    return sums.before(rows, date[None] + begin)


def kernel_for(n_windows: int) -> Kernel | None:
    """Return the compiled loop where there are many windows, and numba."""
    if n_windows < _MANY:
        return None
    return compiled(_walk, "f3 i1 i1 i1 i1 n n i2 i2 i1 i1 F3", parts=[_before])


def _walk(
    totals: Array,
    row: IntArray,
    first: IntArray,
    stop: IntArray,
    start: IntArray,
    length: int,
    begin: int,
    index: IntArray,
    begun: IntArray,
    jump_first: IntArray,
    jump_before: IntArray,
    out: Array,
) -> None:
    """Do what `Calendars.sums` does, an observation at a time."""
    for e in range(len(row)):
        f, s, last = first[e], stop[e], start[e] + length - 1
        for m in range(len(totals)):
            own = totals[m, row[e]]
            taken = own[s] - own[f]
            for r in range(index.shape[1]):
                value = _before(own, index[last, r] + 1 + begin, f, s, taken)
                value -= _before(own, index[start[e], r] + begin, f, s, taken)
                for k in range(begun[start[e], r], begun[last, r]):
                    value += _before(own, jump_before[k] + 1 + begin, f, s, taken)
                    value -= _before(own, jump_first[k] + begin, f, s, taken)
                out[m, e, r] = value


def _before(own: Array, column: int, first: int, stop: int, taken: float) -> float:
    """Give the sum before a column, the event's own left out."""
    if column >= stop:
        return float(own[column] - taken)
    return float(own[min(column, first)])


@lru_cache(maxsize=4)
def calendars(n: int, reps: int, seed: int, block: float, n_dates: int) -> Calendars:
    """``n`` resampled dates; assets and measures of equal blocks share them.

    >>> calendars(5, 2, 0, 2.0, 9) is calendars(5, 2, 0, 2.0, 9)
    True
    """
    index: IntArray = resample(block_draws(n, reps, seed), np.array([block]), n_dates)[
        0
    ]
    begins = np.zeros(index.shape, np.bool_)
    begins[:, 1:] = index[:, 1:] != index[:, :-1] + 1
    rep, position = np.nonzero(begins)
    by_position = np.argsort(position, kind="stable")
    order = np.argsort(by_position, kind="stable")  # back to calendar by calendar
    rep, position = rep[by_position], position[by_position]
    return Calendars(
        index=np.ascontiguousarray(index.T),
        position=position,
        rep=rep,
        first=index[rep, position],
        before=index[rep, position - 1],
        order=order,
        begun=np.ascontiguousarray(np.cumsum(begins).reshape(index.shape).T),
    )
