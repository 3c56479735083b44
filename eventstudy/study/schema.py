"""Every table of a result: its columns, their types, units and meanings, once.

Empty frames, the checks of what is put into a result, the documentation of
`StudyResult`, the data dictionary and the files of a report are made from `SCHEMA`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from eventstudy.study.outcome_schema import OUTCOME_TABLES
from eventstudy.study.remarks import REMARKS
from eventstudy.study.table import (
    Table,
    count,
    day,
    flag,
    instant,
    number,
    text,
    texts,
)

_EVENT = text("event_id", "the announcement's id")
_OBSERVATION = text(
    "event_id",
    "the observation: ids of the announcements that share the asset's day 0, "
    'joined with "+", or shortened; `observations` has a row per announcement',
)
_ASSET = text("asset", "the asset's symbol")
_GROUP = text("group", "the asset group")
_MODEL = text("model", "name of a model setting of the study file")
_REASON = text("reason", "why there is no value")
_WINDOW = (
    count("start", "first session of the window, day 0 = 0", "sessions"),
    count("end", "last session of the window, included", "sessions"),
)
_SAMPLE = text("sample", '"headline" or "all" announcements')
_CELL = (
    _SAMPLE,
    _MODEL,
    text("group", 'an asset group, "all" groups together, or "A - B", their spread'),
)
_COVERED = text("covered", "sessions that the returns span: full, cut or beyond")
_DOUBT = text("doubt", "rules of the gate that doubt its prices, or null")
_RETURN = "return (log or simple, as the study says; logs are not converted)"
_SIMPLE = "simple return"
_STATISTIC = (
    number("statistic", "the test statistic"),
    number("df", "its degrees of freedom; null for a normal or resampled one"),
    number("pvalue", "the p-value"),
)
_INTERVAL = (
    number("ci_low", "lower end of the interval at the study's level"),
    number("ci_high", "upper end of the interval"),
)
_N_CLUSTERS = count("n_clusters", "clusters of dates whose windows share sessions")
_ANNOUNCED = instant("announced_utc", "when it was announced; null for a day")
_PATH = (
    count("offset", "the session relative to day 0", "sessions"),
    number("aar", "average abnormal value of the session", "as the outcome"),
    number("caar", "its sum from the event window's start", "as the outcome"),
    number("se", "standard error of the sum", "as the outcome"),
    *_INTERVAL,
    count("n", "observations"),
)
_ASSET_DAY = (_ASSET, _GROUP, day("date", "the session"))
_SYMBOL = text("symbol", "the symbol of the bars")

_BUILDERS = "eventstudy.study.builders"
_RETURNS = {"returns": f"{_BUILDERS}:returns"}
_OUTCOMES = dict.fromkeys(
    ("volume", "illiquidity", "outcomes"), f"{_BUILDERS}:outcomes"
)
_GARCH = {"garch": f"{_BUILDERS}:garch"}
_VOLATILITY = {
    **dict.fromkeys(("volatility", "intraday"), f"{_BUILDERS}:volatility"),
    **_GARCH,
}
_BREAKS = {"breaks": f"{_BUILDERS}:breaks"}
_INTRADAY = {"intraday": f"{_BUILDERS}:intraday"}
_UNCERTAIN = {"returns": "eventstudy.study.uncertain_dates:uncertain_dates"}
_JOINT = {"joint": f"{_BUILDERS}:joint"}

_TABLES = (
    Table(
        "events",
        "the catalogue as read, a row per announcement",
        (
            _EVENT,
            text("title", "what was announced"),
            text("short_title", "the same in few words, for figures"),
            text("announced_at", "the time as written, with the offset of its zone"),
            _ANNOUNCED,
            day("announced_date", "its local date"),
            text("zone", "zone that was named for the time"),
            text("precision", "minute, hour or day"),
            text("jurisdiction", "whose rules"),
            text("level", "national, provincial, ..."),
            text("authority", "who announced"),
            text("kind", "kind of announcement, see `eventstudy list kinds`"),
            texts("assets", "symbols that it concerns; none: all of the study"),
            text("cluster", "name shared by announcements of one story"),
            texts("flags", "leak, stale, mixed"),
            text("confounders", "what else happened"),
            text("source_url", "where it can be read"),
            text("status", "confirmed, inferred or memory"),
            flag("headline", "counts in the headline averages"),
            instant("reaction_at", "when prices moved"),
            instant("source_latest_at", "the latest time that the source allows"),
            day("date_act", "date of the act"),
            day("date_first_public", "date when first public"),
            day("date_effective", "date when it takes effect"),
            count("line", "line of the catalogue"),
        ),
        further="expected_GROUP and the catalogue's own columns, as text",
    ),
    Table(
        "day0",
        "where each announcement falls on each calendar of the study",
        (
            _EVENT,
            text("calendar", "name of the calendar"),
            text("announced_local", "the time on the exchange's clock"),
            _ANNOUNCED,
            text("state", "what the market was then: open, pre, post, weekend, ..."),
            day("day0", "the first session that could react"),
            count("shift", "day 0 less the local date", "days"),
            text("reason", "why there is no day 0"),
        ),
    ),
    Table(
        "observations",
        "a row per announcement, asset and model: used, or dropped and why",
        (
            _EVENT,
            text("observation", "the observation that it is part of"),
            _ASSET,
            _GROUP,
            day("day0", "the first session that could react"),
            flag("headline", "the observation is in the headline sample"),
            count("n_estimation", "returns in the estimation window", "sessions"),
            count("n_excluded", "sessions left out near other events", "sessions"),
            count("n_missing", "sessions without a return", "sessions"),
            text("status", "used or dropped"),
            text("reason", "why it was dropped"),
            _MODEL,
            text("calendar", "name of the asset's calendar"),
            _ANNOUNCED,
            text("precision", "minute, hour or day"),
            text("state", "what the market was then"),
            count("shift", "day 0 less the local date", "days"),
        ),
    ),
    Table(
        "abnormal_returns",
        "a row per observation, model and session of the event window",
        (
            _OBSERVATION,
            _ASSET,
            _GROUP,
            _MODEL,
            count("offset", "the session relative to day 0", "sessions"),
            day("session", "its date"),
            count("span", "sessions that the return spans", "sessions"),
            number("actual", "the return", _RETURN),
            number("expected", "the return that the model expects", _RETURN),
            number("abnormal", "actual less expected", _RETURN),
            number("se", "standard error of the forecast", _RETURN),
        ),
        made_by=_RETURNS,
    ),
    Table(
        "cars",
        "a row per observation, model and window: the cumulative abnormal return",
        (
            _OBSERVATION,
            _ASSET,
            _GROUP,
            _MODEL,
            flag("headline", "the observation is in the headline sample"),
            *_WINDOW,
            number("car", "the cumulative abnormal return", _RETURN),
            number("se", "its standard error, forecast error included", _RETURN),
            *_STATISTIC,
            number("scar", "the CAR over its standard error"),
            number("bhar", "buy-and-hold abnormal return", "simple return"),
            number("placebo_pvalue", "p-value among all pseudo-dates before the event"),
            number("alpha_part", "part of the CAR from subtracting alpha", _RETURN),
            count("n_valid", "sessions of the window with a return", "sessions"),
            count("n_window", "sessions of the window", "sessions"),
            _COVERED,
            flag("in_average", "counts in averages and tests"),
            _DOUBT,
            number("pvalue_holm", "p-value adjusted after Holm"),
            number("pvalue_bh", "p-value adjusted after Benjamini and Hochberg"),
            number("pvalue_by", "p-value adjusted after Benjamini and Yekutieli"),
            number("pvalue_rw", "p-value adjusted after Romano and Wolf"),
        ),
        made_by=_RETURNS,
    ),
    Table(
        "tests",
        "a row per sample, outcome, model, group, window and test",
        (
            *_CELL,
            text(
                "outcome", "what is tested: car, signed_car, bhar, or another outcome"
            ),
            *_WINDOW,
            text("test", "name of the test, see `eventstudy list tests`"),
            text(
                "estimand",
                '"these dates": did they move prices; "such dates": do such dates',
            ),
            flag("robust", "the test allows for all that this design has"),
            number("estimate", "the mean effect", "as the outcome"),
            *_STATISTIC,
            text("alternative", "two-sided, less or greater"),
            count("n", "observations"),
            _N_CLUSTERS,
            text("basis", "what a randomisation compares with"),
            _REASON,
        ),
        made_by={**_RETURNS, **_OUTCOMES},
    ),
    Table(
        "headline",
        "a row per sample, model, group and window: the average and its interval",
        (
            *_CELL,
            text("outcome", "car, or signed_car: CARs times the expected direction"),
            *_WINDOW,
            number("estimate", "average CAR", _RETURN),
            number("se", "its standard error", _RETURN),
            *_INTERVAL,
            text("method", "how the interval was made"),
            count("n", "observations"),
            count("n_dates", "distinct days 0"),
            _N_CLUSTERS,
            number("rbar", "mean correlation of observations on common sessions"),
            number("n_effective", "effective number of independent observations"),
            number("nu", "degrees of freedom of the spread of correlated observations"),
            number("variance_increase", "variance of standardised CARs over its null"),
            number(
                "variance_recent", "the same, by the volatility of the last 30 sessions"
            ),
            text("recommended", "name of the test for these dates"),
            text("why", "why it is recommended"),
            text("test_these", "the test of whether these dates moved prices"),
            number("pvalue_these", "its p-value"),
            number(
                "ci_low_these", "effects on these dates that it does not reject: low"
            ),
            number("ci_high_these", "the same: high"),
            number("estimate_such", "the estimate for such dates", _RETURN),
            text("test_such", "the test of whether such dates move prices; null: none"),
            number("pvalue_such", "its p-value"),
            number("ci_low_such", "effects of such dates that it does not reject: low"),
            number("ci_high_such", "the same: high"),
            text("why_such", "why that test, or none"),
            text(
                "verdict",
                "distinguishable, these dates only, not distinguishable, or single: no "
                "test of such dates, pvalue_these decides about these",
            ),
            count("agree", "robust tests of these dates that decide as test_these"),
            count("agree_of", "robust tests of these dates, test_these among them"),
            text("dissenters", "those that decide otherwise"),
            number(
                "pvalue_floor_estimation",
                "p-value with the spread not below that of the estimation window",
            ),
            number("i2", "share of the dates' variation that is no error, 0 to 1"),
            number("q_pvalue", "p-value of no difference between dates beyond errors"),
            text("influence_event", "the date without which the average moves most"),
            number("estimate_without_it", "the average without that date", _RETURN),
            text("influence_asset", "the asset without which the average moves most"),
            number("estimate_without_asset", "the average without it", _RETURN),
            number("alpha_part", "part of the average from alpha", _RETURN),
            number("estimate_alpha_zero", "the average with alpha taken as 0", _RETURN),
        ),
        made_by=_RETURNS,
    ),
    Table(
        "meta",
        "a row per sample, model, group and window: random effects over dates",
        (
            *_CELL,
            *_WINDOW,
            number("mu", "mean effect of such dates", _RETURN),
            number("se", "its standard error by Hartung and Knapp", _RETURN),
            number("df", "degrees of freedom"),
            *_INTERVAL,
            number("pvalue", "p-value of a mean of zero"),
            number("tau2", "variance of the dates' effects beyond their errors"),
            number("q", "Cochran's Q"),
            number("q_pvalue", "its p-value"),
            number("i2", "share of the variation that is no error, 0 to 1"),
            number("prediction_low", "interval of the effect of a further date: low"),
            number("prediction_high", "the same: high"),
            count("n_dates", "distinct days 0"),
            _REASON,
        ),
        made_by=_RETURNS,
    ),
    Table(
        "aar",
        "a row per sample, model, group and session: average abnormal returns, summed",
        (
            *_CELL,
            *_PATH,
            number("caar_alpha_zero", "the sum with alpha taken as 0", _RETURN),
        ),
        made_by=_RETURNS,
    ),
    Table(
        "placebo",
        "the first window's test statistic at other dates of the same assets: a "
        "histogram, a row per bin",
        (
            *_CELL,
            *_WINDOW,
            number("low", "lower edge of the bin", "standard errors"),
            number("high", "upper edge", "standard errors"),
            count("n", "pseudo-dates in it"),
            number("actual", "the statistic at the actual dates", "standard errors"),
            text("basis", "where the dates were moved"),
        ),
        made_by=_RETURNS,
    ),
    Table(
        "anticipation",
        "a row per sample, model, group and window that ends with the first window of "
        "the study: when the move began, the search for it allowed for",
        (
            *_CELL,
            *_WINDOW,
            number("estimate", "mean CAR", _RETURN),
            number("ci_low", "lower end of a band for all windows at once", _RETURN),
            number("ci_high", "its upper end", _RETURN),
            number("statistic", "the statistic compared with pseudo-dates"),
            number("pvalue", "p-value, the search among the windows allowed for"),
            number("onset", "probability that a lasting move began with the window"),
            flag("found", "the window with the largest statistic"),
            count("n", "observations, the same in every window"),
            text("basis", "where the dates were moved"),
            _REASON,
        ),
        made_by=_UNCERTAIN,
    ),
    Table(
        "split_dates",
        "a row per sample, model and group: a window found on half of the dates, and "
        "tested on the others",
        (
            *_CELL,
            *_WINDOW,
            number("estimate_found", "mean CAR where it was found", _RETURN),
            number("estimate", "mean CAR on the other dates", _RETURN),
            *_INTERVAL,
            text("test", "the test, see `eventstudy list tests`"),
            number("pvalue", "its p-value on the other dates"),
            count("n_found", "observations where it was found"),
            count("n", "observations on which it was tested"),
            count("clusters_found", "clusters of dates where it was found"),
            count("n_clusters", "clusters of dates on which it was tested"),
            _REASON,
        ),
        made_by=_UNCERTAIN,
    ),
    Table(
        "share_before",
        "a row per sample, model, group and kind of stamp: the share of the move that "
        "came before day 0",
        (
            *_CELL,
            text("by", "all, precision or leak"),
            text("value", "all; minute, hour or day; leak or none"),
            *_WINDOW,
            number("before", "mean CAR before day 0, of clusters of dates", _RETURN),
            number("whole", "mean CAR of the window, of clusters of dates", _RETURN),
            number("share", "the first over the second"),
            number("ci_low", "lower end of the set of shares"),
            number("ci_high", "upper end of the set"),
            text("shape", "the set lies between the ends, outside, or is any share"),
            count("n", "observations"),
            _N_CLUSTERS,
            _REASON,
        ),
        made_by=_UNCERTAIN,
    ),
    Table(
        "volatility",
        "a row per observation or pool, measure, window and test: after over before",
        (
            text("event_id", 'the observation, or "all" of the pool'),
            text("asset", 'the asset, or "all" of the group'),
            text("group", 'the asset group, or "all"'),
            text("model", "model setting of the returns; null for raw prices"),
            text("measure", "what volatility is measured by"),
            text("window", "post (volatility_post) or event (volatility_event)"),
            number("pre", "standard deviation before", "per session, not annualised"),
            number("post", "standard deviation after", "per session, not annualised"),
            number("ratio", "post over pre"),
            *_INTERVAL,
            text("test", "name of the test, see `eventstudy list volatility`"),
            number("statistic", "the test statistic"),
            number("df_num", "degrees of freedom of the numerator"),
            number("df", "degrees of freedom, of the denominator if there are two"),
            number("pvalue", "the p-value"),
            count("n", "observations"),
            _N_CLUSTERS,
            count(
                "pre_near_events", "sessions before that lie near events", "sessions"
            ),
            count(
                "post_near_events", "sessions after that lie near events", "sessions"
            ),
            _REASON,
        ),
        made_by=_VOLATILITY,
    ),
    Table(
        "garch",
        "a row per asset: GARCH(1,1) with Student-t errors of its whole history",
        (
            _ASSET,
            _GROUP,
            count("n", "returns", "sessions"),
            number("omega", "constant of the variance", "squared return"),
            number("alpha", "weight of the last shock"),
            number("beta", "weight of the last variance"),
            number("nu", "degrees of freedom of the errors"),
            number("persistence", "alpha + beta"),
            number("half_life", "time until half of a shock is gone", "sessions"),
            number("log_likelihood", "the maximised log-likelihood"),
            flag("converged", "the likelihood was maximised"),
            _REASON,
        ),
        made_by=_GARCH,
    ),
    Table(
        "conditional",
        "a row per asset and session: volatility by that GARCH model",
        (*_ASSET_DAY, number("sd", "standard deviation", "return per session")),
        made_by=_GARCH,
    ),
    Table(
        "breaks",
        "a row per break of an asset's variance; one with a reason if there is none",
        (
            _ASSET,
            _GROUP,
            day("date", "first session after the break"),
            number("sd_before", "standard deviation before", "return per session"),
            number("sd_after", "standard deviation after", "return per session"),
            number("statistic", "the statistic of the break"),
            number("critical", "its critical value"),
            text("event_id", "the nearest observation"),
            count("distance", "break less its day 0", "sessions"),
            count("n_breaks", "breaks of the asset"),
            number("mean_distance", "mean distance of the asset's breaks", "sessions"),
            number("pvalue", "p-value of that mean among random dates"),
            _REASON,
        ),
        made_by=_BREAKS,
    ),
    Table(
        "regimes",
        "a row per asset and session: which of two regimes of variance",
        (*_ASSET_DAY, number("probability", "probability of the turbulent one")),
        made_by=_BREAKS,
    ),
    Table(
        "volume_aar",
        "a row per sample, group and session: average abnormal log volume, cumulated",
        (_SAMPLE, _GROUP, *_PATH),
        made_by={"volume": _OUTCOMES["volume"]},
    ),
    Table(
        "intraday",
        "a row per announcement, symbol and step: the price around the minute",
        (
            _EVENT,
            _SYMBOL,
            number("minutes", "time since the announcement", "minutes"),
            number("log_change", "change since the announcement", "log return"),
        ),
        made_by=_INTRADAY,
    ),
    Table(
        "intraday_events",
        "a row per announcement and symbol: the variance that followed",
        (
            _EVENT,
            _SYMBOL,
            number("bar_minutes", "length of a bar", "minutes"),
            _ANNOUNCED,
            number("rv_event", "realised variance from the event", "squared return"),
            number("rv_usual", "its forecast by a HAR model", "squared return"),
            number("ratio", "event over usual"),
            number("pvalue", "two-sided p-value"),
            count("n_missing", "bars that lack around the announcement"),
            _REASON,
        ),
        made_by=_INTRADAY,
    ),
    Table(
        "intraday_effects",
        "a row per announcement, symbol with bars, and minutes after the instant",
        (
            _EVENT,
            _SYMBOL,
            count("minutes", "length of the window, in minutes of trade", "minutes"),
            number(
                "car",
                "return from the last price before the instant, net of the benchmark "
                "where there is one",
                "log return",
            ),
            number("se", "its standard error by the local bipower scale", "log return"),
            number(
                "pvalue",
                "share of the instants of the 30 days before with as large a move for "
                "its error",
            ),
            number("pvalue_family", "the same with the number of windows allowed for"),
            number("pvalue_same_time", "the same among instants at that time of day"),
            count("n", "instants before that it is compared with"),
            count("n_same_time", "of these, at the same time of day"),
            number(
                "first_move",
                "from the instant to the end of the first jump between 240 minutes "
                "before and after; below zero before it, null: no jump",
                "minutes",
            ),
            count("jumps", "jumps among these bars (1 %)"),
            number("beta", "slope on the benchmark; null without one"),
            _REASON,
        ),
        made_by={"intraday": "eventstudy.study.instant_tables:instant_tables"},
    ),
    Table(
        "joint",
        "a row per model, asset, headline observation and window: effects of all "
        "announcements estimated together",
        (
            _MODEL,
            _GROUP,
            _ASSET,
            _OBSERVATION,
            *_WINDOW,
            number("car", "the effect net of overlapping events", _RETURN),
            number("se", "its standard error", _RETURN),
            *_STATISTIC,
            number("car_alone", "the separate CAR of the observation", _RETURN),
            number("pvalue_alone", "its p-value; null for one that is not tested"),
            count("n_overlapping", "other events whose windows share a session"),
            _COVERED,
            _DOUBT,
            _REASON,
        ),
        made_by=_JOINT,
    ),
    Table(
        "joint_tests",
        "a row per model, group, observation, window and hypothesis across assets",
        (
            _MODEL,
            text("group", 'the asset group, or "all"'),
            text("event_id", 'the observation, or "all" of them'),
            *_WINDOW,
            text("hypothesis", "all_zero, all_equal or sum_zero"),
            text("null", "the null hypothesis"),
            number("statistic", "the F statistic"),
            number("df1", "degrees of freedom of the numerator"),
            number("df2", "degrees of freedom of the denominator"),
            number("pvalue", "the p-value"),
            count("n_assets", "assets"),
            count("n_events", "days 0"),
            flag("exact", "F is exact under normal errors"),
            _REASON,
        ),
        made_by=_JOINT,
    ),
    Table(
        "fit",
        "a row per observation and model: how well the model fits before the event",
        (
            _OBSERVATION,
            _ASSET,
            _GROUP,
            _MODEL,
            count("n_estimation", "returns in the estimation window", "sessions"),
            number("sigma", "standard deviation of the residuals", _RETURN),
            number("df", "residual degrees of freedom"),
            number("r_squared", "share of the variance explained"),
            number("alpha", "the constant", "return per session"),
            number("alpha_se", "its standard error", "return per session"),
            number("skewness", "skewness of the residuals"),
            number("excess_kurtosis", "kurtosis of the residuals less 3"),
            number("jarque_bera_pvalue", "p-value of normal residuals"),
            number("ljung_box_pvalue", "p-value of no autocorrelation"),
            number("arch_lm_pvalue", "p-value of constant variance"),
        ),
        made_by=_RETURNS,
    ),
    Table(
        "long_run",
        "a row per model, group, hold, method and variance of `[long_run]`",
        (
            _MODEL,
            _GROUP,
            count("start", "first session of the hold, day 0 = 0", "sessions"),
            count("end", "last session of the hold, included", "sessions"),
            text(
                "method", "calendar_time, calendar_dummy, ctar, rats, or bhar_control"
            ),
            text(
                "variance", "ols, wls, hc3, newey_west, cross_section, date_bootstrap"
            ),
            number(
                "estimate",
                "abnormal return: per session, of the whole hold for rats and bhar, "
                "standardised for ctar",
                _RETURN,
            ),
            number("se", "its standard error", _RETURN),
            *_STATISTIC,
            count("n", "sessions; for rats and bhar observations"),
            _REASON,
        ),
        made_by={"returns": "eventstudy.study.long_run_table:long_run"},
    ),
    Table(
        "donors",
        "a row per observation, model and donor that has weight, or may have none",
        (
            _OBSERVATION,
            _ASSET,
            _MODEL,
            text("donor", "the donor's symbol"),
            number(
                "weight", "its weight in the counterfactual; null: it may have none"
            ),
            text("reason", "why it may have none"),
        ),
        made_by={"returns": "eventstudy.study.donor_tables:donors"},
    ),
    Table(
        "counterfactuals",
        "a row per observation, model with donors and window: fit before, and tests",
        (
            _OBSERVATION,
            _ASSET,
            _GROUP,
            _MODEL,
            *_WINDOW,
            count("n_donors", "donors that it may have"),
            count("n_weighted", "donors that have weight"),
            number(
                "rmse_before",
                "root mean square gap in the estimation window",
                _SIMPLE,
            ),
            number("beta_treated", "slope of the asset on the donors' mean before"),
            number("beta_synthetic", "the same of the counterfactual"),
            number("pvalue_time", "placebo in time: the gap among those before"),
            number("rmse_ratio", "root mean square gap in the window over that before"),
            number("pvalue_space", "placebo in space: its rank among donors' ratios"),
            count("n_space", "donors that were put in the asset's place"),
            number("effect_daily", "mean gap of a session of the window", _SIMPLE),
            number("pvalue_conformal", "conformal p-value of no effect"),
            number("ci_low", "least daily effect that it does not reject", _SIMPLE),
            number("ci_high", "greatest daily effect that it does not reject", _SIMPLE),
            text("reason", "why there is no conformal set"),
        ),
        made_by={"returns": "eventstudy.study.donor_tables:donors"},
    ),
    Table(
        "coefficients",
        "a row per observation, model and coefficient",
        (
            _OBSERVATION,
            _ASSET,
            _MODEL,
            text("term", "constant, the factor, or what the model estimates beside"),
            number("value", "the estimate"),
            number("se", "its standard error"),
        ),
        made_by=_RETURNS,
    ),
    Table(
        "baskets",
        "a row per observation of a model on a basket, and member of the basket",
        (
            _OBSERVATION,
            _ASSET,
            _MODEL,
            text("member", "the member's symbol"),
            flag("inside", "whether it is in the basket of this observation"),
            text("reason", "why it is not"),
        ),
        made_by={"returns": "eventstudy.study.basket_table:baskets"},
    ),
    Table(
        "lead_lag",
        "a row per model, asset on an exchange and factor that trades around the "
        "clock: whether the factor's returns before and after carry weight",
        (
            _ASSET,
            _GROUP,
            _MODEL,
            text("factor", "the factor"),
            count("n", "sessions of the history, without those near announcements"),
            number("slope", "the slope on the factor's return of the session"),
            number("lag", "the slope on that of the session before"),
            number("lead", "the slope on that of the session after"),
            number("statistic", "F of lag and lead, both zero"),
            number("df1", "its degrees of freedom of the numerator"),
            number("df2", "its degrees of freedom of the denominator"),
            number("pvalue", "the p-value"),
        ),
        made_by={"returns": "eventstudy.study.lead_lag_table:lead_lag"},
    ),
    Table(
        "ledger",
        "a row per thing that was left out or is doubtful",
        (
            text("stage", "where: observation, volume, prices"),
            text("event_id", "the announcement; null for prices, and of all"),
            _ASSET,
            text("model", "the model setting or outcome"),
            text("reason", "what and why"),
            text("held", "what there was"),
            text("wanted", "what was needed"),
        ),
    ),
    Table(
        "contamination",
        "a row per pair of observations of an asset whose event windows share sessions",
        (
            _ASSET,
            _OBSERVATION,
            text("other_event_id", "the other observation"),
            day("day0", "day 0 of the one"),
            day("other_day0", "day 0 of the other"),
            count("sessions", "sessions that both windows have", "sessions"),
        ),
        made_by=_RETURNS,
    ),
    Table(
        "closes",
        "a row per symbol and date: the prices behind the figures",
        (
            text("symbol", "the asset or factor"),
            day("date", "the session"),
            number("close", "adjusted close, or close where there is none"),
        ),
        written=False,
    ),
    Table(
        "price_issues",
        "a row per finding of the readers of prices and of the quality gate",
        (
            text("symbol", "the symbol"),
            day("date", "the first date that it concerns"),
            text("file", "the file"),
            count("line", "its line"),
            text("severity", "error, warning or info"),
            text("rule", "name of the rule"),
            text("detail", "what was found"),
            text("action", "what was done"),
            day("until", "the last date that it concerns; null: the first"),
        ),
    ),
    *OUTCOME_TABLES,
    REMARKS,
)

SCHEMA: Mapping[str, Table] = {table.name: table for table in _TABLES}
"""The tables of `StudyResult` in the order of its documentation."""


def empty(name: str) -> pl.DataFrame:
    """Return a table of the result without rows."""
    return SCHEMA[name].empty()


def frame(name: str, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return rows as a table of the result; see `Table.frame`."""
    return SCHEMA[name].frame(rows)


def data_dictionary(tables: Mapping[str, Table] = SCHEMA) -> str:
    """Return tables with their columns as Markdown, for the documentation.

    Parameters
    ----------
    tables : mapping of str to Table
        The tables; by default those of a study.

    Returns
    -------
    str
        A section per table.

    Examples
    --------
    >>> data_dictionary().splitlines()[0]
    '## events'
    """
    return "\n".join(table.markdown() for table in tables.values())
