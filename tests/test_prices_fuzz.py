"""Whatever comes in, the answer is prices or one of our own errors."""

import copy
import csv
import io
import json
from datetime import date

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from yahoo_server import Listing, utc, weekdays

from eventstudy.core.errors import DataError
from eventstudy.prices import read_prices
from eventstudy.prices.chart import BadAnswerError, read_chart
from eventstudy.prices.provider import CHART_SCHEMA, Chart, NoPricesError
from eventstudy.prices.raw import text_table
from eventstudy.prices.table import SCHEMA

NOW = utc(2021, 7, 15)
LISTING = Listing(
    symbol="RIOT",
    closes=weekdays(date(2021, 5, 3), date(2021, 5, 14)),
    splits={date(2021, 5, 5): (1, 10)},
    dividends={date(2021, 5, 6): 0.1},
)
GOOD = b"date,open,high,low,close\n2021-05-20,9,10,8,9.5\n2021-05-21,9,10,8,8.5\n"
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
    st.lists(st.integers(), max_size=3),
)

quick = settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def places(value, path=()):
    """All paths into a value of JSON."""
    yield path
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, held in items:
        yield from places(held, (*path, key))


PLACES = [path for path in places(LISTING.chart(0, 2**40)) if path]


def read(text: str) -> Chart:
    return read_chart(text, symbol="RIOT", interval="1d", now=NOW)


@quick
@given(st.sampled_from(PLACES), JUNK, st.booleans())
def test_answers_with_something_else_in_one_place(path, junk, remove):
    answer = copy.deepcopy(LISTING.chart(0, 2**40))
    inside = answer
    for key in path[:-1]:
        inside = inside[key]
    if remove:
        del inside[path[-1]]
    else:
        inside[path[-1]] = junk
    try:
        chart = read(json.dumps(answer))
    except (BadAnswerError, NoPricesError):
        return
    assert chart.frame.schema == pl.Schema(CHART_SCHEMA)
    assert chart.frame["date"].is_unique().all()


@quick
@given(st.integers(0, 3000), st.binary(max_size=4))
def test_answers_that_are_cut_or_changed(at, junk):
    text = json.dumps(LISTING.chart(0, 2**40)).encode()
    for changed in (text[:at], text[:at] + junk + text[at + len(junk) :]):
        try:
            chart = read(changed.decode("utf-8", "replace"))
        except (BadAnswerError, NoPricesError):
            continue
        assert chart.frame.height


def test_an_answer_that_is_nested_too_deep():
    try:
        read("[" * 100_000)
    except BadAnswerError as error:
        assert "no JSON" in str(error)  # noqa: PT017


@quick
@given(at=st.integers(0, len(GOOD)), junk=st.binary(max_size=6), keep=st.booleans())
def test_files_that_are_changed(tmp_path, at, junk, keep):
    path = tmp_path / "X.csv"
    path.write_bytes(GOOD[:at] + junk + GOOD[at + (0 if keep else len(junk)) :])
    try:
        prices = read_prices(path)
    except DataError as error:
        assert "X.csv" in str(error)  # noqa: PT017
        return
    assert prices.frame.schema == pl.Schema(SCHEMA)
    assert prices.frame.height <= 4


@quick
@given(st.binary(max_size=200))
def test_files_of_noise(tmp_path, content):
    for name in ("X.csv", "X.parquet"):
        path = tmp_path / name
        path.write_bytes(content)
        try:
            read_prices(path)
        except DataError as error:
            assert name in str(error)  # noqa: PT017


CELLS = st.text(st.sampled_from("ab 1.-é"), max_size=4)


@quick
@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=8))
def test_plain_and_quoted_texts_are_split_alike(rows):
    """The quick splitter agrees with Python's csv, cell by cell and line by line."""
    header = ["date", "close", "note"]
    plain = "\n".join(",".join(row) for row in [header, *rows])
    quoted = io.StringIO()
    csv.writer(quoted, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(
        [header, *rows]
    )
    tables = []
    for text in (plain, quoted.getvalue()):
        cells, lines, _ = text_table(text.encode(), "X.csv")
        tables.append(cells.with_columns(lines.alias("line")))
    assert_frame_equal(*tables)
