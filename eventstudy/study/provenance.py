"""Where the numbers come from: inputs, versions, seed, command."""

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from eventstudy._version import __version__
from eventstudy.catalogue import Events
from eventstudy.prices import OutcomeSeries, PriceFile, Prices
from eventstudy.spec import StudySpec
from eventstudy.study.intraday_bars import BarFile

_PACKAGES = (
    "numpy",
    "scipy",
    "polars",
    "statsmodels",
    "exchange_calendars",
    "matplotlib",
)


def provenance_of(
    spec: StudySpec,
    events: Events,
    prices: Prices,
    *,
    command: str | None,
    inputs: Mapping[str, str],
    bars: Sequence[BarFile] = (),
    series: Sequence[OutcomeSeries] = (),
    notes: Sequence[str],
) -> dict[str, Any]:
    """Return plain values that let a reader make the result again.

    Neither the clock nor absolute paths are recorded: the same inputs give the same
    bytes.
    """
    catalogue = {
        "role": "catalogue",
        "name": _portable(events.source),
        "sha256": events.sha256,
    }
    return {
        "command": command,
        "seed": spec.seed,
        "source": prices.source,
        "files": [
            *([catalogue] if events.sha256 else []),
            *(
                {"role": "study", "name": _portable(name), "sha256": sha}
                for name, sha in inputs.items()
            ),
            *(_price_file(file) for file in prices.files),
            *(
                {
                    "role": "intraday",
                    "symbol": file.symbol,
                    "name": _portable(file.name),
                    "sha256": file.sha256,
                }
                for file in bars
            ),
            *(
                {
                    "role": "outcome",
                    "outcome": one.setting.name,
                    "name": _portable(one.name),
                    "sha256": one.sha256,
                }
                for one in series
            ),
        ],
        "notice": prices.notice,
        "notes": [*events.notes, *notes],
        "versions": {
            "eventstudy": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
    }


def _portable(name: str) -> str:
    """Cut an absolute path, which means nothing elsewhere, to the file's name."""
    return Path(name).name if Path(name).is_absolute() else name


def _price_file(file: PriceFile) -> dict[str, Any]:
    return {
        "role": "factors" if file.is_factor else "prices",
        "symbol": file.symbol,
        "name": file.name,
        "sha256": file.sha256,
        "rows": file.rows,
        "first": file.first.isoformat(),
        "last": file.last.isoformat(),
        "basis": file.basis,
    }
