"""Agreement with other implementations, on the panels that they were run on.

The numbers live outside the repository, in a folder ``shared/oracles`` beside it;
without it these tests are skipped. Two panels of twelve firms with one date:
``common``, and ``missing`` with prices missing at random.
"""

import csv
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from reference import inference_twins as twins
from reference.inference_panels import take

from eventstudy.core.abnormal import Clock
from eventstudy.core.windows import (
    buy_and_hold,
    columns,
    cumulate,
    forecast_se,
    length_of,
    narrow,
    narrow_clocks,
)
from eventstudy.inference import TESTS, battery, dependence
from eventstudy.models import MODELS

ORACLES = (Path(__file__).parents[1] / ".." / "shared" / "oracles").resolve()
pytestmark = pytest.mark.skipif(
    not ORACLES.is_dir(), reason="the folder with other software's numbers is absent"
)
N_ESTIMATION = 250
PANELS = ("common", "missing")
CLOSE = {"rtol": 1e-9, "atol": 1e-9}


@cache
def oracle(name):
    return json.loads((ORACLES / f"{name}.json").read_text())


@cache
def returns(panel):
    with (ORACLES / f"{panel}_prices.csv").open() as file:
        rows = list(csv.DictReader(file))
    with (ORACLES / f"{panel}_events.csv").open() as file:
        events = list(csv.DictReader(file))
    prices = {
        name: np.array([float(r[name] or "nan") for r in rows])
        for name in rows[0]
        if name != "date"
    }
    simple = {name: p[1:] / p[:-1] - 1 for name, p in prices.items()}
    y, x = [], []
    for event in events:
        day0 = int(event["idx"])
        columns = slice(day0 - 260, day0 + 11)
        y.append(simple[event["firm"]][columns])
        x.append(simple["MKT"][columns])
    return np.array(y), np.array(x)


@cache
def abnormal(panel, model="market"):
    y, x = returns(panel)
    return MODELS[model](
        y, None if model == "constant_mean" else x, n_estimation=N_ESTIMATION
    )


def cut(ab, window):
    """The same study with the window as its whole event window."""
    return narrow(ab, window, narrow_clocks(ab.clocks, columns(ab, window)))


def daily(panel, test, model="market"):
    """Statistic of a test on each single day."""
    ab = abnormal(panel, model)
    windows = [(d, d) for d in range(-10, 11)]
    found = battery(ab, windows=windows, tests=[test])
    return np.array([found[w, test].statistic[0] for w in windows])


def windows_of(entry):
    start, end = entry["window"]
    return start, end


def by_window(panel, test):
    entries = oracle(f"textbook__{panel}")["windows"]
    windows = [windows_of(e) for e in entries]
    found = battery(abnormal(panel), windows=windows, tests=[test])
    return np.array([found[w, test].statistic[0] for w in windows])


def textbook(panel, key, field="stat"):
    return np.array([e[key][field] for e in oracle(f"textbook__{panel}")["windows"]])


@pytest.mark.parametrize("panel", PANELS)
def test_single_observations_agree_with_textbook(panel):
    ab = abnormal(panel)
    for i, event in enumerate(oracle(f"textbook__{panel}")["events"]):
        for name, ours in {
            "alpha": ab.coefficients[i, 0],
            "beta": ab.coefficients[i, 1],
            "sigma": ab.sigma[i],
            "df": ab.df[i],
            "ar": ab.ar[i],
            "fe_se": forecast_se(ab)[i],
        }.items():
            theirs = np.array(event[name], dtype=float)
            if name == "fe_se":  # theirs also on days without a return
                theirs[np.isnan(ab.ar[i])] = np.nan
            np.testing.assert_allclose(ours, theirs, **CLOSE, err_msg=name)


@pytest.mark.parametrize("panel", PANELS)
def test_cumulative_t_agrees_with_textbook(panel):
    ab = abnormal(panel)
    theirs = np.array(
        [e["car_t_exact"] for e in oracle(f"textbook__{panel}")["events"]], float
    )
    for end in range(-10, 11):
        sums = cumulate(ab, (-10, end))
        known = ~np.isnan(theirs[:, end + 10]) & ~np.isnan(sums.car)
        assert known.sum() >= 9
        ours = TESTS["t"](ab, (-10, end)).statistic
        np.testing.assert_allclose(ours[known], theirs[known, end + 10], **CLOSE)


def complete(panel, windows):
    """Windows in which all twelve firms have a return."""
    return np.array([(cumulate(abnormal(panel), w).n_valid > 0).all() for w in windows])


@pytest.mark.parametrize(
    ("test", "key"),
    [
        ("csect", "csect_t"),
        ("patell", "patell_z"),
        ("bmp", "bmp_t"),
        ("kp_bmp", "kp_bmp_t"),
        ("kp_patell", "patell_z_adj_kp"),
        ("gsign", "gsign_cowan_z_firmmean"),
        ("sign", "sign_z"),
        ("wilcoxon", "wilcoxon"),
        ("crude", "bw_crude_t"),
    ],
)
@pytest.mark.parametrize("panel", PANELS)
def test_daily_statistics_agree_with_textbook(panel, test, key):
    field = "z" if test == "wilcoxon" else "stat"
    theirs = np.array(oracle(f"textbook__{panel}")["aar"][key][field])
    ours = daily(panel, test)
    if test in ("kp_bmp", "kp_patell", "gsign"):
        # r̄ and p̂ of the firms present that day; theirs of all twelve.
        same = complete(panel, [(d, d) for d in range(-10, 11)])
        assert same.sum() >= 17
        ours, theirs = ours[same], theirs[same]
    np.testing.assert_allclose(ours, theirs, **closeness(panel, test))


def closeness(panel, test):
    """Firms with gaps share less estimation error, which the textbook leaves out."""
    apart = panel == "missing" and test in ("kp_bmp", "kp_patell")
    return {"rtol": 0.01} if apart else CLOSE


def mean_share_of_sessions(panel):
    """What a mean over each firm's valid returns makes of a mean over sessions."""
    ab = abnormal(panel)
    valid = ~np.isnan(np.concatenate([ab.residuals, ab.ar], axis=1))
    return valid.mean()


@pytest.mark.parametrize(
    ("test", "key"),
    [
        ("rank", "rank_corrado_zivney1992_z"),
        ("sign_cz", "sign_corrado_zivney1992_z"),
    ],
)
@pytest.mark.parametrize("panel", PANELS)
def test_daily_corrado_zivney_agrees_with_textbook(panel, test, key):
    # s² is a mean over the sessions here (Corrado & Zivney), there the sum is divided
    # by the firms' mean number of returns; without gaps it is the same.
    theirs = np.array(oracle(f"textbook__{panel}")["aar"][key]["stat"])
    ours = daily(panel, test) * np.sqrt(mean_share_of_sessions(panel))
    np.testing.assert_allclose(ours, theirs, **CLOSE)


@pytest.mark.parametrize(
    ("test", "key"),
    [
        ("csect", "csect_t"),
        ("patell", "patell_scar_exact_V"),
        ("bmp", "bmp_scar_exact_V"),
        ("kp_bmp", "kp_bmp_scar_exact_V"),
        ("gsign", "gsign_cowan_z"),
        ("sign", "sign_z"),
        ("wilcoxon", "wilcoxon"),
        ("crude", "bw_crude_t"),
        ("patell_original", "patell_sum_sar"),
    ],
)
@pytest.mark.parametrize("panel", PANELS)
def test_window_statistics_agree_with_textbook(panel, test, key):
    field = "z" if test == "wilcoxon" else "stat"
    ours, theirs = by_window(panel, test), textbook(panel, key, field)
    if test in ("kp_bmp", "gsign"):
        entries = oracle(f"textbook__{panel}")["windows"]
        same = complete(panel, [windows_of(e) for e in entries])
        assert same.sum() >= 4
        ours, theirs = ours[same], theirs[same]
    np.testing.assert_allclose(ours, theirs, **closeness(panel, test))


def test_window_rank_agrees_with_textbook():
    theirs = textbook("common", "rank_cowan1992_full_window")
    np.testing.assert_allclose(by_window("common", "rank"), theirs, **CLOSE)


def test_window_rank_over_estimation_and_window_agrees_with_estudy2():
    entries = oracle("estudy2__common")["sim"]["car"]
    for entry in entries:
        window = windows_of(entry)
        ours = TESTS["rank"](cut(abnormal("common"), window), window).statistic
        theirs = [float(entry["rank"]["stat"])]
        np.testing.assert_allclose(ours, theirs, **CLOSE)


def test_window_rank_over_estimation_and_window_agrees_with_textbook():
    # Only without gaps: their s² divides by the firms' mean number of returns.
    entries = oracle("textbook__common")["windows"]
    theirs = textbook("common", "rank_cowan1992_est_plus_window")
    for entry, their in zip(entries, theirs, strict=True):
        window = windows_of(entry)
        ours = TESTS["rank"](cut(abnormal("common"), window), window).statistic
        np.testing.assert_allclose(ours, [their], **CLOSE)


def test_grank_twin_agrees_with_textbook():
    # Theirs ranks SCAR/s(SCAR) without sqrt(1-r̄); the twin does so on request, and
    # is what grank_t is compared with elsewhere.
    for entry in oracle("textbook__common")["windows"]:
        ours = twins.grank_t(abnormal("common"), windows_of(entry), corrected=False)
        assert ours[0] == pytest.approx(entry["grank_t"]["stat"], abs=1e-9)


@pytest.mark.parametrize(
    ("test", "peer", "field"),
    [
        ("csect", "CSectT", "aar_t"),
        ("patell", "PatellZ", "aar_z"),
        ("gsign", "GSignT", "gsign_z"),
        ("sign", "SignT", "sign_z"),
        ("kp_bmp", "KP", "kp_t"),
        ("bmp", "BMP", "bmp_t"),
    ],
)
def test_daily_statistics_agree_with_eventstudy(test, peer, field):
    theirs = oracle("EventStudy__common")["MarketModel"]["multi"][peer][field]
    np.testing.assert_allclose(daily("common", test), theirs, **CLOSE)


@pytest.mark.parametrize(
    ("test", "peer", "method", "model"),
    [
        ("bmp", "boehmer", "sim", "market"),
        ("lamb", "lamb", "sim", "market"),
        *(
            (test, peer, method, model)
            for test, peer in (
                ("rank", "rank"),
                ("rank", "modified_rank"),
                ("csect", "t_test"),
                ("crude", "brown_warner_1985"),
                ("sign", "sign"),
                ("sign_cz", "corrado_sign"),
            )
            for method, model in (
                ("sim", "market"),
                ("mrkt_adj", "market_adjusted"),
                ("mean_adj", "constant_mean"),
            )
        ),
    ],
)
def test_daily_statistics_agree_with_estudy2(test, peer, method, model):
    theirs = oracle("estudy2__common")[method]["aar"][peer]["stat"]
    np.testing.assert_allclose(daily("common", test, model), theirs, **CLOSE)


def test_daily_lamb_agrees_with_textbook():
    theirs = oracle("textbook__common")["aar"]["lamb_z"]["stat"]
    np.testing.assert_allclose(daily("common", "lamb"), theirs, **CLOSE)


@pytest.mark.parametrize(
    ("test", "peer", "field"),
    [("csect", "CSectT", "caar_t"), ("patell_original", "PatellZ", "caar_z")],
)
def test_cumulative_statistics_agree_with_eventstudy(test, peer, field):
    theirs = oracle("EventStudy__common")["MarketModel"]["multi"][peer][field]
    windows = [(-10, end) for end in range(-10, 11)]
    found = battery(abnormal("common"), windows=windows, tests=[test])
    ours = [found[w, test].statistic[0] for w in windows]
    np.testing.assert_allclose(ours, theirs, **CLOSE)


def test_window_crude_agrees_with_estudy2():
    for entry in oracle("estudy2__common")["sim"]["car"]:
        ours = TESTS["crude"](abnormal("common"), windows_of(entry)).statistic
        theirs = [entry["brown_warner_1985"]["stat"]]
        np.testing.assert_allclose(ours, theirs, **CLOSE)


@pytest.mark.parametrize(
    ("test", "p"),
    [("sign", "p_binomial"), ("wilcoxon", "p_exact"), ("csect", "p"), ("crude", "p")],
)
def test_p_values_agree_with_textbook(test, p):
    key = {"sign": "sign_z", "csect": "csect_t", "crude": "bw_crude_t"}.get(test, test)
    entries = oracle("textbook__common")["windows"]
    ours = [TESTS[test](abnormal("common"), windows_of(e)).pvalue[0] for e in entries]
    theirs = [e[key][p] for e in entries]
    np.testing.assert_allclose(ours, theirs, **CLOSE)


@pytest.mark.parametrize(
    ("test", "key"), [("csect", "bhar_csect_t"), ("skewness", "bhar_skew_adj_t")]
)
def test_tests_of_buy_and_hold_returns_agree_with_textbook(test, key):
    ab = abnormal("common", "market_adjusted")
    for entry in oracle("textbook__common")["windows"]:
        ours = TESTS[test](ab, windows_of(entry), outcome="bhar")
        assert ours.statistic[0] == pytest.approx(entry[key]["stat"], abs=1e-9)


def test_clustered_t_agrees_with_crse_and_statsmodels():
    # Each firm and event day is an observation of one session; 21 dates.
    ab = abnormal("common")
    n, n_days = ab.ar.shape
    repeated = take(ab, np.repeat(np.arange(n), n_days))
    day = np.tile(np.arange(n_days), n)
    rows = np.arange(n * n_days)
    single = replace(
        repeated,
        ar=repeated.ar[rows, day, None],
        actual=repeated.actual[rows, day, None],
        span_event=repeated.span_event[rows, day, None],
        x_event=repeated.x_event[rows, day, None],
        clock=day,
        clocks=Clock(
            estimation=np.repeat(ab.clocks.estimation, n_days, axis=0),
            event=ab.clocks.event.T,
        ),
        first_offset=0,
    )
    theirs = oracle("textbook__common")["cluster_by_date"]
    ours = TESTS["wild_cluster"](single, (0, 0))
    assert ours.statistic[0] == pytest.approx(theirs["t"], abs=1e-9)
    assert ours.n_clusters[0] == theirs["clusters"]


@pytest.mark.parametrize("panel", PANELS)
def test_mean_correlation_agrees_with_textbook(panel):
    theirs = oracle(f"textbook__{panel}")["r_bar_calendar"]
    near = 0.002 if panel == "missing" else 1e-9  # see `closeness`
    assert dependence(abnormal(panel), (-1, 1)).rbar == pytest.approx(theirs, abs=near)


@pytest.mark.parametrize("panel", PANELS)
def test_bhar_agrees_with_textbook(panel):
    ab = abnormal(panel, "market_adjusted")  # theirs is against the market itself
    for entry in oracle(f"textbook__{panel}")["windows"]:
        ours = buy_and_hold(ab, windows_of(entry))
        theirs = np.array(entry["bhar"], float)
        window = windows_of(entry)
        n_valid = cumulate(ab, window).n_valid
        whole = n_valid == length_of(window)  # theirs holds the market in gaps
        assert whole.sum() >= 9
        ours, theirs = ours[whole], theirs[whole[n_valid > 0]]
        np.testing.assert_allclose(ours, theirs, **CLOSE)
