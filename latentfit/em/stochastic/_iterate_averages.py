"""The mean of a random sequence of parameters in bounded memory, and its precision.

Iterates are stored as means of consecutive iterates, at first of one iterate each. When the memory
is full, pairs of means are merged and the number of iterates in each mean doubles, so that between
half and all of the memory is in use. The variance of the overall mean is estimated from these batch
means; the estimate is the same as from the iterates themselves, because merging pairs does not
change a sum of covariances.

For stationary x_1, ..., x_m with autocovariances c_t, m Var(x̄) → c_0 + 2 Σ_{t>0} c_t. The sum is
truncated by the initial monotone sequence of Geyer (1992, Statistical Science 7, 473-483): for a
reversible chain c_2t + c_2t+1 is positive and decreasing in t, and the sum ends where its estimate
is no longer positive. Since deviations are taken from the sequence's own mean, every c_t is too
small by Var(x̄), and a sum over a window of W of them by W Var(x̄); the factor 1 / (1 - W/m)
corrects for this. Negative autocorrelation is not trusted: the variance is at least that of as many
independent values. A sequence that still drifts looks like one with very long memory, and has a
small effective sample size.
"""

from dataclasses import dataclass

import numpy as np

# Number of batch means in memory; fewer, with fewer numbers in total, if there are many parameters.
_MAX_BATCH_MEANS = 1024
_MIN_BATCH_MEANS = 64
_MAX_STORED_NUMBERS = 2**20
_MIN_MEANS_FOR_ERROR = 8
# Largest share W/m of the sequence for which the correction 1 / (1 - W/m) is applied in full.
_MAX_WINDOW_SHARE = 0.75
# A standard deviation below this share of the mean is rounding error.
_DEVIATION_ROUNDING_RELATIVE = 8 * np.finfo(float).eps


@dataclass(frozen=True)
class IterateMean:
    """The mean of consecutive iterates; arrays have shape (p,).

    Attributes
    ----------
    mean : ndarray
    monte_carlo_error : ndarray
        Standard error of the mean; NaN if there are too few iterates.
    standard_deviation : ndarray
        Standard deviation of the iterates.
    effective_sample_size : ndarray
        Number of independent iterates whose mean would have the same standard error.
    drift : ndarray
        Mean of the later half of the iterates minus that of the earlier half.
    count : int
        Number of iterates.
    """

    mean: np.ndarray
    monte_carlo_error: np.ndarray
    standard_deviation: np.ndarray
    effective_sample_size: np.ndarray
    drift: np.ndarray
    count: int


class IterateAverages:
    """Means and sums of squares of consecutive batches of iterates.

    Parameters
    ----------
    size : int
        Number p of parameters.
    max_means : int, optional
        Even number of batch means to store; by default 1024, or fewer for thousands of parameters.
    """

    def __init__(self, size: int, max_means: int | None = None) -> None:
        if max_means is None:
            fitting = _MAX_STORED_NUMBERS // size // 2 * 2
            max_means = max(_MIN_BATCH_MEANS, min(_MAX_BATCH_MEANS, fitting))
        self._means = np.empty((max_means, size))
        self._squares = np.empty((max_means, size))
        self._complete = 0
        self._batch_length = 1
        # The current batch, which is not complete yet.
        self._current_count = 0
        self._current_mean = np.zeros(size)
        self._current_squares = np.zeros(size)

    def add(self, params: np.ndarray) -> None:
        """Add an iterate, shape (p,)."""
        self._current_count += 1
        deviation = params - self._current_mean
        self._current_mean = self._current_mean + deviation / self._current_count
        self._current_squares = self._current_squares + deviation * (params - self._current_mean)
        if self._current_count < self._batch_length:
            return
        self._means[self._complete] = self._current_mean
        self._squares[self._complete] = self._current_squares
        self._complete += 1
        self._current_count = 0
        self._current_mean, self._current_squares = (
            0 * self._current_mean,
            0 * self._current_squares,
        )
        if self._complete == len(self._means):
            self._merge_pairs()

    def mean(self, *, later_half: bool = False) -> IterateMean | None:
        """Return the mean of all iterates, or of the later half of the batches.

        Parameters
        ----------
        later_half : bool

        Returns
        -------
        IterateMean or None
            None if there are no iterates.
        """
        first = self._complete // 2 if later_half else 0
        means, squares = self._means[first : self._complete], self._squares[first : self._complete]
        counts = np.full(len(means), float(self._batch_length))
        all_means, all_squares = means, squares
        if self._current_count:
            all_means = np.vstack([means, self._current_mean])
            all_squares = np.vstack([squares, self._current_squares])
            counts = np.append(counts, self._current_count)
        count = int(counts.sum())
        if not count:
            return None
        mean = counts @ all_means / count
        square = all_squares.sum(axis=0) + counts @ (all_means - mean) ** 2
        deviation = np.sqrt(square / (count - 1)) if count > 1 else np.full(len(mean), np.nan)
        in_complete_batches = len(means) * self._batch_length
        error = _error_of_mean(means) * np.sqrt(in_complete_batches / count)
        with np.errstate(all="ignore"):
            constant = deviation <= _DEVIATION_ROUNDING_RELATIVE * np.abs(mean)
            effective = np.where(constant, count, np.minimum((deviation / error) ** 2, count))
            effective[np.isnan(error)] = np.nan
        half = len(means) // 2
        drift = means[-half:].mean(axis=0) - means[:half].mean(axis=0) if half else np.nan * mean
        return IterateMean(mean, error, deviation, effective, drift, count)

    def _merge_pairs(self) -> None:
        even, odd = self._means[::2], self._means[1::2]
        within = self._squares[::2] + self._squares[1::2]
        squares = within + self._batch_length / 2 * (even - odd) ** 2
        half = len(even)
        self._means[:half], self._squares[:half] = (even + odd) / 2, squares
        self._complete, self._batch_length = half, 2 * self._batch_length


def _error_of_mean(values: np.ndarray) -> np.ndarray:
    """Return the standard error of the mean of a stationary sequence.

    Parameters
    ----------
    values : ndarray, shape (m, p)

    Returns
    -------
    ndarray, shape (p,)
        NaN if there are too few values.
    """
    count = len(values)
    if count < _MIN_MEANS_FOR_ERROR:
        return np.full(values.shape[1], np.nan)
    deviations = values - values.mean(axis=0)
    transform = np.fft.rfft(deviations, 2 * count, axis=0)
    products = np.fft.irfft(transform * transform.conj(), 2 * count, axis=0)
    covariances = products[: count - count % 2] / count
    pairs = covariances[::2] + covariances[1::2]
    monotone = np.maximum(np.minimum.accumulate(pairs, axis=0), 0)
    window = 4 * np.count_nonzero(monotone, axis=0) - 1
    total = 2 * monotone.sum(axis=0) - covariances[0]
    total = total / (1 - np.minimum(window / count, _MAX_WINDOW_SHARE))
    error: np.ndarray = np.sqrt(np.maximum(total, deviations.var(axis=0, ddof=1)) / count)
    return error
