"""Hints for derivations with one mistake, from the declaration of a model in the catalogue.

The steps are called at the generic trial points at which the check confirms hints. EM is not run.
"""

import numpy as np
from mutants import TRUTHS

import latentfit
from latentfit.check import reference
from latentfit.check._hint_points import HintPoints
from latentfit.check._trial_points import examination_of
from latentfit.check._updates import update_at
from latentfit.check.mistakes import CONFIRMATIONS, QMaximisers, explain_entry, explain_parameter
from latentfit.workflow.bound_model import bind
from latentfit.workflow.check import derivation_of


class HintedDerivation:
    """The right derivation of a model, on the data of its mutants.

    Parameters
    ----------
    model : str
        Name in the catalogue.
    """

    def __init__(self, model):
        truth = TRUTHS[model]
        bound = bind(latentfit.load(model), dict(truth.data), dict(truth.options))
        derivation = derivation_of(bound, list(truth.trials))
        self.examination = examination_of(derivation, reference(bound.declaration), 1, 10.0)
        self.data = self.examination.data
        self.trials = HintPoints(self.examination, 10.0).trials[:CONFIRMATIONS]

    def hint_of_entry(self, name, values):
        """Return the hint for an entry of the E step; None if there is none.

        Parameters
        ----------
        name : str
        values : sequence of ndarray
            What the E step returns at each trial point.
        """
        explanation = explain_entry(self.examination, name, self.trials, values)
        return explanation.hint if explanation else None

    def hint_of_parameter(self, name, values):
        """Return the hint for a parameter that the M step returns; None if there is none.

        Parameters
        ----------
        name : str
        values : sequence of ndarray
            What the M step returns at each trial point. All other parameters are right, unless a
            value is a mapping with more of them.
        """
        given = [
            {**right, **(value if isinstance(value, dict) else {name: value})}
            for right, value in zip(self.right_params, values, strict=True)
        ]
        updates = [
            update_at(self.examination, trial, params)
            for trial, params in zip(self.trials, given, strict=True)
        ]
        maximisers = [
            QMaximisers(self.examination, one.trial, one.maximum.point, one.expected, one.point)
            for one in updates
        ]
        explanation = explain_parameter(name, maximisers, [one.given[name] for one in updates])
        return explanation.hint if explanation else None

    @property
    def right_params(self):
        """What the right M step returns at each trial point."""
        return [
            {
                name: np.asarray(value, float)
                for name, value in self.examination.m_step(
                    dict(trial.expected), self.data, trial.params
                ).items()
            }
            for trial in self.trials
        ]
