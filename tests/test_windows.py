"""Sums over windows against explicit loops, and the size of the CAR t test."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special, stats

import eventstudy as es
from eventstudy.core.abnormal import Clock
from eventstudy.core.errors import SpecError
from eventstudy.core.windows import (
    buy_and_hold,
    check_window,
    columns,
    cumulate,
    forecast_se,
    narrow,
    narrow_clocks,
    select,
)
from eventstudy.models import MODELS, constant_mean, market, market_adjusted

E, T, L = 6, 70, 21
FIRST = -(L // 2)
WINDOWS = [(-10, 10), (-1, 1), (0, 5), (0, 0), (-10, -10), (10, 10)]


def fitted(name="market", *, gaps=True, seed=2):
    """Fits with gaps: a row without the middle days, one without any event day."""
    rng = np.random.default_rng(seed)
    m = 0.01 * rng.standard_normal((E, T + L))
    y = 0.001 + 1.3 * m + 0.03 * rng.standard_normal((E, T + L))
    span = np.ones_like(y)
    if gaps:
        y[rng.random(y.shape) < 0.2] = np.nan
        span = rng.choice([1.0, 3.0], y.shape)
        y[1, T + 9 : T + 12] = np.nan
        y[2, T:] = np.nan
        y[3] = np.nan
        y[4, T + 9 : T + 11], y[4, T + 11], span[4, T + 11] = np.nan, 0.2, 3.0
    inputs = None if name == "constant_mean" else m
    clocks = Clock(
        estimation=np.tile(np.arange(T), (2, 1)),
        event=np.stack([np.arange(T, T + L), np.arange(T, T + L) + 5]),
    )
    return MODELS[name](
        y,
        inputs,
        n_estimation=T,
        span=span,
        clock=np.array([0, 1, 0, 1, 0, 1]),
        clocks=clocks,
    )


@pytest.mark.parametrize("name", ["constant_mean", "market_adjusted", "market"])
@pytest.mark.parametrize("gaps", [False, True], ids=["complete", "gaps"])
@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_sums_are_those_of_a_loop(name, gaps, window):
    ab = fitted(name, gaps=gaps)
    found, held = cumulate(ab, window), buy_and_hold(ab, window)
    for i in range(E):
        car, length, n_valid, days = 0.0, 0.0, 0, []
        raw, normal = 1.0, 1.0
        for t in range(window[0] - FIRST, window[1] - FIRST + 1):
            if np.isnan(ab.ar[i, t]):
                continue
            car += ab.ar[i, t]
            length += ab.span_event[i, t]
            raw *= 1 + ab.actual[i, t]
            normal *= 1 + (ab.actual[i, t] - ab.ar[i, t])
            n_valid += 1
            days.append(t)
        assert found.n_valid[i] == n_valid
        assert found.length[i] == length
        if not n_valid:
            claims = [found.car[i], found.se[i], found.scar[i], held[i]]
            assert np.isnan(claims).all()
            continue
        v = length * ab.sigma[i] ** 2
        for s in days:
            for t in days:
                row, column = ab.x_event[i, s], ab.x_event[i, t]
                v += ab.sigma[i] ** 2 * (row @ ab.xtx_inv[i] @ column)
        assert_allclose(found.car[i], car, rtol=1e-12, atol=1e-15)
        assert_allclose(found.se[i], np.sqrt(v), rtol=1e-10)
        assert_allclose(found.scar[i], car / np.sqrt(v), rtol=1e-10, atol=1e-13)
        assert_allclose(held[i], raw - normal, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize(
    "name", ["constant_mean", "market_adjusted", "market", "factors"]
)
def test_one_day_sums_are_the_days(name):
    ab = fitted(name)
    se = forecast_se(ab)
    assert_array_equal(np.isnan(se), np.isnan(ab.ar))
    for day in range(L):
        one = cumulate(ab, (day + FIRST, day + FIRST))
        assert_array_equal(one.car, ab.ar[:, day])
        assert_allclose(one.se, se[:, day], rtol=1e-12)


def test_sums_add_up_but_variances_do_not():
    ab = fitted("constant_mean", gaps=False)
    parts = [cumulate(ab, w) for w in [(-10, -1), (0, 10)]]
    whole = cumulate(ab, (-10, 10))
    assert_allclose(parts[0].car + parts[1].car, whole.car, rtol=1e-10)
    # The error of the mean is common to both parts: 2 * 10 * 11 * sigma^2 / T more.
    common = whole.se**2 - parts[0].se ** 2 - parts[1].se ** 2
    assert_allclose(common, 2 * 10 * 11 * ab.sigma**2 / T, rtol=1e-9)


def test_a_missing_day_leaves_the_sum_of_the_others():
    y = np.random.default_rng(4).normal(0, 0.02, (1, T + L))
    y[0, T + 10] = np.nan
    ab = constant_mean(y, n_estimation=T)
    found = cumulate(ab, (-1, 1))
    assert found.n_valid.tolist() == [2]
    assert_allclose(found.car, ab.ar[:, 9] + ab.ar[:, 11], rtol=1e-13)
    assert_allclose(found.se, ab.sigma * np.sqrt(2 + 4 / T), rtol=1e-12)


def test_a_bridged_gap_is_the_same_sum_with_the_same_variance():
    rng = np.random.default_rng(6)
    y, m = rng.normal(0, 0.02, (2, 1, T + L))
    whole = market(y, m, n_estimation=T)
    y_gap, m_gap, span = y.copy(), m.copy(), np.ones_like(y)
    at = T + 11  # two sessions without a price, then a return over all three
    for gapped, full in ((y_gap, y), (m_gap, m)):
        gapped[0, at] = full[0, at - 2 : at + 1].sum()
    y_gap[0, at - 2 : at], span[0, at] = np.nan, 3
    bridged = market(y_gap, m_gap, n_estimation=T, span=span)
    for window in [(-1, 1), (-10, 10)]:
        one, other = cumulate(whole, window), cumulate(bridged, window)
        assert_allclose(other.car, one.car, rtol=1e-12)
        assert_allclose(other.se, one.se, rtol=1e-12)
        assert_array_equal(other.length, one.length)
        assert (other.n_valid == one.n_valid - 2).all()


def test_buying_and_holding_earns_the_price_relative():
    price = np.array([100.0] * 5 + [102, 99, 104, 110, 95, 97, 120])
    price[1:5] += [1, -1, 2, 0]
    returns = (price[1:] / price[:-1] - 1)[None]
    ab = market_adjusted(
        returns, np.full_like(returns, 0.01), n_estimation=4, first_offset=0
    )
    length = ab.ar.shape[1]
    want = price[-1] / price[4] - 1.01**length
    assert_allclose(buy_and_hold(ab, (0, length - 1)), [want], rtol=1e-12)
    assert_allclose(buy_and_hold(ab, (2, 2)), ab.ar[:, 2], rtol=1e-10)


@pytest.mark.parametrize(
    ("window", "text"),
    [
        ((-11, 3), r"\[-11,\+3\]"),
        ((0, 11), r"\[0,\+11\]"),
        ((11, 11), r"\[\+11,\+11\]"),
    ],
    ids=str,
)
@pytest.mark.parametrize("function", [check_window, columns, cumulate, buy_and_hold])
def test_windows_outside_the_event_window_are_refused(function, window, text):
    held = r" is not inside the event window \[-10,\+10\] that is held"
    with pytest.raises(SpecError, match=text + held):
        function(fitted(), window)


@pytest.mark.parametrize(
    "window",
    [(-1,), (-1, 1, 2), "-1:1", 5, None, (-1.5, 1), (None, 1), (True, 1), ("a", "b")],
    ids=str,
)
def test_what_is_no_window_is_refused(window):
    text = r"wanted \(start, end\), two whole numbers of sessions in event time"
    with pytest.raises(SpecError, match=text):
        cumulate(fitted(), window)
    with pytest.raises(SpecError, match=text):
        es.inference.TESTS["bmp"](fitted(), window)
    with pytest.raises(SpecError, match=text):
        es.inference.battery(fitted(), windows=[window], tests="bmp")


def test_a_window_that_ends_before_it_starts_is_refused():
    with pytest.raises(SpecError, match=r"\[\+5,\+3\] ends before it starts"):
        cumulate(fitted(), (5, 3))


@pytest.mark.parametrize("window", [[-1, 1], np.array([-1, 1]), (-1.0, 1.0)], ids=str)
def test_any_two_whole_numbers_are_a_window(window):
    ab = fitted()
    wanted = es.inference.TESTS["t"](ab, (-1, 1)).statistic
    for given in (window, [window]):
        found = es.inference.battery(ab, windows=given, tests="t")
        assert_allclose(found[(-1, 1), "t"].statistic, wanted, rtol=0)


def test_first_offsets_and_lengths_are_whole_numbers():
    y = np.random.default_rng(3).normal(size=(2, T + 8))
    for given in (0.5, "a", True):
        with pytest.raises(SpecError, match=r"first_offset = .* wanted a whole number"):
            constant_mean(y, n_estimation=T, first_offset=given)
        with pytest.raises(SpecError, match=r"n_estimation = .* wanted a whole number"):
            constant_mean(y, n_estimation=given, first_offset=0)
    assert constant_mean(y, n_estimation=float(T), first_offset=-2.0).first_offset == -2


def test_windows_count_from_the_first_offset():
    y = np.random.default_rng(3).normal(size=(2, T + 8))
    ab = constant_mean(y, n_estimation=T, first_offset=-3)
    assert (ab.first_offset, columns(ab, (-1, 1))) == (-3, slice(2, 5))
    assert_array_equal(cumulate(ab, (0, 0)).car, ab.ar[:, 3])
    assert check_window(ab, (-3, 4)) == (-3, 4)
    with pytest.raises(SpecError, match=r"event window \[-3,\+4\] that is held"):
        cumulate(ab, (-3, 5))
    with pytest.raises(SpecError, match=r"8 columns.*wanted first_offset=\.\.\."):
        constant_mean(y, n_estimation=T)


@pytest.mark.parametrize(
    "rows",
    [np.array([4, 0, 4]), np.array([True, False] * 3), np.array([], np.int64)],
    ids=["positions", "mask", "none"],
)
def test_selection_keeps_rows_together(rows):
    ab = fitted()
    some = select(ab, rows)
    assert some.clocks is ab.clocks
    assert some.model == ab.model
    whole, part = cumulate(ab, (-1, 1)), cumulate(some, (-1, 1))
    assert_array_equal(part.car, whole.car[rows])
    assert_array_equal(part.se, whole.se[rows])
    for name in ("asset", "clock", "status", "residuals", "span_estimation", "df"):
        assert_array_equal(getattr(some, name), getattr(ab, name)[rows], err_msg=name)


def test_narrowing_keeps_columns_together():
    ab = fitted()
    held = columns(ab, (-1, 4))
    cut = narrow(ab, (-1, 4), narrow_clocks(ab.clocks, held))
    assert (held, cut.first_offset) == (slice(9, 15), -1)
    assert_array_equal(cut.clocks.event, ab.clocks.event[:, 9:15])
    assert_array_equal(cut.clocks.estimation, ab.clocks.estimation)
    assert_array_equal(cut.residuals, ab.residuals)
    assert_array_equal(forecast_se(cut), forecast_se(ab)[:, held])
    for window in [(-1, 1), (0, 4)]:
        assert_array_equal(cumulate(cut, window).scar, cumulate(ab, window).scar)
        assert_array_equal(buy_and_hold(cut, window), buy_and_hold(ab, window))
    with pytest.raises(SpecError, match=r"event window \[-1,\+4\] that is held"):
        narrow(cut, (-2, 4), cut.clocks)


def test_size_of_the_t_of_a_long_window():
    """The exact variance keeps 5 %; sigma sqrt(L) rejects nearly twice as often."""
    n, t_short = 20_000, 60
    rng = np.random.default_rng(20210621)
    m = rng.standard_normal((n, t_short + L))
    y = 0.5 + 1.2 * m + rng.standard_normal((n, t_short + L))
    ab = market(y, m, n_estimation=t_short)
    found = cumulate(ab, (-10, 10))
    exact = 2 * special.stdtr(ab.df, -np.abs(found.scar)) < 0.05
    plain = 2 * special.stdtr(ab.df, -np.abs(found.car / (ab.sigma * L**0.5))) < 0.05
    low, high = stats.binom.ppf([0.0005, 0.9995], n, 0.05)
    assert low <= exact.sum() <= high
    # What sigma sqrt(L) ought to reject, given each row's true variance.
    shrunk = special.stdtrit(ab.df, 0.975) * ab.sigma * L**0.5 / found.se
    expected = 2 * special.stdtr(ab.df, -shrunk).mean()
    assert 0.08 < expected < 0.12
    assert abs(plain.mean() - expected) < 3.5 * np.sqrt(expected / n)
    # The whole distribution is the t, not only its 5 % tail.
    assert stats.kstest(special.stdtr(ab.df, found.scar), "uniform").pvalue > 0.001
