"""Block bootstrap of one observation's standardised CAR."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, IntArray
from eventstudy.core.bootstrap import politis_white
from eventstudy.core.registry import TESTS
from eventstudy.core.windows import Window, cumulate, length_of
from eventstudy.inference.entry import ONLY_CAR, EventTest
from eventstudy.inference.pvalues import Answers, Options
from eventstudy.inference.single import extreme, or_few, usable_rows

# Below this many residuals a resampled variance says little.
MIN_RESIDUALS = 20
# Resampled sums held at once.
_BUDGET = 500_000


def bootstrap(ab: Abnormal, window: Window, options: Options) -> Answers:
    """Moving-block bootstrap of each observation's SCAR: ``p = (1 + #) / (1 + B)``.

    Estimation and event errors are drawn in blocks (wrapped around) from the centred
    estimation residuals; mean and variance are estimated anew in each resample, so
    the resampled SCAR has the estimation error of both, the skewness, the tails and
    the serial dependence of the asset. Estimation errors of slopes are not resampled;
    they are in the standard error of the observed SCAR. All observations share their
    draws. Block lengths by Politis & White (2004), Econometric Reviews 23, with the
    correction of Patton, Politis & White (2009).
    Künsch (1989), Annals of Statistics 17; Hein & Westfall (2004), J. Financial
    Econometrics 2, for event studies.
    """
    sums = cumulate(ab, window)
    done, reasons = usable_rows(ab, sums)
    enough = ab.n_estimation >= MIN_RESIDUALS
    few = "only {held} residuals, at least {wanted} are needed"
    reasons = or_few(done, reasons, ab.n_estimation, MIN_RESIDUALS, few)
    done = done & enough
    n_draws, n_columns = options.n_draws, ab.residuals.shape[1]
    constant = ab.xtx_inv.shape[1] > 0
    uniform = np.random.default_rng(options.seed).random(
        (n_draws, n_columns + length_of(window))
    )
    rows = np.flatnonzero(done)
    count = np.zeros(len(done))
    errors = _errors(ab, rows)
    size = max(1, _BUDGET // n_draws)
    for form, same in _forms(errors, sums.n_valid[rows]):
        plan = _plan(form, uniform, n_columns)
        for first in range(0, len(same), size):
            part = same[first : first + size]
            draws = _resampled_scars(errors, part, plan, constant=constant)
            level = sums.scar[rows[part], None]
            count[rows[part]] = extreme(draws, level, options).sum(axis=1)
    return Answers(
        estimate=sums.car,
        statistic=np.where(done, sums.scar, np.nan),
        pvalue=np.where(done, (1 + count) / (1 + n_draws), np.nan),
        df=np.where(done, np.inf, np.nan),
        n=np.ones(len(done), np.int64),
        reason=reasons,
    )


TESTS.register(
    EventTest(
        name="bootstrap",
        meaning="each SCAR among its moving-block resamples",
        null="H0: CAR_i = 0 for each i",
        citation="Künsch (1989); Politis & White (2004); Hein & Westfall (2004)",
        robust_to={"non-normality", "missing data"},
        scale="estimation window",
        resampled=True,
        outcomes=ONLY_CAR,
        of_each=bootstrap,
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Errors:
    """Estimation errors (rows, T), the n valid ones first, their blocks and df."""

    values: Array
    n: IntArray
    block: IntArray
    df: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """What decides which sessions a draw takes: the same for many observations."""

    n: int
    block: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawn:
    """Which blocks each draw takes for a sum of ``wanted`` values.

    times : (n, draws) how often the whole block that begins there is taken
    cut : (draws,) where the last one begins;  rest : its length, less than a block
    """

    times: Array
    cut: IntArray
    rest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """The draws of all observations of one form."""

    form: _Form
    estimation: _Drawn
    event: _Drawn


def _errors(ab: Abnormal, rows: IntArray) -> _Errors:
    residuals = ab.residuals[rows]
    values, n = _compact(residuals / np.sqrt(ab.span_estimation[rows]))
    return _Errors(
        values=values,
        n=n,
        block=np.ceil(politis_white(residuals).circular).astype(np.int64),
        df=ab.df[rows],
    )


def _compact(values: Array) -> tuple[Array, IntArray]:
    """Centre the valid values of each row and bring them to its front."""
    valid = ~np.isnan(values)
    n = valid.sum(axis=1)
    order = np.argsort(~valid, axis=1, kind="stable")
    centred = np.where(valid, values - np.nanmean(values, axis=1, keepdims=True), 0.0)
    return np.take_along_axis(centred, order, axis=1), n


def _forms(errors: _Errors, length: IntArray) -> Iterator[tuple[_Form, IntArray]]:
    """Group observations whose draws take the same sessions."""
    keys = np.column_stack([errors.n, errors.block, length])
    distinct, group = np.unique(keys, axis=0, return_inverse=True)
    for number, (n, block, own) in enumerate(distinct.tolist()):
        yield _Form(n=n, block=block, length=own), np.flatnonzero(group == number)


def _plan(form: _Form, uniform: Array, n_columns: int) -> _Plan:
    """Read from uniform numbers (draws, T + L) which blocks are taken."""
    estimation, event = uniform[:, :n_columns], uniform[:, n_columns:]
    return _Plan(
        form=form,
        estimation=_drawn(form, form.n, estimation),
        event=_drawn(form, form.length, event),
    )


def _drawn(form: _Form, wanted: int, uniform: Array) -> _Drawn:
    """Take ``wanted`` values in blocks; the last is cut so that the number is exact."""
    n, n_draws = form.n, len(uniform)
    n_whole = wanted // form.block
    first = np.floor(uniform[:, : n_whole + 1] * n).astype(np.int64)
    cell = (first[:, :n_whole] * n_draws + np.arange(n_draws)[:, None]).ravel()
    times = np.bincount(cell, minlength=n * n_draws).reshape(n, n_draws)
    return _Drawn(
        times=times.astype(np.float64),
        cut=first[:, -1],  # where nothing rests, any
        rest=wanted - n_whole * form.block,
    )


def _resampled_scars(
    errors: _Errors, part: IntArray, plan: _Plan, *, constant: bool
) -> Array:
    """Standardised sums of resampled errors, (rows, draws)."""
    n, length = plan.form.n, plan.form.length
    values = errors.values[part, :n]
    running = _running(values)
    mean = _block_sums(running, plan, plan.estimation) / n
    square = _block_sums(_running(values**2), plan, plan.estimation)
    k = n - errors.df[part]
    variance = (square - n * mean**2) / (n - k)[:, None]
    own = _block_sums(running, plan, plan.event)
    if constant:
        own, spread = own - length * mean, length + length**2 / n
    else:
        spread = length
    scars: Array = own / np.sqrt(np.where(variance > 0, variance, np.nan) * spread)
    return scars


def _running(values: Array) -> Array:
    """Sums of the first values of a circle that is gone round twice, (rows, 2n+1)."""
    n_rows, n = values.shape
    out = np.zeros((n_rows, 2 * n + 1))
    np.cumsum(np.concatenate([values, values], axis=1), axis=1, out=out[:, 1:])
    return out


def _block_sums(running: Array, plan: _Plan, drawn: _Drawn) -> Array:
    """Sums of the drawn blocks, (rows, draws).

    A block's sum times how often it is drawn: a product of matrices takes all draws.
    """
    n = plan.form.n
    whole = running[:, plan.form.block :][:, :n] - running[:, :n]
    total: Array = whole @ drawn.times
    if drawn.rest:
        total += running[:, drawn.cut + drawn.rest] - running[:, drawn.cut]
    return total
