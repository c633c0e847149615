r"""Item response: Rasch and two-parameter logistic models

Each of $n$ persons answers the same $J$ items, right or wrong, yes or no: $y_{ij} \in \{0, 1\}$.
Why some persons have more of them right than others is put down to an *ability* $z_i$ that nobody
sees, and why some items are solved more often to the items. With $\sigma(u) = 1 / (1 + e^{-u})$,

$$z_i \sim \mathrm{N}(0, 1), \qquad
\Pr(y_{ij} = 1 \mid z_i) = p_j(z_i) = \sigma(c_j + a_j z_i)
= \sigma\left( a_j (z_i - b_j) \right), \qquad a_j \ge 0 ,$$

and given the ability, the answers are independent. Item $j$ has a *difficulty*
$b_j = -c_j / a_j$, the ability at which it is solved half of the time, and a *discrimination*
$a_j$: how steeply the probability rises there. The steps work with the *intercepts* $c_j$.

The discrimination is the same for all items, $a_j = a$, in the *Rasch model*: then the number of
right answers says all that there is to say about a person. In the *two-parameter logistic model*
every item has its own: `--set two_parameter=True`. Write $\theta = (a, c)$.

**The scale of the abilities** is free: a change of origin and unit, made up for by $a$ and $c$,
changes no probability. It is fixed by mean 0 and variance 1. Then the Rasch model is also that of
abilities with standard deviation $a$ and items with discrimination 1. A change of sign is ruled out
by $a_j \ge 0$: to be able is to solve items. A question whose yes means what the no of
the others means has to be turned round before.

## Data

A row for each person, a column for each item, zeros and ones.

The example, `role-conflict.csv`, has four situations in which a duty to a friend conflicts with
a duty to society, put to 216 students: does one decide by what is due to anybody (1,
*universalistic*) or by what is due to the friend (0, *particularistic*)? The counts are those of
Goodman (1974) from Stouffer and Toby (1951). `latent-class` finds two kinds of students in these
answers, and deviates from the table's own frequencies by $G^2 = 2.72$ on 6 degrees of freedom. The
Rasch model puts them on one scale instead: $G^2 = 10.84$ on 10, which is no bad fit either.

Most of the published figures are for `lsat-6.csv` and `lsat-7.csv`, the answers of 1000 persons
to five items of sections 6 and 7 of the Law School Admission Test (Bock and Lieberman 1970; `bock`
of the R package psych).

```
latentfit fit item-response --data lsat-6.csv
latentfit fit item-response --data lsat-7.csv --set two_parameter=True
```

## Complete-data log-likelihood

With the abilities known, every item is a logistic regression of its answers on them:

$$\log p(y, z \mid \theta) = \sum_i \log \phi(z_i) + \sum_{i,j} \left( y_{ij} (c_j + a_j z_i)
- \log \left( 1 + e^{c_j + a_j z_i} \right) \right) ,$$

where $\phi$ is the standard normal density. The first part in brackets is linear in $z_i$. The
second is the same function of $z_i$ for everybody, whatever the answers were; but it contains
$\theta$, and no finite number of expectations stands for it. What it takes is the whole
conditional distribution of the abilities, as far as it concerns all persons together.

## E step

Integrals over an ability have no closed form. They are replaced by sums over nodes $t_q$ with
weights $w_q \propto \phi(t_q)$, which is as if the ability had one of finitely many values. Bayes'
theorem gives their probabilities,

$$r_{iq} = p(z_i = t_q \mid y_i, \theta') = \frac{w_q f_{iq}}{\sum_s w_s f_{is}} , \qquad
f_{iq} = \prod_j p_j(t_q)^{y_{ij}} \left( 1 - p_j(t_q) \right)^{1 - y_{ij}} ,$$

computed from logarithms, once for all persons with the same answers. Of these are needed

$$m_i = \mathrm{E}[z_i \mid y, \theta'] = \sum_q r_{iq}\, t_q , \qquad n_q = \sum_i r_{iq} ,$$

the mean for each person and the expected number of persons at each node; `z` and `persons` in the
code. The nodes are 0.1 apart between -10 and 10. At equal distances such sums are the trapezoidal
rule, which errs by no more than rounding as soon as they are small beside the widths of what is
integrated (Trefethen and Weideman 2014): here, with standard deviations of $p(z_i \mid y_i)$ down
to 0.15, which takes tests of many items, and discriminations up to 5.

Bock and Aitkin (1981) have in the place of $m_i$ the expected numbers of right answers at each
node, $r_{jq} = \sum_i y_{ij} r_{iq}$. The M step takes nothing from them but two sums,
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

Each item is a problem of its own in two variables. Newton's method solves $A \delta_c + B \delta_a
= g$ and $B \delta_c + C \delta_a = h$; with $\delta_c$ eliminated,

$$\delta_{a_j} = \frac{h_j - B_j g_j / A_j}{C_j - B_j^2 / A_j} , \qquad
\delta_{c_j} = \frac{g_j - B_j\, \delta_{a_j}}{A_j} .$$

In the Rasch model $Q$ is to be differentiated with respect to the one $a$ of all items: numerator
and denominator of the former are summed over $j$. From the current parameters a few iterations
suffice; a step after which $Q$ is lower is halved. Where the maximum has $a_j < 0$, the highest $Q$
that is allowed is at $a_j = 0$, $c_j = \log \left( s_j / (n - s_j) \right)$.

## Observed log-likelihood and rate of convergence

$$\log p(y \mid \theta) = \sum_i \log \int \phi(z) \prod_j p_j(z)^{y_{ij}}
\left( 1 - p_j(z) \right)^{1 - y_{ij}} dz \approx \sum_i \log \sum_q w_q f_{iq} .$$

- **Rate.** The error shrinks by a factor of 0.60 in an iteration in the example, and of 0.82 with
  separate discriminations. The fewer the items and the weaker they discriminate, the less is known
  of the abilities, and the slower is EM: the factors are 0.66 and 0.90 for section 6 of LSAT.
- **Perfect persons, perfect items.** A person who solves all items or none has an ability like
  any other, since it comes from a distribution: $m_i$ is finite, and close to that of persons
  with one answer less. An item that everybody solves or nobody has $c_j = \pm \infty$, and is
  refused.
- **Infinite discrimination.** If the answers are a *perfect scale*, where everybody who solves an
  item has also solved every easier one (Guttman 1944), the likelihood rises towards $a = \infty$;
  such data are refused. With separate discriminations those of single items may run away (a
  *Heywood case*), in small samples with few items, or where two items are always answered alike.
  EM follows, until the curve is too steep for the nodes. It ends there, or breaks down, and an
  estimate beyond 10 or so stands for infinity.
- **Discrimination zero.** Close to $a = 0$, EM multiplies the $a$ of the Rasch model by the
  variance of the number of right answers, $\sum_j y_{ij}$, over the sum of the variances of the
  items, which is what it would be if they were independent. If items do not go together, and the
  ratio is below 1, there is a maximum at $a = 0$, and EM may end there. An item of the
  two-parameter model that goes against the others ends at $a_j = 0$ itself. Neither has a
  difficulty then.
- **Few items.** Two items have three free frequencies, and leave the two-parameter model with
  four parameters on a ridge: it needs three items, the Rasch model two.
- **Not the joint likelihood.** To estimate the $z_i$ as parameters along with the items, at the
  maximum of both, is another method, and not even consistent (Neyman and Scott 1948).

## Prior

Intercepts are $\mathrm{N}(0, 3^2)$: probabilities between 0.003 and 0.997 at ability 0.
Discriminations are half-normal with scale 2, with a density that is all but flat where items are
seen to lie. It does not vanish at zero, where the likelihood is finite and $a$ may belong.

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
  application of an EM algorithm. *Psychometrika* 46, 443–459. Their curves are normal ones, not
  logistic, and their estimates others.
- D. Thissen (1982). Marginal maximum likelihood estimation for the one-parameter logistic model.
  *Psychometrika* 47, 175–186.
- D. Rizopoulos (2006). ltm: an R package for latent variable modeling and item response theory
  analyses. *Journal of Statistical Software* 17(5), 1–25. The package stops a little before the
  maximum of the two-parameter model for section 6: of $b_1 = -3.3588$ it has $-3.3597$, at a height
  that is the same to four decimals.
- L. N. Trefethen and J. A. C. Weideman (2014). The exponentially convergent trapezoidal rule.
  *SIAM Review* 56, 385–458.
- D. Bates, M. Mächler, B. Bolker and S. Walker (2015). Fitting linear mixed-effects models using
  lme4. *Journal of Statistical Software* 67(1), 1–48.
"""

from pathlib import Path

import numpy as np
import pymc as pm
from scipy.special import expit, log_expit, logsumexp

latents = ("z",)

NODES = np.linspace(-10, 10, 201)
LOG_WEIGHTS = -(NODES**2) / 2 - logsumexp(-(NODES**2) / 2)

# Of Newton's method; from parameters nearby it takes three or four.
_ITERATIONS = 20


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
    # Over the items where they share a discrimination, else each by itself.
    total = np.sum if np.ndim(params["a"]) == 0 else np.asarray

    def q(a, c):
        return total(s * c + u * a + n @ log_expit(-_logits(a, c)))

    a, c = params["a"], params["c"]
    for _ in range(_ITERATIONS):
        p = expit(_logits(a, c))
        g, h = s - n @ p, u - (n * NODES) @ p
        A, B, C = (n * NODES ** np.arange(3)[:, None]) @ (p * (1 - p))
        delta_a = total(h - B * g / A) / total(C - B**2 / A)
        delta_c = (g - B * delta_a) / A
        # Lower by more than rounding.
        height, step = q(a, c), np.ones(np.shape(a))
        low = height - 1e-12 * np.abs(height)
        while np.any(worse := q(a + step * delta_a, c + step * delta_c) < low):
            step = np.where(worse, step / 2, step)
        a, c = a + step * delta_a, c + step * delta_c
        if max(np.max(np.abs(delta_a)), np.max(np.abs(delta_c))) < 1e-10:
            break
    return {"a": np.maximum(a, 0), "c": np.where(a > 0, c, np.log(s / (len(y) - s)))}


def log_likelihood(params, data):
    patterns, _, count = _patterns(data["y"])
    return count @ logsumexp(_log_joint(params, patterns), axis=1)


def initial(data, rng, two_parameter=False):
    """Discriminations of 1 times a log-normal factor of 30 %, and intercepts that fit the shares.

    With an ability that varies, shares are closer to 1/2 than at ability 0: a logit is that of the
    share times the root of 1 + 0.35 a², by which a normal curve of the same slope would be
    flattened. A random part with a standard deviation of 0.2 is added to it.
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
    """Of the probabilities of all items at all nodes, shape (nodes, items)."""
    return c + NODES[:, None] * a


def _patterns(y):
    """Different rows, which of them each person has, and how many persons have each."""
    patterns, pattern, count = np.unique(y, axis=0, return_inverse=True, return_counts=True)
    return patterns, pattern.ravel(), count


def _log_joint(params, y):
    """log p(y_i, z_i = t_q), shape (persons, nodes)."""
    logits = _logits(params["a"], params["c"])
    return y @ log_expit(logits).T + (1 - y) @ log_expit(-logits).T + LOG_WEIGHTS


def _check(y, two_parameter):
    least = 3 if two_parameter else 2
    if np.ndim(y) != 2 or y.shape[1] < least:
        raise ValueError(
            f"y should be a table of persons by {least} items or more, "
            f"not an array of shape {np.shape(y)}"
        )
    wrong = np.argwhere((y != 0) & (y != 1))
    if len(wrong):
        row, column = wrong[0]
        raise ValueError(
            f"y is {y[row, column]:g} in row {row + 1}, column {column + 1}: an answer is 0 or 1"
        )
    same = np.flatnonzero(np.ptp(y, axis=0) == 0)
    if len(same):
        raise ValueError(
            f"everybody has {y[0, same[0]]:g} in column {same[0] + 1} of y: "
            f"the item has no finite difficulty"
        )
    easiest_first = y[:, np.argsort(-y.sum(axis=0))]
    if np.all(np.diff(easiest_first, axis=1) <= 0):
        raise ValueError(
            "y is a perfect scale, where whoever solves an item has solved all easier ones: "
            "the likelihood rises towards infinite discrimination"
        )
