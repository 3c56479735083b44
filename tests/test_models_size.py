"""How often a CAR without an effect is found at 5 %, model by model."""

import numpy as np
import pytest
from scipy.special import stdtr

from eventstudy.core.windows import cumulate
from eventstudy.models import MODELS

T, L, N = 120, 21, 8_000
WINDOWS = [(-1, 1), (-10, 10)]
NAMES = ["dimson", "scholes_williams", "huber", "lad", "student", "theil_sen"]


def errors(design, rng, n):
    shape = n, T + L
    if design == "normal":
        return rng.normal(size=shape)
    if design == "t(4)":
        return rng.standard_t(4, size=shape) / np.sqrt(2.0)
    if design == "skewed":
        return rng.gamma(4.0, 0.5, size=shape) - 2.0
    z, h = rng.normal(size=(n, T + L + 200)), np.ones(n)
    out = np.empty_like(z)
    for t in range(z.shape[1]):
        out[:, t] = np.sqrt(h) * z[:, t]
        h = 0.05 + 0.1 * out[:, t] ** 2 + 0.85 * h
    return out[:, 200:]


def world(design, n, seed=1):
    """Shares that trade half a day late, on an index that does so a little."""
    rng = np.random.default_rng(seed)
    true = 0.01 * rng.normal(size=(n, T + L + 2))
    index = 0.9 * true[:, 1:-1] + 0.1 * true[:, :-2]
    y = 0.9 * true[:, 1:-1] + 0.1 * true[:, :-2] + 0.02 * errors(design, rng, n)
    return y, index


def size(name, design):
    y, index = world(design, N)
    ab = MODELS[name](y, index, n_estimation=T)
    assert (ab.status == 0).mean() > 0.999
    out = []
    for window in WINDOWS:
        sums = cumulate(ab, window)
        held = np.isfinite(sums.car)
        if not held.any():  # the last session of arrays has no lead
            continue
        p = 2 * stdtr(ab.df, -np.abs(sums.scar))
        out.append(float((p[held] < 0.05).mean()))
    return out


DESIGNS = ["normal", "t(4)", "garch"]


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("name", NAMES)
def test_models_find_an_effect_where_there_is_none_as_often_as_they_say(name, design):
    for found in size(name, design):
        assert 0.035 < found < 0.065


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_skewed_errors_are_what_the_entry_says_of_them(name):
    """A constant that is no mean adds up over a window; the others keep their size."""
    short, long = size(name, "skewed")
    assert 0.035 < short < 0.065
    caution = MODELS[name].caution
    if caution and "skewed" in caution(MODELS[name].options):
        assert 0.055 < long < 0.105
    else:
        assert 0.035 < long < 0.065
