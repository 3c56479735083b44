"""An invented study result, small by default, for the tests of the report.

No number comes from data: prices are seeded random walks and the statistics are
drawn, so the sample shows layouts and never findings.
"""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import product

import numpy as np
import polars as pl

from eventstudy.report import pages
from eventstudy.spec import ModelSetting, StudySpec
from eventstudy.study.result import StudyResult
from eventstudy.study.schema import SCHEMA as SCHEMA
from eventstudy.study.schema import empty, frame

GROUPS = {"bitcoin": ("BTC-USD",), "china_rigs": ("BTCM", "BTBT"), "abroad": ("RIOT",)}
TESTS = (
    "csect",
    "patell",
    "kp_bmp",
    "grank_t",
    "grank_overlap",
    "portfolio",
    "placebo",
)
ROBUST = ("kp_bmp", "grank_overlap", "placebo")  # of these dates
FIRST = date(2021, 1, 4)


def events_frame(n_events: int = 3, **changes: list[object]) -> pl.DataFrame:
    """Return a catalogue of invented announcements, twenty days apart."""
    days = [date(2021, 6, 1) + timedelta(days=20 * i) for i in range(n_events)]
    columns: dict[str, object] = {
        "event_id": [f"E{i + 1}" for i in range(n_events)],
        "title": [f"Authority {i + 1} announces rule {i + 1}" for i in range(n_events)],
        "announced_at": [f"{day}T18:00+08:00" for day in days],
        "announced_utc": [
            datetime(d.year, d.month, d.day, 10, tzinfo=UTC) for d in days
        ],
        "announced_date": days,
        "precision": ["minute", "hour", "minute"] * n_events,
        "jurisdiction": ["CN"] * n_events,
        "level": ["national"] * n_events,
        "authority": ["Central bank"] * n_events,
        "kind": ["banking_payment", "mining_ban", "mining_ban"] * n_events,
        "assets": [[]] * n_events,
        "cluster": [None] * n_events,
        "flags": [["leak", "stale"], [], []] * n_events,
        "confounders": ["A central bank meeting two days before", None, None]
        * n_events,
        "source_url": ["https://example.org/a", None, None] * n_events,
        "status": ["confirmed"] * n_events,
        "headline": [i % 3 != 2 for i in range(n_events)],
        "note": ["Sent to 5 banks; 320 machines moved.", None, None] * n_events,
        "expected_china_rigs": ["-"] * n_events,
    }
    columns |= changes
    length = n_events
    cut = {name: list(values)[:length] for name, values in columns.items()}  # type: ignore[call-overload]
    overrides = {"flags": pl.List(pl.String), "assets": pl.List(pl.String)}
    return pl.DataFrame(cut, schema_overrides=overrides)


def sample_spec(**changes: object) -> StudySpec:
    """Return the request that the sample answers."""
    values: dict[str, object] = {
        "returns": "log",
        "parts": ("all",),
        "estimation": (-130, -11),
        "event_window": (-5, 5),
        "windows": ((-1, 1), (0, 5), (-5, 0)),
        "groups": GROUPS,
        "models": (
            ModelSetting(name="total", model="constant_mean", groups=("bitcoin",)),
            ModelSetting(
                name="total",
                model="market",
                factors=("^GSPC",),
                groups=("china_rigs", "abroad"),
            ),
            ModelSetting(
                name="net_of_bitcoin",
                model="factors",
                factors=("^GSPC", "BTC-USD"),
                groups=("china_rigs", "abroad"),
            ),
        ),
        "tests": TESTS,
    }
    return StudySpec(**(values | changes))  # type: ignore[arg-type]


def sample_result(
    n_events: int = 3, spec: StudySpec | None = None, events: pl.DataFrame | None = None
) -> StudyResult:
    """Return an invented result with every table filled."""
    if spec is None and events is None:
        return _plain_result(n_events)
    return _result(spec or sample_spec(), n_events, events)


@cache
def _plain_result(n_events: int) -> StudyResult:
    return _result(sample_spec(), n_events, None)


def _result(spec: StudySpec, n_events: int, events: pl.DataFrame | None) -> StudyResult:
    events = events_frame(n_events) if events is None else events
    rng = np.random.default_rng(7)
    pairs = [
        (setting.name, group, asset)
        for setting in spec.models
        for group in setting.groups or tuple(spec.groups)
        for asset in spec.groups[group]
    ]
    cases = [(event, *pair) for event in events.iter_rows(named=True) for pair in pairs]
    tables = {
        **_observation_tables(cases, spec, rng),
        **_group_tables(spec, rng),
        "volatility": _volatility(cases, spec, rng),
        "day0": _day0(events),
        "ledger": _ledger(events),
        "contamination": _contamination(events, spec),
        "closes": _closes(spec, events, rng),
        "price_issues": empty("price_issues"),
        **_joint(cases, spec, rng),
        **_dynamics(events, spec, rng),
        **_intraday(events, rng),
    }
    return StudyResult(spec=spec, events=events, provenance=provenance(), **tables)


def provenance() -> dict[str, object]:
    """Return where the sample came from."""
    return {
        "source": "snapshot",
        "files": [
            {"role": "catalogue", "name": "invented.csv", "sha256": "ab" * 32},
            {
                "role": "prices",
                "name": "BTC-USD",
                "sha256": "cd" * 32,
                "first": date(2021, 1, 4),
                "last": date(2021, 12, 31),
                "rows": 362,
            },
        ],
        "versions": {"eventstudy": "0.0.0", "numpy": "2.0.0"},
        "seed": 20210621,
        "command": "eventstudy analyze invented.csv",
        "notice": "Invented prices.",
        "notes": ["One note of the study."],
    }


def _day0_of(event: dict[str, object]) -> date:
    day = event["announced_date"]
    assert isinstance(day, date)
    return day


def _observation_tables(
    cases: list[tuple[dict[str, object], str, str, str]],
    spec: StudySpec,
    rng: np.random.Generator,
) -> dict[str, pl.DataFrame]:
    observations, returns, cars, fits, coefficients = [], [], [], [], []
    first, last = spec.event_window
    for event, model, group, asset in cases:
        event_id = str(event["event_id"])
        key = {"event_id": event_id, "asset": asset, "group": group, "model": model}
        observations.append(
            key
            | {
                "observation": event_id,
                "announced_utc": event["announced_utc"],
                "precision": event["precision"],
                "day0": _day0_of(event),
                "calendar": "24/7" if group == "bitcoin" else "XNYS",
                "state": "pre",
                "shift": 0,
                "headline": event["headline"],
                "n_estimation": 112,
                "n_excluded": 8,
                "n_missing": 0,
                "status": "used",
            }
        )
        sigma = 0.03 if group == "bitcoin" else 0.06
        abnormal = rng.normal(-0.004, sigma, last - first + 1).round(5)
        for offset, value in zip(range(first, last + 1), abnormal, strict=True):
            returns.append(
                key
                | {
                    "offset": offset,
                    "session": _day0_of(event) + timedelta(days=offset),
                    "span": 1,
                    "actual": value + 0.001,
                    "expected": 0.001,
                    "abnormal": value,
                    "se": sigma,
                }
            )
        for start, end in spec.windows:
            length = end - start + 1
            car = float(abnormal[start - first : end - first + 1].sum())
            pvalue = float(rng.uniform() ** 2)
            cars.append(
                key
                | {
                    "headline": event["headline"],
                    "start": start,
                    "end": end,
                    "car": car,
                    "se": sigma * length**0.5,
                    "statistic": car / (sigma * length**0.5),
                    "df": 110.0,
                    "pvalue": pvalue,
                    "scar": car / (sigma * length**0.5),
                    "bhar": car,
                    "placebo_pvalue": min(1.0, pvalue + 0.01),
                    "alpha_part": 0.001 * length,
                    "n_valid": length,
                    "n_window": length,
                    "covered": "full",
                    "in_average": True,
                    "pvalue_holm": min(1.0, 20 * pvalue),
                    "pvalue_bh": min(1.0, 5 * pvalue),
                }
            )
        fits.append(
            key
            | {
                "n_estimation": 112,
                "sigma": sigma,
                "df": 110.0,
                "r_squared": 0.21,
                "alpha": 0.001,
                "alpha_se": 0.002,
                "skewness": 0.4,
                "excess_kurtosis": 2.5,
                "jarque_bera_pvalue": 0.001,
                "ljung_box_pvalue": 0.31,
                "arch_lm_pvalue": 0.02,
            }
        )
        for term, value in (("alpha", 0.001), ("^GSPC", 1.4)):
            coefficients.append(
                {"event_id": event_id, "asset": asset, "model": model}
                | {"term": term, "value": value, "se": 0.2}
            )
    named = {
        "observations": observations,
        "abnormal_returns": returns,
        "cars": cars,
        "fit": fits,
        "coefficients": coefficients,
    }
    return {name: frame(name, rows) for name, rows in named.items()}


def _group_tables(spec: StudySpec, rng: np.random.Generator) -> dict[str, pl.DataFrame]:
    tests, averages, aar = [], [], []
    first, last = spec.event_window
    settings = [
        (sample, setting.name, group)
        for sample in ("headline", "all")
        for setting in spec.models
        for group in setting.groups or tuple(spec.groups)
    ]
    for (sample, model, group), (start, end) in product(settings, spec.windows):
        key = {"sample": sample, "model": model, "group": group}
        estimate, se = float(rng.normal(-0.03, 0.03)), 0.025
        window = {"start": start, "end": end}
        averages.append(
            key
            | window
            | {
                "estimate": estimate,
                "se": se,
                "ci_low": estimate - 1.96 * se,
                "ci_high": estimate + 1.96 * se,
                "method": "portfolio by cluster of dates",
                "n": 6,
                "n_dates": 3,
                "n_clusters": 2,
                "rbar": 0.31,
                "n_effective": 2.4,
                "variance_increase": 0.5 if group == "china_rigs" else 1.0,
                "outcome": "car",
                "recommended": "grank_overlap",
                "why": "dates are close but not equal and the tails are fat",
                "alpha_part": 0.001 * (end - start + 1),
                "estimate_alpha_zero": estimate + 0.001 * (end - start + 1),
            }
        )
        for test in spec.tests:
            missing = test == "grank_t" and group == "bitcoin"
            tests.append(
                key
                | window
                | {
                    "outcome": "car",
                    "test": test,
                    "estimate": estimate,
                    "statistic": None if missing else estimate / se,
                    "df": 5.0,
                    "pvalue": None if missing else float(rng.uniform() ** 2),
                    "n": 6,
                    "n_clusters": 2,
                    "reason": "fewer than 2 observations" if missing else None,
                }
            )
    for group, (start, end), test in product(
        spec.groups, spec.windows, ("kp_bmp", "placebo")
    ):
        tests.append(
            {"sample": "headline", "outcome": "volume", "model": "volume"}
            | {"group": group, "start": start, "end": end, "test": test}
            | {"estimate": 0.2, "pvalue": 0.01 if group == "abroad" else 0.5, "n": 6}
        )
    for sample, model, group in settings:
        path = rng.normal(-0.004, 0.01, last - first + 1)
        for column, offset in enumerate(range(first, last + 1)):
            caar, se = float(path[: column + 1].sum()), 0.01 * (column + 1) ** 0.5
            aar.append(
                {"sample": sample, "model": model, "group": group, "offset": offset}
                | {"aar": float(path[column]), "caar": caar, "se": se}
                | {"ci_low": caar - 1.96 * se, "ci_high": caar + 1.96 * se}
                | {"n": 6, "caar_alpha_zero": caar + 0.001 * (column + 1)}
            )
    headline = [row | _answers(row, tests) for row in averages]
    placebo = [
        {"sample": "headline", "model": setting.name, "group": group}
        | {"start": spec.windows[0][0], "end": spec.windows[0][1]}
        | {"low": low / 4, "high": (low + 1) / 4, "n": 8 - abs(low), "actual": -0.7}
        | {"basis": "56 pseudo-dates of the estimation window"}
        for setting in spec.models
        for group in setting.groups or tuple(spec.groups) or ("all",)
        for low in range(-8, 8)
    ]
    end = spec.windows[0][1]
    paths = [
        {"sample": "headline", "model": setting.name, "group": group, "n": 6}
        | {"start": start, "end": end, "found": start == -2, "pvalue": 0.2}
        | {"estimate": 0.01 * start, "ci_low": -0.1, "ci_high": 0.06, "onset": 0.25}
        | {"basis": "56 pseudo-dates of the estimation window"}
        for setting in spec.models
        for group in setting.groups or tuple(spec.groups) or ("all",)
        for start in range(-3, 1)
    ]
    named = {"tests": tests, "headline": headline, "aar": aar, "placebo": placebo}
    named["anticipation"] = paths
    return {name: frame(name, rows) for name, rows in named.items()}


def _answers(
    row: dict[str, object], tests: list[dict[str, object]]
) -> dict[str, object]:
    """Answer both questions by the p-values of the tests."""
    keys = ("sample", "model", "group", "start", "end")
    of_row = [t for t in tests if all(t[k] == row[k] for k in keys)]
    values = {t["test"]: t["pvalue"] for t in of_row}
    these, such = values.get("grank_overlap"), values.get("portfolio")
    robust = [n for n in ROBUST if values.get(n) is not None]
    against = [n for n in robust if (values[n] < 0.05) != ((these or 1) < 0.05)]
    return {
        "test_these": row["recommended"],
        "pvalue_these": these,
        "ci_low_these": row["ci_low"],
        "ci_high_these": row["ci_high"],
        "estimate_such": row["estimate"],
        "test_such": "portfolio",
        "pvalue_such": such,
        "ci_low_such": row["ci_low"],
        "ci_high_such": row["ci_high"],
        "why_such": "2 clusters of dates, each a fact",
        "verdict": verdict(these, such),
        "agree": len(robust) - len(against) if these is not None else None,
        "agree_of": len(robust) if these is not None else None,
        "dissenters": ", ".join(against) or None,
        "i2": 0.2,
        "q_pvalue": 0.5,
        "influence_event": "E1",
        "estimate_without_it": row["estimate"],
    }


def verdict(these: float | None, such: float | None) -> str | None:
    """Return the verdict that a study gives."""
    if these is None:
        return None
    if these >= 0.05:
        return "not distinguishable"
    low = such is not None and such < 0.05
    return "distinguishable" if low else "these dates only"


def _volatility(
    cases: list[tuple[dict[str, object], str, str, str]],
    spec: StudySpec,
    rng: np.random.Generator,
) -> pl.DataFrame:
    keys = [
        (str(event["event_id"]), asset, group, m) for event, m, group, asset in cases
    ]
    pooled = [(m, group, asset) for _, m, group, asset in cases]
    for model, group, asset in dict.fromkeys(pooled):
        keys.append(("all", asset, group, model))
        keys.append(("all", "all", group, model))
    rows = []
    for event_id, asset, group, model in dict.fromkeys(keys):
        for window, measure in (
            ("post", "abnormal_return"),
            ("event", "abnormal_return"),
            ("post", "yang_zhang"),
            ("post", "garch"),
        ):
            if measure in {"yang_zhang", "garch"} and event_id != "all":
                continue
            ratio = float(np.exp(rng.normal(0.1, 0.3)))
            names = ("bootstrap", "brown_forsythe", "f", "placebo")
            for test in ("cav", "cav_bootstrap") if measure == "garch" else names:
                rows.append(
                    {"event_id": event_id, "asset": asset, "group": group}
                    | {"model": None if measure == "yang_zhang" else model}
                    | {"measure": measure, "window": window, "pre": 0.04}
                    | {"post": 0.04 * ratio, "ratio": ratio, "reason": None}
                    | ({} if measure == "garch" else {"ci_low": ratio / 1.4})
                    | ({} if measure == "garch" else {"ci_high": ratio * 1.4})
                    | {"test": test, "statistic": 1.0, "df": 40.0}
                    | {"pvalue": float(rng.uniform())}
                    | {"pre_near_events": 12, "post_near_events": 20}
                )
    return frame("volatility", rows)


def _joint(
    cases: list[tuple[dict[str, object], str, str, str]],
    spec: StudySpec,
    rng: np.random.Generator,
) -> dict[str, pl.DataFrame]:
    effects, tests = [], []
    window = dict(zip(("start", "end"), spec.windows[0], strict=True))
    for event, model, group, asset in cases:
        if not event["headline"]:
            continue
        key = {"model": model, "group": group, "asset": asset}
        effects.append(
            {**key, "event_id": event["event_id"], **window}
            | {"car": float(rng.normal(0, 0.05)), "se": 0.04, "df": 200.0}
            | {"pvalue": float(rng.uniform()), "car_alone": -0.05, "n_overlapping": 1}
            | {"pvalue_alone": float(rng.uniform()), "covered": "full"}
        )
    for model, group in dict.fromkeys((m, g) for _, m, g, _ in cases):
        for hypothesis in ("all_zero", "all_equal", "sum_zero"):
            alone = hypothesis == "all_equal" and group == "bitcoin"
            tests.append(
                {"model": model, "group": group, "event_id": "all", **window}
                | {"hypothesis": hypothesis, "n_assets": 2, "n_events": 2}
                | {"pvalue": None if alone else float(rng.uniform())}
                | {"statistic": 1.2, "df1": 2.0, "df2": 200.0}
                | {"reason": "needs two assets" if alone else None}
            )
    named = {"joint": effects, "joint_tests": tests}
    return {name: frame(name, rows) for name, rows in named.items()}


def _dynamics(
    events: pl.DataFrame, spec: StudySpec, rng: np.random.Generator
) -> dict[str, pl.DataFrame]:
    days = [FIRST + timedelta(days=i) for i in range(300)]
    garch, conditional, regimes, breaks, volume = [], [], [], [], []
    first_event = events["event_id"][0] if events.height else None
    for place, (group, asset) in enumerate(
        (group, asset) for group, assets in spec.groups.items() for asset in assets
    ):
        key = {"asset": asset, "group": group}
        lasting = place == 1
        garch.append(
            key
            | {"n": 300, "alpha": 0.08, "beta": 0.9, "nu": 4.2, "converged": True}
            | {"persistence": 1.0 if lasting else 0.98 - 0.1 * place}
            | {"half_life": None if lasting else 34.3 / (1 + place)}
            | {"reason": "half of a shock outlives the history" if lasting else None}
        )
        path = 0.05 * np.exp(np.cumsum(rng.normal(0, 0.05, len(days))))
        for day, sd in zip(days, path, strict=True):
            conditional.append({**key, "date": day, "sd": float(sd)})
            regimes.append({**key, "date": day, "probability": float(sd / (sd + 0.05))})
        breaks.append(
            {**key, "critical": 1.358, "n_breaks": 1, "pvalue": 0.03}
            | {"date": days[170], "sd_before": 0.04, "sd_after": 0.07}
            | {"event_id": first_event, "distance": -3}
            if place == 0
            else {**key, "n_breaks": 0, "reason": "no variance break"}
        )
    first, last = spec.event_window
    for group, offset in product(spec.groups, range(first, last + 1)):
        volume.append(
            {"sample": "headline", "group": group, "offset": offset, "n": 6}
            | {"aar": float(rng.normal(0.1, 0.2)), "caar": 0.0, "se": 0.2}
        )
    named = {"garch": garch, "conditional": conditional, "regimes": regimes}
    named |= {"breaks": breaks, "volume_aar": volume}
    return {name: frame(name, rows) for name, rows in named.items()}


def _intraday(
    events: pl.DataFrame, rng: np.random.Generator
) -> dict[str, pl.DataFrame]:
    path, about = [], []
    for event in events.head(2).iter_rows(named=True):
        key = {"event_id": event["event_id"], "symbol": "BTC-USD"}
        walk = np.cumsum(rng.normal(0, 0.002, 97))
        path += [
            {**key, "minutes": 5.0 * step - 240, "log_change": float(value - walk[48])}
            for step, value in enumerate(walk)
        ]
        about.append(
            {**key, "bar_minutes": 5.0, "announced_utc": event["announced_utc"]}
            | {"rv_event": 2e-4, "rv_usual": 1e-4, "ratio": 2.0, "pvalue": 0.04}
            | {"n_missing": 3}
        )
    named = {"intraday": path, "intraday_events": about}
    return {name: frame(name, rows) for name, rows in named.items()}


def _day0(events: pl.DataFrame) -> pl.DataFrame:
    rows = [
        {
            "event_id": event["event_id"],
            "calendar": calendar,
            "announced_local": "2021-06-21 06:00 EDT",
            "announced_utc": event["announced_utc"],
            "state": state,
            "day0": event["announced_date"],
            "shift": 0,
        }
        for event in events.iter_rows(named=True)
        for calendar, state in (("24/7", "open"), ("XNYS", "pre"))
    ]
    return frame("day0", rows)


def _ledger(events: pl.DataFrame) -> pl.DataFrame:
    last = events["event_id"][-1]
    row = {"stage": "panel", "event_id": last, "asset": "EBON", "model": "total"}
    why = {"reason": "too few estimation returns", "held": "41", "wanted": "60"}
    return frame("ledger", [row | why])


def _contamination(events: pl.DataFrame, spec: StudySpec) -> pl.DataFrame:
    ids = events["event_id"].to_list()
    days = events["announced_date"].to_list()
    rows = [
        {"asset": asset, "event_id": ids[i], "other_event_id": ids[j]}
        | {"day0": days[i], "other_day0": days[j], "sessions": 4}
        for asset in spec.assets
        for i, j in product(range(len(ids)), repeat=2)
        if abs(i - j) == 1
    ]
    return frame("contamination", rows)


def _closes(
    spec: StudySpec, events: pl.DataFrame, rng: np.random.Generator
) -> pl.DataFrame:
    days = [FIRST + timedelta(days=i) for i in range(300)]
    rows = []
    for symbol in spec.symbols:
        path = 50 * np.exp(np.cumsum(rng.normal(0, 0.03, len(days))))
        rows += [
            {"symbol": symbol, "date": day, "close": float(close)}
            for day, close in zip(days, path, strict=True)
        ]
    return frame("closes", rows)


def whole(result: StudyResult) -> str:
    """Return all pages of a report but the data dictionary, below one another."""
    held = pages(result)
    del held["details/data.md"]
    return "\n".join(held.values())
