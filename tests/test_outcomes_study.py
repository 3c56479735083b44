"""Series that are no prices in a study: reading, tables, report, words."""

import re
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from scipy import stats

import eventstudy as es
from eventstudy.core.errors import DataError, SpecError
from eventstudy.outcomes.kinds import weights_of
from eventstudy.outcomes.placebo import Placebo
from eventstudy.report.figures import outcomes as figure
from eventstudy.report.sections import outcomes as section
from eventstudy.report.views import Views

EVENTS = "events/china_2021.csv"
HASH_RATE = es.OutcomeSetting(
    name="hash rate",
    file="snapshot",
    value="hash_rate",
    kind="log",
    unit="EH/s",
    variance="counting_variance",
)


def made(n=240, start=date(2021, 1, 1), step=1, seed=1):
    rng = np.random.default_rng(seed)
    days = [start + timedelta(days=step * k) for k in range(n)]
    level = np.cumsum(rng.normal(0, 0.05, n))
    return pl.DataFrame({"date": days, "flow": level + rng.normal(0, 0.2, n)})


def studied(series, day="2021-05-21", **more):
    spec = es.StudySpec(
        parts=("outcomes",), groups={"bitcoin": ("BTC-USD",)}, tests=("t",), **more
    )
    days = [day] if isinstance(day, str) else list(day)
    ids = ["one", *(f"day{day}" for day in days[1:])]
    events = pl.DataFrame({"event_id": ids, "announced_at": days})
    prices = es.fetch_prices(["BTC-USD"], source="snapshot")
    return es.run(spec, events, prices, outcomes=[series] if series else [])


@pytest.fixture(scope="module")
def worked():
    return es.analyze(EVENTS, parts=("outcomes",), tests=("t",))


def test_the_hash_rate_of_the_worked_example(worked):
    found = worked.outcomes.filter(event_id="CN21-05").to_dicts()
    assert [row["measure"] for row in found] == ["mean", "last_week"]
    assert [round(float(np.expm1(row["effect"])), 2) for row in found] == [-0.29, -0.38]
    assert [round(row["pvalue_model"], 3) for row in found] == [0.005, 0.010]
    assert all(row["pvalue_placebo"] > 0.2 for row in found)
    assert {row["n_apart"] for row in found} == {4}
    assert {row["day0"] for row in found} == {date(2021, 5, 21)}
    moved = worked.outcome_histories.filter(event_id="CN21-05", measure="mean")
    assert moved["history"].to_list() == [75, 120, 180, 354]
    assert moved["pvalue_model"].round(2).to_list() == [0.33, 0.11, 0.02, 0.0]


def test_naive_means_of_the_same_days_differ_by_eight_errors():
    y = es.read_series("snapshot", name="hash rate", value="hash_rate", kind="log").y[
        : 354 + 61
    ]
    assert stats.ttest_ind(y[354:], y[:354]).statistic == pytest.approx(-8.0, abs=0.05)


def test_a_question_is_answered_with_both_p_values_and_what_they_depend_on(worked):
    text = section.answer(worked, "CN21-05", "hash rate").replace("\xa0", " ")
    assert "29 % below" in text
    assert "p = 0.005 by the model" in text
    assert "p = 0.259" in text
    assert "The two disagree" in text
    assert "0.331 with 75" in text
    assert section.answer(worked, "CN21-22", "hash rate").startswith("No answer")


def test_its_words_are_its_own(worked):
    page = "\n".join(section.blocks(Views(worked)))
    page += section.answer(worked, "CN21-05", "hash rate")
    page += "\n".join(section.line(Views(worked)))
    page += figure.DRAWING.caption(worked) + figure.DRAWING.alt(worked)
    assert "hash rate" in page
    assert not re.search(r"\b(price|return|market|abnormal|CAR)s?\b", page)


def test_a_series_that_no_question_asks_about_is_told_on_the_first_page():
    result = studied(es.read_series(made(), name="net flow", value="flow", unit="BTC"))
    text = "\n".join(section.line(Views(result)))
    assert "net flow was" in text
    assert "BTC" in text
    assert figure.has_data(result)
    assert figure.draw(result) == figure.draw(result)


def test_a_file_and_its_frame_give_the_same(tmp_path):
    frame = made()
    path = tmp_path / "flow.csv"
    frame.write_csv(path)
    settings = {"name": "flow", "value": "flow"}
    one = es.read_series(frame, **settings)
    other = es.read_series(path, **settings)
    assert one.y.tolist() == other.y.tolist()
    assert other.sha256
    of_file = es.OutcomeSetting(file=str(path), **settings)
    mine, theirs = studied(one), studied(None, outcomes=(of_file,))
    assert mine.outcomes.equals(theirs.outcomes)
    roles = [file["role"] for file in theirs.provenance["files"]]
    assert "outcome" in roles


def test_gaps_lags_weeks_and_runs_of_days():
    frame = made(20)
    gap = es.read_series(
        frame.filter(pl.col("date").dt.day() != 5), name="f", value="flow"
    )
    assert np.isnan(gap.y).sum() == 1
    assert gap.step == 1
    late = es.read_series(frame, name="f", value="flow", lag=2)
    assert (late.days == gap.days - 2).all()
    weekly = es.read_series(made(30, step=7), name="f", value="flow")
    assert (weekly.step, weekly.per_week, weekly.weekdays) == (7, 1, None)
    open_days = made(60).filter(pl.col("date").dt.weekday() < 6)
    exchange = es.read_series(open_days, name="f", value="flow")
    assert (exchange.step, exchange.per_week) == (0, 5)
    difficulty = es.read_series(
        "snapshot", name="difficulty", value="difficulty", kind="log", epochs=True
    )
    # 43 whole periods, and those at both ends
    assert len(difficulty.days) == 45
    assert (np.diff(difficulty.values) != 0).all()


def test_what_a_day_of_the_week_shifts_is_no_effect():
    frame = made(300).with_columns(
        pl.col("flow") + 3.0 * (pl.col("date").dt.weekday() > 5)
    )
    result = studied(
        es.read_series(frame, name="flow", value="flow", window=(0, 1)), "2021-08-14"
    )
    row = result.outcomes.filter(measure="mean").to_dicts()[0]
    assert row["weekdays"] == "yes"
    assert abs(row["effect"]) < 1.5


def test_announcements_without_a_window_have_a_reason():
    series = es.read_series(made(), name="flow", value="flow")
    days = ("2021-05-21", "2020-09-01", "2021-01-20", "2021-07-10", "2021-09-01")
    found = studied(series, days).outcomes.filter(measure="mean")
    reasons = dict(zip(days, found["reason"], strict=True))
    assert reasons["2021-05-21"] is None
    assert "begins after" in reasons["2020-09-01"]
    assert "wanted 75" in reasons["2021-01-20"]
    assert (
        reasons["2021-07-10"] == "the series has 50 sessions of the window, wanted 61"
    )
    assert "has 0 sessions" in reasons["2021-09-01"]


def slow_rank(begin, values, length, at, own):
    dates = [(b, v) for b, v in zip(begin, values, strict=True) if b + length <= at]
    apart, last = 0, -np.inf
    for b, _ in dates:
        if b >= last + length:
            apart, last = apart + 1, b
    p = (1 + sum(abs(v) >= abs(own) for _, v in dates)) / (1 + len(dates))
    return max(p, 1 / (1 + apart)), len(dates), apart


def test_the_placebo_counts_dates_and_windows_apart():
    rng = np.random.default_rng(3)
    begin, values = np.arange(40, 140), rng.normal(0, 1, 100)
    dates = Placebo(
        begin=begin,
        effect=values[:, None],
        se=np.ones((100, 1)),
        pvalue=np.ones((100, 1)),
        history=40,
        length=9,
    )
    for at, own in ((120, 0.5), (120, 9.0), (55, 1.0), (49, 1.0)):
        p, n, apart = dates.before(at, np.array([own]))
        assert (p[0], n, apart) == slow_rank(begin, values, 9, at, own)
    assert np.isnan(dates.before(48, np.array([1.0]))[0]).all()


def test_the_last_week_is_the_end_of_the_window():
    weights = weights_of(("mean", "last_week"), 10, 7)
    assert weights[0].tolist() == [0.1] * 10
    assert weights[1].tolist() == pytest.approx([0.0] * 3 + [1 / 7] * 7)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "median"}, "allowed: level, log, difference, count"),
        ({"window": (5, 0)}, "window = 5:0; wanted a first and a last"),
        ({"estimation": (-354, -11)}, "ends just before the window"),
        ({"measures": ()}, "measures is empty"),
        ({"measures": ("median",)}, "median"),
        ({"name": "volume"}, "an outcome of prices and volumes"),
        ({"value": " "}, "value is empty"),
        ({"kind": "difference", "variance": "poisson"}, "has none"),
    ],
)
def test_settings_that_cannot_be_are_errors(change, said):
    usual = {"name": "flow", "file": "flow.csv", "value": "flow"}
    with pytest.raises(SpecError, match=said):
        es.OutcomeSetting(**usual | change)


@pytest.mark.parametrize(
    ("text", "settings", "said"),
    [
        ("date,flow\n2021-01-01,x\n2021-01-02,3\n", {}, "flow.csv:2.*not a number"),
        ("date,flow\n2021-13-01,1\n2021-01-02,3\n", {}, "flow.csv:2"),
        ("date,flow\n2021-01-01,1\n2021-01-01,3\n", {}, "flow.csv:3.*second row"),
        ("date,flows\n2021-01-01,1\n2021-01-02,2\n", {}, "did you mean 'flows'"),
        ("x,flow\n2021-01-01,1\n2021-01-02,2\n", {}, "say date ="),
        ("date,flow\n2021-01-01,0\n2021-01-02,2\n", {"kind": "log"}, "no logarithm"),
        ("date,flow\n2021-01-01,5\n", {}, "fewer than two values"),
        ("date,flow\n05/06/2021,1\n06/07/2021,2\n", {}, "date_format"),
    ],
)
def test_files_that_cannot_be_read_are_errors_with_a_place(
    tmp_path, text, settings, said
):
    path = tmp_path / "flow.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        es.read_series(path, name="flow", value="flow", **settings)
    assert re.search(said, str(caught.value), re.DOTALL), str(caught.value)


def test_a_study_file_names_its_series_from_its_own_folder(tmp_path):
    made().write_csv(tmp_path / "flow.csv")
    (tmp_path / "one.csv").write_text(
        "event_id,announced_at,assets\none,2021-05-21,BTC-USD\n", encoding="utf-8"
    )
    study = tmp_path / "one.toml"
    study.write_text(
        'parts = ["outcomes"]\nprices = "snapshot"\n[[outcomes]]\nname = "flow"\n'
        'file = "flow.csv"\nvalue = "flow"\nwindow = [0, 30]\n'
        '[[questions]]\ntext = "And flows?"\nevent_id = "one"\nmeasure = "outcome"\n',
        encoding="utf-8",
    )
    result = es.analyze(tmp_path / "one.csv")
    assert result.outcomes["effect"].null_count() == 0
    assert result.outcomes["end"].unique().to_list() == [30]
    report = es.write_report(result, tmp_path / "report")
    page = (report / "report.md").read_text(encoding="utf-8")
    assert "And flows?" in page
    assert "(details/outcomes.md#other-outcomes)" in page
    study.write_text(
        'parts = ["outcomes"]\n[[outcomes]]\nname = "flow"\nfile = "flow.csv"\n'
        'value = "flow"\nkind = "logs"\n',
        encoding="utf-8",
    )
    with pytest.raises(SpecError, match=r"one.toml:6: .*number 1: kind = 'logs'"):
        es.analyze(tmp_path / "one.csv")


def test_a_question_about_a_series_that_there_is_not_is_an_error():
    asked = es.Question(text="?", event_id="one", measure="outcome", outcome="fees")
    with pytest.raises(SpecError, match="fees"):
        es.StudySpec(outcomes=(HASH_RATE,), questions=(asked,))


@pytest.mark.parametrize("kind", ["level", "difference", "log"])
def test_values_that_do_not_vary_have_a_reason_and_a_report(tmp_path, kind):
    frame = made().with_columns(flow=pl.lit(2.5))
    result = studied(es.read_series(frame, name="flow", value="flow", kind=kind))
    assert result.outcomes["reason"].unique().to_list() == [
        "the values before the announcement do not vary"
    ]
    assert result.outcomes["effect"].null_count() == result.outcomes.height
    assert result.outcome_histories.is_empty()
    page = es.write_report(result, tmp_path) / "details" / "outcomes.md"
    assert "do not vary" in page.read_text(encoding="utf-8")


def test_values_that_stand_still_at_last_leave_short_histories_without_a_p(tmp_path):
    still = pl.int_range(pl.len()).is_between(50, 139)
    frame = made().with_columns(
        pl.when(still).then(1.0).otherwise("flow").alias("flow")
    )
    result = studied(es.read_series(frame, name="flow", value="flow"))
    held = result.outcome_histories.filter(measure="mean")
    assert held["pvalue_model"].is_null().to_list() == [True, False, False]
    assert held["pvalue_placebo"].is_null()[0]
    es.write_report(result, tmp_path)


def test_a_file_that_is_not_there_is_no_file_of_prices(tmp_path):
    with pytest.raises(DataError, match="no such file") as caught:
        es.read_series(tmp_path / "flow.csv", name="flow", value="flow")
    assert "price" not in str(caught.value)


def test_a_last_week_without_values_has_a_reason_and_the_mean_stands(tmp_path):
    # 21 May 2021 is session 140, and the last week of the window 194 to 200
    lost = pl.int_range(pl.len()).is_between(194, 200)
    result = studied(es.read_series(made().filter(~lost), name="flow", value="flow"))
    mean, week = result.outcomes.sort("measure", descending=True).to_dicts()
    assert mean["reason"] is None
    assert mean["pvalue_placebo"] is not None
    assert week["reason"] == "none of the measure's sessions has a value"
    assert week["pvalue_placebo"] is None
    es.write_report(result, tmp_path)
