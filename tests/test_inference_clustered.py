"""Portfolios and clusters against regressions and the bootstrap of other software."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from reference.inference_panels import N_ESTIMATION, panel
from reference.inference_twins import cars, clusters
from scipy import stats
from wildboottest.wildboottest import wildboottest

from eventstudy.inference import TESTS, Options, collect
from eventstudy.inference.clustered import clustered_variance
from eventstudy.inference.sample import sample_of
from eventstudy.models import market

WINDOW = (-1, 1)


def test_portfolio_of_one_date_is_the_regression_of_the_portfolio():
    rng = np.random.default_rng(0)
    market_return = rng.normal(size=67)
    y = 0.1 + 1.2 * market_return + rng.normal(size=(5, 67))
    ab = market(y, np.tile(market_return, (5, 1)), n_estimation=60)
    found = TESTS["portfolio"](ab, WINDOW)
    # One regression over all sessions, with a dummy of the window's mean effect.
    mean = y.mean(axis=0)
    columns = slice(60 + 3 + WINDOW[0], 60 + 4 + WINDOW[1])
    keep = np.r_[0:60, columns]
    dummies = np.zeros((67, 3))
    dummies[columns] = np.eye(3)
    design = np.column_stack([np.ones(67), market_return, dummies])[keep]
    fit = sm.OLS(mean[keep], design).fit()
    joint = fit.t_test(np.array([0, 0, 1, 1, 1]))
    assert found.statistic[0] == pytest.approx(float(joint.tvalue.squeeze()))
    assert found.pvalue[0] == pytest.approx(float(joint.pvalue))
    assert found.df[0] == N_ESTIMATION - 2
    assert found.estimate[0] == pytest.approx(float(joint.effect.squeeze()))


def test_unscaled_cluster_variance_agrees_with_statsmodels():
    ab = panel("uneven dates", seed=2, missing=0.1)
    y, labels = cars(ab, WINDOW), np.array(clusters(ab, WINDOW))
    fit = sm.OLS(y, np.ones(len(y))).fit(
        cov_type="cluster", cov_kwds={"groups": labels, "use_correction": False}
    )
    labels = np.unique(labels, return_inverse=True)[1]
    assert np.sqrt(clustered_variance(y, labels, power=0.0)[0]) == pytest.approx(
        fit.bse[0]
    )


def test_cr3_is_the_jackknife_over_clusters():
    # Nothing estimated, so that clusters share nothing.
    ab = panel("uneven dates", seed=2, missing=0.1, model="market_adjusted")
    y, labels = cars(ab, WINDOW), np.array(clusters(ab, WINDOW))
    left_out = np.array([y[labels != g].mean() for g in sorted(set(labels))])
    variance = ((left_out - y.mean()) ** 2).sum()
    found = TESTS["cluster_cr3"](ab, WINDOW)
    assert found.statistic[0] == pytest.approx(y.mean() / np.sqrt(variance))


def test_equal_clusters_make_cr2_the_t_test_of_their_means():
    ab = panel("far dates", seed=2)
    clustered, portfolio = (TESTS[n](ab, WINDOW) for n in ("cluster", "portfolio"))
    assert clustered.statistic[0] == pytest.approx(portfolio.statistic[0])
    assert clustered.df[0] == pytest.approx(portfolio.df[0])


def test_clusters_of_one_observation_make_cr2_the_t_test():
    ab = panel("far dates", n_assets=1, seed=2)
    plain = TESTS["csect"](ab, WINDOW)
    for name in ("cluster", "portfolio"):
        assert TESTS[name](ab, WINDOW).statistic[0] == pytest.approx(plain.statistic[0])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_wild_bootstrap_agrees_with_wildboottest(seed):
    ab = panel("uneven dates", seed=seed, effect=0.006)
    ours = TESTS["wild_cluster"](ab, WINDOW, n_draws=9999)
    frame = pd.DataFrame({"y": cars(ab, WINDOW), "one": 1.0})
    theirs = wildboottest(
        sm.OLS(frame["y"], frame[["one"]]),
        param="one",
        cluster=pd.Series(clusters(ab, WINDOW)),
        B=9999,
        weights_type="webb",
        seed=1,
        show=False,
    )
    assert ours.statistic[0] == pytest.approx(
        float(np.ravel(theirs["statistic"])[0]), rel=0.02
    )
    assert ours.pvalue[0] == pytest.approx(
        float(np.ravel(theirs["p-value"])[0]), abs=0.015
    )


def test_two_way_reduces_to_one_way_when_each_asset_has_one_event():
    ab = panel("far dates", n_assets=1, seed=4)
    ab = replace(ab, asset=np.arange(6))
    two, one = (TESTS[n](ab, WINDOW) for n in ("cluster_two_way", "cluster"))
    assert two.statistic[0] == pytest.approx(one.statistic[0])


def test_ibragimov_muller_is_the_t_test_of_cluster_means():
    ab = panel("uneven dates", seed=2, missing=0.1)
    y, labels = cars(ab, WINDOW), np.array(clusters(ab, WINDOW))
    means = [y[labels == label].mean() for label in np.unique(labels)]
    theirs = stats.ttest_1samp(means, 0.0)
    found = TESTS["ibragimov_muller"](ab, WINDOW)
    assert found.statistic[0] == pytest.approx(theirs.statistic)
    assert found.pvalue[0] == pytest.approx(theirs.pvalue)
    assert found.estimate[0] == pytest.approx(np.mean(means))
    assert found.df[0] == len(means) - 1


def test_ibragimov_muller_interval_ends_where_the_test_begins_to_reject():
    ab = panel("uneven dates", seed=2)
    entry = TESTS["ibragimov_muller"]
    found = sample_of(collect(ab, [WINDOW], frozenset()), WINDOW, residual=None)
    held = entry.interval(found, Options(), 0.95)
    assert (held.low + held.high) / 2 == pytest.approx(entry(ab, WINDOW).estimate[0])
    for end in (held.low, held.high):
        moved = replace(found, effect=found.effect - end)
        assert entry.of_sample(moved, Options()).pvalue == pytest.approx(0.05)
