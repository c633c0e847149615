"""Values of parameters, latents and data at which the structure of a model can be seen.

Draws from the prior are not enough. A vague prior such as Gamma(0.001, 0.001) draws numbers that
underflow, a wide one such as Uniform(0, 1000) draws slopes at which a likelihood is flat to
rounding, and an improper prior cannot be drawn from at all. Any value inside the support would do,
so that values of several sizes are generated, and the caller keeps those that are useful. A
distribution of the user's own that has a log density but no random generator is given the observed
data.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.distribution import support_point
from pymc.distributions.transforms import _default_transform
from pymc.logprob.transforms import IntervalTransform
from pymc.model.fgraph import ModelFreeRV, ModelVar
from pytensor.graph.fg import FunctionGraph

from latentfit.declaration.compilation import interpreted_compilation

# Standard deviation of generated values on the unconstrained scale, where 1 is a factor of e.
_UNCONSTRAINED_DEVIATION = 0.5
_POSITIVE = {"log", "log_exp_m1"}

# Errors of NumPy and PyMC for parameters that are impossible, or too large or small to compute
# with.
EVALUATION_ERRORS = (ArithmeticError, AssertionError, ValueError, np.linalg.LinAlgError)


# Observed values of the dependents, in their order; None for dependents that are not observed.
ObservedValues = tuple[np.ndarray | None, ...]
_OBSERVED: ContextVar[ObservedValues] = ContextVar("observed", default=())


@contextmanager
def observed_dependents(values: ObservedValues) -> Iterator[None]:
    """Use these values, within the block, of dependents that cannot be drawn."""
    token = _OBSERVED.set(values)
    try:
        yield
    finally:
        _OBSERVED.reset(token)


@dataclass(frozen=True)
class GenericValues:
    """One set of values.

    Attributes
    ----------
    given : list of ndarray
        Values of the variables that the latent and its dependents depend on.
    latent : ndarray
    data : list of ndarray
        Values of the dependents, drawn given the other values.
    """

    given: list[np.ndarray]
    latent: np.ndarray
    data: list[np.ndarray]


@dataclass(frozen=True)
class _Setting:
    """How large the values of parameters and of the latent are.

    Attributes
    ----------
    draw_parameters, draw_latent : bool
        Draw from the prior instead of generating values.
    centred : bool
        Generate values about the centre of the prior instead of about 0 or 1.
    real, positive : float
        Size of values that may have any sign, and of values that are positive.
    """

    draw_parameters: bool = False
    draw_latent: bool = True
    centred: bool = False
    real: float = 0.5
    positive: float = 1.0


# Values of order 1, values about the centre of the prior, and draws from it come first. The other
# sizes are for covariates in large or small units, whose coefficients have to be small or large.
_SETTINGS = (
    *3 * (_Setting(),),
    *2 * (_Setting(draw_latent=False),),
    *2 * (_Setting(centred=True),),
    *6 * (_Setting(draw_parameters=True),),
    _Setting(centred=True, draw_latent=False),
    *(
        _Setting(draw_latent=draw_latent, real=real, positive=positive)
        for real in (0.1, 1e-2, 1e-3, 1e-4, 1e-6, 10.0, 1e3, 1e5)
        for positive in (1.0, 0.1, 10.0)
        for draw_latent in (True, False)
    ),
)


def generic_values(
    needed: Sequence[Any], latent: Any, dependents: Sequence[Any]
) -> Iterator[GenericValues]:
    """Generate values of the variables of a subgraph, inside their supports.

    Parameters
    ----------
    needed : sequence of Variable
        The variables that the latent and its dependents depend on.
    latent : TensorVariable
    dependents : sequence of TensorVariable

    Yields
    ------
    GenericValues
        Nothing where the data can neither be drawn nor are observed.
    """
    data = _OBSERVED.get() if _have_types_of(_OBSERVED.get(), dependents) else ()
    sources: list[ObservedValues] = [(), data] if data else [()]

    @cache
    def compiled(
        draw_parameters: bool, draw_latent: bool, source: int
    ) -> Callable[..., list[np.ndarray]]:
        return _compile(
            [*needed, latent, *dependents],
            len(needed),
            draw_parameters=draw_parameters,
            draw_latent=draw_latent,
            data=sources[source],
        )

    impossible: set[tuple[bool, bool, int]] = set()
    for setting in _SETTINGS:
        for source in range(len(sources)):
            what = setting.draw_parameters, setting.draw_latent, source
            if what in impossible:
                continue
            try:
                with np.errstate(all="ignore"):
                    values = compiled(*what)(setting.centred, setting.real, setting.positive)
            except NotImplementedError:
                # A variable that has to be drawn cannot be: its prior is improper, or it has no
                # random generator.
                impossible.add(what)
                continue
            except EVALUATION_ERRORS:
                break
            yield GenericValues(
                values[: len(needed)], values[len(needed)], values[len(needed) + 1 :]
            )
            break


def _have_types_of(values: ObservedValues, dependents: Sequence[Any]) -> bool:
    """Whether there is an observed value of the right shape for each of the dependents."""
    return len(values) == len(dependents) and all(
        value is not None and one.type.shape == value.shape
        for value, one in zip(values, dependents, strict=True)
    )


def _compile(
    outputs: Sequence[Any],
    latent: int,
    *,
    draw_parameters: bool,
    draw_latent: bool,
    data: ObservedValues,
) -> Callable[..., list[np.ndarray]]:
    """Compile the function from a setting to values of the outputs.

    What is not drawn from its prior does not occur in the function as a random variable: NumPy
    raises an error where a draw from a vague prior overflows.

    Parameters
    ----------
    outputs : sequence of Variable
    latent : int
        The position of the latent among them.
    draw_parameters, draw_latent : bool
    data : tuple of ndarray
        Values of the outputs after the latent. If it is empty, they are drawn.
    """
    sizes = _Sizes()
    graph = FunctionGraph(outputs=list(outputs), clone=True)
    for own, value in zip(graph.outputs[latent + 1 :] if data else (), data, strict=True):
        constant = pt.constant(np.asarray(value, dtype=own.type.dtype))
        graph.replace(own, own.type.filter_variable(constant), import_missing=True)
    for node in graph.toposort():
        if isinstance(node.op, ModelVar):
            declared, own = node.inputs[0], node.outputs[0]
            if isinstance(node.op, ModelFreeRV) and not draw_parameters:
                declared = _generated(declared, node.op.transform, sizes)
            graph.replace(own, own.type.filter_variable(declared), import_missing=True)
    if not draw_latent:
        own = graph.outputs[latent]
        value = _generated(own, _default_transform(own.owner.op, own), sizes)
        graph.replace(own, own.type.filter_variable(value), import_missing=True)
    with interpreted_compilation():
        compiled: Callable[..., list[np.ndarray]] = pm.pytensorf.compile(
            [sizes.centred, sizes.real, sizes.positive],
            graph.outputs,
            random_seed=0,
            on_unused_input="ignore",
        )
    return compiled


class _Sizes:
    """Placeholders for the attributes of `_Setting` that say how large values are."""

    def __init__(self) -> None:
        self.centred = pt.scalar("centred", dtype="bool")
        self.real = pt.scalar("real", dtype="float64")
        self.positive = pt.scalar("positive", dtype="float64")


def _generated(rv: Any, transform: Any, sizes: _Sizes) -> Any:
    """Build a value inside the support of a random variable, which is not drawn from its prior."""
    if rv.type.dtype.startswith(("int", "uint", "bool")):
        return rv
    try:
        parents, centre = rv.owner.inputs, support_point(rv)
    except NotImplementedError:
        # PyMC knows no centre of the distribution.
        return rv
    return _near(centre, transform, parents, sizes).astype(rv.type.dtype)


def _near(centre: Any, transform: Any, parents: Sequence[Any], sizes: _Sizes) -> Any:
    """Build a value about the centre of the support, or one of the wanted size."""
    if transform is None:
        noise = sizes.real * _standard_normal(centre.shape)
        return pt.switch(sizes.centred, centre, 0.0) + noise
    forward = transform.forward(centre, *parents)
    noise = _UNCONSTRAINED_DEVIATION * _standard_normal(forward.shape)
    finite = pt.switch(pt.isfinite(forward), forward, 0.0)
    about_centre = transform.backward(finite + noise, *parents)
    if transform.name in _POSITIVE:
        return pt.switch(sizes.centred, about_centre, sizes.positive * pt.exp(noise))
    if not isinstance(transform, IntervalTransform):
        return about_centre
    # The middle between two bounds that are far apart is large.
    lower, upper, *_ = transform.get_a_and_b(parents)
    small = pt.switch(pt.lt(lower, 0.0), sizes.real * noise, sizes.positive * pt.exp(noise))
    inside = pt.and_(pt.gt(small, lower), pt.lt(small, upper))
    return pt.switch(pt.or_(sizes.centred, pt.invert(inside)), about_centre, small)


def _standard_normal(shape: Any) -> Any:
    rng: Any = pt.random.shared_rng(seed=None)
    return pt.random.normal(size=shape, rng=rng, return_next_rng=True)[1]
