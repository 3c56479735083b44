"""Climbs of the likelihood from several starts, and which of them is the fit.

Likelihoods of short samples often have two maxima: of a variance that lasts, and of
one that is soon forgotten. Every series is climbed from the likeliest of a few starts
and from others that are about as likely, or where the first climb goes slowly or to
EGARCH's bound (see `transform`). The fit is the highest maximum beside that bound;
where there is none, the highest on it.
"""

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.garch.compiled import Walk
from eventstudy.garch.maximise import Climbs, Maximum, maximise
from eventstudy.garch.objective import FreeObjective, heights
from eventstudy.garch.prepare import SHARP
from eventstudy.garch.series import GarchSeries, Workspace
from eventstudy.garch.transform import forgets_slowly, to_free

# Starts of series of unit variance, of each line the likeliest: of a variance that
# lasts, of one that is soon forgotten. (persistence, α + γ/2) of GARCH and GJR,
# (α, γ, β) of EGARCH.
_Lines = tuple[tuple[tuple[float, ...], ...], ...]
_SQUARES: _Lines = (
    ((0.97, 0.05), (0.92, 0.08), (0.98, 0.02), (0.9, 0.2)),
    ((0.2, 0.1), (0.3, 0.25)),
)
_LOGS: _Lines = (
    ((0.16, 0.0, 0.92), (0.1, 0.0, 0.97)),
    ((0.3, -0.1, 0.2), (0.3, 0.1, 0.2)),
)
_STARTS = {"garch": _SQUARES, "gjr": _SQUARES, "egarch": _LOGS}
# Starts no lower than this below the highest are climbed from at once; the next one, if
# after so many steps more than that is still expected.
_NEAR, _SLOW, _FAR = 3.0, 5, 0.02
# Largest move of one coordinate in one step; EGARCH's likelihood has more hollows.
_LONGEST = {"garch": 1.0, "gjr": 1.0, "egarch": 0.3}
# Expected gain where EGARCH's kink is made sharp, and where all climbs end.
_LOOSE, _TIGHT = 1e-4, 1e-10
# From so many steps on a climb is given up if it comes this near to a higher one of its
# series, or if so many times its expected gain and a margin would not lift it as high.
_LEAST, _SAME, _HOPE, _MARGIN = 3, 0.1, 4.0, 1.0


def highest(
    s: GarchSeries, max_steps: int, work: Workspace, walk: Walk | None = None
) -> Maximum:
    """Highest maximum of each likelihood that the climbs find."""
    return _Race(s, work, walk).run(max_steps)


def starting_values(
    s: GarchSeries, work: Workspace, walk: Walk | None = None
) -> tuple[Array, Array]:
    """Starts (R, D, E), the likeliest of each series first, and heights (R, E)."""
    n, lines = len(s.n), _STARTS[s.kind]
    table = np.array([_start(s, one) for line in lines for one in line])
    places = np.tile(np.arange(n), len(table))
    height = heights(np.repeat(table, n, axis=0).T, s, places, work, walk)
    height = height.reshape(-1, n)
    chosen, first = np.empty((len(lines), n), np.int64), 0
    for rank, line in enumerate(lines):
        chosen[rank] = first + height[first : first + len(line)].argmax(axis=0)
        first += len(line)
    order = np.argsort(
        -np.take_along_axis(height, chosen, axis=0), axis=0, kind="stable"
    )
    chosen = np.take_along_axis(chosen, order, axis=0)
    return table[chosen].transpose(0, 2, 1), np.take_along_axis(height, chosen, axis=0)


def _start(s: GarchSeries, given: tuple[float, ...]) -> list[float]:
    if s.kind == "egarch":
        v = [0.0, *given]
    else:
        persistence, shocks = given
        v = [1.0 - persistence, shocks, persistence - shocks]
        if s.kind == "gjr":
            v.insert(2, 0.0)
    return [0.0] * s.n_mean + v + [0.0] * s.n_shifts + [0.125] * s.student


class _Race:
    """The climb of series i from its start of rank r is problem ``r E + i``.

    begun, blunt : (R, E) climbs that have started; that have yet to meet EGARCH's |e|
    without the rounding of its kink
    """

    def __init__(self, s: GarchSeries, work: Workspace, walk: Walk | None) -> None:
        starts, height = starting_values(s, work, walk)
        self.shape = n_ranks, n = height.shape
        self.series = s
        self.start = to_free(starts.transpose(1, 0, 2).reshape(-1, n_ranks * n), s)
        self.objective = FreeObjective(s, n_ranks * n, work, walk)
        self.begun = height > height[0] - _NEAR
        self.blunt = np.full(self.shape, s.kind == "egarch")

    def run(self, max_steps: int) -> Maximum:
        """Climb, and choose."""
        found = maximise(
            self.objective,
            self.start,
            first=np.flatnonzero(self.begun),
            settle=self.settle,
            max_steps=max_steps,
            tolerance=_LOOSE if self.blunt.any() else _TIGHT,
            longest=_LONGEST[self.series.kind],
        )
        tier = found.converged * (2 - forgets_slowly(found.at, self.series))
        tier, height = tier.reshape(self.shape), found.value.reshape(self.shape)
        height = np.where(tier == tier.max(axis=0), height, -np.inf)
        place = height.argmax(axis=0) * self.shape[1] + np.arange(self.shape[1])
        return Maximum(
            at=found.at[:, place],
            value=found.value[place],
            converged=found.converged[place],
            steps=found.steps[place],
        )

    def settle(self, ended: IntArray, climbs: Climbs) -> IntArray:
        """Sharpen the kink of climbs that ended; begin some, give up others."""
        blunt = self.blunt.ravel()
        further = ended[climbs.converged[ended] & blunt[ended]]
        self.objective.kink[further], blunt[further] = SHARP, False
        climbs.tolerance[further] = _TIGHT
        astray = forgets_slowly(climbs.at, self.series) & (climbs.steps > 0)
        astray[ended] |= ~climbs.converged[ended]
        slow = (climbs.steps >= _SLOW) & (climbs.gain > _FAR)
        begin = self._begin((astray | slow).reshape(self.shape))
        self._give_up(astray.reshape(self.shape), climbs)
        return np.concatenate([further, begin])

    def _begin(self, doubtful: BoolArray) -> IntArray:
        """Begin the next climb of series of which all so far are doubtful."""
        lost = (~self.begun | doubtful).all(axis=0) & ~self.begun.all(axis=0)
        series = np.flatnonzero(lost)
        rank = self.begun[:, series].sum(axis=0)
        self.begun[rank, series] = True
        return np.asarray(rank * self.shape[1] + series)

    def _give_up(self, astray: BoolArray, climbs: Climbs) -> None:
        """Give up climbs that will not end higher than another of their series."""
        value, gain, steps, dropped = (
            each.reshape(self.shape)
            for each in (climbs.value, climbs.gain, climbs.steps, climbs.dropped)
        )
        height = np.where(astray | dropped, -np.inf, value)
        top = height.argmax(axis=0), np.arange(self.shape[1])
        at = climbs.at.reshape(-1, *self.shape)
        apart = np.abs(at - at[:, *top][:, None]).max(axis=0)
        with np.errstate(invalid="ignore"):
            hope = value + _HOPE * gain + _MARGIN
        useless = (apart < _SAME) | (hope < height[top])
        out = astray | useless & (steps >= _LEAST)
        out &= np.isfinite(height[top]) & ~self.blunt[top]
        out[top] = False
        climbs.dropped |= out.ravel()
