"""Mixtures: of normal and Poisson distributions, of zeros and counts, of regressions."""

import numpy as np

from ._case import Case, Estimate, Referee, best, example, table
from ._r import VGLM, estimate_of, rscript, soft

_SKLEARN = {"full": "full", "tied": "tied", "diagonal": "diag", "spherical": "spherical"}


def sklearn_mixture(case, start):
    from sklearn.mixture import GaussianMixture

    covariance, x = case.options.get("covariance", "full"), case.data["x"]
    table = x.reshape(len(x), -1)
    d = table.shape[1]

    def once(seed):
        given = {} if start is None else _sklearn_start(start, covariance, d)
        mixture = GaussianMixture(
            case.size,
            covariance_type=_SKLEARN[covariance],
            tol=1e-13,
            reg_covar=0,
            max_iter=100_000,
            random_state=seed,
            init_params="kmeans",
            **given,
        ).fit(table)
        w, mu, cov = mixture.weights_, mixture.means_, mixture.covariances_
        if d == 1:
            params = {"w": w, "mu": mu[:, 0], "sigma": np.sqrt(cov).reshape(-1)}
            if covariance == "tied":
                params["sigma"] = params["sigma"][0]
        elif covariance in ("full", "tied"):
            params = {"w": w, "mu": mu, "cov": cov}
        else:
            params = {"w": w, "mu": mu, "sigma": np.sqrt(cov)}
        return Estimate(mixture.score(table) * len(table), params)

    return best(once) if start is None else once(0)


def _sklearn_start(params, covariance, d):
    K = len(params["w"])
    if "cov" in params:
        precisions = np.linalg.inv(params["cov"])
    else:
        precisions = 1 / params["sigma"] ** 2
        if d == 1:
            shapes = {"full": (K, 1, 1), "tied": (1, 1), "diagonal": (K, 1), "spherical": (K,)}
            precisions = np.reshape(precisions, shapes[covariance])
    return {
        "weights_init": params["w"] / np.sum(params["w"]),
        "means_init": params["mu"].reshape(K, d),
        "precisions_init": precisions,
    }


_MCLUST = {"full": "VVV", "tied": "EEE", "diagonal": "VVI", "spherical": "VII"}


def mclust_mixture(case, start):
    covariance, x = case.options.get("covariance", "full"), case.data["x"]
    d = x[:1].size
    name = ("E" if covariance == "tied" else "V") if d == 1 else _MCLUST[covariance]
    kept = {
        "V": "sqrt(v$sigmasq)",
        "E": "sqrt(v$sigmasq[1])",
        "VVV": "v$sigma",
        "EEE": "v$sigma[, , 1]",
        "VVI": "t(sqrt(apply(v$sigma, 3, diag)))",
        "VII": "sqrt(v$sigmasq)",
    }[name]
    script = f"""
x <- get("x")
if (ncol(x) == 1) x <- x[, 1]
control <- emControl(tol = c(1e-14, 1e-14), itmax = c(100000, 100000))
best(function() {{
  fit <- if (is.null(z)) Mclust(x, k, "{name}", control = control, verbose = FALSE)
         else me(x, "{name}", z, control = control)
  v <- fit$parameters$variance
  list(log_likelihood = fit$loglik, w = fit$parameters$pro, mu = t(fit$parameters$mean),
    dispersion = {kept})
}}, 1)
"""
    found = rscript("mclust", script, case.data, case.size, soft(case, start))
    K = case.size
    dispersion = {"VVV": (d, d, K), "EEE": (d, d), "VVI": (K, d), "E": ()}.get(name, (K,))
    end = estimate_of(found, w=(K,), mu=(K,) if d == 1 else (K, d), dispersion=dispersion)
    params = dict(end.params)
    value = params.pop("dispersion")
    params["cov" if name in ("VVV", "EEE") else "sigma"] = (
        np.moveaxis(value, -1, 0) if name == "VVV" else value
    )
    return Estimate(end.log_likelihood, params)


def mixtools_normal(case, start):
    script = f"""
x <- get("x")[, 1]
w <- get("w")[, 1]; mu <- get("mu")[, 1]; sigma <- get("sigma")[, 1]
best(function() {{
  fit <- normalmixEM(x, w, mu, if (is.null(w)) NULL else rep_len(sigma, k), k = k,
    arbvar = {"FALSE" if case.options.get("covariance") == "tied" else "TRUE"},
    epsilon = 1e-11, maxit = 100000, maxrestarts = 0)
  list(log_likelihood = fit$loglik, w = fit$lambda, mu = fit$mu, sigma = fit$sigma)
}})
"""
    found = rscript("mixtools", script, case.data, case.size, start)
    K = case.size
    tied = case.options.get("covariance") == "tied"
    return estimate_of(found, w=(K,), mu=(K,), sigma=() if tied else (K,))


def mixtools_regressions(case, start):
    x = np.reshape(case.data["covariates"], (len(case.data["response"]), -1))
    given = None
    if start is not None:
        intercept = start["alpha"] - start["beta"] @ x.mean(axis=0)
        given = {
            "z": np.zeros(1),
            "w": start["w"],
            "sigma": start["sigma"],
            "b": np.vstack([intercept, start["beta"].T]),
        }
    script = """
y <- get("response")[, 1]; x <- get("covariates")
best(function() {
  fit <- if (is.null(z)) regmixEM(y, x, k = k, epsilon = 1e-11, maxit = 100000)
         else regmixEM(y, x, get("w")[, 1], get("b"), get("sigma")[, 1], k = k,
                       epsilon = 1e-11, maxit = 100000)
  list(log_likelihood = fit$loglik, w = fit$lambda, b = fit$beta, sigma = fit$sigma)
})
"""
    found = rscript("mixtools", script, case.data, case.size, given)
    return _regressions(found, case.size, x)


def flexmix_regressions(case, start):
    x = np.reshape(case.data["covariates"], (len(case.data["response"]), -1))
    script = """
y <- get("response")[, 1]; x <- get("covariates")
control <- list(iter.max = 20000, minprior = 0, tolerance = 1e-15)
best(function() {
  fit <- flexmix(y ~ x, k = k, cluster = z, control = control)
  p <- parameters(fit)
  list(log_likelihood = logLik(fit), w = prior(fit), b = p[-nrow(p), ], sigma = p[nrow(p), ])
})
"""
    found = rscript("flexmix", script, case.data, case.size, soft(case, start))
    return _regressions(found, case.size, x)


def _regressions(found, size, x):
    """Convert intercepts, which refer to the origin in the package and to the mean in latentfit."""
    end = estimate_of(found, w=(size,), b=(1 + x.shape[1], size), sigma=(size,))
    params = dict(end.params)
    intercept, *slopes = params.pop("b")
    beta = np.array(slopes).T
    return Estimate(
        end.log_likelihood, params | {"alpha": intercept + beta @ x.mean(axis=0), "beta": beta}
    )


def flexmix_poisson(case, start):
    script = """
x <- get("x")
control <- list(iter.max = 50000, minprior = 0, tolerance = 1e-15)
best(function() {
  fit <- flexmix(x ~ 1, k = k, cluster = z, model = FLXMCmvpois(), control = control)
  list(log_likelihood = logLik(fit), w = prior(fit), lam = parameters(fit))
}, 3)
"""
    found = rscript("flexmix", script, case.data, case.size, soft(case, start))
    return estimate_of(found, w=(case.size,), lam=(case.size,))


def pscl_inflated(case, start):
    script = """
y <- get("y")[, 1]
best(function() {
  fit <- zeroinfl(y ~ 1 | 1, control = zeroinfl.control(reltol = 1e-15))
  list(log_likelihood = fit$loglik, p = plogis(coef(fit)[[2]]), lam = exp(coef(fit)[[1]]))
}, 1)
"""
    return estimate_of(rscript("pscl", script, case.data), p=(), lam=())


def vgam_inflated(case, start):
    script = f"""
y <- get("y")[, 1]
best(function() {{
  fit <- vglm(y ~ 1, zipoisson(), {VGLM})
  list(log_likelihood = logLik(fit), p = plogis(coef(fit)[[1]]), lam = exp(coef(fit)[[2]]))
}}, 1)
"""
    return estimate_of(rscript("VGAM", script, case.data), p=(), lam=())


_SKLEARN_MIXTURE = Referee("scikit-learn", sklearn_mixture)

_MCLUST_MIXTURE = Referee("mclust", mclust_mixture, r=True)

_MIXTOOLS_NORMAL = Referee("mixtools", mixtools_normal, r=True)

_REGRESSIONS = (
    Referee("mixtools", mixtools_regressions, r=True),
    Referee(
        "flexmix",
        flexmix_regressions,
        r=True,
        reason="of n_k observations in a component and p coefficients, it divides the sum of "
        "squares by n_k (1 - p / n) instead of n_k, and does not maximise the likelihood",
    ),
)


def _gaussian():
    rng = np.random.default_rng(2)
    z = rng.choice(3, 5000, p=[0.5, 0.3, 0.2])
    line = rng.normal(np.take([0.0, 3.0, 7.0], z), np.take([1.0, 0.6, 1.5], z))
    roots = np.array(
        [
            [[1.0, 0.0, 0.0], [0.5, 1.0, 0.0], [0.2, -0.4, 0.8]],
            [[0.7, 0.0, 0.0], [-0.3, 1.2, 0.0], [0.0, 0.5, 1.0]],
            [[1.5, 0.0, 0.0], [0.0, 0.6, 0.0], [0.9, 0.3, 0.7]],
        ]
    )
    centres = np.array([[0.0, 0.0, 0.0], [3.0, 1.0, -2.0], [0.0, 5.0, 3.0]])
    noise = rng.normal(size=(len(z), 3))
    space = centres[z] + np.einsum("nij,nj->ni", roots[z], noise)
    everybody = (_SKLEARN_MIXTURE, _MCLUST_MIXTURE)
    in_line = (*everybody, _MIXTOOLS_NORMAL)
    eruptions = example("gaussian-mixture")["x"]
    for label, x, K, referees, kinds in (
        ("example", eruptions, 2, in_line, ("full", "tied")),
        ("simulated", line, 3, in_line, ("full", "tied")),
        ("faithful.csv", table("faithful", 0, 1), 2, everybody, _MCLUST),
        ("iris.csv", table("iris", 0, 1, 2, 3), 3, everybody, _MCLUST),
        ("simulated", space, 3, everybody, _MCLUST),
    ):
        for covariance in kinds:
            options = {"components": K, "covariance": covariance}
            model = "gaussian-mixture" if x.ndim == 1 else "multivariate-gaussian-mixture"
            yield Case(model, label, len(x), {"x": x}, referees, options)


def _poisson():
    rng = np.random.default_rng(3)
    x = rng.poisson(np.take([1.0, 6.0, 15.0], rng.choice(3, 5000, p=[0.3, 0.5, 0.2])))
    referees = (Referee("flexmix", flexmix_poisson, r=True),)
    for label, data, K in (
        ("example", example("poisson-mixture"), 2),
        ("simulated", {"x": x.astype(float)}, 3),
    ):
        yield Case("poisson-mixture", label, len(data["x"]), data, referees, {"components": K})


def _inflated():
    rng = np.random.default_rng(4)
    y = np.where(rng.random(20_000) < 0.35, 0, rng.poisson(2.5, 20_000)).astype(float)
    referees = (
        Referee("pscl", pscl_inflated, r=True, restarts=False),
        Referee("VGAM", vgam_inflated, r=True, restarts=False),
    )
    for label, data in (("example", example("zero-inflated-poisson")), ("simulated", {"y": y})):
        yield Case("zero-inflated-poisson", label, len(data["y"]), data, referees)


def _regression():
    rng = np.random.default_rng(5)
    z, x = rng.choice(3, 10_000, p=[0.5, 0.3, 0.2]), rng.normal(2.0, 1.5, (10_000, 2))
    lines = np.array([[1.0, 2.0, 0.0], [4.0, -1.0, 1.0], [-6.0, 0.5, -2.0]])[z]
    sigma = np.take([0.8, 0.5, 1.2], z)
    y = rng.normal(lines[:, 0] + np.sum(lines[:, 1:] * x, axis=1), sigma)
    co2 = {"response": table("co2-gnp", 1), "covariates": table("co2-gnp", 0)}
    for label, data, K in (
        ("example", example("mixture-of-regressions"), 2),
        ("co2-gnp.csv", co2, 2),
        ("simulated", {"response": y, "covariates": x}, 3),
    ):
        n, options = len(data["response"]), {"components": K}
        yield Case("mixture-of-regressions", label, n, data, _REGRESSIONS, options)


def cases():
    yield from _gaussian()
    yield from _poisson()
    yield from _inflated()
    yield from _regression()
