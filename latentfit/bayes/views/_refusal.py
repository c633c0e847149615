"""Why a latent cannot be marginalised, and what would work, in the words of the model."""

import re
from collections.abc import Sequence

from latentfit.declaration import Declaration
from latentfit.declaration.words import (
    IMPROPER_DISTRIBUTIONS,
    describe_latent,
    distribution_name,
    enumerated,
)
from latentfit.errors import one_line

# pymc-extras names the latent in its refusal, and the operations of the graph.
_NAMED_LATENT = re.compile(r"[Cc]annot marginalize (\w+)")

_COUNTS = (
    "Poisson",
    "NegativeBinomial",
    "Geometric",
    "ZeroInflatedPoisson",
    "ZeroInflatedNegativeBinomial",
    "ZeroInflatedBinomial",
    "DiscreteWeibull",
    "HurdlePoisson",
    "HurdleNegativeBinomial",
)
_DEPENDENT_ENTRIES = (
    "AutoRegressive",
    "AR",
    "EulerMaruyama",
    "GARCH11",
    "GaussianRandomWalk",
    "MvGaussianRandomWalk",
    "MvNormal",
    "MvStudentT",
    "CAR",
    "ICAR",
)
_MIXED_NORMALS = {
    "Laplace": "a Normal whose variance is an Exponential latent",
    "StudentT": "a Normal whose precision is a Gamma latent",
    "ZeroSumNormal": "a Normal for all entries but the last, and minus their sum",
}


def refusal(declaration: Declaration, latents: Sequence[str], error: Exception) -> str:
    """Say which latent cannot be marginalised, what depends on it, why, and what would work.

    Parameters
    ----------
    declaration : Declaration
    latents : sequence of str
        The latents that were to be marginalised.
    error : Exception
        The error of pymc-extras or PyTensor.

    Returns
    -------
    str
        One line of at most 500 characters.
    """
    named = _NAMED_LATENT.search(str(error))
    name = named[1] if named and named[1] in latents else None
    if name is None and len(latents) > 1:
        return one_line(
            f"cannot integrate {enumerated(latents)} out of the model together: "
            f"{'; '.join(describe_latent(declaration.model, one) for one in latents)}. Latents "
            f"that depend on one another need closed forms one after the other; `check` draws "
            f"them with NUTS where there are none"
        )
    name = name or latents[0]
    described = describe_latent(declaration.model, name)
    reason, remedy = _reason_and_remedy(name, distribution_name(declaration.model[name]))
    return one_line(f"cannot integrate {name} out of the model: {described}. {reason}; {remedy}")


def _reason_and_remedy(name: str, distribution: str) -> tuple[str, str]:
    draws = f"`check` works as it is, with draws of {name} from NUTS"
    if distribution in _COUNTS:
        return (
            f"{name} takes infinitely many values, and their sum has no known closed form",
            f"declare {name} as Categorical up to a bound beyond which its probability is "
            f"negligible, with the probabilities of {distribution}",
        )
    if distribution in IMPROPER_DISTRIBUTIONS:
        return (
            f"{distribution} is improper, so that {name} has no distribution to integrate over",
            f"give {name} a proper distribution, such as Normal with a large sigma",
        )
    if distribution == "DiscreteMarkovChain":
        return (
            f"The sum over the paths of {name} is known only where each value of the data depends "
            f"on one state of {name} and on no other latent",
            f"declare {name} and the other latents as one chain whose states are all combinations "
            f"of their values",
        )
    if distribution in _DEPENDENT_ENTRIES:
        return (
            f"All entries of {name} depend on one another, and their integral is known only for "
            f"Normal data whose mean is linear in {name}",
            f"declare such data, or entries of {name} that are independent of one another; {draws}",
        )
    if distribution in _MIXED_NORMALS:
        return (
            "This integral has no known closed form",
            f"write {name} as {_MIXED_NORMALS[distribution]}; {draws}",
        )
    return (
        f"This integral has no known closed form, and is not one over a few independent entries of "
        f"{name}",
        f"write {name} as a Normal, Gamma, Beta, Dirichlet or Categorical latent to which what "
        f"depends on it is conjugate; {draws}",
    )
