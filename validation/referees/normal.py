"""Samples of a multivariate normal distribution, with missing values or with common factors."""

from dataclasses import replace

import numpy as np

from ._case import Case, Estimate, Referee, best, example, table
from ._r import estimate_of, rscript


def lavaan_missing(case, start):
    """The model without restrictions, by full information maximum likelihood."""
    d = case.data["x"].shape[1]
    script = """
x <- as.data.frame(get("x")); names(x) <- paste0("v", seq_along(x))
mu <- get("mu")[, 1]; cov <- get("cov")
begin <- function(name, own) if (is.null(own)) name else sprintf("start(%.17g) * %s", own, name)
pairs <- which(upper.tri(diag(ncol(x)), diag = TRUE), arr.ind = TRUE)
line <- function(i, j) paste(names(x)[i], "~~", begin(names(x)[j],
  if (!is.null(cov)) cov[i, j] else if (i == j) var(x[, i], na.rm = TRUE)
  else runif(1, -0.3, 0.3) * sd(x[, i], na.rm = TRUE) * sd(x[, j], na.rm = TRUE)))
best(function() {
  text <- c(mapply(line, pairs[, 1], pairs[, 2]),
    sprintf("%s ~ %s", names(x), sapply(seq_along(x), function(i) begin("1", mu[i]))))
  fit <- lavaan(paste(text, collapse = "\\n"), x, missing = "fiml", h1 = FALSE, se = "none",
    test = "none", baseline = FALSE, control = list(rel.tol = 1e-15, iter.max = 5000,
      eval.max = 10000))
  found <- lavInspect(fit, "implied")
  list(log_likelihood = logLik(fit), mu = found$mean, cov = found$cov)
})
"""
    return estimate_of(rscript("lavaan", script, case.data, start=start), mu=(d,), cov=(d, d))


def scipy_missing(case, start):
    """Density of the observed values of each row, maximised over the Cholesky factor by BFGS."""
    from scipy.optimize import minimize
    from scipy.stats import multivariate_normal

    x = case.data["x"]
    n, d = x.shape
    below = np.tril_indices(d)
    centre, sd = np.nanmean(x, axis=0), np.nanstd(x, axis=0)
    scaled = (x - centre) / sd
    missing, kind = np.unique(np.isnan(x), axis=0, return_inverse=True)
    parts = [
        (np.flatnonzero(~absent), scaled[kind.ravel() == k][:, ~absent])
        for k, absent in enumerate(missing)
        if not absent.all()
    ]
    shift = np.sum(~np.isnan(x) * np.log(sd))

    def unpacked(p):
        root = np.zeros((d, d))
        root[below] = p[d:]
        return p[:d], root @ root.T

    def log_likelihood(p):
        mu, cov = unpacked(p)
        try:
            each = [
                np.sum(multivariate_normal.logpdf(rows, mu[o], cov[np.ix_(o, o)]))
                for o, rows in parts
            ]
        except (ValueError, np.linalg.LinAlgError):
            return -np.inf
        return np.sum(each) - shift

    def once(seed):
        if start is None:
            rng = np.random.default_rng(seed)
            root = np.eye(d) + 0.3 * np.tril(rng.normal(size=(d, d)), -1)
            begin = np.append(np.zeros(d), root[below])
        else:
            mu = (start["mu"] - centre) / sd
            root = np.linalg.cholesky(start["cov"] / np.outer(sd, sd))
            begin = np.append(mu, root[below])
        p = minimize(
            lambda p: -log_likelihood(p) / n, begin, method="BFGS", options={"gtol": 1e-8}
        ).x
        mu, cov = unpacked(p)
        params = {"mu": centre + sd * mu, "cov": cov * np.outer(sd, sd)}
        return Estimate(log_likelihood(p), params)

    return best(once, 3) if start is None else once(0)


def sklearn_components(case, start):
    from sklearn.decomposition import PCA

    x, q = case.data["x"], case.size
    n = len(x)
    centred = x - x.mean(axis=0)
    # The variances of scikit-learn have the divisor n - 1.
    found = PCA(q, svd_solver="full").fit(centred * np.sqrt((n - 1) / n))
    noise = found.noise_variance_
    W = found.components_.T * np.sqrt(found.explained_variance_ - noise)
    params = {"mu": x.mean(axis=0), "W": W, "sigma": np.sqrt(noise)}
    return Estimate(found.score(centred) * n, params)


def lavaan_factors(case, start):
    """Zeros among the loadings choose the axes. Probabilistic PCA has equal error variances."""
    d, equal_errors = case.data["x"].shape[1], case.model == "probabilistic-pca"
    script = f"""
x <- as.data.frame(get("x")); names(x) <- paste0("v", seq_along(x))
errors <- paste0(names(x), " ~~ ", "{"e*" if equal_errors else ""}", names(x))
factors <- paste0("f", 1:k)
text <- c(
  sapply(1:k, function(j) {{
    paste(factors[j], "=~", paste0("NA*", names(x)[j:ncol(x)], collapse = "+"))
  }}),
  outer(1:k, 1:k, function(i, j) ifelse(i > j, "",
    paste0(factors[i], " ~~ ", ifelse(i == j, 1, 0), "*", factors[j]))),
  errors, paste(names(x), "~ 1"))
best(function() {{
  fit <- lavaan(paste(text, collapse = "\n"), x, meanstructure = TRUE, se = "none",
    test = "none", baseline = FALSE, control = list(rel.tol = 1e-15, iter.max = 5000,
      eval.max = 10000))
  found <- lavInspect(fit, "est")
  list(log_likelihood = logLik(fit), mu = found$nu, W = found$lambda, psi = diag(found$theta))
}}, 1)
"""
    found = rscript("lavaan", script, case.data, case.size)
    end = estimate_of(found, mu=(d,), W=(d, case.size), psi=(d,))
    if not equal_errors:
        return end
    mu, W, psi = end.params.values()
    return Estimate(end.log_likelihood, {"mu": mu, "W": W, "sigma": np.sqrt(psi[0])})


def sklearn_factors(case, start):
    from sklearn.decomposition import FactorAnalysis

    x = case.data["x"]
    # Units of measurement matter only for its starting values.
    sd = x.std(axis=0)
    scaled = x / sd
    found = FactorAnalysis(
        case.size, tol=1e-13, max_iter=1_000_000, svd_method="lapack", noise_variance_init=None
    ).fit(scaled)
    params = {
        "mu": x.mean(axis=0),
        "W": found.components_.T * sd[:, None],
        "psi": found.noise_variance_ * sd**2,
    }
    return Estimate(found.score(scaled) * len(x) - len(x) * np.sum(np.log(sd)), params)


def factanal_factors(case, start):
    """Of the correlations R: its criterion is log |C| - log |R| + trace(R / C) - d."""
    d = case.data["x"].shape[1]
    script = """
x <- get("x"); n <- nrow(x); d <- ncol(x); R <- cor(x)
s <- sqrt(colMeans(scale(x, scale = FALSE)^2))
best(function() {
  fit <- factanal(x, k, rotation = "none", nstart = 5, control = list(lower = 1e-6,
    opt = list(factr = 1, maxit = 5000, pgtol = 0)))
  criterion <- fit$criteria[["objective"]]
  list(log_likelihood = -n / 2 * (d * log(2 * pi) + 2 * sum(log(s)) + criterion +
      determinant(R)$modulus + d),
    mu = colMeans(x), W = s * unclass(fit$loadings), psi = s^2 * fit$uniquenesses)
}, 1)
"""
    found = rscript("stats", script, case.data, case.size)
    return estimate_of(found, mu=(d,), W=(d, case.size), psi=(d,))


def _components():
    rng = np.random.default_rng(24)
    W = rng.normal(size=(8, 3))
    x = rng.normal(size=(500, 3)) @ W.T + np.arange(8.0) + rng.normal(0, 0.7, (500, 8))
    referees = (
        Referee("scikit-learn", sklearn_components, restarts=False),
        Referee("lavaan", lavaan_factors, r=True, restarts=False),
    )
    for label, rows, counts in (
        ("example", example("probabilistic-pca")["x"], (1, 2, 3)),
        ("simulated", x, (3,)),
    ):
        for q in counts:
            options = {"components": q}
            yield Case("probabilistic-pca", label, len(rows), {"x": rows}, referees, options)


def _factors():
    rng = np.random.default_rng(26)
    W = rng.normal(size=(9, 3))
    noise = rng.uniform(0.4, 1.2, 9)
    x = rng.normal(size=(600, 3)) @ W.T - np.arange(9.0) + rng.normal(0, noise, (600, 9))
    referees = (
        Referee("scikit-learn", sklearn_factors, restarts=False),
        Referee("stats", factanal_factors, r=True, restarts=False, variant="factanal"),
        Referee("lavaan", lavaan_factors, r=True, restarts=False),
    )
    for label, rows, counts in (
        ("example", example("factor-analysis")["x"], (1, 2)),
        ("simulated", x, (3,)),
    ):
        for q in counts:
            options = {"factors": q}
            yield Case("factor-analysis", label, len(rows), {"x": rows}, referees, options)


def _missing():
    rng = np.random.default_rng(23)
    root = np.array([[1.0, 0, 0], [0.7, 0.9, 0], [-0.4, 0.5, 0.6]])
    x = np.array([2.0, -1.0, 5.0]) + rng.normal(size=(600, 3)) @ root.T * [1.0, 3.0, 0.5]
    x[rng.random(x.shape) < 0.25] = np.nan
    lavaan, scipy = Referee("lavaan", lavaan_missing, r=True), Referee("scipy", scipy_missing)
    saddle = "from all of its starts it goes to the saddle, where the correlation is zero"
    for label, data, referees in (
        ("example", example("multivariate-normal-missing"), (lavaan, scipy)),
        ("murray.csv", {"x": table("murray", 0, 1)}, (replace(lavaan, reason=saddle), scipy)),
        ("simulated, 25 % missing", {"x": x}, (lavaan, scipy)),
    ):
        yield Case("multivariate-normal-missing", label, len(data["x"]), data, referees)


def cases():
    yield from _missing()
    yield from _factors()
    yield from _components()
