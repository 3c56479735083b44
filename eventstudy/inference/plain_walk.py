"""The first walk through the observations, by operations on whole arrays.

Where every return is there and spans one session, arrays are worked on in place,
without marks of what is missing.
"""

from collections.abc import Sequence

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, Status
from eventstudy.core.loadings import unit_loadings
from eventstudy.core.windows import Window, columns, window_sums
from eventstudy.core.workspace import scratch
from eventstudy.inference.block import RowBlock, Walked
from eventstudy.inference.shared_error import error_key
from eventstudy.inference.standardised import (
    daily_sar,
    recent_volatility,
    standardised_residuals,
)
from eventstudy.inference.sums import AssetRows, ClockSums, Series, Sum


def plain_walk(
    block: RowBlock, windows: Sequence[Window], *, correlation: bool = True
) -> Walked:
    """Walk through a block.

    correlation : whether sums are wanted from which correlations are worked out
    """
    sums: dict[str, Sum] = {}
    series: dict[str, Series] = {}
    if correlation:
        pooled, series["residual"] = co_movement(block)
        sums |= {f"pooled_residual_{k}": v for k, v in pooled.items()}
        for window in windows:
            key = error_key(window)
            sums[key], series[key] = shared_loadings(block, window)
    ab, complete = block.ab, block.complete
    n_residuals = (
        np.full(len(ab.ar), ab.residuals.shape[1])
        if complete
        else (~np.isnan(ab.residuals)).sum(axis=1)
    )
    positive = np.count_nonzero(ab.residuals > 0, axis=1)
    sar = daily_sar(ab)
    recent, recent_n = recent_volatility(ab, complete=complete)
    held = [columns(ab, window) for window in windows]
    own = [window_sums(ab, window) for window in windows]
    return Walked(
        sums=sums,
        series=series,
        positive=positive / np.maximum(n_residuals, 1),
        recent=recent,
        recent_n=recent_n,
        car=np.column_stack([s.car for s in own]),
        se=np.column_stack([s.se for s in own]),
        n_valid=np.column_stack([s.n_valid for s in own]),
        sar_sum=np.column_stack([np.nansum(sar[:, at], axis=1) for at in held]),
        sar=sar,
    )


def co_movement(
    block: RowBlock, z: Array | None = None
) -> tuple[dict[str, Array], AssetRows | None]:
    """Sums of series ``z`` (E, T), by default the residuals: by date, and by asset.

    Every row is first brought to mean 0 and mean square 1, so that mean products of
    two complete rows are their correlation.
    """
    day, n_days = block.calendar.day, block.calendar.n_days
    present: BoolArray | None = None
    if block.complete:
        values = _unit_rows(block, block.ab.residuals if z is None else z)
        count = np.repeat(block.clocks.counts.astype(np.float64), values.shape[1])
    else:
        z = standardised_residuals(block.ab) if z is None else z
        values, present = _unit_rows_with_gaps(block.ab, z)
        count = block.to_clocks.of(present.astype(np.float64))
    held = day[block.clocks.values].ravel()
    pooled = {
        name: np.asarray(np.bincount(held, of.ravel(), n_days), np.float64)
        for name, of in (("sum", block.to_clocks.of(values)), ("count", count))
    }
    series = block.series(values, day, n_days, averaged=True, present=present)
    return pooled, series


def _unit_rows(block: RowBlock, z: Array) -> Array:
    """Complete rows with mean 0 and mean square 1."""
    out = np.empty(z.shape) if block.by_asset else scratch("unit", z.shape)
    np.subtract(z, z.mean(axis=1)[:, None], out=out)
    size = np.sqrt(np.einsum("et,et->e", out, out) / max(z.shape[1], 1))
    out *= (1.0 / np.where(size > 0, size, 1.0))[:, None]
    return out


def _unit_rows_with_gaps(ab: Abnormal, z: Array) -> tuple[Array, BoolArray]:
    """Rows with mean 0 and mean square 1, 0 where missing; and what is there."""
    valid = (ab.status == Status.OK)[:, None] & ~np.isnan(z)
    count = np.maximum(valid.sum(axis=1), 1)
    out = np.where(valid, z, 0.0)
    out -= np.where(valid, (out.sum(axis=1) / count)[:, None], 0.0)
    size = np.sqrt(np.einsum("et,et->e", out, out) / count)
    out /= np.where(size > 0, size, 1.0)[:, None]
    return out, valid


def shared_loadings(
    block: RowBlock, window: Window
) -> tuple[ClockSums, AssetRows | None]:
    """Sums of the unit `loadings` by clock (G, T+L), and by asset and date."""
    if block.complete:
        values = _complete_loadings(block, window)
    else:
        values = unit_loadings(block.ab, window)
    calendar = block.calendar
    day, n_days = calendar.whole, calendar.n_whole
    series = block.series(values, day, n_days, averaged=False)
    return block.by_clock(values), series


def _complete_loadings(block: RowBlock, window: Window) -> Array:
    """Unit loadings of observations with all returns: a form in the regressors."""
    ab, held = block.ab, columns(block.ab, window)
    t = ab.residuals.shape[1]
    shape = (len(ab.ar), t + ab.ar.shape[1])
    out = np.empty(shape) if block.by_asset else scratch("loadings", shape)
    past, event = out[:, :t], out[:, t:]
    event[:] = 0.0
    if ab.xtx_inv.shape[1]:
        rows = ab.x_event[:, held].sum(axis=1)
        weights = -np.einsum("ek,ekl->el", rows, ab.xtx_inv)
        past[:] = weights[:, :1]
        for f in range(ab.x_estimation.shape[2]):
            own = scratch("factor", past.shape)
            np.multiply(ab.x_estimation[:, :, f], weights[:, f + 1, None], out=own)
            past += own
    else:
        past[:] = 0.0
    length = held.stop - held.start
    size = np.sqrt(np.einsum("et,et->e", past, past) + length)
    past *= (1.0 / size)[:, None]
    event[:, held] = 1.0 / size[:, None]
    return out
