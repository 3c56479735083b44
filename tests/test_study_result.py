"""How a result is made, shows itself, and what its tables are."""

import copy
import inspect
import pickle
import re
from dataclasses import FrozenInstanceError, replace
from datetime import date

import polars as pl
import pytest

import eventstudy as es
from eventstudy.core.errors import SpecError
from eventstudy.report import tables
from eventstudy.spec import ModelSetting, StudySpec
from eventstudy.study.result import StudyResult
from eventstudy.study.schema import SCHEMA, data_dictionary, empty, frame

MODELS = (
    ModelSetting(
        name="rise & fall", model="market", factors=("^GSPC",), groups=("rigs",)
    ),
    ModelSetting(name="rise & fall", model="constant_mean", groups=("coin",)),
    ModelSetting(name="net", model="market", factors=("BTC-USD",), groups=("rigs",)),
)
HEADLINE = pl.DataFrame(
    {
        "sample": ["headline", "headline", "all"],
        "group": ["rigs", "coin", "rigs"],
        "model": ["rise & fall"] * 3,
        "start": [-1, 0, -1],
        "end": [1, 5, 1],
        "estimate": [-0.240213, None, 0.5],
        "ci_low": [-0.3, None, 0.4],
        "ci_high": [-0.1, None, 0.6],
        "n": [9, 1, 12],
        "outcome": ["car"] * 3,
        "n_clusters": [3, 1, 4],
        "ci_low_these": [-0.3, None, 0.4],
        "ci_high_these": [-0.1, None, 0.6],
        "test_these": ["kp_guarded", None, "kp_guarded"],
        "pvalue_these": [0.0123, None, 0.5],
        "test_such": ["portfolio", None, "portfolio"],
        "pvalue_such": [0.0789, None, 0.5],
        "agree": [2, None, 3],
        "agree_of": [5, None, 5],
        "verdict": ["these dates only", None, "distinguishable"],
        "n_dates": [4, 1, 5],
    }
)


def result(headline=HEADLINE) -> StudyResult:
    return StudyResult(
        spec=StudySpec(
            returns="log",
            models=MODELS,
            groups={"rigs": ("RIOT", "MARA"), "coin": ("BTC-USD",)},
        ),
        events=pl.DataFrame({"event_id": ["a", "b"]}),
        observations=pl.DataFrame(
            {
                "observation": ["a", "a+b", "b", "b"],
                "asset": ["RIOT", "MARA", "RIOT", "BTC-USD"],
                "status": ["used", "used", "used", "dropped"],
            }
        ),
        headline=headline,
        provenance={},
    )


def test_a_line_says_what_was_studied():
    text = "StudyResult(2 events, 2 assets, 3 observation dates, rise & fall, net"
    assert repr(result()) == f"{text}; only returns)"
    spec = replace(result().spec, parts=("all",))
    assert repr(replace(result(), spec=spec)) == f"{text})"


def test_a_notebook_shows_the_headline_sample_in_percent():
    page = result()._repr_html_()
    assert "rise &amp; fall" in page
    assert "rise & fall" not in page
    assert "[-1,+1]" in page
    assert "[0,+5]" in page
    for shown in ("-21.35", "-25.92", "-9.52", "0.012", "0.079", "2 of 5"):
        assert shown in page
    assert "0.5" not in page  # the other sample
    simple = replace(result(), spec=replace(result().spec, returns="simple"))
    assert "-24.02" in simple._repr_html_()
    assert page.count("<tr>") >= 3


def test_the_summary_answers_both_questions_in_a_row():
    rigs, coin = result().summary().to_dicts()
    assert rigs == {
        "group": "rigs",
        "model": "rise & fall",
        "window": "[-1,+1]",
        "effect": -21.35,
        "low": -25.92,
        "high": -9.52,
        "p_these_dates": 0.012,
        "p_such_dates": 0.079,
        "robust": "2 of 5",
        "verdict": "these dates only",
        "n": 9,
        "dates": 4,
    }
    assert coin["effect"] is coin["robust"] is coin["verdict"] is None


def test_a_notebook_shows_an_empty_headline():
    assert "StudyResult(2 events" in result(HEADLINE.clear())._repr_html_()


# --- tables -------------------------------------------------------------------------


def test_every_table_of_the_schema_is_an_attribute():
    made = result()
    assert list(made.tables) == list(SCHEMA)
    assert set(SCHEMA) <= set(dir(made))
    for name, table in SCHEMA.items():
        assert getattr(made, name) is made.tables[name]
        if name not in ("events", "observations", "headline"):
            assert made.tables[name].schema == pl.Schema(table.dtypes)
            assert made.tables[name].is_empty()
    assert not set(SCHEMA) & {name for name in vars(StudyResult) if name[0] != "_"}


def test_a_result_does_not_change_and_can_be_copied():
    made = result()
    with pytest.raises(FrozenInstanceError):
        made.cars = pl.DataFrame()
    with pytest.raises(TypeError):
        made.tables["cars"] = pl.DataFrame()
    with pytest.raises(AttributeError, match="no attribute or table 'care'"):
        _ = made.care
    cars = frame("cars", [{"car": 0.1}])
    other = replace(made, cars=cars)
    assert other.cars is cars
    assert other.headline is made.headline
    assert made.cars.is_empty()
    for again in (pickle.loads(pickle.dumps(other)), copy.deepcopy(other)):
        assert again.spec == made.spec
        assert again.cars.equals(cars)


def test_a_table_that_there_is_not_is_refused():
    with pytest.raises(SpecError, match="unknown table 'care': did you mean 'cars'"):
        StudyResult(spec=result().spec, provenance={}, care=pl.DataFrame())
    with pytest.raises(SpecError, match="unknown table 'care': did you mean 'cars'"):
        StudyResult.describe("care")


def test_rows_become_a_table_with_null_for_what_is_not_there():
    made = frame("cars", [{"car": float("nan"), "start": 0}, {"se": float("inf")}])
    assert made.schema == pl.Schema(SCHEMA["cars"].dtypes)
    assert made.select("car", "se", "start").rows() == [(None, None, 0), (None,) * 3]
    days = frame("breaks", [{"date": date(2021, 6, 21), "n_breaks": 1}])
    assert days["date"][0] == date(2021, 6, 21)
    with pytest.raises(ValueError, match="table cars has no column pvalu"):
        frame("cars", [{"pvalu": 0.5}])
    assert frame("cars", []).equals(empty("cars"))


def test_a_frame_that_is_not_the_table_is_refused():
    table = SCHEMA["coefficients"]
    good = table.empty()
    assert table.checked(good.select(*reversed(good.columns))).equals(good)
    with pytest.raises(ValueError, match="table coefficients: se is not there, wanted"):
        table.checked(good.drop("se"))
    with pytest.raises(ValueError, match="se is String, wanted Float64"):
        table.checked(good.cast({"se": pl.String}))
    with pytest.raises(ValueError, match="mine is unknown"):
        table.checked(good.with_columns(mine=1))
    further = SCHEMA["events"].empty().with_columns(mine=1)
    assert SCHEMA["events"].checked(further) is further


def test_the_tables_are_described_in_every_place():
    words = inspect.getdoc(StudyResult)
    dictionary = data_dictionary()
    overview = dict(StudyResult.describe().rows())
    assert list(overview) == list(SCHEMA)
    for name, table in SCHEMA.items():
        assert re.search(rf"^{name} : polars.DataFrame$", words, re.M)
        assert overview[name] == table.meaning
        assert f"\n## {name}\n" in f"\n{dictionary}"
        columns = StudyResult.describe(name)
        assert columns["column"].to_list() == list(table.dtypes)
        for column in table.columns:
            assert column.meaning.strip() == column.meaning != ""
            assert f"| `{column.name}` | {column.kind} |" in dictionary


def test_the_files_of_a_report_are_those_of_the_schema():
    assert list(tables(result())) == [n for n, t in SCHEMA.items() if t.written]
    assert "closes" not in tables(result())


def test_a_study_gives_the_tables_of_the_schema():
    events = pl.DataFrame(
        {
            "event_id": ["summons"],
            "announced_at": ["2021-06-21T18:12+08:00"],
            "assets": ["BTCM"],
        }
    )
    spec = StudySpec(returns="log", model="market", factors=("^GSPC",), resamples=99)
    prices = es.fetch_prices(["BTCM", "^GSPC"], source="snapshot")
    made = es.run(spec, events, prices)
    for name, table in SCHEMA.items():
        assert made.tables[name].schema == pl.Schema(table.dtypes), name
    assert made.cars.height


def test_an_announcement_is_found_in_its_observation():
    made = result()
    table = pl.DataFrame(
        {
            "event_id": ["a", "b", "b", "c"],
            "asset": ["RIOT", "RIOT", "BTC-USD", "RIOT"],
            "observation": ["a+b", "a+b", "b", "c"],
            "status": ["used"] * 4,
        }
    )
    made = replace(made, tables={**made.tables, "observations": table})
    assert made.observation_of("a") == "a+b"
    assert made.observation_of("b", "BTC-USD") == "b"
    assert made.members("a+b") == ["a", "b"]
    assert made.members("c") == ["c"]
    with pytest.raises(SpecError, match=r"b is part of a\+b, b, by asset; name one"):
        made.observation_of("b")
    with pytest.raises(SpecError, match="unknown announcement 'x'"):
        made.observation_of("x")
