"""The request: everything about a study that is neither catalogue nor prices."""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from eventstudy import spec_values as values
from eventstudy.core.errors import DataError, SpecError, unknown_name

_MAX_BYTES = 1_000_000

Pair = values.Pair
DEFAULT_WINDOWS: tuple[Pair, ...] = ((-1, 1), (0, 1), (0, 5), (-5, 5), (-10, 10))
HEADLINE_TESTS = (
    "csect",
    "patell",
    "bmp",
    "kp_patell",
    "kp_bmp",
    "rank",
    "grank_t",
    "grank_overlap",
    "gsign",
    "portfolio",
    "cluster",
    "placebo",
)
FACTOR_SETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "capm": ("mkt_rf",),
        "ff3": ("mkt_rf", "smb", "hml"),
        "carhart": ("mkt_rf", "smb", "hml", "mom"),
        "ff5": ("mkt_rf", "smb", "hml", "rmw", "cma"),
        "ff6": ("mkt_rf", "smb", "hml", "rmw", "cma", "mom"),
    }
)
RISK_FREE = "rf"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSetting:
    """One normal-return model for some asset groups.

    Settings of the same ``name`` are one column of the tables: several may be needed
    because, say, bitcoin has no market. factors : symbols, columns of a factor file,
    or a name of `FACTOR_SETS`

    >>> ModelSetting(name="carhart", model="factors", factors=("carhart",)).factors
    ('mkt_rf', 'smb', 'hml', 'mom')
    """

    name: str
    model: str
    factors: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is no text, and a factor named twice."""
        values.keep(self, values.text, "name", "model")
        values.keep(self, values.names, "factors", "groups")
        expanded = [n for f in self.factors for n in FACTOR_SETS.get(f, (f,))]
        object.__setattr__(self, "factors", values.names("factors", expanded))

    @property
    def riskless(self) -> str | None:
        """The riskless rate that returns are in excess of: the market factor's own."""
        return RISK_FREE if "mkt_rf" in self.factors else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question that the report answers with a number and its uncertainty.

    text : the question;  event_id : the announcement that it is about
    measure : "car" (abnormal return over ``window``, the raw return beside it) or
        "volatility" (ratio of after to before)
    assets : symbols, none = every asset of the event;  models : settings, none = all
    window : one of the study's windows, none = the first; unused for volatility
    background : facts printed under the question, as they stand
    """

    text: str
    event_id: str
    measure: Literal["car", "volatility"] = "car"
    assets: tuple[str, ...] = ()
    window: Pair | None = None
    models: tuple[str, ...] = ()
    background: str = ""

    def __post_init__(self) -> None:
        """Refuse what is no text, and a measure that there is not."""
        values.keep(self, values.text, "text", "event_id", "background")
        values.keep(self, values.names, "assets", "models")
        values.keep(self, values.choice, "measure")
        if self.window is not None:
            values.keep(self, values.pair, "window")


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySpec:
    """What to estimate, and how; frozen, comparable, printable.

    returns : "log" or "simple"; asked for, never guessed
    title : heading of the report, otherwise the catalogue's name
    model, factors : shorthand for one entry of ``models``
    estimation, event_window, windows : sessions relative to day 0, ends included
    missing : "trade_to_trade" (a return spans the gap) or "drop"
    overlap : "exclude" sessions within ``purge`` of another event that touches the
        same asset from the estimation window, or "keep" them
    day0 : "next", "previous", "error" or "drop" for announcements on no session
    min_estimation, min_coverage : fewest valid estimation returns, and their least
        share of the admissible sessions
    groups : asset groups;  calendars : calendar per symbol, and "default"
    volatility_pre, volatility_event, volatility_post : windows whose volatilities are
        compared, the first with each of the others
    intraday : symbol -> file of its intraday bars, see `eventstudy.study.intraday_bars`
    regimes : whether to fit two regimes of variance to each asset, which is slow
    prices : where the command line takes prices from, with ``factor_files`` (daily
        factor returns), ``splices`` (symbol -> the symbols that it had, oldest first),
        ``price_columns`` (field -> column) and ``date_format`` of the user's files

    >>> spec = StudySpec(returns="log", model="market", factors=("^GSPC",))
    >>> spec.models[0].name
    'market'
    """

    returns: Literal["log", "simple"]
    title: str = ""
    prices: str = "snapshot"
    factor_files: tuple[str, ...] = ()
    splices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    price_columns: Mapping[str, str] = field(default_factory=dict)
    date_format: str = ""
    model: str | None = None
    factors: tuple[str, ...] = ()
    models: tuple[ModelSetting, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    calendars: Mapping[str, str] = field(default_factory=dict)
    estimation: Pair = (-130, -11)
    event_window: Pair = (-10, 10)
    windows: tuple[Pair, ...] = DEFAULT_WINDOWS
    missing: Literal["trade_to_trade", "drop"] = "trade_to_trade"
    overlap: Literal["exclude", "keep"] = "exclude"
    purge: Pair = (-1, 5)
    day0: Literal["next", "previous", "error", "drop"] = "next"
    min_estimation: int = 60
    min_coverage: float = 0.8
    tests: tuple[str, ...] = HEADLINE_TESTS
    alternative: Literal["two-sided", "less", "greater"] = "two-sided"
    level: float = 0.95
    volatility_pre: Pair = (-60, -11)
    volatility_event: Pair = (0, 10)
    volatility_post: Pair = (0, 30)
    intraday: Mapping[str, str] = field(default_factory=dict)
    regimes: bool = False
    resamples: int = 999
    seed: int = 20210621
    questions: tuple[Question, ...] = ()

    def __post_init__(self) -> None:
        """Expand the shorthand and refuse what cannot be estimated."""
        _parse(self)
        if self.models and (self.model is not None or self.factors):
            raise SpecError("give either model and factors, or models, not both")
        if not self.models:
            name = self.model or ("market" if self.factors else "constant_mean")
            setting = ModelSetting(name=name, model=name, factors=self.factors)
            object.__setattr__(self, "models", (setting,))
        object.__setattr__(self, "model", None)
        object.__setattr__(self, "factors", ())
        _check_numbers(self)
        _check_windows(self)
        _check_groups(self)
        _check_questions(self)

    @property
    def assets(self) -> tuple[str, ...]:
        """All assets of all groups, in the order given, each once."""
        return tuple(dict.fromkeys(a for group in self.groups.values() for a in group))

    @property
    def factor_names(self) -> tuple[str, ...]:
        """All factors of all models, and the riskless rate where one is needed."""
        named = (f for s in self.models for f in (*s.factors, s.riskless) if f)
        return tuple(dict.fromkeys(named))

    @property
    def symbols(self) -> tuple[str, ...]:
        """All assets and factors."""
        return tuple(dict.fromkeys([*self.assets, *self.factor_names]))

    def group_of(self, asset: str) -> str:
        """Return the group of an asset, "all" when it is in none."""
        return next(
            (g for g, members in self.groups.items() if asset in members), "all"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, in the spelling of a study file."""
        plain = asdict(self)
        del plain["model"], plain["factors"]
        plain["groups"] = {name: list(members) for name, members in self.groups.items()}
        return plain


def read_spec(path: str | Path) -> StudySpec:
    """Read a study file (TOML).

    Raises `DataError` for a file that is no TOML, `SpecError` for unknown keys and
    impossible values, each with the file's name.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "study.toml"
    ...     _ = path.write_text('returns = "simple"', encoding="utf-8")
    ...     read_spec(path).returns
    'simple'
    """
    table = read_table(path)
    try:
        return spec_from(table)
    except SpecError as err:
        raise SpecError(f"{path}: {err}") from err


def read_table(path: str | Path) -> dict[str, Any]:
    """Return the content of a study file; raise `DataError` if it is no TOML."""
    path = Path(path)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(f"{path}: larger than {_MAX_BYTES} bytes; no study file")
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as err:
        reason = err.strerror or str(err)
        raise DataError(f"{path}: the study file cannot be read: {reason}") from err
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as err:
        raise DataError(f"{path}: not a TOML study file: {err}") from err


def spec_from(table: Mapping[str, Any]) -> StudySpec:
    """Return the spec of a study file's content; returns are log unless it says so.

    >>> spec_from({"windows": [[-1, 1]], "seed": 7}).windows
    ((-1, 1),)
    """
    _refuse_unknown_keys("the study file", table, StudySpec)
    given = {"returns": "log", **table}
    for name, kind in (("models", ModelSetting), ("questions", Question)):
        if name in table:
            given[name] = _entries(name, table[name], kind)
    return StudySpec(**given)


def _entries(
    name: str, tables: object, kind: type[ModelSetting] | type[Question]
) -> tuple[object, ...]:
    if not values.is_list(tables) or not all(isinstance(t, Mapping) for t in tables):
        raise SpecError(f"{name} = {tables!r}; wanted tables headed [[{name}]]")
    entries = []
    for number, table in enumerate(tables, start=1):
        where = f"[[{name}]] number {number}"
        _refuse_unknown_keys(where, table, kind)
        try:
            entries.append(kind(**table))
        except TypeError as err:  # a key that has to be there is not
            lacking = [f.name for f in fields(kind) if f.name not in table]
            raise SpecError(f"{where} lacks {' or '.join(lacking[:2])}") from err
        except SpecError as err:
            raise SpecError(f"{where}: {err}") from err
    return tuple(entries)


def _refuse_unknown_keys(where: str, table: Mapping[str, Any], kind: type) -> None:
    known = sorted(f.name for f in fields(kind))
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            meant = f" (did you mean {near[0]!r}?)" if near else ""
            raise SpecError(
                f"{where} has an unknown key {key!r}{meant}; known: {', '.join(known)}"
            )


def window_text(window: Pair) -> str:
    """Write a window as ``[-1,+1]``.

    >>> window_text((-1, 1)), window_text((0, 5))
    ('[-1,+1]', '[0,+5]')
    """
    return f"[{_signed(window[0])},{_signed(window[1])}]"


def _signed(offset: int) -> str:
    return f"{offset:+d}" if offset else "0"


_WINDOWS = (
    "estimation",
    "event_window",
    "purge",
    "volatility_pre",
    "volatility_event",
    "volatility_post",
)


def _parse(spec: StudySpec) -> None:
    """Bring every value to its type, or say what was wanted."""
    values.keep(spec, values.text, "title", "prices", "date_format")
    values.keep(spec, values.names, "factors", "tests", "factor_files")
    values.keep(
        spec, values.choice, "returns", "missing", "overlap", "day0", "alternative"
    )
    values.keep(spec, values.pair, *_WINDOWS)
    values.keep(spec, values.whole, "min_estimation", "resamples", "seed")
    values.keep(spec, values.share, "min_coverage", "level")
    values.keep(
        spec,
        values.table,
        "groups",
        "calendars",
        "splices",
        "price_columns",
        "intraday",
    )
    values.keep(spec, values.flag, "regimes")
    values.keep(spec, values.entries, "windows", "models", "questions")
    if spec.model is not None:
        values.keep(spec, values.text, "model")
    windows = (values.pair(f"windows[{i}]", w) for i, w in enumerate(spec.windows))
    object.__setattr__(spec, "windows", tuple(windows))
    for name, parse in (
        ("groups", values.names),
        ("splices", values.names),
        ("calendars", values.text),
        ("price_columns", values.text),
        ("intraday", values.text),
    ):
        table = getattr(spec, name)
        parsed = {key: parse(f"{name}.{key}", held) for key, held in table.items()}
        object.__setattr__(spec, name, parsed)
    for setting in spec.models:
        if not isinstance(setting, ModelSetting):
            raise SpecError(f"models holds {setting!r}; wanted ModelSetting(...)")
    for question in spec.questions:
        if not isinstance(question, Question):
            raise SpecError(f"questions holds {question!r}; wanted Question(...)")


def _check_numbers(spec: StudySpec) -> None:
    if not 0.5 < spec.level < 1:
        raise SpecError(f"level = {spec.level}; wanted a confidence such as 0.95")
    if not 0 < spec.min_coverage <= 1:
        raise SpecError(f"min_coverage = {spec.min_coverage}; wanted a share in (0, 1]")
    if spec.min_estimation < 2:
        raise SpecError(f"min_estimation = {spec.min_estimation}; wanted at least 2")
    if spec.resamples < 99:
        raise SpecError(f"resamples = {spec.resamples}; wanted at least 99")
    if spec.seed < 0:
        raise SpecError(f"seed = {spec.seed}; wanted a whole number from 0")


def _check_windows(spec: StudySpec) -> None:
    named = [(f"windows[{i}]", w) for i, w in enumerate(spec.windows)]
    values.refuse_twice("windows", map(window_text, spec.windows))
    for name, (start, end) in [*((n, getattr(spec, n)) for n in _WINDOWS), *named]:
        if start > end:
            raise SpecError(f"{name} = {start}:{end} ends before it starts")
        if max(-start, end) > 10_000:
            raise SpecError(f"{name} = {start}:{end} is longer than 10000 sessions")
    first, last = spec.event_window
    if spec.estimation[1] >= first:
        raise SpecError(
            f"the estimation window {window_text(spec.estimation)} must end before the "
            f"event window {window_text(spec.event_window)} begins"
        )
    for name, (start, end) in named:
        if start < first or end > last:
            raise SpecError(
                f"{name} = {window_text((start, end))} is not inside the event window "
                f"{window_text(spec.event_window)}; widen event_window or shorten it"
            )
    length = spec.estimation[1] - spec.estimation[0] + 1
    if spec.min_estimation > length:
        raise SpecError(
            f"min_estimation = {spec.min_estimation} but the estimation window "
            f"{window_text(spec.estimation)} has only {length} sessions"
        )
    for name in ("volatility_event", "volatility_post"):
        if spec.volatility_pre[1] >= getattr(spec, name)[0]:
            raise SpecError(
                f"volatility_pre {window_text(spec.volatility_pre)} must end before "
                f"{name} {window_text(getattr(spec, name))} begins"
            )
    if not spec.windows:
        raise SpecError("windows is empty; give at least one, such as [[-1, 1]]")


def _check_questions(spec: StudySpec) -> None:
    settings = {setting.name for setting in spec.models}
    for question in spec.questions:
        if question.window is not None and question.window not in spec.windows:
            raise SpecError(
                f"question {question.text!r}: window {window_text(question.window)} is "
                f"none of {', '.join(map(window_text, spec.windows))}"
            )
        if unknown := sorted(set(question.models) - settings):
            raise unknown_name("model setting", unknown[0], settings)


def _check_groups(spec: StudySpec) -> None:
    if "all" in spec.groups:
        raise SpecError("no group can be called 'all': that is all assets together")
    seen: dict[str, str] = {}
    for group, members in spec.groups.items():
        if not members:
            raise SpecError(f"group {group!r} is empty")
        for asset in members:
            if asset in seen:
                raise SpecError(f"{asset} is in group {seen[asset]!r} and in {group!r}")
            seen[asset] = group
    taken: set[tuple[str, str]] = set()
    for setting in spec.models:
        for group in setting.groups or tuple(spec.groups) or ("all",):
            if setting.groups and group not in spec.groups:
                raise SpecError(
                    f"model {setting.name!r} names group {group!r}; known: "
                    f"{', '.join(spec.groups) or 'none'}"
                )
            if (setting.name, group) in taken:
                raise SpecError(
                    f"two models called {setting.name!r} claim group {group!r}: "
                    "give one of them another name"
                )
            taken.add((setting.name, group))
