"""Principal components of donors: how many, over which sessions, and their errors."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import simulation_worlds as worlds
import statsmodels.api as sm
from numpy.testing import assert_allclose
from test_synthetic_study import DONORS, simple_returns, study, world

import eventstudy as es
from eventstudy.core.donors import Donors
from eventstudy.core.errors import SpecError
from eventstudy.core.windows import cumulate
from eventstudy.inference import TESTS
from eventstudy.models import MODELS, pca
from eventstudy.models.pca import components
from eventstudy.simulation import simulate

T, L = 120, 5


def returns(n_donors, n_treated, *, n_factors=2, seed=0):
    """Donors and treated on common factors, each of much variance."""
    rng = np.random.default_rng(seed)
    common = 0.01 * rng.standard_normal((T + L, n_factors))
    donors = common @ rng.normal(1.0, 0.7, (n_factors, n_donors))
    donors += 0.008 * rng.standard_normal(donors.shape)
    y = rng.normal(1.0, 0.7, (n_treated, n_factors)) @ common.T
    return y + 0.01 * rng.standard_normal((n_treated, T + L)), donors


def loop_of_components(past, most):
    """Components one by one, each by powers of what the others leave."""
    n, j = past.shape
    z = (past - past.mean(axis=0)) / past.std(axis=0)
    rest, vectors, left = z.copy(), [], [np.log((z**2).mean())]
    for _ in range(most):
        v = np.ones(j)
        for _ in range(20_000):
            v = rest.T @ (rest @ v)
            v /= np.linalg.norm(v)
        vectors.append(v)
        rest = rest - np.outer(rest @ v, v)
        left.append(np.log((rest**2).mean()))
    weight = (n + j) / (n * j) * np.log(min(n, j))
    r = int(np.argmin([value + weight * k for k, value in enumerate(left)]))
    return [v / past.std(axis=0) for v in vectors[:r]]


def twin(y, over, spans, first, last):
    """CAR, its standard error, and r; ``over`` are donors' returns by their span."""
    past = over[1][first : last + 1]
    made = loop_of_components(past, min(8, len(past) // 10, past.shape[1] // 2))
    rows = np.flatnonzero(np.isfinite(y))
    x = np.array(
        [[spans[t], *(over[spans[t]][t] @ v for v in made)] for t in range(T + L)]
    )
    used = rows[rows < T]
    found = sm.WLS(y[used], x[used], weights=1 / spans[used]).fit()
    after = rows[rows >= T]
    sums = x[after].sum(axis=0)
    own = found.scale * spans[after].sum()
    car = (y[after] - x[after] @ found.params).sum()
    return car, np.sqrt(own + sums @ found.cov_params() @ sums), len(made)


@pytest.mark.parametrize("in_logs", [False, True])
def test_gaps_and_kinds_of_return_agree_with_a_loop(in_logs):
    y, donors = returns(8, 3)
    logs = np.log1p(donors)
    spans = np.ones(y.shape, np.int64)
    y[0, 40], spans[0, 41] = np.nan, 2
    y[1, :30] = np.nan  # its components are those of the sessions that it has
    y[2, T + 1], spans[2, T + 2] = np.nan, 2
    given = Donors(
        returns=donors[None],
        row=np.zeros(3, np.int64),
        allowed=np.ones((3, 8), np.bool_),
        in_logs=in_logs,
        follows=np.arange(T + L) > 0,
    )
    two = np.full(logs.shape, np.nan)
    two[1:] = logs[1:] + logs[:-1]
    over = {1: logs, 2: two} if in_logs else {1: donors, 2: np.expm1(two)}
    ab = pca(y, n_estimation=T, donors=given, span=spans.astype(float))
    sums = cumulate(ab, (-2, 2))
    for i, first in enumerate((0, 30, 0)):
        car, se, r = twin(y[i], over, spans[i], first, T - 1)
        assert r > 0
        assert (ab.coefficients[i, 1:] != 0).sum() == r
        assert sums.car[i] == pytest.approx(car, abs=1e-9)
        assert sums.se[i] == pytest.approx(se, rel=1e-9)


def test_of_two_sessions_that_do_not_follow_each_other_no_factor_is_made():
    y, donors = returns(8, 1)
    span = np.ones(y.shape)
    span[0, T] = 2
    follows = np.arange(T + L) > 0
    follows[T] = False  # sessions between the windows are not at hand
    given = Donors(
        returns=donors[None],
        row=np.zeros(1, np.int64),
        allowed=np.ones((1, 8), np.bool_),
        follows=follows,
    )
    ab = pca(y, n_estimation=T, donors=given, span=span)
    assert np.isfinite(ab.ar[0]).tolist() == [False, True, True, True, True]


@pytest.mark.parametrize("n_factors", [0, 1, 3])
def test_the_criterion_finds_the_factors_that_there_are(n_factors):
    rng = np.random.default_rng(n_factors)
    for _ in range(20):  # Bai & Ng (2002), tables I to III: all of 1,000 draws
        held = rng.standard_normal((60, n_factors)) @ rng.standard_normal(
            (n_factors, 100)
        )
        held += np.sqrt(max(n_factors, 1)) * rng.standard_normal((60, 100))
        assert components(held).shape == (100, n_factors)


def test_factors_have_unit_mean_square_and_are_uncorrelated():
    _, donors = returns(8, 1)
    factors = donors[:T] @ components(donors[:T], 3)
    factors -= factors.mean(axis=0)
    assert_allclose(factors.T @ factors / T, np.eye(3), atol=1e-10)


def test_the_event_window_tells_nothing_of_the_factors():
    y, donors = returns(8, 2)
    other = donors.copy()
    other[T:] *= -5
    first, second = (pca(y, d, n_estimation=T) for d in (donors, other))
    assert_allclose(first.coefficients, second.coefficients, rtol=1e-12)
    assert_allclose(first.weights, second.weights, rtol=1e-12)
    assert not np.allclose(first.ar, second.ar)


def test_weights_of_donors_make_the_expected_returns():
    y, donors = returns(8, 2)
    ab = pca(y, donors, n_estimation=T)
    expected = ab.coefficients[:, :1] + ab.weights @ donors.T
    assert_allclose(ab.ar, (y - expected)[:, T:], atol=1e-14)


def test_donors_that_do_not_move_and_too_few_sessions_leave_the_mean():
    y, donors = returns(6, 1)
    still = pca(y, np.zeros_like(donors), n_estimation=T)
    few = pca(y[:, T - 9 :], donors[T - 9 :], n_estimation=9)
    for ab, past in ((still, y[0, :T]), (few, y[0, T - 9 : T])):
        assert_allclose(ab.ar[0], y[0, T:] - past.mean(), atol=1e-15)
        assert not ab.coefficients[0, 1:].any()
    one = donors.copy()
    one[:, 2] = 0.0
    without = pca(y, np.delete(donors, 2, axis=1), n_estimation=T)
    assert_allclose(pca(y, one, n_estimation=T).ar, without.ar, atol=1e-12)


def test_factors_that_a_caller_wants_are_few_whole_numbers():
    y, donors = returns(9, 1)
    with pytest.raises(SpecError, match="n_factors = 9; wanted a whole number from 0"):
        pca(y, donors, n_estimation=T, n_factors=9)
    ab = pca(y, donors, n_estimation=T, n_factors=4)
    assert (ab.coefficients[0, 1:] != 0).sum() == 4


@pytest.mark.parametrize("returns", ["simple", "log"])
def test_a_study_has_the_fits_of_the_arrays(returns):
    prices = world()
    found = study("pca", prices=prices, returns=returns)
    names, simple = simple_returns(prices)
    place = {name: i for i, name in enumerate(names)}
    held = np.log1p(simple) if returns == "log" else simple
    used = np.r_[130:190, 197:204]
    ab = pca(
        held[used][:, [place[a] for a in ("A0", "A1", "A2")]].T,
        held[used][:, [place[d] for d in DONORS]],
        n_estimation=60,
        first_offset=-3,
    )
    sums = cumulate(ab, (-1, 1))
    rows = found.cars.filter(event_id="e0", start=-1).sort("asset")
    assert_allclose(rows["car"], sums.car, atol=1e-12)
    assert_allclose(rows["se"], sums.se, rtol=1e-10)
    loadings = found.coefficients.filter(event_id="e0", asset="A0")
    assert_allclose(loadings["value"], ab.coefficients[0][ab.coefficients[0] != 0])
    told = found.donors.filter(event_id="e0", asset="A0").drop_nulls("weight")
    assert dict(told.select("donor", "weight").rows()) == pytest.approx(
        dict(zip(DONORS, ab.weights[0].tolist(), strict=True))
    )
    assert found.counterfactuals["pvalue_space"].null_count() == 0


@pytest.mark.long
def test_a_study_can_be_simulated():
    spec = worlds.spec(
        3,
        groups={"g": ("A0", "A1", "A2")},
        models=(es.ModelSetting(model="pca", donors=DONORS),),
        resamples=99,
    )
    found = simulate(
        spec,
        worlds.events([200, 300]),
        world(),
        replications=100,
        tests=["patell"],
        scenarios=(),
    )
    assert found.sizes(1.0)["size"].item() < 0.2


def test_the_report_names_model_and_factors(tmp_path):
    found = study("pca")
    es.write_report(found, tmp_path)
    text = "".join(
        path.read_text(encoding="utf-8") for path in sorted(tmp_path.rglob("*.md"))
    )
    assert "principal components of donors' returns as factors" in text
    assert set(found.coefficients["term"].unique()) >= {"constant", "factor 1"}
    assert found.fit.filter(pl.col("model") == "pca").height == 6


def rejected(rng, n_factors, *, fat=False, move=0.0):
    """Share of CARs without an effect, of 4,000, that a t test rejects at 5 %."""
    total = 0
    for _ in range(200):
        common = 0.01 * rng.standard_normal((T + L, n_factors))
        common[T:, 0] += move
        noise = rng.standard_normal((T + L, 50))
        if fat:
            noise = rng.standard_t(5, (T + L, 50)) / np.sqrt(5 / 3)
        held = common @ rng.normal(1.0, 0.5, (n_factors, 50)) + 0.015 * noise
        ab = pca(held[:, :20].T, held[:, 20:], n_estimation=T)
        total += (TESTS["t"](ab, (-2, 2)).pvalue < 0.05).sum()
    return total / 4_000


@pytest.mark.slow
@pytest.mark.parametrize(("n_factors", "fat"), [(1, False), (2, False), (2, True)])
def test_the_standard_error_of_a_car_holds(n_factors, fat):
    rng = np.random.default_rng(5)
    assert 0.035 <= rejected(rng, n_factors, fat=fat) <= 0.065


@pytest.mark.slow
def test_a_factor_that_moves_far_at_the_event_is_not_all_taken_out():
    assert "15 %" in MODELS["pca"].caution({})
    assert 0.13 < rejected(np.random.default_rng(5), 2, move=-0.03) < 0.17


def test_each_observation_has_the_fit_that_it_has_alone():
    y, donors = returns(8, 5)
    y[1, 3] = y[2, T + 1] = np.nan
    y[3] = np.nan
    together = pca(y, donors, n_estimation=T)
    for i in range(5):
        alone = pca(y[i : i + 1], donors, n_estimation=T)
        assert_allclose(together.ar[i], alone.ar[0], atol=1e-15)
        assert together.status[i] == alone.status[0]
    assert replace(together, model="x").status[3] == 1


def test_infinite_donors_and_donors_twice_are_errors():
    y = np.random.default_rng(1).normal(size=(2, 71))
    donors = np.random.default_rng(2).normal(size=(71, 5))
    with pytest.raises(SpecError, match="given twice"):
        pca(y, donors, donors=donors, n_estimation=60)
    donors[3, 2] = np.inf
    with pytest.raises(SpecError, match="infinite"):
        pca(y, donors, n_estimation=60)
