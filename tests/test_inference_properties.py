"""What every test must satisfy, over the whole family and several models."""

from dataclasses import replace

import numpy as np
import pytest
from reference.inference_panels import panel, take
from scipy import special

from eventstudy.core.errors import SpecError
from eventstudy.core.windows import buy_and_hold, cumulate
from eventstudy.inference import TESTS, Answer, EventTest, battery, collect
from eventstudy.inference.aggregates import merge_all
from eventstudy.models import MODELS

MODEL_NAMES = ("market", "constant_mean", "market_adjusted")
WINDOW = (-1, 1)
# Resampled with a seed: the draws are the same, the resampled values may be mirrored.
EACH = [n for n, e in TESTS.items() if e.level == "observation"]
WHOLE = [n for n, e in TESTS.items() if e.level == "sample"]
RESAMPLED = [n for n, e in TESTS.items() if e.resampled]


def ask(name, ab, **options):
    return TESTS[name](ab, WINDOW, n_draws=199, **options)


def assert_equal(a, b, rtol=1e-9):
    np.testing.assert_allclose(a.statistic, b.statistic, rtol=rtol, atol=1e-11)
    np.testing.assert_allclose(a.pvalue, b.pvalue, rtol=rtol, atol=1e-11)
    np.testing.assert_array_equal(a.n, b.n)
    assert a.reason == b.reason


@pytest.fixture(scope="module", params=MODEL_NAMES)
def study(request):
    return panel("uneven dates", model=request.param, seed=11, effect=0.004)


def mirrored(ab):
    return replace(ab, ar=-ab.ar, actual=-ab.actual, residuals=-ab.residuals)


@pytest.mark.parametrize("name", TESTS)
def test_sign_flip_flips_the_statistic(study, name):
    a, b = ask(name, study), ask(name, mirrored(study))
    np.testing.assert_allclose(b.statistic, -a.statistic, rtol=1e-8, atol=1e-9)
    if name in RESAMPLED and name in EACH:  # the resampled errors are mirrored too
        np.testing.assert_allclose(b.pvalue, a.pvalue, atol=0.12)
    else:
        np.testing.assert_allclose(b.pvalue, a.pvalue, rtol=1e-7)


@pytest.mark.parametrize("name", TESTS)
def test_one_sided_p_values_mirror(study, name):
    less = ask(name, study, alternative="less")
    greater = ask(name, mirrored(study), alternative="greater")
    np.testing.assert_allclose(less.pvalue, greater.pvalue, rtol=1e-7)
    assert less.alternative == "less"


@pytest.mark.parametrize("name", TESTS)
def test_units_do_not_matter(study, name):
    percent = replace(
        study,
        ar=100 * study.ar,
        actual=100 * study.actual,
        residuals=100 * study.residuals,
        sigma=100 * study.sigma,
    )
    a, b = ask(name, study), ask(name, percent)
    assert_equal(a, b, rtol=1e-7)
    if TESTS[name].estimates_mean:
        np.testing.assert_allclose(b.estimate, 100 * a.estimate)


@pytest.mark.parametrize("name", WHOLE)
def test_order_of_observations_does_not_matter(study, name):
    order = np.random.default_rng(0).permutation(len(study.ar))
    a, b = ask(name, study), ask(name, take(study, order))
    if name in RESAMPLED:  # other draws, same law
        np.testing.assert_allclose(a.statistic, b.statistic)
        np.testing.assert_allclose(a.pvalue, b.pvalue, atol=0.12)
    else:
        assert_equal(a, b)


@pytest.mark.parametrize("name", EACH)
def test_single_observations_do_not_know_their_neighbours(study, name):
    together, alone = ask(name, study), ask(name, take(study, [7]))
    assert alone.statistic[0] == pytest.approx(together.statistic[7])
    assert alone.pvalue[0] == together.pvalue[7]


@pytest.mark.long
@pytest.mark.parametrize(
    ("n_chunks", "windows"), [(7, [(0, 0), WINDOW]), (1000, [WINDOW])]
)
def test_chunks_do_not_matter(n_chunks, windows):
    ab = panel("uneven dates", n_assets=40, seed=4, missing=0.05)
    pieces = [
        take(ab, rows) for rows in np.array_split(np.arange(len(ab.ar)), n_chunks)
    ]
    whole = battery(ab, windows=windows, n_draws=99)
    cut = battery(pieces, windows=windows, n_draws=99)
    for key, expected in whole.items():
        for field in ("estimate", "statistic", "pvalue", "df"):
            np.testing.assert_allclose(
                getattr(cut[key], field),
                getattr(expected, field),
                rtol=1e-11,
                atol=1e-14,
                err_msg=str(key),
            )
        assert cut[key].reason == expected.reason


def test_threads_do_not_matter():
    ab = panel("uneven dates", seed=4)
    pieces = [take(ab, rows) for rows in np.array_split(np.arange(len(ab.ar)), 9)]
    one = battery(pieces, windows=[WINDOW], n_draws=99)
    two = battery(
        [lambda p=p: p for p in pieces], windows=[WINDOW], n_draws=99, workers=2
    )
    for key, expected in one.items():
        np.testing.assert_array_equal(two[key].statistic, expected.statistic)
        np.testing.assert_array_equal(two[key].pvalue, expected.pvalue)


def test_chunks_of_more_assets_than_are_kept_apart(monkeypatch):
    monkeypatch.setattr("eventstudy.inference.sums.MAX_ASSETS", 8)
    ab = panel("adjacent dates", n_assets=20, seed=4)
    names = ["kp_bmp", "grank_overlap", "grank_t"]
    pieces = [take(ab, np.arange(i, len(ab.ar), 7)) for i in range(7)]
    whole = battery(ab, windows=[WINDOW], tests=names)
    cut = battery(pieces, windows=[WINDOW], tests=names)
    for key, expected in whole.items():
        assert expected.reason == (None,)
        np.testing.assert_allclose(cut[key].statistic, expected.statistic, rtol=1e-11)


def test_an_iterator_that_can_be_walked_once_is_refused():
    ab = panel()
    with pytest.raises(SpecError, match="walked through twice"):
        battery(iter([ab]), windows=[WINDOW])


def test_what_is_no_abnormal_return_is_refused():
    for given in (np.zeros((2, 9)), None, [panel(), None]):
        with pytest.raises(SpecError, match="wanted an Abnormal"):
            battery(given, windows=WINDOW, tests="csect")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (None, "returned None; wanted an eventstudy.inference.Answer"),
        (0.5, "returned 0.5; wanted"),
        (Answer(estimate="a"), "returned estimate = 'a'; wanted a number"),
        (Answer(estimate=None), "returned estimate = None; wanted a number"),
        (Answer(estimate=np.ones(3)), r"estimate of shape \(3,\); wanted a single"),
        (Answer(estimate=1.0, statistic=2.0, pvalue=7.0), "pvalue = 7; wanted one"),
        (Answer(estimate=1.0, statistic=2.0, pvalue=-0.1), "pvalue = -0.1; wanted one"),
        (Answer(estimate=1.0, statistic=np.inf, pvalue=0.0), "an infinite statistic"),
        (Answer(estimate=np.inf, statistic=1.0, pvalue=0.1), "an infinite estimate"),
        (Answer(estimate=1.0, statistic=1.0, pvalue=0.1, df=-3), "returned df = -3"),
    ],
    ids=str,
)
def test_an_answer_that_means_nothing_names_its_test(answer, text):
    def mine(sample, options):
        return answer

    with pytest.raises(SpecError, match=text) as caught:
        battery(panel(), windows=[WINDOW], tests=mine)
    assert str(caught.value).startswith("test 'mine' returned ")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"pvalue": np.ones(2)}, r"returned pvalue of shape \(2,\); wanted shape"),
        (
            {"reason": np.full(3, None)},
            r"returned reason of shape \(3,\); wanted shape",
        ),
        ({"estimate": 0.0}, r"returned estimate of shape \(\); wanted shape"),
        (None, "returned None; wanted eventstudy.inference.Answers"),
    ],
    ids=str,
)
def test_answers_of_single_observations_are_as_many_as_these(changes, text):
    def mine(ab, window, options):
        found = TESTS["t"].of_each(ab, window, options)
        return None if changes is None else replace(found, **changes)

    entry = EventTest(name="mine", of_each=mine)
    with pytest.raises(SpecError, match=f"test 'mine' {text}"):
        battery(panel(), windows=[WINDOW], tests=entry)


def test_chunks_of_different_calendars_are_refused():
    needs = frozenset({"correlation"})
    a, b = (collect(panel(s), [WINDOW], needs) for s in ("one date", "far dates"))
    with pytest.raises(SpecError, match="table of clocks"):
        merge_all([a, b])


@pytest.mark.parametrize("name", TESTS)
def test_missing_observation_is_left_out(study, name):
    gone = study.ar.copy()
    gone[3] = np.nan
    holed = replace(study, ar=gone)
    a = ask(name, holed)
    if name in EACH:
        assert a.reason[3] == "no valid return in the window"
        assert np.isnan(a.statistic[3])
        assert np.isnan(a.pvalue[3])
    else:
        assert a.n[0] == len(study.ar) - 1
        refused = ask(name, study).reason[0] is not None  # as of too few clusters
        assert np.isfinite(a.statistic[0]) != refused


@pytest.mark.parametrize("name", TESTS)
def test_observation_without_estimate_does_not_touch_the_others(study, name):
    y = np.full((1, study.residuals.shape[1] + study.ar.shape[1]), 0.01)
    constant = MODELS["constant_mean"](y, n_estimation=study.residuals.shape[1])
    assert constant.status[0] != 0
    spoiled = take(study, [*range(len(study.ar)), 0])
    for field in ("ar", "residuals", "sigma", "status"):
        values = getattr(spoiled, field).copy()
        values[-1] = getattr(constant, field)[0]
        spoiled = replace(spoiled, **{field: values})
    with_it, without = ask(name, spoiled), ask(name, study)
    n = len(without.statistic)
    np.testing.assert_allclose(with_it.statistic[:n], without.statistic, rtol=1e-9)
    np.testing.assert_allclose(with_it.pvalue[:n], without.pvalue, rtol=1e-9)
    if name in EACH:
        assert "constant price" in with_it.reason[-1]


@pytest.mark.parametrize("name", TESTS)
@pytest.mark.parametrize("case", ["nothing", "one", "two", "equal", "all missing"])
def test_no_statistic_without_a_reason(name, case):
    ab = panel("uneven dates", seed=1)
    if case == "equal":
        same = np.arange(6) * 6
        ab = take(ab, same)
        ab = replace(
            ab,
            ar=np.ones_like(ab.ar),
            sigma=np.ones_like(ab.sigma),
            x_event=np.tile(ab.x_event[:1], (6, 1, 1)),
            xtx_inv=np.tile(ab.xtx_inv[:1], (6, 1, 1)),
        )
    elif case == "all missing":
        ab = replace(ab, ar=np.full_like(ab.ar, np.nan))
    else:
        ab = take(ab, np.arange({"nothing": 0, "one": 1, "two": 2}[case]))
    found = ask(name, ab)
    answered = np.array([r is None for r in found.reason], bool)
    for values in (found.statistic, found.pvalue, found.df):
        assert (np.isnan(values) == ~answered).all()
    assert ((found.pvalue >= 0) & (found.pvalue <= 1))[answered].all()
    assert np.isfinite(found.statistic[answered]).all()
    assert len(found.reason) == len(found.statistic)
    if case in ("nothing", "all missing"):
        assert not answered.any()


@pytest.mark.parametrize("name", TESTS)
def test_registry_entry_is_complete(name):
    entry = TESTS[name]
    assert entry.name == name
    assert entry.meaning
    assert entry.null.startswith("H0: ")
    assert entry.citation
    assert entry.min_n >= 1
    assert (entry.of_sample is None) != (entry.of_each is None)


@pytest.mark.parametrize("name", TESTS)
def test_least_number_of_observations_is_what_the_registry_says(name):
    ab = panel("far dates", n_assets=2, seed=2)
    below = TESTS[name].min_n - 1
    if TESTS[name].level == "sample" and below:
        chosen = take(
            ab, np.arange(0, 12, 2)[:below] if below < 6 else np.arange(min(below, 12))
        )
        assert ask(name, chosen).reason[0] is not None


def test_unknown_names_list_the_known_ones():
    ab = panel()
    with pytest.raises(SpecError, match="unknown test 'zzz'; known: csect, patell"):
        battery(ab, windows=[WINDOW], tests=["zzz"])
    with pytest.raises(SpecError, match="unknown test 'BMP': did you mean 'bmp'"):
        battery(ab, windows=[WINDOW], tests=["BMP"])
    with pytest.raises(SpecError, match="known: greater, less, two-sided"):
        TESTS["csect"](ab, WINDOW, alternative="both")
    with pytest.raises(SpecError, match=r"event window \[-3,\+3\] that is held"):
        TESTS["csect"](ab, (5, 8))


@pytest.mark.parametrize("name", TESTS)
def test_buy_and_hold_returns(name):
    ab = panel("far dates", seed=3)
    found = ask(name, ab, outcome="bhar")
    answered = [r is None for r in found.reason]
    if all(answered):
        if TESTS[name].estimates_mean:
            expected = buy_and_hold(ab, WINDOW).mean()
            assert found.estimate[0] == pytest.approx(expected)
    else:
        assert not any(answered)
        assert np.isnan(found.statistic).all()
        assert "not on bhar" in found.reason[0]
    assert all(answered) == ("bhar" in TESTS[name].outcomes)


def test_standardised_returns_as_the_outcome():
    ab = panel("far dates", seed=3)
    scar, plain = ask("csect", ab, outcome="scar"), ask("bmp", ab)
    assert_equal(replace(scar, test="bmp", null=plain.null), plain)
    assert scar.estimate[0] == pytest.approx(cumulate(ab, WINDOW).scar.mean())
    assert_equal(ask("bmp", ab, outcome="scar"), plain)
    for name in ("crude", "lamb", "t"):
        assert ask(name, ab, outcome="scar").reason[0] == (
            "is defined on CARs, not on scar"
        )
    one = ask("portfolio", panel("one date"), outcome="scar")
    assert one.reason[0] == "is defined on CARs, not on scar"


def test_seed_decides_the_draws(monkeypatch):
    # Fewer signs are enumerated, not drawn.
    monkeypatch.setattr("eventstudy.inference.randomisation.MAX_ENUMERATED", 2)
    ab = panel("uneven dates", seed=1)
    for name in TESTS:
        a, again, other = (ask(name, ab, seed=s) for s in (1, 1, 2))
        np.testing.assert_array_equal(a.pvalue, again.pvalue)
        if a.reason[0] is None:
            assert np.array_equal(a.pvalue, other.pvalue) != (name in RESAMPLED)


# --- facts of the entries, and tests of users ---------------------------------------


def test_the_family_has_the_default_tests_in_their_order():
    whole = {n: e for n, e in TESTS.items() if e.level == "sample"}
    assert [n for n, e in whole.items() if e.by_default] == [
        "csect",
        "patell",
        "bmp",
        "kp_patell",
        "kp_bmp",
        "kp_guarded",
        "kp_guarded_estimation",
        "rank",
        "grank_t",
        "grank_overlap",
        "gsign",
        "portfolio",
        "cluster",
        "placebo",
    ]


def test_scale_says_which_default_tests_move_with_the_variance_of_the_event(study):
    # All abnormal returns a tenth as large: only what measures by the event stays.
    small = replace(study, ar=0.1 * study.ar)
    for name, entry in TESTS.items():
        if entry.by_default and entry.scale != "none":
            a, b = ask(name, study), ask(name, small)
            same = np.allclose(a.statistic, b.statistic, rtol=1e-9)
            assert same == (entry.scale == "event"), name


def median_of_effects(sample, options):
    """Median effect over the spread of the effects.

    An invention.
    """
    n = len(sample.effect)
    z = np.median(sample.effect) / sample.effect.std(ddof=1) * np.sqrt(n)
    p = 2 * special.ndtr(-abs(z))
    return Answer(estimate=np.median(sample.effect), statistic=z, df=np.inf, pvalue=p)


def test_a_function_stands_where_a_name_is_taken(study):
    found = battery(study, windows=[WINDOW], tests=["csect", median_of_effects])
    own = found[WINDOW, "median_of_effects"]
    car = cumulate(study, WINDOW).car
    assert own.estimate[0] == np.median(car)
    assert own.pvalue[0] == pytest.approx(2 * special.ndtr(-abs(own.statistic[0])))
    assert own.reason == (None,)
    entry = TESTS.entry(median_of_effects)
    assert entry.meaning == "Median effect over the spread of the effects."
    assert entry(study, WINDOW).statistic[0] == own.statistic[0]


def test_an_entry_of_a_user_joins_the_family(study):
    entry = EventTest(name="median", min_n=50, of_sample=median_of_effects)
    TESTS.register(entry)
    try:
        (found,) = battery(study, windows=[WINDOW], tests=["median"]).values()
        assert found.reason == ("needs 50 observations, there are 36",)
        assert "median" in TESTS
    finally:
        TESTS.remove("median")


def test_names_are_given_once(study):
    def bmp(sample, options):
        return Answer(estimate=0.0)

    with pytest.raises(SpecError, match="there is a test 'bmp' already"):
        battery(study, windows=[WINDOW], tests=[bmp])
    twins = [EventTest(name="x", of_sample=f) for f in (bmp, median_of_effects)]
    with pytest.raises(SpecError, match="two tests are named 'x'"):
        battery(study, windows=[WINDOW], tests=twins)
    with pytest.raises(SpecError, match="'x' has no functions; wanted of_sample"):
        EventTest(name="x")
