"""Batched GARCH fits against the arch package and plain loops."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from eventstudy.core.errors import SpecError
from eventstudy.garch import (
    NAMES,
    filtered,
    fit,
    forecast,
    half_life,
    persistence,
    robust_errors,
    simulate,
)
from eventstudy.garch.objective import FreeObjective
from eventstudy.garch.prepare import prepare
from eventstudy.garch.recursion import recur, recur_back
from eventstudy.garch.search import starting_values
from eventstudy.garch.series import Workspace
from eventstudy.garch.transform import from_free, to_free

pytestmark = pytest.mark.long

KINDS = sorted(NAMES)
PRICES = Path(
    os.path.normpath(Path(__file__).parents[1] / ".." / "shared" / "data" / "prices")
)


def simulated(seed, rows, n, alpha=0.08, beta=0.88, nu=6):
    rng = np.random.default_rng(seed)
    h = np.ones(rows)
    out = np.empty((rows, n + 200))
    for t in range(n + 200):
        z = rng.standard_t(nu, size=rows) * np.sqrt((nu - 2) / nu)
        out[:, t] = np.sqrt(h) * z
        h = 1 - alpha - beta + alpha * out[:, t] ** 2 + beta * h
    return 0.02 * out[:, 200:] + 0.001


def slow_path(kind, variance, errors, backcast, shift=None, eta=0.0):
    """Variances of one series in a plain loop; nan errors are missing."""
    h = np.empty(len(errors))
    for t in range(len(errors)):
        move = 0.0 if shift is None else eta * shift[t]
        e = np.nan if t == 0 else errors[t - 1]
        before = backcast if t == 0 else h[t - 1]
        missing = np.isnan(e)
        if kind == "egarch":
            omega, alpha, gamma, beta = variance
            log_h = omega + move + beta * np.log(before)
            if not missing:
                z = e / np.sqrt(before)
                log_h += alpha * (abs(z) - np.sqrt(2 / np.pi)) + gamma * z
            h[t] = np.exp(log_h)
        else:
            omega, alpha, beta = variance[0], variance[1], variance[-1]
            gamma = variance[2] if kind == "gjr" else 0.0
            if missing:
                shock = (alpha + gamma / 2) * before
            else:
                shock = (alpha + gamma * (e < 0)) * e**2
            h[t] = omega * np.exp(move) + shock + beta * before
    return h


def slow_loglik(errors, h, nu):
    ok = ~np.isnan(errors)
    e, h = errors[ok], h[ok]
    if np.isinf(nu):
        return stats.norm.logpdf(e, scale=np.sqrt(h)).sum()
    return stats.t.logpdf(e, nu, scale=np.sqrt(h * (nu - 2) / nu)).sum()


def arch_fit(row, kind, dist, tol=1e-10):
    from arch import arch_model

    vol = "EGARCH" if kind == "egarch" else "GARCH"
    model = arch_model(
        row, vol=vol, p=1, o=int(kind != "garch"), q=1, dist=dist, rescale=False
    )
    return model.fit(disp="off", tol=tol, show_warning=False)


@pytest.mark.parametrize("fixed", [True, False])
@pytest.mark.parametrize("n", [1, 2, 3, 50, 101])
def test_recursion_equals_the_plain_loop(n, fixed):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 4))
    carry = rng.uniform(-0.5, 1.0, size=4 if fixed else (n + 1, 4))
    factors = np.broadcast_to(carry, (n + 1, 4))
    forward, back = x.copy(), x.copy()
    for t in range(1, n):
        forward[t] += factors[t] * forward[t - 1]
    for t in range(n - 2, -1, -1):
        back[t] += factors[t + 1] * back[t + 1]
    got = x.copy()
    recur(got, carry if fixed else carry[:-1])
    assert_allclose(got, forward, rtol=1e-12, atol=1e-14)
    recur_back(x, carry)
    assert_allclose(x, back, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dist", ["normal", "t"])
@pytest.mark.parametrize("kind", KINDS)
def test_gradient_equals_differences_of_the_likelihood(kind, dist):
    rng = np.random.default_rng(1)
    y = rng.standard_t(6, size=(3, 120))
    y[1, 50:56] = np.nan
    y[2, :20] = np.nan
    x = np.stack([np.ones((3, 120)), rng.normal(size=(3, 120))], axis=2)
    shifts = np.zeros((3, 120, 1))
    shifts[:, 100:] = 1.0
    s = prepare(y, x, shifts, kind=kind, student=dist == "t").series
    theta = starting_values(s, Workspace())[0][0]
    free = to_free(theta, s) + 0.02 * rng.uniform(size=theta.shape)
    rows = np.arange(3)
    objective = FreeObjective(s, 3, Workspace())
    _, gradient, _ = objective(free, rows, curved=False)
    for d in range(len(free)):
        up, down = free.copy(), free.copy()
        up[d] += 1e-6
        down[d] -= 1e-6
        above = objective(up, rows, curved=False)[0]
        rise = (above - objective(down, rows, curved=False)[0]) / 2e-6
        assert_allclose(gradient[d], rise, rtol=1e-5, atol=1e-6)
    assert_allclose(to_free(from_free(free, s), s), free, rtol=1e-10)


@pytest.mark.parametrize("dist", ["normal", "t"])
@pytest.mark.parametrize("kind", KINDS)
def test_variances_and_likelihood_equal_the_plain_loop_with_gaps(kind, dist):
    y = simulated(3, 3, 250)
    y[0, 100:106] = np.nan
    y[1, :30] = np.nan
    y[2, 240:] = np.nan
    shifts = np.zeros((3, 250, 1))
    shifts[:, 200:] = 1.0
    got = fit(y, kind=kind, dist=dist, shifts=shifts)
    for i in range(3):
        first = int(np.flatnonzero(~np.isnan(y[i]))[0])
        errors = (y[i] - got.mean[i, 0])[first:]
        h = slow_path(
            kind,
            got.variance[i],
            errors,
            got.backcast[i],
            shifts[i, first:, 0],
            got.shifts[i, 0],
        )
        # EGARCH rounds the kink of |e| over 1e-5 standard deviations
        close = 2e-5 if kind == "egarch" else 1e-9
        assert_allclose(got.h[i, first:], h, rtol=close)
        assert np.isnan(got.h[i, :first]).all()
        wanted = slow_loglik(errors, h, got.nu[i])
        assert_allclose(got.loglik[i], wanted, atol=1e-6)


@pytest.mark.parametrize("dist", ["normal", "t"])
@pytest.mark.parametrize("kind", KINDS)
def test_fit_agrees_with_arch_on_simulated_series(kind, dist):
    y = simulated(4, 8, 800) * 100
    got = fit(y, kind=kind, dist=dist)
    assert got.converged.all()
    names = {"alpha": "alpha[1]", "gamma": "gamma[1]", "beta": "beta[1]"}
    agree = 0
    for i, row in enumerate(y):
        wanted = arch_fit(row, kind, dist, tol=1e-12)
        assert_allclose(got.loglik[i], wanted.loglikelihood, atol=1e-4)
        for name, value in zip(got.names, got.variance[i], strict=True):
            other = wanted.params[names.get(name, name)]
            # a parameter near zero is compared in its standard error; where the
            # climb of arch stopped short, ours must be higher; on the two sides of a
            # kink of EGARCH's |e| there may be maxima of almost the same height
            se = wanted.std_err[names.get(name, name)]
            near = abs(value - other) < 1e-3 * max(abs(other), se)
            ahead = got.loglik[i] - wanted.loglikelihood
            tie = kind == "egarch" and ahead > -1e-5 and abs(value - other) < 5e-3 * se
            assert near or tie or ahead > 1e-7, (i, name)
            agree += near or tie
        if dist == "t":
            assert_allclose(got.nu[i], wanted.params["nu"], rtol=2e-3)
        assert_allclose(got.h[i], wanted.conditional_volatility**2, rtol=1e-3)
    assert agree >= 0.96 * 8 * len(got.names)


@pytest.mark.skipif(not PRICES.is_dir(), reason="the price files are not here")
@pytest.mark.parametrize("dist", ["normal", "t"])
@pytest.mark.parametrize("kind", ["garch", "gjr"])
def test_fit_agrees_with_arch_on_real_series(kind, dist):
    import polars as pl

    rows = []
    for symbol in ("BTC-USD", "BTCM", "RIOT", "MARA", "CLSK", "^GSPC", "NVDA", "MSTR"):
        frame = pl.read_csv(PRICES / f"{symbol}.csv", infer_schema_length=None)
        frame = frame.filter(
            pl.col("date").is_between(pl.lit("2019-06-01"), pl.lit("2021-12-31"))
        )
        rows.append(100 * np.diff(np.log(frame["close"].to_numpy()))[-600:])
    y = np.array(rows)
    got = fit(y, kind=kind, dist=dist)
    close = 0
    for i, row in enumerate(y):
        wanted = arch_fit(row, kind, dist)
        assert got.loglik[i] > wanted.loglikelihood - 1e-4
        if not got.converged[i] or wanted.convergence_flag:
            continue
        if abs(got.loglik[i] - wanted.loglikelihood) > 1e-4:
            continue
        close += 1
        values = wanted.params.to_numpy()[1 : 1 + len(got.names)]
        se = wanted.std_err.to_numpy()[1 : 1 + len(got.names)]
        far = np.abs(got.variance[i] - values) / np.maximum(np.abs(values), se)
        assert far.max() < 1e-3
    assert close >= 6


def test_mean_regression_agrees_with_arch():
    from arch.univariate import GARCH, LS

    rng = np.random.default_rng(6)
    market = rng.normal(size=(2, 700))
    y = simulated(7, 2, 700) * 100 + 1.5 * market
    x = np.stack([np.ones_like(market), market], axis=2)
    got = fit(y, x)
    for i in range(2):
        model = LS(y[i], x=market[i][:, None], volatility=GARCH(1, 0, 1), rescale=False)
        wanted = model.fit(disp="off", tol=1e-12)
        assert_allclose(got.loglik[i], wanted.loglikelihood, atol=1e-4)
        assert_allclose(got.mean[i], wanted.params.to_numpy()[:2], rtol=1e-3, atol=1e-4)
        assert_allclose(got.variance[i], wanted.params.to_numpy()[2:], rtol=1e-3)


@pytest.mark.parametrize("dist", ["normal", "t"])
@pytest.mark.parametrize("kind", KINDS)
def test_robust_errors_agree_with_arch(kind, dist):
    y = simulated(8, 2, 800) * 100
    got = robust_errors(fit(y, kind=kind, dist=dist), y)
    # arch divides the scores' covariance by n - 1, the sandwich by n
    same = np.sqrt(799 / 800)
    for i, row in enumerate(y):
        wanted = arch_fit(row, kind, dist, tol=1e-12).std_err.to_numpy() * same
        mine = [*got.mean[i], *got.variance[i]]
        # arch takes second differences of the likelihood, good to three digits
        assert_allclose(mine, wanted[: len(mine)], rtol=3e-3)


def test_forecast_agrees_with_arch_and_filtering_with_the_loop():
    y = simulated(9, 2, 700) * 100
    for kind in ("garch", "gjr"):
        got = fit(y, kind=kind)
        ahead = forecast(got, 12)
        errors = np.random.default_rng(1).normal(size=(2, 5))
        errors[0, 2] = np.nan
        later = filtered(got, errors)
        for i, row in enumerate(y):
            wanted = arch_fit(row, kind, "normal").forecast(horizon=12, reindex=False)
            assert_allclose(ahead[i], wanted.variance.to_numpy()[-1], rtol=2e-3)
            whole = np.r_[y[i] - got.mean[i, 0], errors[i]]
            slow = slow_path(kind, got.variance[i], whole, got.backcast[i])
            assert_allclose(later[i], slow[-5:], rtol=1e-8)


def test_egarch_forecast_equals_the_mean_of_simulated_paths():
    y = simulated(10, 1, 900) * 100
    got = fit(y, kind="egarch", dist="t")
    z = got.residuals[0] / np.sqrt(got.h[0])
    draws = np.random.default_rng(2).choice(z, size=(1, 200_000, 6))
    errors = simulate(got, draws)
    # the variance of the last session follows from the error before it
    h = errors[0] ** 2 / draws[0] ** 2
    se = h.std(axis=0) / np.sqrt(200_000)
    assert (np.abs(h.mean(axis=0) - forecast(got, 6)[0]) < 5 * se + 1e-9).all()


def test_a_series_does_not_depend_on_its_neighbours():
    y = simulated(11, 5, 300)
    y[3, :10] = np.nan
    whole = fit(y, dist="t")
    for i in (0, 3):
        alone = fit(y[i : i + 1], dist="t")
        assert_allclose(alone.loglik[0], whole.loglik[i], rtol=1e-9)
        assert_allclose(alone.variance[0], whole.variance[i], rtol=1e-4)


def test_scale_of_returns_does_not_matter():
    y = simulated(12, 3, 500)
    for kind in KINDS:
        one, hundred = fit(y, kind=kind), fit(100 * y, kind=kind)
        n_log = 500 * np.log(100)
        assert_allclose(hundred.loglik, one.loglik - n_log, atol=1e-6)
        assert_allclose(hundred.variance[:, 1:], one.variance[:, 1:], rtol=1e-4)


def test_half_life_is_that_of_the_persistence():
    got = fit(simulated(13, 2, 500))
    left = persistence(got)
    assert_allclose(left, got.variance[:, 1] + got.variance[:, 2])
    assert_allclose(left ** half_life(got), 0.5)


def test_what_cannot_be_fitted_is_nan_and_flagged():
    y = simulated(14, 4, 200)
    y[0, 50:] = np.nan
    y[1] = 0.01
    y[2] = np.nan
    got = fit(y)
    assert list(got.converged) == [False, False, False, True]
    assert np.isnan(got.variance[:3]).all()
    assert np.isnan(got.loglik[:3]).all()
    assert list(got.n) == [50, 200, 0, 200]
    with pytest.raises(
        SpecError, match="unknown GARCH model 'arch': did you mean 'garch'"
    ):
        fit(y, kind="arch")
    with pytest.raises(SpecError, match="unknown distribution 'cauchy'"):
        fit(y, dist="cauchy")
    with pytest.raises(SpecError, match="x has shape"):
        fit(y, np.zeros((4, 3, 1)))
