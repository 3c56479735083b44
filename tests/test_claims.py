"""What an entry claims to withstand is what the simulated rates of the docs show."""

import re
from pathlib import Path

import pytest

from eventstudy.inference import TESTS

PAGE = Path(__file__).parents[1] / "docs" / "few_dates.md"
# 6 % and two standard errors of 4,000 replications.
MOST = 7.0

SHARED_DATES, CLUSTERS = "cross-correlation", "clustering"
VARIANCE, TAILS = "event-induced variance", "non-normality"
DRIFT = "variance that moves before the events"  # no entry claims to withstand it
HAS = {
    "example": {SHARED_DATES, CLUSTERS},
    "example, GARCH": {SHARED_DATES, CLUSTERS, TAILS},
    "example, calmer before": {SHARED_DATES, CLUSTERS, DRIFT},
    "example, wilder before": {SHARED_DATES, CLUSTERS, DRIFT},
    "example, market model": {SHARED_DATES, CLUSTERS},
    "one date": {SHARED_DATES},
    "one date, many assets": {SHARED_DATES, TAILS},
    "one date, close assets": {SHARED_DATES},
    "two observations": {SHARED_DATES},
    "three observations": {SHARED_DATES, TAILS},
    "two clusters": {SHARED_DATES},
    "three clusters": {SHARED_DATES, CLUSTERS, TAILS},
    "five clusters, long window": {SHARED_DATES, CLUSTERS},
    "eight clusters": {SHARED_DATES, CLUSTERS},
    "fifteen clusters": {SHARED_DATES, CLUSTERS, TAILS},
    "far apart, one asset each": {TAILS},
    "six apart, own assets": set(),
    "shared estimation, purged": {SHARED_DATES, CLUSTERS},
    "shared estimation": {SHARED_DATES, CLUSTERS},
    "shared estimation, kept": {SHARED_DATES, CLUSTERS},
}


def rates():
    """Yield (design, test, rate, what the state adds), in per cent."""
    for part in re.split(r"\n### ", PAGE.read_text(encoding="utf-8"))[1:]:
        design = part.splitlines()[0].strip().removesuffix(", other tests")
        for line in part.splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if len(cells) == 9 and cells[0] in TESTS:
                nothing, doubled, halved = (float(c) if c else None for c in cells[1:4])
                yield design, cells[0], nothing, set()
                yield design, cells[0], doubled, {VARIANCE}
                yield design, cells[0], halved, set()


RATES = list(rates())


def test_the_page_has_every_design():
    assert {design for design, *_ in RATES} == set(HAS)


@pytest.mark.parametrize("name", sorted({test for _, test, *_ in RATES}))
def test_claims_hold_where_a_design_has_nothing_that_is_not_claimed(name):
    entry = TESTS.entry(name)
    claimed = set(entry.robust_to) - {"missing data"}
    if not claimed:
        return
    broken = [
        (design, rate, sorted(added))
        for design, test, rate, added in RATES
        if test == name and rate is not None and rate > MOST
        if HAS[design] | added <= claimed
    ]
    assert not broken, (
        f"{name} claims {sorted(claimed)}, and rejects too often: {broken}"
    )


@pytest.mark.parametrize("claim", [SHARED_DATES, CLUSTERS, VARIANCE, TAILS])
def test_every_claim_was_put_to_the_test(claim):
    tested = {
        test
        for design, test, rate, added in RATES
        if rate is not None and claim in HAS[design] | added
    }
    single = {n for n in TESTS if TESTS.entry(n).level != "sample"}
    claiming = {n for n in TESTS if claim in TESTS.entry(n).robust_to} - single
    assert not claiming - tested - {"ball_torous"}
