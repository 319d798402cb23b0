"""Which triples of thresholds are worth a look."""

from __future__ import annotations

from training.evaluate.cascade_thresholds import undominated


def test_a_triple_that_another_beats_in_one_measure_and_equals_in_the_other_goes() -> None:
    rows = [
        (0.98, 0.10, (0.4, 0.5, 0.6)),
        (0.98, 0.05, (0.5, 0.5, 0.6)),
        (0.95, 0.00, (0.6, 0.7, 0.8)),
        (0.90, 0.00, (0.7, 0.8, 0.9)),
        (0.96, 0.20, (0.4, 0.5, 0.7)),
    ]
    assert [row["thresholds"] for row in undominated(rows)] == [[0.6, 0.7, 0.8], [0.5, 0.5, 0.6]]


def test_equals_stay_beside_each_other() -> None:
    rows = [(0.9, 0.1, (0.4, 0.5, 0.6)), (0.9, 0.1, (0.5, 0.5, 0.6))]
    assert len(undominated(rows)) == 2
