"""Forward-backward for four states and fewer, of many pieces of sequences side by side.

With b and α as in `chain_scaled`, the prediction q_t = α_{t-1} P, and c_t = Σ_k q_tk b_tk,

    α_t = q_t b_t / c_t,   u_t = b_t β_t / c_t,   β_{t-1} = P u_t,
    γ_t = α_t β_t,         ξ_tjk = α_{t-1,j} P_jk u_tk

(Rabiner 1989), which are Kim's γ and ξ, as u = γ / q. Where α is 0, so is u.

A sequence longer than `LONGEST` is cut. For a piece from s to e let

    M = diag(b_s) P diag(b_{s+1}) P ... P diag(b_e).

Then α_e is proportional to q_s M, and β_{s-1} to P M β_e. These products of four by four matrices
are taken for all pieces side by side; α and β go from piece to piece through them; and each piece
is then a sequence of its own, with q_s where it starts and β_e where it ends.

Products of doubles lose what is below 1e-308. The rules of `chain_scaled` hold for every c and α
of every piece, so that its own α and β are exact if those are that it was cut with. M has lost
nothing that matters if these are met again: α at the end of a piece is what the next one began
with, β before a piece what the one before ended with, up to rounding errors. As the first α and the
last β are known, all are exact then. Other sequences are left over.

L. R. Rabiner (1989). A tutorial on hidden Markov models and selected applications in speech
recognition. *Proceedings of the IEEE* 77, 257-286.
"""

import math
from typing import NamedTuple

import numpy as np

from latentfit.em.primitives._compiled import lanes
from latentfit.em.primitives._compiled.chain_scaled import LEAST_STATE, LEAST_SUM, LEAST_TRANSITION
from latentfit.em.primitives._compiled.chunks import MOST_CHUNKS, spread
from latentfit.em.primitives._compiled.jit import fused
from latentfit.em.primitives._compiled.lanes import (
    ALPHA,
    GAMMA,
    LANES,
    LEAST,
    LIFTED,
    LOG_LIFT,
    MATRIX,
    PRODUCT,
    SHARE,
    STATE,
    STATES,
    WIDTH,
)

# Rows of a piece; a power of two would let the same rows of all pieces collide in the cache.
LONGEST = 120
# Relative, of as many products of matrices as a piece has rows.
_ROUNDING = 1e-10
# Of each piece that a sequence was cut into: α before it, or 0 if it is the first, and β at its
# end, by which it was cut; α at its end and β before it, which were found.
BEFORE, AFTER, LAST, FIRST = range(4)


class Sums(NamedTuple):
    """Of the sequences that were dealt with: pairs of states, first states, log p(x)."""

    transitions: np.ndarray
    starts: np.ndarray
    height: float


class _Model(NamedTuple):
    """Padded with zeros to four states; `dense` if all of P is at least 1e-100."""

    start: np.ndarray
    P: np.ndarray
    P_transposed: np.ndarray
    dense: bool


class _Pieces(NamedTuple):
    """The longest first: rows, the sequence it is of, and its place among all pieces by time."""

    begins: np.ndarray
    lengths: np.ndarray
    owner: np.ndarray
    place: np.ndarray


class _Found(NamedTuple):
    """γ of all rows, and for each chunk Σ α_{t-1,j} u_tk, first states and log p(x)."""

    z: np.ndarray
    pairs: np.ndarray
    starts: np.ndarray
    heights: np.ndarray


def side_by_side(
    log_b: np.ndarray,
    edges: np.ndarray,
    start: np.ndarray,
    P: np.ndarray,  # noqa: N803
    z: np.ndarray,
) -> tuple[Sums, np.ndarray]:
    """Fill γ of all sequences that can be dealt with; the numbers of those that are left over."""
    states = len(start)
    forth, first = np.zeros((STATES, STATES)), np.zeros(STATES)
    forth[:states, :states], first[:states] = P, start
    dense = bool((P >= LEAST_TRANSITION).all())
    model = _Model(first, forth, np.ascontiguousarray(forth.T), dense)
    lengths = np.diff(edges)
    exact = np.ones(len(lengths), dtype=np.bool_)
    pairs, starts, height = np.zeros((STATES, STATES)), np.zeros(STATES), 0.0
    long = lengths > LONGEST
    for which in (np.flatnonzero(~long), np.flatnonzero(long)):
        if not len(which):
            continue
        whole, links = (edges[which], lengths[which], which), np.empty((0, 4, STATES))
        if long[which[0]]:
            whole = _cut(*whole)
            pieces = _sorted(*whole)
            links = _linked(log_b, pieces, whole[2], model, exact)
        else:
            pieces = _sorted(*whole)
        before = exact[which]
        found = _smoothed(log_b, pieces, links, model, exact, z)
        if len(links):
            _meet(whole[2], links, exact)
            if not (exact[which] == before).all():
                # Pieces of a sequence that turned out not to be exact are in the sums.
                exact[which] = False
                continue
        pairs += found.pairs.sum(axis=0)
        starts += found.starts.sum(axis=0)
        height += float(found.heights.sum())
    transitions = P * pairs[:states, :states]
    return Sums(transitions, starts[:states], height), np.flatnonzero(~exact)


def _cut(
    begins: np.ndarray, lengths: np.ndarray, owner: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As few pieces as may be, those of a sequence about as long as one another."""
    parts = -(-lengths // LONGEST)
    number = np.repeat(parts, parts)
    part = np.arange(len(number)) - np.repeat(np.cumsum(parts) - parts, parts)
    length = np.repeat(lengths, parts)
    first, last = length * part // number, length * (part + 1) // number
    return np.repeat(begins, parts) + first, last - first, np.repeat(owner, parts)


def _sorted(begins: np.ndarray, lengths: np.ndarray, owner: np.ndarray) -> _Pieces:
    place = np.argsort(-lengths, kind="stable")
    return _Pieces(begins[place], lengths[place], owner[place], place)


def _chunks(pieces: _Pieces) -> np.ndarray:
    """Where chunks begin, each some groups of pieces; how does not depend on threads."""
    count = len(pieces.lengths)
    groups = -(-count // LANES)
    chunks = min(groups, MOST_CHUNKS)
    return np.minimum(np.arange(chunks + 1) * groups // chunks * LANES, count)


def _linked(
    log_b: np.ndarray, pieces: _Pieces, owner: np.ndarray, model: _Model, exact: np.ndarray
) -> np.ndarray:
    """What each piece is cut with, by its place, as `owner` is; room for what is found."""
    products = np.empty((len(pieces.lengths), STATES, STATES))
    links = np.empty((len(pieces.lengths), 4, STATES))
    cuts = _chunks(pieces)
    work = 200 * int(pieces.lengths.sum())
    spread(_multiply, len(cuts) - 1, work, log_b, pieces, model, cuts, products)
    _link(owner, products, model, links, exact)
    return links


def _smoothed(
    log_b: np.ndarray,
    pieces: _Pieces,
    links: np.ndarray,
    model: _Model,
    exact: np.ndarray,
    z: np.ndarray,
) -> _Found:
    cuts = _chunks(pieces)
    chunks = len(cuts) - 1
    pairs, starts = np.zeros((chunks, STATES, STATES)), np.zeros((chunks, STATES))
    found = _Found(z, pairs, starts, np.zeros(chunks))
    work = 100 * int(pieces.lengths.sum())
    spread(_smooth, chunks, work, log_b, pieces, links, model, cuts, exact, found)
    return found


@fused
def _group(pieces: _Pieces, begin: int, end: int) -> _Pieces:
    """As many as go side by side."""
    return _Pieces(
        pieces.begins[begin:end],
        pieces.lengths[begin:end],
        pieces.owner[begin:end],
        pieces.place[begin:end],
    )


@fused
def _multiply(
    first: int,
    last: int,
    log_b: np.ndarray,
    pieces: _Pieces,
    model: _Model,
    cuts: np.ndarray,
    products: np.ndarray,
) -> None:
    """M of each piece, over its sum."""
    table, height, matrix = np.empty((LONGEST, WIDTH)), np.empty(LANES), np.empty(MATRIX)
    for begin in range(cuts[first], cuts[last], LANES):
        group = _group(pieces, begin, min(begin + LANES, cuts[last]))
        lanes.load(log_b, group.begins, group.lengths, table, height)
        t = 0
        for lane in range(len(group.lengths) - 1, -1, -1):
            if group.lengths[lane] > t:
                lanes.product(table, t, group.lengths[lane], model.P, matrix)
                t = group.lengths[lane]
            for j in range(STATES):
                for k in range(STATES):
                    entry = matrix[(STATES * j + k) * LANES + lane]
                    products[group.place[lane], j, k] = entry * matrix[SHARE + lane]


@fused
def _link(
    owner: np.ndarray, products: np.ndarray, model: _Model, links: np.ndarray, exact: np.ndarray
) -> None:
    """α and β from piece to piece."""
    ahead, alpha, beta = np.empty(STATES), np.empty(STATES), np.empty(STATES)
    for piece in range(len(owner)):
        if piece == 0 or owner[piece] != owner[piece - 1]:
            ahead[:], alpha[:] = model.start, 0.0
        links[piece, BEFORE] = alpha
        if not _apply(ahead, products[piece], alpha) > LEAST_SUM:
            exact[owner[piece]] = False
        _apply(alpha, model.P, ahead)
    for piece in range(len(owner) - 1, -1, -1):
        if piece == len(owner) - 1 or owner[piece] != owner[piece + 1]:
            beta[:] = 1.0
        links[piece, AFTER] = beta
        _apply(beta, products[piece].T, alpha)
        _apply(alpha, model.P_transposed, beta)


@fused
def _apply(v: np.ndarray, matrix: np.ndarray, out: np.ndarray) -> float:
    """v matrix over its sum, and that."""
    total = 0.0
    for k in range(STATES):
        out[k] = 0.0
        for j in range(STATES):
            out[k] += v[j] * matrix[j, k]
        total += out[k]
    for k in range(STATES):
        out[k] /= total
    return total


@fused
def _meet(owner: np.ndarray, links: np.ndarray, exact: np.ndarray) -> None:
    """Whether α and β that pieces were cut with are those that were found."""
    found, given = np.empty(STATES), np.empty(STATES)
    for piece in range(1, len(owner)):
        if owner[piece] != owner[piece - 1] or not exact[owner[piece]]:
            continue
        alpha = links[piece - 1, LAST]
        same = _same(alpha, links[piece, BEFORE])
        for k in range(STATES):
            found[k] = alpha[k] * links[piece, FIRST, k]
            given[k] = alpha[k] * links[piece - 1, AFTER, k]
        if not (same and _same(found / found.sum(), given / given.sum())):
            exact[owner[piece]] = False


@fused
def _same(found: np.ndarray, given: np.ndarray) -> bool:
    """Up to rounding errors, where there is more than next to nothing."""
    for k in range(STATES):
        if max(found[k], given[k]) < LEAST_STATE:
            continue
        if not abs(found[k] - given[k]) <= _ROUNDING * found[k]:
            return False
    return True


@fused
def _smooth(
    first: int,
    last: int,
    log_b: np.ndarray,
    pieces: _Pieces,
    links: np.ndarray,
    model: _Model,
    cuts: np.ndarray,
    exact: np.ndarray,
    found: _Found,
) -> None:
    """γ of each piece, and the sums of each chunk."""
    table, height, state = np.empty((LONGEST, WIDTH)), np.empty(LANES), np.empty(STATE)
    before, opens = np.empty((LANES, STATES)), np.empty(LANES, np.bool_)
    usable, sums = np.empty(LANES, np.bool_), np.empty(STATES * STATES * LANES)
    for chunk in range(first, last):
        for begin in range(cuts[chunk], cuts[chunk + 1], LANES):
            group = _group(pieces, begin, min(begin + LANES, cuts[chunk + 1]))
            lanes.load(log_b, group.begins, group.lengths, table, height)
            _enter(group, links, model, before, opens, state)
            _forth(group, model, exact, table, state, height, usable)
            if not model.dense:
                _look(group, log_b, model, before, opens, exact, table, usable)
            _back(group, links, model, table, state)
            lanes.store(table, group.begins, group.lengths, found.z)
            sums[:] = 0.0
            lanes.pairs(table, group.lengths[0], sums)
            _add(group, chunk, table, height, before, opens, usable, sums, found)


@fused
def _enter(
    group: _Pieces,
    links: np.ndarray,
    model: _Model,
    before: np.ndarray,
    opens: np.ndarray,
    state: np.ndarray,
) -> None:
    """Predictions of the first rows, α before them, and which pieces have none before them."""
    state[:PRODUCT], state[PRODUCT:LIFTED] = 1.0, 1.0
    state[LIFTED:LEAST], state[LEAST:] = 0.0, np.inf
    for lane in range(len(group.lengths)):
        opens[lane] = True
        for k in range(STATES):
            before[lane, k] = links[group.place[lane], BEFORE, k] if len(links) else 0.0
            opens[lane] = opens[lane] and before[lane, k] == 0.0
        for k in range(STATES):
            ahead = model.start[k] if opens[lane] else 0.0
            for j in range(STATES):
                ahead += before[lane, j] * model.P[j, k]
            state[k * LANES + lane] = ahead


@fused
def _forth(
    group: _Pieces,
    model: _Model,
    exact: np.ndarray,
    table: np.ndarray,
    state: np.ndarray,
    height: np.ndarray,
    usable: np.ndarray,
) -> None:
    """α and log p(x) of each piece, and whether all c are large enough."""
    t = 0
    for lane in range(len(group.lengths) - 1, -1, -1):
        if group.lengths[lane] > t:
            lanes.forward(table, t, group.lengths[lane], model.P, state)
            t = group.lengths[lane]
        height[lane] += math.log(state[PRODUCT + lane]) - LOG_LIFT * state[LIFTED + lane]
        usable[lane] = exact[group.owner[lane]] and state[LEAST + lane] > LEAST_SUM
        if not usable[lane]:
            # Another thread may have said so of another piece, and never the opposite.
            exact[group.owner[lane]] = False


@fused
def _look(
    group: _Pieces,
    log_b: np.ndarray,
    model: _Model,
    before: np.ndarray,
    opens: np.ndarray,
    exact: np.ndarray,
    table: np.ndarray,
    usable: np.ndarray,
) -> None:
    """Whether no path leads to states that have next to nothing; b of these becomes 0."""
    for lane in range(len(group.lengths)):
        for t in range(group.lengths[lane] if usable[lane] else 0):
            for k in range(log_b.shape[1]):
                little = table[t, ALPHA + k * LANES + lane] < LEAST_STATE
                if not little or log_b[group.begins[lane] + t, k] == -np.inf:
                    continue
                if t == 0 and opens[lane] and model.start[k] > 0.0:
                    usable[lane] = False
                for j in range(STATES):
                    alpha = table[t - 1, ALPHA + j * LANES + lane] if t > 0 else before[lane, j]
                    if alpha > 0.0 and model.P[j, k] > 0.0:
                        usable[lane] = False
                table[t, k * LANES + lane] = 0.0
        if not usable[lane]:
            exact[group.owner[lane]] = False


@fused
def _back(
    group: _Pieces, links: np.ndarray, model: _Model, table: np.ndarray, state: np.ndarray
) -> None:
    """γ and u of each piece, from β at its end."""
    state[:] = 0.0
    t = group.lengths[0]
    for lane in range(len(group.lengths)):
        if group.lengths[lane] < t:
            lanes.backward(table, group.lengths[lane], t, model.P_transposed, state)
            t = group.lengths[lane]
        total = 0.0
        for k in range(STATES):
            alpha = table[t - 1, ALPHA + k * LANES + lane]
            beta = 1.0
            if len(links):
                beta = links[group.place[lane], AFTER, k]
                links[group.place[lane], LAST, k] = alpha
            state[k * LANES + lane] = beta
            total += alpha * beta
        for k in range(STATES):
            state[k * LANES + lane] /= total
    lanes.backward(table, 0, t, model.P_transposed, state)
    for lane in range(len(group.lengths) if len(links) else 0):
        for k in range(STATES):
            links[group.place[lane], FIRST, k] = state[k * LANES + lane]


@fused
def _add(
    group: _Pieces,
    chunk: int,
    table: np.ndarray,
    height: np.ndarray,
    before: np.ndarray,
    opens: np.ndarray,
    usable: np.ndarray,
    sums: np.ndarray,
    found: _Found,
) -> None:
    """Add what pieces have to the sums of their chunk."""
    for lane in range(len(group.lengths)):
        if not usable[lane]:
            continue
        found.heights[chunk] += height[lane]
        for j in range(STATES):
            for k in range(STATES):
                across = before[lane, j] * table[0, k * LANES + lane]
                inside = sums[(STATES * j + k) * LANES + lane]
                found.pairs[chunk, j, k] += inside + across
        for k in range(STATES if opens[lane] else 0):
            found.starts[chunk, k] += table[0, GAMMA + k * LANES + lane]
