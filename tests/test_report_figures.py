"""The figures: well-formed, small, the same each time, honest about what they show."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise

import polars as pl
import pytest
import report_sample as sample

from eventstudy.report.figures import (
    DRAWINGS,
    figures,
    forest,
    heatmap,
    layout,
    over_time,
    overlap,
    scales,
    style,
)

FONT_STACK = style.FONT_STACK

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def images() -> dict[str, bytes]:
    return figures(sample.sample_result())


def test_all_figures_are_drawn(images: dict[str, bytes]) -> None:
    assert list(images) == [
        "effects.svg",
        "timeline.svg",
        "announcements.svg",
        "influence.svg",
        "placebo.svg",
        "caar.svg",
        "car_heatmap.svg",
        "prices.svg",
        "volatility.svg",
        "conditional.svg",
        "regimes.svg",
        "volume.svg",
        "intraday.svg",
        "overlap.svg",
    ]


def test_every_figure_has_words_of_its_own() -> None:
    result = sample.sample_result()
    said = [d.picture(result) for d in DRAWINGS.values() if d.has_data(result)]
    assert len(set(said)) == len(said) == len(DRAWINGS) - 1  # no distribution
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
        assert root.tag == "{http://www.w3.org/2000/svg}svg", name
        assert b"<script" not in image, name
        assert b"<text" in image, name
        assert FONT_STACK.encode() in image, name
        assert b"dc:date" not in image, name
        assert len(image) < 100_000, name


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
    assert svg == '<g transform="translate(1.23 2) scale(0.015625)">\n</g>'
    assert style._compact('<path d="M 1.23456 -0.5 \nL 2 3 \n"/>') == (
        '<path d="M 1.23 -0.5 L 2 3"/>'
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
    assert [(name, is_group) for name, *_, is_group in rows] == [
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
    titles = [f"Authority {n} announces rule {n}" for n in (1, 2, 3)]
    assert marks == {day: (titles, True)}  # the third is a minor one
    cars = result.cars.with_columns(day0=pl.lit(day)).filter(
        pl.col("event_id").is_in(["E2", "E3"])
    )
    (name,) = heatmap._names(result, cars).values()
    assert name == f"Authority 2 announces rule 2 +1  {day:%d %b %y}"


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
    for name, outlines in (("Шахтёры", True), ("中国矿机", False), ("العملات", False)):
        with style.house():
            figure = style.canvas(200, 50)
            figure.text(0.1, 0.5, name)
            svg = style.to_svg(figure).decode()
        assert ("<text" not in svg) is outlines
        if not outlines:
            assert name in svg
            assert "Noto Sans CJK SC" in svg
