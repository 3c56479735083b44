"""The setting of a series that is no price: what is studied of it, and when."""

from dataclasses import dataclass
from typing import Literal

from eventstudy.core.errors import unknown_name
from eventstudy.core.registry import OUTCOMES
from eventstudy.spec.setting import Pair, parameters, setting, window_text
from eventstudy.spec.typed import SettingError, parse_fields, refuse_twice

POISSON = "poisson"
_LONGEST = 10_000
_MEASURES = ("mean", "last_week")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeSetting:
    """A series that is no price, such as bitcoin's hash rate."""

    name: str = setting("what reports call it")
    file: str = setting(
        "a file of dates and numbers; `snapshot`: the network's figures of the worked "
        "example"
    )
    value: str = setting("column of its values")
    date: str = setting("column of its dates; by default read off the headings", "")
    kind: Literal["level", "log", "difference", "count"] = setting(
        "what is studied: the value itself, its logarithm, its change from the session "
        "before, or the logarithm of a count",
        "level",
    )
    unit: str = setting("unit of the values, for reports", "")
    lag: int = setting(
        "days by which a date of the file is after the day that its value is of", 0
    )
    variance: str = setting(
        "known variance of measurement of what is studied: a column of the file, or "
        "`poisson` where the values are counts; none: it is estimated",
        "",
    )
    epochs: bool = setting(
        "whether values hold for runs of days, such as bitcoin's difficulty: one "
        "session a run; days of no run, between two of them, are left out",
        False,
    )
    estimation: Pair = setting(
        "sessions of the series that say what was to be expected", (-354, -1)
    )
    window: Pair = setting("sessions of the series that are studied", (0, 60))
    measures: tuple[str, ...] = setting(
        "mean: over the window; last_week: over its last seven days", _MEASURES
    )
    date_format: str = setting("how dates are written in the file", "")
    decimal: Literal["", ".", ","] = setting("the decimal mark of the file", "")
    sheet: str = setting("the sheet of a workbook", "")

    def __post_init__(self) -> None:
        """Refuse windows and measures that cannot be."""
        parse_fields(self)
        for key in ("name", "file", "value"):
            if not getattr(self, key).strip():
                raise SettingError(f"{key} is empty", key)
        if self.name in OUTCOMES:
            raise SettingError(
                f"name = {self.name!r} is an outcome of prices and volumes; choose "
                "another name",
                "name",
            )
        for key in ("estimation", "window"):
            start, end = getattr(self, key)
            if start > end or max(-start, end) > _LONGEST:
                raise SettingError(
                    f"{key} = {start}:{end}; wanted a first and a last session in this "
                    f"order, at most {_LONGEST} from day 0",
                    key,
                )
        if self.estimation[1] != self.window[0] - 1:
            raise SettingError(
                f"estimation = {window_text(self.estimation)}; wanted one that ends "
                f"just before the window {window_text(self.window)} begins, as a level "
                "is expected from the last session on",
                "estimation",
            )
        if not self.measures:
            raise SettingError("measures is empty; wanted mean, last_week", "measures")
        refuse_twice(("measures",), self.measures)
        for measure in self.measures:
            if measure not in _MEASURES:
                raise SettingError(
                    str(unknown_name("measure", measure, _MEASURES)), "measures"
                )
        if self.variance and self.kind == "difference":
            raise SettingError(
                "variance is of a level; kind = 'difference' has none", "variance"
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of numbers that are read."""
        known = () if self.variance in ("", POISSON) else (self.variance,)
        return (self.value, *known)


OutcomeSetting.__doc__ = f"""A series that is no price, such as bitcoin's hash rate.

{parameters(OutcomeSetting)}

Raises
------
SpecError
    For a value of another type, and windows and measures that cannot be.

Examples
--------
>>> OutcomeSetting(name="hash rate", file="snapshot", value="hash_rate").window
(0, 60)
"""
