"""The joint regression against statsmodels, linearmodels and plain loops."""

import numpy as np
import pytest
import statsmodels.api as sm
from linearmodels.system import SUR
from numpy.testing import assert_allclose
from scipy import stats
from statsmodels.multivariate.multivariate_ols import _MultivariateOLS

from eventstudy.core.errors import SpecError
from eventstudy.core.windows import cumulate
from eventstudy.models import market
from eventstudy.models.joint import joint, window_indicators
from eventstudy.models.joint_hypotheses import HYPOTHESES, joint_test

A, S = 4, 90
START, END = np.array([30, 32, 60]), np.array([32, 36, 65])
WINDOWS = window_indicators(S, START, END)
LENGTH = END - START + 1
CLOSE = {"rtol": 1e-9, "atol": 1e-14}


def sample(n_factors=2, seed=3):
    rng = np.random.default_rng([seed, n_factors])
    x = 0.01 * rng.standard_normal((S, n_factors))
    common = 0.02 * rng.standard_normal((1, S))
    y = common + 0.03 * rng.standard_normal((A, S)) + x.sum(axis=1)
    return y + 0.01 * WINDOWS.sum(axis=1), x


def gappy(seed=5):
    """Missing returns, some bridged by the next one, and the spans of all."""
    y, x = sample(seed=seed)
    x = np.broadcast_to(x, (A, *x.shape)).copy()
    span = np.ones_like(y)
    y[0, :12] = np.nan
    for asset, first, last in [(1, 29, 31), (1, 50, 52), (3, 35, 38)]:
        y[asset, first:last] = np.nan
        span[asset, last] = last - first + 1
        x[asset, last] *= 2
    return y, x, span


def columns_of(x, span):
    """Regressors of one asset: span, factors, sessions of each window spanned."""
    inside = [
        [
            sum(start <= u <= end for u in range(int(s - k) + 1, s + 1))
            for start, end in zip(START, END, strict=True)
        ]
        for s, k in enumerate(span)
    ]
    return np.column_stack([span, x, np.array(inside, float)])


class TestEffects:
    @pytest.mark.parametrize("n_factors", [0, 2])
    def test_complete_returns_are_ordinary_least_squares(self, n_factors):
        y, x = sample(n_factors)
        fit = joint(y, x, WINDOWS)
        exog = np.column_stack([np.ones(S), x, WINDOWS])
        for asset in range(A):
            twin = sm.OLS(y[asset], exog).fit()
            assert_allclose(fit.effects[asset], twin.params[-3:] * LENGTH, **CLOSE)
            assert_allclose(fit.se[asset], twin.bse[-3:] * LENGTH, **CLOSE)
            assert_allclose(fit.statistic[asset], twin.tvalues[-3:], **CLOSE)
            assert_allclose(fit.pvalue[asset], twin.pvalues[-3:], rtol=1e-8)
            assert_allclose(fit.residuals[asset], twin.resid, **CLOSE)
            assert fit.df[asset] == twin.df_resid
        assert fit.exact

    def test_gaps_and_spans_are_weighted_least_squares(self):
        y, x, span = gappy()
        fit = joint(y, x, WINDOWS, span=span)
        assert not fit.exact
        for asset in range(A):
            held = np.isfinite(y[asset])
            exog = columns_of(x[asset], span[asset])[held]
            weights = 1 / span[asset, held]
            twin = sm.WLS(y[asset, held], exog, weights=weights).fit()
            assert fit.n[asset] == held.sum()
            assert_allclose(fit.effects[asset], twin.params[-3:] * LENGTH, **CLOSE)
            assert_allclose(fit.se[asset], twin.bse[-3:] * LENGTH, **CLOSE)
            assert_allclose(fit.sigma[asset], np.sqrt(twin.scale), **CLOSE)
            assert fit.df[asset] == twin.df_resid

    def test_an_indicator_per_session_is_the_forecast_approach(self):
        y, x = sample(1)
        days = window_indicators(S, np.arange(80, S), np.arange(80, S))
        fit = joint(y, x, days, event=np.array([0] * 3 + [1] * 7))
        alone = market(
            y, np.broadcast_to(x[:, 0], y.shape), n_estimation=80, first_offset=0
        )
        for event, window in enumerate([(0, 2), (3, 9)]):
            twin = cumulate(alone, window)
            assert_allclose(fit.effects[:, event], twin.car, **CLOSE)
            assert_allclose(fit.se[:, event], twin.se, **CLOSE)
        assert_allclose(fit.df, alone.df)

    def test_overlapping_effects_are_told_apart_and_not_counted_twice(self):
        noise = 1e-3 * np.random.default_rng(0).standard_normal((1, S))
        y = noise + WINDOWS @ [-0.04, 0.02, 0.0]
        fit = joint(y, None, WINDOWS)
        assert_allclose(fit.effects[0], [-0.12, 0.10, 0], atol=4e-3)
        alone = [y[0, a : b + 1].sum() for a, b in zip(START[:2], END[:2], strict=True)]
        assert_allclose(alone, [-0.10, 0.06], atol=4e-3)
        with np.errstate(under="ignore"):
            assert 0 < fit.pvalue[0, 0] < 1e-30

    def test_one_sided_p_values(self):
        y, x = sample()
        two, less, greater = (
            joint(y, x, WINDOWS, alternative=a).pvalue
            for a in ("two-sided", "less", "greater")
        )
        assert_allclose(less + greater, 1.0)
        assert_allclose(two, 2 * np.minimum(less, greater))


class TestNoEffectWithoutReason:
    def test_identical_windows_are_refused_and_the_others_stand(self):
        y, x = sample()
        fit = joint(y, x, WINDOWS[:, [0, 1, 1, 2]])
        assert np.isnan(fit.effects[:, 1:3]).all()
        assert "cannot be told apart" in fit.reason[0][1]
        alone = joint(y, x, WINDOWS)
        assert_allclose(fit.effects[:, [0, 3]], alone.effects[:, [0, 2]], **CLOSE)
        assert_allclose(fit.se[:, [0, 3]], alone.se[:, [0, 2]], **CLOSE)
        assert_allclose(fit.df, alone.df)

    def test_windows_that_add_up_are_refused(self):
        y, _ = sample()
        split = window_indicators(S, np.array([5, 8, 5, 40]), np.array([7, 8, 8, 43]))
        fit = joint(y, None, split)
        there = np.array([r is None for r in fit.reason[0]])
        assert there.tolist() == [False, False, False, True]
        assert np.isfinite(fit.effects[:, 3]).all()

    def test_a_window_without_a_return(self):
        y, x = sample()
        y[2, 60:66] = np.nan
        fit = joint(y, x, WINDOWS)
        assert fit.reason[2] == (None, None, "no return in the window")
        assert np.isnan(fit.effects[2, 2])
        assert np.isfinite(np.delete(fit.effects.ravel(), 8)).all()
        found = joint_test(fit, "all_zero", events=np.array([2]))
        assert found.reason == "no return in the window"
        assert np.isnan(found.pvalue)

    @pytest.mark.parametrize("n_sessions", [4, 5])
    def test_more_parameters_than_returns(self, n_sessions):
        y, x = sample()
        held = slice(28, 28 + n_sessions)
        fit = joint(y[:, held], x[held], WINDOWS[held])
        assert np.isnan(fit.effects).all()
        assert "no more returns" in fit.reason[0][0]

    def test_a_constant_price(self):
        y, x = sample()
        y[1] = 0.0
        fit = joint(y, x, WINDOWS)
        assert "constant price" in fit.reason[1][0]
        assert np.isnan(fit.statistic[1]).all()
        assert np.isfinite(fit.statistic[[0, 2, 3]]).all()

    def test_an_asset_that_is_another(self):
        y, x = sample()
        y[3] = y[2]
        found = joint_test(joint(y, x, WINDOWS), "all_zero")
        assert found.reason == "the assets' residuals are linearly dependent"
        assert np.isnan(found.statistic)

    def test_more_assets_than_degrees_of_freedom(self):
        rng = np.random.default_rng(1)
        fit = joint(rng.normal(size=(12, 14)), None, np.eye(14)[:, 5:8])
        one = joint_test(fit, "all_zero", events=np.array([0]))
        assert one.reason == "needs 12 degrees of freedom, there are 10"
        assert joint_test(fit, "sum_zero").reason is None

    def test_one_asset_cannot_differ_from_itself(self):
        y, x = sample()
        found = joint_test(joint(y[:1], x, WINDOWS), "all_equal")
        assert found.reason == "needs two assets"

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"x": np.zeros((S - 1, 1))}, "x has shape"),
            ({"indicators": WINDOWS[1:]}, "indicators has shape"),
            ({"indicators": 2 * WINDOWS}, "1 inside"),
            ({"indicators": WINDOWS[:, :0]}, "1 inside"),
            ({"span": np.ones((A, 2))}, "span has shape"),
            ({"event": np.array([0, 2, 2])}, "without gaps"),
            ({"alternative": "upper"}, "known: greater, less, two-sided"),
        ],
    )
    def test_bad_requests(self, changes, words):
        y, x = sample()
        given = {"y": y, "x": x, "indicators": WINDOWS} | changes
        with pytest.raises(SpecError, match=words):
            joint(**given)

    def test_an_unknown_hypothesis(self):
        y, x = sample()
        with pytest.raises(SpecError, match="did you mean 'sum_zero'"):
            joint_test(joint(y, x, WINDOWS), "zero")


def transform(hypothesis, n_assets):
    """Columns that turn the assets' returns into those that a hypothesis is about."""
    if hypothesis == "sum_zero":
        return np.ones((n_assets, 1))
    if hypothesis == "all_zero":
        return np.eye(n_assets)
    return np.vstack([np.ones(n_assets - 1), -np.eye(n_assets - 1)])


class TestHypotheses:
    @pytest.mark.parametrize("hypothesis", HYPOTHESES)
    @pytest.mark.parametrize("events", [[0], [2], [0, 1], [0, 1, 2]])
    def test_complete_returns_give_the_f_of_the_multivariate_model(
        self, hypothesis, events
    ):
        y, x = sample()
        found = joint_test(joint(y, x, WINDOWS), hypothesis, events=np.array(events))
        exog = np.column_stack([np.ones(S), x, WINDOWS])
        pick = np.eye(exog.shape[1])[[3 + event for event in events]]
        # The default test of the CARs is that of the coefficients.
        twin = _MultivariateOLS(y.T, exog).fit()
        table = twin.mv_test([("h", pick, transform(hypothesis, A))])
        row = table.results["h"]["stat"].loc["Hotelling-Lawley trace"].astype(float)
        assert_allclose(found.statistic, row["F Value"], rtol=1e-9)
        assert_allclose(found.df1, row["Num DF"])
        assert_allclose(found.df2, row["Den DF"])
        assert_allclose(found.pvalue, row["Pr > F"], rtol=1e-7)
        assert found.null == HYPOTHESES[hypothesis]

    def test_one_event_is_hotellings_t_squared(self):
        """On a constant and one indicator, the two-sample T² of the textbooks."""
        y, _ = sample()
        inside = WINDOWS[:, 2] == 1
        found = joint_test(joint(y, None, WINDOWS[:, 2:]), "all_zero")
        event, rest = y[:, inside], y[:, ~inside]
        n, m = event.shape[1], rest.shape[1]
        pooled = (np.cov(event) * (n - 1) + np.cov(rest) * (m - 1)) / (n + m - 2)
        gap = event.mean(axis=1) - rest.mean(axis=1)
        t2 = n * m / (n + m) * gap @ np.linalg.inv(pooled) @ gap
        f = t2 * (n + m - A - 1) / (A * (n + m - 2))
        assert_allclose(found.statistic, f, rtol=1e-10)
        assert_allclose(found.pvalue, stats.f.sf(f, A, n + m - A - 1), rtol=1e-9)

    def test_one_asset_is_its_own_t_test(self):
        y, x = sample()
        fit = joint(y, x, WINDOWS)
        for hypothesis in ("all_zero", "sum_zero"):
            found = joint_test(
                fit, hypothesis, assets=np.array([1]), events=np.array([2])
            )
            assert_allclose(found.statistic, fit.statistic[1, 2] ** 2)
            assert_allclose(found.pvalue, fit.pvalue[1, 2])

    def test_seemingly_unrelated_regressions(self):
        """Estimates, covariance and Wald statistic of an estimator of the system."""
        y, x = sample()
        fit = joint(y, x, WINDOWS)
        exog = np.column_stack([np.ones(S), x, WINDOWS])
        system = SUR({f"a{i}": (y[i], exog) for i in range(A)})
        twin = system.fit(method="gls", cov_type="unadjusted", debiased=True)
        k = exog.shape[1]
        place = [i * k + 3 + m for m in range(3) for i in range(A)]
        beta = twin.params.to_numpy()[place]
        assert_allclose((fit.effects / LENGTH).T.ravel(), beta, rtol=1e-8)
        cov = twin.cov.to_numpy()[np.ix_(place, place)]
        spread = np.sqrt(np.diag(cov))
        assert_allclose((fit.se / LENGTH).T.ravel(), spread, rtol=1e-8)
        wald = beta @ np.linalg.solve(cov, beta)
        p, q, v = A, 3, S - k
        found = joint_test(fit, "all_zero")
        n = (v - p - 1) / 2
        b = (p + 2 * n) * (q + 2 * n) / (2 * (2 * n + 1) * (n - 1))
        df2 = 4 + (p * q + 2) / (b - 1)
        trace = found.statistic * p * q * (df2 - 2) / (df2 * 2 * n)
        assert_allclose(trace * v, wald, rtol=1e-8)

    def test_generalised_least_squares_of_the_stacked_system(self):
        y, x = sample()
        fit = joint(y, x, WINDOWS)
        exog = np.column_stack([np.ones(S), x, WINDOWS])
        residual = y - (exog @ np.linalg.lstsq(exog, y.T, rcond=None)[0]).T
        sigma = residual @ residual.T / (S - exog.shape[1])
        inverse = np.kron(np.linalg.inv(sigma), np.eye(S))
        stacked = np.kron(np.eye(A), exog)
        cov = np.linalg.inv(stacked.T @ inverse @ stacked)
        beta = (cov @ stacked.T @ inverse @ y.ravel()).reshape(A, -1)
        assert_allclose(fit.effects, beta[:, 3:] * LENGTH, rtol=1e-8)
        for m in range(3):
            place = np.arange(A) * exog.shape[1] + 3 + m
            block = cov[np.ix_(place, place)]
            t2 = beta[:, 3 + m] @ np.linalg.solve(block, beta[:, 3 + m])
            found = joint_test(fit, "all_zero", events=np.array([m]))
            v = S - exog.shape[1]
            assert_allclose(found.statistic, t2 * (v - A + 1) / (A * v), rtol=1e-8)

    @pytest.mark.parametrize("hypothesis", HYPOTHESES)
    @pytest.mark.parametrize("events", [[1], [0, 1, 2]])
    def test_gaps_are_judged_pair_by_pair(self, hypothesis, events):
        y, x, span = gappy()
        fit = joint(y, x, WINDOWS, span=span)
        found = joint_test(fit, hypothesis, events=np.array(events))
        effect, cov = by_loops(y, x, span, events)
        contrast = np.kron(transform(hypothesis, A).T, np.eye(len(events)))
        z = contrast @ effect
        wald = z @ np.linalg.solve(contrast @ cov @ contrast.T, z)
        p, q, v = len(contrast) // len(events), len(events), min(fit.df)
        if min(p, q) == 1:
            f = wald * (v - p + 1) / (v * p * q)
        else:
            n = (v - p - 1) / 2
            b = (p + 2 * n) * (q + 2 * n) / (2 * (2 * n + 1) * (n - 1))
            df2 = 4 + (p * q + 2) / (b - 1)
            f = wald / v * df2 * 2 * n / (p * q * (df2 - 2))
        assert_allclose(found.statistic, f, rtol=1e-8)
        assert_allclose(found.pvalue, stats.f.sf(f, found.df1, found.df2), rtol=1e-7)


def by_loops(y, x, span, events):
    """Effects and their covariance, asset by asset and pair by pair."""
    solved, residual, ranks = [], [], []
    for i in range(A):
        held = np.isfinite(y[i])
        exog = columns_of(x[i], span[i]) / np.sqrt(span[i])[:, None]
        exog[~held] = 0.0
        returns = np.where(held, y[i] / np.sqrt(span[i]), 0.0)
        map_ = np.linalg.pinv(exog)
        residual.append(returns - exog @ map_ @ returns)
        solved.append((map_[3:] * LENGTH[:, None])[events])
        ranks.append(exog.shape[1])
    effect = [solved[i] @ np.nan_to_num(y[i] / np.sqrt(span[i])) for i in range(A)]
    n = len(events)
    cov = np.empty((A * n, A * n))
    for i in range(A):
        for j in range(A):
            common = np.isfinite(y[i]) & np.isfinite(y[j])
            s = (residual[i] * residual[j])[common].sum()
            s /= common.sum() - (ranks[i] + ranks[j]) / 2
            block = s * solved[i][:, common] @ solved[j][:, common].T
            cov[i * n : (i + 1) * n, j * n : (j + 1) * n] = block
    return np.concatenate(effect), cov


@pytest.mark.long
def test_size_of_the_joint_tests():
    """True hypotheses are rejected in 5 % of samples, whatever the correlation."""
    rng, n_samples, n_assets, n_sessions = np.random.default_rng(11), 1500, 3, 40
    common = rng.standard_normal((n_samples, 1, n_sessions))
    y = 2 * common + rng.standard_normal((n_samples, n_assets, n_sessions))
    windows = window_indicators(n_sessions, np.array([20, 22]), np.array([22, 25]))
    x = rng.standard_normal((n_sessions, 1))
    fit = joint(y.reshape(-1, n_sessions), x, windows)
    assert_rate(fit.pvalue[::n_assets, 0])
    for hypothesis in HYPOTHESES:
        for events in ([1], [0, 1]):
            found = [
                joint_test(
                    fit,
                    hypothesis,
                    assets=np.arange(n_assets) + n_assets * i,
                    events=np.array(events),
                ).pvalue
                for i in range(n_samples)
            ]
            assert_rate(np.array(found))


def assert_rate(pvalues):
    low, high = stats.binom.ppf([0.0005, 0.9995], len(pvalues), 0.05)
    assert low <= (pvalues < 0.05).sum() <= high


def test_a_contrast_with_a_negative_variance_is_a_reason():
    """Unequal sessions: never an exception, a nan without a reason, or a warning."""
    told = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        y = rng.normal(size=(6, 40)) + rng.normal(size=40)
        y[0, :4] = y[1, 36:] = y[2, 2:9] = np.nan
        found = joint(y, None, np.eye(40)[:, 10:35])
        for hypothesis in ("all_equal", "all_zero", "sum_zero"):
            test = joint_test(found, hypothesis, events=[0])
            assert np.isnan(test.pvalue) == (test.reason is not None)
            told += "not positive definite" in (test.reason or "")
    assert told > 20
