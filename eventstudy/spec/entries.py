"""Settings that come several to a study: its models, and the questions asked of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

from eventstudy.core.registry import LONG_RUN, MODELS
from eventstudy.spec.setting import Member, Pair, parameters, setting, window_text
from eventstudy.spec.typed import SettingError, parse_fields, refuse_twice

FACTOR_SETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "capm": ("mkt_rf",),
        "ff3": ("mkt_rf", "smb", "hml"),
        "carhart": ("mkt_rf", "smb", "hml", "mom"),
        "ff5": ("mkt_rf", "smb", "hml", "rmw", "cma"),
        "ff6": ("mkt_rf", "smb", "hml", "rmw", "cma", "mom"),
    }
)
_LONGEST = 10_000
RISK_FREE = "rf"
BENCHMARK = "benchmark"
"""The factor that is each asset's own: see ``benchmarks``."""
FACTOR_REGIONS: tuple[str, ...] = (
    "US",
    "Developed",
    "Developed_ex_US",
    "Europe",
    "Japan",
    "Asia_Pacific_ex_Japan",
    "North_America",
)
"""Regions of daily factors, by their names in Kenneth French's library."""


MODEL_OPTIONS = ("lags", "leads", "beta_only", "members", "weights")
"""What is said of some models alone; each says which of them it takes."""
MOST_LAGS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSetting:
    """One normal-return model for some asset groups."""

    name: str = setting("column of the tables; the model's own name by default", "")
    model: Member = setting("a name of `MODELS`, or a function of its shape")
    factors: tuple[str, ...] = setting(
        "symbols, factors by name, a name of `FACTOR_SETS`, or `benchmark`: each "
        "asset's own",
        (),
    )
    groups: tuple[str, ...] = setting("asset groups; none: all of them", ())
    lags: int | None = setting(
        "sessions before, whose returns of the factor count as well, for models that "
        "take them",
        None,
    )
    leads: int | None = setting(
        "the same of sessions after; of weeks and months none unless said", None
    )
    beta_only: bool | None = setting(
        "dimson: whether the sum of the slopes, times the factor's return of the "
        "session, is the normal return",
        None,
    )

    members: tuple[str, ...] | None = setting(
        "basket: the assets whose mean return is the market; an asset itself, and "
        "those that the announcement names, are left out of its own",
        None,
    )
    weights: Literal["equal", "value", "dollar_volume"] | None = setting(
        "basket: equal, or by the market value, or by the close times the volume, of "
        "the session before",
        None,
    )
    donors: tuple[str, ...] = setting(
        "symbols, indices among them, whose returns make the normal return", ()
    )

    def __post_init__(self) -> None:
        """Refuse what is no text, and a factor named twice."""
        parse_fields(self)
        if not self.name:
            # A function without a name of its own is called <lambda>.
            object.__setattr__(self, "name", str(self.model).strip("<>"))
        expanded = expand_factors(self.factors)
        refuse_twice(("factors",), expanded)
        object.__setattr__(self, "factors", expanded)

    @property
    def options(self) -> dict[str, Any]:
        """What is said of the model itself, by the keys of the study file."""
        held = {name: getattr(self, name) for name in MODEL_OPTIONS}
        return {name: value for name, value in held.items() if value is not None}

    @property
    def shifts(self) -> tuple[int, ...]:
        """The sessions, from that of a return, whose factor returns count."""
        entry = MODELS.entry(self.model)
        if not entry.neighbours:
            return (0,)
        said = {"lags": 1, "leads": 1, **entry.options, **self.options}
        return tuple(range(-said["lags"], said["leads"] + 1))

    @property
    def regressors(self) -> tuple[str, ...]:
        """The names of the columns that the model is given."""
        if MODELS.entry(self.model).min_members:
            return ("basket",)
        return tuple(
            name + _shift_words(shift) for name in self.factors for shift in self.shifts
        )

    @property
    def terms(self) -> tuple[str, ...]:
        """The names of the coefficients, the constant's first."""
        instruments = MODELS.entry(self.model).neighbours == "instruments"
        return ("constant", *(self.factors if instruments else self.regressors))

    @property
    def factor_words(self) -> tuple[str, ...]:
        """The factors as a reader is told them."""
        own = "the benchmark of each asset"
        return tuple(own if name == BENCHMARK else name for name in self.factors)

    @property
    def riskless(self) -> str | None:
        """The riskless rate that returns are in excess of: the market factor's own."""
        return RISK_FREE if "mkt_rf" in self.factors else None


@dataclass(frozen=True, slots=True, kw_only=True)
class LongRunSetting:
    """Holds of months after the announcements, and how they are judged."""

    holds: tuple[Pair, ...] = setting("first and last session of each hold")
    methods: tuple[str, ...] = setting(
        "names of `LONG_RUN`; none: all of them, `bhar` where a benchmark is named",
        (),
    )
    controls: Mapping[str, str] = setting(
        "bhar: per asset its control asset, and `default` of the others", {}
    )
    reference: tuple[str, ...] = setting(
        "bhar: the members of a reference portfolio, without announcements of their "
        "own; an asset itself is left out of its own",
        (),
    )
    after_delisting: Literal["benchmark", "cash"] = setting(
        "bhar: where the last price of a delisted asset is invested for the rest of "
        "the hold",
        "benchmark",
    )

    def __post_init__(self) -> None:
        """Refuse holds that end before they start, and unknown methods."""
        parse_fields(self)
        if not self.holds:
            raise SettingError(
                "holds is empty; give at least one, such as [[0, 20]]", "holds"
            )
        refuse_twice(("holds",), [window_text(hold) for hold in self.holds])
        for at, (start, end) in enumerate(self.holds):
            if start > end or max(-start, end) > _LONGEST:
                raise SettingError(
                    f"holds[{at}] = {start}:{end}; wanted a first and a last session "
                    f"in this order, at most {_LONGEST} from day 0",
                    "holds",
                    at,
                )
        for name in self.methods:
            if name not in LONG_RUN:
                raise SettingError(str(LONG_RUN.unknown(name)), "methods")
            if LONG_RUN[name].needs_benchmark and not self.symbols:
                raise SettingError(
                    f"{name} wants a benchmark: controls, such as {{ RIOT = 'MARA' }}, "
                    "or reference, such as ['MARA', 'CLSK', 'HUT']",
                    "methods",
                )
        usual = tuple(
            name
            for name, entry in LONG_RUN.items()
            if self.symbols or not entry.needs_benchmark
        )
        object.__setattr__(self, "methods", self.methods or usual)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The control assets, and the members of the reference portfolio."""
        return tuple(dict.fromkeys([*self.controls.values(), *self.reference]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question that the report answers with a number and its uncertainty."""

    text: str = setting("the question")
    event_id: str = setting("the announcement that it is about")
    measure: Literal["car", "volatility", "outcome"] = setting(
        "answer: car, the abnormal return over ``window`` beside the raw return; "
        "volatility, the ratio of after to before; or outcome, the gap of a series "
        "that is no price",
        "car",
    )
    outcome: str = setting("name of the series of ``outcomes``; none: all of them", "")
    assets: tuple[str, ...] = setting("symbols; none: every asset of the event", ())
    window: Pair | None = setting(
        "one of the study's windows; none: the first; unused for volatility", None
    )
    models: tuple[str, ...] = setting("model settings; none: all", ())
    background: str = setting("facts printed under the question, as they stand", "")

    def __post_init__(self) -> None:
        """Refuse what is no text, and a measure that there is not."""
        parse_fields(self)


def _shift_words(shift: int) -> str:
    if not shift:
        return ""
    return f" lag {-shift}" if shift < 0 else f" lead {shift}"


def expand_factors(factors: tuple[str, ...]) -> tuple[str, ...]:
    """Return factors with the names of sets replaced by their members.

    >>> expand_factors(("ff3", "BTC-USD"))
    ('mkt_rf', 'smb', 'hml', 'BTC-USD')
    """
    return tuple(n for f in factors for n in FACTOR_SETS.get(f, (f,)))


ModelSetting.__doc__ = f"""One normal-return model for some asset groups.

Settings of the same ``name`` are one column of the tables: several may be needed
because, say, bitcoin has no market.

{parameters(ModelSetting)}

Raises
------
SpecError
    For a value of another type, and for a factor named twice.

Examples
--------
>>> ModelSetting(name="carhart", model="factors", factors=("carhart",)).factors
('mkt_rf', 'smb', 'hml', 'mom')
"""
LongRunSetting.__doc__ = f"""Holds of months after the announcements, and how to judge.

{parameters(LongRunSetting)}

Raises
------
SpecError
    For a value of another type, a hold that ends before it starts, and an unknown
    method.

Examples
--------
>>> LongRunSetting(holds=[[0, 60]]).methods
('calendar_time', 'ctar', 'rats')
"""
Question.__doc__ = f"""A question that the report answers with a number and its error.

{parameters(Question)}

Raises
------
SpecError
    For a value of another type.

Examples
--------
>>> Question(text="How far did it fall?", event_id="summons").measure
'car'
"""


def without_leads(setting: ModelSetting) -> ModelSetting:
    """Leave out leads that nobody asked for: a week holds the news of its sessions."""
    entry = MODELS.entry(setting.model)
    takes = entry.neighbours == "regressors" and setting.leads is None
    return replace(setting, leads=0) if takes else setting
