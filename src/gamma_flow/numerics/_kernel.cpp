// Unmixing of many spectra on fixed templates: the compiled twin of `_reference.py`.
//
// Three jobs, each over blocks of spectra on as many threads as asked for, without the interpreter's lock:
//
//   least_squares   non-negative least squares in the small space of the templates
//   poisson         Poisson maximum likelihood, to a stated tolerance of the optimality conditions
//   decompose       the penalised negative-binomial fit with nuisances, its errors and likelihood ratios
//
// What they compute, and why, stands in docs/engine.md. A spectrum's numbers depend on no other spectrum, on no
// block size and on no number of threads: every sum runs in one fixed order.
//
// The body below is compiled twice on x86-64, once for every machine and once for those with AVX2, by this file
// including itself; the faster one is chosen when the module is loaded.

#ifndef GAMMA_FLOW_BODY

#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030b0000
#endif
#include <Python.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#if !defined(__GNUC__) && !defined(__clang__)
#error "the kernel needs the vector types of GCC or clang; without it the package runs on numpy"
#endif

namespace {

// Everything one call of decompose() needs to know; shapes as in _reference.py.
struct Plan {
    long n = 0;            // spectra
    int k = 0, c = 0, cp = 0;  // classes, channels, channels filled up to whole lanes
    int modes = 0;         // distortions a class in the evidence fit ...
    int all_modes = 0;     // ... and in the novelty fit, the same first
    int drifts = 0;        // columns common to all classes
    const double *shapes = nullptr;   // (k, cp) unit-sum templates
    const double *spread = nullptr;   // (k, all_modes, cp) prior sd folded in
    const double *drift = nullptr;    // (drifts, k, cp) prior sd folded in
    const double *gram = nullptr;     // (k, k) of the plain templates, for the start
    const double *sigma = nullptr;    // (n or 1, c) sd of a channel, or null for counts
    bool sigma_each = false;
    const double *pile = nullptr;     // (n,) prior sd of pile-up as a share of the counts, or null
    int pile_shift = 0;
    double f_min = 0, f_max = 0;      // mismatch a channel
    bool adapt = false;
    double floor = 0;
    bool determinant = true;
    int steps = 6, null_steps = 4;
    double tolerance = 1e-2, null_tolerance = 3e-2;
    double least_ratio = 1;           // of a score to its error, below which no class is left out
    double prune = 1e-2;              // information below which a distortion is not fitted
    bool evidence = true, novelty = true;
    long skip = -1;                   // class never left out
};

}  // namespace

#define GAMMA_FLOW_BODY
namespace plain {
#include "_kernel.cpp"
}
#if defined(__x86_64__) && defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
namespace wide {
#include "_kernel.cpp"
}
#pragma clang attribute pop
#define GAMMA_FLOW_WIDE
#elif defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("avx2,fma")
namespace wide {
#include "_kernel.cpp"
}
#pragma GCC pop_options
#define GAMMA_FLOW_WIDE
#endif

namespace {

bool use_wide = false;

// ------------------------------------------------------------------------------------------ arrays

// A two-dimensional view of a buffer; `ok` is false, and an exception set, where it is not what is expected.
struct View {
    Py_buffer buffer{};
    bool held = false, ok = false, single = false;
    long rows = 0, cols = 0, stride = 0;  // stride in items

    View(PyObject *object, const char *name, long want_rows, long want_cols, bool writable, bool floats = false) {
        if (object == Py_None) return;
        int flags = PyBUF_STRIDES | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0);
        if (PyObject_GetBuffer(object, &buffer, flags) != 0) return;
        held = true;
        const char *format = buffer.format ? buffer.format : "B";
        bool is_double = std::strcmp(format, "d") == 0;
        single = floats && std::strcmp(format, "f") == 0;
        if (buffer.ndim != 2 || !(is_double || single)) {
            PyErr_Format(PyExc_TypeError, "%s: a two-dimensional array of float64 is needed", name);
            return;
        }
        rows = (long)buffer.shape[0];
        cols = (long)buffer.shape[1];
        if ((want_rows >= 0 && rows != want_rows) || (want_cols >= 0 && cols != want_cols)) {
            PyErr_Format(PyExc_ValueError, "%s: shape (%ld, %ld) was expected", name, want_rows, want_cols);
            return;
        }
        if ((cols > 1 && buffer.strides[1] != buffer.itemsize) || buffer.strides[0] % buffer.itemsize != 0) {
            PyErr_Format(PyExc_ValueError, "%s: channels have to lie side by side", name);
            return;
        }
        stride = (long)(buffer.strides[0] / buffer.itemsize);
        ok = true;
    }
    ~View() {
        if (held) PyBuffer_Release(&buffer);
    }
    View(const View &) = delete;
    View &operator=(const View &) = delete;
    double *data() const { return held ? (double *)buffer.buf : nullptr; }
    const void *row(long i) const { return (const char *)buffer.buf + i * buffer.strides[0]; }
};

// Runs job(worker, first row, last row) over blocks of rows; false if memory ran out.
template <class Job>
bool over_rows(long n, long block, int threads, const Job &job) {
    std::atomic<long> next{0};
    std::atomic<bool> fine{true};
    auto work = [&]() noexcept {
        try {
            for (;;) {
                long first = next.fetch_add(block);
                if (first >= n || !fine) return;
                job(first, std::min(n, first + block));
            }
        } catch (...) {
            fine = false;
        }
    };
    long blocks = (n + block - 1) / block;
    int extra = (int)std::min<long>(threads, blocks) - 1;
    std::vector<std::thread> crew;
    try {
        for (int i = 0; i < extra; i++) crew.emplace_back(work);
    } catch (...) {  // no more threads to be had: those that run do it
    }
    work();
    for (auto &one : crew) one.join();
    return fine;
}

// Copies rows of (rows, c) into lanes filled up with zeros.
std::vector<double> padded(const View &view, int cp) {
    std::vector<double> out((size_t)view.rows * cp, 0.0);
    for (long i = 0; i < view.rows; i++)
        std::memcpy(&out[(size_t)i * cp], view.row(i), sizeof(double) * view.cols);
    return out;
}

int lanes(long c) { return (int)((c + 3) / 4 * 4); }

PyObject *finish(bool fine) {
    if (!fine) return PyErr_NoMemory();
    Py_INCREF(Py_None);
    return Py_None;
}

// ------------------------------------------------------------------------------------------ entries

PyObject *py_least_squares(PyObject *, PyObject *args) {
    PyObject *values_, *basis_, *coordinates_, *ones_, *norms_, *scores_, *quality_;
    int n_free, threads;
    double tolerance;
    if (!PyArg_ParseTuple(args, "OOOOOidOOi", &values_, &basis_, &coordinates_, &ones_, &norms_, &n_free, &tolerance,
                          &scores_, &quality_, &threads))
        return nullptr;
    View values(values_, "values", -1, -1, false, true);
    if (!values.ok) return nullptr;
    long n = values.rows, c = values.cols;
    View basis(basis_, "basis", -1, c, false);
    if (!basis.ok) return nullptr;
    long m = basis.rows;
    View coordinates(coordinates_, "coordinates", m, -1, false);
    if (!coordinates.ok) return nullptr;
    long j = coordinates.cols;
    View ones(ones_, "ones", 1, m, false);
    if (!ones.ok) return nullptr;
    View norms(norms_, "norms", 1, j, false);
    if (!norms.ok) return nullptr;
    View scores(scores_, "scores", n, j, true);
    if (!scores.ok) return nullptr;
    View quality(quality_, "quality", n, 4, true);
    if (!quality.ok) return nullptr;
    int cp = lanes(c);
    std::vector<double> q = padded(basis, cp);
    bool fine = true;
    Py_BEGIN_ALLOW_THREADS;
    try {
#ifdef GAMMA_FLOW_WIDE
        if (use_wide) {
            wide::Small small((int)m, (int)j, n_free, coordinates.data(), (int)coordinates.stride);
            fine = over_rows(n, 256, threads, [&](long first, long last) {
                wide::least_squares(small, values.row(0), values.single, values.stride, (int)c, cp, q.data(),
                                    ones.data(), norms.data(), tolerance, scores.data(), scores.stride,
                                    quality.data(), quality.stride, first, last);
            });
        } else
#endif
        {
            plain::Small small((int)m, (int)j, n_free, coordinates.data(), (int)coordinates.stride);
            fine = over_rows(n, 256, threads, [&](long first, long last) {
                plain::least_squares(small, values.row(0), values.single, values.stride, (int)c, cp, q.data(),
                                     ones.data(), norms.data(), tolerance, scores.data(), scores.stride,
                                     quality.data(), quality.stride, first, last);
            });
        }
    } catch (...) {
        fine = false;
    }
    Py_END_ALLOW_THREADS;
    return finish(fine);
}

PyObject *py_poisson(PyObject *, PyObject *args) {
    PyObject *values_, *shapes_, *scores_, *summary_;
    double floor, tolerance;
    int steps, threads;
    if (!PyArg_ParseTuple(args, "OOddiOOi", &values_, &shapes_, &floor, &tolerance, &steps, &scores_, &summary_,
                          &threads))
        return nullptr;
    View values(values_, "values", -1, -1, false, true);
    if (!values.ok) return nullptr;
    long n = values.rows, c = values.cols;
    View shapes(shapes_, "shapes", -1, c, false);
    if (!shapes.ok) return nullptr;
    long k = shapes.rows;
    View scores(scores_, "scores", n, k, true);
    if (!scores.ok) return nullptr;
    View summary(summary_, "summary", n, 4, true);
    if (!summary.ok) return nullptr;
    int cp = lanes(c);
    std::vector<double> t = padded(shapes, cp);
    bool fine = true;
    Py_BEGIN_ALLOW_THREADS;
#ifdef GAMMA_FLOW_WIDE
    if (use_wide)
        fine = over_rows(n, 32, threads, [&](long first, long last) {
            wide::poisson(values.row(0), values.single, values.stride, (int)c, cp, t.data(), (int)k, floor, tolerance,
                          steps, scores.data(), scores.stride, summary.data(), summary.stride, first, last);
        });
    else
#endif
        fine = over_rows(n, 32, threads, [&](long first, long last) {
            plain::poisson(values.row(0), values.single, values.stride, (int)c, cp, t.data(), (int)k, floor, tolerance,
                           steps, scores.data(), scores.stride, summary.data(), summary.stride, first, last);
        });
    Py_END_ALLOW_THREADS;
    return finish(fine);
}

PyObject *py_decompose(PyObject *, PyObject *args) {
    PyObject *values_, *shapes_, *spread_, *drift_, *sigma_, *pile_;
    PyObject *scores_, *errors_, *free_, *ratios_, *drifts_, *summary_, *mean_;
    Plan p;
    int adapt, determinant, evidence, novelty, threads;
    if (!PyArg_ParseTuple(args, "OOOOOO(ii)(ddpd)(iidd)(ddpppl)OOOOOOOi", &values_, &shapes_, &spread_, &drift_,
                          &sigma_, &pile_, &p.modes, &p.pile_shift, &p.f_min, &p.f_max, &adapt, &p.floor, &p.steps,
                          &p.null_steps, &p.tolerance, &p.null_tolerance, &p.least_ratio, &p.prune, &determinant,
                          &evidence, &novelty, &p.skip, &scores_, &errors_, &free_, &ratios_, &drifts_, &summary_,
                          &mean_, &threads))
        return nullptr;
    p.adapt = adapt;
    p.determinant = determinant;
    p.evidence = evidence;
    p.novelty = novelty;
    View values(values_, "values", -1, -1, false, true);
    if (!values.ok) return nullptr;
    p.n = values.rows;
    p.c = (int)values.cols;
    View shapes(shapes_, "shapes", -1, p.c, false);
    if (!shapes.ok) return nullptr;
    p.k = (int)shapes.rows;
    View spread(spread_, "spread", -1, p.c, false);
    if (!spread.ok) return nullptr;
    p.all_modes = p.k ? (int)(spread.rows / p.k) : 0;
    View drift(drift_, "drift", -1, p.c, false);
    if (!drift.ok) return nullptr;
    p.drifts = p.k ? (int)(drift.rows / p.k) : 0;
    if ((long)p.all_modes * p.k != spread.rows || (long)p.drifts * p.k != drift.rows || p.modes > p.all_modes) {
        PyErr_SetString(PyExc_ValueError, "spread and drift: the same number of rows a class is needed");
        return nullptr;
    }
    View sigma(sigma_, "sigma", -1, p.c, false);
    if (sigma_ != Py_None && !sigma.ok) return nullptr;
    View pile(pile_, "pile", 1, p.n, false);
    if (pile_ != Py_None && !pile.ok) return nullptr;
    View scores(scores_, "scores", p.n, p.k, true), errors(errors_, "errors", p.n, p.k, true),
        free_scores(free_, "free", p.n, p.k, true), ratios(ratios_, "ratios", p.n, p.k, true),
        drifts(drifts_, "drifts", p.n, p.drifts, true), summary(summary_, "summary", p.n, 8, true),
        mean(mean_, "mean", p.n, p.c, true);
    if (!(scores.ok && errors.ok && free_scores.ok && ratios.ok && drifts.ok && summary.ok)) return nullptr;
    if (mean_ != Py_None && !mean.ok) return nullptr;
    for (const View *one : {&scores, &errors, &free_scores, &ratios})
        if (one->stride != p.k) {
            PyErr_SetString(PyExc_ValueError, "results have to be contiguous");
            return nullptr;
        }
    if (drifts.stride != p.drifts || summary.stride != 8 || (mean.ok && mean.stride != p.c)) {
        PyErr_SetString(PyExc_ValueError, "results have to be contiguous");
        return nullptr;
    }
    p.cp = lanes(p.c);
    bool fine = true;
    std::vector<double> t, u, d, g;
    try {
        t = padded(shapes, p.cp), u = padded(spread, p.cp), d = padded(drift, p.cp);
        g.resize((size_t)p.k * p.k);
    } catch (...) {
        return PyErr_NoMemory();
    }
    p.shapes = t.data(), p.spread = u.data(), p.drift = d.data(), p.gram = g.data();
    p.sigma = sigma.data();
    p.sigma_each = sigma.ok && sigma.rows == p.n && p.n > 1;
    p.pile = pile.data();
    Py_BEGIN_ALLOW_THREADS;
#ifdef GAMMA_FLOW_WIDE
    if (use_wide) {
        wide::gram_of(p.shapes, p.k, p.cp, g.data());
        fine = over_rows(p.n, 16, threads, [&](long first, long last) {
            wide::Fitter fitter(p);
            fitter.rows(values.row(0), values.single, values.stride, first, last, scores.data(), errors.data(),
                        free_scores.data(), ratios.data(), drifts.data(), summary.data(), mean.data());
        });
    } else
#endif
    {
        plain::gram_of(p.shapes, p.k, p.cp, g.data());
        fine = over_rows(p.n, 16, threads, [&](long first, long last) {
            plain::Fitter fitter(p);
            fitter.rows(values.row(0), values.single, values.stride, first, last, scores.data(), errors.data(),
                        free_scores.data(), ratios.data(), drifts.data(), summary.data(), mean.data());
        });
    }
    Py_END_ALLOW_THREADS;
    return finish(fine);
}

PyObject *py_wide(PyObject *, PyObject *args) {
    // For the tests: take the body for every machine (False) or the fast one where it runs (True).
    int want;
    if (!PyArg_ParseTuple(args, "p", &want)) return nullptr;
#ifdef GAMMA_FLOW_WIDE
    __builtin_cpu_init();
    use_wide = want && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return PyBool_FromLong(use_wide);
}

PyMethodDef methods[] = {
    {"least_squares", py_least_squares, METH_VARARGS, "Non-negative least squares in the small space."},
    {"poisson", py_poisson, METH_VARARGS, "Non-negative Poisson maximum likelihood."},
    {"decompose", py_decompose, METH_VARARGS, "The penalised fit, its errors and likelihood ratios."},
    {"wide", py_wide, METH_VARARGS, "Choose the instructions; returns whether the fast ones are in use."},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef module = {PyModuleDef_HEAD_INIT, "_kernel", "Compiled unmixing of spectra.", -1, methods,
                      nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__kernel(void) {
#ifdef GAMMA_FLOW_WIDE
    __builtin_cpu_init();
    use_wide = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return PyModule_Create(&module);
}

#else  // GAMMA_FLOW_BODY -----------------------------------------------------------------------------

typedef double Lane __attribute__((vector_size(32), aligned(8), may_alias));
typedef long long Bits __attribute__((vector_size(32), aligned(8), may_alias));

static inline Lane load(const double *p) { return *(const Lane *)p; }
static inline void store(double *p, Lane x) { *(Lane *)p = x; }
static inline Lane all(double x) { return Lane{x, x, x, x}; }
static inline double sum(Lane x) { return (x[0] + x[1]) + (x[2] + x[3]); }
static inline Lane larger(Lane a, Lane b) { return a > b ? a : b; }

// Natural logarithm of positive normal numbers, good to about 1e-15 of max(1, |log x|).
static inline Lane logarithm(Lane x) {
    Bits bits = (Bits)x;
    Bits mantissa = (bits & 0x000fffffffffffffLL) | 0x3ff0000000000000LL;
    Lane m = (Lane)mantissa;
    Bits exponent = (bits >> 52) - 1023;
    Bits high = (Bits)(m > all(1.4142135623730951));  // -1 where true
    m = (Bits)high ? m * 0.5 : m;
    exponent -= high;
    Lane e = (Lane)(exponent + 0x4338000000000000LL) - 6755399441055744.0;
    Lane f = (m - 1.0) / (m + 1.0), s = f * f;
    Lane p = s * (1.0 / 21) + 1.0 / 19;
    p = p * s + 1.0 / 17;
    p = p * s + 1.0 / 15;
    p = p * s + 1.0 / 13;
    p = p * s + 1.0 / 11;
    p = p * s + 1.0 / 9;
    p = p * s + 1.0 / 7;
    p = p * s + 1.0 / 5;
    p = p * s + 1.0 / 3;
    Lane series = f * 2.0 + f * 2.0 * s * p;
    return e * 0.6931471805599453 + series;
}

// All products of R rows with B rows, each summed over the channels in the same order whatever R and B are.
template <int R, int B>
static inline void dots(const double *const *a, const double *const *b, int cp, double *out, int stride) {
    Lane acc[R][B];
    for (int r = 0; r < R; r++)
        for (int j = 0; j < B; j++) acc[r][j] = all(0.0);
    for (int i = 0; i < cp; i += 4) {
        Lane x[R];
        for (int r = 0; r < R; r++) x[r] = load(a[r] + i);
        for (int j = 0; j < B; j++) {
            Lane y = load(b[j] + i);
            for (int r = 0; r < R; r++) acc[r][j] += x[r] * y;
        }
    }
    for (int r = 0; r < R; r++)
        for (int j = 0; j < B; j++) out[r * stride + j] = sum(acc[r][j]);
}

template <int R>
static inline void dots_with(const double *const *a, const double *b, int nb, int cp, double *out, int stride) {
    int j = 0;
    for (; j + 3 <= nb; j += 3) {
        const double *rows[3] = {b + (size_t)j * cp, b + (size_t)(j + 1) * cp, b + (size_t)(j + 2) * cp};
        dots<R, 3>(a, rows, cp, out + j, stride);
    }
    for (; j < nb; j++) {
        const double *rows[1] = {b + (size_t)j * cp};
        dots<R, 1>(a, rows, cp, out + j, stride);
    }
}

// out (na, stride) = a (na, cp) times the transpose of b (nb, cp)
static void products(const double *a, int na, const double *b, int nb, int cp, double *out, int stride) {
    int i = 0;
    for (; i + 4 <= na; i += 4) {
        const double *rows[4] = {a + (size_t)i * cp, a + (size_t)(i + 1) * cp, a + (size_t)(i + 2) * cp,
                                 a + (size_t)(i + 3) * cp};
        dots_with<4>(rows, b, nb, cp, out + (size_t)i * stride, stride);
    }
    for (; i < na; i++) {
        const double *rows[1] = {a + (size_t)i * cp};
        dots_with<1>(rows, b, nb, cp, out + (size_t)i * stride, stride);
    }
}

// The lower triangle (and a little more) of a times its own transpose.
static void gram(const double *a, int na, int cp, double *out, int stride) {
    for (int i = 0; i < na; i += 4) {
        int height = std::min(4, na - i), width = std::min(na, i + 4);
        products(a + (size_t)i * cp, height, a, width, cp, out + (size_t)i * stride, stride);
    }
}

static void gram_of(const double *a, int na, int cp, double *out) {
    products(a, na, a, na, cp, out, na);
}

static double dot(const double *a, const double *b, int cp) {
    double out;
    dots<1, 1>(&a, &b, cp, &out, 1);
    return out;
}

// out = sum of factor[j] times row j of a
static void combine(const double *a, const double *factor, int na, int cp, double *out) {
    std::memset(out, 0, sizeof(double) * cp);
    for (int j = 0; j < na; j++) {
        if (factor[j] == 0) continue;
        Lane f = all(factor[j]);
        const double *row = a + (size_t)j * cp;
        for (int i = 0; i < cp; i += 4) store(out + i, load(out + i) + f * load(row + i));
    }
}

template <class T>
static void take(const void *values, long stride, long row, int c, int cp, double *out) {
    const T *from = (const T *)values + row * stride;
    for (int i = 0; i < c; i++) out[i] = (double)from[i];
    for (int i = c; i < cp; i++) out[i] = 0;
}

static void take_row(const void *values, bool single, long stride, long row, int c, int cp, double *out) {
    if (single) {
        take<float>(values, stride, row, c, cp, out);
    } else {
        std::memcpy(out, (const double *)values + row * stride, sizeof(double) * c);
        for (int i = c; i < cp; i++) out[i] = 0;
    }
}

// Lower Cholesky factor in place (rows of `stride`); false where a pivot falls below `least` of its diagonal.
static bool cholesky(double *a, int n, int stride, double least) {
    for (int j = 0; j < n; j++) {
        double *row = a + (size_t)j * stride;
        for (int i = 0; i < j; i++) {
            const double *other = a + (size_t)i * stride;
            double s = row[i];
            for (int m = 0; m < i; m++) s -= row[m] * other[m];
            row[i] = s / other[i];
        }
        double s = row[j];
        for (int m = 0; m < j; m++) s -= row[m] * row[m];
        if (!(s > least * row[j])) return false;
        row[j] = std::sqrt(s);
    }
    return true;
}

static void forward(const double *l, int n, int stride, double *x) {
    for (int i = 0; i < n; i++) {
        const double *row = l + (size_t)i * stride;
        double s = x[i];
        for (int m = 0; m < i; m++) s -= row[m] * x[m];
        x[i] = s / row[i];
    }
}

static void backward(const double *l, int n, int stride, double *x) {
    for (int i = n - 1; i >= 0; i--) {
        x[i] /= l[(size_t)i * stride + i];
        const double *row = l + (size_t)i * stride;
        for (int m = 0; m < i; m++) x[m] -= row[m] * x[i];
    }
}

// Minimises x'Gx/2 - b'x over x >= 0. Block principal pivoting (Portugal, Judice and Vicente 1994; Kim and Park
// 2011), which ends at the only solution; components that depend on others are held back by a tiny ridge.
struct Quadratic {
    std::vector<double> factor, part, gradient, scale;
    std::vector<int> set;
    std::vector<char> in;

    // G (n, stride); x holds the start and the result. Returns whether the conditions hold.
    bool solve(const double *g, const double *b, int n, int stride, double *x) {
        if ((int)in.size() < n) {
            factor.resize((size_t)n * n);
            part.resize(n), gradient.resize(n), scale.resize(n), set.resize(n), in.resize(n);
        }
        double size = 0;
        for (int j = 0; j < n; j++) {
            double d = g[(size_t)j * stride + j];
            scale[j] = d > 0 ? 1 / std::sqrt(d) : 0;
            in[j] = d > 0 && x[j] > 0;
            size = std::max(size, std::fabs(b[j] * scale[j]));
        }
        int best = n + 1, patience = 3;
        for (int round = 0; round < 50 + 10 * n; round++) {
            int p = 0;
            for (int j = 0; j < n; j++)
                if (in[j]) set[p++] = j;
            for (int i = 0; i < p; i++) {
                const double *row = g + (size_t)set[i] * stride;
                for (int m = 0; m <= i; m++) factor[(size_t)i * n + m] = row[set[m]] * scale[set[i]] * scale[set[m]];
                factor[(size_t)i * n + i] += 1e-13;
                part[i] = b[set[i]] * scale[set[i]];
            }
            if (!cholesky(factor.data(), p, n, 1e-14)) return descend(g, b, n, stride, x, size);
            forward(factor.data(), p, n, part.data());
            backward(factor.data(), p, n, part.data());
            int wrong = 0, last = -1;
            for (int j = 0; j < n; j++) x[j] = 0;
            for (int i = 0; i < p; i++) x[set[i]] = part[i] * scale[set[i]];
            for (int j = 0; j < n; j++) {
                if (in[j]) {
                    gradient[j] = x[j];
                    if (x[j] < 0) wrong++, last = j;
                } else {
                    double s = -b[j];
                    for (int i = 0; i < p; i++) s += g[(size_t)j * stride + set[i]] * x[set[i]];
                    gradient[j] = s * scale[j];
                    if (gradient[j] < -1e-12 * size) wrong++, last = j;
                    else gradient[j] = 0;
                }
            }
            if (wrong == 0) return true;
            bool whole = true;
            if (wrong < best) best = wrong, patience = 3;
            else if (patience > 0) patience--;
            else whole = false;
            for (int j = 0; j < n; j++)
                if (gradient[j] < 0 && (whole || j == last)) in[j] = !in[j];
        }
        return descend(g, b, n, stride, x, size);
    }

    // For matrices without a factor: coordinate descent, slow and sure.
    bool descend(const double *g, const double *b, int n, int stride, double *x, double size) {
        for (int j = 0; j < n; j++) x[j] = std::max(x[j], 0.0);
        for (int sweep = 0; sweep < 2000; sweep++) {
            double moved = 0;
            for (int j = 0; j < n; j++) {
                if (scale[j] == 0) {
                    x[j] = 0;
                    continue;
                }
                double s = b[j];
                for (int i = 0; i < n; i++) s -= g[(size_t)j * stride + i] * x[i];
                double now = std::max(0.0, x[j] + s * scale[j] * scale[j]);
                moved = std::max(moved, std::fabs(now - x[j]) / scale[j]);
                x[j] = now;
            }
            if (moved <= 1e-9 * size) return true;
        }
        return false;
    }
};

// ------------------------------------------------------------------------------------ least squares

// The templates in coordinates of their own span: r (m, j) with columns of norm <= 1, free ones first.
struct Small {
    int m, j, n_free, k;
    std::vector<double> r, g;  // r as given (m, j); g the Gram matrix of what is left of the bound ones (k, k)
    Small(int m_, int j_, int n_free_, const double *coordinates, int stride)
        : m(m_), j(j_), n_free(n_free_), k(j_ - n_free_), r((size_t)m_ * j_), g((size_t)k * k) {
        for (int i = 0; i < m; i++)
            for (int a = 0; a < j; a++) r[(size_t)i * j + a] = coordinates[(size_t)i * stride + a];
        for (int a = 0; a < k; a++)
            for (int b = 0; b < k; b++) {
                double s = 0;
                for (int i = n_free; i < m; i++) s += r[(size_t)i * j + n_free + a] * r[(size_t)i * j + n_free + b];
                g[(size_t)a * k + b] = s;
            }
    }
};

// quality: cosine, centred cosine, explained variance, and 0 good, 1 sums cancel, 2 unsolved.
static void least_squares(const Small &s, const void *values, bool single, long stride, int c, int cp,
                          const double *basis, const double *ones, const double *norms, double tolerance,
                          double *scores, long score_stride, double *quality, long quality_stride, long first,
                          long last) {
    const int m = s.m, j = s.j, k = s.k, f0 = s.n_free;
    std::vector<double> x((size_t)4 * cp), q((size_t)4 * m), u(j), b(k), fit(m), g(k), du(k), local;
    Quadratic problem;
    double squares[4];
    for (long start = first; start < last; start += 4) {
        int rows = (int)std::min<long>(4, last - start);
        const double *at[4];
        for (int i = 0; i < rows; i++) {
            at[i] = &x[(size_t)i * cp];
            take_row(values, single, stride, start + i, c, cp, &x[(size_t)i * cp]);
            squares[i] = dot(at[i], at[i], cp);
        }
        if (rows == 4) dots_with<4>(at, basis, m, cp, q.data(), m);
        else
            for (int i = 0; i < rows; i++) dots_with<1>(at + i, basis, m, cp, &q[(size_t)i * m], m);
        for (int i = 0; i < rows; i++) {
            const double *qi = &q[(size_t)i * m];
            double *out = scores + (start + i) * score_stride, *good = quality + (start + i) * quality_stride;
            const double norm = std::sqrt(squares[i]);
            if (!(squares[i] > 1e-200 && squares[i] < 1e200)) {
                good[3] = 2;
                continue;
            }
            for (int a = 0; a < k; a++) {
                double t = 0;
                for (int row = f0; row < m; row++) t += s.r[(size_t)row * j + f0 + a] * qi[row];
                b[a] = t;
                u[f0 + a] = t;
            }
            bool solved = k == 0 || problem.solve(s.g.data(), b.data(), k, k, &u[f0]);
            // one correction from r itself, whose condition is the root of the Gram matrix' one
            double missed = 0;
            for (int again = 0; solved && again < 3; again++) {
                for (int row = f0; row < m; row++) {
                    double t = qi[row];
                    for (int a = 0; a < k; a++) t -= s.r[(size_t)row * j + f0 + a] * u[f0 + a];
                    fit[row] = t;
                }
                missed = 0;
                int p = 0;
                for (int a = 0; a < k; a++) {
                    double t = 0;
                    for (int row = f0; row < m; row++) t += s.r[(size_t)row * j + f0 + a] * fit[row];
                    g[a] = t;
                    missed = std::max(missed, u[f0 + a] > 0 ? std::fabs(t) : t);
                    if (problem.in[a]) du[p++] = t * problem.scale[a];
                }
                if (missed <= 1e-15 * norm || again == 2) break;
                if (p == 0) break;
                forward(problem.factor.data(), p, k, du.data());
                backward(problem.factor.data(), p, k, du.data());
                p = 0;
                for (int a = 0; a < k; a++)
                    if (problem.in[a]) u[f0 + a] += du[p++] * problem.scale[a];
                for (int a = 0; a < k; a++) {
                    if (u[f0 + a] < 0) {
                        if (u[f0 + a] < -1e-12 * norm) solved = false;
                        u[f0 + a] = 0;
                    }
                }
            }
            if (!(missed <= tolerance * norm)) solved = false;
            for (int a = f0 - 1; a >= 0; a--) {
                double t = qi[a];
                for (int later = a + 1; later < j; later++) t -= s.r[(size_t)a * j + later] * u[later];
                u[a] = t / s.r[(size_t)a * j + a];
            }
            for (int a = 0; a < j; a++) {
                out[a] = u[a] / norms[a] + 0.0;
                if (!std::isfinite(out[a])) solved = false;
            }
            double x1 = 0, f1 = 0, xf = 0, ff = 0, qq = 0, rest = 0;
            for (int row = 0; row < m; row++) {
                double t = 0;
                for (int a = 0; a < j; a++) t += s.r[(size_t)row * j + a] * u[a];
                x1 += ones[row] * qi[row];
                f1 += ones[row] * t;
                xf += qi[row] * t;
                ff += t * t;
                qq += qi[row] * qi[row];
                rest += (qi[row] - t) * (qi[row] - t);
            }
            double residual = std::max(squares[i] - qq, 0.0) + rest - (x1 - f1) * (x1 - f1) / c;
            double spread_x = squares[i] - x1 * x1 / c, spread_f = ff - f1 * f1 / c;
            bool safe = std::min(spread_x, residual) > 1e-6 * squares[i] && spread_f > 1e-6 * ff;
            good[3] = !solved ? 2 : safe ? 0 : 1;
            if (!safe) continue;
            good[0] = std::min(1.0, std::max(-1.0, xf / std::sqrt(squares[i] * ff)));
            good[1] = std::min(1.0, std::max(-1.0, (xf - x1 * f1 / c) / std::sqrt(spread_x * spread_f)));
            good[2] = 1 - residual / spread_x;
        }
    }
}

// ------------------------------------------------------------------------------------------ Poisson

// Slope of the likelihood along a change of the mean, at a part of the way. Filled-up channels have change 0.
static double slope_at(const double *y, const double *mu, const double *change, double way, double floor, int cp) {
    Lane out = all(0), f = all(way), low = all(floor);
    for (int i = 0; i < cp; i += 4) {
        Lane d = load(change + i), m = larger(load(mu + i) + f * d, low);
        out += d * ((load(y + i) - m) / m);
    }
    return sum(out);
}

// How far to go along a change of the mean, 0 to 1: at least half the way to the maximum on it. The likelihood is
// concave: where its slope is not negative it has only grown, and a slope keeps its digits where differences of the
// likelihood are lost in rounding.
static double ascent(const double *y, const double *mu, const double *change, double floor, int cp) {
    double low = 0, at_low = slope_at(y, mu, change, 0, floor, cp);
    if (!(at_low > 0)) return 0;
    double high = 1, at_high = slope_at(y, mu, change, 1, floor, cp);
    if (at_high >= 0) return 1;
    for (int i = 0; i < 60 && low < 0.5 * high; i++) {
        const double width = high - low;
        double way = low + width * (i % 3 < 2 ? at_low / (at_low - at_high) : 0.5);
        way = std::min(std::max(way, low + 0.05 * width), high - 0.05 * width);
        const double now = slope_at(y, mu, change, way, floor, cp);
        if (now >= 0) low = way, at_low = now;
        else high = way, at_high = now;
    }
    return low;
}

// Maximises sum(y log mu - mu), mu = scores @ shapes + floor, over scores >= 0: the solution of a quadratic model, then
// a search on the line to it; one score after the other where that does not ascend. It grows at every step, and the
// steps end at the maximum: see numerics/poisson.py.
// summary: log-likelihood, violation of the optimality conditions, steps, 1 if the tolerance is not met.
static void poisson(const void *values, bool single, long stride, int c, int cp, const double *shapes, int k,
                    double floor, double tolerance, int steps, double *scores, long score_stride, double *summary,
                    long summary_stride, long first, long last) {
    std::vector<double> y(cp), mu(cp), change(cp), w(cp), scaled((size_t)k * cp), g((size_t)k * k), b(k), x(k), a(k),
        sums(k), right(k), to(k);
    Quadratic problem;
    for (int j = 0; j < k; j++) {
        double s = 0;
        for (int i = 0; i < c; i++) s += shapes[(size_t)j * cp + i];
        sums[j] = s;
    }
    auto mean = [&]() {
        combine(shapes, a.data(), k, cp, mu.data());
        for (int i = 0; i < c; i++) mu[i] += floor;
        for (int i = c; i < cp; i++) mu[i] = 1;
    };
    for (long row = first; row < last; row++) {
        take_row(values, single, stride, row, c, cp, y.data());
        double total = 0;
        for (int i = 0; i < c; i++) total += y[i];
        double *out = scores + row * score_stride, *told = summary + row * summary_stride;
        for (int j = 0; j < k; j++) a[j] = sums[j] > 0 && total > 0 ? total / (k * sums[j]) : 0;
        mean();
        double violation = 0;
        int done = 0;
        for (; total > 0; done++) {
            for (int i = 0; i < cp; i++) w[i] = (y[i] - mu[i]) / mu[i];
            for (int i = c; i < cp; i++) w[i] = 0;
            violation = 0;
            for (int j = 0; j < k; j++) {
                b[j] = dot(w.data(), shapes + (size_t)j * cp, cp);
                double relative = sums[j] > 0 ? b[j] / sums[j] : 0;
                double missed = std::max(relative, std::fabs(relative) * a[j] * sums[j] / std::max(total, 1.0));
                if (!std::isfinite(missed)) missed = std::numeric_limits<double>::infinity();
                violation = std::max(violation, missed);
            }
            if (violation <= tolerance || done == steps || std::isinf(violation)) break;
            // curvature: the expected one far away, that of the likelihood itself once near, the larger one between
            for (int i = 0; i < cp; i++) {
                double v = done < 3 ? mu[i] : violation < 0.5 ? std::max(y[i], 1e-3 * mu[i]) : std::max(y[i], mu[i]);
                w[i] = i < c ? std::sqrt(v) / mu[i] : 0;
            }
            for (int j = 0; j < k; j++)
                for (int i = 0; i < cp; i += 4)
                    store(&scaled[(size_t)j * cp + i], load(shapes + (size_t)j * cp + i) * load(&w[i]));
            products(scaled.data(), k, scaled.data(), k, cp, g.data(), k);
            for (int j = 0; j < k; j++) {
                double s = b[j];
                for (int i = 0; i < k; i++) s += g[(size_t)j * k + i] * a[i];
                x[j] = a[j];
                right[j] = s;
            }
            problem.solve(g.data(), right.data(), k, k, x.data());
            for (int j = 0; j < k; j++) to[j] = x[j] - a[j];
            combine(shapes, to.data(), k, cp, change.data());
            double way = ascent(y.data(), mu.data(), change.data(), floor, cp);
            if (way > 0) {
                for (int j = 0; j < k; j++) a[j] = way == 1 ? x[j] : std::max(a[j] + way * to[j], 0.0);
                mean();
                continue;
            }
            for (int j = 0; j < k; j++) {
                const double *shape = shapes + (size_t)j * cp;
                double slope = 0, curvature = 0;
                for (int i = 0; i < c; i++) {
                    slope += shape[i] * ((y[i] - mu[i]) / mu[i]);
                    curvature += shape[i] / mu[i] * (shape[i] / mu[i]) * std::max(y[i], mu[i]);
                }
                if (!(curvature > 0)) continue;
                const double step = std::max(slope / curvature, -a[j]);
                for (int i = 0; i < cp; i++) change[i] = step * shape[i];
                a[j] = std::max(a[j] + ascent(y.data(), mu.data(), change.data(), floor, cp) * step, 0.0);
                mean();
            }
        }
        for (int j = 0; j < k; j++) out[j] = a[j];
        Lane level = all(0);
        for (int i = 0; i < cp; i += 4) level += load(&y[i]) * logarithm(load(&mu[i])) - load(&mu[i]);
        told[0] = sum(level) + (cp - c);  // a filled-up channel put in -1
        told[1] = violation;
        told[2] = done;
        told[3] = violation <= tolerance ? 0 : 1;
    }
}

// ------------------------------------------------------------------------------- the penalised fit

struct Fitter {
    const Plan &p;
    std::vector<double> y, variance, w, root, yw, mu, base, before, columns, m, h, s, b, z, x, a, start, work, gradient;
    std::vector<double> saved_w, saved_s, saved_b, full_a;
    std::vector<int> set, saved_set;
    std::vector<char> allowed, member;
    Quadratic problem;
    double f2 = 0, level = 0, pile = 0, total = 0, pearson = 0;
    int used_columns = 0, rounds = 0;
    bool counts = true;

    explicit Fitter(const Plan &plan) : p(plan) {
        int most = p.drifts + 1 + p.k * p.all_modes + p.k;
        for (auto *one : {&y, &variance, &w, &root, &yw, &mu, &base, &before, &saved_w}) one->assign(p.cp, 0.0);
        columns.resize((size_t)(most + 1) * p.cp);
        for (auto *one : {&b, &x, &a, &start, &gradient, &saved_b, &full_a}) one->assign(p.k, 0.0);
        z.assign(most, 0.0);
        work.resize(std::max(most, p.k) + 1);
        s.resize((size_t)p.k * p.k), saved_s.resize((size_t)p.k * p.k);
        set.reserve(p.k), allowed.assign(p.k, 1), member.assign(p.k, 0);
    }

    double variance_of(int i, double mean) const { return counts ? mean : variance[i]; }

    void weigh() {
        if (counts)
            for (int i = 0; i < p.cp; i += 4) {
                Lane v = load(&mu[i]);
                store(&w[i], 1.0 / (v + f2 * v * v));
            }
        else
            for (int i = 0; i < p.cp; i += 4) {
                Lane v = load(&mu[i]);
                store(&w[i], 1.0 / (load(&variance[i]) + f2 * v * v));
            }
        for (int i = p.c; i < p.cp; i++) w[i] = 0;
    }

    double likelihood() const {
        Lane l = all(0);
        if (!counts) {
            for (int i = 0; i < p.cp; i += 4) {
                Lane v = load(&mu[i]), d = load(&y[i]) - v;
                Lane var = load(&variance[i]) + f2 * v * v;
                l -= 0.5 * (d * d / var + logarithm(var));
            }
        } else if (f2 < 1e-10) {
            for (int i = 0; i < p.cp; i += 4) {
                Lane v = load(&mu[i]);
                l += load(&y[i]) * logarithm(v) - v;
            }
        } else {
            Lane r = all(1 / f2);
            for (int i = 0; i < p.cp; i += 4) {
                Lane v = load(&mu[i]), d = 1.0 + f2 * v, ld = logarithm(d);
                l += load(&y[i]) * (logarithm(v) - ld) - r * ld;
            }
        }
        double out = sum(l);
        for (int i = p.c; i < p.cp; i++) {  // what the filled-up channels put in: mu = 1, y = 0, variance = 1
            if (!counts) out += 0.5 * (1 / (1 + f2) + std::log(1 + f2));
            else out += f2 < 1e-10 ? 1 : std::log(1 + f2) / f2;
        }
        return out;
    }

    // sum of squared residuals over their variance
    double chi_square(double with_f2) const {
        Lane l = all(0);
        for (int i = 0; i < p.cp; i += 4) {
            Lane v = load(&mu[i]), d = load(&y[i]) - v;
            l += d * d / ((counts ? v : load(&variance[i])) + with_f2 * v * v);
        }
        double out = sum(l);
        for (int i = p.c; i < p.cp; i++) out -= (counts ? 1.0 : 1.0) / (1 + with_f2);
        return out;
    }

    // Smallest f^2 in range at which chi-square <= limit: Newton on 1 / chi-square, which is nearly straight.
    double mismatch(double limit) const {
        double lo = p.f_min * p.f_min, hi = p.f_max * p.f_max, t = lo;
        for (int it = 0; it < 20; it++) {
            Lane g = all(0), d = all(0);
            for (int i = 0; i < p.cp; i += 4) {
                Lane v = load(&mu[i]), e = load(&y[i]) - v;
                Lane q = 1.0 / ((counts ? v : load(&variance[i])) + t * v * v), eq = e * e * q;
                g += eq;
                d += eq * q * v * v;
            }
            double sg = sum(g), sd = sum(d);
            for (int i = p.c; i < p.cp; i++) {  // the filled-up channels: e = -1, v = 1
                double q = 1 / (1 + t);
                sg -= q;
                sd -= q * q;
            }
            if (sg <= limit * (it == 0 ? 1 : 1.002) || !(sd > 0)) return t;
            t += (sg * sg / limit - sg) / sd;
            if (t >= hi) return hi;
        }
        return t;
    }

    void pile_up(double *out) {
        // self-convolution of the current mean; finer than 256 channels it is made on sums of channels
        int step = std::max(1, p.c / 256), n = (p.c + step - 1) / step;
        std::vector<double> coarse(n, 0.0), folded(n, 0.0);
        for (int j = 0; j < p.k; j++) {
            if (!(a[j] > 0)) continue;
            const double *t = p.shapes + (size_t)j * p.cp;
            for (int i = 0; i < p.c; i++) coarse[i / step] += a[j] * t[i];
        }
        double sum_a = 0;
        for (int j = 0; j < p.k; j++) sum_a += std::max(a[j], 0.0);
        double shift = (double)p.pile_shift / step;
        int whole = (int)std::floor(shift);
        for (int i = 0; i < n; i++) {
            if (!(coarse[i] > 1e-3 * sum_a / n)) continue;
            double g = coarse[i] * pile / std::max(sum_a, 1e-9);
            int to = i + whole, lo = std::max(0, -to), hi = std::min(n, n - to);
            for (int j = lo; j < hi; j++) folded[to + j] += g * coarse[j];
        }
        if (step == 1) {
            for (int i = 0; i < p.c; i++) out[i] = folded[i];
        } else {
            for (int i = 0; i < p.c; i++) {
                double at = (i + 0.5) / step - 0.5;
                int left = std::max(0, std::min(n - 1, (int)std::floor(at))), right = std::min(n - 1, left + 1);
                double part = std::min(1.0, std::max(0.0, at - left));
                out[i] = ((1 - part) * folded[left] + part * folded[right]) / step;
            }
        }
        for (int i = p.c; i < p.cp; i++) out[i] = 0;
    }

    // Puts the signed columns at scores a, times the roots of the weights, and returns their number.
    int distort(int modes) {
        double sum_a = 0;
        for (int j : set) sum_a += a[j];
        int n = 0;
        auto keep = [&]() {
            double *col = &columns[(size_t)n * p.cp];
            Lane size = all(0);
            for (int i = 0; i < p.cp; i += 4) {
                Lane v = load(col + i) * load(&root[i]);
                store(col + i, v);
                size += v * v;
            }
            if (sum(size) > p.prune) n++;
        };
        for (int d = 0; d < p.drifts; d++) {
            double *col = &columns[(size_t)n * p.cp];
            combine(p.drift + (size_t)d * p.k * p.cp, a.data(), p.k, p.cp, col);
            int kept = n;
            keep();
            which_drift[d] = n > kept ? kept : -1;
        }
        if (pile > 0) {
            pile_up(&columns[(size_t)n * p.cp]);
            keep();
        }
        for (int j : set) {
            if (!(a[j] > 1e-4 * sum_a)) continue;
            for (int q = 0; q < modes; q++) {
                const double *u = p.spread + ((size_t)j * p.all_modes + q) * p.cp;
                double *col = &columns[(size_t)n * p.cp];
                Lane f = all(a[j]);
                for (int i = 0; i < p.cp; i += 4) store(col + i, f * load(u + i));
                keep();
            }
        }
        return n;
    }
    int which_drift[16] = {};

    // Sums over the channels with the distortions eliminated: s (k, k), b (k) over the classes in `list`.
    // M (nv, nv) is left as its factor, h (nv, np + 1) as L^-1 [H, bv]. Returns log det (I + V'WV).
    double reduce(int nv, const std::vector<int> &list) {
        int np = (int)list.size();
        for (int i = 0; i < p.cp; i += 4) store(&yw[i], load(&y[i]) * load(&root[i]));
        double *t = &columns[(size_t)nv * p.cp];
        for (int j = 0; j < np; j++) {
            const double *shape = p.shapes + (size_t)list[j] * p.cp;
            for (int i = 0; i < p.cp; i += 4) store(t + (size_t)j * p.cp + i, load(shape + i) * load(&root[i]));
        }
        gram(t, np, p.cp, s.data(), p.k);
        for (int i = 0; i < np; i++)
            for (int j = i + 1; j < np; j++) s[(size_t)i * p.k + j] = s[(size_t)j * p.k + i];
        const double *right = yw.data();
        for (int j = 0; j < np; j++) b[j] = dot(t + (size_t)j * p.cp, right, p.cp);
        if (nv == 0) return 0;
        if ((int)m.size() < nv * nv) m.resize((size_t)nv * nv);
        if ((int)h.size() < nv * (p.k + 1)) h.resize((size_t)nv * (p.k + 1));
        gram(columns.data(), nv, p.cp, m.data(), nv);
        for (int i = 0; i < nv; i++) m[(size_t)i * nv + i] += 1;
        cholesky(m.data(), nv, nv, 0);
        double det = 0;
        for (int i = 0; i < nv; i++) det += 2 * std::log(m[(size_t)i * nv + i]);
        const int width = np + 1;
        products(columns.data(), nv, t, np, p.cp, h.data(), width);
        for (int i = 0; i < nv; i++) h[(size_t)i * width + np] = dot(&columns[(size_t)i * p.cp], right, p.cp);
        for (int i = 0; i < nv; i++) {  // forward substitution of all right sides at once
            double *row = &h[(size_t)i * width];
            const double *l = &m[(size_t)i * nv];
            for (int e = 0; e < i; e++) {
                const double f = l[e], *other = &h[(size_t)e * width];
                for (int j = 0; j < width; j++) row[j] -= f * other[j];
            }
            const double inverse = 1 / l[i];
            for (int j = 0; j < width; j++) row[j] *= inverse;
        }
        for (int e = 0; e < nv; e++) {
            const double *row = &h[(size_t)e * width];
            for (int i = 0; i < np; i++) {
                const double f = row[i];
                double *to = &s[(size_t)i * p.k];
                for (int j = 0; j < np; j++) to[j] -= f * row[j];
                b[i] -= f * row[np];
            }
        }
        return det;
    }

    // One weighted solution at the current weights with nv columns; updates x, mu, penalty. Returns the move.
    double solve(int nv, double &penalty) {
        int np = (int)set.size();
        for (int j = 0; j < np; j++) x[j] = a[set[j]];
        problem.solve(s.data(), b.data(), np, p.k, x.data());
        const int width = np + 1;
        penalty = 0;
        for (int i = 0; i < nv; i++) {
            double t = h[(size_t)i * width + np];
            for (int j = 0; j < np; j++) t -= h[(size_t)i * width + j] * x[j];
            z[i] = t;
        }
        backward(m.data(), nv, nv, z.data());
        for (int i = 0; i < nv; i++) penalty += z[i] * z[i];
        std::swap(mu, before);
        combine(&columns[(size_t)nv * p.cp], x.data(), np, p.cp, base.data());
        std::memcpy(mu.data(), base.data(), sizeof(double) * p.cp);
        for (int i = 0; i < nv; i++) {
            Lane f = all(z[i]);
            const double *col = &columns[(size_t)i * p.cp];
            for (int e = 0; e < p.cp; e += 4) store(&mu[e], load(&mu[e]) + f * load(col + e));
        }
        // residual times weight, for the gradient of classes that take no part; then the floor
        Lane moved = all(0);
        for (int i = 0; i < p.cp; i += 4) {
            Lane r = load(&root[i]), inside = load(&w[i]) > all(0.0) ? 1.0 / r : all(1.0);
            Lane v = load(&mu[i]) * inside, low = 0.05 * load(&base[i]) * inside + p.floor;
            store(&yw[i], (load(&yw[i]) - load(&mu[i])) * r);
            v = counts ? larger(v, low) : v;
            Lane d = v - load(&before[i]);
            moved += d * d * load(&w[i]);
            store(&mu[i], v);
        }
        for (int i = p.c; i < p.cp; i++) mu[i] = 1;
        for (int j : set) a[j] = 0;
        for (int j = 0; j < np; j++) a[set[j]] = x[j];
        return sum(moved);
    }

    // Classes outside whose gradient says that they help join the set. Returns whether any did.
    bool join() {
        bool any = false;
        for (int j = 0; j < p.k; j++) {
            if (member[j] || !allowed[j]) continue;
            const double *t = p.shapes + (size_t)j * p.cp;
            double g = dot(yw.data(), t, p.cp);
            if (!(g > 0)) continue;
            Lane size = all(0);
            for (int i = 0; i < p.cp; i += 4) {
                Lane v = load(t + i);
                size += v * v * load(&w[i]);
            }
            if (g * g > 1e-4 * sum(size)) {
                member[j] = 1;
                set.push_back(j);
                any = true;
            }
        }
        if (any) std::sort(set.begin(), set.end());
        return any;
    }

    // The fit: reweighted steps until the mean stays. Leaves a, mu, f2, s, b, z of the last step.
    double run(int modes, bool adapt, int steps, double tolerance) {
        double penalty = 0, det = 0;
        rounds = 0;
        for (int it = 0; it < steps; it++, rounds++) {
            for (int i = 0; i < p.cp; i += 4) {
                Lane v = load(&w[i]);
                for (int e = 0; e < 4; e++) root[i + e] = std::sqrt(v[e]);
            }
            used_columns = distort(modes);
            det = reduce(used_columns, set);
            double moved = solve(used_columns, penalty);
            bool joined = join();
            if (adapt && it >= 1) {
                int ndf = p.c;
                for (int j : set) ndf -= a[j] > 0;
                double old = f2;
                // one standard deviation of chi-square is what chance makes: no mismatch is taken from it
                ndf = std::max(ndf, 1);
                f2 = mismatch(ndf + std::sqrt(2.0 * ndf));
                if (std::fabs(f2 - old) > 0.02 * f2) moved = 1;
            }
            weigh();
            if (it > 0 && !joined && moved < tolerance) break;
        }
        return likelihood() - 0.5 * penalty - (p.determinant ? 0.5 * det : 0.0);
    }

    // A start: least squares on the plain templates, then weighted by smoothed data and without distortions.
    void begin() {
        std::vector<int> everybody(p.k);
        for (int j = 0; j < p.k; j++) {
            b[j] = dot(y.data(), p.shapes + (size_t)j * p.cp, p.cp);
            a[j] = b[j] > 0 ? 1 : 0;
        }
        problem.solve(p.gram, b.data(), p.k, p.k, a.data());
        set.clear();
        for (int j = 0; j < p.k; j++) {
            member[j] = allowed[j] && a[j] > 0;
            if (member[j]) set.push_back(j);
        }
        if (set.empty())
            for (int j = 0; j < p.k; j++)
                if (allowed[j]) member[j] = 1, set.push_back(j), a[j] = std::max(total, 0.0) / p.k;
        for (int i = 0; i < p.c; i++) {
            int lo = std::max(0, i - 3), hi = std::min(p.c, i + 4);
            double t = 0;
            for (int e = lo; e < hi; e++) t += y[e];
            w[i] = counts ? 1 / (std::max(t / (hi - lo), 0.0) + 0.5) : 1 / variance[i];
        }
        for (int i = p.c; i < p.cp; i++) w[i] = 0;
        for (int i = 0; i < p.cp; i++) mu[i] = 0, root[i] = std::sqrt(w[i]);
        double penalty;
        for (int round = 0; round < 2 + p.k; round++) {
            reduce(0, set);
            solve(0, penalty);
            if (!join()) break;
        }
        prune_set();
    }

    void prune_set() {
        size_t n = 0;
        for (int j : set) {
            member[j] = a[j] > 0;
            if (member[j]) set[n++] = j;
        }
        set.resize(n);
    }

    // sd of every score: inverse information on the free set; a zero score is freed alone. est: unconstrained.
    void errors(double *sd, double *est) {
        std::vector<int> everybody(p.k), free;
        for (int j = 0; j < p.k; j++) everybody[j] = j;
        if ((int)set.size() < p.k) {
            // root and the columns still are those of the last step
            reduce(used_columns, everybody);
        } else {
            // s and b are those of the last step already
        }
        for (int j = 0; j < p.k; j++)
            if (a[j] > 0) free.push_back(j);
        int n = (int)free.size();
        std::vector<double> l((size_t)n * n), v(n), g(n);
        double ridge = 1e-9;
        for (;;) {
            for (int i = 0; i < n; i++)
                for (int j = 0; j <= i; j++)
                    l[(size_t)i * n + j] = s[(size_t)free[i] * p.k + free[j]] * (i == j ? 1 + ridge : 1.0);
            if (cholesky(l.data(), n, n, 0) || ridge > 1) break;
            ridge *= 100;
        }
        for (int i = 0; i < n; i++) {
            std::fill(v.begin(), v.end(), 0.0);
            v[i] = 1;
            forward(l.data(), n, n, v.data());
            double t = 0;
            for (int e = i; e < n; e++) t += v[e] * v[e];
            sd[free[i]] = std::sqrt(t);
            est[free[i]] = a[free[i]];
        }
        for (int j = 0; j < p.k; j++) {
            if (a[j] > 0) continue;
            double d = s[(size_t)j * p.k + j], r = b[j];
            if (!(d > 0)) {
                sd[j] = std::numeric_limits<double>::quiet_NaN();
                est[j] = 0;
                continue;
            }
            for (int i = 0; i < n; i++) {
                v[i] = s[(size_t)j * p.k + free[i]];
                r -= v[i] * a[free[i]];
            }
            forward(l.data(), n, n, v.data());
            double info = d;
            for (int i = 0; i < n; i++) info -= v[i] * v[i];
            if (info > 1e-12 * d) {
                sd[j] = 1 / std::sqrt(info);
                est[j] = r / info;
            } else {
                sd[j] = std::numeric_limits<double>::quiet_NaN();
                est[j] = 0;
            }
        }
    }

    // summary: mismatch f, chi-square at f_min, Pearson's chi-square, penalised log-likelihood, free scores,
    //          chi-square of the novelty fit, steps, distortions fitted
    void rows(const void *values, bool single, long stride, long first, long last, double *scores, double *errs,
              double *free_scores, double *ratios, double *drifts, double *summary, double *mean) {
        const double f2_min = p.f_min * p.f_min;
        counts = p.sigma == nullptr;
        for (long row = first; row < last; row++) {
            take_row(values, single, stride, row, p.c, p.cp, y.data());
            total = 0;
            for (int i = 0; i < p.c; i++) total += y[i];
            if (!counts) {
                const double *sd = p.sigma + (p.sigma_each ? row * (long)p.c : 0);
                for (int i = 0; i < p.c; i++) variance[i] = sd[i] * sd[i];
                for (int i = p.c; i < p.cp; i++) variance[i] = 1;
            }
            pile = p.pile && counts && p.pile[row] * p.pile[row] * total > 0.01 ? p.pile[row] : 0;
            double *out = scores + row * p.k, *sd = errs + row * p.k, *est = free_scores + row * p.k;
            double *ratio = ratios + row * p.k, *told = summary + row * 8;
            std::fill(allowed.begin(), allowed.end(), 1);
            f2 = f2_min;
            begin();
            level = run(p.modes, p.adapt, p.steps, p.tolerance);
            for (int d = 0; d < p.drifts; d++)
                drifts[row * p.drifts + d] = which_drift[d] >= 0 ? z[which_drift[d]] : 0;
            for (int j = 0; j < p.k; j++) out[j] = a[j], ratio[j] = 0;
            int n_free = 0;
            for (int j = 0; j < p.k; j++) n_free += a[j] > 0;
            told[0] = std::sqrt(f2);
            told[1] = chi_square(f2_min);
            told[2] = plain_pearson();
            told[3] = level;
            told[4] = n_free;
            told[5] = told[1];
            told[6] = rounds;
            told[7] = used_columns;
            if (mean)
                for (int i = 0; i < p.c; i++) mean[row * p.c + i] = mu[i];
            errors(sd, est);
            full_a = a;
            saved_w = w;
            saved_s = s;
            saved_b = b;
            saved_set = set;
            const double full = level, full_f2 = f2;
            bool listed = (int)set.size() < p.k;  // s and b then are those of all classes
            if (p.evidence)
                for (int j = 0; j < p.k; j++) {
                    if (j == p.skip || !(full_a[j] > p.least_ratio * sd[j]) || !(full_a[j] > 0)) continue;
                    leave_out(j, listed);
                    f2 = full_f2;
                    double without = run(p.modes, false, p.null_steps, p.null_tolerance);
                    ratio[j] = std::max(0.0, 2 * (full - without));
                }
            if (p.novelty && p.all_modes > p.modes) {
                double ndf = std::max(1, p.c - n_free);
                if (told[1] > ndf + std::sqrt(2 * ndf)) {
                    restore();
                    f2 = full_f2;
                    run(p.all_modes, p.adapt, p.steps, p.tolerance);
                    told[5] = std::min(told[1], chi_square(f2_min));
                }
            }
        }
    }

    double plain_pearson() const {
        double t = 0;
        for (int i = 0; i < p.c; i++) {
            double d = y[i] - mu[i];
            t += d * d / (counts ? std::max(mu[i], 0.5) : variance[i]);
        }
        return t;
    }

    void restore() {
        a = full_a;
        w = saved_w;
        set = saved_set;
        std::fill(allowed.begin(), allowed.end(), 1);
        std::fill(member.begin(), member.end(), 0);
        for (int j : set) member[j] = 1;
    }

    // The start of a fit without class j: the solution of the last step's quadratic problem without it.
    void leave_out(int j, bool listed) {
        restore();
        allowed[j] = 0;
        member[j] = 0;
        set.erase(std::remove(set.begin(), set.end(), j), set.end());
        std::vector<int> where(p.k, -1);
        if (listed)
            for (int i = 0; i < p.k; i++) where[i] = i;
        else
            for (size_t i = 0; i < saved_set.size(); i++) where[saved_set[i]] = (int)i;
        if (set.empty())
            for (int i = 0; i < p.k; i++)
                if (allowed[i]) set.push_back(i), member[i] = 1;
        int n = (int)set.size();
        std::vector<double> g((size_t)n * n), right(n), at(n);
        for (int e = 0; e < n; e++) {
            right[e] = saved_b[where[set[e]]];
            at[e] = full_a[set[e]] > 0 ? full_a[set[e]] : 0;
            for (int i = 0; i < n; i++) g[(size_t)e * n + i] = saved_s[(size_t)where[set[e]] * p.k + where[set[i]]];
        }
        if (n) problem.solve(g.data(), right.data(), n, n, at.data());
        a.assign(p.k, 0.0);
        for (int e = 0; e < n; e++) a[set[e]] = at[e];
    }
};

#endif
