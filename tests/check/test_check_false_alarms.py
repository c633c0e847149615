"""All comparisons with draws in one check share its false-alarm probability equally."""

from types import SimpleNamespace

import pytest

from latentfit.check._false_alarms import FALSE_ALARM_PROBABILITY, probability_per_comparison


@pytest.mark.parametrize(
    ("exact", "tractable", "comparisons"),
    [
        ({"z", "z2"}, True, 1),  # there is no comparison with draws
        ({"z"}, True, 1),
        (set(), True, 2),
        ({"z", "z2"}, False, 1),
        (set(), False, 3),
    ],
)
def test_all_comparisons_with_draws_have_equal_probabilities(exact, tractable, comparisons):
    examination = SimpleNamespace(
        complete=SimpleNamespace(latents=("z",)),
        expectations={"z2": None},
        trial_points=[SimpleNamespace(expected=dict.fromkeys(exact))],
        density=SimpleNamespace(tractable=tractable),
    )
    assert probability_per_comparison(examination) == FALSE_ALARM_PROBABILITY / comparisons
