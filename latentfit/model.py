"""The latent-variable model as its author gives it, and the jobs that can be done with it."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from latentfit import workflow
from latentfit.declaration.definition import ModelDefinition

if TYPE_CHECKING:
    from latentfit.agreement import Comparison
    from latentfit.check import CheckResult, Reference
    from latentfit.declaration import Data, Declaration
    from latentfit.em import Fit
    from latentfit.em.information import Bootstrap, StandardErrors
    from latentfit.selection import Selection


class LatentModel(ModelDefinition):
    """A declaration, the EM algorithm that was derived for it, and what can be done with them.

    Parameters
    ----------
    model : callable or pm.Model
        The declaration, or ``model(data, **options)``, which returns it.
    latents : tuple of str
        Names of the free variables that EM treats as missing data.
    e_step, m_step : callable
        ``e_step(params, data)`` and ``m_step(expectations, data[, params])``.
    **entries
        Other entries of a model file, all optional: ``statistics``, ``initial``, ``simulate``,
        ``example_data``, ``published``, ``log_likelihood``, ``objective``, ``expectations``,
        ``to_model``, ``name``, ``title``, ``derivation``. They are described in
        `latentfit.declaration.definition.ModelDefinition`.

    Examples
    --------
    >>> import latentfit
    >>> model = latentfit.load("exponential-missing")
    >>> model.fit(seed=1).params["theta"].round(6)
    np.float64(0.2)
    """

    def fit(self, data: Any = None, **settings: Any) -> "Fit":
        """Run EM alone, without PyMC if the model file has ``initial``.

        Parameters
        ----------
        data : mapping or array_like, optional
            ``{argument: array}``, missing values as NaN or masked; the array itself if ``model``
            takes one. By default the example data. If the model has `statistics`, also Dask
            arrays, a Dask dataframe or the path of a folder of Parquet files.
        **settings
            Options of ``model``, such as ``components=3``, and

            - ``seed``: seed of the starts; by default random;
            - ``starts``: number of starts, of which the best solution is kept (5);
            - ``short_runs``: number of short runs from which the starts are chosen (0);
            - ``stopping``: a `latentfit.em.Stopping`, which says when EM stops;
            - ``accelerate``: ``"auto"``, ``"none"`` or the name of an accelerator;
            - ``columns``: of a dataframe or Parquet files, such as ``["x=eruptions,waiting"]``;
            - ``executor``: a `concurrent.futures.Executor` or Dask client for the starts;
            - ``progress``: a `latentfit.progress.Progress`, to show progress.

        Raises
        ------
        InputError, DeclarationError, StepError, ClusterError
        """
        return workflow.fit_model(self, data, **settings)

    def check(self, data: Any = None, **settings: Any) -> "CheckResult":
        """Find out whether E step and M step are right, and if not, where they are wrong.

        Parameters
        ----------
        data : mapping or array_like, optional
            As in `fit`.
        **settings
            Options of ``model``, ``progress``, and

            - ``seed``: seed of the trial points (0);
            - ``starts``: number of trial points that come from ``initial`` (3);
            - ``timeout``: seconds that one call of a step may take (10);
            - ``paths``: whether to record the iterates if a step is wrong (True);
            - ``against``: the result of `reference`, to check many derivations of one model.

        Raises
        ------
        InputError, DeclarationError, StepError
        """
        return workflow.check_derivation(self, data, **settings)

    def compare(self, data: Any = None, **settings: Any) -> "Comparison":
        """Compare EM with PyMC's direct MLE, MAP and posterior of the same declaration.

        Parameters
        ----------
        data : mapping or array_like, optional
            As in `fit`.
        **settings
            Options of ``model``, ``progress``, and

            - ``seed``: determines everything that is random;
            - ``starts``, ``short_runs``, ``stopping``, ``accelerate``: as in `fit`;
            - ``draws``, ``tune``, ``chains``: of NUTS, kept and discarded draws in each of the
              chains (1000, 1000, 4);
            - ``backend``: compiler for NUTS, ``"numba"`` (default), ``"jax"`` or ``"c"``;
            - ``check``: whether to check the derivation first (True);
            - ``bootstrap``: replicates of a parametric bootstrap of EM (0);
            - ``profile``: parameters for profile likelihood intervals, such as ``["mu[0]"]``.

        Raises
        ------
        InputError, DeclarationError, StepError
        LatentfitError
            EM has no estimate.
        """
        return workflow.compare_estimates(self, data, **settings)

    def select(
        self, data: Any = None, *, option: str, values: Iterable[int], **settings: Any
    ) -> "Selection":
        """Fit the model at several values of an option, such as numbers of components.

        Parameters
        ----------
        data : mapping or array_like, optional
            As in `fit`.
        option : str
            An option of ``model`` whose values are integers.
        values : iterable of int
        **settings
            - ``posterior=True`` to `compare` at each value, which adds leave-one-out
              cross-validation to AIC, BIC and ICL;
            - ``units``: the number of units, n in BIC and ICL, if it is not to be counted;
            - ``on_value``: called as ``on_value(value, result)`` after each fit or comparison;
            - settings of `fit` or `compare`, and other options of ``model``.

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
        return workflow.select_value(self, data, option=option, values=values, **settings)

    def standard_errors(
        self, params: Mapping[str, Any], data: Any = None, **options: Any
    ) -> "StandardErrors":
        """Find standard errors of EM's estimate from the observed information.

        Parameters
        ----------
        params : mapping
            EM's estimate, such as ``fit().params``, natural scale.
        data : mapping or array_like, optional
            As in `fit`.
        **options
            Options of ``model``.

        Raises
        ------
        InputError, DeclarationError, StepError
        """
        return workflow.observed_information_errors(self, params, data, **options)

    def bootstrap(
        self, params: Mapping[str, Any], data: Any = None, **settings: Any
    ) -> "Bootstrap":
        """Find standard errors by the parametric bootstrap: EM on data drawn at its estimate.

        Parameters
        ----------
        params : mapping
            EM's estimate, such as ``fit().params``.
        data : mapping or array_like, optional
            As in `fit`.
        **settings
            ``replicates`` (200), ``seed``, ``stopping``, ``executor``, ``progress``, and options of
            ``model``.

        Raises
        ------
        InputError, DeclarationError, StepError
        """
        return workflow.bootstrap_estimate(self, params, data, **settings)

    def draw(self, params: Mapping[str, Any], data: Any = None, **settings: Any) -> "list[Data]":
        """Draw new data sets from the model, each of the size of `data`.

        Parameters
        ----------
        params : mapping
            Parameters to draw at, such as ``fit().params``.
        data : mapping or array_like, optional
            As in `fit`.
        **settings
            ``samples`` (1), ``seed``, and options of ``model``.

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
        return workflow.draw_data(self, params, data, **settings)

    def declare(self, data: Any = None, **options: Any) -> "Declaration":
        """Build the PyMC model on data and find the role of each of its variables."""
        return workflow.declare(self, data, **options)

    def reference(self, data: Any = None, **options: Any) -> "Reference":
        """Build what `check` compares derivations with, once for many of them."""
        return workflow.build_reference(self, data, **options)

    @property
    def matrices(self) -> tuple[str, ...]:
        """Names of the data that are matrices in the model's example data."""
        return workflow.matrix_arguments(self)

    @property
    def maximise(self) -> Callable[..., Mapping[str, Any]]:
        """The M step as a function of the expectations, through `statistics` if it is given."""
        return workflow.maximise(self)

    def __repr__(self) -> str:
        """Return the name, the arguments with their defaults, and the latents."""
        takes = ", ".join((*self.arguments, *(f"{k}={v!r}" for k, v in self.options.items())))
        return f"LatentModel {self.name}({takes}), latents: {', '.join(self.latents)}"
