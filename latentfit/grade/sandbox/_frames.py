"""The format in which the two processes exchange values: numbers, and the names of numbers.

A frame consists of a prefix of 12 bytes (the lengths of the two parts that follow), a head in JSON,
and a body, which holds the bytes of all arrays one after the other, little-endian, in C order. The
head contains the message's fields and describes one value: its dicts, lists and tuples, and the
dtype and shape of each array. Nothing that is received is unpickled, evaluated or imported, and
all sizes are compared with each other and with limits before memory is allocated.

The child process runs a copy of this file, which therefore imports nothing of latentfit.
"""

import json
import math
import struct
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

_PREFIX = struct.Struct("<IQ")
PREFIX_BYTES = _PREFIX.size

# Names and shapes are short; numbers are in the body.
MAX_HEAD_BYTES = 1 << 18
_MAX_NODES = 10_000
_MAX_DEPTH = 16
_MAX_DIMENSIONS = 16
# A number in a list takes five times the memory of a number in an array.
_MAX_LISTED_NUMBERS = 1_000_000
_MAX_NAME_CHARACTERS = 200

_DTYPES = ("|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8")
_PYTHON_DTYPES = {bool: "|b1", int: "<i8", float: "<f8"}


class MalformedFrame(ValueError):  # noqa: N818 - the name says what was received
    """Received bytes that are not a frame."""


class NotNumbers(ValueError):  # noqa: N818 - the name says what was to be sent
    """A value that cannot be sent, because it does not consist of numbers and their names."""


def encode(
    fields: Mapping[str, Any], value: Any = None, max_body_bytes: int = sys.maxsize
) -> bytes:
    """Return the frame of a message.

    Parameters
    ----------
    fields : mapping
        Strings, and whatever else JSON represents.
    value : object
        Arrays, NumPy scalars, Python numbers and None, in dicts with names as keys, lists and
        tuples.
    max_body_bytes : int
        Largest permitted number of bytes of all arrays.

    Raises
    ------
    NotNumbers
        The message says where, and what `value` contains there.
    """
    chunks: list[bytes] = []
    node = _Encoder(chunks, max_body_bytes).node(value, "", 0)
    body_bytes = sum(map(len, chunks))
    head = json.dumps({**fields, "value": node}, separators=(",", ":")).encode()
    if len(head) > MAX_HEAD_BYTES:
        raise NotNumbers("it has too many entries")
    return b"".join([_PREFIX.pack(len(head), body_bytes), head, *chunks])


class _Encoder:
    def __init__(self, chunks: list[bytes], max_body_bytes: int) -> None:
        self.chunks = chunks
        self.free_bytes = max_body_bytes
        self.free_nodes = _MAX_NODES

    def node(self, value: Any, place: str, depth: int) -> dict[str, Any]:
        self.free_nodes -= 1
        if depth > _MAX_DEPTH or self.free_nodes < 0:
            raise NotNumbers("it has too many entries, or they are nested too deeply")
        where = f"the entry {place}" if place else "it"
        if value is None:
            return {"kind": "none"}
        if type(value) in _PYTHON_DTYPES:
            return self._python_number(value, where)
        if isinstance(value, np.generic):
            return self._array("scalar", np.asarray(value), where)
        if isinstance(value, np.ma.MaskedArray):
            raise NotNumbers(f"{where} is a masked array; return an ordinary array")
        if isinstance(value, np.ndarray):
            return self._array("array", np.asarray(value), where)
        if isinstance(value, Mapping):
            return {"kind": "dict", "items": self._items(value, place, where, depth)}
        if isinstance(value, list | tuple):
            numbers = _rectangular(value) if type(value) is list else None
            if numbers is not None:
                if numbers.size > _MAX_LISTED_NUMBERS:
                    raise NotNumbers(f"{where} is a list of too many numbers; return an array")
                return self._array("numbers", numbers, where)
            kind = "tuple" if isinstance(value, tuple) else "list"
            items = [
                self.node(entry, f"{place}[{index}]", depth + 1)
                for index, entry in enumerate(value)
            ]
            return {"kind": kind, "items": items}
        raise NotNumbers(f"{where} is of type {_type_name(value)}; only numbers can be returned")

    def _python_number(self, value: Any, where: str) -> dict[str, Any]:
        try:
            number = np.asarray(value, _PYTHON_DTYPES[type(value)])
        except OverflowError:
            raise NotNumbers(f"{where} is an integer of more than 64 bits") from None
        return self._array("number", number, where)

    def _items(self, value: Mapping[Any, Any], place: str, where: str, depth: int) -> list[Any]:
        items = []
        for key, entry in value.items():
            if not (isinstance(key, str) and _is_name(key)):
                raise NotNumbers(f"{where} has a key that is not a short string")
            items.append([str(key), self.node(entry, f"{place}[{str(key)!r}]", depth + 1)])
        return items

    def _array(self, kind: str, array: np.ndarray[Any, Any], where: str) -> dict[str, Any]:
        if array.dtype.kind == "f" and array.dtype.itemsize > 8:
            array = array.astype("<f8")
        dtype = array.dtype.newbyteorder("<").str
        if dtype not in _DTYPES:
            raise NotNumbers(
                f"{where} has the dtype {array.dtype.name}; "
                "only booleans, integers and real numbers can be returned"
            )
        self.free_bytes -= array.nbytes
        if self.free_bytes < 0:
            raise NotNumbers(f"{where} makes the arrays larger than the limit on their size")
        if array.ndim > _MAX_DIMENSIONS:
            raise NotNumbers(f"{where} has {array.ndim} dimensions")
        self.chunks.append(array.astype(dtype, copy=False).tobytes())
        return {"kind": kind, "dtype": dtype, "shape": list(array.shape)}


def _rectangular(value: list[Any]) -> "np.ndarray[Any, Any] | None":
    """Nested lists of numbers as an array, or None if they are something else."""
    types: set[Any] = set()
    _add_leaf_types(value, types, 0)
    # Integers among real numbers are real numbers; booleans among numbers stay what they are.
    kind = float if types == {int, float} else types.pop() if len(types) == 1 else None
    if kind not in _PYTHON_DTYPES:
        return None
    try:
        return np.asarray(value, _PYTHON_DTYPES[kind])
    except (ValueError, OverflowError):
        return None


def _add_leaf_types(value: list[Any], types: set[Any], depth: int) -> None:
    for entry in value:
        if type(entry) is list and depth < _MAX_DEPTH:
            _add_leaf_types(entry, types, depth + 1)
        else:
            types.add(type(entry))


def _is_name(text: str) -> bool:
    return len(text) <= _MAX_NAME_CHARACTERS and text.isprintable()


def _type_name(value: Any) -> str:
    name = type(value).__name__
    return name if isinstance(name, str) and _is_name(name) else "unknown"


def sizes(prefix: bytes | bytearray, max_body_bytes: int) -> tuple[int, int]:
    """Return the lengths of head and body that a frame's prefix announces.

    Raises
    ------
    MalformedFrame
        They exceed the limits.
    """
    head_bytes, body_bytes = _PREFIX.unpack(prefix[:PREFIX_BYTES])
    if head_bytes > MAX_HEAD_BYTES or body_bytes > max_body_bytes:
        raise MalformedFrame(f"a frame of {head_bytes} + {body_bytes} bytes is too large")
    return head_bytes, body_bytes


def decode(
    head: bytes | bytearray, body: bytes | bytearray | memoryview
) -> tuple[dict[str, Any], Any]:
    """Return a message's fields and its value.

    The value consists of dicts, lists, tuples, None, Python numbers, NumPy scalars and writable
    arrays of NumPy's base class, each of which owns its memory.

    Raises
    ------
    MalformedFrame
        Anything about the message is not as `encode` makes it.
    """
    try:
        fields = json.loads(head.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise MalformedFrame(f"the head is not JSON ({type(error).__name__})") from None
    if not isinstance(fields, dict) or "value" not in fields:
        raise MalformedFrame("the head does not describe a value")
    decoder = _Decoder(memoryview(body))
    value = decoder.value(fields.pop("value"), 0)
    if decoder.position != len(body):
        raise MalformedFrame("the body is longer than the arrays that the head describes")
    return fields, value


def _refuse_constant(name: str) -> None:
    raise MalformedFrame(f"the head contains {name}")


class _Decoder:
    def __init__(self, body: memoryview) -> None:
        self.body = body
        self.position = 0
        self.free_nodes = _MAX_NODES

    def value(self, node: Any, depth: int) -> Any:
        self.free_nodes -= 1
        if depth > _MAX_DEPTH or self.free_nodes < 0:
            raise MalformedFrame("too many entries, or nested too deeply")
        match node:
            case {"kind": "none", **rest} if not rest:
                return None
            case {"kind": "list" | "tuple" as kind, "items": list(items), **rest} if not rest:
                values = [self.value(item, depth + 1) for item in items]
                return tuple(values) if kind == "tuple" else values
            case {"kind": "dict", "items": list(items), **rest} if not rest:
                return self._dict(items, depth)
            case {"kind": str(kind), "dtype": str(dtype), "shape": list(shape), **rest} if not rest:
                return self._numbers(kind, dtype, shape)
        raise MalformedFrame("a value of an unknown kind")

    def _dict(self, items: list[Any], depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for item in items:
            match item:
                case [str(name), node] if _is_name(name) and name not in values:
                    values[name] = self.value(node, depth + 1)
                case _:
                    raise MalformedFrame("a dict's entry without a name of its own")
        return values

    def _numbers(self, kind: str, dtype: str, shape: list[Any]) -> Any:
        if dtype not in _DTYPES:
            raise MalformedFrame("a dtype that is not permitted")
        if len(shape) > _MAX_DIMENSIONS or not all(type(n) is int and n >= 0 for n in shape):
            raise MalformedFrame("a shape that is not one")
        if kind in ("scalar", "number") and shape:
            raise MalformedFrame("a number with dimensions")
        # Python's integers do not overflow, and zero times anything would pass for small.
        if math.prod(max(n, 1) for n in shape) > sys.maxsize // 8:
            raise MalformedFrame("a shape that is too large")
        count = math.prod(shape)
        size = count * np.dtype(dtype).itemsize
        if size > len(self.body) - self.position:
            raise MalformedFrame("arrays that are longer than the body")
        raw = self.body[self.position : self.position + size]
        self.position += size
        # In a boolean array, NumPy takes for granted that each byte is 0 or 1.
        if dtype == "|b1" and (np.frombuffer(raw, "u1") > 1).any():
            raise MalformedFrame("a boolean that is neither true nor false")
        array = np.frombuffer(raw, dtype).reshape(shape).astype(np.dtype(dtype).newbyteorder("="))
        return _as_kind(kind, array)


def _as_kind(kind: str, array: np.ndarray[Any, Any]) -> Any:
    if kind == "array":
        return array
    if array.size > _MAX_LISTED_NUMBERS:
        raise MalformedFrame("a list of too many numbers")
    match kind:
        case "scalar":
            return array[()]
        case "number" | "numbers" if array.dtype.newbyteorder("<").str in _PYTHON_DTYPES.values():
            return array.tolist()
    raise MalformedFrame("numbers of an unknown kind")
