"""Lifetimes, missing, censored or grouped."""

import numpy as np

from ._case import Case, Referee, example, table
from ._r import estimate_of, rscript


def mass_exponential(case, start):
    script = """
y <- get("y")[, 1]
best(function() {
  fit <- fitdistr(y[!is.na(y)], "exponential")
  list(log_likelihood = fit$loglik, theta = fit$estimate)
}, 1)
"""
    return estimate_of(rscript("MASS", script, case.data), theta=())


def _exponential():
    rng = np.random.default_rng(1)
    y = rng.exponential(3.0, 20_000)
    y[rng.random(len(y)) < 0.3] = np.nan
    referees = (Referee("MASS", mass_exponential, r=True, restarts=False),)
    for label, data in (
        ("example", example("exponential-missing")),
        ("simulated, 30 % missing", {"y": y}),
    ):
        yield Case("exponential-missing", label, len(data["y"]), data, referees)


def survreg_lifetimes(case, start):
    distribution = case.options["distribution"]
    script = f"""
lower <- get("lower")[, 1]; upper <- get("upper")[, 1]; g <- factor(get("group")[, 1])
best(function() {{
  fit <- survreg(Surv(lower, upper, type = "interval2") ~ g - 1, dist = "{distribution}",
    control = survreg.control(rel.tolerance = 1e-14, maxiter = 500))
  list(log_likelihood = fit$loglik[2], scale = exp(coef(fit)), shape = 1 / fit$scale)
}}, 1)
"""
    time, happened = np.reshape(case.data["time"], (case.n, -1)), case.data["event"] == 1
    given = {
        "lower": np.where(happened, time[:, 0], time[:, -1]),
        "upper": np.where(happened, time[:, -1], np.nan),
        "group": case.data["group"],
    }
    # A lower limit of zero is no limit.
    given["lower"] = np.where(given["lower"] > 0, given["lower"], np.nan)
    groups = len(np.unique(case.data["group"]))
    shapes = {"scale": (groups,)} | ({"shape": ()} if distribution == "weibull" else {})
    return estimate_of(rscript("survival", script, given), **shapes)


def _censored():
    rng = np.random.default_rng(20)
    group = rng.integers(3, size=3000).astype(float)
    z = np.take([4.0, 7.0, 12.0], group.astype(int)) * rng.weibull(1.6, 3000)
    lower = np.floor(z)
    # Observed exactly, at visits once in a unit of time, or censored after the time 8.
    exact, alive = rng.random(3000) < 0.3, z > 8
    time = np.column_stack([np.where(exact, z, lower), np.where(exact, z, lower + 1)])
    time[alive] = 8
    simulated = {"time": time, "event": (~alive).astype(float), "group": group}
    cosmesis = {
        "time": table("cosmesis", 0, 1),
        "event": table("cosmesis", 2),
        "group": table("cosmesis", 3),
    }
    referees = (Referee("survival", survreg_lifetimes, r=True, restarts=False),)
    for label, data in (
        ("example", example("censored-survival")),
        ("cosmesis.csv", cosmesis),
        ("simulated", simulated),
    ):
        for distribution in ("exponential", "weibull"):
            options = {"distribution": distribution}
            yield Case("censored-survival", label, len(data["event"]), data, referees, options)


def cases():
    yield from _exponential()
    yield from _censored()
