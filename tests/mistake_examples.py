"""Quantities on which known mistakes are tried, without a model and without PyMC's views."""

from types import SimpleNamespace

import numpy as np
from scipy.special import softmax

from latentfit.check.examination import TrialPoint
from latentfit.check.mistakes import QMaximisers, explain_entry, explain_parameter

# Values of a parameter that maximise Q at three θ', and its values in these θ'.
RIGHT = np.array([[0.3, 0.7, 1.9], [0.4, 0.9, 1.2], [0.6, 0.5, 2.3]])
OLD = np.array([[5.0, 6.0, 7.0], [4.0, 8.0, 3.0], [6.0, 2.0, 9.0]])


def explain_theta(mistake, right=RIGHT, old=OLD, **data):
    """Return the known mistake that explains an M step's value of a parameter, theta.

    Parameters
    ----------
    mistake : callable
        From the maximiser of Q and the value before the M step to what the M step returns.
    right, old : array_like
        The maximisers of Q, and the values before the M step, with trial points along the first
        axis.
    **data
        What the steps are given.

    Returns
    -------
    Explanation or None
    """
    complete = SimpleNamespace(exact=False, discrete=False, categories={}, chain=None, joint=None)
    examination = SimpleNamespace(
        complete=complete,
        data=data,
        parameter_slices={},
        density=SimpleNamespace(space=SimpleNamespace(parameters=(), constrain=lambda point: {})),
        q_hessian=lambda trial: lambda point: np.zeros((0, 0)),
    )
    right, old = np.asarray(right, float), np.asarray(old, float)
    maximisers = [
        QMaximisers(
            examination,
            TrialPoint("trial", {"theta": before}, np.array([float(number)]), {}, {}),
            np.zeros(0),
            {"theta": value},
        )
        for number, (value, before) in enumerate(zip(right, old, strict=False))
    ]
    given = [np.asarray(mistake(*pair), float) for pair in zip(right, old, strict=False)]
    return explain_parameter("theta", maximisers, given)


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
        self.data = {}
        self.latents = latents
        self.size = size
        self.expectations = expectations or {}
        self.with_prior = False
        self.density = SimpleNamespace(
            space=SimpleNamespace(parameters=(), constrain=lambda point: {})
        )
        self.complete = SimpleNamespace(
            exact=True,
            discrete=True,
            categories=dict.fromkeys(latents, np.arange(3)),
            chain=None,
            latents=latents,
            joint=lambda point: self.log_joint_and_prior(point),
            additive=lambda function, statistics: function,
            mean=lambda function, statistics: function(statistics),
            maximise=lambda *_, **__: SimpleNamespace(reached=False),
        )

    def log_joint_and_prior(self, point):
        """Return ``{latent: (log p(x, z = k), log p(z = k))}`` at one of the trial points."""
        rng = np.random.default_rng(int(point[0]))
        log_prior = {z: np.log(softmax(rng.normal(size=(1, 3)), axis=1)) for z in self.latents}
        return {
            z: (log_prior[z] + rng.normal(size=(self.size, 3)), log_prior[z]) for z in log_prior
        }

    def explain(self, name, value):
        """Return the hint for an entry of the E step; None if no known mistake explains it.

        Parameters
        ----------
        name : str
            A latent, or a key of `expectations`.
        value : callable
            From log p(x, z = k), log p(z = k) and the right posterior probabilities of all latents
            to what the E step returns.
        """
        trials, given = [], []
        for number in range(3):
            point = np.array([float(number)])
            terms = self.log_joint_and_prior(point)
            joint = {z: one for z, (one, _) in terms.items()}
            prior = {z: one for z, (_, one) in terms.items()}
            r = {z: softmax(one, axis=1) for z, one in joint.items()}
            expected = r | {entry: function(r) for entry, function in self.expectations.items()}
            trials.append(TrialPoint("trial", {}, point, r, expected))
            given.append(np.asarray(value(joint, prior, r), float))
        explanation = explain_entry(self, name, trials, given)
        return explanation.hint if explanation else None


def explain_mean_of_missing(mistake, data=(), name="y_unobserved", **params):
    """Return the hint for three conditional means of missing values; None if there is none.

    Parameters
    ----------
    mistake : callable
        From the right mean, 2, 3 or 5, to what the E step returns for all three.
    data : sequence of float
        The values of y, NaN where they are missing.
    name : str
        The entry.
    **params
        Values of parameters at the three trial points.
    """
    examination = SimpleNamespace(
        complete=SimpleNamespace(
            exact=True,
            discrete=False,
            categories={},
            latents=(name,),
            maximise=lambda *_, **__: SimpleNamespace(reached=False),
        ),
        expectations={},
        with_prior=False,
        data={"y": np.ma.masked_invalid(data)},
        density=SimpleNamespace(space=SimpleNamespace(parameters=(), constrain=lambda point: {})),
    )
    trials, given = [], []
    for number, mean in enumerate((2.0, 3.0, 5.0)):
        own = {key: np.asarray(values[number], float) for key, values in params.items()}
        expected = {name: np.full(3, mean)}
        trials.append(TrialPoint("trial", own, np.array([float(number)]), {}, expected))
        given.append(np.full(3, float(mistake(mean))))
    explanation = explain_entry(examination, name, trials, given)
    return explanation.hint if explanation else None
