r"""Rats: growth curves with random intercepts and slopes

Rat $i$ of $n = 30$ has the weight $y_{ij}$ at age $x_j$, $j = 1, \dots, 5$. Its intercept
$\alpha_i$ (at the mean age $\bar x = 22$) and its slope $\beta_i$ are latent. All $\tau$ are
precisions:

$$y_{ij} \sim \mathrm{N}(\alpha_i + \beta_i (x_j - \bar x), \tau_c^{-1}), \qquad
\alpha_i \sim \mathrm{N}(\alpha_c, \tau_\alpha^{-1}), \quad \beta_i \sim \mathrm{N}(\beta_c,
\tau_\beta^{-1}) .$$

## Data

The weights of Gelfand et al. (1990), the first example of BUGS.

## Complete-data log-likelihood

With $N = 5 n$ measurements it is, up to a constant,

$$\frac{N}{2} \log \tau_c - \frac{\tau_c}{2} \sum_{ij} (y_{ij} - \alpha_i - \beta_i (x_j - \bar
x))^2 + \frac{n}{2} \log \tau_\alpha - \frac{\tau_\alpha}{2} \sum_i (\alpha_i - \alpha_c)^2
+ \frac{n}{2} \log \tau_\beta - \frac{\tau_\beta}{2} \sum_i (\beta_i - \beta_c)^2 .$$

It is linear in $\alpha_i$, $\beta_i$ and their squares. The product $\alpha_i \beta_i$ has the
coefficient $\sum_j (x_j - \bar x) = 0$.

## E step

For the same reason $\alpha_i$ and $\beta_i$ are independent given $y$. They are normal with
precisions $5 \tau_c' + \tau_\alpha'$ and $S \tau_c' + \tau_\beta'$, where $S = \sum_j (x_j - \bar
x)^2$, and means

$$\frac{\tau_c' \sum_j y_{ij} + \tau_\alpha' \alpha_c'}{5 \tau_c' + \tau_\alpha'}, \qquad
\frac{\tau_c' \sum_j (x_j - \bar x) y_{ij} + \tau_\beta' \beta_c'}{S \tau_c' + \tau_\beta'} .$$

## M step

$\alpha_c''$ and $\beta_c''$ are the means of the conditional means. Each precision is the number of
terms divided by the expected sum of squares:

$$\tau_\alpha'' = \frac{n}{\sum_i \mathrm{E}(\alpha_i - \alpha_c'')^2}, \quad
\tau_\beta'' = \frac{n}{\sum_i \mathrm{E}(\beta_i - \beta_c'')^2}, \quad
\tau_c'' = \frac{N}{\sum_{ij} \mathrm{E}(y_{ij} - \alpha_i - \beta_i (x_j - \bar x))^2} .$$

## Observed log-likelihood

The weights of a rat are normal, $\log p(y_i \mid \theta) = \log \mathrm{N}(y_i; Z (\alpha_c,
\beta_c), \tau_c^{-1} I + Z \, \mathrm{diag}(\tau_\alpha^{-1}, \tau_\beta^{-1}) Z^\top)$ with rows
$(1, x_j - \bar x)$ of $Z$.

## Prior

As in BUGS: $\alpha_c, \beta_c \sim \mathrm{N}(0, 10^6)$ and $\mathrm{Gamma}(0.001, 0.001)$ for each
precision.

## References

- A. E. Gelfand, S. E. Hills, A. Racine-Poon and A. F. M. Smith (1990). Illustration of Bayesian
  inference in normal data models using Gibbs sampling. *JASA* 85, 972–985, section 6.
"""

import numpy as np
import pymc as pm

latents = ("alpha", "beta")

AGES = np.array([8.0, 15, 22, 29, 36])
CENTRED = AGES - np.mean(AGES)


def model(y):
    with pm.Model() as model:
        alpha_c = pm.Normal("alpha_c", 0, 1000)
        beta_c = pm.Normal("beta_c", 0, 1000)
        tau_c = pm.Gamma("tau_c", 0.001, 0.001)
        tau_alpha = pm.Gamma("tau_alpha", 0.001, 0.001)
        tau_beta = pm.Gamma("tau_beta", 0.001, 0.001)
        alpha = pm.Normal("alpha", alpha_c, tau=tau_alpha, shape=len(y))
        beta = pm.Normal("beta", beta_c, tau=tau_beta, shape=len(y))
        pm.Normal("y", alpha[:, None] + beta[:, None] * CENTRED, tau=tau_c, observed=y)
        pm.Deterministic("alpha0", alpha_c - np.mean(AGES) * beta_c)
        pm.Deterministic("sigma", 1 / pm.math.sqrt(tau_c))
    return model


def e_step(params, data):
    y, tau = data["y"], params["tau_c"]
    alpha_precision = len(AGES) * tau + params["tau_alpha"]
    beta_precision = np.sum(CENTRED**2) * tau + params["tau_beta"]
    a = (tau * y.sum(axis=1) + params["tau_alpha"] * params["alpha_c"]) / alpha_precision
    b = (tau * y @ CENTRED + params["tau_beta"] * params["beta_c"]) / beta_precision
    return {
        "alpha": a,
        "beta": b,
        "alpha2": a**2 + 1 / alpha_precision,
        "beta2": b**2 + 1 / beta_precision,
    }


def m_step(expectations, data):
    y, a, b = data["y"], expectations["alpha"], expectations["beta"]
    alpha_variance, beta_variance = expectations["alpha2"] - a**2, expectations["beta2"] - b**2
    residual = y - a[:, None] - b[:, None] * CENTRED
    squares = np.sum(residual**2)
    squares += np.sum(len(AGES) * alpha_variance + np.sum(CENTRED**2) * beta_variance)
    return {
        "alpha_c": np.mean(a),
        "beta_c": np.mean(b),
        "tau_alpha": 1 / np.mean((a - np.mean(a)) ** 2 + alpha_variance),
        "tau_beta": 1 / np.mean((b - np.mean(b)) ** 2 + beta_variance),
        "tau_c": y.size / squares,
    }


expectations = {
    "alpha2": lambda latents, data: np.asarray(latents["alpha"]) ** 2,
    "beta2": lambda latents, data: np.asarray(latents["beta"]) ** 2,
}


def initial(data, rng):
    """Least-squares lines of each rat, and precisions with log-normal factors."""
    y = data["y"]
    a, b = y.mean(axis=1), y @ CENTRED / np.sum(CENTRED**2)
    residual = y - a[:, None] - b[:, None] * CENTRED
    variances = np.array([residual.var(), a.var(), b.var()]) * rng.lognormal(0, 0.4, 3)
    return {
        "alpha_c": a.mean() + rng.normal(0, 3),
        "beta_c": b.mean() + rng.normal(0, 0.2),
        **dict(zip(("tau_c", "tau_alpha", "tau_beta"), 1 / variances, strict=True)),
    }


def example_data():
    rows = """
        151 199 246 283 320  145 199 249 293 354  147 214 263 312 328  155 200 237 272 297
        135 188 230 280 323  159 210 252 298 331  141 189 231 275 305  159 201 248 297 338
        177 236 285 350 376  134 182 220 260 296  160 208 261 313 352  143 188 220 273 314
        154 200 244 289 325  171 221 270 326 358  163 216 242 281 312  160 207 248 288 324
        142 187 234 280 316  156 203 243 283 317  157 212 259 307 336  152 203 246 286 321
        154 205 253 298 334  139 190 225 267 302  146 191 229 272 302  157 211 250 285 323
        132 185 237 286 331  160 207 257 303 345  169 216 261 295 333  157 205 248 289 316
        137 180 219 258 291  153 200 244 286 324
    """
    return {"y": np.array(rows.split(), float).reshape(30, 5)}
