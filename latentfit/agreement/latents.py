"""EM's expectations of the latents beside their posterior."""

import numpy as np

from latentfit.agreement.results import Latent
from latentfit.bayes.sampling import RecoveredLatent


def compare_latent(name: str, expectation: np.ndarray, recovered: RecoveredLatent) -> Latent | None:
    """Compare EM's expectation of one latent with its posterior expectation.

    Parameters
    ----------
    name : str
    expectation : ndarray
        What the E step returned for this latent.
    recovered : RecoveredLatent

    Returns
    -------
    Latent or None
        None if the expectation does not have the shape of category probabilities or means.
    """
    em, posterior = np.asarray(expectation, dtype=float), recovered.mean
    if em.shape != posterior.shape:
        return None
    difference = np.abs(em - posterior)
    if not recovered.discrete:
        assert recovered.sd is not None
        difference = difference / np.where(recovered.sd > 0, recovered.sd, np.nan)
    return Latent(
        name=name,
        kind="discrete" if recovered.discrete else "continuous",
        em=em,
        posterior=posterior,
        posterior_sd=recovered.sd,
        largest_difference=float(np.nanmax(difference, initial=0.0)),
        mean_difference=float(np.nanmean(difference)),
        adjusted_rand=adjusted_rand(em.argmax(axis=-1).ravel(), posterior.argmax(axis=-1).ravel())
        if recovered.discrete
        else None,
    )


def adjusted_rand(first: np.ndarray, second: np.ndarray) -> float:
    """Compute the adjusted Rand index of two partitions of the same n objects.

    The index is 1 for partitions that are equal up to the names of their blocks, and 0 in
    expectation for independent partitions (Hubert & Arabie 1985, J. Classification 2, eq. 5).

    Parameters
    ----------
    first, second : ndarray, shape (n,)
        The name of each object's block.
    """
    _, rows = np.unique(first, return_inverse=True)
    _, columns = np.unique(second, return_inverse=True)
    table = np.zeros((rows.max() + 1, columns.max() + 1))
    np.add.at(table, (rows, columns), 1)

    def pairs(counts: np.ndarray) -> float:
        return float(np.sum(counts * (counts - 1)) / 2)

    in_both, in_first, in_second = (
        pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    )  # fmt: skip
    every = pairs(np.array([len(first)]))
    expected = in_first * in_second / every if every else 0.0
    largest = (in_first + in_second) / 2
    # Both partitions have one block only, or each object is a block: they are then equal.
    return 1.0 if largest == expected else (in_both - expected) / (largest - expected)
