r"""Two-way table with missing categories

Each of $n$ individuals belongs to one of $I$ row categories and one of $J$ column categories, with
probability $p_{ij}$ for row $i$ and column $j$. For some individuals only the row was recorded, for
some only the column, and for some neither, so the data are a table with *supplementary margins*.
Which categories were recorded does not depend on the unrecorded categories (missing at random), so
the reasons need no model. Omitting the incomplete individuals would waste information, and it would
bias the estimates if they differ from the complete ones.

Let $z_i$ be the cell of individual $i$, and $C_i$ the set of cells that agree with the record: a
single cell, a row, a column, or the whole table. The data are lines $(\text{row}, \text{column},
\text{count})$: $m_l$ individuals have the set $C_l$.

## Data

The example, `victimisation.csv`, has 756 households of the United States National Crime Survey.
They were asked at two visits whether they had been victims of crime (1) or not (0) in the preceding
half-year. The row is the answer at the first visit, and the column is the answer at the second.
Some households did not answer at one of the visits, or at both (Kadane 1985).

In a table of your own, too, an empty `row` or `column` means that the category is unknown.
Categories may be any numbers; they are sorted. Lines with the same categories are added.

## Complete-data log-likelihood

With $n_{ij}$ individuals in each cell, it is that of a multinomial sample,

$$\log p(z \mid p) = \sum_{ij} n_{ij} \log p_{ij} .$$

## E step

The complete-data log-likelihood is linear in the cell counts. The individuals of a line are divided
among the cells that agree with it, in proportion to the probabilities of these cells:

$$\mathrm{E}[n_{ij} \mid p'] =
\sum_l m_l \, \frac{[ij \in C_l]\; p'_{ij}}{\sum_{ab \in C_l} p'_{ab}} .$$

A line with both categories contributes its count to one cell. A line with the row alone contributes
its count times the conditional probabilities of the columns given the row.

## M step

$Q$ is the complete-data log-likelihood with the expected counts in place of the $n_{ij}$. Its
maximum is the share of each cell,

$$p_{ij} = \mathrm{E}[n_{ij} \mid p'] / n .$$

## Observed log-likelihood

$$\log p(\text{data} \mid p) = \sum_l m_l \log \sum_{ij \in C_l} p_{ij} .$$

This is the log-likelihood of the individuals in a given order; it omits the logarithm of the number
of orders. It is concave in $p$, so all maxima have the same value. Individuals with neither
category recorded contribute nothing to it: they slow EM down but do not change the estimates.
Caveats:

- **Closed form.** If only columns are missing, $\hat p_{ij}$ is the share of row $i$ among all
  individuals whose row is known, times the share of column $j$ among the fully recorded individuals
  of this row.
- **Boundary.** The estimate for a cell without fully recorded individuals may be zero. Zero is then
  the maximum likelihood estimate, but large-sample standard errors do not apply to it, and EM is
  slow.
- **Flat likelihood.** If a row or a column has no fully recorded individual, its division into
  cells is determined by the margins at best, and usually not at all. Such data are refused.

## Prior

The probabilities are uniform on the simplex. In the declaration `cell` contains them row by row,
and `p` is the table.

## References

- H. O. Hartley (1958). Maximum likelihood estimation from incomplete data. *Biometrics* 14,
  174–194. Partly classified counts by EM before it had this name.
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

from latentfit import requirements as require

# The cells of the individuals whose categories were not both recorded.
latents = ("cell_unobserved",)


def model(row, column, count):
    agrees = _agreement(row, column)
    lines, rows, columns = agrees.shape
    # Cells that agree with the record of each individual, shape (individuals, cells).
    agrees = np.repeat(agrees.reshape(lines, -1), np.asarray(count, int), axis=0)
    single = agrees.sum(axis=1) == 1
    hidden = agrees[~single]
    coords = {"row_category": range(rows), "column_category": range(columns)}
    with pm.Model(coords=coords) as model:
        # pm.Data does not accept missing values.
        for name, values in (("row", row), ("column", column), ("count", count)):
            model.register_data_var(pytensor.shared(_with_nan(values), name=name))
        cell = pm.Dirichlet("cell", np.ones(rows * columns))
        pm.Deterministic("p", cell.reshape((rows, columns)), dims=tuple(coords))
        pm.Categorical("cell_observed", cell, observed=agrees[single].argmax(axis=1))
        z = pm.Categorical("cell_unobserved", cell, shape=len(hidden))
        # The only information on a latent cell is that it agrees with the record.
        agreement = pm.math.constant(hidden.astype(float))[np.arange(len(hidden)), z]
        pm.Bernoulli("agrees", agreement, observed=np.ones(len(hidden), int))
    return model


def e_step(params, data):
    count, joint = data["count"], _agreement(data["row"], data["column"]) * params["p"]
    # The probability of a line without individuals may be zero; its term is zero then.
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
    """Individuals in each cell: those recorded in full, and those with a latent cell."""
    recorded = _recorded(data["row"], data["column"], data["count"])
    latent = np.bincount(latents["cell_unobserved"], minlength=recorded.size)
    return recorded + latent.reshape(recorded.shape)


expectations = {"cell_counts": _cell_counts}


def initial(data, rng):
    """Shares of the cells among the individuals recorded in full, times random factors.

    Half an individual is added to each cell. The shares are multiplied by log-normal factors
    (0.3 on the log scale) and normalised.
    """
    row, column, count = data["row"], data["column"], data["count"]
    _check(row, column, count)
    p = _recorded(row, column, count) + 0.5
    p = p * rng.lognormal(0, 0.3, p.shape)
    return {"p": p / np.sum(p)}


def simulate(params, data, rng):
    """A cell for every individual, of which the same categories are recorded as in the data.

    The new data have additional lines for records that do not occur in the data.
    """
    p, count = params["p"], np.asarray(data["count"], int)
    given = [_with_nan(data[name]) for name in ("row", "column")]
    lines = np.repeat(np.arange(len(count)), count)
    cells = np.unravel_index(rng.choice(p.size, size=len(lines), p=np.ravel(p)), p.shape)
    drawn = [
        np.where(np.isnan(values[lines]), np.nan, _categories(values)[cell])
        for values, cell in zip(given, cells, strict=True)
    ]
    # Missing values are infinite here, since two NaN are not equal.
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
    """The distinct categories, sorted."""
    values = _with_nan(values)
    return np.unique(values[~np.isnan(values)])


def _agreement(row, column):
    """Whether each cell agrees with each line, shape (lines, rows, columns)."""
    rows, columns = (
        np.isnan(values)[:, None] | (values[:, None] == _categories(values))
        for values in (_with_nan(row), _with_nan(column))
    )
    return rows[:, :, None] & columns[:, None, :]


def _recorded(row, column, count):
    """Numbers of individuals in each cell whose record agrees with this cell alone."""
    agrees = _agreement(row, column)
    single = agrees.sum(axis=(1, 2)) == 1
    return np.tensordot(count * single, agrees, axes=1)


def _check(row, column, count):
    if np.ma.count_masked(count):
        raise ValueError("count has a missing value: only row and column may have missing values")
    require.counts("count", count)
    require.not_all_zero("count", count, "there are no individuals")
    recorded = _recorded(row, column, count)
    if recorded.size == 1:
        raise ValueError("there is one row category and one column category, so a single cell")
    if np.sum(recorded) == np.sum(count):
        raise ValueError("both categories of every individual are known: nothing is missing")
    for name, values, axis in (("row", row, 1), ("column", column, 0)):
        empty = _categories(values)[recorded.sum(axis=axis) == 0]
        if len(empty):
            raise ValueError(
                f"no individual in {name} {empty[0]:g} has both categories recorded: "
                f"the division of this {name} into cells cannot be estimated"
            )
