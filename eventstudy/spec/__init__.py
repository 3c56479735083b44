"""The request of a study: `StudySpec`, and how it is read from a study file."""

from eventstudy.spec.entries import (
    BENCHMARK,
    FACTOR_REGIONS,
    FACTOR_SETS,
    RISK_FREE,
    LongRunSetting,
    ModelSetting,
    Question,
)
from eventstudy.spec.files import read_spec, read_table, spec_from
from eventstudy.spec.names import ALL, PARTS, default_model, usual_model
from eventstudy.spec.outcome import OutcomeSetting
from eventstudy.spec.setting import (
    Assumed,
    Member,
    Pair,
    Setting,
    settings_of,
    window_text,
)
from eventstudy.spec.study import StudySpec
from eventstudy.spec.typed import SettingError

__all__ = [
    "ALL",
    "BENCHMARK",
    "FACTOR_REGIONS",
    "FACTOR_SETS",
    "PARTS",
    "RISK_FREE",
    "Assumed",
    "LongRunSetting",
    "Member",
    "ModelSetting",
    "OutcomeSetting",
    "Pair",
    "Question",
    "Setting",
    "SettingError",
    "StudySpec",
    "default_model",
    "read_spec",
    "read_table",
    "settings_of",
    "spec_from",
    "usual_model",
    "window_text",
]
