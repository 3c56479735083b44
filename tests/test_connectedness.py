"""Connectedness against vector autoregressions of other software, and by hand."""

from importlib import import_module

import numpy as np
import pytest
from statsmodels.tsa.api import VAR

from eventstudy.core.bootstrap import stationary_indices
from eventstudy.core.errors import DataError, SpecError
from eventstudy.volatility import connectedness, connectedness_change


def series(n=300, n_series=4, seed=0):
    """Log variances that persist, the first of which moves the others later."""
    rng = np.random.default_rng(seed)
    shocks = rng.standard_normal((n, n_series)) + 0.8 * rng.standard_normal((n, 1))
    y = np.zeros((n, n_series))
    for t in range(1, n):
        y[t] = 0.5 * y[t - 1] + 0.2 * y[t - 1, 0] + shocks[t]
    return y * np.linspace(0.5, 3.0, n_series) - 9.0


def twin(y, lags, horizon):
    """The formula term by term, from the estimates of statsmodels."""
    fit = VAR(y).fit(lags)
    moving, s = fit.ma_rep(horizon - 1), np.asarray(fit.sigma_u)
    size = y.shape[1]
    table = np.zeros((size, size))
    for i in range(size):
        error = sum(float(a[i] @ s @ a[i]) for a in moving)
        for j in range(size):
            from_j = sum(float(a[i] @ s[:, j]) ** 2 for a in moving)
            table[i, j] = from_j / s[j, j] / error
        table[i] /= table[i].sum()
    return table


@pytest.mark.parametrize(("lags", "horizon"), [(1, 1), (2, 10), (4, 5)])
def test_table_agrees_with_statsmodels(lags, horizon):
    y = series()
    found = connectedness(y, lags, horizon, reps=9)
    table = twin(y, lags, horizon)
    np.testing.assert_allclose(found.table, table, rtol=1e-9, atol=1e-12)
    received = 1.0 - np.diag(table)
    given = table.sum(axis=0) - np.diag(table)
    assert found.total == pytest.approx(received.mean())
    np.testing.assert_allclose(found.received, received, rtol=1e-9)
    np.testing.assert_allclose(found.to, given, rtol=1e-9)
    np.testing.assert_allclose(found.net, given - received, atol=1e-9)
    assert found.net.sum() == pytest.approx(0.0, abs=1e-12)


def test_a_session_ahead_two_series_share_by_their_correlation_squared():
    y = series(n_series=2)
    r2 = np.corrcoef(VAR(y).fit(2).resid.T)[0, 1] ** 2
    wanted = np.array([[1.0, r2], [r2, 1.0]]) / (1.0 + r2)
    found = connectedness(y, horizon=1, reps=9)
    np.testing.assert_allclose(found.table, wanted, rtol=1e-9)


def test_neither_units_nor_the_order_of_series_matter():
    y = series()
    plain = connectedness(y, reps=29)
    other = connectedness(y[:, ::-1] * [1e3, 1.0, 1e-4, -2.0] + 5.0, reps=29)
    np.testing.assert_allclose(other.table[::-1, ::-1], plain.table, rtol=1e-8)
    np.testing.assert_allclose(other.total_interval, plain.total_interval, rtol=1e-8)


def test_resamples_agree_with_regressions_on_resampled_sessions():
    y, lags, reps = series(n=120, n_series=2), 1, 5
    found = connectedness(y, lags, 3, reps=reps, level=0.6, seed=4)
    totals = []
    for rows in stationary_indices(len(y) - lags, 20.0, reps, 4):
        x = np.column_stack([np.ones(len(rows)), y[rows]])
        b = np.linalg.lstsq(x, y[rows + 1], rcond=None)[0]
        e = y[rows + 1] - x @ b
        s = e.T @ e
        moving = [np.linalg.matrix_power(b[1:].T, h) for h in range(3)]
        own = sum((a @ s) ** 2 for a in moving) / np.diag(s)
        table = own / own.sum(axis=1, keepdims=True)
        totals.append(1.0 - np.diag(table).mean())
    np.testing.assert_allclose(
        found.total_interval, np.quantile(totals, [0.2, 0.8]), rtol=1e-9
    )


def test_resamples_do_not_depend_on_how_many_are_held_at_once(monkeypatch):
    y = series()
    whole = connectedness(y, reps=40, seed=2)
    module = import_module("eventstudy.volatility.connectedness")
    monkeypatch.setattr(module, "_CHUNK", 1)
    parts = connectedness(y, reps=40, seed=2)
    np.testing.assert_allclose(parts.net_interval, whole.net_interval, rtol=1e-12)
    assert not np.allclose(
        connectedness(y, reps=40, seed=3).net_interval, whole.net_interval
    )


def test_sessions_without_a_value_or_a_lag_are_left_out():
    y = series()
    y[100, 1] = np.nan
    found = connectedness(y, reps=9)
    assert found.n == 300 - 2 - 3
    y = series()
    assert connectedness(y[:100], reps=9).n == 98


def test_a_change_is_the_difference_of_two_periods():
    calm, joined = series(seed=1), series(seed=2)
    calm = np.random.default_rng(3).standard_normal(calm.shape)
    found = connectedness_change(calm, joined, reps=99, seed=5)
    assert found.total == pytest.approx(found.after.total - found.before.total)
    np.testing.assert_allclose(found.net, found.after.net - found.before.net)
    assert 0.0 < found.total_interval[0] < found.total < found.total_interval[1]
    alone = connectedness(calm, reps=99, seed=5)
    np.testing.assert_array_equal(found.before.table_interval, alone.table_interval)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"lags": 0}, "lags = 0"),
        ({"horizon": 0}, "horizon = 0"),
        ({"level": 1.0}, "level between 0 and 1"),
        ({"block": 5}, "wanted at least 20 sessions"),
    ],
)
def test_what_is_out_of_range_is_refused(change, text):
    with pytest.raises(SpecError, match=text):
        connectedness(series(), **change)


def test_series_that_cannot_be_estimated_are_refused():
    y = series()
    with pytest.raises(DataError, match="at least two of them"):
        connectedness(y[:, :1])
    with pytest.raises(DataError, match="wanted at least 60"):
        connectedness(y[:50])
    with pytest.raises(DataError, match="collinear"):
        connectedness(np.column_stack([y, y[:, :2].sum(axis=1)]))
    with pytest.raises(DataError, match="does not vary"):
        connectedness(np.column_stack([y, np.full(len(y), -9.0)]))
    with pytest.raises(DataError, match="infinite"):
        connectedness(np.where(y > y.max() - 1e-9, -np.inf, y))
    with pytest.raises(DataError, match="the same series"):
        connectedness_change(y, y[:, :2])
