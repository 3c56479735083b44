"""The answer of a study: tidy tables together with the request that made them."""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from eventstudy.spec import StudySpec, window_text


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyResult:
    """Tables of one study; floats in full precision, null where there is no value.

    Windows are columns ``start`` and ``end``, both ends included. ``event_id`` joins
    with "+" the ids of events that share an asset's day 0: they are one observation.
    ``sample`` is "headline" or "all" (events).

    events : the catalogue as read
    day0 : event_id, calendar, announced_local, announced_utc, state, day0, shift, note
    observations : event_id (one row per event), observation (the joined id), asset,
        group, model, announced_utc, precision, day0, calendar, state, shift, headline,
        n_estimation, n_excluded, n_missing, status (used|dropped), reason
    abnormal_returns : event_id, asset, group, model, offset, session, span, actual,
        expected, abnormal, se
    cars : event_id, asset, group, model, headline, start, end, car, se, statistic, df,
        pvalue, scar, bhar, placebo_pvalue, alpha_part, n_valid, pvalue_holm, pvalue_bh
    tests : sample, outcome, model, group, start, end, test, estimate, statistic, df,
        pvalue, n, n_clusters, reason
    headline : sample, model, group, start, end, estimate, se, ci_low, ci_high, method,
        n, n_dates, n_clusters, rbar, n_effective, recommended, why, alpha_part,
        estimate_alpha_zero (estimates are CAARs)
    aar : sample, model, group, offset, aar, caar, se, ci_low, ci_high, n,
        caar_alpha_zero
    volatility : event_id (or "all"), asset (or "all"), group, model, measure, window
        (post|event, against volatility_pre), pre, post, ratio, ci_low, ci_high, test,
        statistic, df_num, df, pvalue, n, n_clusters, pre_near_events,
        post_near_events, reason
    garch : asset, group, n, omega, alpha, beta, nu, persistence, half_life (sessions),
        log_likelihood, converged, reason (GARCH(1,1) of each asset's whole history)
    conditional : asset, group, date, sd (per session, by that model)
    breaks : asset, group, date (first session after the break), sd_before, sd_after,
        statistic, critical, event_id (of the nearest announcement), distance
        (sessions, break minus day 0), n_breaks, mean_distance, pvalue (same in all
        rows of an asset), reason
    regimes : asset, group, date, probability (of the turbulent one of two)
    volume_aar : sample, group, offset, aar, caar, se, ci_low, ci_high, n (abnormal log
        volume)
    intraday : event_id, symbol, minutes (since announced_utc), log_change
    intraday_events : event_id, symbol, bar_minutes, announced_utc, rv_event, rv_usual,
        ratio, pvalue, n_missing, reason
    joint : model, group, asset, event_id, start, end, car, se, statistic, df, pvalue,
        car_alone, n_overlapping, reason (effects of all headline events together)
    joint_tests : model, group, event_id (or "all"), start, end, hypothesis (all_zero|
        all_equal|sum_zero), null, statistic, df1, df2, pvalue, n_assets, n_events,
        exact, reason
    fit : event_id, asset, group, model, n_estimation, sigma, df, r_squared, alpha,
        alpha_se, skewness, excess_kurtosis, jarque_bera_pvalue, ljung_box_pvalue,
        arch_lm_pvalue
    coefficients : event_id, asset, model, term, value, se
    ledger : stage, event_id, asset, model, reason, held, wanted
    contamination : asset, event_id, other_event_id, day0, other_day0, sessions (that
        the two event windows share)
    closes : symbol, date, close;  price_issues : what the price reader found
    provenance : source, files, versions, seed, command, notice, notes
    """

    spec: StudySpec
    events: pl.DataFrame
    day0: pl.DataFrame
    observations: pl.DataFrame
    abnormal_returns: pl.DataFrame
    cars: pl.DataFrame
    tests: pl.DataFrame
    headline: pl.DataFrame
    aar: pl.DataFrame
    volatility: pl.DataFrame
    garch: pl.DataFrame
    conditional: pl.DataFrame
    breaks: pl.DataFrame
    regimes: pl.DataFrame
    volume_aar: pl.DataFrame
    intraday: pl.DataFrame
    intraday_events: pl.DataFrame
    joint: pl.DataFrame
    joint_tests: pl.DataFrame
    fit: pl.DataFrame
    coefficients: pl.DataFrame
    ledger: pl.DataFrame
    contamination: pl.DataFrame
    closes: pl.DataFrame
    price_issues: pl.DataFrame
    provenance: Mapping[str, Any]

    def __repr__(self) -> str:
        """Summarise in a line."""
        used = self.observations.filter(pl.col("status") == "used")
        return (
            f"StudyResult({self.events.height} events, "
            f"{used['asset'].n_unique()} assets, "
            f"{used['observation'].n_unique()} observation dates, "
            f"{', '.join(dict.fromkeys(m.name for m in self.spec.models))})"
        )

    def _repr_html_(self) -> str:
        """Show the headline table in a notebook."""
        rows = self.headline.filter(pl.col("sample") == "headline")
        windows = [window_text(pair) for pair in rows.select("start", "end").rows()]
        shown = rows.select(
            "group",
            "model",
            pl.Series("window", windows, dtype=pl.String),
            caar_percent=(100 * pl.col("estimate")).round(2),
            low=(100 * pl.col("ci_low")).round(2),
            high=(100 * pl.col("ci_high")).round(2),
            n="n",
            clusters="n_clusters",
            recommended="recommended",
        )
        return f"<p>{html.escape(repr(self))}</p>{shown._repr_html_()}"
