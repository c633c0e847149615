"""Parameters as one flat vector, and back to named arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from latentfit.errors import DeclarationError

Params = dict[str, np.ndarray]


@dataclass(frozen=True)
class Layout:
    """Names and shapes of the parameters, fixed by the start.

    Attributes
    ----------
    shapes : dict of tuple
    offsets : ndarray of int, shape (names,)
        Where each array begins in the flat vector.
    """

    shapes: dict[str, tuple[int, ...]]
    offsets: np.ndarray

    @classmethod
    def of(cls, start: Mapping[str, Any]) -> Self:
        """The layout of the starting params, which must be there and finite."""
        if not isinstance(start, Mapping) or not start:
            raise DeclarationError(
                f"the start must be a mapping {{name: array}} with at least one parameter, "
                f"not {start!r}"
            )
        arrays = {name: _numbers(name, value, "the start") for name, value in start.items()}
        for name, array in arrays.items():
            if not array.size:
                raise DeclarationError(f"the start gives {name} no entries: shape {array.shape}")
            if not np.isfinite(array).all():
                index, value = first_bad(array)
                raise DeclarationError(
                    f"the start has {label(name, index)} = {value}, expected finite numbers"
                )
        sizes = [array.size for array in arrays.values()]
        return cls(
            {name: array.shape for name, array in arrays.items()},
            np.cumsum([0, *sizes[:-1]]),
        )

    def pack(self, values: Mapping[str, Any], source: str) -> np.ndarray:
        """A new read-only flat vector; `source` is who gave the values, for the message."""
        if not isinstance(values, Mapping):
            raise DeclarationError(
                f"{source} returned {_a(values)}, expected a mapping with the params "
                f"{', '.join(self.shapes)}"
            )
        if values.keys() != self.shapes.keys():
            self._complain(values, source)
        parts = []
        for name, shape in self.shapes.items():
            array = _numbers(name, values[name], source)
            if array.shape != shape:
                raise DeclarationError(
                    f"{source} returned {name} of shape {array.shape}, "
                    f"expected {shape} as in the start"
                )
            parts.append(array.ravel())
        flat = np.concatenate(parts)
        flat.setflags(write=False)
        return flat

    def unpack(self, flat: np.ndarray) -> Params:
        """Named views of a flat vector, or of many stacked along a leading axis."""
        lead = flat.shape[:-1]
        ends = [*self.offsets[1:], flat.shape[-1]]
        return {
            name: flat[..., begin:end].reshape(lead + shape)
            for (name, shape), begin, end in zip(
                self.shapes.items(), self.offsets, ends, strict=True
            )
        }

    def label(self, position: int) -> str:
        """``sigma[1]`` for a position in the flat vector."""
        which = int(np.searchsorted(self.offsets, position, side="right")) - 1
        name, shape = list(self.shapes.items())[which]
        return label(name, np.unravel_index(position - int(self.offsets[which]), shape))

    def _complain(self, values: Mapping[str, Any], source: str) -> None:
        every = ", ".join(self.shapes)
        forgotten = [name for name in self.shapes if name not in values]
        if forgotten:
            raise DeclarationError(
                f"{source} returned no {', '.join(forgotten)}: expected every parameter of the "
                f"start ({every})"
            )
        invented = [str(name) for name in values if name not in self.shapes]
        raise DeclarationError(
            f"{source} returned {', '.join(invented)}, of which the start knows nothing: "
            f"expected {every}"
        )


def label(name: str, index: tuple[Any, ...]) -> str:
    """``theta``, ``mu[0]``, ``P[0,1]``."""
    return f"{name}[{','.join(str(int(i)) for i in index)}]" if index else name


def first_bad(array: np.ndarray) -> tuple[tuple[Any, ...], float]:
    """Index and value of the first entry that is not finite."""
    index = np.unravel_index(int(np.argmin(np.isfinite(array))), array.shape)
    return index, float(array[index])


def _numbers(name: str, value: Any, source: str) -> np.ndarray:
    try:
        if isinstance(value, np.ma.MaskedArray):
            # NumPy masks the result of a division by zero; unmasked, it would pass for 0 or 1.
            return np.ma.filled(value.astype(float), np.nan)
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise DeclarationError(
            f"{source} gave {_a(value)} for {name}, expected a number or an array of numbers"
        ) from None


def _a(value: Any) -> str:
    kind = type(value).__name__
    return "None" if value is None else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
