"""The family of tests, `TESTS`: what each asks, tolerates and needs."""

from collections.abc import Mapping

from eventstudy.inference import clustered, parametric, rank, sign, single
from eventstudy.inference.battery import EventTest

_MEAN = "H0: E[CAR] = 0"
_SCAR = "H0: E[SCAR] = 0"
_EACH = "H0: CAR_i = 0 for each i"

TESTS: Mapping[str, EventTest] = {
    entry.name: entry
    for entry in (
        EventTest(
            name="t",
            meaning="each CAR over its forecast standard error",
            null=_EACH,
            robust_to=frozenset({"missing data"}),
            min_n=1,
            citation="Campbell, Lo & MacKinlay (1997), section 4.4",
            of_each=single.t,
        ),
        EventTest(
            name="placebo_single",
            meaning="each SCAR among all pseudo-dates of its estimation window",
            null=_EACH,
            robust_to=frozenset({"non-normality", "missing data"}),
            min_n=1,
            citation="Fisher (1935); Gelbach, Helland & Klick (2013)",
            of_each=single.placebo_single,
        ),
        EventTest(
            name="placebo",
            meaning="the mean SCAR among all pseudo-dates of the estimation window",
            null=_SCAR,
            robust_to=frozenset(
                {"cross-correlation", "clustering", "non-normality", "missing data"}
            ),
            min_n=1,
            citation="Fisher (1935); Brown & Warner (1985)",
            needs=frozenset({"placebo"}),
            of_sample=single.placebo,
        ),
        EventTest(
            name="csect",
            meaning="cross-sectional t test of the CAAR",
            null=_MEAN,
            robust_to=frozenset({"event-induced variance", "missing data"}),
            min_n=2,
            citation="Brown & Warner (1980), J. Financial Economics 8",
            of_sample=parametric.csect,
        ),
        EventTest(
            name="patell",
            meaning="sum of standardised CARs",
            null=_SCAR,
            robust_to=frozenset({"missing data"}),
            min_n=1,
            citation="Patell (1976), J. Accounting Research 14",
            of_sample=parametric.patell,
        ),
        EventTest(
            name="bmp",
            meaning="cross-sectional t test of the standardised CARs",
            null=_SCAR,
            robust_to=frozenset({"event-induced variance", "missing data"}),
            min_n=2,
            citation="Boehmer, Musumeci & Poulsen (1991), J. Financial Economics 30",
            of_sample=parametric.bmp,
        ),
        EventTest(
            name="kp_patell",
            meaning="Patell's test corrected for the correlation of windows",
            null=_SCAR,
            robust_to=frozenset({"cross-correlation", "clustering", "missing data"}),
            min_n=1,
            citation="Kolari & Pynnönen (2010), Review of Financial Studies 23",
            needs=frozenset({"correlation"}),
            of_sample=parametric.kp_patell,
        ),
        EventTest(
            name="kp_bmp",
            meaning="BMP's test corrected for the correlation of windows",
            null=_SCAR,
            robust_to=frozenset(
                {
                    "event-induced variance",
                    "cross-correlation",
                    "clustering",
                    "missing data",
                }
            ),
            min_n=2,
            citation="Kolari & Pynnönen (2010), Review of Financial Studies 23",
            needs=frozenset({"correlation"}),
            of_sample=parametric.kp_bmp,
        ),
        EventTest(
            name="rank",
            meaning="Corrado's rank test",
            null="H0: E[U_τ] = 0, U the centred rank of a return in its own history",
            robust_to=frozenset({"cross-correlation", "non-normality", "missing data"}),
            min_n=1,
            citation="Corrado (1989); Corrado & Zivney (1992); Cowan (1992)",
            needs=frozenset({"ranks"}),
            of_sample=rank.rank,
        ),
        EventTest(
            name="grank_t",
            meaning="generalised rank test, t form",
            null="H0: E[U_0] = 0, U_0 the centred rank of the SCAR",
            robust_to=frozenset(
                {
                    "event-induced variance",
                    "cross-correlation",
                    "non-normality",
                    "missing data",
                }
            ),
            min_n=2,
            citation="Kolari & Pynnönen (2011), J. Empirical Finance 18",
            needs=frozenset({"correlation", "granks"}),
            of_sample=rank.grank_t,
        ),
        EventTest(
            name="grank_overlap",
            meaning="generalised rank test for windows that overlap in part (ours)",
            null="H0: E[U_0] = 0, U_0 the centred rank of the SCAR",
            robust_to=frozenset(
                {
                    "event-induced variance",
                    "cross-correlation",
                    "clustering",
                    "non-normality",
                    "missing data",
                }
            ),
            min_n=2,
            citation="ours, after Kolari & Pynnönen (2011) and Kolari, Pape & "
            "Pynnönen (2018)",
            needs=frozenset({"correlation", "granks"}),
            of_sample=rank.grank_overlap,
        ),
        EventTest(
            name="gsign",
            meaning="generalised sign test",
            null="H0: P(CAR > 0) = p̂ of the estimation window",
            robust_to=frozenset(
                {"event-induced variance", "non-normality", "missing data"}
            ),
            min_n=1,
            citation="Cowan (1992), Review of Quantitative Finance and Accounting 2",
            of_sample=sign.gsign,
        ),
        EventTest(
            name="portfolio",
            meaning="one portfolio per event date, clusters of dates as facts",
            null=_MEAN,
            robust_to=frozenset({"cross-correlation", "clustering", "missing data"}),
            min_n=1,
            citation="Jaffe (1974), J. Business 47",
            needs=frozenset({"residuals"}),
            of_sample=clustered.portfolio,
        ),
    )
}
