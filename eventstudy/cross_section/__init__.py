"""Effects against characteristics: regressions of CARs, and categories compared."""

from eventstudy.cross_section.comparison import categories
from eventstudy.cross_section.contrasts import variance_contrasts
from eventstudy.cross_section.regression import CLUSTERS, Regression, regress

__all__ = ["CLUSTERS", "Regression", "categories", "regress", "variance_contrasts"]
