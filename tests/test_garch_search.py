"""Maxima that GARCH fits find: beside arch, beside many climbs, and on bounds."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from test_volatility_garch import arch_fit, simulated

import eventstudy.garch
from eventstudy.garch import NAMES, filtered, fit, forecast, robust_errors
from eventstudy.garch.likelihood import value_and_gradient
from eventstudy.garch.maximise import maximise
from eventstudy.garch.objective import FreeObjective
from eventstudy.garch.prepare import SHARP, prepare
from eventstudy.garch.search import starting_values
from eventstudy.garch.series import GarchSeries, Workspace
from eventstudy.garch.transform import to_free

pytestmark = pytest.mark.long

KINDS = sorted(NAMES)
PRICES = Path(
    os.path.normpath(Path(__file__).parents[1] / ".." / "shared" / "data" / "prices")
)


def memory(variance, z):
    """Sum of ``ln |A|``: what a path leaves of its start, in logarithms."""
    _, alpha, gamma, beta = variance
    left = beta - 0.5 * (alpha * np.abs(z[:-1]) + gamma * z[:-1])
    return np.log(np.abs(left)).sum()


def not_below_arch(y, dist="normal"):
    """Fit of EGARCH, at most 1e-4 below each maximum of arch whose path forgets.

    Where arch runs out of steps it stands wherever rounding led it, often on its way
    to a path that does not forget: no maximum to compare with. Also returns the share
    of the fits of arch whose path does not.
    """
    got = fit(y, kind="egarch", dist=dist)
    endless, compared = np.zeros(len(y), bool), 0
    for i, row in enumerate(y):
        theirs = arch_fit(row, "egarch", dist, tol=1e-6)
        if theirs.convergence_flag:
            continue  # no maximum; where it stopped depends on the processor
        z = theirs.resid / theirs.conditional_volatility
        endless[i] = not memory(theirs.params.to_numpy()[1:5], z) < 0
        if not endless[i] and theirs.convergence_flag == 0:
            compared += 1
            assert got.loglik[i] > theirs.loglikelihood - 1e-4, i
    assert compared > 0.5 * len(y)
    return got, endless.mean()


@pytest.mark.parametrize(("seed", "dist"), [(30, "normal"), (31, "t")])
def test_egarch_converges_and_is_not_below_arch(seed, dist):
    got, endless = not_below_arch(100 * simulated(seed, 60, 500, nu=8), dist)
    assert got.converged.all()
    assert endless < 0.15


@pytest.mark.skipif(not PRICES.is_dir(), reason="the price files are not here")
def test_egarch_of_real_series_converges_and_is_not_below_arch():
    import polars as pl

    rows = []
    for symbol in (
        "BTC-USD",
        "ETH-USD",
        "RIOT",
        "MARA",
        "^GSPC",
        "^HSI",
        "NVDA",
        "GLD",
    ):
        frame = pl.read_csv(PRICES / f"{symbol}.csv", infer_schema_length=None)
        frame = frame.filter(pl.col("date") < "2022-01-01")
        log = np.log(frame["close"].drop_nulls().to_numpy())
        rows += [100 * np.diff(log)[-1000:-500], 100 * np.diff(log)[-500:]]
    got, endless = not_below_arch(np.array(rows))
    assert got.converged.all()
    assert endless < 0.2


def test_egarch_keeps_to_paths_that_forget_their_start():
    y = 100 * simulated(32, 150, 250, alpha=0.03, beta=0.9)
    got = fit(y, kind="egarch")
    _, alpha, _, beta = got.variance.T
    spare = alpha + np.sqrt(2 * np.pi) * (1 - beta)
    assert spare.min() > -1e-9
    assert ((beta >= 0) & (beta <= 1)).all()
    left = [
        memory(v, e / np.sqrt(h))
        for v, e, h in zip(got.variance, got.residuals, got.h, strict=True)
    ]
    bound = spare < 1e-6
    assert 0.02 < bound.mean() < 0.3
    assert max(np.array(left)[~bound]) < -1
    assert max(np.array(left)[bound]) < 1.5
    # what is on the bound has converged there, and its forecasts do not run away
    assert got.converged.all()
    ahead = np.c_[forecast(got, 250), filtered(got, y[:, :50] - got.mean)]
    h = np.c_[ahead.min(axis=1), ahead.max(axis=1)] / y.var(axis=1)[:, None]
    assert h.min() > 1e-2
    assert h.max() < 1e2
    se = robust_errors(got, y).variance
    assert np.isnan(se[bound]).all()
    assert np.isfinite(se[~bound]).all(axis=1).mean() > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_fit_is_the_highest_of_many_climbs(kind):
    y = simulated(33, 60, 400)
    got = fit(y, kind=kind)
    ready = prepare(
        y, np.ones((*y.shape, 1)), np.empty((*y.shape, 0)), kind=kind, student=False
    )
    s, rng = ready.series, np.random.default_rng(0)
    best = np.full(60, -np.inf)
    for _ in range(10):
        beta = 1 - 10 ** rng.uniform(-2.5, -0.1, 60)
        shocks = rng.uniform(0.1, 0.9, 60) * (1 - beta)
        variance = {
            "garch": [1 - beta - shocks, shocks, beta],
            "gjr": [1 - beta - shocks, shocks, 0 * beta, beta],
            "egarch": [0 * beta, rng.uniform(0, 0.3, 60), 0 * beta, beta],
        }[kind]
        start = to_free(np.array([0.02 * rng.normal(size=60), *variance]), s)
        objective = FreeObjective(s, 60, Workspace())
        found = maximise(objective, start, longest=0.3)
        objective.kink[:] = SHARP
        found = maximise(objective, found.at, longest=0.3)
        # beside the bound of EGARCH, where the fit prefers other maxima
        keep = found.converged & ((kind != "egarch") | (np.abs(found.at[2]) > 0.05))
        best = np.maximum(best, np.where(keep, found.value, -np.inf))
    best -= 400 * np.log(ready.scale)
    assert (got.loglik > best - 1e-3).mean() > 0.98
    assert got.converged.all()


def draws(kind, student, rng, shape=(400, 300)):
    """Paths of a model, with gaps, and its parameters: see `GarchSeries`."""
    n_times, n_series = shape
    nu, eta, mean = 7.0, 0.3, np.array([0.1, 0.2])
    variance = {
        "garch": [0.1, 0.1, 0.8],
        "gjr": [0.1, 0.05, 0.1, 0.8],
        "egarch": [0.0, 0.2, -0.1, 0.9],
    }[kind]
    z = rng.standard_t(nu, shape) * np.sqrt((nu - 2) / nu)
    z = z if student else rng.normal(size=shape)
    valid = rng.random(shape) > 0.03
    valid[0] = True
    move = np.zeros(shape)
    move[n_times // 2 :] = 1.0
    h, e = np.ones(n_series), np.empty(shape)
    for t in range(n_times):
        known = valid[t - 1] if t else np.zeros(n_series, bool)
        if kind == "egarch":
            omega, alpha, gamma, beta = variance
            news = alpha * (np.abs(z[t - 1]) - np.sqrt(2 / np.pi)) + gamma * z[t - 1]
            news = np.where(known, news, 0.0)
            h = np.exp(omega + eta * move[t] + news + beta * np.log(h))
        else:
            omega, alpha, beta = variance[0], variance[1], variance[-1]
            gamma = variance[2] if kind == "gjr" else 0.0
            last = e[t - 1] if t else h
            shock = (alpha + gamma * (last < 0)) * last**2
            shock = np.where(known, shock, (alpha + gamma / 2) * h)
            h = omega * np.exp(eta * move[t]) + shock + beta * h
        e[t] = np.sqrt(h) * z[t]
    x = np.stack([np.ones(shape), rng.normal(size=shape)]) * valid
    series = GarchSeries(
        y=np.where(valid, e + np.einsum("k,kte->te", mean, x), 0.0),
        x=x,
        valid=valid,
        n=valid.sum(axis=0),
        backcast=np.ones(n_series),
        shifts=move[None],
        kink=np.full(n_series, 1e-5),
        kind=kind,
        student=student,
    )
    theta = np.array([*mean, *variance, eta, *([1 / nu] * student)])
    return series, np.repeat(theta[:, None], n_series, axis=1)


@pytest.mark.parametrize("student", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_expected_information_is_the_variance_of_the_slopes(kind, student):
    series, theta = draws(kind, student, np.random.default_rng(34))
    got = value_and_gradient(theta, series, curved=True)
    expected = got.information.mean(axis=2)
    size = np.sqrt(np.diagonal(expected))
    observed = got.gradient @ got.gradient.T / theta.shape[1]
    # 300 draws tell a variance to 1/√150 and a correlation to 1/√300, about
    assert_allclose(
        observed / np.outer(size, size), expected / np.outer(size, size), atol=0.35
    )
    assert_allclose(np.diagonal(observed), np.diagonal(expected), rtol=0.3)


def test_information_leads_where_differences_lead():
    y = simulated(35, 4, 300)
    s = prepare(
        y, np.ones((4, 300, 1)), np.empty((4, 300, 0)), kind="garch", student=True
    ).series
    at = to_free(starting_values(s, Workspace())[0][0], s)
    objective = FreeObjective(s, 4, Workspace())
    rows = np.arange(4)
    _, slope, bend = objective(at, rows, curved=True)
    assert bend.shape == (len(at), len(at), 4)
    assert_allclose(bend, bend.transpose(1, 0, 2), rtol=1e-6, atol=1e-6)
    assert_allclose(slope, objective(at, rows, curved=False)[1], rtol=1e-12)


def banana(at, rows, *, curved):
    """Minus Rosenbrock's function, its valley steeper for later problems."""
    x, y = at
    steep = 10.0 * (1 + rows)
    value = -((1 - x) ** 2) - steep * (y - x**2) ** 2
    slope = np.stack(
        [2 * (1 - x) + 4 * steep * x * (y - x**2), -2 * steep * (y - x**2)]
    )
    bend = np.repeat(np.diag([1000.0, 100.0])[:, :, None], len(rows), axis=2)
    inside = np.abs(at).max(axis=0) < 5
    return np.where(inside, value, -np.inf), slope, bend if curved else None


def test_climbs_come_to_the_top_whoever_their_neighbours_are():
    start = np.tile([[-1.2], [1.0]], (1, 40))
    start[:, 3] = 9.0  # where there is no value
    got = maximise(banana, start, tolerance=1e-12)
    assert not got.converged[3]
    others = np.arange(40) != 3
    assert got.converged[others].all()
    assert_allclose(got.at[:, others], 1.0, atol=1e-5)
    alone = maximise(banana, start[:, :1], tolerance=1e-12)
    assert_allclose(alone.at, 1.0, atol=1e-5)


def test_climbs_go_on_where_their_objective_changes():
    top = np.zeros(6)

    def hill(at, rows, *, curved):
        bend = np.full((1, 1, len(rows)), 3.0) if curved else None
        return -((at[0] - top[rows]) ** 2), -2.0 * (at - top[rows]), bend

    ended = []

    def settle(rows, climbs):
        ended.extend(rows)
        climbs.dropped[5] = True
        further = rows[top[rows] == 0.0]
        top[further] = 1.0
        return further

    got = maximise(hill, np.full((1, 6), 3.0), first=np.arange(1, 6), settle=settle)
    assert list(got.converged) == [False, True, True, True, True, False]
    assert_allclose(got.at[0, 1:5], 1.0, atol=1e-6)
    assert got.at[0, 0] == 3.0
    assert sorted(ended) == [1, 1, 2, 2, 3, 3, 4, 4]


def test_the_package_is_entered_by_its_face():
    root = Path(eventstudy.garch.__file__).parents[1]
    outside = [p for p in root.rglob("*.py") if p.parent.name != "garch"]
    assert not [p for p in outside if "eventstudy.garch." in p.read_text("utf-8")]
