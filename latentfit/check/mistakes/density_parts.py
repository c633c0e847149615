"""A density p(x | z) of which a part is wrong: a factor, or the exponent of a normal density."""

from collections.abc import Iterator

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict
from latentfit.check.mistakes._softmax import softmax


def _positive_parameters(context: MistakeContext) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the parameters with one positive number for each category."""
    space = context.examination.density.space
    natural = space.constrain(context.trial.point)
    categories = context.log_joint.shape[-1:]
    for name in space.parameters:
        value = np.asarray(natural[name], float)
        if value.shape == categories and np.all(value > 0) and space.transform(name) != "simplex":
            yield name, value


@known_mistake(
    step="E",
    quantity="categorical latent",
    priority=160,
    hint="in p(x | z), a factor {factor} is {mistake}",
)
def factor_of_density(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the posterior with powers of a parameter, or its exponential, as a factor."""
    for name, value in _positive_parameters(context):
        for factor, logarithm in (
            (name, np.log(value)),
            (f"{name}²", 2 * np.log(value)),
            (f"√{name}", np.log(value) / 2),
            (f"exp({name})", value),
        ):
            for mistake, sign in (
                ("too much, or its reciprocal left out", 1),
                ("left out, or its reciprocal too much", -1),
            ):
                posterior = softmax(context.log_joint + sign * logarithm)
                entry = context.entry_for_posterior(posterior)
                yield predict(entry, factor=factor, mistake=mistake)


@known_mistake(
    step="E",
    quantity="categorical latent",
    priority=165,
    hint="the exponent of the normal density {mistake}",
)
def exponent_of_normal_density(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the posterior with another exponent in place of -(x - mu)² / (2 sigma²)."""
    log_density = context.log_joint - context.log_prior
    for name, sigma in _positive_parameters(context):
        exponent = log_density + np.log(sigma) + 0.5 * np.log(2 * np.pi)
        if np.any(exponent > 1e-9 * np.abs(log_density).max()):
            continue
        distance = np.sqrt(np.maximum(-2 * exponent, 0))
        rest = context.log_joint - exponent
        for mistake, changed in (
            ("has the wrong sign", -exponent),
            ("lacks the square", -distance / 2),
            (f"is divided by {name}, not by its square", exponent * sigma),
            (f"is not divided by the square of {name}", exponent * sigma**2),
            (f"is multiplied by {name} in place of divided", exponent * sigma**3),
        ):
            entry = context.entry_for_posterior(softmax(rest + changed))
            yield predict(entry, mistake=mistake)
