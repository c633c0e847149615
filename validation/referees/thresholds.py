"""Regressions on a latent variable that is observed through a threshold: probit and tobit."""

import numpy as np

from ._case import Case, Estimate, Referee, example, table
from ._r import VGLM, rscript


def _regression(found, x, *more):
    """Convert intercepts, which refer to the origin in the package and to the mean in latentfit."""
    b = found["b"]
    params = {"alpha": b[0] + x.mean(axis=0) @ b[1:], "beta": b[1:]}
    return Estimate(found["log_likelihood"][0], params | {name: found[name][0] for name in more})


def statsmodels_probit(case, start):
    from statsmodels.discrete.discrete_model import Probit

    y, x = case.data["response"], case.data["covariates"]
    design = np.column_stack([np.ones(len(x)), x])
    fit = Probit(y, design).fit(method="newton", maxiter=500, tol=1e-12, disp=0)
    return _regression({"b": fit.params, "log_likelihood": [fit.llf]}, x)


def glm_probit(case, start):
    script = """
y <- get("response")[, 1]; x <- get("covariates")
best(function() {
  fit <- glm(y ~ x, binomial("probit"), control = list(epsilon = 1e-14, maxit = 500))
  list(log_likelihood = logLik(fit), b = coef(fit))
}, 1)
"""
    return _regression(rscript("stats", script, case.data), case.data["covariates"])


def survreg_tobit(case, start):
    script = """
y <- get("response")[, 1]; x <- get("covariates")
best(function() {
  fit <- survreg(Surv(y, y > 0, type = "left") ~ x, dist = "gaussian",
    control = survreg.control(rel.tolerance = 1e-14, maxiter = 500))
  list(log_likelihood = fit$loglik[2], b = coef(fit), sigma = fit$scale)
}, 1)
"""
    return _regression(rscript("survival", script, case.data), case.data["covariates"], "sigma")


def vgam_tobit(case, start):
    script = f"""
y <- get("response")[, 1]; x <- get("covariates")
best(function() {{
  fit <- vglm(y ~ x, tobit(Lower = 0), {VGLM})
  b <- coef(fit)
  list(log_likelihood = logLik(fit), b = b[-2], sigma = exp(b[[2]]))
}}, 1)
"""
    return _regression(rscript("VGAM", script, case.data), case.data["covariates"], "sigma")


def _probit():
    rng = np.random.default_rng(12)
    x = np.column_stack([rng.normal(3.0, 2.0, 5000), rng.integers(2, size=5000)])
    y = (rng.normal(-1.0 + x @ [0.5, -0.8]) > 0).astype(float)
    referees = (
        Referee("statsmodels", statsmodels_probit, restarts=False),
        Referee("stats", glm_probit, r=True, restarts=False, variant="glm"),
    )
    for label, data in (
        ("example", example("probit")),
        ("simulated", {"response": y, "covariates": x}),
    ):
        yield Case("probit", label, len(data["response"]), data, referees)


def _tobit():
    rng = np.random.default_rng(13)
    x = rng.normal(2.0, 1.5, (5000, 2))
    y = np.maximum(rng.normal(-1.0 + x @ [1.0, -0.5], 2.0), 0)
    referees = (
        Referee("survival", survreg_tobit, r=True, restarts=False),
        Referee("VGAM", vgam_tobit, r=True, restarts=False),
    )
    affairs = {"response": table("affairs", 0), "covariates": table("affairs", 1, 2, 3, 4, 5)}
    for label, data in (
        ("example", example("tobit")),
        ("affairs.csv", affairs),
        ("simulated", {"response": y, "covariates": x}),
    ):
        yield Case("tobit", label, len(data["response"]), data, referees)


def cases():
    yield from _probit()
    yield from _tobit()
