"""Table of volatility shifts: per observation, and pooled over a group's events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from eventstudy.panel import History
from eventstudy.results import Array, BoolArray, IntArray
from eventstudy.spec import StudySpec
from eventstudy.study.cells import ALL, Fitted
from eventstudy.study.estimate import Estimate
from eventstudy.study.observation_tables import keys, number
from eventstudy.volatility import ShiftResult, cut, pooled_ratio, variance_ratio

RAW = "raw_return"
ABNORMAL = "abnormal_return"

_TESTS = ("f", "brown_forsythe", "fligner", "bootstrap", "placebo")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Piece:
    """Per-session returns of some observations on their calendars, and who they are."""

    keys: pl.DataFrame
    calendar: list[str]
    measure: str
    series: Array
    day0: IntArray
    near_events: BoolArray


def volatility(
    spec: StudySpec, groups: Mapping[str, Sequence[str]], fitted: Fitted
) -> pl.DataFrame:
    """Return one row per observation, measure and test, then one per group.

    Raw returns do not depend on a model; they are given once per observation.
    """
    pieces = _pieces(spec, fitted)
    tables = [_single(spec, piece) for piece in pieces]
    tables += _pooled(spec, list(groups), pieces)
    if not tables:
        return pl.DataFrame(schema=_SCHEMA)
    return pl.concat(tables)


def _pieces(spec: StudySpec, fitted: Fitted) -> list[_Piece]:
    pieces = []
    raw_done: set[str] = set()
    for estimator, estimates in fitted:
        setting = estimator.panel.setting
        fresh = set(estimator.panel.calendar) - raw_done
        for estimate in estimates:
            if not len(estimate.rows):
                continue
            who = keys(estimator, estimate)
            calendar = [estimator.panel.calendar[asset] for asset in who["asset"]]
            simple = spec.returns == "simple"
            history = estimator.panel.history(estimate.rows, simple=simple)
            root = np.sqrt(history.span)
            rows = np.array([asset in fresh for asset in who["asset"]], np.bool_)
            for measure, series, kept in (
                (RAW, history.y / root, rows),
                (ABNORMAL, _abnormal(estimate, history) / root, rows | True),
            ):
                if kept.any():
                    pieces.append(
                        _Piece(
                            keys=who.filter(pl.Series(kept)).with_columns(
                                model=pl.lit(
                                    setting.name if measure == ABNORMAL else None,
                                    pl.String,
                                )
                            ),
                            calendar=[
                                c for c, k in zip(calendar, kept, strict=True) if k
                            ],
                            measure=measure,
                            series=series[kept],
                            day0=history.day0[kept],
                            near_events=history.near_events[kept],
                        )
                    )
        raw_done |= fresh
    return pieces


def _abnormal(estimate: Estimate, history: History) -> Array:
    """Return the prediction errors of the fits over whole histories, (E, S)."""
    if estimate.wide.model == "market_adjusted":
        return history.y - history.x[:, :, 0]
    beta = estimate.wide.coefficients
    expected = history.span * beta[:, :1]
    if beta.shape[1] > 1:
        expected = expected + np.einsum("esf,ef->es", history.x, beta[:, 1:])
    out: Array = history.y - expected
    return out


def _single(spec: StudySpec, piece: _Piece) -> pl.DataFrame:
    windows = cut(
        piece.series,
        piece.day0,
        pre=spec.volatility_pre,
        post=spec.volatility_post,
    )
    found = variance_ratio(
        windows.pre,
        windows.post,
        history=windows.history,
        gap=windows.gap,
        tests=_TESTS,
        measure=piece.measure,
        level=spec.level,
        reps=spec.resamples,
        seed=spec.seed,
    )
    near = cut(
        piece.near_events.astype(np.float64),
        piece.day0,
        pre=spec.volatility_pre,
        post=spec.volatility_post,
    )
    who = piece.keys.drop("headline", "day0").with_columns(
        pre_near_events=pl.Series(np.nansum(near.pre, axis=1)).cast(pl.Int64),
        post_near_events=pl.Series(np.nansum(near.post, axis=1)).cast(pl.Int64),
    )
    return pl.concat([_rows(who, one) for one in found])


def _pooled(
    spec: StudySpec, groups: Sequence[str], pieces: Sequence[_Piece]
) -> list[pl.DataFrame]:
    """Pool the headline events of each asset, of each group, and of all groups.

    Only observations on one calendar can be pooled: their dates are resampled jointly.
    """
    tables = []
    measured = dict.fromkeys((p.measure, _model(p)) for p in pieces)
    for measure, model in measured:
        own = [p for p in pieces if p.measure == measure and _model(p) == model]
        assets = (
            pl.concat([p.keys for p in own])
            .select("group", "asset")
            .unique(maintain_order=True)
        )
        pools = [(group, asset) for group, asset in assets.iter_rows()]
        pools += [(group, ALL) for group in groups]
        if assets["group"].n_unique() > 1:
            pools.append((ALL, ALL))
        for group, asset in pools:
            chosen = [(p, at) for p in own if (at := _members(p, group, asset)).any()]
            calendars = {p.calendar[i] for p, at in chosen for i in np.flatnonzero(at)}
            if len(calendars) == 1:
                tables += _pool(spec, (group, asset), measure, model, chosen)
    return tables


def _model(piece: _Piece) -> str | None:
    first: str | None = piece.keys["model"][0]
    return first


def _members(piece: _Piece, group: str, asset: str) -> BoolArray:
    inside = piece.keys["headline"]
    if group != ALL:
        inside = inside & (piece.keys["group"] == group)
    if asset != ALL:
        inside = inside & (piece.keys["asset"] == asset)
    return np.asarray(inside.to_numpy(), np.bool_)


def _pool(
    spec: StudySpec,
    pool: tuple[str, str],
    measure: str,
    model: str | None,
    chosen: Sequence[tuple[_Piece, BoolArray]],
) -> list[pl.DataFrame]:
    width = max(p.series.shape[1] for p, _ in chosen)
    series = np.concatenate([_widen(p.series[at], width) for p, at in chosen])
    day0 = np.concatenate([p.day0[at] for p, at in chosen])
    windows = cut(series, day0, pre=spec.volatility_pre, post=spec.volatility_post)
    found = pooled_ratio(
        windows.pre,
        windows.post,
        day0=windows.day0,
        history=windows.history,
        gap=windows.gap,
        measure=measure,
        level=spec.level,
        reps=spec.resamples,
        seed=spec.seed,
    )
    group, asset = pool
    values = (ALL, asset, group, model, None, None)
    who = pl.DataFrame(
        {name: [value] for name, value in zip(_WHO, values, strict=True)},
        schema={name: _SCHEMA[name] for name in _WHO},
    )
    return [_rows(who, one) for one in found]


def _widen(series: Array, width: int) -> Array:
    missing = np.full((len(series), width - series.shape[1]), np.nan)
    return np.concatenate([series, missing], axis=1)


def _rows(who: pl.DataFrame, found: ShiftResult) -> pl.DataFrame:
    return who.with_columns(
        measure=pl.lit(found.measure),
        window=pl.lit("post"),
        pre=number(found.pre),
        post=number(found.post),
        ratio=number(found.ratio),
        ci_low=number(found.ci_low),
        ci_high=number(found.ci_high),
        test=pl.lit(found.test),
        statistic=number(found.statistic),
        df_num=number(found.df_num),
        df=number(found.df),
        pvalue=number(found.pvalue),
        n=pl.Series(found.n, dtype=pl.Int64),
        n_clusters=pl.Series(found.n_clusters, dtype=pl.Int64),
        reason=pl.Series(found.reason, dtype=pl.String),
    ).select(_SCHEMA.keys())


_WHO = ("event_id", "asset", "group", "model", "pre_near_events", "post_near_events")
_SCHEMA = {
    "event_id": pl.String,
    "asset": pl.String,
    "group": pl.String,
    "model": pl.String,
    "measure": pl.String,
    "window": pl.String,
    "pre": pl.Float64,
    "post": pl.Float64,
    "ratio": pl.Float64,
    "ci_low": pl.Float64,
    "ci_high": pl.Float64,
    "test": pl.String,
    "statistic": pl.Float64,
    "df_num": pl.Float64,
    "df": pl.Float64,
    "pvalue": pl.Float64,
    "n": pl.Int64,
    "n_clusters": pl.Int64,
    "pre_near_events": pl.Int64,
    "post_near_events": pl.Int64,
    "reason": pl.String,
}
