"""How often 95 % intervals from EM's standard errors contain the true value.

    python validation/interval_coverage.py                all models
    python validation/interval_coverage.py --model NAME   one; the other rows stay as they are

For each model, data sets are drawn from it at EM's estimate on the example data. EM is fitted to
every one of them from ``initial``, its components are put in the order of the truth, and the
interval is the estimate ± 1.96 standard errors from the observed information. The figures go to
``reports/coverage.json``, and the text, which is made from those alone, to ``reports/coverage.md``.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytensor
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors
from scipy import stats

import latentfit
from latentfit import bayes
from latentfit import declaration as declared
from latentfit.agreement.alignment import Alignment, align
from latentfit.bayes.views import hessian_function
from latentfit.declaration.compilation import compile_function, stabilise
from latentfit.declaration.data import mask_missing, validate_data
from latentfit.em.information import curvature_of
from latentfit.errors import LatentfitError

REPORTS = Path(__file__).resolve().parents[1] / "reports"
SEED = 20
SAMPLES = 200
NOMINAL = 0.95
WIDTH = float(stats.norm.isf((1 - NOMINAL) / 2))
# Largest distance of a converged estimate from the maximum, by the curvature at the estimate.
MAX_STANDARD_ERRORS_TO_MAXIMUM = 1e-3
# Probability that a parameter with the nominal coverage is reported as different.
LEVEL = 0.01
PACKAGES = ("latentfit", "numpy", "scipy", "pymc", "pymc-extras", "pytensor")

Arrays = Mapping[str, np.ndarray]


# Coverages that are known without simulation.


def _exponential(truth: Arrays, data: Arrays) -> float:
    """θ̂ = m / S with S the sum of m values, its standard error θ̂ / √m, and θ S ~ Gamma(m)."""
    m = int(np.sum(~np.ma.getmaskarray(mask_missing(data)["y"])))
    ends = [m * (1 + sign * WIDTH / np.sqrt(m)) for sign in (-1, 1)]
    return float(np.diff(stats.gamma.cdf(ends, m))[0])


def _linkage(truth: Arrays, data: Arrays) -> float:
    """All tables, with the closed form of the maximum: a root of a quadratic equation."""
    theta, n = float(truth["theta"]), int(np.sum(data["counts"]))
    a, d = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    a, d = a[a + d <= n], d[a + d <= n]
    b = n - a - d
    cells = np.stack([a, b, d], axis=-1)
    weight = stats.multinomial.pmf(cells, n, [(2 + theta) / 4, (1 - theta) / 2, theta / 4])
    middle = a - 2 * b - d
    root = (middle + np.sqrt(middle**2 + 8.0 * n * d)) / (2 * n)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = (a / (2 + root) ** 2, b / (1 - root) ** 2, d / root**2)
        information = sum(np.where(c > 0, p, 0) for c, p in zip((a, b, d), parts, strict=True))
        holds = np.abs(root - theta) <= WIDTH / np.sqrt(information)
    inside = (root > 0) & (root < 1)
    return float(np.sum(weight[holds & inside]) / np.sum(weight[inside]))


# Parameters that are probabilities of the classes of units. If the classes were observed, their
# estimates would be binomial proportions.
CLASSES = {
    "annotators": "p",
    "gaussian-mixture": "w",
    "latent-class": "w",
    "mixture-of-regressions": "w",
    "multivariate-gaussian-mixture": "w",
    "poisson-mixture": "w",
    "zero-inflated-poisson": "p",
}


def binomial(n: int, p: float) -> float:
    """Coverage of the interval p̂ ± 1.96 √(p̂ (1 - p̂) / n), where there is one."""
    k = np.arange(1, n)
    weight = stats.binom.pmf(k, n, p)
    holds = np.abs(k / n - p) <= WIDTH * np.sqrt(k / n * (1 - k / n) / n)
    return float(np.sum(weight[holds]) / np.sum(weight))


EXACT = {
    "exponential-missing": ("theta", _exponential),
    "genetic-linkage": ("theta", _linkage),
}


# One declaration for all data sets.


class Swapped:
    """The log-likelihood of a declaration as a function of the parameters and of the data.

    Building a declaration and its derivatives takes longer than everything else for a data set. If
    the data enter only as values of observed variables, they are built once for all data sets.
    """

    def __init__(self, density: bayes.Density) -> None:
        self.space = density.space
        values = {rv.name: density.view.rvs_to_values[rv] for rv in density.view.observed_RVs}
        (graph,) = density.graphs[:1]
        within = set(ancestors([graph]))
        if not within.issuperset(values.values()):
            raise ValueError("an observed value is no part of the graph")
        self.names = tuple(values)
        inputs = [value.type() for value in values.values()]
        replaced = graph_replace([graph], dict(zip(values.values(), inputs, strict=True)))
        likelihood = stabilise(replaced)
        point = density.point
        score = pytensor.grad(likelihood[0], point, disconnected_inputs="ignore")
        self._value = compile_function([point, *inputs], [*likelihood, score], rewritten=True)
        self._hessian = hessian_function([score], point, inputs)
        self._types = [value.type for value in inputs]

    def on(self, declaration: declared.Declaration) -> "OneSample | None":
        """The log-likelihood on the data of another declaration, for `bayes.asymptotic_errors`.

        None if the data have another shape, such as a table with a row for each distinct value.
        """
        model = declaration.model
        values = compile_function([], [model.rvs_to_values[model[name]] for name in self.names])()
        typed = [np.asarray(v, t.dtype) for v, t in zip(values, self._types, strict=True)]
        fitting = all(
            t.is_super(t.clone(shape=v.shape)) for v, t in zip(typed, self._types, strict=True)
        )
        return OneSample(self, typed) if fitting else None


@dataclass
class OneSample:
    """The log-likelihood on one data set."""

    of: Swapped
    data: list[np.ndarray]
    _known: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def space(self) -> declared.Space:
        return self.of.space

    def log_likelihood(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        value, score = self.of._value(point, *self.data)
        return float(value), score

    def hessian(self, point: np.ndarray, *, prior: bool = False) -> np.ndarray:
        # Kept, because it takes the longest time and is used twice at the same point.
        if self._known is None or not np.array_equal(self._known[0], point):
            (found,) = self.of._hessian(point, *self.data)
            self._known = (point.copy(), found)
        return self._known[1]


@dataclass(frozen=True)
class Study:
    """A model, its truth, and the data sets that are drawn at it."""

    name: str
    samples: int
    seed: int

    @cached_property
    def model(self) -> latentfit.LatentModel:
        return latentfit.load(self.name)

    @cached_property
    def arguments(self) -> dict[str, np.ndarray]:
        return validate_data(self.model.example_data(), self.model.arguments)

    @cached_property
    def declaration(self) -> declared.Declaration:
        return self.model.declare(self.arguments)

    @cached_property
    def density(self) -> bayes.Density:
        return self.density_of(self.declaration)

    @cached_property
    def alignment(self) -> Alignment:
        """The alignment with the truth as the reference."""
        fit = self.model.fit(self.arguments, seed=self.seed)
        if not fit.converged:
            raise LatentfitError(f"{self.name} has no truth to draw from: {fit.message}")
        return align(self.declaration, self.density, self.located(fit.params))

    @cached_property
    def names(self) -> list[str]:
        """The parameters that EM works with."""
        (start,) = [self.model.initial(self.arguments, np.random.default_rng(self.seed))]
        return [name for name in start if name in self.density.space.shapes]

    def density_of(self, declaration: declared.Declaration) -> bayes.Density:
        return bayes.Density(
            bayes.observed_view(declaration), declared.parameter_space(declaration)
        )

    def located(self, params: Arrays) -> np.ndarray:
        """The unconstrained point of EM's parameters."""
        to_model = self.model.to_model
        return self.density.space.locate(to_model(params) if to_model else params)

    def drawn(self) -> list[Arrays]:
        """The data sets."""
        truth = self.alignment.em.natural
        params = {name: truth[name] for name in self.names}
        return self.model.draw(params, self.arguments, samples=self.samples, seed=self.seed)

    def swapped(self, declaration: declared.Declaration) -> Swapped | None:
        """The likelihood as a function of the data, if it equals one that is built for them."""
        found, anew = Swapped(self.density), self.density_of(declaration)
        point = self.alignment.em.unconstrained
        beside = point + 0.05 * np.random.default_rng(self.seed).standard_normal(point.shape)
        if (sample := found.on(declaration)) is None:
            return None
        for where in (point, beside):
            ours, theirs = (d.log_likelihood(where) for d in (sample, anew))
            scale = 1 + np.abs(theirs[1]).max()
            if not np.isclose(ours[0], theirs[0], rtol=1e-10, atol=1e-10):
                return None
            if not np.allclose(ours[1], theirs[1], rtol=0, atol=1e-8 * scale):
                return None
        ours, theirs = (bayes.asymptotic_errors(d, point) for d in (sample, anew))
        same = all(np.allclose(ours[n], theirs[n], rtol=1e-6, equal_nan=True) for n in ours)
        return found if same else None

    def run(self) -> dict[str, Any]:
        """Estimates and intervals on all data sets, and how many data sets failed and why."""
        began = time.process_time()
        aligned = self.alignment
        truth = aligned.em.unconstrained
        fate: Counter[str] = Counter()
        ratios, estimates, errors, on_boundary = [], [], [], []
        swapped: Swapped | None = None
        for number, arguments in enumerate(self.drawn()):
            try:
                fit = self.model.fit(arguments, seed=self.seed + number, starts=1)
                point = self.located(fit.params)
            except LatentfitError:
                fate["refused"] += 1
                continue
            if fit.stop.degenerate:
                fate["degenerate"] += 1
                continue
            if not fit.converged:
                fate["limit"] += 1
            declaration = self.model.declare(arguments)
            if not ratios:
                swapped = self.swapped(declaration)
            sample = swapped.on(declaration) if swapped else None
            density = sample or self.density_of(declaration)
            log_likelihood = density.log_likelihood(point)[0]
            known = fit.log_likelihood
            if sample and (
                known is None or not np.isclose(log_likelihood, known, rtol=1e-8, atol=1e-6)
            ):
                # Other constants depend on the data, and were equal by chance in the first.
                swapped, density = None, self.density_of(declaration)
                log_likelihood = density.log_likelihood(point)[0]
            ratio = 2 * (log_likelihood - density.log_likelihood(truth)[0])
            if ratio < -1e-6:
                fate["lower"] += 1
            where = aligned.align_point(point)
            found = bayes.asymptotic_errors(density, where.unconstrained)
            value, score = density.log_likelihood(where.unconstrained)
            curvature = curvature_of(
                density.hessian(where.unconstrained), score, density.space.bounded
            )
            if not curvature.newton(score)[1] <= MAX_STANDARD_ERRORS_TO_MAXIMUM:
                fate["astray"] += 1
            if not np.isclose(value, log_likelihood, rtol=1e-8, atol=1e-6):
                raise AssertionError(
                    f"{self.name}: the likelihood changed when components were reordered"
                )
            ratios.append(ratio)
            estimates.append(self.flat(where.natural))
            errors.append(self.flat(found))
            at_boundary = set(bayes.information.at_boundary(density, where.unconstrained))
            on_boundary.append([label in at_boundary for label in self.labels])
        exact = {}
        if self.name in EXACT:
            parameter, coverage = EXACT[self.name]
            exact[parameter] = coverage(aligned.em.natural, self.arguments)
        seen = {}
        if self.name in CLASSES:
            n = int(np.prod(self.declaration.model[self.model.latents[0]].shape.eval()))
            name = CLASSES[self.name]
            probability = aligned.em.natural[name]
            labels = declared.labels(name, np.shape(probability))
            shares = zip(labels, np.ravel(probability), strict=True)
            seen = {label: binomial(n, p) for label, p in shares}
        truth_on_boundary = set(
            bayes.information.at_boundary(self.density, aligned.em.unconstrained)
        )
        unknown = {
            label
            for label, error in zip(self.labels, self.flat(aligned.errors), strict=True)
            if not np.isfinite(error)
        }
        return {
            "seed": self.seed,
            "samples": self.samples,
            "used": len(ratios),
            "fate": dict(fate),
            "rebuilt": swapped is None,
            "size": sum(np.size(value) for value in self.arguments.values()),
            "free": self.density.space.size,
            "within": None
            if truth_on_boundary | unknown
            else int(np.sum(np.array(ratios) <= stats.chi2.ppf(NOMINAL, self.density.space.size))),
            "parameters": [
                summary(
                    label,
                    *columns,
                    truth_on_boundary=label in truth_on_boundary,
                    unknown=label in unknown,
                    exact=exact.get(label),
                    seen=seen.get(label),
                )
                for label, *columns in zip(
                    self.labels,
                    self.flat(aligned.em.natural),
                    np.array(estimates).T,
                    np.array(errors).T,
                    np.array(on_boundary).T,
                    strict=True,
                )
            ],
            "seconds": time.process_time() - began,
            "versions": {"python": platform.python_version()} | {p: version(p) for p in PACKAGES},
        }

    @cached_property
    def labels(self) -> list[str]:
        shapes = self.density.space.shapes
        return [label for n in self.names for label in declared.labels(n, shapes[n])]

    def flat(self, values: Arrays) -> np.ndarray:
        return np.concatenate([np.ravel(values[name]) for name in self.names])


def summary(
    label: str,
    truth: float,
    estimates: np.ndarray,
    errors: np.ndarray,
    on_boundary: np.ndarray,
    *,
    truth_on_boundary: bool,
    unknown: bool,
    exact: float | None,
    seen: float | None,
) -> dict[str, Any]:
    """Coverage and properties of the intervals of one parameter."""
    given = np.isfinite(errors)
    x, se = estimates[given], errors[given]
    low, high = x + WIDTH * se < truth, x - WIDTH * se > truth
    row = {
        "name": label,
        "truth": float(truth),
        "edge": truth_on_boundary,
        "unknown": unknown,
        "exact": exact,
        "seen": seen,
        "on_edge": int(on_boundary.sum()),
        "improper": int(np.sum(~given & ~on_boundary)),
        "intervals": int(given.sum()),
        "low": int(low.sum()),
        "high": int(high.sum()),
    }
    sd = float(np.std(x, ddof=1)) if len(x) > 1 else 0.0
    if not sd:
        return row
    return row | {
        "bias": float((np.mean(x) - truth) / sd),
        "skewness": float(stats.skew(x)),
        "length": float(np.median(se) / sd),
        "correlation": float(np.corrcoef(x, se)[0, 1]) if np.std(se) else 0.0,
    }


# The report.


def text(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """The page, from the figures alone."""
    judged = [p for row in rows.values() for p in row["parameters"] if not p["edge"]]
    off = [p for p in judged if _p_value(p) < LEVEL]
    models = "\n".join(_model_line(name, row) for name, row in rows.items())
    parameters = "\n".join(
        _parameter_line(name, p) for name, row in rows.items() for p in row["parameters"]
    )
    made = "\n".join(f"- `{name}`: {_made(row)}" for name, row in rows.items())
    return f"""# Coverage of standard errors

<!-- Made by validation/interval_coverage.py: change that, not this. -->

How often the interval EM ± {WIDTH:.2f} standard errors contains the true value. The truth is EM's
estimate on the example data of each model; data sets of the same size are drawn from the model
there, and EM is fitted to each from one start of `initial`. Standard errors are those of the
observed information; components are put in the order of the truth.

Of {len(judged)} parameters inside the parameter space, {len(off)} have a coverage that differs from
{NOMINAL:.0%} (exact binomial test, level {LEVEL:.0%} each: {LEVEL * len(judged):.1f} would if all
were right). The theory of these intervals is asymptotic and holds for small samples only roughly.
The remarks name deviations, and the tables give the figures from which they follow.

## Models

Likelihood ratio: how often twice the gain in log-likelihood over the truth, all parameters
together, stays below the {NOMINAL:.0%} point of its χ² distribution. It does not depend on how
parameters are scaled, as the intervals do: where it is right and intervals are not, most
intervals that miss the truth are on one side of it. It has no such distribution with a parameter
on the boundary.

Refused: the model file rejects the data set. Degenerate: EM stopped at a degenerate solution.
Limit: EM used all its iterations. Lower: the log-likelihood of EM's estimate is below that of the
truth, so that the estimate is not a global maximum. Not at a maximum: by the curvature, the
estimate is more than {MAX_STANDARD_ERRORS_TO_MAXIMUM:g} standard errors from a maximum.

| model | values | free parameters | data sets | likelihood ratio | other results of EM |
|---|--:|--:|--:|--:|---|
{models}

## Parameters

Coverage with its binomial standard error, among the data sets that give an interval; those with the
estimate on the boundary, or with an information matrix that is not positive definite, give none.
Exact: computed without simulation. Seen: also exact, for the probability of a class if the class of
every unit were seen, an ordinary proportion (Brown, Cai and DasGupta 2001, *Statistical Science*
16, 101–133, on how far such intervals fall short with few units in the class). Low, high:
intervals that lie wholly below the truth, and above it. Bias: mean error of the estimates, in their
standard deviations. Length: median standard error over that standard deviation. Correlation: of the
estimates with their standard errors; where it is high, the lower estimates have the shorter
intervals.

| model | parameter | truth | intervals | coverage | exact | seen | low | high | bias | skewness | \
length | correlation | remark |
|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|
{parameters}

## How it was made

`make coverage`, or `python validation/interval_coverage.py --model NAME` for one model.
Exact coverages are
computed without simulation: from the gamma distribution for `exponential-missing`, over all tables
for `genetic-linkage`. Where data cannot be exchanged within a declaration it was built
anew for every data set.

{made}
"""


def _model_line(name: str, row: Mapping[str, Any]) -> str:
    fate = row["fate"]
    words = (
        ("refused", "refused"),
        ("degenerate", "degenerate"),
        ("limit", "limit"),
        ("lower", "lower"),
        ("astray", "not at a maximum"),
    )
    rest = ", ".join(f"{fate[key]} {word}" for key, word in words if fate.get(key))
    inside = "—" if row["within"] is None else _share(row["within"], row["used"])
    cells = (f"`{name}`", row["size"], row["free"], f"{row['used']} of {row['samples']}")
    return _line(*cells, inside, rest or "—")


def _parameter_line(name: str, p: Mapping[str, Any]) -> str:
    n, missed = p["intervals"], p["low"] + p["high"]
    known = ["" if p[key] is None else f"{p[key]:.4f}" for key in ("exact", "seen")]
    shape = [f"{p[k]:.2f}" if k in p else "" for k in ("bias", "skewness", "length", "correlation")]
    coverage = _share(n - missed, n) if n and not p["edge"] else "—"
    cells = (f"`{name}`", f"`{p['name']}`", f"{p['truth']:.4g}", n, coverage, *known)
    return _line(*cells, p["low"], p["high"], *shape, _remark(p))


def _remark(p: Mapping[str, Any]) -> str:
    """Deviations of the intervals, by criteria that the table shows."""
    if p["edge"]:
        return "truth on the boundary: no standard error, not judged"
    n = p["intervals"]
    found = ["no standard error at the truth"] if p["unknown"] else []
    if p["on_edge"]:
        found.append(f"{p['on_edge']} estimates on the boundary")
    if p["improper"]:
        found.append(f"{p['improper']} without proper information")
    if p["exact"] is not None and _two_sided(p["low"] + p["high"], n, 1 - p["exact"]) < LEVEL:
        found.append("differs from the exact coverage")
    if _p_value(p) < LEVEL:
        covered = n - p["low"] - p["high"]
        found.append("covers too rarely" if covered < NOMINAL * n else "covers too often")
        reasons = []
        if _two_sided(p["low"], p["low"] + p["high"], 0.5) < LEVEL:
            side, most = ("below", "low") if p["low"] > p["high"] else ("above", "high")
            reasons.append(f"asymmetric misses, {p[most]} of {p['low'] + p['high']} {side}")
        if abs(p.get("correlation", 0)) > 0.5:
            reasons.append("the interval's length is correlated with the estimate")
        if abs(p.get("bias", 0)) > 0.25:
            reasons.append("biased")
        if p.get("length", 1) < 0.9:
            reasons.append("standard errors smaller than the standard deviation")
        if p.get("length", 1) > 1.1:
            reasons.append("standard errors larger than the standard deviation")
        found.append(", ".join(reasons))
    return "; ".join(filter(None, found))


def _made(row: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in row["versions"].items())
    anew = ", declaration built anew for each" if row["rebuilt"] else ""
    took = f"{row['seconds']:.0f} s of processor time"
    return f"seed {row['seed']}, {row['samples']} data sets{anew}, {took}; {versions}"


def _p_value(p: Mapping[str, Any]) -> float:
    return _two_sided(p["low"] + p["high"], p["intervals"], 1 - NOMINAL)


def _two_sided(count: int, total: int, share: float) -> float:
    return float(stats.binomtest(count, total, share).pvalue) if total else 1.0


def _share(count: int, total: int) -> str:
    share = count / total
    return f"{share:.3f} ± {np.sqrt(share * (1 - share) / total):.3f}"


def _line(*cells: Any) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def main() -> int:
    names = [entry.name for entry in declared.catalogue()]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", action="append", choices=names, help="by default all")
    parser.add_argument("--samples", type=int, default=SAMPLES, help="[default: %(default)s]")
    parser.add_argument("--seed", type=int, default=SEED, help="[default: %(default)s]")
    parser.add_argument("--out", type=Path, default=REPORTS, help="[default: reports]")
    given = parser.parse_args()
    # The study takes half an hour of processor time, and other processes go first.
    os.nice(10)
    given.out.mkdir(parents=True, exist_ok=True)
    store = given.out / "coverage.json"
    known = json.loads(store.read_text(encoding="utf-8")) if store.exists() else {}
    failed = False
    for name in given.model or names:
        try:
            known[name] = Study(name, given.samples, given.seed).run()
        except (LatentfitError, ValueError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed = True
            continue
        rows = {n: known[n] for n in names if n in known}
        figures = json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False)
        store.write_text(figures + "\n", encoding="utf-8")
        (given.out / "coverage.md").write_text(text(rows), encoding="utf-8")
        print(_model_line(name, known[name]), f"{known[name]['seconds']:.0f} s", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
