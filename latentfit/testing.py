"""Check derivations in the tests of a package.

`assert_em` is a plain function. In pytest it is also a fixture of the same name, which needs no
import:

>>> def test_my_derivation(assert_em):
...     assert_em("my_model.py")
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latentfit._load import load
from latentfit.errors import DeclarationError
from latentfit.model import LatentModel

if TYPE_CHECKING:
    import pymc as pm

    from latentfit.check import CheckResult

_Step = Callable[..., Mapping[str, Any]]
_MODEL_ENTRIES = frozenset(field.name for field in fields(LatentModel))


def assert_em(
    model: "LatentModel | str | Path | Callable[..., pm.Model] | pm.Model",
    e_step: _Step | None = None,
    m_step: _Step | None = None,
    *,
    latents: Sequence[str] | None = None,
    data: Any = None,
    seed: int = 0,
    **more: Any,
) -> "CheckResult":
    """Assert that an E step and an M step are the EM algorithm of a model.

    Parameters
    ----------
    model : LatentModel, str, Path, callable or pm.Model
        A model, a catalogue name, or the path of a model file. A PyMC model, or a function that
        returns one, is accepted together with `latents`, `e_step` and `m_step`.
    e_step, m_step : callable, optional
        The steps to check; by default those of `model`. The M step receives the result of
        ``statistics`` if that is passed as well, and otherwise the result of the E step.
    latents : sequence of str, optional
        Names of the free variables of the model that EM treats as missing data.
    data : mapping or array_like, optional
        Data in any form that `LatentModel.check` accepts; by default the example data.
    seed : int
        Seed of all random numbers.
    **more
        Further entries of a model file, such as ``expectations`` or ``objective``, and further
        arguments of `LatentModel.check`, such as ``timeout`` or options of the model.

    Returns
    -------
    CheckResult
        The result of the check, which may contain notes.

    Raises
    ------
    AssertionError
        If the check fails. The message names the step, the quantity and its expected value.
    LatentfitError
        If the check could not run: no such model, no data, or data that cannot be used.
    """
    given = {"e_step": e_step, "m_step": m_step, "latents": latents and tuple(latents)}
    entries = {name: value for name, value in given.items() if value is not None}
    entries |= {name: more.pop(name) for name in _MODEL_ENTRIES & more.keys()}
    result = _combine(model, entries).check(data, seed=seed, **more)
    if not result.passed:
        raise AssertionError(repr(result))
    return result


def _combine(model: Any, entries: dict[str, Any]) -> LatentModel:
    """Return the model with the entries that the caller passes in place of its own."""
    if isinstance(model, str | Path):
        model = load(model)
    if isinstance(model, LatentModel):
        if entries.keys() & {"e_step", "m_step"}:
            # The model's log-likelihood is not part of the derivation that is checked.
            entries = {"log_likelihood": None, **entries}
        if "m_step" in entries:
            entries = {"statistics": None, **entries}
        return replace(model, **entries)
    missing = [name for name in ("latents", "e_step", "m_step") if name not in entries]
    if missing:
        raise DeclarationError(f"a PyMC model alone does not define {', '.join(missing)}")
    return LatentModel(model=model, **entries)
