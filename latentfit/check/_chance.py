"""What a check that compares with draws may get wrong by chance, all its comparisons together.

Each comparison is given the same share of the overall rate (Bonferroni): the entries of the E step
whose expectations are means of draws, and the slope at EM's end where that is one.
"""

from latentfit.check._subject import Subject

# Of accusing a derivation that is right, in one check.
FALSE_ALARM = 1e-3


def share(subject: Subject) -> float:
    """The probability that one of the comparisons may be wrong with."""
    known = subject.trials[0].expected
    names = (*subject.complete.latents, *subject.expectations)
    comparisons = sum(name not in known for name in names) + (not subject.density.tractable)
    return FALSE_ALARM / max(1, comparisons)
