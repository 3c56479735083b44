"""Trading volume as an outcome.

Volume is autocorrelated, so over windows of several sessions the tests that treat
sessions as independent (`t`, `patell`) reject too often; the cross-sectional and the
rank tests do not suppose it.
"""

from collections.abc import Mapping

import numpy as np

from eventstudy.core.abnormal import Array
from eventstudy.outcomes.entries import OUTCOMES, OutcomeEntry

# The sessions before, counted backwards, that a change of volume is from.
_FIRST, _LAST = 7, 11
_BEFORE = f"{_LAST} to {_FIRST} sessions before"


def log_volume(volume: Array) -> Array:
    """Take the logarithm of one plus the volume.

    Parameters
    ----------
    volume : ndarray
        Units traded per session, (E, S). A session without trade has no volume to
        explain, and zero is how many sources write a missing value.

    Returns
    -------
    ndarray
        ``ln(1 + V)``, (E, S); nan where volume is missing, zero or negative.

    References
    ----------
    Ajinkya & Jain (1989), J. Accounting and Economics 11; Campbell & Wasley (1996), J.
    Financial and Quantitative Analysis 31.

    Examples
    --------
    >>> log_volume([[99.0, 0.0]]).round(4)
    array([[4.6052,    nan]])
    """
    v = np.atleast_2d(np.asarray(volume, np.float64))
    with np.errstate(invalid="ignore"):
        return np.log1p(np.where(v > 0, v, np.nan))


def recent_change(values: Array, *, first: int = _FIRST, last: int = _LAST) -> Array:
    """Take what values are above their mean of shortly before.

    Parameters
    ----------
    values : ndarray
        A value per session, (E, S), nan where missing.
    first, last : int
        The sessions compared with, counted backwards: by default those from 11 to 7
        sessions before. Those of day +1 are the sessions -10 to -6 of an event.

    Returns
    -------
    ndarray
        Value less that mean, (E, S); nan where the value or more than a fifth of the
        sessions before is missing.

    Notes
    -----
    A level that moves slowly is the same in both, so that a drift since the estimation
    window is not taken for an effect of the event.

    Examples
    --------
    >>> recent_change(np.array([[1.0, 3.0, 7.0, 9.0]]), first=2, last=3)
    array([[nan, nan, nan,  7.]])
    """
    v = np.atleast_2d(np.asarray(values, np.float64))
    there, n = np.isfinite(v), last - first + 1
    if v.shape[1] <= last:
        return np.full(v.shape, np.nan)
    total, count = (
        np.cumsum(np.pad(x, ((0, 0), (1, 0))), axis=1)
        for x in (np.where(there, v, 0.0), there * 1.0)
    )
    # columns last, last + 1, ... look back at the n columns from 0, 1, ... on
    width = v.shape[1] - last
    held = count[:, n : n + width] - count[:, :width]
    with np.errstate(divide="ignore", invalid="ignore"):
        before = (total[:, n : n + width] - total[:, :width]) / held
    out = np.full(v.shape, np.nan)
    out[:, last:] = v[:, last:] - np.where(held >= 0.8 * n, before, np.nan)
    return out


def _of(columns: Mapping[str, Array]) -> Array:
    return np.asarray(log_volume(columns["volume"])[0])


OUTCOMES.register(
    OutcomeEntry(
        name="volume",
        of=_of,
        needs=("volume",),
        meaning="logarithm of one plus the volume",
        unit="log of units traded",
        words="volume",
        citation="Ajinkya & Jain (1989), J. Accounting and Economics 11; Campbell & "
        "Wasley (1996), J. Financial and Quantitative Analysis 31",
        is_log=True,
        part="volume",
        lacking="no volume to study",
    )
)


def _change_of(columns: Mapping[str, Array]) -> Array:
    return np.asarray(recent_change(log_volume(columns["volume"]))[0])


OUTCOMES.register(
    OutcomeEntry(
        name="volume_change",
        of=_change_of,
        needs=("volume",),
        meaning=f"log volume less its mean from {_BEFORE}",
        unit="log of units traded",
        words="change of volume",
        citation="Campbell & Wasley (1996), J. Financial and Quantitative Analysis 31, "
        "for log volume; the comparison with shortly before is our own",
        is_log=True,
        part="volume",
        change_of="volume",
        compared_with=_BEFORE,
        lacking="no volume to study",
    )
)
