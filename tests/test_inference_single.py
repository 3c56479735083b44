"""Tests of single observations: exactness where theory has it, peers elsewhere."""

import numpy as np
import pytest
from reference.inference_panels import panel, take

from eventstudy.inference import TESTS
from eventstudy.inference.bootstrap import (
    _block_sums,
    _drawn,
    _Form,
    _Plan,
    _running,
)
from eventstudy.inference.standardised import pseudo_scars
from eventstudy.models import conformal, constant_mean, market, synthetic


def test_pseudo_scars_have_variance_one_for_a_constant():
    # Exact: the in-sample variance of a sum is σ² L (1 - L/T), whatever L.
    rng = np.random.default_rng(0)
    ab = constant_mean(rng.normal(size=(4000, 41)), n_estimation=40)
    for length in (1, 5, 20):
        z = pseudo_scars(ab, length) * ab.sigma[:, None]
        assert z.var() == pytest.approx(1.0, abs=0.03)


def test_pseudo_scars_of_the_market_model_use_the_average_share():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 61))
    ab = market(x + rng.normal(size=x.shape), x, n_estimation=60)
    z = pseudo_scars(ab, 5) * ab.sigma[:, None]
    assert z.var() == pytest.approx(1.0, abs=0.01)
    # With shared regressors it is off per pseudo-date, by order L/T of the variance.
    x = np.tile(x[0], (4000, 1))
    ab = market(x + rng.normal(size=x.shape), x, n_estimation=60)
    z = pseudo_scars(ab, 5) * ab.sigma[:, None]
    assert np.abs(z.var(axis=0) - 1).max() < 0.3
    assert z.var() == pytest.approx(1.0, abs=0.03)


def test_placebo_p_is_uniform_under_the_null():
    rng = np.random.default_rng(1)
    y = rng.standard_t(3, size=(4000, 123))
    p = TESTS["placebo_single"](constant_mean(y, n_estimation=120), (-1, 1)).pvalue
    for level in (0.05, 0.2, 0.5):
        reachable = np.floor(level * 119) / 119  # 118 pseudo-dates and the event
        assert (p <= level).mean() == pytest.approx(reachable, abs=0.015)


def test_placebo_of_one_observation_is_its_own_randomisation():
    ab = take(panel(effect=0.02), np.array([2]))
    whole, single = (TESTS[n](ab, (-1, 1)) for n in ("placebo", "placebo_single"))
    assert whole.pvalue[0] == single.pvalue[0]
    assert whole.statistic[0] == pytest.approx(single.statistic[0])


def test_placebo_needs_enough_pseudo_dates():
    ab = constant_mean(np.random.default_rng(0).normal(size=(2, 27)), n_estimation=20)
    for name in ("placebo", "placebo_single"):
        found = TESTS[name](ab, (-3, 1))
        assert np.isnan(found.pvalue).all()
        assert found.reason[0] == (
            "only 16 pseudo-dates in the estimation window, at least 20 are needed"
        )


def test_sq_of_one_day_is_the_rank_among_the_residuals():
    residuals = np.arange(-30.0, 30.0) + 0.5
    y = np.append(residuals, 22.0)[None, :]
    found = TESTS["sq"](constant_mean(y, n_estimation=60), (0, 0))
    # 8 of 60 residuals are larger than 22: 22.5 ... 29.5
    assert found.pvalue[0] == pytest.approx(2 * 9 / 61)
    assert found.statistic[0] == pytest.approx(53 / 62 - 0.5)


def test_bootstrap_p_is_close_to_t_for_normal_errors():
    rng = np.random.default_rng(2)
    ab = constant_mean(rng.normal(size=(30, 155)), n_estimation=150)
    t, boot = (TESTS[n](ab, (-2, 2), n_draws=1999) for n in ("t", "bootstrap"))
    assert np.abs(t.pvalue - boot.pvalue).mean() < 0.02
    assert np.abs(t.pvalue - boot.pvalue).max() < 0.08


def test_bootstrap_allows_for_serial_dependence():
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(200, 160))
    y = np.zeros_like(noise)
    for c in range(1, 160):
        y[:, c] = 0.5 * y[:, c - 1] + noise[:, c]
    ab = constant_mean(y, n_estimation=150, first_offset=0)
    t, boot = (TESTS[n](ab, (0, 9), n_draws=299) for n in ("t", "bootstrap"))
    assert (t.pvalue < 0.05).mean() > 0.15
    assert (boot.pvalue < 0.05).mean() < (t.pvalue < 0.05).mean() - 0.05


def test_bootstrap_needs_residuals():
    ab = constant_mean(np.random.default_rng(0).normal(size=(1, 18)), n_estimation=15)
    found = TESTS["bootstrap"](ab, (-1, 1))
    assert found.reason == ("only 15 residuals, at least 20 are needed",)


def test_block_sums_wrap_around_and_stop():
    form = _Form(n=3, block=2, length=3)
    uniform = np.array([[0.99, 0.0, 0.5]])  # blocks from the third and the first value
    drawn = _drawn(form, 3, uniform)
    plan = _Plan(form=form, estimation=drawn, event=drawn)
    total = _block_sums(_running(np.array([[1.0, 10.0, 100.0]])), plan, drawn)
    assert total[0, 0] == 100 + 1 + 1


def test_single_tests_in_rows_of_any_number(monkeypatch):
    ab = panel("uneven dates", seed=8)
    together = TESTS["bootstrap"](ab, (-1, 1), n_draws=99)
    monkeypatch.setattr("eventstudy.inference.bootstrap._BUDGET", 99 * 4)
    apart = TESTS["bootstrap"](ab, (-1, 1), n_draws=99)
    np.testing.assert_array_equal(together.pvalue, apart.pvalue)


def errors_of(kind, rng, shape):
    if kind == "normal":
        return rng.normal(size=shape)
    if kind == "fat tails":
        return rng.standard_t(3, size=shape)
    h, out = np.ones(shape[0]), np.empty((shape[0], shape[1] + 200))
    for day in range(out.shape[1]):
        out[:, day] = np.sqrt(h) * rng.normal(size=shape[0])
        h = 0.05 + 0.1 * out[:, day] ** 2 + 0.85 * h
    return out[:, 200:]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["normal", "fat tails", "garch"])
@pytest.mark.parametrize("alternative", ["two-sided", "less"])
def test_size_of_the_conformal_test(kind, alternative):
    rng = np.random.default_rng(5)
    e, x = errors_of(kind, rng, (8000, 120)), rng.normal(size=(8000, 120))
    ab = market(e + x, x, n_estimation=117)
    p = TESTS["conformal"](ab, (-1, 1), alternative=alternative).pvalue
    rejected = 100 * (p <= 0.05 + 1e-12).mean()
    assert 3.5 < rejected < 6.5
    assert kind == "garch" or abs(rejected - 5) < 0.75


def test_conformal_p_value_of_exchangeable_errors_is_uniform_on_its_grid():
    y = np.random.default_rng(1).standard_t(3, size=(4000, 40))
    ab = constant_mean(y, n_estimation=39, first_offset=0)
    p = TESTS["conformal"](ab, (0, 0)).pvalue
    counts = np.bincount(np.rint(40 * p).astype(int), minlength=41)[1:]
    assert np.abs(counts - 100).max() < 5 * 10


def test_conformal_fit_holds_the_window_as_well():
    y = np.random.default_rng(1).normal(size=(1, 63))
    y[0, 60:] += 3.0
    ab = constant_mean(y, n_estimation=60)
    found = TESTS["conformal"](ab, (-1, 1))
    u = np.abs(y[0] - y[0].mean())
    moved = [np.roll(u, -k)[:3].sum() for k in range(63)]
    assert found.pvalue[0] == np.mean(np.array(moved) >= moved[60] - 1e-12)
    s = np.std(y[0], ddof=1)
    assert found.statistic[0] == pytest.approx(u[60:].sum() / (s * np.sqrt(3)))
    one_sided = TESTS["conformal"](ab, (-1, 1), alternative="greater")
    assert one_sided.pvalue[0] == pytest.approx(1 / 63)


def test_conformal_without_sessions_or_with_donors_says_why():
    rng = np.random.default_rng(1)
    few = constant_mean(rng.normal(size=(1, 22)), n_estimation=19)
    found = TESTS["conformal"](few, (-1, 1))
    assert found.reason[0] == (
        "only 19 sessions to compare the window with, at least 20 are needed"
    )
    donors = 0.01 * rng.normal(size=(63, 6))
    y = donors.mean(axis=1)[None] + 0.002 * rng.normal(size=(1, 63))
    found = TESTS["conformal"](synthetic(y, donors, n_estimation=60), (-1, 1))
    assert "eventstudy.models.conformal" in found.reason[0]
    assert np.isfinite(conformal(y, donors, n_estimation=60, level=None).pvalue[0])
