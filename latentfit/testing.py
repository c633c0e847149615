"""A derivation held to its model in a package's own tests.

`assert_em` is a plain function. Under pytest it is also there as a fixture of the same name,
without an import:

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
_FIELDS = frozenset(field.name for field in fields(LatentModel))


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
        A catalogue name or a model file; or the declaration itself, together with `latents`.
    e_step, m_step : callable, optional
        The steps; by default those of `model`, where it has some. An M step takes what the E step
        returns, or what a ``statistics`` that is given with it makes of that.
    latents : sequence of str, optional
        The free variables of the model that EM treats as missing data.
    data : mapping or array_like, optional
        As `LatentModel.check` takes it; by default the example data.
    seed : int
    **more
        Entries of a model file, such as ``expectations`` or ``objective``; and what
        `LatentModel.check` takes, such as ``timeout`` or options of the model.

    Returns
    -------
    CheckResult
        With its notes, if there are any.

    Raises
    ------
    AssertionError
        They are not: the message says which step, which quantity, what it should have been.
    LatentfitError
        There was nothing to check: no such model, data that cannot be used, no data at all.
    """
    steps = {"e_step": e_step, "m_step": m_step, "latents": latents and tuple(latents)}
    entries = {name: value for name, value in steps.items() if value is not None}
    entries |= {name: more.pop(name) for name in _FIELDS & more.keys()}
    result = _model(model, entries).check(data, seed=seed, **more)
    if not result.passed:
        raise AssertionError(repr(result))
    return result


def _model(model: Any, entries: dict[str, Any]) -> LatentModel:
    if isinstance(model, str | Path):
        model = load(model)
    if isinstance(model, LatentModel):
        if entries.keys() & {"e_step", "m_step"}:
            # Other steps: a log-likelihood that came with the old ones is not on trial.
            entries = {"log_likelihood": None, **entries}
        if "m_step" in entries:
            entries = {"statistics": None, **entries}
        return replace(model, **entries)
    missing = [name for name in ("latents", "e_step", "m_step") if name not in entries]
    if missing:
        raise DeclarationError(f"a declaration alone does not say its {', '.join(missing)}")
    return LatentModel(model=model, **entries)
