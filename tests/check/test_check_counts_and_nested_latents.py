"""Checks of steps whose latents are counts, or several latents of one unit."""

from dataclasses import replace

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

from latentfit import LatentModel

SHARES = np.array([[0.6, 0.1], [0.2, 0.5], [0.1, 0.3]])


def lost_count(y):
    """Poisson counts, of which one more was lost."""
    with pm.Model() as model:
        lam = pm.Gamma("lam", 1, 0.5)
        pm.Poisson("lost", lam)
        pm.Poisson("y", lam, observed=y)
    return model


LOST_COUNT = LatentModel(
    name="lost count",
    model=lost_count,
    latents=("lost",),
    e_step=lambda params, data: {"lost": params["lam"]},
    m_step=lambda expectations, data: {
        "lam": (data["y"].sum() + expectations["lost"]) / (len(data["y"]) + 1)
    },
    initial=lambda data, rng: {"lam": rng.uniform(0.5, 4)},
)
COUNTS = {"y": np.array([1, 2, 1, 3, 0, 1, 2, 4, 1, 2])}


def failures(y):
    """Waiting times with a geometric distribution, of which two were lost."""
    with pm.Model() as model:
        p = pm.Beta("p", 1, 1)
        pm.Geometric("lost", p, shape=2)
        pm.Geometric("y", p, observed=y)
    return model


FAILURES = LatentModel(
    name="failures",
    model=failures,
    latents=("lost",),
    e_step=lambda params, data: {"lost": np.full(2, 1 / params["p"])},
    m_step=lambda expectations, data: {
        "p": (len(data["y"]) + 2) / (data["y"].sum() + expectations["lost"].sum())
    },
    initial=lambda data, rng: {"p": rng.uniform(0.2, 0.8)},
)
TIMES = {"y": np.array([1, 3, 2, 1, 6])}


def tomography(y):
    """Counts at detectors, split by their sources."""
    with pm.Model() as model:
        lam = pm.Gamma("lam", 1, 0.02, shape=2)
        total = pt.dot(SHARES, lam)
        pm.Poisson("y", total, observed=y)
        pm.Multinomial("c", n=y, p=SHARES * lam / total[:, None], shape=(3, 2))
    return model


def sources(params, data):
    p = SHARES * params["lam"]
    return {"c": data["y"][:, None] * p / p.sum(axis=1, keepdims=True)}


TOMOGRAPHY = LatentModel(
    name="tomography",
    model=tomography,
    latents=("c",),
    e_step=sources,
    m_step=lambda expectations, data: {"lam": expectations["c"].sum(axis=0) / SHARES.sum(axis=0)},
    initial=lambda data, rng: {"lam": rng.uniform(20, 60, 2)},
)
DETECTED = {"y": np.array([31, 40, 37])}


def t_mixture(x):
    """Two t distributions with four degrees of freedom, as normal ones with gamma scales."""
    with pm.Model() as model:
        w = pm.Dirichlet("w", np.ones(2))
        mu = pm.Normal("mu", 0, 5, shape=2)
        z = pm.Categorical("z", p=w, shape=len(x))
        u = pm.Gamma("u", 2, 2, shape=len(x))
        pm.Normal("x", mu[z], tau=u, observed=x)
    return model


def scaled_classes(params, data, shape=5.0):
    q = (data["x"][:, None] - params["mu"]) ** 2
    joint = params["w"] * (1 + q / 4) ** -2.5
    r, u = joint / joint.sum(axis=1, keepdims=True), shape / (4 + q)
    return {"z": r, "u": (r * u).sum(axis=1), "ru": r * u}


def weighted_means(expectations, data, weights="ru"):
    ru = expectations[weights]
    return {"w": expectations["z"].mean(axis=0), "mu": data["x"] @ ru / ru.sum(axis=0)}


T_MIXTURE = LatentModel(
    name="t mixture",
    model=t_mixture,
    latents=("z", "u"),
    e_step=scaled_classes,
    m_step=weighted_means,
    expectations={
        "ru": lambda z, data: np.eye(2)[np.asarray(z["z"], int)] * np.asarray(z["u"])[:, None]
    },
    initial=lambda data, rng: {"w": np.full(2, 0.5), "mu": rng.normal([-2.0, 2.0], 0.3)},
)
POINTS = {"x": np.array([-3.1, -2.2, -1.9, -2.4, -6.0, 1.5, 2.2, 1.9, 2.8, 7.0, 2.1])}

CASES = {
    "lost count": (
        LOST_COUNT,
        COUNTS,
        {
            ("E", "lost"): {"e_step": lambda p, d: {"lost": p["lam"] + 1}},
            ("M", "lam"): {
                "m_step": lambda e, d: {"lam": (d["y"].sum() + e["lost"]) / len(d["y"])}
            },
        },
    ),
    "geometric": (
        FAILURES,
        TIMES,
        {
            ("E", "lost"): {"e_step": lambda p, d: {"lost": np.full(2, 1 / p["p"] - 1)}},
            ("M", "p"): {
                "m_step": lambda e, d: {"p": len(d["y"]) / (d["y"].sum() + np.sum(e["lost"]))}
            },
        },
    ),
    "tomography": (
        TOMOGRAPHY,
        DETECTED,
        {
            ("E", "c"): {
                "e_step": lambda p, d: {
                    "c": d["y"][:, None] * SHARES / SHARES.sum(axis=1, keepdims=True)
                }
            },
            ("M", "lam"): {"m_step": lambda e, d: {"lam": e["c"].sum(axis=0)}},
        },
    ),
    "t mixture": (
        T_MIXTURE,
        POINTS,
        {
            ("E", "u"): {"e_step": lambda p, d: scaled_classes(p, d, shape=4.0)},
            ("M", "mu"): {"m_step": lambda e, d: weighted_means(e, d, weights="z")},
        },
    ),
}


SLOW = {"t mixture"}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=pytest.mark.slow if name in SLOW else (), id=name)
        for name in CASES
    ],
)
def case(request):
    model, data, changes = CASES[request.param]
    return model, data, changes, model.reference(data)


def test_right_steps_pass(case):
    model, data, _, reference = case
    result = model.check(data, against=reference, seed=1)
    assert result.passed, [str(finding) for finding in result.findings]


def test_a_changed_term_fails_with_its_step(case):
    model, data, changes, reference = case
    for expected, change in changes.items():
        result = replace(model, **change).check(data, against=reference, seed=1)
        found = [(one.step, one.name) for one in result.findings if one.severity == "error"]
        assert found, expected
        assert found[0] == expected
        assert {step for step, _ in found} == {expected[0]}
