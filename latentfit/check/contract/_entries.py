"""Which entries the E step has to return, and their shapes."""

import numpy as np

from latentfit.bayes.views import category_counts
from latentfit.check.calls import Failure, attempt, copied
from latentfit.check.contract._arrays import Shape
from latentfit.check.examination import Examination


def expected_entries(
    examination: Examination,
) -> tuple[dict[str, Shape | None], tuple[str, ...]]:
    """Return the shapes of the entries that the E step may return, and the names it must return.

    A derivation that declares expectations of its own does not have to return the latents too.

    Returns
    -------
    shapes : dict
        ``{entry: shape}``; None for an entry whose declared function raises an error, which the
        check of the E step reports, and for a latent whose conditional expectation has another
        shape than the latent.
    required : tuple of str
    """
    latents, complete = examination.declaration.latents, examination.complete
    statistics = examination.trial_points[0].statistics
    shapes: dict[str, Shape | None] = {}
    if complete.exact:
        values = {
            name: complete.categories[name][np.argmax(statistics[name], axis=-1)]
            if name in complete.categories
            else statistics[name]
            for name in latents
        }
        shapes |= {name: np.shape(statistics[name]) for name in latents}
    else:
        values = {name: draws[0] for name, draws in statistics.items()}
        count = category_counts(examination.declaration)
        for name in latents:
            shapes[name] = np.shape(values[name]) + ((count[name],) if name in count else ())
    for name in latents:
        declared = examination.declaration.model[name].type.shape
        shape = shapes[name] or ()
        if not (_has_shape(shape, declared) or _has_shape(shape[:-1], declared)):
            # The conditional expectation is not that of this latent: it is no evidence.
            shapes[name] = None
    for name, function in examination.expectations.items():
        value = attempt(function, name, values, copied(examination.data))
        shapes[name] = None if isinstance(value, Failure) else np.shape(value)
    return shapes, tuple(examination.expectations) or latents


def _has_shape(shape: tuple[int, ...], declared: tuple[int | None, ...]) -> bool:
    """Return whether a shape is the declared one, in which lengths may be unknown."""
    return len(shape) == len(declared) and all(
        expected in (None, length) for length, expected in zip(shape, declared, strict=True)
    )
