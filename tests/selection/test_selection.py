"""Criteria against closed forms, counts of parameters and units, and values that fail."""

import json
from dataclasses import replace
from math import log, pi

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import latentfit
from latentfit import report
from latentfit.em import Stopping, information
from latentfit.errors import InputError
from latentfit.selection import Candidate, Criteria, Loo, counts
from latentfit.selection import cross_validation as loo
from latentfit.selection.ranking import _with_lower_remarks

MIXTURE = latentfit.load("gaussian-mixture")
RNG = np.random.default_rng(1)
TWO = np.concatenate([RNG.normal(0, 1, 80), RNG.normal(40, 1, 120)])


@pytest.fixture(scope="module")
def two():
    """One to three components on data from two, forty standard deviations from each other."""
    return MIXTURE.select(TWO, option="components", values=range(1, 4), seed=1)


class TestCriteria:
    def test_of_one_normal_distribution(self, two):
        n = len(TWO)
        deviance = n * (log(2 * pi * TWO.var()) + 1)
        found = two[1].criteria
        assert found.free_parameters == 2
        assert found.aic == pytest.approx(deviance + 4, rel=1e-12)
        assert found.bic == pytest.approx(deviance + 2 * log(n), rel=1e-12)
        # A single component has no entropy.
        assert found.icl == found.bic

    def test_well_separated_components_have_no_entropy(self, two):
        assert two[2].criteria.icl == pytest.approx(two[2].criteria.bic, abs=1e-12)
        assert two[3].criteria.icl > two[3].criteria.bic

    def test_all_criteria_prefer_the_two_true_components(self, two):
        assert two.preferred == {"aic": 2, "bic": 2, "icl": 2}
        assert two.sentence == "components: 2 by AIC, BIC and ICL"

    def test_criteria_without_units_or_entropy_are_none(self):
        found = Criteria(-10.0, 3)
        assert (found.aic, found.bic, found.icl) == (26.0, None, None)
        assert Criteria(-10.0, 3, units=5).icl is None

    def test_aic_and_bic_differ_as_their_penalties(self):
        found = Criteria(-123.4, 7, units=100)
        assert found.bic - found.aic == pytest.approx(7 * (log(100) - 2))


class TestCounts:
    @given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 2**32 - 1))
    def test_probabilities_have_one_free_parameter_less_in_each_row(self, size, rows, seed):
        rng = np.random.default_rng(seed)
        iterates = {
            "w": rng.dirichlet(np.ones(size), 3),
            "P": rng.dirichlet(np.ones(size), (3, rows)),
            "mu": rng.normal(size=(3, rows, size)),
        }
        free = (size - 1) + rows * (size - 1) + rows * size
        assert counts.free_parameters(iterates) == free

    @given(st.integers(2, 4), st.integers(1, 3), st.integers(0, 2**32 - 1))
    def test_a_covariance_has_the_free_parameters_of_its_lower_triangle(
        self, size, components, seed
    ):
        half = np.random.default_rng(seed).normal(size=(3, components, size, size + 2))
        cov = half @ half.mT
        free = components * size * (size + 1) // 2
        assert counts.free_parameters({"cov": cov}) == free
        assert counts.free_parameters({"cov": cov * np.eye(size)}) == components * size

    def test_a_table_that_sums_to_one_as_a_whole_has_one_less(self):
        p = np.array([[[0.1, 0.2], [0.3, 0.4]], [[0.25, 0.25], [0.2, 0.3]]])
        assert counts.free_parameters({"p": p}) == 3

    def test_entries_that_are_always_zero_are_not_counted(self):
        loadings = np.array([[[1.0, 0.0], [0.5, 2.0]], [[1.1, 0.0], [0.0, 1.9]]])
        assert counts.free_parameters({"W": loadings}) == 3

    def test_a_coincidence_in_one_iterate_is_no_constraint(self):
        assert counts.free_parameters({"lam": np.array([[0.4, 0.6], [0.4, 0.7]])}) == 2

    def test_units_are_values_of_a_discrete_latent_or_rows(self):
        z = np.full((3, 4, 2), 0.5)
        assert counts.units({"x": np.ones(12)}, {"z": z}, ["z"]) == (12, "the values of z")
        assert counts.units({"x": np.ones((5, 2))}, {"b": np.ones(3)}, ["b"])[0] == 5
        assert counts.units({"x": np.ones(5), "s": np.ones(2)}, {}, ["b"])[0] is None

    def test_entropy(self):
        certain, uniform = np.eye(3), np.full((7, 3), 1 / 3)
        assert counts.entropy({"z": certain}, ["z"], []) == 0
        assert counts.entropy({"z": uniform}, ["z"], []) == pytest.approx(7 * log(3))

    @pytest.mark.parametrize(
        ("expectations", "latents", "further", "reason"),
        [
            ({"b": np.ones(3)}, ["b"], [], "does not assign"),
            ({"z": np.eye(2)}, ["z"], ["pairs"], "not independent"),
            ({"z": np.eye(2), "y": np.eye(2)}, ["z", "y"], [], "several latents"),
        ],
    )
    def test_reasons_why_entropy_is_not_a_sum_over_units(
        self, expectations, latents, further, reason
    ):
        assert reason in counts.entropy(expectations, latents, further)

    @pytest.mark.parametrize("factors", [1, 2, 3])
    def test_rotations_are_not_counted(self, factors):
        model = latentfit.load("probabilistic-pca")
        found = model.select(option="components", values=[factors], starts=1, seed=0)
        d = 4
        # Means, and a covariance W W' + σ² I: Tipping and Bishop (1999), section 3.
        free = d + d * factors + 1 - factors * (factors - 1) // 2
        assert found[factors].criteria.free_parameters == free
        assert any("rotations" in note for note in found.notes) is (factors > 1)

    def test_unexamined_directions_are_noted(self):
        model = latentfit.load("probabilistic-pca")
        # Too few rows to find out whether scores span every direction.
        found = model.select(
            model.example_data()["x"][:12], option="components", values=[2], starts=1, seed=0
        )
        assert found[2].criteria.free_parameters == 13
        assert any("could not be examined" in note for note in found.notes)

    def test_parameters_of_which_only_the_sum_matters_have_an_unidentified_direction(self):
        x = np.random.default_rng(1).normal(size=40)

        def log_likelihood_of(params, data):
            return -np.sum((data - params["a"] - params["b"]) ** 2) / 2

        parts = np.split(x, 8)
        assert (
            information.unidentified_directions(log_likelihood_of, parts, {"a": 0.3, "b": -0.1})
            == 1
        )

        def penalised(params, data):
            return log_likelihood_of(params, data) - params["a"] ** 2 * len(data)

        assert information.unidentified_directions(penalised, parts, {"a": 0.3, "b": -0.1}) == 0


class TestValuesThatFail:
    def test_other_values_are_still_evaluated(self):
        model = latentfit.load("hidden-markov")
        found = model.select(option="states", values=[1, 2], starts=1, seed=0)
        assert found[1].criteria is None
        assert found[1].remarks == ("states must be at least 2, not 1",)
        assert found[2].judged
        # A criterion needs two values to prefer one.
        assert found.preferred == {}
        assert "states must be at least 2" in repr(found)

    def test_the_first_error_is_raised_if_all_values_fail(self):
        with pytest.raises(InputError, match="at least 1, not -1"):
            MIXTURE.select(option="components", values=[-1, 0])

    def test_a_fit_that_has_not_converged_is_not_judged(self):
        found = MIXTURE.select(
            TWO, option="components", values=[1, 2, 3], stopping=Stopping(max_iterations=1), seed=1
        )
        assert not found[3].judged
        assert "limit on iterations" in found[3].remarks[0]
        assert all(value != 3 for value in found.preferred.values())

    def test_a_lower_log_likelihood_with_more_components_is_noted(self, two):
        low = replace(two[3], criteria=replace(two[3].criteria, log_likelihood=-1e4))
        *_, marked = _with_lower_remarks([two[1], two[2], low], "components")
        assert "lower than at components=2" in marked.remarks[-1]
        assert all(
            not c.remarks for c in _with_lower_remarks([two[1], two[2], two[3]], "components")
        )

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"values": []}, "no value of components"),
            ({"values": [1.0]}, "whole numbers, not 1.0"),
            ({"values": [True]}, "whole numbers, not True"),
            ({"values": [2, 2]}, "twice"),
            ({"values": [1], "units": 0}, "units must be at least 1"),
            ({"values": [1], "components": 3}, "has a value already, 3"),
            ({"values": [1], "option": "covariance"}, "not a whole number"),
            ({"values": [1], "option": "nothing"}, "no option 'nothing'"),
            ({"values": [1], "x": 3}, "no option 'x'"),
        ],
    )
    def test_invalid_requests(self, arguments, message):
        with pytest.raises(InputError, match=message):
            MIXTURE.select(**{"option": "components", **arguments})

    def test_a_log_likelihood_is_required(self):
        with pytest.raises(InputError, match="no log_likelihood"):
            replace(MIXTURE, log_likelihood=None).select(option="components", values=[1, 2])


def normal_tree(x, draws=4000, seed=0):
    """Exact draws of the mean of N(μ, 1) data under a flat prior."""
    rng = np.random.default_rng(seed)
    mu = rng.normal(x.mean(), 1 / np.sqrt(len(x)), (4, draws // 4))
    terms = -0.5 * log(2 * pi) - 0.5 * (x - mu[..., None]) ** 2
    return xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset({"mu": (("chain", "draw"), mu)}),
            "log_likelihood": xr.Dataset({"x": (("chain", "draw", "i"), terms)}),
            "em": xr.Dataset({"mu": x.mean()}),
        }
    )


class TestLoo:
    X = np.random.default_rng(3).normal(0, 1, 50)

    def test_of_a_normal_mean_it_is_the_product_of_predictive_densities(self):
        x, n = self.X, len(self.X)
        without = (x.sum() - x) / (n - 1)
        variance = 1 + 1 / (n - 1)
        exact = np.sum(-0.5 * np.log(2 * pi * variance) - (x - without) ** 2 / (2 * variance))
        found = loo.compare_elpd({1: loo.compute_elpd(normal_tree(x))})[1]
        # Monte Carlo error with 4000 draws; without leaving out, the difference would be about 1.
        assert found.elpd == pytest.approx(exact, abs=0.05)
        assert found.p_loo == pytest.approx(1, abs=0.3)
        assert (found.terms, found.unreliable, found.difference) == (n, 0, 0)

    def test_differences_are_paired(self):
        results = {
            k: loo.compute_elpd(normal_tree(self.X + shift)) for k, shift in ((1, 0.0), (2, 3.0))
        }
        # Equal up to Monte Carlo error, since the mean is shifted too; unpaired errors are larger.
        found = loo.compare_elpd(results)
        assert {found[1].difference, found[2].difference} & {0.0}
        for one in found.values():
            assert abs(one.difference) < 0.1
            assert one.difference_se < 0.1 < one.se

    def test_reasons_why_there_is_no_elpd(self):
        tree = normal_tree(self.X)
        single = tree["log_likelihood"].to_dataset().sum("i")
        both = tree["log_likelihood"].to_dataset().assign(y=single["x"])
        groups = {"posterior": tree["posterior"].to_dataset(), "em": tree["em"].to_dataset()}
        for terms, reason in ((single, "single term"), (both, "each of x, y")):
            other = xr.DataTree.from_dict({**groups, "log_likelihood": terms})
            assert reason in loo.compute_elpd(other)
        assert "too many" in loo.compute_elpd(xr.DataTree.from_dict(groups))


def with_loo(selection, elpds):
    """Return the same selection with made-up results of cross-validation."""
    best = max(elpds.values())
    candidates = tuple(
        replace(c, loo=Loo(elpds[c.value], 9.0, 2.0, 200, 1, 0.7, elpds[c.value] - best, 1.0))
        if c.value in elpds
        else c
        for c in selection.candidates
    )
    return replace(selection, posterior=True, candidates=candidates)


def test_unreliable_terms_are_noted():
    from latentfit.selection.ranking import _with_loo

    loo = Loo(-10.0, 1.0, 2.0, 50, 3, 0.7)
    marked = _with_loo(Candidate(2), loo)
    assert marked.remarks == ("3 of 50 Pareto k are above 0.70: elpd_loo is not reliable",)
    assert _with_loo(Candidate(2), replace(loo, unreliable=0)).remarks == ()


class TestTableAndPage:
    def test_loo_prefers_among_the_values_that_have_it(self, two):
        found = with_loo(two, {1: -600.0, 3: -500.0})
        assert found.preferred["loo"] == 3
        assert "3 by LOO (of 1 and 3)" in found.sentence
        assert "loo" not in with_loo(two, {3: -500.0}).preferred

    def test_every_column_has_a_cell_for_each_value(self, two):
        found = with_loo(two, {1: -600.0, 2: -400.0})
        table = {column.heading: column.cells for column in found.columns()}
        assert table["elpd_loo"] == ("-600.0 ", "-400.0*", "—")
        assert table["difference (se)"][0] == "-200.0 (1.0)"
        assert table["high k"] == ("1 of 200", "1 of 200", "—")
        assert "log p(x | θ)" in repr(found)

    def test_files(self, two, tmp_path):
        found = with_loo(two, {1: -600.0, 2: -400.0})
        found = replace(
            found,
            candidates=(
                *found.candidates[:2],
                replace(found[3], remarks=("chains <b>do</b> not converge",)),
            ),
        )
        page, figures = report.write_selection(
            found, tmp_path / "new", {2: tmp_path / "new" / "components-2" / "report.html"}
        )
        text = page.read_text()
        assert 'href="components-2/report.html"' in text
        assert "components-1" not in text
        assert "chains &lt;b&gt;do&lt;/b&gt; not converge" in text
        assert text.count("data:image/svg+xml") == 1
        result = json.loads(figures.read_text())
        assert result["preferred"]["loo"] == 2
        assert [row["report"] for row in result["values"]] == [
            None, "components-2/report.html", None
        ]  # fmt: skip
        assert result["values"][2]["loo"] is None
        assert result["values"][1]["loo"]["elpd"] == -400.0
        assert list(tmp_path.rglob(".latentfit*")) == []

    def test_a_fragment_for_notebooks(self, two):
        assert "components: 2 by AIC" in two._repr_html_()


def test_the_weight_of_a_single_component_is_a_constant():
    from latentfit import declaration as declared

    model = latentfit.load("poisson-mixture")
    one, several = (declared.parameter_space(model.declare(components=k)) for k in (1, 2))
    assert one.constant == ("w",)
    assert several.constant == ()
    # So it is not on the boundary either.
    assert one.on_boundary({"w": np.ones(1), "lam": np.ones(1)}) == []
    assert several.on_boundary({"w": np.array([1.0, 0.0]), "lam": np.ones(2)}) == ["w[0]", "w[1]"]


@pytest.mark.slow
def test_with_the_posterior_of_each_value():
    seen = {}
    found = MIXTURE.select(
        TWO,
        option="components",
        values=[1, 2],
        posterior=True,
        seed=1,
        starts=2,
        draws=400,
        tune=400,
        chains=2,
        check=False,
        backend="jax",
        on_value=seen.__setitem__,
    )
    assert found.preferred == {"aic": 2, "bic": 2, "icl": 2, "loo": 2}
    assert [c.criteria.free_parameters for c in found.candidates] == [2, 5]
    assert [c.agree for c in found.candidates] == [True, True]
    assert found[1].loo.difference < -4 * found[1].loo.difference_se
    assert [seen[k].dimension for k in (1, 2)] == [2, 5]
    # The weight of one component is constant and has no row.
    assert [p.name for p in seen[1].parameters] == ["mu[0]", "sigma[0]"]
