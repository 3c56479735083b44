"""Histories of many observations that share their assets' series.

Thousands of observations of hundreds of assets differ in what their own event takes
out of the asset's series, and in nothing else. Each series is kept once, and rows are
cut when they are asked for.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Histories:
    """Sessions of E observations, (E, S, ...), cut when they are asked for.

    Parameters
    ----------
    values : ndarray
        Series, (A, S, ...), nan = missing.
    row : ndarray
        Each observation's series, (E,).
    first, stop : ndarray
        The columns that its event takes out, half open, (E,) each.

    Examples
    --------
    >>> held = Histories(
    ...     values=np.arange(4.0)[None],
    ...     row=np.array([0, 0]),
    ...     first=np.array([1, 2]),
    ...     stop=np.array([2, 4]),
    ... )
    >>> held.shape, held[1:]
    ((2, 4), array([[ 0.,  1., nan, nan]]))
    """

    values: Array
    row: IntArray
    first: IntArray
    stop: IntArray

    def __len__(self) -> int:
        """Count the observations."""
        return len(self.row)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array that this stands for."""
        return len(self.row), *self.values.shape[1:]

    def __getitem__(self, rows: slice | IntArray | BoolArray) -> Array:
        """Return rows as an array."""
        out: Array = self.values[self.row[rows]]  # a copy: rows are listed
        column = np.arange(out.shape[1])
        first, stop = self.first[rows, None], self.stop[rows, None]
        out[(column >= first) & (column < stop)] = np.nan
        return out

    def __array__(
        self,
        dtype: Any = None,  # noqa: ANN401 - what numpy hands over
        copy: bool | None = None,  # noqa: FBT001
    ) -> Array:
        """Return all rows as an array."""
        return self[:].astype(dtype or np.float64, copy=False)

    def of(self, rows: slice | IntArray | BoolArray) -> "Histories":
        """Keep some observations."""
        return replace(
            self, row=self.row[rows], first=self.first[rows], stop=self.stop[rows]
        )

    def own(self) -> "Histories":
        """Leave out series that no observation has."""
        kept, row = np.unique(self.row, return_inverse=True)
        if len(kept) == len(self.values):
            return self
        return replace(self, values=self.values[kept], row=row)


def histories_of(history: Array | Histories) -> Histories:
    """Take an array (E, S, ...) for histories of which nothing is left out any more."""
    if isinstance(history, Histories):
        return history
    values = np.asarray(history, np.float64)
    nowhere = np.zeros(len(values), np.int64)
    return Histories(
        values=values, row=np.arange(len(values)), first=nowhere, stop=nowhere
    )
