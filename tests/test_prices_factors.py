import io
import zipfile
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from eventstudy.core.errors import DataError, SpecError
from eventstudy.prices import fetch_prices
from eventstudy.prices.factors import FACTOR_SETS, read_factors, with_factors

DATA = (Path(__file__).parents[1] / ".." / "shared" / "data" / "factors").resolve()

# The layout of the published daily files; the numbers are made up.
PUBLISHED = """\
This file was created using the 202104 CRSP database.
The Tbill return is the simple daily rate that, over the number of trading days,
compounds to 1-month TBill rate.

,Mkt-RF,SMB,HML,RF
20210517,   -0.23,    0.41,    1.32,   0.010
20210518,   -0.81,    0.12,   -0.02,   0.010
20210519,   -0.30,  -99.99,   -0.95,   0.010
20210520,    1.12,    0.26,   -1.61,   0.010

Copyright 2021 Eugene F. Fama and Kenneth R. French
"""
MOMENTUM = """\
This file was created using the 202104 CRSP database.  It contains a momentum factor.
Missing data are indicated by -99.99 or -999.

,Mom
20210518,    0.50
20210519,   -1.20
20210520,    0.70
20210521,    0.10

Copyright 2021
"""


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.fixture
def published(tmp_path) -> Path:
    return write(tmp_path, "F-F_Research_Data_Factors_daily.csv", PUBLISHED)


def test_as_published(published):
    factors = read_factors(published, "ff3")
    assert factors.names == ("mkt_rf", "smb", "hml")
    assert factors.frame.columns == ["date", "mkt_rf", "smb", "hml", "rf"]
    row = factors.frame.row(0, named=True)
    assert row["date"] == date(2021, 5, 17)
    assert row["mkt_rf"] == pytest.approx(-0.0023)
    assert row["rf"] == pytest.approx(0.0001)
    assert factors.frame["smb"].to_list()[2] is None
    assert factors.files[0][0] == published.name


def test_zipped_as_published(tmp_path, published):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(published, published.name)
    path = write(tmp_path, "F-F_Research_Data_Factors_daily_CSV.zip", packed.getvalue())
    plain, zipped = read_factors(published, "capm"), read_factors(path, "capm")
    assert zipped.frame.equals(plain.frame)
    path.write_bytes(packed.getvalue()[:100])
    with pytest.raises(DataError, match="the zip file is damaged"):
        read_factors(path, "capm")


def test_momentum_is_in_a_file_of_its_own(tmp_path, published):
    with pytest.raises(DataError, match=r"no factor mom in .*; found hml, mkt_rf, rf"):
        read_factors(published, "carhart")
    momentum = write(tmp_path, "F-F_Momentum_Factor_daily.csv", MOMENTUM)
    factors = read_factors([published, momentum], "carhart")
    assert factors.names == FACTOR_SETS["carhart"]
    assert factors.frame["date"].to_list() == [date(2021, 5, d) for d in (18, 19, 20)]
    assert factors.frame["mom"].to_list() == pytest.approx([0.005, -0.012, 0.007])


def test_own_file_in_fractions_or_percent(tmp_path):
    text = "date,Mkt-RF,RF\n2021-05-19,-0.003,0.0\n2021-05-20,0.0112,0.0\n"
    path = write(tmp_path, "mine.csv", text)
    assert read_factors(path, "capm").frame["mkt_rf"].to_list() == [-0.003, 0.0112]
    small = read_factors(path, "capm", units="percent")
    assert small.frame["mkt_rf"].to_list() == pytest.approx([-3e-5, 1.12e-4])
    doubtful = write(tmp_path, "x.csv", "date,MKT\n2021-05-19,-0.05\n2021-05-20,0.06\n")
    with pytest.raises(DataError, match=r"percent or fractions\? Say units"):
        read_factors(doubtful, ["mkt_rf"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("20210518", "20210517", "7: column 'date': .*a second row for the day"),
        ("20210518", "20211318", "7: column 'date': .*not a date"),
        ("   -0.81", "    soon", "7: column 'mkt_rf': value 'soon': not a number"),
        ("   -0.81", "     inf", "7: column 'mkt_rf'"),
        ("   -0.81", "  250.00", "a return of 100 % a day"),
        (PUBLISHED, "<html>", "this is a web page"),
        (PUBLISHED, "date,smb\n202105,1.0\n202106,2.0\n", "not a date"),
    ],
)
def test_refused(tmp_path, old, new, message):
    path = write(tmp_path, "f.csv", PUBLISHED.replace(old, new))
    with pytest.raises(DataError, match=rf"(?s)f\.csv.*{message}"):
        read_factors(path, "ff3")


def test_unknown_set(published):
    with pytest.raises(
        SpecError, match="unknown set of factors 'ff4': did you mean 'ff6'"
    ):
        read_factors(published, "ff4")


def test_as_levels_among_prices(published):
    prices = fetch_prices(["BTCM"])
    factors = read_factors(published, ["mkt_rf", "hml"])
    both = with_factors(prices, factors)
    assert both.symbols == ("BTCM", "hml", "mkt_rf", "rf")
    levels = both.frame.filter(symbol="hml")["adj_close"]
    assert levels[0] == 100
    returns = levels.pct_change().drop_nulls().to_list()
    assert returns == pytest.approx(factors.frame["hml"].to_list())
    assert {f.name for f in both.files if f.symbol != "BTCM"} == {published.name}
    with pytest.raises(SpecError, match="the same name"):
        with_factors(both, factors)


def test_a_missing_return_is_not_passed_over_as_zero(published, tmp_path):
    factors = read_factors(published, "ff3")
    with pytest.raises(DataError, match="the factor smb has no return on 2021-05-19"):
        with_factors(fetch_prices(["BTCM"]), factors)
    at_the_end = PUBLISHED.replace("-99.99", "  0.10").replace("1.12", "-999")
    path = write(tmp_path, "f.csv", at_the_end)
    levels = with_factors(fetch_prices(["BTCM"]), read_factors(path, "ff3")).frame
    assert levels.filter(symbol="mkt_rf")["date"].max() == date(2021, 5, 19)


def test_the_factors_of_the_study_years():
    path = DATA / "ff5_mom_daily.csv"
    if not path.is_file():
        pytest.skip("the folder with the factors is not here")
    factors = read_factors(path, "ff6")
    day = factors.frame.row(by_predicate=pl.col("date") == date(2016, 1, 4), named=True)
    assert day["mkt_rf"] == pytest.approx(-0.0159)
    assert day["mom"] == pytest.approx(-0.0193)
    assert factors.frame.height == 1762
