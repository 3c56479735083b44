"""Effects against characteristics: regressions of CARs, and categories compared."""

from eventstudy.cross_section.categories import categories
from eventstudy.cross_section.regression import CLUSTERS, Regression, regress

__all__ = ["CLUSTERS", "Regression", "categories", "regress"]
