"""The routes to standard errors of EM, fed by the declaration.

`latentfit.em.information` differentiates whatever functions it is given by differences. A
declaration has Q with its exact gradient and Hessian (`CompleteData`), and so has its log p(x | θ):
one difference is left at most, that of ∂Q/∂φ in θ' for Oakes (1999), that of the EM map for
supplemented EM (Meng & Rubin 1991), that of log p(x, z = k | θ) for Louis (1982), whose conditional
variance of the score a declaration has where its latents are categorical. The free scale is PyMC's
unconstrained one, and the results are for every parameter and Deterministic.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from latentfit.bayes.complete_data import CompleteData
from latentfit.bayes.views import Density
from latentfit.declaration import Params, Space
from latentfit.em.information import StandardErrors
from latentfit.em.information._covariance import standard_errors
from latentfit.em.information._differences import Derivative, jacobian
from latentfit.em.information._functions import OnStep, counted
from latentfit.em.information._louis import missing_information
from latentfit.em.information._oakes import oakes_information
from latentfit.em.information._supplemented import supplemented_information
from latentfit.errors import DeclarationError, InputError

# Of exact second derivatives, relative to their largest.
_ROUNDING = 1e-13


@dataclass(frozen=True)
class SpaceScale:
    """A declaration's parameter space, as the routes know a scale."""

    space: Space

    @property
    def bounded(self) -> np.ndarray:
        """As `Space.bounded`."""
        return self.space.bounded

    def params(self, point: np.ndarray) -> Params:
        """Parameters and deterministics, natural scale."""
        return self.space.constrain(point)

    def on_boundary(self, natural: Mapping[str, np.ndarray]) -> list[str]:
        """As `Space.on_boundary`."""
        return self.space.on_boundary(natural)


def by_observed(density: Density, point: np.ndarray, *, prior: bool = False) -> StandardErrors:
    """Standard errors from the exact Hessian of log p(x | θ).

    Parameters
    ----------
    density : Density
    point : ndarray, shape (size,)
        Where EM ended, unconstrained.
    prior : bool
        EM climbs log p(x | θ) + log p(θ).

    Raises
    ------
    InputError
        log p(x | θ) is not known.
    """
    if not density.tractable:
        raise InputError("log p(x | θ) is not known: the latents cannot be integrated out")
    _, score = (density.log_posterior if prior else density.log_likelihood)(point)
    information = _exact(-density.hessian(point, prior=prior))
    return standard_errors("observed", SpaceScale(density.space), point, information, score)


def by_louis(
    complete: CompleteData,
    point: np.ndarray,
    *,
    prior: bool = False,
    on_step: OnStep | None = None,
) -> StandardErrors:
    """Standard errors from the conditional variance of the complete-data score (Louis 1982).

    Parameters
    ----------
    complete : CompleteData
    point, prior, on_step
        As in `by_oakes`.

    Raises
    ------
    InputError
        The latents are not categorical, each with a distribution of its own given x.
    """
    joint = complete.joint
    if joint is None:
        raise InputError(
            f"the score's conditional variance is known of categorical latents alone, and of "
            f"{', '.join(complete.latents)} only the mean"
        )
    bend, score, units = _q_at(complete, point, prior)
    weights = _statistics(complete, point)
    used = {name: weights[name] > 0 for name in complete.latents}

    def terms(where: np.ndarray) -> np.ndarray:
        found = joint(where)
        return np.concatenate([found[name][0][mask] for name, mask in used.items()])

    slopes = jacobian(terms, point, units, advance=counted(on_step, len(point)))
    value, error = np.zeros_like(bend.value), np.zeros_like(bend.value)
    begin = 0
    for name, mask in used.items():
        rows = slice(begin, begin := begin + int(mask.sum()))
        shape = (*mask.shape, len(point))
        scores, blurs = np.zeros(shape), np.zeros(shape)
        scores[mask], blurs[mask] = slopes.value[rows], slopes.error[rows]
        categories = mask.shape[-1]
        flat = (-1, categories, len(point))
        missing = missing_information(
            Derivative(scores.reshape(flat), blurs.reshape(flat)),
            weights[name].reshape(-1, categories),
        )
        value, error = value + missing.value, error + missing.error
    information = Derivative(bend.value - value, bend.error + error)
    return standard_errors(
        "louis", SpaceScale(complete.density.space), point, information, score, bend.value
    )


def by_oakes(
    complete: CompleteData,
    point: np.ndarray,
    *,
    prior: bool = False,
    on_step: OnStep | None = None,
) -> StandardErrors:
    """Standard errors from second derivatives of the declaration's Q (Oakes 1999).

    Parameters
    ----------
    complete : CompleteData
    point, prior
        As in `by_observed`.
    on_step : callable, optional
        ``on_step(done, total)``, after each coordinate.

    Raises
    ------
    InputError
        Expectations are known by draws only, which cannot be differentiated.
    """
    bend, score, units = _q_at(complete, point, prior)

    def slope(given: np.ndarray) -> np.ndarray:
        return complete.q(_statistics(complete, given), point, prior=prior)[1]

    advance = counted(on_step, len(point))
    information = oakes_information(bend, jacobian(slope, point, units, advance=advance))
    return standard_errors(
        "oakes", SpaceScale(complete.density.space), point, information, score, bend.value
    )


def by_supplement(
    complete: CompleteData,
    em_map: Callable[[Params], Mapping[str, Any]],
    params: Mapping[str, Any],
    *,
    to_model: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda params: params,
    prior: bool = False,
    on_step: OnStep | None = None,
) -> StandardErrors:
    """Standard errors from a hand-written EM and the declaration's complete-data information.

    Parameters
    ----------
    complete : CompleteData
    em_map : callable
        ``em_map(params)``, one iteration in EM's own parameters, natural scale.
    params : mapping
        Where EM ended.
    to_model : callable
        From EM's parameters to values of the model's variables.
    prior, on_step
        As in `by_oakes`.

    Raises
    ------
    InputError
        As in `by_oakes`.
    DeclarationError
        EM has a parameter that is neither one of the model's nor a Deterministic of it: what the
        map does along the unconstrained coordinates is then not known.
    """
    space = complete.density.space
    unknown = [name for name in params if name not in space.shapes]
    if unknown:
        raise DeclarationError(
            f"the model has no {', '.join(unknown)}: to differentiate EM on the unconstrained "
            f"scale, its parameters have to be among the model's ({', '.join(space.shapes)})"
        )
    point = space.locate(to_model(params))

    def move(where: np.ndarray) -> np.ndarray:
        natural = space.constrain(where)
        return space.locate(to_model(em_map({name: natural[name] for name in params})))

    bend, score, units = _q_at(complete, point, prior)
    slopes = jacobian(move, point, units, advance=counted(on_step, len(point)))
    information, notes = supplemented_information(bend, slopes)
    return standard_errors(
        "supplemented", SpaceScale(space), point, information, score, bend.value, notes
    )


def _q_at(
    complete: CompleteData, point: np.ndarray, prior: bool
) -> tuple[Derivative, np.ndarray, np.ndarray]:
    """Complete-data information, score, and a unit of each coordinate."""
    if not complete.exact:
        raise InputError(
            f"expectations of {', '.join(complete.latents)} are known by draws only, which cannot "
            f"be differentiated"
        )
    statistics = _statistics(complete, point)
    bend = -complete.hessian(statistics, point, prior=prior)
    _, score = complete.q(statistics, point, prior=prior)
    diagonal = np.diag(bend)
    width = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    units = np.where(complete.density.space.bounded, np.minimum(width, 1.0), width)
    return _exact(bend), score, units


def _statistics(complete: CompleteData, point: np.ndarray) -> Mapping[str, np.ndarray]:
    # Exact statistics draw nothing.
    return complete.statistics(point, np.random.default_rng(0))


def _exact(matrix: np.ndarray) -> Derivative:
    size = np.sqrt(np.abs(np.diag(matrix)))
    return Derivative(matrix, _ROUNDING * np.outer(size, size))
