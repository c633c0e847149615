r"""Observers' errors and the true class of what they rate

Several observers rate the same patients, and nobody knows the true classes. Patient $i$ is of class
$z_i = j$ with probability $p_j$. Shown a patient of class $j$, observer $k$ gives the rating $l$
with probability $\pi^{(k)}_{jl}$: the rows of an observer's matrix $\pi^{(k)}$ sum to 1, and off
its diagonal are his or her error rates. Given the class, ratings are independent. Rating $r$, of
patient $i_r$ by observer $k_r$, is $y_r$:

$$z_i \sim \mathrm{Categorical}(p), \qquad
y_r \mid z_{i_r} = j \sim \mathrm{Categorical}(\pi^{(k_r)}_{j}) .$$

This is the model of Dawid and Skene (1979), by which labels from crowds are still reconciled: the
observers are then annotators, and patients are whatever is to be labelled.

## Data

A row for each rating: `patient`, `observer`, `rating`, all whole numbers and otherwise free. An
observer may rate a patient once, several times or not at all. The distinct ratings, in increasing
order, are the classes.

The example, `anaesthetists.csv`, is table 1 of Dawid and Skene (1979): five anaesthetists rated
45 patients on forms, from 1 to 4, for fitness to undergo a general anaesthetic. The first of them
did so three times, several weeks apart.

## Complete-data log-likelihood

With the true classes known, class frequencies and error rates are counted:

$$\log p(y, z \mid \theta) = \sum_i \sum_j [z_i = j] \log p_j
+ \sum_r \sum_j [z_{i_r} = j] \log \pi^{(k_r)}_{j y_r} ,$$

where $[z_i = j]$ is 1 if patient $i$ is of class $j$ and 0 if not.

## E step

All ratings of a patient bear upon his or her class:

$$T_{ij} = p(z_i = j \mid y, \theta') \propto
p'_j \prod_{r :\, i_r = i} \pi'^{(k_r)}_{j y_r} , \qquad \sum_j T_{ij} = 1 .$$

An observer who errs often, but always in the same way, is as useful here as one who never errs.

## M step

With $n^{(k)}_{jl} = \sum_{r :\, k_r = k,\, y_r = l} T_{i_r j}$, the expected number of times that
observer $k$ says $l$ of the class $j$,

$$Q(\theta \mid \theta') = \sum_i \sum_j T_{ij} \log p_j
+ \sum_{k, j, l} n^{(k)}_{jl} \log \pi^{(k)}_{jl} ,$$

$$p_j = \frac{1}{I} \sum_i T_{ij} , \qquad
\pi^{(k)}_{jl} = \frac{n^{(k)}_{jl}}{\sum_m n^{(k)}_{jm}} ,$$

$I$ being the number of patients. An observer who has seen nobody of class $j$ leaves his or her
rates for it undetermined; they are set to be equal.

## Observed log-likelihood

$$\log p(y \mid \theta) = \sum_i \log \sum_j p_j \prod_{r :\, i_r = i} \pi^{(k_r)}_{j y_r} .$$

- **Boundary.** An observer has a rate for each class and each rating, and with 45 patients most
  of them are 0 at the maximum: nobody takes the fittest for the least fit. Zero is then the
  estimate and no mean of anything; standard errors do not apply to it, and the posterior, whose
  rates are positive, lies beside it. EM should not start there: a rate that is zero stays zero.
- **Labels.** The likelihood does not change when the classes are renumbered. What ties class 3 to
  the rating 3 is that observers are right more often than they are wrong, and that EM starts there.
- **Several maxima.** Those with the labels exchanged are harmless; others are not, for 63
  parameters are a great deal to learn from 45 patients. What Dawid and Skene print, with class
  frequencies .40, .42, .11 and .07, is a local maximum of height -192.891, and where their start
  leads: the M step from the shares of each patient's ratings. The start here is smoother, and
  leads to a higher one, -191.569, with .40, .45, .09 and .07. It takes the second and the fourth
  observer to be never wrong about class 3. Of 400 scattered starts none went higher.

## The declaration

Patients may have different numbers of ratings, and all of a patient's have to stand in one row for
his or her class to be summed out. Shorter rows are filled up with the ratings of an observer who is
certain to give the first one: $\log 1 = 0$, so that nothing is added.

## Prior

Dirichlet distributions with all their parameters 1.1, for $p$ and for every row of $\pi^{(k)}$: a
tenth of a rating of each kind keeps the MAP off the boundary. The prior does not tell the classes
apart any more than the likelihood does.

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

from latentfit.em.primitives import responsibilities

latents = ("z",)


def model(patient, observer, rating):
    i, k, y = _numbered(patient), _numbered(observer), _numbered(rating)
    patients, observers, classes = i.max() + 1, k.max() + 1, y.max() + 1
    who, said = _rows(i, k, y)
    coords = {"patients": range(patients), "observers": range(observers), "class": range(classes)}
    with pm.Model(coords=coords) as model:
        for name, values in (("patient", patient), ("observer", observer), ("rating", rating)):
            pm.Data(name, values)
        p = pm.Dirichlet("p", np.full(classes, 1.1), dims="class")
        pi = pm.Dirichlet("pi", np.full(classes, 1.1), shape=(observers, classes, classes))
        z = pm.Categorical("z", p, dims="patients")
        certain = np.eye(classes)[np.zeros((1, classes), int)]
        rates = pm.math.concatenate([pi, certain])
        pm.Categorical("ratings", rates[who, z[:, None]], observed=said)
    return model


def e_step(params, data):
    r, _ = responsibilities(_log_joint(params, data))
    return {"z": r}


def m_step(expectations, data):
    T = expectations["z"]
    return {"p": T.mean(axis=0), "pi": _rates(_counts(T, data))}


def log_likelihood(params, data):
    _, height = responsibilities(_log_joint(params, data))
    return height


def initial(data, rng):
    """The M step from the shares of each patient's ratings, after Dawid and Skene, and smoothed.

    To a patient's ratings is added 0.3 of one, spread over the classes at random, and to what an
    observer has said of each class half a rating of every kind: so that no rate is zero, and
    none is taken for certain on the strength of two or three patients.
    """
    _check(data)
    i, y = _numbered(data["patient"]), _numbered(data["rating"])
    classes = y.max() + 1
    T = 0.3 * rng.dirichlet(np.ones(classes), size=i.max() + 1)
    np.add.at(T, (i, y), 1)
    T /= T.sum(axis=1, keepdims=True)
    return {"p": T.mean(axis=0), "pi": _rates(_counts(T, data) + 0.5)}


def simulate(params, data, rng):
    """A true class for every patient, and ratings by the same observers as often as before."""
    i, k = _numbered(data["patient"]), _numbered(data["observer"])
    z = rng.choice(len(params["p"]), size=i.max() + 1, p=params["p"])
    y = rng.multinomial(1, params["pi"][k, z[i]]).argmax(axis=1)
    return {"rating": np.unique(data["rating"])[y]}


def example_data():
    table = Path(__file__).parent / "data" / "anaesthetists.csv"
    columns = np.loadtxt(table, delimiter=",", skiprows=1, dtype=int, unpack=True)
    return dict(zip(("patient", "observer", "rating"), columns, strict=True))


def _numbered(codes):
    """Distinct codes numbered from 0, in increasing order."""
    return np.unique(codes, return_inverse=True)[1]


def _rows(i, k, y):
    """Observers and ratings, a row for each patient, filled up with a further observer's."""
    order = np.argsort(i, kind="stable")
    place = np.empty(len(i), int)
    place[order] = np.arange(len(i)) - np.searchsorted(i[order], i[order])
    who = np.full((i.max() + 1, place.max() + 1), k.max() + 1)
    said = np.zeros_like(who)
    who[i, place], said[i, place] = k, y
    return who, said


def _counts(z, data):
    """How often each observer is expected to give each rating to each class."""
    i, k, y = (_numbered(data[name]) for name in ("patient", "observer", "rating"))
    counts = np.zeros((k.max() + 1, z.shape[1], z.shape[1]))
    np.add.at(counts, (k, slice(None), y), z[i])
    return counts


def _rates(counts):
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
        odd = np.flatnonzero(data[name] != np.round(data[name]))
        if len(odd):
            raise ValueError(
                f"{name} has the value {data[name][odd[0]]:g} in row {odd[0] + 1}: "
                f"it is coded as whole numbers"
            )
    if np.ptp(data["rating"]) == 0:
        raise ValueError(f"every rating is {data['rating'][0]:g}: there are no classes to tell")
    if np.ptp(data["patient"]) == 0:
        raise ValueError("there is a single patient: no rate can be estimated")
    if len(data["patient"]) == len(np.unique(data["patient"])):
        raise ValueError("no patient is rated twice: there is nothing to compare")
