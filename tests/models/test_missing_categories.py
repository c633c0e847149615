"""Two-way table with missing categories: one step by hand, closed forms, refusals."""

import json

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import latentfit
from latentfit.cli import main

MODEL = latentfit.load("missing-categories")
TIGHT = latentfit.Stopping(distance=1e-12)
NONE = np.nan


def lines(table, rows=(), columns=(), neither=0):
    """The lines of a table and its supplementary margins."""
    found = [(i, j, count) for (i, j), count in np.ndenumerate(np.asarray(table))]
    found += [(i, NONE, count) for i, count in enumerate(rows)]
    found += [(NONE, j, count) for j, count in enumerate(columns)]
    if neither:
        found.append((NONE, NONE, neither))
    return dict(zip(("row", "column", "count"), np.array(found, float).T, strict=True))


def seen(data):
    """The data with masked missing values, as the steps get them."""
    return {name: np.ma.masked_invalid(v) if np.isnan(v).any() else v for name, v in data.items()}


def fitted(data, **settings):
    return MODEL.fit(data, **{"seed": 1, "stopping": TIGHT} | settings)


positive = st.integers(1, 200)


def tables(rows, columns):
    return st.lists(
        st.lists(positive, min_size=columns, max_size=columns), min_size=rows, max_size=rows
    )


def test_new_data_have_the_same_missing_categories():
    data = lines([[100, 50], [75, 0]], rows=[30, 60], columns=[28, 60], neither=11)
    # Two lines are equal, and a cell that is likely to be drawn has no line.
    data = {name: np.append(values[data["count"] > 0], values[0]) for name, values in data.items()}
    (new,) = MODEL.draw({"p": np.array([[0.1, 0.2], [0.3, 0.4]])}, data, seed=1)
    for blanks in ((False, False), (False, True), (True, False), (True, True)):
        before, after = (
            sum(
                d["count"][(np.isnan(d["row"]) == blanks[0]) & (np.isnan(d["column"]) == blanks[1])]
            )
            for d in (data, new)
        )
        assert before == after
    complete = {(i, j): n for i, j, n in zip(*new.values(), strict=True) if not np.isnan(i + j)}
    assert len(complete) == 4
    np.testing.assert_allclose(
        [complete[cell] / 325 for cell in np.ndindex(2, 2)], [0.1, 0.2, 0.3, 0.4], atol=0.1
    )
    assert MODEL.fit(new, seed=1).converged


def test_one_iteration_by_hand():
    data = seen(lines([[100, 50], [75, 75]], rows=[30, 60], columns=[28, 60]))
    p = np.full((2, 2), 0.25)
    n = MODEL.e_step({"p": p}, data)["cell_counts"]
    # Equal probabilities divide each margin into halves.
    np.testing.assert_allclose(n, [[100 + 15 + 14, 50 + 15 + 30], [75 + 30 + 14, 75 + 30 + 30]])
    np.testing.assert_allclose(MODEL.m_step({"cell_counts": n}, data)["p"], n / 478)


@settings(max_examples=25, deadline=None)
@given(tables(2, 3), st.lists(positive, min_size=6, max_size=6))
def test_e_step_adds_conditional_shares(table, weights):
    p = np.reshape(weights, (2, 3)) / np.sum(weights)
    rows, columns, neither = np.array([7, 9]), np.array([4, 5, 6]), 11
    data = seen(lines(table, rows, columns, neither))
    by_row, by_column = p / p.sum(axis=1, keepdims=True), p / p.sum(axis=0)
    expected = table + rows[:, None] * by_row + columns * by_column + neither * p
    np.testing.assert_allclose(MODEL.e_step({"p": p}, data)["cell_counts"], expected)


@settings(max_examples=20, deadline=None)
@example([[1, 1], [1, 1], [1, 1]], [1, 1, 15], 1)
@given(tables(3, 2), st.lists(positive, min_size=3, max_size=3), st.integers(0, 2**32 - 1))
def test_only_columns_missing_has_a_closed_form(table, rows, seed):
    table = np.array(table)
    fit = fitted(lines(table, rows=rows), seed=seed, starts=2)
    known = table.sum(axis=1) + rows
    expected = (known / known.sum())[:, None] * table / table.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fit.params["p"], expected, rtol=1e-8)
    assert fit.best.decrease is None


@settings(max_examples=6, deadline=None)
@given(tables(2, 2), st.integers(0, 2**32 - 1))
def test_rows_and_columns_can_be_exchanged(table, seed):
    # All cells are frequent enough for EM to converge fast.
    data = lines(np.array(table) + 20, rows=[30, 60], columns=[28, 60])
    turned = {"row": data["column"], "column": data["row"], "count": data["count"]}
    one, other = fitted(data, seed=seed), fitted(turned, seed=seed + 1)
    np.testing.assert_allclose(one.params["p"], other.params["p"].T, rtol=1e-7)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-12)


def test_individuals_without_records_change_no_estimate():
    table, rows, columns = [[392, 55], [76, 38]], [33, 9], [31, 7]
    with_them, without = (fitted(lines(table, rows, columns, n)) for n in (115, 0))
    np.testing.assert_allclose(with_them.params["p"], without.params["p"], rtol=1e-9)
    assert with_them.log_likelihood == pytest.approx(without.log_likelihood, rel=1e-12)
    assert with_them.best.rate > without.best.rate


def test_equal_lines_are_added_and_categories_may_be_any_numbers():
    data = lines([[100, 50], [75, 75]], rows=[30, 60])
    split = {name: np.concatenate([v, v]) for name, v in data.items()}
    split["count"] = np.concatenate([data["count"] - 5, np.full(6, 5)])
    split["row"] = 10 * split["row"] - 7
    np.testing.assert_allclose(fitted(split).params["p"], fitted(data).params["p"], rtol=1e-8)


def test_published():
    fit = fitted(None)
    assert len(MODEL.published) == 4
    for figure in MODEL.published:
        i, j = (int(digit) for digit in figure["name"] if digit.isdigit())
        found = fit.params["p"][i, j]
        assert found == pytest.approx(figure["value"], abs=figure["tolerance"])


def test_example_is_the_crime_survey():
    count = MODEL.example_data()["count"]
    assert (len(count), count.sum()) == (9, 756)


def test_a_general_optimiser_finds_the_same_maximum():
    from scipy.optimize import minimize

    table, rows, columns = np.array([[392, 55], [76, 38]]), [33, 9], [31, 7]

    def negative_log_likelihood(logits):
        p = np.exp([*logits, 0]).reshape(2, 2)
        p = p / p.sum()
        parts = (table * np.log(p), rows * np.log(p.sum(axis=1)), columns * np.log(p.sum(axis=0)))
        return -sum(np.sum(part) for part in parts)

    options = {"fatol": 1e-12, "xatol": 1e-10, "maxiter": 2000}
    best = -minimize(negative_log_likelihood, [0, 0, 0], method="Nelder-Mead", options=options).fun
    assert fitted(None).log_likelihood == pytest.approx(best, rel=1e-9)


def test_statistic_fills_the_table():
    data = seen(lines([[3, 4], [5, 6]], rows=[1, 1]))
    found = MODEL.expectations["cell_counts"]({"cell_unobserved": np.array([1, 2])}, data)
    np.testing.assert_array_equal(found, [[3, 5], [6, 6]])


@pytest.mark.parametrize(
    ("data", "zero"),
    [
        (lines([[10, 0], [5, 6]], rows=[4, 4]), (0, 1)),
        (lines([[10, 0], [5, 6]], columns=[4, 4]), (0, 1)),
        # A line without individuals does not change the log-likelihood.
        (lines([[10, 0], [5, 6]], rows=[0, 4]), (0, 1)),
    ],
)
def test_empty_cells_may_stay_empty(data, zero):
    fit = fitted(data, stopping=latentfit.Stopping())
    assert fit.converged
    assert fit.params["p"][zero] == pytest.approx(0, abs=1e-6)
    assert np.isfinite(fit.log_likelihood)


def test_one_row_category():
    fit = fitted(lines([[10, 30]], rows=[8]))
    np.testing.assert_allclose(fit.params["p"], [[0.25, 0.75]])


def test_a_table_with_empty_cells_on_the_command_line(tmp_path, capsys):
    table = tmp_path / "own.csv"
    table.write_text("row,column,count\n1,1,30\n1,2,10\n2,1,10\n2,2,10\n1,,40\n2,,\n")
    assert main(["fit", "missing-categories", "--data", str(table)]) == 2
    assert "count has a missing value" in capsys.readouterr().err
    table.write_text("row,column,count\n1,1,30\n1,2,10\n2,1,10\n2,2,10\n1,,40\n2,,0\n")
    assert main(["fit", "missing-categories", "--data", str(table), "--json", "-"]) == 0
    p = json.loads(capsys.readouterr().out)["parameters"]["p"]
    np.testing.assert_allclose(p, [[0.6, 0.2], [0.1, 0.1]], rtol=1e-6)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["0,0,3", "0,1,-2", "1,0,4", "0,,2"], "count is -2 in row 2"),
        (["0,0,3", "0,1,2.5", "1,0,4", "0,,2"], "count is 2.5 in row 2"),
        (["0,0,0", "0,1,0", "0,,0"], "no individuals"),
        (["0,0,3", "0,,2"], "a single cell"),
        (["0,0,3"], "a single cell"),
        (["0,0,3", "0,1,2", "1,0,4", "1,1,4"], "nothing is missing"),
        (["0,0,3", "0,1,2", "1,,4"], "no individual in row 1 has both"),
        (["0,0,3", "1,0,2", ",1,4"], "no individual in column 1 has both"),
        (["0,,3", "1,,2", ",0,4", ",1,4"], "no individual in row 0 has both"),
    ],
)
def test_refusals_are_one_line(tmp_path, capsys, rows, message):
    table = tmp_path / "own.csv"
    table.write_text("\n".join(["row,column,count", *rows]) + "\n")
    assert main(["fit", "missing-categories", "--data", str(table)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
