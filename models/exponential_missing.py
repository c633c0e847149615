r"""Exponential sample with missing values

Waiting times $y_1, \dots, y_n$ are independent and exponential with rate $\theta$, so that
$p(y_i \mid \theta) = \theta e^{-\theta y_i}$. Of the $n$ values, $m$ were never recorded, for
reasons that have nothing to do with their size. Write $S = \sum_{i \text{ seen}} y_i$
for the sum of the $n - m$ that were. The smallest example has $y_1 = 5$ and $y_2$ missing.

Nobody needs EM here: the values that are missing at random say nothing, and
$\hat\theta = (n - m)/S$. That is what makes it a good first example, for every quantity that EM
deals in can be written down.

## Complete-data log-likelihood

Had all $n$ values been seen,

$$\log p(y \mid \theta) = n \log \theta - \theta \sum_{i=1}^{n} y_i .$$

It is linear in the missing values, so that their expectations are all that it takes from them.

## E step

A missing value depends on the rest through $\theta$ alone. At the current value $\theta'$,

$$\mathrm{E}[y_i \mid \theta'] = \frac{1}{\theta'} ,$$

and the expected complete-data log-likelihood is

$$Q(\theta \mid \theta') = n \log \theta - \theta \left( S + \frac{m}{\theta'} \right) .$$

## M step

Setting $\partial Q / \partial\theta = n/\theta - (S + m/\theta')$ to zero gives

$$\theta = \frac{n}{S + m/\theta'} = \frac{n\,\theta'}{S\,\theta' + m} ,$$

a maximum, as $\partial^2 Q / \partial\theta^2 = -n/\theta^2 < 0$. In the smallest example the
update is $\theta = 2\theta'/(5\theta' + 1)$.

## Observed log-likelihood and rate of convergence

Integrating the missing values out leaves

$$\log p(y_{\text{seen}} \mid \theta) = (n - m) \log \theta - \theta S ,$$

which EM climbs. Its maximum $\hat\theta = (n - m)/S$ is the only positive fixed point of the
update, here $1/5$. The slope of the update there is

$$\frac{n\,m}{(S\hat\theta + m)^2} = \frac{n\,m}{n^2} = \frac{m}{n} .$$

So each iteration leaves a share $m/n$ of the error: the rate of convergence is the fraction of the
information that is missing. In the smallest example every iteration halves the error. In
$1/\theta$ this is exact from the first step on, as $1/\theta = S/n + (m/n)/\theta'$.

## A trap: the joint mode

Maximising $\log p(y \mid \theta)$ over the missing values as well as over $\theta$ answers another
question. The density of an exponential is highest at zero, so that every missing value goes to
$0$ and $\theta$ to $n/S$: $2/5$ in the smallest example, twice the estimate. The latent must be
averaged over, not maximised over.

## Posterior

The prior is $\theta \sim \mathrm{Gamma}(a, b)$ with $a = 1$, $b = 10^{-3}$ (shape and rate), almost
flat. It is conjugate to the observed likelihood, and the posterior is

$$\theta \mid y_{\text{seen}} \sim \mathrm{Gamma}(a + n - m,\; b + S) .$$

With $a = 1$ its mode is $(n - m)/(b + S)$, the maximum likelihood estimate but for $b$; its mean is
larger, $(1 + n - m)/(b + S)$, which with one observation is almost twice as much.

## References

- A. P. Dempster, N. M. Laird and D. B. Rubin (1977). Maximum likelihood from incomplete data via
  the EM algorithm. *Journal of the Royal Statistical Society B* 39, 1–38. Theorem 4 and
  section 3 give the rate of convergence.
- R. J. A. Little and D. B. Rubin (2002). *Statistical Analysis with Missing Data*, 2nd edition.
  Wiley. Chapter 8.
"""

import numpy as np
import pymc as pm

latents = ("y_unobserved",)


def model(y):
    with pm.Model() as model:
        theta = pm.Gamma("theta", alpha=1, beta=1e-3)
        pm.Exponential("y", theta, observed=np.ma.masked_invalid(y))
    return model


def e_step(params, data):
    return {"y_unobserved": np.full(np.ma.count_masked(data["y"]), 1 / params["theta"])}


def m_step(expectations, data):
    y, missing = data["y"], expectations["y_unobserved"]
    return {"theta": np.size(y) / (np.sum(_seen(y)) + np.sum(missing))}


def log_likelihood(params, data):
    theta, y = params["theta"], _seen(data["y"])
    return len(y) * np.log(theta) - theta * np.sum(y)


def initial(data, rng):
    """One over the mean of the values seen, times a log-normal factor."""
    negative = np.argwhere(np.ma.filled(data["y"], 0) < 0)
    if len(negative):
        row = negative[0][0]
        raise ValueError(
            f"y has the negative value {data['y'][row]:g} in row {row + 1}: "
            f"an exponential variable is positive"
        )
    y = _seen(data["y"])
    if not len(y):
        raise ValueError("y has no observed value: there is nothing to estimate a rate from")
    if not np.any(y):
        raise ValueError("every observed value of y is zero: the likelihood has no maximum")
    return {"theta": rng.lognormal() / np.mean(y)}


def example_data():
    return {"y": np.array([5.0, np.nan])}


def _seen(y):
    return np.ma.compressed(y)
