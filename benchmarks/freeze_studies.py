"""The studies that `freeze` runs: prices made by fixed seeds, catalogues, settings.

- ``gaps``: shares of two groups in files of several kinds, with gaps, doubtful prices,
  a change of symbol and a factor file; ten events, some of which overlap; every test
  and every model
- ``one_event``: a single event, simple returns, one-sided
- ``two_calendars``: shares in New York and a 24/7 asset, with intraday bars of both

Prices are rounded, so that the last bits of a processor's exponential do not matter.
"""

import gzip
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

# Named here, so that a test that is added later changes no table.
SIMULATED = (
    *("placebo", "csect", "crude", "lamb", "patell", "bmp", "kp_patell", "kp_bmp"),
    *("jackknife", "portfolio", "portfolio_z", "cluster", "cluster_cr3"),
    *("cluster_two_way", "skewness", "skewness_hall", "sign", "gsign", "rank"),
    *("grank_t", "grank_z", "grank_overlap", "wilcoxon"),
)
TESTS = (
    *("t", "sq", "placebo_single", "bootstrap", *SIMULATED, "patell_original"),
    *("wild_cluster", "skewness_bootstrap", "sign_cz", "rank_z", "permutation"),
    *("sign_flip", "ball_torous"),
)

GAPS = """
title = "Prices with gaps"
prices = "prices"
returns = "log"
estimation = [-130, -11]
windows = [[-1, 1], [0, 0], [0, 5], [-10, 10]]
min_coverage = 0.7
factor_files = ["factors.csv"]
regimes = true
resamples = 199
seed = 11
models = [
  { name = "market", model = "market", factors = ["MKT"] },
  { name = "mean", model = "constant_mean" },
  { name = "adjusted", model = "market_adjusted", factors = ["MKT"] },
  { name = "two_factors", model = "factors", factors = ["MKT", "IND"] },
  { name = "ff3", model = "factors", factors = ["ff3"] },
  { name = "garch", model = "garch", factors = ["MKT"] },
  { name = "gjr", model = "gjr", groups = ["alpha"] },
  { name = "egarch", model = "egarch", factors = ["MKT"], groups = ["beta"] },
]

[splices]
GGG = ["OLDG", "GGG"]

[groups]
alpha = ["AAA", "BBB", "CCC", "DDD"]
beta = ["EEE", "FFF", "GGG"]

[calendars]
default = "XNYS"

[[questions]]
text = "What did e2 do to the first share?"
event_id = "e2"
assets = ["AAA"]
window = [-1, 1]
background = "Two announcements follow each other."

[[questions]]
text = "What did e5 do to all?"
event_id = "e5"
models = ["market", "garch"]
window = [0, 5]

[[questions]]
text = "Was e5 followed by volatility?"
event_id = "e5"
measure = "volatility"
"""
GAPS_EVENTS = """\
event_id,announced_at,title,kind,assets,headline,expected_alpha,expected_beta,flags
e0,2019-02-01,Too early,other,,true,-,?,
e1,2019-11-05T10:00-05:00,During the session,mining_ban,,true,-,0,
e2,2020-02-11,A day,mining_ban,,true,-,+,
e3,2020-02-14T18:30-05:00,After the close,banking_payment,,true,-,?,stale
e4,2020-04-18,A Saturday,banking_payment,,true,0,?,
e5,2020-06-16T15:00+08:00,At night,mining_ban,,true,-,+,leak
e6,2020-06-17,The day after,mining_curb,,true,-,+,
e7,2020-09-09,Two shares only,company,AAA EEE,true,-,-,mixed
e8,2020-11-24T12:00Z,Of less weight,mining_curb,,false,?,?,
e9,2021-06-01,After the last price,other,,true,-,-,
"""
ONE = """
prices = "prices.csv"
returns = "simple"
missing = "drop"
overlap = "keep"
day0 = "previous"
alternative = "less"
level = 0.9
model = "market"
factors = ["MKT"]
estimation = [-110, -21]
event_window = [-5, 20]
windows = [[-1, 1], [0, 20]]
volatility_post = [1, 20]
resamples = 199

[groups]
alone = ["AAA"]
pair = ["BBB", "CCC"]

[calendars]
default = "prices"
"""
ONE_EVENT = "event_id,announced_at\nonly,2020-06-20\n"
TWO = """
prices = "prices"
returns = "log"
alternative = "greater"
windows = [[-1, 1], [0, 5]]
volatility_pre = [-15, -3]
volatility_event = [0, 5]
volatility_post = [0, 10]
resamples = 199
models = [
  {name = "net", model = "factors", factors = ["^GSPC", "BTC-USD"], groups = ["rigs"]},
  { name = "own_mean", model = "constant_mean" },
  { name = "garch", model = "garch" },
]

[groups]
rigs = ["RIG", "OAR", "SEA"]
coin = ["BTC-USD"]

[intraday]
"BTC-USD" = "bars.csv"
RIG = "bars.csv"
"""
TWO_EVENTS = """\
event_id,announced_at,precision,title,kind
n1,2020-08-13T18:12+08:00,minute,Before New York opens,mining_ban
n2,2020-09-24T15:00-04:00,minute,During the session,mining_ban
n3,2020-11-07T04:30Z,hour,On a Saturday,banking_payment
n4,2020-11-10T22:15Z,minute,After the close,banking_payment
n5,2021-01-20,day,Hour unknown,other
n6,2021-03-04T16:45Z,minute,During the session again,mining_curb
"""
_TESTED = f"tests = {list(TESTS)}"
STUDIES = {
    "gaps": (_TESTED + GAPS, GAPS_EVENTS),
    "one_event": (_TESTED + ONE, ONE_EVENT),
    "two_calendars": (_TESTED + TWO, TWO_EVENTS),
}


def write_inputs(work: Path) -> None:
    """Write the files of every study into a folder of its name."""
    for name, (study, events) in STUDIES.items():
        (work / name / "prices").mkdir(parents=True)
        (work / name / "study.toml").write_text(study, encoding="utf-8")
        (work / name / "study.csv").write_text(events, encoding="utf-8")
    _gaps(work / "gaps")
    _one_event(work / "one_event")
    _two_calendars(work / "two_calendars")


def _noise(rng: np.random.Generator, n: int, sd: float) -> np.ndarray:
    """Return fat-tailed returns whose variance comes in clusters."""
    draws = rng.standard_t(5, n) / np.sqrt(5 / 3)
    out, variance = np.empty(n), 1.0
    for i, draw in enumerate(draws):
        out[i] = np.sqrt(variance) * draw
        variance = 0.08 + 0.12 * out[i] ** 2 + 0.8 * variance
    return sd * out


def _quotes(rng: np.random.Generator, days: list[date], change: Any) -> pl.DataFrame:  # noqa: ANN401
    """Return open, high, low, close, adjusted close and volume."""
    n = len(days)
    close = np.round(40 * np.exp(np.cumsum(change)), 4)
    start = np.round(np.r_[40.0, close[:-1]] * np.exp(rng.normal(0, 0.004, n)), 4)
    edges = np.exp(np.abs(rng.normal(0, 0.008, (2, n))))
    traded = np.exp(rng.normal(12, 0.4, n) + 8 * np.abs(change))
    return pl.DataFrame(
        {
            "date": days,
            "open": start,
            "high": np.round(np.maximum(start, close) * edges[0], 4),
            "low": np.round(np.minimum(start, close) / edges[1], 4),
            "close": close,
            "adj_close": np.round(close * np.where(np.arange(n) < 90, 0.98, 1.0), 6),
            "volume": traded.astype(np.int64),
        }
    )


def _shares(seed: int, symbols: str, n: int = 540) -> dict[str, pl.DataFrame]:
    """Return a market, an industry and shares of theirs on the days of the week."""
    rng = np.random.default_rng(seed)
    every = [date(2019, 1, 1) + timedelta(days=i) for i in range(7 * n // 5 + 7)]
    days = [day for day in every if day.weekday() < 5][:n]
    market, industry = _noise(rng, n, 0.01), _noise(rng, n, 0.012)
    out = {"MKT": _quotes(rng, days, market), "IND": _quotes(rng, days, industry)}
    struck = {date(2020, 2, 11): -0.06, date(2020, 6, 16): -0.08}
    shock = np.array([struck.get(day, 0.0) for day in days])
    calm = np.where(np.array(days) < date(2020, 6, 16), 1.0, 1.8)
    for i, symbol in enumerate(symbols.split()):
        own = calm * _noise(rng, n, 0.015 + 0.003 * i)
        change = (0.6 + 0.2 * i) * market + 0.4 * industry + own + (1 - i / 5) * shock
        out[symbol] = _quotes(rng, days, change)
    return out


def _without(table: pl.DataFrame, gone: Any, *, rows: bool) -> pl.DataFrame:  # noqa: ANN401
    """Take sessions away: whole rows, or what they hold."""
    kept = pl.Series(~np.isin(np.arange(table.height), gone))
    if rows:
        return table.filter(kept)
    return table.with_columns(pl.when(kept).then(pl.exclude("date")))


def _gaps(folder: Path) -> None:
    rng = np.random.default_rng(5)
    held = _shares(1, "AAA BBB CCC DDD EEE FFF GGG")
    for i, symbol in enumerate(["AAA", "BBB", "CCC", "EEE"]):
        gone = rng.choice(540, 15, replace=False)
        held[symbol] = _without(held[symbol], gone, rows=i % 2 == 0)
    held["DDD"] = _without(held["DDD"], np.arange(250, 330), rows=False)
    held["FFF"] = held["FFF"].select("date", "close")
    spoilt = {("BBB", 300): ("close", -1.0), ("AAA", 310): ("high", 0.01)}
    spoilt |= {("EEE", 200): ("volume", -5), ("CCC", 260): ("close", 200.0)}
    for (symbol, row), (column, value) in spoilt.items():
        held[symbol][row, column] = value
    held["OLDG"] = held["GGG"].head(210)
    held["GGG"] = held["GGG"].tail(350)
    prices = folder / "prices"
    for symbol, table in held.items():
        if symbol == "CCC":
            table.write_parquet(prices / "CCC.parquet")
        elif symbol == "BBB":
            text = table.write_csv().encode()
            (prices / "BBB.csv.gz").write_bytes(gzip.compress(text, mtime=0))
        else:
            table.write_csv(prices / f"{symbol}.csv")
    days = held["MKT"]["date"]
    factors = pl.DataFrame(np.round(rng.normal(0, 0.6, (len(days), 3)), 2))
    factors.columns = ["Mkt-RF", "SMB", "HML"]
    riskless = pl.Series("RF", np.full(len(days), 0.001))
    table = factors.insert_column(0, days.dt.strftime("%Y%m%d").alias("date"))
    table.with_columns(riskless).write_csv(folder / "factors.csv")


def _one_event(folder: Path) -> None:
    held = _shares(2, "AAA BBB CCC").items()
    tables = [table.with_columns(symbol=pl.lit(symbol)) for symbol, table in held]
    pl.concat(tables).write_csv(folder / "prices.csv")


def _two_calendars(folder: Path) -> None:
    rng = np.random.default_rng(3)
    first, n = datetime(2020, 1, 1, tzinfo=UTC), 480
    hours = [first + timedelta(hours=h) for h in range(24 * n)]
    level = np.cumsum(_noise(rng, 24 * n, 0.006))
    coin = np.round(9000 * np.exp(level), 2)
    bars = pl.DataFrame({"time_utc": hours, "open": np.r_[9000.0, coin[:-1]]})
    bars = bars.with_columns(close=coin, symbol=pl.lit("BTC-USD"))
    lost = np.r_[rng.choice(24 * n, 30, replace=False), 2000:2007]
    tables = [bars.filter(~pl.Series(np.isin(np.arange(24 * n), lost)))]
    days = [(first + timedelta(days=i)).date() for i in range(n)]
    daily = {"BTC-USD": _quotes(rng, days, np.diff(level[23::24], prepend=0.0))}
    open_ = [i for i, day in enumerate(days) if day.weekday() < 5]
    weekdays, size = [days[i] for i in open_], len(open_)
    index = _noise(rng, size, 0.01)
    moved = np.diff(level[[24 * i + 20 for i in open_]], prepend=level[20])
    daily["^GSPC"] = _quotes(rng, weekdays, index)
    for i, symbol in enumerate(["RIG", "OAR", "SEA"]):
        own = _noise(rng, size, 0.02)
        daily[symbol] = _quotes(rng, weekdays, (0.9 - 0.3 * i) * moved + index + own)
    for symbol, table in daily.items():
        table.write_csv(folder / "prices" / f"{symbol}.csv")
    starts = [
        first + timedelta(days=i, hours=14.5 + k / 2) for i in open_ for k in range(13)
    ]
    share = np.round(40 * np.exp(np.cumsum(_noise(rng, len(starts), 0.005))), 4)
    half = pl.DataFrame({"time_utc": starts, "open": np.r_[40.0, share[:-1]]})
    tables.append(half.with_columns(close=share, symbol=pl.lit("RIG")))
    pl.concat(tables).write_csv(folder / "bars.csv")
