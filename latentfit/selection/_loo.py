"""Leave-one-out cross-validation from the posterior of a comparison.

    elpd_loo = Σ_i log p(x_i | x_-i)

in nats, where more is better, by Pareto smoothed importance sampling from the draws that there are
(Vehtari, Gelman & Gabry 2017, Statistics and Computing 27(5), 1413-1432; Vehtari, Simpson, Gelman,
Yao & Gabry 2024, Journal of Machine Learning Research 25(72)). What is left out is one term of
log p(x | θ), the latents being integrated out: of a mixture an observation, with its component.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Loo:
    """What cross-validation says of one value.

    Attributes
    ----------
    elpd : float
        Expected log pointwise predictive density, in nats.
    se : float
        Its standard error.
    p_loo : float
        Effective number of parameters.
    terms : int
        How many were left out, one at a time.
    unreliable : int
        Of these, how many have a Pareto k above `good_k`: the draws do not tell what would be
        without them.
    good_k : float
        1 - 1 / log10 of the number of draws, 0.7 at most.
    difference : float
        `elpd` less that of the best value: 0 for the best, else negative.
    difference_se : float
        Standard error of that difference, of which the terms are paired.
    """

    elpd: float
    se: float
    p_loo: float
    terms: int
    unreliable: int
    good_k: float
    difference: float = float("nan")
    difference_se: float = float("nan")


def elpd(tree: Any) -> Any:
    """ArviZ's result for the draws of a comparison, or why there is none.

    Parameters
    ----------
    tree : DataTree
        `Comparison.tree`.

    Returns
    -------
    ELPDData or str
    """
    import arviz_stats
    import xarray as xr

    if "log_likelihood" not in tree:
        return "there were too many terms of log p(x | θ) to keep them for every draw"
    terms = tree["log_likelihood"].to_dataset()
    if len(terms.data_vars) != 1:
        names = ", ".join(map(str, terms.data_vars))
        return f"a unit has a term of log p(x | θ) in each of {names}"
    (name,) = terms.data_vars
    if int(np.prod(terms[name].shape[2:])) < 2:
        return "log p(x | θ) is a single term, of which nothing can be left out"
    # The sampler's efficiency is that of the parameters; latents among the draws have their own.
    estimated = [variable for variable in tree["em"].data_vars if variable in tree["posterior"]]
    posterior = tree["posterior"].to_dataset()[estimated]
    whole = xr.DataTree.from_dict({"posterior": posterior, "log_likelihood": terms})
    return arviz_stats.loo(whole, pointwise=True)


def compared(found: Mapping[int, Any]) -> dict[int, Loo]:
    """Results side by side, each with its difference to the best.

    Parameters
    ----------
    found : dict
        ``{value: ELPDData}``, all of the same terms.
    """
    if not found:
        return {}
    import arviz_stats

    compare: Any = arviz_stats.compare
    # The method weights the models, which is not asked for here: the quickest.
    table = compare(
        {str(value): one for value, one in found.items()}, method="pseudo-BMA", round_to="none"
    )
    return {
        value: Loo(
            elpd=float(one.elpd),
            se=float(one.se),
            p_loo=float(one.p),
            terms=int(one.n_data_points),
            unreliable=int((one.pareto_k > one.good_k).sum()),
            good_k=float(one.good_k),
            difference=float(table.loc[str(value), "elpd_diff"]),
            difference_se=float(table.loc[str(value), "dse"]),
        )
        for value, one in found.items()
    }
