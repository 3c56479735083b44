"""Tables with rows for single observations: who, abnormal returns, CARs, fits."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, InferenceResult
from eventstudy.core.windows import (
    Covered,
    Window,
    buy_and_hold,
    columns,
    covered_by,
    cumulate,
    extended,
    forecast_se,
    length_of,
    sessions_spanned,
)
from eventstudy.inference import battery
from eventstudy.inference.entry import single_tests
from eventstudy.models.diagnostics import diagnose
from eventstudy.panel import Panel
from eventstudy.prices.quality import HELD_BACK
from eventstudy.spec import StudySpec
from eventstudy.study.averages import in_average
from eventstudy.study.estimate import Estimate, Estimator
from eventstudy.study.schema import SCHEMA

_KEYS = {
    name: SCHEMA["observations"].dtypes[name]
    for name in ("event_id", "asset", "group", "model", "headline", "day0")
}


def keys(estimator: Estimator, estimate: Estimate) -> pl.DataFrame:
    """Return event_id, asset, group, model, headline and day0 of the used rows."""
    held = estimator.observations(estimate.rows)
    return pl.DataFrame(
        {
            "event_id": [o.event_id for o in held],
            "asset": [o.asset for o in held],
            "group": [o.group for o in held],
            "model": [estimator.panel.setting.name] * len(held),
            "headline": [o.headline for o in held],
            "day0": [o.session for o in held],
        },
        schema=_KEYS,
    )


def number(values: Array) -> pl.Series:
    """Return a float column in which nan and inf are null.

    >>> number(np.array([1.0, np.nan])).to_list()
    [1.0, None]
    """
    values = np.asarray(values, np.float64)
    finite = np.isfinite(values)
    column = pl.Series(np.where(finite, values, 0.0), dtype=pl.Float64)
    return column.set(pl.Series(~finite), None)


def abnormal_returns(estimator: Estimator, estimate: Estimate) -> pl.DataFrame:
    """Return one row per observation and event-window session."""
    ab = estimate.event
    n_obs, n_sessions = ab.ar.shape
    first = ab.first_offset
    days = ab.clocks.event[ab.clock].ravel()
    table = keys(estimator, estimate).select("event_id", "asset", "group", "model")
    rows = np.repeat(np.arange(n_obs), n_sessions)
    return table[rows].with_columns(
        offset=pl.Series(np.tile(np.arange(first, first + n_sessions), n_obs)),
        session=pl.Series(days.astype(np.int32)).replace(-1, None).cast(pl.Date),
        span=number(np.where(np.isnan(ab.ar), np.nan, sessions_spanned(ab)).ravel())
        .round()
        .cast(pl.Int64),
        actual=number(np.where(np.isnan(ab.ar), np.nan, ab.actual).ravel()),
        expected=number((ab.actual - ab.ar).ravel()),
        abnormal=number(ab.ar.ravel()),
        se=number(forecast_se(ab).ravel()),
    )


def cars(estimator: Estimator, estimate: Estimate) -> pl.DataFrame:
    """Return one row per observation and CAR window."""
    spec, doubts = estimator.spec, estimator.doubts(estimate)
    table = keys(estimator, estimate).drop("day0")
    held = doubts.held_event | doubts.held_estimation[:, None]
    forecast, placebo, *_ = single_tests()
    plain = _tested(spec, estimate.event, spec.windows)
    pieces = []
    for window in spec.windows:
        (ab, simple), tested = estimate.on(window), plain
        if window in estimate.of_windows:
            tested = _tested(spec, ab, [window])
        used = in_average(spec, ab, held, window)
        covered = covered_by(ab, window)
        if spec.cut_windows == "extend":
            ab, longer = extended(ab, window)
            if longer.any():
                simple, _ = extended(simple, window)
                tested = _tested(spec, ab, [window])
        sums = cumulate(ab, window)
        t = tested[window, forecast]
        at = columns(ab, window)
        pieces.append(
            table.with_columns(
                start=pl.lit(window[0], pl.Int64),
                end=pl.lit(window[1], pl.Int64),
                car=number(sums.car),
                se=number(sums.se),
                statistic=_where(used, t.statistic),
                df=_where(used, t.df),
                pvalue=_where(used, t.pvalue),
                scar=number(sums.scar),
                bhar=number(buy_and_hold(simple, window)),
                placebo_pvalue=_where(used, tested[window, placebo].pvalue),
                alpha_part=number(alpha_part(ab, window)),
                n_valid=pl.Series(sums.n_valid, dtype=pl.Int64),
                n_window=pl.lit(length_of(window), pl.Int64),
                covered=pl.Series(
                    [Covered(c).name.lower() for c in covered.tolist()], dtype=pl.String
                ),
                in_average=pl.Series(used, dtype=pl.Boolean),
                doubt=pl.Series(
                    [
                        ", ".join(doubts.rules(row, at)) or None
                        for row in range(table.height)
                    ],
                    dtype=pl.String,
                ),
            )
        )
    # All windows of an observation together, whatever the size of the blocks.
    order = np.arange(table.height * len(pieces)).reshape(len(pieces), -1).T.ravel()
    return pl.concat(pieces)[order]


def _tested(
    spec: StudySpec, ab: Abnormal, windows: Sequence[Window]
) -> dict[tuple[Window, str], InferenceResult]:
    return battery(
        ab,
        windows=windows,
        tests=single_tests(),
        alternative=spec.alternative,
        seed=spec.seed,
    )


def _where(used: BoolArray, values: Array) -> pl.Series:
    """Return values of observations that are tested, null for the others."""
    return number(np.where(used, values, np.nan))


def left_out_windows(spec: StudySpec, cars: pl.DataFrame) -> pl.DataFrame:
    """Return the windows that are out of averages and tests, as rows of the ledger."""
    window = pl.format("[{},{}]", _signed("start"), _signed("end"))
    wrong = pl.col("doubt").fill_null("").str.contains_any(list(HELD_BACK))
    text = (
        pl.when(wrong & spec.hold_back)
        .then(pl.lit("is held back, its prices are doubtful: ") + pl.col("doubt"))
        .when(pl.col("n_valid") == 0)
        .then(pl.lit("has no return"))
        .when(pl.col("covered") == "cut")
        .then(pl.lit("is cut: its returns do not span all its sessions"))
        .otherwise(pl.lit("reaches beyond its start: no close on the session before"))
    )
    return cars.filter(~pl.col("in_average")).select(
        pl.lit("window").alias("stage"),
        "event_id",
        "asset",
        "model",
        pl.format("window {} {}", window, text).alias("reason"),
        pl.format("{} of {} sessions with a return", "n_valid", "n_window").alias(
            "held"
        ),
        pl.lit("returns that span its sessions and no other").alias("wanted"),
    )


def _signed(name: str) -> pl.Expr:
    plus = pl.when(pl.col(name) > 0).then(pl.lit("+")).otherwise(pl.lit(""))
    return plus + pl.col(name).cast(pl.String)


def alpha_part(ab: Abnormal, window: Window) -> Array:
    """Return what subtracting the constant makes up of each CAR, (E,)."""
    held = columns(ab, window)
    valid = ~np.isnan(ab.ar[:, held])
    if ab.coefficients.shape[1] == 0:
        return np.where(valid.any(axis=1), 0.0, np.nan)
    spans = np.where(valid, sessions_spanned(ab)[:, held], 0.0).sum(axis=1)
    return np.where(valid.any(axis=1), -ab.coefficients[:, 0] * spans, np.nan)


def fit(estimator: Estimator, estimate: Estimate) -> pl.DataFrame:
    """Return one row per observation: how well the model fits, and its diagnostics."""
    ab = estimate.event
    checks = diagnose(ab)
    alpha = ab.coefficients[:, 0] if ab.coefficients.shape[1] else 0 * ab.sigma + np.nan
    alpha_se = (
        ab.sigma * np.sqrt(ab.cov_coef[:, 0, 0])
        if ab.coefficients.shape[1]
        else np.full(len(ab.sigma), np.nan)
    )
    return (
        keys(estimator, estimate)
        .drop("headline", "day0")
        .with_columns(
            n_estimation=pl.Series(ab.n_estimation, dtype=pl.Int64),
            sigma=number(ab.sigma),
            df=number(ab.df),
            r_squared=number(ab.r_squared),
            alpha=number(alpha),
            alpha_se=number(alpha_se),
            skewness=number(checks.skewness),
            excess_kurtosis=number(checks.excess_kurtosis),
            jarque_bera_pvalue=number(checks.jarque_bera),
            ljung_box_pvalue=number(checks.ljung_box),
            arch_lm_pvalue=number(checks.arch_lm),
        )
    )


def coefficients(estimator: Estimator, estimate: Estimate) -> pl.DataFrame:
    """Return one row per observation and coefficient, constant first.

    What a model estimates beside its coefficients follows them.
    """
    ab = estimate.event
    table = keys(estimator, estimate).select("event_id", "asset", "model")
    n_obs, n_held = ab.coefficients.shape
    setting, entry = estimator.panel.setting, estimator.entry
    own = list(entry.terms or setting.terms)[:n_held]
    terms = [*own, *ab.further_terms]
    variances = np.diagonal(ab.cov_coef, axis1=1, axis2=2)
    errors = ab.sigma[:, None] * np.sqrt(variances)
    held = slice(len(own))
    value = np.concatenate([ab.coefficients[:, held], ab.further[:, :, 0]], axis=1)
    se = np.concatenate([errors[:, held], ab.further[:, :, 1]], axis=1)
    rows = np.repeat(np.arange(n_obs), len(terms))
    found = table[rows].with_columns(
        term=pl.Series(terms * n_obs, dtype=pl.String),
        value=number(value.ravel()),
        se=number(se.ravel()),
    )
    if entry.terms:  # factors that were not chosen have neither
        return found.filter((pl.col("value") != 0) | (pl.col("se") != 0))
    return found


def observations(
    panel: Panel,
    estimates: Sequence[Estimate],
    events: pl.DataFrame,
    zeros: pl.DataFrame,
) -> pl.DataFrame:
    """Return one row per event, asset and model: used or dropped, and why."""
    ids = events["event_id"].to_list()
    left_out = {row: why for e in estimates for row, why in e.left_out.items()}
    counts = [(e.n_valid, e.n_purged) for e in estimates]
    n_valid = np.concatenate([np.zeros(0, np.int64), *(c[0] for c in counts)]).tolist()
    n_purged = np.concatenate([np.zeros(0, np.int64), *(c[1] for c in counts)]).tolist()
    length = (panel.estimation[:, 1] - panel.estimation[:, 0] + 1).tolist()
    rows: list[dict[str, Any]] = []
    for at, o in enumerate(panel.observations):
        reason, held, wanted = left_out.get(at, (None, None, None))
        shared = {
            "observation": o.event_id,
            "asset": o.asset,
            "group": o.group,
            "day0": o.session,
            "headline": o.headline,
            "n_estimation": n_valid[at],
            "n_excluded": n_purged[at],
            "n_missing": length[at] - n_valid[at] - n_purged[at],
            "status": "dropped" if reason else "used",
            "reason": reason,
            "held": held,
            "wanted": wanted,
        }
        rows += [{"event_id": ids[event], **shared} for event in o.events]
    rows += [_dropped(ids[u.event], u.asset, u.group, u.reason) for u in panel.unplaced]
    for asset, group in panel.unpriced:
        touched = events.filter(
            (pl.col("assets").list.len() == 0) | pl.col("assets").list.contains(asset)
        )["event_id"].to_list()
        reason = f"no prices for {asset}"
        rows += [_dropped(event_id, asset, group, reason) for event_id in touched]
    return _with_clock(rows, panel, events, zeros)


# Beside the table's own columns: what the ledger says of a dropped observation.
_LEDGER_ONLY = {"held": pl.String, "wanted": pl.String}
_JOINED = ("model", "calendar", "announced_utc", "precision", "state", "shift")


def _dropped(event_id: str, asset: str, group: str, reason: str) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "asset": asset,
        "group": group,
        "status": "dropped",
        "reason": reason,
    }


def _with_clock(
    rows: list[dict[str, Any]], panel: Panel, events: pl.DataFrame, zeros: pl.DataFrame
) -> pl.DataFrame:
    calendar = {
        "asset": list(panel.calendar),
        "calendar": list(panel.calendar.values()),
    }
    dtypes = SCHEMA["observations"].dtypes | _LEDGER_ONLY
    own = {name: dtype for name, dtype in dtypes.items() if name not in _JOINED}
    return (
        pl.DataFrame(rows, schema=own)
        .with_columns(model=pl.lit(panel.setting.name))
        .join(pl.DataFrame(calendar), on="asset", how="left")
        .join(
            events.select("event_id", "announced_utc", "precision"),
            on="event_id",
            how="left",
        )
        .join(
            zeros.select("event_id", "calendar", "state", "shift"),
            on=["event_id", "calendar"],
            how="left",
        )
    )


def contamination(used: pl.DataFrame, abnormal: pl.DataFrame) -> pl.DataFrame:
    """Return pairs of observations of one asset whose event windows share sessions.

    used : event_id, asset, day0 of used observations;  abnormal : their sessions
    """
    sessions = abnormal.select("asset", "event_id", "session").unique().drop_nulls()
    pairs = (
        sessions.join(sessions, on=["asset", "session"], suffix="_other")
        .rename({"event_id_other": "other_event_id"})
        .filter(pl.col("event_id") != pl.col("other_event_id"))
        .group_by("asset", "event_id", "other_event_id")
        .agg(sessions=pl.len().cast(pl.Int64))
    )
    days = used.select("asset", "event_id", "day0").unique()
    other = days.rename({"event_id": "other_event_id", "day0": "other_day0"})
    return (
        pairs.join(days, on=["asset", "event_id"])
        .join(other, on=["asset", "other_event_id"])
        .select("asset", "event_id", "other_event_id", "day0", "other_day0", "sessions")
        .sort("asset", "day0", "other_day0")
    )
