"""What figures say of their marks, and the numbers that they are drawn from."""

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import polars as pl
import pytest
import report_sample as sample
import simulation_worlds as worlds

import eventstudy as es
from eventstudy.report.announced import MANY
from eventstudy.report.figures import DRAWINGS, figures, influence
from eventstudy.report.tables import to_csv
from eventstudy.spec import ModelSetting
from eventstudy.study import estimate
from eventstudy.study.result import StudyResult

pytestmark = pytest.mark.long

MARKED = {
    "effects",
    "timeline",
    "announcements",
    "influence",
    "volatility",
    "placebo",
    "distribution",
}


@pytest.fixture(scope="module")
def example(worked_example) -> StudyResult:
    return worked_example.result()


@pytest.fixture(scope="module")
def images(example: StudyResult) -> dict[str, bytes]:
    return figures(example)


def with_placebo(result: StudyResult) -> StudyResult:
    """Give a sample the histogram that a study makes."""
    bins = [
        {"sample": "headline", "model": "total", "group": group, "start": -1, "end": 1}
        | {"low": low / 2, "high": (low + 1) / 2, "n": 5 + low, "actual": -0.7}
        | {"basis": "300 shifts over the whole history"}
        for group in ("bitcoin", "china_rigs")
        for low in range(-3, 3)
    ]
    return replace(result, placebo=sample.frame("placebo", bins))


def ids_of(image: bytes) -> set[str]:
    return {e.attrib["id"] for e in ET.fromstring(image).iter() if "id" in e.attrib}


# --- the worked example --------------------------------------------------------------


def test_no_id_of_an_announcement_is_written_in_a_figure(
    example: StudyResult, images: dict[str, bytes]
) -> None:
    ids = set(example.events["event_id"])
    assert len(ids) > 30
    for name, image in images.items():
        texts = [t.text or "" for t in ET.fromstring(image).iter() if t.text]
        words = {word for text in texts for word in re.findall(r"[\w-]+", text)}
        assert not words & ids, name


def test_figures_of_the_worked_example_are_the_same_twice(
    example: StudyResult, images: dict[str, bytes]
) -> None:
    assert figures(example) == images
    assert sum(map(len, images.values())) < 600_000


def test_marks_of_the_worked_example_are_in_its_figures(
    example: StudyResult, images: dict[str, bytes]
) -> None:
    found = {}
    for file, image in images.items():
        marks = DRAWINGS[file].marks(example)
        assert set(marks) <= ids_of(image), file
        assert set(DRAWINGS[file].links(example)) <= set(marks), file
        assert not found.keys() & marks.keys()
        found |= marks
        drawn = {i for i in ids_of(image) if i.startswith(f"{file[:-4]}-")}
        assert drawn - set(marks) <= {i for i in drawn if i.startswith("placebo-")}
    assert {mark.split("-")[0] for mark in found} == MARKED - {"distribution"}


def test_marks_lead_to_announcements(example: StudyResult) -> None:
    known = set(example.events["event_id"])
    for name in ("timeline", "influence"):
        links = DRAWINGS[f"{name}.svg"].links(example)
        assert len(links) > 5
        assert set(links.values()) <= known


def test_marks_of_effects_say_the_numbers_of_the_table(example: StudyResult) -> None:
    rows = example.headline.filter(
        sample="headline", outcome="car", start=-1, end=1
    ).filter(pl.col("group") != "all")
    columns = ("estimate", "ci_low_these", "ci_high_these", "pvalue_these")
    wanted = set()
    for line in to_csv(rows.select(columns)).decode().split()[1:]:
        numbers = zip(columns, line.split(","), strict=True)
        wanted.add("; ".join(f"{name} {number}" for name, number in numbers))
    marks = DRAWINGS["effects.svg"].marks(example)
    said = {text.split("; ", 1)[1] for mark, text in marks.items() if "these" in mark}
    assert len(said) > 5
    assert said == wanted
    shown = next(text for text in marks.values() if "machines in China, whole" in text)
    assert "on these dates: −11.0\u00a0% [−19.2,\u00a0−2.0]; estimate -0.1167" in shown


def test_marks_of_ratios_say_the_numbers_of_the_table(example: StudyResult) -> None:
    table = example.volatility.filter(event_id="all", window="post")
    held = set(to_csv(table.select("ratio")).decode().split()[1:])
    said = {
        re.findall(r"ratio ([^;]+);", text)[0]
        for text in DRAWINGS["volatility.svg"].marks(example).values()
    }
    assert len(said) > 5
    assert said <= held


def test_bars_of_a_date_are_means_over_the_assets_of_a_group(
    example: StudyResult,
) -> None:
    """On 21 June one miner has an announcement of its own besides."""
    day = example.observations.filter(
        pl.col("day0") == pl.date(2021, 6, 21),
        status="used",
        group="china_rigs",
        model="total",
    )
    names = day["observation"].unique().to_list()
    assert len(names) > 1
    values = example.abnormal_returns.filter(
        pl.col("event_id").is_in(names), offset=0, group="china_rigs", model="total"
    )["abnormal"].to_list()
    assert len(values) == 6
    marks = DRAWINGS["announcements.svg"].marks(example)
    of_bar = [
        float(text.rsplit(" ", 1)[1])
        for mark, text in marks.items()
        if mark.startswith("announcements-5-")
        and text.startswith("miners with machines in China, session +0:")
    ]
    assert of_bar == [pytest.approx(math.fsum(values) / 6, rel=1e-12)]


# --- leaving out one date ------------------------------------------------------------


def test_averages_without_a_date_equal_a_loop(example: StudyResult) -> None:
    """Group by group and date by date, from the table of CARs alone."""
    found = influence.without_each(example)
    days = {
        (row["observation"], row["asset"]): row["day0"]
        for row in example.observations.filter(status="used").iter_rows(named=True)
    }
    first = {"bitcoin": "total", "ether": "total"}
    first |= {"china_rigs": "total", "foreign_rigs": "total"}
    for group, model in first.items():
        held = [
            (days[row["event_id"], row["asset"]], row["car"])
            for row in example.cars.iter_rows(named=True)
            if (row["group"], row["model"]) == (group, model)
            and (row["start"], row["end"]) == (-1, 1)
            and row["headline"]
            and row["in_average"] is not False
        ]
        slow = []
        for day in sorted({day for day, _ in held}):
            others = [car for other, car in held if other != day]
            slow.append(math.fsum(others) / len(others))
        of_group = found.filter(group=group)
        assert sorted(of_group["without"]) == pytest.approx(sorted(slow), rel=1e-12)
        mean = math.fsum(car for _, car in held) / len(held)
        assert of_group["estimate"].to_list() == [pytest.approx(mean)] * len(slow)


def test_the_date_that_moves_an_average_most_is_that_of_the_headline(
    example: StudyResult,
) -> None:
    rows = example.headline.filter(
        sample="headline", outcome="car", start=-1, end=1, model="total"
    )
    for row in rows.filter(~pl.col("group").str.contains("all| - ")).to_dicts():
        of_group = influence.without_each(example).filter(group=row["group"])
        moved = (of_group["without"] - of_group["estimate"]).abs()
        far = of_group.row(int(moved.arg_max() or 0), named=True)
        assert far["without"] == pytest.approx(row["estimate_without_it"])
        assert far["event_id"] == row["influence_event"]


# --- other dates ---------------------------------------------------------------------

T, FIRST, LAST = 60, -70, -11  # the estimation window
DAY = 190


def placebo_world() -> tuple[es.StudySpec, pl.DataFrame, pl.DataFrame]:
    prices = worlds.prices(3, 230, correlation=0.3, seed=11)
    spec = worlds.spec(3, model="constant_mean", factors=(), windows=((-1, 1), (0, 0)))
    return spec, worlds.events([DAY]), prices


def test_the_histogram_of_other_dates_equals_a_loop() -> None:
    spec, events, prices = placebo_world()
    table = es.run(spec, events, prices).placebo.filter(sample="headline")
    draws = [0.0] * (T - 2)
    actual = 0.0
    for asset in ("A0", "A1", "A2"):
        closes = prices.filter(symbol=asset).sort("date")["close"].to_list()
        r = [
            math.nan,
            *(math.log(b / a) for a, b in pairwise(closes)),
        ]
        past = r[DAY + FIRST : DAY + LAST + 1]
        mean = math.fsum(past) / T
        errors = [x - mean for x in past]
        sigma = math.sqrt(math.fsum(e * e for e in errors) / (T - 1))
        scale = sigma * math.sqrt(3 * (1 - 3 / T))
        for start in range(T - 2):
            draws[start] += math.fsum(errors[start : start + 3]) / scale / 3
        car = math.fsum(x - mean for x in r[DAY - 1 : DAY + 2])
        actual += car / (sigma * math.sqrt(3 + 9 / T)) / 3
    assert table["basis"].unique().to_list() == [
        f"{T - 2} pseudo-dates of the estimation window"
    ]
    assert table["actual"].to_list() == [pytest.approx(actual)] * table.height
    assert set(zip(table["start"], table["end"], strict=True)) == {(-1, 1)}
    edges = [*table["low"], table["high"][-1]]
    assert edges == sorted(edges)
    counted = [
        sum(low <= draw < high for draw in draws)
        for low, high in zip(table["low"], table["high"], strict=True)
    ]
    assert table["n"].to_list() == counted
    assert sum(counted) == T - 2
    assert abs(actual) <= edges[-1]


def test_the_histogram_does_not_depend_on_chunks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec, events, prices = placebo_world()
    whole = es.run(spec, events, prices).placebo
    assert whole.height > 0
    monkeypatch.setattr(estimate, "BLOCK_SIZE", 1)
    assert es.run(spec, events, prices).placebo.equals(whole)


# --- odd studies ---------------------------------------------------------------------


def one_of_each() -> StudyResult:
    models = (ModelSetting(name="market", model="market", factors=("^GSPC",)),)
    spec = sample.sample_spec(
        groups={"shares": ("BTCM",)}, models=models, windows=((0, 0),)
    )
    return sample.sample_result(1, spec)


def nothing_estimated() -> StudyResult:
    result = sample.sample_result(3)
    nulls = {
        "headline": [
            c for c in result.headline.columns if "estimate" in c or "ci_" in c
        ],
        "cars": ["car", "se", "pvalue"],
        "aar": ["aar", "caar", "ci_low", "ci_high"],
        "volatility": ["ratio", "ci_low", "ci_high"],
        "abnormal_returns": ["abnormal"],
    }
    tables = {
        name: result.tables[name].with_columns(
            pl.lit(None, pl.Float64).alias(c)
            for c in columns
            if result.tables[name].schema[c] == pl.Float64
        )
        for name, columns in nulls.items()
    }
    return replace(result, **tables)


def sixty_groups() -> StudyResult:
    groups = {f"group_{i:02}": (f"SHARE{i}",) for i in range(60)}
    models = (ModelSetting(name="market", model="market", factors=("^GSPC",)),)
    return sample.sample_result(3, sample.sample_spec(groups=groups, models=models))


def chinese() -> StudyResult:
    titles = [
        "三协会禁止会员从事虚拟货币业务",
        "四川清退二十六个矿场",
        "十部门宣布全部非法",
    ]
    events = sample.events_frame(3, title=titles)
    spec = sample.sample_spec(labels={"china_rigs": "中国矿机公司"})
    return sample.sample_result(3, spec, events)


def missing_parts() -> StudyResult:
    result = sample.sample_result(3)
    gone = ("volatility", "conditional", "regimes", "volume_aar", "intraday", "closes")
    return replace(result, **{name: sample.empty(name) for name in gone})


def large_list() -> StudyResult:
    return sample.sample_result(MANY + 5)


ODD = (
    one_of_each,
    nothing_estimated,
    sixty_groups,
    chinese,
    missing_parts,
    large_list,
)


@pytest.mark.parametrize("make", ODD)
def test_odd_studies_are_drawn_with_their_marks(
    make: Callable[[], StudyResult],
) -> None:
    result = with_placebo(make())
    drawn = 0
    for name, drawing in DRAWINGS.items():
        if not drawing.has_data(result):
            assert drawing.picture(result) == ""
            continue
        image = drawing.draw(result)
        drawn += 1
        assert len(image) < 500_000, name
        assert set(drawing.marks(result)) <= ids_of(image), name
        assert drawing.caption(result).endswith("."), name
        assert all("\n" not in text for text in drawing.marks(result).values())
    assert drawn


def test_what_there_is_no_room_for_is_counted() -> None:
    result = sixty_groups()
    said = {
        name: DRAWINGS[f"{name}.svg"].caption(result)
        for name in ("effects", "announcements", "caar", "influence")
    }
    assert "40 more rows of groups are not shown" in said["effects"]
    assert "56 more groups not shown" in said["announcements"]
    assert "the median of 60 groups in a band" in said["caar"]
    assert "44 more groups not shown" in said["influence"]


def test_paths_of_many_groups_are_their_median() -> None:
    result = sixty_groups()
    (axes,) = es.plot.caar(result).axes
    path = result.aar.filter(sample="headline", offset=0)["caar"]
    assert len(path) == 60
    line = next(one for one in axes.lines if len(one.get_ydata()) == 11)
    middle = 100 * math.expm1(sorted(path)[29] / 2 + sorted(path)[30] / 2)
    assert line.get_ydata()[5] == pytest.approx(middle)


def test_chinese_titles_are_texts() -> None:
    image = DRAWINGS["timeline.svg"].draw(chinese()).decode()
    assert "三协会禁止会员从事虚拟货币业务" in image


def test_a_large_list_has_its_distribution_and_no_lines_of_announcements() -> None:
    result = large_list()
    caption = DRAWINGS["distribution.svg"].caption(result)
    cars = result.cars.filter(start=-1, end=1, group="bitcoin", model="total")["car"]
    below = 100 * (cars < 0).mean()
    assert f"{below:.0f}\u00a0% for bitcoin" in caption
    assert "too many to be marked" in DRAWINGS["prices.svg"].caption(result)
    months = DRAWINGS["timeline.svg"].marks(result)
    counted = [int(text.split(": ")[1].split()[0]) for text in months.values()]
    assert sum(counted) == MANY + 5
