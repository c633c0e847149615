"""The log-likelihood where latentfit's EM ends, beside that of independent implementations.

Referees are programs that others wrote: scikit-learn, hmmlearn and StepMix, and mclust, mixtools,
flexmix, pscl, VGAM and MASS, each of which runs in an ``Rscript`` of its own. They start from
starting values of their own, with convergence tolerances close to rounding error and without
regularisation. One that is not installed is skipped, which the report says.

Where log-likelihoods differ by more than a millionth, each is sent on from where the other ended:
the referee from latentfit's estimate, and EM from the referee's. The difference is explained if
latentfit is the higher and neither goes beyond it. Any other is a failure, exit status 1.

Five models have no package made for them, or none here. hmmlearn fits them in disguise:
coins, tables with missing categories, and observers' errors are hidden Markov models of which a
part is held fixed. VGAM knows the other two by the names that geneticists give them.
"""

import argparse
import json
import logging
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from math import lgamma
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import latentfit
from latentfit import em

TOLERANCE = 1e-6
STARTS = 5
ROOT = Path(__file__).parent.parent
TABLES = ROOT / "models" / "data"


@dataclass(frozen=True)
class End:
    """Where a referee ended: the height that it reports, and its estimate under our names."""

    height: float
    params: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Referee:
    """``fit(case, start)``; the start is latentfit's estimate, or None for one of its own."""

    package: str
    fit: Callable[["Case", Mapping[str, np.ndarray] | None], End]
    r: bool = False
    # Why its estimate is not the maximum of the likelihood, where that is so by design.
    reason: str = ""
    # Which of a package's models, where two of them are asked.
    variant: str = ""
    # Whether it can be told where to start.
    restarts: bool = True

    @property
    def name(self) -> str:
        return f"{self.package} {_version(self.package, self.r)}" + (
            f", {self.variant}" if self.variant else ""
        )


@dataclass(frozen=True)
class Case:
    model: str
    label: str
    n: int
    data: Mapping[str, np.ndarray]
    referees: Sequence[Referee]
    options: Mapping[str, Any] = field(default_factory=dict)
    starts: int = STARTS

    @property
    def size(self) -> int:
        """How many components, classes or states."""
        return next(
            (
                self.options[name]
                for name in ("components", "classes", "states")
                if name in self.options
            ),
            2,
        )


# Referees in Python.


def _best(once: Callable[[int], End], times: int = STARTS) -> End:
    """The highest of several ends; a start from which the referee fails is none."""
    ends = []
    for seed in range(times):
        try:
            ends.append(once(seed))
        except (ValueError, FloatingPointError, np.linalg.LinAlgError) as error:
            failure = error
    ends = [end for end in ends if np.isfinite(end.height)]
    if not ends:
        raise failure
    return max(ends, key=lambda end: end.height)


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
        return End(mixture.score(table) * len(table), params)

    return _best(once) if start is None else once(0)


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


def _climb(machine, x, lengths):
    """Fitted by hmmlearn, and the log-likelihood there."""
    machine.fit(x, lengths)
    return machine.score(x, lengths)


# hmmlearn stops where an iteration gains less than this, in nats.
_HMM = {"tol": 1e-10, "n_iter": 5000, "implementation": "scaling"}


def hmmlearn_markov(case, start):
    from hmmlearn import hmm

    emission, estimated = case.options["emission"], case.options.get("start") == "estimated"
    x = case.data["x"]
    X, lengths = x.T.reshape(-1, 1), [len(x)] * (x.size // len(x))
    code, kind, more = {
        "poisson": ("l", hmm.PoissonHMM, {}),
        "gaussian": ("mc", hmm.GaussianHMM, {"covars_prior": 0, "min_covar": 0}),
        "categorical": ("e", hmm.CategoricalHMM, {}),
    }[emission]
    if emission != "gaussian":
        X = X.astype(int)

    def once(seed):
        updated = ("s" if estimated else "") + "t" + code
        machine = kind(
            case.size,
            random_state=seed,
            params=updated,
            init_params=updated if start is None else "",
            **_HMM,
            **more,
        )
        if not estimated:
            machine.startprob_ = np.full(case.size, 1 / case.size)
        if start is not None:
            _set_markov(machine, start, estimated)
        elif emission == "gaussian":
            # Its own are the same for every seed: the means of k-means, one common variance.
            rng = np.random.default_rng(seed)
            machine.init_params = machine.init_params.replace("m", "")
            machine.means_ = rng.choice(X, case.size, replace=False)
        height = _climb(machine, X, lengths)
        params = {"P": machine.transmat_}
        if estimated:
            params["start"] = machine.startprob_
        if emission == "poisson":
            params["lam"] = machine.lambdas_[:, 0]
        elif emission == "gaussian":
            params["mu"] = machine.means_[:, 0]
            params["sigma"] = np.sqrt(machine.covars_[:, 0, 0])
        else:
            params["B"] = machine.emissionprob_
        return End(height, params)

    return _best(once, case.starts) if start is None else once(0)


def _set_markov(machine, start, estimated):
    machine.transmat_ = start["P"]
    if estimated:
        machine.startprob_ = start["start"]
    if "lam" in start:
        machine.lambdas_ = start["lam"][:, None]
    elif "mu" in start:
        machine.means_, machine.n_features = start["mu"][:, None], 1
        machine.covars_ = start["sigma"][:, None] ** 2
    else:
        machine.emissionprob_ = start["B"]


def hmmlearn_coins(case, start):
    """A coin is a state that is never left; a set of tosses is a sequence."""
    from hmmlearn.hmm import CategoricalHMM

    heads, tosses = (case.data[name].astype(int) for name in ("heads", "tosses"))
    shown = [np.repeat([1, 0], (h, m - h)) for h, m in zip(heads, tosses, strict=True)]
    X = np.concatenate(shown)[:, None]
    # A sequence is one order of its heads and tails.
    ways = sum(
        lgamma(m + 1) - lgamma(h + 1) - lgamma(m - h + 1)
        for h, m in zip(heads, tosses, strict=True)
    )

    def once(seed):
        theta = (
            np.random.default_rng(seed).uniform(0.1, 0.9, 2) if start is None else start["theta"]
        )
        machine = CategoricalHMM(2, params="e", init_params="", **_HMM)
        machine.startprob_, machine.transmat_ = np.full(2, 0.5), np.eye(2)
        machine.emissionprob_ = np.column_stack([1 - theta, theta])
        height = _climb(machine, X, tosses)
        return End(height + ways, {"theta": machine.emissionprob_[:, 1]})

    return _best(once) if start is None else once(0)


def hmmlearn_table(case, start):
    """A cell is a state; what was recorded of an individual is a sequence of one symbol.

    Every cell can be recorded in four ways, in full, by its row, by its column or not at all.
    With a probability of 1/4 each, whatever the cell, they are missing at random.
    """
    from hmmlearn.hmm import CategoricalHMM

    row, column, count = (case.data[name] for name in ("row", "column", "count"))
    rows, columns = (np.unique(values[~np.isnan(values)]) for values in (row, column))
    patterns = [(r, c) for r in (None, *rows) for c in (None, *columns)]
    emission = np.array(
        [
            [0.25 * (r in (None, i) and c in (None, j)) for r, c in patterns]
            for i in rows
            for j in columns
        ]
    )

    def code(r, c):
        return patterns.index((None if np.isnan(r) else r, None if np.isnan(c) else c))

    codes = [code(r, c) for r, c in zip(row, column, strict=True)]
    X = np.repeat(codes, count.astype(int))[:, None]

    def once(seed):
        cells = len(rows) * len(columns)
        p = np.random.default_rng(seed).dirichlet(np.full(cells, 2.0))
        machine = CategoricalHMM(cells, params="s", init_params="", **_HMM)
        machine.startprob_ = p if start is None else start["p"].ravel()
        machine.transmat_, machine.emissionprob_ = np.eye(cells), emission
        height = _climb(machine, X, np.ones(len(X), int))
        params = {"p": machine.startprob_.reshape(len(rows), len(columns))}
        return End(height + len(X) * np.log(4), params)

    return _best(once, 2) if start is None else once(0)


def hmmlearn_observers(case, start):
    """A state is a true class before one of the observers, a patient a sequence of ratings.

    From a class the chain moves between the observers at random and never to another class, and
    a symbol tells who has spoken. The first observer is a doorkeeper who says the same of all,
    so that the probabilities at the start are those of the classes.
    """
    from hmmlearn.hmm import CategoricalHMM

    i, k, y = (
        np.unique(case.data[name], return_inverse=True)[1]
        for name in ("patient", "observer", "rating")
    )
    patients, K, J = i.max() + 1, k.max() + 1, y.max() + 1
    symbols = [np.concatenate([[0], 1 + (J * k + y)[i == one]]) for one in range(patients)]
    X, lengths = np.concatenate(symbols)[:, None], [len(one) for one in symbols]
    # States by observer, the doorkeeper first, and within an observer by class.
    stay = np.kron(np.column_stack([np.zeros(K + 1), np.full((K + 1, K), 1 / K)]), np.eye(J))

    def once(seed):
        rng = np.random.default_rng(seed)
        if start is None:
            p = np.full(J, 1 / J)
            pi = 0.6 * np.eye(J) + 0.4 * rng.dirichlet(np.full(J, 2.0), (K, J))
        else:
            p, pi = start["p"], start["pi"]
        machine = CategoricalHMM((K + 1) * J, params="se", init_params="", **_HMM)
        machine.startprob_ = np.concatenate([p, np.zeros(K * J)])
        machine.transmat_ = stay
        emission = np.zeros(((K + 1) * J, 1 + K * J))
        emission[:J, 0] = 1
        for one in range(K):
            emission[(one + 1) * J : (one + 2) * J, 1 + one * J : 1 + (one + 1) * J] = pi[one]
        machine.emissionprob_ = emission
        height = _climb(machine, X, lengths)
        found = machine.emissionprob_
        rates = [found[(o + 1) * J : (o + 2) * J, 1 + o * J : 1 + (o + 1) * J] for o in range(K)]
        params = {"p": machine.startprob_[:J], "pi": np.array(rates)}
        return End(height + len(y) * np.log(K), params)

    return _best(once, case.starts) if start is None else once(0)


def stepmix_classes(case, start):
    return _stepmix(case, "categorical", start)


def stepmix_bernoulli(case, start):
    return _stepmix(case, "bernoulli", start)


def _stepmix(case, measurement, start):
    from stepmix import StepMix

    codes = [np.unique(column, return_inverse=True)[1] for column in case.data["x"].T]
    x = np.column_stack(codes)
    sizes = x.max(axis=0) + 1
    # Where it starts is not for its user to say; its own seeds are all that there is.
    mixture = StepMix(
        case.size,
        measurement=measurement,
        n_init=STARTS,
        abs_tol=1e-13,
        max_iter=100_000,
        random_state=0,
        progress_bar=0,
    ).fit(x)
    found = mixture.get_parameters()
    p = found["measurement"]["pis"]
    if measurement == "bernoulli":
        p = np.stack([1 - p, p], axis=-1)
    p = p.reshape(case.size, len(sizes), -1)
    params = {f"p{size}": p[:, sizes == size, :size] for size in np.unique(sizes)} | {
        "w": found["weights"]
    }
    return End(mixture.score(x) * len(x), params)


# Referees in R.

_PRELUDE = """
folder <- commandArgs(TRUE)[1]
get <- function(name) {
  path <- file.path(folder, paste0(name, ".csv"))
  if (file.exists(path)) unname(as.matrix(read.csv(path, header = FALSE))) else NULL
}
k <- get("k")[1]
z <- get("z")
best <- function(once, times = 5) {
  found <- NULL
  for (seed in seq_len(if (is.null(z)) times else 1)) {
    set.seed(seed)
    end <- tryCatch(suppressWarnings(once()), error = function(e) NULL)
    if (!is.null(end) && is.finite(end$height) && (is.null(found) || end$height > found$height))
      found <- end
  }
  values <- sapply(found, function(v) paste(sprintf("%.17g", as.vector(v)), collapse = ","))
  writeLines(paste(names(found), values, sep = ","), file.path(folder, "result.csv"))
}
"""


def _r(package, script, data, size=2, start=None):
    """The entries that the script leaves behind, as flat arrays in R's order."""
    given = dict(data) | {"k": size} | ({} if start is None else start)
    with TemporaryDirectory() as folder:
        for name, values in given.items():
            array = np.asarray(values, float)
            table = array.reshape(len(array), -1) if array.ndim else array.reshape(1, 1)
            np.savetxt(Path(folder) / f"{name}.csv", table, delimiter=",", fmt="%.17g")
        program = Path(folder) / "program.R"
        program.write_text(f"suppressMessages(library({package}))\n{_PRELUDE}\n{script}")
        command = ("Rscript", "--vanilla", str(program), folder)
        done = subprocess.run(command, capture_output=True, text=True)
        result = Path(folder) / "result.csv"
        if done.returncode or not result.exists():
            raise RuntimeError(f"{package}: {done.stderr.strip()[-400:]}")
        lines = [line.split(",") for line in result.read_text().splitlines()]
    return {name: np.array(values, float) for name, *values in lines}


def _end(found, **shapes):
    """The height, and arrays of the given shapes from R's, first axis fastest."""
    params = {
        name: found[name].reshape(shape, order="F") if shape else found[name][0]
        for name, shape in shapes.items()
    }
    return End(found["height"][0], params)


def _soft(case, start):
    """An estimate as responsibilities, a start that programs of any parameterisation take."""
    if start is None:
        return None
    z = latentfit.load(case.model).e_step(start, case.data)["z"]
    return {"z": z}


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
  list(height = fit$loglik, w = fit$parameters$pro, mu = t(fit$parameters$mean), spread = {kept})
}}, 1)
"""
    found = _r("mclust", script, case.data, case.size, _soft(case, start))
    K = case.size
    spread = {"VVV": (d, d, K), "EEE": (d, d), "VVI": (K, d), "E": ()}.get(name, (K,))
    end = _end(found, w=(K,), mu=(K,) if d == 1 else (K, d), spread=spread)
    params = dict(end.params)
    value = params.pop("spread")
    params["cov" if name in ("VVV", "EEE") else "sigma"] = (
        np.moveaxis(value, -1, 0) if name == "VVV" else value
    )
    return End(end.height, params)


def mixtools_normal(case, start):
    script = f"""
x <- get("x")[, 1]
w <- get("w")[, 1]; mu <- get("mu")[, 1]; sigma <- get("sigma")[, 1]
best(function() {{
  fit <- normalmixEM(x, w, mu, if (is.null(w)) NULL else rep_len(sigma, k), k = k,
    arbvar = {"FALSE" if case.options.get("covariance") == "tied" else "TRUE"},
    epsilon = 1e-11, maxit = 100000, maxrestarts = 0)
  list(height = fit$loglik, w = fit$lambda, mu = fit$mu, sigma = fit$sigma)
}})
"""
    found = _r("mixtools", script, case.data, case.size, start)
    K = case.size
    tied = case.options.get("covariance") == "tied"
    return _end(found, w=(K,), mu=(K,), sigma=() if tied else (K,))


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
  list(height = fit$loglik, w = fit$lambda, b = fit$beta, sigma = fit$sigma)
})
"""
    found = _r("mixtools", script, case.data, case.size, given)
    return _regressions(found, case.size, x)


def flexmix_regressions(case, start):
    x = np.reshape(case.data["covariates"], (len(case.data["response"]), -1))
    script = """
y <- get("response")[, 1]; x <- get("covariates")
control <- list(iter.max = 20000, minprior = 0, tolerance = 1e-15)
best(function() {
  fit <- flexmix(y ~ x, k = k, cluster = z, control = control)
  p <- parameters(fit)
  list(height = logLik(fit), w = prior(fit), b = p[-nrow(p), ], sigma = p[nrow(p), ])
})
"""
    found = _r("flexmix", script, case.data, case.size, _soft(case, start))
    return _regressions(found, case.size, x)


def _regressions(found, size, x):
    """Intercepts are at the origin there and at the mean here."""
    end = _end(found, w=(size,), b=(1 + x.shape[1], size), sigma=(size,))
    params = dict(end.params)
    intercept, *slopes = params.pop("b")
    beta = np.array(slopes).T
    return End(end.height, params | {"alpha": intercept + beta @ x.mean(axis=0), "beta": beta})


def flexmix_poisson(case, start):
    script = """
x <- get("x")
control <- list(iter.max = 50000, minprior = 0, tolerance = 1e-15)
best(function() {
  fit <- flexmix(x ~ 1, k = k, cluster = z, model = FLXMCmvpois(), control = control)
  list(height = logLik(fit), w = prior(fit), lam = parameters(fit))
}, 3)
"""
    found = _r("flexmix", script, case.data, case.size, _soft(case, start))
    return _end(found, w=(case.size,), lam=(case.size,))


def flexmix_bernoulli(case, start):
    script = """
x <- get("x")
control <- list(iter.max = 50000, minprior = 0, tolerance = 1e-15)
best(function() {
  fit <- flexmix(x ~ 1, k = k, cluster = z, model = FLXMCmvbinary(), control = control)
  list(height = logLik(fit), w = prior(fit), p = parameters(fit))
})
"""
    found = _r("flexmix", script, case.data, case.size, _soft(case, start))
    end = _end(found, w=(case.size,), p=(case.data["x"].shape[1], case.size))
    p = end.params["p"].T
    return End(end.height, {"w": end.params["w"], "p2": np.stack([1 - p, p], axis=-1)})


def pscl_inflated(case, start):
    script = """
y <- get("y")[, 1]
best(function() {
  fit <- zeroinfl(y ~ 1 | 1, control = zeroinfl.control(reltol = 1e-15))
  list(height = fit$loglik, p = plogis(coef(fit)[[2]]), lam = exp(coef(fit)[[1]]))
}, 1)
"""
    return _end(_r("pscl", script, case.data), p=(), lam=())


_VGLM = "epsilon = 1e-14, maxit = 200"


def vgam_inflated(case, start):
    script = f"""
y <- get("y")[, 1]
best(function() {{
  fit <- vglm(y ~ 1, zipoisson(), {_VGLM})
  list(height = logLik(fit), p = plogis(coef(fit)[[1]]), lam = exp(coef(fit)[[2]]))
}}, 1)
"""
    return _end(_r("VGAM", script, case.data), p=(), lam=())


# VGAM counts the orders in which individuals can stand; the models take them in turn.
_IN_TURN = "logLik(fit) - lgamma(sum(n) + 1) + sum(lgamma(n + 1))"


def vgam_blood_groups(case, start):
    script = f"""
n <- get("count")[, 1]
best(function() {{
  fit <- vglm(t(n) ~ 1, ABO(), {_VGLM})
  p <- plogis(coef(fit))
  list(height = {_IN_TURN}, p = c(p, 1 - sum(p)))
}}, 1)
"""
    # A, B, AB, O in VGAM, and here too.
    return _end(_r("VGAM", script, case.data), p=(3,))


def vgam_linkage(case, start):
    script = f"""
n <- get("counts")[, 1]
best(function() {{
  fit <- vglm(t(n) ~ 1, AB.Ab.aB.ab(), {_VGLM})
  list(height = {_IN_TURN}, theta = plogis(coef(fit)[[1]])^2)
}}, 1)
"""
    return _end(_r("VGAM", script, case.data), theta=())


def mass_exponential(case, start):
    script = """
y <- get("y")[, 1]
best(function() {
  fit <- fitdistr(y[!is.na(y)], "exponential")
  list(height = fit$loglik, theta = fit$estimate)
}, 1)
"""
    return _end(_r("MASS", script, case.data), theta=())


# What is refereed.

_SKLEARN_MIXTURE = Referee("scikit-learn", sklearn_mixture)
_MCLUST_MIXTURE = Referee("mclust", mclust_mixture, r=True)
_MIXTOOLS_NORMAL = Referee("mixtools", mixtools_normal, r=True)
_MARKOV = Referee("hmmlearn", hmmlearn_markov)
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
_STEPMIX_CLASSES = Referee("stepmix", stepmix_classes, restarts=False, variant="categorical")
_BINARY_CLASSES = (
    Referee("stepmix", stepmix_bernoulli, restarts=False, variant="Bernoulli"),
    Referee("flexmix", flexmix_bernoulli, r=True),
)


def _table(name, *columns):
    return np.genfromtxt(TABLES / f"{name}.csv", delimiter=",", skip_header=1, usecols=columns)


def cases() -> list[Case]:
    return [
        *_exponential(),
        *_gaussian(),
        *_poisson(),
        *_inflated(),
        *_regression(),
        *_classes(),
        *_markov(),
        *_coins(),
        *_annotators(),
        *_genetics(),
        *_missing(),
    ]


def _example(model):
    return {k: np.asarray(v) for k, v in latentfit.load(model).example_data().items()}


def _exponential():
    rng = np.random.default_rng(1)
    y = rng.exponential(3.0, 20_000)
    y[rng.random(len(y)) < 0.3] = np.nan
    referees = (Referee("MASS", mass_exponential, r=True, restarts=False),)
    for label, data in (
        ("example", _example("exponential-missing")),
        ("simulated, 30 % missing", {"y": y}),
    ):
        yield Case("exponential-missing", label, len(data["y"]), data, referees)


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
    eruptions = _example("gaussian-mixture")["x"]
    for label, x, K, referees, kinds in (
        ("example", eruptions, 2, in_line, ("full", "tied")),
        ("simulated", line, 3, in_line, ("full", "tied")),
        ("faithful.csv", _table("faithful", 0, 1), 2, everybody, _MCLUST),
        ("iris.csv", _table("iris", 0, 1, 2, 3), 3, everybody, _MCLUST),
        ("simulated", space, 3, everybody, _MCLUST),
    ):
        for covariance in kinds:
            options = {"components": K, "covariance": covariance}
            yield Case("gaussian-mixture", label, len(x), {"x": x}, referees, options)


def _poisson():
    rng = np.random.default_rng(3)
    x = rng.poisson(np.take([1.0, 6.0, 15.0], rng.choice(3, 5000, p=[0.3, 0.5, 0.2])))
    referees = (Referee("flexmix", flexmix_poisson, r=True),)
    for label, data, K in (
        ("example", _example("poisson-mixture"), 2),
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
    for label, data in (("example", _example("zero-inflated-poisson")), ("simulated", {"y": y})):
        yield Case("zero-inflated-poisson", label, len(data["y"]), data, referees)


def _regression():
    rng = np.random.default_rng(5)
    z, x = rng.choice(3, 10_000, p=[0.5, 0.3, 0.2]), rng.normal(2.0, 1.5, (10_000, 2))
    lines = np.array([[1.0, 2.0, 0.0], [4.0, -1.0, 1.0], [-6.0, 0.5, -2.0]])[z]
    sigma = np.take([0.8, 0.5, 1.2], z)
    y = rng.normal(lines[:, 0] + np.sum(lines[:, 1:] * x, axis=1), sigma)
    co2 = {"response": _table("co2-gnp", 1), "covariates": _table("co2-gnp", 0)}
    for label, data, K in (
        ("example", _example("mixture-of-regressions"), 2),
        ("co2-gnp.csv", co2, 2),
        ("simulated", {"response": y, "covariates": x}, 3),
    ):
        n, options = len(data["response"]), {"components": K}
        yield Case("mixture-of-regressions", label, n, data, _REGRESSIONS, options)


def _classes():
    rng = np.random.default_rng(6)
    z = rng.choice(3, 3000, p=[0.5, 0.3, 0.2])
    yes = np.array([[0.9] * 8, [0.2] * 4 + [0.8] * 4, [0.15] * 8])
    binary = rng.random((3000, 8)) < yes[z]
    items = []
    for size in (2, 2, 3, 3, 4, 5):
        # Every class has an answer of its own, as far as there are enough.
        p = 0.3 / size + 0.7 * np.eye(size)[np.arange(3) % size]
        items.append((rng.random((3000, 1)) > np.cumsum(p, axis=1)[z, :-1]).sum(axis=1))
    several = np.column_stack(items)
    for label, x, K, referees in (
        ("example", _example("latent-class")["x"], 2, (_STEPMIX_CLASSES, *_BINARY_CLASSES)),
        ("simulated, two answers", binary, 3, (_STEPMIX_CLASSES, *_BINARY_CLASSES)),
        ("simulated, two to five answers", several, 3, (_STEPMIX_CLASSES,)),
    ):
        data = {"x": x.astype(float)}
        yield Case("latent-class", label, len(x), data, referees, {"classes": K})


def _markov():
    rng = np.random.default_rng(7)

    P = np.array([[0.9, 0.07, 0.03], [0.1, 0.8, 0.1], [0.05, 0.15, 0.8]])

    def chain(times, sequences):
        z = np.empty((times, sequences), int)
        z[0] = rng.integers(len(P), size=sequences)
        for t in range(1, times):
            z[t] = (rng.random((sequences, 1)) > np.cumsum(P, axis=1)[z[t - 1], :-1]).sum(axis=1)
        return z

    z = chain(1500, 1)[:, 0]
    gaussian = rng.normal(np.take([-2.0, 0.5, 3.0], z), np.take([0.7, 1.0, 1.4], z))
    B = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.6, 0.2, 0.1], [0.05, 0.15, 0.2, 0.6]])
    z = chain(100, 50)
    symbols = (rng.random((*z.shape, 1)) > np.cumsum(B, axis=1)[z, :-1]).sum(axis=-1)
    counts = rng.poisson(np.take([2.0, 8.0, 20.0], chain(100, 50)))
    quakes, eruptions = _example("hidden-markov")["x"], _table("faithful", 0)
    kinds = np.digitize(quakes, [16, 23])
    for label, x, K, emission, start in (
        ("example", quakes, 2, "poisson", "uniform"),
        ("example", quakes, 3, "poisson", "estimated"),
        ("faithful.csv", eruptions, 2, "gaussian", "estimated"),
        ("example, as below 16, below 23 and above", kinds, 2, "categorical", "uniform"),
        ("simulated, 50 sequences", counts, 3, "poisson", "estimated"),
        ("simulated", gaussian, 3, "gaussian", "uniform"),
        ("simulated, 50 sequences", symbols, 3, "categorical", "estimated"),
    ):
        options = {"states": K, "emission": emission, "start": start}
        data = {"x": x.astype(float)}
        yield Case("hidden-markov", label, x.size, data, (_MARKOV,), options)


def _coins():
    rng = np.random.default_rng(8)
    tosses = rng.integers(10, 21, 1000)
    heads = rng.binomial(tosses, np.take([0.35, 0.7], rng.integers(2, size=1000)))
    simulated = {"heads": heads.astype(float), "tosses": tosses.astype(float)}
    referees = (Referee("hmmlearn", hmmlearn_coins),)
    for label, data in (("example", _example("coins")), ("simulated", simulated)):
        yield Case("coins", label, len(data["heads"]), data, referees)


def _annotators():
    rng = np.random.default_rng(9)
    patient, observer = np.nonzero(rng.random((300, 6)) < 0.7)
    z = rng.choice(3, 300, p=[0.5, 0.3, 0.2])
    rates = 0.6 * np.eye(3) + 0.4 * rng.dirichlet(np.full(3, 2.0), (6, 3))
    p = np.cumsum(rates, axis=-1)[observer, z[patient], :-1]
    rating = (rng.random((len(patient), 1)) > p).sum(axis=1)
    simulated = {"patient": patient, "observer": observer, "rating": rating}
    referees = (Referee("hmmlearn", hmmlearn_observers),)
    for label, data, starts in (
        ("example", _example("annotators"), 50),
        ("simulated, 30 % missing", simulated, STARTS),
    ):
        yield Case("annotators", label, len(data["rating"]), data, referees, starts=starts)


def _genetics():
    rng = np.random.default_rng(10)
    blood = _example("allele-frequencies")
    a, b, o = 0.27, 0.08, 0.65
    groups = rng.multinomial(20_000, [a * (a + 2 * o), b * (b + 2 * o), 2 * a * b, o * o])
    order = blood["table"].argmax(axis=0)
    # Genotypes stand as AA, AB, AO, BB, BO, OO: which row shows which group.
    rows = order[[0, 3, 1, 5]]
    simulated = np.zeros(4)
    simulated[rows] = groups
    for label, count in (("example", blood["count"]), ("simulated", simulated)):
        data = {"count": count, "table": blood["table"]}
        sorted_rows = Referee("VGAM", _by_group(rows), r=True, restarts=False)
        yield Case("allele-frequencies", label, int(count.sum()), data, (sorted_rows,))
    counts = rng.multinomial(20_000, np.array([2.2, 0.8, 0.8, 0.2]) / 4)
    referees = (Referee("VGAM", vgam_linkage, r=True, restarts=False),)
    for label, data in (
        ("example", _example("genetic-linkage")),
        ("simulated", {"counts": counts}),
    ):
        yield Case("genetic-linkage", label, int(data["counts"].sum()), data, referees)


def _by_group(rows):
    """VGAM wants the groups in the order A, B, AB, O."""

    def fit(case, start):
        return vgam_blood_groups(replace(case, data={"count": case.data["count"][rows]}), start)

    return fit


def _missing():
    rng = np.random.default_rng(11)
    p = rng.dirichlet(np.full(12, 3.0))
    cell = rng.choice(12, 2000, p=p)
    row, column = (cell // 4).astype(float), (cell % 4).astype(float)
    row[rng.random(2000) < 0.2] = np.nan
    column[rng.random(2000) < 0.3] = np.nan
    simulated = {"row": row, "column": column, "count": np.ones(2000)}
    referees = (Referee("hmmlearn", hmmlearn_table),)
    for label, data in (
        ("example", _example("missing-categories")),
        ("simulated, 3 by 4", simulated),
    ):
        yield Case("missing-categories", label, int(data["count"].sum()), data, referees)


# Comparison and report.


@dataclass(frozen=True)
class Row:
    """A line of the report, of numbers and strings alone."""

    model: str
    data: str
    options: str
    n: int
    referee: str
    ours: float
    theirs: float
    same: float
    note: str
    passed: bool

    @property
    def difference(self) -> float:
        return _relative(self.ours, self.theirs)


def _relative(one, other):
    return abs(one - other) / abs(one)


def _masked(data):
    """As EM is handed it."""
    return {
        name: np.ma.masked_invalid(values) if np.isnan(values).any() else values
        for name, values in ((name, np.asarray(values)) for name, values in data.items())
    }


def _compare(case: Case, referee: Referee, fit: em.Fit) -> Row:
    model, ours = latentfit.load(case.model), float(fit.best.log_likelihood)
    data, end = _masked(case.data), referee.fit(case, None)
    same = _relative(end.height, float(model.log_likelihood(end.params, data)))
    note, passed = "", fit.converged
    if _relative(ours, end.height) > TOLERANCE:
        note, passed = _sent_on(case, referee, fit, end)
    about = (case.model, case.label, _options(case), case.n, referee.name)
    return Row(*about, ours, end.height, same, note, passed)


def _sent_on(case: Case, referee: Referee, fit: em.Fit, end: End) -> tuple[str, bool]:
    """What becomes of either from where the other ended, and whether that explains it."""
    model, ours = latentfit.load(case.model), float(fit.best.log_likelihood)
    onward = em.run(
        model.e_step,
        model.m_step,
        _masked(case.data),
        end.params,
        log_likelihood=model.log_likelihood,
    ).log_likelihood
    heights = [end.height, onward]
    sent, returned = f"EM from its estimate ends at {onward:.9g}", "it takes no start"
    if referee.restarts:
        heights.append(referee.fit(case, fit.params).height)
        returned = f"sent on from latentfit's estimate, it ends at {heights[-1]:.9g}"
    highest = max(heights) <= ours + TOLERANCE * abs(ours)
    stays = bool(referee.reason) or _relative(heights[-1], ours) <= TOLERANCE
    if not (highest and (stays or not referee.restarts)):
        return f"not explained; {sent}; {returned}", False
    if referee.reason:
        return f"{referee.reason}; {sent}; {returned}", True
    if _relative(onward, end.height) <= TOLERANCE:
        return f"it ended at a lower maximum, and so does EM from there; {returned}", True
    return f"it stopped early; {sent}; {returned}", True


def _r_version() -> str:
    try:
        done = subprocess.run(("Rscript", "--version"), capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return ", R " + (done.stdout + done.stderr).split(" version ")[-1].split()[0]


@cache
def _version(referee_package: str, r: bool) -> str | None:
    if not r:
        try:
            found = version(referee_package)
            import_module({"scikit-learn": "sklearn"}.get(referee_package, referee_package))
        except (PackageNotFoundError, ImportError):
            return None
        return found
    call = f"cat(as.character(packageVersion('{referee_package}')))"
    try:
        done = subprocess.run(("Rscript", "--vanilla", "-e", call), capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def main() -> None:
    parser = argparse.ArgumentParser(description="Log-likelihoods beside those of other programs.")
    parser.add_argument(
        "--model", action="append", help="this model anew, the rows of others as they were"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "referees.md")
    arguments = parser.parse_args()
    logging.getLogger("hmmlearn").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    everything, began = cases(), time.perf_counter()
    order = list(dict.fromkeys(case.model for case in everything))
    record, rows = arguments.out.with_suffix(".json"), []
    if arguments.model and record.exists():
        rows = [Row(**row) for row in json.loads(record.read_text())]
        rows = [row for row in rows if row.model not in arguments.model]
    for case in everything:
        if arguments.model and case.model not in arguments.model:
            continue
        if present := [one for one in case.referees if _version(one.package, one.r)]:
            model = latentfit.load(case.model)
            fit = model.fit(case.data, seed=1, starts=case.starts, **case.options)
        for referee in present:
            row = _compare(case, referee, fit)
            rows.append(row)
            print(
                f"{row.model}, {row.data}, {row.options or 'no options'}: {row.ours:.9g}, "
                f"{row.referee}: {row.theirs:.9g}, {row.difference:.1e} "
                f"{'passed' if row.passed else 'FAILED'} {row.note}",
                flush=True,
            )
    packages = {(one.package, one.r) for case in everything for one in case.referees}
    absent = sorted(package for package, r in packages if _version(package, r) is None)
    for package in absent:
        print(f"skipped: {package} is not installed")
    rows.sort(key=lambda row: order.index(row.model))
    record.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    arguments.out.write_text(_report(rows, absent))
    print(f"{len(rows)} rows, {time.perf_counter() - began:.0f} s: {arguments.out}")
    sys.exit(not all(row.passed for row in rows))


def _options(case):
    return ", ".join(f"{name}={value}" for name, value in case.options.items())


def _report(rows: Sequence[Row], absent) -> str:
    agreeing = [row for row in rows if row.difference <= TOLERANCE]
    explained = [row for row in rows if row.difference > TOLERANCE and row.passed]
    failed = [row for row in rows if not row.passed]
    lines = [
        "# Independent referees",
        "",
        "The log-likelihood where latentfit's EM ends, beside the one that an independent "
        "implementation reaches from starting values of its own. `make referees` writes this page.",
        "",
        f"Of {len(rows)} comparisons {len(agreeing)} agree to a relative difference of "
        f"{TOLERANCE:g}, {len(explained)} differ and are explained, {len(failed)} fail. "
        "*At the same θ* is the relative difference of the two log-likelihood functions at the "
        "referee's estimate.",
        "",
        f"latentfit {latentfit.__version__}, NumPy {np.__version__}{_r_version()}.",
        "",
        *(f"Skipped, not installed: {package}.\n" for package in absent),
        "| model | data | options | n | referee | latentfit | referee's | relative difference "
        "| at the same θ | note |",
        "|---|---|---|--:|---|--:|--:|--:|--:|---|",
    ]
    notes: dict[str, int] = {}
    for row in rows:
        mark = ""
        if row.note:
            mark = str(notes.setdefault(row.note, len(notes) + 1))
        cells = (
            row.model,
            row.data,
            row.options,
            str(row.n),
            row.referee,
            f"{row.ours:.9g}",
            f"{row.theirs:.9g}",
            f"{row.difference:.1e}",
            f"{row.same:.1e}",
            mark,
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *(f"{number}. {note}." for note, number in notes.items())]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    main()
