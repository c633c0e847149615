"""EM on a cluster gives the result of EM in memory, whatever happens to the workers."""

import os
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

import latentfit
from latentfit import em
from latentfit.cli import main
from latentfit.em import Stopping, distributed
from latentfit.em.calls import evaluate_statistics
from latentfit.errors import ClusterError, DeclarationError, InputError, StepError

pytest.importorskip("distributed")
import dask.array as da
import dask.dataframe as dd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from distributed import Client, LocalCluster

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

# Far below the default tolerance: only rounding error is left.
TIGHT = Stopping(distance=1e-12)
# A few iterations from the same start suffice to compare iterates.
FEW = Stopping(distance=None, max_iterations=8)

LIFETIMES = '''
"""Two kinds of lifetimes"""
import numpy as np
import pymc as pm

latents = ("z",)
UNIT = 1.0


def model(y):
    with pm.Model() as model:
        w = pm.Dirichlet("w", a=np.ones(2))
        lam = pm.Gamma("lam", alpha=1, beta=1, shape=2)
        z = pm.Categorical("z", p=w, shape=len(y))
        pm.Exponential("y", lam[z], observed=y)
    return model


def _joint(params, data):
    return params["w"] * params["lam"] * np.exp(-params["lam"] * data["y"][:, None]) * UNIT


def e_step(params, data):
    joint = _joint(params, data)
    return {"z": joint / joint.sum(axis=1, keepdims=True)}


def statistics(expectations, data):
    r = expectations["z"]
    return {"n": r.sum(axis=0), "y": data["y"] @ r}


def m_step(statistics, data):
    n = statistics["n"]
    return {"w": n / n.sum(), "lam": n / statistics["y"]}


def log_likelihood(params, data):
    return np.log(_joint(params, data).sum(axis=1)).sum()


def initial(data, rng):
    return {"w": np.full(2, 0.5), "lam": rng.uniform(0.2, 5, size=2) / data["y"].mean()}


def example_data():
    return {"y": np.random.default_rng(1).exponential(np.repeat([1, 20], [120, 80]))}
'''


@pytest.fixture(scope="module")
def cluster():
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    with Client(cluster) as client:
        client.wait_for_workers(2, timeout=60)
        yield client


@pytest.fixture
def lifetimes(tmp_path):
    path = tmp_path / "two_kinds.py"
    path.write_text(LIFETIMES, encoding="utf-8")
    return latentfit.load(path)


def vectors(n=3000):
    rng = np.random.default_rng(7)
    second = rng.random(n) < 0.4
    return np.where(second[:, None], rng.normal(0, 1, (n, 2)), rng.normal([3, 4], 1.5, (n, 2)))


def answers(n=2000):
    rng = np.random.default_rng(8)
    kind = rng.random(n) < 0.4
    p = np.where(kind[:, None], [0.2, 0.3, 0.2, 0.4], [0.8, 0.9, 0.7, 0.8])
    return (rng.random((n, 4)) < p).astype(float)


def assert_same(ours, theirs):
    for name, value in theirs.params.items():
        np.testing.assert_allclose(ours.params[name], value, rtol=1e-10, atol=0)
    assert ours.log_likelihood == pytest.approx(theirs.log_likelihood, rel=1e-10)


def remaining_tasks(client):
    """Return the number of tasks on the cluster, after released ones had time to disappear."""
    for _ in range(50):
        count = client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))
        if not count:
            break
        time.sleep(0.1)
    return count


def prepared(client, x):
    model = latentfit.load("multivariate-gaussian-mixture")
    data = distributed.chunked_data(da.from_array(x, chunks=(1000, 2)), ("x",))
    found = distributed.survey(data, client, seed=1)
    steps = distributed.DistributedSteps(
        data, found, client, model.e_step, model.statistics, model.log_likelihood
    )
    return model, steps, model.initial({"x": x}, np.random.default_rng(1))


# The same result as in memory.


@pytest.mark.parametrize(
    ("name", "x", "options"),
    [
        ("multivariate-gaussian-mixture", vectors(), {"covariance": "full"}),
        ("gaussian-mixture", 2 * vectors()[:, 0] + vectors()[:, 1], {}),
        ("multivariate-gaussian-mixture", vectors(), {"covariance": "tied"}),
        ("latent-class", answers(), {}),
    ],
    ids=["vectors", "numbers", "tied", "classes"],
)
def test_the_result_is_that_of_em_in_memory(client, name, x, options):
    model = latentfit.load(name)
    # The chunks also split the columns, which the E step needs together.
    chunked = da.from_array(x, chunks=(1100, 1) if x.ndim == 2 else 1100)
    ours = model.fit(chunked, seed=1, starts=1, stopping=TIGHT, **options)
    theirs = model.fit(x, seed=1, starts=1, stopping=TIGHT, **options)
    assert_same(ours, theirs)
    assert ours.converged
    assert not remaining_tasks(client)


def test_a_chunk_is_evaluated_once_for_each_value_of_the_parameters(client):
    """The log-likelihood comes with the E step, also if EM is accelerated."""
    x = vectors()
    model, steps, start = prepared(client, x)
    evaluated = []
    evaluate = steps._evaluate
    steps._evaluate = lambda params: evaluated.append(params) or evaluate(params)
    options = {"accelerate": "squarem", "stopping": TIGHT}
    solution = distributed.run(steps, model.m_step, start, **options)
    here = em.run(
        model.e_step,
        model.maximise,
        {"x": x},
        start,
        log_likelihood=model.log_likelihood,
        **options,
    )
    assert_same(solution, here)
    assert solution.accelerated == 1
    assert solution.evaluations <= len(evaluated)
    distinct = {
        tuple(np.concatenate([value.ravel() for value in params.values()])) for params in evaluated
    }
    assert len(distinct) == len(evaluated)


def test_a_model_file_goes_to_the_workers_by_value(client, lifetimes):
    y = np.random.default_rng(1).exponential(np.repeat([1, 20], [600, 400]))
    ours = lifetimes.fit(da.from_array(y, chunks=300), seed=1, starts=1, stopping=FEW)
    assert_same(ours, lifetimes.fit(y, seed=1, starts=1, stopping=FEW))


def test_chunks_may_be_empty_and_one_row_suffices(client, lifetimes):
    y = np.random.default_rng(1).exponential(np.repeat([1, 20], [60, 40]))
    frame = dd.from_pandas(pd.DataFrame({"y": y}), npartitions=4)
    cut = frame[frame["y"] > 0.5]
    kept = dd.concat([cut, frame[frame["y"] < 0]])
    assert_same(
        lifetimes.fit(kept, seed=1, starts=1, stopping=FEW),
        lifetimes.fit(y[y > 0.5], seed=1, starts=1, stopping=FEW),
    )
    with pytest.raises(InputError, match="the data have no rows"):
        lifetimes.fit(frame[frame["y"] < 0])
    single = distributed.survey(distributed.chunked_data(da.ones(1, chunks=1), ("y",)), client)
    assert (single.rows, single.sample["y"].tolist()) == (1, [1.0])


def test_the_sample_is_all_rows_in_order_or_a_seeded_subset(client):
    y = np.arange(5000.0)
    data = distributed.chunked_data(da.from_array(y, chunks=900), ("y",))
    everything = distributed.survey(data, client, seed=3)
    np.testing.assert_array_equal(everything.sample["y"], y)
    part, again, other = (
        distributed.survey(data, client, seed=seed, size=500).sample["y"] for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(part, again)
    assert not np.array_equal(part, other)
    assert len(np.unique(part)) == 500
    assert (np.diff(part) > 0).all()
    # A sample of 500 of 5000 rows has 90 from a chunk of 900, with a standard deviation of 8.2.
    counts = np.histogram(part, bins=np.arange(0, 4501, 900))[0]
    assert np.abs(counts - 90).max() < 45


# Parquet files and dataframes.


def write(folder, name, **columns):
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.table(columns), folder / name, row_group_size=500)


def test_a_folder_of_parquet_files(client, tmp_path, monkeypatch):
    x = vectors(1600)
    for number, part in enumerate(np.array_split(x, 3)):
        write(tmp_path / "data", f"{number}.parquet", a=part[:, 0], b=part[:, 1], id=part[:, 0])
    from latentfit.em.distributed import _parquet

    monkeypatch.setattr(_parquet, "_MAX_NUMBERS_IN_CHUNK", 1000)
    model = latentfit.load("multivariate-gaussian-mixture")
    chosen = {"columns": ["x=a,b"], "seed": 1, "starts": 1, "stopping": FEW}
    ours = model.fit(tmp_path / "data", **chosen)
    assert len(distributed.chunked_data(tmp_path / "data", ("x",), chosen=["a,b"]).chunks) == 6
    theirs = model.fit(x, seed=1, starts=1, stopping=FEW)
    assert_same(ours, theirs)
    frame = dd.from_pandas(pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "id": 0}), npartitions=5)
    assert_same(model.fit(frame, **chosen), theirs)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": [1.0, 2.0], "z": [1.0, 1.0]}, r"second\.parquet: no column 'y', which first"),
        (
            {"x": [1.0, 2.0], "y": ["a", "b"]},
            r"second\.parquet: column 'y' contains string, expected",
        ),
        ({"x": [1.0, 2.0], "y": [1.0, np.inf]}, r"second\.parquet .*infinite value in row 2"),
    ],
)
def test_a_file_that_differs_from_the_first_is_named(
    client, tmp_path, columns, message, monkeypatch
):
    from latentfit.em.distributed import _parquet

    monkeypatch.setattr(_parquet, "_MAX_NUMBERS_IN_CHUNK", 4)
    write(tmp_path / "data", "first.parquet", x=[1.0, 2.0], y=[1.0, 2.0])
    write(tmp_path / "data", "second.parquet", **columns)
    with pytest.raises(InputError, match=message):
        latentfit.load("multivariate-gaussian-mixture").fit(tmp_path / "data", columns=["x,y"])


def test_unusable_folders_are_named(client, tmp_path):
    model = latentfit.load("gaussian-mixture")
    with pytest.raises(InputError, match="nowhere: no such folder"):
        model.fit(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no Parquet files in this folder"):
        model.fit(tmp_path)
    (tmp_path / "broken.parquet").write_text("no", encoding="utf-8")
    with pytest.raises(InputError, match=r"broken\.parquet: not a readable Parquet file"):
        model.fit(tmp_path)


def test_fit_of_a_folder_on_the_command_line(cluster, tmp_path, capfd):
    x = answers(800)
    for number, part in enumerate(np.array_split(x, 2)):
        columns = {f"item{j}": part[:, j] for j in range(4)}
        write(tmp_path / "data", f"{number}.parquet", **columns)
    arguments = ["fit", "latent-class", "--data", str(tmp_path / "data"), "--starts", "1"]
    assert main([*arguments, "--cluster", cluster.scheduler_address]) == 0
    out, error = capfd.readouterr()
    assert "Converged" in out
    assert main([*arguments, "--bootstrap", "5"]) == 2
    assert main(["fit", "latent-class", "--cluster", "tcp://127.0.0.1:1"]) == 2
    assert main([*arguments, "--column", "x=item9", "--cluster", cluster.scheduler_address]) == 2
    error = capfd.readouterr().err
    assert "0.parquet: no column 'item9'" in error


# Invalid input.


def test_invalid_input_is_named(client):
    model = latentfit.load("gaussian-mixture")
    ragged = da.concatenate(
        [
            da.from_array(np.ones((4, 2))),
            da.map_blocks(
                lambda block: block[:, :1], da.ones((4, 2)), chunks=((4,), (2,)), dtype=float
            ),
        ]
    )
    with pytest.raises(InputError, match="x has 2 columns in chunk 1 of 2 and 1 column in chunk 2"):
        model.fit(ragged)
    with pytest.raises(InputError, match="takes no data named 'y'"):
        model.fit({"x": da.ones(5), "y": da.ones(5)})
    with pytest.raises(InputError, match="infinite value in row 2"):
        model.fit(da.from_array(np.array([1.0, np.inf]), chunks=2))
    incomplete = da.from_array(np.array([1.0, 2.0, np.nan, 4.0]), chunks=2)
    with pytest.raises(InputError, match="1 missing value, the first in row 1 of chunk 2 of 2"):
        model.fit(incomplete)
    with pytest.raises(InputError, match="only missing values"):
        model.fit(da.full(4, np.nan, chunks=2))
    broken = da.map_blocks(lambda block: block / {}, da.ones(4, chunks=2), dtype=float)
    with pytest.raises(InputError, match=r"the data could not be computed .TypeError"):
        model.fit(broken)
    with pytest.raises(DeclarationError, match=r"coins has no statistics\(expectations, data\)"):
        latentfit.load("coins").fit({"heads": da.ones(4), "tosses": da.ones(4)})
    with pytest.raises(InputError, match="only fit takes data in chunks"):
        model.check(da.ones(5))
    with pytest.raises(InputError, match="through a Dask client, not a str"):
        model.fit(da.ones(5), executor="here")
    assert not remaining_tasks(client)


def test_arguments_are_split_in_the_same_rows(client):
    x, y = da.ones(6, chunks=3), da.ones(6, chunks=2)
    with pytest.raises(InputError, match="x is split into 2 chunks and y into 3"):
        distributed.chunked_data({"x": x, "y": y}, ("x", "y"))
    with pytest.raises(InputError, match="chunk 1 has 3 rows of x and 2 of y"):
        distributed.chunked_data({"x": x, "y": y[:4]}, ("x", "y"))
    data = distributed.chunked_data({"x": x, "y": np.ones(6)}, ("x", "y"))
    with pytest.raises(InputError, match="y has as many rows as x but is not split"):
        distributed.survey(data, client)


def test_a_client_is_needed():
    with pytest.raises(InputError, match="no client is connected"):
        latentfit.load("gaussian-mixture").fit(da.ones(5))


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        (
            {"m_step": lambda statistics, data: {"w": data["y"].mean(), "lam": [1, 2]}},
            DeclarationError,
            r"m_step uses data\['y'\], whose rows are on the cluster",
        ),
        (
            {"statistics": lambda expectations, data: {"share": expectations["z"].mean(axis=0)}},
            DeclarationError,
            r"statistics\['share'\] of all rows is not the sum",
        ),
        (
            {"statistics": lambda expectations, data: data["weights"]},
            DeclarationError,
            r"the steps use data\['weights'\]",
        ),
        (
            {"e_step": lambda params, data: 1 / params["z"]},
            StepError,
            r"e_step raised KeyError: 'z' .*, in chunk \d of 3",
        ),
    ],
)
def test_steps_that_cannot_run_in_chunks_are_named(client, lifetimes, changes, kind, message):
    y = np.random.default_rng(1).exponential(1, 900)
    with pytest.raises(kind, match=message):
        replace(lifetimes, **changes).fit(da.from_array(y, chunks=300), starts=1)
    assert not remaining_tasks(client)


def test_an_error_in_a_chunk_names_the_chunk(client):
    x = answers(900)
    x[:300, 2] = 1
    with pytest.raises(StepError, match=r"x lacks an answer .*, in chunk 1 of 3"):
        latentfit.load("latent-class").fit(da.from_array(x, chunks=(300, 4)), starts=1)


def test_functions_that_cannot_be_sent_are_reported(client, lifetimes):
    lock = threading.Lock()

    def e_step(params, data):
        with lock:
            return lifetimes.e_step(params, data)

    with pytest.raises(DeclarationError, match="cannot be sent to another process"):
        replace(lifetimes, e_step=e_step).fit(da.ones(4, chunks=2), starts=1)


# Workers and clusters that disappear.


def test_a_killed_worker_does_not_change_the_result(client):
    x = vectors()
    model, steps, start = prepared(client, x)
    killed = []

    def kill(iteration, params):
        if iteration == 4:
            killed.append(next(iter(client.run(os.getpid).values())))
            os.kill(killed[0], signal.SIGKILL)

    ours = distributed.run(steps, model.m_step, start, stopping=FEW, on_iteration=kill)
    theirs = em.run(
        model.e_step,
        model.maximise,
        {"x": x},
        start,
        log_likelihood=model.log_likelihood,
        stopping=FEW,
    )
    assert killed
    assert_same(ours, theirs)
    assert ours.iterations == theirs.iterations
    client.wait_for_workers(2, timeout=60)


def test_an_interrupt_leaves_no_tasks(client):
    model, steps, start = prepared(client, vectors())

    def slow(params, data):
        time.sleep(0.5)
        return model.e_step(params, data)

    steps = distributed.DistributedSteps(
        steps._data, steps._survey, client, slow, model.statistics, model.log_likelihood
    )
    timer = threading.Timer(2, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        distributed.run(steps, model.m_step, start)
    assert not remaining_tasks(client)


def test_the_error_of_a_lost_cluster_has_the_latest_params():
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        x = vectors(1000)
        model, steps, start = prepared(client, x)
        iterates = {}

        def close(iteration, params):
            iterates[iteration] = {name: np.array(value) for name, value in params.items()}
            if iteration == 3 and len(completed) == 1:
                cluster.close()

        completed = []
        with pytest.raises(
            ClusterError, match=r"cluster was lost .* completed 3 iterations"
        ) as error:
            distributed.fit(
                steps,
                model.m_step,
                [start, start],
                on_iteration=close,
                on_start=lambda done, total: completed.append(done),
            )
    lost = error.value
    assert "start 2 of 2; 1 start had been completed, the best of them with log-like" in str(lost)
    assert "\n" not in str(lost)
    assert len(lost.fit.solutions) == 1
    assert lost.fit.converged
    for name, value in iterates[3].items():
        np.testing.assert_array_equal(lost.params[name], value)


def test_a_chunk_that_kills_its_workers_is_reported(client, lifetimes):
    def e_step(params, data):
        os.kill(os.getpid(), signal.SIGKILL)

    data = distributed.chunked_data(da.ones(4, chunks=4), ("y",))
    found = distributed.survey(data, client)
    steps = distributed.DistributedSteps(data, found, client, e_step, lifetimes.statistics)
    with pytest.raises(ClusterError, match="a chunk killed its workers"):
        distributed.run(steps, lifetimes.m_step, {"w": [0.5, 0.5], "lam": [1, 2]})
    client.wait_for_workers(2, timeout=60)


def test_a_cluster_without_workers_is_reported_after_a_while(monkeypatch):
    from latentfit.em.distributed import _tree

    monkeypatch.setattr(_tree, "_MAX_TIME_WITHOUT_WORKERS_S", 2.0)
    with (
        LocalCluster(n_workers=0, processes=True, dashboard_address=None) as cluster,
        Client(cluster),
        pytest.raises(ClusterError, match="no workers for 2 s"),
    ):
        latentfit.load("gaussian-mixture").fit(da.ones(5))


# Parallel runs.


def test_starts_and_bootstrap_go_through_any_executor(client, lifetimes):
    y = lifetimes.example_data()["y"]
    here = lifetimes.fit(y, seed=1, starts=3)
    replicates = lifetimes.bootstrap(here.params, y, replicates=4, seed=1)
    with ProcessPoolExecutor(2, mp_context=_spawning()) as pool:
        for executor in (client, pool):
            there = lifetimes.fit(y, seed=1, starts=3, executor=executor)
            assert len(there.solutions) == 3
            for ours, theirs in zip(there.solutions, here.solutions, strict=True):
                assert ours.log_likelihood == theirs.log_likelihood
                assert ours.iterations == theirs.iterations
            again = lifetimes.bootstrap(here.params, y, replicates=4, seed=1, executor=executor)
            for ours, theirs in zip(again.replicates, replicates.replicates, strict=True):
                assert ours.outcome == theirs.outcome
                np.testing.assert_array_equal(ours.params["lam"], theirs.params["lam"])


def test_parallel_runs_have_one_thread_each(client, lifetimes):
    """Primitives use all processors unless runs are parallel."""

    def threads(_=None):
        from latentfit.em.primitives._compiled.thread_limit import thread_limit

        return thread_limit()

    assert list(em.each(threads, [None])) == [None]
    with ProcessPoolExecutor(1, mp_context=_spawning()) as pool:
        for executor in (client, pool):
            assert list(em.each(threads, [None], executor)) == [1]
    counting = replace(
        lifetimes,
        e_step=lambda params, data: {"n": np.full(len(data["y"]), threads() or 0)},
        statistics=lambda expectations, data: {"n": expectations["n"].sum()},
        m_step=lambda statistics, data: {"w": np.full(2, 0.5), "lam": np.full(2, statistics["n"])},
    )
    fit = counting.fit(da.ones(6, chunks=3), starts=1, seed=1)
    # The sum over six values, each evaluated with one thread.
    assert fit.params["lam"].tolist() == [6, 6]


def test_a_study_goes_through_the_client(client):
    model = latentfit.load("genetic-linkage")
    drawn = model.draw({"theta": 0.5}, samples=3, seed=1)

    def study(data):
        return float(model.fit(data, seed=1, starts=1).params["theta"])

    assert list(em.each(study, drawn, client)) == list(em.each(study, drawn))


def test_an_error_in_another_process_is_raised_unchanged(client, lifetimes):
    broken = replace(lifetimes, e_step=lambda params, data: 1 / params["z"])
    with pytest.raises(StepError, match="e_step raised KeyError") as error:
        broken.fit([1.0, 2.0], starts=2, executor=client)
    assert (error.value.step, error.value.iteration) == ("e_step", 1)
    assert error.value.params["w"].tolist() == [0.5, 0.5]


def test_an_executor_that_is_shut_down_is_reported(lifetimes):
    pool = ProcessPoolExecutor(1, mp_context=_spawning())
    pool.shutdown()
    with pytest.raises(ClusterError, match="accepts no more work"):
        lifetimes.fit([1.0, 2.0], executor=pool)


def _spawning():
    # Forks of a process in which Dask's threads run hang.
    import multiprocessing

    return multiprocessing.get_context("spawn")


def test_statistics_of_the_catalogue_add():
    """The statistics of two parts add up to those of the whole, to rounding error."""
    for name, x, options in (
        ("multivariate-gaussian-mixture", vectors(300), {"covariance": "full"}),
        ("multivariate-gaussian-mixture", 1e6 + vectors(300), {"covariance": "diagonal"}),
        ("gaussian-mixture", vectors(300)[:, 0], {}),
        ("latent-class", answers(300), {}),
        ("poisson-mixture", np.random.default_rng(1).poisson(3.0, 300).astype(float), {}),
        ("zero-inflated-poisson", np.random.default_rng(1).poisson(1.0, 300).astype(float), {}),
    ):
        model = latentfit.load(name)
        (argument,) = model.arguments
        params = model.initial({argument: x}, np.random.default_rng(1), **options)

        def added(part, model=model, params=params, argument=argument):
            data = {argument: part}
            return evaluate_statistics(model.statistics, model.e_step(params, data), data, params)

        whole, first, second = added(x), added(x[:100]), added(x[100:])
        for entry, value in whole.items():
            scale = np.abs(first[entry]).max() + np.abs(second[entry]).max()
            np.testing.assert_allclose(
                first[entry] + second[entry], value, rtol=0, atol=1e-12 * scale
            )
