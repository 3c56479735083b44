"""Speed of factor fits beside a loop of statsmodels, in one thread each.

Run by hand: ``OPENBLAS_NUM_THREADS=1 python benchmarks/fits.py`` (about 20 seconds).
Both sides fit the same returns in the same process; times are processor seconds, the
least of several runs. A fit is the whole model: input, coefficients and the abnormal
returns of both windows.
"""

import time
from collections.abc import Callable

import numpy as np
import statsmodels.api as sm

from eventstudy.core.abnormal import Array
from eventstudy.models import factors

ROWS, LOOPED, ESTIMATION, EVENT = 4000, 300, 250, 21


def seconds(work: Callable[[], object], runs: int) -> float:
    """Least processor seconds of several calls."""
    taken = []
    for _ in range(runs):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken)


def loop(y: Array, x: Array) -> None:
    """Fit row by row, and predict the event window."""
    for returns, given in zip(y[:LOOPED], x[:LOOPED], strict=True):
        design = sm.add_constant(given)
        held = np.isfinite(returns[:ESTIMATION])
        fitted = sm.OLS(returns[:ESTIMATION][held], design[:ESTIMATION][held]).fit()
        returns - design @ fitted.params, fitted.mse_resid, fitted.rsquared


def main() -> None:
    """Print microseconds a row and ratios by number of factors."""
    rng = np.random.default_rng(0)
    print("factors  statsmodels   complete       gaps           the same for all rows")
    for n_factors in (1, 2, 3, 4, 6):
        x = 0.01 * rng.standard_normal((ROWS, ESTIMATION + EVENT, n_factors))
        y = x.sum(axis=2) + 0.02 * rng.standard_normal(x.shape[:2])
        gaps = np.where(rng.random(y.shape) < 0.01, np.nan, y)
        line = []
        for returns, given in ((y, x), (gaps, x), (y, x[0])):
            by_row = np.broadcast_to(given, x.shape)
            theirs = seconds(lambda a=returns, b=by_row: loop(a, b), 2) / LOOPED
            ours = seconds(
                lambda a=returns, b=given: factors(a, b, n_estimation=ESTIMATION), 5
            )
            line.append((theirs * 1e6, ours / ROWS * 1e6))
        cells = "  ".join(f"{own:5.1f} µs {their / own:4.0f}x" for their, own in line)
        print(f"{n_factors:7}  {line[0][0]:8.0f} µs   {cells}")


if __name__ == "__main__":
    main()
