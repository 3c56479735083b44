"""Sums over any sessions of a history, as differences of running sums.

Observations of one asset differ in the sessions that their event takes out, and in
nothing else, so the running sums of its series serve all of them: those of an
observation stand still over its event's sessions.
"""

from dataclasses import dataclass

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.volatility.histories import Histories
from eventstudy.volatility.spread import Spread, complete

# Series whose parts are worked out at once.
_ROWS = 512


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunningSums:
    """Running sums of the number of valid sessions, and of their parts.

    totals : (1 + M, A, S + 1) of series;  row : (E,) each observation's series
    first, stop : (E,) the columns that its event takes out, half open
    """

    totals: Array
    row: IntArray
    first: IntArray
    stop: IntArray

    def before(self, rows: IntArray, column: IntArray) -> Array:
        """Sums of the sessions before columns, (1 + M, n, K) of n observations.

        column : (n, K), or (1, K) for observations of one date
        """
        pick = rows[: len(column)]
        first, stop = self.first[pick, None], self.stop[pick, None]
        inner = np.where((column > first) & (column < stop), first, column)
        found: Array = self.totals[:, self.row[rows, None], inner]
        behind = column >= stop
        if (stop > first).any() and behind.any():
            found -= np.where(behind, self._taken(rows)[..., None], 0.0)
        return found

    def whole(self, rows: IntArray) -> Array:
        """Sums of all sessions of n observations, (1 + M, n)."""
        return np.asarray(self.totals[:, self.row[rows], -1] - self._taken(rows))

    def _taken(self, rows: IntArray) -> Array:
        row = self.row[rows]
        first, stop = self.first[rows], self.stop[rows]
        return np.asarray(self.totals[:, row, stop] - self.totals[:, row, first])


def running_sums(spread: Spread, held: Histories) -> RunningSums:
    """Work out the running sums of the series that histories share."""
    n_series, n_dates = held.values.shape[:2]
    parts = [
        _running(spread.parts(held.values[start : start + _ROWS]))
        for start in range(0, n_series, _ROWS)
    ]
    return RunningSums(
        totals=parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1),
        row=held.row,
        first=np.clip(held.first, 0, n_dates),
        stop=np.clip(held.stop, 0, n_dates),
    )


def _running(parts: Array) -> Array:
    """Running sums of the valid sessions' number and parts, (1 + M, E, S + 1)."""
    valid = complete(parts)
    totals = np.zeros((1 + len(parts), *valid.shape[:1], valid.shape[1] + 1))
    np.cumsum(valid, axis=-1, out=totals[0, :, 1:])
    np.cumsum(np.where(valid, parts, 0.0), axis=-1, out=totals[1:, :, 1:])
    return totals


def dates_held(held: Histories) -> BoolArray:
    """Tell on which dates some observation has a value, (S,)."""
    n_dates = held.values.shape[1]
    valid: BoolArray = np.asarray(
        np.isfinite(held.values).any(axis=tuple(range(2, held.values.ndim)))
    )
    number = np.bincount(held.row, minlength=len(valid)) @ valid.astype(np.float64)
    length = int((held.stop - held.first).max(initial=0))
    column = held.first[:, None] + np.arange(length)
    out = (column < held.stop[:, None]) & (column >= 0) & (column < n_dates)
    column = np.clip(column, 0, n_dates - 1)
    np.subtract.at(number, column[out], valid[held.row[:, None], column][out])
    return np.asarray(number > 0.5)
