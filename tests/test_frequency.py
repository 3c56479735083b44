"""Weekly and monthly returns: where periods end, what is in them, and slow twins."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose

import eventstudy as es
from eventstudy.calendars import calendar_from_dates, get_calendar
from eventstudy.calendars.exchange import day_of
from eventstudy.calendars.periods import in_periods, last_day, whole_periods
from eventstudy.core.errors import SpecError
from eventstudy.report.render import render
from eventstudy.study.volatility_pieces import on_calendar

FIRST = date(2015, 1, 1)
# Good Friday and Easter Monday of 2018, and a Friday at a month's end.
HOLIDAYS = (date(2018, 3, 30), date(2018, 4, 2), date(2018, 8, 31))


def days_of(n_days=1400, weekend=False):
    held = (FIRST + timedelta(days=i) for i in range(n_days))
    return [d for d in held if weekend or (d.weekday() < 5 and d not in HOLIDAYS)]


def world(symbols=("A0", "A1", "M"), missing=(), **days):
    """Daily prices with a common factor; (symbol, date) in ``missing`` has none."""
    rng = np.random.default_rng(1)
    held = days_of(**days)
    common = 0.01 * rng.standard_normal(len(held))
    frames = []
    for symbol in symbols:
        own = 0.01 * rng.standard_normal(len(held)) * (symbol != "M")
        close = 100 * np.exp(np.cumsum(common + own))
        frame = pl.DataFrame({"symbol": symbol, "date": held, "close": close})
        gone = [d for s, d in missing if s == symbol]
        frames.append(frame.filter(~pl.col("date").is_in(gone)))
    return pl.concat(frames)


def asked(frequency="weekly", **changes):
    settings = {
        "frequency": frequency,
        "groups": {"g": ("A0", "A1")},
        "calendars": {"default": "prices"},
        "model": "market",
        "factors": ("M",),
        "estimation": (-62, -3),
        "min_estimation": 50,
        "overlap": "keep",
        "event_window": (-2, 2),
        "windows": ((0, 0), (-1, 1)),
        "volatility_pre": (-30, -3),
        "volatility_event": (0, 2),
        "volatility_post": (0, 2),
        "resamples": 99,
        "tests": ("csect",),
    }
    if frequency == "monthly":
        settings |= {"estimation": (-26, -3), "min_estimation": 20}
        settings |= {"volatility_pre": (-20, -3)}
    return es.StudySpec(**(settings | changes))


def announced(*days, assets=None):
    table = {
        "event_id": [f"e{i}" for i in range(len(days))],
        "announced_at": [str(d) for d in days],
    }
    return pl.DataFrame(table | ({} if assets is None else {"assets": assets}))


def label(day, frequency):
    return day.isocalendar()[:2] if frequency == "weekly" else (day.year, day.month)


def loop(prices, asset, frequency):
    """Plain period ends, and returns of asset and market with the periods spanned."""
    everyone = sorted(set(prices["date"]))
    ends = {label(d, frequency): d for d in everyone}
    closes = {
        s: dict(prices.filter(symbol=s).select("date", "close").iter_rows())
        for s in (asset, "M")
    }
    out, before = [], None
    for place, end in enumerate(ends.values()):
        if end not in closes[asset]:
            out.append((end, np.nan, np.nan, 0))
            continue
        now = closes[asset][end], closes["M"][end], place
        held = (np.nan, np.nan, 0)
        if before is not None:
            held = (
                np.log(now[0] / before[0]),
                np.log(now[1] / before[1]),
                place - before[2],
            )
        out.append((end, *held))
        before = now
    return list(ends), out


def twin(rows, zero, window, estimation):
    past = [
        r
        for i, r in enumerate(rows)
        if estimation[0] <= i - zero <= estimation[1] and r[3]
    ]
    y, m, span = (np.array([r[k] for r in past], float) for k in (1, 2, 3))
    fit = sm.WLS(y, np.column_stack([span, m]), weights=1 / span).fit()
    ahead = [rows[zero + k] for k in range(window[0], window[1] + 1)]
    x = np.array([[r[3], r[2]] for r in ahead if r[3]], float)
    own = np.array([r[1] for r in ahead if r[3]])
    sums = x.sum(axis=0)
    se = np.sqrt(fit.scale * sums[0] + sums @ fit.cov_params() @ sums)
    return (own - x @ fit.params).sum(), se, fit


@pytest.mark.parametrize("frequency", ["weekly", "monthly"])
def test_cars_of_periods_agree_with_a_loop(frequency):
    gap = date(2017, 6, 30)  # last session of its week, and of its month
    prices = world(missing=[("A0", gap)])
    days = [date(2018, 3, 29), date(2018, 8, 29)]
    spec = asked(frequency)
    found = es.run(spec, announced(*days), prices)
    for asset in ("A0", "A1"):
        labels, rows = loop(prices, asset, frequency)
        if asset == "A0":
            assert max(r[3] for r in rows) == 2
        for event, day in zip(("e0", "e1"), days, strict=True):
            zero = labels.index(label(day, frequency))
            for window in spec.windows:
                car, se, fit = twin(rows, zero, window, spec.estimation)
                row = found.cars.filter(
                    event_id=event, asset=asset, start=window[0], end=window[1]
                )
                assert row["car"].item() == pytest.approx(car, abs=1e-12)
                assert row["se"].item() == pytest.approx(se, rel=1e-9)
            held = found.coefficients.filter(event_id=event, asset=asset)
            assert_allclose(held["value"], fit.params, rtol=1e-9)
            own = found.observations.filter(event_id=event, asset=asset)
            assert own["day0"].item() == rows[zero][0]
    assert "returns are " + frequency in " ".join(found.remarks["text"])


def test_a_holiday_ends_the_week_a_day_before():
    found = es.run(asked(), announced(date(2018, 3, 28)), world())
    held = found.abnormal_returns.filter(asset="A0").sort("offset")
    assert held["offset"].to_list() == [-2, -1, 0, 1, 2]
    assert held["session"].to_list() == [
        date(2018, 3, 16),
        date(2018, 3, 23),
        date(2018, 3, 29),
        date(2018, 4, 6),
        date(2018, 4, 13),
    ]
    assert found.day0["day0"].to_list() == [date(2018, 3, 28)]


@pytest.mark.parametrize(
    ("instant", "week"),
    [
        ("2018-03-21T15:00-04:00", date(2018, 3, 23)),
        ("2018-03-21T19:00-04:00", date(2018, 3, 23)),  # day 0 is Thursday
        ("2018-03-23T15:59-04:00", date(2018, 3, 23)),
        ("2018-03-23T16:30-04:00", date(2018, 3, 29)),  # after Friday's close
        ("2018-03-24T12:00-04:00", date(2018, 3, 29)),
        ("2018-03-30T12:00-04:00", date(2018, 4, 6)),  # Good Friday
        ("2018-03-29", date(2018, 3, 29)),
    ],
)
def test_the_session_of_day_0_says_the_week(instant, week):
    spec = asked(calendars={"default": "XNYS"})
    # the exchange traded on 2 April and 31 August; other closes are strangers
    prices = world()
    extra = prices.filter(pl.col("date").is_in([date(2018, 4, 3)])).with_columns(
        date=pl.lit(date(2018, 4, 2))
    )
    found = es.run(spec, announced(instant), pl.concat([prices, extra]))
    assert found.observations["day0"].unique().to_list() == [week]
    car = found.cars.filter(asset="A0", start=0)["car"].item()
    _, rows = loop(prices, "A0", "weekly")
    zero = [r[0] for r in rows].index(week)
    daily = get_calendar("XNYS", start=date(2017, 1, 1), end=date(2018, 4, 30))
    ends = {day_of(d).isocalendar()[:2]: day_of(d) for d in daily.sessions.tolist()}
    assert rows[zero][0] == ends[week.isocalendar()[:2]]
    assert np.isfinite(car)


@pytest.mark.parametrize(("policy", "week"), [("previous", 23), ("next", 29)])
def test_a_weekend_goes_where_the_policy_says(policy, week):
    spec = asked(calendars={"default": "XNYS"}, day0=policy)
    found = es.run(spec, announced("2018-03-24T12:00-04:00"), world())
    assert found.observations["day0"].unique().to_list() == [date(2018, 3, week)]


def test_announcements_of_one_week_are_one_observation():
    found = es.run(
        asked(),
        announced(date(2018, 5, 7), date(2018, 5, 10), date(2018, 5, 14)),
        world(),
    )
    used = found.observations.filter(asset="A0")
    assert used.select("event_id", "observation").rows() == [
        ("e0", "e0+e1"),
        ("e1", "e0+e1"),
        ("e2", "e2"),
    ]
    assert found.contamination.height > 0


def test_a_round_the_clock_asset_has_weeks_to_sunday_and_its_factors_weeks():
    prices = world(symbols=("BTC-USD", "ETH-USD", "M"), weekend=True)
    shares = prices.filter(
        (pl.col("symbol") != "M") | (pl.col("date").dt.weekday() < 6)
    )
    groups = {"g": ("BTC-USD", "ETH-USD")}
    calendars = {"default": "prices", "BTC-USD": "24/7", "ETH-USD": "24/7"}
    event = announced("2018-05-09T12:00+00:00")
    for model, end in (
        ({"model": "constant_mean", "factors": ()}, date(2018, 5, 13)),
        ({"calendars": calendars | {"default": "XNYS"}}, date(2018, 5, 11)),
    ):
        spec = asked(**({"groups": groups, "calendars": calendars} | model))
        found = es.run(spec, event, shares)
        own = found.abnormal_returns.filter(asset="BTC-USD", offset=0)
        assert own["session"].item() == end
        closes = dict(
            prices.filter(symbol="BTC-USD").select("date", "close").iter_rows()
        )
        r = np.log(closes[end] / closes[end - timedelta(days=7)])
        actual = own["actual"].item()
        assert actual == pytest.approx(r, abs=1e-12)


def test_a_week_that_has_not_ended_is_none():
    prices = world()
    last = prices["date"].max()
    assert last.weekday() < 4
    late = announced(date(2018, 3, 7), last)
    found = es.run(asked(), late, prices)
    lost = found.observations.filter(event_id="e1")
    assert set(lost["reason"]) == {
        "in a week that has not ended with the prices at hand"
    }
    calendar = calendar_from_dates(days_of())
    weeks = in_periods(calendar, "weekly", None)
    assert day_of(int(weeks.sessions[-1])) == last - timedelta(last.weekday() + 3)
    friday = calendar_from_dates([d for d in days_of() if d <= date(2018, 5, 11)])
    assert day_of(int(in_periods(friday, "weekly", None).sessions[-1])).day == 11
    months = in_periods(friday, "monthly", None)
    assert day_of(int(months.sessions[-1])) == date(2018, 4, 30)


def test_weeks_begin_on_sunday_where_exchanges_trade_then():
    days = [d for d in days_of(weekend=True) if d.weekday() not in (4, 5)]
    weeks = in_periods(calendar_from_dates(days), "weekly", None)
    assert {day_of(d).weekday() for d in weeks.sessions.tolist()} == {3}
    always = get_calendar("24/7", start=date(2018, 1, 1), end=date(2018, 3, 1))
    ends = in_periods(always, "weekly", None).sessions
    assert {day_of(d).weekday() for d in ends.tolist()} == {6}


@pytest.mark.parametrize("frequency", ["weekly", "monthly"])
def test_a_period_opens_with_its_first_session_and_closes_with_its_last(frequency):
    daily = get_calendar("XNYS", start=date(2018, 1, 1), end=date(2018, 12, 31))
    held = in_periods(daily, frequency, date(2018, 12, 31))
    groups = {}
    for at, day in enumerate(daily.sessions.tolist()):
        groups.setdefault(label(day_of(day), frequency), []).append(at)
    ended = list(groups.values())[: len(held.sessions)]
    assert len(groups) - len(ended) == (frequency == "weekly")  # 31 December: Monday
    assert held.sessions.tolist() == [daily.sessions[g[-1]] for g in ended]
    assert held.opens_utc.tolist() == [daily.opens_utc[g[0]] for g in ended]
    assert held.closes_utc.tolist() == [daily.closes_utc[g[-1]] for g in ended]


@pytest.mark.parametrize("frequency", ["weekly", "monthly"])
def test_whole_periods_lie_around_any_dates(frequency):
    for k in range(400):
        first, last = FIRST + timedelta(days=k), FIRST + timedelta(days=k + 17)
        start, end = whole_periods(first, last, frequency)
        assert label(start, frequency) < label(first, frequency)
        assert label(start + timedelta(1), frequency) == label(first, frequency)
        assert label(end, frequency) > label(last, frequency)
        assert label(end - timedelta(1), frequency) == label(last, frequency)
    assert whole_periods(FIRST, FIRST, "daily") == (FIRST, FIRST)


def test_ranges_are_those_of_the_whole_week():
    days = days_of(200)
    rng = np.random.default_rng(2)
    close = 100 * np.exp(np.cumsum(0.01 * rng.standard_normal(len(days))))
    table = pl.DataFrame(
        {
            "date": days,
            "open": close * 1.001,
            "high": close * (1 + 0.01 * rng.random(len(days))),
            "low": close * (1 - 0.01 * rng.random(len(days))),
            "close": close,
        }
    )
    weeks = in_periods(calendar_from_dates(days), "weekly", None)
    found = on_calendar(table, weeks)
    for k in range(1, len(weeks.sessions)):
        after, end = (day_of(int(d)) for d in weeks.sessions[k - 1 : k + 1])
        part = table.filter((pl.col("date") > after) & (pl.col("date") <= end))
        wanted = part["open"][0], part["high"].max(), part["low"].min()
        assert_allclose(found[:, k], [*wanted, part["close"][-1]])
    without = table.filter(pl.col("date") != day_of(int(weeks.sessions[5])))
    assert np.isnan(on_calendar(without, weeks)[:, 5]).all()


def test_what_is_traded_is_no_part_of_a_study_of_weeks():
    assert asked(parts=("all",)).parts == (
        "returns",
        "volatility",
        "garch",
        "breaks",
        "joint",
    )
    with pytest.raises(SpecError, match="volume with frequency = 'weekly'"):
        asked(parts=("returns", "volume"))
    with pytest.raises(SpecError, match="frequency = 'yearly'; allowed: daily, weekly"):
        asked("yearly")
    assert "frequency" not in es.StudySpec().as_dict()
    assert es.spec.spec_from(asked().as_dict()) == asked()


@pytest.mark.long
def test_every_part_goes_through_and_the_report_says_weeks(tmp_path):
    prices = world().with_columns(
        open=pl.col("close"), high=1.01 * pl.col("close"), low=0.99 * pl.col("close")
    )
    spec = asked(
        parts=("all",), long_run=es.LongRunSetting(holds=[(0, 12)]), tests=("default",)
    )
    days = [date(2017, 9, 6) + timedelta(days=50 * k) for k in range(5)]
    found = es.run(spec, announced(*days), prices)
    assert found.cars["car"].null_count() == 0
    assert found.volatility["ratio"].null_count() < found.volatility.height
    assert found.long_run.height > 0
    es.write_report(found, tmp_path)
    text = "".join(p.read_text("utf-8") for p in sorted(tmp_path.rglob("*.md")))
    assert "Where tables say session they mean a week." in text


def test_a_doubt_about_a_day_is_one_about_its_week():
    prices = world()
    jump = date(2018, 3, 7)  # a Wednesday
    wrong = prices.with_columns(
        close=pl.when(pl.col("symbol") == "A0", pl.col("date") >= jump)
        .then(pl.col("close") / 100)
        .otherwise("close")
    )
    found = es.run(asked(), announced(jump), wrong)
    rows = found.cars.filter(asset="A0")
    assert rows["doubt"].null_count() == 0
    held = found.abnormal_returns.filter(asset="A0").sort("offset")
    assert held["abnormal"].is_null().to_list() == [False, False, True, False, False]


def test_a_study_of_weeks_can_be_simulated():
    found = es.simulate(
        spec=asked(tests=("csect",)),
        events=announced(date(2018, 3, 7), date(2018, 5, 9)),
        prices=world(),
        replications=100,
        effects=[],
        variances=[1.0],
    )
    assert found.designs["sessions"].max() < 220  # weeks


def test_own_estimation_windows_by_date_are_counted_in_weeks():
    events = announced(date(2018, 5, 9)).with_columns(
        estimation_start=pl.lit("2016-11-07"), estimation_end=pl.lit("2018-01-31")
    )
    found = es.run(asked(), events, world())
    fit = found.observations.filter(asset="A0")
    # weeks that end from 7 November 2016 to 31 January 2018
    assert fit["n_estimation"].item() == 64


def test_weeks_have_no_leads_unless_they_are_asked_for():
    one = es.ModelSetting(model="dimson", factors=("^GSPC",))
    said = es.ModelSetting(model="dimson", factors=("^GSPC",), leads=2)
    assert es.StudySpec(models=(one,)).models[0].shifts == (-1, 0, 1)
    weekly = es.StudySpec(models=(one,), frequency="weekly")
    assert weekly.models[0].shifts == (-1, 0)
    asked = es.StudySpec(models=(said,), frequency="monthly", min_estimation=24)
    assert asked.models[0].shifts == (-1, 0, 1, 2)


def early(spec, prices, *days):
    """The symbols of which prices are missed at the end."""
    found = es.run(spec, announced(*days), prices)
    return set(found.price_issues.filter(rule="ends_early")["symbol"])


@pytest.mark.parametrize(
    ("frequency", "until"),
    [("weekly", date(2018, 6, 1)), ("monthly", date(2018, 8, 30))],
)
def test_prices_need_not_reach_beyond_the_windows_that_are_computed(frequency, until):
    changes = {"event_window": (-2, 3), "windows": ((0, 0),)}
    changes |= {"volatility_post": (0, 30), "tests": ("csect",)}
    returns = asked(frequency, parts=("returns",), **changes)
    prices = world()  # the week of 9 May + 3, the month + 3, with a holiday at its end
    enough = prices.filter(pl.col("date") <= until)
    short = prices.filter(pl.col("date") <= until - timedelta(days=7))
    assert early(returns, enough, date(2018, 5, 9)) == set()
    some = pl.concat(
        [enough.filter(symbol="A1"), short.filter(pl.col("symbol") != "A1")]
    )
    assert early(returns, some, date(2018, 5, 9)) == {"A0", "M"}
    both = asked(frequency, parts=("returns", "volatility"), **changes)
    assert early(both, enough, date(2018, 5, 9)) == {"A0", "A1", "M"}


def test_the_last_day_of_a_later_period():
    for k in range(800):
        day = FIRST + timedelta(days=k)
        week, month = last_day(day, 2, "weekly"), last_day(day, 14, "monthly")
        assert week.weekday() == 6
        assert 14 <= (week - day).days < 21
        assert (month + timedelta(days=1)).day == 1
        assert 12 * (month.year - day.year) + month.month - day.month == 14


def first_page(frequency, tmp_path, *days):
    """The first page of a report, and the words of its figures."""
    spec = asked(frequency, parts=("returns",), tests=("default",))
    es.write_report(es.run(spec, announced(*days), world()), tmp_path)
    figures = {path.stem: path.read_text("utf-8") for path in tmp_path.rglob("*.svg")}
    return (tmp_path / "report.md").read_text("utf-8"), figures


@pytest.mark.parametrize(
    ("frequency", "word"),
    [("daily", "session"), ("weekly", "week"), ("monthly", "month")],
)
def test_the_first_page_counts_what_the_study_counts(frequency, word, tmp_path):
    days = [date(2017, 9, 6) + timedelta(days=50 * k) for k in range(5)]
    text, figures = first_page(frequency, tmp_path, *days)
    window = "[-26,-3]" if frequency == "monthly" else "[-62,-3]"
    screen = text.split("\n\n")[1]
    assert f"The estimation window is {window}, in {word}s" in screen
    assert (f"returns are {frequency}" in screen) == (word != "session")
    assert text.count(f"Average effect over {word}s [0,0] (1 {word})") == 2
    assert f"in the {word}s around 5 headline dates" in text
    assert f"moved by the same number of {word}s" in text
    assert f"in {word}s of each asset's own market" in text
    zero = "day" if word == "session" else word
    assert f"{word}s from {zero} 0" in figures["announcements"]
    assert f"{word}s from {zero} 0" in figures["caar"]
    others = {"session", "week", "month"} - {word}
    told = text.replace("the first session that could react", "")
    told = told.replace("calmer months", "")
    assert [one for one in others if f"{one}s" in told or f"a {one}" in told] == []


@pytest.mark.parametrize(
    ("frequency", "word"), [("weekly", "week"), ("monthly", "month")]
)
def test_details_count_what_the_study_counts(frequency, word, tmp_path):
    days = [date(2017, 9, 6) + timedelta(days=50 * k) for k in range(5)]
    spec = asked(
        frequency,
        parts=("returns", "volatility", "garch", "breaks", "joint"),
        tests=("default",),
        long_run=es.LongRunSetting(holds=((0, 3),)),
    )
    es.write_report(es.run(spec, announced(*days), world()), tmp_path)
    # Methods and the dictionary say once that a session of theirs is a week.
    pages = {
        path.stem: path.read_text("utf-8") for path in tmp_path.glob("details/*.md")
    }
    assert f"Where tables say session they mean a {word}" in pages["methods"]
    told = [name for name, text in pages.items() if "session" in text]
    assert set(told) <= {"methods", "data", "overlap", "left_out"}
    assert f"per cent a {word}" in pages["overlap"]
    assert f"every calendar {word} has one portfolio" in pages["overlap"]
    drawn = "".join(path.read_text("utf-8") for path in tmp_path.rglob("*.svg"))
    assert "session" not in drawn


def test_the_first_page_says_that_its_dates_end_weeks():
    spec = es.StudySpec(
        groups={"miners": ("RIOT", "MARA")},
        model="market",
        factors=("^GSPC",),
        frequency="weekly",
        estimation=(-30, -3),
        event_window=(-2, 2),
        windows=((0, 1),),
        min_estimation=10,
        overlap="keep",
        parts=("returns",),
    )
    events = pl.DataFrame(
        {
            "event_id": ["a", "b"],
            "title": ["One", "Two"],
            "announced_at": ["2021-05-19", "2021-09-22"],
        }
    )
    prices = es.fetch_prices(spec.symbols, source="snapshot")
    result = es.run(spec, events, prices)
    page = render(result)
    assert "from “One” (week to 2021-05-21) to “Two” (week to 2021-09-24)" in page
    assert "Day 0: the last session of its week." in page
