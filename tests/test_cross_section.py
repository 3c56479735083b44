"""Regressions of CARs against statsmodels, linearmodels and plain loops."""

import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from linearmodels.iv import IV2SLS
from numpy.testing import assert_allclose
from scipy import stats
from scipy.linalg import fractional_matrix_power

import eventstudy as es
from eventstudy.core.errors import SpecError
from eventstudy.cross_section import categories, regress
from eventstudy.cross_section import formula as formulas
from eventstudy.cross_section.estimate import least_squares
from eventstudy.study.result import StudyResult

CLOSE = {"rtol": 1e-9, "atol": 1e-14}
WINDOW = (-1, 1)
ASSETS = {"A1": "rigs", "A2": "rigs", "A3": "rigs", "B1": "coins", "B2": "coins"}
# Day 0 of each event, in sessions: e3 and e4 share theirs, the windows of
# e5 and e6 overlap, those of e7 and e8 nearly do.
DAYS = [10, 30, 50, 50, 70, 72, 90, 94]
DAY0 = {f"e{number}": day for number, day in enumerate(DAYS, start=1)}
KIND = dict(
    zip(DAY0, ["ban", "tax", "ban", "tax", "tax", "ban", "ban", "tax"], strict=True)
)
FIRST = date(2021, 1, 1)


def study(seed=0):
    """A study's tables with made-up effects, as far as these functions read them."""
    rng = np.random.default_rng(seed)
    observations, cars, abnormal = [], [], []
    for name, day0 in {"e3+e4": 50, **DAY0}.items():
        if name in ("e3", "e4"):
            continue
        for asset, group in ASSETS.items():
            if (name, asset) == ("e8", "B2"):
                continue
            keys = {"asset": asset, "group": group, "model": "total"}
            for event in name.split("+"):
                observations.append(
                    {
                        **keys,
                        "event_id": event,
                        "observation": name,
                        "day0": FIRST + timedelta(days=day0),
                        "status": "used",
                    }
                )
            car = rng.normal(0.02 * (name in ("e1", "e7")), 0.05)
            se = rng.uniform(0.02, 0.08)
            cars.append(
                {
                    **keys,
                    "event_id": name,
                    "headline": name != "e7",
                    "in_average": True,
                    "start": -1,
                    "end": 1,
                    "car": car,
                    "se": se,
                    "scar": car / se,
                    "bhar": None if (name, asset) == ("e2", "A1") else car**2,
                }
            )
            for offset in range(-2, 3):
                session = FIRST + timedelta(days=day0 + offset)
                abnormal.append(
                    {**keys, "event_id": name, "offset": offset, "session": session}
                )
    events = pl.DataFrame(
        {
            "event_id": list(DAY0),
            "kind": list(KIND.values()),
            "headline": [event != "e7" for event in DAY0],
            "level": ["city"] * 4 + ["state"] * 4,
            "severity": ["1", "2", "3", "5", "2.5", None, "4", "1"],
            "leaked": [True, False, True, False, True, True, False, False],
            "flags": [["leak"]] * 8,
        }
    )
    spec = es.StudySpec(
        returns="log",
        models=(es.ModelSetting(name="total", model="constant_mean"),),
        windows=(WINDOW,),
        groups={"rigs": ("A1", "A2", "A3"), "coins": ("B1", "B2")},
    )
    tables = {
        "events": events,
        "observations": pl.DataFrame(observations),
        "cars": pl.DataFrame(cars, infer_schema_length=None),
        "abnormal_returns": pl.DataFrame(abnormal),
    }
    return StudyResult(spec=spec, provenance={}, **tables)


@pytest.fixture(scope="module")
def result():
    return study()


@pytest.fixture(scope="module")
def frame(result):
    """What a regression should see, put together by hand."""
    rows = []
    for car in result.cars.iter_rows(named=True):
        members = car["event_id"].split("+")
        kinds = {KIND[event] for event in members}
        numbers = [
            float(s)
            for e, s in result.events.select("event_id", "severity").iter_rows()
            if e in members and s is not None
        ]
        close = {"e5": "e5-e6", "e6": "e5-e6"}
        rows.append(
            {
                **car,
                "kind": kinds.pop() if len(kinds) == 1 else "mixed",
                "severity": np.mean(numbers) if numbers else np.nan,
                "level": "city" if members[0] < "e5" else "state",
                "date": close.get(car["event_id"], car["event_id"]),
            }
        )
    return pd.DataFrame(rows)


def values(regression, name="estimate"):
    return np.array(regression.terms[name].to_list(), float)


class TestFormula:
    @pytest.mark.parametrize(
        "formula",
        [
            "~ kind",
            "~ kind + group",
            "~ kind - 1",
            "~ -1 + group + kind",
            "~ kind*group",
            "~ group:kind - 1",
            "~ severity*level*group",
            "~ level + level:severity",
            "~ kind:severity - 1",
            "~ C(severity)",
            "~ group*severity + C(kind)",
            "~ 1",
        ],
    )
    def test_spans_the_same_as_the_usual_formulas(self, result, frame, formula):
        own = regress(
            result, "car", formula, window=WINDOW, cluster=None, robust="classical"
        )
        held = frame[frame["headline"]]
        held = held.dropna(subset=["severity"]) if "severity" in formula else held
        twin = smf.ols(f"car {formula}", held).fit()
        assert own.n == twin.nobs
        assert own.terms.height == len(twin.params)
        assert_allclose(sorted(values(own)), sorted(twin.params), rtol=1e-8, atol=1e-12)
        if "C(" not in formula:
            names = own.terms["term"].to_list()
            assert set(names) == set(twin.params.index)
            assert_allclose(values(own), twin.params[names], rtol=1e-8, atol=1e-12)
            told = own.terms["reason"].is_null().to_numpy()
            assert told.sum() >= 3 or len(told) < 3
            assert_allclose(values(own, "se")[told], twin.bse[names][told], rtol=1e-8)

    def test_an_interaction_alone_spans_all_cells(self, result, frame):
        found = regress(result, "car", "~ kind:group", window=WINDOW, cluster=None)
        held = frame[frame["headline"]]
        twin = smf.ols("car ~ kind:group", held).fit()
        assert found.terms.height == len(twin.params) == 6
        assert_allclose(found.r_squared, twin.rsquared)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("~ log(car)", "unknown name 'log'"),
            ("~ kind + np.exp", "unknown name 'np.exp'"),
            ("~ __import__('os')", "unknown name '__import__'"),
            ("~ kind(group)", r"'\(group\)' cannot be read"),
            ("car ~ kind", "unknown name 'car'"),
            ("~ kind +", "each sign joins two names"),
            ("~ kind ** 2", "'2' cannot be read"),
            ("~ kind group", "each sign"),
            ("~ kind:1", "each sign"),
            ("~ kind - group", "cannot be read"),
            ("~ 2", "cannot be read"),
            ("~", "each sign"),
            ("~ -1", "there is no term"),
            ("~ I(kind)", "unknown name 'I'"),
            ("~ kind*group*level*asset*leaked", "more than 4"),
            ("~ event_id", "unknown name 'event_id'"),
            ("~ flags", "unknown name 'flags'"),
        ],
    )
    def test_anything_else_is_refused_with_the_known_names(self, result, text, words):
        with pytest.raises(SpecError, match=words) as caught:
            regress(result, "car", text, window=WINDOW)
        assert "known names: asset, group, headline, kind, leaked, level" in str(
            caught.value
        )

    def test_a_product_in_any_order_is_one_term(self):
        data = pl.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
        parsed = formulas.parse("a:b + b:a + b*a", data.columns)
        labels, design = formulas.design(parsed, data)
        assert labels == ["Intercept", "b", "a", "a:b"]
        assert design.toarray().tolist() == [[1, 3, 1, 3], [1, 4, 2, 8]]

    def test_levels_are_never_read_as_a_formula(self):
        """Whatever a category is called, formulaic sees its place alone."""
        odd = ["f0[T.1]:f1", "__import__('os')", "a + b", "~", "{x}", "`"]
        data = pl.DataFrame({"a": odd, "b": ["u", "v"] * 3})
        labels, design = formulas.design(formulas.parse("a:b - 1", "ab"), data)
        assert labels == [f"a[{a}]:b[{b}]" for a in sorted(odd) for b in "uv"]
        cells = [f"a[{a}]:b[{b}]" for a, b in data.iter_rows()]
        assert [labels[i] for i in design.toarray().argmax(axis=1)] == cells

    def test_levels_of_numbers_are_in_order(self):
        data = pl.DataFrame({"n": [float(n) for n in (10, 9, 2, 11, 1, 3)] * 2})
        labels, _ = formulas.design(formulas.parse("C(n)", ["n"]), data)
        levels = [f"n[T.{n}]" for n in (2, 3, 9, 10, 11)]
        assert labels == ["Intercept", *levels]

    @pytest.mark.processes
    def test_formulaic_is_loaded_by_a_regression_alone(self):
        code = "import sys, eventstudy.cross_section; print('formulaic' in sys.modules)"
        told = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert told.stdout.strip() == "False"


class TestRows:
    def test_merged_events_have_common_or_mixed_text_and_mean_numbers(self, result):
        found = regress(result, "car", "~ level + kind", window=WINDOW)
        assert found.terms["term"].to_list() == [
            "Intercept",
            "level[T.state]",
            "kind[T.mixed]",
            "kind[T.tax]",
        ]

    def test_observations_without_a_value_are_counted(self, result):
        found = regress(result, "bhar", "~ severity", window=WINDOW)
        assert found.left_out == {"bhar": 1, "severity": 5}
        assert found.n == 29 - 6
        assert "5 observations without severity left out" in found._repr_html_()

    def test_samples(self, result):
        sizes = {
            sample: regress(result, "car", "~ 1", window=WINDOW, sample=sample).n
            for sample in ("headline", "all")
        }
        assert sizes == {"headline": 29, "all": 34}

    def test_characteristics_of_assets(self, result, frame):
        share = {"A1": 0.8, "A2": 0.5, "A3": 0.9, "B1": 0.1, "B2": 0.0}
        assets = pl.DataFrame({"asset": list(share), "china": list(share.values())})
        found = regress(result, "car", "~ china", window=WINDOW, assets=assets)
        held = frame[frame["headline"]]
        twin = sm.OLS(held["car"], sm.add_constant(held["asset"].map(share))).fit()
        assert_allclose(values(found), twin.params, **CLOSE)

    def test_frames_of_assets_of_other_makes(self, result):
        """Categories are text, truth values numbers, nan and inf are no values."""
        assets = pd.DataFrame(
            {
                "asset": ["A1", "A2", "A3", "B1", "B2"],
                "size": [1.0, np.nan, 3.0, np.inf, 4.0],
                "listed": [True, False, True, True, False],
                "home": pd.Categorical(["cn", "cn", "us", "us", "cn"]),
                "market cap": [1.0, 2.0, 3.0, 4.0, 5.0],
            }
        )
        found = regress(
            result, "car", "~ home + listed", window=WINDOW, assets=assets, cluster=None
        )
        assert found.terms["term"].to_list() == ["Intercept", "home[T.us]", "listed"]
        found = regress(result, "car", "~ size", window=WINDOW, assets=assets)
        assert found.left_out == {"size": 12}
        with pytest.raises(SpecError) as caught:
            regress(result, "car", "~ cap", window=WINDOW, assets=assets)
        assert "market cap" not in str(caught.value)

    def test_texts_that_only_look_like_numbers_stay_texts(self, result):
        events = result.events.with_columns(
            event=pl.col("event_id"),
            odd=pl.Series(["nan", "1", "2", "2", "3", "inf", "1", "2"]),
            none=pl.lit(None, pl.String),
        )
        odd = replace(result, events=events)
        found = regress(odd, "car", "~ odd", window=WINDOW, sample="all")
        assert found.terms["term"].to_list()[1:] == [
            f"odd[T.{level}]" for level in ("2", "3", "inf", "nan")
        ]
        found = regress(odd, "car", "~ none", window=WINDOW)
        assert (found.n, found.left_out) == (0, {"none": 29})

    @pytest.mark.parametrize(
        ("assets", "words"),
        [
            (pl.DataFrame({"name": ["A1"]}), "needs a column 'asset'"),
            (pl.DataFrame({"asset": ["A1", "A1"]}), "names an asset twice"),
            (pl.DataFrame({"asset": ["A1"], "kind": [1]}), "called kind like columns"),
        ],
    )
    def test_bad_frames_of_assets(self, result, assets, words):
        with pytest.raises(SpecError, match=words):
            regress(result, "car", "~ kind", window=WINDOW, assets=assets)

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"outcome": "ar"}, "unknown outcome 'ar': did you mean 'car'"),
            ({"window": (0, 5)}, r"window \[0,\+5\] is none of \[-1,\+1\]"),
            ({"model": "net"}, "unknown model setting 'net'; known: total"),
            ({"sample": "minor"}, "unknown sample 'minor'; known: all, headline"),
            ({"cluster": "firm"}, "unknown cluster 'firm'; known: asset, date, event"),
            ({"cluster": ("date", "date")}, "at most two different kinds"),
            ({"weights": "n"}, "unknown weights 'n'"),
            ({"outcome": "scar", "weights": "precision"}, "standardised already"),
            ({"robust": "HC3"}, "with clusters 'HC3'; known: CR1, CR2"),
            ({"robust": "CR1", "cluster": None}, "without clusters 'CR1'"),
        ],
    )
    def test_bad_requests(self, result, changes, words):
        given = {"outcome": "car", "formula": "~ kind", "window": WINDOW} | changes
        with pytest.raises(SpecError, match=words):
            regress(result, given.pop("outcome"), given.pop("formula"), **given)


def design(frame):
    held = frame[frame["headline"]]
    exog = np.column_stack(
        [
            np.ones(len(held)),
            held["kind"] == "mixed",
            held["kind"] == "tax",
            held["group"] == "rigs",
        ]
    ).astype(float)
    return held, exog


class TestEstimates:
    FORMULA = "~ kind + group"

    @pytest.mark.parametrize("robust", ["HC3", "HC2", "HC1", "HC0", "classical"])
    @pytest.mark.parametrize("weights", [None, "precision"])
    def test_unclustered_variances_are_those_of_statsmodels(
        self, result, frame, robust, weights
    ):
        held, exog = design(frame)
        own = regress(
            result,
            "car",
            self.FORMULA,
            window=WINDOW,
            cluster=None,
            robust=robust,
            weights=weights,
        )
        weight = 1 / held["se"] ** 2 if weights else 1.0
        kind = "nonrobust" if robust == "classical" else robust
        twin = sm.WLS(held["car"].to_numpy(), exog, weights=weight).fit(
            cov_type=kind, use_t=True
        )
        assert_allclose(values(own), twin.params, **CLOSE)
        assert_allclose(values(own, "se"), twin.bse, **CLOSE)
        assert_allclose(values(own, "statistic"), twin.tvalues, **CLOSE)
        assert_allclose(values(own, "pvalue"), twin.pvalues, rtol=1e-8)
        interval = twin.conf_int()
        assert_allclose(values(own, "ci_low"), interval[:, 0], **CLOSE)
        assert_allclose(values(own, "ci_high"), interval[:, 1], **CLOSE)
        assert_allclose(own.r_squared, twin.rsquared, **CLOSE)
        assert own.terms["df"].unique().to_list() == [25.0]

    @pytest.mark.parametrize("weights", [None, "precision"])
    def test_one_way_cr1_is_that_of_statsmodels(self, result, frame, weights):
        own = regress(
            result,
            "car",
            "~ severity + group",
            window=WINDOW,
            sample="all",
            cluster="event",
            robust="CR1",
            weights=weights,
        )
        held = frame.dropna(subset=["severity"])
        exog = np.column_stack(
            [np.ones(len(held)), held["severity"], held["group"] == "rigs"]
        ).astype(float)
        weight = 1 / held["se"] ** 2 if weights else 1.0
        twin = sm.WLS(held["car"].to_numpy(), exog, weights=weight).fit(
            cov_type="cluster",
            cov_kwds={"groups": pd.factorize(held["event_id"])[0]},
            use_t=True,
        )
        assert own.n_clusters == {"event": 6}
        assert_allclose(values(own), twin.params, **CLOSE)
        assert_allclose(values(own, "se"), twin.bse, **CLOSE)
        assert_allclose(values(own, "pvalue"), twin.pvalues, rtol=1e-8)
        assert own.terms["df"].unique().to_list() == [5.0]

    def test_two_way_cr1_is_that_of_linearmodels_and_statsmodels(self, result, frame):
        own = regress(
            result,
            "car",
            "~ severity",
            window=WINDOW,
            sample="all",
            cluster=("date", "asset"),
            robust="CR1",
        )
        held = frame.dropna(subset=["severity"])
        exog = sm.add_constant(held[["severity"]])
        labels = held[["date", "asset"]].apply(lambda column: pd.factorize(column)[0])
        twin = IV2SLS(held["car"], exog, None, None).fit(
            cov_type="clustered", clusters=labels, debiased=True
        )
        assert_allclose(values(own), twin.params, **CLOSE)
        assert_allclose(values(own, "se"), twin.std_errors, **CLOSE)
        other = sm.OLS(held["car"].to_numpy(), exog.to_numpy()).fit(
            cov_type="cluster", cov_kwds={"groups": labels.to_numpy()}, use_t=True
        )
        assert_allclose(values(own, "se"), other.bse, **CLOSE)
        assert_allclose(values(own, "pvalue"), other.pvalues, rtol=1e-8)
        assert_allclose(own.terms["df"].to_list(), [4.0, 4.0])
        assert own.n_clusters == {"date": 6, "asset": 5}

    def test_observations_that_share_an_event_are_one_cluster(self, result):
        """e4 concerns the rigs alone: theirs is e3+e4, the coins' is e3."""
        coins = pl.col("group") == "coins"
        cars, observations = (
            table.with_columns(
                pl.when(coins & (pl.col(name) == "e3+e4"))
                .then(pl.lit("e3"))
                .otherwise(pl.col(name))
                .alias(name)
            )
            for table, name in (
                (result.cars, "event_id"),
                (result.observations, "observation"),
            )
        )
        observations = observations.filter(~(coins & (pl.col("event_id") == "e4")))
        other = replace(result, cars=cars, observations=observations)
        found = regress(other, "car", "~ group", window=WINDOW)
        same = regress(result, "car", "~ group", window=WINDOW)
        assert found.n_clusters == same.n_clusters == {"event": 6}
        assert_allclose(values(found, "se"), values(same, "se"))

    @pytest.mark.parametrize("weights", [None, "precision"])
    def test_cr2_is_that_of_dense_matrices(self, result, frame, weights):
        own = regress(
            result,
            "car",
            "~ severity + group",
            window=WINDOW,
            sample="all",
            cluster="date",
            weights=weights,
        )
        held = frame.dropna(subset=["severity"])
        exog = np.column_stack(
            [np.ones(len(held)), held["severity"], held["group"] == "rigs"]
        ).astype(float)
        root = 1 / held["se"].to_numpy() if weights else np.ones(len(held))
        variance, df = cr2(
            held["car"].to_numpy() * root, exog * root[:, None], held["date"].to_numpy()
        )
        assert_allclose(values(own, "se"), np.sqrt(variance), rtol=1e-9)
        assert_allclose(values(own, "df"), df, rtol=1e-8)
        t = values(own) / np.sqrt(variance)
        assert_allclose(values(own, "pvalue"), 2 * stats.t.sf(abs(t), df), rtol=1e-8)

    def test_a_mean_of_equal_clusters_is_the_t_test_of_their_means(self):
        y = np.array([1.0, 3, 2, 6, 5, 9, 4, 8])
        label = np.repeat(np.arange(4), 2)
        fit = least_squares(
            y, np.ones((8, 1)), terms=["mean"], labels=[label], robust="CR2"
        )
        twin = stats.ttest_1samp(y.reshape(4, 2).mean(axis=1), 0)
        assert_allclose(fit.statistic, twin.statistic)
        assert_allclose(fit.df, 3)
        assert_allclose(fit.pvalue, twin.pvalue)

    def test_hc3_of_a_textbook_line(self):
        """Four points by hand: slope 1.1, leverages .7 .3 .3 .7."""
        x = np.column_stack([np.ones(4), [1.0, 2, 3, 4]])
        y = np.array([1.0, 3, 3, 5])
        fit = least_squares(y, x, terms=["Intercept", "x"], robust="HC3")
        assert_allclose(fit.estimate, [0.0, 1.2], atol=1e-12)
        residual, h = np.array([-0.2, 0.6, -0.6, 0.2]), np.array([0.7, 0.3, 0.3, 0.7])
        slope = (np.array([-1.5, -0.5, 0.5, 1.5]) / 5) ** 2 @ (residual / (1 - h)) ** 2
        assert_allclose(fit.se[1], np.sqrt(slope))
        assert_allclose(fit.r_squared, 1 - 0.8 / 8)


@pytest.mark.long
def test_size_with_few_unequal_clusters():
    """An event's characteristic, six events: CR2 holds its level, the others do not."""
    rng, n_samples = np.random.default_rng(1), 1500
    label = np.repeat(np.arange(6), [12, 9, 6, 4, 3, 2])
    x = np.column_stack([np.ones(36), label < 2]).astype(float)
    rejected = dict.fromkeys(["CR2", "CR1", "HC3"], 0)
    for _ in range(n_samples):
        y = rng.standard_normal(6)[label] + rng.standard_normal(36)
        for robust in rejected:
            labels = [] if robust == "HC3" else [label]
            fit = least_squares(
                y, x, terms=["Intercept", "x"], labels=labels, robust=robust
            )
            rejected[robust] += fit.pvalue[1] < 0.05
    low, high = stats.binom.ppf([0.0005, 0.9995], n_samples, 0.05)
    assert low <= rejected["CR2"] <= high
    assert rejected["CR1"] > 0.08 * n_samples
    assert rejected["HC3"] > 0.25 * n_samples


def cr2(y, x, label):
    """Bell & McCaffrey's variance and degrees of freedom with N x N matrices."""
    bread = np.linalg.inv(x.T @ x)
    keep = np.eye(len(y)) - x @ bread @ x.T
    residual = keep @ y
    variance, df = [], []
    for contrast in np.eye(x.shape[1]):
        total, columns = 0.0, []
        for group in np.unique(label):
            own = label == group
            root = np.real(fractional_matrix_power(keep[np.ix_(own, own)], -0.5))
            pull = root @ x[own] @ bread @ contrast
            total += (pull @ residual[own]) ** 2
            columns.append(keep[:, own] @ pull)
        values = np.linalg.eigvalsh(np.array(columns) @ np.array(columns).T)
        variance.append(total)
        df.append(values.sum() ** 2 / (values**2).sum())
    return np.array(variance), np.array(df)


class TestNoNumberWithoutReason:
    def test_collinear_terms(self, result):
        found = regress(result, "car", "~ asset + group", window=WINDOW)
        assert found.terms["estimate"].null_count() == found.terms.height
        assert found.terms["reason"].unique().to_list() == [
            "these terms are collinear: Intercept, asset[T.B1], asset[T.B2], "
            "group[T.rigs]"
        ]
        assert found.r_squared is None

    def test_more_terms_than_observations(self, result):
        found = regress(result, "car", "~ asset*kind*level*leaked", window=WINDOW)
        assert found.terms["reason"].unique().to_list() == [
            f"{found.terms.height} coefficients from 29 observations leave no degree "
            "of freedom"
        ]

    def test_one_cluster(self, result):
        one = result.cars.filter(pl.col("event_id") == "e1")
        found = regress(replace(result, cars=one), "car", "~ group", window=WINDOW)
        assert "in one cluster" in found.terms["reason"][0]
        assert found.n_clusters == {"event": 1}

    @pytest.mark.parametrize("robust", ["CR1", "CR2"])
    def test_a_coefficient_that_rests_on_one_cluster(self, result, robust):
        """One event alone is mixed: its residuals add up to zero whatever it did."""
        found = regress(result, "car", "~ kind + group", window=WINDOW, robust=robust)
        alone = found.terms["reason"].is_not_null()
        assert found.terms.filter(alone)["term"].to_list() == ["kind[T.mixed]"]
        assert found.terms["estimate"].null_count() == 0
        assert found.terms.filter(alone)["se"].to_list() == [None]

    @pytest.mark.parametrize("robust", ["HC3", "HC2", "HC1"])
    def test_a_coefficient_that_rests_on_one_observation(self, robust):
        x = np.column_stack([np.ones(8), np.eye(8)[0]])
        y = np.arange(8.0)
        fit = least_squares(y, x, terms=["Intercept", "first"], robust=robust)
        assert np.isnan(fit.se[1])
        assert "rests on one observation" in fit.reason[1]
        rest = least_squares(y[1:], np.ones((7, 1)), terms=["Intercept"], robust="HC3")
        if robust == "HC3":
            assert_allclose(fit.se[0], rest.se[0])

    def test_a_perfect_fit(self):
        x = np.column_stack([np.ones(6), np.arange(6.0)])
        fit = least_squares(2 * x[:, 1], x, terms=["Intercept", "x"], robust="HC3")
        assert set(fit.reason) == {"the variance is not positive"}
        assert np.isnan(fit.pvalue).all()

    def test_nothing_left(self, result):
        assets = pl.DataFrame({"asset": ["none"], "size": [1.0]})
        found = regress(result, "car", "~ size", window=WINDOW, assets=assets)
        assert found.n == 0
        assert found.left_out == {"size": 29}
        assert found.terms["estimate"].null_count() == 2


class TestCategories:
    def test_means_and_differences_by_clusters_of_dates(self, result, frame):
        table = categories(result, "kind", window=WINDOW, sample="all")
        assert table["category"].to_list() == ["ban", "mixed", "tax"]
        assert table["n"].to_list() == [15, 5, 14]
        assert table["n_dates"].to_list() == [3, 1, 3]
        assert table["n_clusters"].to_list() == [3, 1, 3]
        for row in table.iter_rows(named=True):
            own = frame[frame["kind"] == row["category"]]
            assert_allclose(row["caar"], own["car"].mean())
            if row["category"] == "mixed":
                assert row["se"] is None
                assert "one cluster" in row["reason"]
                continue
            ones = np.ones((len(own), 1))
            variance, df = cr2(own["car"].to_numpy(), ones, own["date"].to_numpy())
            assert_allclose(row["se"], np.sqrt(variance[0]))
            margin = stats.t.ppf(0.975, df[0]) * row["se"]
            assert_allclose(row["ci_high"] - row["caar"], margin)
        both = frame[frame["kind"].isin(["ban", "tax"])]
        exog = np.column_stack([np.ones(len(both)), both["kind"] == "tax"]).astype(
            float
        )
        variance, df = cr2(both["car"].to_numpy(), exog, both["date"].to_numpy())
        tax = table.row(2, named=True)
        gap = table["caar"][2] - table["caar"][0]
        assert_allclose(tax["difference"], gap)
        assert_allclose(tax["difference_se"], np.sqrt(variance[1]))
        assert_allclose(tax["df"], df[1])
        t = gap / np.sqrt(variance[1])
        assert_allclose(tax["pvalue"], 2 * stats.t.sf(abs(t), df[1]))
        assert "one cluster" in table["difference_reason"][1]
        assert table["against"].to_list() == [None, "ban", "ban"]

    def test_against_another_and_in_one_group(self, result, frame):
        table = categories(result, "kind", window=WINDOW, against="tax", group="coins")
        assert table["category"].to_list() == ["tax", "ban", "mixed"]
        held = frame[(frame["group"] == "coins") & frame["headline"]]
        means = held.groupby("kind")["car"].mean()
        assert_allclose(table["caar"], means[["tax", "ban", "mixed"]])

    def test_numbers_as_categories(self, result):
        table = categories(result, "leaked", window=WINDOW)
        assert table["category"].to_list() == ["0.0", "0.5", "1.0"]

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"by": "colour"}, "unknown characteristic 'colour'; known: asset, group"),
            (
                {"against": "relief"},
                "unknown category 'relief'; known: ban, mixed, tax",
            ),
            ({"group": "banks"}, "unknown group 'banks'; known: coins, rigs"),
        ],
    )
    def test_bad_requests(self, result, changes, words):
        with pytest.raises(SpecError, match=words):
            categories(result, **{"window": WINDOW} | changes)


def test_a_study_of_real_prices():
    """The call of the manual on four events, against statsmodels."""
    events = pl.DataFrame(
        {
            "event_id": ["may", "june", "sichuan", "september"],
            "announced_at": ["2021-05-21", "2021-06-21", "2021-06-18", "2021-09-24"],
            "kind": ["policy_signal", "banking_payment", "mining_ban", "mining_ban"],
        }
    )
    spec = es.StudySpec(
        returns="log",
        model="market",
        factors=("^GSPC",),
        windows=(WINDOW,),
        groups={"china": ("BTCM", "CAN"), "abroad": ("RIOT", "MARA")},
        tests=("csect", "cluster"),
        resamples=99,
    )
    prices = es.fetch_prices([*spec.assets, "^GSPC"], source="snapshot")
    result = es.run(spec, events, prices)
    found = regress(result, "car", "~ group", window=WINDOW, cluster="date")
    exog = np.column_stack([np.ones(16), result.cars["group"] == "china"]).astype(float)
    # 18 and 21 June are neighbouring sessions.
    cluster = result.cars["event_id"].replace("sichuan", "june").to_numpy()
    variance, df = cr2(result.cars["car"].to_numpy(), exog, cluster)
    assert found.n_clusters == {"date": 3}
    assert_allclose(values(found, "se"), np.sqrt(variance))
    assert_allclose(values(found, "df"), df)
    mean = regress(result, "car", "~ 1", window=WINDOW, cluster="date").terms
    row = result.tests.filter(
        group="all", test="cluster", outcome="car", sample="headline"
    )
    assert_allclose(mean["estimate"], row["estimate"])
    # The test also counts the estimation error that clusters of dates share.
    share = (mean["statistic"] / row["statistic"]).item()
    assert 0.9 < share < 1.1
    assert share != 1
    by_group = categories(result, "group", window=WINDOW)
    assert by_group["category"].to_list() == ["abroad", "china"]
    assert_allclose(by_group["difference"][1], values(found)[1])
    assert_allclose(by_group["difference_se"][1], values(found, "se")[1])
