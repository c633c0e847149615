"""Numbers of observations, and other sizes that may stand in a divisor."""

import numpy as np

from latentfit.check.examination import Examination, TrialPoint

# A column of more distinct values than this share of its length does not number groups.
_MAX_GROUPS_SHARE = 0.5


def counts_of(examination: Examination, trial: TrialPoint) -> dict[str, np.ndarray]:
    """Return ``{words: n}``: one number, or one for each component.

    Parameters
    ----------
    examination : Examination
    trial : TrialPoint
    """
    counts: dict[str, np.ndarray] = {}
    complete = examination.complete
    if complete.discrete and complete.exact:
        for name in complete.latents:
            r = trial.statistics[name]
            counts["the responsibilities' sum"] = r.reshape(-1, r.shape[-1]).sum(axis=0)
    if complete.chain is not None:
        (name,) = complete.latents
        r = trial.statistics[name]
        left = r[..., :-1, :].reshape(-1, r.shape[-1]).sum(axis=0)
        counts["the number of transitions from each state"] = left
    for words, n in sizes_of(examination).items():
        counts[words] = np.asarray(n)
    for name, values in examination.data.items():
        if np.ndim(values) == 1 and _numbers_groups(np.asarray(values)):
            _, sizes = np.unique(values, return_counts=True)
            counts[f"the number of units with each value of {name}"] = sizes.astype(float)
    return counts


def sizes_of(examination: Examination) -> dict[str, float]:
    """Return ``{words: n}``: the sizes of the data.

    Parameters
    ----------
    examination : Examination
    """
    lengths, tables, others = dict[str, float](), dict[str, float](), dict[str, float]()
    for name, values in examination.data.items():
        if not np.ndim(values):
            continue
        shape, size = np.shape(values), float(np.size(values))
        if len(shape) == 1:
            lengths[name] = size
        else:
            tables[f"n (the number of rows of {name})"] = float(shape[0])
            tables[f"the number of entries of {name}"] = size
            others[f"the number of columns of {name}"] = float(shape[1])
        missing = int(np.ma.count_masked(values))
        if missing:
            others[f"the number of observed {name}"] = size - missing
            others[f"the number of missing {name}"] = float(missing)
        elif len(shape) == 1 and _numbers_groups(np.asarray(values)):
            others[f"the number of distinct values of {name}"] = float(len(np.unique(values)))
    sizes: dict[str, float] = {}
    for n in dict.fromkeys(lengths.values()):
        names = [name for name, size in lengths.items() if size == n]
        sizes[f"n (the length of {' and of '.join(names)})"] = n
    # Lengths, rows and entries that are the same number are the same observations.
    for words, n in tables.items():
        if n not in sizes.values():
            sizes[words] = n
    return sizes | others


def _numbers_groups(values: np.ndarray) -> bool:
    """Return whether a column has few distinct values, integers or words."""
    if values.dtype.kind not in "iufbUS":
        return False
    if values.dtype.kind == "f" and not np.all(values == np.round(values)):
        return False
    return 1 < len(np.unique(values)) <= _MAX_GROUPS_SHARE * len(values)
