"""The latent-variable model as its author hands it over, and what can be done with it."""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from latentfit import declaration as declared
from latentfit import em
from latentfit._threads import one_thread
from latentfit.em import distributed
from latentfit.errors import DeclarationError, InputError, StepError
from latentfit.progress import Progress

if TYPE_CHECKING:
    import pymc as pm

    from latentfit.agreement import Comparison
    from latentfit.bayes import Backend, Density
    from latentfit.check import CheckResult, Derivation, Reference
    from latentfit.declaration import Data, Declaration, Draw, Params, Space
    from latentfit.em.information import Bootstrap, StandardErrors
    from latentfit.selection import Selection

Step = Callable[..., Mapping[str, Any]]

# Of the starts, how many the check looks at; and the seconds that one call of a step may take.
_CHECKED = 3
_TIMEOUT_S = 10.0


class _OnDemand(dict[str, Any]):
    """The arguments of ``model`` as data; the model is built only if a step asks for more."""

    def __init__(self, arguments: Mapping[str, Any], build: Callable[[], Mapping[str, Any]]):
        super().__init__(arguments)
        self._build: Callable[[], Mapping[str, Any]] | None = build

    def __missing__(self, name: str) -> Any:
        if self._build is not None:
            build, self._build = self._build, None
            self.update(build())
            if name in self:
                return self[name]
        raise KeyError(name)


@dataclass(frozen=True, kw_only=True)
class LatentModel:
    """One declaration and the EM algorithm that was derived for it.

    The arguments are the entries of a model file.

    Parameters
    ----------
    model : callable or pm.Model
        ``model(data, **options)`` returns the declaration as a ``pm.Model``; or that model.
    latents : tuple of str
        The free variables of the model that EM treats as missing data.
    e_step : callable
        ``e_step(params, data)`` returns ``{name: expectation}``.
    m_step : callable
        ``m_step(expectations, data)`` or ``m_step(expectations, data, params)`` returns the
        next params. Where there is `statistics`, it is given them in place of the expectations.
    statistics : callable, optional
        ``statistics(expectations, data)`` or ``statistics(expectations, data, params)`` returns
        ``{name: array}``: sums over the units, so that those of disjoint parts of the data add up
        to those of the whole. With them EM runs where the data are, see `fit`.
    initial : callable, optional
        ``initial(data, rng, **options)`` returns starting params; else PyMC's initial point,
        jittered.
    simulate : callable, optional
        ``simulate(params, data, rng, **options)`` returns new data drawn from the model: those
        arguments of ``model`` that are random, of as many units as `data`. Without it the
        observed variables are drawn from the declaration.
    example_data : callable, optional
        Returns ``{argument of model: array}``.
    published : sequence of mapping
        Figures from the literature.
    log_likelihood : callable, optional
        ``log_likelihood(params, data)``, log p(x | θ).
    objective : {"likelihood", "posterior"}
        What the M step maximises.
    expectations : mapping
        Complete-data statistics behind entries of the E step that are not simply a latent.
    to_model : callable, optional
        From EM's params to values of the model's variables, where the names differ.
    name, title, derivation : str
        For reports; the derivation is Markdown with LaTeX.

    Examples
    --------
    >>> import latentfit
    >>> model = latentfit.load("exponential-missing")
    >>> model.fit(seed=1).params["theta"].round(6)
    np.float64(0.2)
    """

    model: "Callable[..., pm.Model] | pm.Model"
    latents: tuple[str, ...]
    e_step: Step
    m_step: Step
    statistics: Step | None = None
    initial: Callable[..., Mapping[str, Any]] | None = None
    simulate: Callable[..., Mapping[str, Any]] | None = None
    example_data: Callable[[], Mapping[str, Any]] | None = None
    published: Sequence[Mapping[str, Any]] = ()
    log_likelihood: Callable[..., float] | None = None
    objective: Literal["likelihood", "posterior"] = "likelihood"
    expectations: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    to_model: Callable[..., Mapping[str, Any]] | None = None
    name: str = "model"
    title: str = ""
    derivation: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "latents", declared.check_latents(self.latents))
        if self.objective not in ("likelihood", "posterior"):
            raise DeclarationError(
                f"objective is 'likelihood' or 'posterior', not {self.objective!r}"
            )
        for step in ("e_step", "m_step"):
            if not callable(getattr(self, step)):
                raise DeclarationError(f"{step} must be a function")
        if not (self.statistics is None or callable(self.statistics)):
            raise DeclarationError("statistics must be a function")
        if not isinstance(self.expectations, Mapping) or not all(
            map(callable, self.expectations.values())
        ):
            raise DeclarationError(
                "expectations is a mapping {name: function of (latents, data)}, "
                f"not {self.expectations!r}"
            )
        if isinstance(self.published, Mapping):
            raise DeclarationError("published is a sequence of mappings, one for each figure")

    @cached_property
    def arguments(self) -> tuple[str, ...]:
        """Names of the data that ``model`` takes; none where it is a built ``pm.Model``."""
        return self._signature[0]

    @cached_property
    def options(self) -> dict[str, Any]:
        """Options that ``model`` takes, with their defaults."""
        return self._signature[1]

    @cached_property
    def maximise(self) -> Step:
        """The M step from the expectations, through ``statistics`` where there is that."""
        if self.statistics is None:
            return self.m_step
        return em.composed(self.statistics, self.m_step)

    @cached_property
    def matrices(self) -> tuple[str, ...]:
        """Names of the data that are matrices in the model's example."""
        if self.example_data is None:
            return ()
        example = em.call(self.example_data, "example_data")
        return tuple(name for name, value in example.items() if getattr(value, "ndim", 0) == 2)

    def declare(self, data: Any = None, **options: Any) -> "Declaration":
        """Build the PyMC model on data and find the role of each of its variables.

        Parameters
        ----------
        data : mapping or array_like, optional
            ``{argument: array}``; the array itself where there is one argument. By default
            the example data.
        **options
            Those of ``model``.

        Raises
        ------
        InputError, DeclarationError
        """
        return self._declared(self._arguments(data, options), options)

    def fit(
        self,
        data: Any = None,
        *,
        seed: int | None = None,
        starts: int = 5,
        short_runs: int = 0,
        stopping: em.Stopping | None = None,
        accelerate: str = "auto",
        columns: Sequence[str] = (),
        executor: Any = None,
        progress: Progress | None = None,
        **options: Any,
    ) -> em.Fit:
        """Run EM alone. Does not import PyMC where the model file has ``initial``.

        Parameters
        ----------
        data : mapping or array_like, optional
            ``{argument: array}``, missing values as NaN or masked; the array itself where
            ``model`` takes one. By default the example data. Data that are not in memory, if there
            is `statistics`: Dask arrays, a Dask dataframe, or the path of a folder of Parquet
            files; the E steps then run where the data are, see `em.distributed`.
        seed : int, optional
            For the starts.
        starts : int
            How many; the best end is kept, all are reported.
        short_runs : int
            If there are any, the starts are the best of so many short runs, see `em.Short`.
        stopping : Stopping, optional
        accelerate : {"auto", "none", "quasi-newton", "daarem", "squarem", "parabolic"}
            How EM is extrapolated, if a hundred iterations are not enough or at once; or that it is
            not: see `em.run`.
        columns : sequence of str
            Of a dataframe or Parquet files, which are which argument: ``"x=eruptions,waiting"``, as
            ``--column`` on the command line.
        executor : Executor or Dask client, optional
            Where the starts run side by side, a `concurrent.futures.Executor` or a client of Dask.
            For data that are not in memory, the client to go through, by default the current one;
            each start then has the whole cluster, one after the other.
        progress : Progress, optional
        **options
            Those of ``model``, such as ``components=3``.

        Raises
        ------
        InputError, DeclarationError, StepError
        ClusterError
            Workers went away: the error says what EM had come to, and has it as attributes.
        """
        if distributed.is_apart(data):
            if short_runs:
                raise InputError("short runs are for data in memory")
            return self._fit_apart(
                data, seed, starts, stopping, accelerate, columns, executor, progress, options
            )
        if columns:
            raise InputError("columns are chosen of a dataframe or of Parquet files")
        arguments = self._arguments(data, options)
        shown = self._shown(arguments, options)
        tried = _tried(starts, short_runs)
        begins = self._initial(shown, seed, tried, options)
        if begins is None:
            begins = _random(declared.space(self._declared(arguments, options)), seed, tried)
        # What EM for the posterior climbs is known only to the declaration.
        climbed = self.log_likelihood if self.objective == "likelihood" else None
        return self._run(
            shown, begins, climbed, stopping, accelerate, progress, executor, keep=starts
        )

    def draw(
        self,
        params: Mapping[str, Any],
        data: Any = None,
        *,
        samples: int = 1,
        seed: int | np.random.Generator | None = None,
        **options: Any,
    ) -> "list[Data]":
        """Draw new data from the model, for a parametric bootstrap or a study of coverage.

        They come from ``simulate`` where there is one, without PyMC; else from the declaration,
        if its observed variables are arguments of ``model``.

        Parameters
        ----------
        params : mapping
            At which to draw, under EM's names and on the natural scale, such as ``fit().params``.
        data : mapping or array_like, optional
            As in `fit`. The new data are as many; what the model says nothing of, such as
            covariates and which values are missing, is the same in them.
        samples : int
            How many data sets.
        seed : int or Generator, optional
        **options
            Those of ``model``.

        Returns
        -------
        list of dict
            Each one ``{argument: array}``.

        Raises
        ------
        InputError, DeclarationError, StepError

        Examples
        --------
        >>> import latentfit
        >>> model = latentfit.load("genetic-linkage")
        >>> (data,) = model.draw({"theta": 0.5}, seed=1)
        >>> int(data["counts"].sum())
        197
        """
        if samples < 1:
            raise InputError(f"samples must be at least 1, not {samples}")
        draw = self._sampler(params, self._arguments(data, options), options)
        return draw(samples, np.random.default_rng(seed))

    @one_thread
    def check(
        self,
        data: Any = None,
        *,
        seed: int = 0,
        starts: int = _CHECKED,
        timeout: float = _TIMEOUT_S,
        paths: bool = True,
        against: "Reference | None" = None,
        progress: Progress | None = None,
        **options: Any,
    ) -> "CheckResult":
        """Whether E step and M step are the EM algorithm of the declaration; if not, where.

        Parameters
        ----------
        data, seed, progress, **options
            As in `fit`.
        starts : int
            How many of the values of θ that are tried come from ``initial``.
        timeout : float
            Seconds that one call of a step may take.
        paths : bool
            Also follow EM beside the declaration's own, where a step is wrong: for a picture.
        against : Reference, optional
            What `reference` built on the same data, where many derivations of one model are
            to be checked.

        Returns
        -------
        CheckResult

        Raises
        ------
        InputError, DeclarationError, StepError
        """
        from latentfit import check as checks

        progress = progress or Progress(quiet=True)
        arguments = self._arguments(data, options)
        begins, problem = None, None
        try:
            begins = self._initial(self._shown(arguments, options), seed, starts, options)
        except StepError as error:
            problem = str(error)
        with progress.stage("Building the model"):
            against = against or checks.reference(self._declared(arguments, options))
        derivation = self._derivation(
            begins or _random(against.density.space, seed, starts), problem
        )
        return checks.check(
            derivation, against, seed=seed, timeout=timeout, paths=paths, progress=progress
        )

    @one_thread
    def reference(self, data: Any = None, **options: Any) -> "Reference":
        """What `check` holds derivations against, to be built once for many of them."""
        from latentfit import check as checks

        return checks.reference(self.declare(data, **options))

    @one_thread
    def compare(
        self,
        data: Any = None,
        *,
        seed: int | None = None,
        starts: int = 5,
        short_runs: int = 0,
        stopping: em.Stopping | None = None,
        accelerate: str = "auto",
        draws: int = 1000,
        tune: int = 1000,
        chains: int = 4,
        backend: "Backend" = "numba",
        check: bool = True,
        bootstrap: int = 0,
        profile: Sequence[str] = (),
        progress: Progress | None = None,
        **options: Any,
    ) -> "Comparison":
        """Set EM beside PyMC's direct MLE, MAP and posterior of the same declaration.

        Parameters
        ----------
        data, seed, starts, short_runs, stopping, accelerate, progress, **options
            As in `fit`; the seed settles all else that is random too.
        draws, tune, chains : int
            For NUTS: draws kept and discarded a chain, number of chains.
        backend : {"numba", "jax", "c"}
            What compiles the log-density for it. Numba takes half a minute and more for a new
            model, and keeps it for other runs; JAX, an extra, takes seconds each time.
        check : bool
            Whether to check the derivation first.
        bootstrap : int
            Replicates of a parametric bootstrap of EM, see `bootstrap`; none by default.
        profile : sequence of str
            Parameters for which profile likelihood intervals are wanted: labels such as
            ``"mu[0]"``, or names for all their entries. Each takes hundreds of evaluations.

        Returns
        -------
        Comparison

        Raises
        ------
        InputError, DeclarationError, StepError
        """
        from latentfit import agreement, bayes
        from latentfit.em import information

        for label, value in (("draws", draws), ("chains", chains), ("tune", tune)):
            if value < 1:
                raise InputError(f"{label} must be at least 1, not {value}")
        bayes.available(backend)
        if bootstrap == 1 or bootstrap < 0:
            raise InputError(f"bootstrap takes at least 2 replicates, or 0 for none: {bootstrap}")
        seed = secrets.randbits(31) if seed is None else seed
        progress = progress or Progress(quiet=True)
        stage = agreement.Stages(progress)
        arguments = self._arguments(data, options)
        # Before anything is built: data that cannot be used are found out at once.
        tried = _tried(starts, short_runs)
        begins = self._initial(self._shown(arguments, options), seed, tried, options)
        with stage("build_s", "Building the model"):
            declaration = self._declared(arguments, options)
            space = declared.space(declaration)
            density = bayes.Density(bayes.observed_view(declaration), space)
        if begins is None:
            begins = _random(space, seed, tried)
        space.locate(self._to_model(begins[0]))
        profiled = agreement.profiled(profile, space)
        with stage("complete_s", "Building the complete-data view"):
            against = self._complete(declaration, density)
        found: CheckResult | str | None = None
        if check:
            with stage.timed("check_s"):
                found = self._examined(against, begins[:_CHECKED], seed, progress)
        with stage.timed("em_s"):
            fit = self._run(
                declaration.data,
                begins,
                self._climbed(density),
                stopping,
                accelerate,
                progress,
                keep=starts,
            )
        replicates = None
        if bootstrap and not fit.best.stop.degenerate:
            with stage.timed("bootstrap_s"):
                replicates = self._bootstrap(
                    fit.params, arguments, bootstrap, seed, stopping, progress, options
                )
        subject = agreement.Subject(
            self.name,
            self.title or self.name,
            self.derivation,
            self.objective,
            tuple(self.published),
            self._to_model,
            information.em_map(self.e_step, self.maximise, declaration.data),
        )
        return agreement.compare(
            subject,
            declaration,
            density,
            fit,
            draws=draws,
            tune=tune,
            chains=chains,
            backend=backend,
            seed=seed,
            settings={"starts": starts, "short_runs": short_runs, **self.options, **options},
            stage=stage,
            complete=against if isinstance(against, str) else against.complete,
            check=found,
            bootstrap=replicates,
            profile=profiled,
        )

    def select(
        self,
        data: Any = None,
        *,
        option: str,
        values: Iterable[int],
        posterior: bool = False,
        units: int | None = None,
        seed: int | None = None,
        progress: Progress | None = None,
        on_value: "Callable[[int, em.Fit | Comparison], object] | None" = None,
        **settings: Any,
    ) -> "Selection":
        """Fit the model at several values of an option, such as numbers of components.

        Parameters
        ----------
        data, progress
            As in `fit`.
        option : str
            An option of ``model`` that is a whole number.
        values : iterable of int
        posterior : bool
            Whether to `compare` at each value, which adds leave-one-out cross-validation to AIC,
            BIC and ICL; or to `fit` alone, without PyMC.
        units : int, optional
            Number of units, n in BIC and ICL. By default the values of a discrete latent are
            counted, else the rows of the data.
        seed : int, optional
            The same at every value.
        on_value : callable, optional
            ``on_value(value, result)``, after each fit or comparison. Comparisons are large, and
            none is kept.
        **settings
            What `fit` or `compare` takes, and the other options of ``model``.

        Returns
        -------
        Selection
            Values at which EM or the chains fail are among them, and say so.

        Raises
        ------
        InputError, DeclarationError, StepError
            As in `fit` or `compare`, if every value fails.

        Examples
        --------
        >>> import latentfit
        >>> model = latentfit.load("gaussian-mixture")
        >>> model.select(option="components", values=range(1, 4), seed=1).preferred
        {'aic': 3, 'bic': 3, 'icl': 2}
        """
        from latentfit import selection

        default = self.options.get(option, 0)
        if option in self.options and type(default) is not int:
            raise InputError(f"{option} is no whole number: its default is {default!r}")
        if option in settings:
            raise InputError(f"{option} has a value already, {settings[option]!r}")
        if units is not None and units < 1:
            raise InputError(f"units must be at least 1, not {units}")
        if not posterior and (self.log_likelihood is None or self.objective == "posterior"):
            raise InputError(
                f"{self.name} has no log_likelihood that EM maximises, to select by: "
                f"a comparison takes the declaration's"
            )
        seed = secrets.randbits(31) if seed is None else seed
        progress = progress or Progress(quiet=True)
        arguments = self._arguments(data, {option: default})
        run: Callable[..., em.Fit | Comparison] = self.compare if posterior else self.fit
        return selection.select(
            selection.Subject(
                name=self.name,
                title=self.title,
                objective=self.objective,
                option=option,
                latents=self.latents,
                further=tuple(self.expectations),
                log_likelihood=self.log_likelihood,
                data=declared.masked(arguments),
                units=units,
            ),
            values,
            lambda value: run(
                arguments, seed=seed, progress=progress, **settings, **{option: value}
            ),
            posterior=posterior,
            settings={
                name: vars(value) if isinstance(value, em.Stopping) else value
                for name, value in settings.items()
                if name != "executor"
            },
            seed=seed,
            progress=progress,
            on_value=on_value,
        )

    def standard_errors(
        self, params: Mapping[str, Any], data: Any = None, **options: Any
    ) -> "StandardErrors":
        """Standard errors of EM's estimate, from the observed information.

        By second differences of the model file's own ``log_likelihood``, without PyMC; where it
        has none, or EM is for the posterior, by the declaration's exact Hessian.

        Parameters
        ----------
        params : mapping
            EM's estimate, such as ``fit().params``, natural scale.
        data, **options
            As in `fit`.

        Raises
        ------
        InputError, DeclarationError, StepError
        """
        arguments = self._arguments(data, options)
        log_likelihood = self.log_likelihood
        if log_likelihood is not None and self.objective == "likelihood":
            from latentfit.em import information

            shown = self._shown(arguments, options)
            return information.observed(lambda at: log_likelihood(at, shown), params)
        from latentfit import bayes

        declaration = self._declared(arguments, options)
        density = bayes.Density(bayes.observed_view(declaration), declared.space(declaration))
        point = density.space.locate(self._to_model(params))
        return bayes.by_observed(density, point, prior=self.objective == "posterior")

    def bootstrap(
        self,
        params: Mapping[str, Any],
        data: Any = None,
        *,
        replicates: int = 200,
        seed: int | None = None,
        stopping: em.Stopping | None = None,
        executor: Any = None,
        progress: Progress | None = None,
        **options: Any,
    ) -> "Bootstrap":
        """Standard errors by the parametric bootstrap: EM on data drawn at its estimate.

        Parameters
        ----------
        params : mapping
            EM's estimate, such as ``fit().params``.
        data, stopping, progress, **options
            As in `fit`.
        replicates : int
            Data sets, 2 at least. The Monte Carlo error of a standard error is about one in
            √(2 · replicates) of it.
        seed : int, optional
        executor : Executor or Dask client, optional
            Where EM runs on the samples, side by side; they are drawn here. The result is the same.

        Raises
        ------
        InputError, DeclarationError, StepError
            As in `draw` and `em.information.bootstrap`.
        """
        arguments = self._arguments(data, options)
        return self._bootstrap(
            params, arguments, replicates, seed, stopping, progress, options, executor
        )

    def __repr__(self) -> str:
        takes = ", ".join((*self.arguments, *(f"{k}={v!r}" for k, v in self.options.items())))
        return f"LatentModel {self.name}({takes}), latents: {', '.join(self.latents)}"

    @cached_property
    def _signature(self) -> tuple[tuple[str, ...], dict[str, Any]]:
        return declared.signature(self.model) if callable(self.model) else ((), {})

    def _build(self, **arguments: Any) -> "pm.Model":
        if not callable(self.model):
            return self.model
        return em.call(self.model, "model", **arguments)

    def _check_options(self, options: Mapping[str, Any]) -> None:
        for name in options:
            if name not in self.options:
                known = ", ".join(self.options) or "none"
                raise InputError(f"{self.name} has no option {name!r}; it has {known}")

    def _arguments(self, data: Any, options: Mapping[str, Any]) -> "Data":
        self._check_options(options)
        if distributed.is_apart(data):
            raise InputError(
                "this takes data in memory: of data in chunks, or of a path, there is fit alone"
            )
        if not self.arguments:
            if data is not None:
                raise InputError("the model is built already and holds its data")
            return {}
        if data is None:
            if self.example_data is None:
                raise InputError(
                    f"{self.name} has no example data: give it {', '.join(self.arguments)}"
                )
            data = em.call(self.example_data, "example_data")
        arguments = declared.arrays(data, self.arguments)
        declared.check_missing(self.name, arguments, self.latents)
        return arguments

    def _declared(self, arguments: "Data", options: Mapping[str, Any]) -> "Declaration":
        return declared.declare(self._build, self.latents, arguments, options)

    def _shown(self, arguments: "Data", options: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the E and M steps are given as data, without PyMC if that is possible."""

        def build() -> "Data":
            return self._declared(arguments, options).data

        return _OnDemand(declared.masked(arguments), build) if self.arguments else build()

    def _initial(
        self, data: Mapping[str, Any], seed: int | None, count: int, options: Mapping[str, Any]
    ) -> "list[Params] | None":
        if count < 1:
            raise InputError(f"starts must be at least 1, not {count}")
        if self.initial is None:
            return None
        try:
            found = [
                em.call(self.initial, "initial", data, rng, **options)
                for rng in np.random.default_rng(seed).spawn(count)
            ]
        except StepError as error:
            # How `initial` says that the data cannot be used; anything else is a mistake in it.
            if isinstance(error.__cause__, ValueError):
                raise InputError(str(error.__cause__)) from error
            raise
        for start in found:
            if not isinstance(start, Mapping):
                kind = "nothing" if start is None else f"a {type(start).__name__}"
                raise StepError(
                    f"initial returned {kind}, expected a mapping {{name: array}}", step="initial"
                )
        return [dict(start) for start in found]

    def _sampler(
        self, params: Mapping[str, Any], arguments: "Data", options: Mapping[str, Any]
    ) -> "Draw":
        if not self.arguments:
            raise InputError(
                "the model is built already and holds its data: to draw others, "
                "give model as a function of them"
            )
        params = {name: np.asarray(value) for name, value in params.items()}
        if self.simulate is None:
            declaration = self._declared(arguments, options)
            return declared.sampler(declaration, arguments, self._to_model(params))
        simulate, shown = self.simulate, self._shown(arguments, options)

        def draw(samples: int, rng: np.random.Generator) -> "list[Data]":
            return [
                self._new(em.call(simulate, "simulate", params, shown, rng, **options), arguments)
                for _ in range(samples)
            ]

        return draw

    def _new(self, simulated: Mapping[str, Any], arguments: "Data") -> "Data":
        """The arguments with what ``simulate`` returned put in, as data that can be used."""
        if not isinstance(simulated, Mapping):
            raise StepError(
                f"simulate returned {type(simulated).__name__}, "
                f"expected a mapping {{argument of model: array}}",
                step="simulate",
            )
        try:
            new = declared.arrays({**arguments, **simulated}, self.arguments)
            declared.check_missing(self.name, new, self.latents)
        except InputError as error:
            message = f"what simulate returned cannot be used: {error}"
            raise StepError(message, step="simulate") from error
        return {name: declared.typed(values, arguments[name]) for name, values in new.items()}

    def _run(
        self,
        data: Mapping[str, Any],
        begins: "list[Params]",
        log_likelihood: Callable[..., float] | None,
        stopping: em.Stopping | None,
        accelerate: str,
        progress: Progress | None,
        executor: Any = None,
        *,
        keep: int,
    ) -> em.Fit:
        progress = progress or Progress(quiet=True)
        short = em.Short(keep) if keep < len(begins) else None
        total = len(begins) + (keep if short else 0)
        with progress.stage("EM", total=total) as bar:
            return em.fit(
                self.e_step,
                self.maximise,
                data,
                begins,
                log_likelihood=log_likelihood,
                stopping=stopping or em.Stopping(),
                accelerate=accelerate,
                on_start=lambda done, _: bar.update(done),
                executor=executor,
                short=short,
            )

    def _fit_apart(
        self,
        data: Any,
        seed: int | None,
        starts: int,
        stopping: em.Stopping | None,
        accelerate: str,
        columns: Sequence[str],
        executor: Any,
        progress: Progress | None,
        options: Mapping[str, Any],
    ) -> em.Fit:
        """`fit` where the data are: what the starts rest on is a sample of their rows."""
        if self.statistics is None:
            raise DeclarationError(
                f"{self.name} does not say how its statistics add, statistics(expectations, data): "
                f"data in chunks need that"
            )
        self._check_options(options)
        if not self.arguments:
            raise InputError("the model is built already and holds its data")
        progress = progress or Progress(quiet=True)
        client = distributed.client_of(executor)
        parts = distributed.parts(data, self.arguments, chosen=columns, matrices=self.matrices)
        with progress.stage("Reading the data once"):
            found = distributed.survey(parts, client, seed=seed)
        holes = {name: declared.holes(array) for name, array in parts.whole.items()}
        declared.check_holes(self.name, {**holes, **found.holes}, self.latents)
        sample = {**parts.whole, **found.sample}
        begins = self._initial(self._shown(sample, options), seed, starts, options)
        if begins is None:
            begins = _random(declared.space(self._declared(sample, options)), seed, starts)
        climbed = self.log_likelihood if self.objective == "likelihood" else None
        whole = distributed.Whole(
            parts, found, client, self.e_step, self.statistics, log_likelihood=climbed
        )
        with progress.stage("EM", total=len(begins)) as bar:
            return distributed.fit(
                whole,
                self.m_step,
                begins,
                stopping=stopping or em.Stopping(),
                accelerate=accelerate,
                on_start=lambda done, _: bar.update(done),
            )

    def _bootstrap(
        self,
        params: Mapping[str, Any],
        arguments: "Data",
        replicates: int,
        seed: int | None,
        stopping: em.Stopping | None,
        progress: Progress | None,
        options: Mapping[str, Any],
        executor: Any = None,
    ) -> "Bootstrap":
        from latentfit.em import information

        progress = progress or Progress(quiet=True)
        climbed = self.log_likelihood if self.objective == "likelihood" else None
        draw = self._sampler(params, arguments, options)

        def simulate(_: "Params", rng: np.random.Generator) -> Mapping[str, Any]:
            (drawn,) = draw(1, rng)
            return self._shown(drawn, options)

        def refit(drawn: Mapping[str, Any], start: "Params") -> em.Solution:
            return em.run(
                self.e_step,
                self.maximise,
                drawn,
                start,
                log_likelihood=climbed,
                stopping=stopping or em.Stopping(),
            )

        with progress.stage("Bootstrap", total=replicates) as bar:
            return information.bootstrap(
                simulate,
                refit,
                params,
                replicates=replicates,
                seed=seed,
                on_replicate=lambda done, _: bar.update(done),
                executor=executor,
            )

    def _derivation(self, begins: "list[Params]", problem: str | None = None) -> "Derivation":
        from latentfit import check as checks

        return checks.Derivation(
            self.name,
            self.objective,
            self.e_step,
            self.maximise,
            self.log_likelihood,
            self.expectations,
            self._to_model,
            begins,
            problem,
        )

    def _complete(self, declaration: "Declaration", density: "Density") -> "Reference | str":
        """What the derivation is held against, or why there is nothing."""
        from latentfit import check as checks

        try:
            return checks.reference(declaration, density)
        except Exception as error:  # the rest of the comparison does not rest on it
            return _said(error)

    def _examined(
        self,
        against: "Reference | str",
        begins: "list[Params]",
        seed: int,
        progress: Progress,
    ) -> "CheckResult | str":
        """What the check finds, or why it could not be done."""
        from latentfit import check as checks

        if isinstance(against, str):
            return against
        try:
            return checks.check(
                self._derivation(begins),
                against,
                seed=seed,
                timeout=_TIMEOUT_S,
                paths=True,
                progress=progress,
            )
        except Exception as error:  # nor on this
            return _said(error)

    def _to_model(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        return em.call(self.to_model, "to_model", params) if self.to_model else params

    def _climbed(self, density: "Density") -> Callable[..., float]:
        """What EM never decreases: the objective, as a function of EM's own params."""
        if self.objective == "likelihood" and self.log_likelihood is not None:
            return self.log_likelihood
        posterior = self.objective == "posterior"

        def climbed(params: "Params", data: Any) -> float:
            return density.objective(density.space.locate(self._to_model(params)), prior=posterior)

        return climbed


def _tried(starts: int, short_runs: int) -> int:
    """Number of starts that are drawn."""
    if short_runs and short_runs <= starts:
        raise InputError(
            f"{short_runs} short runs are too few for the best {starts} of them to go on: there "
            f"have to be more"
        )
    return short_runs or starts


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _random(space: "Space", seed: int | None, count: int) -> "list[Params]":
    return [space.random(rng) for rng in np.random.default_rng(seed).spawn(count)]
