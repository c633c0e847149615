"""The observed view, and the number of categories of latents."""

import numpy as np
import pymc as pm
import pytest
from pytensor.graph.basic import Constant
from pytensor.graph.traversal import ancestors

import latentfit
from latentfit.bayes.views import category_counts, observed_view
from latentfit.declaration import declare
from latentfit.errors import DeclarationError


def test_childless_latent_is_removed(one_missing_time):
    _, density = one_missing_time
    assert [rv.name for rv in density.view.free_RVs] == ["theta"]
    value, score = density.log_likelihood(density.space.unconstrain({"theta": 0.3}))
    assert value == pytest.approx(np.log(0.3) - 5 * 0.3, rel=1e-14)
    assert score[0] == pytest.approx(1 - 5 * 0.3, rel=1e-14)


def test_error_names_the_latent_that_no_strategy_marginalises():
    def counted_angles(k):
        with pm.Model() as model:
            shape = pm.Gamma("shape", 2, 1)
            rate = pm.VonMises("rate", 0, shape, shape=len(k))
            pm.Poisson("k", np.pi + rate, observed=k)
        return model

    declaration = declare(counted_angles, ("rate",), {"k": np.array([1, 2, 3])}, {})
    with pytest.raises(DeclarationError, match="cannot integrate rate out"):
        observed_view(declaration)


def test_categories_are_counted_for_discrete_latents_only(two_components, one_missing_time):
    assert category_counts(two_components[1]) == {"z": 2}
    assert category_counts(one_missing_time[0]) == {}


@pytest.mark.slow
def test_constants_have_memory_of_their_own():
    """A constant that is a view of a read-only array makes SciPy's samplers fail."""
    view = latentfit.load("linear-mixed").reference().density.view
    constants = [node for node in ancestors(view.basic_RVs) if isinstance(node, Constant)]
    assert constants
    assert all(getattr(node.data, "base", None) is None for node in constants)
