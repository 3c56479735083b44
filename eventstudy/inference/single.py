"""Tests of single observations, and the randomisation in time of a sample."""

from dataclasses import dataclass, replace

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, IntArray, Status
from eventstudy.core.registry import TESTS
from eventstudy.core.windows import Cumulated, Window, cumulate, length_of
from eventstudy.inference.entry import BY_SESSION, ONLY_CAR, EventTest
from eventstudy.inference.guarded import readings, scaled_by_recent
from eventstudy.inference.pvalues import (
    Answer,
    Answers,
    Bounds,
    Options,
    Reasons,
    answered,
    bounds,
    exceedance,
    refused,
    tail,
)
from eventstudy.inference.sample import Sample
from eventstudy.inference.standardised import pseudo_scars, pseudo_sums

# With fewer pseudo-dates no p-value below 5 % is possible.
MIN_PSEUDO_DATES = 20
# Shifts over the whole history that make it worth the name.
MIN_SHIFTS = 200
FEW_DATES = (
    "only {held} pseudo-dates in the estimation window, at least {wanted} are needed"
)
EMPTY_WINDOW = "no valid return in the window"


def t(ab: Abnormal, window: Window, options: Options) -> Answers:
    """Student t of each observation: ``CAR / sd(CAR)``, t(T-k).

    sd(CAR) is the exact forecast standard error, see `cumulate`.
    Campbell, Lo & MacKinlay (1997), section 4.4; Patell (1976) for one day.
    """
    sums = cumulate(ab, window)
    done, reasons = usable_rows(ab, sums)
    return Answers(
        estimate=sums.car,
        statistic=np.where(done, sums.scar, np.nan),
        pvalue=np.where(done, tail(sums.scar, ab.df, options.alternative), np.nan),
        df=np.where(done, ab.df, np.nan),
        n=np.ones(len(done), np.int64),
        reason=reasons,
    )


def t_interval(sample: Sample, options: Options, level: float) -> Bounds:
    """Return ``CAR ± t(T-k) sd(CAR)`` of the only observation."""
    if sample.n != 1 or sample.outcome != "car":
        none = np.full(np.shape(sample.mean), np.nan)
        return bounds(sample.mean, none, none, level)
    return bounds(sample.mean, sample.se[..., 0], sample.df[..., 0], level)


TESTS.register(
    EventTest(
        name="t",
        meaning="each CAR over its forecast standard error",
        null="H0: CAR_i = 0 for each i",
        citation="Campbell, Lo & MacKinlay (1997), section 4.4",
        robust_to={"missing data"},
        scale="estimation window",
        outcomes=ONLY_CAR,
        by_default=True,
        interval=t_interval,
        of_each=t,
    )
)


def placebo_single(ab: Abnormal, window: Window, options: Options) -> Answers:
    """Randomisation in time of each observation: ``p = (1 + #) / (1 + B)``.

    The SCAR against the same statistic at each of the B pseudo-dates within the
    estimation window at which 80 % of the sessions have a return; these are
    studentised by their in-sample variance, see `pseudo_scars`. Exact up to serial
    dependence of the residuals, whatever their distribution.
    Fisher (1935), The Design of Experiments, for the principle; Gelbach, Helland &
    Klick (2013), American Law and Economics Review 15, for one firm.
    """
    sums = cumulate(ab, window)
    done, reasons = usable_rows(ab, sums)
    draws = pseudo_scars(ab, length_of(window))
    n_dates = (~np.isnan(draws)).sum(axis=1)
    count = extreme(draws, sums.scar[:, None], options).sum(axis=1)
    reasons = or_few(done, reasons, n_dates, MIN_PSEUDO_DATES, FEW_DATES)
    done = done & (n_dates >= MIN_PSEUDO_DATES)
    return Answers(
        estimate=sums.car,
        statistic=np.where(done, sums.scar, np.nan),
        pvalue=np.where(done, (1 + count) / (1 + n_dates), np.nan),
        df=np.where(done, np.inf, np.nan),
        n=np.ones(len(done), np.int64),
        reason=reasons,
    )


TESTS.register(
    EventTest(
        name="placebo_single",
        meaning="each SCAR among all pseudo-dates of its estimation window",
        null="H0: CAR_i = 0 for each i",
        citation="Fisher (1935); Gelbach, Helland & Klick (2013)",
        robust_to={"non-normality", "missing data"},
        scale="estimation window",
        outcomes=ONLY_CAR,
        by_default=True,
        of_each=placebo_single,
    )
)


def sq(ab: Abnormal, window: Window, options: Options) -> Answers:
    """Sample-quantile test of each observation: the CAR's rank among past sums.

    The CAR against the sums of as many residuals in a row, none of them standardised;
    statistic ``rank/(B+2) - ½``, the two-sided p-value is twice the smaller tail.
    Unlike `placebo_single` it leaves out the forecast's estimation error, as the
    authors do; the difference matters for long windows only.
    Gelbach, Helland & Klick (2013), American Law and Economics Review 15.
    """
    sums = cumulate(ab, window)
    done, reasons = usable_rows(ab, sums)
    draws = pseudo_sums(ab, length_of(window))
    n_draws = (~np.isnan(draws)).sum(axis=1)
    with np.errstate(invalid="ignore"):
        below = (draws <= sums.car[:, None]).sum(axis=1)
        above = (draws >= sums.car[:, None]).sum(axis=1)
    less, greater = (1 + below) / (1 + n_draws), (1 + above) / (1 + n_draws)
    p = {"less": less, "greater": greater}.get(
        options.alternative, np.minimum(1.0, 2 * np.minimum(less, greater))
    )
    wanted = 2 * MIN_PSEUDO_DATES
    reasons = or_few(done, reasons, n_draws, wanted, FEW_DATES)
    done = done & (n_draws >= wanted)
    rank = 1 + below - 0.5 * (below + above - n_draws)
    return Answers(
        estimate=sums.car,
        statistic=np.where(done, rank / (n_draws + 2) - 0.5, np.nan),
        pvalue=np.where(done, p, np.nan),
        df=np.where(done, np.inf, np.nan),
        n=np.ones(len(done), np.int64),
        reason=reasons,
    )


TESTS.register(
    EventTest(
        name="sq",
        meaning="each CAR's rank among past sums of residuals",
        null="H0: CAR_i = 0 for each i",
        citation="Gelbach, Helland & Klick (2013), American Law and Economics "
        "Review 15",
        robust_to={"non-normality", "missing data"},
        scale="estimation window",
        outcomes=ONLY_CAR,
        of_each=sq,
    )
)


def placebo(sample: Sample, options: Options) -> Answer:
    """Randomisation in time of the sample: ``p = (1 + #) / (1 + B)``.

    All observations are shifted by the same number of sessions, so pseudo-events keep
    the spacing and the cross-correlation of the events. With the options' ``shifts``,
    at least 200, over the whole history: the models are estimated anew before each
    pseudo-date, and the statistic is that of `kp_guarded`, the mean CAR in units of
    recent volatility over the larger of its two standard errors. Without them within
    the estimation windows: a shift counts when at least half of the observations have
    80 % of their returns there; statistic: the mean SCAR. The result's ``basis`` says
    which of the two it is.
    Fisher (1935); Brown & Warner (1985), J. Financial Economics 14, for pseudo-events.
    """
    found = pseudo_dates(sample, options)
    held = found.draws.shape[-1]
    if held < MIN_PSEUDO_DATES:
        few = FEW_DATES.format(held=held, wanted=MIN_PSEUDO_DATES)
        return refused(sample.mean, few)
    p = exceedance(found.draws, found.observed, options.alternative)
    answer = answered(sample.mean, found.observed, p, np.inf)
    return replace(answer, basis=found.basis)


@dataclass(frozen=True, slots=True)
class PseudoDates:
    """What `placebo` compares: the sample's statistic, and those of pseudo-dates.

    Parameters
    ----------
    draws : array (B,)
        Statistics at the pseudo-dates.
    observed : array ()
        That of the actual dates.
    basis : str
        Where the dates were moved.

    Examples
    --------
    >>> PseudoDates(np.zeros(3), np.asarray(1.5), "3 dates").basis
    '3 dates'
    """

    draws: Array
    observed: Array
    basis: str


def pseudo_dates(sample: Sample, options: Options) -> PseudoDates:
    """Return the statistics of a sample moved over time, and its own.

    Parameters
    ----------
    sample : Sample
        Observations of one window.
    options : Options
        With or without ``shifts``.

    Returns
    -------
    PseudoDates
        From the whole history where there are 200 shifts, else from the estimation
        windows.

    Examples
    --------
    >>> from eventstudy.inference import collect
    >>> from eventstudy.inference.sample import sample_of
    >>> from eventstudy.models import constant_mean
    >>> y = np.random.default_rng(1).normal(size=(5, 141))
    >>> ab = constant_mean(y, n_estimation=120, first_offset=-10)
    >>> known = collect(ab, [(-1, 1)], frozenset({"placebo"}))
    >>> found = pseudo_dates(sample_of(known, (-1, 1), residual=None), Options())
    >>> found.basis
    '118 pseudo-dates of the estimation window'
    """
    shifts = (options.shifts or {}).get(sample.window)
    if shifts is not None and len(shifts) >= MIN_SHIFTS:
        observed = readings(sample, *scaled_by_recent(sample)).cautious_t
        basis = f"{len(shifts)} shifts over the whole history"
        return PseudoDates(shifts, observed, basis)
    total = sample.sums[f"placebo_{sample.length}"]
    count = sample.sums[f"placebo_count_{sample.length}"]
    there = count >= max(1.0, 0.5 * sample.n)
    draws = total[..., there] / count[there]
    basis = f"{draws.shape[-1]} pseudo-dates of the estimation window"
    return PseudoDates(draws, sample.scar.mean(axis=-1), basis)


def placebo_interval(sample: Sample, options: Options, level: float) -> Bounds:
    """Return the constant effects that the pseudo-dates do not reject.

    With an effect b taken off every CAR the statistic is ``mean((CAR-b)/se)``; b is
    inside as long as more than a share of the pseudo-dates are as extreme. From shifts
    over the whole history the statistic falls in b as well, its standard error taken
    at b = 0.
    """
    shifts = (options.shifts or {}).get(sample.window)
    if shifts is not None and len(shifts) >= MIN_SHIFTS:
        found = readings(sample, *scaled_by_recent(sample))
        scale = np.maximum(found.own, found.floor)
        weight = (sample.sigma / (sample.recent * sample.se)).mean(axis=-1)
        return not_rejected(sample, shifts, found.mean / scale, weight / scale, level)
    weight = (1.0 / sample.se).mean(axis=-1)
    dates = pseudo_dates(sample, options)
    return not_rejected(sample, dates.draws, dates.observed, weight, level)


def not_rejected(
    sample: Sample, draws: Array, observed: Array, weight: Array, level: float
) -> Bounds:
    """Return the effects b with ``|observed - b weight|`` among the draws.

    ``(1 + #)/(1 + B) > 1 - level`` holds as long as at least m draws are as large.
    """
    held = draws.shape[-1]
    m = int(np.floor((1.0 - level) * (1 + held) + 1e-9))
    if m < 1:
        nan = np.full(np.shape(observed), np.nan)
        few = f"{held} pseudo-dates allow no interval at this level"
        return Bounds(
            estimate=sample.mean, se=nan, df=nan, low=nan, high=nan, reason=few
        )
    size = np.sort(np.abs(draws), axis=-1)[..., held - m]
    return Bounds(
        estimate=sample.mean,
        se=np.full(np.shape(observed), np.nan),
        df=np.full(np.shape(observed), np.inf),
        low=(observed - size) / weight,
        high=(observed + size) / weight,
    )


TESTS.register(
    EventTest(
        name="placebo",
        meaning="the mean SCAR among pseudo-dates, of the whole history if it is long",
        null="H0: E[SCAR] = 0",
        citation="Fisher (1935); Brown & Warner (1985)",
        robust_to={"cross-correlation", "non-normality", "missing data"},
        scale="estimation window",
        outcomes=BY_SESSION,
        votes=True,
        in_headline=True,
        by_default=True,
        needs={"placebo", "correlation"},
        vectorised=True,
        interval=placebo_interval,
        of_sample=placebo,
    )
)


def extreme(draws: Array, observed: Array, options: Options) -> BoolArray:
    """Flag draws at least as extreme as the observed statistic; nan never is."""
    with np.errstate(invalid="ignore"):
        if options.alternative == "two-sided":
            flags = np.abs(draws) >= np.abs(observed) * (1 - 1e-12)
        elif options.alternative == "less":
            flags = draws <= observed
        else:
            flags = draws >= observed
    return np.asarray(flags, np.bool_)


def usable_rows(ab: Abnormal, sums: Cumulated) -> tuple[BoolArray, Reasons]:
    """Return which observations can be tested, and why the others cannot."""
    texts = np.array([None, *(s.text for s in Status if s), EMPTY_WINDOW], object)
    empty = len(texts) - 1
    found = np.where(sums.n_valid > 0, Status.OK, empty)
    code = np.where(ab.status == Status.OK, found, ab.status)
    return code == Status.OK, texts[code]


def or_few(
    done: BoolArray, reasons: Reasons, held: IntArray, wanted: int, text: str
) -> Reasons:
    """Give rows that could be tested a reason where fewer than ``wanted`` were held."""
    distinct, which = np.unique(held, return_inverse=True)
    texts = np.array(
        [text.format(held=h, wanted=wanted) if h < wanted else None for h in distinct],
        object,
    )
    out: Reasons = np.where(done, texts[which], reasons)
    return out
