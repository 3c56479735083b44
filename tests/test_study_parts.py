"""Only the parts of a study that are asked for are computed, and the result says so."""

from dataclasses import replace

import polars as pl
import pytest

import eventstudy as es
from eventstudy.core.errors import SpecError
from eventstudy.outcomes import OUTCOMES, OutcomeEntry
from eventstudy.report import pages, tables
from eventstudy.spec import PARTS
from eventstudy.study import builders
from eventstudy.study.inputs import request_of
from eventstudy.study.schema import SCHEMA
from eventstudy.study.table import Table, number, text

pytestmark = pytest.mark.long

EVENTS = pl.DataFrame(
    {
        "event_id": ["list", "summons"],
        "announced_at": ["2021-06-18T18:00+08:00", "2021-06-21T18:12+08:00"],
    }
)
SPEC = es.StudySpec(
    model="market",
    factors=("^GSPC",),
    groups={"china": ("BTCM",), "abroad": ("RIOT",)},
    windows=((-1, 1),),
    tests=("csect",),
    resamples=99,
)
# Rows of a table that several parts add to, by part.
ROWS = {
    "tests": {
        "returns": pl.col("outcome").is_in(["car", "bhar"]),
        "volume": pl.col("outcome").is_in(["volume", "volume_change"]),
        "illiquidity": pl.col("outcome").is_in(["illiquidity", "spread"]),
    },
    "volatility": {
        "volatility": ~pl.col("measure").is_in(["garch", "realised"]),
        "garch": pl.col("measure") == "garch",
    },
    "ledger": {"volume": pl.col("stage").is_in(["prices", "volume"])},
}


@pytest.fixture(scope="module")
def study():
    prices = es.fetch_prices(["BTCM", "RIOT", "^GSPC"], source="snapshot")
    return lambda *parts: es.run(replace(SPEC, parts=parts), EVENTS, prices)


@pytest.fixture(scope="module")
def whole(study):
    return study("all")


@pytest.mark.parametrize("part", PARTS)
def test_a_part_gives_its_tables_as_the_whole_study_does(part, study, whole):
    result = study(part)
    assert result.spec.parts == (part,)
    for name, table in SCHEMA.items():
        found, wanted = result.tables[name], whole.tables[name]
        if not table.made_by and name != "ledger":
            assert found.equals(wanted), name
        elif part in table.made_by:
            rows = ROWS.get(name, {})
            kept = wanted.filter(rows.get(part, False)) if rows else wanted
            assert found.equals(kept), name
            assert result.computed(name)
        else:
            assert name == "ledger" or found.is_empty(), name
            assert result.computed(name) == (not table.made_by)
    left = [one for one in PARTS if one != part]
    assert f"not computed: {', '.join(left)}" in result.provenance["notes"]
    assert repr(result).endswith(f"; only {part})")


def test_all_parts_named_are_the_whole_study(study, whole):
    named = study(*reversed(PARTS))
    assert named.spec == whole.spec
    for name, table in whole.tables.items():
        assert named.tables[name].equals(table), name
    assert not any("not computed" in note for note in whole.provenance["notes"])


def test_the_library_computes_returns_and_the_command_all(tmp_path):
    assert es.StudySpec().parts == ("returns",)
    assert request_of(EVENTS, factors=["^GSPC"]).spec.parts == tuple(PARTS)
    asked = request_of(EVENTS, factors=["^GSPC"], parts=["joint", "returns"]).spec
    assert asked.parts == ("returns", "joint")
    path = tmp_path / "study.toml"
    path.write_text('parts = ["volume"]', encoding="utf-8")
    assert request_of(EVENTS, path).spec.parts == ("volume",)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (["volum"], "unknown part 'volum': did you mean 'volume'"),
        ([], "parts is empty; name at least one, such as returns"),
        ("volume", "parts = 'volume'; wanted a list of names"),
        (["volume", "volume"], "parts has 'volume' twice"),
    ],
)
def test_parts_that_there_are_not_are_refused(parts, said):
    with pytest.raises(SpecError) as caught:
        es.StudySpec(parts=parts)
    assert said in str(caught.value)


def test_an_outcome_of_a_user_is_a_part_of_its_own(study):
    entry = OutcomeEntry(
        name="closing", of=lambda columns: columns["close"], needs=("close",)
    )
    OUTCOMES.register(entry)
    try:
        found = study("outcomes").tests
    finally:
        OUTCOMES.remove("closing")
    assert found["outcome"].unique().to_list() == ["closing"]


def first_moves(held: builders.Study) -> dict[str, pl.DataFrame]:
    """Return a table of a user."""
    rows = [
        {"asset": asset, "share": 1.0}
        for members in held.groups.values()
        for asset in members
    ]
    return {"first_moves": SCHEMA["first_moves"].frame(rows)}


def test_a_table_needs_its_builder_and_its_entry_only(study, monkeypatch):
    entry = Table(
        "first_moves",
        "a row per asset",
        (text("asset", "the asset"), number("share", "a number")),
        made_by={"joint": f"{__name__}:first_moves"},
    )
    monkeypatch.setitem(SCHEMA, entry.name, entry)
    result = study("joint")
    assert result.first_moves.rows() == [("BTCM", 1.0), ("RIOT", 1.0)]
    assert tables(result)["first_moves"].equals(result.first_moves)
    assert study("returns").first_moves.is_empty()


def half_mean(sample, options):
    """Half the mean effect."""
    return es.inference.Answer(
        estimate=sample.effect.mean() / 2, statistic=1.0, df=3.0, pvalue=0.25
    )


def half_market(y, x, *, n_estimation, **context):
    """Half the market's return."""
    return es.models.abnormal_from(
        y, 0.5 * x[:, :, 0], n_estimation=n_estimation, **context
    )


def test_functions_are_members_of_a_study_like_others():
    own = es.models.ModelEntry(
        name="half_market",
        meaning="half the market's return",
        fit=half_market,
        min_factors=1,
        expected=lambda abnormal, x: 0.5 * x[:, :, 0],
    )
    prices = es.fetch_prices(["BTCM", "RIOT", "^GSPC"], source="snapshot")
    spec = es.StudySpec(
        model=own,
        factors=("^GSPC",),
        groups=SPEC.groups,
        windows=((-1, 1),),
        tests=["csect", half_mean],
        resamples=99,
        parts=("all",),
    )
    result = es.run(spec, EVENTS, prices)
    assert result.cars["model"].unique().to_list() == ["half_market"]
    session = result.abnormal_returns.filter(offset=0, asset="BTCM").row(0, named=True)
    market = prices.frame.filter(symbol="^GSPC").sort("date")
    market = market.with_columns(r=(pl.col("adj_close") / pl.col("adj_close").shift()))
    r = market.filter(date=session["session"])["r"].log()[0]
    assert session["expected"] == pytest.approx(0.5 * r, rel=1e-9)
    rows = result.tests.filter(test="half_mean", outcome="car")
    both = result.tests.filter(test="csect", outcome="car")
    assert rows["estimate"].to_list() == pytest.approx(
        [value / 2 for value in both["estimate"]]
    )
    assert set(rows["pvalue"]) == {0.25}
    text = "".join(pages(result).values())
    assert "half_mean" in text
    assert "half_market" in text


def test_many_observations_are_not_searched_unasked():
    """The searching parts are left out above the limit, with a word; others stay."""
    events = pl.DataFrame(
        {
            "event_id": ["a", "b"],
            "announced_at": ["2021-06-21T18:12+08:00", "2021-08-03"],
            "assets": ["BTCM", "BTCM"],
        }
    )
    asked = {"factors": ["^GSPC"], "resamples": 99, "windows": [(-1, 1)]}
    parts = ["returns", "breaks", "joint"]
    whole = es.analyze(events, parts=parts, **asked)
    few = es.analyze(events, parts=parts, most_fitted=1, **asked)
    assert few.spec.parts == ("returns",)
    said = few.remarks.filter(about="parts")["text"].item()
    assert said.startswith("breaks, joint: not computed for 2 observations")
    assert "most_fitted" in said
    assert whole.remarks.filter(about="parts").is_empty()
    assert few.breaks.is_empty()
    assert not whole.breaks.is_empty() or not whole.joint.is_empty()
    assert few.cars.equals(whole.cars)
