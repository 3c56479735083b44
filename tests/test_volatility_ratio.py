"""Variance ratios against scipy, statsmodels and plain loops."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from eventstudy.core.bootstrap import block_draws, politis_white, resample
from eventstudy.core.errors import SpecError
from eventstudy.volatility import (
    MEASURES,
    ShiftOptions,
    cut,
    date_clusters,
    pooled_ratio,
    variance_ratio,
)
from eventstudy.volatility.null_distributions import (
    bootstrap_law,
    joint_bootstrap_law,
    placebo_law,
)

RNG_SEED = 20
SD = MEASURES["raw_return"].spread
OF_RETURNS = ("raw_return", "absolute_return", "squared_return")
POOLED = ("csect", "cluster", "bootstrap", "placebo")
SINGLE = ("f", "brown_forsythe", "fligner", "bootstrap", "placebo")


def garch(rng, rows, n, alpha=0.1, beta=0.85, burn=200):
    """Simulated GARCH(1,1) returns with unit variance."""
    h = np.ones(rows)
    out = np.empty((rows, n + burn))
    for t in range(n + burn):
        out[:, t] = np.sqrt(h) * rng.normal(size=rows)
        h = 1 - alpha - beta + alpha * out[:, t] ** 2 + beta * h
    return out[:, burn:]


def two_windows(rows=8):
    rng = np.random.default_rng(RNG_SEED)
    pre = rng.standard_t(5, size=(rows, 50)) * 0.02 + 0.001
    post = rng.standard_t(5, size=(rows, 31)) * 0.035
    pre[1, [3, 9]] = np.nan
    post[1, 30] = np.nan
    post[2] = np.round(post[2], 2)  # ties
    pre[2] = np.round(pre[2], 2)
    return pre, post


def clean(row):
    return row[~np.isnan(row)]


def by_name(results):
    return {r.test: r for r in results}


def test_f_equals_scipy_with_missing_returns():
    pre, post = two_windows()
    (got,) = variance_ratio(pre, post, tests=("f",))
    for i in range(len(pre)):
        a, b = clean(pre[i]), clean(post[i])
        ratio = b.std(ddof=1) / a.std(ddof=1)
        law = stats.f(len(b) - 1, len(a) - 1)
        p = 2 * min(law.cdf(ratio**2), law.sf(ratio**2))
        assert_allclose(got.pre[i], a.std(ddof=1), rtol=1e-12)
        assert_allclose(got.post[i], b.std(ddof=1), rtol=1e-12)
        assert_allclose(got.ratio[i], ratio, rtol=1e-12)
        assert_allclose(got.statistic[i], ratio**2, rtol=1e-12)
        assert_allclose(got.pvalue[i], p, rtol=1e-9)
        assert (got.df_num[i], got.df[i]) == (len(b) - 1, len(a) - 1)
        interval = ratio / np.sqrt(law.ppf([0.975, 0.025]))
        assert_allclose([got.ci_low[i], got.ci_high[i]], interval, rtol=1e-9)


def test_brown_forsythe_and_fligner_equal_scipy_with_ties_and_missing_returns():
    pre, post = two_windows()
    got = by_name(variance_ratio(pre, post, tests=("brown_forsythe", "fligner")))
    for i in range(len(pre)):
        a, b = clean(pre[i]), clean(post[i])
        levene = stats.levene(a, b, center="median")
        assert_allclose(got["brown_forsythe"].statistic[i], levene.statistic, rtol=1e-9)
        assert_allclose(got["brown_forsythe"].pvalue[i], levene.pvalue, rtol=1e-9)
        assert got["brown_forsythe"].df[i] == len(a) + len(b) - 2
        fligner = stats.fligner(a, b, center="median")
        assert_allclose(got["fligner"].statistic[i], fligner.statistic, rtol=1e-9)
        assert_allclose(got["fligner"].pvalue[i], fligner.pvalue, rtol=1e-9)
    assert np.isnan(got["fligner"].ci_low).all()


def slow_spread(name, x):
    x = clean(x)
    if name == "raw_return":
        return x.std(ddof=1)
    if name == "squared_return":
        return np.sqrt((x**2).mean())
    return np.sqrt(np.pi / 2) * np.abs(x).mean()


@pytest.mark.parametrize("name", OF_RETURNS)
def test_placebo_law_equals_a_loop_over_pseudo_dates(name):
    rng = np.random.default_rng(1)
    x = 0.01 + 0.02 * rng.standard_t(4, size=(2, 130))
    x[0, 20:24] = np.nan
    x[1, 70:] = np.nan
    p, gap, q = 20, 5, 10
    got = placebo_law(MEASURES[name].spread, x, p, gap, q)
    assert got.shape == (2, 130 - 35 + 1)
    for i in range(2):
        for s in range(got.shape[1]):
            a, b = x[i, s : s + p], x[i, s + p + gap : s + p + gap + q]
            if len(clean(a)) < 16 or len(clean(b)) < 8:
                assert np.isnan(got[i, s])
            else:
                wanted = np.log(slow_spread(name, b) / slow_spread(name, a))
                wanted /= np.sqrt(1 - (p + q) / len(clean(x[i])))
                assert_allclose(got[i, s], wanted, rtol=1e-8, atol=1e-10)
    assert np.isnan(got[1, 60:]).all()


@pytest.mark.parametrize("name", OF_RETURNS)
def test_bootstrap_law_equals_a_loop_over_resamples(name):
    rng = np.random.default_rng(2)
    x = 0.01 + garch(rng, 3, 160)
    x[1, 5:30] = np.nan
    p, gap, q, reps = 20, 5, 12, 40
    spread = MEASURES[name].spread
    got = bootstrap_law(spread, x, p, gap, q, reps=reps, seed=7, least_block=12)
    draws = block_draws(p + gap + q, reps, 7)
    for i in range(3):
        y = clean(x[i])
        proxy = {
            "raw_return": (y - y.mean()) ** 2,
            "squared_return": y**2,
            "absolute_return": np.abs(y),
        }[name]
        found = np.ceil(politis_white(proxy).stationary[0])
        block = min(max(found, 12), len(y) // 2)
        for r, index in enumerate(resample(draws, np.array([block]), len(y))[0]):
            a, b = y[index[:p]], y[index[p + gap :]]
            wanted = np.log(slow_spread(name, b) / slow_spread(name, a))
            wanted /= np.sqrt(1 - block / len(y))
            assert_allclose(got[i, r], wanted, rtol=1e-8, atol=1e-10)


def test_p_values_and_intervals_are_those_of_the_laws():
    rng = np.random.default_rng(3)
    x = garch(rng, 4, 420)
    w = cut(x, 380)
    got = by_name(
        variance_ratio(
            w.pre, w.post, history=w.history, gap=w.gap, options=ShiftOptions(reps=499)
        )
    )
    laws = {
        "bootstrap": bootstrap_law(
            SD, w.history, 50, 10, 31, reps=499, seed=0, least_block=81
        ),
        "placebo": placebo_law(SD, w.history, 50, 10, 31),
    }
    for test, law in laws.items():
        result = got[test]
        for i in range(4):
            sizes = np.sort(np.abs(clean(law[i])))
            observed = np.log(result.ratio[i])
            far = sum(size >= abs(observed) for size in sizes)
            assert_allclose(result.pvalue[i], (1 + far) / (1 + len(sizes)))
            half = sizes[int(np.ceil(0.95 * (len(sizes) + 1))) - 1]
            assert_allclose(np.log(result.ci_high[i]), observed + half, rtol=1e-12)
            assert_allclose(np.log(result.ci_low[i]), observed - half, rtol=1e-12)
            excludes = not result.ci_low[i] <= 1 <= result.ci_high[i]
            assert excludes == (result.pvalue[i] < 0.05)
            assert_allclose(
                result.statistic[i], observed / clean(law[i]).std(ddof=1), rtol=1e-9
            )


def test_no_pseudo_date_uses_the_sessions_of_the_event():
    x = np.random.default_rng(4).normal(size=(1, 400))
    w = cut(x, 300)
    assert np.isnan(w.history[0, 300:331]).all()
    spiked = x.copy()
    spiked[0, 300:331] *= 1000
    again = cut(spiked, 300)
    assert_array_equal(w.history, again.history)
    assert_array_equal(w.pre[0], x[0, 240:290])
    assert_array_equal(w.post[0], x[0, 300:331])
    assert w.gap == 10


def test_windows_beyond_the_series_are_missing():
    w = cut(np.arange(40.0)[None], [5], pre=(-8, -3), post=(0, 3))
    assert_array_equal(w.pre[0], [np.nan, np.nan, np.nan, 0, 1, 2])
    with pytest.raises(SpecError, match="must end before"):
        cut(np.zeros((1, 9)), 3, pre=(-2, 0), post=(0, 1))


def test_what_cannot_be_computed_is_missing_with_its_reason():
    rng = np.random.default_rng(5)
    pre, post = rng.normal(size=(4, 50)), rng.normal(size=(4, 31))
    pre[0, 30:] = np.nan
    post[1] = 0.01  # a price that grows evenly
    pre[2] = 0.0
    history = np.concatenate([rng.normal(size=(4, 100)), pre], axis=1)
    results = by_name(
        variance_ratio(
            pre, post, history=history, gap=10, options=ShiftOptions(reps=99)
        )
    )
    for result in results.values():
        assert result.reason[:3] == (
            "30 valid sessions before the event, 40 needed",
            "no variation after the event",
            "no variation before the event",
        )
        for field in ("ratio", "ci_low", "ci_high", "statistic", "pvalue"):
            assert np.isnan(getattr(result, field)[:3]).all()
        assert result.reason[3] is None
        assert np.isfinite(result.pvalue[3])
    none = by_name(variance_ratio(pre, post, options=ShiftOptions(reps=99)))
    assert none["placebo"].reason[3] == "no history given to take pseudo-dates from"
    assert none["bootstrap"].reason[3] is None
    short = by_name(variance_ratio(pre, post, history=history[:, 45:], gap=10))
    assert short["placebo"].reason[3] == "15 admissible pseudo-dates, 20 needed"
    squared = by_name(
        variance_ratio(
            pre, post, options=ShiftOptions(measure="squared_return", reps=99)
        )
    )
    assert "not of 'squared_return'" in squared["f"].reason[3]
    assert squared["bootstrap"].reason[3] is None


def test_unknown_names_list_the_known_ones():
    pre, post = two_windows()
    with pytest.raises(SpecError, match="unknown volatility test 'levene'; known: f, "):
        variance_ratio(pre, post, tests=("levene",))
    with pytest.raises(
        SpecError, match="unknown volatility measure 'mad'; known: raw_"
    ):
        variance_ratio(pre, post, options=ShiftOptions(measure="mad"))
    with pytest.raises(SpecError, match="one row per observation"):
        variance_ratio(pre, post[:2])


def test_a_row_does_not_depend_on_the_rows_beside_it():
    rng = np.random.default_rng(6)
    w = cut(garch(rng, 5, 300), 250)
    w.history[2, :40] = np.nan
    whole = variance_ratio(
        w.pre, w.post, history=w.history, gap=w.gap, options=ShiftOptions(reps=199)
    )
    for i in range(5):
        rows = slice(i, i + 1)
        alone = variance_ratio(
            w.pre[rows],
            w.post[rows],
            history=w.history[rows],
            gap=w.gap,
            options=ShiftOptions(reps=199),
        )
        for one, all_rows in zip(alone, whole, strict=True):
            assert_allclose(one.pvalue, all_rows.pvalue[rows], rtol=1e-12)
            assert_allclose(one.ci_low, all_rows.ci_low[rows], rtol=1e-12)


def test_ratio_is_free_of_scale_and_turns_over_with_the_windows():
    rng = np.random.default_rng(7)
    pre, post = rng.normal(size=(3, 40)), rng.normal(size=(3, 40))
    one = variance_ratio(pre, post, tests=SINGLE[:4], options=ShiftOptions(reps=99))
    # a power of two, so that the ties of ranked deviations are the same to the last bit
    scaled = variance_ratio(
        pre / 2**13, post / 2**13, tests=SINGLE[:4], options=ShiftOptions(reps=99)
    )
    back = variance_ratio(post, pre, tests=SINGLE[:3])
    for a, b in zip(one, scaled, strict=True):
        assert_allclose(a.ratio, b.ratio, rtol=1e-10)
        assert_allclose(a.pvalue, b.pvalue, rtol=1e-9)
    for a, b in zip(one, back, strict=False):
        assert_allclose(a.ratio, 1 / b.ratio, rtol=1e-10)
        assert_allclose(a.pvalue, b.pvalue, rtol=1e-9)


def test_date_clusters_are_chains_of_overlapping_windows():
    assert_array_equal(
        date_clusters(np.array([0, 90, 180, 181, 400]), 91), [0] * 4 + [1]
    )
    assert_array_equal(date_clusters(np.array([0, 91, 91]), 91), [0, 1, 1])


def test_pooled_cluster_t_equals_statsmodels():
    import statsmodels.api as sm

    rng = np.random.default_rng(8)
    day0 = np.repeat([100, 300, 500, 700, 900, 1100], [3, 1, 2, 4, 2, 1])
    pre = rng.normal(size=(13, 50))
    post = (
        rng.normal(size=(13, 31))
        * np.exp(0.3 * rng.normal(size=6)).repeat([3, 1, 2, 4, 2, 1])[:, None]
    )
    got = by_name(pooled_ratio(pre, post, day0=day0, tests=("csect", "cluster")))
    logs = np.log(post.std(axis=1, ddof=1) / pre.std(axis=1, ddof=1))
    naive = stats.ttest_1samp(logs, 0)
    assert_allclose(got["csect"].statistic, naive.statistic, rtol=1e-10)
    assert_allclose(got["csect"].pvalue, naive.pvalue, rtol=1e-9)
    low, high = naive.confidence_interval(0.95)
    assert_allclose(np.log(got["csect"].ci_low), low, rtol=1e-9)
    assert_allclose(np.log(got["csect"].ci_high), high, rtol=1e-9)
    fit = sm.OLS(logs, np.ones(13)).fit(
        cov_type="cluster",
        cov_kwds={
            "groups": np.repeat(range(6), [3, 1, 2, 4, 2, 1]),
            "df_correction": True,
        },
        use_t=True,
    )
    # statsmodels multiplies by (N-1)/(N-k) as well, which is one for a mean
    assert_allclose(got["cluster"].statistic, fit.tvalues, rtol=1e-10)
    assert_allclose(got["cluster"].pvalue, fit.pvalues, rtol=1e-9)
    assert got["cluster"].df[0] == 5
    assert_allclose(got["cluster"].ratio, np.exp(logs.mean()), rtol=1e-12)
    assert_allclose(got["cluster"].post / got["cluster"].pre, got["cluster"].ratio)


def test_joint_bootstrap_law_equals_a_loop_over_calendars():
    rng = np.random.default_rng(9)
    common = garch(rng, 1, 150)
    x = 0.8 * common + 0.6 * garch(rng, 4, 150)
    x[3, :20] = np.nan
    day0 = np.array([90, 90, 97, 110])
    p, gap, q, reps = 20, 4, 10, 30
    (got,) = joint_bootstrap_law(
        SD,
        x,
        day0,
        *(p, gap, q),
        pools=np.ones((1, 4), np.bool_),
        reps=reps,
        seed=5,
    )
    block = 30.0
    for row in x:
        y = clean(row)
        block = max(block, np.ceil(politis_white((y - y.mean()) ** 2).stationary[0]))
    block = min(block, 75)
    draws = block_draws(p + gap + q + 20, reps, 5)
    for r, index in enumerate(resample(draws, np.array([block]), 150)[0]):
        logs = []
        for row, offset in zip(x, day0 - 90, strict=True):
            path = row[index[offset:]]
            a, b = clean(path[:p]), clean(path[p + gap : p + gap + q])
            if len(a) >= 16 and len(b) >= 8:
                logs.append(np.log(b.std(ddof=1) / a.std(ddof=1)))
        if len(logs) < 4:  # fewer than four fifths of four
            assert np.isnan(got[r])
        else:
            wanted = np.mean(logs) / np.sqrt(1 - block / 150)
            assert_allclose(got[r], wanted, rtol=1e-8, atol=1e-10)
    assert np.isfinite(got).sum() > 5


def test_joint_placebo_moves_all_dates_together():
    rng = np.random.default_rng(10)
    x = garch(rng, 3, 300)
    day0 = np.array([200, 200, 215])
    w = cut(x, day0, pre=(-25, -6), post=(0, 9))
    (got,) = pooled_ratio(
        w.pre, w.post, day0=w.day0, history=w.history, gap=w.gap, tests=("placebo",)
    )
    observed = np.log(w.post.std(axis=1, ddof=1) / w.pre.std(axis=1, ddof=1)).mean()
    values = []
    for shift in range(-300, 300):
        logs = []
        for row, zero in zip(w.history, day0 + shift, strict=True):
            if zero - 25 < 0 or zero + 10 > 300:
                continue
            a, b = clean(row[zero - 25 : zero - 5]), clean(row[zero : zero + 10])
            if len(a) >= 16 and len(b) >= 8:
                share = 1 - 30 / len(clean(row))
                ratio = np.log(b.std(ddof=1) / a.std(ddof=1))
                logs.append(ratio / np.sqrt(share))
        if len(logs) == 3:
            values.append(np.mean(logs))
    far = sum(abs(v) >= abs(observed) for v in values)
    assert len(values) > 150
    assert_allclose(got.pvalue[0], (1 + far) / (1 + len(values)))


def test_pools_judged_together_are_those_judged_alone():
    """Alone they have the same first event and block length, hence the same draws."""
    rng = np.random.default_rng(12)
    x = 0.6 * garch(rng, 1, 400) + 0.8 * rng.normal(size=(6, 400))
    x[1, 120:135] = np.nan
    day0 = np.array([200, 200, 210, 210, 240, 240])
    w = cut(x, day0)
    pools = np.array([[1, 0, 1, 0, 1, 1], [0, 1, 0, 1, 1, 0]], np.bool_)
    together = pooled_ratio(
        w.pre,
        w.post,
        day0=w.day0,
        history=w.history,
        gap=w.gap,
        pools=pools,
        options=ShiftOptions(reps=199),
    )
    for place, inside in enumerate(pools):
        alone = pooled_ratio(
            w.pre[inside],
            w.post[inside],
            day0=w.day0[inside],
            history=w.history[inside],
            gap=w.gap,
            options=ShiftOptions(reps=199),
        )
        for both, one in zip(together, alone, strict=True):
            for name in ("pre", "post", "ratio", "ci_low", "statistic", "pvalue"):
                held = getattr(both, name)[place]
                assert_allclose(held, getattr(one, name)[0], rtol=1e-9)
            assert both.n_clusters[place] == one.n_clusters[0]
            assert both.n_post[place] == one.n_post[0]
            assert both.reason[place] == one.reason[0]


def test_an_empty_pool_beside_a_full_one_says_so():
    rng = np.random.default_rng(13)
    w = cut(rng.normal(size=(3, 400)), np.array([200, 210, 300]))
    pools = np.array([[1, 1, 1], [0, 0, 0]], np.bool_)
    for found in pooled_ratio(
        w.pre,
        w.post,
        day0=w.day0,
        history=w.history,
        gap=w.gap,
        pools=pools,
        options=ShiftOptions(reps=99),
    ):
        assert found.reason[1] == "no observation has a ratio"
        assert found.n.tolist() == [3, 0]
        assert np.isnan([found.ratio[1], found.pvalue[1], found.ci_low[1]]).all()
    with pytest.raises(
        SpecError, match=r"pools is an array of int64 of shape \(1, 3\)"
    ):
        pooled_ratio(w.pre, w.post, day0=w.day0, pools=np.ones((1, 3), np.int64))


def test_pooling_says_what_is_missing():
    rng = np.random.default_rng(11)
    pre, post = rng.normal(size=(3, 50)), rng.normal(size=(3, 31))
    got = by_name(pooled_ratio(pre, post, day0=np.array([90, 95, 300])))
    assert got["cluster"].reason == ("2 clusters of dates, 5 needed",)
    assert got["bootstrap"].reason == ("no history on a shared calendar was given",)
    assert np.isfinite(got["csect"].pvalue[0])
    pre[:] = np.nan
    empty = pooled_ratio(pre, post, day0=np.array([90, 95, 300]))
    assert all(r.reason == ("no observation has a ratio",) for r in empty)
    assert all(np.isnan(r.ratio[0]) and r.n[0] == 0 for r in empty)


def test_a_pool_and_a_single_observation_have_their_own_tests():
    pre, post = two_windows()
    assert tuple(by_name(variance_ratio(pre, post))) == SINGLE
    found = pooled_ratio(pre, post, day0=np.arange(0, 800, 100))
    assert tuple(by_name(found)) == POOLED
    with pytest.raises(SpecError, match="'csect' is no test of a ratio of single"):
        variance_ratio(pre, post, tests=("csect",))
    with pytest.raises(SpecError, match="'f' is no test of a ratio of a mean"):
        pooled_ratio(pre, post, day0=np.arange(8), tests=("f",))
    with pytest.raises(SpecError, match="measured by a model"):
        variance_ratio(pre, post, options=ShiftOptions(measure="garch"))
    with pytest.raises(SpecError, match="level = 95"):
        ShiftOptions(level=95)


# Size and coverage with the default windows; 95 % binomial bands are about ±1 point.


def reject(results):
    return {r.test: np.nanmean(r.pvalue <= 0.05) for r in results}


def cover(results, true):
    return {r.test: np.mean((r.ci_low <= true) & (true <= r.ci_high)) for r in results}


DESIGNS = {
    "t4": lambda rng, n: rng.standard_t(4, size=(3000, n)),
    "garch": lambda rng, n: garch(rng, 3000, n, 0.08, 0.88),
}


@pytest.mark.slow
@pytest.mark.parametrize("design", sorted(DESIGNS))
@pytest.mark.parametrize("n_history", [300, 1000])
def test_bootstrap_and_placebo_hold_their_level_and_f_does_not(design, n_history):
    x = DESIGNS[design](np.random.default_rng(30), n_history + 41)
    w = cut(x, n_history + 10)
    size = reject(
        variance_ratio(
            w.pre, w.post, history=w.history, gap=w.gap, options=ShiftOptions(reps=999)
        )
    )
    assert size["f"] > 0.20
    assert 0.035 < size["bootstrap"] < 0.065
    assert 0.035 < size["placebo"] < 0.065
    if design == "t4":
        assert 0.035 < size["brown_forsythe"] < 0.065
        assert 0.035 < size["fligner"] < 0.065
    else:
        assert size["brown_forsythe"] > 0.15


@pytest.mark.slow
@pytest.mark.parametrize("design", sorted(DESIGNS))
@pytest.mark.parametrize("factor", [2.0, 4.0])
def test_a_variance_times_two_and_four_is_recovered(design, factor):
    x = DESIGNS[design](np.random.default_rng(31), 641)
    x[:, 610:] *= np.sqrt(factor)
    w = cut(x, 610)
    results = variance_ratio(
        w.pre, w.post, history=w.history, gap=w.gap, options=ShiftOptions(reps=999)
    )
    covered = cover(results, np.sqrt(factor))
    assert 0.935 < covered["bootstrap"] < 0.965
    assert 0.935 < covered["placebo"] < 0.965
    assert covered["f"] < 0.80
    assert_allclose(np.median(results[0].ratio), np.sqrt(factor), rtol=0.03)


@pytest.mark.slow
def test_pooled_bootstrap_and_placebo_survive_one_shared_date():
    rng = np.random.default_rng(32)
    rates = {name: [] for name in POOLED}
    for _ in range(400):
        common = garch(rng, 1, 841, 0.08, 0.88)
        x = np.sqrt(0.6) * common + np.sqrt(0.4) * garch(rng, 6, 841, 0.08, 0.88)
        w = cut(x, np.array([790, 790, 790, 795, 795, 810]))
        for r in pooled_ratio(
            w.pre,
            w.post,
            day0=w.day0,
            history=w.history,
            gap=w.gap,
            options=ShiftOptions(reps=399),
        ):
            rates[r.test].append(r.pvalue[0] <= 0.05)
            assert r.test != "cluster" or r.reason[0] is not None
    assert np.mean(rates["csect"]) > 0.3
    assert 0.02 < np.mean(rates["bootstrap"]) < 0.075
    assert 0.02 < np.mean(rates["placebo"]) < 0.075


def test_a_history_without_sessions_has_windows_of_missing_returns():
    windows = cut(np.empty((2, 0)), 0, pre=(-3, -2), post=(0, 1))
    assert windows.pre.shape == windows.post.shape == (2, 2)
    assert np.isnan(windows.pre).all()
