"""Averages of effects times the direction that the catalogue expects."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

import eventstudy as es

RIGS = ("BTCM", "RIOT", "MARA", "CAN")
DAYS = ("2021-05-21", "2021-06-18", "2021-08-12", "2021-09-24")
TESTS = ("csect", "kp_bmp", "rank", "portfolio", "placebo")


def study(*signs, group="rigs", days=DAYS, **settings):
    events = pl.DataFrame(
        {
            "event_id": [f"e{n}" for n in range(len(days))],
            "announced_at": days,
            f"expected_{group}": signs,
        }
    )
    spec = es.StudySpec(
        model="market",
        factors=("^GSPC",),
        windows=((-1, 1), (0, 5)),
        **{"tests": TESTS, "groups": {"rigs": RIGS}, **settings},
    )
    return es.run(spec, events, es.fetch_prices([*RIGS, "^GSPC"], source="snapshot"))


def of(result, outcome, table="tests", start=-1):
    rows = getattr(result, table).filter(outcome=outcome, start=start)
    return rows if table == "headline" else {r["test"]: r for r in rows.to_dicts()}


def test_the_sign_multiplies_each_effect_before_the_average():
    signs = ("-", "+", "?", "-")
    result = study(*signs)
    factor = {f"e{n}": {"-": -1, "+": 1}.get(s) for n, s in enumerate(signs)}
    for start in (-1, 0):
        effects = [
            factor[event_id] * car
            for event_id, car in result.cars.filter(start=start)
            .select("event_id", "car")
            .iter_rows()
            if factor[event_id] is not None
        ]
        row = of(result, "signed_car", "headline", start).row(0, named=True)
        assert row["n"] == len(effects) == 12
        assert row["estimate"] == pytest.approx(np.mean(effects), rel=1e-12)
        csect = of(result, "signed_car", start=start)["csect"]
        assert csect["pvalue"] == pytest.approx(
            stats.ttest_1samp(effects, 0).pvalue, rel=1e-9
        )
    (note,) = result.remarks.filter(about="directions")["text"]
    assert note.startswith("rigs: 4 of 16 observations have no expected direction")


def test_signs_that_are_all_alike_turn_the_average_and_no_test():
    result = study("-", "-", "-", "-")
    plain, signed = of(result, "car"), of(result, "signed_car")
    assert set(TESTS) <= set(signed)
    for name in TESTS:
        assert signed[name]["estimate"] == pytest.approx(-plain[name]["estimate"])
        assert signed[name]["pvalue"] == pytest.approx(plain[name]["pvalue"], rel=1e-9)
    assert result.remarks.filter(about="directions").is_empty()


def test_the_plain_average_is_what_it_was_without_directions():
    signed, plain = study("-", "+", "?", "-"), study("?", None, "0", "?")
    assert of(plain, "signed_car") == {}
    for table in ("tests", "headline"):
        rows = getattr(signed, table)
        rows = rows.filter(pl.col("outcome") != "signed_car")
        assert rows.equals(getattr(plain, table))
    assert signed.aar.equals(plain.aar)


def test_opposite_signs_on_close_dates_are_opposite_disturbances():
    """Windows that share sessions are negatively correlated where signs differ."""
    close = ("2021-06-18", "2021-06-21", "2021-08-12", "2021-09-24")
    result = study("-", "+", "-", "-", days=close)
    alike = study("-", "-", "-", "-", days=close)
    rbars = [
        of(one, "signed_car", "headline").row(0, named=True)["rbar"]
        for one in (result, alike)
    ]
    assert rbars[0] < rbars[1]
    plain = of(alike, "car", "headline").row(0, named=True)
    assert rbars[1] == pytest.approx(plain["rbar"])


def test_directions_that_no_average_uses_are_a_warning():
    words = "expected to work in both directions (expected_coins)"
    (text,) = study("-", "+", "-", "-", group="coins").remarks.filter(
        about="directions", severity="warning"
    )["text"]
    assert words in text
    one_way = study("-", "-", "?", "-", group="coins")
    assert one_way.remarks.filter(about="directions").is_empty()


@pytest.mark.parametrize(
    ("signs", "left_out", "factor"),
    [
        (("-", "?", "+", "-"), 0, {0: -1, 1: 1, 2: -1}),
        (("0", "-", "+", "-"), 0, {0: -1, 1: 1, 2: -1}),
        (("-", "+", "+", "-"), 4, {1: 1, 2: -1}),
        (("?", None, "+", "-"), 4, {1: 1, 2: -1}),
    ],
)
def test_of_announcements_of_one_day_those_with_a_direction_decide(
    signs, left_out, factor
):
    days = ("2021-05-21", "2021-05-21", "2021-08-12", "2021-09-24")
    result = study(*signs, days=days)
    ids = result.cars["event_id"].unique(maintain_order=True).to_list()
    effects = [
        factor[ids.index(event_id)] * car
        for event_id, car in result.cars.filter(start=-1)
        .select("event_id", "car")
        .iter_rows()
        if ids.index(event_id) in factor
    ]
    row = of(result, "signed_car", "headline").row(0, named=True)
    assert row["n"] == len(effects) == 12 - left_out
    assert row["estimate"] == pytest.approx(np.mean(effects), rel=1e-12)
    notes = result.remarks.filter(about="directions")["text"].to_list()
    assert len(notes) == (left_out > 0)
