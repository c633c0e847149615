"""The entries of a model file: a declaration and the EM algorithm that was derived for it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from latentfit.declaration.contract import check_latents, model_signature
from latentfit.errors import DeclarationError, brief_repr

if TYPE_CHECKING:
    import pymc as pm

Step = Callable[..., Mapping[str, Any]]

_OBJECTIVES = ("likelihood", "posterior")
_OPTIONAL_FUNCTIONS = (
    "statistics",
    "initial",
    "simulate",
    "example_data",
    "log_likelihood",
    "to_model",
)


@dataclass(frozen=True, kw_only=True)
class ModelDefinition:
    """One declaration and the EM algorithm that was derived for it.

    The fields are the entries of a model file.

    Parameters
    ----------
    model : callable or pm.Model
        ``model(data, **options)`` returns the declaration as a ``pm.Model``; or a ``pm.Model``.
    latents : tuple of str
        The free variables of the model that EM treats as missing data.
    e_step : callable
        ``e_step(params, data)`` returns ``{name: expectation}``.
    m_step : callable
        ``m_step(expectations, data)`` or ``m_step(expectations, data, params)`` returns the
        next params. If `statistics` is given, the M step takes their values in place of the
        expectations.
    statistics : callable, optional
        ``statistics(expectations, data)`` or ``statistics(expectations, data, params)`` returns
        ``{name: array}``: sums over the units. The sums of disjoint parts of the data add up to
        those of the whole data, so that EM can run on data that are split into chunks.
    initial : callable, optional
        ``initial(data, rng, **options)`` returns starting params. By default starts are PyMC's
        initial point with random jitter.
    simulate : callable, optional
        ``simulate(params, data, rng, **options)`` returns new data drawn from the model: those
        arguments of ``model`` that are random, for as many units as `data` has. By default the
        observed variables are drawn from the declaration.
    example_data : callable, optional
        Returns ``{argument of model: array}``.
    published : sequence of mapping
        Figures from the literature.
    log_likelihood : callable, optional
        ``log_likelihood(params, data)``, log p(x | θ).
    objective : {"likelihood", "posterior"}
        What the M step maximises.
    expectations : mapping
        Complete-data statistics behind entries of the E step that are not simply a latent.
    to_model : callable, optional
        From EM's params to values of the model's variables, where the names differ.
    name, title, derivation : str
        For reports; the derivation is Markdown with LaTeX.

    Raises
    ------
    DeclarationError
        An entry is not of its kind.
    """

    model: "Callable[..., pm.Model] | pm.Model"
    latents: tuple[str, ...]
    e_step: Step
    m_step: Step
    statistics: Step | None = None
    initial: Callable[..., Mapping[str, Any]] | None = None
    simulate: Callable[..., Mapping[str, Any]] | None = None
    example_data: Callable[[], Mapping[str, Any]] | None = None
    published: Sequence[Mapping[str, Any]] = ()
    log_likelihood: Callable[..., float] | None = None
    objective: Literal["likelihood", "posterior"] = "likelihood"
    expectations: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    to_model: Callable[..., Mapping[str, Any]] | None = None
    name: str = "model"
    title: str = ""
    derivation: str = ""

    def __post_init__(self) -> None:
        """Validate the entries."""
        object.__setattr__(self, "latents", check_latents(self.latents))
        if not isinstance(self.objective, str) or self.objective not in _OBJECTIVES:
            raise DeclarationError(
                f"objective is 'likelihood' or 'posterior', not {brief_repr(self.objective)}"
            )
        for step in ("e_step", "m_step"):
            if not callable(getattr(self, step)):
                raise DeclarationError(f"{step} must be a function")
        for name in _OPTIONAL_FUNCTIONS:
            entry = getattr(self, name)
            if not (entry is None or callable(entry)):
                raise DeclarationError(f"{name} must be a function, not {brief_repr(entry)}")
        if not isinstance(self.expectations, Mapping) or not all(
            map(callable, self.expectations.values())
        ):
            raise DeclarationError(
                "expectations is a mapping {name: function of (latents, data)}, "
                f"not {brief_repr(self.expectations)}"
            )
        if isinstance(self.published, Mapping | str) or not isinstance(self.published, Iterable):
            raise DeclarationError("published is a sequence of mappings, one for each figure")

    @cached_property
    def arguments(self) -> tuple[str, ...]:
        """Names of the data that ``model`` takes; empty if `model` is a built ``pm.Model``."""
        return self._signature[0]

    @cached_property
    def options(self) -> dict[str, Any]:
        """Options that ``model`` takes, with their defaults."""
        return self._signature[1]

    @cached_property
    def _signature(self) -> tuple[tuple[str, ...], dict[str, Any]]:
        return model_signature(self.model) if callable(self.model) else ((), {})
