"""Every table of a simulation: its columns, their types, units and meanings, once."""

from collections.abc import Mapping

from eventstudy.study.table import Table, count, number, text

_SAMPLE = (
    text("model", "name of a model setting of the study file"),
    text("group", "the asset group"),
)
_WINDOW = (
    count("start", "first session of the window, day 0 = 0", "sessions"),
    count("end", "last session of the window, included", "sessions"),
)
_VARIANCE = number("variance", "factor on the variance of the window's returns")
_SCENARIO = text("scenario", "as drawn, dates differ, or calmer before")
_TEST = (
    text(
        "test",
        "name of the test, see `eventstudy list tests`; recommended_these and "
        "recommended_such: the tests that a study of this design recommends",
    ),
    text("stands_for", "the test itself, null where none is recommended"),
)
_NOMINAL = number("nominal", "nominal size of the test")
_ENDS = (
    number("ci_low", "lower end of the rate's 95 % interval, Clopper and Pearson"),
    number("ci_high", "upper end of the interval"),
)
_REASON = text("reason", "why there is no value")

_TABLES = (
    Table(
        "rejections",
        "a row per sample, scenario, effect, variance, test and nominal size: how "
        "often it rejects",
        (
            *_SAMPLE,
            *_WINDOW,
            _SCENARIO,
            number("effect", "abnormal return put on day 0", "return"),
            _VARIANCE,
            *_TEST,
            _NOMINAL,
            count("rejections", "replications in which it rejects"),
            count("replications", "replications with an answer"),
            number("rate", "rejections over replications"),
            *_ENDS,
            _REASON,
        ),
    ),
    Table(
        "verdict",
        "a row per sample, scenario, variance, test and nominal size: its size without "
        "an effect",
        (
            *_SAMPLE,
            *_WINDOW,
            _SCENARIO,
            _VARIANCE,
            *_TEST,
            number("size", "share of the replications in which it rejects"),
            *_ENDS,
            _NOMINAL,
            text("verdict", "well-sized, over-rejects or under-rejects"),
            _REASON,
        ),
    ),
    Table(
        "coverage",
        "a row per sample, scenario, variance and question: how often the interval "
        "holds the true effect",
        (
            *_SAMPLE,
            *_WINDOW,
            _SCENARIO,
            _VARIANCE,
            text("question", "these dates, or such dates"),
            text("test", "the test that is inverted"),
            count("intervals", "replications with an interval"),
            number("coverage", "share of the intervals that hold the true effect"),
            *_ENDS,
            number("nominal", "their confidence"),
            _REASON,
        ),
    ),
    Table(
        "power",
        "a row per sample, variance, test and direction: what it can find",
        (
            *_SAMPLE,
            *_WINDOW,
            _VARIANCE,
            *_TEST,
            text("direction", "rise or fall"),
            number("power", "the probability that is asked for"),
            number("mde", "least effect that is found with it", "return"),
            _REASON,
        ),
    ),
    Table(
        "designs",
        "a row per sample: what is simulated",
        (
            *_SAMPLE,
            text("calendar", "name of the calendar"),
            count("n", "observations"),
            count("n_assets", "assets"),
            count("n_dates", "distinct days 0"),
            count("n_clusters", "clusters of dates whose windows share sessions"),
            count("sessions", "sessions that are drawn from", "sessions"),
            number("block", "mean length of a block", "sessions"),
            count("replications", "replications with all fits"),
        ),
    ),
)

SCHEMA: Mapping[str, Table] = {table.name: table for table in _TABLES}
"""The tables of `SimulationResult`."""
