"""Small models, with their EM algorithms, that several tests take up."""

from pathlib import Path

import numpy as np

from latentfit import declaration, em
from latentfit.em import Stopping

DATA = Path(__file__).parent.parent / "models" / "data"

# Exponential sample with a missing value: y1 = 5 is seen, y2 is not.
TOY = {"theta": 0.2}


def toy_e(params, data):
    return {"y2": 1 / params["theta"]}


def toy_m(expectations, data):
    return {"theta": 2 / (5 + expectations["y2"])}


def toy_q(params, expectations, data):
    return 2 * np.log(params["theta"]) - params["theta"] * (5 + expectations["y2"])


def toy_height(params):
    return np.log(params["theta"]) - 5 * params["theta"]


def contents(name):
    """Of a model file, with its M step as a function of the expectations."""
    found = dict(declaration.read(name).contents)
    if "statistics" in found:
        found["m_step"] = em.composed(found["statistics"], found["m_step"])
    return found


def catalogue(name, data=None, seed=0, **stopping):
    model = contents(name)
    data = model["example_data"]() if data is None else data
    start = model["initial"](data, np.random.default_rng(seed))
    height = model["log_likelihood"]
    settled = Stopping(distance=1e-11, **stopping)
    run = em.run(
        model["e_step"], model["m_step"], data, start, log_likelihood=height, stopping=settled
    )
    return model, data, run


# A normal sample of which m values are missing at random.


def normal_height(params, data):
    gap = data["y"] - params["mu"]
    return -gap.size * np.log(params["sigma"]) - np.sum(gap**2) / (2 * params["sigma"] ** 2)


# Counts in categories, some of the units without one.


def counts_q(params, expectations, data):
    used = expectations["counts"] > 0
    return np.sum(expectations["counts"][used] * np.log(params["p"][used]))


def counts_height(params, data):
    return counts_q(params, data, data)


# Murray's bivariate sample: two maxima, and a saddle between them.


def murray():
    table = np.genfromtxt(DATA / "murray.csv", delimiter=",", skip_header=1)
    return contents("multivariate-normal-missing"), {"x": np.ma.masked_invalid(table)}
