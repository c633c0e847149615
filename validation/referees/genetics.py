"""Models of genetics that VGAM has as families."""

from dataclasses import replace

import numpy as np

from ._case import Case, Referee, example
from ._r import VGLM, estimate_of, rscript

# VGAM includes the number of orders of the individuals; the models take one order.
_IN_TURN = "logLik(fit) - lgamma(sum(n) + 1) + sum(lgamma(n + 1))"


def vgam_blood_groups(case, start):
    script = f"""
n <- get("count")[, 1]
best(function() {{
  fit <- vglm(t(n) ~ 1, ABO(), {VGLM})
  p <- plogis(coef(fit))
  list(log_likelihood = {_IN_TURN}, p = c(p, 1 - sum(p)))
}}, 1)
"""
    # The order is A, B, AB, O, as in VGAM.
    return estimate_of(rscript("VGAM", script, case.data), p=(3,))


def vgam_linkage(case, start):
    script = f"""
n <- get("counts")[, 1]
best(function() {{
  fit <- vglm(t(n) ~ 1, AB.Ab.aB.ab(), {VGLM})
  list(log_likelihood = {_IN_TURN}, theta = plogis(coef(fit)[[1]])^2)
}}, 1)
"""
    return estimate_of(rscript("VGAM", script, case.data), theta=())


def _by_group(rows):
    """The counts in the order of VGAM: A, B, AB, O."""

    def fit(case, start):
        return vgam_blood_groups(replace(case, data={"count": case.data["count"][rows]}), start)

    return fit


def cases():
    rng = np.random.default_rng(10)
    blood = example("allele-frequencies")
    a, b, o = 0.27, 0.08, 0.65
    groups = rng.multinomial(20_000, [a * (a + 2 * o), b * (b + 2 * o), 2 * a * b, o * o])
    order = blood["table"].argmax(axis=0)
    # Genotypes are in the order AA, AB, AO, BB, BO, OO, and the numbers are those of their groups.
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
        ("example", example("genetic-linkage")),
        ("simulated", {"counts": counts}),
    ):
        yield Case("genetic-linkage", label, int(data["counts"].sum()), data, referees)
