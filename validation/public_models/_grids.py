"""Posterior means and standard deviations by summation over dense grids, with NumPy alone."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy import stats
from scipy.special import expit, gammaln, log_expit, logsumexp

# Mean and standard deviation of each quantity.
Moments = dict[str, tuple[float, float]]


def eight_schools(data: Mapping[str, np.ndarray]) -> Moments:
    """Integrate over mu and log tau; the effects are integrated out in closed form."""

    def log_density(mu, t):
        tau = np.exp(t)
        total = stats.norm.logpdf(mu, 0, 5) + stats.halfcauchy.logpdf(tau, scale=5) + t
        for y, se in zip(data["y"], data["se"], strict=True):
            total = total + stats.norm.logpdf(y, mu, np.hypot(se, tau))
        return total

    axes = [np.linspace(-25, 35, 401), np.linspace(-14, 7, 601)]
    return _moments(log_density, axes, {"mu": lambda mu, t: mu, "tau": lambda mu, t: np.exp(t)})


def pumps(data: Mapping[str, np.ndarray]) -> Moments:
    """Integrate over log alpha and log beta; the rates are integrated out in closed form."""

    def log_density(a, b):
        alpha, beta = np.exp(a), np.exp(b)
        total = stats.expon.logpdf(alpha) + stats.gamma.logpdf(beta, 0.1) + a + b
        for s, t in zip(data["failures"], data["hours"], strict=True):
            total = total + stats.nbinom.logpmf(s, alpha, beta / (beta + t))
        return total

    axes = [np.linspace(-5, 3, 301), np.linspace(-12, 4, 401)]
    quantities = {"alpha": lambda a, b: np.exp(a), "beta": lambda a, b: np.exp(b)}
    return _moments(log_density, axes, quantities)


def dyes(data: Mapping[str, np.ndarray]) -> Moments:
    """Integrate over the mean and the logarithms of both precisions."""
    y = data["y"]
    batches, samples = y.shape
    within = np.sum((y - y.mean(axis=1, keepdims=True)) ** 2)

    def log_density(theta, w, b):
        total = stats.norm.logpdf(theta, 0, 1e5) + 0.001 * (w + b - np.exp(w) - np.exp(b))
        total = total + batches * (samples - 1) / 2 * w - np.exp(w) * within / 2
        variance = np.exp(-w) / samples + np.exp(-b)
        for mean in y.mean(axis=1):
            total = total - 0.5 * np.log(variance) - 0.5 * (mean - theta) ** 2 / variance
        return total

    axes = [np.linspace(927, 2127, 201), np.linspace(-11, -6, 101), np.linspace(-16, 11, 271)]
    quantities = {
        "theta": lambda theta, w, b: theta,
        "sigma_within": lambda theta, w, b: np.exp(-w / 2),
        "sigma_between": lambda theta, w, b: np.exp(-b / 2),
    }
    return _moments(log_density, axes, quantities)


def surgical(data: Mapping[str, np.ndarray]) -> Moments:
    """Integrate over mu and log tau; the logits by the trapezoid rule on one grid."""
    logits = np.linspace(-14, 6, 1001)
    binomial = np.stack(
        [
            y * log_expit(logits) + (n - y) * log_expit(-logits)
            for y, n in zip(data["r"], data["n"], strict=True)
        ]
    )
    largest = binomial.max(axis=1, keepdims=True)
    scaled = np.exp(binomial - largest)

    def log_density(mu, t):
        total = np.empty(np.broadcast_shapes(mu.shape, t.shape))
        for column, log_tau in enumerate(t.ravel()):
            sd = np.exp(-log_tau / 2)
            prior = np.exp(stats.norm.logpdf(logits, mu.ravel()[:, None], sd))
            total[:, column] = np.sum(np.log(prior @ scaled.T + 1e-300), axis=1)
        return total + stats.norm.logpdf(mu, 0, 1000) + 0.001 * (t - np.exp(t))

    axes = [np.linspace(-4.5, -0.7, 191), np.linspace(-3, 7, 201)]
    quantities = {
        "population_mean": lambda mu, t: expit(mu),
        "sigma": lambda mu, t: np.exp(-t / 2),
    }
    return _moments(log_density, axes, quantities)


def coal_mining(data: Mapping[str, np.ndarray]) -> Moments:
    """Sum over the year of the change; the rates are Gamma given it."""
    y = data["y"]
    years, tau = len(y), np.arange(len(y))
    before = np.append(0, np.cumsum(y)[:-1])
    shapes = np.stack([1 + before, 1 + y.sum() - before])
    rates = np.stack([1 + tau, 1 + years - tau])
    log_weight = np.sum(gammaln(shapes) - shapes * np.log(rates), axis=0)
    weight = np.exp(log_weight - logsumexp(log_weight))
    mean = shapes / rates @ weight
    second = shapes * (shapes + 1) / rates**2 @ weight
    return {
        f"rate[{k}]": (float(mean[k]), float(np.sqrt(second[k] - mean[k] ** 2))) for k in (0, 1)
    }


def capture_recapture_m0(data: Mapping[str, np.ndarray]) -> Moments:
    """Integrate over omega and p."""
    return _with_zeros(data["y"], np.full(len(data["y"]), 6), "omega")


def occupancy(data: Mapping[str, np.ndarray]) -> Moments:
    """Integrate over psi and p."""
    return _with_zeros(data["y"], data["visits"], "psi")


def _with_zeros(y: np.ndarray, n: np.ndarray, share_name: str) -> Moments:
    """Binomial counts of which a share is not zero by necessity; uniform priors."""

    def log_density(share, p):
        total = 0.0
        for (k, trials), times in zip(*_distinct(np.stack([y, n], axis=1)), strict=True):
            density = share * stats.binom.pmf(k, trials, p) + (1 - share) * (k == 0)
            total = total + times * np.log(density)
        return total

    middle = (np.arange(800) + 0.5) / 800
    quantities = {share_name: lambda share, p: share, "p": lambda share, p: p}
    return _moments(log_density, [middle, middle], quantities)


def n_mixture(data: Mapping[str, np.ndarray]) -> Moments:
    """Integrate over log lambda and p; the numbers are summed up to 300."""
    numbers = np.arange(300)

    def log_density(t, p):
        natural = t + 2 * np.log1p(-p)
        grid = np.linspace(natural.min(), natural.max(), 4001)
        total = stats.norm.logpdf(t, 0, 10) - 95 * np.exp(t)
        for pair, times in zip(*_distinct(data["y"]), strict=True):
            coefficient = np.sum(
                [gammaln(numbers + 1) - gammaln(numbers - k + 1) for k in pair], axis=0
            )
            terms = coefficient - gammaln(numbers + 1) + numbers * grid[:, None]
            total = total + times * np.interp(natural, grid, logsumexp(terms, axis=1))
        return total + np.sum(data["y"]) * (np.log(p) - np.log1p(-p))

    axes = [np.linspace(-1.5, 2.5, 401), (np.arange(400) + 0.5) / 400]
    return _moments(log_density, axes, {"lam": lambda t, p: np.exp(t), "p": lambda t, p: p})


def capture_recapture_mh(data: Mapping[str, np.ndarray]) -> Moments:
    """Integrate over omega, mu and log sigma; the logits by the trapezoid rule."""
    nodes = np.linspace(-9, 9, 181)
    weights = stats.norm.pdf(nodes) * (nodes[1] - nodes[0])
    counts = np.bincount(data["y"], minlength=7)

    def log_density(omega, mu, t):
        b = mu[..., None] + np.exp(t)[..., None] * nodes
        total = stats.norm.logpdf(mu, 0, 2) + stats.halfnorm.logpdf(np.exp(t)) + t
        for k, times in enumerate(counts):
            member = np.exp(k * log_expit(b) + (6 - k) * log_expit(-b)) @ weights
            total = total + times * np.log(omega * member + (1 - omega) * (k == 0))
        return total

    middle = (np.arange(200) + 0.5) / 200
    axes = [middle, np.linspace(-8, 2, 161), np.linspace(-7, 1.6, 121)]
    quantities = {
        "omega": lambda omega, mu, t: omega,
        "mu": lambda omega, mu, t: mu,
        "sigma": lambda omega, mu, t: np.exp(t),
    }
    return _moments(log_density, axes, quantities)


def _distinct(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct rows of a table, and how often each occurs."""
    return np.unique(rows, axis=0, return_counts=True)


def _moments(
    log_density: Callable[..., np.ndarray],
    axes: Sequence[np.ndarray],
    quantities: Mapping[str, Callable[..., np.ndarray]],
) -> Moments:
    """Sum a density, with respect to the coordinates of the axes, over their product."""
    coordinates = np.meshgrid(*axes, indexing="ij", sparse=True)
    values = log_density(*coordinates)
    weights = np.exp(values - values.max())
    weights /= weights.sum()
    result = {}
    for name, quantity in quantities.items():
        value = np.broadcast_to(quantity(*coordinates), weights.shape)
        mean = np.sum(weights * value)
        result[name] = (float(mean), float(np.sqrt(np.sum(weights * (value - mean) ** 2))))
    return result
