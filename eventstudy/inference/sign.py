"""Sign tests."""

import numpy as np

from eventstudy.inference.answers import Answer, Options, judged, refused
from eventstudy.inference.sample import Sample


def gsign(sample: Sample, options: Options) -> Answer:
    """Generalised sign test: ``(w - N p̂) / sqrt(N p̂ (1-p̂))``, normal.

    w counts positive effects, p̂ is the mean over observations of the share of
    positive estimation residuals, so that skewed returns do not pass for an effect.
    p̂ is of single sessions, also for windows, as in the paper. A zero is not positive.
    Cowan (1992), Review of Quantitative Finance and Accounting 2.
    """
    if (refusal := sample.lacks(1)) is not None:
        return refusal
    n, p = sample.n, float(sample.positive.mean())
    if not 0 < p < 1:
        return refused(sample.mean, "all estimation residuals have the same sign")
    z = ((sample.effect > 0).sum() - n * p) / np.sqrt(n * p * (1 - p))
    return judged(sample.mean, float(z), np.inf, options.alternative)
