"""The C of an exported network: one function for each step, and one for each activation.

`real` stands for the type, `$` for the suffix of its literals and of the functions of <math.h>, and `@` for the prefix
that all names of a file share. Formulas and limits are those of `_native/activations*.inc.h`.
"""

from __future__ import annotations

from fastnn.exporting.description import chosen

# activation -> parameters, body
_ACTIVATIONS: dict[str, tuple[str, str]] = {
    "absolute": ("", "return fabs$(x);"),
    "celu": ("alpha", "return x > 0 ? x : alpha * expm1$(x / alpha);"),
    "clipped_relu": (
        "slope, limit, threshold",
        "return x > threshold ? (x < limit ? x : limit) : slope * (x - threshold);",
    ),
    "elu": ("alpha", "return x > 0 ? x : alpha * expm1$(x);"),
    "exponential": ("", "return exp$(x);"),
    "gelu": ("", "return x < -40 ? 0 : x * (0.5$ + 0.5$ * erf$(x * 0.70710678118654752440$));"),
    "gelu_tanh": (
        "",
        "return x < -40 ? 0 : x / (1 + exp$(-x * (1.5957691216057307117$ + 0.071354816272600253$ * x * x)));",
    ),
    "hard_shrink": ("threshold", "return fabs$(x) <= threshold ? 0 : x;"),
    "hard_sigmoid": ("", "return x <= -3 ? 0 : x >= 3 ? 1 : x / 6 + 0.5$;"),
    "hard_silu": ("", "return x <= -3 ? 0 : x >= 3 ? x : x * (x / 6 + 0.5$);"),
    "hard_tanh": ("", "return x < -1 ? -1 : x > 1 ? 1 : x;"),
    "is_zero": ("", "return x == 0;"),
    "leaky_relu": ("slope", "return x > 0 ? x : slope * x;"),
    "linear": ("", "return x;"),
    "linear_map": ("scale, shift", "return scale * x + shift;"),
    "log_sigmoid": ("", "return (x < 0 ? x : 0) - log1p$(exp$(-fabs$(x)));"),
    "logarithm": ("", "return log$(x);"),
    "logarithm_plus_one": ("", "return log1p$(x);"),
    "mish": (
        "",
        "const real e = exp$(x < 40 ? x : 40), w = e * (e + 2);\n    return x < -800 ? 0 : x * (w / (w + 2));",
    ),
    "not_negative": ("", "return x >= 0;"),
    "positive": ("", "return x > 0;"),
    "reciprocal": ("", "return 1 / x;"),
    "relu": ("", "return x < 0 ? 0 : x;"),
    "selu": (
        "",
        "return x > 0 ? 1.0507009873554804934$ * x : 1.7580993408473768599$ * expm1$(x);",
    ),
    "sigmoid": ("", "return 1 / (1 + exp$(-x));"),
    "sign": ("", "return x > 0 ? 1 : x < 0 ? -1 : x;"),
    "silu": ("", "return x < -800 ? 0 : x / (1 + exp$(-x));"),
    "soft_shrink": ("threshold", "return x > threshold ? x - threshold : x < -threshold ? x + threshold : x * 0;"),
    "softplus": ("", "return (x > 0 ? x : 0) + log1p$(exp$(-fabs$(x)));"),
    "softsign": ("", "return fabs$(x) > 1e30$ ? copysign$(1, x) : x / (1 + fabs$(x));"),
    "sparse_plus": ("", "return x >= 1 ? x : x <= -1 ? 0 : (x + 1) * (x + 1) / 4;"),
    "sparse_sigmoid": ("", "return x <= -1 ? 0 : x >= 1 ? 1 : x / 2 + 0.5$;"),
    "square": ("", "return x * x;"),
    "square_root": ("", "return sqrt$(x);"),
    "squareplus": (
        "b",
        """const real s = sqrt$(x * x + b);
    return x > 1e18$ ? x : x < -1e18$ ? 0 : x < 0 ? b / (2 * (s - x)) : (x + s) / 2;""",
    ),
    "tanh": ("", "return tanh$(x);"),
    "tanh_shrink": ("", "return x - tanh$(x);"),
    "threshold": ("threshold, value", "return x <= threshold ? value : x;"),
}

_STEPS: dict[str, str] = {
    "dense": """
/* y[rows, units] = x[rows, inputs] . w[inputs, units] + b[units], which may be missing */
static void @dense(long rows, long inputs, long units, const real *x, const real *w, const real *b, real *y)
{
    for (; rows > 0; --rows, x += inputs, y += units) {
        for (long j = 0; j < units; ++j) y[j] = b ? b[j] : 0;
        for (long k = 0; k < inputs; ++k)
            for (long j = 0; j < units; ++j) y[j] += x[k] * w[k * units + j];
    }
}
""",
    "softmax": """
/* y[rows, n] = exp(x) / sum(exp(x)); y may be x */
static void @softmax(long rows, long n, const real *x, real *y)
{
    for (; rows > 0; --rows, x += n, y += n) {
        real largest = x[0], sum = 0;
        for (long j = 1; j < n; ++j) largest = x[j] > largest ? x[j] : largest;
        for (long j = 0; j < n; ++j) sum += y[j] = exp$(x[j] - largest);
        for (long j = 0; j < n; ++j) y[j] /= sum;
    }
}
""",
    "log_softmax": """
/* y[rows, n] = x - log(sum(exp(x))); y may be x */
static void @log_softmax(long rows, long n, const real *x, real *y)
{
    for (; rows > 0; --rows, x += n, y += n) {
        real largest = x[0], sum = 0;
        for (long j = 1; j < n; ++j) largest = x[j] > largest ? x[j] : largest;
        for (long j = 0; j < n; ++j) sum += exp$(x[j] - largest);
        sum = log$(sum);
        for (long j = 0; j < n; ++j) y[j] = x[j] - largest - sum;
    }
}
""",
    "prelu": """
/* y[rows, n, inner] = x where x > 0, else slopes[n] . x; y may be x */
static void @prelu(long rows, long n, long inner, const real *x, const real *slopes, real *y)
{
    for (; rows > 0; --rows)
        for (long j = 0; j < n; ++j)
            for (long k = 0; k < inner; ++k, ++x, ++y) *y = *x > 0 ? *x : slopes[j] * *x;
}
""",
    "affine": """
/* y[rows, width] = x[rows, n] . scale[width] + shift[width], rows of x repeated; either may be missing; y may be x */
static void @affine(long rows, long n, long width, const real *x, const real *scale, const real *shift, real *y)
{
    for (; rows > 0; --rows, x += n, y += width)
        for (long j = 0; j < width; ++j) y[j] = x[j % n] * (scale ? scale[j] : 1) + (shift ? shift[j] : 0);
}
""",
    "normalize": """
/* y[rows, lines, groups, n]: every group of a row by its own mean and deviation (kind 0), root of the mean square (1)
 * or length (2); then . gamma[groups, n] + beta[groups, n], which may be missing */
static void @normalize(int kind, long rows, long lines, long groups, long n, real epsilon, const real *x,
                       const real *gamma, const real *beta, real *y)
{
    const real count = (real)(lines * n);
    for (; rows > 0; --rows, x += lines * groups * n, y += lines * groups * n)
        for (long g = 0; g < groups; ++g) {
            real mean = 0, squares = 0, inverse;
            if (kind == 0)
                for (long i = 0; i < lines; ++i)
                    for (long j = 0; j < n; ++j) mean += x[(i * groups + g) * n + j];
            mean /= count;
            for (long i = 0; i < lines; ++i)
                for (long j = 0; j < n; ++j) {
                    const real d = x[(i * groups + g) * n + j] - mean;
                    squares += d * d;
                }
            if (kind == 2)
                inverse = 1 / (sqrt$(squares) > epsilon ? sqrt$(squares) : epsilon);
            else
                inverse = 1 / sqrt$(squares / count + epsilon);
            for (long i = 0; i < lines; ++i)
                for (long j = 0; j < n; ++j) {
                    const long at = (i * groups + g) * n + j;
                    const real z = (x[at] - mean) * inverse * (gamma ? gamma[g * n + j] : 1);
                    y[at] = z + (beta ? beta[g * n + j] : 0);
                }
        }
}
""",
    "sum": """
/* y[outer, inner] = rate . sum over the length of x[outer, length, inner] */
static void @sum(long outer, long length, long inner, const real *x, real rate, real *y)
{
    for (; outer > 0; --outer, x += length * inner, y += inner)
        for (long k = 0; k < inner; ++k) {
            real sum = 0;
            for (long j = 0; j < length; ++j) sum += x[j * inner + k];
            y[k] = sum * rate;
        }
}
""",
    "max": """
/* y[outer, inner] = the largest along the length of x[outer, length, inner]; NaN where there is one */
static void @max(long outer, long length, long inner, const real *x, real *y)
{
    for (; outer > 0; --outer, x += length * inner, y += inner)
        for (long k = 0; k < inner; ++k) {
            real largest = x[k];
            for (long j = 1; j < length; ++j)
                if (x[j * inner + k] > largest || x[j * inner + k] != x[j * inner + k]) largest = x[j * inner + k];
            y[k] = largest;
        }
}
""",
    "embedding": """
/* y[count, width] = the rows of table[rows, width] that the ids name; NaN for ids without a row */
static void @embedding(long count, long rows, long width, const real *ids, const real *table, real *y)
{
    for (long i = 0; i < count; ++i)
        for (long j = 0; j < width; ++j)
            y[i * width + j] = ids[i] > -1 && ids[i] < (real)rows ? table[(long)ids[i] * width + j] : NAN;
}
""",
    "discretize": """
/* y[n] = how many of boundaries[k], which ascend, are not above x */
static void @discretize(long n, long k, const real *x, const real *boundaries, real *y)
{
    for (long i = 0; i < n; ++i) {
        long bin = k;
        while (bin > 0 && x[i] < boundaries[bin - 1]) --bin;
        y[i] = (real)bin;
    }
}
""",
    "encode": """
/* y[rows, depth]: 1 where the column is among x[rows, n], or how often it is; else 0 */
static void @encode(long rows, long n, long depth, int counts, const real *x, real *y)
{
    for (; rows > 0; --rows, x += n, y += depth) {
        for (long j = 0; j < depth; ++j) y[j] = 0;
        for (long j = 0; j < n; ++j)
            if (x[j] > -1 && x[j] < (real)depth) {
                real *cell = y + (long)x[j];
                *cell = counts ? *cell + 1 : 1;
            }
    }
}
""",
    "waves": """
/* y[F, each] = cos(2 pi c[F, k] . x[F] + b[F, k]), and the sines behind them where each is 2 k; b may be missing */
static void @waves(long features, long k, long each, const real *x, const real *c, const real *b, real *y)
{
    for (long f = 0; f < features; ++f, c += k, y += each)
        for (long j = 0; j < k; ++j) {
            const real turns = c[j] * x[f] + (b ? b[f * k + j] * 0.15915494309189533577$ : 0);
            const real radians = (turns - floor$(turns + 0.5$)) * 6.2831853071795864769$;
            y[j] = cos$(radians);
            if (each > k) y[k + j] = sin$(radians);
        }
}
""",
    "pieces": """
/* y[F, k] = (x[F] - left[F, k]) . factor[F, k], cut to [low[F, k], high[F, k]] */
static void @pieces(long features, long k, const real *x, const real *left, const real *factor, const real *low,
                    const real *high, real *y)
{
    for (long i = 0; i < features * k; ++i) {
        const real z = (x[i / k] - left[i]) * factor[i], above = z < low[i] ? low[i] : z;
        y[i] = above > high[i] ? high[i] : above;
    }
}
""",
    "feature_dense": """
/* y[F, units] = x[F, inputs] . w[F, inputs, units] + b[F, units], which may be missing */
static void @feature_dense(long features, long inputs, long units, const real *x, const real *w, const real *b, real *y)
{
    for (long f = 0; f < features; ++f, x += inputs, y += units)
        for (long j = 0; j < units; ++j) {
            y[j] = b ? b[f * units + j] : 0;
            for (long k = 0; k < inputs; ++k) y[j] += x[k] * w[(f * inputs + k) * units + j];
        }
}
""",
    "maximum": """
/* the larger of both; NaN where either is */
static real @maximum(real a, real b) { return a > b || a != a ? a : b; }
""",
    "minimum": """
/* the smaller of both; NaN where either is */
static real @minimum(real a, real b) { return a < b || a != a ? a : b; }
""",
    "where": """
/* a where b is not 0, else 0 */
static real @where(real a, real b) { return b == 0 ? 0 : a; }
""",
}


def step(name: str) -> str:
    """The C function of a step, as a template."""
    return _STEPS[name]


def activation(name: str) -> tuple[str, int]:
    """The C function of an activation, as a template, and how many parameters it takes besides x.

    Raises:
        NotImplementedError: There is none.
    """
    params, body = chosen(_ACTIVATIONS, name, "An activation")
    wanted = [param for param in params.split(", ") if param]
    arguments = ", ".join(f"real {param}" for param in ("x", *wanted))
    if "\n" not in body:
        return f"\nstatic real @{name}({arguments}) {{ {body} }}\n", len(wanted)
    return f"\nstatic real @{name}({arguments})\n{{\n    {body}\n}}\n", len(wanted)
