"""Why a latent cannot be marginalised, and what would work, in the words of the model."""

import re
from collections.abc import Sequence
from typing import Any

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

# Counts that are summed one at a time.
_SUMMED_COUNTS = (
    "Poisson",
    "NegativeBinomial",
    "Geometric",
    "Binomial",
    "BetaBinomial",
    "HyperGeometric",
)
# Distributions whose values are known before the data are seen.
_CATEGORIES = ("Bernoulli", "Categorical", "DiscreteUniform")
_CHAIN = "DiscreteMarkovChain"
# Distributions of latents whose entries all depend on one another, with normal conditionals where
# normal data depend on them linearly.
_DEPENDENT_ENTRIES = (
    "AR",
    "AutoRegressive",
    "CAR",
    "GaussianRandomWalk",
    "MvGaussianRandomWalk",
    "MvNormal",
    "ZeroSumNormal",
)


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
        all_discrete = all(_is_discrete(declaration.model[one]) for one in latents)
        draws = "" if all_discrete else "; `check` draws them with NUTS where there are none"
        return one_line(
            f"cannot integrate {enumerated(latents)} out of the model together: "
            f"{'; '.join(describe_latent(declaration.model, one) for one in latents)}. Latents "
            f"that depend on one another need closed forms one after the other{draws}"
        )
    name = name or latents[0]
    latent = declaration.model[name]
    described = describe_latent(declaration.model, name)
    if _is_discrete(latent):
        reason, remedy = _of_discrete(name, distribution_name(latent))
    else:
        reason, remedy = _of_continuous(name, distribution_name(latent))
        remedy += f", or use `check` as it is, with draws of {name} from NUTS"
    return one_line(f"cannot integrate {name} out of the model: {described}. {reason}; {remedy}")


def _is_discrete(latent: Any) -> bool:
    return not latent.type.dtype.startswith("float")


def _of_discrete(name: str, distribution: str) -> tuple[str, str]:
    """Reason and remedy for a latent that cannot be summed over its values."""
    if distribution == _CHAIN:
        return (
            f"The sum over the paths of {name} is known only where each value of the data depends "
            f"on one state of {name} and on no other latent",
            f"give {name} one row for each sequence of observations, or declare {name} and the "
            f"other latents as one chain whose states are all combinations of their values",
        )
    if distribution in _CATEGORIES:
        return (
            f"Too many entries of {name} occur together in what depends on it for a sum over their "
            f"joint values",
            "let fewer of them affect the same observation, or declare a sequence as the "
            "DiscreteMarkovChain of pymc-extras",
        )
    reason = (
        f"Counts are summed one at a time, but entries of {name} occur together in what depends "
        f"on it"
        if distribution in _SUMMED_COUNTS
        else f"Sums over the values of a {distribution} latent are not known"
    )
    return (
        reason,
        f"declare {name} as Categorical up to a bound beyond which its probability is negligible, "
        f"with the probabilities of {distribution}",
    )


def _of_continuous(name: str, distribution: str) -> tuple[str, str]:
    """Reason and remedy for a latent that cannot be integrated."""
    if distribution in IMPROPER_DISTRIBUTIONS:
        return (
            f"{distribution} is improper, so that {name} has no distribution to integrate over",
            f"give {name} a proper distribution, such as Normal with a large sigma",
        )
    if distribution in _DEPENDENT_ENTRIES:
        return (
            f"All entries of {name} depend on one another, and their integral is known only for "
            f"Normal data whose mean is linear in {name}",
            f"declare such data, or entries of {name} that are independent of one another",
        )
    return (
        f"This integral has no known closed form, and quadrature needs a smooth density with one "
        f"mode, of at most three entries of {name} that occur together",
        f"declare {name} as Normal or Gamma with independent entries, each of which affects data "
        f"of its own smoothly",
    )
