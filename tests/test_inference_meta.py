"""Random effects over dates: published numbers, a slow twin, what is refused."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import optimize, stats

from eventstudy.core.errors import DataError, SpecError
from eventstudy.inference import meta

# Colditz et al. (1994): trials of the BCG vaccine, cases and others, treated and not.
BCG = np.array(
    [
        (4, 119, 11, 128),
        (6, 300, 29, 274),
        (3, 228, 11, 209),
        (62, 13536, 248, 12619),
        (33, 5036, 47, 5761),
        (180, 1361, 372, 1079),
        (8, 2537, 10, 619),
        (505, 87886, 499, 87892),
        (29, 7470, 45, 7232),
        (17, 1699, 65, 1600),
        (186, 50448, 141, 27197),
        (5, 2493, 3, 2338),
        (27, 16886, 29, 17825),
    ],
    float,
)


def bcg():
    a, b, c, d = BCG.T
    y = np.log((a / (a + b)) / (c / (c + d)))
    return y, 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)


def twin(y, v, method):
    """The formulas with matrices, one at a time."""
    k, one = len(y), np.ones(len(y))

    def parts(tau2):
        w = np.linalg.inv(v + tau2 * np.eye(k))
        mu = (one @ w @ y) / (one @ w @ one)
        return w, mu, (y - mu) @ w @ (y - mu)

    w, _, q = parts(0.0)
    p = w - np.outer(w @ one, one @ w) / (one @ w @ one)
    if method == "dl":
        tau2 = max(0.0, (q - (k - 1)) / np.trace(p))
    else:

        def loss(t):
            wt, _, qt = parts(t)
            return 0.5 * (
                np.linalg.slogdet(v + t * np.eye(k))[1] + np.log(one @ wt @ one) + qt
            )

        def score(t):
            wt = parts(t)[0]
            pt = wt - np.outer(wt @ one, one @ wt) / (one @ wt @ one)
            return y @ pt @ pt @ y - np.trace(pt)

        best = min([0.0, *np.logspace(-10, 2, 400)], key=loss)
        tau2 = 0.0 if best == 0 else optimize.brentq(score, best / 1.2, best * 1.2)
    w, mu, spread = parts(tau2)
    se = np.sqrt(max(1, spread / (k - 1)) / (one @ w @ one))
    b = tau2 * w
    rest = one - b @ one
    cover = tau2 * np.eye(k) - tau2**2 * w + np.outer(rest, rest) / (one @ w @ one)
    typical = (k - 1) / np.trace(p)
    return {
        "mu": mu,
        "se": se,
        "tau2": tau2,
        "q": q,
        "pvalue": 2 * stats.t.sf(abs(mu / se), k - 1),
        "q_pvalue": stats.chi2.sf(q, k - 1),
        "i2": tau2 / (tau2 + typical),
        "ci_low": mu - stats.t.isf(0.025, k - 1) * se,
        "prediction_high": mu + stats.t.isf(0.025, k - 2) * np.sqrt(tau2 + se**2),
        "shrunk": mu + b @ (y - mu),
        "shrunk_se": np.sqrt(np.diag(cover)),
    }


def test_the_trials_of_bcg_give_the_published_numbers():
    y, v = bcg()
    reml, dl = meta(y, v), meta(y, v, method="dl")
    assert_allclose([dl.tau2, reml.tau2], [0.3088, 0.3132], atol=5e-5)
    assert_allclose([reml.mu, reml.se], [-0.7145, 0.1808], atol=5e-5)
    assert_allclose(reml.q, 152.23, atol=5e-3)
    assert_allclose(100 * reml.i2, 92.2, atol=0.05)


@pytest.mark.parametrize("method", ["reml", "dl"])
@pytest.mark.parametrize("seed", range(12))
def test_the_spectral_form_agrees_with_matrices(method, seed):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(3, 12))
    root = rng.normal(size=(k, k)) * 0.4 + np.eye(k)
    v = root @ root.T * 1e-3
    y = rng.normal(0.01, 0.08 * (seed % 3), size=k) + root @ rng.normal(0, 0.03, k)
    found = meta(y, v, method=method)
    for name, value in twin(y, v, method).items():
        assert_allclose(
            getattr(found, name), value, rtol=1e-7, atol=1e-11, err_msg=name
        )


def test_equal_effects_do_not_differ():
    found = meta(np.full(5, 0.03), np.full(5, 1e-4))
    assert found.tau2 == found.q == found.i2 == 0
    assert found.q_pvalue == 1
    assert_allclose(found.se, np.sqrt(1e-4 / 5))  # q is floored at 1
    assert_allclose(found.shrunk, 0.03)


def test_units_and_order_do_not_matter():
    y, v = bcg()
    one, other = meta(y, v), meta(-100 * y[::-1], 1e4 * v[::-1])
    assert_allclose(other.mu, -100 * one.mu, rtol=1e-8)
    assert_allclose(other.tau2, 1e4 * one.tau2, rtol=1e-6)
    assert_allclose(other.pvalue, one.pvalue, rtol=1e-6)
    assert_allclose(other.ci_low, -100 * one.ci_high, rtol=1e-6)


@pytest.mark.parametrize(
    ("y", "v", "options", "error", "said"),
    [
        ([1.0, 2.0], [1.0, 1.0], {}, DataError, "at least 3 effects"),
        ([1.0, 2.0, 3.0], np.eye(2), {}, DataError, r"wanted \(3, 3\)"),
        ([1.0, np.nan, 3.0], np.eye(3), {}, DataError, "must be finite"),
        ([1.0, 2.0, 3.0], [1.0, 0.0, 1.0], {}, DataError, "positive definite"),
        ([1.0, 2.0, 3.0], np.triu(np.ones((3, 3))), {}, DataError, "not symmetric"),
        ([1.0, 2.0, 3.0], np.eye(3), {"method": "ml"}, SpecError, "unknown method"),
        ([1.0, 2.0, 3.0], np.eye(3), {"level": 95}, SpecError, "such as 0.95"),
    ],
)
def test_what_cannot_be_averaged_is_refused(y, v, options, error, said):
    with pytest.raises(error, match=said):
        meta(y, v, **options)


@pytest.mark.slow
def test_the_interval_covers_with_few_effects():
    rng = np.random.default_rng(5)
    inside = []
    for _ in range(2000):
        v = rng.uniform(0.5, 2.0, 6)
        y = rng.normal(0, np.sqrt(v + 1.0))
        found = meta(y, v)
        inside.append(found.ci_low < 0 < found.ci_high)
    assert 0.935 < np.mean(inside) < 0.975
