"""The request: what it accepts, what it refuses and in which words."""

import inspect
import json
import os
import pickle
import re
import tomllib
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstudy.core.errors import DataError, SpecError
from eventstudy.inference import TESTS
from eventstudy.spec import (
    ModelSetting,
    Question,
    StudySpec,
    read_spec,
    settings_of,
    spec_from,
    window_text,
)

FULL = """
title = "A study"
prices = "folder/"
returns = "simple"
estimation = [-100, -21]
event_window = [-5, 20]
windows = [[-1, 1], [0, 20]]
missing = "drop"
overlap = "keep"
purge = [0, 0]
day0 = "previous"
min_estimation = 40
min_coverage = 0.5
tests = ["bmp", "rank"]
alternative = "less"
level = 0.9
volatility_pre = [-40, -2]
volatility_post = [1, 9]
resamples = 499
seed = 7

[groups]
miners = ["RIOT", "MARA"]
bitcoin = ["BTC-USD"]

[calendars]
default = "XNYS"

[[models]]
name = "total"
model = "market"
factors = ["^GSPC"]
groups = ["miners"]

[[models]]
name = "total"
model = "constant_mean"
groups = ["bitcoin"]

[[questions]]
text = "How far?"
event_id = "one"
window = [0, 20]
models = ["total"]
background = "It rained."
"""

SPECS = {
    "defaults": StudySpec(returns="log"),
    "shorthand": StudySpec(
        returns="simple", model="factors", factors=("SPY", "BTC-USD")
    ),
    "all": spec_from(tomllib.loads(FULL)),
}


def test_defaults_are_those_of_the_literature():
    spec = SPECS["defaults"]
    assert spec.estimation == (-130, -11)
    assert spec.event_window == (-10, 10)
    assert spec.windows == ((-1, 1), (0, 1), (0, 5), (-5, 5), (-10, 10))
    assert (spec.missing, spec.overlap, spec.purge) == (
        "trade_to_trade",
        "exclude",
        (-1, 5),
    )
    assert (spec.day0, spec.alternative, spec.level) == ("next", "two-sided", 0.95)
    assert spec.models == (ModelSetting(name="constant_mean", model="constant_mean"),)


def test_returns_are_log_unless_said_and_the_spec_knows_it():
    for spec in (StudySpec(), spec_from({}), replace(StudySpec(), seed=3)):
        assert spec.returns == "log"
        assert spec.assumed == ("returns",)
    for spec in (StudySpec(returns="log"), spec_from({"returns": "simple"})):
        assert spec.assumed == ()
    assert StudySpec() == StudySpec(returns="log")
    assert repr(StudySpec()) == repr(StudySpec(returns="log"))
    assert type(StudySpec().as_dict()["returns"]) is str


def my_model(y, x, *, n_estimation, **context):
    raise NotImplementedError


def my_test(sample, options):
    raise NotImplementedError


def test_functions_stand_where_names_are_taken():
    spec = StudySpec(model=my_model, tests=["csect", my_test])
    assert spec.tests == ("csect", "my_test")
    (held,) = spec.models
    assert (held.name, held.model) == ("my_model", "my_model")
    assert "tests=('csect', 'my_test')" in repr(spec)
    plain = spec.as_dict()
    assert json.loads(json.dumps(plain))["tests"] == ["csect", "my_test"]
    assert type(plain["tests"][1]) is type(plain["models"][0]["model"]) is str
    for again in (replace(spec, seed=5), pickle.loads(pickle.dumps(spec))):
        assert again.tests[1].member is my_test
        assert again.models[0].model.member is my_model
    with pytest.raises(SpecError, match="tests has 'my_test' twice"):
        StudySpec(tests=[my_test, my_test])
    with pytest.raises(SpecError, match="model = 3; wanted a name or a function"):
        ModelSetting(model=3)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model": "Market"}, "unknown model 'Market': did you mean 'market'?"),
        ({"model": "nope"}, "unknown model 'nope'; known: constant_mean, market_adj"),
        ({"model": "market"}, "model 'market' (market) takes one factor, got none"),
        ({"model": "constant_mean", "factors": ["SPY"]}, "takes no factor, got SPY"),
        ({"tests": ["BMP"]}, "unknown test 'BMP': did you mean 'bmp'?"),
        ({"tests": ["tt"]}, "unknown test 'tt'"),
    ],
)
def test_members_that_there_are_not_are_refused_at_once(given, said):
    with pytest.raises(SpecError) as caught:
        StudySpec(**given)
    assert said in str(caught.value)


def test_words_stand_for_several_tests():
    default = StudySpec().tests
    assert StudySpec(tests=["default", "crude"]).tests == (*default, "crude")
    usual = {n: e for n, e in TESTS.items() if e.by_default and e.level == "sample"}
    assert default == tuple(usual)
    assert StudySpec(tests=["all"]).tests == tuple(TESTS)
    assert len(default) > 5


@pytest.mark.parametrize(
    ("given", "name", "factors"),
    [
        ({}, "constant_mean", ()),
        ({"model": "market_adjusted", "factors": ["SPY"]}, "market_adjusted", ("SPY",)),
        ({"factors": ["SPY"]}, "market", ("SPY",)),
    ],
)
def test_shorthand_of_one_model(given, name, factors):
    spec = spec_from(given)
    assert spec.models == (ModelSetting(name=name, model=name, factors=factors),)
    assert (spec.model, spec.factors) == (None, ())


def test_assets_and_symbols():
    spec = SPECS["all"]
    assert spec.assets == ("RIOT", "MARA", "BTC-USD")
    assert spec.symbols == ("RIOT", "MARA", "BTC-USD", "^GSPC")
    assert [spec.group_of(a) for a in ("MARA", "BTC-USD", "SPY")] == [
        "miners",
        "bitcoin",
        "all",
    ]
    assert spec.questions[0].window == (0, 20)


@pytest.mark.parametrize("spec", SPECS.values(), ids=list(SPECS))
def test_the_plain_form_reads_back_as_the_same_spec(spec):
    plain = spec.as_dict()
    assert spec_from(plain) == spec
    assert spec_from(json.loads(json.dumps(plain))) == spec
    assert replace(spec) == spec
    shorthand = {"model", "factors"}
    if spec.long_run is None:
        shorthand |= {"long_run"}
    if spec.frequency == "daily":
        shorthand |= {"frequency"}
    if not spec.outcomes:
        shorthand |= {"outcomes"}
    assert set(plain) == {f.name for f in fields(StudySpec)} - shorthand


def test_sequences_of_any_kind_are_the_same_spec():
    lists = StudySpec(
        returns="log",
        models=[ModelSetting(name="m", model="market", factors=["SPY"], groups=["g"])],
        groups={"g": ["A", "B"]},
        windows=[[-1, 1], np.array([0, 5]).tolist()],
        estimation=(np.int64(-100), np.int64(-11)),
        tests=["bmp"],
    )
    tuples = StudySpec(
        returns="log",
        models=(
            ModelSetting(name="m", model="market", factors=("SPY",), groups=("g",)),
        ),
        groups={"g": ("A", "B")},
        windows=((-1, 1), (0, 5)),
        estimation=(-100, -11),
        tests=("bmp",),
    )
    assert lists == tuples
    assert json.loads(json.dumps(lists.as_dict())) == json.loads(
        json.dumps(tuples.as_dict())
    )


def test_a_spec_does_not_change_with_what_it_was_made_from():
    groups = {"g": ["A"]}
    spec = StudySpec(returns="log", groups=groups)
    groups["g"].append("B")
    groups["h"] = ["C"]
    assert spec.assets == ("A",)
    with pytest.raises(AttributeError):
        spec.seed = 3


def _models(*settings):
    return {"models": [dict(setting) for setting in settings]}


M = {"name": "m", "model": "market", "factors": ["SPY"]}
Q = {"text": "How far?", "event_id": "one"}

REFUSED = [
    # choices
    ({"returns": "logs"}, "returns = 'logs'; allowed: log, simple"),
    ({"missing": "fill"}, "missing = 'fill'; allowed: trade_to_trade, drop"),
    ({"overlap": True}, "overlap = True; allowed: exclude, keep"),
    ({"day0": ["next"]}, "day0 = ['next']; allowed: next, previous, error, drop"),
    ({"alternative": "up"}, "alternative = 'up'; allowed: two-sided, less, greater"),
    # numbers
    ({"level": 0.5}, "level = 0.5; wanted a confidence such as 0.95"),
    ({"level": 95}, "level = 95.0; wanted a confidence"),
    ({"level": float("nan")}, "level = nan; wanted a confidence"),
    ({"level": "95%"}, "level = '95%'; wanted a number"),
    ({"min_coverage": 0}, "min_coverage = 0.0; wanted a share in (0, 1]"),
    ({"min_coverage": 80}, "min_coverage = 80.0; wanted a share in (0, 1]"),
    ({"min_estimation": 1}, "min_estimation = 1; wanted at least 2"),
    ({"min_estimation": 60.0}, "min_estimation = 60.0; wanted a whole number"),
    ({"min_estimation": 121}, "min_estimation = 121 but the estimation window"),
    ({"resamples": 98}, "resamples = 98; wanted 99 to 1,000,000"),
    ({"seed": -1}, "seed = -1; wanted a whole number from 0"),
    ({"seed": True}, "seed = True; wanted a whole number"),
    ({"seed": "7"}, "seed = '7'; wanted a whole number"),
    # windows
    ({"estimation": "-130:-11"}, "estimation = '-130:-11'; wanted first and last"),
    ({"estimation": [-130]}, "estimation = [-130]; wanted first and last session"),
    ({"estimation": [-130.5, -11]}, "estimation = [-130.5, -11]; wanted first and"),
    ({"estimation": [-11, -130]}, "estimation = -11:-130 ends before it starts"),
    ({"estimation": [-20_000, -11]}, "estimation = -20000:-11 is longer than 10000"),
    ({"estimation": [-130, -10]}, "[-130,-10] must end before the event window"),
    ({"purge": [5, -1]}, "purge = 5:-1 ends before it starts"),
    ({"purge": 5}, "purge = 5; wanted first and last session"),
    ({"event_window": [3, 1]}, "event_window = 3:1 ends before it starts"),
    ({"windows": []}, "windows is empty; give at least one"),
    ({"windows": [-1, 1]}, "windows[0] = -1; wanted first and last session"),
    ({"windows": [[0, 1], [1, 0]]}, "windows[1] = 1:0 ends before it starts"),
    ({"windows": [[0, 11]]}, "windows[0] = [0,+11] is not inside the event window"),
    ({"windows": [[-1, 1], [0, 1], [-1, 1]]}, "windows has '[-1,+1]' twice"),
    ({"windows": "-1:1"}, "windows = '-1:1'; wanted a list"),
    ({"volatility_pre": [-60, 0]}, "volatility_pre [-60,0] must end before"),
    # groups and names
    ({"groups": ["A"]}, "groups = ['A']; wanted a table of names"),
    ({"groups": {"g": "RIOT"}}, "groups.g = 'RIOT'; wanted a list of names"),
    ({"groups": {"g": []}}, "group 'g' is empty"),
    ({"groups": {"g": ["A", "A"]}}, "groups.g has 'A' twice"),
    ({"groups": {"g": ["A"], "h": ["A"]}}, "A is in group 'g' and in 'h'"),
    ({"groups": {"all": ["A"]}}, "no group can be called 'all'"),
    ({"groups": {"g": [1]}}, "groups.g = [1]; wanted a list of names"),
    ({"calendars": {"default": 5}}, "calendars.default = 5; wanted a text"),
    ({"tests": "bmp"}, "tests = 'bmp'; wanted a list of names"),
    ({"tests": ["bmp", "bmp"]}, "tests has 'bmp' twice"),
    ({"title": 3}, "title = 3; wanted a text"),
    # models
    ({"model": "market", **_models(M)}, "either model and factors, or models"),
    ({"factors": ["SPY"], **_models(M)}, "either model and factors, or models"),
    ({"model": "market", "factors": "^GSPC"}, "factors = '^GSPC'; wanted a list"),
    ({"model": 3}, "model = 3; wanted a name or a function"),
    ({"models": M}, "wanted tables headed [[models]]"),
    (_models({"name": "m"}), "[[models]] number 1 lacks model"),
    (_models(M, {"factors": []}), "[[models]] number 2 lacks model"),
    (
        _models({**M, "factor": 1}),
        "has an unknown key 'factor' (did you mean 'factors'?)",
    ),
    (
        _models({**M, "factors": ["SPY"] * 2}),
        "[[models]] number 1: factors has 'SPY' tw",
    ),
    (_models({**M, "groups": ["h"]}), "model 'm' names group 'h'; known: none"),
    (_models(M, M), "two models called 'm' claim group 'all': give one of them"),
    (
        {"groups": {"g": ["A"]}, **_models(M, {**M, "groups": ["g"]})},
        "two models called 'm' claim group 'g'",
    ),
    # questions
    ({"questions": [{**Q, "window": [0, 2]}]}, "'How far?': window [0,+2] is none of"),
    (
        {"questions": [{**Q, "window": [0]}]},
        "[[questions]] number 1: window = [0]; want",
    ),
    ({"questions": [{**Q, "models": ["x"]}]}, "unknown model setting 'x'; known:"),
    ({"questions": [{**Q, "measure": "volume"}]}, "allowed: car, volatility"),
    ({"questions": [{"text": "Why?"}]}, "[[questions]] number 1 lacks event_id"),
    # keys
    ({"windws": [[0, 1]]}, "unknown key 'windws' (did you mean 'windows'?); known: al"),
    (
        {"colour": "red"},
        "the study file has an unknown key 'colour'; known: alternative",
    ),
]


@pytest.mark.parametrize(("table", "said"), REFUSED)
def test_refusals_say_what_was_found_and_what_was_wanted(table, said):
    with pytest.raises(SpecError) as caught:
        spec_from(table)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"models": ["market"]}, "models[0] = 'market'; wanted ModelSetting(...)"),
        ({"questions": ["How far?"]}, "questions[0] = 'How far?'; wanted Question"),
        ({"windows": ((0, 50),)}, "windows[0] = [0,+50] is not inside"),
        ({"estimation": (-20, -11)}, "has only 10 sessions"),
        (
            {"model": "market", "factors": ("SPY",)},
            "either model and factors, or models",
        ),
    ],
)
def test_changing_a_spec_checks_it_again(changes, said):
    with pytest.raises(SpecError) as caught:
        replace(SPECS["defaults"], **changes)
    assert said in str(caught.value)
    assert replace(SPECS["defaults"], seed=3).seed == 3


@pytest.mark.parametrize(
    "changed",
    [
        lambda: ModelSetting(name="m", model="market", factors="SPY"),
        lambda: Question(text="?", event_id="e", assets="SPY"),
        lambda: Question(text="?", event_id="e", window="0:1"),
    ],
    ids=["factors", "assets", "window"],
)
def test_parts_check_themselves(changed):
    with pytest.raises(SpecError, match="wanted"):
        changed()


@pytest.mark.parametrize("name", ["a/b", "../x", "a\x1b[31m", "a\u202eb", "x" * 101])
def test_names_of_groups_and_models_follow_the_rules_of_symbols(name):
    with pytest.raises(SpecError, match=r"the name of a group cannot"):
        StudySpec(groups={name: ("AAA",)})
    with pytest.raises(SpecError, match=r"the name of a model cannot"):
        StudySpec(models=(ModelSetting(name=name, model="constant_mean"),))
    for fine in ("Bergbau & Strom", "矿业", "net_of_bitcoin"):
        assert StudySpec(groups={fine: ("AAA",)}).group_of("AAA") == fine


# --- files --------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_a_study_file_that_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "zero.toml").symlink_to("/dev/zero")
    (tmp_path / "folder.toml").mkdir()
    for name in ("pipe", "zero", "folder"):
        with pytest.raises(DataError, match="no study file"):
            read_spec(tmp_path / f"{name}.toml")


def test_a_study_file_is_read(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(FULL, encoding="utf-8-sig")  # as some editors of Windows save it
    assert read_spec(path) == read_spec(str(path)) == SPECS["all"]


def _nothing(path):
    pass


def _text(content):
    return lambda path: path.write_text(content, encoding="utf-8")


@pytest.mark.parametrize(
    ("make", "kind", "said"),
    [
        (_nothing, DataError, "cannot be read: No such file"),
        (lambda path: path.mkdir(), DataError, "a folder, pipe or device"),
        (
            lambda path: path.write_bytes(b"PK\x03\xff\xfe"),
            DataError,
            "not a TOML study",
        ),
        (_text("event_id,announced_at\n"), DataError, "not a TOML study file"),
        (_text("seed = 1\nseed = 2"), DataError, "not a TOML study file"),
        (_text("a = " + "[" * 5000), DataError, "not a TOML study file"),
        (_text("#" * 1_000_001), DataError, "larger than 1000000 bytes"),
        (_text("seed = 1.5"), SpecError, "seed = 1.5; wanted a whole number"),
        (_text("[[models]]\nname = 'm'"), SpecError, "[[models]] number 1 lacks model"),
        (_text("sede = 1"), SpecError, "(did you mean 'seed'?)"),
    ],
    ids=[
        *("missing", "folder", "binary", "no TOML", "key twice", "deep", "large"),
        *("wrong type", "lacking", "unknown key"),
    ],
)
def test_files_that_are_no_study_are_refused_by_name(make, kind, said, tmp_path):
    path = tmp_path / "study.toml"
    make(path)
    with pytest.raises(kind) as caught:
        read_spec(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


FAULTY = """\
# a comment: seed = 1
title = '''
seed = 2
'''
event_window = [-5, 5]
windows = [
  [-1, 1],
  [0, 9],
]

[groups]  # all of them
miners = ["RIOT"]
"BTC" = ["BTC-USD"]

[[models]]
name = "one"
model = "constant_mean"

[[models]]
name = "two"
model = "market"
factors = ["SPY"]
groups = ["nobody"]
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("windows", "windws", 6, "unknown key 'windws' (did you mean 'windows'?)"),
        ("[0, 9]", "[0, 5]", 23, "names group 'nobody'; known: miners, BTC"),
        ("[0, 9]", "[0, 9]", 6, "windows[1] = [0,+9] is not inside the event window"),
        ('["RIOT"]', '"RIOT"', 12, "groups.miners = 'RIOT'; wanted a list of names"),
        ('["BTC-USD"]', "[3]", 13, "groups.BTC = [3]; wanted a list of names"),
        ('["SPY"]', "1", 22, "[[models]] number 2: factors = 1; wanted a list"),
        ('model = "market"', "", 19, "[[models]] number 2 lacks model"),
        ("factors =", "factor =", 22, "[[models]] number 2 has an unknown key"),
    ],
)
def test_faults_of_a_file_are_told_with_their_line(old, new, line, said, tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(FAULTY.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        read_spec(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert said in str(caught.value)


def test_every_setting_is_described_once():
    for kind in (StudySpec, ModelSetting, Question):
        words = inspect.getdoc(kind)
        for one in settings_of(kind):
            assert re.search(
                rf"^{one.name} : .+\n    {re.escape(one.sentence)}$", words, re.M
            )
            assert one.meaning == one.meaning.strip().rstrip(".")
    flags = [one.flag for one in settings_of(StudySpec) if one.flag]
    assert len(set(flags)) == len(flags)
    assert all(re.fullmatch(r"--[a-z0-9-]+", flag) for flag in flags)


# --- windows in words ---------------------------------------------------------------


@given(st.integers(-9999, 9999), st.integers(-9999, 9999))
def test_window_text_reads_back(start, end):
    text = window_text((start, end))
    assert tuple(map(int, text[1:-1].split(","))) == (start, end)
    assert text[0] + text[-1] == "[]"
    for number, part in zip((start, end), text[1:-1].split(","), strict=True):
        assert part.startswith("+") == (number > 0)
