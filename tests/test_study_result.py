"""How a result shows itself."""

from dataclasses import fields

import polars as pl

from eventstudy.spec import ModelSetting, StudySpec
from eventstudy.study.result import StudyResult

MODELS = (
    ModelSetting(name="<total>", model="market", factors=("^GSPC",), groups=("rigs",)),
    ModelSetting(name="<total>", model="constant_mean", groups=("coin",)),
    ModelSetting(name="net", model="market", factors=("BTC-USD",), groups=("rigs",)),
)
HEADLINE = pl.DataFrame(
    {
        "sample": ["headline", "headline", "all"],
        "group": ["rigs", "coin", "rigs"],
        "model": ["<total>"] * 3,
        "start": [-1, 0, -1],
        "end": [1, 5, 1],
        "estimate": [-0.240213, None, 0.5],
        "ci_low": [-0.3, None, 0.4],
        "ci_high": [-0.1, None, 0.6],
        "n": [9, 1, 12],
        "n_clusters": [3, 1, 4],
        "recommended": ["portfolio", None, "portfolio"],
    }
)


def result(headline=HEADLINE) -> StudyResult:
    tables = {field.name: pl.DataFrame() for field in fields(StudyResult)}
    return StudyResult(
        **{
            **tables,
            "spec": StudySpec(
                returns="log",
                models=MODELS,
                groups={"rigs": ("RIOT", "MARA"), "coin": ("BTC-USD",)},
            ),
            "events": pl.DataFrame({"event_id": ["a", "b"]}),
            "observations": pl.DataFrame(
                {
                    "observation": ["a", "a+b", "b", "b"],
                    "asset": ["RIOT", "MARA", "RIOT", "BTC-USD"],
                    "status": ["used", "used", "used", "dropped"],
                }
            ),
            "headline": headline,
            "provenance": {},
        }
    )


def test_a_line_says_what_was_studied():
    text = "StudyResult(2 events, 2 assets, 3 observation dates, <total>, net)"
    assert repr(result()) == text


def test_a_notebook_shows_the_headline_sample_in_percent():
    page = result()._repr_html_()
    assert "&lt;total&gt;" in page
    assert "<total>" not in page
    assert "[-1,+1]" in page
    assert "[0,+5]" in page
    assert "-24.02" in page
    assert "50.0" not in page  # the other sample
    assert page.count("<tr>") >= 3


def test_a_notebook_shows_an_empty_headline():
    assert "StudyResult(2 events" in result(HEADLINE.clear())._repr_html_()
