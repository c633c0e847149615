"""What may go wrong by chance is shared by all comparisons of one check."""

from types import SimpleNamespace

import pytest

from latentfit.check._chance import FALSE_ALARM, share


@pytest.mark.parametrize(
    ("known", "tractable", "comparisons"),
    [
        ({"z", "z2"}, True, 1),  # none, in fact
        ({"z"}, True, 1),
        (set(), True, 2),
        ({"z", "z2"}, False, 1),
        (set(), False, 3),
    ],
)
def test_all_comparisons_with_draws_have_equal_shares(known, tractable, comparisons):
    subject = SimpleNamespace(
        complete=SimpleNamespace(latents=("z",)),
        expectations={"z2": None},
        trials=[SimpleNamespace(expected=dict.fromkeys(known))],
        density=SimpleNamespace(tractable=tractable),
    )
    assert share(subject) == FALSE_ALARM / comparisons
