"""The probability of a false alarm that each comparison with random draws may have.

A check allows one probability of accusing a correct derivation. All its comparisons with draws
share that probability equally (Bonferroni): the entries of the E step whose expectations are means
of draws, and the gradient at EM's limit point if that is estimated from draws.
"""

from latentfit.check.examination import Examination

# Probability that one whole check accuses a correct derivation because of its random draws.
FALSE_ALARM_PROBABILITY = 1e-3


def probability_per_comparison(examination: Examination) -> float:
    """Return the false-alarm probability of each single comparison with draws."""
    exact = examination.trial_points[0].expected
    names = (*examination.complete.latents, *examination.expectations)
    comparisons = sum(name not in exact for name in names) + (not examination.density.tractable)
    return FALSE_ALARM_PROBABILITY / max(1, comparisons)
