"""The graph of a declaration is drawn without draws from its priors."""

import numpy as np
import pymc as pm

from latentfit.report.graph import draw_graph


def test_priors_that_cannot_be_drawn_from():
    with pm.Model(coords={"group": range(6)}) as model:
        mean, variance = pm.Flat("mean", shape=3), pm.HalfFlat("variance")
        noise = pm.InverseGamma("noise", 0.001, 0.001)
        b = pm.Normal("b", mean.sum(), tau=1 / variance, dims="group")
        pm.Normal("y", b, tau=1 / noise, observed=np.zeros(6))
    picture = draw_graph(model, ("b",))
    assert "b depends on mean, variance" in picture.alt
