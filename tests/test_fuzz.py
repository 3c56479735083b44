"""Thousands of spoiled inputs of each kind: what was wanted, or an error of ours.

A base input is cut, spliced, repeated and sprinkled with what breaks readers. Named
tests stand beside the readers for whatever this has found.
"""

import io
import json
import random
import zipfile
from datetime import date

import polars as pl
import pytest
from yahoo_server import Listing, utc, weekdays

from eventstudy.catalogue import read_events
from eventstudy.core.errors import EventStudyError
from eventstudy.prices import read_factors, read_prices
from eventstudy.prices.cached import Cached
from eventstudy.prices.chart import BadAnswerError, read_chart
from eventstudy.prices.manifest import Manifest
from eventstudy.prices.provider import NoPricesError
from eventstudy.prices.store import DamagedError, Store, read_stored
from eventstudy.spec import read_spec
from eventstudy.study.intraday_bars import read_bars

INPUTS, QUICK = 20_000, 300
LISTING = Listing(
    symbol="RIOT",
    closes=weekdays(date(2021, 5, 3), date(2021, 6, 14)),
    splits={date(2021, 5, 5): (1, 10)},
    dividends={date(2021, 5, 6): 0.1},
)
CATALOGUE = (
    "event_id,announced_at,title,kind,assets,headline,expected_x\n"
    'a,2021-06-21T18:12+08:00,"A, quoted",banking_payment,BTCM;RIOT,true,-\n'
    "b,2021-06-18,List,mining_ban,Office Depot,false,?\n"
    "c,2021-08-03T15:45[America/New_York],x,other,,true,+\n"
)
PRICES = "date,open,high,low,close,adj_close,volume\n" + "".join(
    f"{d},{c:.2f},{1.1 * c:.2f},{0.9 * c:.2f},{c:.2f},{c:.2f},1000\n"
    for d, c in LISTING.closes.items()
)
STUDY = """\
returns = "log"
windows = [[-1, 1], [0, 5]]
estimation = [-130, -11]
decimal = ","
[groups]
miners = ["BTCM", "RIOT"]
[price_files.MKT]
date_format = "%d.%m.%Y"
[[models]]
name = "total"
model = "market"
factors = ["^GSPC"]
"""
FACTORS = ",Mkt-RF,SMB,HML,RF\n" + "".join(
    f"2021{m:02}{d:02},{(d % 5) / 10},0.1,-2.3,0.000\n"
    for m in range(1, 4)
    for d in range(1, 29)
)
MANIFEST = json.dumps(
    {
        "program": "eventstudy",
        "inputs": {
            "source": "files: prices",
            "files": [
                {
                    "role": "prices",
                    "symbol": "A",
                    "name": "A.csv",
                    "sha256": "0" * 64,
                    "rows": 3,
                    "first": "2021-01-04",
                    "last": "2021-01-06",
                    "basis": "as in the file",
                }
            ],
        },
    }
)
SPICE = (
    b"",
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b'"',
    b"'",
    b",",
    b";",
    b"\t",
    b"\n",
    b"\r",
    b"\n\n",
    b"-",
    b"+",
    b"0",
    b"1e999",
    b"-1",
    b"nan",
    b"inf",
    b"null",
    b"NA",
    b"%",
    b"1.234,56",
    b"1,234.5",
    b"$1",
    b"31.02.2021",
    b"99999999",
    b"44368",
    b"1624233600000",
    b"9" * 400,
    b"[" * 50,
    b"{",
    b"}",
    b"]",
    b"=",
    b"#",
    b"\xe9",
    b"\x81",
    "٣".encode(),
    "−".encode(),
    "\u202e".encode(),
    b"../x",
    b"date",
    b"close",
    b"PK\x03\x04",
    b"PAR1",
)


def spoiled(base, rng):
    """Change a base input in a few places."""
    data = bytearray(base)
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        at = rng.randrange(len(data) + 1)
        to = min(len(data), at + rng.choice((0, 0, 1, 3, 20, 200)))
        how = rng.randrange(6)
        if how == 0:
            data[at:to] = rng.choice(SPICE)
        elif how == 1:
            data[at:at] = rng.choice(SPICE)
        elif how == 2:
            data[at:at] = data[at:to]
        elif how == 3:
            del data[at:to]
        elif how == 4 and data:
            data[at % len(data)] = rng.randrange(256)
        else:
            lines = bytes(data).split(b"\n")
            rng.shuffle(lines)
            data = bytearray(b"\n".join(lines))
    return bytes(data)


def zipped(text):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("F.CSV", text)
    return out.getvalue()


def parquet(folder):
    frame = pl.read_csv(PRICES.encode(), try_parse_dates=True)
    frame.write_parquet(folder / "base.parquet")
    return (folder / "base.parquet").read_bytes()


def feather(folder):
    out = io.BytesIO()
    frame = pl.read_csv(PRICES.encode(), try_parse_dates=True)
    frame.write_ipc(out, compression="zstd")
    return out.getvalue()


def stored(folder):
    class Fake:
        name, client, terms, basis, notice = "fake", "fake", "", "as is", ""

        def download(self, symbol, **_):
            return read_chart(
                json.dumps(LISTING.chart(0, 2**40)),
                symbol="RIOT",
                interval="1d",
                now=utc(2021, 7, 15),
            )

    source = Cached(
        provider=Fake(),
        store=Store(root=folder, source="fake"),
        now=lambda: utc(2021, 7, 15),
    )
    source.load(["RIOT"], start=None, end=None)
    return source.store.path("RIOT").read_bytes()


def chart(path):
    read_chart(
        path.read_bytes().decode("utf-8", "surrogateescape"),
        symbol="RIOT",
        interval="1d",
        now=utc(2021, 7, 15),
    )


def ff3(path):
    read_factors([path], "ff3")


KINDS = {
    "catalogue": ("c.csv", lambda _: CATALOGUE.encode(), read_events),
    "study file": ("c.toml", lambda _: STUDY.encode(), read_spec),
    "price CSV": ("P.csv", lambda _: PRICES.encode(), read_prices),
    "price Parquet": ("P.parquet", parquet, read_prices),
    "price Feather": ("P.feather", feather, read_prices),
    "factor zip": (
        "f.zip",
        lambda _: zipped(FACTORS),
        lambda p: read_factors([p], "ff3"),
    ),
    "factor CSV": (
        "f.csv",
        lambda _: FACTORS.encode(),
        lambda p: read_factors([p], "ff3"),
    ),
    "manifest": (
        "m.json",
        lambda _: MANIFEST.encode(),
        lambda p: Manifest(path=p).name,
    ),
    "chart answer": (
        "a.json",
        lambda _: json.dumps(LISTING.chart(0, 2**40)).encode(),
        chart,
    ),
    "store file": ("RIOT.parquet", stored, read_stored),
}


def attack(kind, folder, inputs, seed=20210621):
    name, made, read = KINDS[kind]
    base = made(folder)
    rng = random.Random(seed)
    path = folder / name
    ended = {"read": 0, "refused": 0}
    for n in range(inputs):
        path.write_bytes(spoiled(base, rng))
        try:
            read(path)
            ended["read"] += 1
        except (EventStudyError, BadAnswerError, NoPricesError, DamagedError):
            ended["refused"] += 1
        except BaseException as error:
            raise AssertionError(f"input {n}: {path.read_bytes()[:600]!r}") from error
    return ended


@pytest.mark.parametrize("kind", KINDS)
def test_spoiled_inputs_end_in_words(kind, tmp_path):
    ended = attack(kind, tmp_path, QUICK)
    assert min(ended.values()) > 5


def test_a_compiled_reader_that_stops_is_not_heard(tmp_path, capfd):
    attack("price Parquet", tmp_path, 80, seed=4)  # the last of these stops it
    assert capfd.readouterr().err == ""


def test_feather_files_that_point_outside_themselves_are_refused(tmp_path):
    attack("price Feather", tmp_path, 60, seed=1)  # the last but six of these does


def test_bars_of_a_day_in_spoiled_files_end_in_words(tmp_path, capfd):
    frame = pl.DataFrame(
        {
            "time_utc": [f"2021-06-18T{h:02}:00Z" for h in range(24)],
            "open": [1.0 + h for h in range(24)],
            "close": [2.0 + h for h in range(24)],
        }
    )
    path = tmp_path / "bars.parquet"
    frame.write_parquet(path)
    base, rng = path.read_bytes(), random.Random(7)
    refused = 0
    for _ in range(QUICK):
        path.write_bytes(spoiled(base, rng))
        try:
            read_bars(str(path), "BTC-USD")
        except EventStudyError:
            refused += 1
    assert refused > 5
    assert capfd.readouterr().err == ""
    with pytest.raises(EventStudyError, match="no such file"):
        read_bars("/dev/zero", "BTC-USD")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many_spoiled_inputs_end_in_words(kind, tmp_path):
    ended = attack(kind, tmp_path, INPUTS, seed=1)
    assert ended["refused"] > 100
    assert ended["read"] > 10
