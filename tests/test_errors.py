"""Errors: one tree, plain words, every place at once."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstudy.core.errors import (
    DataError,
    EventStudyError,
    Problem,
    SourceError,
    SpecError,
    unknown_name,
)

TREE = {SpecError: ValueError, DataError: ValueError, SourceError: OSError}


@pytest.mark.parametrize("kind", TREE)
def test_one_root_catches_all_and_pythons_own_kind_does_too(kind):
    for caught in (EventStudyError, TREE[kind]):
        with pytest.raises(caught, match="what happened"):
            raise kind("what happened")


def test_the_tree_has_no_other_members():
    assert set(EventStudyError.__subclasses__()) == set(TREE)


@pytest.mark.parametrize(
    ("places", "text"),
    [
        ({}, "wrong"),
        ({"file": "a.csv"}, "a.csv: wrong"),
        ({"file": "a.csv", "line": 3}, "a.csv:3: wrong"),
        ({"line": 3}, "line 3: wrong"),
        ({"column": "kind"}, "column 'kind': wrong"),
        ({"value": "bann"}, "value 'bann': wrong"),
        (
            {"file": "a.csv", "line": 3, "column": "kind", "value": "bann"},
            "a.csv:3: column 'kind': value 'bann': wrong",
        ),
        ({"line": 0, "value": ""}, "line 0: value '': wrong"),
        ({"value": "a\nb"}, r"value 'a\nb': wrong"),
    ],
)
def test_a_problem_says_its_place_as_far_as_it_is_known(places, text):
    assert str(Problem(message="wrong", **places)) == text


@given(st.text(max_size=200))
def test_long_values_are_cut(value):
    shown = str(Problem(message="wrong", value=value))
    kept = value if len(value) <= 60 else value[:59] + "…"
    assert shown == f"value {kept!r}: wrong"


def test_a_data_error_lists_every_problem():
    problems = [Problem(message="bad", line=n) for n in (2, 7)]
    error = DataError("a.csv: 2 problems", problems)
    assert error.problems == tuple(problems)
    assert str(error).splitlines() == [
        "a.csv: 2 problems",
        "  line 2: bad",
        "  line 7: bad",
    ]
    assert DataError("nothing more").problems == ()


@pytest.mark.parametrize(
    "error",
    [
        SpecError("no"),
        SourceError("no"),
        DataError("no", [Problem(message="bad", file="a", line=1)]),
    ],
    ids=lambda e: type(e).__name__,
)
def test_errors_survive_the_way_between_processes(error):
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert getattr(back, "problems", None) == getattr(error, "problems", None)


def test_a_source_error_is_a_message_and_not_a_number():
    error = SourceError("host is away")
    assert (str(error), error.errno) == ("host is away", None)
    with pytest.raises(TypeError):
        SourceError(2, "host is away")


def test_unknown_names_come_with_the_known_ones():
    error = unknown_name("test", "tt", {"rank": 1, "bmp": 2})
    assert isinstance(error, SpecError)
    assert str(error) == "unknown test 'tt'; known: bmp, rank"
