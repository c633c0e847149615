r"""Two-way table with missing categories

Each of $n$ individuals falls into one of $I$ row categories and one of $J$ column categories, with
probability $p_{ij}$ for row $i$ and column $j$. For some of them only the row was recorded, for
some only the column, for some neither: beside the table there are *supplementary margins*. What
was recorded does not depend on what was not (missing at random), so that the reasons need
no model. Leaving these individuals out would waste what is known of them, and, if they differ from
the rest, mislead.

Let $z_i$ be the cell of individual $i$, and $C_i$ the set of cells that agree with what was
recorded: a single cell, a row, a column, or the whole table. The data are lines $(\text{row},
\text{column}, \text{count})$: $m_l$ individuals have the set $C_l$.

## Data

`victimisation.csv`: whether 756 households of the United States National Crime Survey had been
victims of crime (1) or not (0) in the half-year before a first visit (row) and before a second
(column). Some did not answer at one of the visits, or at both (Kadane 1985).

In a table of one's own, too, a blank in `row` or `column` stands for a category that is not known.
Categories may have any numbers and are taken in their order; lines that say the same add up.

## Complete-data log-likelihood

With $n_{ij}$ individuals in each cell, it is that of a multinomial sample,

$$\log p(z \mid p) = \sum_{ij} n_{ij} \log p_{ij} .$$

## E step

The individuals of a line are divided among the cells that agree with it, in proportion to the
probabilities of these:

$$\mathrm{E}[n_{ij} \mid p'] =
\sum_l m_l \, \frac{[ij \in C_l]\; p'_{ij}}{\sum_{ab \in C_l} p'_{ab}} .$$

For a line with both categories that is its own count, for one with the row alone the count times
the conditional probabilities of the columns.

## M step

$Q$ has these numbers in place of the $n_{ij}$, and is highest at their shares,

$$p_{ij} = \mathrm{E}[n_{ij} \mid p'] / n .$$

## Observed log-likelihood

$$\log p(\text{data} \mid p) = \sum_l m_l \log \sum_{ij \in C_l} p_{ij} .$$

This is for individuals in turn: the number of ways to order them is left out. It is concave in
$p$, so that all maxima have the same height. Individuals of whom nothing is known add nothing to
it: they slow EM, and change no estimate. Caveats:

- **Closed form.** If only columns are ever missing, $\hat p_{ij}$ is the share of row $i$ among
  all individuals whose row is known, times the share of column $j$ among the fully recorded ones of
  that row.
- **Boundary.** A cell in which nobody was fully recorded may be estimated as zero. That is a
  proper answer, but large-sample standard errors mean nothing there, and EM is slow.
- **Flat likelihood.** With no fully recorded individual in a row or a column, how that row or
  column is divided is settled by the margins at best, and as a rule not at all: such data are
  refused.

## Prior

Probabilities are uniform on the simplex: `cell` holds them row by row, and `p` as a table.

## References

- H. O. Hartley (1958). Maximum likelihood estimation from incomplete data. *Biometrics* 14,
  174–194. Partly classified counts by EM, before it had the name.
- T. Chen and S. E. Fienberg (1974). Two-dimensional contingency tables with both completely and
  partially cross-classified data. *Biometrics* 30, 629–642.
- C. Fuchs (1982). Maximum likelihood estimation and model selection in contingency tables with
  missing data. *Journal of the American Statistical Association* 77, 270–278.
- J. B. Kadane (1985). Is victimization chronic? A Bayesian analysis of multinomial missing data.
  *Journal of Econometrics* 29, 47–67.
- J. L. Schafer (1997). *Analysis of Incomplete Multivariate Data*. Chapman & Hall.
- R. J. A. Little and D. B. Rubin (2002). *Statistical Analysis with Missing Data*, 2nd edition.
  Wiley. Chapter 13.
"""

from pathlib import Path

import numpy as np
import pymc as pm
import pytensor

# The cells of those individuals of whom not both categories were recorded.
latents = ("cell_unobserved",)


def model(row, column, count):
    agrees = _agreement(row, column)
    lines, rows, columns = agrees.shape
    # Which cells agree with each individual, shape (individuals, cells).
    agrees = np.repeat(agrees.reshape(lines, -1), np.asarray(count, int), axis=0)
    single = agrees.sum(axis=1) == 1
    hidden = agrees[~single]
    coords = {"row_category": range(rows), "column_category": range(columns)}
    with pm.Model(coords=coords) as model:
        # pm.Data itself takes no missing values.
        for name, values in (("row", row), ("column", column), ("count", count)):
            model.register_data_var(pytensor.shared(_with_nan(values), name=name))
        cell = pm.Dirichlet("cell", np.ones(rows * columns))
        pm.Deterministic("p", cell.reshape((rows, columns)), dims=tuple(coords))
        pm.Categorical("cell_observed", cell, observed=agrees[single].argmax(axis=1))
        z = pm.Categorical("cell_unobserved", cell, shape=len(hidden))
        # That the cell agrees with what was recorded is all that is known of the others.
        agreement = pm.math.constant(hidden.astype(float))[np.arange(len(hidden)), z]
        pm.Bernoulli("agrees", agreement, observed=np.ones(len(hidden), int))
    return model


def e_step(params, data):
    count, joint = data["count"], _agreement(data["row"], data["column"]) * params["p"]
    # A line with nobody in it may have probability zero: there is nobody to divide.
    total = np.where(count > 0, joint.sum(axis=(1, 2)), 1)
    return {"cell_counts": np.tensordot(count, joint / total[:, None, None], axes=1)}


def m_step(expectations, data):
    n = expectations["cell_counts"]
    return {"p": n / np.sum(n)}


def log_likelihood(params, data):
    count, joint = data["count"], _agreement(data["row"], data["column"]) * params["p"]
    total = joint.sum(axis=(1, 2))
    return np.sum(count[count > 0] * np.log(total[count > 0]))


def to_model(params):
    return {"cell": np.ravel(params["p"])}


def _cell_counts(latents, data):
    """Recorded in full, and the others as the latents have them."""
    recorded = _recorded(data["row"], data["column"], data["count"])
    others = np.bincount(latents["cell_unobserved"], minlength=recorded.size)
    return recorded + others.reshape(recorded.shape)


expectations = {"cell_counts": _cell_counts}


def initial(data, rng):
    """Shares of the cells among the individuals recorded in full, half a one added to each cell.

    They are multiplied by log-normal factors (0.3 on the log scale) and made to sum to one again.
    """
    row, column, count = data["row"], data["column"], data["count"]
    _check(row, column, count)
    p = _recorded(row, column, count) + 0.5
    p = p * rng.lognormal(0, 0.3, p.shape)
    return {"p": p / np.sum(p)}


def simulate(params, data, rng):
    """A cell for every individual, of which the same is recorded as before.

    Where one has a record that no line of the data has, there is a further line.
    """
    p, count = params["p"], np.asarray(data["count"], int)
    given = [_with_nan(data[name]) for name in ("row", "column")]
    lines = np.repeat(np.arange(len(count)), count)
    cells = np.unravel_index(rng.choice(p.size, size=len(lines), p=np.ravel(p)), p.shape)
    drawn = [
        np.where(np.isnan(values[lines]), np.nan, _categories(values)[cell])
        for values, cell in zip(given, cells, strict=True)
    ]
    # Infinite instead of NaN: blanks are equal then.
    records = np.nan_to_num(np.concatenate([given, drawn], axis=1), nan=np.inf)
    records, place = np.unique(records, axis=1, return_inverse=True)
    row, column = np.where(np.isinf(records), np.nan, records)
    n = np.bincount(place[len(count) :], minlength=len(row))
    return {"row": row, "column": column, "count": n}


def example_data():
    path = Path(__file__).parent / "data" / "victimisation.csv"
    columns = np.genfromtxt(path, delimiter=",", skip_header=1)
    return dict(zip(("row", "column", "count"), columns.T, strict=True))


def _with_nan(values):
    return np.ma.filled(np.ma.asarray(values, float), np.nan)


def _categories(values):
    """The numbers of the categories, in order."""
    values = _with_nan(values)
    return np.unique(values[~np.isnan(values)])


def _agreement(row, column):
    """Which cells agree with each line, shape (lines, rows, columns)."""
    rows, columns = (
        np.isnan(values)[:, None] | (values[:, None] == _categories(values))
        for values in (_with_nan(row), _with_nan(column))
    )
    return rows[:, :, None] & columns[:, None, :]


def _recorded(row, column, count):
    """The table of the individuals of whom one cell is left."""
    agrees = _agreement(row, column)
    single = agrees.sum(axis=(1, 2)) == 1
    return np.tensordot(count * single, agrees, axes=1)


def _check(row, column, count):
    if np.ma.count_masked(count):
        raise ValueError("count has a missing value; only row and column may")
    wrong = count[(count < 0) | (count % 1 != 0)]
    if len(wrong):
        raise ValueError(f"count holds {wrong[0]:g}: numbers of individuals are whole")
    if not np.any(count):
        raise ValueError("count is zero throughout: there are no individuals")
    recorded = _recorded(row, column, count)
    if recorded.size == 1:
        raise ValueError("there is one row category and one column category: a single cell")
    if np.sum(recorded) == np.sum(count):
        raise ValueError("the category of every individual is known: nothing is missing")
    for name, values, axis in (("row", row, 1), ("column", column, 0)):
        empty = _categories(values)[recorded.sum(axis=axis) == 0]
        if len(empty):
            raise ValueError(
                f"nobody in {name} {empty[0]:g} has both categories known: how that {name} is "
                f"divided cannot be told"
            )
