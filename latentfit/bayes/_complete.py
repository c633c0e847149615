"""The complete-data view: conditional expectations of the latents, and Q.

Q(θ | θ') is the expectation of log p(x, z | θ) over p(z | x, θ') (Dempster, Laird & Rubin 1977,
eq. 2.17). What it needs of θ' is held in a few arrays, the *statistics*:

- of a latent with finitely many categories, the conditional probabilities r: Q is the sum of
  r · log p(x, z = k | θ) over observations and categories;
- of a continuous latent in which log p(x, z | θ) is affine, the conditional mean: Q is
  log p(x, z | θ) with the mean put in for z;
- of any other, draws from p(z | x, θ'): Q is a mean over draws, and as precise as that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import scipy.special
import xarray as xr
from pymc.distributions.moments import mean
from pymc.model.transform.conditioning import remove_value_transforms
from pymc.pytensorf import resolve_shapes
from pymc_extras.marginal import conditional
from pymc_extras.model.marginal.distributions.enumerable import get_domain_of_finite_discrete_rv
from pytensor.graph.replace import graph_replace, vectorize_graph
from pytensor.graph.traversal import ancestors
from pytensor.tensor.random.basic import CategoricalRV

from latentfit.bayes._curvature import curvature
from latentfit.bayes._density import Density
from latentfit.bayes._maximise import Maximum, maximise, polish
from latentfit.bayes._observed import childless_latents
from latentfit.bayes._recover import recover
from latentfit.declaration import Declaration, double_precision, function, stable

Statistics = Mapping[str, np.ndarray]

DRAWS = 4000


@dataclass(frozen=True)
class CompleteData:
    """Conditional expectations and Q of one declaration on one data set.

    Attributes
    ----------
    declaration : Declaration
    density : Density
    latents : tuple of str
    exact : bool
        Whether the statistics are exact; otherwise they are draws, sample axis first.
    discrete : bool
        Whether they are probabilities of categories.
    joint : callable or None
        From θ', unconstrained, to log p(x, z = k | θ') and log p(z = k | θ'), categories along
        the last axis; where the latent is categorical.
    """

    declaration: Declaration
    density: Density
    latents: tuple[str, ...]
    exact: bool
    discrete: bool
    joint: Callable[[np.ndarray], list[np.ndarray]] | None
    _statistics: Callable[[np.ndarray, np.random.Generator], dict[str, np.ndarray]]
    _inputs: tuple[Any, ...]
    _q: Any

    def statistics(self, point: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """What Q(· | θ') has to know of θ', ``{latent: array}``.

        Parameters
        ----------
        point : ndarray, shape (size,)
            θ', unconstrained.
        rng : Generator
            Used where the statistics are draws.
        """
        return self._statistics(point, rng)

    def draws(self, point: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draws of the latents from p(z | x, θ'), ``{latent: (sample, *shape)}``."""
        return _draws(self.declaration, self.density, point, rng)

    def q(
        self, statistics: Statistics, point: np.ndarray, *, prior: bool = False
    ) -> tuple[float, np.ndarray]:
        """Q(θ | θ') and its gradient in θ on the unconstrained scale.

        Parameters
        ----------
        prior : bool
            Q(θ | θ') + log p(θ) instead.
        """
        value, gradient = self._evaluate(point, *(statistics[name] for name in self.latents))
        if prior:
            more, slope = self.density.log_prior(point)
            return float(value) + more, gradient + slope
        return float(value), gradient

    def hessian(
        self, statistics: Statistics, point: np.ndarray, *, prior: bool = False
    ) -> np.ndarray:
        """Second derivatives of `q` in θ, shape (size, size)."""
        (matrix,) = self._curvature(point, *(statistics[name] for name in self.latents))
        if prior:
            return matrix + self.density.hessian(point, prior=True) - self.density.hessian(point)
        return matrix

    def maximise(
        self, statistics: Statistics, start: np.ndarray, *, prior: bool = False
    ) -> Maximum:
        """The M step that the declaration itself would take.

        Parameters
        ----------
        prior : bool
            Maximise Q(θ | θ') + log p(θ) instead.
        """
        objective = partial(self.q, statistics, prior=prior)
        curvature = partial(self.hessian, statistics, prior=prior)
        # Q is all but quadratic as a rule, and Newton's method then needs a few steps.
        found = polish(objective, curvature, start)
        return found if found.reached else maximise(objective, curvature, start)

    @cached_property
    def _evaluate(self) -> Callable[..., list[np.ndarray]]:
        return function([self.density.point, *self._inputs], self._graphs, rewritten=True)

    @cached_property
    def _graphs(self) -> list[Any]:
        """Q and its gradient."""
        q = self._q
        return [q, pytensor.grad(q, self.density.point, disconnected_inputs="ignore")]

    @cached_property
    def _curvature(self) -> Callable[..., list[np.ndarray]]:
        return curvature(self._graphs[1:], self.density.point, self._inputs)


def complete_data(declaration: Declaration, density: Density) -> CompleteData:
    """Build the complete-data view, exactly where the latents allow it."""
    for strategy in (_categorical, _affine):
        found = strategy(declaration, density)
        if found is not None:
            return found
    return _by_draws(declaration, density)


def _categorical(declaration: Declaration, density: Density) -> CompleteData | None:
    """A single latent with finitely many categories, through its conditional view."""
    if len(declaration.latents) != 1 or childless_latents(declaration):
        return None
    (name,) = declaration.latents
    with double_precision():
        model = conditional(density.view)
    if not isinstance(model[name].owner.op, CategoricalRV):
        return None
    # The conditional is a softmax over categories of log p(x, z = k | θ).
    softmax = model[name].owner.inputs[-1]
    latent, point = declaration.model[name], density.point
    (joint,) = _in_terms_of(point, density, model, [softmax.owner.inputs[0]])
    (prior,) = _in_terms_of(
        point, density, declaration.model, [_log_category_probabilities(latent)]
    )
    joint, prior, rest = stable([joint, prior, _rest(declaration, density)])
    given = softmax.type(name)
    q = pt.sum(pt.switch(pt.eq(given, 0), 0.0, given * joint)) + rest
    terms = function([point], [joint, prior], rewritten=True)

    def statistics(where: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {name: scipy.special.softmax(terms(where)[0], axis=-1)}

    return CompleteData(
        declaration, density, declaration.latents, True, True, terms, statistics, (given,), q
    )


def _rest(declaration: Declaration, density: Density) -> Any:
    """log p of the observed variables that do not depend on any latent."""
    model = declaration.model
    latents = {model[name] for name in declaration.latents}
    others = [rv for rv in model.observed_RVs if latents.isdisjoint(ancestors([rv]))]
    if not others:
        return pt.zeros(())
    with double_precision():
        (found,) = _in_terms_of(density.point, density, model, [model.logp(vars=others)])
    return found


def _affine(declaration: Declaration, density: Density) -> CompleteData | None:
    """Continuous latents that enter log p(x, z | θ) linearly, with known conditional means."""
    latents, point = declaration.latents, density.point
    if any(not declaration.model[name].dtype.startswith("float") for name in latents):
        return None
    try:
        with double_precision():
            means = [
                _in_terms_of(point, density, model, [mean(model[name])])[0]
                for name, model in _conditional_models(declaration, density).items()
            ]
    except NotImplementedError:
        return None
    expect = function([point], means)
    inputs, joint = _joint(declaration, density)
    (joint,) = stable([joint])
    if not _is_affine(function([point, *inputs], joint, rewritten=True), expect, density):
        return None

    def statistics(where: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return dict(zip(latents, expect(where), strict=True))

    return CompleteData(declaration, density, latents, True, False, None, statistics, inputs, joint)


def _by_draws(declaration: Declaration, density: Density) -> CompleteData:
    """Whatever can be drawn: one sample of the latents stands for their distribution."""
    latents = declaration.latents
    inputs, joint = _joint(declaration, density)
    (joint,) = stable([joint])
    drawn = tuple(
        pt.tensor(one.name, dtype=one.dtype, shape=(None, *one.type.shape)) for one in inputs
    )
    q = pt.mean(vectorize_graph(joint, dict(zip(inputs, drawn, strict=True))))

    def statistics(where: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return _draws(declaration, density, where, rng)

    discrete = any(declaration.model[n].dtype.startswith(("int", "bool")) for n in latents)
    return CompleteData(declaration, density, latents, False, discrete, None, statistics, drawn, q)


def _draws(
    declaration: Declaration, density: Density, where: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Draws of the latents from p(z | x, θ) at one θ, sample axis first."""
    space = density.space
    natural = space.constrain(where)
    repeated = xr.Dataset(
        {
            name: (
                ("sample", *(f"{name}_dim_{axis}" for axis in range(natural[name].ndim))),
                np.broadcast_to(natural[name], (DRAWS, *natural[name].shape)),
            )
            for name in space.parameters
        }
    )
    seed = int(rng.integers(2**31))
    found = recover(declaration, density.view, repeated, seed)
    return {name: found[name].draws for name in declaration.latents}


def _log_category_probabilities(latent: Any) -> Any:
    """log p(z = k | θ), categories along the last axis, of a variable with finitely many."""
    domain = get_domain_of_finite_discrete_rv(latent).astype(latent.dtype)
    shape = resolve_shapes(tuple(latent.shape))
    every = pt.broadcast_to(pt.shape_padright(domain, latent.type.ndim), (domain.shape[0], *shape))
    value = latent.type("category")
    log_probabilities = vectorize_graph(pm.logp(latent, value), {value: every})
    return pt.moveaxis(log_probabilities, 0, -1)


def _conditional_models(declaration: Declaration, density: Density) -> dict[str, pm.Model]:
    """For each latent, a model in which it has the distribution p(z | x, θ)."""
    childless = childless_latents(declaration)
    others = [name for name in declaration.latents if name not in childless]
    rest = conditional(density.view) if others else declaration.model
    return {name: declaration.model if name in childless else rest for name in declaration.latents}


def _joint(declaration: Declaration, density: Density) -> tuple[tuple[Any, ...], Any]:
    """log p(x, z | θ) as a graph of the latents, natural scale, and the unconstrained point."""
    latents = declaration.latents
    model = remove_value_transforms(
        declaration.model, vars=[declaration.model[name] for name in latents]
    )
    variables = [model[name] for name in latents]
    with double_precision():
        joint = model.logp(vars=[*model.observed_RVs, *variables], jacobian=False)
    parts = density.space.symbolic(density.point)
    inputs = tuple(model.rvs_to_values[variable].type(variable.name) for variable in variables)
    values = {model.rvs_to_values[v]: one for v, one in zip(variables, inputs, strict=True)}
    values |= {value: parts[value.name] for value in model.value_vars if value.name in parts}
    return inputs, graph_replace(joint, values, strict=False)


def _in_terms_of(point: Any, density: Density, model: pm.Model, graphs: list[Any]) -> list[Any]:
    """Graphs of a model's parameters as graphs of the unconstrained point."""
    parts = density.space.symbolic(point)
    values = {value: parts[value.name] for value in model.value_vars if value.name in parts}
    found: list[Any] = graph_replace(model.replace_rvs_by_values(graphs), values, strict=False)
    return found


def _is_affine(
    joint: Callable[..., np.ndarray], expect: Callable[..., list[np.ndarray]], density: Density
) -> bool:
    """Whether second differences along random directions of the latents vanish."""
    rng = np.random.default_rng(0)
    for _ in range(3):
        point = density.space.origin + rng.uniform(-1, 1, density.space.size)
        centre = expect(point)
        steps = [0.5 * np.abs(value) * rng.uniform(0.2, 1, value.shape) for value in centre]
        below, middle, above = (
            float(joint(point, *(c + sign * s for c, s in zip(centre, steps, strict=True))))
            for sign in (-1, 0, 1)
        )
        size = abs(below) + abs(middle) + abs(above)
        if not abs(below - 2 * middle + above) <= 1e-10 * size:
            return False
    return True
