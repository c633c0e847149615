"""Time series with a latent state.

The model fixes the variance of the first state. Referees are given that variance, where they would
assume a diffuse or a stationary first state by default.
"""

import numpy as np

from ._case import Case, Estimate, Referee, example, table
from ._r import estimate_of, rscript


def statsmodels_level(case, start):
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    y = case.data["y"]
    model = UnobservedComponents(y, "llevel")
    model.ssm.initialize_known([np.mean(y)], [[(100 * np.std(y)) ** 2]])
    model.ssm.loglikelihood_burn = 0
    begin = (
        np.full(2, np.var(y) / 2)
        if start is None
        else [
            start["sigma_irregular"] ** 2,
            start["sigma_level"] ** 2,
        ]
    )
    fit = _polished(model, begin)
    irregular, level = np.sqrt(fit.params)
    return Estimate(fit.llf, {"sigma_irregular": irregular, "sigma_level": level})


def _polished(model, begin):
    """Fit by a quasi-Newton method, and then by a simplex method, which needs no derivatives."""
    fit = model.fit(begin, method="lbfgs", maxiter=2000, pgtol=1e-10, factr=10, disp=0)
    return model.fit(fit.params, method="nm", maxiter=5000, xtol=1e-9, ftol=1e-12, disp=0)


# KalmanLike gives half of log s + mean log F, with s the mean of e^2 / F.
_KALMAN = """
y <- as.numeric(get("y")[, 1]); n <- length(y)
kalman <- function(a, P, phi, V, h) {
  mod <- list(T = matrix(phi), Z = 1, h = h, V = matrix(V), a = a, P = matrix(P), Pn = matrix(P))
  found <- KalmanLike(y, mod)
  -n / 2 * (log(2 * pi) + 2 * found$Lik - log(found$s2) + found$s2)
}
maximiser <- function(begin, f) {
  for (i in 1:4) begin <- optim(begin, f, control = list(
    fnscale = -1, reltol = 1e-15, maxit = 20000))$par
  begin
}
variance <- mean((y - mean(y))^2)
"""


def kalman_level(case, start):
    script = f"""{_KALMAN}
log_likelihood <- function(p) kalman(mean(y), 1e4 * variance, 1, exp(p[2]), exp(p[1]))
best(function() {{
  p <- maximiser(log(c(variance, variance) / 2), log_likelihood)
  list(log_likelihood = log_likelihood(p), sigma_irregular = exp(p[1] / 2),
    sigma_level = exp(p[2] / 2))
}}, 1)
"""
    found = rscript("stats", script, case.data)
    return estimate_of(found, sigma_irregular=(), sigma_level=())


def _level():
    rng = np.random.default_rng(19)
    level = 10.0 + np.cumsum(rng.normal(0, 0.6, 500))
    y = rng.normal(level, 1.0)
    referees = (
        Referee("statsmodels", statsmodels_level),
        Referee("stats", kalman_level, r=True, restarts=False, variant="KalmanLike"),
    )
    for label, data in (("example", example("local-level")), ("simulated", {"y": y})):
        yield Case("local-level", label, len(data["y"]), data, referees)


def statsmodels_state(case, start):
    """A state space model of statsmodels' base class, with its filter and its optimiser."""
    from statsmodels.tsa.statespace.mlemodel import MLEModel

    y = np.reshape(case.data["y"], (case.n, -1))
    p, sd = y.shape[1], np.std(y, axis=0)

    class Model(MLEModel):
        def __init__(self):
            super().__init__(y, k_states=1, k_posdef=1)
            self["selection", 0, 0] = 1.0
            self.ssm.initialize_known([0.0], [[sd[0] ** 2]])

        @property
        def param_names(self):
            intercept, loading, error = ([f"{what}{j}" for j in range(p)] for what in "als")
            return ["phi", "state", *intercept, *loading[1:], *error]

        @property
        def start_params(self):
            loading = [np.cov(y[:, 0], one)[0, 1] / np.var(y[:, 0]) for one in y.T[1:]]
            return np.array([0.5, sd[0] / 2, *np.mean(y, axis=0), *loading, *sd / 2])

        def update(self, params, **more):
            params = super().update(params, **more)
            self["transition", 0, 0] = params[0]
            self["state_cov", 0, 0] = params[1] ** 2
            self["obs_intercept"] = params[2 : p + 2, None]
            self["design"] = np.append(1.0, params[p + 2 : 2 * p + 1])[:, None].astype(params.dtype)
            self["obs_cov"] = np.diag(params[2 * p + 1 :] ** 2)

    begin = None
    if start is not None:
        begin = [start["phi"], start["sigma_state"], *start["alpha"], *start.get("loading", [])]
        begin = np.array([*begin, *start["sigma"]])
    fit = _polished(Model(), begin)
    return _state(fit.llf, fit.params, p)


def _state(log_likelihood, found, p):
    params = {
        "phi": found[0],
        "sigma_state": abs(found[1]),
        "alpha": found[2 : p + 2],
        "sigma": np.abs(found[2 * p + 1 :]),
    }
    return Estimate(
        log_likelihood, params | ({"loading": found[p + 2 : 2 * p + 1]} if p > 1 else {})
    )


def kalman_state(case, start):
    """For a single series, since KalmanLike accepts no more."""
    script = f"""{_KALMAN}
seen <- y
log_likelihood <- function(p) {{
  y <<- seen - p[3]
  kalman(0, variance, p[1], exp(p[2]), exp(p[4]))
}}
best(function() {{
  p <- maximiser(c(0.5, log(variance / 2), mean(seen), log(variance / 2)), log_likelihood)
  list(log_likelihood = log_likelihood(p), found = c(p[1], exp(p[2] / 2), p[3], exp(p[4] / 2)))
}}, 1)
"""
    found = rscript("stats", script, case.data)
    return _state(found["log_likelihood"][0], found["found"], 1)


def _states():
    rng = np.random.default_rng(21)
    x = np.empty(400)
    x[0] = 0
    for t in range(1, 400):
        x[t] = 0.85 * x[t - 1] + rng.normal(0, 0.7)
    both = np.array([3.0, -1.0]) + np.outer(x, [1.0, 0.6]) + rng.normal(0, [0.8, 0.5], (400, 2))
    everybody = (
        Referee("statsmodels", statsmodels_state),
        Referee("stats", kalman_state, r=True, restarts=False, variant="KalmanLike"),
    )
    for label, y, referees in (
        ("example", example("linear-gaussian-state-space")["y"], everybody[:1]),
        ("nile.csv", table("nile", 1), everybody),
        ("simulated", both, everybody[:1]),
        ("simulated, one series", both[:, 0], everybody),
    ):
        yield Case("linear-gaussian-state-space", label, len(y), {"y": y}, referees)


def cases():
    yield from _level()
    yield from _states()
