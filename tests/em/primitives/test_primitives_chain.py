"""Forward-backward against the sum over all paths, and where products would underflow."""

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from latentfit.em import primitives as em
from latentfit.em.primitives._compiled import (
    chain_batched,
    chain_log,
    chain_scaled,
    segment_links,
)

pytestmark = pytest.mark.usefixtures("implementation")

quick = settings(max_examples=60, deadline=None)


def all_paths(log_b, start, P):  # noqa: N803
    """Compute the statistics by their definition, from every path of states."""
    times, states = log_b.shape
    paths = np.array(list(itertools.product(range(states), repeat=times)))
    with np.errstate(divide="ignore"):
        log_joint = np.log(start)[paths[:, 0]] + np.log(P)[paths[:, :-1], paths[:, 1:]].sum(axis=1)
    log_joint += log_b[np.arange(times), paths].sum(axis=1)
    log_likelihood = logsumexp(log_joint)
    weights = np.exp(log_joint - log_likelihood)
    at = paths[..., None] == np.arange(states)
    z = np.einsum("p,ptk->tk", weights, at)
    pairs = np.einsum("p,ptj,ptk->jk", weights, at[:, :-1].astype(float), at[:, 1:].astype(float))
    return log_likelihood, z, pairs


def recursion(log_b, start, P):  # noqa: N803
    """Compute the statistics by the textbook recursions for α and β on logarithms, in NumPy."""
    with np.errstate(divide="ignore"):
        log_p, log_start = np.log(P), np.log(start)
    alpha, beta = np.empty_like(log_b), np.zeros_like(log_b)
    alpha[0] = log_start + log_b[0]
    for t in range(1, len(log_b)):
        alpha[t] = np.logaddexp.reduce(alpha[t - 1][:, None] + log_p, axis=0) + log_b[t]
    for t in range(len(log_b) - 1, 0, -1):
        beta[t - 1] = np.logaddexp.reduce(log_p + log_b[t] + beta[t], axis=1)
    log_likelihood = np.logaddexp.reduce(alpha[-1])
    pairs = alpha[:-1, :, None] + log_p + (log_b + beta)[1:, None, :] - log_likelihood
    return log_likelihood, np.exp(alpha + beta - log_likelihood), np.exp(pairs).sum(axis=0)


def check(log_b, start, P, expected, tolerance=1e-12):  # noqa: N803
    found = em.forward_backward(log_b, start, P)
    log_likelihood, z, pairs = expected
    assert found.log_likelihood == pytest.approx(log_likelihood, rel=1e-12, abs=1e-12)
    np.testing.assert_allclose(found.z, z, rtol=tolerance, atol=1e-14)
    np.testing.assert_allclose(found.transitions, pairs, rtol=tolerance, atol=1e-14 * len(log_b))
    np.testing.assert_allclose(found.starts, found.z[0])


def chain(rng, states):
    return rng.dirichlet(np.ones(states)), rng.dirichlet(np.ones(states), size=states)


@pytest.mark.parametrize("states", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("times", [1, 2, 6])
@pytest.mark.parametrize("scale", [0.1, 3.0, 300.0])
def test_equals_the_sum_over_all_paths(states, times, scale):
    rng = np.random.default_rng(times)
    start, P = chain(rng, states)
    log_b = rng.normal(size=(times, states)) * scale
    check(log_b, start, P, all_paths(log_b, start, P))


zero_or_not = st.sampled_from([0.0, 0.0, 1e-320, 1e-180, 1e-30, 0.1, 1.0])
density = st.sampled_from([-np.inf, -1e4, -800.0, -500.0, -300.0, -1.0, 0.0, 300.0])


@quick
@given(st.data(), st.integers(2, 5), st.integers(1, 5))
def test_exact_with_impossible_and_nearly_impossible_events(data, states, times):
    """Zeros and tiny numbers in any position, which sums of products of doubles would lose."""
    draw = data.draw
    row = st.lists(zero_or_not, min_size=states, max_size=states).filter(any)
    start = np.array(draw(row))
    P = np.array([draw(row) for _ in range(states)])
    start, P = start / start.sum(), P / P.sum(axis=1, keepdims=True)
    rows = st.lists(density, min_size=states, max_size=states)
    log_b = np.array([draw(rows) for _ in range(times)])
    with np.errstate(all="ignore"):
        expected = all_paths(log_b, start, P)
    if np.isneginf(expected[0]):
        with pytest.raises(ValueError, match="has probability 0 in every state"):
            em.forward_backward(log_b, start, P)
        return
    found = em.forward_backward(log_b, start, P)
    assert found.log_likelihood == pytest.approx(expected[0], rel=1e-12, abs=1e-12)
    np.testing.assert_allclose(found.z, expected[1], rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(found.transitions, expected[2], rtol=1e-9, atol=1e-13)


def on_logarithms(log_b, start, P):  # noqa: N803
    """Compute the statistics by the library's slow recursion, which multiplies no probabilities."""
    z, pairs = np.empty_like(log_b), np.zeros_like(P)
    with np.errstate(divide="ignore"):
        log_start, log_p = np.log(start), np.log(P)
    log_likelihood, bad = chain_log.forward_backward_log(log_b, log_start, log_p, z, pairs)
    return bad, (log_likelihood, z, pairs)


tiny = st.sampled_from([0.0, 1e-320, 1e-180, 1e-95, 1e-30])
log_scale = st.sampled_from([0.0, 3.0, 40.0, 200.0, 400.0, 1000.0])


@quick
@given(st.integers(0, 10**6), st.integers(2, 4), st.sampled_from([128, 129, 300]), tiny, log_scale)
def test_exact_in_segments_with_impossible_events(seed, states, times, smallest, scale):
    """Sequences that are cut into segments, with zeros and tiny numbers in any position."""
    rng = np.random.default_rng(seed)
    rare = rng.choice([1.0, smallest], size=(states, states), p=[0.6, 0.4])
    P = rng.uniform(0.1, 1, size=(states, states)) * rare
    P[np.arange(states), rng.integers(states, size=states)] += 0.1
    P /= P.sum(axis=1, keepdims=True)
    start = rng.uniform(0.1, 1, size=states) * rng.choice([1.0, smallest], size=states)
    start = start / start.sum() if start.any() else np.full(states, 1 / states)
    log_b = -scale * rng.exponential(size=(times, states)) * rng.integers(2, size=(times, states))
    log_b[rng.random((times, states)) < rng.choice([0.0, 0.01])] = -np.inf
    bad, expected = on_logarithms(log_b, start, P)
    if bad >= 0:
        with pytest.raises(ValueError, match=rf"log_b\[{bad}\] has"):
            em.forward_backward(log_b, start, P)
    else:
        check(log_b, start, P, expected, 1e-9)


@pytest.mark.parametrize("states", [1, 2, 3, 4])
def test_cutting_a_sequence_does_not_change_the_result(states):
    """Many segments against one recursion, with zeros in P and without."""
    rng = np.random.default_rng(states)
    for sparse in (False, True):
        start, P = chain(rng, states)
        if sparse and states > 1:
            P[0, -1] = 0
            P /= P.sum(axis=1, keepdims=True)
        log_b = rng.normal(size=(5000, states)) * 3
        bad, expected = on_logarithms(log_b, start, P)
        assert bad == -1
        check(log_b, start, P, expected, 1e-10)


def test_results_do_not_depend_on_the_number_of_threads():
    rng = np.random.default_rng(1)
    start, P = chain(rng, 4)
    lengths = np.concatenate([[40_000], rng.integers(1, 500, size=200)])
    log_b = rng.normal(size=(lengths.sum(), 4))
    found = []
    for number in (1, 3):
        with em.threads(number):
            found.append(em.forward_backward(log_b, start, P, lengths))
    one, three = found
    np.testing.assert_array_equal(one.z, three.z)
    np.testing.assert_array_equal(one.transitions, three.transitions)
    assert one.log_likelihood == three.log_likelihood


@pytest.mark.slow
def test_threads_agree_on_which_sequences_are_not_exact():
    """Some segments of one sequence are exact and some are not, on several threads."""
    rng = np.random.default_rng(2)
    P = np.array([[1.0, 0.0], [0.98, 0.02]])
    log_b = rng.normal(size=(20_000, 2)) * 3
    edges, start, z = np.array([0, 20_000]), np.full(2, 0.5), np.empty_like(log_b)
    for _ in range(100):
        with em.threads(4):
            sums, remaining = chain_batched.forward_backward_batched(log_b, edges, start, P, z)
        assert list(remaining) == [0]
        assert not sums.transitions.any()


@pytest.mark.parametrize("zero", [False, True])
def test_one_long_sequence_may_require_logarithms(zero):
    """It is computed on logarithms, and the sums contain nothing from the failed attempt."""
    rng = np.random.default_rng(1)
    start, P = chain(rng, 3)
    P[0, 2] = 0.0 if zero else P[0, 2]
    P /= P.sum(axis=1, keepdims=True)
    log_b = rng.normal(size=(900, 3))
    log_b[420, :2] = -300.0
    log_b[421, 2] = -300.0
    log_b[421, 1] = -np.inf
    parts = [on_logarithms(part, start, P) for part in np.split(log_b, 3)]
    found = em.forward_backward(log_b, start, P, [300, 300, 300])
    log_likelihood = sum(expected[0] for _, expected in parts)
    assert found.log_likelihood == pytest.approx(log_likelihood, rel=1e-13)
    z = np.concatenate([expected[1] for _, expected in parts])
    np.testing.assert_allclose(found.z, z, rtol=1e-10, atol=1e-14)
    transitions = sum(expected[2] for _, expected in parts)
    np.testing.assert_allclose(found.transitions, transitions, rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("which", [segment_links.GIVEN_ALPHA, segment_links.GIVEN_BETA])
def test_wrong_links_between_segments_are_detected(monkeypatch, which):
    rng = np.random.default_rng(1)
    start, P = chain(rng, 4)
    log_b = rng.normal(size=(700, 4))
    fill_given = segment_links._fill_given

    def fill_wrong(sequences, transfers, chain, links, exact):
        fill_given(sequences, transfers, chain, links, exact)
        links[2, which] *= 1 + 1e-8 * np.arange(4)

    arguments = log_b, np.array([0, 700]), start, P, np.empty((700, 4))
    _, remaining = chain_batched.forward_backward_batched(*arguments)
    assert not len(remaining)
    monkeypatch.setattr(segment_links, "_fill_given", fill_wrong)
    sums, remaining = chain_batched.forward_backward_batched(*arguments)
    assert list(remaining) == [0]
    assert not sums.transitions.any()


@pytest.mark.parametrize("bad", [np.nan, -1e4])
def test_a_sequence_that_is_not_exact_does_not_affect_others(bad):
    rng = np.random.default_rng(1)
    start, P = np.array([1.0, 0.0, 0.0]), np.full((3, 3), 1 / 3)
    log_b, edges = rng.normal(size=(1200, 3)), np.array([0, 400, 800, 1200])
    log_b[400, 0] = bad
    z = np.empty((1200, 3))
    _, remaining = chain_batched.forward_backward_batched(log_b, edges, start, P, z)
    assert list(remaining) == [1]
    found = em.forward_backward(log_b, start, P, np.diff(edges))
    for begin in (0, 800):
        part = em.forward_backward(log_b[begin : begin + 400], start, P)
        np.testing.assert_array_equal(found.z[begin : begin + 400], part.z)


def test_a_state_of_tiny_probability_at_a_cut_may_dominate_later():
    """Only one path leads to the last state, at a boundary between segments of 900 rows."""
    P = np.array([[0.5, 0.5, 1e-320], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    log_b = np.zeros((900, 3))
    log_b[:225, 2] = -np.inf
    log_b[224, 0] = -23.0
    log_b[225:, 0] = -np.inf
    log_b[225:, 1] = -1.2
    start = np.array([0.5, 0.5, 0.0])
    bad, expected = on_logarithms(log_b, start, P)
    assert bad == -1
    assert expected[1][-1, 2] > 0.99
    check(log_b, start, P, expected, 1e-9)


@pytest.mark.parametrize("states", [2, 3, 4, 5, 8, 9])
@pytest.mark.parametrize("times", [127, 128, 129, 1000])
def test_agrees_with_the_recursion_on_logarithms(states, times):
    rng = np.random.default_rng(times + states)
    start, P = chain(rng, states)
    log_b = rng.normal(size=(times, states)) * 3
    check(log_b, start, P, recursion(log_b, start, P), 1e-10)


@pytest.mark.parametrize("states", [3, 6])
def test_left_to_right_chain(states):
    """Most transitions are impossible, and most states cannot be reached in the first rows."""
    rng = np.random.default_rng(1)
    P = np.triu(np.tril(rng.uniform(0.1, 1, (states, states)), 1))
    P /= P.sum(axis=1, keepdims=True)
    start = np.eye(states)[0]
    log_b = rng.normal(size=(400, states)) * 4
    check(log_b, start, P, recursion(log_b, start, P), 1e-10)
    found = em.forward_backward(log_b, start, P)
    assert not found.transitions[P == 0].any()
    np.testing.assert_allclose(found.z[0], start, rtol=1e-14)
    assert not np.triu(found.z[:states], 1).any()


def test_a_state_of_tiny_probability_may_dominate_later():
    """A state has probability 1e-313 in the first row, although no single step underflows."""
    log_b = np.zeros((14, 2))
    log_b[0, 1], log_b[7:, 0] = -720, -230
    start = np.array([0.5, 0.5])
    found = em.forward_backward(log_b, start, np.eye(2))
    np.testing.assert_allclose(found.z[:, 1], 1)
    assert found.log_likelihood == pytest.approx(-720 + np.log(0.5))
    np.testing.assert_allclose(found.transitions, [[0, 0], [0, 13]], atol=1e-300)


def test_an_unreachable_state_may_have_the_largest_densities():
    """Its backward variable grows by a factor exp(5) in each row and would overflow."""
    log_b = np.column_stack([np.full(2000, -5.0), np.zeros(2000)])
    found = em.forward_backward(log_b, [1.0, 0.0], np.eye(2))
    assert found.log_likelihood == -10_000
    np.testing.assert_array_equal(found.z, np.tile([1.0, 0.0], (2000, 1)))
    np.testing.assert_array_equal(found.transitions, [[1999, 0], [0, 0]])


def test_a_final_state_without_transitions_ends_sequences_of_any_length():
    rng = np.random.default_rng(1)
    start, P = np.array([0.6, 0.4, 0.0]), np.array([[0.5, 0.3, 0.2], [0.2, 0.5, 0.3], [0, 0, 0]])
    lengths = rng.integers(2, 60, size=30)
    log_b, ends = rng.normal(size=(lengths.sum(), 3)), np.cumsum(lengths)
    log_b[:, 2], log_b[ends - 1] = -np.inf, [-np.inf, -np.inf, 0.0]
    found = em.forward_backward(log_b, start, P, lengths)
    parts = [on_logarithms(part, start, P)[1] for part in np.split(log_b, ends[:-1])]
    assert found.log_likelihood == pytest.approx(sum(part[0] for part in parts), rel=1e-13)
    z = np.concatenate([part[1] for part in parts])
    np.testing.assert_allclose(found.z, z, rtol=1e-11, atol=1e-14)
    transitions = sum(part[2] for part in parts)
    np.testing.assert_allclose(found.transitions, transitions, rtol=1e-11)


@pytest.mark.parametrize("gap", [5.0, 50.0, 500.0])
@pytest.mark.parametrize("times", [100, 2000])
def test_backward_variables_of_unreachable_states_do_not_matter(gap, times):
    """The backward variable grows by a factor exp(gap) in each row and would overflow."""
    log_b = np.column_stack([np.full(2000, -gap), np.zeros(2000)])
    sequences = 2000 // times
    found = em.forward_backward(log_b, [1.0, 0.0], np.eye(2), np.full(sequences, times))
    assert found.log_likelihood == pytest.approx(-2000 * gap, rel=1e-14)
    np.testing.assert_allclose(found.z[:, 0], 1, rtol=1e-13)
    assert not found.z[:, 1].any()
    assert found.transitions[0, 0] == pytest.approx(2000 - sequences, rel=1e-13)
    assert np.count_nonzero(found.transitions) == 1


def test_probabilities_and_logarithms_agree():
    """Two implementations on a sequence for which both are exact."""
    rng = np.random.default_rng(1)
    for states in (3, 7):
        start, P = chain(rng, states)
        log_b = rng.normal(size=(3000, states)) * 5
        bad, expected = on_logarithms(log_b, start, P)
        assert bad == -1
        check(log_b, start, P, expected, 1e-9)


def test_long_sequences_keep_their_digits():
    """With identical rows the exact log-likelihood and γ are known."""
    P = np.array([[0.9, 0.1], [0.3, 0.7]])
    found = em.forward_backward(np.full((200_000, 2), -3.0), [0.75, 0.25], P)
    assert found.log_likelihood == pytest.approx(-600_000, rel=1e-14)
    np.testing.assert_allclose(found.z, np.tile([0.75, 0.25], (200_000, 1)), rtol=1e-10)
    expected = 199_999 * np.array([[0.675, 0.075], [0.075, 0.175]])
    np.testing.assert_allclose(found.transitions, expected, rtol=1e-10)


def test_results_do_not_depend_on_the_memory_addresses_of_buffers():
    """A loop over several arrays could be vectorised or not, depending on their distance."""
    rng = np.random.default_rng(1)
    P = np.zeros((8, 8))
    P[:6, :6] = rng.dirichlet(np.ones(6), size=6)
    b = np.zeros((128, 8))
    b[:, :6] = np.exp(rng.normal(size=(128, 6)))
    found = set()
    for distance in range(8, 200):
        memory = np.zeros(208)
        for one, other in ((0, distance), (distance, 0)):
            prediction, a = memory[one : one + 8], memory[other : other + 8]
            prediction[:6], prediction[6:] = 1 / 6, 0
            alpha = np.empty((128, 6))
            chain_scaled.forward(b, 128, P, prediction, a, alpha)
            found.add(alpha.tobytes())
    assert len(found) == 1


@pytest.mark.parametrize("states", [3, 6])
def test_sequences_of_any_lengths_are_independent(states):
    rng = np.random.default_rng(1)
    start, P = chain(rng, states)
    lengths = rng.integers(1, 300, size=150)
    log_b = rng.normal(size=(lengths.sum(), states))
    whole = em.forward_backward(log_b, start, P, lengths)
    pieces = np.split(log_b, np.cumsum(lengths)[:-1])
    parts = [em.forward_backward(piece, start, P) for piece in pieces]
    np.testing.assert_array_equal(whole.z, np.concatenate([part.z for part in parts]))
    np.testing.assert_allclose(whole.transitions, sum(part.transitions for part in parts))
    np.testing.assert_allclose(whole.starts, sum(part.starts for part in parts))
    total = sum(part.log_likelihood for part in parts)
    assert whole.log_likelihood == pytest.approx(total, rel=1e-13)
    assert whole.transitions.sum() == pytest.approx(lengths.sum() - len(lengths), rel=1e-12)
    assert whole.starts.sum() == pytest.approx(len(lengths), rel=1e-12)


def test_a_row_of_zeros_is_a_time_without_observation():
    """The result is that of the neighbouring times with the transition matrix P @ P."""
    rng = np.random.default_rng(1)
    start, P = chain(rng, 3)
    log_b = rng.normal(size=(3, 3))
    log_b[1] = 0
    found = em.forward_backward(log_b, start, P)
    skipped = em.forward_backward(log_b[[0, 2]], start, P @ P)
    assert found.log_likelihood == pytest.approx(skipped.log_likelihood, rel=1e-14)
    np.testing.assert_allclose(found.z[[0, 2]], skipped.z, rtol=1e-13)


def test_permuting_the_states_permutes_the_result():
    rng = np.random.default_rng(1)
    start, P = chain(rng, 4)
    log_b, order = rng.normal(size=(500, 4)), [2, 0, 3, 1]
    found = em.forward_backward(log_b, start, P)
    other = em.forward_backward(log_b[:, order], start[order], P[np.ix_(order, order)])
    assert other.log_likelihood == pytest.approx(found.log_likelihood, rel=1e-14)
    np.testing.assert_allclose(other.z, found.z[:, order], rtol=1e-10)
    transitions = found.transitions[np.ix_(order, order)]
    np.testing.assert_allclose(other.transitions, transitions, rtol=1e-12)


def test_an_impossible_row_is_named():
    log_b = np.zeros((300, 2))
    log_b[250] = -np.inf
    with pytest.raises(ValueError, match=r"log_b\[250\] has probability 0"):
        em.forward_backward(log_b, [0.5, 0.5], np.full((2, 2), 0.5), [100, 200])
    log_b = np.array([[0.0, -np.inf], [-np.inf, 0.0]])
    with pytest.raises(ValueError, match=r"log_b\[1\] has"):
        em.forward_backward(log_b, [0.5, 0.5], np.eye(2))


@pytest.mark.parametrize("other", [0.0, -np.inf])
@pytest.mark.parametrize("state", [0, 1])
def test_nan_affects_only_its_sequence(state, other):
    log_b = np.zeros((30, 2))
    log_b[15] = other
    log_b[15, state] = np.nan
    found = em.forward_backward(log_b, [0.5, 0.5], np.full((2, 2), 0.5), [10, 10, 10])
    assert np.isnan(found.log_likelihood)
    assert np.isnan(found.z[10:20]).all()
    assert (found.z[:10] == 0.5).all()
    assert (found.z[20:] == 0.5).all()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"log_b": np.zeros(3)}, ValueError, r"log_b has shape \(3,\), expected 2 axes"),
        ({"log_b": np.zeros((0, 2))}, ValueError, "log_b is empty"),
        ({"log_b": np.zeros((3, 2), np.float32)}, TypeError, "log_b is float32"),
        ({"start": [1.0]}, ValueError, r"start has shape \(1,\), expected \(2,\)"),
        ({"P": np.eye(3)}, ValueError, r"P has shape \(3, 3\), expected \(2, 2\)"),
        ({"lengths": [1, 1]}, ValueError, "add up to 2; expected .* add up to 3"),
        ({"lengths": [3, 0]}, ValueError, "expected positive numbers"),
        ({"lengths": [4, -1]}, ValueError, "expected positive numbers"),
        ({"lengths": [1.5, 1.5]}, TypeError, "lengths are float64; expected integers"),
    ],
)
def test_mismatched_arguments_are_refused(change, error, message):
    arguments = {"log_b": np.zeros((3, 2)), "start": [0.5, 0.5], "P": np.eye(2)} | change
    with pytest.raises(error, match=message):
        em.forward_backward(**arguments)


@pytest.mark.parametrize("offset", [1e6, 1e12])
def test_a_constant_of_all_log_densities_costs_no_digits(offset):
    rng = np.random.default_rng(1)
    start, P = chain(rng, 3)
    log_b = rng.integers(-40, 0, size=(50, 3)) / 8
    expected = em.forward_backward(log_b, start, P)
    found = em.forward_backward(log_b - offset, start, P)
    np.testing.assert_allclose(found.z, expected.z, rtol=1e-13)
    np.testing.assert_allclose(found.transitions, expected.transitions, rtol=1e-13)
    assert found.log_likelihood == pytest.approx(expected.log_likelihood - 50 * offset, rel=1e-14)


def test_the_first_impossible_row_of_all_sequences_is_named():
    log_b = np.zeros((9, 2))
    log_b[[4, 7]] = -np.inf
    with pytest.raises(em.ImpossibleRowError) as caught:
        em.forward_backward(log_b, [0.5, 0.5], np.full((2, 2), 0.5), [3, 4, 2])
    assert caught.value.row == 4
    assert pickle.loads(pickle.dumps(caught.value)).row == 4
