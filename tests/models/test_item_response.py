"""Item response: steps by integration, published figures, symmetries, boundaries, refusals."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.optimize import minimize
from scipy.special import expit, log_expit

import latentfit
from latentfit import em
from latentfit.cli import main

TABLES = Path(__file__).parents[2] / "models" / "data"
MODEL = latentfit.load("item-response")
DATA = MODEL.example_data()
RASCH = {"a": np.array(1.3), "c": np.array([1.5, 0.2, -0.1, -1.0])}
TWO = {"a": np.array([0.4, 1.3, 2.0, 3.0]), "c": RASCH["c"]}

either = pytest.mark.parametrize("params", [RASCH, TWO], ids=["rasch", "two-parameter"])
either_option = pytest.mark.parametrize("two_parameter", [False, True])


def read(name):
    return {"y": np.loadtxt(TABLES / name, delimiter=",", skiprows=1)}


def csv(folder, text):
    path = folder / "own.csv"
    path.write_text(text)
    return str(path)


def answers(seed, n=200, a=1.5, c=(1.0, 0.0, -0.5, -1.0)):
    rng = np.random.default_rng(seed)
    logits = np.asarray(c) + np.asarray(a) * rng.normal(size=(n, 1))
    return {"y": (rng.random(logits.shape) < expit(logits)).astype(float)}


def joint(z, y, params):
    return stats.norm.pdf(z) * np.prod(expit((2 * y - 1) * (params["c"] + params["a"] * z)))


def integral(f):
    return integrate.quad(f, -12, 12, epsabs=0, epsrel=1e-11, limit=200)[0]


def test_tables_are_those_of_goodman_and_of_bock_and_lieberman():
    assert DATA["y"].shape == (216, 4)
    six, seven = read("lsat-6.csv")["y"], read("lsat-7.csv")["y"]
    assert six.shape == seven.shape == (1000, 5)
    assert six.sum(axis=0).tolist() == [924, 709, 553, 763, 870]
    assert seven.sum(axis=0).tolist() == [828, 658, 772, 606, 843]
    assert [int(np.all(y == 1, axis=1).sum()) for y in (six, seven)] == [298, 308]
    assert [int(np.all(y == 0, axis=1).sum()) for y in (six, seven)] == [3, 12]


@either
def test_e_step_and_log_likelihood_by_integration(params):
    """Adaptive integration gives the same mean abilities and log-likelihood for four patterns."""
    y = np.array([[1.0, 1, 1, 1], [0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]])
    total = np.array([integral(lambda z, row=row: joint(z, row, params)) for row in y])
    mean = [integral(lambda z, row=row: z * joint(z, row, params)) for row in y] / total
    found = MODEL.e_step(params, {"y": y})
    np.testing.assert_allclose(found["z"], mean, rtol=1e-11, atol=1e-13)
    log_likelihood = MODEL.log_likelihood(params, {"y": y})
    assert log_likelihood == pytest.approx(np.log(total).sum(), rel=1e-12)


@either
def test_expected_persons_are_the_distribution_of_all_abilities(params):
    """Moments of the expected persons equal the sums of the persons' conditional moments."""
    found = MODEL.e_step(params, DATA)
    nodes = np.linspace(-10, 10, 201)
    assert found["persons"].sum() == pytest.approx(216, rel=1e-13)
    assert found["persons"] @ nodes == pytest.approx(found["z"].sum(), rel=1e-10)
    rows, counts = np.unique(DATA["y"], axis=0, return_counts=True)
    square = [
        integral(lambda z, row=row: z**2 * joint(z, row, params))
        / integral(lambda z, row=row: joint(z, row, params))
        for row in rows
    ]
    assert found["persons"] @ nodes**2 == pytest.approx(counts @ square, rel=1e-10)


@pytest.mark.parametrize(("width", "steep"), [(0.15, 5.0), (0.3, 1.0)])
def test_nodes_are_sufficiently_dense(width, steep):
    """The items are equal; their number gives the ability this conditional deviation."""
    items = round(4 / steep**2 * (width**-2 - 1))
    y = (np.arange(items) % 2 == 0).astype(float)
    params = {"a": np.array(steep), "c": np.full(items, 0.3 * steep)}

    def scaled(z):
        return joint(z, y, params) / joint(-0.3, y, params)

    exact = np.log(integral(scaled)) + log_expit((2 * y - 1) * 0).sum() + stats.norm.logpdf(-0.3)
    assert MODEL.log_likelihood(params, {"y": y[None]}) == pytest.approx(exact, rel=1e-11)


@either
def test_m_step_is_the_maximum_of_q(params):
    e = MODEL.e_step(params, DATA)
    nodes, s, u = np.linspace(-10, 10, 201), DATA["y"].sum(axis=0), e["z"] @ DATA["y"]
    shape = np.shape(params["a"])

    def q(point):
        a, c = point[4:].reshape(shape), point[:4]
        logits = c + nodes[:, None] * a
        return np.sum(s * c + u * a) - np.sum(e["persons"] @ np.logaddexp(0, logits))

    direct = minimize(lambda point: -q(point), np.append(params["c"], params["a"]), tol=1e-12)
    after = MODEL.m_step(e, DATA, params)
    assert np.shape(after["a"]) == shape
    found = np.append(after["c"], after["a"])
    np.testing.assert_allclose(found, direct.x, atol=1e-4)
    assert q(found) >= -direct.fun - 1e-10


@pytest.mark.parametrize("shape", [(), (4,)])
def test_newtons_method_converges_from_distant_starts(shape):
    rng = np.random.default_rng(1)
    e = MODEL.e_step(RASCH, DATA)
    solutions = [
        MODEL.m_step(e, DATA, {"a": rng.uniform(0, 8, shape), "c": rng.uniform(-10, 10, 4)})
        for _ in range(50)
    ]
    for name in ("a", "c"):
        assert np.ptp([solution[name] for solution in solutions], axis=0).max() < 1e-9


def test_steps_are_those_with_expected_right_answers_at_the_nodes():
    """The mean abilities contain all that the M step of Bock and Aitkin uses of r."""
    e, nodes = MODEL.e_step(TWO, DATA), np.linspace(-10, 10, 201)
    logits = TWO["c"] + nodes[:, None] * TWO["a"]
    y = DATA["y"]
    log_joint = y @ log_expit(logits).T + (1 - y) @ log_expit(-logits).T - nodes**2 / 2
    r = np.exp(log_joint)
    right = y.T @ (r / r.sum(axis=1, keepdims=True))
    after = MODEL.m_step(e, DATA, TWO)
    p = expit(after["c"] + nodes[:, None] * after["a"])
    residual = right - (e["persons"][:, None] * p).T
    np.testing.assert_allclose(residual.sum(axis=1), 0, atol=1e-9)
    np.testing.assert_allclose(residual @ nodes, 0, atol=1e-9)


def test_a_general_optimiser_finds_the_same_two_parameter_maximum():
    fit = MODEL.fit(seed=1, starts=1, two_parameter=True, stopping=em.Stopping(distance=1e-10))
    t, w = np.polynomial.hermite_e.hermegauss(201)
    y = DATA["y"]

    def negative(point):
        logits = point[:4] + t[:, None] * point[4:]
        each = y @ log_expit(logits).T + (1 - y) @ log_expit(-logits).T
        return -np.sum(np.log(np.exp(each) @ (w / w.sum())))

    direct = minimize(negative, np.append(np.zeros(4), np.ones(4)), tol=1e-10)
    assert fit.log_likelihood == pytest.approx(-direct.fun, rel=1e-10)
    found = np.append(fit.params["c"], fit.params["a"])
    np.testing.assert_allclose(found, direct.x, atol=2e-4)


def test_the_deviance_in_the_docstring():
    counts = np.unique(DATA["y"], axis=0, return_counts=True)[1]
    table = np.sum(counts * np.log(counts / 216))
    rasch = MODEL.fit(seed=1, starts=1)
    assert 2 * (table - rasch.log_likelihood) == pytest.approx(10.84, abs=5e-3)


@pytest.mark.parametrize(
    ("data", "two_parameter", "rate"),
    [
        (DATA, False, 0.60),
        (DATA, True, 0.82),
        (read("lsat-6.csv"), False, 0.66),
        (read("lsat-6.csv"), True, 0.90),
    ],
)
def test_rate_is_the_largest_eigenvalue_of_an_iteration(data, two_parameter, rate):
    fit = MODEL.fit(data, seed=1, starts=1, two_parameter=two_parameter)
    items, shape = data["y"].shape[1], np.shape(fit.params["a"])

    def iterated(point):
        params = {"c": point[:items], "a": point[items:].reshape(shape)}
        after = MODEL.m_step(MODEL.e_step(params, data), data, params)
        return np.append(after["c"], after["a"])

    solution = np.append(fit.params["c"], fit.params["a"])
    moves = 1e-4 * np.eye(len(solution))
    slopes = [(iterated(solution + move) - iterated(solution - move)) / 2e-4 for move in moves]
    assert np.linalg.eigvals(slopes).real.max() == pytest.approx(rate, abs=5e-3)


def test_two_parameter_model_with_ltm():
    """ltm stops early; its estimates have the same log-likelihood to four decimals."""
    fit = MODEL.fit(read("lsat-6.csv"), seed=1, starts=1, two_parameter=True)
    b = -fit.params["c"] / fit.params["a"]
    ltm_b = np.array([-3.3597341, -1.3696497, -0.2798983, -1.8659189, -3.1235725])
    ltm_a = np.array([0.8253715, 0.7229499, 0.8904748, 0.6885502, 0.6574516])
    np.testing.assert_allclose(b, ltm_b, atol=3e-3)
    np.testing.assert_allclose(fit.params["a"], ltm_a, atol=1e-3)
    theirs = MODEL.log_likelihood({"a": ltm_a, "c": -ltm_a * ltm_b}, read("lsat-6.csv"))
    assert 0 < fit.log_likelihood - theirs < 5e-5


def test_in_the_rasch_model_the_number_of_right_answers_is_sufficient():
    y = np.array([[1.0, 0, 0, 1], [0, 1, 1, 0], [1, 1, 0, 0], [1, 1, 1, 0]])
    z = MODEL.e_step(RASCH, {"y": y})["z"]
    np.testing.assert_allclose(z[:3], z[0], rtol=1e-12)
    assert z[3] > z[0]
    assert np.ptp(MODEL.e_step(TWO, {"y": y})["z"][:3]) > 0.1


def test_perfect_persons_have_a_finite_ability():
    y = np.array([[1.0, 1, 1, 1], [1, 1, 1, 0]])
    perfect, almost = MODEL.e_step(RASCH, {"y": y})["z"]
    assert 0 < almost < perfect < almost + 1


@either_option
def test_right_and_wrong_exchanged(two_parameter):
    """Exchanging right and wrong changes only the signs of abilities and intercepts."""
    ours = MODEL.fit(seed=1, starts=1, two_parameter=two_parameter)
    flipped = {"y": 1 - DATA["y"]}
    theirs = MODEL.fit(flipped, seed=1, starts=1, two_parameter=two_parameter)
    assert theirs.log_likelihood == pytest.approx(ours.log_likelihood, rel=1e-12)
    np.testing.assert_allclose(theirs.params["a"], ours.params["a"], rtol=1e-5)
    np.testing.assert_allclose(theirs.params["c"], -ours.params["c"], atol=1e-5)


@either_option
@pytest.mark.parametrize("seed", range(3))
def test_log_likelihood_never_decreases(seed, two_parameter):
    data = answers(seed)
    solution = em.run(
        MODEL.e_step,
        MODEL.m_step,
        data,
        MODEL.initial(data, np.random.default_rng(seed), two_parameter=two_parameter),
        log_likelihood=MODEL.log_likelihood,
    )
    assert solution.converged
    assert solution.decrease is None
    # The score vanishes: expected and observed numbers of right answers to each item are equal.
    p = expit(solution.params["c"] + np.linspace(-10, 10, 201)[:, None] * solution.params["a"])
    expected = solution.expectations["persons"] @ p
    np.testing.assert_allclose(expected, data["y"].sum(axis=0), rtol=1e-6)


def test_many_items_do_not_underflow():
    y = np.ones((3, 3000))
    y[1:, 1000:] = 0
    found = MODEL.e_step({"a": np.array(1.0), "c": np.zeros(3000)}, {"y": y})
    assert found["persons"].sum() == pytest.approx(3)
    np.testing.assert_allclose(found["z"][1:], -np.log(2), atol=0.01)
    assert found["z"][0] > 5


def test_uncorrelated_items_converge_to_discrimination_zero():
    """Near zero, EM multiplies a by the ratio of variances that the docstring describes."""
    rng = np.random.default_rng(0)
    y = np.zeros((200, 3))
    for row in y:
        row[rng.permutation(3)[: rng.choice([1, 2])]] = 1
    fit = MODEL.fit({"y": y}, seed=0, starts=2)
    assert fit.converged
    assert fit.params["a"] == pytest.approx(0, abs=1e-8)
    np.testing.assert_allclose(expit(fit.params["c"]), y.mean(axis=0), rtol=1e-6)
    share = y.mean(axis=0)
    factor = y.sum(axis=1).var() / np.sum(share * (1 - share))
    a = fit.best.trace.params["a"]
    assert a[-1] / a[-2] == pytest.approx(factor, rel=1e-3)


def test_an_item_with_negative_correlations_converges_to_discrimination_zero():
    data = answers(1, n=300, a=[1.5, 1.5, 1.5, -1.5], c=np.zeros(4))
    fit = MODEL.fit(data, seed=0, starts=1, two_parameter=True)
    assert fit.converged
    assert fit.params["a"][3] == 0
    assert expit(fit.params["c"][3]) == pytest.approx(data["y"][:, 3].mean(), rel=1e-12)
    # The estimates of the other items are those without this item.
    rest = MODEL.fit({"y": data["y"][:, :3]}, seed=0, starts=1, two_parameter=True)
    np.testing.assert_allclose(fit.params["a"][:3], rest.params["a"], rtol=1e-4)


def test_discriminations_of_items_with_equal_answers_diverge():
    y = answers(1, n=300, a=1.5, c=np.zeros(3))["y"]
    twins = {"y": np.column_stack([y, y[:, 0]])}
    params = MODEL.initial(twins, np.random.default_rng(0), two_parameter=True)
    for _ in range(6):
        params = MODEL.m_step(MODEL.e_step(params, twins), twins, params)
    assert params["a"][[0, 3]].min() > 10 > params["a"][[1, 2]].max()


@pytest.mark.parametrize("setting", [(), ("--set", "two_parameter=True")])
def test_a_table_on_the_command_line(tmp_path, capsys, setting):
    rows = [",".join(f"{x:.0f}" for x in row) for row in answers(3)["y"]]
    own = csv(tmp_path, "one,two,three,four\n" + "\n".join(rows) + "\n")
    assert main(["fit", "item-response", "--data", own, *setting, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["parameters"]
    assert np.shape(found["a"]) == ((4,) if setting else ())
    assert len(found["c"]) == 4


@pytest.mark.parametrize(
    ("rows", "message", "setting"),
    [
        ("0,1\n1,2\n1,0\n", "y is 2 in row 2, column 2", ()),
        ("0,1\n0.5,1\n1,0\n", "y is 0.5 in row 2, column 1", ()),
        ("0,1\n1,1\n0,1\n", "every person has 1 in column 2", ()),
        ("0,1\n0,0\n0,1\n", "every person has 0 in column 1", ()),
        ("1,1\n1,0\n0,0\n", "y is a perfect scale", ()),
        ("1,1\n0,0\n1,1\n", "y is a perfect scale", ()),
        (
            "1,0\n0,1\n1,1\n",
            "y must be a table with at least 3 columns",
            ("--set", "two_parameter=True"),
        ),
        ("0,1\n,1\n1,0\n", "y has 1 missing value", ()),
    ],
)
def test_refusals(tmp_path, capsys, rows, message, setting):
    own = csv(tmp_path, "one,two\n" + rows)
    assert main(["fit", "item-response", "--data", own, *setting]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_a_single_item_is_refused(tmp_path, capsys):
    assert main(["fit", "item-response", "--data", csv(tmp_path, "one\n0\n1\n1\n")]) == 2
    assert "y must be a table with at least 2 columns" in capsys.readouterr().err
