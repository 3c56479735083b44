"""Trading volume as an outcome.

Volume is autocorrelated, so over windows of several sessions the tests that treat
sessions as independent (`t`, `patell`) reject too often; the cross-sectional and the
rank tests do not suppose it.
"""

from collections.abc import Mapping

import numpy as np

from eventstudy.core.abnormal import Array
from eventstudy.outcomes.entries import OUTCOMES, OutcomeEntry


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
