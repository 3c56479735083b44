"""What a second process is given, and memory that goes back."""

import pickle

import pytest

import eventstudy as es
from eventstudy.core.memory import give_back
from eventstudy.study import pipeline


@pytest.mark.processes
@pytest.mark.parametrize(
    ("parts", "kept"), [(("returns",), False), (("returns", "volatility"), True)]
)
def test_prices_go_along_where_a_part_reads_them_again(parts, kept, monkeypatch):
    held = []
    plain = pipeline._tables

    def seen(study, always, resume):
        held.append(study)
        return plain(study, always, resume)

    monkeypatch.setattr(pipeline, "_tables", seen)
    spec = es.StudySpec(
        model="market",
        factors=("^GSPC",),
        groups={"miners": ("RIOT", "MARA")},
        parts=parts,
        tests=("t",),
    )
    prices = es.fetch_prices(["RIOT", "MARA", "^GSPC"], source="snapshot")
    one = es.run(spec, "events/china_2021.csv", prices)
    copy = pickle.loads(pickle.dumps(held[0]))
    assert (copy.prices.height > 0) == kept
    assert copy.prices.schema == held[0].prices.schema
    two = es.run(spec, "events/china_2021.csv", prices, engine="processes")
    assert one.tests.equals(two.tests)


def test_memory_is_given_back_without_a_word(capfd):
    give_back()
    assert capfd.readouterr() == ("", "")
