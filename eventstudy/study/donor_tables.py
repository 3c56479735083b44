"""Donors of counterfactuals with their weights, and how the counterfactuals fit."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from eventstudy.core.abnormal import Array, BoolArray
from eventstudy.core.donors import Donors, weighted
from eventstudy.core.registry import TESTS
from eventstudy.core.windows import Window
from eventstudy.inference.entry import single_tests
from eventstudy.models import MODELS, conformal, placebo_in_space
from eventstudy.models.in_space import gaps, root_mean_square
from eventstudy.panel.donors import RULES
from eventstudy.study.estimate import Estimate, Estimator
from eventstudy.study.observation_tables import keys, number
from eventstudy.study.schema import empty

if TYPE_CHECKING:
    from eventstudy.study.builders import Study, Tables

# A weight of rounding noise is none.
LEAST_WEIGHT = 1e-9
NOT_CONFORMAL = "the conformal test is not defined for the model"


def donors(study: "Study") -> "Tables":
    """List donors with their weights, and put counterfactuals to the test."""
    blocks = [
        (estimator, block)
        for estimator, held in study.fitted
        if estimator.panel.donors
        for block in held
        if len(block.rows)
    ]
    if blocks:
        study.tell("Putting counterfactuals to the test")
    return {
        "donors": pl.concat([empty("donors"), *(_donors(*one) for one in blocks)]),
        "counterfactuals": pl.concat(
            [empty("counterfactuals"), *(_counterfactuals(*one) for one in blocks)]
        ),
    }


def _donors(estimator: Estimator, estimate: Estimate) -> pl.DataFrame:
    assert estimator.panel.donors is not None
    assert estimate.barred is not None
    weights, barred = estimate.event.weights, estimate.barred
    shown = (np.abs(weights) > LEAST_WEIGHT) | (barred > 0)
    where, at = np.nonzero(shown)
    # the greatest weight first, and those without any in the order of the study file
    order = np.lexsort((at, -np.abs(weights[where, at]), where))
    where, at = where[order], at[order]
    table = keys(estimator, estimate).select("event_id", "asset", "model")
    names, why = np.array(estimator.panel.donors.names), barred[where, at]
    return table[where].with_columns(
        donor=pl.Series(names[at].tolist(), dtype=pl.String),
        weight=pl.Series(
            np.where(why > 0, np.nan, weights[where, at]), nan_to_null=True
        ),
        reason=pl.Series([RULES[i] or None for i in why.tolist()], dtype=pl.String),
    )


def _counterfactuals(estimator: Estimator, estimate: Estimate) -> pl.DataFrame:
    """Return one row per observation and window: fit before, and tests of the gap."""
    assert estimate.donors is not None
    spec, panel = estimator.spec, estimator.panel
    table = keys(estimator, estimate).select("event_id", "asset", "group", "model")
    t, held = panel.columns.n_estimation, estimate.donors
    logs = spec.returns == "log"
    y = np.expm1(estimate.raw) if logs else estimate.raw
    fit = estimate.event_simple
    rows = np.isfinite(y[:, :t]) & (estimate.wide.span_estimation == 1)
    past = np.where(rows, y[:, :t], np.nan)
    gap = np.where(rows, gaps(fit, y, held, t)[:, :t], np.nan)
    mean = _mean_of_donors(held)[:, :t]
    fitted = table.with_columns(
        n_donors=pl.Series(held.allowed.sum(axis=1), dtype=pl.Int64),
        n_weighted=pl.Series(
            (np.abs(fit.weights) > LEAST_WEIGHT).sum(axis=1), dtype=pl.Int64
        ),
        rmse_before=number(root_mean_square(gap)),
        beta_treated=number(_beta(past, mean, rows)),
        beta_synthetic=number(
            _beta(weighted(fit.weights, held)[:, :t], mean, rows),
        ),
    )
    parts = [
        fitted.with_columns(
            start=pl.lit(window[0], pl.Int64),
            end=pl.lit(window[1], pl.Int64),
            **_tested(estimator, estimate, window),
        )
        for window in spec.windows
    ]
    order = np.arange(table.height * len(parts)).reshape(len(parts), -1).T.ravel()
    return pl.concat(parts)[order].select(empty("counterfactuals").columns)


def _tested(
    estimator: Estimator, estimate: Estimate, window: Window
) -> dict[str, pl.Series]:
    """Return the columns of the placebos and of the conformal test."""
    assert estimate.donors is not None
    spec, panel, wide = estimator.spec, estimator.panel, estimate.wide
    entry = MODELS.entry(panel.setting.model)
    given: dict[str, Any] = {
        "n_estimation": panel.columns.n_estimation,
        "donors": replace(estimate.donors, in_logs=spec.returns == "log"),
        "window": window,
        "span": np.concatenate([wide.span_estimation, wide.span_event], axis=1),
        "first_offset": panel.columns.first_offset,
    }
    space = placebo_in_space(estimate.raw, model=entry, **given)
    _, placebo, *_ = single_tests()
    in_time = TESTS[placebo](
        estimate.on(window)[0], window, alternative=spec.alternative, seed=spec.seed
    )
    out = {
        "pvalue_time": number(in_time.pvalue),
        "rmse_ratio": number(space.ratio),
        "pvalue_space": number(space.pvalue),
        "n_space": pl.Series(space.n, dtype=pl.Int64),
    }
    if not entry.exchangeable:
        none = number(np.full(len(wide.sigma), np.nan))
        reason = [f"{NOT_CONFORMAL} {entry.name}"] * len(none)
        columns = ("effect_daily", "pvalue_conformal", "ci_low", "ci_high")
        out |= dict.fromkeys(columns, none)
        return out | {"reason": pl.Series(reason, dtype=pl.String)}
    found = conformal(estimate.raw, level=spec.level, **given)
    return out | {
        "effect_daily": number(found.effect),
        "pvalue_conformal": number(found.pvalue),
        "ci_low": number(found.low),
        "ci_high": number(found.high),
        "reason": pl.Series(found.reason, dtype=pl.String),
    }


def _mean_of_donors(donors: Donors) -> Array:
    """Return the mean return of the donors that an observation may have, (E, T+L)."""
    share = donors.allowed / np.maximum(donors.allowed.sum(axis=1), 1)[:, None]
    return weighted(share, donors)


def _beta(values: Array, mean: Array, rows: BoolArray) -> Array:
    """Return the slope of values on the donors' mean over some sessions, (E,)."""
    used = rows & np.isfinite(values) & np.isfinite(mean)
    n = np.maximum(used.sum(axis=1), 1)[:, None]
    x, y = (np.where(used, v, 0.0) for v in (mean, values))
    x = np.where(used, x - x.sum(axis=1, keepdims=True) / n, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((x * y).sum(axis=1) / (x * x).sum(axis=1), np.float64)
