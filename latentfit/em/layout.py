"""Conversion between named parameter arrays and one flat vector."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from latentfit.errors import DeclarationError

Params = dict[str, np.ndarray]


@dataclass(frozen=True)
class Layout:
    """Names, shapes and positions of the parameters in one flat vector.

    The starting values determine the layout, and every later set of parameters must have the
    same names and shapes.

    Attributes
    ----------
    shapes : dict of tuple
        ``{name: shape}``, in the order of the starting values.
    offsets : ndarray of int, shape (arrays,)
        Position of the first entry of each array in the flat vector.
    """

    shapes: dict[str, tuple[int, ...]]
    offsets: np.ndarray

    @classmethod
    def of(cls, start: Mapping[str, Any]) -> Self:
        """Build the layout of starting values.

        Parameters
        ----------
        start : mapping
            ``{name: array_like}``, natural scale.

        Raises
        ------
        DeclarationError
            There is no parameter, an array is empty, or a value is not a finite real number.
        """
        if not isinstance(start, Mapping) or not start:
            raise DeclarationError(
                f"the start must be a mapping {{name: array}} with at least one parameter, "
                f"not {start!r}"
            )
        arrays = parameter_arrays(start, "the start")
        for name, array in arrays.items():
            if not array.size:
                raise DeclarationError(
                    f"the start has no entries for {name}: its shape is {array.shape}"
                )
            if not np.isfinite(array).all():
                index, value = first_non_finite(array)
                raise DeclarationError(
                    f"the start has {label(name, index)} = {value}, expected finite numbers"
                )
        sizes = [array.size for array in arrays.values()]
        return cls(
            {name: array.shape for name, array in arrays.items()},
            np.cumsum([0, *sizes[:-1]]),
        )

    def pack(self, values: Mapping[str, Any], source: str) -> np.ndarray:
        """Concatenate named arrays into a new, read-only flat vector.

        Parameters
        ----------
        values : mapping
            ``{name: array_like}``, with the names and shapes of the start.
        source : str
            Where the values come from, for the error message, such as ``"m_step"``.

        Returns
        -------
        ndarray, shape (p,)

        Raises
        ------
        DeclarationError
            A parameter is missing or unknown, is complex or not numeric, or has a different shape.
        """
        if not isinstance(values, Mapping):
            raise DeclarationError(
                f"{source} returned {_with_article(values)}, expected a mapping with the params "
                f"{', '.join(self.shapes)}"
            )
        if values.keys() != self.shapes.keys():
            self._raise_for_names(values, source)
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
        """Return named views of a flat vector.

        Parameters
        ----------
        flat : ndarray, shape (..., p)
            One vector, or several stacked along leading axes.

        Returns
        -------
        dict of ndarray, each of shape (..., *shape of the parameter)
        """
        leading = flat.shape[:-1]
        ends = [*self.offsets[1:], flat.shape[-1]]
        return {
            name: flat[..., begin:end].reshape(leading + shape)
            for (name, shape), begin, end in zip(
                self.shapes.items(), self.offsets, ends, strict=True
            )
        }

    def label(self, position: int) -> str:
        """Name the entry at a position in the flat vector, as in ``sigma[1]``."""
        number = int(np.searchsorted(self.offsets, position, side="right")) - 1
        name, shape = list(self.shapes.items())[number]
        return label(name, np.unravel_index(position - int(self.offsets[number]), shape))

    def _raise_for_names(self, values: Mapping[str, Any], source: str) -> None:
        expected = ", ".join(self.shapes)
        missing = [name for name in self.shapes if name not in values]
        if missing:
            raise DeclarationError(
                f"{source} returned no {', '.join(missing)}: expected every parameter of the "
                f"start ({expected})"
            )
        unknown = [str(name) for name in values if name not in self.shapes]
        raise DeclarationError(
            f"{source} returned {', '.join(unknown)}, which the start does not contain: "
            f"expected {expected}"
        )


def label(name: str, index: tuple[Any, ...]) -> str:
    """Name an entry of an array: ``theta``, ``mu[0]``, ``P[0,1]``."""
    return f"{name}[{','.join(str(int(i)) for i in index)}]" if index else name


def first_non_finite(array: np.ndarray) -> tuple[tuple[Any, ...], float]:
    """Return the index and the value of the first entry that is infinite or NaN."""
    index = np.unravel_index(int(np.argmin(np.isfinite(array))), array.shape)
    return index, float(array[index])


def parameter_arrays(values: Mapping[str, Any], source: str) -> Params:
    """Convert parameters to arrays in double precision, as the steps are given them.

    Parameters
    ----------
    values : mapping
        ``{name: array_like}``. Masked entries become NaN.
    source : str
        Where the values come from, for the error message, such as ``"m_step"``.

    Raises
    ------
    DeclarationError
        A value is complex or not numeric.
    """
    return {name: _numbers(name, value, source) for name, value in values.items()}


def _numbers(name: str, value: Any, source: str) -> np.ndarray:
    if np.iscomplexobj(value):
        raise DeclarationError(f"{source} gave complex numbers for {name}, expected real numbers")
    try:
        if isinstance(value, np.ma.MaskedArray):
            # NumPy masks the result of a division by zero; the number underneath the mask would
            # look like an ordinary 0 or 1.
            return np.ma.filled(value.astype(float), np.nan)
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise DeclarationError(
            f"{source} gave {_with_article(value)} for {name}, expected a number or an array of "
            f"numbers"
        ) from None


def _with_article(value: Any) -> str:
    kind = type(value).__name__
    return "None" if value is None else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
