"""Jumps of single bars: how large a move a diffusion hardly ever makes."""

import math

from eventstudy.core.errors import SpecError


def jump_threshold(n: int, level: float = 0.01) -> float:
    """Return the size from which on one of n standardised returns is a jump.

    Parameters
    ----------
    n : int
        Returns that are looked at, each over the root of the local bipower variance.
    level : float
        Probability that any of them is larger without a jump.

    Returns
    -------
    float
        ``C_n + S_n β*``; the largest of n is above it with probability ``level``.

    Raises
    ------
    SpecError
        For fewer than two returns and a level outside (0, 1).

    References
    ----------
    Lee & Mykland (2008), Review of Financial Studies 21, lemma 1 with c = 1, as the
    bipower variance has its factor π/2 in it.

    Examples
    --------
    >>> round(jump_threshold(96, 0.01), 2)
    4.1
    """
    if n < 2 or not 0 < level < 1:
        raise SpecError(
            f"n = {n}, level = {level}; wanted two returns or more and a level between "
            "0 and 1"
        )
    root = math.sqrt(2 * math.log(n))
    centre = root - (math.log(math.pi) + math.log(math.log(n))) / (2 * root)
    return centre - math.log(-math.log1p(-level)) / root
