"""The first walk through the observations as one compiled loop.

It does what `plain_walk` does with arrays, an observation at a time, whose rows stay in
the nearest cache. See docs/adr/0018-compiled-kernels.md.
"""

from collections.abc import Sequence

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, IntArray, Status
from eventstudy.core.compiled import compiled
from eventstudy.core.windows import Window, columns
from eventstudy.inference.block import RowBlock, Walked, is_one
from eventstudy.inference.shared_error import error_key
from eventstudy.inference.standardised import LEAST_RECENT, RECENT
from eventstudy.inference.sums import Series, Sum


def compiled_walk(block: RowBlock, windows: Sequence[Window]) -> Walked | None:
    """Walk through a block, as `plain_walk` does; None where nothing is compiled."""
    kernel = compiled(_walk, _ARGUMENTS, parts=_PARTS)
    if kernel is None:
        return None
    ab, calendar = block.ab, block.calendar
    n_obs, t = ab.residuals.shape
    width, n_windows = t + ab.ar.shape[1], len(windows)
    held = [columns(ab, window) for window in windows]
    kept = n_obs if block.by_asset else 0
    pooled = np.zeros((2, calendar.n_days))
    by_clock = np.zeros((n_windows, block.clocks.n, width))
    rows, loadings = np.zeros((kept, t)), np.zeros((n_windows, kept, width))
    own, sums = np.empty((n_obs, 3)), np.empty((n_obs, n_windows, 4))
    sar = np.empty(ab.ar.shape)
    kernel(
        ab.residuals,
        ab.ar,
        ab.span_estimation,
        ab.span_event,
        ab.x_estimation,
        ab.x_event,
        ab.xtx_inv,
        ab.cov_coef,
        ab.sigma,
        np.asarray(ab.status == Status.OK),
        calendar.day[block.clocks.values],
        block.clocks.index,
        np.array([at.start for at in held]),
        np.array([at.stop for at in held]),
        block.by_asset,
        is_one(ab.span_estimation) and is_one(ab.span_event),
        pooled,
        by_clock,
        rows,
        loadings,
        own,
        sums,
        sar,
    )
    few = np.isnan(own[:, 1])
    related = _related(block, windows, pooled, by_clock, rows, loadings)
    return Walked(
        sums=related[0],
        series=related[1],
        positive=own[:, 0],
        recent=np.where(few, ab.sigma, own[:, 1]),
        recent_n=np.where(few, ab.df, own[:, 2]),
        car=sums[:, :, 0],
        se=sums[:, :, 1],
        n_valid=sums[:, :, 2].astype(np.int64),
        sar_sum=sums[:, :, 3],
        sar=sar,
    )


def _related(
    block: RowBlock,
    windows: Sequence[Window],
    pooled: Array,
    by_clock: Array,
    rows: Array,
    loadings: Array,
) -> tuple[dict[str, Sum], dict[str, Series]]:
    """Name the sums from which correlations are worked out."""
    ab, calendar = block.ab, block.calendar
    sums: dict[str, Sum] = {
        "pooled_residual_sum": pooled[0],
        "pooled_residual_count": pooled[1],
    }
    present: BoolArray | None = None
    if block.by_asset and not block.complete:
        present = (ab.status == Status.OK)[:, None] & ~np.isnan(ab.residuals)
    day, n_days = calendar.day, calendar.n_days
    series: dict[str, Series] = {
        "residual": block.series(rows, day, n_days, averaged=True, present=present)
    }
    day, n_days = calendar.whole, calendar.n_whole
    for i, window in enumerate(windows):
        key = error_key(window)
        sums[key] = block.clock_sums(by_clock[i])
        series[key] = block.series(loadings[i], day, n_days, averaged=False)
    return sums, series


def _walk(
    residuals: Array,
    ar: Array,
    span_past: Array,
    span_event: Array,
    x_past: Array,
    x_event: Array,
    xtx_inv: Array,
    cov_coef: Array,
    sigma: Array,
    ok: BoolArray,
    day: IntArray,
    clock: IntArray,
    start: IntArray,
    stop: IntArray,
    kept: bool,  # noqa: FBT001  compiled functions take places, not names
    unit: bool,  # noqa: FBT001
    pooled: Array,
    by_clock: Array,
    rows: Array,
    loadings: Array,
    own: Array,
    sums: Array,
    sar: Array,
) -> None:
    """Walk through observations; what is added to begins as zeros."""
    n_obs, t = residuals.shape
    n_clocks, k = day.shape[0], xtx_inv.shape[1]
    z_sum, z_count = np.zeros((n_clocks, t)), np.zeros((n_clocks, t))
    complete = np.zeros(n_clocks)
    r, a = np.empty(t), np.empty(t + ar.shape[1])
    x, s, c = np.empty((x_past.shape[2], t)), np.empty(k), np.empty(k)
    after = np.empty((k, ar.shape[1]))
    for e in range(n_obs):
        for j in range(t):
            r[j] = residuals[e, j]
        for f in range(x_past.shape[2]):
            for j in range(t):
                x[f, j] = x_past[e, j, f]
        for p in range(k):
            for j in range(ar.shape[1]):
                after[p, j] = x_event[e, j, p]
        n_valid = _shares(r, span_past[e], own[e])
        whole = unit and n_valid == t
        _standardise(ar[e], span_event[e], after, cov_coef[e], sigma[e], sar[e])
        for w in range(len(start)):
            _window(
                ar[e],
                sar[e],
                span_event[e],
                after,
                xtx_inv[e],
                cov_coef[e],
                sigma[e],
                start[w],
                stop[w],
                s,
                c,
                a[t:],
                sums[e, w],
            )
            if sums[e, w, 2] == 0.0 or sigma[e] != sigma[e]:
                continue
            _past(r, span_past[e], x, c, whole, a[:t])
            if not unit:
                _on_sessions(a[:t], span_past[e])
                _on_sessions(a[t:], span_event[e])
            _unit(a, 1.0)
            for j in range(len(a)):
                by_clock[w, clock[e], j] += a[j]
            if kept:
                loadings[w, e] = a
        if ok[e]:
            if whole:
                complete[clock[e]] += 1.0
            _centre(r, span_past[e], n_valid, whole, unit, z_count[clock[e]])
            _unit(r, max(n_valid, 1.0))
            for j in range(t):
                z_sum[clock[e], j] += r[j]
            if kept:
                rows[e] = r
    for i in range(n_clocks):
        for j in range(t):
            pooled[0, day[i, j]] += z_sum[i, j]
            pooled[1, day[i, j]] += z_count[i, j] + complete[i]


def _shares(r: Array, span: Array, own: Array) -> float:
    """Count residuals, and set the share of positive ones and recent volatility."""
    n_valid, n_positive = 0.0, 0.0
    for j in range(len(r)):
        n_valid += 1.0 if r[j] == r[j] else 0.0
        n_positive += 1.0 if r[j] > 0.0 else 0.0
    own[0] = n_positive / max(n_valid, 1.0)
    square, n_last = 0.0, 0
    for j in range(len(r) - 1, -1, -1):
        if n_last == RECENT:
            break
        if r[j] == r[j]:
            square += r[j] * r[j] / span[j]
            n_last += 1
    enough = n_last >= LEAST_RECENT and square > 0.0
    own[1] = np.sqrt(square / n_last) if enough else np.nan
    own[2] = n_last
    return n_valid


def _standardise(
    ar: Array, span: Array, x: Array, cov_coef: Array, sigma: float, sar: Array
) -> None:
    """Set abnormal returns over their forecast standard errors."""
    k, n = cov_coef.shape[0], len(ar)
    for j in range(n):
        sar[j] = span[j]
    for p in range(k):
        for q in range(k):
            weight = cov_coef[p, q]
            for j in range(n):
                sar[j] += weight * x[p, j] * x[q, j]
    for j in range(n):
        sar[j] = ar[j] / (sigma * np.sqrt(sar[j]))


def _window(
    ar: Array,
    sar: Array,
    span: Array,
    x: Array,
    xtx_inv: Array,
    cov_coef: Array,
    sigma: float,
    start: int,
    stop: int,
    s: Array,
    contrast: Array,
    there: Array,
    sums: Array,
) -> None:
    """Set sums over a window, its contrast s'(X'X)^-1, and 1 where it has returns."""
    k = len(s)
    car, sar_sum, length, n_valid, error = 0.0, 0.0, 0.0, 0.0, 0.0
    s[:] = 0.0
    there[:] = 0.0
    for j in range(start, stop):
        sar_sum += sar[j] if sar[j] == sar[j] else 0.0
        if ar[j] == ar[j]:
            car += ar[j]
            length += span[j]
            n_valid += 1.0
            there[j] = 1.0
            for p in range(k):
                s[p] += x[p, j]
    for q in range(k):
        contrast[q], spread = 0.0, 0.0
        for p in range(k):
            contrast[q] += s[p] * xtx_inv[p, q]
            spread += s[p] * cov_coef[p, q]
        error += spread * s[q]
    sums[0] = car if n_valid else np.nan
    sums[1] = sigma * np.sqrt(length + error) if n_valid else np.nan
    sums[2] = n_valid
    sums[3] = sar_sum


def _past(
    r: Array,
    span: Array,
    x: Array,
    contrast: Array,
    whole: bool,  # noqa: FBT001
    out: Array,
) -> None:
    """Set the loadings of the estimation window, those of each return on itself."""
    if len(contrast) == 0:
        out[:] = 0.0
        return
    if whole:
        out[:] = -contrast[0]
        for f in range(len(x)):
            slope = contrast[f + 1]
            for j in range(len(r)):
                out[j] -= slope * x[f, j]
        return
    for j in range(len(r)):
        value = 0.0
        if r[j] == r[j]:
            value = contrast[0] * _sessions(span[j])
            for f in range(len(x)):
                value += contrast[f + 1] * x[f, j]
        out[j] = -value / span[j]


def _sessions(span: float) -> float:
    """Sessions that a return spans; 1 where the span holds a variance instead."""
    n = np.rint(span)
    return n if n == span and n >= 1.0 else 1.0


def _on_sessions(values: Array, span: Array) -> None:
    """Put the value of each return on all sessions that it spans, the earlier ones."""
    for j in range(len(values)):
        n = _sessions(span[j])
        values[j] *= np.sqrt(span[j] / n)
        for back in range(1, min(int(n), j + 1)):
            values[j - back] += values[j]


def _unit(values: Array, n: float) -> None:
    """Bring values to the mean square 1/n of their sum of squares."""
    size = 0.0
    for j in range(len(values)):
        size += values[j] * values[j]
    size = np.sqrt(size / n)
    if size > 0.0:
        scale = 1.0 / size
        for j in range(len(values)):
            values[j] *= scale


def _centre(
    r: Array,
    span: Array,
    n_valid: float,
    whole: bool,  # noqa: FBT001
    unit: bool,  # noqa: FBT001
    count: Array,
) -> None:
    """Take the mean out of residuals per root of their span; count those of gaps."""
    total = 0.0
    if whole:
        for j in range(len(r)):
            total += r[j]
        mean = total / n_valid
        for j in range(len(r)):
            r[j] -= mean
        return
    for j in range(len(r)):
        if not unit:
            r[j] /= np.sqrt(span[j])
        total += r[j] if r[j] == r[j] else 0.0
    mean = total / max(n_valid, 1.0)
    for j in range(len(r)):
        count[j] += 1.0 if r[j] == r[j] else 0.0
        r[j] = r[j] - mean if r[j] == r[j] else 0.0


_ARGUMENTS = "f2 f2 f2 f2 f3 f3 f3 f3 f1 b1 i2 i1 i1 i1 t t F2 F3 F2 F3 F2 F3 F2"
_PARTS = (
    _sessions,
    _shares,
    _standardise,
    _window,
    _past,
    _on_sessions,
    _unit,
    _centre,
)
