"""Effects of groups: one-way layouts, regression lines of groups, and meta-analysis."""

import numpy as np

from ._case import Case, Estimate, Referee, example, table
from ._r import estimate_of, rscript


def _sloped(case):
    return case.model == "linear-mixed"


def lme4_effects(case, start):
    formula = "y ~ x + (x | g)" if _sloped(case) else "y ~ 1 + (1 | g)"
    script = f"""
y <- get("y")[, 1]; x <- if (is.null(get("x"))) 0 else get("x")[, 1]
g <- factor(get("group")[, 1])
best(function() {{
  fit <- lmer({formula}, REML = FALSE, control = lmerControl(optimizer = "bobyqa",
    optCtrl = list(rhoend = 1e-12, maxfun = 100000), calc.derivs = FALSE))
  list(log_likelihood = logLik(fit), beta = fixef(fit), cov = VarCorr(fit)$g[, ],
    sigma = sigma(fit))
}}, 1)
"""
    return _effects(rscript("lme4", script, case.data), case)


def nlme_effects(case, start):
    fixed, random = ("y ~ x", "~ x | g") if _sloped(case) else ("y ~ 1", "~ 1 | g")
    script = f"""
y <- get("y")[, 1]; x <- if (is.null(get("x"))) 0 else get("x")[, 1]
g <- factor(get("group")[, 1])
best(function() {{
  fit <- lme({fixed}, random = {random}, method = "ML", control = lmeControl(
    maxIter = 500, msMaxIter = 500, niterEM = 25, msTol = 1e-14, tolerance = 1e-12, opt = "optim"))
  list(log_likelihood = logLik(fit), beta = fixef(fit), cov = getVarCov(fit), sigma = fit$sigma)
}}, 1)
"""
    return _effects(rscript("nlme", script, case.data), case)


def statsmodels_effects(case, start):
    from statsmodels.regression.mixed_linear_model import MixedLM

    y, ones = case.data["y"], np.ones(len(case.data["y"]))
    design = np.column_stack([ones, case.data["x"]]) if _sloped(case) else ones[:, None]
    model = MixedLM(y, design, case.data["group"], exog_re=design)
    fit = model.fit(reml=False, method=["bfgs", "nm"], maxiter=5000, gtol=1e-8)
    found = {
        "log_likelihood": [fit.llf],
        "beta": fit.fe_params,
        "cov": np.ravel(fit.cov_re),
        "sigma": [np.sqrt(fit.scale)],
    }
    return _effects({name: np.array(value) for name, value in found.items()}, case)


def _effects(found, case):
    sigma = found["sigma"][0]
    if not _sloped(case):
        params = {"mu": found["beta"][0], "tau": np.sqrt(found["cov"][0]), "sigma": sigma}
        return Estimate(found["log_likelihood"][0], params)
    end = estimate_of(found, beta=(2,), cov=(2, 2))
    cov = end.params["cov"]
    tau = np.sqrt(np.diag(cov))
    rho = cov[0, 1] / np.prod(tau)
    return Estimate(
        end.log_likelihood, {"beta": end.params["beta"], "tau": tau, "rho": rho, "sigma": sigma}
    )


def metafor_studies(case, start):
    script = """
y <- get("y")[, 1]; se <- get("se")[, 1]
best(function() {
  fit <- rma(y, sei = se, method = "ML", control = list(threshold = 1e-14, maxiter = 100000,
    stepadj = 0.5))
  list(log_likelihood = logLik(fit), mu = coef(fit), tau = sqrt(fit$tau2))
}, 1)
"""
    return estimate_of(rscript("metafor", script, case.data), mu=(), tau=())


def nlme_studies(case, start):
    script = """
y <- get("y")[, 1]; v <- get("se")[, 1]^2; g <- factor(seq_along(y))
best(function() {
  fit <- lme(y ~ 1, random = ~ 1 | g, weights = varFixed(~ v), method = "ML",
    control = lmeControl(sigma = 1, maxIter = 500, msMaxIter = 500, msTol = 1e-14,
      tolerance = 1e-12, opt = "optim"))
  list(log_likelihood = logLik(fit), mu = fixef(fit), tau = sqrt(getVarCov(fit)[1, 1]))
}, 1)
"""
    return estimate_of(rscript("nlme", script, case.data), mu=(), tau=())


_REFEREES = (
    Referee("lme4", lme4_effects, r=True, restarts=False),
    Referee("nlme", nlme_effects, r=True, restarts=False),
    Referee("statsmodels", statsmodels_effects, restarts=False),
)


def _random_effects():
    rng = np.random.default_rng(17)
    group = np.repeat(np.arange(100.0), rng.integers(1, 12, 100))
    y = 5.0 + rng.normal(0, 1.5, 100)[group.astype(int)] + rng.normal(0, 2.0, len(group))
    second = dict(zip(("y", "group"), table("dyestuff2", 0, 1).T, strict=True))
    for label, data in (
        ("example", example("random-effects")),
        ("dyestuff2.csv", second),
        ("simulated", {"y": y, "group": group}),
    ):
        yield Case("random-effects", label, len(data["y"]), data, _REFEREES)


def _lines():
    rng = np.random.default_rng(18)
    group = np.repeat(np.arange(80.0), rng.integers(2, 15, 80))
    x, i = rng.uniform(-2, 5, len(group)), group.astype(int)
    b = rng.multivariate_normal([0, 0], [[4.0, -0.9], [-0.9, 0.8]], 80)[i]
    y = 10.0 + b[:, 0] + (2.0 + b[:, 1]) * x + rng.normal(0, 1.2, len(group))
    for label, data in (
        ("example", example("linear-mixed")),
        ("simulated", {"y": y, "x": x, "group": group}),
    ):
        yield Case("linear-mixed", label, len(data["y"]), data, _REFEREES)


def _studies():
    rng = np.random.default_rng(25)
    se = rng.uniform(0.2, 1.0, 200)
    y = rng.normal(0.4, np.sqrt(se**2 + 0.3**2))
    schools = dict(zip(("y", "se"), table("eight-schools", 0, 1).T, strict=True))
    referees = (
        Referee("metafor", metafor_studies, r=True, restarts=False),
        Referee("nlme", nlme_studies, r=True, restarts=False),
    )
    for label, data in (
        ("example", example("meta-analysis")),
        ("eight-schools.csv", schools),
        ("simulated", {"y": y, "se": se}),
    ):
        yield Case("meta-analysis", label, len(data["y"]), data, referees)


def cases():
    yield from _random_effects()
    yield from _lines()
    yield from _studies()
