"""What a random model consists of.

A model has n units, up to three latents and one response for each unit. A latent has one value for
each unit or for each group of units, or is a Markov chain over the units. Categorical latents may
select the mean of a normal latent or the probabilities of another categorical one.
"""

from dataclasses import dataclass

import numpy as np

UNITS, GROUPS = 6, 2
CATEGORICAL = ("categorical", "bernoulli", "chain")
# Added to the predictor of the response.
EFFECTS = ("normal", "noncentred", "laplace", "student")
# Particular to a response: the precision of a normal one, the rate of a Poisson one, the
# probability or the number of trials of a binomial one.
SPECIAL = {
    "normal": ("precision",),
    "poisson": ("rate",),
    "binomial": ("probability", "trials"),
    "bernoulli": (),
    "exponential": (),
}


@dataclass(frozen=True)
class Latent:
    """One latent.

    Attributes
    ----------
    name, kind : str
    plate : str
        ``"unit"``, ``"group"`` or ``"chain"``.
    size : int
        Number of categories.
    parent : str or None
        The categorical latent that selects the mean or the probabilities of this one.
    """

    name: str
    kind: str
    plate: str = "unit"
    size: int = 2
    parent: str | None = None


@dataclass(frozen=True)
class Parameter:
    """One parameter: its support, its shape, and its prior as text.

    Attributes
    ----------
    name, support : str
        The support is ``"real"``, ``"positive"``, ``"probability"`` or ``"simplex"``.
    shape : tuple of int
    prior : str
        Name of a function of `_declaration`.
    """

    name: str
    support: str
    shape: tuple[int, ...]
    prior: str


@dataclass(frozen=True)
class Specification:
    """A random model.

    Attributes
    ----------
    latents : tuple of Latent
        Parents come before their children.
    response : str
        Family of the response.
    parameters : tuple of Parameter
    """

    latents: tuple[Latent, ...]
    response: str
    parameters: tuple[Parameter, ...]

    def __str__(self) -> str:
        """Describe the model in one line."""
        parts = [
            f"{one.name}: {one.kind} by {one.plate}"
            + (f" given {one.parent}" if one.parent else "")
            for one in self.latents
        ]
        priors = ", ".join(f"{one.name} ~ {one.prior}" for one in self.parameters)
        return f"{self.response} response; {'; '.join(parts)}; {priors}"

    def parameter(self, name: str) -> bool:
        """Whether the model has a parameter of this name."""
        return any(one.name == name for one in self.parameters)


PRIORS = {
    "real": ("normal", "wide_normal", "tight_normal", "uniform", "student"),
    "positive": (
        *("half_normal", "gamma", "vague_gamma"),
        *("wide_uniform", "inverse_gamma", "half_cauchy"),
    ),
    "probability": ("flat_beta", "beta", "unit_uniform"),
    "simplex": ("flat_dirichlet", "dirichlet"),
}


def draw_specification(rng: np.random.Generator) -> Specification:
    """Draw a random model."""
    response = str(rng.choice(list(SPECIAL)))
    latents: list[Latent] = []
    special = SPECIAL[response]
    if response == "binomial" or (special and rng.random() < 0.4):
        latents.append(Latent("u", str(rng.choice(special))))
    for name in ("z", "b", "c")[: int(rng.integers(0 if latents else 1, 4 - len(latents)))]:
        latents.append(_draw_latent(name, latents, rng))
    # Parents before children.
    latents.sort(key=lambda one: one.parent is not None)
    parameters = _parameters(latents, response)
    drawn = [
        Parameter(name, support, shape, str(rng.choice(PRIORS[support])))
        for name, support, shape in parameters
    ]
    return Specification(tuple(latents), response, tuple(drawn))


def _draw_latent(name: str, latents: list[Latent], rng: np.random.Generator) -> Latent:
    coupled = any(one.plate != "unit" for one in latents)
    kinds = ["categorical", "bernoulli", *([] if coupled else ["chain"])]
    # Brute force over more than two continuous latents is out of reach.
    if sum(one.kind not in CATEGORICAL for one in latents) < 2 and not _has_count(latents):
        kinds += EFFECTS
    kind = str(rng.choice(kinds))
    if kind == "chain":
        return Latent(name, kind, "chain", int(rng.integers(2, 4)))
    size = int(rng.integers(2, 4)) if kind == "categorical" else 2
    parents = [one for one in latents if one.kind == "categorical"]
    if parents and kind in ("categorical", "normal") and rng.random() < 0.5:
        return Latent(name, kind, parents[0].plate, size, parents[0].name)
    plate = "group" if not coupled and rng.random() < 0.25 else "unit"
    return Latent(name, kind, plate, size)


def _has_count(latents: list[Latent]) -> bool:
    return any(one.kind in ("trials", "probability") for one in latents)


def _parameters(latents: list[Latent], response: str) -> list[tuple[str, str, tuple[int, ...]]]:
    sizes = {one.name: one.size for one in latents}
    found: list[tuple[str, str, tuple[int, ...]]] = []
    for one in latents:
        rows = (sizes[one.parent],) if one.parent else ()
        if one.kind == "categorical":
            found.append((f"w_{one.name}", "simplex", (*rows, one.size)))
        elif one.kind == "bernoulli":
            found.append((f"w_{one.name}", "probability", ()))
        elif one.kind == "chain":
            found.append((f"w_{one.name}", "simplex", (one.size, one.size)))
        elif one.kind in EFFECTS:
            found.append((f"s_{one.name}", "positive", ()))
            if rows:
                found.append((f"m_{one.name}", "real", rows))
        elif one.kind == "rate":
            found.append(("rate", "positive", ()))
        elif one.kind == "trials":
            found.append(("rate", "positive", ()))
            found.append(("p", "probability", ()))
        if one.kind in CATEGORICAL and not _has_count(latents):
            found.append((f"mu_{one.name}", "real", (one.size,)))
    if response == "normal":
        found.append(("sd", "positive", ()))
    if not any(name.startswith("mu_") for name, *_ in found) and not _has_count(latents):
        found.append(("mu", "real", ()))
    if any(one.kind == "probability" for one in latents):
        found.append(("a", "positive", ()))
    return found
