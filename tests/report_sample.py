"""A comparison for the report's tests: real declaration and EM, synthetic posterior draws."""

from dataclasses import replace
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr

from latentfit import em
from latentfit.agreement import (
    Comparison,
    JointModeResult,
    Latent,
    Optimum,
    Parameter,
    Uncertainty,
    Verdict,
)
from latentfit.check import Check, CheckResult, Finding
from latentfit.declaration import labels
from latentfit.em import information

CHAINS, DRAWS = 4, 200

DERIVATION = r"""
A mixture of two normal distributions, $x_i \mid z_i \sim \mathcal{N}(\mu_{z_i}, \sigma^2)$.

## E step

With $\theta = (w, \mu, \sigma)$ the responsibilities are

$$
r_{ik} = \frac{w_k \exp\{-(x_i - \mu_k)^2 / 2\sigma^2\}}
              {\sum_{l=1}^K w_l \exp\{-(x_i - \mu_l)^2 / 2\sigma^2\}}.
$$

## M step

$$
\begin{aligned}
w_k &= \frac{1}{n} \sum_{i=1}^n r_{ik}, \\
\mu_k &= \frac{\sum_i r_{ik} x_i}{\sum_i r_{ik}}, \\
\log \hat\theta &= \arg\max_\theta \, Q(\theta \mid \theta').
\end{aligned}
$$

| symbol | meaning |
|---|---|
| $r_{ik}$ | probability that observation $i$ is of component $k$ |

Dempster, Laird & Rubin (1977).
"""


def comparison(*, components: int = 2, size: int = 80, seed: int = 4) -> Comparison:
    """A complete `Comparison` in well under a second of computing."""
    rng = np.random.default_rng(seed)
    z = rng.integers(components, size=size)
    x = rng.normal(3.0 * z, 1.0)
    fit = em.fit(
        _e_step,
        _m_step,
        {"x": x},
        [_start(x, components, child) for child in rng.spawn(3)],
        log_likelihood=_log_likelihood,
    )
    params = {name: np.asarray(value) for name, value in fit.params.items()}
    draws = {
        name: rng.normal(value, 0.02 + 0.05 * np.abs(value), (CHAINS, DRAWS, *value.shape))
        for name, value in params.items()
    }
    dims = {"w": ("component",), "mu": ("component",), "sigma": ()}
    posterior = xr.Dataset(
        {name: (("chain", "draw", *dims[name]), values) for name, values in draws.items()}
        | {"z": (("chain", "draw", "i"), rng.integers(components, size=(CHAINS, DRAWS, size)))},
        coords={
            "chain": range(CHAINS),
            "draw": range(DRAWS),
            "component": range(components),
        },
    )
    estimate = xr.Dataset({name: (dims[name], value) for name, value in params.items()})
    replicated = rng.choice(x, size=(CHAINS, 20, size)) + rng.normal(0, 0.3, (CHAINS, 20, size))
    tree = xr.DataTree.from_dict(
        {
            "posterior": posterior,
            "posterior_predictive": xr.Dataset(
                {"x": (("chain", "draw", "i"), replicated)},
                coords={"chain": range(CHAINS), "draw": range(20)},
            ),
            "observed_data": xr.Dataset({"x": (("i",), x)}),
            "em": estimate,
            "mle": estimate,
            "map": estimate * 1.001,
        }
    )
    ours = np.asarray(fit.expectations["z"])
    theirs = 0.98 * ours + 0.02 / components
    top = float(fit.log_likelihood or 0.0)
    return Comparison(
        name="two-normals",
        title="Mixture of normal distributions",
        derivation=DERIVATION,
        objective="likelihood",
        parameters=tuple(_rows(params, draws)),
        latents=(
            Latent("z", "discrete", ours, theirs, None, 0.01, 0.004, 1.0),
            Latent("b", "continuous", x, x + 0.1, np.full(size, 0.5), 0.2, 0.2, None),
        ),
        log_likelihood={"em": top, "mle": top + 1e-9, "map": top - 0.02},
        verdicts=(
            Verdict("check", "pass", "The derivation passes its check", "these are EM's steps"),
            Verdict("chains", "pass", "The chains are trustworthy", "largest R-hat 1.0010 (w[0])"),
            Verdict("em_vs_mle", "pass", "EM reached the MLE", "largest |EM − MLE| is 2e-09"),
            Verdict("optima", "warn", "There are lower maxima", "the highest is −163.2"),
        ),
        agree=True,
        optima=(
            Optimum("EM", top, 2, params),
            Optimum("EM", float("nan"), 1, params, "sigma went to zero"),
            Optimum("direct", top + 1e-9, 3, params),
        ),
        uncertainty=_uncertainty(params, x, fit.best.rate),
        joint_mode=JointModeResult(params, {"b": x[:3]}, "With b free the mode lies elsewhere."),
        dimension=2 * components,
        fit=fit,
        timings={"em_s": 0.02, "mle_s": 3.1, "map_s": 0.4, "posterior_s": 21.0, "other_s": 1.0},
        versions={"python": "3.13", "pymc": "6.3"},
        settings={"components": components, "draws": DRAWS},
        seed=seed,
        published=({"name": "mu[0]", "value": 0.1, "tolerance": 1e-3, "source": "A book (1999)"},),
        model=_model(x, components),
        latent_names=("z",),
        check=CheckResult("two-normals", (Check("e_step.z", "pass", "to 1e-16 (exact)"),), ()),
        tree=tree,
    )


def _uncertainty(params: dict[str, np.ndarray], x: np.ndarray, rate: float) -> Uncertainty:
    data = {"x": x}
    exact = information.observed(lambda at: _log_likelihood(at, data), params)
    drawn = information.bootstrap(
        lambda at, rng: {"x": rng.choice(x, size=len(x))},
        lambda sample, start: em.run(_e_step, _m_step, sample, start),
        params,
        replicates=5,
        seed=1,
    )
    (interval,) = information.profile(
        lambda at: _log_likelihood(at, data), params, ["sigma"], kinds={"mu": "real"}
    )
    return Uncertainty(
        {"observed": exact, "bootstrap": drawn.standard_errors},
        {"supplemented": "there is no complete-data view"},
        rate,
        {interval.label: interval},
        drawn,
        {"mu[0]": "the posterior is no normal (skewness 0.4)"},
    )


def untrusted(given: Comparison) -> Comparison:
    """The same, with chains that nobody should believe."""
    check, _, *rest = given.verdicts
    verdict = Verdict("chains", "fail", "The chains cannot be trusted", "R-hat of w[0] is 1.9")
    return replace(given, agree=None, verdicts=(check, verdict, *rest))


def wrong(given: Comparison, text: str = "the shape of x") -> Comparison:
    """The same, of a derivation that fails its check; `text` is in whatever can hold text."""
    rng = np.random.default_rng(0)
    hand = {"mu": rng.normal(size=(16, 2)), "sigma": 1 + rng.random(6)}
    oracle = {"mu": hand["mu"] + 0.25, "sigma": 1 + rng.random(16)}
    result = CheckResult(
        text,
        (Check("e_step.z", "pass", text), Check("m_step.maximum", "fail", text)),
        (
            Finding(
                "M",
                "mu",
                "error",
                f"mu[1] is 2.1186078 where the maximum of Q has 2.0186078 (exact), {text}",
                f"divide by n, {text}",
                {"entry": "mu[1]", "given": 2.1186078, "expected": -2.0186078},
            ),
            Finding("contract", text, "error", text, None, {"given": [3, 2], "expected": text}),
            Finding("log_likelihood", "log_likelihood", "warning", "without its constant"),
        ),
        {name: (hand[name], oracle[name]) for name in hand},
    )
    verdict = Verdict("check", "fail", "The derivation fails its check", text)
    return replace(given, agree=False, check=result, verdicts=(verdict, *given.verdicts[1:]))


def unknown(given: Comparison) -> Comparison:
    """The same, where most figures could not be computed."""
    nothing = dict.fromkeys(
        ("em_se", "map", "mle", "rhat", "ess_bulk", "ess_tail", "em_minus_mle"), float("nan")
    )
    rows = tuple(replace(row, **nothing) for row in given.parameters)  # type: ignore[arg-type]
    heights = dict.fromkeys(("em", "mle", "map"), float("nan"))
    return replace(given, parameters=rows, log_likelihood=heights)


def _model(x: np.ndarray, components: int) -> pm.Model:
    with pm.Model(coords={"component": range(components)}) as model:
        w = pm.Dirichlet("w", np.ones(components), dims="component")
        mu = pm.Normal("mu", 0, 10, dims="component")
        sigma = pm.HalfNormal("sigma", 5)
        z = pm.Categorical("z", w, shape=len(x))
        pm.Normal("x", mu[z], sigma, observed=x)
    return model


def _start(x: np.ndarray, components: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    centres = np.sort(rng.choice(x, components, replace=False))
    return {"w": np.full(components, 1 / components), "mu": centres, "sigma": np.array(x.std())}


def _joint(params: Any, x: np.ndarray) -> np.ndarray:
    scaled = (x[:, None] - params["mu"]) / params["sigma"]
    return np.log(params["w"] / params["sigma"]) - 0.5 * scaled**2 - 0.5 * np.log(2 * np.pi)


def _e_step(params: Any, data: Any) -> dict[str, np.ndarray]:
    joint = _joint(params, data["x"])
    weights = np.exp(joint - joint.max(axis=1, keepdims=True))
    return {"z": weights / weights.sum(axis=1, keepdims=True)}


def _m_step(expectations: Any, data: Any) -> dict[str, np.ndarray]:
    r, x = expectations["z"], data["x"]
    mu = r.T @ x / r.sum(axis=0)
    sigma = np.sqrt(np.sum(r * (x[:, None] - mu) ** 2) / len(x))
    return {"w": r.mean(axis=0), "mu": mu, "sigma": sigma}


def _log_likelihood(params: Any, data: Any) -> float:
    return float(np.logaddexp.reduce(_joint(params, data["x"]), axis=1).sum())


def _rows(params: dict[str, np.ndarray], draws: dict[str, np.ndarray]) -> list[Parameter]:
    rows = []
    for name, value in params.items():
        flat = draws[name].reshape((CHAINS * DRAWS, -1))
        for k, label in enumerate(labels(name, value.shape)):
            low, high = np.quantile(flat[:, k], [0.025, 0.975])
            rows.append(
                Parameter(
                    name=label,
                    em=float(value.ravel()[k]),
                    em_se=float(flat[:, k].std()),
                    mle=float(value.ravel()[k]) + 1e-9,
                    map=float(value.ravel()[k]) * 1.001,
                    posterior_mean=float(flat[:, k].mean()),
                    posterior_sd=float(flat[:, k].std()),
                    eti=(float(low), float(high)),
                    rhat=1.001,
                    ess_bulk=780.0,
                    ess_tail=764.0,
                    mcse_mean=float(flat[:, k].std() / 28),
                    em_minus_mle=-2e-9,
                    map_minus_mle=0.02,
                    tail=0.97,
                )
            )
    return rows
