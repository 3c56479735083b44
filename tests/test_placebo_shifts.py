"""The placebo over the whole history, against plain fits at every shift."""

import numpy as np
import pytest
from reference.inference_panels import panel
from reference.inference_twins import car, rbar, recent, rows

from eventstudy.core.abnormal import Clock
from eventstudy.core.errors import SpecError
from eventstudy.inference import TESTS, battery, dependence, placebo_shifts
from eventstudy.models import market

WINDOW, DAYS = (-1, 1), 420
ESTIMATION, EVENT = (-70, -11), (-3, 3)


def history(seed=0, n=4):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=DAYS)
    y = 0.01 * (x + rng.normal(size=(n, DAYS)) + rng.normal(size=DAYS))
    y[rng.random(y.shape) < 0.03] = np.nan
    return y, np.tile(x[None, :, None], (n, 1, 1))


def study(y, x, day0):
    """The sample at given days 0, as one fit."""
    offsets = np.r_[ESTIMATION[0] : ESTIMATION[1] + 1, EVENT[0] : EVENT[1] + 1]
    at = np.asarray(day0)[:, None] + offsets
    take = np.arange(len(y))[:, None]
    days, clock = np.unique(day0, return_inverse=True)
    t = ESTIMATION[1] - ESTIMATION[0] + 1
    dates = days[:, None] + offsets
    return market(
        y[take, at],
        x[take, at],
        n_estimation=t,
        clock=clock,
        clocks=Clock(estimation=dates[:, :t], event=dates[:, t:]),
        first_offset=EVENT[0],
    )


def slow_statistic(ab, r):
    z, floor = [], []
    for i in rows(ab, WINDOW):
        value, se = car(ab, i, WINDOW)
        h, n = recent(ab, i)
        z.append(value / (h * se / ab.sigma[i]))
        floor.append(n / (n - 2))
    variance = max(np.var(z, ddof=1) / (1 - r), np.mean(floor))
    return np.mean(z) / np.sqrt(variance * (1 + (len(z) - 1) * r) / len(z))


def test_every_shift_is_a_fit_of_its_own():
    y, x = history()
    day0 = np.array([300, 300, 304, 304])
    real = study(y, x, day0)
    r = dependence(real, WINDOW).rbar
    found = placebo_shifts(
        y,
        x,
        day0=day0,
        windows=[WINDOW],
        rbar={WINDOW: r},
        estimation=ESTIMATION,
        event_window=EVENT,
        purge=(-1, 5),
        min_estimation=40,
        model="market",
    )[WINDOW]
    near = {int(d) + k for d in day0 for k in range(-1, 6)}
    cleaned = y.copy()
    cleaned[:, sorted(near)] = np.nan
    expected = []
    for shift in range(-300 - ESTIMATION[0], DAYS - 304 - EVENT[1]):
        windows = {int(d) + shift + k for d in day0 for k in (-1, 0, 1)}
        if not windows & near:
            expected.append(slow_statistic(study(cleaned, x, day0 + shift), r))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert len(found) >= 200


def test_placebo_takes_the_shifts_and_says_so():
    ab = panel("uneven dates", seed=4, effect=0.01)
    shifts = np.random.default_rng(1).normal(size=240)
    plain = TESTS["placebo"](ab, (-1, 1))
    found = battery(ab, windows=[(-1, 1)], tests=["placebo"], shifts={(-1, 1): shifts})
    found = found[(-1, 1), "placebo"]
    assert plain.basis == "58 pseudo-dates of the estimation window"
    assert found.basis == "240 shifts over the whole history"
    r, n = rbar(ab, (-1, 1)), len(rows(ab, (-1, 1)))
    z, floor = [], []
    for i in rows(ab, (-1, 1)):
        value, se = car(ab, i, (-1, 1))
        h, count = recent(ab, i)
        z.append(value / (h * se / ab.sigma[i]))
        floor.append(count / (count - 2))
    variance = max(np.var(z, ddof=1) / (1 - r), np.mean(floor))
    t = np.mean(z) / np.sqrt(variance * (1 + (n - 1) * r) / n)
    assert found.statistic[0] == pytest.approx(t, rel=1e-9)
    expected = (1 + (np.abs(shifts) >= abs(t)).sum()) / 241
    assert found.pvalue[0] == pytest.approx(expected, abs=1e-15)
    few = battery(
        ab, windows=[(-1, 1)], tests=["placebo"], shifts={(-1, 1): shifts[:50]}
    )
    assert few[(-1, 1), "placebo"].pvalue[0] == plain.pvalue[0]


def test_a_history_too_short_has_no_shift():
    found = placebo_shifts(
        np.ones((2, 100)), day0=np.array([90, 91]), windows=[WINDOW], rbar={WINDOW: 0.0}
    )
    assert found[WINDOW].shape == (0,)
    with pytest.raises(SpecError, match="does not end before"):
        placebo_shifts(
            np.ones((2, 100)),
            day0=np.array([90, 91]),
            windows=[WINDOW],
            rbar={WINDOW: 0.0},
            estimation=(-20, -5),
        )
