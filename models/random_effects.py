r"""One-way random effects

Units belong to $G$ groups, and the differences between the groups are random. Unit $j$ of group $i$
is

$$y_{ij} = \mu + b_i + e_{ij}, \qquad b_i \sim \mathrm{N}(0, \tau^2), \qquad
e_{ij} \sim \mathrm{N}(0, \sigma^2), \qquad j = 1, \dots, n_i ,$$

all of them independent. The effects $b_i$ are latent; $\tau^2$ and $\sigma^2$ are the *components
of variance* between and within groups. Write $\theta = (\mu, \tau, \sigma)$ and $N = \sum_i n_i$.

## Data

The example, `dyestuff.csv`, is the yield of dyestuff, in grams of standard colour, of five
preparations from each of six batches of an intermediate product (Davies and Goldsmith 1972;
`Dyestuff` of the R package lme4):

| batch | yield | mean |
|---|---|---|
| 1 | 1545, 1440, 1440, 1520, 1580 | 1505 |
| 2 | 1540, 1555, 1490, 1560, 1495 | 1528 |
| 3 | 1595, 1550, 1605, 1510, 1560 | 1564 |
| 4 | 1445, 1440, 1595, 1465, 1545 | 1498 |
| 5 | 1595, 1630, 1515, 1635, 1625 | 1600 |
| 6 | 1520, 1455, 1450, 1480, 1445 | 1470 |

The question was how much of the variation of the yield is due to the intermediate product. The
table `dyestuff2.csv` has the same layout and is artificial (Box and Tiao 1973; `Dyestuff2` of
lme4): its groups differ less than expected by chance.

A table of your own has one row for each unit, with the columns `y` and `group`. The groups are
named by any numbers.

## Complete-data log-likelihood

If $b$ were known, the effects and the errors $y_{ij} - \mu - b_i$ would be two normal samples:

$$\log p(y, b \mid \theta) = -\frac{G}{2} \log (2 \pi \tau^2) - \frac{1}{2 \tau^2} \sum_i b_i^2
- \frac{N}{2} \log (2 \pi \sigma^2) - \frac{1}{2 \sigma^2} \sum_{i,j} (y_{ij} - \mu - b_i)^2 .$$

It is linear in the $b_i$ and the $b_i^2$.

## E step

The complete-data log-likelihood is a quadratic function of $b_i$, so given $y$, the $b_i$ are
normal and independent. With $\bar y_i$ the mean of group $i$, the precisions of the two terms add:

$$\frac{1}{V_i} = \frac{1}{\tau'^2} + \frac{n_i}{\sigma'^2}, \qquad
m_i = \mathrm{E}[b_i \mid y, \theta'] = \frac{n_i V_i}{\sigma'^2} (\bar y_i - \mu'), \qquad
\mathrm{E}[b_i^2 \mid y, \theta'] = m_i^2 + V_i .$$

The factor of $\bar y_i - \mu'$ is $\rho_i = n_i \tau'^2 / (\sigma'^2 + n_i \tau'^2)$, between 0 and
1: the expected effect of a group is the deviation of its mean from $\mu'$, shrunk towards zero. The
code computes $V_i = \tau'^2 (1 - \rho_i)$, which also holds for $\tau' = 0$.

## M step

$$Q(\theta \mid \theta') = -G \log \tau - \frac{1}{2 \tau^2} \sum_i (m_i^2 + V_i)
- N \log \sigma - \frac{1}{2 \sigma^2} \sum_{i,j} \left( (y_{ij} - \mu - m_i)^2 + V_i \right)
+ \text{const}$$

is maximised by

$$\mu = \frac{1}{N} \sum_{i,j} (y_{ij} - m_i), \qquad
\tau^2 = \frac{1}{G} \sum_i (m_i^2 + V_i), \qquad
\sigma^2 = \frac{1}{N} \sum_{i,j} \left( (y_{ij} - \mu - m_i)^2 + V_i \right) .$$

## Observed log-likelihood

Each group has $n_i - 1$ contrasts with variance $\sigma^2$, and independent of these its mean with
variance $\tau^2 + \sigma^2 / n_i$. With $S_i = \sum_j (y_{ij} - \bar y_i)^2$,

$$\log p(y \mid \theta) = - \sum_i \left( \frac{n_i}{2} \log (2 \pi)
+ \frac{n_i - 1}{2} \log \sigma^2 + \frac{1}{2} \log (\sigma^2 + n_i \tau^2)
+ \frac{S_i}{2 \sigma^2} + \frac{n_i (\bar y_i - \mu)^2}{2 (\sigma^2 + n_i \tau^2)} \right) .$$

If all groups have the same size $n$, the maximum has a closed form. Let $S_W = \sum_i S_i$ and
$S_B = n \sum_i (\bar y_i - \bar y)^2$. Then $\mu = \bar y$, and

$$\sigma^2 = \frac{S_W}{G (n - 1)}, \qquad
\tau^2 = \frac{1}{n} \left( \frac{S_B}{G} - \sigma^2 \right)
\qquad \text{if } \frac{S_B}{G} > \frac{S_W}{G (n - 1)} .$$

In the example $S_W = 58830$ and $S_B = 56357.5$, so $\sigma^2 = 2451.25$ and $\tau^2 = 1388.33$.
Caveats:

- **Not REML.** Most programs maximise the *restricted* likelihood by default. It has $G - 1$ in
  place of the $G$ below $S_B$, which gives $\tau^2 = 1764.05$ and the standard deviations 42.00 and
  49.51. Maximum likelihood gives 37.26 and 49.51.
- **Boundary.** If the condition on the right fails, the likelihood is highest at $\tau = 0$ and
  $\sigma^2 = (S_W + S_B) / N$: the groups do not differ. An example is `dyestuff2.csv`. Near $\tau
  = 0$, EM multiplies $\tau^2$ by $1 - c\, \tau^2$ for some $c$, a factor that goes to 1. After $t$
  iterations $\tau^2$ is about $1 / (c t)$, so EM does not reach zero unless it is accelerated.
- **Rate.** Near the maximum each iteration multiplies the error of $\mu$ by the mean of the
  $\rho_i$, 0.74 in the example. The more the groups differ, the slower EM converges.
- **Refused** are data that do not distinguish $\sigma$ from $\tau$: a single group; groups of one
  unit each; groups without variation, for which the likelihood is unbounded as $\sigma \to 0$.

## Prior

Let $s$ be the standard deviation of all units. The prior is $\mu \sim \mathrm{N}(\bar y, (2s)^2)$;
$\sigma$ is log-normal with median $s$ and a standard deviation of 1 on the log scale; $\tau$ is
half-normal with scale $2s$. The density of $\tau$ does not vanish at zero, where the likelihood is
finite and the maximum may be.

## References

- O. L. Davies and P. L. Goldsmith, editors (1972). *Statistical Methods in Research and
  Production*, 4th edition. Oliver and Boyd, section 6.4. (First edition, by Davies alone: 1947.)
- G. E. P. Box and G. C. Tiao (1973). *Bayesian Inference in Statistical Analysis*. Addison-Wesley,
  section 5.1.2.
- A. P. Dempster, N. M. Laird and D. B. Rubin (1977). Maximum likelihood from incomplete data via
  the EM algorithm. *Journal of the Royal Statistical Society B* 39, 1–38. Section 4.4: variance
  components.
- D. Bates, M. Mächler, B. Bolker and S. Walker (2015). Fitting linear mixed-effects models using
  lme4. *Journal of Statistical Software* 67(1), 1–48.
"""

from pathlib import Path

import numpy as np
import pymc as pm

from latentfit import requirements as require

latents = ("b",)

# Sums of squares within groups up to this share of that of y about zero are rounding errors.
_NO_VARIATION_RELATIVE = 1e-14


def model(y, group):
    names, code = np.unique(group, return_inverse=True)
    centre, sd = np.mean(y), np.std(y)
    with pm.Model(coords={"name": names, "unit": range(len(y))}) as model:
        mu = pm.Normal("mu", centre, 2 * sd)
        tau = pm.HalfNormal("tau", 2 * sd)
        # Log-normal, since the likelihood is unbounded as sigma goes to zero in constant groups.
        sigma = pm.LogNormal("sigma", np.log(sd), 1)
        b = pm.Normal("b", 0, tau, dims="name")
        pm.Normal("y", mu + b[code], sigma, observed=y, dims="unit")
    return model


def e_step(params, data):
    mu, tau, sigma = params["mu"], params["tau"], params["sigma"]
    size, mean, _ = _groups(data)
    shrinkage = size * tau**2 / (sigma**2 + size * tau**2)
    m = shrinkage * (mean - mu)
    return {"b": m, "b2": m**2 + tau**2 * (1 - shrinkage)}


def m_step(expectations, data):
    m, second = expectations["b"], expectations["b2"]
    size, mean, within = _groups(data)
    n = np.sum(size)
    mu = np.sum(size * (mean - m)) / n
    residual = within + size * ((mean - mu - m) ** 2 + second - m**2)
    return {
        "mu": mu,
        "tau": np.sqrt(np.mean(second)),
        "sigma": np.sqrt(np.sum(residual) / n),
    }


def log_likelihood(params, data):
    mu, tau, sigma = params["mu"], params["tau"], params["sigma"]
    size, mean, within = _groups(data)
    total = sigma**2 + size * tau**2
    twice = (
        size * np.log(2 * np.pi)
        + (size - 1) * np.log(sigma**2)
        + np.log(total)
        + within / sigma**2
        + size * (mean - mu) ** 2 / total
    )
    return -np.sum(twice) / 2


expectations = {"b2": lambda latents, data: latents["b"] ** 2}


def initial(data, rng):
    """Moment estimates, with random parts.

    The standard deviation between groups is that of the group means, but at least that which the
    errors alone give to the means. Both standard deviations are multiplied by log-normal factors
    (0.2 on the log scale). A normal random term with half a standard error is added to the mean.
    """
    _check(data)
    size, mean, within = _groups(data)
    sigma = np.sqrt(np.sum(within) / np.sum(size - 1))
    of_errors = sigma / np.sqrt(np.mean(size))
    tau = max(np.std(mean), of_errors)
    return {
        "mu": np.mean(mean) + 0.5 * tau / np.sqrt(len(mean)) * rng.normal(),
        "tau": tau * rng.lognormal(0, 0.2),
        "sigma": sigma * rng.lognormal(0, 0.2),
    }


def example_data():
    table = Path(__file__).parent / "data" / "dyestuff.csv"
    y, group = np.loadtxt(table, delimiter=",", skiprows=1, unpack=True)
    return {"y": y, "group": group}


def _groups(data):
    """Size, mean and sum of squares about the mean of each group."""
    y = data["y"]
    _, code = np.unique(data["group"], return_inverse=True)
    size = np.bincount(code)
    mean = np.bincount(code, y) / size
    return size, mean, np.bincount(code, (y - mean[code]) ** 2)


def _check(data):
    y, group = data["y"], data["group"]
    require.columns_of_one_length(y=y, group=group)
    require.distinct("group", group, 2, "groups")
    size, _, within = _groups(data)
    if np.all(size == 1):
        raise ValueError("no group has more than one unit: sigma cannot be estimated")
    if np.sum(within) <= _NO_VARIATION_RELATIVE * np.sum(y**2):
        raise ValueError("the units of each group are equal: there is no variation within groups")
