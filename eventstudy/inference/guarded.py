"""Tests of few dates whose spread is not believed when it is small."""

from dataclasses import dataclass

import numpy as np

from eventstudy.core.abnormal import Array
from eventstudy.core.registry import TESTS
from eventstudy.inference.entry import BY_SESSION, EventTest, Property
from eventstudy.inference.parametric import FEW_DF, MOST, NO_VARIANCE, correction
from eventstudy.inference.pvalues import (
    Answer,
    Bounds,
    Case,
    Options,
    answered,
    bounds,
    quantile,
    tail,
)
from eventstudy.inference.sample import Sample, spread

# What both floors keep their size under; see docs/few_dates.md.
ROBUST: frozenset[Property] = frozenset(
    {
        "event-induced variance",
        "cross-correlation",
        "clustering",
        "non-normality",
        "missing data",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """A mean over two standard errors, the event's own and that of a floor; (...,).

    own : standard error from the spread of the observations, t(ν)
    floor : standard error from what volatility before implies, normal
    """

    mean: Array
    own: Array
    floor: Array
    nu: Array

    def pvalues(self, alternative: str) -> tuple[Array, Array]:
        """P-value of each reading under its own law."""
        with np.errstate(divide="ignore", invalid="ignore"):
            by_own, by_floor = self.mean / self.own, self.mean / self.floor
        return (
            tail(by_own, self.nu, alternative),  # type: ignore[arg-type]
            tail(by_floor, np.inf, alternative),  # type: ignore[arg-type]
        )

    @property
    def cautious_t(self) -> Array:
        """Return the mean over the larger of the two standard errors."""
        t: Array = self.mean / np.maximum(self.own, self.floor)
        return t


def kp_guarded(sample: Sample, options: Options) -> Answer:
    """Mean CAR in units of recent volatility, its spread not below that volatility's.

    With few dates the spread of the CARs is by luck often far too small. The event may
    raise the variance, but that it calms prices below their own recent volatility is
    not plausible. ``z_i = CAR_i / (h_i sqrt(κ_ii))``, h_i² the mean squared residual
    per session of the last 30 estimation sessions (see `Sample`), κ_ii the forecast
    variance over σ². ``t_1 = z̄ / sqrt(s²(z)/(1-r̄) · (1+(N-1)r̄)/N)`` against t(ν),
    ``t_0 = z̄ / sqrt(e_0 (1+(N-1)r̄)/N)`` with ``e_0 = mean n_i/(n_i-2)`` against the
    normal law; p is the larger of the two, statistic and degrees of freedom those of
    the reading that gave it.

    Ours, after Kolari & Pynnönen (2010), Review of Financial Studies 23; the floor is
    that of Patell (1976), J. Accounting Research 14.
    """
    return _larger(sample, options, *scaled_by_recent(sample))


def _interval(sample: Sample, options: Options, level: float) -> Bounds:
    """Return the wider of the two readings' intervals, in returns."""
    return wider(car_readings(sample, recent=True), level)


TESTS.register(
    EventTest(
        name="kp_guarded",
        meaning="kp_bmp with a spread not below that of recent volatility",
        null="H0: E[CAR/h] = 0",
        citation="ours, after Kolari & Pynnönen (2010) and Patell (1976)",
        robust_to=ROBUST,
        scale="recent",
        min_n=2,
        outcomes=BY_SESSION,
        votes=True,
        in_headline=True,
        by_default=True,
        needs={"correlation"},
        vectorised=True,
        interval=_interval,
        of_sample=kp_guarded,
    )
)


def kp_guarded_estimation(sample: Sample, options: Options) -> Answer:
    """Test as `kp_guarded`, in units of the whole estimation window's volatility.

    ``z_i = SCAR_i`` and ``e_0 = mean df_i/(df_i-2)``: the floor is what volatility
    over the whole estimation window implies.

    Ours, after Kolari & Pynnönen (2010), Review of Financial Studies 23; the floor is
    that of Patell (1976), J. Accounting Research 14.
    """
    return _larger(sample, options, *scaled_by_estimation(sample))


def _interval_estimation(sample: Sample, options: Options, level: float) -> Bounds:
    """Return the wider of the two readings' intervals, in returns."""
    return wider(car_readings(sample, recent=False), level)


TESTS.register(
    EventTest(
        name="kp_guarded_estimation",
        meaning="kp_bmp with a spread not below that of the estimation window",
        null="H0: E[SCAR] = 0",
        citation="ours, after Kolari & Pynnönen (2010) and Patell (1976)",
        robust_to=ROBUST,
        scale="estimation window",
        min_n=2,
        outcomes=BY_SESSION,
        floor=True,
        by_default=True,
        needs={"correlation"},
        vectorised=True,
        interval=_interval_estimation,
        of_sample=kp_guarded_estimation,
    )
)


def scaled_by_recent(sample: Sample) -> tuple[Array, Array]:
    """Return CARs in units of recent volatility (..., n), and their n_i (n,)."""
    forecast = sample.se / sample.sigma
    return sample.car / (sample.recent * forecast), sample.recent_n


def scaled_by_estimation(sample: Sample) -> tuple[Array, Array]:
    """Return SCARs, and their degrees of freedom."""
    return sample.scar, sample.df


def readings(sample: Sample, z: Array, df: Array) -> Readings:
    """Return the two readings of the mean of ``z`` (..., n), of ``df`` each."""
    factor, rbar = 1.0 + (sample.n - 1) * sample.rbar, sample.rbar
    expected = (df / (df - 2.0)).mean(axis=-1)
    own = spread(z) ** 2 / (1.0 - rbar)
    return Readings(
        mean=z.mean(axis=-1),
        own=np.sqrt(own * factor / sample.n),
        floor=np.sqrt(expected * factor / sample.n),
        nu=sample.nu,
    )


def car_readings(sample: Sample, *, recent: bool) -> Readings:
    """Return the readings of the mean effect in its own unit, for the interval."""
    df = sample.recent_n if recent else sample.df
    forecast = sample.se if not recent else sample.recent * sample.se / sample.sigma
    factor, rbar = 1.0 + (sample.n - 1) * sample.rbar, sample.rbar
    expected = (df / (df - 2.0)).mean(axis=-1) * (forecast**2).mean(axis=-1)
    own = spread(sample.effect) ** 2 / (1.0 - rbar)
    return Readings(
        mean=sample.mean,
        own=np.sqrt(own * factor / sample.n),
        floor=np.sqrt(expected * factor / sample.n),
        nu=sample.nu,
    )


def wider(found: Readings, level: float) -> Bounds:
    """Return the interval of the reading that makes it wider."""
    by_own = found.own * quantile(found.nu, level)
    own = by_own > found.floor * quantile(np.inf, level)
    se, df = np.where(own, found.own, found.floor), np.where(own, found.nu, np.inf)
    return bounds(found.mean, se, df, level)


def guarded_cases(sample: Sample, df: Array) -> tuple[Case, ...]:
    """When there is no answer, and why."""
    one = (sample.rbar >= MOST, "all observations are perfectly correlated")
    few = ((df <= 2).any(axis=-1), FEW_DF)
    return (*correction(sample, sample.rbar, NO_VARIANCE)[1:], one, few)


def _larger(sample: Sample, options: Options, z: Array, df: Array) -> Answer:
    found = readings(sample, z, df)
    own, floor = found.pvalues(options.alternative)
    by_own = own > floor
    statistic = found.mean / np.where(by_own, found.own, found.floor)
    p, law = np.where(by_own, own, floor), np.where(by_own, found.nu, np.inf)
    return answered(sample.mean, statistic, p, law, *guarded_cases(sample, df))
