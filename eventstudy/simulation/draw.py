"""Sessions drawn for every replication, and the fits on their returns."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eventstudy.core.abnormal import Abnormal, Array, IntArray
from eventstudy.core.bootstrap import block_draws, resample
from eventstudy.core.donors import Donors
from eventstudy.models import MODELS, Model
from eventstudy.simulation.design import DrawnDonors, ModelBlock, SimulationDesign

# How much larger returns were before a market calmed down, and how many sessions before
# the first date it did.
WILDER, CALM = 1.6, 45


def draw_sessions(design: SimulationDesign, replications: int, seed: int) -> IntArray:
    """Return the calendar's session on each place of each path, (R, path).

    Stationary bootstrap of whole sessions: every asset and factor takes its return
    of the same session, so their dependence and their tails are the data's, and
    blocks keep the clustering of volatility. The pool's sessions count as adjacent
    where those between them were taken out.

    Politis & Romano (1994), J. American Statistical Association 89.
    """
    draws = block_draws(design.path, replications, seed)
    index = resample(draws, np.array([design.block]), len(design.pool))[0]
    return np.asarray(design.pool[index], np.int64)


def draw_shocks(design: SimulationDesign, replications: int, seed: int) -> Array:
    """Return a standard normal for every cluster of dates there may be, (R, C)."""
    most = sum(len(part.base) for part in design.parts)
    rng = np.random.default_rng([seed, 1])
    return rng.standard_normal((replications, most))


def replicate(
    part: ModelBlock, sessions: IntArray, *, simple: bool, scale: Array | None = None
) -> Abnormal:
    """Fit every observation on every path in one call; rows are (R x N).

    sessions : (R, path);  scale : (path,) factor on all returns, by default 1. Returns
    that span a gap in the study are compounded over the same sessions of the path.
    """
    n_paths, n_obs = len(sessions), len(part.base)
    y, x = _returns(part, sessions, 0, scale)
    for back in range(1, int(part.span.max(initial=1))):
        more_y, more_x = _returns(part, sessions, back, scale)
        spans = part.span > back
        y += np.where(spans, more_y, 0.0)
        x += np.where(spans[:, :, None], more_x, 0.0)
    if simple:
        y, x = np.expm1(y), np.expm1(x)
    y[:, ~part.keep] = np.nan
    shape = (n_paths * n_obs, part.at.shape[1])

    def repeated(values: NDArray[Any]) -> NDArray[Any]:
        return np.tile(values, (n_paths, *(1 for _ in values.shape[1:])))

    setting = part.setting
    entry = MODELS.entry(setting.model).with_options(setting.options)
    more: dict[str, Any] = {"window": part.window} if entry.by_window else {}
    if part.donors:
        more["donors"] = _donors(part, part.donors, sessions, scale, simple=simple)
    fit: Model = partial(entry, **more)
    return fit(
        y.reshape(shape),
        x.reshape(*shape, -1) if setting.regressors else None,
        n_estimation=part.n_estimation,
        span=repeated(part.span),
        asset=repeated(part.asset),
        clock=repeated(part.clock),
        clocks=part.clocks,
        first_offset=part.first_offset,
    )


def _donors(
    part: ModelBlock,
    drawn: DrawnDonors,
    sessions: IntArray,
    scale: Array | None,
    *,
    simple: bool,
) -> Donors:
    """Gather the donors of every date on every path; rows are (R x N)."""
    n_paths = len(sessions)
    at, date = np.unique(part.at, axis=0, return_inverse=True)
    growth = drawn.growth[sessions[:, at]]
    if scale is not None:
        growth = growth * scale[at][None, :, :, None]
    row = date.ravel() + len(at) * np.arange(n_paths)[:, None]
    allowed = drawn.allowed.any(axis=0)
    return Donors(
        returns=np.expm1(growth).reshape(-1, *growth.shape[2:])[:, :, allowed],
        row=row.ravel(),
        allowed=np.tile(drawn.allowed[:, allowed], (n_paths, 1)),
        in_logs=not simple,
        follows=drawn.follows,
    )


def wilder_before(design: SimulationDesign) -> Array:
    """Return the scale of a market that has calmed down, (path,)."""
    until = design.first_date - CALM
    return np.where(np.arange(design.path) < until, WILDER, 1.0)


def _returns(
    part: ModelBlock, sessions: IntArray, back: int, scale: Array | None
) -> tuple[Array, Array]:
    """Gather growth (R, N, T+L) and that of factors, ``back`` sessions before."""
    at = part.base[:, None] + sessions[:, part.at - back]
    y, x = part.growth[at], part.factor_growth[at]
    if scale is None:
        return y, x
    own = scale[part.at - back]
    return y * own, x * own[:, :, None]
