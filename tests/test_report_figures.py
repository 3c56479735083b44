"""The figures: well-formed, small, the same each time, honest about what they show."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise

import polars as pl
import pytest
import report_sample as sample

from eventstudy.report.announced import MANY
from eventstudy.report.figures import (
    DRAWINGS,
    effects,
    figures,
    forest,
    heatmap,
    layout,
    over_time,
    overlap,
    scales,
    style,
)

pytestmark = pytest.mark.long

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def images() -> dict[str, bytes]:
    return figures(sample.sample_result())


def test_all_figures_are_drawn(images: dict[str, bytes]) -> None:
    of_others = {"distribution.svg", "outcomes.svg"}  # of many, and of a series
    assert list(images) == [file for file in DRAWINGS if file not in of_others]
    large = sample.sample_result(MANY + 1)
    drawn = [file for file, one in DRAWINGS.items() if one.has_data(large)]
    of_few = {"announcements.svg", "car_heatmap.svg", "overlap.svg", "outcomes.svg"}
    assert drawn == [file for file in DRAWINGS if file not in of_few]


def test_every_figure_has_words_of_its_own() -> None:
    result = sample.sample_result()
    said = [one.picture(result) for one in DRAWINGS.values() if one.has_data(result)]
    assert len(set(said)) == len(said)
    for picture in said:
        image, caption = picture.split("\n\n")
        alt, file = image.removeprefix("![").rstrip(")").split("](figures/")
        assert file in DRAWINGS
        assert len(alt.split()) > 5
        assert caption.endswith(".")


def test_a_figure_without_data_says_nothing() -> None:
    result = replace(sample.sample_result(), aar=sample.empty("aar"))
    assert DRAWINGS["caar.svg"].picture(result) == ""


def test_figures_are_plain_svg(images: dict[str, bytes]) -> None:
    for name, image in images.items():
        root = ET.fromstring(image)
        assert root.tag == f"{SVG}svg", name
        assert "'DejaVu Sans', Verdana" in root.attrib["font-family"], name
        assert b"<script" not in image, name
        assert b"dc:date" not in image, name
        assert len(image) < 100_000, name


def test_texts_of_figures_are_texts(images: dict[str, bytes]) -> None:
    """They can be found and copied; the page says in which fonts, no text does."""
    for name, image in images.items():
        texts = [text.text for text in ET.fromstring(image).iter(f"{SVG}text")]
        assert len(texts) > 3, name
        assert b"DejaVuSans-" not in image, f"{name} has letters as outlines"
        assert image.count(b"font-family") == 1, name


def test_no_id_is_in_two_figures_of_a_page(images: dict[str, bytes]) -> None:
    ids = [
        element.attrib["id"]
        for image in images.values()
        for element in ET.fromstring(image).iter()
        if "id" in element.attrib
    ]
    assert len(ids) > 100
    assert len(set(ids)) == len(ids)


def test_drawing_leaves_no_trace(images: dict[str, bytes]) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    assert figures(sample.sample_result()) == images
    assert dict(mpl.rcParams) == before


def test_the_readers_settings_do_not_matter(images: dict[str, bytes]) -> None:
    import matplotlib as mpl

    own = {
        "svg.fonttype": "none",
        "svg.id": "mine",
        "path.simplify": False,
        "font.family": "serif",
        "font.style": "italic",
        "lines.linewidth": 9,
        "date.epoch": "0000-12-31T00:00:00",
        "axes.autolimit_mode": "round_numbers",
        "axes.grid": True,
        "figure.constrained_layout.use": True,
        "savefig.bbox": "tight",
        "savefig.dpi": 300,
        "timezone": "Asia/Shanghai",
    }
    layout.text_width.cache_clear()
    with mpl.rc_context(own):
        assert figures(sample.sample_result()) == images


def test_coordinates_survive_the_compaction() -> None:
    svg = style._compact('<g transform="translate(1.23456 2) scale(0.015625)">\n</g>')
    assert svg == '<g transform="translate(1.2 2) scale(0.015625)">\n</g>'
    assert style._compact('<path d="M 1.23456 -0.5 \nL 2 3 \n"/>') == (
        '<path d="M 1.2 -0.5 L 2 3"/>'
    )


@pytest.mark.parametrize(
    ("wanted", "gap"),
    [([0.0, 0.1, 5.0], 1.0), ([3.0, 3.0, 3.0, 3.0], 0.5), ([2.0], 1.0), ([], 1.0)],
)
def test_labels_keep_their_distance_and_order(wanted: list[float], gap: float) -> None:
    placed = style.spread_apart(wanted, gap, (-9.0, 9.0))
    ranked = sorted(placed)
    assert all(b - a > gap * 0.999 for a, b in pairwise(ranked))
    assert [placed.index(p) for p in ranked] == sorted(
        range(len(wanted)), key=lambda i: wanted[i]
    )
    assert sum(placed) == pytest.approx(sum(wanted))


def test_the_forest_takes_group_and_asset_rows_of_the_main_measure() -> None:
    rows = forest._rows(sample.sample_result())
    assert [(row.name, row.is_group) for row in rows] == [
        ("bitcoin", True),
        ("china rigs", True),
        ("BTCM", False),
        ("BTBT", False),
        ("abroad", True),
    ]


def test_log_ticks_are_round_and_few() -> None:
    for low, high in ((80, 130), (10, 2000), (99, 101), (0.5, 3e5)):
        ticks = scales.log_ticks(low, high)
        assert 1 <= len(ticks) <= 6
        assert all(low <= tick <= high for tick in ticks)
        assert ticks == sorted(ticks)


def test_days_are_named_after_the_headline_announcement() -> None:
    result = sample.sample_result(3)
    day = result.observations["day0"][0]
    same = result.observations.with_columns(day0=pl.lit(day))
    marks = over_time.marks_of(replace(result, observations=same))
    assert marks == {
        day: ([f"Authority {n} announces rule {n}" for n in (1, 2, 3)], True)
    }
    cars = result.cars.with_columns(day0=pl.lit(day)).filter(
        pl.col("event_id").is_in(["E2", "E3"])
    )
    title = "Authority 2 announces rule 2"  # the third is a minor one
    assert heatmap._names(result, cars) == {day: f"{title} +1, {day:%d %b}"}


def test_joint_observations_share_all_their_sessions() -> None:
    result = sample.sample_result(2)
    joined = result.observations.with_columns(observation=pl.lit("E1+E2"))
    shared = overlap._shared(replace(result, observations=joined))
    assert shared["E1", "E2"] == 11


def test_cut_windows_are_marked_in_the_heat_map() -> None:
    plain = sample.sample_result()
    cars = plain.cars.with_columns(covered=pl.lit("cut"))
    cut = replace(plain, cars=cars)
    assert "†" not in heatmap.DRAWING.caption(plain)
    assert "†: a close is missing" in heatmap.DRAWING.caption(cut)
    assert heatmap.draw(cut) != heatmap.draw(plain)


def test_names_in_other_scripts_are_texts_in_fonts_of_the_reader() -> None:
    """Chinese, Cyrillic and Arabic names: legible, and no library warns of them."""
    for name in ("Шахтёры", "中国矿机", "العملات"):
        with style.house():
            figure = style.canvas(200, 50)
            figure.text(0.1, 0.5, name)
            svg = style.to_svg(figure).decode()
        assert name in svg
        assert "Noto Sans CJK SC" in svg


def test_a_notebook_shows_a_figure_as_the_report_has_it() -> None:
    result = sample.sample_result()
    for drawing, module in ((effects.DRAWING, effects), (forest.DRAWING, forest)):
        shown = module.figure(result)._repr_svg_()
        assert shown.encode() == drawing.draw(result)


def test_texts_stay_in_place_at_any_resolution() -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    places = {}
    for dpi in (72, 288):
        figure = effects.figure(sample.sample_result())
        figure.set_dpi(dpi)
        FigureCanvasAgg(figure).draw()
        boxes = [text.get_window_extent() for text in figure.texts]
        places[dpi] = [72 * value / dpi for box in boxes for value in (box.x0, box.y0)]
    assert len(places[72]) > 10
    assert places[288] == pytest.approx(places[72], abs=5)
