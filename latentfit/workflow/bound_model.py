"""A model definition with its data and the values of its options, the input of every job."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from latentfit import declaration as declared
from latentfit import em
from latentfit.declaration.data import check_missing, mask_missing, validate_data
from latentfit.declaration.definition import ModelDefinition, Step
from latentfit.em import distributed
from latentfit.errors import InputError

if TYPE_CHECKING:
    import pymc as pm

    from latentfit.declaration import Data, Declaration


@dataclass(frozen=True)
class BoundModel:
    """A model definition with data and options.

    Attributes
    ----------
    definition : ModelDefinition
    arguments : dict
        ``{argument of model: array}``.
    options : mapping
        Values of options of ``model`` that differ from their defaults.
    """

    definition: ModelDefinition
    arguments: "Data"
    options: Mapping[str, Any]

    @cached_property
    def declaration(self) -> "Declaration":
        """The PyMC model of these data, with the role of each of its variables."""
        return declared.declare(self._build, self.definition.latents, self.arguments, self.options)

    @cached_property
    def step_data(self) -> Mapping[str, Any]:
        """The data that the steps are given, without PyMC as far as possible.

        The arguments of ``model`` are known without PyMC. Other data that the declaration registers
        require the PyMC model, which is built only if a step asks for them.
        """
        if not self.definition.arguments:
            return self.declaration.data
        return _OnDemand(mask_missing(self.arguments), lambda: self.declaration.data)

    @cached_property
    def maximise(self) -> Step:
        """The M step as a function of the expectations, see `maximise`."""
        return maximise(self.definition)

    @property
    def em_log_likelihood(self) -> Callable[..., float] | None:
        """The model file's log-likelihood if it is EM's objective, else None.

        If EM maximises the posterior density, only the declaration knows the log prior density.
        """
        definition = self.definition
        return definition.log_likelihood if definition.objective == "likelihood" else None

    def to_model(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Convert EM's params to values of the model's variables."""
        function = self.definition.to_model
        return em.call(function, "to_model", params) if function else params

    def on(self, arguments: "Data") -> "BoundModel":
        """Bind the same definition and options to other data."""
        return BoundModel(self.definition, arguments, self.options)

    def _build(self, **arguments: Any) -> "pm.Model":
        model = self.definition.model
        return em.call(model, "model", **arguments) if callable(model) else model


class _OnDemand(dict[str, Any]):
    """A dict that calls a function for further entries when a missing name is looked up."""

    def __init__(self, arguments: Mapping[str, Any], build: Callable[[], Mapping[str, Any]]):
        super().__init__(arguments)
        self._build: Callable[[], Mapping[str, Any]] | None = build

    def __missing__(self, name: str) -> Any:
        if self._build is not None:
            build, self._build = self._build, None
            self.update(build())
            if name in self:
                return self[name]
        raise KeyError(name)


def bind(definition: ModelDefinition, data: Any, options: Mapping[str, Any]) -> BoundModel:
    """Check data and options, and bind them to a definition.

    Parameters
    ----------
    definition : ModelDefinition
    data : mapping or array_like, optional
        ``{argument: array}``; the array itself if ``model`` takes one. By default the example
        data.
    options : mapping
        Options of ``model``.

    Raises
    ------
    InputError
        There is no such option, or the data cannot be used.
    """
    check_options(definition, options)
    return BoundModel(definition, _arguments(definition, data), options)


def declare(definition: ModelDefinition, data: Any = None, **options: Any) -> "Declaration":
    """Build the PyMC model on data and find the role of each of its variables.

    Parameters
    ----------
    definition : ModelDefinition
    data : mapping or array_like, optional
        As in `bind`.
    **options
        Options of ``model``.

    Raises
    ------
    InputError, DeclarationError
    """
    return bind(definition, data, options).declaration


def check_options(definition: ModelDefinition, options: Mapping[str, Any]) -> None:
    """Raise `InputError` for a name that is not an option of ``model``."""
    for name in options:
        if name not in definition.options:
            known = ", ".join(definition.options) or "none"
            raise InputError(f"{definition.name} has no option {name!r}; it has {known}")


def maximise(definition: ModelDefinition) -> Step:
    """Return the M step as a function of the expectations, through ``statistics`` if given."""
    if definition.statistics is None:
        return definition.m_step
    return em.composed(definition.statistics, definition.m_step)


def matrix_arguments(definition: ModelDefinition) -> tuple[str, ...]:
    """List the data that are matrices in the model's example data."""
    if definition.example_data is None:
        return ()
    example = em.call(definition.example_data, "example_data")
    return tuple(name for name, value in example.items() if getattr(value, "ndim", 0) == 2)


def _arguments(definition: ModelDefinition, data: Any) -> "Data":
    if distributed.is_distributed(data):
        raise InputError(
            "this job takes data in memory: only fit takes data in chunks or the path of a folder"
        )
    if not definition.arguments:
        if data is not None:
            raise InputError("the model is built already and holds its data")
        return {}
    if data is None:
        if definition.example_data is None:
            raise InputError(
                f"{definition.name} has no example data: give it {', '.join(definition.arguments)}"
            )
        data = em.call(definition.example_data, "example_data")
    arguments = validate_data(data, definition.arguments)
    check_missing(definition.name, arguments, definition.latents)
    return arguments
