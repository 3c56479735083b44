"""Windows whose returns do not span their sessions, and wrong price changes."""

from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

import eventstudy as es
from eventstudy.core.windows import Covered, covered_by, cumulate, extended
from eventstudy.models import constant_mean

FIRST = -3  # of the event window of the arrays below
N_EVENT, N_ESTIMATION = 8, 20


def arrays(seed, n=60):
    """Random gaps in the event window, with returns from trade to trade."""
    rng = np.random.default_rng(seed)
    there = rng.random((n, N_EVENT + 1)) < 0.7  # closes from the session before on
    level = np.cumsum(rng.normal(size=(n, N_EVENT + 1)), axis=1)
    y = np.full((n, N_EVENT), np.nan)
    span = np.ones((n, N_EVENT))
    for row in range(n):
        for before, now in pairwise(np.flatnonzero(there[row])):
            y[row, now - 1] = level[row, now] - level[row, before]
            span[row, now - 1] = now - before
    past = rng.normal(size=(n, N_ESTIMATION))
    return constant_mean(
        np.concatenate([past, y], axis=1),
        n_estimation=N_ESTIMATION,
        span=np.concatenate([np.ones(past.shape), span], axis=1),
        first_offset=FIRST,
    )


def slow_covered(ab, row, window):
    """Collect the sessions that the returns span, one by one."""
    spanned = []
    for session in range(window[0], window[1] + 1):
        column = session - FIRST
        if np.isfinite(ab.ar[row, column]):
            k = int(ab.span_event[row, column])
            spanned += range(session - k + 1, session + 1)
    wanted = set(range(window[0], window[1] + 1))
    if wanted - set(spanned):
        return Covered.CUT
    return Covered.BEYOND if set(spanned) - wanted else Covered.FULL


@pytest.mark.parametrize("window", [(-1, 1), (0, 0), (-3, 4), (2, 4)])
def test_coverage_is_that_of_a_loop_over_sessions(window):
    ab = arrays(7)
    found = covered_by(ab, window)
    assert found.tolist() == [slow_covered(ab, r, window) for r in range(len(ab.ar))]
    assert len(set(found.tolist())) > 1
    sums = cumulate(ab, window, cut_windows="drop")
    assert (sums.in_average == (found == Covered.FULL)).all()
    assert (cumulate(ab, window).in_average == (sums.n_valid > 0)).all()


def test_an_extended_window_ends_with_the_return_that_spans_its_end():
    ab, window = arrays(8), (-1, 1)
    last = window[1] - FIRST
    longer_ab, longer = extended(ab, window)
    sums = cumulate(longer_ab, window, cut_windows="extend")
    for row in range(len(ab.ar)):
        end = last
        while end < N_EVENT and np.isnan(ab.ar[row, end]):
            end += 1
        reaches = end < N_EVENT and end - ab.span_event[row, end] < last
        if not (end > last and reaches):
            assert longer[row] == 0
            continue
        assert longer[row] == end - last
        held = ab.ar[row, window[0] - FIRST : end + 1]
        assert sums.car[row] == pytest.approx(np.nansum(held))
    assert longer.any()
    assert (sums.in_average == (covered_by(longer_ab, window) != Covered.CUT)).all()


# --- in a study ---------------------------------------------------------------------

EVENTS = pl.DataFrame(
    {
        "event_id": ["a"],
        "announced_at": ["2021-06-18T05:00-04:00"],
        "assets": ["BTCM RIOT MARA CAN"],
    }
)


def prices(*missing, symbol="BTCM"):
    held = es.fetch_prices(["BTCM", "RIOT", "MARA", "CAN", "^GSPC"], source="snapshot")
    gone = (pl.col("symbol") == symbol) & pl.col("date").is_in(list(missing))
    return held.frame.filter(~gone)


def study(frame, events=EVENTS, **settings):
    asked = {"windows": ((-1, 1), (0, 5)), "tests": ("csect", "rank"), **settings}
    spec = es.StudySpec(model="market", factors=("^GSPC",), **asked)
    return es.run(spec, events, frame)


def of_btcm(result, start=-1):
    return result.cars.row(
        by_predicate=(pl.col("asset") == "BTCM") & (pl.col("start") == start),
        named=True,
    )


def headline(result, start=-1):
    rows = result.headline.filter(start=start)
    return rows["estimate"][0], rows["n"][0]


def test_a_missing_close_at_the_end_cuts_the_window():
    whole, cut = study(prices()), study(prices(date(2021, 6, 21)))
    row = of_btcm(cut)
    assert (row["covered"], row["n_valid"], row["n_window"]) == ("cut", 2, 3)
    assert not row["in_average"]
    assert row["car"] is not None
    assert row["pvalue"] is None
    assert row["pvalue_holm"] is None
    assert of_btcm(whole)["covered"] == "full"
    others = whole.cars.filter(pl.col("asset") != "BTCM", start=-1)["car"].mean()
    assert headline(cut) == (pytest.approx(others), 3)
    assert headline(whole)[1] == headline(cut, start=0)[1] == 4  # the gap is inside
    assert of_btcm(cut, start=0)["covered"] == "full"
    without = study(prices().filter(pl.col("symbol") != "BTCM"))
    for name in ("csect", "rank"):  # out of every test, too
        one, other = (
            r.tests.filter(outcome="car", test=name, start=-1)["pvalue"][0]
            for r in (cut, without)
        )
        assert one == pytest.approx(other, rel=1e-9)
    entry = cut.ledger.filter(stage="window")
    assert entry.height == 1
    assert entry["reason"][0].startswith("window [-1,+1] is cut")
    assert entry["held"][0] == "2 of 3 sessions with a return"
    (warning,) = cut.remarks.filter(about="windows")["text"]
    assert "a BTCM [-1,+1] (2 of 3, cut)" in warning
    assert whole.remarks.filter(about="windows").is_empty()


def test_a_missing_close_before_the_start_reaches_beyond():
    row = of_btcm(study(prices(date(2021, 6, 16))))
    assert (row["covered"], row["in_average"], row["n_valid"]) == ("beyond", False, 3)


def test_a_gap_inside_is_covered_unless_returns_are_dropped():
    assert of_btcm(study(prices(date(2021, 6, 18))))["covered"] == "full"
    dropped = study(prices(date(2021, 6, 18)), missing="drop")
    assert of_btcm(dropped)["covered"] == "cut"


def test_a_window_can_be_lengthened_or_kept():
    whole, gap = study(prices(), windows=((-1, 2),)), prices(date(2021, 6, 21))
    longer = study(gap, cut_windows="extend")
    row = of_btcm(longer)
    assert row["in_average"]
    assert row["covered"] == "cut"
    assert headline(longer)[1] == 4
    assert row["car"] == pytest.approx(of_btcm(whole)["car"], abs=2e-3)
    assert "lengthened" in longer.remarks.filter(about="windows")["text"][0]
    before = study(prices(date(2021, 6, 16)), cut_windows="extend")
    assert of_btcm(before)["covered"] == "beyond"
    row = before.headline.filter(start=-1).row(0, named=True)
    tested = before.tests.filter(start=-1, test="csect", outcome="car")
    assert (row["n"], tested["n"][0]) == (4, 4)
    assert row["estimate"] == pytest.approx(tested["estimate"][0])
    kept = study(gap, cut_windows="keep")
    assert headline(kept)[1] == 4
    assert headline(kept)[0] != pytest.approx(headline(longer)[0])
    assert "counted as found" in kept.remarks.filter(about="windows")["text"][0]


def test_a_study_of_one_cut_window_has_no_average():
    alone = prices(date(2021, 6, 21)).filter(pl.col("symbol").is_in(["BTCM", "^GSPC"]))
    result = study(alone)
    estimate, n = headline(result)
    assert n == 0
    assert estimate is None or np.isnan(estimate)
    assert result.tests.filter(outcome="car", start=-1)["pvalue"].is_null().all()
    assert headline(result, start=0)[1] == 1


# --- doubts -------------------------------------------------------------------------


def in_pounds(frame, day, symbol="BTCM", factor=100.0):
    """Divide all prices of a symbol by a factor from a day on."""
    fields = ["open", "high", "low", "close", "adj_close"]
    after = (pl.col("symbol") == symbol) & (pl.col("date") >= day)
    return frame.with_columns(
        pl.when(after).then(pl.col(fields) / factor).otherwise(pl.col(fields))
    )


def test_a_change_of_unit_is_held_back_and_said():
    spoiled = in_pounds(prices(), date(2021, 6, 21))
    result = study(spoiled)
    row = of_btcm(result)
    assert (row["in_average"], row["doubt"]) == (False, "currency")
    assert abs(row["car"]) < 1  # the wrong price change is in no return
    assert headline(result)[1] == 3
    (text,) = result.remarks.filter(about="prices", asset="BTCM")["text"]
    assert "BTCM is doubtful (currency): 2021-06-21" in text
    assert "held back" in text
    assert "held back" in result.ledger.filter(stage="window")["reason"][0]
    kept = study(spoiled, hold_back=False)
    assert of_btcm(kept)["car"] < -4
    assert of_btcm(kept)["doubt"] == "currency"
    assert headline(kept)[1] == 4
    text = kept.remarks.filter(about="prices", asset="BTCM")["text"][0]
    assert "counted all the same" in text


def test_a_change_of_unit_before_the_event_is_held_back_too():
    result = study(in_pounds(prices(), date(2021, 3, 10)))
    assert not of_btcm(result)["in_average"]
    assert headline(result)[1] == 3
    long_ago = study(in_pounds(prices(), date(2020, 9, 10)))
    assert of_btcm(long_ago)["doubt"] is None
    assert headline(long_ago)[1] == 4


def test_a_wrong_price_change_that_no_estimate_uses_holds_nothing_back():
    """Sessions near other events are no part of the estimation window."""
    earlier = pl.DataFrame(
        {
            "event_id": ["b"],
            "announced_at": ["2021-03-10T05:00-05:00"],
            "assets": ["BTCM RIOT"],
        }
    )
    events = pl.concat([EVENTS, earlier])
    spoiled = in_pounds(prices(), date(2021, 3, 11))
    rows = study(spoiled, events).cars.filter(asset="BTCM", start=-1)
    of_event = {row["event_id"]: row for row in rows.to_dicts()}
    assert not of_event["b"]["in_average"]
    assert (of_event["a"]["in_average"], of_event["a"]["doubt"]) == (True, None)
    used = study(spoiled, events, overlap="keep")
    assert not used.cars.filter(asset="BTCM", start=-1)["in_average"].any()


def test_a_doubt_about_the_market_concerns_everyone():
    result = study(in_pounds(prices(), date(2021, 6, 21), "^GSPC"))
    assert headline(result)[1] == 0
    assert result.cars.filter(start=-1)["doubt"].unique().to_list() == [
        "^GSPC currency"
    ]


def test_a_jump_with_the_trade_of_news_is_no_split():
    day = date(2021, 6, 25)
    frame = in_pounds(prices(), day, factor=2.0)
    assert of_btcm(study(frame), start=0)["doubt"] == "split"
    busy = frame.with_columns(
        pl.when((pl.col("symbol") == "BTCM") & (pl.col("date") == day))
        .then(pl.col("volume") * 40)
        .otherwise(pl.col("volume"))
    )
    row = of_btcm(study(busy), start=0)
    assert (row["doubt"], row["in_average"]) == ("jump", True)


def test_what_is_only_unusual_is_said_and_counted():
    frame = prices().with_columns(
        pl.when((pl.col("symbol") == "BTCM") & (pl.col("date") == date(2021, 4, 14)))
        .then(pl.col("close", "adj_close") * 1.55)
        .otherwise(pl.col("close", "adj_close"))
    )
    row = of_btcm(study(frame))
    assert row["in_average"]
    assert "spike" in row["doubt"]


# --- the path of averages -----------------------------------------------------------

TWO = pl.DataFrame(
    {
        "event_id": ["a", "b"],
        "announced_at": ["2021-06-18T05:00-04:00", "2021-05-12T05:00-04:00"],
        "assets": ["BTCM RIOT MARA CAN", "BTCM RIOT MARA CAN"],
    }
)
PATH = ("caar", "se", "ci_low", "ci_high", "n")


def path(frame, events=TWO, **settings):
    found = study(frame, events, tests=("csect",), **settings).aar
    return {row["offset"]: row for row in found.to_dicts()}


@pytest.mark.parametrize(
    ("missing", "left_out"),
    [
        (date(2021, 6, 21), {1}),  # the close of session +1
        (date(2021, 6, 3), set(range(-10, 11))),  # that before the first session
    ],
)
def test_a_path_is_that_of_the_observations_that_count_in_it(missing, left_out):
    """Neither its mean nor its dependence knows of an observation that is left out."""
    cut, whole = path(prices(missing)), path(prices())
    a_without = TWO.with_columns(
        pl.Series("assets", ["RIOT MARA CAN", TWO["assets"][1]])
    )
    without = path(prices(), a_without)
    assert {offset for offset, row in cut.items() if row["n"] == 7} == left_out
    for offset, row in cut.items():
        wanted = without[offset] if offset in left_out else whole[offset]
        for name in PATH if offset in left_out else ("n",):
            assert row[name] == pytest.approx(wanted[name], rel=1e-9), (offset, name)


def test_a_path_is_not_lengthened_but_goes_on_where_the_next_return_comes():
    """With "extend", too, each return stays on its session."""
    gap = prices(date(2021, 6, 21))
    longer, dropped = path(gap, cut_windows="extend"), path(gap)
    assert {o for o, row in longer.items() if row["n"] == 7} == {1}
    for offset, row in longer.items():
        assert row["caar"] == pytest.approx(dropped[offset]["caar"], rel=1e-12)
    # The first return of the path reaches beyond its first session.
    longer, kept = (
        path(prices(date(2021, 6, 3)), cut_windows=rule) for rule in ("extend", "keep")
    )
    assert longer == kept
    assert {row["n"] for row in longer.values()} == {8}


def test_volume_counts_in_the_windows_in_which_the_return_does():
    def counted(frame, **settings):
        found = study(frame, parts=("returns", "volume"), **settings)
        rows = found.tests.filter(sample="headline", outcome="volume", test="csect")
        return {row["start"]: (row["n"], row["estimate"]) for row in rows.to_dicts()}

    whole, cut = counted(prices()), counted(prices(date(2021, 6, 21)))
    assert {start: n for start, (n, _) in whole.items()} == {-1: 4, 0: 4}
    assert cut[-1][0] == 3
    kept = counted(prices(date(2021, 6, 21)), cut_windows="keep")
    assert kept[-1][0] == 4
    assert kept[-1][1] != cut[-1][1]
