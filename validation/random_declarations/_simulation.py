"""Random parameters and data of a random model."""

from collections.abc import Mapping

import numpy as np
import pymc as pm

from random_declarations._declaration import declare
from random_declarations._specification import UNITS, Specification


def draw_params(specification: Specification, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw parameters of moderate size, whatever the priors are."""

    def one(support: str, shape: tuple[int, ...]) -> np.ndarray:
        match support:
            case "real":
                return rng.normal(0.3, 0.8, shape)
            case "positive":
                return rng.uniform(0.4, 1.6, shape)
            case "probability":
                return rng.uniform(0.15, 0.85, shape)
        return rng.dirichlet(np.full(shape[-1], 4.0), shape[:-1])

    return {
        each.name: np.asarray(one(each.support, each.shape)) for each in specification.parameters
    }


def draw_data(
    specification: Specification, params: Mapping[str, np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """Draw data from p(x | θ)."""
    model = pm.do(declare(specification, np.zeros(UNITS)), dict(params))
    (drawn,) = pm.draw([model["y"]], random_seed=int(rng.integers(2**31)))
    return np.asarray(drawn, float)
