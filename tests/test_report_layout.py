"""Every letter of every figure is on its page, and no text lies over another.

The letters are measured where a reader meets them: in the SVG, from the outlines of the
glyphs and where they are put.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
import report_sample as sample
import simulation_worlds as worlds
from numpy.typing import NDArray

import eventstudy as es
from eventstudy.report.figures import (
    DRAWINGS,
    heatmap,
    layout,
    over_time,
    scales,
    style,
)
from eventstudy.simulation.figures import figures as simulation_figures
from eventstudy.simulation.result import SimulationResult
from eventstudy.spec import ModelSetting
from eventstudy.study.result import StudyResult

pytestmark = pytest.mark.long


@pytest.fixture(autouse=True)
def letters_as_outlines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw the letters as they are measured: the outlines of the font."""
    monkeypatch.setitem(style._RC, "svg.fonttype", "path")


SVG, LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
SLACK = 0.3  # points that letters of two texts may share; coordinates are rounded
Boxes = NDArray[np.float64]  # letter by left, lower, right and upper end


def letters(image: bytes) -> tuple[tuple[float, float], Boxes, NDArray[np.int64]]:
    """Return the page's size, a box around every letter, and the text it is in."""
    root = ET.fromstring(image)
    size = [float(side) for side in root.attrib["viewBox"].split()[2:]]
    outlines = {
        path.attrib["id"]: outline(path.attrib.get("d", ""))
        for path in root.iter(f"{SVG}path")
        if "id" in path.attrib
    }
    boxes, texts = [], []
    for number, group in enumerate(root.iter(f"{SVG}g")):
        place = complex(*numbers("translate", group))
        turn = np.exp(1j * np.deg2rad(numbers("rotate", group)[0]))
        scale = numbers("scale", group)[0]
        for use in group.findall(f"{SVG}use"):
            corners = outlines[use.attrib[LINK][1:]] + complex(
                *numbers("translate", use)
            )
            if len(corners):
                at = place + turn * (scale * corners.conj())
                boxes.append(
                    (at.real.min(), at.imag.min(), at.real.max(), at.imag.max())
                )
                texts.append(number)
    return (size[0], size[1]), np.array(boxes), np.array(texts)


def outline(path: str) -> NDArray[np.complex128]:
    """Return a glyph's corners, in hundredths of the size of the text."""
    points = np.array(re.findall(r"-?[\d.]+", path), dtype=float).reshape(-1, 2)
    return (points[:, 0] + 1j * points[:, 1]) / 64


def numbers(name: str, element: ET.Element) -> list[float]:
    found = re.search(rf"{name}\(([^)]*)\)", element.attrib.get("transform", ""))
    return [float(number) for number in found[1].split()] if found else [0.0, 0.0]


def covered(boxes: Boxes, texts: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return pairs of texts of which a letter lies over a letter."""
    left, lower, right, upper = boxes.T
    across = np.minimum.outer(right, right) - np.maximum.outer(left, left)
    up = np.minimum.outer(upper, upper) - np.maximum.outer(lower, lower)
    one, other = np.nonzero((across > SLACK) & (up > SLACK))
    pairs = {(int(texts[i]), int(texts[j])) for i, j in zip(one, other, strict=True)}
    return sorted((i, j) for i, j in pairs if i < j)


def wrong(image: bytes) -> list[object]:
    """Return the edges that letters are beyond, and pairs of texts that overlap."""
    (width, height), boxes, texts = letters(image)
    left, upper = boxes[:, :2].min(axis=0)
    right, lower = boxes[:, 2:].max(axis=0)
    within = {"left": left >= 0, "top": upper >= 0}
    within |= {"right": right <= width, "bottom": lower <= height}
    beyond = [edge for edge, holds in within.items() if not holds]
    return [*beyond, *covered(boxes, texts)]


def study(
    groups: dict[str, tuple[str, ...]], events: int, **changes: object
) -> StudyResult:
    models = (ModelSetting(name="market", model="market", factors=("^GSPC",)),)
    spec = sample.sample_spec(**({"groups": groups, "models": models} | changes))
    return sample.sample_result(events, spec)


def one_asset() -> StudyResult:
    return study({"shares": ("BTCM",)}, 1, windows=((0, 0),))


def marks_at_both_ends() -> StudyResult:
    spec = sample.sample_spec(event_window=(-10, 10))
    return sample.sample_result(3, spec)


def forty_assets() -> StudyResult:
    return study({"all_of_them": tuple(f"ASSET-{i}" for i in range(40))}, 3)


def twenty_assets() -> StudyResult:
    return study({"some": tuple(f"ASSET-{i}" for i in range(20))}, 3)


def seven_groups() -> StudyResult:
    return study({f"group_{i}": (f"SHARE{i}", f"BOND{i}") for i in range(7)}, 4)


def long_names() -> StudyResult:
    assets = tuple(f"A_VERY_LONG_NAME_OF_AN_ASSET_{i}.TO" for i in range(7))
    groups = {
        "a group whose name is rather long for a panel": assets[:4],
        "z" * 70: assets[4:],
        "short": ("X",),
    }
    models = tuple(
        ModelSetting(name=f"{'a long name of a model ' * 4}{i}", model="constant_mean")
        for i in range(3)
    )
    names = [f"{'an announcement with a long name ' * 3}{i}" for i in range(5)]
    spec = sample.sample_spec(groups=groups, models=models)
    events = sample.events_frame(5, event_id=names, headline=[True] * 5)
    return sample.sample_result(5, spec, events)


def days_close_together() -> StudyResult:
    """Fifteen announcements on the last fifteen days that are shown."""
    result = study({"shares": ("BTCM", "RIOT")}, 15)
    place = pl.col("event_id").str.slice(1).cast(pl.Int64)
    observations = result.observations.with_columns(
        day0=pl.date(2021, 10, 16) + pl.duration(days=place)
    )
    events = result.events.with_columns(headline=pl.lit(value=True))
    return replace(result, observations=observations, events=events)


def seventy_events() -> StudyResult:
    return study({"shares": ("BTCM",)}, 70)


def wild_numbers() -> StudyResult:
    result = sample.sample_result(4)
    large = 10.0 ** (pl.int_range(pl.len()) % 9 - 3)
    changed = {
        "closes": ("close",),
        "conditional": ("sd",),
        "cars": ("car",),
        "aar": ("caar", "ci_low", "ci_high"),
        "volume_aar": ("aar",),
        "volatility": ("ratio", "ci_low", "ci_high"),
        "intraday": ("log_change",),
    }
    tables = {
        name: getattr(result, name).with_columns(pl.col(columns) * large)
        for name, columns in changed.items()
    }
    tables["volume_aar"] = result.volume_aar.with_columns(pl.col("aar") * 5)
    return replace(result, **tables)


STUDIES = (
    *(sample.sample_result, one_asset, seven_groups, twenty_assets, forty_assets),
    *(
        marks_at_both_ends,
        long_names,
        days_close_together,
        seventy_events,
        wild_numbers,
    ),
)


@pytest.mark.parametrize("make", STUDIES)
def test_texts_are_on_the_page_and_apart(make: Callable[[], StudyResult]) -> None:
    result = make()
    for name, drawing in DRAWINGS.items():
        if not drawing.has_data(result):
            continue
        assert wrong(drawing.draw(result)) == [], name


@pytest.fixture(scope="module")
def simulated() -> SimulationResult:
    market = (worlds.spec(4), worlds.events([500, 900]), worlds.prices(4, 1000))
    return es.simulate(*market, replications=100, effects=[0.01, 0.02], seed=8)


@pytest.mark.parametrize("groups", [1, 2, 4, 7])
def test_figures_of_a_simulation_keep_texts_apart(
    simulated: SimulationResult, groups: int
) -> None:
    names = [f"a group with a name that is long {i}" for i in range(groups)]
    tables = {
        name: pl.concat(
            getattr(simulated, name).with_columns(group=pl.lit(g)) for g in names
        )
        for name in ("designs", "rejections", "power", "verdict")
    }
    for name, image in simulation_figures(replace(simulated, **tables)).items():
        assert wrong(image) == [], name


def test_the_measure_sees_what_is_wrong() -> None:
    with style.house():
        figure = style.canvas(100, 20)
        figure.text(90, 10, "beyond", transform=None)
        figure.text(95, 10, "over", transform=None)
        image = style.to_svg(figure)
    edge, *pairs = wrong(image)
    assert edge == "right"
    assert len(pairs) == 1


@pytest.mark.parametrize("weight", ["normal", "bold"])
def test_a_text_is_as_wide_as_it_is_said_to_be(weight: str) -> None:
    with style.house():
        figure = style.canvas(400, 40)
        how = {"transform": None, "fontsize": 20, "fontweight": weight}
        figure.text(10, 10, "HAWAII +3", **how)
        image = style.to_svg(figure)
    _, boxes, _ = letters(image)
    width = layout.text_width("HAWAII +3", 20, bold=weight == "bold")
    assert boxes[:, 2].max() - boxes[:, 0].min() == pytest.approx(width, abs=4)


def test_a_text_is_cut_only_where_it_must_be() -> None:
    text = "An announcement with a name"
    full = layout.text_width(text)
    assert layout.fit(text, full) == text
    for room in (40.0, 60.0, 100.0, full - 1):
        cut = layout.fit(text, room)
        kept = len(cut) - 1
        assert cut == text[:kept] + "…"
        assert layout.text_width(cut) <= room
        longer = layout.text_width(text[: kept + 2].rstrip() + "…")
        assert longer > room or text[kept] == " "


def test_lines_break_between_words_and_lose_none() -> None:
    text = "one two three four five six seven"
    for room in (45.0, 80.0, 150.0):
        wrapped = layout.wrap(text, room)
        assert wrapped.replace("\n", " ") == text
        assert all(layout.text_width(line) <= room for line in wrapped.split("\n"))
    held = "N\u00a0=\u00a06"
    room = layout.text_width(held) + 1
    assert layout.wrap(f"shares {held}", room).split("\n")[1] == held


def test_column_names_turn_as_columns_get_narrow() -> None:
    angles = [heatmap.arrange(["BTC-USD"] * n, 400)[1] for n in (3, 12, 40)]
    assert angles == [0, 45, 90]
    for n in (1, 3, 8, 12, 18, 40):
        name = "A-LONG-NAME.X"
        width, angle, size, _ = heatmap.arrange([name] * n, 400)
        reach = layout.text_width(name, size) * np.cos(np.deg2rad(angle))
        assert width * n <= 400
        assert angle != 45 or width * (n - 0.5) + reach <= 400


def test_lines_stay_clear_of_the_name_at_a_panels_foot() -> None:
    line = pl.DataFrame({"value": [3.0, 100.0, 2500.0]})
    scale = over_time.log_scale("", {"A": line}, 190.0)
    heights = line["value"].log().to_numpy() - np.log(scale.low)
    places = 190.0 * heights / np.log(scale.high / scale.low)
    assert places.min() >= over_time.FOOT
    assert places.max() <= 190.0
    assert all(value >= 3.0 / 1.08 for value in scale.ticks), "marks are for lines"


def test_scales_find_round_numbers() -> None:
    scale = scales.linear("", -12.0, 31.0, 160.0)
    assert list(scale.ticks.values()) == ["−10", "0", "10", "20", "30"]
    sessions = scales.linear("", 0.0, 0.0, 160.0, whole=True)
    assert list(sessions.ticks.values()) == ["0"], "a window of one session"


@pytest.mark.parametrize("room", [40.0, 100.0, 400.0])
def test_labels_leave_a_third_of_an_axis_free(room: float) -> None:
    for high in (3.0, 1000.0, 3.7e8):
        labels = scales.linear("", -0.4 * high, high, room).ticks.values()
        taken = sum(layout.text_width(label, layout.SMALL) for label in labels)
        assert 0 < taken <= 2 / 3 * room or len(labels) <= 2


def test_dates_say_their_year_once() -> None:
    scale = scales.dates(date(2021, 4, 10), date(2021, 10, 20))
    months = ["May\n2021", "Jun", "Jul", "Aug", "Sep", "Oct"]
    assert list(scale.ticks.values()) == months
    days = scales.dates(date(2021, 5, 2), date(2021, 7, 1))
    assert list(days.ticks.values()) == ["15\nMay 2021", "Jun", "15", "Jul"]
    longer = scales.dates(date(2017, 1, 1), date(2023, 6, 1))
    years = [str(year) for year in range(2017, 2024)]
    assert list(longer.ticks.values()) == years


@pytest.mark.parametrize("length", [9, 10, 20, 45, 90, 150, 365, 800, 3000, 20000])
def test_dates_are_few_and_within(length: int) -> None:
    for start in range(0, 800, 71):
        first = date(2019, 1, 1) + timedelta(days=start)
        scale = scales.dates(first, first + timedelta(days=length))
        assert 2 <= len(scale.ticks) <= 9
        assert scale.low <= min(scale.ticks)
        assert max(scale.ticks) <= scale.high
