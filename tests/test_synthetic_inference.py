"""Placebo in space and conformal test: published ranks, slow twins, and their size."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from test_synthetic import BEFORE, by_nnls, panel_of_states, returns

from eventstudy.core.errors import SpecError
from eventstudy.inference import TESTS
from eventstudy.models import conformal, placebo_in_space, synthetic
from eventstudy.models.conformal import EMPTY, UNBOUNDED

T, L = 60, 5
AFTER = slice(T + 1, T + 4)


def gaps_of(y, donors, rows, ridge_rows):
    ridge = 1e-8 * (donors[ridge_rows] ** 2).sum() / donors.shape[1]
    return y - donors @ by_nnls(y[rows], donors[rows], ridge)


def ratio_of(y, donors, rows):
    gap = gaps_of(y, donors, rows, rows)
    return np.sqrt((gap[AFTER] ** 2).mean() / (gap[rows] ** 2).mean())


def test_california_is_the_third_of_39_states():
    _, packs = panel_of_states()
    found = placebo_in_space(
        packs[None, :, 0], packs[:, 1:], n_estimation=BEFORE, first_offset=0
    )
    assert found.n[0] == 38
    assert found.pvalue[0] == pytest.approx(3 / 39, abs=1e-12)


def test_california_is_the_third_of_31_cyclic_shifts():
    _, packs = panel_of_states()
    found = conformal(
        packs[None, :, 0], packs[:, 1:], n_estimation=BEFORE, first_offset=0, level=0.9
    )
    assert found.pvalue[0] == pytest.approx(3 / 31, abs=1e-12)
    assert found.effect[0] == pytest.approx(-19.5136, abs=5e-5)
    assert found.reason == (None,)


def test_placebo_in_space_fits_every_donor_by_the_others():
    y, donors = returns(8, 3, n_sessions=T + L)
    y[1, 7] = np.nan
    y[2] = np.nan
    found = placebo_in_space(y, donors, n_estimation=T, window=(-1, 1))
    for i in range(2):
        rows = np.flatnonzero(np.isfinite(y[i, :T]))
        own = ratio_of(np.nan_to_num(y[i]), donors, rows)
        others = [
            ratio_of(donors[:, j], np.delete(donors, j, axis=1), rows)
            for j in range(donors.shape[1])
        ]
        assert found.ratio[i] == pytest.approx(own, rel=1e-9)
        rank = 1 + sum(other >= own for other in others)
        assert found.pvalue[i] == pytest.approx(rank / 9, abs=1e-12)
    assert np.isnan(found.pvalue[2])


@pytest.mark.parametrize("model", ["synthetic_did", "gsynth"])
def test_placebo_in_space_ranks_other_models_alike(model):
    y, donors = returns(25, 2, n_sessions=T + L)
    y[0, T + 2] += 1.0
    found = placebo_in_space(y, donors, n_estimation=T, window=(0, 0), model=model)
    assert found.pvalue[0] == pytest.approx(1 / 26)
    again = placebo_in_space(y[:1], donors, n_estimation=T, window=(0, 0), model=model)
    assert again.ratio[0] == pytest.approx(found.ratio[0], rel=1e-9)


def by_shifts(y, donors, rows, n_after, effect):
    moved = y.copy()
    moved[AFTER] -= effect
    size = np.abs(gaps_of(moved, donors, rows, rows)[rows])
    sums = [np.roll(size, -k)[:n_after].sum() for k in range(len(rows))]
    actual = size[-n_after:].sum()
    return np.mean([s >= actual * (1 - 1e-10) for s in sums])


def test_conformal_agrees_with_plain_shifts():
    y, donors = returns(8, 6, n_sessions=T + L)
    y[1, 7] = y[2, T + 2] = np.nan
    y[3, AFTER] += 0.03
    found = conformal(y, donors, n_estimation=T, window=(-1, 1))
    used = np.r_[:T, T + 1 : T + 4]
    for i in range(6):
        rows = used[np.isfinite(y[i, used])]
        n_after = (rows >= T).sum()

        def pvalue(effect, i=i, rows=rows, n_after=n_after):
            return by_shifts(np.nan_to_num(y[i]), donors, rows, n_after, effect)

        assert found.pvalue[i] == pytest.approx(pvalue(0.0), abs=1e-12)
        for end, out in ((found.low[i], -1), (found.high[i], 1)):
            assert pvalue(end) > 0.05
            assert pvalue(end + out * 1e-5) <= 0.05
        before = rows[rows < T]
        gap = gaps_of(np.nan_to_num(y[i]), donors, before, rows)
        assert found.effect[i] == pytest.approx(gap[rows[rows >= T]].mean(), abs=1e-7)
    assert found.low[3] > 0


def test_an_empty_set_is_said_and_not_filled():
    y, donors = returns(8, 2, n_sessions=T + L)
    y[0, AFTER] += [0.5, -0.5, 0.5]  # no constant effect leaves quiet gaps
    found = conformal(y, donors, n_estimation=T, window=(-1, 1))
    assert found.reason == (EMPTY, None)
    assert np.isnan(found.low[0])
    assert np.isnan(found.high[0])
    assert found.pvalue[0] < 0.05


def test_so_few_sessions_that_nothing_is_rejected_have_no_set():
    y, donors = returns(6, 1, n_sessions=15)
    found = conformal(y, donors, n_estimation=12)
    assert found.reason == (UNBOUNDED,)


def test_windows_and_observations_without_donors():
    y, donors = returns(6, 1, n_sessions=T + L)
    with pytest.raises(SpecError, match="not inside the event window"):
        conformal(y, donors, n_estimation=T, window=(-1, 7))
    with pytest.raises(SpecError, match="not inside the event window"):
        placebo_in_space(y, donors, n_estimation=T, window=(-1, 7))
    donors[0] = np.nan
    assert np.isnan(conformal(y, donors, n_estimation=T).pvalue[0])
    assert np.isnan(placebo_in_space(y, donors, n_estimation=T).pvalue[0])


def worlds(kind, n, n_donors, seed):
    """Returns of n treated and their donors (n, T+L, J) without an effect.

    The treated is like its donors, loads on a factor more than they do, or has t(4)
    errors as the donors have.
    """
    rng = np.random.default_rng(seed)
    shape = n, 120 + 3
    market = 0.01 * rng.standard_normal(shape)
    if kind == "tails":
        noise = rng.standard_t(4, (*shape, n_donors + 1)) / np.sqrt(2)
    else:
        noise = rng.standard_normal((*shape, n_donors + 1))
    loading = rng.uniform(0.5, 1.5, (n, 1, n_donors + 1))
    if kind == "outside":
        loading[:, :, 0] = 1.8
    found = market[:, :, None] * loading + 0.02 * noise
    return found[:, :, 0], found[:, :, 1:]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["alike", "tails", "outside"])
@pytest.mark.parametrize("n_donors", [20, 60])
def test_size_of_all_tests_of_a_counterfactual(kind, n_donors):
    y, donors = worlds(kind, 2000, n_donors, seed=11)
    given = {"n_estimation": 120, "window": (-1, 1)}
    ab = synthetic(y, donors, n_estimation=120)
    pvalues = {
        name: TESTS[name](ab, (-1, 1)).pvalue for name in ("t", "placebo_single")
    }
    pvalues["conformal"] = conformal(y, donors, level=None, **given).pvalue
    sizes = {name: np.mean(p <= 0.05) for name, p in pvalues.items()}
    assert_allclose(list(sizes.values()), 0.05, atol=0.015, err_msg=str(sizes))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["alike", "tails", "outside"])
def test_size_of_the_placebo_in_space(kind):
    y, donors = worlds(kind, 1000, 19, seed=12)
    found = placebo_in_space(y, donors, n_estimation=120, window=(-1, 1))
    # with 19 donors 5 % is the least p-value
    assert_allclose(np.mean(found.pvalue <= 0.05), 0.05, atol=0.015)
