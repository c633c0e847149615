"""Hidden Markov models, and three models that are special cases with some parameters fixed."""

from math import lgamma

import numpy as np

from ._case import STARTS, Case, Estimate, Referee, best, example, table

# hmmlearn stops where an iteration gains less than this, in nats.
_HMM = {"tol": 1e-10, "n_iter": 5000, "implementation": "scaling"}


def _fit(machine, x, lengths):
    """Fit by hmmlearn, and return the log-likelihood of the estimate."""
    machine.fit(x, lengths)
    return machine.score(x, lengths)


def hmmlearn_markov(case, start):
    from hmmlearn import hmm

    emission, estimated = case.options["emission"], case.options.get("start") == "estimated"
    x = case.data["x"]
    X, lengths = x.T.reshape(-1, 1), [len(x)] * (x.size // len(x))
    code, kind, more = {
        "poisson": ("l", hmm.PoissonHMM, {}),
        "gaussian": ("mc", hmm.GaussianHMM, {"covars_prior": 0, "min_covar": 0}),
        "categorical": ("e", hmm.CategoricalHMM, {}),
    }[emission]
    if emission != "gaussian":
        X = X.astype(int)

    def once(seed):
        updated = ("s" if estimated else "") + "t" + code
        machine = kind(
            case.size,
            random_state=seed,
            params=updated,
            init_params=updated if start is None else "",
            **_HMM,
            **more,
        )
        if not estimated:
            machine.startprob_ = np.full(case.size, 1 / case.size)
        if start is not None:
            _set_markov(machine, start, estimated)
        elif emission == "gaussian":
            # hmmlearn's own starts do not depend on the seed: k-means, and one common variance.
            rng = np.random.default_rng(seed)
            machine.init_params = machine.init_params.replace("m", "")
            machine.means_ = rng.choice(X, case.size, replace=False)
        log_likelihood = _fit(machine, X, lengths)
        params = {"P": machine.transmat_}
        if estimated:
            params["start"] = machine.startprob_
        if emission == "poisson":
            params["lam"] = machine.lambdas_[:, 0]
        elif emission == "gaussian":
            params["mu"] = machine.means_[:, 0]
            params["sigma"] = np.sqrt(machine.covars_[:, 0, 0])
        else:
            params["B"] = machine.emissionprob_
        return Estimate(log_likelihood, params)

    return best(once, case.starts) if start is None else once(0)


def _set_markov(machine, start, estimated):
    machine.transmat_ = start["P"]
    if estimated:
        machine.startprob_ = start["start"]
    if "lam" in start:
        machine.lambdas_ = start["lam"][:, None]
    elif "mu" in start:
        machine.means_, machine.n_features = start["mu"][:, None], 1
        machine.covars_ = start["sigma"][:, None] ** 2
    else:
        machine.emissionprob_ = start["B"]


def hmmlearn_coins(case, start):
    """A coin is a state that is never left; a set of tosses is a sequence."""
    from hmmlearn.hmm import CategoricalHMM

    heads, tosses = (case.data[name].astype(int) for name in ("heads", "tosses"))
    shown = [np.repeat([1, 0], (h, m - h)) for h, m in zip(heads, tosses, strict=True)]
    X = np.concatenate(shown)[:, None]
    # The log of the number of orders of heads and tails, one of which is the sequence.
    log_orders = sum(
        lgamma(m + 1) - lgamma(h + 1) - lgamma(m - h + 1)
        for h, m in zip(heads, tosses, strict=True)
    )

    def once(seed):
        theta = (
            np.random.default_rng(seed).uniform(0.1, 0.9, 2) if start is None else start["theta"]
        )
        machine = CategoricalHMM(2, params="e", init_params="", **_HMM)
        machine.startprob_, machine.transmat_ = np.full(2, 0.5), np.eye(2)
        machine.emissionprob_ = np.column_stack([1 - theta, theta])
        log_likelihood = _fit(machine, X, tosses)
        return Estimate(log_likelihood + log_orders, {"theta": machine.emissionprob_[:, 1]})

    return best(once) if start is None else once(0)


def hmmlearn_table(case, start):
    """A cell is a state; what was recorded of an individual is a sequence of one symbol.

    A cell can be recorded in full, by its row, by its column or not at all. With a probability of
    1/4 each in all cells, values are missing at random.
    """
    from hmmlearn.hmm import CategoricalHMM

    row, column, count = (case.data[name] for name in ("row", "column", "count"))
    rows, columns = (np.unique(values[~np.isnan(values)]) for values in (row, column))
    patterns = [(r, c) for r in (None, *rows) for c in (None, *columns)]
    emission = np.array(
        [
            [0.25 * (r in (None, i) and c in (None, j)) for r, c in patterns]
            for i in rows
            for j in columns
        ]
    )

    def code(r, c):
        return patterns.index((None if np.isnan(r) else r, None if np.isnan(c) else c))

    codes = [code(r, c) for r, c in zip(row, column, strict=True)]
    X = np.repeat(codes, count.astype(int))[:, None]

    def once(seed):
        cells = len(rows) * len(columns)
        p = np.random.default_rng(seed).dirichlet(np.full(cells, 2.0))
        machine = CategoricalHMM(cells, params="s", init_params="", **_HMM)
        machine.startprob_ = p if start is None else start["p"].ravel()
        machine.transmat_, machine.emissionprob_ = np.eye(cells), emission
        log_likelihood = _fit(machine, X, np.ones(len(X), int))
        params = {"p": machine.startprob_.reshape(len(rows), len(columns))}
        return Estimate(log_likelihood + len(X) * np.log(4), params)

    return best(once, 2) if start is None else once(0)


def hmmlearn_observers(case, start):
    """A state is a true class before one of the observers, a patient a sequence of ratings.

    The chain moves between observers at random and never to another class, and a symbol identifies
    the observer. The first observer is an artificial one with a single rating, so that the start
    probabilities are those of the classes.
    """
    from hmmlearn.hmm import CategoricalHMM

    i, k, y = (
        np.unique(case.data[name], return_inverse=True)[1]
        for name in ("patient", "observer", "rating")
    )
    patients, K, J = i.max() + 1, k.max() + 1, y.max() + 1
    symbols = [np.concatenate([[0], 1 + (J * k + y)[i == one]]) for one in range(patients)]
    X, lengths = np.concatenate(symbols)[:, None], [len(one) for one in symbols]
    # States by observer, the artificial one first, and within an observer by class.
    stay = np.kron(np.column_stack([np.zeros(K + 1), np.full((K + 1, K), 1 / K)]), np.eye(J))

    def once(seed):
        rng = np.random.default_rng(seed)
        if start is None:
            p = np.full(J, 1 / J)
            pi = 0.6 * np.eye(J) + 0.4 * rng.dirichlet(np.full(J, 2.0), (K, J))
        else:
            p, pi = start["p"], start["pi"]
        machine = CategoricalHMM((K + 1) * J, params="se", init_params="", **_HMM)
        machine.startprob_ = np.concatenate([p, np.zeros(K * J)])
        machine.transmat_ = stay
        emission = np.zeros(((K + 1) * J, 1 + K * J))
        emission[:J, 0] = 1
        for one in range(K):
            emission[(one + 1) * J : (one + 2) * J, 1 + one * J : 1 + (one + 1) * J] = pi[one]
        machine.emissionprob_ = emission
        log_likelihood = _fit(machine, X, lengths)
        found = machine.emissionprob_
        rates = [found[(o + 1) * J : (o + 2) * J, 1 + o * J : 1 + (o + 1) * J] for o in range(K)]
        params = {"p": machine.startprob_[:J], "pi": np.array(rates)}
        return Estimate(log_likelihood + len(y) * np.log(K), params)

    return best(once, case.starts) if start is None else once(0)


_MARKOV = Referee("hmmlearn", hmmlearn_markov)


def _markov():
    rng = np.random.default_rng(7)

    P = np.array([[0.9, 0.07, 0.03], [0.1, 0.8, 0.1], [0.05, 0.15, 0.8]])

    def chain(times, sequences):
        z = np.empty((times, sequences), int)
        z[0] = rng.integers(len(P), size=sequences)
        for t in range(1, times):
            z[t] = (rng.random((sequences, 1)) > np.cumsum(P, axis=1)[z[t - 1], :-1]).sum(axis=1)
        return z

    z = chain(1500, 1)[:, 0]
    gaussian = rng.normal(np.take([-2.0, 0.5, 3.0], z), np.take([0.7, 1.0, 1.4], z))
    B = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.6, 0.2, 0.1], [0.05, 0.15, 0.2, 0.6]])
    z = chain(100, 50)
    symbols = (rng.random((*z.shape, 1)) > np.cumsum(B, axis=1)[z, :-1]).sum(axis=-1)
    counts = rng.poisson(np.take([2.0, 8.0, 20.0], chain(100, 50)))
    quakes, eruptions = example("hidden-markov")["x"], table("faithful", 0)
    kinds = np.digitize(quakes, [16, 23])
    for label, x, K, emission, start in (
        ("example", quakes, 2, "poisson", "uniform"),
        ("example", quakes, 3, "poisson", "estimated"),
        ("faithful.csv", eruptions, 2, "gaussian", "estimated"),
        ("example, as below 16, below 23 and above", kinds, 2, "categorical", "uniform"),
        ("simulated, 50 sequences", counts, 3, "poisson", "estimated"),
        ("simulated", gaussian, 3, "gaussian", "uniform"),
        ("simulated, 50 sequences", symbols, 3, "categorical", "estimated"),
    ):
        options = {"states": K, "emission": emission, "start": start}
        data = {"x": x.astype(float)}
        yield Case("hidden-markov", label, x.size, data, (_MARKOV,), options)


def _coins():
    rng = np.random.default_rng(8)
    tosses = rng.integers(10, 21, 1000)
    heads = rng.binomial(tosses, np.take([0.35, 0.7], rng.integers(2, size=1000)))
    simulated = {"heads": heads.astype(float), "tosses": tosses.astype(float)}
    referees = (Referee("hmmlearn", hmmlearn_coins),)
    for label, data in (("example", example("coins")), ("simulated", simulated)):
        yield Case("coins", label, len(data["heads"]), data, referees)


def _annotators():
    rng = np.random.default_rng(9)
    patient, observer = np.nonzero(rng.random((300, 6)) < 0.7)
    z = rng.choice(3, 300, p=[0.5, 0.3, 0.2])
    rates = 0.6 * np.eye(3) + 0.4 * rng.dirichlet(np.full(3, 2.0), (6, 3))
    p = np.cumsum(rates, axis=-1)[observer, z[patient], :-1]
    rating = (rng.random((len(patient), 1)) > p).sum(axis=1)
    simulated = {"patient": patient, "observer": observer, "rating": rating}
    referees = (Referee("hmmlearn", hmmlearn_observers),)
    for label, data, starts in (
        ("example", example("annotators"), 50),
        ("simulated, 30 % missing", simulated, STARTS),
    ):
        yield Case("annotators", label, len(data["rating"]), data, referees, starts=starts)


def _missing():
    rng = np.random.default_rng(11)
    p = rng.dirichlet(np.full(12, 3.0))
    cell = rng.choice(12, 2000, p=p)
    row, column = (cell // 4).astype(float), (cell % 4).astype(float)
    row[rng.random(2000) < 0.2] = np.nan
    column[rng.random(2000) < 0.3] = np.nan
    simulated = {"row": row, "column": column, "count": np.ones(2000)}
    referees = (Referee("hmmlearn", hmmlearn_table),)
    for label, data in (
        ("example", example("missing-categories")),
        ("simulated, 3 by 4", simulated),
    ):
        yield Case("missing-categories", label, int(data["count"].sum()), data, referees)


def cases():
    yield from _markov()
    yield from _coins()
    yield from _annotators()
    yield from _missing()
