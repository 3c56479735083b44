"""Block bootstrap of one observation's standardised CAR."""

import numpy as np
from numpy.typing import NDArray

from eventstudy.core.abnormal import Abnormal, Array, IntArray
from eventstudy.core.bootstrap import politis_white
from eventstudy.core.registry import TESTS
from eventstudy.core.windows import Window, cumulate, length_of
from eventstudy.inference.entry import ONLY_CAR, EventTest
from eventstudy.inference.pvalues import Answers, Options
from eventstudy.inference.single import extreme, or_few, usable_rows

Complex = NDArray[np.complex128]
# Below this many residuals a resampled variance says little.
MIN_RESIDUALS = 20
# Numbers held at once in the resampled block sums.
_BUDGET = 4_000_000


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
    uniform = np.random.default_rng(options.seed).random(
        (n_draws, n_columns + length_of(window))
    )
    rows = np.flatnonzero(done)
    count = np.zeros(len(done))
    size = max(1, _BUDGET // (n_draws * n_columns))
    for first in range(0, len(rows), size):
        chosen = rows[first : first + size]
        draws = _resampled_scars(ab, chosen, sums.n_valid[chosen], uniform)
        count[chosen] = extreme(draws, sums.scar[chosen, None], options).sum(axis=1)
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


def _resampled_scars(
    ab: Abnormal, rows: IntArray, length: IntArray, uniform: Array
) -> Array:
    """Standardised sums of ``length`` resampled errors, (rows, draws)."""
    errors, n = _compact(ab.residuals[rows] / np.sqrt(ab.span_estimation[rows]))
    block = np.ceil(politis_white(ab.residuals[rows]).circular).astype(np.int64)
    k = ab.n_estimation[rows] - ab.df[rows]
    n_columns = errors.shape[1]
    estimation, event = uniform[:, :n_columns], uniform[:, n_columns:]
    plain = errors.astype(np.complex128)
    # Errors and squares come from the same blocks: one complex sum takes both.
    both = _block_sums(plain + 1j * errors**2, n, block, n, estimation)
    size = n[:, None].astype(np.float64)
    mean = both.real / size
    variance = (both.imag - size * mean**2) / (n - k)[:, None]
    own = _block_sums(plain, n, block, length, event).real
    steps = length[:, None].astype(np.float64)
    if ab.xtx_inv.shape[1]:
        own, spread = own - steps * mean, steps + steps**2 / size
    else:
        spread = steps
    scars: Array = own / np.sqrt(np.where(variance > 0, variance, np.nan) * spread)
    return scars


def _compact(values: Array) -> tuple[Array, IntArray]:
    """Centre the valid values of each row and bring them to its front."""
    valid = ~np.isnan(values)
    n = valid.sum(axis=1)
    order = np.argsort(~valid, axis=1, kind="stable")
    centred = np.where(valid, values - np.nanmean(values, axis=1, keepdims=True), 0.0)
    return np.take_along_axis(centred, order, axis=1), n


def _block_sums(
    values: Complex, n: IntArray, block: IntArray, wanted: IntArray, uniform: Array
) -> Complex:
    """Sums of ``wanted`` values taken in blocks from the first n of a row, circular.

    The last block is cut so that the number is exact. Returns (rows, draws).
    """
    n_rows, width = values.shape
    at = np.arange(2 * width)
    wrapped = np.take_along_axis(values, at % n[:, None], axis=1)
    running = np.zeros((n_rows, 2 * width + 1), np.complex128)
    np.cumsum(wrapped, axis=1, out=running[:, 1:])
    row = np.arange(n_rows)[:, None]
    start = np.arange(width)
    whole = running[row, start + block[:, None]] - running[:, :width]
    whole = np.column_stack([whole, np.zeros(n_rows)])  # last: no block
    n_whole = wanted // block
    first = np.floor(uniform * n[:, None, None]).astype(np.int64)
    most = int(n_whole.max())
    used = np.arange(most) < n_whole[:, None, None]
    chosen = np.where(used, first[:, :, :most], width)
    total = whole[row[:, :, None], chosen].sum(axis=2)
    last = np.minimum(n_whole, uniform.shape[1] - 1)[:, None]  # beyond: nothing rests
    cut = first[row, np.arange(len(uniform)), last]
    rest = (wanted - n_whole * block)[:, None]
    out: Complex = total + running[row, cut + rest] - running[row, cut]
    return out
