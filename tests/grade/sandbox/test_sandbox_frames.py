"""The format of messages: what is sent arrives, and what is malformed is refused."""

import json

import numpy as np
import pytest

from latentfit.grade.sandbox import _frames
from latentfit.grade.sandbox._frames import MalformedFrame, NotNumbers, decode, encode, sizes

ROUND_TRIPS = [
    None,
    True,
    -3,
    2.5,
    float("inf"),
    [],
    (),
    {},
    [1.0, 2.0],
    [[1, 2], [3, 4]],
    [1, [2, 3]],
    [True, False],
    (1,),
    [[1, 2], [3]],
    [[], []],
    {"mu": [1.0], "nested": {"a": (None, 2)}},
]


def _received(frame, max_body_bytes=1 << 30):
    head_bytes, body_bytes = sizes(frame, max_body_bytes)
    start = _frames.PREFIX_BYTES
    assert len(frame) == start + head_bytes + body_bytes
    return decode(frame[start : start + head_bytes], frame[start + head_bytes :])


@pytest.mark.parametrize("value", ROUND_TRIPS, ids=repr)
def test_python_values_arrive_with_their_types(value):
    fields, received = _received(encode({"nonce": "1"}, value))
    assert fields == {"nonce": "1"}
    assert repr(received) == repr(value)


@pytest.mark.parametrize(
    "dtype", ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", ">f8", ">i4"]
)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3)])
def test_arrays_arrive(dtype, shape):
    array = np.random.default_rng(1).integers(0, 2, shape).astype(dtype)
    _, received = _received(encode({}, {"array": array}))
    assert received["array"].dtype == array.dtype.newbyteorder("=")
    assert received["array"].flags.writeable
    assert received["array"].flags.owndata
    np.testing.assert_array_equal(received["array"], array, strict=dtype[0] != ">")


def test_arrays_in_any_memory_order_arrive():
    array = np.arange(24.0).reshape(2, 3, 4)
    for view in (array.T, array[:, ::-1], np.asfortranarray(array), np.broadcast_to(1.0, (2, 2))):
        np.testing.assert_array_equal(_received(encode({}, view))[1], view)


def test_numpy_scalars_arrive_as_such():
    _, received = _received(encode({}, [np.float32(1.5), np.int64(2), np.bool_(True)]))
    assert [type(one) for one in received] == [np.float32, np.int64, np.bool_]


def test_mixed_numbers_in_a_list_arrive_with_their_values():
    assert _received(encode({}, [1, 2.5]))[1] == [1, 2.5]
    assert repr(_received(encode({}, [1, True]))[1]) == "[1, True]"
    integers = [(1 << 53) + 1, 1]
    assert repr(_received(encode({}, integers))[1]) == repr(integers)


def test_long_double_arrives_as_double():
    _, received = _received(encode({}, np.array([1.5], dtype=np.longdouble)))
    assert received.dtype == np.float64


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("text", "of type str"),
        ({"a": {"b": "text"}}, r"the entry \['a'\]\['b'\] is of type str"),
        ([1.0, None, b"x"], r"the entry \[2\] is of type bytes"),
        ({1: 2.0}, "key that is not a short string"),
        ({"a" * 300: 2.0}, "key that is not a short string"),
        (np.array([1j]), "dtype complex128"),
        (np.array([None]), "dtype object"),
        (np.array(["a"]), "dtype str"),
        (1 << 63, "more than 64 bits"),
        ([1 << 63, 1], "more than 64 bits"),
        (np.ma.masked_array([1.0]), "masked array"),
        (lambda: 1, "of type function"),
        ([[[[[[[[[[[[[[[[[[["deep"]]]]]]]]]]]]]]]]]]], "nested too deeply"),
        ([None] * 20_000, "too many entries"),
        ([1.0] * 1_000_001, "too many numbers"),
    ],
)
def test_what_is_not_numbers_is_refused_with_its_place(value, reason):
    with pytest.raises(NotNumbers, match=reason):
        encode({}, value)


def test_arrays_above_the_limit_are_not_copied():
    array = np.broadcast_to(1.0, (1 << 30, 1 << 10))
    with pytest.raises(NotNumbers, match="larger than the limit"):
        encode({}, array, 1 << 20)


@pytest.mark.parametrize(("head", "body"), [(1 << 30, 0), (0, 1 << 40), (0xFFFFFFFF, 1 << 63)])
def test_announced_sizes_are_limited(head, body):
    prefix = head.to_bytes(4, "little") + body.to_bytes(8, "little")
    with pytest.raises(MalformedFrame, match="too large"):
        sizes(prefix, 1 << 20)


def _node(**changes):
    return {"kind": "array", "dtype": "<f8", "shape": [1], **changes}


MALFORMED = {
    "no object": [],
    "no value": {},
    "no node": {"value": 1},
    "unknown kind": {"value": _node(kind="object")},
    "kind of another type": {"value": _node(kind=["array"])},
    "further fields": {"value": _node(offset=0)},
    "object dtype": {"value": _node(dtype="|O")},
    "record dtype": {"value": _node(dtype="<f8,<f8")},
    "big-endian dtype": {"value": _node(dtype=">f8")},
    "negative shape": {"value": _node(shape=[-1])},
    "negative shapes": {"value": _node(shape=[-1, -1])},
    "shape of a boolean": {"value": _node(shape=[True])},
    "shape of a float": {"value": _node(shape=[1.0])},
    "shape beyond memory": {"value": _node(shape=[1 << 40])},
    "shape beyond 64 bits": {"value": _node(shape=[1 << 63, 2])},
    "empty shape beyond 64 bits": {"value": _node(shape=[1 << 63, 0])},
    "too many dimensions": {"value": _node(shape=[1] * 40)},
    "longer than the body": {"value": _node(shape=[2])},
    "shorter than the body": {"value": _node(dtype="<f4")},
    "scalar with dimensions": {"value": _node(kind="scalar")},
    "number of NumPy's": {"value": _node(kind="number", dtype="<f4", shape=[])},
    "same name twice": {"value": {"kind": "dict", "items": [["a", _node(shape=[0])]] * 2}},
    "no name": {"value": {"kind": "dict", "items": [[1, {"kind": "none"}]]}},
    "name with an escape": {"value": {"kind": "dict", "items": [["\x1b", {"kind": "none"}]]}},
    "name with a surrogate": {"value": {"kind": "dict", "items": [["\ud800", {"kind": "none"}]]}},
    "entry of three": {"value": {"kind": "dict", "items": [["a", {"kind": "none"}, 1]]}},
    "items of another type": {"value": {"kind": "list", "items": {"kind": "none"}}},
    "NaN": {"value": {"kind": "none"}, "line": float("nan")},
    "too many nodes": {"value": {"kind": "list", "items": [{"kind": "none"}] * 20_000}},
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_messages_are_refused(case):
    with pytest.raises(MalformedFrame):
        decode(json.dumps(MALFORMED[case]).encode(), bytes(8))


@pytest.mark.parametrize(
    "head",
    [b"", b"\xff", b"{", b"[" * 100_000, b"1" * 100_000, b'{"value": ' * 50_000, b"null"],
    ids=lambda head: repr(head[:12]),
)
def test_heads_that_are_not_json_are_refused(head):
    with pytest.raises(MalformedFrame):
        decode(head, b"")


def test_nested_messages_are_refused_without_recursion():
    node = {"kind": "none"}
    for _ in range(100):
        node = {"kind": "list", "items": [node]}
    with pytest.raises(MalformedFrame, match="deeply"):
        decode(json.dumps({"value": node}).encode(), b"")


def test_booleans_other_than_0_and_1_are_refused():
    head = json.dumps({"value": _node(dtype="|b1", shape=[8])}).encode()
    with pytest.raises(MalformedFrame, match="neither true nor false"):
        decode(head, b"\2" * 8)


def test_changed_frames_are_refused_or_consist_of_numbers():
    """Every single changed byte of a frame."""
    frame = bytearray(encode({"nonce": "1"}, {"a": np.arange(2.0), "b": [1, (None,)]}))
    rng = np.random.default_rng(2)
    for position in range(len(frame)):
        changed = bytearray(frame)
        changed[position] ^= int(rng.integers(1, 256))
        try:
            head_bytes, _ = sizes(changed, 1 << 20)
            start = _frames.PREFIX_BYTES
            _, value = decode(changed[start : start + head_bytes], changed[start + head_bytes :])
        except MalformedFrame:
            continue
        encode({}, value)
