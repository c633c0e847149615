r"""Random-effects meta-analysis

Each of $n$ studies has estimated an effect of the same kind. Study $i$ reports an estimate $y_i$
and its standard error $s_i$, which is treated as known. The true effects differ from study to
study:

$$y_i \mid b_i \sim \mathrm{N}(\mu + b_i,\; s_i^2), \qquad b_i \sim \mathrm{N}(0, \tau^2) .$$

The deviations $b_i$ are latent. Write $\theta = (\mu, \tau)$. This is the one-way layout
(`random-effects`) with a single unit in each group. Without known $s_i$, $\tau$ and $\sigma$ would
not be identified.

## Data

The example, `bcg.csv`, has thirteen trials of BCG vaccine against tuberculosis (Colditz et al.
1994). Let $a$ of the vaccinated have become ill and $b$ not, and $c$ and $d$ of those who were not
vaccinated. The column `y` is the logarithm of the ratio of the risks, and `se` is its standard
error:

$$y = \log \frac{a / (a + b)}{c / (c + d)}, \qquad
s^2 = \frac{1}{a} - \frac{1}{a + b} + \frac{1}{c} - \frac{1}{c + d} .$$

The table `eight-schools.csv` has the effects of coaching on the scores of a test in eight schools
(Rubin 1981):

| | | | | | | | | |
|---|---|---|---|---|---|---|---|---|
| effect | 28 | 8 | −3 | 7 | −1 | 1 | 18 | 12 |
| standard error | 15 | 10 | 16 | 11 | 9 | 11 | 10 | 18 |

A table of your own has one row for each study, with the columns `y` and `se`.

## Complete-data log-likelihood

$$\log p(y, b \mid \theta) = - \frac{n}{2} \log (2 \pi \tau^2) - \frac{1}{2 \tau^2} \sum_i b_i^2
- \frac{1}{2} \sum_i \left( \log (2 \pi s_i^2) + \frac{(y_i - \mu - b_i)^2}{s_i^2} \right)$$

is linear in the $b_i$ and the $b_i^2$.

## E step

Given $y$ the $b_i$ are independent and normal. Let $\rho_i = \tau'^2 / (\tau'^2 + s_i^2)$ be the
share of the variance of $y_i$ that is due to $b_i$. The expectation of $b_i$ is this share of the
deviation of $y_i$:

$$m_i = \mathrm{E}[b_i \mid y, \theta'] = \rho_i\, (y_i - \mu'), \qquad
\mathrm{E}[b_i^2 \mid y, \theta'] = m_i^2 + (1 - \rho_i)\, \tau'^2 .$$

## M step

$$Q(\theta \mid \theta') = - n \log \tau
- \frac{1}{2 \tau^2} \sum_i \mathrm{E}[b_i^2 \mid y, \theta']
- \frac{1}{2} \sum_i \frac{(y_i - \mu - m_i)^2}{s_i^2} + \text{const}$$

is maximised by

$$\mu = \frac{\sum_i (y_i - m_i) / s_i^2}{\sum_i 1 / s_i^2}, \qquad
\tau^2 = \frac{1}{n} \sum_i \mathrm{E}[b_i^2 \mid y, \theta'] .$$

## Observed log-likelihood

$$\log p(y \mid \theta) = - \frac{1}{2} \sum_i \left( \log (2 \pi (s_i^2 + \tau^2))
+ \frac{(y_i - \mu)^2}{s_i^2 + \tau^2} \right) .$$

- **Boundary.** Let $w_i = 1 / s_i^2$. If the studies differ less than their standard errors
  suggest, the maximum is at $\tau = 0$ and $\mu = \sum_i w_i y_i / \sum_i w_i$. The derivative with
  respect to $\tau^2$ at this point is $\frac{1}{2} \sum_i (w_i^2 (y_i - \mu)^2 - w_i)$. For the
  eight schools it is $-0.0125$, and the maximum is $\tau = 0$, $\mu = 7.69$. Near $\tau = 0$, EM
  multiplies $\tau^2$ by $1 - c\, \tau^2$ for some $c$. After $t$ iterations $\tau^2$ is about $1 /
  (c t)$, so EM does not reach zero and does not converge.
- **Not REML.** The restricted likelihood, the default of many programs, gives $\tau^2 = 0.313$ in
  the example; maximum likelihood gives $0.280$.
- **Several maxima** are possible if the standard errors are very different.

## Prior

Let $v$ be the mean of the $s_i^2$ plus the variance of the $y_i$. The prior of $\mu$ is normal
about the mean of the $y_i$ with variance $4 v$. The prior of $\tau$ is half-normal with scale $2
\sqrt{v}$. Its density does not vanish at zero, where the maximum may be.

## References

- D. B. Rubin (1981). Estimation in parallel randomized experiments. *Journal of Educational
  Statistics* 6, 377–401. The eight schools.
- R. DerSimonian and N. Laird (1986). Meta-analysis in clinical trials. *Controlled Clinical Trials*
  7, 177–188.
- G. A. Colditz, T. F. Brewer, C. S. Berkey et al. (1994). Efficacy of BCG vaccine in the prevention
  of tuberculosis. *Journal of the American Medical Association* 271, 698–702.
- W. Viechtbauer (2010). Conducting meta-analyses in R with the metafor package. *Journal of
  Statistical Software* 36(3), 1–48. The table is `dat.bcg` there.
"""

from pathlib import Path

import numpy as np
import pymc as pm

from latentfit import requirements as require

latents = ("b",)


def model(y, se):
    sd = np.sqrt(np.mean(se**2) + np.var(y))
    with pm.Model(coords={"study": range(len(y))}) as model:
        mu = pm.Normal("mu", np.mean(y), 2 * sd)
        tau = pm.HalfNormal("tau", 2 * sd)
        b = pm.Normal("b", 0, tau, dims="study")
        pm.Normal("y", mu + b, pm.Data("se", se), observed=y, dims="study")
    return model


def e_step(params, data):
    mu, variance = params["mu"], params["tau"] ** 2
    share = variance / (variance + data["se"] ** 2)
    m = share * (data["y"] - mu)
    return {"b": m, "b2": m**2 + (1 - share) * variance}


def m_step(expectations, data):
    precision = 1 / data["se"] ** 2
    mu = np.sum(precision * (data["y"] - expectations["b"])) / np.sum(precision)
    return {"mu": mu, "tau": np.sqrt(np.mean(expectations["b2"]))}


def log_likelihood(params, data):
    variance = data["se"] ** 2 + params["tau"] ** 2
    squares = (data["y"] - params["mu"]) ** 2 / variance
    return -0.5 * np.sum(np.log(2 * np.pi * variance) + squares)


expectations = {"b2": lambda latents, data: latents["b"] ** 2}


def initial(data, rng):
    """The mean and the standard deviation of the estimates, with random parts.

    The standard deviation of the estimates is larger than that of the effects, so EM decreases it.
    It is multiplied by a log-normal factor (0.2 on the log scale). A normal random term with half
    of its standard error is added to the mean.
    """
    y, se = data["y"], data["se"]
    require.columns_of_one_length(y=y, se=se)
    require.positive("se", se)
    require.rows("y", y, 2)
    sd = max(np.std(y), np.min(se))
    return {
        "mu": np.mean(y) + 0.5 * sd / np.sqrt(len(y)) * rng.normal(),
        "tau": sd * rng.lognormal(0, 0.2),
    }


def example_data():
    table = Path(__file__).parent / "data" / "bcg.csv"
    y, se = np.loadtxt(table, delimiter=",", skiprows=1, unpack=True)
    return {"y": y, "se": se}
