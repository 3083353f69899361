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
// The body below is compiled three times on x86-64, for every machine, for those with AVX2 and for those with AVX-512,
// by this file including itself; the fastest one is chosen when the module is loaded.

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

#pragma GCC diagnostic ignored "-Wignored-attributes"  // vectors of lanes are aligned by their allocator

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
    const double *sigma = nullptr;    // (n or 1, c) sd of a channel, or null for counts
    bool sigma_each = false;
    const double *pile = nullptr;     // (n,) prior sd of pile-up as a share of the counts, or null
    int pile_shift = 0;
    const double *pairs = nullptr;    // (k, k, cp) convolutions of templates i and j <= i, or null: made when needed
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

// Memory that begins where a cache line does.
template <class T>
struct Aligned {
    typedef T value_type;
    Aligned() = default;
    template <class U>
    Aligned(const Aligned<U> &) {}
    T *allocate(size_t n) { return (T *)::operator new(n * sizeof(T), std::align_val_t(64)); }
    void deallocate(T *p, size_t) { ::operator delete(p, std::align_val_t(64)); }
    template <class U>
    bool operator==(const Aligned<U> &) const { return true; }
    template <class U>
    bool operator!=(const Aligned<U> &) const { return false; }
};

typedef std::vector<double, Aligned<double>> Vec;

}  // namespace

#define GAMMA_FLOW_BODY
#define GAMMA_FLOW_LANES 2
namespace plain {
#include "_kernel.cpp"
}
#undef GAMMA_FLOW_LANES
#if defined(__x86_64__)
#define GAMMA_FLOW_LANES 4
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
namespace wide {
#include "_kernel.cpp"
}
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512vl,avx2,fma,prefer-vector-width=512")
#endif
#undef GAMMA_FLOW_LANES
#define GAMMA_FLOW_LANES 8
namespace widest {
#include "_kernel.cpp"
}
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#undef GAMMA_FLOW_LANES
#define GAMMA_FLOW_WIDE
#endif

namespace {

// The body in use: 0 for every machine, 1 AVX2, 2 AVX-512.
int body = 0;

int best_body() {
#ifdef GAMMA_FLOW_WIDE
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 0;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return 1;
    return 2;
#else
    return 0;
#endif
}

// Runs a statement with the body in use.
#ifdef GAMMA_FLOW_WIDE
#define WITH_BODY(...)                \
    do {                              \
        if (body == 2) {              \
            using namespace widest;   \
            __VA_ARGS__;              \
        } else if (body == 1) {       \
            using namespace wide;     \
            __VA_ARGS__;              \
        } else {                      \
            using namespace plain;    \
            __VA_ARGS__;              \
        }                             \
    } while (0)
#else
#define WITH_BODY(...)            \
    do {                          \
        using namespace plain;    \
        __VA_ARGS__;              \
    } while (0)
#endif

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

// Every thread makes itself a worker, and that runs (first row, last row) over blocks of rows; false if memory ran out.
template <class Make>
bool over_rows(long n, long block, int threads, const Make &make) {
    std::atomic<long> next{0};
    std::atomic<bool> fine{true};
    auto work = [&]() noexcept {
        try {
            auto worker = make();
            for (;;) {
                long first = next.fetch_add(block);
                if (first >= n || !fine) return;
                worker->run(first, std::min(n, first + block));
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

template <class Run>
struct Worker {
    Run run;
};
template <class Run>
std::unique_ptr<Worker<Run>> worker(const Run &run) {
    return std::unique_ptr<Worker<Run>>(new Worker<Run>{run});
}

// Copies rows of (rows, c) into lanes filled up with zeros.
Vec padded(const View &view, int cp) {
    Vec out((size_t)view.rows * cp, 0.0);
    for (long i = 0; i < view.rows; i++)
        std::memcpy(&out[(size_t)i * cp], view.row(i), sizeof(double) * view.cols);
    return out;
}

int lanes(long c) { return (int)((c + 7) / 8 * 8); }

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
    bool fine = true;
    try {
        Vec q = padded(basis, cp);
        Py_BEGIN_ALLOW_THREADS;
        try {
            WITH_BODY(Small small((int)m, (int)j, n_free, coordinates.data(), (int)coordinates.stride);
                      fine = over_rows(n, 256, threads, [&] {
                          return worker([&](long first, long last) {
                              least_squares(small, values.row(0), values.single, values.stride, (int)c, cp, q.data(),
                                            ones.data(), norms.data(), tolerance, scores.data(), scores.stride,
                                            quality.data(), quality.stride, first, last);
                          });
                      }));
        } catch (...) {
            fine = false;
        }
        Py_END_ALLOW_THREADS;
    } catch (...) {
        fine = false;
    }
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
    bool fine = true;
    try {
        Vec t = padded(shapes, cp);
        Py_BEGIN_ALLOW_THREADS;
        WITH_BODY(fine = over_rows(n, 32, threads, [&] {
                      auto fit = std::make_shared<Counting>(t.data(), (int)c, cp, (int)k, floor, tolerance, steps);
                      return worker([&, fit](long first, long last) {
                          for (long i = first; i < last; i++)
                              fit->row(values.row(0), values.single, values.stride, i,
                                       scores.data() + i * scores.stride, summary.data() + i * summary.stride);
                      });
                  }));
        Py_END_ALLOW_THREADS;
    } catch (...) {
        fine = false;
    }
    return finish(fine);
}

PyObject *py_decompose(PyObject *, PyObject *args) {
    PyObject *values_, *shapes_, *spread_, *drift_, *pairs_, *sigma_, *pile_;
    PyObject *scores_, *errors_, *free_, *ratios_, *drifts_, *summary_, *plain_, *mean_;
    Plan p;
    int adapt, determinant, evidence, novelty, threads;
    if (!PyArg_ParseTuple(args, "OOOOOOO(ii)(ddpd)(iidd)(ddpppl)OOOOOOOOi", &values_, &shapes_, &spread_, &drift_,
                          &pairs_, &sigma_, &pile_, &p.modes, &p.pile_shift, &p.f_min, &p.f_max, &adapt, &p.floor, &p.steps,
                          &p.null_steps, &p.tolerance, &p.null_tolerance, &p.least_ratio, &p.prune, &determinant,
                          &evidence, &novelty, &p.skip, &scores_, &errors_, &free_, &ratios_, &drifts_, &summary_,
                          &plain_, &mean_, &threads))
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
    View pairs(pairs_, "pairs", (long)p.k * p.k, p.c, false);
    if (pairs_ != Py_None && !pairs.ok) return nullptr;
    View sigma(sigma_, "sigma", -1, p.c, false);
    if (sigma_ != Py_None && !sigma.ok) return nullptr;
    View pile(pile_, "pile", 1, p.n, false);
    if (pile_ != Py_None && !pile.ok) return nullptr;
    View scores(scores_, "scores", p.n, p.k, true), errors(errors_, "errors", p.n, p.k, true),
        free_scores(free_, "free", p.n, p.k, true), ratios(ratios_, "ratios", p.n, p.k, true),
        drifts(drifts_, "drifts", p.n, p.drifts, true), summary(summary_, "summary", p.n, 8, true), plain(plain_, "sums", p.n, 6, true),
        mean(mean_, "mean", p.n, p.c, true);
    if (!(scores.ok && errors.ok && free_scores.ok && ratios.ok && drifts.ok && summary.ok && plain.ok)) return nullptr;
    if (mean_ != Py_None && !mean.ok) return nullptr;
    for (const View *one : {&scores, &errors, &free_scores, &ratios})
        if (one->stride != p.k) {
            PyErr_SetString(PyExc_ValueError, "results have to be contiguous");
            return nullptr;
        }
    if (drifts.stride != p.drifts || summary.stride != 8 || plain.stride != 6 || (mean.ok && mean.stride != p.c)) {
        PyErr_SetString(PyExc_ValueError, "results have to be contiguous");
        return nullptr;
    }
    p.cp = lanes(p.c);
    bool fine = true;
    Vec t, u, d, both;
    try {
        t = padded(shapes, p.cp), u = padded(spread, p.cp), d = padded(drift, p.cp);
        if (pairs.ok && pile.ok) both = padded(pairs, p.cp), p.pairs = both.data();
    } catch (...) {
        return PyErr_NoMemory();
    }
    p.shapes = t.data(), p.spread = u.data(), p.drift = d.data();
    p.sigma = sigma.data();
    p.sigma_each = sigma.ok && sigma.rows == p.n && p.n > 1;
    p.pile = pile.data();
    Py_BEGIN_ALLOW_THREADS;
    WITH_BODY(fine = over_rows(p.n, 8, threads, [&] {
                  auto fitter = std::make_shared<Fitter>(p);
                  return worker([&, fitter](long first, long last) {
                      fitter->rows(values.row(0), values.single, values.stride, first, last, scores.data(),
                                   errors.data(), free_scores.data(), ratios.data(), drifts.data(), summary.data(),
                                   plain.data(), mean.data());
                  });
              }));
    Py_END_ALLOW_THREADS;
    return finish(fine);
}

PyObject *py_pairs(PyObject *, PyObject *args) {
    PyObject *shapes_, *pairs_;
    Plan p;
    if (!PyArg_ParseTuple(args, "OiO", &shapes_, &p.pile_shift, &pairs_)) return nullptr;
    View shapes(shapes_, "shapes", -1, -1, false);
    if (!shapes.ok) return nullptr;
    p.k = (int)shapes.rows, p.c = (int)shapes.cols, p.cp = lanes(p.c);
    View pairs(pairs_, "pairs", (long)p.k * p.k, p.c, true);
    if (!pairs.ok) return nullptr;
    bool fine = true;
    try {
        Vec t = padded(shapes, p.cp), row(p.cp);
        p.shapes = t.data();
        Py_BEGIN_ALLOW_THREADS;
        WITH_BODY(fine = over_rows(1, 1, 1, [&] {
                      auto fitter = std::make_shared<Fitter>(p);
                      return worker([&, fitter](long, long) {
                          for (int i = 0; i < p.k; i++)
                              for (int j = 0; j <= i; j++) {
                                  fitter->convolved(fitter->shape(i), fitter->shape(j), row.data());
                                  std::memcpy(pairs.data() + ((size_t)i * p.k + j) * pairs.stride, row.data(),
                                              sizeof(double) * p.c);
                              }
                      });
                  }));
        Py_END_ALLOW_THREADS;
    } catch (...) {
        fine = false;
    }
    return finish(fine);
}

PyObject *py_wide(PyObject *, PyObject *args) {
    // For the tests: the body for every machine (0), the fastest there is (1), or at most AVX2 (2). Returns whether
    // it is one of the fast ones.
    int want;
    if (!PyArg_ParseTuple(args, "i", &want)) return nullptr;
    body = want == 0 ? 0 : want == 2 ? std::min(1, best_body()) : best_body();
    return PyBool_FromLong(body > 0);
}

PyMethodDef methods[] = {
    {"least_squares", py_least_squares, METH_VARARGS, "Non-negative least squares in the small space."},
    {"poisson", py_poisson, METH_VARARGS, "Non-negative Poisson maximum likelihood."},
    {"pairs", py_pairs, METH_VARARGS, "Convolutions of all pairs of templates."},
    {"decompose", py_decompose, METH_VARARGS, "The penalised fit, its errors and likelihood ratios."},
    {"wide", py_wide, METH_VARARGS, "Choose the instructions; returns whether the fast ones are in use."},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef module = {PyModuleDef_HEAD_INIT, "_kernel", "Compiled unmixing of spectra.", -1, methods,
                      nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__kernel(void) {
    body = best_body();
    return PyModule_Create(&module);
}

#else  // GAMMA_FLOW_BODY -----------------------------------------------------------------------------

// LANES doubles pass through one instruction; the plain body keeps to what every machine has.
enum { LANES = GAMMA_FLOW_LANES };
typedef double Lane __attribute__((vector_size(8 * GAMMA_FLOW_LANES), aligned(8), may_alias));
typedef long long Bits __attribute__((vector_size(8 * GAMMA_FLOW_LANES), aligned(8), may_alias));

static inline Lane load(const double *p) { return *(const Lane *)p; }
static inline void store(double *p, Lane x) { *(Lane *)p = x; }
static inline Lane all(double x) { return x - Lane{}; }
static inline Lane larger(Lane a, Lane b) { return a > b ? a : b; }

// The sums of four lanes at once, each in the same order as sum() has.
#if GAMMA_FLOW_LANES == 2
static inline double sum(Lane x) { return x[0] + x[1]; }
static inline void sums(Lane a, Lane b, Lane c, Lane d, double *out) {
    out[0] = sum(a), out[1] = sum(b), out[2] = sum(c), out[3] = sum(d);
}
#else
typedef double Four __attribute__((vector_size(32), aligned(8), may_alias));
typedef long long Places __attribute__((vector_size(32)));
#if GAMMA_FLOW_LANES == 8
static inline Four folded(Lane x) {  // not by memcpy, which would keep sums in memory while they grow
    return Four{x[0], x[1], x[2], x[3]} + Four{x[4], x[5], x[6], x[7]};
}
#else
static inline Four folded(Lane x) { return x; }
#endif
#if defined(__clang__)
#define GAMMA_FLOW_PICK(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
#define GAMMA_FLOW_PICK(a, b, i, j, k, l) __builtin_shuffle(a, b, Places{i, j, k, l})
#endif
static inline double sum(Lane x) {
    Four f = folded(x);
    return (f[0] + f[1]) + (f[2] + f[3]);
}
static inline void sums(Lane a, Lane b, Lane c, Lane d, double *out) {
    Four p = folded(a), q = folded(b), r = folded(c), s = folded(d);
    Four pq = GAMMA_FLOW_PICK(p, q, 0, 4, 2, 6) + GAMMA_FLOW_PICK(p, q, 1, 5, 3, 7);
    Four rs = GAMMA_FLOW_PICK(r, s, 0, 4, 2, 6) + GAMMA_FLOW_PICK(r, s, 1, 5, 3, 7);
    *(Four *)out = GAMMA_FLOW_PICK(pq, rs, 0, 1, 4, 5) + GAMMA_FLOW_PICK(pq, rs, 2, 3, 6, 7);
}
#undef GAMMA_FLOW_PICK
#endif

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

// Sums over the channels of R rows times B rows, R a multiple of four; the order does not depend on R and B.
// With ACROSS the results of one row of b stand side by side.
template <int R, int B, bool ACROSS = false>
static inline void tile(const double *const *a, const double *const *b, int cp, double *out, int stride) {
    Lane acc[R][B];
    for (int r = 0; r < R; r++)
        for (int j = 0; j < B; j++) acc[r][j] = Lane{};
    const double *x[R], *y[B];
    for (int r = 0; r < R; r++) x[r] = a[r];
    for (int j = 0; j < B; j++) y[j] = b[j];
    for (long i = 0; i < cp; i += LANES) {
        Lane v[B];
        for (int j = 0; j < B; j++) v[j] = load(y[j] + i);
        for (int r = 0; r < R; r++) {
            Lane u = load(x[r] + i);
            for (int j = 0; j < B; j++) acc[r][j] += u * v[j];
        }
    }
    for (int r = 0; r < R; r += 4)
        for (int j = 0; j < B; j++) {
            double t[4];
            sums(acc[r][j], acc[r + 1][j], acc[r + 2][j], acc[r + 3][j], t);
            for (int e = 0; e < 4; e++) out[ACROSS ? (size_t)j * stride + r + e : (size_t)(r + e) * stride + j] = t[e];
        }
}

#if GAMMA_FLOW_LANES == 8
enum { TILE = 4 };  // 16 sums in flight; half the registers would hold them twice
#else
enum { TILE = 2 };
#endif

// Rows by their addresses; fill() before they go through tiles, which take whole groups of them.
struct Rows {
    std::vector<const double *> at;
    int n = 0;
    void clear() { n = 0; }
    void add(const double *row) {
        if ((int)at.size() < n + 8) at.resize(2 * n + 16, row);
        at[n++] = row;
    }
    void fill() {
        if (n)
            for (int i = 0; i < 7; i++) at[n + i] = at[n - 1];
    }
    const double *const *from(int i) const { return at.data() + i; }
};

// out (rows of a, stride) = products of rows first.. of a with rows of b; both filled up to a multiple of four.
static void products(const Rows &a, int first, const Rows &b, int cp, double *out, int stride) {
    for (int i = 0; i < a.n - first; i += 4)
        for (int j = 0; j < b.n; j += TILE)
            tile<4, TILE>(a.from(first + i), b.from(j), cp, out + (size_t)i * stride + j, stride);
}

// The upper triangle (and a little more) of the products of a with b, where these are symmetric. Long rows go in
// pieces of which a few stay in the first cache.
static void gram(const Rows &a, const Rows &b, int cp, double *out, int stride) {
    enum { PIECE = 512 };
    for (int from = 0; from < cp; from += PIECE) {
        const int length = std::min<int>(PIECE, cp - from);
        for (int i = 0; i < a.n; i += 4) {
            const double *rows[4];
            for (int e = 0; e < 4; e++) rows[e] = a.at[i + e] + from;
            for (int j = i; j < a.n; j += TILE) {
                const double *others[TILE];
                for (int e = 0; e < TILE; e++) others[e] = b.at[j + e] + from;
                double *to = out + (size_t)i * stride + j;
                if (from == 0) {
                    tile<4, TILE>(rows, others, length, to, stride);
                    continue;
                }
                double more[4 * TILE];
                tile<4, TILE>(rows, others, length, more, TILE);
                for (int r = 0; r < 4; r++)
                    for (int e = 0; e < TILE; e++) to[(size_t)r * stride + e] += more[r * TILE + e];
            }
        }
    }
}

// out[j] = row j of a times x; has to hold a multiple of eight
static void project(const Rows &a, const double *x, int cp, double *out) {
    int j = 0;
    for (; j + 4 < a.n; j += 8) tile<8, 1>(a.from(j), &x, cp, out + j, 1);
    if (j < a.n) tile<4, 1>(a.from(j), &x, cp, out + j, 1);
}

static double sum_of(const double *x, int cp) {
    Lane t = Lane{};
    for (int i = 0; i < cp; i += LANES) t += load(x + i);
    return sum(t);
}

// out = start (or zero) + sum of factor[j] times row j
static void combine(const double *const *rows, const double *factor, int n, int cp, const double *start, double *out) {
    if (n == 0) {
        if (start) std::memcpy(out, start, sizeof(double) * cp);
        else std::memset(out, 0, sizeof(double) * cp);
        return;
    }
    for (int j = 0; j < n; j += 4) {
        const int many = std::min(4, n - j);
        const double *a = rows[j], *b = many > 1 ? rows[j + 1] : a, *c = many > 2 ? rows[j + 2] : a,
                     *d = many > 3 ? rows[j + 3] : a;
        const Lane e = all(factor[j]), f = all(many > 1 ? factor[j + 1] : 0.0),
                   g = all(many > 2 ? factor[j + 2] : 0.0), h = all(many > 3 ? factor[j + 3] : 0.0);
        if (j > 0) start = out;
        if (many < 3) {
            for (int i = 0; i < cp; i += LANES)
                store(out + i, (start ? load(start + i) : Lane{}) + e * load(a + i) + f * load(b + i));
        } else {
            for (int i = 0; i < cp; i += LANES)
                store(out + i, (start ? load(start + i) : Lane{}) + e * load(a + i) + f * load(b + i) +
                                   g * load(c + i) + h * load(d + i));
        }
    }
}

// out[t + shift] = sum of x[i] y[t - i]; y has four zeros before it and eight behind, out room for eight more.
static void convolve(const double *x, const double *y, int n, int shift, double *out) {
    const int first = std::max(0, -shift), end = std::min(2 * n - 1, n - shift);  // of t
    std::memset(out, 0, sizeof(double) * n);
    for (int i = 0; i < n; i += 4) {
        const double *at = y - i;
        const Lane a = all(x[i]), b = all(i + 1 < n ? x[i + 1] : 0.0), c = all(i + 2 < n ? x[i + 2] : 0.0),
                   d = all(i + 3 < n ? x[i + 3] : 0.0);
        const int stop = std::min(end, i + n + 3);
        int t = std::max(first, i);
        for (; t + LANES <= stop; t += LANES)
            store(out + t + shift, load(out + t + shift) + a * load(at + t) + b * load(at + t - 1) +
                                       c * load(at + t - 2) + d * load(at + t - 3));
        for (; t < stop; t++)
            out[t + shift] += a[0] * at[t] + b[0] * at[t - 1] + c[0] * at[t - 2] + d[0] * at[t - 3];
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
    std::vector<double> scale, unit;  // 1 / root of its diagonal, 0 where that is 0; g with both its sides scaled
    std::vector<int> start;           // first bound column of a row of r that is not zero
    Small(int m_, int j_, int n_free_, const double *coordinates, int stride)
        : m(m_), j(j_), n_free(n_free_), k(j_ - n_free_), r((size_t)m_ * j_), g((size_t)k * k), scale(k),
          unit((size_t)k * k), start(m_) {
        for (int i = 0; i < m; i++) {
            for (int a = 0; a < j; a++) r[(size_t)i * j + a] = coordinates[(size_t)i * stride + a];
            while (start[i] < k && r[(size_t)i * j + n_free + start[i]] == 0) start[i]++;
        }
        for (int a = 0; a < k; a++)
            for (int b = 0; b < k; b++) {
                double s = 0;
                for (int i = n_free; i < m; i++) s += r[(size_t)i * j + n_free + a] * r[(size_t)i * j + n_free + b];
                g[(size_t)a * k + b] = s;
            }
        for (int a = 0; a < k; a++) scale[a] = g[(size_t)a * k + a] > 0 ? 1 / std::sqrt(g[(size_t)a * k + a]) : 0;
        for (int a = 0; a < k; a++)
            for (int b = 0; b < k; b++) unit[(size_t)a * k + b] = g[(size_t)a * k + b] * scale[a] * scale[b];
    }
};

static inline bool any(Bits mask) {
    long long t = 0;
    for (int i = 0; i < LANES; i++) t |= mask[i];
    return t != 0;
}
static inline Lane root(Lane x) {
    for (int i = 0; i < LANES; i++) x[i] = std::sqrt(x[i]);
    return x;
}

// Non-negative least squares of LANES spectra in step, one in each lane: the block pivoting of Quadratic with its
// choices made by masks. A lane does not see the others: what they add to it are products with exact zeros.
struct Abreast {
    typedef std::vector<Lane, Aligned<Lane>> Lanes;
    const Small &s;
    Lanes x, b, gradient, l, inverse, part, fit;
    std::vector<Bits, Aligned<Bits>> in;
    std::vector<int> used;

    explicit Abreast(const Small &small)
        : s(small), x(s.k), b(s.k), gradient(s.k), l((size_t)s.k * s.k), inverse(s.k), part(s.k), fit(s.m), in(s.k) {}

    // Factor of the matrix of the classes that are in, and ones in place of the others; lanes without one come back.
    Bits factorise() {
        const int n = (int)used.size();
        Bits bad = {};
        const Lane one = all(1), zero = all(0);
        for (int j = 0; j < n; j++) {  // column j, four rows at a time
            Lane *lj = &l[(size_t)j * s.k];
            Lane d = all(1 + 1e-13);
            for (int e = 0; e < j; e++) d -= lj[e] * lj[e];
            bad |= ~(Bits)(d > 1e-14);
            inverse[j] = one / root(d > 1e-14 ? d : one);
            for (int i = j + 1; i < n; i += 4) {
                const int many = std::min(4, n - i);
                Lane *row[4], t[4];
                for (int q = 0; q < 4; q++) {
                    const int at = i + std::min(q, many - 1);
                    row[q] = &l[(size_t)at * s.k];
                    t[q] = (in[used[at]] & in[used[j]]) ? all(s.unit[(size_t)used[at] * s.k + used[j]]) : zero;
                }
                for (int e = 0; e < j; e++)
                    for (int q = 0; q < 4; q++) t[q] -= row[q][e] * lj[e];
                for (int q = 0; q < many; q++) row[q][j] = t[q] * inverse[j];
            }
        }
        return bad;
    }

    // part = inverse of the factored matrix times part
    void back_and_forth() {
        const int n = (int)used.size();
        for (int i = 0; i < n; i++) {
            Lane t = part[i];
            for (int e = 0; e < i; e++) t -= l[(size_t)i * s.k + e] * part[e];
            part[i] = t * inverse[i];
        }
        for (int i = n - 1; i >= 0; i--) {
            part[i] *= inverse[i];
            for (int e = 0; e < i; e++) part[e] -= l[(size_t)i * s.k + e] * part[i];
        }
    }

    // q (m) the coordinates, norm those of the spectra. Leaves x in units of the columns; returns where it is not good.
    Bits solve(const Lane *q, Lane norm, double tolerance) {
        const int k = s.k, j = s.j, f0 = s.n_free;
        const Lane zero = all(0);
        Lane size = zero;
        for (int a = 0; a < k; a++) b[a] = zero;
        for (int row = f0; row < s.m; row++)
            for (int a = s.start[row]; a < k; a++) b[a] += s.r[(size_t)row * j + f0 + a] * q[row];
        for (int a = 0; a < k; a++) {
            b[a] *= s.scale[a];
            size = larger(size, larger(b[a], -b[a]));
            in[a] = s.scale[a] > 0 ? (Bits)(b[a] > 0.0) : Bits{};
        }
        Lane best = all(k + 1), patience = all(3);
        Bits bad = {}, open = ~Bits{};
        for (int round = 0; any(open); round++) {
            used.clear();
            for (int a = 0; a < k; a++)
                if (any(in[a])) used.push_back(a);
            if (round > 20 + 2 * k) return bad | open;
            bad |= factorise();
            const int n = (int)used.size();
            for (int i = 0; i < n; i++) part[i] = in[used[i]] ? b[used[i]] : zero;
            back_and_forth();
            Lane wrong = zero, last = all(-1);
            for (int a = 0; a < k; a++) x[a] = zero;
            for (int i = 0; i < n; i++) x[used[i]] = in[used[i]] ? part[i] : zero;
            for (int a = 0; a < k; a += 4) {
                const int many = std::min(4, k - a);
                Lane t[4];
                const double *row[4];
                for (int e = 0; e < 4; e++) {
                    const int at = a + std::min(e, many - 1);
                    t[e] = -b[at], row[e] = &s.unit[(size_t)at * k];
                }
                for (int i = 0; i < n; i++)
                    for (int e = 0; e < 4; e++) t[e] += row[e][used[i]] * x[used[i]];
                for (int e = 0; e < many; e++) {
                    const int at = a + e;
                    Lane g = in[at] ? x[at] : t[e];
                    Bits flip = in[at] ? (Bits)(g < 0.0) : (Bits)(g < -1e-12 * size);
                    if (s.scale[at] == 0) flip = Bits{};
                    gradient[at] = flip ? all(1) : zero;
                    wrong += gradient[at];
                    last = flip ? all(at) : last;
                }
            }
            open &= (Bits)(wrong > 0.0) & ~bad;
            Bits better = (Bits)(wrong < best), waits = ~better & (Bits)(patience > 0.0);
            best = better ? wrong : best;
            patience = better ? all(3) : waits ? patience - 1.0 : patience;
            const Bits whole = better | waits;
            for (int a = 0; a < k; a++)
                in[a] ^= open & (Bits)(gradient[a] > 0.0) & (whole | (Bits)(last == all(a)));
        }
        // corrections from r itself, whose condition is the root of the Gram matrix' one
        used.clear();
        for (int a = 0; a < k; a++)
            if (any(in[a])) used.push_back(a);
        const int n = (int)used.size();
        for (int a = 0; a < k; a++) x[a] *= s.scale[a];
        Lane missed = zero;
        Bits going = ~bad;
        for (int again = 0; again < 3; again++) {
            for (int row = f0; row < s.m; row++) {
                Lane t = q[row];
                for (int a = s.start[row]; a < k; a++) t -= s.r[(size_t)row * j + f0 + a] * x[a];
                fit[row] = t;
            }
            for (int a = 0; a < k; a++) gradient[a] = zero;
            for (int row = f0; row < s.m; row++)
                for (int a = s.start[row]; a < k; a++) gradient[a] += s.r[(size_t)row * j + f0 + a] * fit[row];
            Lane now = zero;
            for (int a = 0; a < k; a++)
                now = larger(now, x[a] > 0.0 ? larger(gradient[a], -gradient[a]) : gradient[a]);
            missed = going ? now : missed;
            going &= (Bits)(now > 1e-15 * norm);
            if (again == 2 || n == 0 || !any(going)) break;
            // the factor is that of the last round, in which lanes that were done before stood as they are
            for (int i = 0; i < n; i++) part[i] = in[used[i]] ? gradient[used[i]] * s.scale[used[i]] : zero;
            back_and_forth();
            for (int i = 0; i < n; i++) {
                const int a = used[i];
                Lane t = (going & in[a]) ? x[a] + part[i] * s.scale[a] : x[a];
                bad |= (Bits)(t < -1e-12 * norm);
                x[a] = larger(t, zero);
            }
        }
        return bad | ~(Bits)(missed <= tolerance * norm);
    }
};

// The same for one spectrum whose lane came to nothing, with descent where there is no factor. Returns success.
struct Alone {
    const Small &s;
    std::vector<double> b, fit, du;
    Quadratic problem;

    explicit Alone(const Small &small) : s(small), b(s.k), fit(s.m), du(s.k) {}

    bool solve(const double *q, double norm, double tolerance, double *u) {
        const int m = s.m, j = s.j, k = s.k, f0 = s.n_free;
        for (int a = 0; a < k; a++) {
            double t = 0;
            for (int row = f0; row < m; row++) t += s.r[(size_t)row * j + f0 + a] * q[row];
            u[a] = b[a] = t;
        }
        bool solved = problem.solve(s.g.data(), b.data(), k, k, u);
        double missed = 0;
        for (int again = 0; solved && again < 3; again++) {
            for (int row = f0; row < m; row++) {
                double t = q[row];
                for (int a = 0; a < k; a++) t -= s.r[(size_t)row * j + f0 + a] * u[a];
                fit[row] = t;
            }
            missed = 0;
            int p = 0;
            for (int a = 0; a < k; a++) {
                double t = 0;
                for (int row = f0; row < m; row++) t += s.r[(size_t)row * j + f0 + a] * fit[row];
                missed = std::max(missed, u[a] > 0 ? std::fabs(t) : t);
                if (problem.in[a]) du[p++] = t * problem.scale[a];
            }
            if (missed <= 1e-15 * norm || again == 2 || p == 0) break;
            forward(problem.factor.data(), p, k, du.data());
            backward(problem.factor.data(), p, k, du.data());
            p = 0;
            for (int a = 0; a < k; a++)
                if (problem.in[a]) u[a] += du[p++] * problem.scale[a];
            for (int a = 0; a < k; a++) {
                if (u[a] < -1e-12 * norm) solved = false;
                u[a] = std::max(u[a], 0.0);
            }
        }
        return solved && missed <= tolerance * norm;
    }
};

// quality: cosine, centred cosine, explained variance, and 0 good, 1 sums cancel, 2 unsolved.
static void least_squares(const Small &s, const void *values, bool single, long stride, int c, int cp,
                          const double *basis, const double *ones, const double *norms, double tolerance,
                          double *scores, long score_stride, double *quality, long quality_stride, long first,
                          long last) {
    enum { MANY = 8 };  // spectra at a time, whole lanes of them
    const int m = s.m, j = s.j, k = s.k, f0 = s.n_free;
    Rows axes;
    for (int i = 0; i < m; i++) axes.add(basis + (size_t)i * cp);
    axes.fill();
    Vec x((size_t)MANY * cp), q((size_t)(m + 8) * MANY), single_q(m), single_u(k);
    Abreast::Lanes u(j);
    Abreast abreast(s);
    Alone alone(s);
    const double *at[MANY];
    for (int i = 0; i < MANY; i++) at[i] = &x[(size_t)i * cp];
    for (long start = first; start < last; start += MANY) {
        const int rows = (int)std::min<long>(MANY, last - start);
        for (int i = 0; i < MANY; i++) {
            if (i < rows) take_row(values, single, stride, start + i, c, cp, &x[(size_t)i * cp]);
            else std::memset(&x[(size_t)i * cp], 0, sizeof(double) * cp);
        }
        double squares[MANY];
        for (int i = 0; i < MANY; i += 4) {
            Lane t[4] = {};
            for (int e = 0; e < cp; e += LANES)
                for (int r = 0; r < 4; r++) t[r] += load(at[i + r] + e) * load(at[i + r] + e);
            sums(t[0], t[1], t[2], t[3], squares + i);
        }
        for (int i = 0; i < m; i += 2) tile<MANY, 2, true>(at, axes.from(i), cp, &q[(size_t)i * MANY], MANY);
        for (int group = 0; group < rows; group += LANES) {
            Lane square = load(squares + group), norm = root(square), qs[256];
            std::vector<Lane, Aligned<Lane>> many_qs(m > 256 ? m : 0);
            Lane *qi = m > 256 ? many_qs.data() : qs;
            // extreme spectra are left to others; zeros pass in their place
            const Bits fine = (Bits)(square > 1e-200) & (Bits)(square < 1e200);
            for (int a = 0; a < m; a++) qi[a] = fine ? load(&q[(size_t)a * MANY + group]) : all(0);
            norm = fine ? norm : all(0);
            Bits bad = k ? abreast.solve(qi, norm, tolerance) & fine : Bits{};
            for (int a = 0; a < k; a++) u[f0 + a] = abreast.x[a];
            for (int i = 0; i < LANES; i++) {
                if (!bad[i] || group + i >= rows) continue;
                for (int a = 0; a < m; a++) single_q[a] = qi[a][i];
                if (alone.solve(single_q.data(), norm[i], tolerance, single_u.data())) bad[i] = 0;
                for (int a = 0; a < k; a++) u[f0 + a][i] = single_u[a];
            }
            for (int a = f0 - 1; a >= 0; a--) {
                Lane t = qi[a];
                for (int later = a + 1; later < j; later++) t -= s.r[(size_t)a * j + later] * u[later];
                u[a] = t / s.r[(size_t)a * j + a];
            }
            Lane x1 = all(0), f1 = x1, xf = x1, ff = x1, qq = x1, rest = x1;
            for (int row = 0; row < m; row++) {
                Lane t = all(0);
                for (int a = row < f0 ? 0 : f0 + s.start[row]; a < j; a++) t += s.r[(size_t)row * j + a] * u[a];
                x1 += ones[row] * qi[row];
                f1 += ones[row] * t;
                xf += qi[row] * t;
                ff += t * t;
                qq += qi[row] * qi[row];
                rest += (qi[row] - t) * (qi[row] - t);
            }
            const double per = 1.0 / c;
            const Lane residual = larger(square - qq, all(0)) + rest - (x1 - f1) * (x1 - f1) * per;
            const Lane spread_x = square - x1 * x1 * per, spread_f = ff - f1 * f1 * per;
            const Bits safe = (Bits)(spread_x > 1e-6 * square) & (Bits)(residual > 1e-6 * square) &
                              (Bits)(spread_f > 1e-6 * ff) & fine;
            const Lane one = all(1), cosine = xf / root(safe ? square * ff : one),
                       centred = (xf - x1 * f1 * per) / root(safe ? spread_x * spread_f : one),
                       explained = 1.0 - residual / (safe ? spread_x : one);
            for (int i = 0; i < LANES && group + i < rows; i++) {
                double *out = scores + (start + group + i) * score_stride;
                double *good = quality + (start + group + i) * quality_stride;
                if (!fine[i]) {
                    good[3] = 2;
                    continue;
                }
                bool solved = !bad[i];
                for (int a = 0; a < j; a++) {
                    out[a] = u[a][i] / norms[a] + 0.0;
                    solved &= std::isfinite(out[a]);
                }
                good[3] = !solved ? 2 : safe[i] ? 0 : 1;
                if (!safe[i]) continue;
                good[0] = std::min(1.0, std::max(-1.0, cosine[i]));
                good[1] = std::min(1.0, std::max(-1.0, centred[i]));
                good[2] = explained[i];
            }
        }
    }
}

// ------------------------------------------------------------------------------------------ Poisson

// Slope of the likelihood along a change of the mean, at a part of the way. Filled-up channels have change 0.
static double slope_at(const double *y, const double *mu, const double *change, double way, double floor, int cp) {
    Lane out = all(0), f = all(way), low = all(floor);
    for (int i = 0; i < cp; i += LANES) {
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
struct Counting {
    const double *shapes;
    int c, cp, k, wide;
    double floor, tolerance;
    int steps;
    Vec counts, level, mu, change, w, ratio, inverse, weighted, g, right, x, next, a, b, sums_of;
    Rows rows, scaled;
    Quadratic problem;

    Counting(const double *shapes_, int c_, int cp_, int k_, double floor_, double tolerance_, int steps_)
        : shapes(shapes_), c(c_), cp(cp_), k(k_), wide((k_ + 7) / 8 * 8), floor(floor_), tolerance(tolerance_),
          steps(steps_) {
        counts.assign(cp, 0.0), level.assign(cp, floor);
        for (auto *one : {&mu, &change, &w, &ratio, &inverse}) one->assign(cp, 0.0);
        for (auto *one : {&right, &x, &next, &a, &b, &sums_of}) one->assign(wide, 0.0);
        weighted.assign((size_t)k * cp, 0.0), g.assign((size_t)wide * wide, 0.0);
        for (int j = 0; j < k; j++) {
            rows.add(shapes + (size_t)j * cp), scaled.add(&weighted[(size_t)j * cp]);
            double s = 0;
            for (int i = 0; i < c; i++) s += shapes[(size_t)j * cp + i];
            sums_of[j] = s;
        }
        rows.fill(), scaled.fill();
    }

    // The products of the templates at the weights w, both triangles.
    void curvature() {
        const double *with = w.data();
        for (int j = 0; j < k; j++) {
            const double *row = rows.at[j];
            double *to = &weighted[(size_t)j * cp];
            for (int i = 0, end = cp; i < end; i += LANES) store(to + i, load(row + i) * load(with + i));
        }
        gram(rows, scaled, cp, g.data(), wide);
        for (int i = 0; i < k; i++)
            for (int j = i + 1; j < k; j++) g[(size_t)j * wide + i] = g[(size_t)i * wide + j];
    }

    void mean(const Vec &of, Vec &to) {
        combine(rows.from(0), of.data(), k, cp, level.data(), to.data());
        for (int i = c; i < cp; i++) to[i] = 1;
    }

    double likelihood(const double *y, const Vec &of) const {
        Lane s = all(0);
        for (int i = 0; i < cp; i += LANES) {
            Lane m = load(&of[i]);
            s += load(y + i) * logarithm(m) - m;
        }
        return sum(s) + (cp - c);
    }

    void row(const void *values, bool single, long stride, long row, double *out, double *told) {
        double *const y = counts.data();
        take_row(values, single, stride, row, c, cp, y);
        const double total = sum_of(y, cp);
        for (int j = 0; j < k; j++) a[j] = sums_of[j] > 0 && total > 0 ? total / (k * sums_of[j]) : 0;
        mean(a, mu);
        double violation = 0;
        int done = 0;
        for (; total > 0; done++) {
            // gradient and its violation of the conditions, a_j g_j and g_j+ over the counts
            double *const inverse_at = inverse.data(), *const ratio_at = ratio.data(), *const w_at = w.data();
            const double *const mean_at = mu.data();
            for (int i = 0, end = cp; i < end; i += LANES) {
                const Lane t = 1.0 / load(mean_at + i);
                store(inverse_at + i, t);
                store(ratio_at + i, (load(y + i) - load(mean_at + i)) * t);
            }
            for (int i = c; i < cp; i++) ratio_at[i] = 0;
            project(rows, ratio.data(), cp, b.data());
            violation = 0;
            for (int j = 0; j < k; j++) {
                const double relative = sums_of[j] > 0 ? b[j] / sums_of[j] : 0;
                double missed = std::max(relative, std::fabs(relative) * a[j] * sums_of[j] / std::max(total, 1.0));
                if (!std::isfinite(missed)) missed = std::numeric_limits<double>::infinity();
                violation = std::max(violation, missed);
            }
            if (violation <= tolerance || done == steps || std::isinf(violation)) break;
            // curvature: the expected one far away, that of the likelihood itself once near, the larger one between
            const bool exact = done >= 3 && violation < 0.5;
            const Lane least = all(exact ? 1e-3 : 1.0), part = all(done < 3 ? 0.0 : 1.0);
            for (int i = 0, end = cp; i < end; i += LANES) {
                const Lane t = load(inverse_at + i);
                store(w_at + i, larger(part * load(y + i) * t, least) * t);
            }
            for (int i = c; i < cp; i++) w[i] = 0;
            curvature();
            for (int j = 0; j < k; j++) {
                double s = b[j];
                for (int i = 0; i < k; i++) s += g[(size_t)j * wide + i] * a[i];
                x[j] = a[j];
                right[j] = s;
            }
            problem.solve(g.data(), right.data(), k, wide, x.data());
            for (int j = 0; j < k; j++) next[j] = x[j] - a[j];
            combine(rows.from(0), next.data(), k, cp, nullptr, change.data());
            const double way = ascent(y, mu.data(), change.data(), floor, cp);
            if (way > 0) {
                for (int j = 0; j < k; j++) a[j] = way == 1 ? x[j] : std::max(a[j] + way * next[j], 0.0);
                mean(a, mu);
                continue;
            }
            for (int j = 0; j < k; j++) {
                const double *shape = rows.at[j];
                double slope = 0, bent = 0;
                for (int i = 0; i < c; i++) {
                    slope += shape[i] * ((y[i] - mu[i]) / mu[i]);
                    bent += shape[i] / mu[i] * (shape[i] / mu[i]) * std::max(y[i], mu[i]);
                }
                if (!(bent > 0)) continue;
                const double step = std::max(slope / bent, -a[j]);
                for (int i = 0; i < cp; i++) change[i] = step * shape[i];
                a[j] = std::max(a[j] + ascent(y, mu.data(), change.data(), floor, cp) * step, 0.0);
                mean(a, mu);
            }
        }
        for (int j = 0; j < k; j++) out[j] = total > 0 ? a[j] : 0;
        told[0] = likelihood(y, mu);
        told[1] = violation;
        told[2] = done;
        told[3] = violation <= tolerance ? 0 : 1;
    }
};

// ------------------------------------------------------------------------------- the penalised fit

// In each step the signed columns V (drifts, pile-up, distortions; prior sd folded in) and the templates T of the
// classes in the set stand as rows above each other. One Gram matrix of them all, weighted, with ones added to the
// diagonal of V, and the elimination of its first nv rows leave the quadratic problem in the scores alone.
//
// Making and factorising that matrix is what a step costs. It is an approximation of the curvature anyway: the
// gradient is computed anew in each step, from the residual, and the solution is where the gradient vanishes. So the
// matrix is kept as long as the mean, and with it the weights, move little.
struct Fitter {
    enum { FEW = 8 };
    struct Column {
        const double *at;
        double scale;
        int of;  // class, or -1 - number of a shared row
    };
    const Plan &p;
    Vec padded_y, variance, w, mu, base, lin, before, pull, rest, plain, weighted, owned, x, a, z, was;
    Vec built_w, factor, inverse, g, u, v, s, b, extra, others;
    Vec saved_w, saved_a, saved_mu, saved_s, saved_b;
    std::vector<Column> columns;
    std::vector<int> set, saved_set, out_of_set;
    std::vector<char> allowed, member;
    Rows left, right, shapes, far, scratch;
    std::vector<Vec> pairs;  // convolutions of templates
    Vec one_side, other_side, both_sides;
    std::vector<double> factors;
    Quadratic problem;
    double *y;
    double f2 = 0, pile = 0, total = 0, penalty = 0, det = 0, size = 0, moved = 0, strayed = 0, still = 0;
    int nv = 0, saved_nv = 0, stride = 0, rounds = 0;
    bool counts = true, stale = true, started = false;

    explicit Fitter(const Plan &plan) : p(plan) {
        const int most = p.drifts + 1 + p.k * p.all_modes + p.k;
        padded_y.assign(p.cp + 16, 0.0);
        y = &padded_y[8];
        for (auto *one : {&variance, &w, &mu, &base, &lin, &before, &pull, &rest, &plain, &saved_w, &saved_mu})
            one->assign(p.cp, 0.0);
        owned.assign((size_t)(p.drifts + 1) * p.cp, 0.0);
        for (auto *one : {&x, &a, &b, &was, &saved_a, &others}) one->assign(eight(p.k), 0.0);
        for (auto *one : {&z, &inverse, &g, &u, &v}) one->assign(eight(most), 0.0);
        s.resize((size_t)p.k * p.k);
        factors.resize(most + FEW * (FEW + 1) / 2);
        if (p.k <= FEW && !p.pairs) pairs.resize((size_t)p.k * p.k);
        allowed.assign(p.k, 1), member.assign(p.k, 0);
        for (int j = 0; j < p.k; j++) shapes.add(p.shapes + (size_t)j * p.cp);
        shapes.fill();
    }

    static int eight(int n) { return (n + 7) / 8 * 8; }
    const double *shape(int j) const { return p.shapes + (size_t)j * p.cp; }

    Lane spread_of(int i, Lane mean, double with_f2) const {
        return (counts ? mean : load(&variance[i])) + with_f2 * mean * mean;
    }

    void weigh() {
        const double *mean = mu.data(), with_f2 = f2;
        double *to = w.data();
        const bool poisson_like = counts;
        const double *known = variance.data();
        for (int i = 0, end = p.cp; i < end; i += LANES) {
            const Lane m = load(mean + i);
            store(to + i, 1.0 / ((poisson_like ? m : load(known + i)) + with_f2 * m * m));
        }
        for (int i = p.c; i < p.cp; i++) w[i] = 0;
    }

    double likelihood() const {
        Lane l = all(0);
        if (!counts) {
            for (int i = 0; i < p.cp; i += LANES) {
                Lane d = load(&y[i]) - load(&mu[i]), var = spread_of(i, load(&mu[i]), f2);
                l -= 0.5 * (d * d / var + logarithm(var));
            }
        } else if (f2 < 1e-10) {
            for (int i = 0; i < p.cp; i += LANES) {
                Lane m = load(&mu[i]);
                l += load(&y[i]) * logarithm(m) - m;
            }
        } else {
            Lane r = all(1 / f2);
            for (int i = 0; i < p.cp; i += LANES) {
                Lane m = load(&mu[i]), d = 1.0 + f2 * m, ld = logarithm(d);
                l += load(&y[i]) * (logarithm(m) - ld) - r * ld;
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
        for (int i = 0; i < p.cp; i += LANES) {
            Lane m = load(&mu[i]), d = load(&y[i]) - m;
            l += d * d / spread_of(i, m, with_f2);
        }
        return sum(l) - (p.cp - p.c) / (1 + with_f2);
    }

    // What few counts a channel add to the variance of chi-square, which is the sum of 2 + 1 / mean.
    double sparseness() const {
        if (!counts) return 0;
        Lane l = all(0);
        for (int i = 0; i < p.cp; i += LANES) l += 1.0 / load(&mu[i]);
        return sum(l) - (p.cp - p.c);
    }

    double plain_pearson() const {
        Lane l = all(0);
        for (int i = 0; i < p.cp; i += LANES) {
            Lane m = load(&mu[i]), d = load(&y[i]) - m;
            l += d * d / (counts ? larger(m, all(0.5)) : load(&variance[i]));
        }
        return sum(l) - (p.cp - p.c);
    }

    // Smallest f^2 in range at which chi-square <= limit: Newton on 1 / chi-square, which is nearly straight.
    double mismatch(double limit) const {
        const double lo = p.f_min * p.f_min, hi = p.f_max * p.f_max, filled = p.cp - p.c;
        double t = lo;
        for (int it = 0; it < 20; it++) {
            Lane chi = all(0), slope = all(0);
            for (int i = 0; i < p.cp; i += LANES) {
                Lane m = load(&mu[i]), e = load(&y[i]) - m;
                Lane q = 1.0 / spread_of(i, m, t), eq = e * e * q;
                chi += eq;
                slope += eq * q * m * m;
            }
            const double q = 1 / (1 + t);  // the filled-up channels: e = -1, m = 1
            const double sg = sum(chi) - filled * q, sd = sum(slope) - filled * q * q;
            if (sg <= limit * (it == 0 ? 1 : 1.002) || !(sd > 0)) return t;
            t += (sg * sg / limit - sg) / sd;
            if (t >= hi) return hi;
        }
        return t;
    }

    // x convolved with y; finer than 256 channels it is made on sums of channels.
    void convolved(const double *x, const double *y_, double *out) {
        const int step = std::max(1, p.c / 256), n = (p.c + step - 1) / step;
        const int shift = (int)std::floor((double)p.pile_shift / step);
        one_side.assign(n + 16, 0.0), other_side.assign(n + 16, 0.0), both_sides.assign(n + 16, 0.0);
        for (int i = 0; i < p.c; i++) one_side[i / step] += x[i], other_side[8 + i / step] += y_[i];
        convolve(one_side.data(), &other_side[8], n, shift, both_sides.data());
        for (int i = 0; i < p.c; i++) {
            if (step == 1) {
                out[i] = both_sides[i];
                continue;
            }
            double at = (i + 0.5) / step - 0.5;
            int l = std::max(0, std::min(n - 1, (int)std::floor(at))), r = std::min(n - 1, l + 1);
            double part = std::min(1.0, std::max(0.0, at - l));
            out[i] = ((1 - part) * both_sides[l] + part * both_sides[r]) / step;
        }
        for (int i = p.c; i < p.cp; i++) out[i] = 0;
    }

    const double *pair(int i, int j) {
        Vec &row = pairs[(size_t)i * p.k + j];
        if (row.empty()) {
            row.resize(p.cp);
            convolved(shape(i), shape(j), row.data());
        }
        return row.data();
    }

    // Self-convolution of the current mean. Of few classes those of all pairs are kept, of which it is a sum.
    void pile_up(double *out) {
        double sum_a = 0;
        scratch.clear();
        for (int j : set) sum_a += a[j];
        const double unit = pile / std::max(sum_a, 1e-9);
        if (p.k > FEW) {
            for (int j : set)
                if (a[j] > 0) factors[scratch.n] = a[j], scratch.add(shape(j));
            combine(scratch.from(0), factors.data(), scratch.n, p.cp, nullptr, rest.data());
            convolved(rest.data(), rest.data(), out);
            for (int i = 0; i < p.cp; i += LANES) store(out + i, unit * load(out + i));
            return;
        }
        for (int i : set)
            for (int j : set) {
                if (j > i || !(a[i] > 0) || !(a[j] > 0)) continue;
                factors[scratch.n] = (i == j ? 1 : 2) * unit * a[i] * a[j];
                scratch.add(p.pairs ? p.pairs + ((size_t)i * p.k + j) * p.cp : pair(i, j));
            }
        combine(scratch.from(0), factors.data(), scratch.n, p.cp, nullptr, out);
    }

    // Shared row d at the scores a: a drift, or pile-up, which is the last.
    const double *shared(int d) {
        double *row = &owned[(size_t)d * p.cp];
        if (d == p.drifts) {
            pile_up(row);
            return row;
        }
        scratch.clear();
        for (int j : set)
            if (a[j] != 0) factors[scratch.n] = a[j], scratch.add(p.drift + ((size_t)d * p.k + j) * p.cp);
        combine(scratch.from(0), factors.data(), scratch.n, p.cp, nullptr, row);
        return row;
    }

    // A row times the weights behind those there are; returns its information.
    double weight(const double *row, int at) {
        if (weighted.size() < (size_t)(at + 1) * p.cp) weighted.resize((size_t)(2 * at + 16) * p.cp);
        double *to = &weighted[(size_t)at * p.cp];
        const double *with = w.data();
        Lane t = all(0);
        for (int i = 0, end = p.cp; i < end; i += LANES) {
            Lane e = load(row + i), f = e * load(with + i);
            store(to + i, f);
            t += e * f;
        }
        return sum(t);
    }

    // The rows at the scores a, the mean without distortions, and the matrix of products at the current weights.
    void build(int modes) {
        columns.clear(), left.clear(), right.clear();
        double sum_a = 0;
        for (int j : set) sum_a += a[j];
        auto consider = [&](const double *row, double scale, int of) {
            const int at = (int)columns.size();
            if (!(weight(row, at) * scale * scale > p.prune)) return;
            columns.push_back({row, scale, of});
        };
        for (int d = 0; d < p.drifts; d++) consider(shared(d), 1, -1 - d);
        if (pile > 0) consider(shared(p.drifts), 1, -1 - p.drifts);
        for (int j : set)
            if (a[j] > 1e-4 * sum_a)
                for (int q = 0; q < modes; q++)
                    consider(p.spread + ((size_t)j * p.all_modes + q) * p.cp, a[j], j);
        nv = (int)columns.size();
        const int np = (int)set.size(), n = nv + np;
        for (int j = 0; j < np; j++) weight(shape(set[j]), nv + j);
        for (int i = 0; i < n; i++) {
            left.add(i < nv ? columns[i].at : shape(set[i - nv]));
            right.add(&weighted[(size_t)i * p.cp]);
        }
        left.fill(), right.fill();
        stride = eight(n);
        factor.resize((size_t)stride * stride);
        gram(left, right, p.cp, factor.data(), stride);
        for (int i = 0; i < n; i++) {
            double *row = &factor[(size_t)i * stride];
            if (i < nv) {
                for (int j = 0; j < nv; j++) row[j] *= columns[i].scale * columns[j].scale;
                for (int j = nv; j < n; j++) row[j] *= columns[i].scale;
                row[i] += 1;
            }
            // what lanes read left of the diagonal has to be finite, although nothing comes of it
            for (int j = i / LANES * LANES; j < i; j++) row[j] = 0;
            for (int j = n; j < stride; j++) row[j] = 0;
        }
        built_w = w, strayed = 0;
        eliminate();
        std::fill(z.begin(), z.end(), 0.0);
        means();
    }

    // Rows and mean at the scores a and distortions z, the matrix as it is.
    void refresh() {
        if (nv == 0) return;  // nothing but the mean, which solve() left
        for (auto &one : columns) {
            if (one.of >= 0) one.scale = a[one.of];
            else shared(-1 - one.of);
        }
        means();
    }

    void means() {
        const int np = (int)set.size();
        for (int j = 0; j < np; j++) factors[j] = a[set[j]];
        combine(left.from(nv), factors.data(), np, p.cp, nullptr, base.data());
        for (int i = 0; i < nv; i++) factors[i] = z[i] * columns[i].scale;
        combine(left.from(0), factors.data(), nv, p.cp, base.data(), lin.data());
    }

    // Eliminates V from the matrix: L D L', the rows of D L' above, the problem in the scores s below.
    void eliminate() {
        const int np = (int)set.size(), n = nv + np, width = stride;
        double product = 1;
        det = 0;
        auto pivot = [&](int e) {
            const double d = std::max(factor[(size_t)e * stride + e], 1.0);  // less only by rounding
            inverse[e] = 1 / d;
            product *= d;
            if (product > 1e150) det += std::log(product), product = 1;
        };
        auto subtract = [&](int i, int e) {
            const double *top = &factor[(size_t)e * width];
            double *row = &factor[(size_t)i * width];
            const Lane f = all(top[i] * inverse[e]);
            for (int j = i / LANES * LANES; j < width; j += LANES) store(row + j, load(row + j) - f * load(top + j));
        };
        int e = 0;
        for (; e + 4 <= nv; e += 4) {  // four rows at once from those below
            for (int i = e; i < e + 4; i++) {
                for (int j = e; j < i; j++) subtract(i, j);
                pivot(i);
            }
            const double *q = &factor[(size_t)e * width], *r = q + width, *s_ = r + width, *t = s_ + width;
            for (int i = e + 4; i < n; i++) {
                const Lane fq = all(q[i] * inverse[e]), fr = all(r[i] * inverse[e + 1]),
                           fs = all(s_[i] * inverse[e + 2]), ft = all(t[i] * inverse[e + 3]);
                double *row = &factor[(size_t)i * width];
                for (int j = i / LANES * LANES; j < width; j += LANES)
                    store(row + j, load(row + j) - fq * load(q + j) - fr * load(r + j) - fs * load(s_ + j) -
                                       ft * load(t + j));
            }
        }
        for (; e < nv; e++) {
            pivot(e);
            for (int i = e + 1; i < n; i++) subtract(i, e);
        }
        det += std::log(product);
        for (int i = 0; i < np; i++)
            for (int j = i; j < np; j++)
                s[(size_t)i * p.k + j] = s[(size_t)j * p.k + i] = factor[(size_t)(nv + i) * stride + nv + j];
    }

    // One weighted solution; updates a, z, the mean and the penalty.
    void solve() {
        const int np = (int)set.size();
        const int cp = p.cp, width = stride;
        const double *const w_at = w.data(), *const y_at = y, *const lin_at = lin.data(), *const base_at = base.data();
        double *const pull_at = pull.data(), *const rest_at = rest.data();
        for (int i = 0; i < cp; i += LANES) store(pull_at + i, load(w_at + i) * (load(y_at + i) - load(lin_at + i)));
        project(left, pull.data(), p.cp, g.data());
        for (int i = 0; i < nv; i++) g[i] = columns[i].scale * g[i] - z[i];
        for (int e = 0; e < nv; e++) {
            u[e] = g[e];
            const Lane f = all(g[e] * inverse[e]);
            const double *top = &factor[(size_t)e * stride];
            double *const to = g.data();
            for (int j = (e + 1) / LANES * LANES; j < width; j += LANES) store(to + j, load(to + j) - f * load(top + j));
        }
        for (int i = 0; i < np; i++) x[i] = was[i] = a[set[i]];
        for (int i = 0; i < np; i++) {
            double t = g[nv + i];
            for (int j = 0; j < np; j++) t += s[(size_t)i * p.k + j] * was[j];
            b[i] = t;
        }
        problem.solve(s.data(), b.data(), np, p.k, x.data());
        std::fill(v.begin(), v.begin() + stride, 0.0);
        for (int i = 0; i < np; i++) v[nv + i] = x[i] - was[i];
        penalty = 0;
        for (int e = nv - 1; e >= 0; e--) {
            const double *top = &factor[(size_t)e * stride];
            Lane t = all(0);
            for (int j = (e + 1) / LANES * LANES; j < width; j += LANES) t += load(top + j) * load(&v[j]);
            v[e] = (u[e] - sum(t)) * inverse[e];
            z[e] += v[e];
            penalty += z[e] * z[e];
        }
        double old_sum = 0, new_sum = 0;
        for (int i = 0; i < np; i++) old_sum += was[i], new_sum += x[i], a[set[i]] = x[i];
        bool crossed = false;  // a class whose distortions take part from now on, or no more
        if (nv > 0)
            for (int i = 0; i < np; i++) crossed |= (was[i] > 1e-4 * old_sum) != (x[i] > 1e-4 * new_sum);
        std::swap(mu, before);
        means();
        Lane way = all(0), weight = all(0);
        const Lane least = all(counts ? p.floor : -INFINITY), part = all(counts ? 0.05 : 0.0);
        const double *const before_at = before.data();
        double *const mu_at = mu.data();
        for (int i = 0; i < cp; i += LANES) {
            Lane m = load(lin_at + i), f = load(w_at + i);
            store(rest_at + i, f * (load(y_at + i) - m));
            m = larger(m, part * larger(load(base_at + i), all(0.0)) + least);  // net templates may be negative
            Lane d = m - load(before_at + i);
            way += d * d * f;
            weight += m * m * f;
            store(mu_at + i, m);
        }
        for (int i = p.c; i < p.cp; i++) mu[i] = 1;
        moved = sum(way), size = sum(weight), strayed += std::sqrt(moved);
        // where no determinant depends on the matrix, it may be older
        stale = crossed || !(moved <= (nv > 0 ? still : 1e-2) * size);
    }

    // Classes outside whose gradient says that they help join the set. Returns whether any did.
    bool join() {
        far.clear(), out_of_set.clear();
        for (int j = 0; j < p.k; j++)
            if (!member[j] && allowed[j]) far.add(shape(j)), out_of_set.push_back(j);
        if (far.n == 0) return false;
        far.fill();
        project(far, rest.data(), p.cp, others.data());
        bool any = false;
        for (int e = 0; e < far.n; e++) {
            if (!(others[e] > 0)) continue;
            const double *t = far.at[e], *with = w.data();
            Lane info = all(0);
            for (int i = 0; i < p.cp; i += LANES) {
                Lane m = load(t + i);
                info += m * m * load(with + i);
            }
            if (others[e] * others[e] > 1e-4 * sum(info)) {
                member[out_of_set[e]] = 1;
                set.push_back(out_of_set[e]);
                any = true;
            }
        }
        if (any) std::sort(set.begin(), set.end());
        return any;
    }

    // The fit: reweighted steps until the mean stays. Leaves a, mu, f2, s, b, z of the last step.
    double run(int modes, bool adapt, int steps, double tolerance, double square = 0, double full = 0) {
        double last = 0, level = 0;
        auto score = [&] { return likelihood() - 0.5 * penalty - (p.determinant ? 0.5 * det : 0.0); };
        still = std::min(3e-4, 0.03 * tolerance);
        const int begun = started && steps > 1 ? 1 : 0;
        started = false;
        for (rounds = begun; rounds < steps; rounds++) {
            if (rounds > 0) weigh();
            if (stale) build(modes);
            else refresh();
            solve();
            bool joined = rounds + 1 < steps && join(), settled = true;
            stale |= joined;
            if (adapt && rounds >= 1) {
                int ndf = p.c;
                for (int j : set) ndf -= a[j] > 0;
                double old = f2;
                // one standard deviation of chi-square is what chance makes: no mismatch is taken from it
                ndf = std::max(ndf, 1);
                f2 = mismatch(ndf + std::sqrt(2.0 * ndf + sparseness()));
                settled = !(std::fabs(f2 - old) > 0.02 * f2);
                stale |= std::fabs(f2 - old) > 0.1 * f2;
            }
            // steps shrink, so the next would move less than this one
            const double next = moved * (last > 0 ? std::sqrt(std::min(1.0, moved / last)) : 1.0);
            last = moved;
            if (rounds == 0 || !settled || joined) continue;
            if (next < tolerance) break;
            if (next < tolerance * square / 20) {  // far above any threshold the size of the ratio is enough
                level = score();
                if (next < tolerance * (2 * (full - level) - 60) / 20) return level;
            }
        }
        return score();
    }

    // A start: the plain templates, weighted by smoothed data and without distortions.
    void begin() {
        if (counts) {
            for (int i = 0; i < p.cp; i += LANES) {
                Lane t = load(&y[i]);
                for (int e = 1; e <= 3; e++) t += load(&y[i - e]) + load(&y[i + e]);
                store(&w[i], 1.0 / (larger(t * (1.0 / 7), all(0)) + 0.5));
            }
            for (int i = 0; i < p.c; i = i == 2 ? std::max(3, p.c - 3) : i + 1) {  // fewer neighbours at the ends
                const int lo = std::max(0, i - 3), hi = std::min(p.c, i + 4);
                double t = 0;
                for (int e = lo; e < hi; e++) t += y[e];
                w[i] = 1 / (std::max(t / (hi - lo), 0.0) + 0.5);
            }
        } else {
            for (int i = 0; i < p.c; i++) w[i] = 1 / variance[i];
        }
        for (int i = p.c; i < p.cp; i++) w[i] = 0;
        set.clear();
        for (int j = 0; j < p.k; j++) set.push_back(j);
        std::fill(a.begin(), a.end(), 0.0);
        nv = 0;
        columns.clear(), right.clear();
        for (int j = 0; j < p.k; j++) weight(shape(j), j);
        for (int j = 0; j < p.k; j++) right.add(&weighted[(size_t)j * p.cp]);
        right.fill();
        const int wide = eight(p.k);
        factor.resize((size_t)wide * wide);
        gram(shapes, right, p.cp, factor.data(), wide);
        project(right, y, p.cp, g.data());
        for (int i = 0; i < p.k; i++) {
            b[i] = g[i], x[i] = g[i] > 0 ? 1 : 0;
            for (int j = i; j < p.k; j++)
                s[(size_t)i * p.k + j] = s[(size_t)j * p.k + i] = factor[(size_t)i * wide + j];
        }
        problem.solve(s.data(), b.data(), p.k, p.k, x.data());
        set.clear();
        for (int j = 0; j < p.k; j++) {
            a[j] = x[j];
            member[j] = a[j] > 0;
            if (member[j]) set.push_back(j);
        }
        if (set.empty())
            for (int j = 0; j < p.k; j++) member[j] = 1, set.push_back(j), a[j] = std::max(total, 0.0) / p.k;
        stale = true;
        started = p.drifts == 0 && p.modes == 0 && pile == 0;
        if (!started) {
            std::fill(mu.begin(), mu.end(), 0.0);
            return;
        }
        // without distortions this was the first step
        left.clear();
        for (int j : set) left.add(shape(j));
        left.fill();
        means();
        for (int i = 0; i < p.cp; i += LANES) {
            const Lane m = load(&lin[i]);
            store(&mu[i], counts ? larger(m, 0.05 * larger(m, all(0.0)) + p.floor) : m);
        }
        for (int i = p.c; i < p.cp; i++) mu[i] = 1;
    }

    // sd of every score: inverse information on the free set; a zero score is freed alone. est: unconstrained.
    void errors(double *sd, double *est) {
        const int np = (int)set.size(), n = nv + np;
        std::vector<int> free;
        for (int i = 0; i < np; i++)
            if (a[set[i]] > 0) free.push_back(i);
        const int nf = (int)free.size();
        std::vector<double> l((size_t)nf * nf), t(nf);
        for (double ridge = 1e-9;; ridge *= 100) {
            for (int i = 0; i < nf; i++)
                for (int j = 0; j <= i; j++)
                    l[(size_t)i * nf + j] = s[(size_t)free[i] * p.k + free[j]] * (i == j ? 1 + ridge : 1.0);
            if (cholesky(l.data(), nf, nf, 0) || ridge > 1) break;
        }
        for (int i = 0; i < nf; i++) {
            std::fill(t.begin(), t.end(), 0.0);
            t[i] = 1;
            forward(l.data(), nf, nf, t.data());
            double q = 0;
            for (int e = i; e < nf; e++) q += t[e] * t[e];
            sd[set[free[i]]] = std::sqrt(q);
            est[set[free[i]]] = a[set[free[i]]];
        }
        auto alone = [&](int j, double info, double r, auto &&shared) {
            const double d = info;
            for (int i = 0; i < nf; i++) {
                t[i] = shared(free[i]);
                r -= t[i] * a[set[free[i]]];
            }
            forward(l.data(), nf, nf, t.data());
            for (int i = 0; i < nf; i++) info -= t[i] * t[i];
            const bool known = d > 0 && info > 1e-12 * d;
            sd[j] = known ? 1 / std::sqrt(info) : std::numeric_limits<double>::quiet_NaN();
            est[j] = known ? r / info : 0;
        };
        for (int i = 0; i < np; i++)
            if (!(a[set[i]] > 0))
                alone(set[i], s[(size_t)i * p.k + i], b[i], [&](int e) { return s[(size_t)i * p.k + e]; });
        // Templates outside the set: their products with all rows, the rows of V eliminated as before.
        out_of_set.clear(), far.clear();
        for (int j = 0; j < p.k; j++)
            if (!member[j]) out_of_set.push_back(j), far.add(shape(j));
        const int no = (int)out_of_set.size();
        if (no == 0) return;
        far.fill();
        const int wide = eight(no);
        extra.resize((size_t)(eight(n) + wide) * wide);
        products(right, 0, far, p.cp, extra.data(), wide);
        project(far, pull.data(), p.cp, others.data());
        for (int i = 0; i < nv; i++)
            for (int j = 0; j < no; j++) extra[(size_t)i * wide + j] *= columns[i].scale;
        // information and gradient of each alone
        std::vector<double> info(no), slope(no);
        for (int j = 0; j < no; j++) {
            Lane q = all(0);
            for (int i = 0; i < p.cp; i += LANES) {
                Lane e = load(far.at[j] + i);
                q += e * e * load(&built_w[i]);
            }
            info[j] = sum(q), slope[j] = others[j];
        }
        for (int e = 0; e < nv; e++) {
            const double *top = &extra[(size_t)e * wide];
            for (int i = e + 1; i < n; i++) {
                const Lane f = all(factor[(size_t)e * stride + i] * inverse[e]);
                double *row = &extra[(size_t)i * wide];
                for (int j = 0; j < wide; j += LANES) store(row + j, load(row + j) - f * load(top + j));
            }
            for (int j = 0; j < no; j++) {
                const double f = top[j] * inverse[e];
                info[j] -= f * top[j];
                slope[j] -= f * u[e];
            }
        }
        for (int j = 0; j < no; j++) {
            double r = slope[j];
            for (int i = 0; i < np; i++) r += extra[(size_t)(nv + i) * wide + j] * was[i];
            alone(out_of_set[j], info[j], r, [&](int i) { return extra[(size_t)(nv + i) * wide + j]; });
        }
    }

    // Without distortions: the matrix at the weights of the end, from which the fits without a class start too.
    void renew() {
        build(0);
        const int np = (int)set.size();
        for (int i = 0; i < np; i++) {
            b[i] = g[i];
            for (int j = 0; j < np; j++) b[i] += s[(size_t)i * p.k + j] * was[j];
        }
    }

    // Plain sums x, f, xx, ff, xf, (x - f)^2 of the spectrum x and the scaled templates f, without distortions:
    // cosines and explained variance follow from them.
    void sums(double *told) {
        scratch.clear();
        for (int j : set)
            if (a[j] > 0) factors[scratch.n] = a[j], scratch.add(shape(j));
        combine(scratch.from(0), factors.data(), scratch.n, p.cp, nullptr, plain.data());
        const double *const x_at = y, *const f_at = plain.data();
        Lane x1 = all(0), f1 = all(0), xx = all(0), ff = all(0), xf = all(0), dd = all(0);
        for (int i = 0; i < p.cp; i += LANES) {
            const Lane x = load(x_at + i), f = load(f_at + i), d = x - f;
            x1 += x, f1 += f, xx += x * x, ff += f * f, xf += x * f, dd += d * d;
        }
        told[0] = sum(x1), told[1] = sum(f1), told[2] = sum(xx), told[3] = sum(ff), told[4] = sum(xf), told[5] = sum(dd);
    }

    // Keeps the end of the full fit, from which those without a class, and the novelty fit, start.
    void keep() {
        saved_set = set, saved_a = a, saved_w = w, saved_mu = mu, saved_nv = nv;
        saved_s = s, saved_b = b;
    }

    void restore() {
        a = saved_a, w = saved_w, mu = saved_mu, set = saved_set;
        std::fill(allowed.begin(), allowed.end(), 1);
        std::fill(member.begin(), member.end(), 0);
        for (int j : set) member[j] = 1;
        stale = true;
    }

    // The start of a fit without class j.
    void leave_out(int j) {
        restore();
        allowed[j] = 0, member[j] = 0, a[j] = 0;
        set.erase(std::remove(set.begin(), set.end(), j), set.end());
        if (set.empty()) {
            for (int i = 0; i < p.k; i++)
                if (allowed[i]) set.push_back(i), member[i] = 1, a[i] = std::max(total, 0.0) / p.k;
        } else {
            // the quadratic problem of the last step without it
            left.clear();
            int n = 0;
            for (int i = 0; i < (int)saved_set.size(); i++) {
                if (saved_set[i] == j) continue;
                left.add(shape(saved_set[i]));
                int column = 0;
                for (int e = 0; e < (int)saved_set.size(); e++)
                    if (saved_set[e] != j) s[(size_t)n * p.k + column++] = saved_s[(size_t)i * p.k + e];
                b[n] = saved_b[i], x[n++] = a[saved_set[i]];
            }
            if (saved_nv == 0) {
                left.fill();
                nv = 0, columns.clear(), stride = eight(n);
                means();
                stale = false;
            } else {
                problem.solve(s.data(), b.data(), n, p.k, x.data());
                for (int i = 0; i < n; i++) a[set[i]] = x[i];
            }
        }
    }

    // summary: mismatch f, chi-square at f_min, Pearson's chi-square, penalised log-likelihood, free scores,
    //          chi-square of the novelty fit, steps, distortions fitted
    void rows(const void *values, bool single, long stride_in, long first, long last, double *scores, double *errs,
              double *free_scores, double *ratios, double *drifts, double *summary, double *plain_sums, double *mean) {
        const double f2_min = p.f_min * p.f_min;
        counts = p.sigma == nullptr;
        for (long row = first; row < last; row++) {
            take_row(values, single, stride_in, row, p.c, p.cp, y);
            total = sum_of(y, p.cp);
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
            const double full = run(p.modes, p.adapt, p.steps, p.tolerance);
            for (int d = 0; d < p.drifts; d++) drifts[row * p.drifts + d] = 0;
            for (int i = 0; i < nv; i++) {
                const int d = -1 - columns[i].of;
                if (d >= 0 && d < p.drifts) drifts[row * p.drifts + d] = z[i];
            }
            int n_free = 0;
            for (int j = 0; j < p.k; j++) out[j] = a[j], ratio[j] = 0, n_free += a[j] > 0;
            told[0] = std::sqrt(f2);
            told[1] = chi_square(f2_min);
            told[2] = plain_pearson();
            told[3] = full;
            told[4] = n_free;
            told[5] = told[1];
            told[6] = rounds;
            told[7] = nv;
            sums(plain_sums + row * 6);
            if (mean)
                for (int i = 0; i < p.c; i++) mean[row * p.c + i] = mu[i];
            weigh();
            if (nv == 0 && strayed * strayed > std::min(1e-4, 0.01 * p.tolerance) * size) renew();
            errors(sd, est);
            keep();
            const double full_f2 = f2;
            if (p.evidence)
                for (int j = 0; j < p.k; j++) {
                    if (j == p.skip || !(out[j] > p.least_ratio * sd[j]) || !(out[j] > 0)) continue;
                    leave_out(j);
                    f2 = full_f2;
                    const double square = out[j] * out[j] / (sd[j] * sd[j]);
                    const double without = run(p.modes, false, p.null_steps, p.null_tolerance, square, full);
                    ratio[j] = std::max(0.0, 2 * (full - without));
                }
            if (p.novelty && p.all_modes > p.modes) {
                const double ndf = std::max(1, p.c - n_free);
                if (told[1] > ndf + std::sqrt(2 * ndf)) {
                    restore();
                    f2 = full_f2;
                    run(p.all_modes, p.adapt, p.steps, p.tolerance);
                    told[5] = std::min(told[1], chi_square(f2_min));
                }
            }
        }
    }
};

#endif
