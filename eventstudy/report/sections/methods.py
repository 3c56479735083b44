"""What was done, drawn from the families of models, tests and shifts; provenance."""

import json
from collections.abc import Mapping
from typing import Any

from eventstudy.inference import ADJUSTMENTS, TESTS
from eventstudy.models import MODELS
from eventstudy.models.joint_hypotheses import HYPOTHESES
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report import ratios
from eventstudy.report.labels import label
from eventstudy.spec import ModelSetting, StudySpec, window_text
from eventstudy.study.result import StudyResult
from eventstudy.volatility import RANGES, REALISED, SHIFTS, SPREADS

_TEST_COLUMNS = ("Test", "In words", "Null", "Robust to", "Source")
_GARCH = (
    "GARCH(1,1), `h_t = ω + α e²_(t−1) + β h_(t−1)`, with Student-t errors "
    "(Bollerslev 1986, J. Econometrics 31)"
)


def model_bullets(spec: StudySpec) -> list[str]:
    """One bullet per model setting: for whom, what, which formula, whose."""
    return [_model_bullet(setting) for setting in spec.models]


def _model_bullet(setting: ModelSetting) -> str:
    text = f"**{md.escape(label(setting.name))}**"
    if setting.groups:
        text += f" ({nb.listing([md.escape(label(g)) for g in setting.groups])})"
    text += f": {md.code(setting.model)}"
    if setting.factors:
        text += f" on {nb.listing([md.escape(f) for f in setting.factors])}"
    if entry := MODELS.get(setting.model):
        formula = md.code(entry.formula)
        text += f", {md.escape(entry.meaning)}: {formula}. {md.escape(entry.citation)}."
    return text


def model_phrases(spec: StudySpec) -> list[str]:
    """Name each model in a few words, for readers who skip the methods."""
    phrases: dict[str, list[str]] = {}
    for setting in spec.models:
        factors = nb.listing([md.escape(f) for f in setting.factors])
        kind = (
            f"{label(setting.model)} on {factors}" if factors else label(setting.model)
        )
        whom = nb.listing([md.escape(label(g)) for g in setting.groups])
        phrases.setdefault(setting.name, []).append(
            f"{kind} for {whom}" if whom else kind
        )
    return [
        f"**{md.escape(label(name))}**: {'; '.join(parts)}"
        for name, parts in phrases.items()
    ]


def test_table(result: StudyResult) -> str:
    """The tests of this study: in words, null, what they are robust to, citation."""
    names = [*result.spec.tests, *result.tests["test"].drop_nulls()]
    rows = [
        [
            md.code(name),
            md.escape(entry.meaning),
            md.escape(entry.null),
            md.escape(", ".join(sorted(entry.robust_to))),
            md.escape(entry.citation),
        ]
        for name in dict.fromkeys([*names, "t", "placebo_single"])
        if (entry := TESTS.get(name))
    ]
    return md.table(_TEST_COLUMNS, rows, "lllll") if rows else ""


def shift_table(result: StudyResult) -> str:
    """The tests of volatility, drawn from their family."""
    names = ratios.test_names(result.volatility)
    names += [] if result.breaks.is_empty() else ["icss"]
    rows = [
        [
            md.code(name),
            md.escape(entry.meaning),
            md.escape(entry.null),
            md.escape(entry.robust_to),
            md.escape(entry.citation),
        ]
        for name in names
        if (entry := SHIFTS.get(name))
    ]
    return md.table(_TEST_COLUMNS, rows, "lllll") if rows else ""


def measure_bullets(result: StudyResult) -> list[str]:
    """The measures of volatility of this study, in words with their source."""
    held = result.volatility["measure"].unique(maintain_order=True)
    lines = []
    for name in held.drop_nulls():
        if entry := RANGES.get(name):
            text = md.escape(entry.meaning)
        elif name == "garch":
            text = f"{_GARCH}, fitted to the estimation window; its tests look for a "
            text += "rise only"
        elif name == REALISED.name:
            text = md.escape(REALISED.meaning)
        else:
            text = md.escape(SPREADS["sd"].meaning)
        lines.append(f"{md.escape(label(name))}: {text}.")
    if not result.garch.is_empty():
        lines.append(
            f"conditional standard deviation: {_GARCH}, fitted to the whole history; "
            "the half-life is ln 0.5 / ln(α + β)."
        )
    if not result.regimes.is_empty():
        lines.append(
            "regimes: returns with one of two variances, in turn by a Markov chain "
            "(Hamilton 1989), Econometrica 57."
        )
    if not result.volume_aar.is_empty():
        lines.append(
            "volume: logarithm of one plus the volume, less its mean in the estimation "
            "window (Ajinkya & Jain 1989; Campbell & Wasley 1996)."
        )
    return lines


def adjustments(result: StudyResult) -> str:
    """Name the corrections for many tests that the single CARs carry."""
    parts = [
        f"{md.code(name)}, {md.escape(entry.meaning)} ({md.escape(entry.citation)})"
        for name, entry in ADJUSTMENTS.items()
        if f"pvalue_{name}" in result.cars.columns
    ]
    if "pvalue_rw" in result.cars.columns:
        parts.append(
            "`rw`, step-down against joint resamples (Romano & Wolf 2005, "
            "Econometrica 73)"
        )
    return "; ".join(parts)


def joint_nulls(result: StudyResult) -> str:
    """The hypotheses of the joint regression in symbols."""
    if result.joint_tests.is_empty():
        return ""
    held = set(result.joint_tests["hypothesis"])
    return "; ".join(
        f"{md.code(name)}: {md.escape(null)}"
        for name, null in HYPOTHESES.items()
        if name in held
    )


def settings_table(spec: StudySpec) -> str:
    """The merged request, one row per setting."""
    plain = spec.as_dict()
    for name in ("models", "groups", "questions", "calendars", "title"):
        plain.pop(name, None)
    given = {name: value for name, value in plain.items() if value not in ("", (), {})}
    rows = [[md.code(name), _setting(value)] for name, value in given.items()]
    for group, members in spec.groups.items():
        rows.append([f"group {md.escape(label(group))}", md.escape(", ".join(members))])
    for symbol, calendar in spec.calendars.items():
        rows.append([f"calendar of {md.escape(symbol)}", md.escape(calendar)])
    return md.table(["Setting", "Value"], rows, "ll")


def _setting(value: Any) -> str:  # noqa: ANN401 - any plain value of a study file
    if _is_window(value):
        return window_text(value)
    if isinstance(value, Mapping):
        return "; ".join(f"{md.escape(k)}: {_setting(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(
            window_text(v) if _is_window(v) else md.escape(v) for v in value
        )
    return md.escape(value)


def _is_window(value: Any) -> bool:  # noqa: ANN401
    return (
        isinstance(value, list | tuple)
        and len(value) == 2
        and all(isinstance(part, int) for part in value)
    )


def file_table(provenance: Mapping[str, Any]) -> str:
    """Input files with their dates and SHA-256."""
    rows = []
    for file in provenance.get("files") or ():
        dates = ""
        if file.get("first") and file.get("last"):
            dates = f"{file['first']} to {file['last']}"
        rows.append(
            [
                md.escape(file.get("role") or ""),
                md.escape(file.get("symbol") or ""),
                md.escape(file.get("name") or ""),
                dates,
                nb.decimal(file.get("rows"), 0) if file.get("rows") else "",
                md.code((file.get("sha256") or "")[:16]),
            ]
        )
    columns = ["Role", "Symbol", "File", "Dates", "Rows", "SHA-256 (first 16 digits)"]
    return md.table(columns, rows, "llllrl") if rows else ""


def versions_text(provenance: Mapping[str, Any]) -> str:
    """Name the software with its versions."""
    versions = provenance.get("versions") or {}
    return ", ".join(f"{md.escape(k)} {md.escape(v)}" for k, v in versions.items())


def command_block(provenance: Mapping[str, Any]) -> str:
    """The command in a code fence that its own text cannot close."""
    command = provenance.get("command")
    if not command:
        return ""
    fence = "```"
    while fence in str(command):
        fence += "`"
    return f"{fence}sh\n{command}\n{fence}"


def notes(result: StudyResult) -> list[str]:
    """What readers of catalogue and prices decided by themselves."""
    return [md.escape(note) for note in result.provenance.get("notes") or ()]


def plain_json(value: Any) -> str:  # noqa: ANN401
    """Write plain values as sorted, indented JSON with a final newline."""
    return (
        json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, default=str)
        + "\n"
    )
