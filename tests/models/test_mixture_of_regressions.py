"""The mixture of regressions: one step by hand, symmetries, published figures, refusals."""

from pathlib import Path

import numpy as np
import pytest

import latentfit
from latentfit import em
from latentfit.cli import main
from latentfit.em import Stop, Stopping

DATA = Path(__file__).parents[2] / "models" / "data"


@pytest.fixture(scope="module")
def model():
    return latentfit.load("mixture-of-regressions")


def sample(seed, n=80, p=2):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    first = rng.random(n) < 0.4
    line = np.where(first, 1 + x @ np.arange(1, p + 1), 4 - x @ np.ones(p))
    return {"response": line + np.where(first, 0.3, 0.6) * rng.normal(size=n), "covariates": x}


def run(model, data, start, **options):
    options.setdefault("log_likelihood", model.log_likelihood)
    return em.run(model.e_step, model.m_step, data, start, **options)


def started(model, data, seed=1, **options):
    return model.initial(data, np.random.default_rng(seed), **options)


def test_one_step_by_hand(model):
    y, x = np.array([1.0, 2.0, 4.0, 3.0]), np.array([0.0, 1.0, 2.0, 5.0])
    w, intercept, slope, sigma = [0.3, 0.7], [1.0, 3.0], [1.0, -0.5], [0.5, 2.0]
    params = {
        "w": np.array(w),
        "alpha": np.array([a + b * x.mean() for a, b in zip(intercept, slope, strict=True)]),
        "beta": np.array(slope)[:, None],
        "sigma": np.array(sigma),
    }
    data = {"response": y, "covariates": x}
    density = [
        [
            w[k]
            / (sigma[k] * np.sqrt(2 * np.pi))
            * np.exp(-((y[i] - intercept[k] - slope[k] * x[i]) ** 2) / (2 * sigma[k] ** 2))
            for k in range(2)
        ]
        for i in range(4)
    ]
    assert model.log_likelihood(params, data) == pytest.approx(np.log(np.sum(density, 1)).sum())
    r = model.e_step(params, data)["z"]
    np.testing.assert_allclose(r, np.array(density) / np.sum(density, axis=1, keepdims=True))
    found = model.m_step({"z": r}, data)
    for k in range(2):
        n = r[:, k].sum()
        centre_x, centre_y = r[:, k] @ x / n, r[:, k] @ y / n
        b = r[:, k] @ ((x - centre_x) * (y - centre_y)) / (r[:, k] @ (x - centre_x) ** 2)
        a = centre_y - b * centre_x
        assert found["w"][k] == pytest.approx(n / 4)
        assert found["beta"][k, 0] == pytest.approx(b)
        assert found["alpha"][k] == pytest.approx(a + b * x.mean())
        assert found["sigma"][k] == pytest.approx(np.sqrt(r[:, k] @ (y - a - b * x) ** 2 / n))


@pytest.mark.parametrize("p", [1, 3])
def test_one_component_is_least_squares(model, p):
    data = sample(2, p=p)
    solution = run(model, data, started(model, data, components=1))
    design = np.column_stack([np.ones(80), data["covariates"]])
    b, (rss,), *_ = np.linalg.lstsq(design, data["response"])
    np.testing.assert_allclose(solution.params["beta"][0], b[1:])
    value = b[0] + b[1:] @ data["covariates"].mean(axis=0)
    assert solution.params["alpha"][0] == pytest.approx(value)
    assert solution.params["sigma"][0] == pytest.approx(np.sqrt(rss / 80))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("components", [2, 3])
def test_log_likelihood_never_decreases(model, seed, components):
    data = sample(seed)
    start = started(model, data, seed, components=components)
    assert run(model, data, start, stopping=Stopping(max_iterations=100)).decrease is None


def test_estimates_scale_with_the_units_of_the_data(model):
    data = sample(5)
    units, origin = np.array([1e-3, 400.0]), np.array([2000.0, -7.0])
    moved = {
        "response": 50 + 20 * data["response"],
        "covariates": origin + units * data["covariates"],
    }
    plain, other = (started(model, one, 3) for one in (data, moved))
    np.testing.assert_allclose(other["beta"], 20 * plain["beta"] / units, rtol=1e-6)
    plain, other = run(model, data, plain).params, run(model, moved, other).params
    np.testing.assert_allclose(other["w"], plain["w"], rtol=1e-6)
    np.testing.assert_allclose(other["alpha"], 50 + 20 * plain["alpha"], rtol=1e-6)
    np.testing.assert_allclose(other["beta"], 20 * plain["beta"] / units, rtol=1e-6)
    np.testing.assert_allclose(other["sigma"], 20 * plain["sigma"], rtol=1e-6)


def test_labels_do_not_matter(model):
    data = sample(6)
    start = started(model, data)
    plain = run(model, data, start).params
    other = run(model, data, {name: value[::-1] for name, value in start.items()}).params
    for name, value in plain.items():
        np.testing.assert_allclose(other[name][::-1], value, rtol=1e-6)


def test_simulated_parameters_are_recovered(model):
    data = sample(7, n=4000)
    fit = model.fit(data, seed=1)
    order = np.argsort(fit.params["w"])
    intercept = fit.params["alpha"] - fit.params["beta"] @ data["covariates"].mean(axis=0)
    np.testing.assert_allclose(fit.params["w"][order], [0.4, 0.6], atol=0.03)
    np.testing.assert_allclose(intercept[order], [1, 4], atol=0.05)
    np.testing.assert_allclose(fit.params["beta"][order], [[1, 2], [-1, -1]], atol=0.05)
    np.testing.assert_allclose(fit.params["sigma"][order], [0.3, 0.6], atol=0.03)


def test_published(model):
    assert model.published
    gnp, co2 = np.loadtxt(DATA / "co2-gnp.csv", delimiter=",", skiprows=1, unpack=True)
    assert (len(co2), gnp.max(), co2.max()) == (28, 44.35, 20.8)
    fit = model.fit({"response": co2, "covariates": gnp}, seed=1)
    order = np.argsort(fit.params["beta"][:, 0])
    found = {name: value[order] for name, value in fit.params.items()}
    found["intercept"] = found["alpha"] - found["beta"][:, 0] * gnp.mean()
    for figure in model.published:
        name, _, index = figure["name"].rstrip("]").partition("[")
        place = tuple(map(int, index.split(","))) if index else ()
        value = found[name][place] if index else fit.log_likelihood
        assert value == pytest.approx(figure["value"], abs=figure["tolerance"]), figure["name"]


def test_tone_data_have_the_maximum_of_mixtools(model):
    # regmixEM of mixtools 2.0.0, epsilon = 1e-14: w, intercepts, slopes, standard deviations.
    data = model.example_data()
    assert data["covariates"].shape == (150, 1)
    assert data["response"].sum() == pytest.approx(310.832)
    fit = model.fit(seed=1)
    assert fit.log_likelihood == pytest.approx(141.1984022996844, rel=1e-9)
    order = np.argsort(fit.params["w"])
    found = {name: value[order] for name, value in fit.params.items()}
    intercept = found["alpha"] - found["beta"][:, 0] * data["covariates"].mean()
    np.testing.assert_allclose(found["w"], [0.3022797, 0.6977203], atol=1e-6)
    np.testing.assert_allclose(intercept, [-0.0192747, 1.9163801], atol=1e-5)
    np.testing.assert_allclose(found["beta"][:, 0], [0.9922955, 0.0425485], atol=1e-5)
    np.testing.assert_allclose(found["sigma"], [0.1328341, 0.0461921], atol=1e-6)


def test_a_table_on_the_command_line(tmp_path, capsys):
    data = sample(8, p=2)
    table = tmp_path / "own.csv"
    rows = np.column_stack([data["response"], data["covariates"]])
    np.savetxt(table, rows, delimiter=",", header="price,size,age", comments="")
    columns = ("response=price", "covariates=size", "covariates=age")
    arguments = [argument for column in columns for argument in ("--column", column)]
    code = main(["fit", "mixture-of-regressions", "--data", str(table), *arguments, "--seed", "1"])
    assert code == 0
    assert "log-likelihood" in capsys.readouterr().out
    table.write_text("price,size\n" + "\n".join(f"{i % 3},7" for i in range(20)))
    code = main(["fit", "mixture-of-regressions", "--data", str(table), *arguments[:4]])
    error = capsys.readouterr().err
    assert code == 2
    assert error.count("\n") == 1
    assert "column 1 of covariates is constant" in error


X = np.arange(12.0)
Y = np.array([0, 3, 1, 5, 2, 8, 1, 1, 9, 3, 2, 7.0])


@pytest.mark.parametrize(
    ("y", "x", "components", "message"),
    [
        (Y, X, 0, "at least 1"),
        (Y[:1], X[:1], 2, "1 observations are too few for 2 components with 2 coefficients"),
        (Y, X, 6, "12 observations are too few for 6"),
        (Y, X[:5], 2, "each of the 5 rows of covariates"),
        (np.full(12, 4.0), X, 2, r"all 12 values of response are equal \(4\)"),
        (Y, np.full(12, 4.0), 2, "column 1 of covariates is constant"),
        (Y, np.column_stack([X, 3 - 2 * X]), 2, "linearly dependent"),
        (np.where(X % 2, X, 3 - X), X, 2, "every response lies exactly on one of 2"),
    ],
)
def test_refusals(model, y, x, components, message):
    with pytest.raises(ValueError, match=message):
        started(model, {"response": y, "covariates": x}, components=components)


def test_line_through_two_points_is_named(model):
    data = sample(9, n=30, p=1)
    start = started(model, data)
    x, y = data["covariates"][:2, 0], data["response"][:2]
    slope = (y[1] - y[0]) / (x[1] - x[0])
    start["beta"][1] = slope
    start["alpha"][1] = y[0] + slope * (data["covariates"].mean() - x[0])
    start["sigma"] = np.array([2.0, 1e-6])
    solution = run(model, data, start)
    assert solution.stop is Stop.COLLAPSED
    assert "sigma[1]" in solution.message


def test_empty_component_is_named(model):
    data = sample(9, n=30, p=1)
    start = started(model, data) | {"alpha": np.array([0.0, 1e9])}
    assert run(model, data, start).stop is Stop.EMPTY_COMPONENT
