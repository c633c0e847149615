"""Precisions and rates that vary as gamma variables: Student's t and the negative binomial."""

import numpy as np

from ._case import Case, Estimate, Referee, example, table
from ._r import VGLM, estimate_of, rscript


def vgam_student(case, start):
    df = case.options.get("df")
    family = "studentt3()" if df is None else f"studentt2(df = {df})"
    script = f"""
y <- get("response")[, 1]; x <- get("covariates")
best(function() {{
  fit <- vglm(y ~ x, {family}, {VGLM})
  p <- predict(fit)[1, ]
  list(log_likelihood = logLik(fit), b = coef(fit, matrix = TRUE)[, 1], sigma = exp(p[[2]]),
    nu = {"exp(exp(p[[3]]))" if df is None else df})
}}, 1)
"""
    return _student(rscript("VGAM", script, case.data), case)


def statsmodels_student(case, start):
    from statsmodels.miscmodels.tmodel import TLinearModel

    df, y = case.options.get("df"), case.data["response"]
    design = np.column_stack([np.ones(len(y)), case.data["covariates"]])
    model = TLinearModel(y, design, **({} if df is None else {"fix_df": df}))
    model.df_model, model.df_resid = design.shape[1] - 1, len(y) - design.shape[1]
    fit = model.fit(method="nm", maxiter=50_000, maxfun=50_000, xtol=1e-10, ftol=1e-14, disp=0)
    *b, nu, sigma = fit.params if df is None else (*fit.params[:-1], df, fit.params[-1])
    found = {"b": np.array(b), "sigma": [abs(sigma)], "nu": [nu], "log_likelihood": [fit.llf]}
    return _student(found, case)


def _student(found, case):
    """Convert intercepts, which refer to the origin in the package and to the mean in latentfit."""
    b = found["b"]
    params = {
        "alpha": b[0] + case.data["covariates"].mean(axis=0) @ b[1:],
        "beta": b[1:],
        "sigma": found["sigma"][0],
    }
    if "df" not in case.options:
        params["nu"] = found["nu"][0]
    return Estimate(found["log_likelihood"][0], params)


# Counts and their exposure times.
_COUNTS = """
y <- get("y")[, 1]; t <- get("t")[, 1]
"""


def _counts(case):
    if case.model == "negative-binomial":
        return {"y": case.data["y"], "t": np.ones(len(case.data["y"]))}
    return {"y": case.data["failures"], "t": case.data["hours"]}


def _gamma(found, case):
    """Convert the mean and the shape of the rates to the parameters of the model."""
    end = estimate_of(found, mean=(), shape=())
    mean, shape = end.params["mean"], end.params["shape"]
    if case.model == "negative-binomial":
        return Estimate(end.log_likelihood, {"m": mean, "k": shape})
    return Estimate(end.log_likelihood, {"alpha": shape, "beta": shape / mean})


def mass_counts(case, start):
    script = f"""{_COUNTS}
best(function() {{
  fit <- glm.nb(y ~ offset(log(t)), control = glm.control(epsilon = 1e-14, maxit = 500))
  list(log_likelihood = logLik(fit), mean = exp(coef(fit)[[1]]), shape = fit$theta)
}}, 1)
"""
    return _gamma(rscript("MASS", script, _counts(case)), case)


def vgam_counts(case, start):
    script = f"""{_COUNTS}
best(function() {{
  fit <- vglm(y ~ 1, negbinomial(), offset = cbind(log(t), 0), {VGLM})
  list(log_likelihood = logLik(fit), mean = exp(coef(fit)[[1]]), shape = exp(coef(fit)[[2]]))
}}, 1)
"""
    return _gamma(rscript("VGAM", script, _counts(case)), case)


def statsmodels_counts(case, start):
    from statsmodels.discrete.discrete_model import NegativeBinomial

    counts = _counts(case)
    y, t = counts["y"], counts["t"]
    fit = NegativeBinomial(y, np.ones((len(y), 1)), exposure=t).fit(
        method="bfgs", maxiter=5000, gtol=1e-9, disp=0
    )
    found = {
        "log_likelihood": [fit.llf],
        "mean": [np.exp(fit.params[0])],
        "shape": [1 / fit.params[1]],
    }
    return _gamma({name: np.array(value) for name, value in found.items()}, case)


def _errors():
    rng = np.random.default_rng(14)
    x = rng.normal(5.0, 2.0, (3000, 2))
    y = 1.0 + x @ [2.0, -0.5] + 1.5 * rng.standard_t(4, 3000)
    stack = {"response": table("stack-loss", 3), "covariates": table("stack-loss", 0, 1, 2)}
    referees = (
        Referee("VGAM", vgam_student, r=True, restarts=False),
        Referee("statsmodels", statsmodels_student, restarts=False),
    )
    for label, data, options in (
        ("example", example("student-t"), {}),
        ("example", example("student-t"), {"df": 4}),
        ("stack-loss.csv", stack, {}),
        ("stack-loss.csv", stack, {"df": 4}),
        ("simulated", {"response": y, "covariates": x}, {}),
    ):
        yield Case("student-t", label, len(data["response"]), data, referees, options)


_COUNTED = (
    Referee("MASS", mass_counts, r=True, restarts=False),
    Referee("VGAM", vgam_counts, r=True, restarts=False),
    Referee("statsmodels", statsmodels_counts, restarts=False),
)


def _negative_binomial():
    rng = np.random.default_rng(15)
    y = rng.poisson(rng.gamma(1.7, 4.0 / 1.7, 5000)).astype(float)
    for label, data in (("example", example("negative-binomial")), ("simulated", {"y": y})):
        yield Case("negative-binomial", label, len(data["y"]), data, _COUNTED)


def _hyperparameters():
    rng = np.random.default_rng(16)
    hours = rng.lognormal(1.0, 1.0, 1000)
    failures = rng.poisson(rng.gamma(0.8, 1 / 1.3, 1000) * hours).astype(float)
    simulated = {"failures": failures, "hours": hours}
    for label, data in (("example", example("hyperparameters")), ("simulated", simulated)):
        yield Case("hyperparameters", label, len(data["hours"]), data, _COUNTED)


def cases():
    yield from _errors()
    yield from _negative_binomial()
    yield from _hyperparameters()
