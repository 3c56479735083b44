"""What catalogue, study file and overrides become, for command and library alike."""

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import eventstudy as es
from eventstudy.cli import main as cli
from eventstudy.core.errors import DataError, SpecError
from eventstudy.report import formats
from eventstudy.spec import spec_from
from eventstudy.study.inputs import gated, merged, request_of

pytestmark = pytest.mark.long

TINY = "event_id,announced_at,assets\nsummons,2021-06-21T18:12+08:00,BTCM\n"
STUDY = """\
returns = "simple"
resamples = 99
windows = [[-1, 1], [0, 1]]

[groups]
china = ["BTCM"]
abroad = ["RIOT"]

[[models]]
name = "total"
model = "market"
factors = ["^GSPC"]
"""


@pytest.fixture
def catalogue(tmp_path, monkeypatch):
    """A catalogue with its study file beside it."""
    monkeypatch.chdir(tmp_path)
    Path("tiny.csv").write_text(TINY, encoding="utf-8")
    Path("tiny.toml").write_text(STUDY, encoding="utf-8")
    return Path("tiny.csv")


def different(first, second):
    pairs = ((name, table, second.tables[name]) for name, table in first.tables.items())
    return [name for name, table, other in pairs if not table.equals(other)]


def test_the_command_and_the_library_do_the_same_study(catalogue, monkeypatch):
    monkeypatch.setattr(formats, "begun", lambda _: {})
    words = ["eventstudy", "analyze", "tiny.csv", "--window", "0:1", "-q", "-o", "one"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit, match="0"):
        cli.main()
    result = es.analyze("tiny.csv", windows=[(0, 1)])
    es.write_report(result, "two")
    tables = sorted(path.name for path in Path("one/tables").iterdir())
    assert len(tables) > 20
    for name in tables:
        first, second = (Path(folder, "tables", name) for folder in ("one", "two"))
        assert first.read_bytes() == second.read_bytes(), name


def test_prices_that_were_fetched_pass_the_same_gate(catalogue):
    result = es.analyze(catalogue)
    by_hand = es.run(
        replace(es.read_spec("tiny.toml"), parts=["all"]),
        es.read_events(catalogue),
        es.fetch_prices(["BTCM", "RIOT", "^GSPC"], source="snapshot"),
    )
    assert result.price_issues.height > 1
    assert "zero_volume" in result.price_issues["rule"].to_list()
    assert different(result, by_hand) == []
    # what is not studied is not looked at
    more = es.fetch_prices([], source="snapshot")
    other = es.run(es.read_spec("tiny.toml"), es.read_events(catalogue), more)
    assert other.price_issues.filter(rule="spike").equals(
        by_hand.price_issues.filter(rule="spike")
    )


def test_strict_refuses_doubtful_prices(catalogue):
    spec, events = es.read_spec("tiny.toml"), es.read_events(catalogue)
    prices = es.fetch_prices(["BTCM", "RIOT", "^GSPC"], source="snapshot")
    with pytest.raises(DataError, match="findings in the prices"):
        es.run(spec, events, prices, strict=True)
    with pytest.raises(DataError, match="findings in the prices"):
        es.analyze(catalogue, strict=True)
    with pytest.raises(DataError, match="findings in the prices"):
        gated(spec, events.frame, prices, strict=True)


def test_the_study_file_beside_a_catalogue_is_read_and_hashed(catalogue):
    request = request_of(catalogue)
    assert request.spec.returns == "simple"
    sha = hashlib.sha256(STUDY.encode()).hexdigest()
    assert request.inputs == {"tiny.toml": sha}
    assert request.notes == ()
    other = request_of(es.read_events(catalogue))
    assert other.spec.returns == "log"
    assert other.notes[0] == "no study file: defaults are used for what was not said"
    with pytest.raises(DataError, match=r"nope\.toml: the study file cannot be read"):
        request_of(catalogue, "nope.toml")


def test_a_convention_that_was_not_said_is_told(catalogue):
    note = "returns: log, as nothing else was asked for"
    silent = es.analyze(es.read_events(catalogue), factors=["^GSPC"], resamples=99)
    assert note in silent.provenance["notes"]
    assert note not in es.analyze(catalogue).provenance["notes"]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"windws": [(0, 1)]}, "there is no setting 'windws': did you mean 'windows'?"),
        ({"colour": "red"}, "there is no setting 'colour'; see StudySpec"),
        (
            {"model": "market", "models": [es.ModelSetting(model="garch")]},
            "either model and factors, or models",
        ),
    ],
)
def test_overrides_that_cannot_be_are_refused(overrides, said, catalogue):
    with pytest.raises(SpecError) as caught:
        es.analyze(catalogue, **overrides)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "model", "factors"),
    [
        ({"model": "market_adjusted"}, "market_adjusted", ["SPY"]),
        ({"model": "constant_mean"}, "constant_mean", ()),
        ({"factors": ["A"]}, "market", ["A"]),
        ({"factors": ["A", "B"]}, "factors", ["A", "B"]),
        ({"factors": ["capm"]}, "factors", ["capm"]),
    ],
)
def test_a_model_replaces_those_of_the_study_file(overrides, model, factors):
    for table in (
        {"models": [{"name": "m", "model": "market", "factors": ["SPY"]}]},
        {"model": "market", "factors": ["SPY"]},
    ):
        found = merged(table, overrides)
        assert (found["model"], found["factors"]) == (model, factors)
        assert found["models"] == []


@pytest.mark.parametrize(
    ("overrides", "kept"),
    [
        ({"assets": ["C"]}, {"coin", "total"}),
        ({"assets": ["A"], "model": "market", "factors": ["M"]}, {"rigs"}),
    ],
)
def test_labels_of_what_is_left_out_are_no_error(overrides, kept):
    table = {
        "groups": {"coin": ["C"], "rigs": ["A", "B"]},
        "models": [{"name": "total", "model": "constant_mean"}],
        "labels": {"coin": "the coin", "rigs": "miners", "total": "whole effect"},
    }
    assert set(spec_from(merged(table, overrides)).labels) == kept


def test_settings_can_be_given_as_values(catalogue):
    setting = es.ModelSetting(name="own", model="constant_mean", groups=("rigs",))
    spec = request_of(catalogue, groups={"rigs": ["RIOT"]}, models=[setting]).spec
    assert spec.models == (setting,)
    assert spec.groups == {"rigs": ("RIOT",)}


def test_prices_in_a_frame_need_no_file(catalogue):
    prices = es.fetch_prices(["BTCM", "RIOT", "^GSPC"], source="snapshot").frame
    assert isinstance(prices, pl.DataFrame)
    result = es.run(es.read_spec("tiny.toml"), es.read_events(catalogue), prices)
    assert result.cars.height == 2
