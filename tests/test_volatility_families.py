"""Members of SHIFTS, MEASURES and OUTCOMES: their oracles, and those of users."""

import inspect
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose
from scipy import special

import eventstudy as es
from eventstudy.cli.list import table
from eventstudy.core.errors import SpecError
from eventstudy.outcomes import OUTCOMES, OutcomeEntry
from eventstudy.report.render import pages
from eventstudy.volatility import (
    MEASURES,
    SHIFTS,
    MeasureEntry,
    ShiftAnswer,
    ShiftEntry,
    ShiftOptions,
    Spread,
    pooled_ratio,
    variance_ratio,
)

# By member, the test that compares it with an oracle or a slow twin.
ORACLES = {
    "SHIFTS": {
        "f": "test_f_equals_scipy_with_missing_returns",
        "brown_forsythe": "test_brown_forsythe_and_fligner_equal_scipy_with_ties_and_"
        "missing_returns",
        "fligner": "test_brown_forsythe_and_fligner_equal_scipy_with_ties_and_"
        "missing_returns",
        "bootstrap": "test_bootstrap_law_equals_a_loop_over_resamples",
        "placebo": "test_placebo_law_equals_a_loop_over_pseudo_dates",
        "csect": "test_pooled_cluster_t_equals_statsmodels",
        "cluster": "test_pooled_cluster_t_equals_statsmodels",
        "garch_dummy": "test_garch_dummy_is_the_maximum_of_a_plain_likelihood",
        "abnormal_volatility": "test_abnormal_volatility_equals_the_moments_of_f",
        "cav": "test_cumulative_abnormal_volatility_is_the_sum_of_excess_multiples",
        "cav_bootstrap": "test_simulated_windows_of_a_group_equal_a_loop_over_paths",
        "filtered_simulation": "test_filtered_simulation_equals_a_loop_over_paths",
        "icss": "test_one_break_equals_the_plain_statistic",
    },
    "MEASURES": {
        "raw_return": "test_placebo_law_equals_a_loop_over_pseudo_dates",
        "abnormal_return": "test_ratios_of_single_observations",
        "absolute_return": "test_placebo_law_equals_a_loop_over_pseudo_dates",
        "squared_return": "test_placebo_law_equals_a_loop_over_pseudo_dates",
        "parkinson": "test_range_volatility_equals_the_plain_loop",
        "garman_klass": "test_range_volatility_equals_the_plain_loop",
        "rogers_satchell": "test_range_volatility_equals_the_plain_loop",
        "yang_zhang": "test_range_volatility_equals_the_plain_loop",
        "realised": "test_ratio_of_realised_volatility",
        "garch": "test_event_volatility_is_set_against_garch_forecasts",
    },
    "OUTCOMES": {
        "volume": "test_abnormal_volume_is_tested_like_returns",
        "volume_change": "test_the_change_from_shortly_before_equals_a_loop",
        "illiquidity": "test_liquidity_is_an_outcome_beside_volume",
        "spread": "test_spread_equals_the_plain_formula_with_overnight_gaps",
    },
}
FAMILIES = {"SHIFTS": SHIFTS, "MEASURES": MEASURES, "OUTCOMES": OUTCOMES}
TESTS = Path(__file__).parent


@pytest.mark.parametrize("family", FAMILIES)
def test_no_member_without_an_oracle_or_twin(family):
    assert set(ORACLES[family]) == set(FAMILIES[family])
    written = "".join(path.read_text() for path in TESTS.glob("test_vol*.py"))
    written += (TESTS / "test_study_volatility.py").read_text()
    for member, test in ORACLES[family].items():
        assert f"def {test}(" in written, member


def test_facts_of_the_tests_agree_with_each_other():
    places = [entry.preference for entry in SHIFTS.values() if entry.preference]
    assert len(set(places)) == len(places)
    for entry in SHIFTS.values():
        assert not (entry.preference and entry.naive), entry.name
        assert entry.resampled or not entry.other_dates, entry.name
    for entry in MEASURES.values():
        assert (entry.spread is None) == (entry.of == "forecasts"), entry.name


# --- members of users ---------------------------------------------------------------

DAYS = 330
FIRST = date(2020, 3, 1)


def log_f(ask):
    """Log ratio over its standard deviation under normality."""
    n = np.isfinite(ask.pre).sum(axis=1), np.isfinite(ask.post).sum(axis=1)
    se = np.sqrt(0.5 / (n[0] - 1) + 0.5 / (n[1] - 1))
    z = ask.ratio / se
    reach = special.ndtri(0.5 + ask.options.level / 2)
    return ShiftAnswer(
        statistic=z,
        pvalue=2 * special.ndtr(-np.abs(z)),
        ci_low=np.exp(ask.ratio - reach * se),
        ci_high=np.exp(ask.ratio + reach * se),
    )


def sign_of_mean(ask):
    """Share of observations whose ratio rose, one p-value per pool."""
    rose = np.array([(ask.ratio[inside] > 0).mean() for inside in ask.pools])
    return ShiftAnswer(statistic=rose, pvalue=np.abs(2 * rose - 1))


def gap(columns):
    """Distance of high and low as a share of the close"""
    return (columns["high"] - columns["low"]) / columns["close"]


LOG_F = ShiftEntry(
    name="log_f",
    meaning="log ratio over its normal standard deviation",
    null="equal variances of normal returns",
    robust_to="nothing of the usual",
    citation="Bartlett & Kendall (1946), J. Royal Statistical Society Suppl. 8",
    of_each=log_f,
    of_pool=sign_of_mean,
    naive="returns as normal",
)
FOURTH = MeasureEntry(
    name="fourth_power",
    meaning="fourth root of the mean fourth power",
    spread=Spread(
        parts=lambda x: x[None] ** 4,
        value=lambda n, sums: (sums[0] / n) ** 0.25,
    ),
    words="fourth powers",
    single=True,
)
HIGH_LOW = MeasureEntry(
    name="high_low",
    meaning="root of the mean squared range of high and low",
    spread=Spread(parts=lambda v: (v[..., 1] - v[..., 2])[None] ** 2),
    is_range=True,
)
GAP = OutcomeEntry(
    name="gap",
    of=gap,
    needs=("high", "low", "close"),
    meaning="range of the session over its close",
    unit="share of the close",
    citation="Nobody (2001), J. of Nothing 1",
)


@pytest.fixture(scope="module")
def prices():
    rng = np.random.default_rng(5)
    frames = []
    for symbol in ("A", "B"):
        close = 100 * np.exp(np.cumsum(0.02 * rng.standard_t(6, size=DAYS)))
        start = np.r_[100.0, close[:-1]]
        reach = 1 + 0.01 * rng.random(size=(2, DAYS))
        frames.append(
            pl.DataFrame(
                {
                    "symbol": symbol,
                    "date": [FIRST + timedelta(days=d) for d in range(DAYS)],
                    "open": start,
                    "high": np.maximum(start, close) * reach[0],
                    "low": np.minimum(start, close) / reach[1],
                    "close": close,
                    "volume": np.exp(rng.normal(10, 0.5, size=DAYS)).round(),
                }
            )
        )
    return pl.concat(frames)


@pytest.fixture(scope="module")
def found(prices):
    """A study with a member of a user in every family."""
    SHIFTS.register(LOG_F)
    MEASURES.register(FOURTH)
    MEASURES.register(HIGH_LOW)
    OUTCOMES.register(GAP)
    spec = es.StudySpec(
        returns="log",
        model="constant_mean",
        calendars={"default": "24/7"},
        groups={"both": ("A", "B")},
        windows=((-1, 1),),
        tests=("csect", "kp_bmp"),
        resamples=99,
        overlap="keep",
        parts=("all",),
    )
    events = pl.DataFrame(
        {
            "event_id": ["e1", "e2"],
            "announced_at": [str(FIRST + timedelta(days=d)) for d in (200, 260)],
        }
    )
    result = es.run(spec, events, prices)
    yield (
        result,
        "".join(pages(result).values()),
        table("volatility") + table("outcomes"),
    )
    SHIFTS.remove("log_f")
    MEASURES.remove("fourth_power")
    MEASURES.remove("high_low")
    OUTCOMES.remove("gap")


def test_a_test_of_a_user_is_in_tables_report_and_list(found):
    result, text, listed = found
    rows = result.volatility.filter(test="log_f", window="post")
    single = rows.filter(pl.col("event_id") != "all")
    # Of the standard deviation alone: it is not drawn from the history.
    assert set(rows["measure"]) == {"raw_return", "abnormal_return"}
    f = result.volatility.filter(test="f", window="post")
    assert single["ratio"].to_list() == f["ratio"].to_list()
    assert_allclose(
        single["statistic"] * math_se(50, 31), np.log(single["ratio"].to_numpy())
    )
    assert rows.filter(event_id="all").height
    assert "`log_f` (naive)" in text
    assert LOG_F.citation in text
    assert LOG_F.name in listed


def math_se(n_pre, n_post):
    return np.sqrt(0.5 / (n_pre - 1) + 0.5 / (n_post - 1))


def test_measures_of_a_user_are_in_tables_report_and_list(found, prices):
    result, text, listed = found
    close = prices.filter(symbol="A")["close"].to_numpy()
    moved = np.diff(np.log(close), prepend=np.nan) ** 4
    row = result.volatility.filter(
        measure="fourth_power", event_id="e1", asset="A", window="post"
    ).row(0, named=True)
    wanted = (moved[200:231].mean() / moved[140:190].mean()) ** 0.25
    assert row["ratio"] == pytest.approx(wanted)
    ranges = result.volatility.filter(measure="high_low")
    assert set(ranges["event_id"]) == {"all"}
    assert ranges["ratio"].is_not_null().any()
    # The range alone, as Parkinson's measure, which is the same up to a factor.
    same = result.volatility.filter(measure="parkinson")
    assert_allclose(ranges["ratio"].to_numpy(), same["ratio"].to_numpy())
    assert "| fourth powers |" in text
    assert f"- fourth power: {FOURTH.meaning}." in text
    assert f"- high low: {HIGH_LOW.meaning}." in text
    assert "fourth_power" in listed
    assert "high_low" in listed


def test_an_outcome_of_a_user_is_in_tables_report_and_list(found, prices):
    result, text, listed = found
    row = result.tests.filter(outcome="gap", test="csect").row(0, named=True)
    sums = []
    for symbol in ("A", "B"):
        frame = prices.filter(symbol=symbol)
        values = ((frame["high"] - frame["low"]) / frame["close"]).to_numpy()
        for day in (200, 260):
            usual = values[day - 130 : day - 10].mean()
            sums.append((values[day - 1 : day + 2] - usual).sum())
    assert row["estimate"] == pytest.approx(np.mean(sums))
    assert (row["model"], row["n"]) == ("gap", 4)
    assert "- gap: range of the session over its close, less its mean" in text
    assert "(Nobody 2001)" in text
    assert "**gap, range of the session over its close**" in text
    assert "Less usual, a session, share of the close" in text
    assert "gap" in listed


def test_members_of_users_are_gone_when_removed(found):
    assert "log_f" in SHIFTS
    assert inspect.isfunction(SHIFTS["log_f"].of_each)
    for family, entry in ((SHIFTS, LOG_F), (MEASURES, FOURTH), (OUTCOMES, GAP)):
        with pytest.raises(SpecError, match="already"):
            family.register(entry)
    with pytest.raises(SpecError, match="the package's own"):
        MEASURES.remove("parkinson")


def test_functions_stand_where_names_are_taken():
    rng = np.random.default_rng(1)
    pre, post = rng.normal(size=(3, 50)), 2 * rng.normal(size=(3, 31))

    def bold(x):
        """Ten times the square."""
        return 10 * np.square(x)

    def half(ask):
        return ShiftAnswer(statistic=ask.ratio, pvalue=np.full(len(ask.pre), 0.5))

    def silent(ask):
        return ShiftAnswer(statistic=ask.ratio, pvalue=np.full(len(ask.pre), np.nan))

    options = ShiftOptions(measure=bold, reps=99)
    got, none = variance_ratio(pre, post, tests=(half, silent), options=options)
    assert (got.test, got.measure) == ("half", "bold")
    wanted = np.sqrt((post**2).mean(axis=1) / (pre**2).mean(axis=1))
    assert_allclose(got.ratio, wanted)
    assert (got.pvalue == 0.5).all()
    assert none.reason == ("silent gives no p-value",) * 3
    assert MEASURES.entry(bold).meaning == "Ten times the square"
    entry = ShiftEntry(name="rose", of_pool=sign_of_mean)
    (pooled,) = pooled_ratio(pre, post, day0=np.arange(3), tests=(entry,))
    assert pooled.statistic[0] == 1.0

    def drift(columns):
        return columns["close"] - columns["open"]

    assert OUTCOMES.entry(drift).of is drift
    with pytest.raises(SpecError, match="needs vwap; prices have open"):
        OutcomeEntry(name="no", of=drift, needs=("vwap",))
