"""EM's estimate, and the maxima that direct optimisation of the same densities finds."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from latentfit import bayes
from latentfit.agreement.alignment import Alignment, Point
from latentfit.agreement.problem import Problem
from latentfit.agreement.results import JointModeResult
from latentfit.bayes.maxima import Maximum
from latentfit.stages import Stages


@dataclass(frozen=True)
class Maxima:
    """EM's estimate, MLE and MAP, in one numbering of components and one choice of signs.

    Attributes
    ----------
    em, mle, mode : Point
        Aligned.
    direct : tuple of Maximum
        The results of direct maximum likelihood from all starts.
    likelihood_maximum, posterior_maximum : Maximum
        The MLE and the MAP as the optimiser found them, before alignment.
    joint_mode : JointModeResult or None
    """

    em: Point
    mle: Point
    mode: Point
    direct: tuple[Maximum, ...]
    likelihood_maximum: Maximum
    posterior_maximum: Maximum
    joint_mode: JointModeResult | None

    @property
    def estimates(self) -> dict[str, Point]:
        """The three aligned estimates, by the keys of the results."""
        return {"em": self.em, "mle": self.mle, "map": self.mode}


def find_maxima(problem: Problem, alignment: Alignment, stages: Stages) -> Maxima:
    """Maximise the likelihood from EM's starts and estimate, and the posterior from the MLE.

    Parameters
    ----------
    problem : Problem
    alignment : Alignment
    stages : Stages
        Records the stages ``mle_s`` and ``map_s``.
    """
    density = problem.density
    bounded, em = density.space.bounded, alignment.em
    params = [{n: v[0] for n, v in s.trace.params.items()} for s in problem.fit.solutions]
    starts = [problem.locate(start) for start in params]
    with stages("mle_s", "Direct maximum likelihood", len(starts) + 1) as bar:
        direct = bayes.maximum_likelihood(density, [*starts, em.unconstrained], bar.advance)
        reached = [one for one in direct if one.reached]
        best = max(reached or direct, key=lambda one: one.value)
        best = bayes.maxima.move_towards_boundary(
            density.log_likelihood, density.hessian, best, bounded
        )
        mle = alignment.align_point(best.point)
    with stages("map_s", "Maximum a posteriori"):
        hessian = partial(density.hessian, prior=True)
        posterior_best = bayes.maximum_a_posteriori(density, mle.unconstrained)
        posterior_best = bayes.maxima.move_towards_boundary(
            density.log_posterior, hessian, posterior_best, bounded
        )
        mode = alignment.align_point(posterior_best.point)
        joint = _joint_mode(bayes.maxima.joint_mode(problem.declaration), mle, mode)
    return Maxima(em, mle, mode, direct, best, posterior_best, joint)


def _joint_mode(
    found: bayes.maxima.JointMode | None, mle: Point, mode: Point
) -> JointModeResult | None:
    if found is None:
        return None

    def listed(values: Mapping[str, np.ndarray]) -> str:
        return ", ".join(
            f"{name} = {np.array2string(np.asarray(value), precision=5, threshold=6)}"
            for name, value in values.items()
        )

    mle_values = {name: mle.natural[name] for name in found.params}
    map_values = {name: mode.natural[name] for name in found.params}
    return JointModeResult(
        found.params,
        found.latents,
        f"The joint mode maximises p(x, z, θ) over latents and parameters together: it is at "
        f"{listed(found.params)}, with {listed(found.latents)}. With the latents integrated out, "
        f"the MLE is {listed(mle_values)} and the MAP is {listed(map_values)}. "
        f"The joint mode estimates neither.",
    )
