r"""Item response: Rasch and two-parameter logistic models

Each of $n$ persons answers the same $J$ items with right or wrong, or with yes or no: $y_{ij} \in
\{0, 1\}$. The model explains differences between persons by a latent *ability* $z_i$, and
differences between items by parameters of the items. With $\sigma(u) = 1 / (1 + e^{-u})$,

$$z_i \sim \mathrm{N}(0, 1), \qquad
\Pr(y_{ij} = 1 \mid z_i) = p_j(z_i) = \sigma(c_j + a_j z_i)
= \sigma\left( a_j (z_i - b_j) \right), \qquad a_j \ge 0 ,$$

and given the ability, the answers are independent. Item $j$ has a *difficulty*
$b_j = -c_j / a_j$, the ability at which half of the persons solve it, and a *discrimination* $a_j$,
which determines the slope of the probability there. The steps use the *intercepts* $c_j$.

In the *Rasch model* all items have the same discrimination, $a_j = a$. The number of right answers
is then sufficient for a person's ability. In the *two-parameter logistic model* every item has a
discrimination of its own: `--set two_parameter=True`. Write $\theta = (a, c)$.

**The scale of the abilities** is not identified: changing its origin and unit, with corresponding
changes of $a$ and $c$, leaves all probabilities the same. It is fixed by mean 0 and variance 1.
Equivalently, the Rasch model has abilities with standard deviation $a$ and items with
discrimination
1. The constraint $a_j \ge 0$ excludes a change of sign: more able persons solve more items. An item
whose answer yes corresponds to the answer no of the other items must be recoded first.

## Data

A table has a row for each person and a column of zeros and ones for each item.

The example, `role-conflict.csv`, has the answers of 216 students to four questions about situations
in which a duty to a friend conflicts with a duty to society. A *universalistic* answer (1) puts the
duty to society first, a *particularistic* answer (0) the duty to the friend. The counts are those
of Goodman (1974) from Stouffer and Toby (1951). The model `latent-class` explains the answers by
two classes of students; its deviance from the table's own frequencies is $G^2 = 2.72$ on 6 degrees
of freedom. The Rasch model assumes one continuous scale instead, and with $G^2 = 10.84$ on 10 it
also fits adequately.

Most of the published figures are for `lsat-6.csv` and `lsat-7.csv`, the answers of 1000 persons
to five items of sections 6 and 7 of the Law School Admission Test (Bock and Lieberman 1970; `bock`
of the R package psych).

```
latentfit fit item-response --data lsat-6.csv
latentfit fit item-response --data lsat-7.csv --set two_parameter=True
```

## Complete-data log-likelihood

If the abilities were known, the answers to every item would follow a logistic regression on them:

$$\log p(y, z \mid \theta) = \sum_i \log \phi(z_i) + \sum_{i,j} \left( y_{ij} (c_j + a_j z_i)
- \log \left( 1 + e^{c_j + a_j z_i} \right) \right) ,$$

where $\phi$ is the standard normal density. The first term in brackets is linear in $z_i$. The
second term is the same function of $z_i$ for every person, whatever the answers. It contains
$\theta$, and no finite number of expectations determines its expectation for all $\theta$. The M
step needs the conditional distribution of the abilities, summed over the persons.

## E step

Integrals over an ability have no closed form. They are replaced by sums over nodes $t_q$ with
weights $w_q \propto \phi(t_q)$, as if the ability had finitely many possible values. Bayes' theorem
gives their probabilities,

$$r_{iq} = p(z_i = t_q \mid y_i, \theta') = \frac{w_q f_{iq}}{\sum_s w_s f_{is}} , \qquad
f_{iq} = \prod_j p_j(t_q)^{y_{ij}} \left( 1 - p_j(t_q) \right)^{1 - y_{ij}} ,$$

computed from logarithms, and only once for all persons with the same answers. The M step needs

$$m_i = \mathrm{E}[z_i \mid y, \theta'] = \sum_q r_{iq}\, t_q , \qquad n_q = \sum_i r_{iq} ,$$

the mean for each person and the expected number of persons at each node; `z` and `persons` in the
code. The nodes are 0.1 apart between -10 and 10. With equal distances the sums are the trapezoidal
rule. Its error is below rounding error as soon as the distance is small compared with the width of
the integrand (Trefethen and Weideman 2014). This holds here for standard deviations of
$p(z_i \mid y_i)$ down to 0.15, which occur only in tests of many items, and for discriminations up
to 5.

In place of $m_i$ Bock and Aitkin (1981) use the expected numbers of right answers at each node,
$r_{jq} = \sum_i y_{ij} r_{iq}$. The M step needs only two sums of these,
$\sum_q r_{jq} = \sum_i y_{ij}$ and $\sum_q r_{jq} t_q = \sum_i y_{ij} m_i$.

## M step

Let $s_j = \sum_i y_{ij}$ and $u_j = \sum_i y_{ij} m_i$. Then

$$Q(\theta \mid \theta') = \sum_j \left( s_j c_j + u_j a_j
- \sum_q n_q \log \left( 1 + e^{c_j + a_j t_q} \right) \right) + \text{const}$$

is concave, with the derivatives

$$g_j = \frac{\partial Q}{\partial c_j} = s_j - \sum_q n_q\, p_j(t_q) , \qquad
h_j = \frac{\partial Q}{\partial a_j} = u_j - \sum_q n_q\, t_q\, p_j(t_q)$$

and, with $v_{jq} = n_q\, p_j(t_q) (1 - p_j(t_q))$, the negative second derivatives

$$A_j = \sum_q v_{jq} , \qquad B_j = \sum_q v_{jq}\, t_q , \qquad C_j = \sum_q v_{jq}\, t_q^2 .$$

Each item is a separate problem in two variables. Newton's method solves $A \delta_c + B \delta_a
= g$ and $B \delta_c + C \delta_a = h$. Eliminating $\delta_c$ gives

$$\delta_{a_j} = \frac{h_j - B_j g_j / A_j}{C_j - B_j^2 / A_j} , \qquad
\delta_{c_j} = \frac{g_j - B_j\, \delta_{a_j}}{A_j} .$$

In the Rasch model $Q$ is differentiated with respect to the common $a$: the numerator and the
denominator of $\delta_a$ are summed over $j$. A few iterations from the current parameters suffice;
a step that decreases $Q$ is halved. If the unconstrained maximum has $a_j < 0$, the constrained
maximum of $Q$ is at $a_j = 0$, $c_j = \log \left( s_j / (n - s_j) \right)$.

## Observed log-likelihood and rate of convergence

$$\log p(y \mid \theta) = \sum_i \log \int \phi(z) \prod_j p_j(z)^{y_{ij}}
\left( 1 - p_j(z) \right)^{1 - y_{ij}} dz \approx \sum_i \log \sum_q w_q f_{iq} .$$

- **Rate.** In the example each iteration multiplies the error by 0.60, and by 0.82 with separate
  discriminations. The fewer the items and the smaller their discriminations, the less is known
  about the abilities, and the slower EM converges: the factors are 0.66 and 0.90 for section 6 of
  LSAT.
- **Perfect persons, perfect items.** A person who solves all items or none has a finite estimate
  $m_i$, since the abilities have a distribution. It is close to that of persons with one right
  answer less or more. For an item that everybody or nobody solves, the estimate is
  $c_j = \pm \infty$; it is refused.
- **Infinite discrimination.** If the answers are a *perfect scale*, in which everybody who solves
  an item also solves every easier item (Guttman 1944), the likelihood increases up to $a = \infty$;
  such data are refused. With separate discriminations, those of single items may diverge (a
  *Heywood case*), in small samples with few items, or if two items always have the same answer. EM
  follows until the curve is too steep for the nodes, and then stops or fails. An estimate beyond
  about 10 stands for infinity.
- **Discrimination zero.** Near $a = 0$, EM multiplies the $a$ of the Rasch model by a ratio: the
  variance of the number of right answers, $\sum_j y_{ij}$, divided by the sum of the variances of
  the items, which would be this variance if the items were independent. If the items are not
  positively correlated and the ratio is below 1, there is a maximum at $a = 0$, to which EM may
  converge. An item of the two-parameter model that is negatively correlated with the others
  converges to $a_j = 0$. In both cases the difficulty is undefined.
- **Few items.** Two items have three free frequencies, so the two-parameter model with its four
  parameters is not identified. It needs three items; the Rasch model needs two.
- **Not the joint likelihood.** Estimating the $z_i$ as parameters, at the joint maximum with the
  item parameters, is a different method, which is not consistent (Neyman and Scott 1948).

## Prior

The intercepts are $\mathrm{N}(0, 3^2)$, which corresponds to probabilities between 0.003 and 0.997
at ability 0. The discriminations are half-normal with scale 2. This density is almost flat where
discriminations usually lie. It does not vanish at zero, where the likelihood is finite and the
maximum may be.

## References

- L. Guttman (1944). A basis for scaling qualitative data. *American Sociological Review* 9,
  139–150.
- J. Neyman and E. L. Scott (1948). Consistent estimates based on partially consistent
  observations. *Econometrica* 16, 1–32.
- S. A. Stouffer and J. Toby (1951). Role conflict and personality. *American Journal of
  Sociology* 56, 395–406.
- G. Rasch (1960). *Probabilistic Models for Some Intelligence and Attainment Tests*. Danish
  Institute for Educational Research, Copenhagen.
- R. D. Bock and M. Lieberman (1970). Fitting a response model for n dichotomously scored items.
  *Psychometrika* 35, 179–197.
- L. A. Goodman (1974). Exploratory latent structure analysis using both identifiable and
  unidentifiable models. *Biometrika* 61, 215–231.
- R. D. Bock and M. Aitkin (1981). Marginal maximum likelihood estimation of item parameters:
  application of an EM algorithm. *Psychometrika* 46, 443–459. Their curves are normal, not
  logistic, so their estimates differ.
- D. Thissen (1982). Marginal maximum likelihood estimation for the one-parameter logistic model.
  *Psychometrika* 47, 175–186.
- D. Rizopoulos (2006). ltm: an R package for latent variable modeling and item response theory
  analyses. *Journal of Statistical Software* 17(5), 1–25. The package stops slightly before the
  maximum of the two-parameter model for section 6: it finds $b_1 = -3.3597$ instead of $-3.3588$,
  at a log-likelihood that is the same to four decimals.
- L. N. Trefethen and J. A. C. Weideman (2014). The exponentially convergent trapezoidal rule.
  *SIAM Review* 56, 385–458.
- D. Bates, M. Mächler, B. Bolker and S. Walker (2015). Fitting linear mixed-effects models using
  lme4. *Journal of Statistical Software* 67(1), 1–48.
"""

from pathlib import Path

import numpy as np
import pymc as pm
from scipy.special import expit, log_expit, logsumexp

from latentfit import requirements as require

latents = ("z",)

NODES = np.linspace(-10, 10, 201)
LOG_WEIGHTS = -(NODES**2) / 2 - logsumexp(-(NODES**2) / 2)

# Newton's method needs three or four iterations from the parameters of the iteration before.
_MAX_NEWTON_ITERATIONS = 20
_NEWTON_STEP_TOLERANCE = 1e-10
# Decreases of Q up to this share of Q are rounding errors.
_Q_ROUNDING_RELATIVE = 1e-12


def model(y, two_parameter=False):
    coords = {"item": range(np.shape(y)[1]), "person": range(len(y))}
    with pm.Model(coords=coords) as model:
        a = pm.HalfNormal("a", 2, dims="item" if two_parameter else None)
        c = pm.Normal("c", 0, 3, dims="item")
        z = pm.Normal("z", 0, 1, dims="person")
        pm.Bernoulli("y", logit_p=c + a * z[:, None], observed=y, dims=("person", "item"))
        pm.Deterministic("b", -c / a, dims="item")
    return model


def e_step(params, data):
    patterns, pattern, count = _patterns(data["y"])
    log_joint = _log_joint(params, patterns)
    r = np.exp(log_joint - logsumexp(log_joint, axis=1, keepdims=True))
    return {"z": (r @ NODES)[pattern], "persons": count @ r}


def m_step(expectations, data, params):
    y, z, n = data["y"], expectations["z"], expectations["persons"]
    s, u = y.sum(axis=0), z @ y
    # A common discrimination needs sums over the items; separate ones are separate problems.
    total = np.sum if np.shape(params["a"]) == () else np.asarray

    def q(a, c):
        return total(s * c + u * a + n @ log_expit(-_logits(a, c)))

    a, c = params["a"], params["c"]
    for _ in range(_MAX_NEWTON_ITERATIONS):
        p = expit(_logits(a, c))
        g, h = s - n @ p, u - (n * NODES) @ p
        A, B, C = (n * NODES ** np.arange(3)[:, None]) @ (p * (1 - p))
        delta_a = total(h - B * g / A) / total(C - B**2 / A)
        delta_c = (g - B * delta_a) / A
        before, step = q(a, c), np.ones(np.shape(a))
        least = before - _Q_ROUNDING_RELATIVE * np.abs(before)
        while np.any(decreased := q(a + step * delta_a, c + step * delta_c) < least):
            step = np.where(decreased, step / 2, step)
        a, c = a + step * delta_a, c + step * delta_c
        if max(np.max(np.abs(delta_a)), np.max(np.abs(delta_c))) < _NEWTON_STEP_TOLERANCE:
            break
    return {"a": np.maximum(a, 0), "c": np.where(a > 0, c, np.log(s / (len(y) - s)))}


def log_likelihood(params, data):
    patterns, _, count = _patterns(data["y"])
    return count @ logsumexp(_log_joint(params, patterns), axis=1)


def initial(data, rng, two_parameter=False):
    """Discriminations near 1, and intercepts that agree with the shares of right answers.

    The discriminations are log-normal with median 1 (0.3 on the log scale). The share of right
    answers is closer to 1/2 than the probability at ability 0, since the abilities vary. Its logit
    is therefore multiplied by the square root of 1 + 0.35 a², the corresponding factor for a normal
    curve with the same slope. The intercepts get random terms with a standard deviation of 0.2.
    """
    y = data["y"]
    _check(y, two_parameter)
    share = np.mean(y, axis=0)
    a = rng.lognormal(0, 0.3, size=len(share) if two_parameter else None)
    logit = np.log(share / (1 - share)) * np.sqrt(1 + 0.35 * a**2)
    return {"a": a, "c": logit + rng.normal(0, 0.2, size=len(share))}


def example_data():
    table = Path(__file__).parent / "data" / "role-conflict.csv"
    return {"y": np.loadtxt(table, delimiter=",", skiprows=1)}


def _logits(a, c):
    """Log-odds of all items at all nodes, shape (nodes, items)."""
    return c + NODES[:, None] * a


def _patterns(y):
    """Distinct rows, the index of each person's row among them, and the number of each."""
    patterns, pattern, count = np.unique(y, axis=0, return_inverse=True, return_counts=True)
    return patterns, pattern.ravel(), count


def _log_joint(params, y):
    """log p(y_i, z_i = t_q), shape (persons, nodes)."""
    logits = _logits(params["a"], params["c"])
    return y @ log_expit(logits).T + (1 - y) @ log_expit(-logits).T + LOG_WEIGHTS


def _check(y, two_parameter):
    require.table("y", y, columns=3 if two_parameter else 2)
    require.zeros_and_ones("y", y)
    same = np.flatnonzero(np.ptp(y, axis=0) == 0)
    if len(same):
        raise ValueError(
            f"every person has {y[0, same[0]]:g} in column {same[0] + 1} of y: "
            f"the difficulty of the item is not finite"
        )
    easiest_first = y[:, np.argsort(-y.sum(axis=0))]
    if np.all(np.diff(easiest_first, axis=1) <= 0):
        raise ValueError(
            "y is a perfect scale, in which every person who solves an item solves all easier "
            "items: the likelihood increases up to infinite discrimination"
        )
