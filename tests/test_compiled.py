"""Compiled walks and plain ones find the same, for any gaps, ties and chunks."""

import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.inference_panels import panel, take

from eventstudy.core import compiled as compiling
from eventstudy.core.abnormal import Clock
from eventstudy.core.compiled import compiled
from eventstudy.inference import battery
from eventstudy.inference.aggregates import Vectors, merge_all, parts_of
from eventstudy.inference.rank_aggregates import Scales, merge_ranked, ranked_parts
from eventstudy.inference.sums import numbered_dates
from eventstudy.models import constant_mean, factors, market_adjusted

T, L = 40, 7
WINDOWS = [(-1, 1), (0, 0), (0, 3)]
WALK = frozenset({"correlation"})
RANKS = frozenset({"ranks", "signs", "granks"})


def study(seed, n_factors, gaps, spanned, digits, n_assets):
    """Observations with gaps, returns of several sessions, ties, and no estimates."""
    rng = np.random.default_rng(seed)
    n_obs, days = 23, np.array([0, 3, 60, 61])[:, None] + np.arange(T + L)
    y = 0.02 * rng.standard_normal((n_obs, T + L))
    x = 0.01 * rng.standard_normal((n_obs, T + L, n_factors))
    y = np.round(y + x.sum(axis=2), digits)
    missing = rng.random(y.shape) < gaps
    y[missing] = np.nan
    if gaps:
        y[0], y[1, T:], y[2, :T], y[3, :T] = np.nan, np.nan, 0.5, np.nan
    span = np.ones(y.shape)
    if spanned:
        for j in range(1, T + L):
            span[:, j] += np.where(missing[:, j - 1], span[:, j - 1], 0.0)
        span[-1] = 0.7  # a variance, as GARCH models have it
    context = {
        "n_estimation": T,
        "span": span,
        "asset": rng.integers(0, n_assets, n_obs),
        "clock": rng.integers(0, len(days), n_obs),
        "clocks": Clock(estimation=days[:, :T], event=days[:, T:]),
    }
    if n_factors == 0:
        return constant_mean(y, **context)
    fit = market_adjusted if n_factors == 1 and seed % 2 else factors
    return fit(y, x, **context)


studies = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 999),
        "n_factors": st.integers(0, 3),
        "gaps": st.sampled_from([0.0, 0.05, 0.4]),
        "spanned": st.booleans(),
        "digits": st.sampled_from([2, 16]),
        "n_assets": st.sampled_from([2, 30]),
    }
)


@pytest.fixture(scope="module")
def numba():
    return pytest.importorskip("numba", reason="nothing is compiled without numba")


def assert_same(a, b):
    """Mappings of arrays, or of series by asset, that hold the same."""
    assert a.keys() == b.keys()
    for name, one in a.items():
        pairs = [(one, b[name])]
        if not isinstance(one, np.ndarray):
            pairs = [(getattr(one, k), getattr(b[name], k)) for k in ("total", "count")]
        for found, wanted in pairs:
            np.testing.assert_allclose(
                found, wanted, rtol=1e-10, atol=1e-10, err_msg=name
            )


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@given(form=studies)
def test_the_first_walk_is_the_same_compiled(numba, form):
    ab = study(**form)
    days = numbered_dates(ab.clocks)
    fast, slow = (
        merge_all(parts_of(ab, WINDOWS, WALK, calendar=days, many=many))
        for many in (True, False)
    )
    assert_same(fast.sums, slow.sums)
    assert_same(fast.series, slow.series)
    for field in fields(Vectors):
        np.testing.assert_allclose(
            getattr(fast.vectors, field.name),
            getattr(slow.vectors, field.name),
            rtol=1e-10,
            atol=1e-10,
            err_msg=field.name,
        )


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@given(form=studies, seed=st.integers(0, 99))
def test_the_second_walk_is_the_same_compiled(numba, form, seed):
    ab = study(**form)
    days = numbered_dates(ab.clocks)
    scar = np.random.default_rng(seed).standard_normal((len(ab.ar), len(WINDOWS)))
    scar[0, 0] = np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        scar[1] = ab.residuals[1, 0] / ab.sigma[1]  # level with a session
    scales = Scales(scar=np.array([1.0, 2.0, 1.0]), sar=np.ones(L))
    fast, slow = (
        merge_ranked(ranked_parts(ab, scar, RANKS, scales, calendar=days, many=many))
        for many in (True, False)
    )
    assert_same(fast.sums, slow.sums)
    assert_same(fast.series, slow.series)


@pytest.mark.long
def test_all_tests_are_the_same_compiled_and_in_any_chunks(numba, monkeypatch):
    ab = panel("uneven dates", seed=4, missing=0.03)
    plain = battery(ab, windows=WINDOWS, n_draws=99)
    monkeypatch.setattr(sys.modules["eventstudy.inference.battery"], "MANY", 20)
    for size in (36, 7):  # one chunk; some chunks before the loops are worth it
        parts = [take(ab, slice(i, i + size)) for i in range(0, len(ab.ar), size)]
        for found in (
            battery(parts, windows=WINDOWS, n_draws=99),
            battery(parts, windows=WINDOWS, n_draws=99, workers=3),
        ):
            for key, wanted in plain.items():
                for name in ("estimate", "statistic", "pvalue", "df"):
                    np.testing.assert_allclose(
                        getattr(found[key], name),
                        getattr(wanted, name),
                        rtol=1e-9,
                        atol=1e-10,
                        err_msg=str(key),
                    )
                assert found[key].reason == wanted.reason


@pytest.mark.processes
def test_a_small_study_does_not_load_numba():
    code = (
        "import sys, numpy as np, eventstudy as es; "
        "y = np.random.default_rng(0).normal(size=(400, 63)); "
        "es.inference.battery(es.models.constant_mean(y, n_estimation=60), "
        "windows=[(-1, 1)], tests=['kp_bmp', 'grank_t']); "
        "print('numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("False\n", "")


def twice(values, out):
    for i in range(len(values)):
        out[0, i] = 2.0 * values[i]


def test_a_loop_is_compiled_where_the_cache_cannot_be_written(
    numba, monkeypatch, tmp_path
):
    monkeypatch.setattr(compiling, "_held", {})
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EVENTSTUDY_CACHE", str(tmp_path / "file" / "folder"))
    out = np.zeros((1, 3))
    compiled(twice, "f1 F2")(np.arange(3.0), out)
    assert out.tolist() == [[0.0, 2.0, 4.0]]


def test_a_compiled_loop_is_kept_in_the_cache_folder(numba, monkeypatch, tmp_path):
    monkeypatch.setattr(compiling, "_held", {})
    monkeypatch.setenv("EVENTSTUDY_CACHE", str(tmp_path))
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    assert compiled(twice, "f1 F2") is compiled(twice, "f1 F2")
    assert list((tmp_path / "compiled").rglob("*.nbi"))
    assert numba.config.CACHE_DIR == ""


def test_without_numba_the_same_is_found_without_a_word(monkeypatch):
    ab = panel("uneven dates", seed=5)
    wanted = battery(ab, windows=[(-1, 1)], tests=["kp_bmp", "rank", "grank_t"])
    monkeypatch.setattr(compiling, "_held", {})
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.setattr(sys.modules["eventstudy.inference.battery"], "MANY", 0)
    found = battery(ab, windows=[(-1, 1)], tests=["kp_bmp", "rank", "grank_t"])
    for key in wanted:
        np.testing.assert_array_equal(found[key].statistic, wanted[key].statistic)
