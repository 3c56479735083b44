"""The tables of series that are no prices."""

from eventstudy.study.table import Table, count, day, number, text

_MADE_BY = {"outcomes": "eventstudy.study.outcome_tables:outcome_tables"}
_UNIT = "as what is studied of the series: logs, or its own unit"
_KEYS = (
    text("event_id", "the announcement's id"),
    text("outcome", "name of the series in the study file"),
)
_MEASURE = text("measure", "mean (over the window) or last_week (its last seven days)")
_NUMBERS = (
    number("effect", "what was observed less what was expected", _UNIT),
    number("se", "its standard error, by the model", _UNIT),
    number("pvalue_model", "two-sided p-value by the model"),
    number(
        "pvalue_placebo",
        "share of earlier dates with a larger statistic, this one among them; not "
        "below one in as many as there are windows that share no session",
    ),
    count("n_placebo", "earlier dates whose window ends before the announcement"),
    count("n_apart", "of these, how many have windows that share no session"),
)

OUTCOME_TABLES = (
    Table(
        "outcomes",
        "a row per announcement, series that is no price, and measure",
        (
            *_KEYS,
            _MEASURE,
            count("start", "first session of the window, day 0 = 0", "sessions"),
            count("end", "last session of the window, included", "sessions"),
            day("day0", "the first session of the series that could react"),
            *_NUMBERS,
            count("placebo_history", "sessions before each date, of the placebo"),
            count("n_history", "values before the announcement"),
            text("weekdays", "whether weekdays differ: yes or no; null: not looked at"),
            text("reason", "why there is no value"),
        ),
        made_by=_MADE_BY,
    ),
    Table(
        "outcome_histories",
        "a row per announcement, series, measure and length of the history before it",
        (
            *_KEYS,
            _MEASURE,
            count("history", "sessions before the announcement that are used"),
            *_NUMBERS,
        ),
        made_by=_MADE_BY,
    ),
    Table(
        "outcome_paths",
        "a row per announcement, series and session around it",
        (
            *_KEYS,
            count("offset", "the session relative to day 0", "sessions"),
            day("date", "its date"),
            number("value", "the value", "as the file has it"),
            number(
                "expected", "what was expected; null before day 0", "as the file has it"
            ),
            number("low", "lower end of its interval at the study's level", "the same"),
            number("high", "upper end of its interval", "the same"),
        ),
        made_by=_MADE_BY,
    ),
)
