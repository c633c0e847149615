"""What the prediction of a known mistake may use, computed when it is first asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from latentfit.bayes.complete_data import Statistics, pairs_key
from latentfit.bayes.views import MarkovChainTerms
from latentfit.check.closeness import close
from latentfit.check.examination import Examination, TrialPoint
from latentfit.check.mistakes._counts import counts_of
from latentfit.check.mistakes._maximisers import QMaximisers
from latentfit.declaration import Params
from latentfit.errors import DeclarationError

# The kinds of quantity to which a known mistake can apply.
Quantity = Literal[
    "categorical latent",  # E step: a discrete latent whose entries are independent given the data
    "Markov chain",  # E step: a discrete latent that is a Markov chain
    "discrete latent",  # E step: either of the two
    "continuous latent",  # E step: the conditional mean of a continuous latent, or a function of it
    "statistic",  # E step: an entry that the derivation declares in `expectations`
    "entry",  # E step: any entry whose exact expectation is known
    "parameter",  # M step: any parameter
    "transition matrix",  # M step: a parameter of a Markov chain, one row and column for each state
]


@dataclass(frozen=True)
class MistakeContext:
    """One quantity at one trial point, and what the declaration knows about it.

    Attributes
    ----------
    step : {"E", "M"}
    examination : Examination
    trial : TrialPoint
    name : str
        The entry of the E step, or the parameter.
    expected : ndarray
        Its right value.
    given : ndarray
        What the step returned. A prediction may find a constant from it, which has to stand in the
        hint: the hint then holds only if the constant is the same at all trial points.
    latent : str or None
        E step, discrete latents: the latent whose posterior probabilities are mistaken. It is the
        entry itself, or a latent that the statistic depends on.
    maximisers : QMaximisers or None
        M step: the maximiser of Q and of variants of Q, for all parameters.
    """

    step: Literal["E", "M"]
    examination: Examination
    trial: TrialPoint
    name: str
    expected: np.ndarray
    given: np.ndarray
    latent: str | None = None
    maximisers: QMaximisers | None = None

    @cached_property
    def quantities(self) -> frozenset[Quantity]:
        """The kinds of quantity that this one is."""
        return frozenset(self._parameter_kinds() if self.step == "M" else self._entry_kinds())

    def _parameter_kinds(self) -> set[Quantity]:
        kinds: set[Quantity] = {"parameter"}
        if self.transitions is not None and self.expected.shape == self.transitions.shape:
            kinds.add("transition matrix")
        return kinds

    def _entry_kinds(self) -> set[Quantity]:
        complete, kinds = self.examination.complete, set[Quantity]()
        if not complete.exact:
            return kinds
        kinds.add("entry")
        if not complete.discrete:
            kinds.add("continuous latent")
        elif self.latent is not None:
            kinds.add("discrete latent")
            if complete.chain is not None:
                kinds.add("Markov chain")
            elif complete.joint is not None:
                kinds.add("categorical latent")
        if self.name in self.examination.expectations:
            kinds.add("statistic")
        return kinds

    @property
    def is_latent(self) -> bool:
        """Whether the entry is a latent itself, not a statistic."""
        return self.name in self.examination.complete.latents

    # E step, discrete latents.

    @property
    def posterior(self) -> np.ndarray:
        """Posterior probabilities p(z = k | x, θ) of `latent`, shape (*shape, K)."""
        assert self.latent is not None
        return self.trial.statistics[self.latent]

    @cached_property
    def log_joint(self) -> np.ndarray:
        """Log joint density log p(x, z = k | θ) of `latent`, shape (*shape, K)."""
        return self._log_joint_and_prior[0]

    @cached_property
    def log_prior(self) -> np.ndarray:
        """Log prior probability log p(z = k | θ) of `latent`, shape (*shape, K)."""
        return self._log_joint_and_prior[1]

    @cached_property
    def _log_joint_and_prior(self) -> tuple[np.ndarray, np.ndarray]:
        joint = self.examination.complete.joint
        assert joint is not None
        assert self.latent is not None
        return joint(self.trial.point)[self.latent]

    @cached_property
    def chain(self) -> MarkovChainTerms:
        """Initial, transition and emission log probabilities of the Markov chain."""
        chain = self.examination.complete.chain
        assert chain is not None
        return chain(self.trial.point)

    def entry_for_posterior(self, posterior: np.ndarray) -> np.ndarray:
        """Return the entry's value if the posterior probabilities of `latent` were these."""
        assert self.latent is not None
        return self.entry_for({self.latent: posterior})

    def entry_for_chain(self, states: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
        """Return the entry's value for these probabilities of states and of neighbouring pairs."""
        assert self.latent is not None
        transitions = self.transitions
        if transitions is not None and close(self.expected, transitions):
            # Sums of pairs that contradict the states, as wrong pairs do, are those of the pairs.
            total: np.ndarray = neighbours.reshape(-1, *transitions.shape).sum(axis=0)
            return total
        return self.entry_for({self.latent: states, pairs_key(self.latent): neighbours})

    def entry_at(self, params: Params) -> np.ndarray | None:
        """Return the entry's right value at other parameters, natural scale.

        None if these are outside the support, or if the exact expectation is not known.
        """
        examination = self.examination
        try:
            point = examination.density.space.unconstrain(params)
        except DeclarationError:
            return None
        # Exact statistics do not use the generator.
        statistics = examination.complete.statistics(point, np.random.default_rng(0))
        if self.name in examination.complete.latents:
            return statistics[self.name]
        return examination.complete.expectation(examination.expectations[self.name], statistics)

    def entry_for(self, changed: Statistics) -> np.ndarray:
        """Return the entry's value if the conditional distribution had these statistics."""
        statistics = {**self.trial.statistics, **changed}
        complete = self.examination.complete
        if self.name in complete.latents:
            return statistics[self.name]
        function = self.examination.expectations[self.name]
        terms = complete.additive(function, self.trial.statistics)
        assert terms is not None  # the entry has an exact expectation
        return complete.mean(terms, statistics)

    # E step, continuous latents.

    @cached_property
    def observed(self) -> np.ndarray:
        """The observed values of the data that the latent is the missing part of; or none."""
        data = self.examination.data.get(self.name.removesuffix("_unobserved"), np.ma.masked_all(1))
        values: np.ndarray = np.ma.asarray(data).compressed().astype(float)
        return values

    # M step.

    @cached_property
    def old(self) -> np.ndarray | None:
        """The parameter's value before the M step; None if the derivation has another name."""
        value = self.trial.params.get(self.name)
        return None if value is None else np.asarray(value, float)

    @property
    def one_at_a_time(self) -> np.ndarray | None:
        """The maximiser of Q in this parameter, all others being at their old values."""
        return self._maximisers.with_all_old(self.name)

    def with_old(self, *others: str) -> np.ndarray | None:
        """Return the maximiser of Q with old values of the given parameters; None if none."""
        return self._maximisers.with_old(self.name, others)

    @property
    def other_parameters(self) -> tuple[str, ...]:
        """Names of all other parameters."""
        return tuple(name for name in self.examination.parameter_slices if name != self.name)

    @property
    def with_prior(self) -> tuple[np.ndarray | None, ...]:
        """The maximisers of Q plus the log prior, given returned and given right other values."""
        return self._maximisers.with_prior(self.name)

    def with_statistics(
        self, words: str, changed: Statistics, *, only_if_returned: bool = True
    ) -> np.ndarray | None:
        """Return the maximiser of Q with other statistics, described in words; None if none."""
        return self._maximisers.with_statistics(
            self.name, words, changed, only_if_returned=only_if_returned
        )

    def with_probabilities(
        self,
        words: str,
        change: Callable[[np.ndarray], np.ndarray],
        *,
        only_if_returned: bool = True,
    ) -> np.ndarray | None:
        """Return the maximiser of Q with other posterior probabilities; None if there is none.

        Parameters
        ----------
        words : str
            What distinguishes these probabilities from others.
        change : callable
            From posterior probabilities, shape (*shape, K), to those that are used.
        only_if_returned : bool
            Whether None may be returned if the M step did not return the maximiser.
        """
        complete = self.examination.complete
        if not (complete.exact and complete.discrete):
            return None
        changed = {name: change(self.trial.statistics[name]) for name in complete.latents}
        return self.with_statistics(words, changed, only_if_returned=only_if_returned)

    @property
    def with_hard_assignments(self) -> np.ndarray | None:
        """The maximiser of Q with hard assignments of the categories; None if there is none."""
        return self.with_probabilities(
            "hard assignments", lambda r: np.eye(r.shape[-1])[r.argmax(axis=-1)]
        )

    @property
    def pooled(self) -> np.ndarray | None:
        """The maximiser of Q with one value for all components; None if there is none."""
        return self._maximisers.pooled(self.name)

    def with_other(self, other: str, value: np.ndarray, words: str) -> np.ndarray | None:
        """Return the maximiser of Q if another, unbounded parameter had a given value."""
        return self._maximisers.with_other(self.name, other, value, words)

    def right_value(self, other: str) -> np.ndarray | None:
        """Return the maximiser of Q for another parameter; None if the derivation has none."""
        value = self._maximisers.expected.get(other)
        return None if value is None else np.asarray(value, float)

    @property
    def category_counts(self) -> np.ndarray | None:
        """Expected counts of the categories of a vector of probabilities; None if it is none."""
        return self._maximisers.category_counts.get(self.name)

    @property
    def _maximisers(self) -> QMaximisers:
        assert self.maximisers is not None
        return self.maximisers

    @cached_property
    def counts(self) -> Mapping[str, np.ndarray]:
        """``{words: n}``: the numbers that may be mistaken for one another in a divisor.

        Each is one number, or one for each component.
        """
        return counts_of(self.examination, self.trial)

    @cached_property
    def transitions(self) -> np.ndarray | None:
        """Expected number of transitions of a Markov chain, shape (K, K); None if it is none."""
        if self.examination.complete.chain is None:
            return None
        (name,) = self.examination.complete.latents
        states = self.trial.statistics[name].shape[-1]
        pairs = self.trial.statistics[pairs_key(name)]
        total: np.ndarray = pairs.reshape(-1, states, states).sum(axis=0)
        return total

    @cached_property
    def visits(self) -> np.ndarray:
        """Expected number of visits to each state of a Markov chain, shape (K,)."""
        (name,) = self.examination.complete.latents
        states = self.trial.statistics[name]
        total: np.ndarray = states.reshape(-1, states.shape[-1]).sum(axis=0)
        return total
