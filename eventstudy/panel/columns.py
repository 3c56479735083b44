"""Event time of a panel's arrays: which session each column is."""

from dataclasses import dataclass

import numpy as np

from eventstudy.core.abnormal import IntArray
from eventstudy.spec import StudySpec


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """Event time of the arrays: T estimation offsets, then all others, ascending.

    The others cover the event window and the volatility windows without a hole.

    Parameters
    ----------
    offsets : int array (T+L,)
        Session of each column relative to day 0.
    n_estimation : int
        T.

    Examples
    --------
    >>> columns = Columns(offsets=np.array([-3, -2, -1, 0, 1]), n_estimation=2)
    >>> columns.slice_of((0, 1))
    slice(1, 3, None)
    """

    offsets: IntArray
    n_estimation: int

    @property
    def first_offset(self) -> int:
        """Event time of the first other column, counted back from the last.

        The others before the estimation window, which have no place in the event
        window, come as if they adjoined those after it.
        """
        others = self.offsets[self.n_estimation :]
        return int(others[-1]) - len(others) + 1

    def slice_of(self, window: tuple[int, int]) -> slice:
        """Return the columns of a window outside the estimation window.

        They are counted from the first column after the estimation window.

        Parameters
        ----------
        window : (int, int)
            First and last session in event time, both included.

        Returns
        -------
        slice
            Of the columns after the estimation window.
        """
        others = self.offsets[self.n_estimation :]
        start = int(np.searchsorted(others, window[0]))
        return slice(start, start + window[1] - window[0] + 1)


def columns_of(spec: StudySpec) -> Columns:
    """Return the event-time columns that a spec's windows need."""
    estimation = np.arange(spec.estimation[0], spec.estimation[1] + 1)
    windows = (
        spec.event_window,
        spec.volatility_pre,
        spec.volatility_event,
        spec.volatility_post,
    )
    low = min(spec.estimation[0], *(start for start, _ in windows))
    high = max(end for _, end in windows)
    others = np.setdiff1d(np.arange(low, high + 1), estimation)
    return Columns(
        offsets=np.concatenate([estimation, others]), n_estimation=len(estimation)
    )
