"""Alternative texts and captions of the figures, with their main numbers."""

import polars as pl

from eventstudy.report import numbers as nb
from eventstudy.report.effects import confidence_text, level_text
from eventstudy.report.labels import group_label, main_window, model_names
from eventstudy.report.sections import volatility
from eventstudy.spec import window_text
from eventstudy.study.result import StudyResult


def alt_texts(result: StudyResult) -> dict[str, str]:
    """Say what each figure shows: file name -> one sentence without brackets."""
    texts = {
        "caar.svg": _caar(result),
        "car_heatmap.svg": (
            f"Heat map of CAR {window_text(main_window(result))} in per cent, "
            "announcement days by assets"
        ),
        "prices.svg": "Indexed prices by group with the announcements marked",
        "volatility.svg": _volatility(result),
        "conditional.svg": "Conditional standard deviation of each asset over time "
        "with the announcements marked",
        "regimes.svg": "Probability of the turbulent regime of each asset over time "
        "with the announcements marked",
        "volume.svg": "Average abnormal volume per group over sessions "
        f"{window_text(result.spec.event_window)}",
        "intraday.svg": "Change of prices in the hours around each announcement",
        "overlap.svg": "Number of sessions that the event windows share, by pair",
    }
    return {name: _flat(text) for name, text in texts.items()}


def _flat(text: str) -> str:
    return text.translate(str.maketrans("[]|`<>\\", "()/'()/"))


def _caar(result: StudyResult) -> str:
    model = model_names(result)[0]
    last = result.aar.filter(
        (pl.col("sample") == "headline")
        & (pl.col("model") == model)
        & (pl.col("offset") == result.spec.event_window[1])
        & pl.col("caar").is_not_null()
    )
    ends = [
        f"{group_label(group)} {nb.percent(caar, 1)} %"
        for group, caar in last.select("group", "caar").iter_rows()
    ]
    text = (
        "Path of the cumulative average abnormal return per group over sessions "
        f"{window_text(result.spec.event_window)} with {confidence_text(result)} bands"
    )
    return f"{text}; at its end {nb.listing(ends)}" if ends else text


def _volatility(result: StudyResult) -> str:
    ratios = [
        f"{group_label(row['group'])} {nb.decimal(row['ratio'])}"
        for row in volatility.group_rows(result)
    ]
    text = "Forest plot of the volatility after the announcements over that before"
    return f"{text}: {nb.listing(ratios)}" if ratios else text


def captions(result: StudyResult) -> dict[str, str]:
    """Say how to read each figure: file name -> caption."""
    confidence, level = confidence_text(result), level_text(result)
    window = window_text(main_window(result))
    post, pre = result.spec.volatility_post, result.spec.volatility_pre
    return {
        "caar.svg": (
            "Cumulative average abnormal return of the headline sample from the start "
            f"of the event window, with {confidence} bands that allow for dependence "
            "between observations. Dotted: day 0."
        ),
        "car_heatmap.svg": (
            f"CAR{window} in per cent, one row per day 0 (first announcement of the "
            f"day, number of others, date). \\*: p below {level} on its own. Bold: "
            "still below after Holm's correction for all CARs of the study. White: not "
            "estimated."
        ),
        "prices.svg": (
            "Closing prices, each line 100 on the first day shown; log scales, so that "
            "equal distances are equal percentages. Solid lines: day 0 of the headline "
            "announcements (first of the day, number of others); dotted: of the others."
        ),
        "volatility.svg": (
            f"Standard deviation of returns per session in {window_text(post)} over "
            f"that in {window_text(pre)}, with {confidence} intervals; 1 is no change. "
            "Diamonds: groups; dots: single assets, pooled over announcements."
        ),
        "conditional.svg": (
            "Standard deviation that a GARCH(1,1) with Student-t errors, fitted to the "
            "whole history, gives to each session. Vertical lines: announcements, as "
            "in the figure of prices. The model has seen the whole year: it dates "
            "unrest, it does not forecast it."
        ),
        "regimes.svg": (
            "Smoothed probability that the asset is in the more volatile of two states "
            "(Markov switching variance): none at the foot of a band, one at its full "
            "height. Vertical lines: announcements."
        ),
        "volume.svg": (
            "Average abnormal volume of the headline sample per session, as a multiple "
            "of the usual volume (log scale). Dotted: day 0."
        ),
        "intraday.svg": (
            "Log price less that of the last bar before the announcement, per cent. "
            "Dotted: the recorded instant; a move before it means that the news was "
            "out earlier, or that something else moved the price."
        ),
        "overlap.svg": (
            "Sessions that two event windows share on the asset where they share most. "
            "Announcements without overlap are left out."
        ),
    }
