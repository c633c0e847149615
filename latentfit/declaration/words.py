"""Variables of a model in the words of its author, for messages."""

import re
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pymc as pm
from pytensor.graph.traversal import ancestors

from latentfit.errors import one_line, reason_of

IMPROPER_DISTRIBUTIONS = ("Flat", "HalfFlat")

_MAX_LISTED_DEPENDENTS = 3
_MAX_REASON_CHARACTERS = 160
_LIBRARIES = ("pymc", "pymc_extras", "pytensor", "nutpie", "numba", "jax", "llvmlite")
# How PyTensor writes operations, nodes and types of a graph.
_OPERATION = re.compile(
    r"\w+_rv\b|\w+RV\b|\w+\{|Elemwise|Subtensor|Scan\b|Apply|FunctionGraph|TensorType|<\w+\("
)
_SHAPE = re.compile(r"\((?:\d+, ?)*\d*,?\)")
# Names of operations that differ from those by which users know the distributions.
_USUAL_NAMES = {
    "DiscreteMC": "DiscreteMarkovChain",
    "MultivariateNormal": "MvNormal",
    "RandomWalk": "GaussianRandomWalk",
}


def distribution_name(variable: Any) -> str:
    """Return PyMC's name of the distribution of a variable, such as ``Poisson``."""
    op = variable.owner.op
    printed = getattr(op, "_print_name", None)
    name = str(printed[0]) if printed else type(op).__name__.removesuffix("RV")
    # The operation of a CustomDist bears the name of the variable.
    if name.startswith("CustomDist"):
        return "CustomDist"
    return _USUAL_NAMES.get(name, name)


def dependents(model: pm.Model, name: str) -> tuple[Any, ...]:
    """Return the random variables whose distribution depends directly on a variable."""
    found = []
    for variable in model.basic_RVs:
        others = [other for other in model.basic_RVs if other is not variable]
        inputs = variable.owner.inputs
        if variable.name != name and model[name] in ancestors(
            inputs, blockers=_without(others, name)
        ):
            found.append(variable)
    return tuple(found)


def describe_latent(model: pm.Model, name: str) -> str:
    """Describe a latent: ``N is Poisson, and y (Binomial, observed) depends on it``.

    Parameters
    ----------
    model : pm.Model
    name : str
        Of a free variable of the model.
    """
    text = f"{name} is {distribution_name(model[name])}"
    depending = dependents(model, name)
    if not depending:
        return text
    listed = [_described(model, variable) for variable in depending[:_MAX_LISTED_DEPENDENTS]]
    if len(depending) > _MAX_LISTED_DEPENDENTS:
        listed.append(f"{len(depending) - _MAX_LISTED_DEPENDENTS} other variables")
    verb = "depends" if len(depending) == 1 else "depend"
    return f"{text}, and {enumerated(listed)} {verb} on it"


def enumerated(names: Sequence[str]) -> str:
    """Join names: ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _described(model: pm.Model, variable: Any) -> str:
    observed = ", observed" if variable in model.observed_RVs else ""
    return f"{variable.name} ({distribution_name(variable)}{observed})"


def _without(variables: Iterable[Any], name: str) -> list[Any]:
    return [variable for variable in variables if variable.name != name]


def _with_truth_values(model: pm.Model) -> list[str]:
    """Return the variables of whose distribution a parameter is an array of truth values."""
    return [
        f"{rv.name} ({distribution_name(rv)})"
        for rv in model.basic_RVs
        if any(getattr(one.type, "dtype", None) == "bool" for one in rv.owner.inputs)
    ]


def explain_library_error(model: pm.Model, latents: Sequence[str], error: BaseException) -> str:
    """Explain an error that PyMC or PyTensor raised while latentfit worked with a model.

    Parameters
    ----------
    model : pm.Model
    latents : sequence of str
    error : BaseException

    Returns
    -------
    str
        One line of at most 500 characters that names variables and distributions of the model, and
        no operation of a graph.
    """
    improper = [rv for rv in model.free_RVs if distribution_name(rv) in IMPROPER_DISTRIBUTIONS]
    text = _text_without_operations(error)
    reason = f"{type(error).__name__}{': ' if text else ''}{text}"
    if improper:
        names = enumerated([f"{rv.name} ({distribution_name(rv)})" for rv in improper])
        advice = (
            f"the distribution of {names} is improper; give a proper one instead, such as "
            f"HalfNormal or Normal with a large sigma"
        )
    elif truth_values := _with_truth_values(model):
        advice = (
            f"a parameter of {enumerated(truth_values)} is a truth value, with which PyMC does not "
            f"compute; write pm.math.switch(condition, 1.0, 0.0) in its place"
        )
    else:
        described = "; ".join(describe_latent(model, name) for name in latents)
        advice = f"{described}. --debug shows where; simpler distributions or shapes may work"
    return one_line(f"PyMC cannot evaluate what is needed of this model ({reason}): {advice}")


def is_library_error(error: BaseException) -> bool:
    """Whether the code that raised an error is that of PyMC, PyTensor or a package below them."""
    frames = traceback.extract_tb(error.__traceback__)
    parts = Path(frames[-1].filename).parts if frames else ()
    return any(package in parts for package in _LIBRARIES)


def _text_without_operations(error: BaseException) -> str:
    """Return an error's text, or nothing if it names operations of a graph or is long."""
    text = reason_of(error).removeprefix(type(error).__name__).removeprefix(": ")
    shapes = list(dict.fromkeys(_SHAPE.findall(text)))
    if len(shapes) > 1 and "shape" in text:
        return f"arrays of shapes {enumerated(shapes)} do not fit together"
    return "" if _OPERATION.search(text) or len(text) > _MAX_REASON_CHARACTERS else text
