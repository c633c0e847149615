"""The course of a random sequence of parameters in bounded memory, and the precision of its mean.

Iterates are kept as means of consecutive ones, at first of one each. When there are too many, pairs
are merged and the number doubles, so that between half and all of the places are in use. The
variance of the overall mean is found from the means of these batches; it is what it is found from
the iterates themselves, as merging pairs does not change a sum of covariances.

For x_1, ..., x_m stationary with autocovariances c_t, m Var(x̄) → c_0 + 2 Σ_{t>0} c_t. The sum is
cut off by Geyer's (1992, Statistical Science 7, 473-483) initial monotone sequence: c_2t + c_2t+1
is positive and decreasing in t for a reversible chain, and is taken up to where its estimate is no
longer positive. Deviations from the sequence's own mean make every c_t too small by Var(x̄), and the
sum of W of them by W Var(x̄), which is mended by the factor 1 / (1 - W/m). Nothing is gained from
negative autocorrelation: the variance is at least that of as many independent values. A sequence
that still drifts looks like one of a very long memory, and has few effective iterates.
"""

from dataclasses import dataclass

import numpy as np

# Places for batch means, of fewer than so many numbers if there are many parameters.
_PLACES = 1024
_FEWEST_PLACES = 64
_NUMBERS = 2**20
_FEWEST = 8
# Share of the sequence that a window takes to be mended for.
_WIDEST = 0.75
# Relative spread that is rounding.
_ROUNDING = 8 * np.finfo(float).eps


@dataclass(frozen=True)
class Average:
    """Mean of consecutive iterates; arrays of shape (p,).

    Attributes
    ----------
    mean : ndarray
    error : ndarray
        Monte Carlo standard error of the mean; NaN where there are too few iterates.
    spread : ndarray
        Standard deviation of the iterates.
    effective : ndarray
        How many independent iterates would give the mean the same standard error.
    movement : ndarray
        Mean of the later half of the iterates less that of the earlier half.
    count : int
        Iterates.
    """

    mean: np.ndarray
    error: np.ndarray
    spread: np.ndarray
    effective: np.ndarray
    movement: np.ndarray
    count: int


class Chain:
    """Means and sums of squares of consecutive batches of iterates.

    Parameters
    ----------
    size : int
        Number p of parameters.
    places : int, optional
        An even number: 1024, or fewer for thousands of parameters, if it is not given.
    """

    def __init__(self, size: int, places: int | None = None) -> None:
        if places is None:
            places = max(_FEWEST_PLACES, min(_PLACES, _NUMBERS // size // 2 * 2))
        self._means = np.empty((places, size))
        self._squares = np.empty((places, size))
        self._full = 0
        self._length = 1
        self._open = 0
        self._mean = np.zeros(size)
        self._square = np.zeros(size)

    def add(self, flat: np.ndarray) -> None:
        """Take in one more iterate."""
        self._open += 1
        apart = flat - self._mean
        self._mean = self._mean + apart / self._open
        self._square = self._square + apart * (flat - self._mean)
        if self._open < self._length:
            return
        self._means[self._full], self._squares[self._full] = self._mean, self._square
        self._full += 1
        self._open, self._mean, self._square = 0, 0 * self._mean, 0 * self._square
        if self._full == len(self._means):
            self._merge()

    def average(self, later: bool = False) -> Average | None:
        """Over all iterates, or the later half of the batches; None without any."""
        first = self._full // 2 if later else 0
        means, squares = self._means[first : self._full], self._squares[first : self._full]
        counts = np.full(len(means), float(self._length))
        every, within = means, squares
        if self._open:
            every = np.vstack([means, self._mean])
            within = np.vstack([squares, self._square])
            counts = np.append(counts, self._open)
        count = int(counts.sum())
        if not count:
            return None
        mean = counts @ every / count
        square = within.sum(axis=0) + counts @ (every - mean) ** 2
        spread = np.sqrt(square / (count - 1)) if count > 1 else np.full(len(mean), np.nan)
        closed = len(means) * self._length
        error = _error_of_mean(means) * np.sqrt(closed / count)
        with np.errstate(all="ignore"):
            still = spread <= _ROUNDING * np.abs(mean)
            effective = np.where(still, count, np.minimum((spread / error) ** 2, count))
            effective[np.isnan(error)] = np.nan
        half = len(means) // 2
        moved = means[-half:].mean(axis=0) - means[:half].mean(axis=0) if half else np.nan * mean
        return Average(mean, error, spread, effective, moved, count)

    def _merge(self) -> None:
        even, odd = self._means[::2], self._means[1::2]
        squares = self._squares[::2] + self._squares[1::2] + self._length / 2 * (even - odd) ** 2
        half = len(even)
        self._means[:half], self._squares[:half] = (even + odd) / 2, squares
        self._full, self._length = half, 2 * self._length


def _error_of_mean(values: np.ndarray) -> np.ndarray:
    """Standard error of the mean of a stationary sequence, shape (m, p) to (p,)."""
    count = len(values)
    if count < _FEWEST:
        return np.full(values.shape[1], np.nan)
    apart = values - values.mean(axis=0)
    transform = np.fft.rfft(apart, 2 * count, axis=0)
    products = np.fft.irfft(transform * transform.conj(), 2 * count, axis=0)
    covariances = products[: count - count % 2] / count
    pairs = covariances[::2] + covariances[1::2]
    monotone = np.maximum(np.minimum.accumulate(pairs, axis=0), 0)
    window = 4 * np.count_nonzero(monotone, axis=0) - 1
    total = 2 * monotone.sum(axis=0) - covariances[0]
    total = total / (1 - np.minimum(window / count, _WIDEST))
    return np.sqrt(np.maximum(total, apart.var(axis=0, ddof=1)) / count)
