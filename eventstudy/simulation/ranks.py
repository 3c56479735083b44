"""Ranks among sessions of which an injection changes a few.

Whatever no injection touches is sorted once; the changed sessions are inserted.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray


@dataclass(frozen=True, kw_only=True, eq=False)
class OtherSessions:
    """Values (R, N, M) of the sessions that stay, and their ranks among themselves.

    present : (N, M) there is a value;  there : (N, J) and of the sessions to come
    """

    values: Array
    ranks: Array
    present: BoolArray
    there: BoolArray

    @property
    def n_valid(self) -> Array:
        """Values of each observation in all, (N, 1)."""
        held = self.present.sum(axis=1) + self.there.sum(axis=1)
        return np.asarray(held, np.float64)[:, None]

    @cached_property
    def sums(self) -> Array:
        """Sums of centred ranks (R, M), the sessions to come not yet counted."""
        centred = np.where(self.present, self.ranks / (1.0 + self.n_valid) - 0.5, 0.0)
        return np.asarray(centred.sum(axis=1), np.float64)

    def insert(self, own: Array) -> tuple[Array, Array]:
        """Return by how much values ``own`` (R, N, J) lift the ranks, and their own."""
        lifted, above = insertions(self.values, own)
        outside = self.present.sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            mine, others = own[:, :, :, None], own[:, :, None, :]
            below = 0.5 * ((mine > others).sum(axis=3) + (mine >= others).sum(axis=3))
        return lifted, 1.0 + outside - above + below - 0.5  # each is level with itself

    def centred(self, lifted: Array, rank: Array) -> tuple[Array, Array]:
        """Sums of centred ranks of the sessions that stay (R, M) and to come (R, J)."""
        weight = 1.0 / (1.0 + self.n_valid)
        own = np.where(self.there, rank * weight - 0.5, 0.0).sum(axis=1)
        return self.sums + weight[:, 0] @ lifted, own

    def signs(self, lifted: Array, rank: Array) -> tuple[Array, Array]:
        """Sums of the signs of the ranks about the median rank, likewise."""
        middle = (self.n_valid + 1.0) / 2.0
        stay = np.where(self.present, np.sign(self.ranks + lifted - middle), 0.0)
        come = np.where(self.there, np.sign(rank - middle), 0.0)
        return stay.sum(axis=1), come.sum(axis=1)


def insertions(values: Array, inserted: Array) -> tuple[Array, Array]:
    """Return by how much inserted values lift the ranks of others, and how many.

    values : (R, N, M);  inserted : (R, N, J). A value is lifted by one for each
    smaller inserted one, by a half for an equal one; nan lifts nothing. Second, the
    values above each inserted one, (R, N, J), equal ones counted half.
    """
    n_inserted = inserted.shape[2]
    # Counted in halves, in the smallest integers that hold them: memory is the limit.
    halves = np.zeros(values.shape, np.int8 if n_inserted < 64 else np.int16)
    above = np.empty(inserted.shape)
    with np.errstate(invalid="ignore"):
        for j in range(n_inserted):
            one = inserted[:, :, j : j + 1]
            larger = (values > one).view(np.int8) + (values >= one).view(np.int8)
            above[:, :, j] = 0.5 * larger.sum(axis=2, dtype=np.int64)
            halves += larger
    return np.multiply(halves, 0.5, dtype=np.float64), above
