"""The argument `out`: results with one row for each row of the data, written to a given array."""

import tracemalloc

import numpy as np
import pytest

from latentfit import em
from latentfit.em import Stopping, primitives

ROWS = 30_000


def data():
    rng = np.random.default_rng(3)
    z = rng.integers(3, size=ROWS)
    return rng.normal(3.0 * z), rng.integers(5, size=ROWS), np.full(ROWS // 100, 100)


def densities(x, codes):
    """Return every primitive that takes `out`, as a function of `out` alone."""
    start, P = np.full(3, 1 / 3), np.full((3, 3), 0.2) + 0.4 * np.eye(3)
    p = np.random.default_rng(4).dirichlet(np.ones(5), size=3)
    L = np.array([[1.0, 0.0], [0.3, 0.8]])
    mu, sigma = np.array([0.0, 3.0, 6.0]), np.ones(3)
    log_b = primitives.log_normal(x, mu, sigma)
    lengths = np.full(ROWS // 100, 100)
    return {
        "log_normal": lambda **output: primitives.log_normal(x, mu, sigma, **output),
        "log_multivariate_normal": lambda **output: primitives.log_multivariate_normal(
            np.column_stack([x, -x]), np.column_stack([mu, -mu]), L, **output
        ),
        "log_categorical": lambda **output: primitives.log_categorical(codes, p, **output),
        "responsibilities": lambda **output: primitives.responsibilities(log_b, **output)[0],
        "forward_backward": lambda **output: (
            primitives.forward_backward(log_b, start, P, lengths, **output).z
        ),
    }


NAMES = (
    "log_normal",
    "log_multivariate_normal",
    "log_categorical",
    "responsibilities",
    "forward_backward",
)


@pytest.mark.parametrize("name", NAMES)
def test_out_receives_the_same_bits_as_a_new_array(name):
    x, codes, _ = data()
    density = densities(x, codes)[name]
    out = np.full((ROWS, 3), np.nan)
    assert density(out=out) is out
    np.testing.assert_array_equal(out, density())


def test_responsibilities_may_overwrite_the_log_joint_densities():
    log_joint = np.random.default_rng(1).normal(size=(5_000, 4)) * 30
    expected, log_likelihood = primitives.responsibilities(log_joint)
    found, log_likelihood_in_place = primitives.responsibilities(log_joint, out=log_joint)
    assert found is log_joint
    np.testing.assert_array_equal(found, expected)
    assert log_likelihood_in_place == log_likelihood


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        (np.empty((ROWS, 3), np.float32), TypeError, "out is float32"),
        ([[0.0] * 3] * ROWS, TypeError, "out is a list"),
        (np.ma.zeros((ROWS, 3)), TypeError, "out is a MaskedArray"),
        (np.empty((ROWS, 2)), ValueError, r"out has shape \(30000, 2\), expected \(30000, 3\)"),
        (np.empty((3, ROWS)).T, ValueError, "rows are not contiguous"),
        (np.broadcast_to(1.0, (ROWS, 3)), ValueError, "out is read-only"),
    ],
)
def test_arrays_that_cannot_be_written_to_are_refused(name, out, error, message):
    x, codes, _ = data()
    with pytest.raises(error, match=message):
        densities(x, codes)[name](out=out)


def test_out_must_not_share_memory_with_an_argument():
    table = np.zeros((10, 3))
    start, P = np.full(3, 1 / 3), np.full((3, 3), 1 / 3)
    codes = table.view(np.int64)
    for call in (
        lambda: primitives.forward_backward(table, start, P, out=table),
        lambda: primitives.responsibilities(table[:8], out=table[2:]),
        lambda: primitives.log_multivariate_normal(table, np.zeros((3, 3)), np.eye(3), out=table),
        lambda: primitives.log_normal(np.zeros(10), table[0], np.ones(3), out=table),
        lambda: primitives.forward_backward(np.zeros((10, 3)), table[0], P, out=table),
        lambda: primitives.log_categorical(codes, np.full((3, 3, 1), 1.0), out=table),
    ):
        with pytest.raises(ValueError, match="shares memory"):
            call()


def hidden_markov(log_b=None, z=None):
    """Return an E step of a hidden Markov model that reuses tables, or allocates new ones."""

    def e_step(params, data):
        table = primitives.log_normal(data["x"], params["mu"], params["sigma"], out=log_b)
        chain = params["start"], params["P"], data["lengths"]
        return primitives.forward_backward(table, *chain, out=z)._asdict()

    return e_step


def mixture(r=None):
    def e_step(params, data):
        log_joint = primitives.log_normal(data["x"], params["mu"], params["sigma"], out=r)
        log_joint += np.log(params["w"])
        z, log_likelihood = primitives.responsibilities(log_joint, out=r)
        return {"z": z, "log_likelihood": log_likelihood}

    return e_step


def m_step(expectations, data, params):
    n, m, S = primitives.weighted_moments(expectations["z"], data["x"])
    new = {"mu": m, "sigma": np.sqrt(S / n)}
    if "w" in params:
        return new | {"w": n / n.sum()}
    transitions = expectations["transitions"]
    return new | {
        "start": expectations["starts"] / len(data["lengths"]),
        "P": transitions / transitions.sum(axis=1, keepdims=True),
    }


def start_of(chain):
    mu, sigma = np.array([-1.0, 2.0, 7.0]), np.full(3, 2.0)
    if not chain:
        return {"w": np.full(3, 1 / 3), "mu": mu, "sigma": sigma}
    P = np.full((3, 3), 0.2) + 0.4 * np.eye(3)
    return {"start": np.full(3, 1 / 3), "P": P, "mu": mu, "sigma": sigma}


@pytest.mark.parametrize("chain", [False, True])
def test_an_iteration_allocates_no_table(chain):
    """Forward-backward allocates a few numbers for each segment of more than sixty rows."""
    params = start_of(chain)

    def most_bytes(rows):
        x, table = np.random.default_rng(1).normal(3.0, 3.0, size=rows), np.empty((2, rows, 3))
        observed = {"x": x, "lengths": np.full(8, rows // 8)}
        e_step = hidden_markov(*table) if chain else mixture(table[0])
        m_step(e_step(params, observed), observed, params)
        tracemalloc.start()
        m_step(e_step(params, observed), observed, params)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    # Both numbers of rows give the maximal number of chunks, each with sums of its own.
    assert most_bytes(2**20) - most_bytes(2**18) < (2**20 - 2**18) * 3 * 8 / 8


@pytest.mark.parametrize("accelerate", ["none", "quasi-newton", "daarem", "squarem", "parabolic"])
def test_an_e_step_may_reuse_its_tables(accelerate):
    """The EM loop reads the result of an E step only until it calls the E step again."""
    x, _, lengths = data()
    x, lengths = x[:1000], lengths[:10]
    observed = {"x": x, "lengths": lengths}

    def log_likelihood(params, data):
        return hidden_markov()(params, data)["log_likelihood"]

    found = [
        em.run(
            hidden_markov(*tables),
            m_step,
            observed,
            start_of(chain=True),
            log_likelihood=log_likelihood,
            accelerate=accelerate,
            stopping=Stopping(max_iterations=60),
        )
        for tables in ((), np.empty((2, len(x), 3)))
    ]
    new, reused = found
    assert new.iterations == reused.iterations
    for name, value in new.params.items():
        np.testing.assert_array_equal(reused.params[name], value)
    np.testing.assert_array_equal(reused.expectations["z"], new.expectations["z"])
