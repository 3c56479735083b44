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
_TEST = text("test", "name of the test, see `eventstudy list tests`")
_RATE = (
    number("ci_low", "lower end of the rate's 95 % interval, Clopper and Pearson"),
    number("ci_high", "upper end of the interval"),
    number("nominal", "nominal size of the test"),
)
_REASON = text("reason", "why there is no value")

_TABLES = (
    Table(
        "rejections",
        "a row per sample, effect, variance and test: how often it rejects",
        (
            *_SAMPLE,
            *_WINDOW,
            number("effect", "abnormal return put on day 0", "return"),
            _VARIANCE,
            _TEST,
            count("rejections", "replications in which it rejects"),
            count("replications", "replications with an answer"),
            number("rate", "rejections over replications"),
            *_RATE,
            _REASON,
        ),
    ),
    Table(
        "verdict",
        "a row per sample, variance and test: its size without an effect",
        (
            *_SAMPLE,
            *_WINDOW,
            _VARIANCE,
            _TEST,
            number("size", "share of the replications in which it rejects"),
            *_RATE,
            text("verdict", "well-sized, over-rejects or under-rejects"),
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
            _TEST,
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
