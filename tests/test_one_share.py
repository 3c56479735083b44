"""One share under two names counts once, or the study says that it does not."""

import polars as pl
import pytest

import eventstudy as es
from eventstudy.core.errors import SpecError

SPEC = {"model": "market", "factors": ("^GSPC",), "windows": ((-1, 1),)}


@pytest.fixture(scope="module")
def prices():
    return es.fetch_prices(["BTCM", "RIOT", "^GSPC"], source="snapshot").frame


def study(prices, assets, **settings):
    events = pl.DataFrame(
        {"event_id": ["a"], "announced_at": ["2021-06-21"], "assets": [assets]}
    )
    return es.run(es.StudySpec(tests=("csect",), **SPEC, **settings), events, prices)


def twin_of(prices, symbol, name, scale=1.0):
    fields = ["open", "high", "low", "close", "adj_close"]
    rows = prices.filter(symbol=symbol)
    return rows.with_columns(pl.col(fields) * scale, symbol=pl.lit(name))


def test_a_name_in_another_case_is_the_one_that_is_known(prices):
    result = study(prices, "riot BTCM")
    assert result.cars["asset"].to_list() == ["RIOT", "BTCM"]
    assert "riot is spelled RIOT, as in the study" in result.provenance["notes"]
    twice = study(prices, "riot RIOT BTCM")
    assert twice.cars["asset"].to_list() == ["RIOT", "BTCM"]
    grouped = study(prices, "riot", groups={"rigs": ("RIOT", "BTCM")})
    assert grouped.cars["asset"].to_list() == ["RIOT"]


def test_two_symbols_that_differ_in_case_only_are_refused(prices):
    both = pl.concat([prices, twin_of(prices, "RIOT", "riot")])
    with pytest.raises(SpecError, match="RIOT and riot differ in case only"):
        study(both, "RIOT riot")
    with pytest.raises(SpecError, match="riot and RIOT differ in case only"):
        study(prices, "BTCM", groups={"a": ("riot",), "b": ("RIOT",)})


@pytest.mark.parametrize("scale", [1.0, 7.3])
def test_equal_returns_are_a_warning_that_names_both(prices, scale):
    both = pl.concat([prices, twin_of(prices, "RIOT", "RIOX", scale)])
    result = study(both, "RIOT RIOX BTCM")
    (issue,) = result.price_issues.filter(rule="same_returns").rows(named=True)
    words = "the returns of RIOT and RIOX are the same: one share under two names?"
    assert (issue["severity"], issue["detail"]) == ("warning", words)
    assert words in result.remarks.filter(severity="warning")["text"].to_list()
    assert study(both, "RIOT BTCM").price_issues.filter(rule="same_returns").is_empty()


def with_depot(prices):
    """Add a share of two words."""
    return pl.concat([prices, twin_of(prices, "RIOT", "Office Depot")])


@pytest.mark.parametrize(
    ("cell", "assets"),
    [
        ("Office Depot", ["Office Depot"]),
        ("office depot; BTCM", ["Office Depot", "BTCM"]),
        ("BTCM|Office  Depot", ["BTCM", "Office Depot"]),
        ("RIOT BTCM", ["RIOT", "BTCM"]),
    ],
)
def test_a_name_of_two_words_is_one_share_where_prices_know_it(prices, cell, assets):
    found = study(with_depot(prices), cell).cars["asset"].unique(maintain_order=True)
    assert found.to_list() == assets


def test_a_name_of_two_words_without_any_prices_is_an_error(prices):
    with pytest.raises(es.DataError, match="'Home Depots': no prices for it") as error:
        study(with_depot(prices), "RIOT;Home Depots")
    assert "frame:1: column 'assets'" in str(error.value)
    groups = {"rigs": ("RIOT",)}
    assert len(study(with_depot(prices), "RIOT;Home Depots", groups=groups).cars) == 1


def test_a_file_may_hold_a_name_of_two_words(prices, tmp_path):
    held = with_depot(prices).select("symbol", "date", "close", "adj_close")
    held.write_csv(tmp_path / "prices.csv")
    catalogue = tmp_path / "deals.csv"
    catalogue.write_text("event_id,announced_at,assets\na,2021-06-18,Office Depot\n")
    result = es.analyze(
        catalogue, prices=str(tmp_path / "prices.csv"), parts=("returns",)
    )
    assert result.cars["asset"].unique().to_list() == ["Office Depot"]
    assert not [text for text in result.remarks["text"] if "no prices for" in text]
