"""A random model as a PyMC model."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc_extras.distributions import DiscreteMarkovChain

from random_declarations._specification import (
    CATEGORICAL,
    EFFECTS,
    GROUPS,
    UNITS,
    Latent,
    Specification,
)

TRIALS = 7
GROUP_OF = np.arange(UNITS) % GROUPS
# Probabilities of the first state of a chain.
FIRST = {2: np.array([0.4, 0.6]), 3: np.array([0.5, 0.2, 0.3])}

PRIORS: dict[str, Callable[[str, tuple[int, ...]], Any]] = {
    "normal": lambda name, shape: pm.Normal(name, 0, 3, shape=shape),
    "wide_normal": lambda name, shape: pm.Normal(name, 0, 1000, shape=shape),
    "tight_normal": lambda name, shape: pm.Normal(name, 0.3, 0.05, shape=shape),
    "uniform": lambda name, shape: pm.Uniform(name, -100, 100, shape=shape),
    "student": lambda name, shape: pm.StudentT(name, nu=1, mu=0, sigma=2.5, shape=shape),
    "half_normal": lambda name, shape: pm.HalfNormal(name, 2, shape=shape),
    "gamma": lambda name, shape: pm.Gamma(name, 2, 1, shape=shape),
    "vague_gamma": lambda name, shape: pm.Gamma(name, 0.001, 0.001, shape=shape),
    "wide_uniform": lambda name, shape: pm.Uniform(name, 0, 1000, shape=shape),
    "inverse_gamma": lambda name, shape: pm.InverseGamma(name, 0.001, 0.001, shape=shape),
    "half_cauchy": lambda name, shape: pm.HalfCauchy(name, 25, shape=shape),
    "flat_beta": lambda name, shape: pm.Beta(name, 1, 1, shape=shape),
    "beta": lambda name, shape: pm.Beta(name, 2, 3, shape=shape),
    "unit_uniform": lambda name, shape: pm.Uniform(name, 0, 1, shape=shape),
    "flat_dirichlet": lambda name, shape: pm.Dirichlet(name, np.ones(shape)),
    "dirichlet": lambda name, shape: pm.Dirichlet(name, np.full(shape, 2.5)),
}


def declare(specification: Specification, y: np.ndarray) -> pm.Model:
    """Write a random model as a PyMC model."""
    with pm.Model() as model:
        params = {
            one.name: PRIORS[one.prior](one.name, one.shape) for one in specification.parameters
        }
        latents: dict[str, Any] = {}
        for one in specification.latents:
            latents[one.name] = _latent(one, params, latents)
        _response(specification, params, latents, y)
    return model


def _latent(one: Latent, params: Mapping[str, Any], latents: Mapping[str, Any]) -> Any:
    shape = (GROUPS,) if one.plate == "group" else (UNITS,)
    parent = latents.get(one.parent or "")
    name = one.name
    match one.kind:
        case "categorical":
            w = params[f"w_{name}"]
            return pm.Categorical(name, w if parent is None else w[parent], shape=shape)
        case "bernoulli":
            return pm.Bernoulli(name, params[f"w_{name}"], shape=shape)
        case "chain":
            first = pm.Categorical.dist(FIRST[one.size])
            return DiscreteMarkovChain(name, P=params[f"w_{name}"], init_dist=first, shape=shape)
        case "normal":
            mean = 0.0 if parent is None else params[f"m_{name}"][parent]
            return pm.Normal(name, mean, params[f"s_{name}"], shape=shape)
        case "noncentred":
            return pm.Normal(name, 0, 1, shape=shape)
        case "laplace":
            return pm.Laplace(name, 0, params[f"s_{name}"], shape=shape)
        case "student":
            return pm.StudentT(name, nu=5, mu=0, sigma=params[f"s_{name}"], shape=shape)
        case "precision":
            return pm.Gamma(name, 2.5, 2.5, shape=shape)
        case "rate":
            return pm.Gamma(name, 2, params["rate"], shape=shape)
        case "probability":
            return pm.Beta(name, params["a"] + 1, 2, shape=shape)
        case "trials":
            return pm.Poisson(name, 3 * params["rate"], shape=shape)
    raise ValueError(one.kind)


def _response(
    specification: Specification,
    params: Mapping[str, Any],
    latents: Mapping[str, Any],
    y: np.ndarray,
) -> None:
    predictor: Any = params.get("mu", 0.0)
    for one in specification.latents:
        z = latents[one.name]
        z = z[GROUP_OF] if one.plate == "group" else z
        if one.kind in CATEGORICAL and f"mu_{one.name}" in params:
            predictor = predictor + params[f"mu_{one.name}"][z]
        elif one.kind == "noncentred":
            effect = pm.Deterministic(f"{one.name}_effect", params[f"s_{one.name}"] * z)
            predictor = predictor + effect
        elif one.kind in EFFECTS:
            predictor = predictor + z
    special = latents.get("u")
    match specification.response:
        case "normal":
            sd = params["sd"]
            pm.Normal("y", predictor, sd if special is None else sd / pt.sqrt(special), observed=y)
        case "poisson":
            rate = pt.exp(predictor)
            pm.Poisson("y", rate if special is None else rate * special, observed=y)
        case "bernoulli":
            pm.Bernoulli("y", logit_p=predictor, observed=y)
        case "exponential":
            pm.Exponential("y", pt.exp(predictor), observed=y)
        case "binomial":
            trials = any(one.kind == "trials" for one in specification.latents)
            if trials:
                pm.Binomial("y", special, params["p"], observed=y)
            else:
                pm.Binomial("y", TRIALS, special, observed=y)
