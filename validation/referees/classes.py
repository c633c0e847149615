"""Latent classes of respondents."""

import numpy as np

from ._case import STARTS, Case, Estimate, Referee, example
from ._r import estimate_of, rscript, soft


def _stepmix(case, measurement, start):
    from stepmix import StepMix

    codes = [np.unique(column, return_inverse=True)[1] for column in case.data["x"].T]
    x = np.column_stack(codes)
    sizes = x.max(axis=0) + 1
    # It accepts no starting values, but only a seed.
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
    return Estimate(mixture.score(x) * len(x), params)


def stepmix_classes(case, start):
    return _stepmix(case, "categorical", start)


def stepmix_bernoulli(case, start):
    return _stepmix(case, "bernoulli", start)


def flexmix_bernoulli(case, start):
    script = """
x <- get("x")
control <- list(iter.max = 50000, minprior = 0, tolerance = 1e-15)
best(function() {
  fit <- flexmix(x ~ 1, k = k, cluster = z, model = FLXMCmvbinary(), control = control)
  list(log_likelihood = logLik(fit), w = prior(fit), p = parameters(fit))
})
"""
    found = rscript("flexmix", script, case.data, case.size, soft(case, start))
    end = estimate_of(found, w=(case.size,), p=(case.data["x"].shape[1], case.size))
    p = end.params["p"].T
    return Estimate(end.log_likelihood, {"w": end.params["w"], "p2": np.stack([1 - p, p], axis=-1)})


_STEPMIX_CLASSES = Referee("stepmix", stepmix_classes, restarts=False, variant="categorical")

_BINARY_CLASSES = (
    Referee("stepmix", stepmix_bernoulli, restarts=False, variant="Bernoulli"),
    Referee("flexmix", flexmix_bernoulli, r=True),
)


def cases():
    rng = np.random.default_rng(6)
    z = rng.choice(3, 3000, p=[0.5, 0.3, 0.2])
    yes = np.array([[0.9] * 8, [0.2] * 4 + [0.8] * 4, [0.15] * 8])
    binary = rng.random((3000, 8)) < yes[z]
    items = []
    for size in (2, 2, 3, 3, 4, 5):
        # The classes have different typical answers if there are enough answers.
        p = 0.3 / size + 0.7 * np.eye(size)[np.arange(3) % size]
        items.append((rng.random((3000, 1)) > np.cumsum(p, axis=1)[z, :-1]).sum(axis=1))
    several = np.column_stack(items)
    for label, x, K, referees in (
        ("example", example("latent-class")["x"], 2, (_STEPMIX_CLASSES, *_BINARY_CLASSES)),
        ("simulated, two answers", binary, 3, (_STEPMIX_CLASSES, *_BINARY_CLASSES)),
        ("simulated, two to five answers", several, 3, (_STEPMIX_CLASSES,)),
    ):
        data = {"x": x.astype(float)}
        yield Case("latent-class", label, len(x), data, referees, {"classes": K})
