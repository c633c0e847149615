"""Answers to items: the Rasch model and the two-parameter logistic model."""

import numpy as np

from ._case import Case, Estimate, Referee, best, example, table
from ._r import estimate_of, rscript


def lme4_rasch(case, start):
    script = """
y <- get("y"); n <- nrow(y); J <- ncol(y)
person <- factor(rep(1:n, J)); item <- factor(rep(1:J, each = n)); y <- as.vector(y)
best(function() {
  fit <- glmer(y ~ 0 + item + (1 | person), NULL, binomial, nAGQ = 50,
    control = glmerControl(optimizer = "bobyqa", calc.derivs = FALSE, tolPwrss = 1e-13,
      optCtrl = list(rhobeg = 0.2, rhoend = 1e-8, maxfun = 100000)))
  list(log_likelihood = logLik(fit), a = getME(fit, "theta"), c = fixef(fit))
}, 1)
"""
    found = rscript("lme4", script, case.data)
    return estimate_of(found, a=(), c=(case.data["y"].shape[1],))


def scipy_logistic(case, start):
    """Sums over answer patterns and 81 Gauss-Hermite nodes, maximised by BFGS."""
    from scipy.optimize import minimize
    from scipy.special import log_expit, logsumexp, roots_hermitenorm

    patterns, count = np.unique(case.data["y"], axis=0, return_counts=True)
    J = patterns.shape[1]
    nodes, weights = roots_hermitenorm(81)
    log_weights = np.log(weights / np.sum(weights))
    sign = 2 * patterns - 1

    def terms(p):
        logit = p[-J:] + np.multiply.outer(nodes, np.broadcast_to(p[:-J], J))
        signed = sign[:, None, :] * logit
        joint = log_expit(signed).sum(axis=-1) + log_weights
        return signed, joint, logsumexp(joint, axis=1)

    def loss(p):
        signed, joint, total = terms(p)
        weight = count[:, None] * np.exp(joint - total[:, None])
        slope = weight[..., None] * sign[:, None, :] * np.exp(log_expit(-signed))
        a = np.sum(slope * nodes[:, None], axis=(0, 1))
        slopes = np.append(a if len(p) == 2 * J else np.sum(a), np.sum(slope, axis=(0, 1)))
        return -count @ total, -slopes

    def once(seed):
        rng = np.random.default_rng(seed)
        many = J if case.options["two_parameter"] else 1
        begin = np.append(rng.uniform(0.5, 1.5, many), np.zeros(J))
        if start is not None:
            begin = np.append(start["a"], start["c"])
        found = minimize(loss, begin, jac=True, method="BFGS", options={"gtol": 1e-8}).x
        # Of the two signs, the one with which larger abilities solve more items.
        a = found[:-J] * np.sign(np.sum(found[:-J]))
        params = {"a": a if many > 1 else a[0], "c": found[-J:]}
        return Estimate(-loss(found)[0], params)

    return best(once) if start is None else once(0)


_RASCH = Referee("lme4", lme4_rasch, r=True, restarts=False)
_LOGISTIC = Referee("scipy", scipy_logistic)


def cases():
    rng = np.random.default_rng(22)
    a, c = np.array([0.6, 0.9, 1.2, 1.5, 1.8, 2.2]), np.array([1.5, 0.8, 0.3, -0.2, -0.9, -1.6])
    p = 1 / (1 + np.exp(-(c + a * rng.normal(size=(800, 1)))))
    simulated = (rng.random(p.shape) < p).astype(float)
    for label, y in (
        ("example", example("item-response")["y"]),
        ("lsat-6.csv", table("lsat-6", *range(5))),
        ("lsat-7.csv", table("lsat-7", *range(5))),
        ("simulated", simulated),
    ):
        for two, referees in ((False, (_RASCH, _LOGISTIC)), (True, (_LOGISTIC,))):
            yield Case("item-response", label, len(y), {"y": y}, referees, {"two_parameter": two})
