"""An E step that uses the value of another component: a wrong index."""

from collections.abc import Iterator

import numpy as np

from latentfit.check.closeness import close
from latentfit.check.component_orders import MAX_PERMUTED_COMPONENTS, reordered
from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict
from latentfit.declaration import Params


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
