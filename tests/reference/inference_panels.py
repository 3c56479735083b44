"""Small studies that bring out what tests of abnormal returns stumble over."""

from dataclasses import fields, replace

import numpy as np

from eventstudy.core.abnormal import Clock
from eventstudy.models import MODELS

N_ESTIMATION, N_EVENT = 60, 7
SPACINGS = {
    "one date": (0,),
    "far dates": (0, 100, 200, 300, 400, 500),
    "adjacent dates": (0, 1, 100, 101, 200, 201),
    "uneven dates": (0, 3, 16, 23, 24, 92),
}


def panel(
    spacing="one date",
    *,
    model="market",
    n_assets=6,
    rho=0.5,
    seed=0,
    missing=0.0,
    tails=None,
    effect=0.0,
    n_estimation=N_ESTIMATION,
    n_event=N_EVENT,
):
    """`Abnormal` of every asset at every date of a spacing, on one calendar.

    Errors have correlation rho across assets on a calendar date, normal or t(tails).
    """
    dates = SPACINGS[spacing]
    rng = np.random.default_rng(seed)
    span = n_estimation + n_event
    n_days = dates[-1] + span

    def noise(*shape):
        if tails is None:
            return rng.standard_normal(shape)
        return rng.standard_t(tails, shape) / np.sqrt(tails / (tails - 2))

    market = 0.01 * rng.standard_normal(n_days)
    errors = np.sqrt(rho) * noise(1, n_days) + np.sqrt(1 - rho) * noise(
        n_assets, n_days
    )
    scale = 0.02 * np.linspace(0.8, 1.5, n_assets)[:, None]
    series = 0.0005 + market * np.linspace(0.7, 1.4, n_assets)[:, None] + scale * errors
    y = np.concatenate([series[:, d : d + span] for d in dates])
    x = np.concatenate([np.tile(market[d : d + span], (n_assets, 1)) for d in dates])
    y[:, n_estimation + n_event // 2] += effect
    y[rng.random(y.shape) < missing] = np.nan
    days = np.array([np.arange(d, d + span) for d in dates])
    return MODELS[model](
        y,
        None if model == "constant_mean" else x,
        n_estimation=n_estimation,
        asset=np.tile(np.arange(n_assets), len(dates)),
        clock=np.repeat(np.arange(len(dates)), n_assets),
        clocks=Clock(estimation=days[:, :n_estimation], event=days[:, n_estimation:]),
    )


def take(ab, chosen):
    """The observations ``chosen`` of a study."""
    per_row = [
        f.name
        for f in fields(ab)
        if f.name not in ("model", "clocks")
        and isinstance(getattr(ab, f.name), np.ndarray)
    ]
    return replace(ab, **{name: getattr(ab, name)[chosen] for name in per_row})
