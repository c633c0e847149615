"""Where EM ended, and where direct climbs on the same densities do."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from latentfit import bayes
from latentfit.agreement._alignment import Alignment, Point
from latentfit.agreement._comparison import JointMode
from latentfit.agreement._stages import Stages
from latentfit.agreement._subject import Subject
from latentfit.bayes import Density, Maximum
from latentfit.declaration import Declaration
from latentfit.em import Fit


@dataclass(frozen=True)
class Maxima:
    """Where EM ended and where direct climbs did, in one numbering and with one choice of signs.

    Attributes
    ----------
    em, mle, mode : Point
    climbs : tuple of Maximum
        All those on the likelihood.
    summit, top : Maximum
        The MLE and the MAP as they were found.
    trap : JointMode or None
    """

    em: Point
    mle: Point
    mode: Point
    climbs: tuple[Maximum, ...]
    summit: Maximum
    top: Maximum
    trap: JointMode | None

    @property
    def estimates(self) -> dict[str, Point]:
        return {"em": self.em, "mle": self.mle, "map": self.mode}


def find_maxima(
    subject: Subject,
    declaration: Declaration,
    density: Density,
    fit: Fit,
    aligned: Alignment,
    stage: Stages,
) -> Maxima:
    """Climb the likelihood from EM's starts and its end, and the posterior from the MLE."""
    bounded, em = density.space.bounded, aligned.em
    begins = [{n: v[0] for n, v in s.trace.params.items()} for s in fit.solutions]
    starts = [density.space.locate(subject.to_model(params)) for params in begins]
    with stage("mle_s", "Direct maximum likelihood", len(starts) + 1) as bar:
        climbs = bayes.maximum_likelihood(density, [*starts, em.unconstrained], bar.advance)
        reached = [climb for climb in climbs if climb.reached]
        summit = max(reached or climbs, key=lambda climb: climb.value)
        summit = bayes.outwards(density.log_likelihood, density.hessian, summit, bounded)
        mle = aligned.point(summit.point)
    with stage("map_s", "Maximum a posteriori"):
        bend = partial(density.hessian, prior=True)
        top = bayes.maximum_a_posteriori(density, mle.unconstrained)
        top = bayes.outwards(density.log_posterior, bend, top, bounded)
        mode = aligned.point(top.point)
        trap = _trap(bayes.joint_mode(declaration), subject, mle, mode)
    return Maxima(em, mle, mode, climbs, summit, top, trap)


def _trap(
    found: bayes.JointMode | None, subject: Subject, mle: Point, mode: Point
) -> JointMode | None:
    if found is None:
        return None

    def listed(values: Mapping[str, np.ndarray]) -> str:
        return ", ".join(
            f"{name} = {np.array2string(np.asarray(value), precision=5, threshold=6)}"
            for name, value in values.items()
        )

    ours = {name: mle.natural[name] for name in found.params}
    theirs = {name: mode.natural[name] for name in found.params}
    return JointMode(
        found.params,
        found.latents,
        f"Left in the model, the latents are maximised over along with the parameters: the "
        f"joint mode is at {listed(found.params)}, with {listed(found.latents)}. With the "
        f"latents integrated out the MLE is {listed(ours)} and the MAP {listed(theirs)}. "
        f"The joint mode estimates neither.",
    )
