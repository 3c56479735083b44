"""Event volatility against GARCH models of abnormal returns, for headline events.

The forecasts are made at the end of the estimation window; the dummies stand in a
model of the whole history. The tests of forecasts are one-sided, for a rise.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import polars as pl

from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.garch import GarchFit, fit, forecast, half_life
from eventstudy.spec import StudySpec
from eventstudy.study.estimate import Estimate, Estimator
from eventstudy.study.samples import ALL, Fitted
from eventstudy.study.schema import SCHEMA, empty
from eventstudy.study.volatility_pieces import ABNORMAL, Piece, keep, plain
from eventstudy.study.volatility_tables import (
    ShiftRows,
    pools,
    who_of,
    windows_of,
)
from eventstudy.volatility import (
    ShiftResult,
    VolatilityTest,
    cumulative_abnormal_volatility,
    date_clusters,
    filtered_simulation,
    garch_dummy,
    window_dummy,
)
from eventstudy.volatility.conditional import GARCH, cav_missing
from eventstudy.volatility.spread import dated

# Rows whose simulated paths are held at once, and observations of a pool at most.
_CHUNK = 512
_MOST_POOLED = 3_000
# A step beyond this multiple of the standard deviation is a likelihood without a top.
_STEEPEST = 200.0
# Sessions, volatility before and after of a group of which nothing is left.
_NOTHING = (np.zeros(1, np.int64), np.full(1, np.nan), np.full(1, np.nan))
_SHARED = ("kind", "dist", "names")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GarchForecasts:
    """GARCH fits of estimation windows, and the abnormal returns that follow.

    piece : the observations;  found : E fits;  clock : (E,)
    ar : (E, F) per session, of the offsets (F,) after the estimation window
    """

    piece: Piece
    found: GarchFit
    clock: IntArray
    ar: Array
    offsets: IntArray

    @property
    def settles(self) -> BoolArray:
        """Whether shocks to the variance die out within the estimation window, (E,).

        The forecast of a fit whose shocks last drifts without end, and squares over it
        say nothing of the event.
        """
        return np.asarray(half_life(self.found) <= self.found.n)

    def within(self, window: tuple[int, int]) -> Array:
        """Abnormal returns up to the window's end, nan before it begins."""
        inside = (self.offsets >= window[0]) & (self.offsets <= window[1])
        return np.where(inside, self.ar, np.nan)[:, self.offsets <= window[1]]


def garch_forecasts(fitted: Fitted, held: Sequence[Piece]) -> list[GarchForecasts]:
    """Fit the estimation windows of the headline events.

    held : the pieces of the fits; those of abnormal returns are read
    """
    blocks = [(e, one) for e, found in fitted for one in found if len(one.rows)]
    measured = plain(held, ABNORMAL)
    return [
        _forecasts(estimator, estimate, piece, headline)
        for (estimator, estimate), piece in zip(blocks, measured, strict=True)
        if (headline := piece.keys["headline"].to_numpy()).any()
    ]


def without_average(forecasts: Sequence[GarchForecasts]) -> pl.DataFrame:
    """Return rows of the ledger for fits that no average of a group takes in."""
    out = [empty("ledger")]
    for one in forecasts:
        found, lasting = one.found, one.found.converged & ~one.settles
        out.append(
            one.piece.keys.filter(pl.Series(lasting))
            .with_columns(
                stage=pl.lit(GARCH.name),
                reason=pl.lit(
                    "half of a shock to the variance outlives the estimation window "
                    "(persistence at 1): not in the averages of GARCH tests"
                ),
                held=pl.lit(None, pl.String),
                wanted=pl.Series(
                    [f"a half-life of {n} sessions at most" for n in found.n[lasting]],
                    dtype=pl.String,
                ),
            )
            .select(list(SCHEMA["ledger"].dtypes))
        )
    return pl.concat(out)


def garch_shifts(
    spec: StudySpec, groups: Sequence[str], forecasts: Sequence[GarchForecasts]
) -> Iterator[ShiftRows]:
    """Yield the answers of single observations, then those of groups, by window."""
    by_piece = {id(f.piece): f for f in forecasts}
    own = [f.piece for f in forecasts]
    joint = [p for p in pools(groups, own) if p.asset == ALL] if own else []
    for window in windows_of(spec):
        for one in forecasts:
            for start in range(0, len(one.ar), _CHUNK):
                part = _take(one, np.arange(start, min(start + _CHUNK, len(one.ar))))
                who = who_of(spec, part.piece, window)
                for answer in (_simulation, _dummy):
                    found = answer(spec, part, windows_of(spec)[window])
                    yield ShiftRows(who=who, window=window, found=found)
        for pool in joint:
            members = [
                _take(by_piece[id(p)], np.flatnonzero(at & by_piece[id(p)].settles))
                for p, at in pool.chosen
            ]
            for found in _cumulated(spec, members, windows_of(spec)[window]):
                yield ShiftRows(who=pool.who, window=window, found=found)


def _forecasts(
    estimator: Estimator, estimate: Estimate, piece: Piece, rows: BoolArray
) -> GarchForecasts:
    columns, wide = estimator.panel.columns, estimate.wide
    others = columns.offsets[columns.n_estimation :]
    after = others > columns.offsets[columns.n_estimation - 1]
    residuals = wide.residuals / np.sqrt(wide.span_estimation)
    ar = wide.ar / np.sqrt(wide.span_event)
    return GarchForecasts(
        piece=replace(keep(piece, rows), measure=GARCH),
        found=fit(residuals[rows], dist="t"),
        clock=wide.clock[rows],
        ar=ar[rows][:, after],
        offsets=others[after],
    )


def _take(one: GarchForecasts, rows: IntArray) -> GarchForecasts:
    inside = np.zeros(len(one.ar), np.bool_)
    inside[rows] = True
    return replace(
        one,
        piece=keep(one.piece, inside),
        found=_fits([one.found], [rows]),
        clock=one.clock[rows],
        ar=one.ar[rows],
    )


def _fits(found: Sequence[GarchFit], rows: Sequence[IntArray]) -> GarchFit:
    """Join rows of several fits."""
    joined: dict[str, Any] = {
        field.name: np.concatenate(
            [getattr(f, field.name)[at] for f, at in zip(found, rows, strict=True)]
        )
        for field in fields(GarchFit)
        if field.name not in _SHARED
    }
    return replace(found[0], **joined)


def _simulation(
    spec: StudySpec, one: GarchForecasts, window: tuple[int, int]
) -> ShiftResult:
    """Set each window's squares over their forecasts against simulated ones."""
    ar = one.within(window)
    test = filtered_simulation(one.found, ar, reps=spec.resamples, seed=spec.seed)
    pre, post = _root_means(one.found, ar, axis=1)
    known = np.array([reason is None for reason in test.reason], np.bool_)
    post = np.where(known, post, np.nan)
    return _shift(test, np.isfinite(ar).sum(axis=1), pre, post, n_clusters=test.n)


def _root_means(
    found: GarchFit, ar: Array, axis: int | tuple[int, ...]
) -> tuple[Array, Array]:
    """Root mean forecast variance and root mean square of the abnormal returns."""
    h = forecast(found, ar.shape[1])
    known = np.isfinite(ar) & np.isfinite(h)
    n = known.sum(axis=axis)
    with np.errstate(divide="ignore", invalid="ignore"):
        pre = np.sqrt(np.where(known, h, 0.0).sum(axis=axis) / n)
        post = np.sqrt(np.where(known, ar**2, 0.0).sum(axis=axis) / n)
    return np.atleast_1d(pre), np.atleast_1d(post)


def _dummy(
    spec: StudySpec, one: GarchForecasts, window: tuple[int, int]
) -> ShiftResult:
    """Let the variance step up during the window, in a model of the whole history.

    pre : root mean square of the other sessions; that of the model has no value where
    its shocks do not die out.
    """
    values = one.piece.values[one.piece.row]
    columns = np.flatnonzero(dated(values))
    first, last = columns[0], columns[-1] + 1
    dummy = window_dummy(last - first, one.piece.day0 - first, window)
    found = garch_dummy(values[:, first:last], dummy, dist="t", level=spec.level)
    outside = np.where(dummy > 0, np.nan, values[:, first:last])
    pre = np.sqrt(np.nanmean(outside**2, axis=1))
    with np.errstate(invalid="ignore"):
        steep = np.abs(np.log(found.ratio)) > np.log(_STEEPEST)
    known = ~steep & np.isfinite(found.ratio)
    names = ("ratio", "ci_low", "ci_high", "statistic", "df", "pvalue")
    kept: dict[str, Any] = {
        name: np.where(known, getattr(found, name), np.nan) for name in names
    }
    return replace(
        found,
        pre=np.where(known, pre, np.nan),
        post=np.where(known, pre * found.ratio, np.nan),
        reason=tuple(
            "the likelihood rises without end as the step grows" if lost else reason
            for lost, reason in zip(steep, found.reason, strict=True)
        ),
        **kept,
    )


def _cumulated(
    spec: StudySpec, members: Sequence[GarchForecasts], window: tuple[int, int]
) -> Iterator[ShiftResult]:
    """Test a group's cumulative abnormal volatility."""
    if not sum(len(m.ar) for m in members):
        for test in cav_missing(0, "no GARCH fit whose shocks die out"):
            yield _shift(test, *_NOTHING, n_clusters=np.zeros(1, np.int64))
        return
    ar = np.concatenate([m.within(window) for m in members])
    found = _fits([m.found for m in members], [np.arange(len(m.ar)) for m in members])
    day0 = np.concatenate([m.piece.day0 for m in members])
    if len(ar) > _MOST_POOLED:
        tests = cav_missing(
            len(ar),
            f"{len(ar)} observations; {_MOST_POOLED} at most are simulated together",
        )
    else:
        tests = cumulative_abnormal_volatility(
            found,
            ar,
            clock=np.concatenate([m.clock for m in members]),
            reps=spec.resamples,
            seed=spec.seed,
        )
    pre, _ = _root_means(found, ar, axis=(0, 1))
    sessions = np.isfinite(ar).any(axis=0).sum()
    length = max(window[1] - spec.volatility_pre[0] + 1, 1)
    clusters = np.array([len(np.unique(date_clusters(day0, length)))])
    n_post = np.array([np.isfinite(ar).sum()])
    for test in tests:
        with np.errstate(invalid="ignore"):
            ratio = np.sqrt(np.maximum(1.0 + test.estimate / sessions, 0.0))
        yield _shift(test, n_post, pre, pre * ratio, n_clusters=clusters)


def _shift(
    test: VolatilityTest,
    n_post: IntArray,
    pre: Array,
    post: Array,
    n_clusters: IntArray,
) -> ShiftResult:
    """Return a test of volatility as an answer on the ratio ``post / pre``."""
    empty = np.full(len(test.n), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = post / pre
    return ShiftResult(
        measure=GARCH.name,
        test=test.test,
        pre=pre,
        post=post,
        ratio=ratio,
        ci_low=empty,
        ci_high=empty,
        statistic=test.statistic,
        df_num=empty,
        df=test.df,
        pvalue=test.pvalue,
        n_pre=np.zeros(len(test.n), np.int64),
        n_post=n_post,
        n=test.n,
        n_clusters=n_clusters,
        reason=test.reason,
    )
