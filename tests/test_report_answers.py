"""What a reader asks of the first page is answered there, also where it is "no"."""

from dataclasses import replace

import polars as pl
import pytest
import report_sample as sample

from eventstudy.report import effects
from eventstudy.report.announced import means
from eventstudy.report.render import render
from eventstudy.report.sections import averages, doubts, influence, limits, made
from eventstudy.report.views import Views


def test_a_groups_mean_at_an_announcement_is_that_of_all_its_assets(worked_example):
    """One asset may share the day with news of its own: it still counts."""
    result = worked_example.result()
    found = means(result).filter(group="china_rigs", event_id="CN21-13a")["car"].item()
    used = result.observations.filter(
        event_id="CN21-13a", group="china_rigs", model="total", status="used"
    ).select("asset", event_id="observation")
    assert used["event_id"].n_unique() > 1  # BTCM's has its own announcement too
    cars = result.cars.filter(start=-1, end=1, model="total")
    values = used.join(cars, on=["asset", "event_id"])["car"]
    assert len(values) == 6
    assert found == pytest.approx(values.mean(), rel=1e-12)


def one_announcement():
    result = sample.sample_result()
    first = result.events["event_id"][0]
    keep = {
        name: table.filter(pl.col("event_id") == first)
        for name in ("events", "observations", "cars")
        if (table := getattr(result, name)) is not None
    }
    return replace(result, **keep)


def test_one_date_is_said_to_be_one():
    result = one_announcement()
    found = effects.Effects(result)
    assert influence.line(found, found.rows[:1], []).startswith("It is one date")
    assert "The study rests on one date" in doubts.line(result)
    text = limits.SECTION.write(Views(result))
    assert "One date, however many assets, says nothing of other" in text
    title = result.events["title"][0]
    assert f"; “{title}” (" in render(result).splitlines()[2]


def test_few_dates_are_a_doubt_and_many_are_none():
    plain = sample.sample_result()
    for n_dates, said in ((6, True), (40, False)):
        table = plain.headline.with_columns(n_dates=pl.lit(n_dates))
        result = replace(plain, headline=table)
        assert (f"verages rest on {n_dates} dates" in doubts.line(result)) is said
        text = limits.SECTION.write(Views(result))
        assert (f"{n_dates} dates are a small sample" in text) is said


def test_what_the_intervals_leave_possible_is_said_of_what_is_not_found():
    plain = sample.sample_result()
    ends = {"ci_low_these": pl.lit(-0.01), "ci_high_these": pl.lit(0.02)}
    for verdict, said in (("not distinguishable", True), ("distinguishable", False)):
        table = plain.headline.with_columns(verdict=pl.lit(verdict), **ends)
        text = limits.SECTION.write(Views(replace(plain, headline=table)))
        assert ("the intervals hold effects of" in text) is said


def test_a_naive_reading_is_told_with_its_numbers():
    result = sample.sample_result()
    row = effects.Effects(result).rows[0]
    first = (pl.col("model") == row["model"]) & (pl.col("group") == row["group"])
    for pvalue, said in ((0.5, "would say the same"), (0.001, "claimed more")):
        changed = pl.when(first & (pl.col("test") == "csect")).then(pvalue)
        tests = result.tests.with_columns(pvalue=changed.otherwise("pvalue"))
        held = result.headline.with_columns(recommended=pl.lit("kp_bmp"))
        high = pl.when(pl.col("test") == "kp_bmp").then(0.4).otherwise("pvalue")
        tests = tests.with_columns(pvalue=high)
        if said == "would say the same":
            naive = pl.col("test").is_in(["csect", "patell"])
            tests = tests.with_columns(
                pvalue=pl.when(naive).then(0.5).otherwise("pvalue")
            )
        text = averages.naive_sentence(
            effects.Effects(replace(result, headline=held, tests=tests))
        )
        assert said in text
        assert "in place of p" in text


def test_another_model_is_compared_or_said_to_be_missing():
    result = sample.sample_result()
    found = effects.Effects(result)
    models = {row["model"] for row in found.rows}
    text = averages.other_models(found)
    assert ("one model only" in text) is (len(models) == 1)
    one = result.headline.filter(pl.col("model") == result.spec.models[0].name)
    alone = effects.Effects(replace(result, headline=one))
    assert "was measured by one model only" in averages.other_models(alone)


def test_the_first_lines_say_what_expected_means():
    result = sample.sample_result()
    text = made.expected(result)
    assert text.startswith("Expected is ")
    assert "what ^GSPC tells (market model)" in text
    assert text in render(result)
