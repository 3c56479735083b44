"""Figures from Python: those of the report, or drawn into axes of somebody else."""

import warnings
from collections.abc import Callable
from dataclasses import replace

import matplotlib as mpl
import polars as pl
import pytest
import report_sample as sample
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import eventstudy as es
from eventstudy.core.errors import SpecError
from eventstudy.report.figures import DRAWINGS, style
from eventstudy.study.result import StudyResult

pytestmark = pytest.mark.long

# Name in es.plot -> the report's figure.
REPORTED = {
    "effects": "effects.svg",
    "caar": "caar.svg",
    "heatmap": "car_heatmap.svg",
    "timeline": "timeline.svg",
    "volatility": "volatility.svg",
    "placebo": "placebo.svg",
    "influence": "influence.svg",
}
# The figures of specifications and of other outcomes are drawn in their own tests.
OF_STUDIES = (*REPORTED, "aar")
Draw = Callable[..., Figure]


@pytest.fixture(scope="module")
def result() -> StudyResult:
    bins = [
        {"sample": "headline", "model": "total", "group": group, "start": -1, "end": 1}
        | {"low": low / 2, "high": (low + 1) / 2, "n": 5 + low, "actual": -0.7}
        | {"basis": "300 shifts over the whole history"}
        for group in ("bitcoin", "china_rigs")
        for low in range(-3, 3)
    ]
    return replace(sample.sample_result(), placebo=sample.frame("placebo", bins))


@pytest.fixture
def ax() -> Axes:
    figure = Figure(figsize=(6, 4), dpi=100)
    return figure.add_subplot()


def drawer(name: str) -> Draw:
    return getattr(es.plot, name)


def texts(axes: Axes) -> str:
    labels = [*axes.get_xticklabels(), *axes.get_yticklabels(), *axes.texts]
    titles = axes.get_title(), axes.get_xlabel(), axes.get_ylabel()
    return "\n".join([*titles, *(label.get_text() for label in labels)])


def test_every_public_figure_is_tried() -> None:
    assert set(es.plot.__all__) == {*OF_STUDIES, "multiverse", "outcome"}


@pytest.mark.parametrize("name", REPORTED)
def test_the_reports_figures_are_these(name: str, result: StudyResult) -> None:
    figure = drawer(name)(result)
    with style.house():
        assert style.to_svg(figure) == DRAWINGS[REPORTED[name]].draw(result)


@pytest.mark.parametrize("name", OF_STUDIES)
def test_axes_of_somebody_else_are_drawn_into(
    name: str, result: StudyResult, ax: Axes
) -> None:
    before = dict(mpl.rcParams)
    other = ax.figure.add_subplot(1, 9, 9)
    assert drawer(name)(result, ax=ax) is ax.figure
    assert ax.figure.axes == [ax, other]
    assert not other.has_data()
    assert ax.has_data()
    assert len(texts(ax).split()) > 5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax.figure.canvas.draw()
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("name", OF_STUDIES)
def test_pyplot_keeps_none_of_them(name: str, result: StudyResult) -> None:
    from matplotlib import pyplot as plt

    open_before = plt.get_fignums()
    drawer(name)(result)
    assert plt.get_fignums() == open_before


def test_a_group_is_chosen(result: StudyResult, ax: Axes) -> None:
    es.plot.caar(result, group="abroad", ax=ax)
    assert ax.get_title().startswith("abroad")
    assert len(es.plot.caar(result, group="abroad").axes) == 1
    path = result.aar.filter(sample="headline", group="abroad", model="total")
    percent = 100 * (path["caar"].exp() - 1)
    held = [line.get_ydata() for line in ax.lines if len(line.get_ydata()) == len(path)]
    assert any(list(line) == pytest.approx(percent.to_list()) for line in held)


def test_a_model_is_chosen(result: StudyResult, ax: Axes) -> None:
    es.plot.effects(result, model="net_of_bitcoin", ax=ax)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["china rigs", "abroad"]


def test_a_window_is_chosen(result: StudyResult, ax: Axes) -> None:
    es.plot.effects(result, window=(0, 5), group="bitcoin", ax=ax)
    row = result.headline.filter(
        sample="headline", group="bitcoin", start=0, end=5, outcome="car"
    ).row(0, named=True)
    marked = [line.get_xdata() for line in ax.lines if len(line.get_xdata()) == 3]
    middle = 100 * (pl.Series([row["estimate"]]).exp()[0] - 1)
    assert [values[1] for values in marked] == pytest.approx([middle, middle])


def test_an_asset_is_chosen(result: StudyResult, ax: Axes) -> None:
    es.plot.timeline(result, asset="RIOT", ax=ax)
    assert "RIOT" in ax.get_ylabel()
    drawn = set(ax.lines[0].get_ydata())
    assert drawn <= set(result.closes.filter(symbol="RIOT")["close"])
    assert len(drawn) > 50


def test_paths_are_cumulated_from_the_windows_start_too(
    result: StudyResult, ax: Axes
) -> None:
    es.plot.caar(result, group="bitcoin", ax=ax)
    aar = result.aar.filter(sample="headline", group="bitcoin").sort("offset")
    inner = aar.filter(pl.col("offset") >= -1)["aar"].cum_sum().exp()
    wanted = [0.0, *(100 * (inner - 1))]
    dashed = [line.get_ydata() for line in ax.lines if line.get_linestyle() == "--"]
    found = next(values for values in dashed if len(values) == aar.height)
    assert [v for v in found if v == v] == pytest.approx(wanted)


def test_a_wrong_name_says_what_there_is(result: StudyResult) -> None:
    with pytest.raises(SpecError, match=r"unknown group 'abrod': did you mean"):
        es.plot.caar(result, group="abrod")
    with pytest.raises(SpecError, match=r"unknown model 'x'; known: net_of_bitcoin"):
        es.plot.effects(result, model="x")
    with pytest.raises(SpecError, match=r"no window \(3, 4\); it has \[-1,\+1\]"):
        es.plot.influence(result, window=(3, 4))
    with pytest.raises(SpecError, match=r"unknown asset 'RIOTT': did you mean 'RIOT'"):
        es.plot.timeline(result, asset="RIOTT")


def test_nothing_to_draw_is_an_error_that_says_why(result: StudyResult) -> None:
    returns = replace(result.spec, parts=("returns",))
    empty = sample.empty("volatility")
    bare = replace(
        result, spec=returns, volatility=empty, placebo=sample.empty("placebo")
    )
    with pytest.raises(SpecError, match=r"not computed, parts = returns"):
        es.plot.volatility(bare)
    with pytest.raises(SpecError, match=r"result\.placebo has none"):
        es.plot.placebo(bare)
