"""EM's expectations of the latents beside their posterior: pictures and counts."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latentfit.report._picture import (
    CATEGORIES,
    EM,
    MUTED,
    WIDTH,
    Picture,
    picture,
    sheet,
)

if TYPE_CHECKING:
    import xarray as xr

    from latentfit.agreement import Latent

_MOST_POINTS = 2000
_MOST_BARS = 200
_SURE = 0.9


@dataclass(frozen=True)
class Category:
    """Size of one category, by soft and by hard assignment.

    Attributes
    ----------
    label : str
    soft_em, soft_posterior : float
        Sum of the probabilities.
    hard_em, hard_posterior : int
        Number of objects for which it is the most probable.
    """

    label: str
    soft_em: float
    soft_posterior: float
    hard_em: int
    hard_posterior: int


def categories(latent: "Latent") -> tuple[Category, ...]:
    """Sizes of the categories of a discrete latent."""
    ours, theirs = (a.reshape((-1, a.shape[-1])) for a in (latent.em, latent.posterior))
    hard = [np.bincount(a.argmax(axis=1), minlength=a.shape[1]) for a in (ours, theirs)]
    return tuple(
        Category(
            str(k),
            float(ours[:, k].sum()),
            float(theirs[:, k].sum()),
            int(hard[0][k]),
            int(hard[1][k]),
        )
        for k in range(ours.shape[1])
    )


def unsure(latent: "Latent") -> int:
    """Number of objects whose most probable category EM gives less than 0.9."""
    return int(np.sum(latent.em.max(axis=-1) < _SURE))


def beside(latent: "Latent") -> Picture:
    """Each expectation of EM against the posterior's: on the diagonal where they agree."""
    ours, theirs = np.ravel(latent.em), np.ravel(latent.posterior)
    keep = _some(len(ours))
    figure, axes = sheet(WIDTH, WIDTH * 0.85)
    discrete = latent.kind == "discrete"
    ends = (0.0, 1.0) if discrete else _span(ours, theirs)
    axes.plot(ends, ends, color="#9aa1ac", linewidth=0.9, zorder=1)
    if latent.posterior_sd is not None and len(ours) <= _MOST_BARS:
        spread = np.ravel(latent.posterior_sd)
        axes.errorbar(
            ours, theirs, spread, fmt="none", ecolor=MUTED, elinewidth=0.7, alpha=0.6, zorder=2
        )
    pad = 0.04 * (ends[1] - ends[0])
    axes.set_xlim(ends[0] - pad, ends[1] + pad)
    axes.scatter(ours[keep], theirs[keep], s=16, color=EM, alpha=0.45, linewidth=0, zorder=3)
    what = "probability" if discrete else "mean"
    axes.set(xlabel=f"EM: {what} at its estimate", ylabel=f"posterior {what}")
    axes.set_title(latent.name)
    return picture(
        figure,
        f"EM's {what} of {latent.name} against the posterior {what}, {len(keep)} points; largest "
        f"difference {latent.largest_difference:.2g}.",
    )


def responsibilities(latent: "Latent", observed: "xr.DataArray") -> Picture | None:
    """Probability of each category against the observed value, where there is one for each.

    Returns
    -------
    Picture or None
        None where observations and objects do not correspond one to one, or there are more
        categories than colours.
    """
    values = observed.values
    count = latent.em.shape[-1]
    if latent.em.shape[:-1] != values.shape or values.ndim != 1 or count > len(CATEGORIES):
        return None
    order = np.argsort(values)[_some(len(values))]
    figure, axes = sheet(WIDTH, WIDTH * 0.85)
    for k in range(count):
        axes.plot(
            values[order], latent.em[order, k], "o", color=CATEGORIES[k], markersize=3.5,
            markeredgewidth=0, alpha=0.7, label=f"{k}",
        )  # fmt: skip
    axes.set(xlabel=str(observed.name), ylabel="EM: probability", ylim=(-0.04, 1.04))
    axes.set_title(f"{latent.name}, by category", pad=24)
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.02, 0.99), ncols=count, handletextpad=0.1,
        columnspacing=1.0, borderaxespad=0.0, markerscale=1.5,
    )  # fmt: skip
    return picture(
        figure,
        f"EM's probability of each of the {count} categories of {latent.name} against the "
        f"observed value.",
    )


def _some(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, _MOST_POINTS)).round().astype(int))


def _span(*arrays: np.ndarray) -> tuple[float, float]:
    values = np.concatenate(arrays)
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
