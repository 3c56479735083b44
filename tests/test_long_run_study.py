"""Long runs in a study: the study file, the table, the words."""

import polars as pl
import pytest

import eventstudy as es
from eventstudy.core.errors import SpecError
from eventstudy.report.sections import long_run
from eventstudy.report.views import Views
from eventstudy.spec.files import spec_from

ASKED = {"holds": [[0, 20]], "methods": ["calendar_time", "rats"]}


@pytest.fixture(scope="module")
def study():
    spec = {
        "models": [
            {"model": "market", "factors": ["^GSPC"], "groups": ["miners"]},
            {"model": "constant_mean", "groups": ["mixed"]},
        ],
        "tests": ["t"],
        "groups": {"miners": ["MARA", "RIOT"], "mixed": ["BTC-USD", "MSTR"]},
        "long_run": ASKED,
    }
    return es.run(
        spec_from(spec),
        es.read_events("events/china_2021.csv"),
        es.fetch_prices(
            ["MARA", "RIOT", "BTC-USD", "MSTR", "^GSPC"], source="snapshot"
        ),
    )


def test_the_table_has_a_row_for_each_method_and_variance(study):
    miners = study.long_run.filter(pl.col("group") == "miners")
    assert miners["method"].to_list() == (
        ["calendar_time"] * 4 + ["calendar_dummy"] * 4 + ["rats"]
    )
    assert miners["reason"].null_count() == 9
    assert (miners["estimate"] / miners["se"]).to_list() == pytest.approx(
        miners["statistic"].to_list()
    )


def test_the_dummy_form_takes_all_sessions_and_a_coefficient_more(study):
    found = study.long_run.filter(
        (pl.col("group") == "miners") & (pl.col("variance") == "ols")
    )
    time, dummy = found.to_dicts()
    assert time["n"] < dummy["n"]
    assert time["df"] == time["n"] - 2
    assert dummy["df"] == dummy["n"] - 3


def test_assets_of_several_calendars_have_a_reason(study):
    mixed = study.long_run.filter(pl.col("group") == "mixed")
    assert mixed["estimate"].null_count() == mixed.height == 2
    assert all("several calendars" in one for one in mixed["reason"])


def test_the_report_says_what_was_found_and_what_is_wrong(study):
    text = long_run.SECTION.write(Views(study))
    assert "## The long run" in text
    assert "observations as independent" in text
    assert "several calendars" in text


def test_a_study_that_asks_for_none_says_nothing_of_it():
    assert "long_run" not in es.StudySpec().as_dict()


def test_what_was_asked_for_is_read_back():
    spec = spec_from({"long_run": {"holds": [[0, 20]]}})
    assert spec.long_run.methods == ("calendar_time", "ctar", "rats")
    assert spec_from(spec.as_dict()) == spec


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (3, "wanted a table headed"),
        ({}, "lacks holds"),
        ({"holds": []}, "holds is empty"),
        ({"holds": [[5, 0]]}, "in this order"),
        ({"holds": [[0, 5], [0, 5]]}, "twice"),
        ({"holds": [[0, 5]], "methods": ["ctra"]}, "did you mean 'ctar'"),
        ({"hold": [[0, 5]]}, "did you mean 'holds'"),
    ],
)
def test_a_wrong_long_run_is_refused(given, said):
    with pytest.raises(SpecError, match=said):
        spec_from({"long_run": given})
