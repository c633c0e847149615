"""``--set option=1..6``: one model at several values of an option, side by side."""

import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from latentfit import display, em, report, selection
from latentfit.declaration.data import mask_missing
from latentfit.declaration.definition import ModelDefinition
from latentfit.errors import InputError, LatentfitError
from latentfit.progress import Progress
from latentfit.workflow.bound_model import bind
from latentfit.workflow.fit import fit_model
from latentfit.workflow.options import SETTINGS_OF_JOBS, model_keywords

if TYPE_CHECKING:
    from latentfit.agreement import Comparison

display.to_html.register(selection.Selection, report.selection_fragment)


def select_value(
    definition: ModelDefinition,
    data: Any = None,
    *,
    option: str,
    values: Iterable[int],
    posterior: bool = False,
    units: int | None = None,
    seed: int | None = None,
    progress: Progress | None = None,
    on_value: "Callable[[int, em.Fit | Comparison], object] | None" = None,
    options: Mapping[str, Any] | None = None,
    **settings: Any,
) -> selection.Selection:
    """Fit the model at several values of an option, such as numbers of components.

    If EM or the comparison fails at one value, the result says why, and the other values are
    still evaluated.

    Parameters
    ----------
    definition : ModelDefinition
    data : mapping or array_like, optional
        As in `fit_model`.
    option : str
        An option of ``model`` whose values are integers.
    values : iterable of int
    posterior : bool
        Whether to compare at each value, which adds leave-one-out cross-validation to AIC, BIC and
        ICL; or to fit alone, without PyMC.
    units : int, optional
        Number of units, n in BIC and ICL. By default the values of a discrete latent are
        counted, else the rows of the data.
    seed : int, optional
        The same at every value.
    progress : Progress, optional
    on_value : callable, optional
        ``on_value(value, result)``, after each fit or comparison that did not fail. Comparisons are
        large, and the selection keeps none.
    options : mapping, optional
        The other options of ``model``.
    **settings
        Those of `fit_model` or `compare_estimates`, and other options of ``model`` whose names are
        not those of other arguments.

    Raises
    ------
    InputError, DeclarationError, StepError
        As in `fit_model` or `compare_estimates`, if every value fails: the first error.
    """
    default = definition.options.get(option, 0)
    if option in definition.options and type(default) is not int:
        raise InputError(f"{option} is not a whole number: its default is {default!r}")
    others = dict(options or {})
    # A setting of the job itself may have the name of the option.
    already = {**{k: v for k, v in settings.items() if k not in SETTINGS_OF_JOBS}, **others}
    if option in already:
        raise InputError(f"{option} has a value already, {already[option]!r}")
    if units is not None and units < 1:
        raise InputError(f"units must be at least 1, not {units}")
    if not posterior and (definition.log_likelihood is None or definition.objective == "posterior"):
        raise InputError(
            f"{definition.name} has no log_likelihood that EM maximises, which the criteria need; "
            f"a comparison takes that of the declaration"
        )
    seed = secrets.randbits(31) if seed is None else seed
    progress = progress or Progress(quiet=True)
    arguments = bind(definition, data, {option: default}).arguments
    problem = selection.SelectionProblem(definition, option, mask_missing(arguments), units)
    values = selection.check_values(values, option)
    job = _job(posterior)

    evaluations: list[selection.Evaluation] = []
    errors: list[LatentfitError] = []
    title = f"{option} {values[0]} to {values[-1]}"
    with progress.stage(title, total=len(values)) as bar:
        for value in values:
            run = {
                "seed": seed,
                "progress": progress,
                **settings,
                **model_keywords({**others, option: value}),
            }
            try:
                result = job(definition, arguments or None, **run)
            except LatentfitError as error:
                errors.append(error)
                evaluations.append(selection.failed(value, error))
            else:
                evaluate = (
                    selection.of_fit if isinstance(result, em.Fit) else selection.of_comparison
                )
                evaluations.append(evaluate(problem, value, result))
                if on_value is not None:
                    on_value(value, result)
            bar.advance()
    if len(errors) == len(values):
        raise errors[0]
    return selection.Selection(
        name=definition.name,
        title=definition.title,
        option=option,
        candidates=selection.complete_candidates(evaluations, option),
        posterior=posterior,
        counted=next((one.counted for one in evaluations if one.counted), ""),
        notes=tuple(dict.fromkeys(note for one in evaluations for note in one.notes)),
        settings={
            name: vars(value) if isinstance(value, em.Stopping) else value
            for name, value in {**settings, **others}.items()
            if name != "executor"
        },
        seed=seed,
    )


def _job(posterior: bool) -> "Callable[..., Any]":
    """Return the job that is done at each value; PyMC is imported for comparisons only."""
    if not posterior:
        return fit_model
    from latentfit.workflow.compare import compare_estimates

    return compare_estimates
