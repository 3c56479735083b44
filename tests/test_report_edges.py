"""Studies with almost nothing in them still give a report that says so."""

import re
from dataclasses import replace

import polars as pl
import pytest
import report_sample as sample

from eventstudy.report import figures, tables
from eventstudy.report.figures import DRAWINGS
from eventstudy.report.tables import to_csv
from eventstudy.spec import ModelSetting
from eventstudy.study.result import StudyResult

pytestmark = pytest.mark.long

# Figure that is drawn from a table.
DRAWN_FROM = {
    "aar": ["caar.svg"],
    "cars": ["car_heatmap.svg"],
    "closes": ["prices.svg"],
    "volatility": ["volatility.svg"],
    "contamination": ["overlap.svg"],
    "conditional": ["conditional.svg"],
    "regimes": ["regimes.svg"],
    "volume_aar": ["volume.svg"],
    "intraday": ["intraday.svg"],
}
KEPT = {"spec", "events", "provenance", "day0", "closes"}


def written(result: StudyResult, *drawings: str) -> str:
    """Write the tables, draw the named figures, and return the text."""
    for table in tables(result).values():
        to_csv(table)
    for name in drawings:
        module = DRAWINGS[name]
        if module.has_data(result):
            assert module.draw(result).endswith(b"</svg>\n")
    text = sample.whole(result)
    assert not re.search(r"\b(nan|None|null|inf)\b", text)
    return text


def one_asset() -> StudyResult:
    spec = sample.sample_spec(
        groups={"shares": ("BTCM",)},
        models=(ModelSetting(name="market", model="market", factors=("^GSPC",)),),
        windows=((0, 0),),
    )
    return sample.sample_result(1, spec)


def test_one_event_one_asset_one_window() -> None:
    text = written(one_asset(), *DRAWINGS)
    assert "1 announcement and 1 asset" in text
    assert "[0,0] (1 session)" in text
    assert "models of the expected return" not in text
    assert "## Other announcements" not in text


def test_everything_dropped() -> None:
    result = sample.sample_result()
    dropped = result.observations.with_columns(
        status=pl.lit("dropped"), reason=pl.lit("no prices")
    )
    names = set(sample.SCHEMA) - KEPT - {"observations", "ledger"}
    empty = {name: sample.empty(name) for name in names}
    result = replace(result, observations=dropped, **empty)
    text = written(result)
    assert "No average effect could be estimated" in text
    assert "No average effect on prices could be judged" in text
    assert "Nothing could be estimated." in text
    assert "No volatility could be compared." in text
    assert "no prices" in text
    assert "0 could be estimated, 12 could not" in text
    assert figures(result) == {}


def only(*parts: str) -> StudyResult:
    """The sample with the tables that some parts of a study make."""
    full = sample.sample_result(spec=sample.sample_spec(parts=parts))
    kept = {"car": "returns", "volume": "volume"}
    outcomes = [outcome for outcome, part in kept.items() if part in parts]
    tests = full.tests.filter(pl.col("outcome").is_in(outcomes))
    absent = {n: sample.empty(n) for n in sample.SCHEMA if not full.computed(n)}
    return replace(full, **{"tests": tests} | absent)


def test_what_was_not_asked_for_is_no_finding() -> None:
    text = written(only("returns"))
    assert "## Volatility\n\nNot computed (parts = returns).\n\n##" in text
    for claim in (
        "No volatility",
        "Did volatility",
        "Half of a shock",
        "Average abnor",
    ):
        assert claim not in text
    assert "## Drift" in text


def test_a_study_of_volatility_says_nothing_about_prices() -> None:
    text = written(only("volatility"))
    said = "Not computed (parts = volatility)."
    assert "Average effects on prices were not asked for in this study." in text
    assert f"## Average effects\n\n{said}\n\n##" in text
    for claim in (
        "No average",
        "Nothing could",
        "No two event",
        "is taken off every session",
        "medians over",
    ):
        assert claim not in text
    assert "**Did volatility change?**" in text


def test_every_table_empty() -> None:
    result = sample.sample_result()
    empty = {name: sample.empty(name) for name in sample.SCHEMA}
    empty["events"] = result.events.clear()
    result = replace(result, **empty, provenance={})
    assert "0 announcements" in written(result)


@pytest.mark.parametrize("name", sorted(set(sample.SCHEMA) - {"observations"}))
def test_any_table_empty(name: str) -> None:
    result = replace(sample.sample_result(), **{name: sample.empty(name)})
    written(result, *DRAWN_FROM.get(name, ()))


@pytest.mark.parametrize("missing", [None, float("nan")])
@pytest.mark.parametrize(
    "name",
    [
        *("abnormal_returns", "cars", "tests", "headline", "aar", "volatility", "fit"),
        *("joint", "joint_tests", "garch", "conditional", "regimes", "breaks"),
        *("volume_aar", "intraday", "intraday_events"),
    ],
)
def test_numbers_missing_everywhere(name: str, missing: float | None) -> None:
    result = sample.sample_result()
    table: pl.DataFrame = getattr(result, name)
    numbers = [c for c, kind in table.schema.items() if kind.is_float()]
    blank = table.with_columns(
        pl.lit(missing, pl.Float64).alias(column) for column in numbers
    )
    written(replace(result, **{name: blank}), *DRAWN_FROM.get(name, ()))


def test_a_catalogue_with_two_columns_only() -> None:
    events = sample.events_frame(3).select("event_id", "announced_at")
    full = sample.sample_result()
    text = written(replace(full, events=events))
    assert "### E3\n" in text
    assert "## Other announcements" not in text, (
        "without the column all are headline events"
    )


def test_all_announcements_minor() -> None:
    events = sample.events_frame(2, headline=[False, False])
    text = written(sample.sample_result(2, events=events))
    assert "No announcement is in the headline sample." in text


def test_no_groups_and_simple_returns() -> None:
    spec = sample.sample_spec(
        returns="simple",
        groups={},
        models=(ModelSetting(name="mean", model="constant_mean"),),
    )
    base = one_asset()
    columns = {"group": pl.lit("all"), "model": pl.lit("mean")}
    named = {
        name: getattr(base, name).with_columns(
            **{c: v for c, v in columns.items() if c in sample.SCHEMA[name].dtypes}
        )
        for name in set(sample.SCHEMA) - KEPT - {"ledger", "contamination"}
        if name != "price_issues"
    }
    text = written(replace(base, spec=spec, **named), *DRAWINGS)
    assert "Returns are simple returns" in text
    assert "**all assets**" in text


def test_a_hundred_announcements_stay_readable() -> None:
    text = written(sample.sample_result(100), "car_heatmap.svg", "prices.svg")
    assert len(text) < 500_000, "GitHub stops rendering at about that size"


def test_long_names_are_cut_in_figures_and_titles() -> None:
    events = sample.events_frame(
        2, event_id=["x" * 100, "y" * 100], title=["t " * 400] * 2
    )
    drawings = ("car_heatmap.svg", "prices.svg", "overlap.svg")
    text = written(sample.sample_result(2, events=events), *drawings)
    headings = [line for line in text.splitlines() if line.startswith("### xxx")]
    assert len(headings[0]) < 240
