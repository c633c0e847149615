"""Leave-one-out cross-validation from the posterior draws of a comparison.

    elpd_loo = Σ_i log p(x_i | x_-i)

is in nats, and larger is better. It is computed from the existing draws by Pareto smoothed
importance sampling (Vehtari, Gelman & Gabry 2017, Statistics and Computing 27(5), 1413-1432;
Vehtari, Simpson, Gelman, Yao & Gabry 2024, Journal of Machine Learning Research 25(72)). One term
of log p(x | θ) is left out at a time, with the latents marginalised: in a mixture, an observation
together with its component.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Loo:
    """The result of cross-validation at one value of the option.

    Attributes
    ----------
    elpd : float
        Expected log pointwise predictive density, in nats.
    se : float
        Its standard error.
    p_loo : float
        Effective number of parameters.
    terms : int
        Number of terms, each of which was left out once.
    unreliable : int
        Number of terms with a Pareto k above `good_k`, for which importance sampling is not
        reliable.
    good_k : float
        1 - 1 / log10 of the number of draws, at most 0.7.
    difference : float
        `elpd` minus that of the best value: 0 for the best value, else negative.
    difference_se : float
        Standard error of that difference, from the differences of paired terms.
    """

    elpd: float
    se: float
    p_loo: float
    terms: int
    unreliable: int
    good_k: float
    difference: float = float("nan")
    difference_se: float = float("nan")


def compute_elpd(tree: Any) -> Any:
    """Compute elpd_loo from the draws of a comparison.

    Parameters
    ----------
    tree : DataTree
        `Comparison.tree`.

    Returns
    -------
    ELPDData or str
        ArviZ's result, or the reason why it cannot be computed.
    """
    import arviz_stats
    import xarray as xr

    if "log_likelihood" not in tree:
        return "log p(x | θ) has too many terms to be stored for every draw"
    terms = tree["log_likelihood"].to_dataset()
    if len(terms.data_vars) != 1:
        names = ", ".join(map(str, terms.data_vars))
        return f"log p(x | θ) has terms for each of {names}, and which belong together is unknown"
    (name,) = terms.data_vars
    if int(np.prod(terms[name].shape[2:])) < 2:
        return "log p(x | θ) is a single term, and leaving it out would leave no data"
    # ArviZ averages the efficiency of the sampler over all variables of the posterior. That of the
    # parameters is needed here, so that latents are left out.
    estimated = [variable for variable in tree["em"].data_vars if variable in tree["posterior"]]
    posterior = tree["posterior"].to_dataset()[estimated]
    whole = xr.DataTree.from_dict({"posterior": posterior, "log_likelihood": terms})
    stats: Any = arviz_stats
    return stats.loo(whole, pointwise=True)


def compare_elpd(found: Mapping[int, Any]) -> dict[int, Loo]:
    """Compute the difference of each value's elpd_loo from the best one.

    Parameters
    ----------
    found : dict
        ``{value: ELPDData}``, all for the same terms.
    """
    if not found:
        return {}
    import arviz_stats

    stats: Any = arviz_stats
    # The method determines the weights of the models, which are not used: this is the fastest one.
    table = stats.compare(
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
