"""The request: everything about a study that is neither catalogue nor prices."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from eventstudy.core.errors import SpecError, unknown_name
from eventstudy.core.periods import PERIODS
from eventstudy.spec.entries import (
    BENCHMARK,
    FACTOR_REGIONS,
    FACTOR_SETS,
    MODEL_OPTIONS,
    LongRunSetting,
    ModelSetting,
    Question,
    without_leads,
)
from eventstudy.spec.names import (
    ALL,
    DEFAULT,
    PARTS,
    check_controls,
    check_groups,
    check_intraday,
    check_labels,
    check_members,
    check_questions,
    default_model,
    expand_parts,
    expand_tests,
)
from eventstudy.spec.outcome import OutcomeSetting
from eventstudy.spec.setting import (
    Assumed,
    Member,
    Pair,
    parameters,
    setting,
    window_text,
)
from eventstudy.spec.typed import SettingError, parse_fields, refuse_twice, written

DEFAULT_WINDOWS: tuple[Pair, ...] = ((-1, 1), (0, 1), (0, 5), (-5, 5), (-10, 10))
FILE_SETTINGS = (
    "date_format",
    "decimal",
    "columns",
    "stamps",
    "sheet",
    "input_returns",
)
"""What can be said of a single file of prices."""
_LONGEST = 10_000
MOST_RESAMPLES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySpec:
    """What to estimate, and how; frozen, comparable, printable."""

    returns: Literal["log", "simple"] = setting("kind of return", Assumed("log"))
    frequency: Literal["daily", "weekly", "monthly"] = setting(
        "what a return is of, and what windows count: sessions, weeks or months; a "
        "week or month ends with its last session, and day 0 lies in week or month 0",
        "daily",
    )
    title: str = setting("heading of the report; the catalogue's name by default", "")
    parts: tuple[str, ...] = setting(
        f"what is computed: {', '.join(PARTS)}, or `all`",
        ("returns",),
        in_command=(ALL,),
    )
    prices: str = setting(
        "a source (eventstudy list sources), a folder or file of prices, or the "
        "manifest.json of a report",
        "snapshot",
        about_prices=True,
    )
    factor_files: tuple[str, ...] = setting(
        "files of daily factor returns; none: those of Kenneth French's library",
        (),
        flag="--factor-file",
        repeated=True,
        about_prices=True,
    )
    factor_region: str = setting(
        "region of the library's factors: " + ", ".join(FACTOR_REGIONS),
        FACTOR_REGIONS[0],
        about_prices=True,
    )
    splices: Mapping[str, tuple[str, ...]] = setting(
        "per symbol the symbols that it had, oldest first", {}, flag=None
    )
    price_columns: Mapping[str, str] = setting(
        "per field its column in the user's files", {}, flag=None
    )
    date_format: str = setting(
        "how dates are written in the user's files", "", about_prices=True
    )
    decimal: Literal["", ".", ","] = setting(
        "the decimal mark of the user's files; read off their cells where one decides",
        "",
        about_prices=True,
    )
    sheet: str = setting(
        "the sheet of workbooks, by default the first", "", about_prices=True
    )
    input_returns: Literal["", "simple", "log"] = setting(
        "the kind of returns that the user's files hold in place of prices",
        "",
        about_prices=True,
    )
    price_files: Mapping[str, Mapping[str, Any]] = setting(
        "per file, by its name before the suffix, settings of its own: "
        + ", ".join(FILE_SETTINGS),
        {},
        flag=None,
    )
    stamps: Literal["", "start", "end"] = setting(
        "whether times at 00:00 UTC in the user's files are the start or the end of "
        "the day of their price",
        "",
        about_prices=True,
    )
    model: Member | None = setting("see `eventstudy list models`", None)
    factors: tuple[str, ...] = setting(
        "symbols, one of "
        + ", ".join(FACTOR_SETS)
        + f", or `{BENCHMARK}`: each asset's own",
        (),
    )
    benchmarks: Mapping[str, str] = setting(
        "per asset, and `default`, its own benchmark; per other name a symbol that can "
        "be the market of shares, beside indices (^GSPC)",
        {},
        flag=None,
    )
    currencies: Mapping[str, str] = setting(
        "per currency (EUR) or asset the symbol of its rate, the price of a unit in "
        "the currency of the study, into which its prices are converted",
        {},
        flag=None,
    )
    models: tuple[ModelSetting, ...] = setting(
        "several models, in place of ``model`` and ``factors``", (), flag=None
    )
    groups: Mapping[str, tuple[str, ...]] = setting(
        "assets by group; none: those that events name, or all that have prices",
        {},
        flag="--group",
        repeated=True,
    )
    labels: Mapping[str, str] = setting(
        "per group or model its name in words, for reports and figures", {}, flag=None
    )
    calendars: Mapping[str, str] = setting(
        'calendar per symbol, and "default", where the spelling does not tell',
        {},
        flag=None,
    )
    estimation: Pair = setting(
        "sessions that say what is normal, relative to day 0", (-130, -11)
    )
    event_window: Pair = setting("sessions around day 0 that are studied", (-10, 10))
    windows: tuple[Pair, ...] = setting(
        "windows of cumulated returns, the first is the headline",
        DEFAULT_WINDOWS,
        flag="--window",
        repeated=True,
    )
    missing: Literal["trade_to_trade", "drop"] = setting(
        "a return spans a gap, or is dropped", "trade_to_trade"
    )
    overlap: Literal["exclude", "keep"] = setting(
        "what becomes of sessions near other events in the estimation window",
        "exclude",
    )
    purge: Pair = setting("sessions around another event that count as near", (-1, 5))
    day0: Literal["next", "previous", "error", "drop"] = setting(
        "session of an announcement on no session", "next"
    )
    event_columns: Mapping[str, str] = setting(
        "per column of a catalogue the heading that it has in the file", {}, flag=None
    )
    event_date_format: str = setting(
        "how dates are written in the catalogue, such as %d.%m.%Y", ""
    )
    event_sheet: str = setting("the sheet of a catalogue that is a workbook", "")
    timezone: str = setting(
        "IANA zone of the catalogue's times that have neither offset nor zone", ""
    )
    min_estimation: int = setting("fewest returns of the estimation window", 60)
    min_coverage: float = setting(
        "least share of a window's sessions that must have a return", 0.8
    )
    cut_windows: Literal["drop", "extend", "keep"] = setting(
        "what becomes of a window whose sessions its returns do not span exactly: out "
        "of averages and tests, lengthened to the next return, or kept as it is",
        "drop",
    )
    hold_back: bool = setting(
        "keep windows with a change of unit or an unadjusted split out of averages and "
        "tests",
        True,
        flag=None,
    )
    tests: tuple[Member, ...] = setting(
        "names, `all`, or `default`; see `eventstudy list tests`", (DEFAULT,)
    )
    alternative: Literal["two-sided", "less", "greater"] = setting(
        "alternative hypothesis", "two-sided"
    )
    level: float = setting("confidence of the intervals", 0.95)
    volatility_pre: Pair = setting(
        "sessions of the volatility before", (-60, -11), flag="--vol-pre"
    )
    volatility_event: Pair = setting(
        "sessions of the volatility at the event", (0, 10), flag="--vol-event"
    )
    volatility_post: Pair = setting(
        "sessions of the volatility after", (0, 30), flag="--vol-post"
    )
    intraday: Mapping[str, str] = setting(
        "per symbol a file of intraday bars", {}, flag=None
    )
    intraday_minutes: tuple[int, ...] = setting(
        "lengths of the windows after an announcement's instant; `minutes` under "
        "[intraday]",
        (15, 60, 240, 1440),
        flag=None,
    )
    intraday_benchmark: str = setting(
        "symbol among the bars whose moves are taken out of the others'; `benchmark` "
        "under [intraday]",
        "",
        flag=None,
    )
    regimes: bool = setting("fit two regimes of variance to each asset: slow", False)
    most_fitted: int = setting(
        "observations from which on the parts that fit models of volatility, or of all "
        "overlapping events, are left out, with a word: garch, breaks, joint",
        2_000,
    )
    long_run: LongRunSetting | None = setting(
        "holds of months that are tested by calendar session", None, flag=None
    )
    outcomes: tuple[OutcomeSetting, ...] = setting(
        "series that are no prices, such as a hash rate", (), flag=None
    )
    resamples: int = setting("draws of tests that resample", 999)
    seed: int = setting("seed of all resampling", 20210621)
    questions: tuple[Question, ...] = setting(
        "questions that the report answers", (), flag=None
    )

    def __post_init__(self) -> None:
        """Expand the shorthand and refuse what cannot be estimated."""
        parse_fields(self)
        if self.models and (self.model is not None or self.factors):
            raise SettingError(
                "give either model and factors, or models, not both", "models"
            )
        if not self.models:
            model = self.model or default_model(self.factors)
            if self.model is None and not self.factors:
                model = Assumed(model)
            held = ModelSetting(model=model, factors=self.factors)
            object.__setattr__(self, "models", (held,))
        if self.frequency != "daily":
            of_periods = tuple(without_leads(one) for one in self.models)
            object.__setattr__(self, "models", of_periods)
        object.__setattr__(self, "model", None)
        object.__setattr__(self, "factors", ())
        object.__setattr__(self, "tests", expand_tests(self.tests))
        object.__setattr__(self, "parts", expand_parts(self.parts, self.frequency))
        _check(self)

    @property
    def assumed(self) -> tuple[str, ...]:
        """The conventions that were not said, but taken by default."""
        return tuple(
            one.name
            for one in fields(self)
            if isinstance(getattr(self, one.name), Assumed)
        )

    @property
    def assets(self) -> tuple[str, ...]:
        """All assets of all groups, in the order given, each once."""
        return tuple(dict.fromkeys(a for group in self.groups.values() for a in group))

    @property
    def factor_names(self) -> tuple[str, ...]:
        """All factors of all models, and the riskless rate where one is needed."""
        named = (f for s in self.models for f in (*s.factors, s.riskless) if f)
        own = tuple(self.benchmarks.values())
        return tuple(
            dict.fromkeys(n for f in named for n in (own if f == BENCHMARK else (f,)))
        )

    @property
    def donor_names(self) -> tuple[str, ...]:
        """All donors of all models."""
        return tuple(dict.fromkeys(d for s in self.models for d in s.donors))

    def factors_of(self, model: ModelSetting, asset: str) -> tuple[str, ...]:
        """Return the symbols of a model's factors for an asset.

        Parameters
        ----------
        model : ModelSetting
            One of the models.
        asset : str
            Its symbol.

        Returns
        -------
        tuple of str
            The factors, the asset's own benchmark in the place of ``benchmark``.

        Raises
        ------
        SpecError
            Where the asset has none.
        """
        if BENCHMARK not in model.factors:
            return model.factors
        own = self.benchmarks.get(asset, self.benchmarks.get("default"))
        if own is None:
            raise SpecError(
                f"no benchmark for {asset}: write it in the catalogue's column "
                f'benchmark, or in the study file under [benchmarks] as "{asset}" = '
                '"^GSPC" or default = "^GSPC"'
            )
        return tuple(own if f == BENCHMARK else f for f in model.factors)

    @property
    def member_names(self) -> tuple[str, ...]:
        """All members of baskets."""
        return tuple(dict.fromkeys(n for s in self.models for n in s.members or ()))

    @property
    def benchmark_names(self) -> tuple[str, ...]:
        """All control assets, and members of a reference portfolio, of long runs."""
        return self.long_run.symbols if self.long_run else ()

    @property
    def beside(self) -> tuple[str, ...]:
        """All factors, members, donors and benchmarks, beside the assets."""
        named = (*self.factor_names, *self.member_names, *self.donor_names)
        return tuple(dict.fromkeys([*named, *self.benchmark_names]))

    @property
    def symbols(self) -> tuple[str, ...]:
        """All assets, what is `beside` them, and the rates of currencies."""
        others = (*self.beside, *self.currencies.values())
        return tuple(dict.fromkeys([*self.assets, *others]))

    def group_of(self, asset: str) -> str:
        """Return the group of an asset.

        Parameters
        ----------
        asset : str
            Its symbol.

        Returns
        -------
        str
            The group's name, "all" when it is in none.
        """
        return next((g for g, members in self.groups.items() if asset in members), ALL)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, in the spelling of a study file.

        Returns
        -------
        dict
            Every setting but ``model`` and ``factors``, which ``models`` says,
            ``long_run`` and ``outcomes`` where they are not asked for, and
            ``frequency`` where it is daily.
            Members given as functions are there by their names.
        """
        plain: dict[str, Any] = _plain(self)
        del plain["model"], plain["factors"]
        if self.long_run is None:
            del plain["long_run"]
        if not self.outcomes:
            del plain["outcomes"]
        if self.frequency == "daily":
            del plain["frequency"]
        return plain


_TABLES = StudySpec | ModelSetting | LongRunSetting | OutcomeSetting | Question


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, str):
        return str(value)
    if isinstance(value, tuple):
        return tuple(_plain(one) for one in value)
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, _TABLES):
        held = {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
        unsaid = [name for name in MODEL_OPTIONS if held.get(name, 0) is None]
        return {name: one for name, one in held.items() if name not in unsaid}
    return value


def _check(spec: StudySpec) -> None:
    """Refuse numbers, windows and names that cannot be."""
    _check_numbers(spec)
    _check_files(spec)
    _check_windows(spec)
    _check_lengths(spec)
    check_intraday(spec.intraday, spec.intraday_minutes, spec.intraday_benchmark)
    check_groups(spec.groups, spec.models)
    check_labels(spec.labels, spec.groups, spec.models)
    check_members(spec.models, spec.tests)
    series = tuple(one.name for one in spec.outcomes)
    refuse_twice(("outcomes",), series)
    check_questions(spec.questions, spec.models, spec.windows, series)
    if spec.long_run is not None:
        check_controls(spec.long_run.controls, spec.assets)


def _check_files(spec: StudySpec) -> None:
    for name, own in spec.price_files.items():
        for key in own:
            if key not in FILE_SETTINGS:
                raise SettingError(
                    str(unknown_name("setting of a price file", key, FILE_SETTINGS)),
                    "price_files",
                    name,
                )


def _check_numbers(spec: StudySpec) -> None:
    limits = {
        "level": (0.5 < spec.level < 1, "wanted a confidence such as 0.95"),
        "min_coverage": (0 < spec.min_coverage <= 1, "wanted a share in (0, 1]"),
        "min_estimation": (spec.min_estimation >= 2, "wanted at least 2"),
        "resamples": (
            99 <= spec.resamples <= MOST_RESAMPLES,
            f"wanted 99 to {MOST_RESAMPLES:,}",
        ),
        "most_fitted": (spec.most_fitted >= 0, "wanted a whole number from 0"),
        "seed": (spec.seed >= 0, "wanted a whole number from 0"),
    }
    for name, (possible, wanted) in limits.items():
        if not possible:
            raise SettingError(f"{name} = {getattr(spec, name)}; {wanted}", name)


_WINDOWS = (
    "estimation",
    "event_window",
    "purge",
    "volatility_pre",
    "volatility_event",
    "volatility_post",
)


def _check_windows(spec: StudySpec) -> None:
    if not spec.windows:
        raise SettingError(
            "windows is empty; give at least one, such as [[-1, 1]]", "windows"
        )
    refuse_twice(("windows",), [window_text(window) for window in spec.windows])
    named = [(("windows", i), window) for i, window in enumerate(spec.windows)]
    first, last = spec.event_window
    for key, (start, end) in [*(((n,), getattr(spec, n)) for n in _WINDOWS), *named]:
        if start > end:
            raise SettingError(
                f"{written(key)} = {start}:{end} ends before it starts", *key
            )
        if max(-start, end) > _LONGEST:
            raise SettingError(
                f"{written(key)} = {start}:{end} is longer than {_LONGEST} sessions",
                *key,
            )
    for key, (start, end) in named:
        if start < first or end > last:
            raise SettingError(
                f"{written(key)} = {window_text((start, end))} is not inside the event "
                f"window {window_text(spec.event_window)}; widen event_window or "
                "shorten it",
                *key,
            )


def _check_lengths(spec: StudySpec) -> None:
    if spec.estimation[1] >= spec.event_window[0]:
        raise SettingError(
            f"the estimation window {window_text(spec.estimation)} must end before the "
            f"event window {window_text(spec.event_window)} begins",
            "estimation",
        )
    length = spec.estimation[1] - spec.estimation[0] + 1
    if spec.min_estimation > length:
        raise SettingError(
            f"min_estimation = {spec.min_estimation} but the estimation window "
            f"{window_text(spec.estimation)} has only {length} "
            f"{PERIODS[spec.frequency]}s",
            "min_estimation",
        )
    for name in ("volatility_event", "volatility_post"):
        if spec.volatility_pre[1] >= getattr(spec, name)[0]:
            raise SettingError(
                f"volatility_pre {window_text(spec.volatility_pre)} must end before "
                f"{name} {window_text(getattr(spec, name))} begins",
                "volatility_pre",
            )


StudySpec.__doc__ = f"""What to estimate, and how; frozen, comparable, printable.

Windows are pairs of sessions relative to day 0, both ends included; of weeks or months
where ``frequency`` says so.

{parameters(StudySpec)}

Raises
------
SpecError
    For a value of another type, an unknown name, or what cannot be estimated.

Examples
--------
>>> spec = StudySpec(model="market", factors=("^GSPC",))
>>> spec.models[0].name, spec.returns
('market', 'log')
"""
