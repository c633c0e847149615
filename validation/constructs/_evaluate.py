"""What latentfit makes of a construct, and how far that is from the independent computation."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from constructs._construct import Construct, Refused, Works
from latentfit import bayes
from latentfit.bayes.views import marginalisations
from latentfit.declaration import Declaration, Space, declare, parameter_space
from latentfit.errors import LatentfitError

# Largest difference of two values of log p(x | θ), relative to the larger of 1 and its size.
LOG_LIKELIHOOD_TOLERANCE = 1e-8
# The same for its derivative in a random direction of the unconstrained scale, which is compared
# with differences of the independent values and so has their error.
DERIVATIVE_TOLERANCE = 1e-6
# Length of the steps of those differences, unconstrained scale.
_DERIVATIVE_STEP = 2e-3
# Number of characters that a refusal may have.
_LONGEST_REFUSAL = 500
# Names of classes of operators, and fragments of printed graphs, which mean nothing to a user.
_INTERNAL_WORDS = re.compile(
    r"\w+RV\b|Elemwise|Subtensor|DimShuffle|Scan\b|rewrit|Traceback|NoneTypeT|\bOp\b|FunctionGraph"
    r"|TensorVariable|TensorType|owner|Composite|CheckAndRaise|<\w+ \(|\{.*\}\.\d"
)


@dataclass(frozen=True)
class Comparison:
    """log p(x | θ) at one θ, by latentfit and by the independent computation.

    Attributes
    ----------
    value, independent : float
    difference : float
        Relative to the larger of 1 and the size of the independent value.
    derivative_difference : float
        The same for the derivative in a random direction.
    """

    value: float
    independent: float
    difference: float
    derivative_difference: float

    @property
    def agrees(self) -> bool:
        """Whether value and derivative agree."""
        return (
            self.difference <= LOG_LIKELIHOOD_TOLERANCE
            and self.derivative_difference <= DERIVATIVE_TOLERANCE
        )


@dataclass(frozen=True)
class Row:
    """The result of one construct.

    Attributes
    ----------
    construct : Construct
    strategies : tuple of str
        How each latent was marginalised, in latentfit's words.
    comparisons : tuple of Comparison
    refusal : str
        The message with which latentfit refused the construct, or an empty string.
    sampled : bool
        Whether NUTS draws of the latents take the place of the log-likelihood.
    problem : str
        How the result differs from what is expected, or an empty string.
    """

    construct: Construct
    strategies: tuple[str, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    refusal: str = ""
    sampled: bool = False
    problem: str = ""


def evaluate(construct: Construct) -> Row:
    """Declare a construct, and compare its log-likelihood or its refusal with what is expected."""
    expected = construct.declare()
    try:
        declaration = declare(expected.model, expected.latents, {}, {})
        space = parameter_space(declaration)
        try:
            density = bayes.Density(bayes.observed_view(declaration), space)
        except LatentfitError as error:
            stand_in = bayes.sampling.intractable_density(declaration, space, str(error))
            return _refused(construct, expected, str(error), sampled=stand_in is not None)
        if isinstance(expected, Refused):
            return Row(construct, problem="is not refused")
        return _compared(construct, expected, declaration, density)
    except LatentfitError as error:
        return _refused(construct, expected, str(error), sampled=False)
    except Exception as error:  # a crash is a result too, and the other constructs are evaluated
        return Row(construct, problem=f"raises {type(error).__name__}: {_one_line(error)}")


def _refused(construct: Construct, expected: Works | Refused, message: str, sampled: bool) -> Row:
    return Row(
        construct,
        refusal=message,
        sampled=sampled,
        problem=_problem_of_refusal(expected, message, sampled),
    )


def _problem_of_refusal(expected: Works | Refused, message: str, sampled: bool) -> str:
    if isinstance(expected, Works):
        return "is refused, and should not be"
    if not re.search(expected.sentence, message, re.DOTALL):
        return f"is refused with another sentence than /{expected.sentence}/"
    if found := _INTERNAL_WORDS.search(message):
        return f"is refused in words that are no user's: {found[0]}"
    if len(message) > _LONGEST_REFUSAL or "\n" in message:
        return f"is refused with more than a line of {_LONGEST_REFUSAL} characters"
    if sampled != expected.sampled:
        return "is sampled by NUTS" if sampled else "is not sampled by NUTS"
    return ""


def _compared(
    construct: Construct, expected: Works, declaration: Declaration, density: bayes.Density
) -> Row:
    rng = np.random.default_rng(0)
    direction = rng.normal(size=density.space.size)
    direction /= np.linalg.norm(direction)
    points = [density.space.unconstrain(values) for values in expected.points]
    comparisons = tuple(
        _comparison(expected, density, values, point, direction)
        for values, point in zip(expected.points, points, strict=True)
    )
    found = marginalisations(declaration, density, points)
    problem = ""
    if not all(one.agrees for one in comparisons):
        worst = max(comparisons, key=lambda one: np.nan_to_num(one.difference, nan=np.inf))
        derivative = max(one.derivative_difference for one in comparisons)
        problem = f"differs by {worst.difference:.1e}, its derivative by {derivative:.1e}"
    return Row(construct, tuple(map(str, found)), comparisons, problem=problem)


def _comparison(
    expected: Works,
    density: bayes.Density,
    values: Mapping[str, Any],
    point: np.ndarray,
    direction: np.ndarray,
) -> Comparison:
    value, score = density.log_likelihood(point)
    independent = float(expected.log_likelihood(**values))
    slope = _slope(expected.log_likelihood, density.space, point, direction)
    return Comparison(
        value,
        independent,
        _relative(value, independent),
        _relative(float(score @ direction), slope),
    )


def _slope(
    function: Callable[..., float], space: Space, point: np.ndarray, direction: np.ndarray
) -> float:
    """Differentiate the independent log-likelihood along a direction by five-point differences."""

    def at(step: float) -> float:
        natural = space.constrain(point + step * direction)
        return float(function(**{name: natural[name] for name in space.parameters}))

    h = _DERIVATIVE_STEP
    return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)


def _relative(value: float, reference: float) -> float:
    if value == reference:
        return 0.0
    return abs(value - reference) / max(1.0, abs(reference))


def _one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else ""
