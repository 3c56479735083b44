"""Columns of prices as (E, S) arrays of one shape."""

import numpy as np

from eventstudy.core.abnormal import Array
from eventstudy.core.errors import DataError


def same_shape(*columns: Array) -> tuple[Array, ...]:
    """Return columns as (E, S) floats; raise `DataError` where their shapes differ."""
    arrays = tuple(np.atleast_2d(np.asarray(v, np.float64)) for v in columns)
    if len({a.shape for a in arrays}) > 1:
        shapes = ", ".join(str(a.shape) for a in arrays)
        raise DataError(f"the columns have shapes {shapes}; one shape is wanted")
    return arrays
