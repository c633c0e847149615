"""Quantities on which known mistakes are tried, without a model and without PyMC's views."""

from types import SimpleNamespace

import numpy as np
from scipy.special import softmax

from latentfit.check.examination import TrialPoint
from latentfit.check.mistakes import QMaximisers, explain_entry, explain_parameter


def explain_theta(given, expected, old=None, **data):
    """Return the known mistake that explains an M step's value of a parameter, theta.

    Parameters
    ----------
    given, expected : sequence of array_like
        What the M step returned, and the maximiser of Q, one for each trial point.
    old : array_like, optional
        The value before the M step.
    **data
        What the steps are given.

    Returns
    -------
    Explanation or None
    """
    complete = SimpleNamespace(
        exact=False,
        discrete=False,
        categories={},
        chain=None,
        joint=None,
        maximise=lambda *_, **__: SimpleNamespace(reached=False),
    )
    examination = SimpleNamespace(complete=complete, data=data, parameter_slices={})
    params = {} if old is None else {"theta": np.asarray(old, float)}
    maximisers = [
        QMaximisers(
            examination,
            TrialPoint("start", params, np.zeros(1), {}, {}),
            np.zeros(1),
            {"theta": np.asarray(value, float)},
        )
        for value in expected
    ]
    return explain_parameter("theta", maximisers, [np.asarray(value, float) for value in given])


class Mixture:
    """A mixture with one or more categorical latents, as an `Examination` has it.

    Parameters
    ----------
    *latents : str
        Names of latents with three categories.
    size : int
        Number of observations.
    expectations : dict, optional
        ``{entry: function of {latent: posterior probabilities}}``: statistics of the E step.
    """

    def __init__(self, *latents, size=7, expectations=None):
        rng = np.random.default_rng(3)
        self.data = {}
        self.expectations = expectations or {}
        self.log_prior = {z: np.log(softmax(rng.normal(size=(1, 3)), axis=1)) for z in latents}
        self.log_joint = {z: self.log_prior[z] + rng.normal(size=(size, 3)) for z in latents}
        self.density = SimpleNamespace(
            space=SimpleNamespace(parameters=(), constrain=lambda point: {})
        )
        self.complete = SimpleNamespace(
            exact=True,
            discrete=True,
            categories=dict.fromkeys(latents, np.arange(3)),
            chain=None,
            latents=latents,
            joint=lambda point: {z: (self.log_joint[z], self.log_prior[z]) for z in latents},
            additive=lambda function, statistics: function,
            mean=lambda function, statistics: function(statistics),
        )

    def explain(self, name, value):
        """Return the hint for an entry of the E step; None if no known mistake explains it.

        Parameters
        ----------
        name : str
            A latent, or a key of `expectations`.
        value : callable
            From the right posterior probabilities ``{latent: (size, 3)}`` to what the E step
            returned.
        """
        r = {z: softmax(joint, axis=1) for z, joint in self.log_joint.items()}
        expected = r | {entry: function(r) for entry, function in self.expectations.items()}
        trial = TrialPoint("start", {}, np.zeros(1), r, expected)
        explanation = explain_entry(self, name, [trial], [value(r)])
        return explanation.hint if explanation else None


def explain_mean_of_missing(given, data=(), name="y_unobserved"):
    """Return the hint for three conditional means of missing values, which should be 2.

    Parameters
    ----------
    given : float
        What the E step returned for all three.
    data : sequence of float
        The values of y, NaN where they are missing.
    name : str
        The entry.
    """
    expected = np.full(3, 2.0)
    examination = SimpleNamespace(
        complete=SimpleNamespace(exact=True, discrete=False, categories={}, latents=(name,)),
        expectations={},
        data={"y": np.ma.masked_invalid(data)},
    )
    trial = TrialPoint("start", {}, np.zeros(1), {}, {name: expected})
    explanation = explain_entry(examination, name, [trial], [np.full(3, given)])
    return explanation.hint if explanation else None
