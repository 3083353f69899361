"""The penalised fit: kernel against twin, both against scipy, dense linear algebra and repeated draws."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines import each_engine, each_kernel, using
from gamma_flow.errors import DataError, IncompatibleError, SettingsError
from gamma_flow.numerics import _checks
from gamma_flow.numerics.decompose import Decomposed, Distortions, Prepared, decompose
from gamma_flow.numerics.drift import derivatives
from gamma_flow.numerics.novelty import smooth_modes
from gamma_flow.numerics.similarity import fit_quality, quality_of_sums

seeds = st.integers(0, 2**32 - 1)
EVERY_FIELD = tuple(Decomposed.__dataclass_fields__)
CONVERGED = {"steps": 100, "null_steps": 100, "tolerance": 1e-14, "null_tolerance": 1e-14, "prune": 0.0}
# in units of a score's error, relative, and absolute (a tenth of it relative)
ALIKE = {"scores": 0.1, "errors": 0.05, "ratios": 0.5}
ALIKE_CONVERGED = {"scores": 1e-5, "errors": 1e-5, "ratios": 1e-4}
EXACT = {"adapt": False, "mismatch": (0.0, 0.0), "floor": 1e-6}


def problem(seed, n=10, k=4, c=60, total=None, pile_shift=2):
    """Draw counts (n, c) of templates (k, c) that are a little wrong, and their distortions."""
    rng = np.random.default_rng(seed)
    x = np.arange(c)
    lines = [
        sum(rng.random() * np.exp(-0.5 * ((x - at) / (2 + at / 40)) ** 2) for at in rng.uniform(5, c - 5, 3))
        for _ in range(k)
    ]
    shapes = np.array(lines) + 0.3 * np.exp(-x / rng.uniform(20, 80, (k, 1)))
    shapes /= shapes.sum(axis=1, keepdims=True)
    edges = np.linspace(0, 3.0 * c, c + 1)
    drift = derivatives(shapes, edges, gain=0.01, offset=3.0, resolution=0.1, width=np.sqrt(100 + 2 * edges))
    learned = 0.03 * shapes[:, None] * rng.normal(size=(k, 2, c))
    spread = np.concatenate([smooth_modes(shapes, 3, 0.1), learned], axis=1)
    amounts = rng.gamma(0.7, 1.0, (n, k)) * (rng.random((n, k)) < 0.6)
    amounts[:, 0] += 0.3
    amounts /= amounts.sum(axis=1, keepdims=True)
    counts = 10 ** rng.uniform(1, 5, (n, 1)) if total is None else total
    values = rng.poisson(amounts * counts @ (shapes * (1 + 0.05 * np.sin(x / 7)))).astype(float)
    return values, shapes, Distortions(spread, 3, drift, pile_shift)


def assert_no_nan(found):
    for name in EVERY_FIELD:
        value = getattr(found, name)
        if value is not None:
            assert not np.isnan(value).any(), name
            assert name == "errors" or np.isfinite(value).all(), name


def assert_alike(found, expected, *, scores, errors, ratios):
    """Compare: scores in errors, errors relative, ratios absolute and (a tenth of it) relative."""
    sd = np.where(np.isfinite(expected.errors), expected.errors, 1.0)
    np.testing.assert_array_equal(np.isfinite(found.errors), np.isfinite(expected.errors))
    for name in ("scores", "free"):
        assert (np.abs(getattr(found, name) - getattr(expected, name)) <= scores * sd).all(), name
    finite = np.isfinite(expected.errors)
    np.testing.assert_allclose(found.errors[finite], expected.errors[finite], rtol=errors)
    # classes that are clear beyond any threshold get fewer steps of the fit without them
    converged = scores < 1e-3
    clear = np.where(expected.ratios > 200, 0.25, 0.15)
    loose = np.where(expected.ratios > 60, 1e-4 if converged else clear, ratios / 10)
    assert (np.abs(found.ratios - expected.ratios) <= ratios + loose * expected.ratios).all()
    np.testing.assert_allclose(found.log_likelihood, expected.log_likelihood, atol=ratios / 2, rtol=1e-9)
    np.testing.assert_allclose(found.drifts, expected.drifts, atol=scores)
    np.testing.assert_allclose(found.mismatch, expected.mismatch, atol=errors / 10)
    for name in ("chi_square", "pearson", "novelty_chi_square"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=errors, atol=ratios)
    if expected.mean is not None:
        size = scores * np.sqrt(np.abs(expected.mean) + 1)
        assert (np.abs(found.mean - expected.mean) <= size + errors / 10 * np.abs(expected.mean)).all()


SETTINGS = [
    ({}, {}),
    ({"k": 1}, {}),
    ({"k": 7, "c": 249, "n": 5}, {"pile": 0.04}),
    ({"c": 600, "n": 4}, {"pile": 0.1}),
    ({"c": 37, "k": 2}, {"adapt": False}),
    ({}, {"mismatch": (0.0, 0.0), "evidence": False}),
    ({"total": 1e6}, {"novelty": False, "skip": 0}),
    ({}, {"sigma": 3.0}),
]


@each_kernel
@pytest.mark.parametrize(("sizes", "options"), SETTINGS)
def test_kernel_agrees_with_its_twin(engine, sizes, options):
    values, shapes, distortions = problem(11, **sizes)
    options = {**options, "mean": True}
    if "sigma" in options:
        values, options["sigma"] = values - 2.0, options["sigma"] + np.sqrt(values)
    for more, bounds in (
        ({}, ALIKE),
        ({**CONVERGED, "adapt": False}, ALIKE_CONVERGED),
    ):
        with using(engine):
            found = decompose(values, shapes, distortions, **{**options, **more})
        with using("numpy"):
            expected = decompose(values, shapes, distortions, **{**options, **more})
        assert_alike(found, expected, **bounds)
        np.testing.assert_array_equal(found.n_free, np.count_nonzero(found.scores, axis=1))


@each_engine
def test_degenerate_input_has_an_answer(engine):
    values, shapes, distortions = problem(12, n=6)
    zero, one = np.zeros((2, 60)), np.eye(60)[[30]]
    with using(engine):
        found = decompose(np.vstack([zero, one, values]), shapes, distortions, pile=0.05)
        assert_no_nan(found)
        np.testing.assert_array_equal(found.scores[:2], 0.0)
        np.testing.assert_array_equal(found.ratios[:2], 0.0)
        np.testing.assert_array_equal(found.n_free[:2], 0)
        assert 0 < found.scores[2].sum() < 3
        # a template of zeros: nothing is known about it, and the others do not notice
        more = np.vstack([shapes[:2], np.zeros(60), shapes[2:]])
        spread = np.insert(distortions.spread, 2, 0.0, axis=0)
        drift = np.insert(distortions.drift, 2, 0.0, axis=1)
        wider = decompose(values, more, Distortions(spread, 3, drift, 2))
        plain = decompose(values, shapes, distortions)
        np.testing.assert_array_equal(wider.scores[:, 2], 0.0)
        np.testing.assert_array_equal(wider.errors[:, 2], np.inf)
        others = [0, 1, 3, 4]
        np.testing.assert_allclose(wider.scores[:, others], plain.scores, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(wider.errors[:, others], plain.errors, rtol=1e-6)
        nothing = decompose(values, np.zeros((2, 60)))
        np.testing.assert_array_equal(nothing.scores, 0.0)
        np.testing.assert_array_equal(nothing.errors, np.inf)
        assert_no_nan(nothing)
        empty = decompose(np.zeros((0, 60)), shapes, distortions, pile=np.zeros(0), mean=True)
        assert_no_nan(empty)
        assert empty.scores.shape == empty.errors.shape == (0, 4)
        assert empty.drifts.shape == (0, 3)
        assert empty.mean is not None
        assert empty.mean.shape == (0, 60)


@each_engine
def test_repeated_templates_share_and_make_no_certainty(engine):
    values, shapes, _ = problem(13, total=1e4)
    with using(engine):
        alone = decompose(values, shapes, mean=True)
        twice = decompose(values, shapes[[0, 1, 1, 2, 3]], mean=True)
        crowd = np.random.default_rng(1).dirichlet(np.ones(4), 9)
        crowded = decompose([[30, 40, 50, 60], [0, 1, 0, 0]], crowd, mean=True)
    assert_no_nan(twice)
    sd = alone.errors[:, 1]
    assert (np.abs(twice.scores[:, 1:3].sum(axis=1) - alone.scores[:, 1]) <= 0.02 * sd).all()
    np.testing.assert_allclose(twice.mean, alone.mean, rtol=5e-3, atol=1e-3)
    some = (alone.scores[:, 1] > 5 * sd) & (twice.scores[:, 1:3] > 0).any(axis=1)
    assert some.any()
    assert (twice.errors[some, 1:3].max(axis=1) > 100 * sd[some]).all()
    assert (twice.ratios[some, 1:3] < 0.5).all()  # either does without the other
    # more classes than channels
    assert_no_nan(crowded)
    assert (np.abs(crowded.mean[0] - [30, 40, 50, 60]) <= 25).all()


@each_engine
def test_huge_counts(engine):
    _, shapes, _ = problem(14)
    truth = np.array([[1e12, 3e11, 0.0, 2e9]])
    with using(engine):
        found = decompose(truth @ shapes, shapes, mismatch=(0.0, 0.3))
    assert_no_nan(found)
    assert (np.abs(found.scores - truth) <= found.errors).all()
    np.testing.assert_allclose(found.scores[0, :2], truth[0, :2], rtol=1e-6)
    assert (found.errors < 1e8).all()


# ---------------------------------------------------------------------------- what rows may not know


@each_engine
@given(seeds)
@settings(max_examples=6)
def test_rows_do_not_know_each_other(engine, seed):
    n = 40 if engine != "numpy" else 4
    values, shapes, distortions = problem(seed, n=n)
    rng = np.random.default_rng(seed)
    pile, order = rng.uniform(0, 0.1, n), rng.permutation(n)
    with using(engine):
        together = decompose(values, shapes, distortions, pile=pile, mean=True)
        other = decompose(values[order], shapes, distortions, pile=pile[order], mean=True, threads=3)
        alone = decompose(values[1:2], shapes, distortions, pile=pile[1:2], mean=True)
    assert_no_nan(together)
    for name in EVERY_FIELD:
        np.testing.assert_array_equal(getattr(other, name), getattr(together, name)[order], err_msg=name)
        np.testing.assert_array_equal(getattr(alone, name)[0], getattr(together, name)[1], err_msg=name)


@each_engine
@given(seeds)
@settings(max_examples=6)
def test_order_of_classes_is_irrelevant(engine, seed):
    values, shapes, distortions = problem(seed, n=4)
    order = np.random.default_rng(seed).permutation(4)
    turned = replace(
        distortions, spread=distortions.spread[order], drift=np.ascontiguousarray(distortions.drift[:, order])
    )
    options = {**CONVERGED, "adapt": False}
    with using(engine):
        found = decompose(values, shapes, distortions, **options)
        other = decompose(values, shapes[order], turned, **options)
    sd = found.errors[:, order]
    assert (np.abs(other.scores - found.scores[:, order]) <= 1e-4 * sd).all()
    np.testing.assert_allclose(other.errors, sd, rtol=1e-4)
    np.testing.assert_allclose(other.ratios, found.ratios[:, order], atol=1e-3, rtol=1e-4)


@each_engine
def test_layout_and_type_do_not_matter_and_inputs_stay(engine):
    values, shapes, distortions = problem(15, n=5)
    wide = np.zeros((5, 80))
    wide[:, 7:67] = values
    arrays = (shapes, distortions.spread, distortions.drift)
    before = [one.copy() for one in arrays]
    for one in arrays:
        one.flags.writeable = False
    with using(engine):
        expected = decompose(values, shapes, distortions, mean=True)
        for same in (
            values.astype(np.float32),
            values.astype(np.int64),
            values.astype(">f8"),
            np.asfortranarray(values),
            wide[:, 7:67],
        ):
            same.flags.writeable = False
            kept = same.copy()
            found = decompose(same, shapes, distortions, mean=True)
            np.testing.assert_array_equal(same, kept)
            for name in EVERY_FIELD:
                np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
        turned = decompose(values[::-1], shapes, distortions)
        np.testing.assert_array_equal(turned.scores[::-1], expected.scores)
        sd = 1 + np.sqrt(values)
        one = decompose(values[:1], shapes, distortions, sigma=sd[0])
        np.testing.assert_array_equal(one.scores, decompose(values, shapes, distortions, sigma=sd).scores[:1])
        same_for_all = decompose(values, shapes, distortions, sigma=sd[:1])
        np.testing.assert_array_equal(one.scores, same_for_all.scores[:1])
    for one, kept in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(one, kept)


def test_contiguous_floats_are_not_copied():
    for kind in (np.float32, np.float64):
        spectra = np.ones((3, 40), kind)
        assert _checks.spectra_of(spectra) is spectra
        assert np.shares_memory(_checks.spectra_of(spectra[::-1, 5:9]), spectra)
        assert not np.shares_memory(_checks.spectra_of(spectra[:, ::2]), spectra)
    assert _checks.spectra_of(np.ones((3, 4), np.uint16)).dtype == np.float64
    crooked = np.frombuffer(b"." + np.arange(6.0).tobytes(), np.float64, offset=1).reshape(2, 3)
    assert not crooked.flags.aligned
    assert _checks.spectra_of(crooked).flags.aligned
    np.testing.assert_array_equal(_checks.spectra_of(crooked), [[0, 1, 2], [3, 4, 5]])


# --------------------------------------------------------------------------- what the numbers should be


@each_engine
@pytest.mark.parametrize("f", [0.0, 0.05])
def test_level_is_the_likelihood_of_the_distribution_and_is_stationary(engine, f):
    stats = pytest.importorskip("scipy.stats")
    special = pytest.importorskip("scipy.special")
    values, shapes, distortions = problem(16, n=4, total=np.array([[100], [1e3], [1e4], [1e5]]))
    drifts = replace(distortions, spread=distortions.spread[:, :0], modes=0)
    options = {**CONVERGED, "adapt": False, "mismatch": (f, f), "floor": 1e-9, "mean": True}
    with using(engine):
        found = decompose(values, shapes, drifts, **options)
    for y, a, z, mean, level in zip(
        values, found.scores, found.drifts, found.mean, found.log_likelihood, strict=True
    ):
        columns = np.einsum("k,dkc->dc", a, distortions.drift)

        def log_likelihood(mean, y=y):
            if f == 0:
                return stats.poisson.logpmf(y, mean).sum() + special.gammaln(y + 1).sum()
            r = 1 / f**2
            constant = special.gammaln(y + r) - special.gammaln(r) - special.gammaln(y + 1)
            constant += y * np.log(f**2)
            return (stats.nbinom.logpmf(y, r, 1 / (1 + f**2 * mean)) - constant).sum()

        def penalised(a, z, columns=columns, log_likelihood=log_likelihood):
            return log_likelihood(a @ shapes + z @ columns) - 0.5 * z @ z

        np.testing.assert_allclose(mean, a @ shapes + z @ columns, rtol=1e-7, atol=1e-7)
        information = np.eye(3) + (columns / (mean + f**2 * mean**2)) @ columns.T
        expected = penalised(a, z) - 0.5 * np.linalg.slogdet(information)[1]
        np.testing.assert_allclose(level, expected, rtol=1e-8, atol=1e-5)
        # no step in a score or in a drift gains anything
        for direction in np.eye(7):
            for sign in (1, -1):
                size = 1e-3 * np.concatenate([np.sqrt(np.full(4, y.sum())), np.ones(3)]) * sign
                to = np.concatenate([a, z]) + direction * size
                if (to[:4] >= 0).all():
                    assert penalised(to[:4], to[4:]) <= penalised(a, z) + 1e-7


@each_engine
def test_errors_are_those_of_the_fisher_information(engine):
    values, shapes, distortions = problem(17, n=8, total=3e4)
    with using(engine):
        plain = decompose(values, shapes, **CONVERGED, **EXACT, mean=True)
        found = decompose(values, shapes, replace(distortions, modes=3), **CONVERGED, **EXACT, mean=True)
        known = decompose(values, shapes, sigma=np.sqrt(values + 4), adapt=False, mismatch=(0.0, 0.0))
    for i in range(8):
        cases = [
            (plain, np.diag(plain.mean[i])),
            (known, np.diag(values[i] + 4)),
            (found, dense_covariance(found.scores[i], found.mean[i], distortions)),
        ]
        for fit, covariance in cases:
            information = shapes @ np.linalg.inv(covariance) @ shapes.T
            above = np.flatnonzero(fit.scores[i] > 0)
            inverse = np.linalg.inv(information[np.ix_(above, above)])
            np.testing.assert_allclose(fit.errors[i, above], np.sqrt(np.diag(inverse)), rtol=1e-4)
            for j in np.flatnonzero(fit.scores[i] == 0):
                both = np.append(above, j)
                inverse = np.linalg.inv(information[np.ix_(both, both)])
                np.testing.assert_allclose(fit.errors[i, j], np.sqrt(inverse[-1, -1]), rtol=1e-4)
                assert fit.free[i, j] <= 1e-3 * fit.errors[i, j]


def dense_covariance(a, mean, distortions):
    """Counting and all distortions that the fit takes, as one matrix (C, C)."""
    columns = [np.einsum("k,dkc->dc", a, distortions.drift)]
    columns += [a[j] * distortions.spread[j, :3] for j in np.flatnonzero(a > 1e-4 * a.sum())]
    v = np.vstack(columns)
    return np.diag(mean) + v.T @ v


@each_engine
def test_errors_cover_repeated_draws(engine):
    # the standard deviation of 400 draws is known to 3.5 %, that of 120 to 6.5 %
    n, bound = (120, 0.2) if engine == "numpy" else (400, 0.12)
    rng = np.random.default_rng(18)
    _, shapes, distortions = problem(18, k=3)
    truth = np.array([3000.0, 1500.0, 600.0])
    values = rng.poisson(truth @ shapes, (n, 60))
    with using(engine):
        found = decompose(values, shapes, **EXACT, evidence=False)
    np.testing.assert_allclose(found.scores.std(axis=0), found.errors.mean(axis=0), rtol=bound)
    np.testing.assert_allclose(found.scores.mean(axis=0), truth, atol=4 * found.errors[0].max() / np.sqrt(n))
    # templates that are wrong as their prior says
    z = rng.normal(size=(n, 3))
    moved = np.einsum("k,nd,dkc->nc", truth * 30, z, distortions.drift) + 30 * truth @ shapes
    possible = (moved >= 0).all(axis=1)
    assert possible.mean() > 0.8
    z, drawn = z[possible], rng.poisson(moved[possible])
    drifts = replace(distortions, spread=distortions.spread[:, :0], modes=0)
    with using(engine):
        aware = decompose(drawn, shapes, drifts, adapt=False, mismatch=(0.0, 0.0), evidence=False)
        blind = decompose(drawn, shapes, adapt=False, mismatch=(0.0, 0.0), evidence=False)
    pull = (aware.scores - 30 * truth) / aware.errors
    assert (np.abs(pull.std(axis=0) - 1) < bound).all()
    assert (((blind.scores - 30 * truth) / blind.errors).std(axis=0) > 1.5).any()
    assert np.corrcoef(aware.drifts[:, 1], z[:, 1])[0, 1] > 0.9


@each_engine
def test_ratio_is_what_a_fit_without_the_class_loses(engine):
    values, shapes, distortions = problem(19, n=5, total=2000)
    options = {**CONVERGED, "adapt": False, "mismatch": (0.02, 0.02)}
    with using(engine):
        found = decompose(values, shapes, distortions, **options, skip=1)
        assert (found.ratios[:, 1] == 0).all()
        assert (found.ratios[found.scores <= found.errors] == 0).all()
        compared = 0
        for j in (0, 2, 3):
            rest = [i for i in range(4) if i != j]
            without = replace(
                distortions, spread=distortions.spread[rest], drift=distortions.drift[:, rest].copy()
            )
            null = decompose(values, shapes[rest], without, **options)
            lost = 2 * (found.log_likelihood - null.log_likelihood)
            tested = found.scores[:, j] > found.errors[:, j]
            compared += tested.sum()
            np.testing.assert_allclose(found.ratios[tested, j], lost[tested], atol=1e-3, rtol=1e-4)
        assert compared >= 5


@each_engine
def test_mismatch_is_the_least_that_explains_chi_square(engine):
    rng = np.random.default_rng(20)
    _, shapes, _ = problem(20, c=120)
    off = shapes * (1 + 0.1 * rng.choice([-1, 1], 120))
    values = rng.poisson(np.array([[1e2], [1e5], [1e7]]) * off[:1] * 2.0)
    with using(engine):
        found = decompose(values, shapes, mean=True, steps=50, tolerance=1e-8)
        narrow = decompose(values, shapes, mismatch=(0.01, 0.05))
    mean, f = found.mean, found.mismatch[:, None]
    chi_square = ((values - mean) ** 2 / (mean + f**2 * mean**2)).sum(axis=1)
    ndf = 120 - found.n_free
    assert found.mismatch[0] == pytest.approx(0.01)
    assert chi_square[0] <= ndf[0] * 1.5
    limit = ndf + np.sqrt(2 * ndf)  # what chance makes is no mismatch
    np.testing.assert_allclose(chi_square[1:], limit[1:], rtol=0.02)
    np.testing.assert_allclose(found.mismatch[2], 0.1, rtol=0.15)
    np.testing.assert_allclose(narrow.mismatch[1:], 0.05)
    np.testing.assert_allclose(
        found.chi_square, ((values - mean) ** 2 / (mean + 1e-4 * mean**2)).sum(axis=1), rtol=1e-9
    )
    np.testing.assert_allclose(
        found.pearson, ((values - mean) ** 2 / np.maximum(mean, 0.5)).sum(axis=1), rtol=1e-9
    )


@each_engine
def test_pile_up_and_modes_describe_what_they_are_for(engine):
    rng = np.random.default_rng(21)
    _, shapes, distortions = problem(21, c=120, pile_shift=0)
    exact = Distortions.none(4, 120)
    mean = np.array([6e5, 3e5, 0, 0]) @ shapes
    piled = mean + 0.05 * np.convolve(mean, mean)[:120] / mean.sum()
    learned = distortions.spread[0, 3]
    strange = mean + 2 * 6e5 * learned
    values = rng.poisson(np.vstack([mean, piled, np.maximum(strange, 0.0)]))
    options = {"adapt": False, "mismatch": (0.0, 0.0)}
    with using(engine):
        without = decompose(values, shapes, exact, **options)
        with_pile = decompose(values, shapes, exact, pile=[0.05, 0.05, 0.0], **options)
        wider = decompose(values, shapes, replace(distortions, modes=0, drift=exact.drift), **options)
        once = decompose(values, shapes, replace(distortions, modes=0), novelty=False, **options)
    assert with_pile.chi_square[1] < 170 < without.chi_square[1]
    assert without.chi_square[0] < 170
    np.testing.assert_allclose(with_pile.scores[1, :2], [6e5, 3e5], atol=4 * with_pile.errors[1, :2].max())
    assert without.chi_square[2] > 1000
    np.testing.assert_array_equal(wider.chi_square, without.chi_square)
    assert wider.novelty_chi_square[2] < 300
    np.testing.assert_array_equal(once.novelty_chi_square, once.chi_square)


@each_engine
@pytest.mark.parametrize(("c", "shift"), [(60, 3), (60, -4), (600, 8)])
def test_pile_up_is_the_self_convolution_with_its_prior(engine, c, shift):
    rng = np.random.default_rng(24)
    _, shapes, _ = problem(24, c=c)
    pure = np.array([3e5, 2e5, 1e5, 1e4]) @ shapes
    values = rng.poisson(pure + 0.06 * moved_by(np.convolve(pure, pure), shift, c) / pure.sum())[None]
    exact = replace(Distortions.none(4, c), pile_shift=shift)
    with using(engine):
        found = decompose(values, shapes, exact, pile=0.03, **CONVERGED, **EXACT, mean=True)
    a, mean = found.scores[0], found.mean[0]
    alone = a @ shapes
    column = 0.03 / a.sum() * moved_by(np.convolve(alone, alone), shift, c)
    z = (mean - alone) @ column / (column @ column)
    rough = 1e-3 if c == 60 else 0.1  # on 600 channels it is folded in pairs
    assert 1 < z < 3
    assert np.abs(mean - alone - z * column).max() <= rough * np.abs(z * column).max()
    gradient = (column / mean) @ (values[0] - mean)
    np.testing.assert_allclose(gradient, z, rtol=0.05 if c == 60 else 1.0)
    level = (values[0] * np.log(mean) - mean).sum()
    level -= 0.5 * z**2 + 0.5 * np.log1p((column**2 / mean).sum())
    np.testing.assert_allclose(found.log_likelihood[0], level, atol=rough)


@each_engine
def test_a_second_fit_in_the_same_call_is_that_fit_alone(engine):
    values, shapes, distortions = problem(31)
    other = replace(distortions, modes=distortions.spread.shape[1])
    with using(engine):
        first, second = Prepared.of(shapes, replace(distortions, modes=2)), Prepared.of(shapes, other)
        both = decompose(values, first, pile=0.02, novelty=second)
        alone = decompose(values, first, pile=0.02, novelty=False)
        again = decompose(values, second, pile=0.02, novelty=False, evidence=False)
    for name in EVERY_FIELD:
        if name not in ("novelty_chi_square", "mean"):
            np.testing.assert_array_equal(getattr(both, name), getattr(alone, name))
    np.testing.assert_array_equal(both.novelty_chi_square, again.chi_square)
    with pytest.raises(IncompatibleError, match="differ in their channels"):
        decompose(values, first, novelty=Prepared.of(shapes[:, :-1]))


@each_engine
def test_sums_are_those_of_spectra_and_scaled_templates(engine):
    values, shapes, distortions = problem(33)
    with using(engine):
        found = decompose(values, shapes, distortions, pile=0.02)
    fit = found.scores @ shapes
    pairs = ((values, values), (fit, fit), (values, fit), (values - fit, values - fit))
    goal = [values.sum(axis=1), fit.sum(axis=1), *((a * b).sum(axis=1) for a, b in pairs)]
    np.testing.assert_allclose(found.sums, np.stack(goal, axis=1), rtol=1e-11)
    quality, rest = quality_of_sums(found.sums.T, values.shape[1])
    exact = fit_quality(values, fit)
    assert len(rest) == 0
    for told, known in zip(
        quality, (exact.cosine, exact.centred_cosine, exact.explained_variance), strict=True
    ):
        np.testing.assert_allclose(told, known, rtol=0, atol=1e-11)


@each_kernel
@pytest.mark.parametrize(("c", "shift"), [(60, 3), (60, -4), (600, 8)])
def test_pairs_made_before_change_no_digit(engine, c, shift):
    values, shapes, distortions = problem(32, c=c, pile_shift=shift)
    with using(engine):
        ready = Prepared.of(shapes, distortions)
        assert ready.pairs is not None
        at_once = decompose(values, ready, pile=0.03)
        when_needed = decompose(values, replace(ready, pairs=None), pile=0.03)
        assert Prepared.of(np.tile(shapes, (3, 1))).pairs is None
    for name in EVERY_FIELD:
        if name != "mean":
            np.testing.assert_array_equal(getattr(at_once, name), getattr(when_needed, name))


def moved_by(sums, shift, c):
    """Return what of the sums falls into c channels after a shift."""
    at = np.arange(c) - shift
    inside = (at >= 0) & (at < len(sums))
    return np.where(inside, sums[np.clip(at, 0, len(sums) - 1)], 0.0)


# ----------------------------------------------------------------------------------- what is refused


def test_refuses_what_makes_no_sense():
    values, shapes, distortions = problem(22, n=3)

    def refused(kind, match, values=values, shapes=shapes, distortions=distortions, **options):
        with pytest.raises(kind, match=match):
            decompose(values, shapes, distortions, **options)

    for bad in (np.nan, np.inf, -np.inf):
        spoilt = values.copy()
        spoilt[1, 2] = bad
        refused(DataError, r"values, row 1, channel 2: .* not finite", spoilt)
        refused(DataError, r"values, row 1, channel 2: .* not finite", spoilt.astype(np.float32))
        refused(
            DataError,
            r"templates, row 0, channel 3: .* not finite",
            shapes=np.where(shapes == shapes[0, 3], bad, shapes),
        )
        refused(DataError, "spread, index 0, 1, 2", distortions=spoil(distortions, bad))
    spoilt[1, 2] = -1.0
    refused(DataError, r"values, row 1, channel 2: .* negative.* sigma", spoilt)
    assert_no_nan(decompose(spoilt, shapes, distortions, sigma=np.ones(60)))
    refused(IncompatibleError, "one axis", values[:, :-1])
    refused(DataError, "batch of one", values[0])
    refused(DataError, "no templates", shapes=shapes[:0])
    refused(IncompatibleError, r"distortions.spread: .*shape \(3, any, 60\)", shapes=shapes[:3])
    refused(
        IncompatibleError, "distortions.drift", distortions=replace(distortions, drift=np.zeros((3, 5, 60)))
    )
    refused(SettingsError, "at most 16", distortions=replace(distortions, drift=np.zeros((17, 4, 60))))
    refused(SettingsError, "expected 0 to 5", distortions=replace(distortions, modes=6))
    for sd in (0.0, -1.0, np.nan, np.inf):
        sigma = np.ones((3, 60))
        sigma[2, 4] = sd
        refused(DataError, "sigma, row 2, channel 4", sigma=sigma)
    refused(IncompatibleError, "sigma", sigma=np.ones((2, 60)))
    refused(IncompatibleError, "sigma", sigma=np.ones(59))
    refused(IncompatibleError, "pile", pile=np.ones(2))
    refused(DataError, "pile, row 1", pile=[0.0, -0.1, 0.0])
    for name, bad in [
        ("mismatch", (0.3, 0.1)),
        ("mismatch", (-0.1, 0.1)),
        ("floor", 0.0),
        ("steps", 0),
        ("null_steps", 0),
        ("tolerance", np.nan),
        ("prune", -1.0),
        ("least_ratio", np.nan),
        ("skip", 4),
        ("threads", 0),
        ("threads", 2.0),
    ]:
        refused(SettingsError, name, **{name: bad})


def spoil(distortions, bad):
    spread = distortions.spread.copy()
    spread[0, 1, 2] = bad
    return replace(distortions, spread=spread)


@each_engine
def test_numbers_beyond_the_range_are_refused(engine):
    values, shapes, _ = problem(23, n=3)
    values[1] = 1e300
    with using(engine), pytest.raises(DataError, match="row 1"):
        decompose(values, shapes)
