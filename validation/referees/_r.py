"""Referees in R: each runs a separate script, with the data in files of a folder."""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import latentfit

from ._case import Estimate

_PRELUDE = """
folder <- commandArgs(TRUE)[1]
get <- function(name) {
  path <- file.path(folder, paste0(name, ".csv"))
  if (file.exists(path)) unname(as.matrix(read.csv(path, header = FALSE))) else NULL
}
k <- get("k")[1]
z <- get("z")
best <- function(once, times = 5) {
  found <- failure <- NULL
  for (seed in seq_len(if (is.null(z)) times else 1)) {
    set.seed(seed)
    end <- tryCatch(suppressWarnings(once()), error = function(e) {
      failure <<- conditionMessage(e)
      NULL
    })
    if (!is.null(end) && is.finite(end$log_likelihood) &&
        (is.null(found) || end$log_likelihood > found$log_likelihood))
      found <- end
  }
  if (is.null(found)) stop("every start failed: ", failure)
  values <- sapply(found, function(v) paste(sprintf("%.17g", as.vector(v)), collapse = ","))
  writeLines(paste(names(found), values, sep = ","), file.path(folder, "result.csv"))
}
"""


def rscript(package, script, data, size=2, start=None):
    """The entries that the script writes, as flat arrays in R's order."""
    given = dict(data) | {"k": size} | ({} if start is None else start)
    with TemporaryDirectory() as folder:
        for name, values in given.items():
            array = np.asarray(values, float)
            table = array.reshape(len(array), -1) if array.ndim else array.reshape(1, 1)
            np.savetxt(Path(folder) / f"{name}.csv", table, delimiter=",", fmt="%.17g")
        program = Path(folder) / "program.R"
        program.write_text(f"suppressMessages(library({package}))\n{_PRELUDE}\n{script}")
        command = ("Rscript", "--vanilla", str(program), folder)
        done = subprocess.run(command, capture_output=True, text=True)
        result = Path(folder) / "result.csv"
        if done.returncode or not result.exists():
            raise RuntimeError(f"{package}: {done.stderr.strip()[-400:]}")
        lines = [line.split(",") for line in result.read_text().splitlines()]
    return {name: np.array(values, float) for name, *values in lines}


def estimate_of(found, **shapes):
    """The log-likelihood, and arrays of the given shapes from R's column-major ones."""
    params = {
        name: found[name].reshape(shape, order="F") if shape else found[name][0]
        for name, shape in shapes.items()
    }
    return Estimate(found["log_likelihood"][0], params)


def soft(case, start):
    """An estimate as responsibilities: a start for programs with any parameterisation."""
    if start is None:
        return None
    z = latentfit.load(case.model).e_step(start, case.data)["z"]
    return {"z": z}


VGLM = "epsilon = 1e-14, maxit = 200"
