"""The tests of a sample, evaluated for all replications at once.

Every function takes an `Injected` and returns statistics and p-values, (R,), nan
where the test of the same name in `TESTS` has no answer; it must agree with that.
Formulas and papers stand there.
"""

from collections.abc import Callable, Mapping

from eventstudy.simulation.batch import Injected
from eventstudy.simulation.batched import dates, parametric, ranked
from eventstudy.simulation.batched.judged import Judged

__all__ = ["BATCHED"]

BATCHED: Mapping[str, Callable[[Injected], Judged]] = {
    "placebo": ranked.placebo,
    "csect": parametric.csect,
    "crude": dates.crude,
    "lamb": dates.lamb,
    "patell": parametric.patell,
    "bmp": parametric.bmp,
    "kp_patell": parametric.kp_patell,
    "kp_bmp": parametric.kp_bmp,
    "jackknife": parametric.jackknife,
    "portfolio": dates.portfolio,
    "portfolio_z": dates.portfolio_z,
    "cluster": dates.cluster,
    "cluster_cr3": dates.cluster_cr3,
    "cluster_two_way": dates.cluster_two_way,
    "skewness": parametric.skewness,
    "skewness_hall": parametric.skewness_hall,
    "sign": ranked.sign,
    "gsign": ranked.gsign,
    "rank": ranked.rank,
    "grank_t": ranked.grank_t,
    "grank_z": ranked.grank_z,
    "grank_overlap": ranked.grank_overlap,
    "wilcoxon": ranked.wilcoxon,
}
