"""Mixture of multivariate normal distributions: one step by hand, invariances, known maxima."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import latentfit
from latentfit import em
from latentfit.cli import main
from latentfit.declaration import read_columns

MODEL = latentfit.load("multivariate-gaussian-mixture")
STRUCTURES = ("full", "tied", "diagonal", "spherical")
TABLES = MODEL.example_data.__globals__["Path"](MODEL.example_data.__code__.co_filename).parent

quick = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def table(name, columns):
    found = read_columns(TABLES / "data" / name, columns.split(","))
    return np.column_stack(list(found.values()))


FLOWERS = "sepal_length,sepal_width,petal_length,petal_width"
IRIS = table("iris.csv", FLOWERS)
SUMS = [[1.0, 2, 3], [2, 3, 5], [0, 1, 1], [5, 2, 7], [4, 4, 8]]
GEYSER = table("faithful.csv", "eruptions,waiting")


def sample(seed, n=80):
    """Two groups in three dimensions."""
    rng = np.random.default_rng(seed)
    first = rng.normal(0, 1, (n // 2, 3)) @ [[1, 0.6, 0], [0, 1, 0.3], [0, 0, 0.5]]
    return np.concatenate([first, rng.normal([4, -3, 2], [1, 0.5, 2], (n // 2, 3))])


def start(x, seed=0, **options):
    return MODEL.initial({"x": np.asarray(x)}, np.random.default_rng(seed), **options)


def run(x, params, **options):
    data = {"x": np.asarray(x)}
    return em.run(
        MODEL.e_step, MODEL.maximise, data, params, log_likelihood=MODEL.log_likelihood, **options
    )


def covariances(params):
    """The covariance matrix of each group under any of the four assumptions."""
    mu = params["mu"]
    if "cov" in params:
        return np.broadcast_to(params["cov"], (*mu.shape, mu.shape[1]))
    sigma = params["sigma"] if params["sigma"].ndim == 2 else params["sigma"][:, None]
    return np.array([np.diag(row**2) for row in np.broadcast_to(sigma, mu.shape)])


def density(x, mu, cov):
    gap = x - mu
    square = gap @ np.linalg.inv(cov) @ gap
    return np.exp(-square / 2) / np.sqrt(np.linalg.det(2 * np.pi * cov))


def test_tables_are_those_of_fisher_and_haerdle():
    assert (IRIS.shape, GEYSER.shape) == ((150, 4), (272, 2))
    # Fisher (1936), table II, prints the means of the three species to three decimals.
    means = IRIS.reshape(3, 50, 4).mean(axis=1)
    expected = [[5.006, 3.428, 1.462, 0.246], [5.936, 2.770, 4.260, 1.326]]
    np.testing.assert_allclose(means[:2], expected, atol=1e-9)
    np.testing.assert_allclose(means[2], [6.588, 2.974, 5.552, 2.026], atol=1e-9)


@pytest.mark.parametrize("covariance", STRUCTURES)
def test_one_step_by_hand(covariance):
    x = sample(1, 20)
    params = start(x, covariance=covariance)
    joint = np.array(
        [
            [
                weight * density(row, mu, cov)
                for weight, mu, cov in zip(
                    params["w"], params["mu"], covariances(params), strict=True
                )
            ]
            for row in x
        ]
    )
    r = MODEL.e_step(params, {"x": x})["z"]
    np.testing.assert_allclose(r, joint / joint.sum(axis=1, keepdims=True), rtol=1e-10)
    log_likelihood = MODEL.log_likelihood(params, {"x": x})
    assert log_likelihood == pytest.approx(np.sum(np.log(joint.sum(axis=1))), rel=1e-12)

    after = MODEL.maximise({"z": r}, {"x": x}, params)
    n = r.sum(axis=0)
    np.testing.assert_allclose(after["w"], n / len(x))
    scatter = np.zeros((2, 3, 3))
    for k in range(2):
        mean = np.average(x, axis=0, weights=r[:, k])
        np.testing.assert_allclose(after["mu"][k], mean)
        for i in range(len(x)):
            scatter[k] += r[i, k] * np.outer(x[i] - mean, x[i] - mean)
    own = scatter / n[:, None, None]
    name, expected = {
        "full": ("cov", own),
        "tied": ("cov", scatter.sum(axis=0) / len(x)),
        "diagonal": ("sigma", np.sqrt([np.diag(cov) for cov in own])),
        "spherical": ("sigma", np.sqrt([np.trace(cov) / 3 for cov in own])),
    }[covariance]
    np.testing.assert_allclose(after[name], expected, rtol=1e-10, atol=1e-14)
    assert after.keys() == params.keys()


@pytest.mark.parametrize("covariance", STRUCTURES)
def test_one_component_is_the_normal_sample(covariance):
    x = sample(2)
    solution = run(x, start(x, components=1, covariance=covariance))
    cov = np.cov(x.T, bias=True)
    expected = {
        "full": cov,
        "tied": cov,
        "diagonal": np.diag(np.diag(cov)),
        "spherical": np.eye(3) * np.trace(cov) / 3,
    }[covariance]
    assert solution.iterations <= 2
    np.testing.assert_allclose(solution.params["mu"][0], x.mean(axis=0))
    np.testing.assert_allclose(covariances(solution.params)[0], expected)


@quick
@given(seeds, st.sampled_from(STRUCTURES), st.integers(1, 4))
def test_log_likelihood_never_decreases(seed, covariance, components):
    x = sample(seed)
    params = start(x, seed, covariance=covariance, components=components)
    assert run(x, params, stopping=em.Stopping(max_iterations=100)).decrease is None


@quick
@given(seeds, st.sampled_from(("full", "tied", "diagonal")))
def test_responsibilities_do_not_depend_on_the_units_of_the_columns(seed, covariance):
    x, units, shift = sample(seed), np.array([1e-6, 3.0, 1e5]), np.array([1.0, -2.0, 1e5])
    rescaled = x * units + shift
    limit = em.Stopping(max_iterations=20)
    plain = run(x, start(x, seed, covariance=covariance), stopping=limit)
    other = run(rescaled, start(rescaled, seed, covariance=covariance), stopping=limit)
    np.testing.assert_allclose(other.expectations["z"], plain.expectations["z"], atol=1e-6)
    np.testing.assert_allclose(other.params["mu"], plain.params["mu"] * units + shift, rtol=1e-6)
    jacobian = len(x) * np.sum(np.log(units))
    assert other.log_likelihood == pytest.approx(plain.log_likelihood - jacobian, abs=1e-5)


@quick
@given(seeds, st.sampled_from(("full", "tied")))
def test_covariances_rotate_with_the_data(seed, covariance):
    x = sample(seed)
    rotation = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    params = start(x, seed, covariance=covariance)
    rotated = params | {
        "mu": params["mu"] @ rotation,
        "cov": rotation.T @ params["cov"] @ rotation,
    }
    plain, other = run(x, params), run(x @ rotation, rotated)
    assert other.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(
        other.params["cov"], rotation.T @ plain.params["cov"] @ rotation, rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("covariance", STRUCTURES)
def test_one_column_is_the_mixture_in_one_dimension(covariance):
    model, x = latentfit.load("gaussian-mixture"), GEYSER[:, 0]
    structure = "tied" if covariance == "tied" else "full"
    one = model.fit(x, seed=1, covariance=structure)
    matrix = MODEL.fit(x[:, None], seed=1, covariance=covariance)
    assert matrix.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-8)
    assert matrix.params["mu"].shape == (2, 1)
    order = np.argsort(matrix.params["mu"][:, 0])
    expected = np.sort(one.params["mu"])
    np.testing.assert_allclose(matrix.params["mu"][order, 0], expected, rtol=1e-7)
    variances = np.ravel(covariances(matrix.params))[order]
    expected = np.broadcast_to(one.params["sigma"], 2)[np.argsort(one.params["mu"])] ** 2
    np.testing.assert_allclose(variances, expected, rtol=1e-6)


def test_published():
    assert len(MODEL.published) == 6
    for figure in MODEL.published:
        fit = MODEL.fit(table(figure["data"], figure["column"]), seed=1, **figure["options"])
        assert fit.log_likelihood == pytest.approx(figure["value"], abs=figure["tolerance"])


@pytest.mark.parametrize("covariance", STRUCTURES)
@pytest.mark.parametrize("components", [2, 3])
def test_scikit_learn_stays_at_the_limit_of_em(covariance, components):
    mixture = pytest.importorskip("sklearn.mixture")
    best = MODEL.fit(IRIS, seed=1, starts=2, components=components, covariance=covariance).best
    name = "cov" if "cov" in best.params else "sigma"
    value = best.params[name]
    theirs = mixture.GaussianMixture(
        components,
        covariance_type={"diagonal": "diag"}.get(covariance, covariance),
        tol=1e-13,
        reg_covar=0,
        max_iter=5000,
        weights_init=best.params["w"],
        means_init=best.params["mu"],
        precisions_init=np.linalg.inv(value) if name == "cov" else value**-2,
    ).fit(IRIS)
    log_likelihood = theirs.score(IRIS) * len(IRIS)
    assert best.log_likelihood == pytest.approx(log_likelihood, abs=1e-6)
    np.testing.assert_allclose(best.params["mu"], theirs.means_, rtol=1e-5)


def test_every_seed_finds_the_highest_maximum_for_the_irises():
    fits = [MODEL.fit(IRIS, seed=seed, components=3) for seed in range(5)]
    found = [fit.log_likelihood for fit in fits]
    np.testing.assert_allclose(found, -180.185477, atol=1e-5)


def test_to_model_returns_cholesky_factors_of_the_covariances():
    for covariance in ("full", "tied"):
        params = start(IRIS, covariance=covariance)
        factors = MODEL.to_model(params)
        assert factors.keys() == {"w", "mu", "scale", "shear"}
        L = np.zeros_like(params["cov"])
        i, j = np.tril_indices(4, -1)
        L[..., i, j] = factors["shear"]
        L[..., range(4), range(4)] = factors["scale"]
        np.testing.assert_allclose(L @ L.mT, params["cov"])


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (GEYSER[:, 0], {}, "x must be a table"),
        ([[1.0, 2.0]], {}, "single row"),
        ([[1.0, 2.0]] * 3, {}, r"column 1 of x is constant \(1\)"),
        ([[1.0, 2], [3, 2], [4, 2], [5, 2]], {}, r"column 2 of x is constant \(2\)"),
        ([[1.0, 2], [3, 5]], {}, "2 rows, and a covariance matrix of 2 columns needs at least 3"),
        (
            [[1.0, 2], [3, 5], [1, 2]],
            {"components": 3},
            "2 distinct rows, too few for 3 components",
        ),
        (SUMS, {}, "column 3 .* linear combination"),
        (IRIS[:9] @ np.diag([1e-5, 1, 1, 0]), {}, "column 4 of x is constant"),
        (IRIS, {"covariance": "round"}, "must be full, tied, diagonal or spherical, not 'round'"),
        (IRIS, {"components": 0}, "at least 1"),
    ],
)
def test_refusals(x, options, message):
    with pytest.raises(ValueError, match=message):
        start(np.array(x), **options)


def test_dependent_columns_are_accepted_with_diagonal_covariances():
    x = np.column_stack([GEYSER, GEYSER.sum(axis=1)])
    assert run(x, start(x, covariance="diagonal")).converged
    assert run(x[:3], start(x[:3], covariance="spherical", components=1)).converged


def test_a_group_that_collapses_onto_a_line_is_reported_as_degenerate():
    line = np.column_stack([np.arange(5.0), 2 * np.arange(5.0)])
    x = np.concatenate([line, np.random.default_rng(1).normal([20, -10], 3, (30, 2))])
    assert run(x, start(x)).stop.degenerate
    off_the_line = np.vstack([x, [[2.0, 4.1]]])
    assert run(off_the_line, start(x)).converged


def test_a_table_on_the_command_line(tmp_path, capsys):
    path = tmp_path / "own.csv"
    rows = "\n".join(f"{a:.4f},{b:.4f},{c:.4f},{i}" for i, (a, b, c) in enumerate(sample(3)))
    path.write_text(f"a,b,c,number\n{rows}\n")
    command = ["fit", "multivariate-gaussian-mixture", "--data", str(path), "--json", "-"]
    columns = ["--column", "a", "--column", "b", "--column", "c"]
    shapes = {"full": (2, 3, 3), "tied": (3, 3), "diagonal": (2, 3), "spherical": (2,)}
    for covariance, shape in shapes.items():
        assert main([*command, *columns, "--set", f"covariance={covariance}"]) == 0
        found = json.loads(capsys.readouterr().out)["parameters"]
        assert np.shape(found["cov" if "cov" in found else "sigma"]) == shape
        np.testing.assert_allclose(sorted(found["w"]), 0.5, atol=0.02)


def test_refusals_are_one_line_on_the_command_line(tmp_path, capsys):
    path = tmp_path / "own.csv"
    path.write_text("a,b\n1,2\n2,4\n3,6\n4,8\n")
    command = ["fit", "multivariate-gaussian-mixture", "--data", str(path)]
    for settings_, message in (
        ([], "column 2 of x is a linear combination"),
        (["--set", "covariance=square"], "covariance must be full, tied, diagonal or spherical"),
        (["--set", "covariance=2"], "covariance"),
        (["--set", "components=5", "--set", "covariance=diagonal"], "4 distinct rows"),
    ):
        assert main([*command, "--column", "a", "--column", "b", *settings_]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
