"""Values of parameters by name, and names of their scalar entries. Nothing here imports PyMC."""

import numpy as np

Params = dict[str, np.ndarray]


def labels(name: str, shape: tuple[int, ...]) -> list[str]:
    """Return the labels of the scalar entries of a parameter in C order.

    Examples
    --------
    >>> labels("theta", ())
    ['theta']
    >>> labels("P", (1, 2))
    ['P[0,0]', 'P[0,1]']
    """
    if not shape:
        return [name]
    return [f"{name}[{','.join(map(str, index))}]" for index in np.ndindex(shape)]
