r"""Observers' errors and the true class of what they rate

Several observers rate the same patients. The true class of a patient is not known. Patient $i$
belongs to class $z_i = j$ with probability $p_j$. If observer $k$ rates a patient of class $j$, the
rating is $l$ with probability $\pi^{(k)}_{jl}$. The rows of an observer's matrix $\pi^{(k)}$ sum to
1, and its off-diagonal entries are the observer's error rates. Given the class, the ratings are
independent. Rating $r$ has the value $y_r$; observer $k_r$ gave it to patient $i_r$:

$$z_i \sim \mathrm{Categorical}(p), \qquad
y_r \mid z_{i_r} = j \sim \mathrm{Categorical}(\pi^{(k_r)}_{j}) .$$

This is the model of Dawid and Skene (1979). Today it is used to combine labels from crowds: the
observers are annotators, and the patients are the items to be labelled.

## Data

A table has a row for each rating, with the columns `patient`, `observer` and `rating`. All three
are coded as whole numbers, in any way. An observer may rate a patient once, several times or not at
all. The distinct ratings, in increasing order, are the classes.

The example, `anaesthetists.csv`, is table 1 of Dawid and Skene (1979). Five anaesthetists rated the
fitness of 45 patients for a general anaesthetic, from 1 to 4, on the basis of a form. The first
anaesthetist rated every patient three times, several weeks apart.

## Complete-data log-likelihood

If the true classes were known, the class frequencies and the error rates would be estimated by
counting:

$$\log p(y, z \mid \theta) = \sum_i \sum_j [z_i = j] \log p_j
+ \sum_r \sum_j [z_{i_r} = j] \log \pi^{(k_r)}_{j y_r} ,$$

where $[z_i = j]$ is 1 if patient $i$ belongs to class $j$, and 0 otherwise.

## E step

The complete-data log-likelihood is linear in the indicators. Their expectations combine all ratings
of a patient by Bayes' theorem:

$$T_{ij} = p(z_i = j \mid y, \theta') \propto
p'_j \prod_{r :\, i_r = i} \pi'^{(k_r)}_{j y_r} , \qquad \sum_j T_{ij} = 1 .$$

An observer who makes many errors, but always the same ones, is as informative as an observer who
makes none.

## M step

Let $n^{(k)}_{jl} = \sum_{r :\, k_r = k,\, y_r = l} T_{i_r j}$ be the expected number of times that
observer $k$ gives the rating $l$ to a patient of class $j$, and let $I$ be the number of patients.
Then

$$Q(\theta \mid \theta') = \sum_i \sum_j T_{ij} \log p_j
+ \sum_{k, j, l} n^{(k)}_{jl} \log \pi^{(k)}_{jl} ,$$

and its maximum is

$$p_j = \frac{1}{I} \sum_i T_{ij} , \qquad
\pi^{(k)}_{jl} = \frac{n^{(k)}_{jl}}{\sum_m n^{(k)}_{jm}} .$$

If an observer has rated no patient of class $j$, $Q$ does not depend on this row of the observer's
matrix. The M step then sets the rates of the row equal.

## Observed log-likelihood

$$\log p(y \mid \theta) = \sum_i \log \sum_j p_j \prod_{r :\, i_r = i} \pi^{(k_r)}_{j y_r} .$$

- **Boundary.** An observer has a rate for each class and each rating. With 45 patients most of
  these rates are 0 at the maximum: for example, no observer gives the rating of the fittest
  patients to the least fit. Standard errors do not apply to an estimate of 0. The posterior density
  is concentrated on positive rates near 0. Starting values must not be 0, since EM never changes a
  rate of 0.
- **Labels.** Renumbering the classes does not change the likelihood. Class 3 corresponds to the
  rating 3 only because observers are right more often than wrong, and because EM starts from values
  with this property.
- **Several maxima.** Apart from renumbered classes there are several maxima, since 45 patients are
  few for 63 parameters. The estimates of Dawid and Skene, with class frequencies .40, .42, .11 and
  .07, are a local maximum with log-likelihood -192.891. EM converges to it from their start, the M
  step applied to the shares of each patient's ratings. From the smoother start used here EM
  converges to a higher maximum, -191.569, with class frequencies .40, .45, .09 and .07. There, the
  second and the fourth observer are never wrong about class 3. None of 400 scattered starts led to
  a higher maximum.

## The declaration

The true class of a patient can be summed out if all ratings of the patient are in one row of a
table. Patients may have different numbers of ratings, so shorter rows are filled with ratings of an
additional observer who gives the first rating with probability 1. Such an entry contributes
$\log 1 = 0$ to the log-likelihood.

## Prior

The vector $p$ and every row of $\pi^{(k)}$ have Dirichlet distributions whose parameters are all
1.1. The prior counts as a tenth of a rating of each kind, which keeps the MAP off the boundary. It
does not distinguish the classes any more than the likelihood does.

## References

- A. P. Dawid and A. M. Skene (1979). Maximum likelihood estimation of observer error-rates using
  the EM algorithm. *Applied Statistics* 28, 20–28.
- S. L. Hui and S. D. Walter (1980). Estimating the error rates of diagnostic tests. *Biometrics*
  36, 167–171.
- V. C. Raykar, S. Yu, L. H. Zhao, G. H. Valadez, C. Florin, L. Bogoni and L. Moy (2010). Learning
  from crowds. *Journal of Machine Learning Research* 11, 1297–1322.
"""

from pathlib import Path

import numpy as np
import pymc as pm

from latentfit import requirements as require
from latentfit.em.primitives import responsibilities

latents = ("z",)


def model(patient, observer, rating):
    i, k, y = _numbered(patient), _numbered(observer), _numbered(rating)
    patients, observers, classes = i.max() + 1, k.max() + 1, y.max() + 1
    who, ratings = _rows(i, k, y)
    coords = {"patients": range(patients), "observers": range(observers), "class": range(classes)}
    with pm.Model(coords=coords) as model:
        for name, values in (("patient", patient), ("observer", observer), ("rating", rating)):
            pm.Data(name, values)
        p = pm.Dirichlet("p", np.full(classes, 1.1), dims="class")
        pi = pm.Dirichlet("pi", np.full(classes, 1.1), shape=(observers, classes, classes))
        z = pm.Categorical("z", p, dims="patients")
        certain = np.eye(classes)[np.zeros((1, classes), int)]
        rates = pm.math.concatenate([pi, certain])
        pm.Categorical("ratings", rates[who, z[:, None]], observed=ratings)
    return model


def e_step(params, data):
    r, _ = responsibilities(_log_joint(params, data))
    return {"z": r}


def m_step(expectations, data):
    T = expectations["z"]
    return {"p": T.mean(axis=0), "pi": _rates(_counts(T, data))}


def log_likelihood(params, data):
    _, log_likelihood = responsibilities(_log_joint(params, data))
    return log_likelihood


def initial(data, rng):
    """The M step of Dawid and Skene from the shares of each patient's ratings, smoothed.

    The ratings of each patient are supplemented by 0.3 of a rating, distributed over the classes at
    random. The counts of each observer and class are supplemented by half a rating of every kind.
    No rate therefore starts at zero, and no rate starts near 0 or 1 because of two or three
    patients.
    """
    _check(data)
    i, y = _numbered(data["patient"]), _numbered(data["rating"])
    classes = y.max() + 1
    T = 0.3 * rng.dirichlet(np.ones(classes), size=i.max() + 1)
    np.add.at(T, (i, y), 1)
    T /= T.sum(axis=1, keepdims=True)
    return {"p": T.mean(axis=0), "pi": _rates(_counts(T, data) + 0.5)}


def simulate(params, data, rng):
    """A true class for every patient, and ratings by the observers who rated the patient."""
    i, k = _numbered(data["patient"]), _numbered(data["observer"])
    z = rng.choice(len(params["p"]), size=i.max() + 1, p=params["p"])
    y = rng.multinomial(1, params["pi"][k, z[i]]).argmax(axis=1)
    return {"rating": np.unique(data["rating"])[y]}


def example_data():
    table = Path(__file__).parent / "data" / "anaesthetists.csv"
    columns = np.loadtxt(table, delimiter=",", skiprows=1, dtype=int, unpack=True)
    return dict(zip(("patient", "observer", "rating"), columns, strict=True))


def _numbered(codes):
    """Codes replaced by their rank among the distinct codes, from 0."""
    return np.unique(codes, return_inverse=True)[1]


def _rows(i, k, y):
    """Observers and ratings, a row for each patient; the additional observer fills short rows."""
    order = np.argsort(i, kind="stable")
    place = np.empty(len(i), int)
    place[order] = np.arange(len(i)) - np.searchsorted(i[order], i[order])
    who = np.full((i.max() + 1, place.max() + 1), k.max() + 1)
    ratings = np.zeros_like(who)
    who[i, place], ratings[i, place] = k, y
    return who, ratings


def _counts(z, data):
    """Expected numbers of ratings, shape (observers, classes, ratings)."""
    i, k, y = (_numbered(data[name]) for name in ("patient", "observer", "rating"))
    counts = np.zeros((k.max() + 1, z.shape[1], z.shape[1]))
    np.add.at(counts, (k, slice(None), y), z[i])
    return counts


def _rates(counts):
    """Shares of the ratings in each row; equal shares in a row without ratings."""
    total = counts.sum(axis=-1, keepdims=True)
    equal = np.full_like(counts, 1 / counts.shape[-1])
    return np.divide(counts, total, out=equal, where=total > 0)


def _log_joint(params, data):
    """log p(y, z = j | θ), shape (patients, classes)."""
    i, k, y = (_numbered(data[name]) for name in ("patient", "observer", "rating"))
    with np.errstate(divide="ignore"):
        log_p, log_pi = np.log(params["p"]), np.log(params["pi"])
    log_joint = np.tile(log_p, (i.max() + 1, 1))
    np.add.at(log_joint, i, log_pi[k, :, y])
    return log_joint


def _check(data):
    for name in ("patient", "observer", "rating"):
        require.categories(name, data[name])
    require.distinct("rating", data["rating"], 2, "classes")
    require.distinct("patient", data["patient"], 2, "patients")
    if len(data["patient"]) == len(np.unique(data["patient"])):
        raise ValueError("no patient is rated twice: there are no ratings to compare")
