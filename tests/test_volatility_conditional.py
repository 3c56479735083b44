"""Event volatility against GARCH expectations: plain loops and known answers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import optimize, stats
from test_volatility_garch import arch_fit, simulated, slow_loglik, slow_path

from eventstudy.core.abnormal import Status
from eventstudy.core.errors import SpecError
from eventstudy.core.windows import forecast_se
from eventstudy.garch import fit, forecast
from eventstudy.models.garch import egarch, garch, gjr
from eventstudy.volatility import (
    SHIFTS,
    abnormal_volatility,
    cumulative_abnormal_volatility,
    event_multiple,
    filtered_simulation,
    garch_dummy,
    window_dummy,
)


def test_abnormal_volatility_equals_the_moments_of_f():
    rng = np.random.default_rng(0)
    ar = 0.02 * rng.normal(size=(6, 3))
    ar[2, 1] = np.nan
    variance = rng.uniform(2e-4, 6e-4, size=(6, 3))
    df = np.array([50.0, 80, 118, 118, np.inf, 60])
    got = abnormal_volatility(ar, variance, df)
    for t in range(3):
        ok = ~np.isnan(ar[:, t])
        u = ar[ok, t] ** 2 / variance[ok, t]
        laws = [stats.f(1, d) if np.isfinite(d) else stats.chi2(1) for d in df[ok]]
        z = (u - [law.mean() for law in laws]).sum()
        z /= np.sqrt(sum(law.var() for law in laws))
        assert_allclose(got.statistic[t], z, rtol=1e-10)
        assert_allclose(got.pvalue[t], stats.norm.sf(z), rtol=1e-9)
        assert_allclose(got.estimate[t], u.mean(), rtol=1e-12)
        assert got.n[t] == ok.sum()


def slow_multiple(ar, h):
    """The published formula over N instead of N - 1, one session."""
    ok = ~np.isnan(ar)
    a, v = ar[ok], h[ok]
    n = len(a)
    total = 0.0
    for i in range(n):
        total += (n * a[i] - a.sum()) ** 2 / (n * (n - 2) * v[i] + v.sum())
    return total / n


def test_event_multiple_equals_the_plain_formula():
    rng = np.random.default_rng(1)
    h = rng.uniform(1e-4, 9e-4, size=(7, 4))
    ar = rng.normal(size=(7, 4)) * np.sqrt(h)
    ar[[1, 4], [0, 2]] = np.nan
    ar[2:, 3] = np.nan
    got = event_multiple(ar, h)
    for t in range(3):
        assert_allclose(got[t], slow_multiple(ar[:, t], h[:, t]), rtol=1e-12)
    assert np.isnan(got[3])


def test_event_multiple_is_one_without_and_four_with_doubled_returns():
    rng = np.random.default_rng(2)
    h = rng.uniform(1e-4, 9e-4, size=(40, 3000))
    ar = 0.03 + rng.normal(size=h.shape) * np.sqrt(h)
    assert_allclose(event_multiple(ar, h).mean(), 1.0, atol=0.02)
    assert_allclose(event_multiple(2 * ar, h).mean(), 4.0, atol=0.08)


def test_cumulative_abnormal_volatility_is_the_sum_of_excess_multiples():
    y = simulated(20, 9, 311)
    found = fit(y[:, :300])
    ar = y[:, 300:] - found.mean
    h = forecast(found, 11)
    chi, boot = cumulative_abnormal_volatility(found, ar, reps=199)
    m = np.array([slow_multiple(ar[:, t], h[:, t]) for t in range(11)])
    assert_allclose(chi.estimate, m.sum() - 11, rtol=1e-10)
    assert_allclose(chi.statistic, 8 * m.sum(), rtol=1e-10)
    assert chi.df[0] == 88
    assert_allclose(chi.pvalue, stats.chi2.sf(8 * m.sum(), 88), rtol=1e-9)
    assert boot.estimate == chi.estimate
    assert (boot.pvalue[0] * 200) % 1 == pytest.approx(0, abs=1e-9)
    loud = cumulative_abnormal_volatility(found, 3 * ar, reps=199)
    assert loud[1].pvalue[0] == 1 / 200


def test_filtered_simulation_equals_a_loop_over_paths():
    y = simulated(21, 2, 260)
    y[1, 30:35] = np.nan
    found = fit(y[:, :250])
    ar = y[:, 250:] - found.mean
    ar[0, 3] = np.nan
    got = filtered_simulation(found, ar, reps=60, seed=3)
    draws = np.random.default_rng(3).integers(250, size=(1, 60, 10))
    h = forecast(found, 10)
    for i in range(2):
        z = found.residuals[i] / np.sqrt(found.h[i])
        good = z[~np.isnan(z)]
        z = (z - good.mean()) / good.std()
        order = [*np.flatnonzero(~np.isnan(z)), *np.flatnonzero(np.isnan(z))]
        keep = ~np.isnan(ar[i])
        statistic = (ar[i, keep] ** 2 / h[i, keep]).sum()
        far = 0
        for path in draws[0]:
            v, e = found.h[i, -1], found.residuals[i, -1]
            total = 0.0
            for t, place in enumerate(path):
                shock = z[place]
                if np.isnan(shock):
                    shock = z[order[place % len(good)]]
                omega, alpha, beta = found.variance[i]
                v = omega + alpha * e**2 + beta * v
                e = np.sqrt(v) * shock
                if keep[t]:
                    total += e**2 / h[i, t]
            far += total >= statistic
        assert_allclose(got.pvalue[i], (1 + far) / 61)
        assert_allclose(got.statistic[i], statistic, rtol=1e-10)
        assert_allclose(got.estimate[i], statistic / keep.sum(), rtol=1e-10)


def test_simulated_windows_of_a_group_equal_a_loop_over_paths():
    y = simulated(22, 4, 260)
    found = fit(y[:, :250])
    ar = y[:, 250:] - found.mean
    clock = np.array([0, 0, 1, 1])
    _, got = cumulative_abnormal_volatility(found, ar, clock=clock, reps=40, seed=3)
    draws = np.random.default_rng(3).integers(250, size=(2, 40, 10))
    h = forecast(found, 10)
    observed = sum(slow_multiple(ar[:, t], h[:, t]) for t in range(10)) - 10
    z = found.residuals / np.sqrt(found.h)
    z = (z - z.mean(axis=1, keepdims=True)) / z.std(axis=1, keepdims=True)
    far = 0
    for r in range(40):
        errors = np.empty((4, 10))
        for i in range(4):
            omega, alpha, beta = found.variance[i]
            v, e = found.h[i, -1], found.residuals[i, -1]
            for t in range(10):
                v = omega + alpha * e**2 + beta * v
                e = np.sqrt(v) * z[i, draws[clock[i], r, t]]
                errors[i, t] = e
        drawn = sum(slow_multiple(errors[:, t], h[:, t]) for t in range(10)) - 10
        far += drawn >= observed
    assert_allclose(got.pvalue[0], (1 + far) / 41)
    assert_allclose(got.statistic[0], observed, rtol=1e-10)


def test_every_answer_is_described_in_the_registry():
    y = simulated(30, 4, 150)
    found = fit(y[:, :140])
    ar = y[:, 140:] - found.mean
    answers = [
        *cumulative_abnormal_volatility(found, ar, reps=20),
        filtered_simulation(found, ar, reps=20),
        abnormal_volatility(ar, forecast(found, 10), np.full(4, np.inf)),
        garch_dummy(y, window_dummy(150, 120, (0, 29))),
    ]
    assert {answer.test for answer in answers} <= set(SHIFTS)
    assert all(SHIFTS[answer.test].citation for answer in answers)


def test_what_was_not_fitted_has_a_reason():
    y = simulated(22, 3, 150)
    y[1] = np.nan
    found = fit(y[:, :140])
    ar = y[:, 140:]
    got = filtered_simulation(found, ar, reps=50)
    assert got.reason == (None, "the GARCH likelihood could not be maximised", None)
    assert np.isnan(got.pvalue[1])
    chi, boot = cumulative_abnormal_volatility(found, ar, reps=50)
    assert chi.reason == boot.reason == ("fewer than three abnormal returns",)
    assert np.isnan(boot.pvalue[0])
    with pytest.raises(SpecError, match="one fit per observation"):
        filtered_simulation(found, ar[:2])
    dummy = garch_dummy(y, np.zeros(150))
    assert dummy.reason[0] == "no valid session in the event window"
    assert np.isnan(dummy.ratio[0])


@pytest.mark.parametrize("kind", ["garch", "gjr"])
def test_garch_dummy_is_the_maximum_of_a_plain_likelihood(kind):
    y = simulated(23, 1, 500)[0]
    y[400:] *= 1.8
    step = np.zeros(500)
    step[400:] = 1
    got = garch_dummy(y[None], step, kind=kind)
    found = fit(y[None], kind=kind, shifts=step[None, :, None])

    def loss(theta):
        mean, *variance, eta = theta
        errors = y - mean / 100
        v = np.array(variance)
        v[0] *= 1e-4
        h = slow_path(kind, v, errors, found.backcast[0], step, eta)
        return -slow_loglik(errors, h, np.inf) if (h > 0).all() else 1e10

    start = np.r_[100 * found.mean[0], found.variance[0], found.shifts[0]]
    start[1] *= 1e4
    best = optimize.minimize(
        loss, start, method="Nelder-Mead", options={"maxiter": 400}
    )
    assert -best.fun < found.loglik[0] + 1e-3
    assert_allclose(-loss(start), found.loglik[0], atol=1e-6)
    assert_allclose(np.log(got.ratio[0]), found.shifts[0, 0] / 2, rtol=1e-10)
    assert 1.3 < got.ratio[0] < 2.5
    assert got.ci_low[0] < got.ratio[0] < got.ci_high[0]
    z = 2 * np.log(got.ratio[0])
    reach = np.log(got.ci_high[0]) * 2 - z
    assert_allclose(got.statistic[0], z / (reach / stats.norm.ppf(0.975)), rtol=1e-8)
    assert_allclose(got.pvalue[0], 2 * stats.norm.sf(abs(got.statistic[0])), rtol=1e-8)
    assert (got.n_pre[0], got.n_post[0]) == (400, 100)


def test_window_dummy_marks_the_sessions_of_the_window():
    got = window_dummy(8, np.array([3, 7]), (-1, 1))
    assert [list(np.flatnonzero(row)) for row in got] == [[2, 3, 4], [6, 7]]


def test_garch_model_forecasts_as_arch_does():
    rng = np.random.default_rng(24)
    market = 0.01 * rng.normal(size=(2, 330))
    # spells clear enough for a likelihood with one maximum
    y = simulated(25, 2, 330, alpha=0.2, beta=0.7) + 1.2 * market
    ab = garch(y, market, n_estimation=310, first_offset=0)
    for i in range(2):
        errors = (
            y[i, :310] - ab.coefficients[i, 0] - ab.coefficients[i, 1] * market[i, :310]
        )
        wanted = arch_fit(100 * errors, "garch", "normal", tol=1e-12)
        ahead = wanted.forecast(horizon=20, reindex=False).variance.to_numpy()[-1]
        own = ab.sigma[i] ** 2 * ab.span_event[i]
        # arch estimates a mean of the residuals as well, close to zero
        assert_allclose(own, ahead / 1e4, rtol=0.05)
        assert_allclose(ab.residuals[i], errors, atol=1e-12)
        assert_allclose(ab.ar[i], y[i, 310:] - (y[i, 310:] - ab.ar[i]), atol=1e-12)
        x = np.column_stack([np.ones(310), market[i, :310]])
        h = ab.sigma[i] ** 2 * ab.span_estimation[i]
        information = (x / h[:, None]).T @ x
        assert_allclose(
            ab.xtx_inv[i] * ab.sigma[i] ** 2, np.linalg.inv(information), rtol=1e-9
        )
    rows = np.concatenate([np.ones((2, 20, 1)), market[:, 310:, None]], axis=2)
    assert_allclose(ab.x_event, rows)
    error = np.einsum("elk,ekm,elm->el", rows, ab.xtx_inv, rows)
    assert_allclose(forecast_se(ab), ab.sigma[:, None] * np.sqrt(ab.span_event + error))


def test_savickas_statistic_is_bmp_on_the_garch_model():
    from eventstudy.inference import TESTS

    y = simulated(26, 8, 301)
    ab = garch(y, n_estimation=300)
    s = (ab.ar / forecast_se(ab))[:, 0]
    wanted = s.mean() / (s.std(ddof=1) / np.sqrt(8))
    assert_allclose(TESTS["bmp"](ab, window=(0, 0)).statistic, wanted, rtol=1e-10)


def test_garch_models_say_why_there_is_no_estimate():
    y = simulated(27, 4, 130)
    y[0, 20:110] = np.nan
    y[1] = 0.001
    for model in (garch, gjr, egarch):
        ab = model(y, n_estimation=120, first_offset=0)
        for i in (2, 3):  # an estimate, or the reason why not
            estimated = ab.status[i] == Status.OK
            assert estimated or ab.status[i] == Status.NOT_CONVERGED
            assert np.isfinite(ab.ar[i]).all() == estimated
        assert ab.status[0] == Status.TOO_FEW
        assert ab.status[1] == Status.CONSTANT
        assert np.isnan(ab.ar[:2]).all()
        assert np.isnan(ab.sigma[:2]).all()
    assert (garch(y, n_estimation=120, first_offset=0).status[2:] == Status.OK).all()
    assert gjr(y, n_estimation=120, first_offset=0).model == "gjr"


def test_spanned_returns_weigh_as_in_the_linear_models():
    """With almost no dynamics GARCH is weighted least squares."""
    from eventstudy.models import constant_mean

    rng = np.random.default_rng(28)
    span = np.where(rng.uniform(size=(1, 320)) < 0.1, 3.0, 1.0)
    y = 0.01 * np.sqrt(span) * rng.normal(size=(1, 320)) + 0.001 * span
    ab, plain = (
        m(y, n_estimation=300, first_offset=0, span=span)
        for m in (garch, constant_mean)
    )
    assert_allclose(ab.coefficients, plain.coefficients, rtol=0.2)
    assert_allclose(ab.sigma, plain.sigma, rtol=1e-2)
    h = ab.span_event * ab.sigma[0] ** 2
    assert_allclose(
        h[span[:, 300:] == 3].mean() / h[span[:, 300:] == 1].mean(), 3, rtol=0.1
    )


@pytest.mark.slow
def test_simulated_paths_hold_their_level_under_garch_and_chi2_does_not():
    chi, boot, single = [], [], []
    for seed in range(150):
        y = simulated(1000 + seed, 8, 411, nu=5)
        found = fit(y[:, :400])
        ar = y[:, 400:] - found.mean
        a, b = cumulative_abnormal_volatility(found, ar, reps=199, seed=seed)
        chi.append(a.pvalue[0] <= 0.05)
        boot.append(b.pvalue[0] <= 0.05)
        single.extend(
            filtered_simulation(found, ar, reps=199, seed=seed).pvalue <= 0.05
        )
    assert np.mean(chi) > 0.12
    assert np.mean(boot) < 0.10
    assert 0.03 < np.mean(single) < 0.08


@pytest.mark.slow
@pytest.mark.parametrize("factor", [2.0, 4.0])
def test_garch_dummy_recovers_a_variance_times_two_and_four(factor):
    y = simulated(29, 400, 700, alpha=0.08, beta=0.80, nu=8)
    y[:, 500:] *= np.sqrt(factor)
    step = np.zeros(700)
    step[500:] = 1
    got = garch_dummy(y, step)
    ok = np.array([r is None for r in got.reason])
    assert ok.mean() > 0.9
    true = np.sqrt(factor)
    covered = ((got.ci_low <= true) & (true <= got.ci_high))[ok].mean()
    assert 0.88 < covered < 0.98
    assert_allclose(np.median(got.ratio[ok]), true, rtol=0.05)
