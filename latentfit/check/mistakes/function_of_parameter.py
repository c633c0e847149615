"""An E step that uses a function of a parameter in place of the parameter."""

from collections.abc import Callable, Iterator
from itertools import combinations

import numpy as np

from latentfit.check.closeness import close
from latentfit.check.component_orders import MAX_PERMUTED_COMPONENTS, reordered
from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict
from latentfit.declaration import Params

_FUNCTIONS: tuple[tuple[str, str, Callable[[np.ndarray], np.ndarray]], ...] = (
    ("the square of {}", "a variance where the standard deviation belongs", np.square),
    ("the square root of {}", "a standard deviation where the variance belongs", np.sqrt),
    ("1/{}", "a rate where the scale belongs, or the reverse", np.reciprocal),
    ("1/{}²", "a precision where the standard deviation belongs", lambda value: value**-2.0),
    ("1 - {}", "the probability of the other outcome", lambda value: 1 - value),
    ("2 {}", "a factor 2 too much, or its reciprocal left out", lambda value: 2 * value),
    ("{}/2", "a factor 2 left out, or its reciprocal too much", lambda value: value / 2),
    ("2 {}²", "a factor 2 with the square", lambda value: 2 * value**2),
    ("{}²/2", "a factor 2 with the square", lambda value: value**2 / 2),
    ("√2 {}", "a factor 2 too much with its square", lambda value: np.sqrt(2) * value),
    ("{}/√2", "a factor 2 is left out, as in exp(-u²) for exp(-u²/2)", lambda v: v / np.sqrt(2)),
)


@known_mistake(
    step="E",
    quantity="entry",
    priority=300,
    hint="{function} is used in place of {parameter} ({meaning})",
)
def function_of_parameter(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the entry at parameters of which one is replaced by a function of it."""
    space = context.examination.density.space
    natural = space.constrain(context.trial.point)
    params = {name: np.asarray(natural[name], float) for name in space.parameters}
    for name, value in params.items():
        simplex = space.transform(name) == "simplex"
        for words, meaning, function in () if simplex else _FUNCTIONS:
            changed = context.entry_at({**params, name: function(value)})
            if changed is not None:
                yield predict(changed, function=words.format(name), parameter=name, meaning=meaning)


@known_mistake(
    step="E",
    quantity="entry",
    priority=310,
    hint="{value} is used in place of {parameter}: an index is wrong",
)
def components_of_parameter(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the entry if all components had the value of one, or each that of another."""
    space = context.examination.density.space
    natural = space.constrain(context.trial.point)
    params = {name: np.asarray(natural[name], float) for name in space.parameters}
    for name, value in params.items():
        if not value.ndim or not 1 < value.shape[-1] <= MAX_PERMUTED_COMPONENTS:
            continue
        changes = [(f"{name} in the order {order}", moved) for order, moved in reordered(value)]
        if space.transform(name) != "simplex":
            changes += list(_one_for_all(context, params, name))
        for words, changed in changes:
            entry = context.entry_at({**params, name: changed})
            if entry is not None:
                yield predict(entry, value=words, parameter=name)


def _one_for_all(
    context: MistakeContext, params: Params, name: str
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield values of a parameter that are the same for all components."""
    value = params[name]
    singles = [np.broadcast_to(value[..., k : k + 1], value.shape) for k in range(value.shape[-1])]
    entries = [context.entry_at({**params, name: one}) for one in singles[:2]]
    # If the value does not matter once it is common, the numbers do not say what was used.
    if entries[0] is None or entries[1] is None or close(entries[0], entries[1]):
        return
    for k, one in enumerate(singles):
        yield f"component {k} of {name}, for all components,", one
    mean = np.broadcast_to(value.mean(axis=-1, keepdims=True), value.shape)
    yield f"the mean of {name} over the components", mean


@known_mistake(
    step="E",
    quantity="entry",
    priority=320,
    hint="{one} and {other} are exchanged",
)
def exchanged_parameters(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the entry if two parameters of one shape changed places."""
    space = context.examination.density.space
    natural = space.constrain(context.trial.point)
    params = {name: np.asarray(natural[name], float) for name in space.parameters}
    for one, other in combinations(params, 2):
        if params[one].shape == params[other].shape:
            changed = {**params, one: params[other], other: params[one]}
            entry = context.entry_at(changed)
            if entry is not None:
                yield predict(entry, one=one, other=other)


@known_mistake(
    step="E",
    quantity="entry",
    priority=330,
    hint="these are the expectations at the parameters that the M step returns: one iteration "
    "ahead",
)
def one_iteration_ahead(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the entry at the maximiser of Q."""
    examination, trial = context.examination, context.trial
    found = examination.complete.maximise(
        trial.statistics, trial.point, prior=examination.with_prior
    )
    if found.reached:
        entry = context.entry_at(examination.density.space.constrain(found.point))
        if entry is not None:
            yield predict(entry)
