"""The likelihood as what is climbed."""

from dataclasses import replace

import numpy as np

from eventstudy.core.abnormal import Array, IntArray
from eventstudy.garch.compiled import Walk
from eventstudy.garch.likelihood import value, value_and_gradient
from eventstudy.garch.series import GarchSeries, Workspace
from eventstudy.garch.transform import from_free, pull_back, pull_back_twice

# Rows per call of the likelihood: few enough for the cache.
_PIECE = {"garch": 512, "gjr": 512, "egarch": 256}


class FreeObjective:
    """Log-likelihood and gradient in free coordinates, of chosen problems.

    Problem i is about the series ``i mod E``.
    kink : half width of EGARCH's rounding, one for each problem
    walk : the compiled likelihood, which takes the place of that of arrays
    """

    def __init__(
        self,
        s: GarchSeries,
        n_problems: int,
        work: Workspace,
        walk: Walk | None = None,
    ) -> None:
        self.series, self.work, self.walk = s, work, walk
        self.kink = s.kink[np.arange(n_problems) % len(s.n)]

    def __call__(
        self, at: Array, rows: IntArray, *, curved: bool
    ) -> tuple[Array, Array, Array | None]:
        """As `maximise.Objective`."""
        if self.walk is not None and not curved:
            s, theta = self.series, from_free(at, self.series)
            got = self.walk.value_and_gradient(theta, rows % len(s.n), self.kink[rows])
            with np.errstate(all="ignore"):
                return got.value, pull_back(got.gradient, at, s), None
        height, slope, s = np.empty(len(rows)), np.empty_like(at), self.series
        bend = np.empty((len(at), len(at), len(rows))) if curved else None
        for piece in pieces(s.kind, len(rows)):
            free, kink = at[:, piece], self.kink[rows[piece]]
            some = replace(s.take(rows[piece] % len(s.n), self.work), kink=kink)
            theta = from_free(free, some)
            with np.errstate(all="ignore"):
                got = value_and_gradient(theta, some, self.work, curved=curved)
                slope[:, piece] = pull_back(got.gradient, free, some)
                if bend is not None and got.information is not None:
                    bend[:, :, piece] = pull_back_twice(
                        got.information, got.gradient, free, some
                    )
            height[piece] = got.value
        return height, slope, bend


def heights(
    theta: Array,
    s: GarchSeries,
    rows: IntArray,
    work: Workspace,
    walk: Walk | None = None,
) -> Array:
    """Log-likelihoods (A,) of chosen rows (A,) at parameters (D, A)."""
    if walk is not None:
        return walk.value(theta, rows, s.kink[rows])
    out = np.empty(len(rows))
    for piece in pieces(s.kind, len(rows)):
        out[piece] = value(theta[:, piece], s.take(rows[piece], work), work)
    return out


def pieces(kind: str, n_rows: int) -> list[slice]:
    """Cut rows into parts that fit the cache."""
    size = _PIECE[kind]
    return [slice(first, first + size) for first in range(0, n_rows, size)]
