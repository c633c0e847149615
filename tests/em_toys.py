"""Small models and their EM algorithms, for tests of standard errors and intervals."""

from pathlib import Path

import numpy as np

from latentfit import em
from latentfit.declaration.source import read
from latentfit.em import Stopping

DATA = Path(__file__).parent.parent / "models" / "data"

# Exponential sample with a missing value: y1 = 5 is observed, y2 is missing.
TOY = {"theta": 0.2}


def toy_e(params, data):
    return {"y2": 1 / params["theta"]}


def toy_m(expectations, data):
    return {"theta": 2 / (5 + expectations["y2"])}


def toy_q(params, expectations, data):
    return 2 * np.log(params["theta"]) - params["theta"] * (5 + expectations["y2"])


def toy_log_likelihood(params):
    return np.log(params["theta"]) - 5 * params["theta"]


def contents(name):
    """Read a model file; its M step becomes a function of the expectations."""
    found = dict(read(name).contents)
    if "statistics" in found:
        found["m_step"] = em.composed(found["statistics"], found["m_step"])
    return found


def catalogue(name, data=None, seed=0, **limits):
    """Run EM for a model of the catalogue until its estimate is exact to about 1e-11."""
    model = contents(name)
    data = model["example_data"]() if data is None else data
    start = model["initial"](data, np.random.default_rng(seed))
    log_likelihood = model["log_likelihood"]
    stopping = Stopping(distance=1e-11, **limits)
    run = em.run(
        model["e_step"],
        model["m_step"],
        data,
        start,
        log_likelihood=log_likelihood,
        stopping=stopping,
    )
    return model, data, run


# A normal sample of which m values are missing at random.


def normal_log_likelihood(params, data):
    gap = data["y"] - params["mu"]
    return -gap.size * np.log(params["sigma"]) - np.sum(gap**2) / (2 * params["sigma"] ** 2)


# Counts in categories; the category of some units is missing.


def counts_q(params, expectations, data):
    used = expectations["counts"] > 0
    return np.sum(expectations["counts"][used] * np.log(params["p"][used]))


def counts_log_likelihood(params, data):
    return counts_q(params, data, data)


# Murray's bivariate sample: two maxima, and a saddle point between them.


def murray():
    table = np.genfromtxt(DATA / "murray.csv", delimiter=",", skip_header=1)
    return contents("multivariate-normal-missing"), {"x": np.ma.masked_invalid(table)}
