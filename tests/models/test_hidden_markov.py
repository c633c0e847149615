"""The hidden Markov model: sums over all paths, symmetries, published figures, refusals."""

from itertools import pairwise, product
from math import factorial
from pathlib import Path

import numpy as np
import pytest

import latentfit
from latentfit import em
from latentfit.cli import main
from latentfit.em import Stop, Stopping

DATA = Path(__file__).parents[2] / "models" / "data"
EMISSIONS = ("poisson", "gaussian", "categorical")


@pytest.fixture(scope="module")
def model():
    return latentfit.load("hidden-markov")


def sample(emission, seed, shape):
    rng = np.random.default_rng(seed)
    state = (np.cumsum(rng.random(shape) < 0.1, axis=0) + rng.integers(2, size=shape[1:])) % 2
    if emission == "poisson":
        x = rng.poisson(np.where(state, 9.0, 2.0))
    elif emission == "gaussian":
        x = rng.normal(np.where(state, 3.0, -1.0), np.where(state, 1.0, 0.5))
    else:
        x = np.where(rng.random(shape) < 0.8, state, rng.integers(3, size=shape))
        x.flat[:3] = range(3)
    return {"x": x.astype(float)}


def started(model, data, seed=1, **options):
    return model.initial(data, np.random.default_rng(seed), **options)


def run(model, data, start, **options):
    options.setdefault("log_likelihood", model.log_likelihood)
    return em.run(model.e_step, model.m_step, data, start, **options)


def density(params, k, x):
    if "lam" in params:
        return params["lam"][k] ** x * np.exp(-params["lam"][k]) / factorial(int(x))
    if "B" in params:
        return params["B"][k, int(x)]
    sigma = params["sigma"][k]
    return np.exp(-(((x - params["mu"][k]) / sigma) ** 2) / 2) / (sigma * np.sqrt(2 * np.pi))


def by_hand(params, x):
    """log p(x), state probabilities and transition counts of one sequence, summed over paths."""
    states, times = len(params["P"]), len(x)
    start = params.get("start", np.full(states, 1 / states))
    total, z, transitions = 0.0, np.zeros((times, states)), np.zeros((states, states))
    for path in product(range(states), repeat=times):
        p = start[path[0]] * np.prod([density(params, k, v) for k, v in zip(path, x, strict=True)])
        p *= np.prod([params["P"][step] for step in pairwise(path)])
        total += p
        z[range(times), path] += p
        for step in pairwise(path):
            transitions[step] += p
    return np.log(total), z / total, transitions / total


@pytest.mark.parametrize("emission", EMISSIONS)
@pytest.mark.parametrize("start", ["uniform", "estimated"])
@pytest.mark.parametrize("shape", [(5,), (4, 3)])
@pytest.mark.parametrize("states", [2, 3])
def test_e_step_is_the_sum_over_all_paths(model, emission, start, shape, states):
    data = sample(emission, 3, shape)
    params = started(model, data, states=states, emission=emission, start=start)
    rng = np.random.default_rng(4)
    for name in params.keys() & {"P", "start", "B"}:
        params[name] = rng.dirichlet(np.ones(params[name].shape[-1]), params[name].shape[:-1])
    found = model.e_step(params, data)
    columns = data["x"].reshape(shape[0], -1).T
    log_likelihoods, z, transitions = zip(
        *(by_hand(params, column) for column in columns), strict=True
    )
    assert model.log_likelihood(params, data) == pytest.approx(np.sum(log_likelihoods))
    np.testing.assert_allclose(found["z"], z[0] if len(shape) == 1 else np.stack(z), atol=1e-12)
    np.testing.assert_allclose(found["transitions"], np.sum(transitions, axis=0), atol=1e-12)


@pytest.mark.parametrize("shape", [(40,), (20, 3)])
def test_m_step_of_known_states_counts_transitions(model, shape):
    rng = np.random.default_rng(5)
    z, data = rng.integers(3, size=shape[::-1]), sample("gaussian", 5, shape)
    counts = np.zeros((3, 3))
    for path in z.reshape(-1, shape[0]):
        for step in pairwise(path):
            counts[step] += 1
    counted = model.expectations["transitions"]({"z": z}, {"labels": np.arange(3)})
    np.testing.assert_array_equal(counted, counts)
    params = started(model, data, states=3, emission="gaussian", start="estimated")
    found = model.m_step({"z": np.eye(3)[z], "transitions": counted}, data, params)
    first = z[..., 0].reshape(-1)
    np.testing.assert_allclose(found["P"], counts / counts.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(found["start"], np.bincount(first, minlength=3) / len(first))
    for k in range(3):
        mine = data["x"].T[z == k]
        assert found["mu"][k] == pytest.approx(mine.mean())
        assert found["sigma"][k] == pytest.approx(mine.std())
    counts = sample("poisson", 5, shape)
    params = started(model, counts, states=3)
    found = model.m_step({"z": np.eye(3)[z], "transitions": counted}, counts, params)
    assert found["lam"][1] == pytest.approx(counts["x"].T[z == 1].mean())
    symbols = sample("categorical", 5, shape)
    params = started(model, symbols, states=3, emission="categorical")
    found = model.m_step({"z": np.eye(3)[z], "transitions": counted}, symbols, params)
    assert found["B"][1, 2] == pytest.approx((symbols["x"].T[z == 1] == 2).mean())


@pytest.mark.parametrize("emission", EMISSIONS)
@pytest.mark.parametrize("states", [2, 3])
def test_log_likelihood_never_decreases(model, emission, states):
    data = sample(emission, 6, (30, 3))
    options = {"states": states, "emission": emission, "start": "estimated"}
    solution = run(
        model, data, started(model, data, **options), stopping=Stopping(max_iterations=100)
    )
    assert solution.decrease is None
    z, transitions = solution.expectations["z"], solution.expectations["transitions"]
    np.testing.assert_allclose(z.sum(axis=-1), 1)
    np.testing.assert_allclose(transitions.sum(axis=1), z[:, :-1].sum(axis=(0, 1)), atol=1e-9)
    np.testing.assert_allclose(transitions.sum(axis=0), z[:, 1:].sum(axis=(0, 1)), atol=1e-9)


def test_labels_and_order_of_sequences_do_not_matter(model):
    data = sample("poisson", 7, (40, 3))
    start = started(model, data)
    plain = run(model, data, start)
    swapped = {"P": start["P"][::-1, ::-1], "lam": start["lam"][::-1]}
    other = run(model, {"x": data["x"][:, [2, 0, 1]]}, swapped)
    assert other.log_likelihood == pytest.approx(plain.log_likelihood)
    np.testing.assert_allclose(other.params["P"][::-1, ::-1], plain.params["P"], rtol=1e-6)
    np.testing.assert_allclose(other.params["lam"][::-1], plain.params["lam"], rtol=1e-6)


def test_normal_emissions_scale_with_the_units(model):
    data = sample("gaussian", 8, (60,))
    start = started(model, data, emission="gaussian")
    moved = {"x": 100 + 20 * data["x"]}
    other = started(model, moved, emission="gaussian")
    np.testing.assert_allclose(other["mu"], 100 + 20 * start["mu"])
    plain, other = run(model, data, start).params, run(model, moved, other).params
    np.testing.assert_allclose(other["P"], plain["P"], rtol=1e-6)
    np.testing.assert_allclose(other["mu"], 100 + 20 * plain["mu"], rtol=1e-6)
    np.testing.assert_allclose(other["sigma"], 20 * plain["sigma"], rtol=1e-6)


def test_independent_draws_are_a_mixture(model):
    # If the rows of P are equal, the states are independent.
    data = sample("poisson", 9, (50,))
    w, lam = np.array([0.5, 0.5]), np.array([2.0, 8.0])
    params = {"P": np.tile(w, (2, 1)), "lam": lam}
    mixture = [[w[k] * density(params, k, x) for k in range(2)] for x in data["x"]]
    assert model.log_likelihood(params, data) == pytest.approx(np.log(np.sum(mixture, 1)).sum())
    r = mixture / np.sum(mixture, axis=1, keepdims=True)
    np.testing.assert_allclose(model.e_step(params, data)["z"], r)


@pytest.mark.parametrize("states", [2, 3])
def test_published(model, states):
    figures = [f for f in model.published if f["options"]["states"] == states]
    assert len(figures) >= 4
    fit = model.fit(seed=1, **figures[0]["options"])
    order = np.argsort(fit.params["lam"])
    found = {"lam": fit.params["lam"][order], "P": fit.params["P"][order][:, order]}
    for figure in figures:
        name, _, index = figure["name"].rstrip("]").partition("[")
        value = found[name][tuple(map(int, index.split(",")))] if index else fit.log_likelihood
        assert value == pytest.approx(figure["value"], abs=figure["tolerance"]), figure["name"]
    # For a single sequence the estimate of `start` is a corner of the simplex.
    np.testing.assert_allclose(fit.params["start"][order], np.eye(states)[0], atol=1e-9)
    # A uniform start decreases the log-likelihood by at most log K.
    uniform = model.fit(seed=1, states=states)
    assert 0 < fit.log_likelihood - uniform.log_likelihood < np.log(states)


def test_example_is_the_earthquakes(model):
    x = model.example_data()["x"]
    assert x.shape == (107,)
    # The values of the book, section 1.2.4 and table 6.1.
    assert x.mean() == pytest.approx(19.364, abs=5e-4)
    assert x.var(ddof=1) == pytest.approx(51.573, abs=5e-4)


def test_starts_suffice_for_states_that_differ_in_standard_deviation_only(model):
    rng = np.random.default_rng(10)
    state = np.repeat([0, 1, 0, 1], 100)
    data = {"x": rng.normal(0, np.where(state, 4.0, 1.0))}
    fit = model.fit(data, seed=1, emission="gaussian")
    np.testing.assert_allclose(np.sort(fit.params["sigma"]), [1, 4], rtol=0.15)


def test_starts_suffice_for_symbols(model):
    rng = np.random.default_rng(11)
    state = np.repeat([0, 1, 0, 1, 0, 1], 100)
    symbols = np.array([[0.5, 0.05, 0.4, 0.05], [0.05, 0.45, 0.05, 0.45]])
    x = np.array([rng.choice(4, p=symbols[k]) for k in state], float)
    fit = model.fit({"x": x}, seed=1, emission="categorical", starts=2)
    order = np.argsort(-fit.params["B"][:, 0])
    np.testing.assert_allclose(fit.params["B"][order], symbols, atol=0.1)


def test_long_sequences_do_not_underflow(model):
    data = sample("poisson", 12, (3000,))
    params = {"P": np.array([[0.9, 0.1], [0.1, 0.9]]), "lam": np.array([2.0, 9.0])}
    assert -9000 < model.log_likelihood(params, data) < -6000
    np.testing.assert_allclose(model.e_step(params, data)["z"].sum(axis=-1), 1)


def test_probabilities_of_zero(model):
    # One state emits only 0, and one state is never left.
    data = {"x": np.array([0.0, 0, 0, 0, 4, 3, 0, 5])}
    params = {"P": np.array([[0.5, 0.5], [0.0, 1.0]]), "lam": np.array([0.0, 3.0])}
    log_likelihood, z, transitions = by_hand(params, data["x"])
    assert model.log_likelihood(params, data) == pytest.approx(log_likelihood)
    found = model.e_step(params, data)
    np.testing.assert_allclose(found["z"], z, atol=1e-12)
    np.testing.assert_allclose(found["transitions"], transitions, atol=1e-12)
    assert found["transitions"][1, 0] == 0


def test_a_state_that_is_never_visited_is_named(model):
    params = {"P": np.full((2, 2), 0.5), "lam": np.array([20.0, 1e5])}
    solution = run(model, model.example_data(), params)
    assert solution.stop is Stop.EMPTY_COMPONENT
    assert "z[..., 1]" in solution.message


@pytest.mark.parametrize(
    ("chain", "row"),
    [
        ({"P": np.full((2, 2), 0.5), "B": np.array([[0.5, 0.5, 0.0], [0.1, 0.9, 0.0]])}, 3),
        ({"P": np.eye(2), "B": np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])}, 2),
    ],
    ids=["no state emits it", "no path leads there"],
)
def test_an_impossible_observation_is_named(model, chain, row):
    data = {"x": np.array([0.0, 1, 2, 1])}
    message = f"row {row} has probability 0 in every state"
    with pytest.raises(ValueError, match=message):
        model.e_step(chain, data)
    both = np.column_stack([np.zeros(4), data["x"]])
    with pytest.raises(ValueError, match=f"row {row}, column 2, has probability 0"):
        model.e_step(chain, {"x": both})
    solution = run(model, data, chain)
    assert solution.stop in (Stop.EMPTY_COMPONENT, Stop.NOT_FINITE)
    assert message in solution.message


def test_a_state_of_one_value_is_named(model):
    x = np.array([5.0, 5, 5, 5, 1, 2, 3, 1, 2, 2, 5, 5, 5, 1, 3])
    params = {
        "P": np.array([[0.8, 0.2], [0.2, 0.8]]),
        "mu": np.array([5.0, 2.0]),
        "sigma": np.array([0.1, 1.0]),
    }
    solution = run(model, {"x": x}, params)
    assert solution.stop is Stop.COLLAPSED
    assert "sigma[0]" in solution.message


def test_a_table_on_the_command_line(tmp_path, capsys):
    x = sample("poisson", 13, (60, 2))["x"]
    table = tmp_path / "own.csv"
    np.savetxt(table, x, fmt="%d", delimiter=",", header="first,second", comments="")
    command = ["fit", "hidden-markov", "--data", str(table), "--column", "x=first", "--seed", "1"]
    assert main([*command, "--column", "x=second"]) == 0
    assert "lam" in capsys.readouterr().out
    assert main([*command, "--set", "emission=gaussian"]) == 0
    assert "sigma" in capsys.readouterr().out
    assert main([*command, "--set", "states=40"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "distinct values, too few for 40 states" in error


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        ([3.0], {}, "single value"),
        ([3.0, 4.0], {"states": 1}, "states must be at least 2, not 1"),
        ([3.0, 4.0], {"emission": "normal"}, "poisson, gaussian or categorical, not 'normal'"),
        ([3.0, 4.0], {"start": "stationary"}, "uniform or estimated, not 'stationary'"),
        ([3.0, -1.0, 2.0], {}, "x is -1 in row 2: with emission=poisson"),
        ([3.0, 1.0, 2.5], {}, "x is 2.5 in row 3: with emission=poisson"),
        (
            [0.0, 1.5, 1.0],
            {"emission": "categorical"},
            "x is 1.5 in row 2: with emission=categorical",
        ),
        ([[0.0, 1.0], [2.0, -3.0]], {}, "x is -3 in row 2, column 2"),
        ([4.0] * 9, {}, "x has 1 distinct value, too few for 2 states"),
        ([4.0] * 9, {"emission": "gaussian"}, "x has 1 distinct value, too few"),
        ([0.0, 1.0] * 9, {"states": 3}, "2 distinct values, too few for 3 states"),
        ([0.0] * 9, {"emission": "categorical"}, "1 distinct value"),
        ([0.0, 2.0] * 9, {"emission": "categorical"}, "codes up to 2, but never 1"),
        (np.ones((2, 2, 2)), {}, "3 axes"),
    ],
)
def test_refusals(model, x, options, message):
    with pytest.raises(ValueError, match=message):
        started(model, {"x": np.array(x)}, **options)


@pytest.mark.parametrize("emission", EMISSIONS)
@pytest.mark.parametrize("shape", [(80,), (40, 3)])
def test_agrees_with_hmmlearn(model, emission, shape):
    hmm = pytest.importorskip("hmmlearn.hmm")
    data = sample(emission, 14, shape)
    start = started(model, data, emission=emission)
    ours = run(model, data, start)
    columns = data["x"].reshape(shape[0], -1)
    kinds = {
        "poisson": (hmm.PoissonHMM, {"lambdas_prior": 0, "lambdas_weight": 0}, "l"),
        "gaussian": (hmm.GaussianHMM, {"covars_prior": 0, "covars_weight": 1}, "mc"),
        "categorical": (hmm.CategoricalHMM, {}, "e"),
    }
    build, priors, letters = kinds[emission]
    theirs = build(2, params=f"t{letters}", init_params="", n_iter=5000, tol=1e-11, **priors)
    theirs.startprob_, theirs.transmat_ = np.full(2, 0.5), start["P"]
    if emission == "poisson":
        theirs.lambdas_ = start["lam"][:, None]
    elif emission == "gaussian":
        theirs.means_, theirs.covars_ = start["mu"][:, None], start["sigma"][:, None] ** 2
        theirs.min_covar = 0
    else:
        theirs.emissionprob_ = start["B"]
    stacked = columns.T.reshape(-1, 1)
    stacked = stacked if emission == "gaussian" else stacked.astype(int)
    theirs.fit(stacked, [shape[0]] * columns.shape[1])
    log_likelihood = theirs.score(stacked, [shape[0]] * columns.shape[1])
    assert ours.log_likelihood == pytest.approx(log_likelihood, rel=1e-6)
    np.testing.assert_allclose(ours.params["P"], theirs.transmat_, atol=1e-3)
