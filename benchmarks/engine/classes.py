"""Latent classes, compared with stepmix."""

from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
from stepmix.stepmix import StepMix

from engine._case import Case, Fit, Loop, Work
from latentfit.em import primitives

CLASSES = 3
ITEMS = 20
ROWS = 100_000


def e_step(params: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    return primitives.latent_class_statistics(data["x"], params["w"], params["p"])._asdict()


def m_step(expectations: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    n = expectations["counts"]
    return {"w": n / len(data["x"]), "p": expectations["category_counts"] / n[:, None, None]}


class Started(StepMix):
    """stepmix from given starting values, for which it has no argument."""

    def _initialize_parameters(self, X: Any, random_state: Any) -> None:  # noqa: N803
        super()._initialize_parameters(X, random_state)
        self.set_parameters(self.start)


def stepmix_of(x: np.ndarray, start: Mapping[str, np.ndarray]) -> Fit:
    table = x.astype(float)

    def fit(iterations: int) -> float:
        model = Started(
            CLASSES,
            measurement="binary",
            max_iter=iterations,
            abs_tol=0,
            rel_tol=0,
            random_state=1,
            progress_bar=0,
        )
        ones = start["p"][:, :, 1]
        model.start = {"weights": start["w"], "measurement": {"pis": ones}, "measurement_in": ITEMS}
        model.fit(table)
        return float(model.score(table) * len(table))

    return fit


def cases() -> Iterator[Case]:
    rng = np.random.default_rng(1)
    p = rng.uniform(0.1, 0.9, size=(CLASSES, ITEMS))
    z = rng.choice(CLASSES, size=ROWS, p=[0.5, 0.3, 0.2])
    x = (rng.random((ROWS, ITEMS)) < p[z]).astype(np.uint8)
    ones = 0.5 * p + 0.25
    start = {"w": np.full(CLASSES, 1 / CLASSES), "p": np.stack([1 - ones, ones], axis=-1)}
    yield Case(
        model=f"latent class, {CLASSES} classes, {ITEMS} binary items",
        size=f"n = {ROWS:,}",
        peer=f"stepmix {version('stepmix')}",
        target=6,
        ours=Loop(e_step, m_step, {"x": x}, start),
        theirs=stepmix_of(x, start),
        iterations=(2, 8),
        work=Work(
            bytes=x.nbytes, flops=ROWS * CLASSES * (3 * ITEMS + 6), exponentials=ROWS * CLASSES
        ),
    )
