"""Fits and tests as one would write them: a loop over observations."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
from scipy import stats

from eventstudy.core.abnormal import Array, IntArray

T, COLUMNS = 250, slice(9, 12)  # the window among the event window's columns
Fitted = tuple[Array, Array, float, Array, Array]
Fit = Callable[[Array, Array], Fitted]


class Rows(Protocol):
    """Returns (E, T+L), factors (E, T+L, F) and dates (E,)."""

    y: Array
    x: Array
    clock: IntArray


def statsmodels_fit(y: Array, x: Array) -> Fitted:
    """Residuals, prediction errors, variance, event rows, (X'X)^-1 of one row."""
    import statsmodels.api as sm

    design = sm.add_constant(x)
    fit = sm.OLS(y[:T], design[:T]).fit()
    error = y[T:] - fit.predict(design[T:])
    return fit.resid, error, fit.mse_resid, design[T:], fit.normalized_cov_params


def numpy_fit(y: Array, x: Array) -> Fitted:
    """Return the same by least squares of numpy."""
    design = np.column_stack([np.ones(len(x)), x])
    beta = np.linalg.lstsq(design[:T], y[:T], rcond=None)[0]
    error = y - design @ beta
    variance = float((error[:T] ** 2).sum() / (T - design.shape[1]))
    inverse = np.linalg.inv(design[:T].T @ design[:T])
    return error[:T], error[T:], variance, design[T:], inverse


def rows_of(chunks: Sequence[Rows]) -> Iterator[tuple[Array, Array, int]]:
    """Walk through the observations one by one."""
    for chunk in chunks:
        yield from zip(chunk.y, chunk.x, chunk.clock, strict=True)


def loop_fits(chunks: Sequence[Rows], fit: Fit) -> None:
    """Fit in a loop over observations."""
    for y, x, _ in rows_of(chunks):
        fit(y, x)


def loop(chunks: Sequence[Rows], fit: Fit) -> dict[str, float]:
    """Fit and test: a fit and scipy's ranks per observation."""
    car, scar, ranks, residuals, standard, share, dates = [], [], [], [], [], [], []
    for y, x, date in rows_of(chunks):
        past, event, variance, rows, inverse = fit(y, x)
        s = rows[COLUMNS].sum(axis=0)
        forecast = COLUMNS.stop - COLUMNS.start + s @ inverse @ s
        car.append(event[COLUMNS].sum())
        scar.append(car[-1] / np.sqrt(variance * forecast))
        ranks.append(stats.rankdata([*past, *event]) / (1 + len(y)) - 0.5)
        residuals.append(past)
        standard.append(past / np.sqrt(variance))
        share.append((past > 0).mean())
        dates.append(date)
    rbar = mean_correlation(residuals, np.array(dates))
    scaled = np.array(scar) * np.sqrt(1 - rbar) / np.std(scar, ddof=1)
    granks = [
        stats.rankdata([*z, own]) / (T + 2) - 0.5
        for z, own in zip(standard, scaled, strict=True)
    ]
    return statistics(np.array(car), np.array(scar), rbar, ranks, granks, share)


def mean_correlation(residuals: list[Array], dates: Array) -> float:
    """Mean over all pairs; pairs of different dates have none."""
    pairs = 0.0
    for date in np.unique(dates):
        block = np.corrcoef([residuals[i] for i in np.flatnonzero(dates == date)])
        pairs += block.sum() - len(block)
    return pairs / (len(dates) * (len(dates) - 1))


def statistics(
    car: Array,
    scar: Array,
    rbar: float,
    ranks: list[Array],
    granks: list[Array],
    share: list[float],
) -> dict[str, float]:
    """Return the nine statistics from what the loop gathered."""
    n, inflation = len(car), 1 + (len(car) - 1) * rbar
    bmp = float(stats.ttest_1samp(scar, 0).statistic)
    patell = scar.sum() / np.sqrt(n * (T - 2) / (T - 4))
    mean, grank = np.mean(ranks, axis=0), np.mean(granks, axis=0)
    inside = mean[T:][COLUMNS]
    z = grank[-1] / np.sqrt((grank**2).mean())
    positive, p = (car > 0).sum(), np.mean(share)
    return {
        "csect": float(stats.ttest_1samp(car, 0).statistic),
        "patell": patell,
        "bmp": bmp,
        "kp_patell": patell / np.sqrt(inflation),
        "kp_bmp": bmp * np.sqrt((1 - rbar) / inflation),
        "rank": inside.sum() / np.sqrt(len(inside)) / np.sqrt((mean**2).mean()),
        "grank_t": z * np.sqrt((T - 1) / (T - z**2)),
        "sign": (positive - n / 2) / np.sqrt(n / 4),
        "gsign": (positive - n * p) / np.sqrt(n * p * (1 - p)),
    }
