"""Words, numbers and tables of the report: what it says, and that it cannot break."""

import html
import math
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import report_sample as sample
from markdown_it import MarkdownIt

from eventstudy.inference import TESTS, Answer, EventTest
from eventstudy.report import effects, links, markdown, numbers, pages, ratios, render
from eventstudy.report.section import Section
from eventstudy.report.sections import (
    SECTIONS,
    agreement,
    averages,
    doubts,
    dynamics,
    events,
    finding,
    influence,
    joint,
    kinds,
    methods,
    opening,
    questions,
    volatility,
    volatility_tables,
)
from eventstudy.report.sections.agreement import Verdict
from eventstudy.report.views import Views
from eventstudy.spec import ModelSetting, Question
from eventstudy.study.result import StudyResult

pytestmark = pytest.mark.long

EXAMPLE = Path(__file__).parents[1] / "reports/china_2021"
NASTY = [
    "a | pipe, <script>alert(1)</script> & <img src=x onerror=y>",
    "# heading `code` *stars* _under_ [link](javascript:x) ![i](y) $math$ ~~gone~~",
    "=HYPERLINK(1)\n- list\n\n| table |\n| --- |",
    "1. ordered ] ) \\ end\\",
    "漢字 émojis 🪙 ‮reversed",
]


def to_html(text: str) -> str:
    return MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(text)


def table_widths(text: str) -> list[set[int]]:
    """Numbers of cells in the rows of each table, escaped pipes not counted."""
    tables: list[set[int]] = []
    inside = False
    for line in text.splitlines():
        if line.startswith("|"):
            if not inside:
                tables.append(set())
            tables[-1].add(line.replace("\\\\", "").replace("\\|", "").count("|") - 1)
        inside = line.startswith("|")
    return tables


@pytest.fixture(scope="module", params=["worked example", "sample"])
def page(request: pytest.FixtureRequest) -> str:
    """The first page of the committed example, and one with every section filled."""
    if request.param == "sample":
        return render(sample.sample_result())
    return (EXAMPLE / "report.md").read_text(encoding="utf-8")


def test_sections_come_in_the_agreed_order(page: str) -> None:
    heads = [line[3:] for line in page.splitlines() if line.startswith("## ")]
    wanted = [
        "Average effects",
        "Announcements",
        "Questions answered",
        "Volatility",
        "Against other dates",
        "What was left out",
        "What cannot be concluded",
        "How it was made",
    ]
    assert heads == [head for head in wanted if head in heads]
    assert len(heads) >= len(wanted) - 2


def test_every_section_is_on_its_page_with_every_table() -> None:
    spec = sample.sample_spec(questions=(Question(text="How far?", event_id="E1"),))
    written = pages(sample.sample_result(spec=spec))
    for name, sections in SECTIONS.items():
        text = written[links.file_of(name)]
        heads = [line[3:] for line in text.splitlines() if line.startswith("## ")]
        wanted = [section.title for section in sections if section.title]
        assert [head for head in wanted if head in heads] == heads


def test_a_section_without_blocks_has_no_heading() -> None:
    views = Views(sample.sample_result())
    written = Section(title="New", blocks=lambda _: ["", "One.", "- two"])
    assert written.write(views) == "## New\n\nOne.\n\n- two"
    assert Section(title="New", blocks=lambda _: [""]).write(views) == ""


def test_files_that_the_example_links_are_committed() -> None:
    text = (EXAMPLE / "report.md").read_text(encoding="utf-8")
    links = {part.split(")")[0] for part in text.split("](")[1:]}
    files = {x.split("#")[0] for x in links if not x.startswith(("#", "http"))}
    assert files >= {"manifest.json", "figures/effects.svg", "details/tests.md"}
    assert [name for name in files if not (EXAMPLE / name).is_file()] == []


def test_tables_are_no_wider_than_a_page(page: str) -> None:
    widths = table_widths(page)
    assert widths
    assert all(len(found) == 1 for found in widths), "ragged table"
    assert max(max(found) for found in widths) <= 11


@pytest.mark.parametrize(
    "text",
    [*NASTY, "===", "- - -", "---", "- item", "+ item", "2) item", "> quote", "#"],
)
def test_text_shows_as_written_and_does_nothing(text: str) -> None:
    # A line of text above turns some marks into headings.
    assert "<h" not in to_html(f"above\n{markdown.escape(text)}\n")
    shown = to_html(f"{markdown.escape(text)}\n")
    assert shown.startswith("<p>")
    for tag in (
        "<script",
        "<img",
        "<em",
        "<strong",
        "<code",
        "<a ",
        "<h1",
        "<li",
        "<s>",
    ):
        assert tag not in shown
    words = html.unescape(shown.removeprefix("<p>").rstrip().removesuffix("</p>"))
    assert words == " ".join(text.split())


@pytest.mark.parametrize("text", NASTY)
def test_a_cell_stays_one_cell(text: str) -> None:
    table = markdown.table(["a", "b"], [[markdown.escape(text), markdown.code(text)]])
    assert table_widths(table) == [{2}]
    assert to_html(table).count("<td") == 2


def test_nasty_catalogues_do_not_break_the_page() -> None:
    events = sample.events_frame(
        5,
        title=[t * 4 for t in NASTY],
        note=NASTY,
        confounders=NASTY,
        authority=NASTY,
        headline=[True] * 5,
        source_url=[
            "javascript:alert(1)",
            "http://[::1",
            "https://a.b/)x(|<",
            "ftp://x",
            "",
        ],
    )
    text = sample.whole(sample.sample_result(5, events=events))
    assert all(len(found) == 1 for found in table_widths(text))
    page = to_html(text)
    for tag in ("<script", "<img src=x", "<s>", 'javascript:alert(1)"', 'ftp://x"'):
        assert tag not in page
    assert page.count("<h1>") == len(SECTIONS) - 1  # no dictionary
    assert page.count("<h3>") == 5  # announcements


def test_nasty_names_of_groups_and_models_do_not_break_the_page() -> None:
    groups = {"a `b` _i_": ("AAA",), "$c$ [d](e)": ("BBB", "CCC")}
    labels = {"a `b` _i_": "a|b <i>x</i>", "m": "*m*|n <b>o</b>"}
    models = tuple(
        ModelSetting(name=name, model="market", factors=("^GSPC",))
        for name in ("m", "~n~")
    )
    spec = sample.sample_spec(
        groups=groups, models=models, labels=labels, title="# t | <script>"
    )
    result = sample.sample_result(2, spec)
    text = sample.whole(result)
    assert all(len(found) == 1 for found in table_widths(text))
    page = to_html(text)
    for tag in ("<i>", "<b>", "<script", "<em>m"):
        assert tag not in page
    assert all(alt in page for alt in ("(-5,+5)", 'alt="Heat map'))
    assert page.count("<img ") >= 12


def test_numbers_are_rounded_once_and_units_are_kept() -> None:
    assert numbers.percent(-0.194964) == "−19.50"
    assert numbers.percent(-0.00001) == "0.00"
    assert numbers.percent(None) == numbers.percent(float("nan")) == "–"
    assert numbers.pvalue(0.0005) == "<\u00a00.001"
    assert numbers.pvalue(0.05) == "0.050"
    assert numbers.percent_interval(-0.1, None) == ""


def test_log_returns_are_shown_as_changes_of_the_price() -> None:
    logs, simple = numbers.Returns("log"), numbers.Returns("simple")
    assert logs.percent(math.log(0.8), 0.05) == "−20.0"
    assert logs.spread(math.log(0.8), 0.05) == "4.0"  # 0.8 times the log's
    assert logs.interval(math.log(0.5), math.log(3), 0) == "[−50,\u00a0+200]"
    assert simple.with_error(-0.2231, 0.05) == "−22.3\u00a0(5.0)"
    assert logs.percent(1e4) == logs.percent(None) == logs.spread(0.1, None) == "–"
    frame = pl.DataFrame({"car": [math.log(1.5), None]})
    assert frame.select(logs.column("car"))["car"].to_list() == [
        pytest.approx(50.0),
        None,
    ]
    assert frame.select(simple.column("car"))["car"][0] == 100 * math.log(1.5)


@pytest.mark.parametrize(
    ("error", "places"),
    [(0.3, 0), (0.1, 0), (0.0999, 1), (0.01, 1), (0.0044, 2), (1e-9, 4), (0.0, 1)],
)
def test_decimals_follow_the_standard_error(error: float, places: int) -> None:
    assert numbers.places_for(error) == places


@pytest.mark.parametrize("returns", ["log", "simple"])
def test_every_average_of_the_page_is_read_in_one_way(returns: str) -> None:
    result = sample.sample_result(spec=sample.sample_spec(returns=returns))
    found = effects.Effects(result)
    row = next(r for r in found.rows if r["group"] == "china_rigs")
    value = row["estimate"] if returns == "simple" else math.expm1(row["estimate"])
    shown = found.average(row)
    places = len(shown.partition(".")[2])
    assert shown == numbers.percent(value, places)
    text = sample.whole(result)
    assert f"{shown}\u00a0%" in text
    assert f"| {shown} [" in text
    assert ("shown as per cent of the price" in text) is (returns == "log")


def effect_row(result: StudyResult, **changes: object) -> effects.Row:
    row = effects.Effects(result).rows[0]
    return {**row, **changes}


def with_pvalues(result: StudyResult, **pvalues: float | None) -> StudyResult:
    """Set the p-values of the named tests in all rows, and what follows from them."""
    changed = result.tests.with_columns(
        pvalue=pl.col("test").replace_strict(
            pvalues, default=pl.col("pvalue"), return_dtype=pl.Float64
        )
    )
    rows = [
        row | sample._answers(row, changed.to_dicts())
        for row in result.headline.to_dicts()
    ]
    table = sample.frame("headline", rows)
    return replace(result, tests=changed, headline=table)


@pytest.mark.parametrize(
    ("recommended", "naive", "said", "unsaid"),
    [
        (0.20, 0.30, "**not distinguishable from zero at 5 %**", "naive reading"),
        (0.20, 0.01, "A naive reading would have claimed an effect", "same conclusion"),
        (0.01, 0.02, "**distinguishable from zero at 5 %**", "naive reading"),
        (0.01, 0.20, "Naive tests would have missed it", "same conclusion"),
        (0.05, 0.05, "**not distinguishable from zero at 5 %**", "naive reading"),
    ],
)
def test_claims_follow_the_recommended_test(
    recommended: float, naive: float, said: str, unsaid: str
) -> None:
    others = dict.fromkeys(("kp_bmp", "portfolio", "placebo"), recommended)
    result = with_pvalues(
        sample.sample_result(),
        grank_overlap=recommended,
        csect=naive,
        patell=naive,
        **others,
    )
    found = effects.Effects(result)
    text = finding.sentences(found, found.rows[0])
    assert said in text
    assert unsaid not in text


@pytest.mark.parametrize(
    ("these", "such", "verdict", "said"),
    [
        (0.01, 0.01, Verdict.BOTH, "**distinguishable from zero at 5 %**."),
        (
            0.01,
            0.20,
            Verdict.THESE,
            "**distinguishable from zero at 5 % on these dates, too few of them to say "
            "so of such announcements**.",
        ),
        (0.20, 0.01, Verdict.NEITHER, "**not distinguishable from zero at 5 %**."),
        (0.20, 0.20, Verdict.NEITHER, "**not distinguishable from zero at 5 %**."),
        (None, 0.01, Verdict.NONE, "no conclusion"),
    ],
)
def test_announcements_are_spoken_of_only_by_the_second_question(
    these: float | None, such: float, verdict: Verdict, said: str
) -> None:
    result = with_pvalues(sample.sample_result(), grank_overlap=these, portfolio=such)
    found = effects.Effects(result)
    row = found.rows[0]
    assert agreement.verdict(found, row) is verdict
    text = finding.sentences(found, row)
    assert said in text
    assert ("of dates are too few" in text) is (verdict is Verdict.THESE)
    assert ("the cautious reading holds" in text) is (these == 0.2 and such == 0.01)
    told = opening.lead(Views(result))
    both = "On these dates, and for announcements like these, that is more than"
    assert (both in told) is (verdict is Verdict.BOTH)
    assert ("they are too few to say it" in told) is (verdict is Verdict.THESE)
    assert ("chance" in told) is (verdict is not Verdict.NONE)


@pytest.mark.parametrize(
    ("pvalue", "n_dates", "said"),
    [
        (0.01, 1, "**distinguishable from zero at 5 % on this date**. No test of such"),
        (0.01, 3, "**distinguishable from zero at 5 % on these dates**. No test of"),
        (0.30, 3, "**not distinguishable from zero at 5 %**. No test of such"),
    ],
)
def test_one_cluster_of_dates_says_nothing_of_announcements(
    pvalue: float, n_dates: int, said: str
) -> None:
    result = with_pvalues(sample.sample_result(), grank_overlap=pvalue)
    alone = {"verdict": "single", "n_dates": n_dates, "why_such": "one cluster"}
    such = dict.fromkeys(
        ("test_such", "pvalue_such", "estimate_such", "ci_low_such", "ci_high_such")
    )
    row = effect_row(result, **alone, **such)
    found = effects.Effects(result)
    text = finding.sentences(found, row)
    assert said in text
    assert "of such announcements: one cluster." in text
    assert "too few" not in text


@pytest.mark.parametrize(
    ("other", "placebo", "said"),
    [
        (0.01, 0.01, "3 of 3 robust tests agree."),
        (
            0.01,
            0.20,
            "2 of 3 robust tests agree; `placebo` (p\u00a0=\u00a00.200) does ",
        ),
        (0.30, 0.20, "1 of 3 robust tests agree; `kp_bmp` (p\u00a0=\u00a00.300) and "),
    ],
)
def test_robust_tests_are_counted_and_those_that_disagree_are_named(
    other: float, placebo: float, said: str
) -> None:
    result = with_pvalues(
        sample.sample_result(), grank_overlap=0.01, kp_bmp=other, placebo=placebo
    )
    found = effects.Effects(result)
    assert said in finding.sentences(found, found.rows[0])
    counted = said.partition(" robust")[0]
    assert f"{counted} robust test" in opening.SECTION.write(Views(result))
    assert f"| {counted} |" in averages.SECTION.write(Views(result))


@pytest.mark.parametrize(
    ("floor", "test", "times"),
    [(0.2, "mine", 1), (0.02, "mine", 0), (0.2, "kp_bmp", 0)],
)
def test_floors_that_decide_differently_are_said(
    floor: float, test: str, times: int
) -> None:
    result = with_pvalues(sample.sample_result(), grank_overlap=0.01)
    row = effect_row(result, pvalue_floor_estimation=floor, test_these=test)
    TESTS.register(
        EventTest(name="mine", meaning="mine", scale="recent", of_sample=_mine)
    )
    try:
        text = finding.sentences(effects.Effects(result), row)
    finally:
        TESTS.remove("mine")
    assert text.count("What counts as usual volatility decides here") == times


def _mine(_sample: object, _options: object) -> Answer:
    return Answer(pvalue=0.5)


@pytest.mark.parametrize(
    ("without", "times"), [(0.6, 0), (0.4, 1), (-0.1, 1), (2.0, 0)]
)
def test_an_average_that_rests_on_one_date_is_said_to(
    without: float, times: int
) -> None:
    result = sample.sample_result()
    share = pl.col("estimate") * without
    table = result.headline.with_columns(estimate_without_it=share)
    result = replace(result, headline=table)
    found = effects.Effects(result)
    text = finding.sentences(found, found.rows[0])
    assert text.count(" % without “Authority 1 ") == times
    told = influence.line(found, [found.rows[0]], [])
    assert told.startswith("Yes, that of" if times else "No effect that was found")


def test_dates_that_differ_by_more_than_noise_are_said() -> None:
    result = sample.sample_result()
    found = effects.Effects(result)
    assert "No sign that dates differ" in finding.sentences(found, found.rows[0])
    row = effect_row(result, q_pvalue=0.01, i2=0.64)
    assert "Dates differ by more than noise" in finding.sentences(found, row)
    assert "I² = 64 %" in finding.sentences(found, row)


def with_car(result: StudyResult, **changes: object) -> StudyResult:
    """Change the CAR of BTC-USD at E1 in the first window."""
    one = (
        (pl.col("event_id") == "E1")
        & (pl.col("asset") == "BTC-USD")
        & (pl.col("start") == -1)
    )
    cars = result.cars.with_columns(
        pl.when(one).then(pl.lit(value)).otherwise(name).alias(name)
        for name, value in changes.items()
    )
    return replace(result, cars=cars)


@pytest.mark.parametrize(
    ("changes", "mark", "said"),
    [
        (
            {"covered": "cut", "n_valid": 2, "in_average": False},
            "†",
            "1 observation left out of it as doubtful: BTC-USD at E1 (its last close "
            "is missing: 2 of 3 sessions).",
        ),
        ({"covered": "beyond", "in_average": False}, "†", "(its first return begins"),
        (
            {"doubt": "jump"},
            "‡",
            "1 observation counted, though doubtful: BTC-USD at E1 (doubtful prices: ",
        ),
    ],
)
def test_doubts_stand_beside_the_number_that_they_touch(
    changes: dict[str, object], mark: str, said: str
) -> None:
    question = Question(text="How far?", event_id="E1", assets=("BTC-USD",))
    spec = sample.sample_spec(questions=(question,))
    plain = sample.sample_result(spec=spec)
    result = with_car(plain, **changes)
    found = effects.Effects(result)
    row = next(r for r in found.rows if r["start"] == -1)
    assert row["group"] == "bitcoin"
    assert said in finding.sentences(found, row)
    assert "doubtful" not in finding.sentences(effects.Effects(plain), row)
    answer = questions.SECTION.write(Views(result))
    assert said.rpartition("(")[2].rstrip(".") in answer
    table = events.SECTION.write(Views(result))
    assert f"({mark}" not in table
    assert f"){mark}<br>" in table
    assert f"){mark}<br>" not in events.SECTION.write(Views(plain))


def test_many_doubtful_observations_are_counted_by_asset() -> None:
    result = sample.sample_result()
    doubted = result.cars.with_columns(doubt=pl.lit("spike"))
    result = replace(result, cars=doubted)
    found = effects.Effects(result)
    row = next(r for r in found.rows if r["group"] == "china_rigs")
    said = "4 observations counted, though doubtful: BTCM 2 times and BTBT 2 times."
    assert said in finding.sentences(found, row)


def test_warnings_are_counted_on_the_first_screen_and_told_behind_it() -> None:
    said = [
        {"severity": "warning", "about": "prices", "text": "no prices for RIOTT"},
        {"severity": "note", "about": "defaults", "text": "model market on ^GSPC"},
    ]
    plain = sample.sample_result()
    result = replace(plain, remarks=sample.frame("remarks", said))
    text = doubts.SECTION.write(Views(result))
    assert "- no prices for RIOTT." in text
    assert "How it was asked: model market on" in text
    first = opening.SECTION.write(Views(result))
    assert "no prices for RIOTT; some settings were taken by default. [All" in first
    two = replace(plain, remarks=sample.frame("remarks", [said[0]] * 2))
    assert "2 warnings" in opening.SECTION.write(Views(two))
    assert "warning" not in opening.SECTION.write(Views(plain))


def test_a_test_of_the_users_own_is_spoken_of_by_its_facts() -> None:
    def mine(sample: object, options: object) -> Answer:
        return Answer(pvalue=0.5)

    entry = EventTest(
        name="mine", meaning="a test of mine", votes=True, scale="event", of_sample=mine
    )
    TESTS.register(entry)
    try:
        spec = sample.sample_spec(tests=("csect", "placebo", "mine"))
        result = sample.sample_result(spec=spec)
        assert "| `mine` | a test of mine |" in methods.test_table(result)
        table = result.headline.with_columns(variance_increase=pl.lit(0.3))
        found = effects.Effects(replace(result, headline=table))
        (said,) = agreement.yardstick_sentences(found)
        assert "`csect` and `mine` measure by the event's own spread" in said
    finally:
        TESTS.remove("mine")


@pytest.mark.parametrize(
    ("multiple", "said"),
    [
        (0.3, "ask for a larger effect"),
        (0.67, ""),
        (1.5, ""),
        (2.0, "reject too easily"),
    ],
)
def test_the_yardstick_is_named_where_the_spread_changed(
    multiple: float, said: str
) -> None:
    result = sample.sample_result()
    table = result.headline.with_columns(variance_increase=pl.lit(multiple))
    found = effects.Effects(replace(result, headline=table))
    assert said in " ".join(agreement.yardstick_sentences(found))
    assert bool(agreement.yardstick_sentences(found)) is bool(said)


def test_groups_that_differ_have_a_row_but_do_not_lead() -> None:
    result = with_pvalues(sample.sample_result(), grank_overlap=0.2, portfolio=0.2)
    name = pl.lit("china_rigs - abroad")
    renamed = {
        table: getattr(result, table).with_columns(
            group=pl.when(group="china_rigs").then(name).otherwise("group")
        )
        for table in ("headline", "tests")
    }
    views = Views(replace(result, **renamed))
    text = averages.SECTION.write(views)
    assert text.count("| china rigs minus<br>abroad |") == 2
    assert "minus" not in opening.lead(views)


def test_overlapping_announcements_are_shown_alone_and_net() -> None:
    result = sample.sample_result()
    (first, table), *_ = joint.tables(result)
    assert first == "total"
    assert table.count("\n| E") == 2 * 4  # events x assets
    assert "| E1 | BTC-USD | −4.9 |" in table
    apart = result.joint.with_columns(n_overlapping=pl.lit(0, pl.Int64))
    assert joint.tables(replace(result, joint=apart)) == []
    assert joint.summary(replace(result, joint=apart)) == ""


def test_doubts_are_marked_in_the_joint_table() -> None:
    result = sample.sample_result()
    at = (pl.col("event_id") == "E1") & (pl.col("asset") == "BTC-USD")
    changes = {"covered": "cut", "doubt": "spike"}
    marked = result.joint.with_columns(
        pl.when(at).then(pl.lit(text)).otherwise(name).alias(name)
        for name, text in changes.items()
    )
    (_, plain), *_ = joint.tables(result)
    (_, table), *_ = joint.tables(replace(result, joint=marked))
    assert not {"†", "‡"} & set(plain)
    rows = [line for line in table.splitlines() if "†‡" in line]
    assert len(rows) == 1
    assert rows[0].startswith("| E1 | BTC-USD | −4.9†‡ |")
    assert rows[0].count("†‡") == 2
    section = joint.SECTION.write(Views(result))
    assert "doubts a price that is used" in section


@pytest.mark.parametrize(
    ("net", "said"), [(-0.04, ""), (-0.01, "−1.0 % net"), (0.04, "+4.1 % net")]
)
def test_the_summary_names_what_the_others_take_off(net: float, said: str) -> None:
    result = sample.sample_result()
    level = pl.lit(0.5)
    changed = result.joint.with_columns(
        car=pl.lit(net), pvalue=level, pvalue_alone=level
    )
    text = joint.summary(replace(result, joint=changed))
    assert said in text
    assert bool(text) is bool(said)


def test_persistence_names_the_middle_and_the_extremes() -> None:
    result = sample.sample_result()
    text = dynamics.persistence(result)
    assert "gone after 11.4 sessions at the median of 3 assets" in text
    assert "8.6 for RIOT, 34.3 for BTC-USD" in text
    assert "For BTCM the fit gives no half-life" in text
    none = result.garch.with_columns(converged=pl.lit(value=False))
    assert dynamics.persistence(replace(result, garch=none)) == ""


@pytest.mark.parametrize(
    ("pvalue", "said"),
    [
        (0.03, "For 1 of 1 they lie closer to announcements"),
        (0.3, "For no asset do the breaks lie closer"),
        (None, "The variance broke on 1 date in 1 of 4 assets"),
    ],
)
def test_breaks_are_near_announcements_only_by_their_p(
    pvalue: float | None, said: str
) -> None:
    result = sample.sample_result()
    value = pl.when(pl.col("n_breaks") > 0).then(pl.lit(pvalue, pl.Float64))
    text = dynamics.breaks(
        replace(result, breaks=result.breaks.with_columns(pvalue=value))
    )
    assert said in text
    assert ("closer" in text) is (pvalue is not None)


def test_moves_around_the_instant_have_a_row_each() -> None:
    table = dynamics.intraday_table(sample.sample_result())
    assert table.count("\n| E") == 2
    assert "| E1 | BTC-USD | 2021-06-01 10:00 | 2.00 | 0.040 | 3 | – |" in table


def test_volume_is_unusual_only_by_every_robust_test() -> None:
    result = sample.sample_result()
    text = dynamics.volume(result)
    assert "unusual for abroad (1.07 times the usual)" in text  # exp(0.2 / 3)
    rows = result.tests.filter(outcome="volume")
    change = rows.with_columns(outcome=pl.lit("volume_change"), pvalue=pl.lit(0.4))
    drift = replace(result, tests=pl.concat([result.tests, change]))
    said = dynamics.volume(drift)
    assert "In no group" in said
    assert "For abroad (1.07 times the usual, 1.07 times that of 11 to 7" in said
    assert "had drifted" in said
    found = change.with_columns(pvalue=pl.lit(0.01))
    moved = replace(result, tests=pl.concat([result.tests, found]))
    assert dynamics.volume(moved) == text
    one = (pl.col("outcome") == "volume") & (pl.col("test") == "placebo")
    tests = result.tests.with_columns(pvalue=pl.when(one).then(0.5).otherwise("pvalue"))
    assert "In no group" in dynamics.volume(replace(result, tests=tests))


def test_ratios_during_the_event_are_not_those_after_it() -> None:
    result = sample.sample_result()
    in_event = pl.col("window") == "event"
    table = result.volatility.with_columns(
        ratio=pl.when(in_event).then(7.77).otherwise("ratio")
    )
    result = replace(result, volatility=table)
    (_, first), *_ = volatility_tables.pooled_tables(result)
    head, _, *lines = first.splitlines()
    assert head.count(" | ") == lines[0].count(" | ")
    assert all(line.split(" | ")[-2].startswith("7.77") for line in lines)
    assert all("7.77" not in line.split(" | ")[3] for line in lines)
    assert "7.77" not in str(volatility.group_rows(result))
    held = ratios.all_ratios(result)
    assert "(naive)" in volatility_tables.event_table(result, held, [("E1", "BTCM")])


def test_measures_that_disagree_are_named() -> None:
    result = sample.sample_result()
    of_garch = pl.col("measure") == "garch"
    for pvalue, said in ((0.01, True), (0.2, False)):
        value = pl.when(of_garch).then(pvalue).otherwise("pvalue")
        changed = replace(
            result, volatility=result.volatility.with_columns(pvalue=value)
        )
        assert ("GARCH forecasts made before" in volatility.line(changed)) is said
        assert ("`cav_bootstrap`" in volatility.bullets(changed)[0]) is said


def test_methods_hold_every_test_and_measure_of_the_tables() -> None:
    result = sample.sample_result()
    text = methods.test_table(result) + methods.shift_table(result)
    used = {*result.tests["test"], *result.volatility["test"], "icss"}
    assert [name for name in used if f"| `{name}` |" not in text] == []
    measures = "\n".join(methods.measure_bullets(result))
    for name in result.volatility["measure"].unique():
        assert f"{name.replace('_', ' ')}: " in measures
    assert methods.joint_nulls(result).count("`") == 2 * 3


def test_placebo_dates_turn_a_yes_into_a_perhaps() -> None:
    result = sample.sample_result()
    ends = {"ci_low": pl.lit(1.2), "ci_high": pl.lit(2.0)}
    for pvalue, said in ((0.01, "Yes, for bitcoin"), (0.3, "Perhaps, for bitcoin")):
        table = result.volatility.with_columns(pvalue=pl.lit(pvalue), **ends)
        changed = replace(result, volatility=table)
        assert said in volatility.line(changed)


def test_kinds_are_compared_or_their_absence_is_explained() -> None:
    events = sample.events_frame(3, headline=[True] * 3)
    result = sample.sample_result(events=events)
    found = kinds.compared(result)
    table = kinds.table(result, found)
    assert "| bitcoin | mining ban | 2 | 2 |" in table
    assert "| bitcoin | banking payment | 1 | 1 |" in table
    assert any("No interval" in reason for reason in kinds.reasons(result, found))
    same = events.with_columns(kind=pl.lit("mining_ban"))
    result = sample.sample_result(events=same)
    assert kinds.table(result, kinds.compared(result)) == ""


def test_a_kind_is_missing_because_it_is_mixed_or_because_it_was_dropped() -> None:
    result = sample.sample_result(events=sample.events_frame(3, headline=[True] * 3))
    only_second = result.cars.filter(pl.col("event_id") != "E1")
    result = replace(result, cars=only_second)
    mixed = kinds.reasons(result, kinds.compared(result))
    assert any("Where banking payment has no row" in reason for reason in mixed)
    status = pl.when(event_id="E1").then(pl.lit("dropped")).otherwise("status")
    dropped = result.observations.with_columns(status=status)
    result = replace(result, observations=dropped)
    unused = kinds.reasons(result, kinds.compared(result))
    assert any("could be estimated: banking payment." in reason for reason in unused)
    assert not any("has no row" in reason for reason in unused)


def test_interval_and_test_that_disagree_are_called_weak() -> None:
    result = with_pvalues(sample.sample_result(), grank_overlap=0.2)
    found = effects.Effects(result)
    row = effect_row(result, ci_low_these=-0.2, ci_high_these=-0.1)
    assert "weak either way" in finding.sentences(found, row)
    row = effect_row(result, ci_low_these=-0.2, ci_high_these=0.1)
    assert "weak either way" not in finding.sentences(found, row)


def test_without_a_recommended_p_there_is_no_conclusion() -> None:
    result = with_pvalues(sample.sample_result(), grank_overlap=None)
    text = finding.sentences(effects.Effects(result), effect_row(result))
    assert "no conclusion" in text
    assert "distinguishable" not in text


def test_chance_rejections_are_counted() -> None:
    result = with_pvalues(sample.sample_result(), grank_overlap=0.01)
    text = finding.scan(effects.Effects(result))
    assert text.startswith("Over all 15 combinations")
    assert "the test for these dates rejects at 5 % in 15" in text
    assert "about 0.8 would be expected by chance" in text


def test_one_sided_tests_are_labelled() -> None:
    result = sample.sample_result(spec=sample.sample_spec(alternative="less"))
    assert "one-sided: less" in averages.SECTION.write(Views(result))
    two = averages.SECTION.write(Views(sample.sample_result()))
    assert "two-sided" in two
    assert "one-sided" not in two


def volatility_row(low: float | None, high: float | None) -> volatility.Row:
    key = {
        "event_id": "all",
        "asset": "all",
        "group": "g",
        "model": "m",
        "measure": "x",
    }
    return {**key, "ratio": 1.5, "ci_low": low, "ci_high": high, "method": "bootstrap"}


@pytest.mark.parametrize(
    ("low", "high", "pvalues", "said"),
    [
        (0.9, 2.2, {}, "**not distinguishable from no change**"),
        (1.1, 2.2, {}, "**higher, and the interval excludes no change**"),
        (1.1, 2.2, {"placebo": 0.4}, "not rare at other dates"),
        (0.9, 2.2, {"f": 0.001}, "A naive reading would have claimed a change"),
        (None, None, {}, "no conclusion"),
    ],
)
def test_volatility_claims_follow_the_robust_interval(
    low: float | None, high: float | None, pvalues: dict[str, float], said: str
) -> None:
    key = ("all", "all", "g", "m", "x")
    values = {(*key, name): value for name, value in pvalues.items()}
    row = volatility_row(low, high)
    assert said in volatility.sentence(sample.sample_result(), row, values)


def test_the_interval_of_a_ratio_is_never_that_of_a_naive_test() -> None:
    result = sample.sample_result()
    naive = pl.col("test").is_in(["f", "brown_forsythe"])
    table = result.volatility.with_columns(
        ci_low=pl.when(naive).then(9.0).otherwise("ci_low"),
        ci_high=pl.when(naive).then(9.9).otherwise("ci_high"),
    )
    assert "9.90]" not in sample.whole(replace(result, volatility=table))


def test_questions_get_a_number_and_its_uncertainty() -> None:
    spec = sample.sample_spec(
        questions=(
            Question(
                text="How far?", event_id="E1", assets=("BTC-USD",), window=(-5, 0)
            ),
            Question(text="All?", event_id="E2", background="320 machines."),
            Question(text="Wilder?", event_id="E1", measure="volatility"),
            Question(text="Who?", event_id="E1", assets=("NONE",)),
        )
    )
    result = sample.sample_result(spec=spec)
    views = Views(result)
    found = [[*questions.answer(views, asked)] for asked in spec.questions]
    car = result.cars.filter(event_id="E1", asset="BTC-USD", start=-5).row(
        0, named=True
    )
    change = math.exp(car["car"])
    assert f"CAR[-5,0] {numbers.percent(change - 1, 1)} %" in found[0][2]
    assert f"error {numbers.spread(change * car['se'], 1)}," in found[0][2]
    assert numbers.p_equals(car["pvalue"]) in found[0][2]
    assert found[1][1] == "320 machines."
    assert found[1][3].count("\n| ") == 7 + 2  # asset x model, and two of the head
    assert found[2][2].count("\n- ") == 4 - 1
    assert "no answer" in found[3][2]
    assert "How far?" in sample.whole(result)


def test_the_price_change_is_exact() -> None:
    spec = sample.sample_spec(
        questions=(Question(text="q", event_id="E1", assets=("BTC-USD",)),)
    )
    result = sample.sample_result(spec=spec)
    table = result.abnormal_returns.with_columns(
        actual=pl.when(pl.col("offset") == 0).then(pl.lit(0.5).log()).otherwise(0.0)
    )
    result = replace(result, abnormal_returns=table)
    assert "BTC-USD fell by 50.0 %" in questions.SECTION.write(Views(result))
    assert "the price fell by 50.0 %" in questions.DETAILS.write(Views(result))


def test_estimates_that_repeat_are_shown_once() -> None:
    result = sample.sample_result(2)
    joined = result.observations.with_columns(observation=pl.lit("E1+E2"))
    twice = result.cars.filter(event_id="E1").with_columns(event_id=pl.lit("E1+E2"))
    day = result.abnormal_returns.filter(event_id="E1")
    result = replace(
        result,
        observations=joined,
        cars=twice,
        abnormal_returns=day.with_columns(event_id=pl.lit("E1+E2")),
    )
    views = Views(result)
    first, second = (
        "\n".join(events.announcement(views, row))
        for row in result.events.iter_rows(named=True)
    )
    assert "CAR[-1,+1]" in first
    assert "CAR[-1,+1]" not in second
    assert "are those of E1 above" in second
    assert "together they are one observation" in second
