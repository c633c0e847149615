"""``declaration.latents``: how each latent is marginalised, and how precisely.

All comparisons with log p(x | θ) are as precise as that.
"""

from latentfit import bayes
from latentfit.check.examination import Examination
from latentfit.check.result import Check, Outcome


def examine(examination: Examination) -> Outcome:
    """Report the method and the error for each latent; a warning if an error is large."""
    points = [trial.point for trial in examination.trial_points]
    if examination.maximum is not None:
        points.append(examination.maximum)
    found = bayes.views.marginalisations(examination.declaration, examination.density, points)
    precise = all(one.precise for one in found)
    detail = "; ".join(map(str, found))
    return Outcome((Check("declaration.latents", "pass" if precise else "warn", detail),))
