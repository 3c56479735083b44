"""No study dies of its numbers: every model and test has a value or a reason.

Random gaps, few sessions, equal series, constant prices, factors that are nearly or
wholly the same: never an exception, a nan without a reason, or a warning.
"""

import numpy as np
import pytest

from eventstudy.core.abnormal import Status
from eventstudy.core.registry import MODELS, TESTS

L = 21
SEEDS = [*range(9), *(pytest.param(s, marks=pytest.mark.slow) for s in range(9, 200))]
CASES = (
    "plain",
    "gaps",
    "zero",
    "equal",
    "the market itself",
    "near",
    "same",
    "no factor",
    "no variance before",
)


def hard(seed, n_factors):
    """Returns and factors of the worst kind, and the length of the estimation."""
    rng = np.random.default_rng(seed)
    n, t = int(rng.integers(1, 8)), int(rng.choice([3, 5, 12, 30, 60, 90]))
    x = 0.01 * rng.normal(size=(t + L, n_factors))
    x = np.broadcast_to(x, (n, *x.shape)).copy()
    market = x[:, :, 0] if n_factors else 0.0
    y = market + 0.02 * rng.normal(size=(n, t + L))
    case = CASES[seed % len(CASES)]
    if case == "gaps":
        y[rng.random(y.shape) < 0.4] = np.nan
    elif case == "zero":
        y[:] = 0.0
    elif case == "equal":
        y[1:] = y[0]
    elif case == "the market itself":
        y[:] = market
    elif case == "near" and n_factors > 1:
        x[..., 1] = x[..., 0] + 1e-12 * rng.normal(size=x.shape[:2])
    elif case == "same" and n_factors > 1:
        x[..., 1] = x[..., 0]
    elif case == "no factor" and n_factors:
        x[..., -1] = 0.0
    elif case == "no variance before":
        y[:, :t] = 0.001
    if seed % 5 == 1:
        y[0] = np.nan
    if seed % 7 == 1:
        x[:, ::4] = np.nan
    return y, x if n_factors else None, t


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", MODELS)
def test_a_value_or_a_reason(name, seed):
    entry = MODELS[name]
    most = 2 if entry.max_factors is None else entry.max_factors
    asked = max(entry.min_factors, min(2, most), min(1, entry.min_members))
    n_factors = entry.min_donors or asked
    y, x, t = hard(seed, n_factors)
    ab = entry.fit(y, x, n_estimation=t)
    told = ab.status != Status.OK
    assert np.isnan(ab.sigma[told]).all()
    assert np.isfinite(ab.sigma[~told]).all()
    assert not np.isfinite(ab.ar[told]).any()
    for test in TESTS.values():
        found = test(ab, window=(-1, 1))
        values = np.atleast_1d(np.asarray(found.pvalue, np.float64))
        reasons = np.atleast_1d(np.asarray(found.reason, object))
        for pvalue, reason in zip(values, reasons, strict=True):
            assert np.isnan(pvalue) == (reason is not None), (test, reason)
            assert reason is not None or 0.0 <= pvalue <= 1.0
