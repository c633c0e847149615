'''Known mistakes: which one explains the numbers that a step returned.

Each module of this folder without a leading underscore holds one known mistake, or a small family
of one idea. All of them are imported here; to add a known mistake, write one new module, its test
and a mutant, and edit nothing else.

A known mistake is a function that predicts the numbers that the mistake would lead to. As an
example, the module ``tenfold.py``::

    """Ten times the right value."""

    from collections.abc import Iterator

    from latentfit.check.mistakes._context import MistakeContext
    from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


    @known_mistake(
        step="M",
        quantity="parameter",
        priority=450,
        hint="{name} is {factor} times what it should be",
    )
    def tenfold(context: MistakeContext) -> Iterator[Prediction]:
        """Predict ten times the right value."""
        yield predict(10 * context.expected, name=context.name, factor="ten")

The function yields `predict(value, **words)` for each form of the mistake: the value that the whole
entry or parameter would have, with the words for the placeholders in the hint. It may divide by
zero: predictions that are not finite never match. It yields nothing if the mistake cannot be made.

Arguments of the decorator
--------------------------
``step``
    ``"E"`` or ``"M"``.
``quantity``
    The kind of quantity that the mistake applies to. E step: ``"entry"`` (all of them),
    ``"categorical latent"``, ``"Markov chain"``, ``"discrete latent"`` (either of these two),
    ``"continuous latent"`` (a conditional mean, or a statistic of continuous latents),
    ``"statistic"`` (an entry that the derivation declares in `expectations`). M step:
    ``"parameter"`` (all of them), ``"transition matrix"``. One quantity can be of several kinds: an
    entry that counts the categories of a latent is a statistic and a discrete latent.
``priority``
    An integer. If two mistakes that predict the same numbers are named, the one with the lower
    priority comes first.
``hint``
    One sentence, with placeholders in braces.
``increases_q``
    False by default. True if an M step with this mistake may still increase Q for every θ': if it
    does, the check reports a generalised EM algorithm, which is correct, with a note in place of an
    error. Old values of the other parameters are an example: this is ECM. A strict check reports an
    error, with the mistake as its hint.
``only_numbers``
    False by default. True if the hint relates the numbers without naming a cause, as "twice what it
    should be" does.
``searched``
    False by default. True if the prediction contains a number that is found from what the step
    returned, such as a pseudo-count. The number must be among the words, so that it is the same at
    all trial points.
``relative``
    The largest difference that is rounding, relative to the largest entry. It is smaller than
    `SAME_VALUE_RELATIVE` for a mistake that tries many numbers.

The context
-----------
A `MistakeContext` describes one quantity at one trial point θ'. Its parts are computed when they
are first asked for, and a part that a quantity does not have raises an error, unless None is
stated. K is the number of categories, ``*shape`` the shape of a latent. For every quantity there
are

- ``name``: the entry of the E step, or the parameter;
- ``expected``: its right value;
- ``given``: what the step returned, for mistakes with ``searched``;
- ``trial``: the trial point. ``trial.params`` is θ' on the natural scale, ``{name: array}``;
- ``examination``: the declaration and the derivation. ``examination.data`` are the data that the
  steps are given;
- ``counts``: the numbers that may stand in a divisor, ``{words: n}``. The keys are words for the
  hint: ``"the responsibilities' sum"`` of a discrete latent, shape (K,); ``"n (the length of x)"``
  for columns of the data, here x, ``"n (the number of rows of x)"`` and others for tables, and
  ``"the number of observed x"`` and ``"the number of missing x"`` if x has missing values, shape
  ();
- ``quantities``: the kinds of quantity that this one is.

For the E step,

- ``is_latent``: whether the entry is a latent itself, not a statistic;
- ``entry_at(params)``: its right value at other parameters, natural scale; None if they are outside
  the support, or if the exact expectation is not known.

For the E step and a discrete latent,

- ``latent``: the name of the latent whose probabilities are mistaken, which is the entry itself or
  a latent that the statistic depends on;
- ``posterior``: p(z = k | x, θ') of this latent, shape (*shape, K);
- ``log_joint`` and ``log_prior``: log p(x, z = k | θ') and log p(z = k | θ'), shape (*shape, K), if
  it is a categorical latent;
- ``entry_for_posterior(posterior)``: the value of the entry if these were the probabilities;
- ``chain``: log probabilities of a Markov chain, ``chain.initial``, shape (K,),
  ``chain.transition``, shape (K, K), and ``chain.emission``, shape (T, K), for T times;
- ``entry_for_chain(states, neighbours)``: the value of the entry if these were the probabilities of
  states, shape (T, K), and of pairs of neighbours, shape (T - 1, K, K);
- ``transitions`` and ``visits``: expected numbers of transitions of a Markov chain, shape (K, K),
  or None for other latents; and expected numbers of visits to its states, shape (K,).

For the E step and a continuous latent,

- ``observed``: the observed values, shape (n,), of the data that the latent is the missing part of;
  empty for other latents.

For the M step, with values in the shape of the parameter,

- ``old``: the value in θ'; None if the derivation does not have this parameter;
- ``transitions`` and ``visits``, as for the E step;
- ``other_parameters``: the names of all other parameters of the declaration;
- ``right_value(other)``: the maximiser of Q for another parameter; None if the derivation does not
  have it;
- ``category_counts``: the expected counts of the categories, if the parameter consists of
  probabilities of categories, in its shape; if it consists of single probabilities, with an axis of
  length two (success, failure) added; None for other parameters;

and maximisers of variants of Q in this parameter. Each is None if none was found, and also if it
certainly is not what the M step returned; ``with_statistics`` and ``with_probabilities`` have an
argument ``only_if_returned=False`` for predictions that compute with the maximiser. The other
parameters are as the M step returned them, unless something else is stated.

- ``one_at_a_time``: of Q, all other parameters being as in θ';
- ``with_old(*others)``: of Q, the given parameters being as in θ';
- ``with_other(other, value, words)``: of Q, another, unbounded parameter having this value;
- ``with_prior``: of Q plus the log prior, two values: the second is for the right values of the
  other parameters;
- ``with_statistics(words, changed)``: of Q with some of ``trial.statistics`` replaced. The words
  have to differ from those for any other statistics;
- ``with_probabilities(words, change)``: the same, with ``change`` applied to the posterior
  probabilities of all discrete latents; None for other latents;
- ``with_hard_assignments``: the same, with probability 1 for the most probable category;
- ``pooled``: of Q, all components of the parameter having one value.

Which mistake is named
----------------------
The framework, not the single mistake, sees to it that a hint does not mislead. A mistake is a
candidate if its prediction is what the step returned, within `SAME_VALUE_RELATIVE` or
``relative``, at every trial point, and if `CONFIRMATIONS` trial points differ in every coordinate.
Among them are generic θ' at which the steps are called for this purpose: starting values are often
special, and different mistakes then lead to the same numbers. For a mistake with ``searched`` the
right values have to differ, too. Of the candidates,

- those that come closest are kept, with others whose distance is the same but for rounding;
- those that name a cause are preferred to those that only relate the numbers;
- two causes that cannot be distinguished are both named; if there are more, none is, and the
  relation of the numbers is stated if there is one.

Priorities of mistakes that can apply to the same quantity differ. Those in use are listed by

    python -c "from latentfit.check import mistakes
    for one in mistakes.registered(): print(one.step, one.priority, one.quantity, one.name)"

For the E step,

- 100 to 199 are for a latent's posterior: Bayes' theorem, forward-backward algorithm, conditional
  means;
- 300 to 399, a parameter that is replaced by a function of it, or by another one;
- 400 to 499, posterior probabilities that were changed after they were computed;
- 500 to 599, a declared statistic;

and for the M step

- 100 to 199 are for a value that is not updated, the prior and pseudo-counts, values of other
  parameters, conditional variances and weights of continuous latents;
- 200 to 299, one quantity where another belongs: variance and standard deviation, rate and scale;
- 300 to 399, a wrong number of observations in a divisor;
- 400 to 499, a constant factor or term;
- 500 to 599, wrong responsibilities, the order of components, pooled components;
- 600 to 699, transition matrices, other probabilities of categories, time steps.

Tests
-----
``tests/check/mistakes/test_NAME.py`` tests the prediction alone, on the quantities of
``tests/mistake_examples.py``::

    from mistake_examples import explain_theta


    def test_ten_times_the_right_value():
        hint = explain_theta(lambda right, old: 10 * right).hint
        assert hint == "theta is ten times what it should be"

A mutant, a module in ``tests/mutants`` as its ``__init__`` describes, tests that the check of a
whole derivation gives the hint. Run ``pytest tests/check/mistakes tests/check/test_mutants.py``,
slow tests included: a new known mistake may predict the same numbers as an old one and be named in
its place.

``tests/check/mistakes/test_hints_of_derivations.py`` has tables of derivations with one mistake
each, of models in the catalogue. It also tests that the hint is not given for another mistake that
leads to the same numbers at one θ'. A mistake that needs Q or the latents belongs there.
'''

import importlib
import pkgutil

from latentfit.check.mistakes._confirmation import CONFIRMATIONS, confirmed
from latentfit.check.mistakes._context import MistakeContext, Quantity
from latentfit.check.mistakes._explain import Explanation, explain_entry, explain_parameter
from latentfit.check.mistakes._maximisers import QMaximisers
from latentfit.check.mistakes._registry import (
    KnownMistake,
    Prediction,
    known_mistake,
    predict,
    registered,
)

for _module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    if not _module.startswith("_"):
        importlib.import_module(f"{__name__}.{_module}")

from latentfit.check.mistakes.function_of_expectation import (  # noqa: E402
    FUNCTION_OF_EXPECTATION,
)

__all__ = [
    "CONFIRMATIONS",
    "FUNCTION_OF_EXPECTATION",
    "Explanation",
    "KnownMistake",
    "MistakeContext",
    "Prediction",
    "QMaximisers",
    "Quantity",
    "confirmed",
    "explain_entry",
    "explain_parameter",
    "known_mistake",
    "predict",
    "registered",
]
