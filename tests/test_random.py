"""Random numbers: known answers, the same bits everywhere, accuracy, and their distribution."""

import itertools
import math
import threading

import array_api_compat.numpy as numpy_namespace
import mpmath
import numba
import numpy as np
import pytest
from scipy import special, stats

import diffpost_np as dp
from diffpost_np import _philox
from diffpost_np.random import Key, Purpose

KEY = Key(0x12345678, 0x9ABCDEF0)
FUNCTIONS = (dp.random.bits, dp.random.uniform, dp.random.normal)
DTYPES = (np.float64, np.float32)

# Counter, key, output of Philox4x32-10, from Random123's kat_vectors.
KNOWN = (
    ("00000000 00000000 00000000 00000000", "00000000 00000000",
     "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff",
     "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0",
     "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ("00000001 00000000 00000000 00000000", "00000000 00000000",
     "f8e4cca4 5cb200db b1a574eb 097eff67"),
)  # fmt: skip
SEVEN_ROUNDS = "5f6fb709 0d893f64 4f121f81 4f730a48"


def words(text):
    return tuple(int(word, 16) for word in text.split())


def philox(counter, key):
    out = _philox.philox(numpy_namespace, tuple(np.array(c, np.uint64) for c in counter), key)
    return tuple(int(w) for w in out)


@pytest.fixture
def two_threads():
    before = numba.get_num_threads()
    yield
    numba.set_num_threads(before)


class TestKnownAnswers:
    @pytest.mark.parametrize("counter, key, output", KNOWN)
    def test_philox(self, counter, key, output):
        assert philox(words(counter), words(key)) == words(output)

    def test_a_wrong_number_of_rounds_would_show(self, monkeypatch):
        monkeypatch.setattr(_philox, "ROUNDS", 7)
        assert philox((0, 0, 0, 0), (0, 0)) == words(SEVEN_ROUNDS)

    @pytest.mark.parametrize("kernel", [True, False])
    def test_the_counter_is_block_chain_step_tag(self, kernel):
        block, chain, step, tag = words(KNOWN[2][0])
        block = 5  # the documented place of a word: 20 words into the chain's row
        purpose, stage, cloud = tag & 0xFF, tag >> 8 & 0xFF, tag >> 16
        arguments = {"step": step, "purpose": purpose, "stage": stage, "cloud": cloud}
        key = Key(*words(KNOWN[2][1]))
        row = _drawn(kernel, dp.random.bits, key, (1, 24), first_chain=chain, **arguments)
        assert tuple(row[0, 20:].tolist()) == philox((block, chain, step, tag), key.words)

    def test_variates_of_a_block(self):
        w = np.array(words(KNOWN[0][2]), np.uint64)
        low, high = int(w[1]) << 32 | int(w[0]), int(w[3]) << 32 | int(w[2])
        u = dp.random.uniform(Key(0, 0), (1, 2))
        assert u.tolist() == [[((low >> 12) + 0.5) / 2**52, ((high >> 12) + 0.5) / 2**52]]
        u32 = dp.random.uniform(Key(0, 0), (1, 4), like=np.zeros(1, np.float32))
        assert u32.tolist() == [[((int(v) >> 9) + 0.5) / 2**23 for v in w]]


def _drawn(kernel, function, *args, **kwargs):
    if kernel:
        return function(*args, **kwargs)
    with dp.reference():
        return function(*args, **kwargs)


class TestSameBitsEverywhere:
    shapes = ((1, 1), (3, 5), (129, 7), (2, 3, 67), (40, 64), (70, 90), (20, 300), (5, 0), (0, 4))

    @pytest.mark.parametrize("function", FUNCTIONS)
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("shape", shapes)
    def test_reference(self, xp, function, dtype, shape):
        place = {"step": 3, "first_chain": 2**32 - 200}
        drawn = function(KEY, shape, **place, like=xp.array([0.0], dtype))
        assert xp.owns(drawn)
        plain = _drawn(False, function, KEY, shape, **place, like=np.zeros(1, dtype))
        assert np.array_equal(xp.numpy(drawn), plain)
        assert xp.numpy(drawn).dtype == (np.uint32 if function is dp.random.bits else dtype)

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_any_number_of_threads(self, two_threads, dtype):
        like = np.zeros(1, dtype)
        drawn = []
        for n_threads in range(1, numba.config.NUMBA_NUM_THREADS + 1):
            numba.set_num_threads(n_threads)
            drawn.append(dp.random.normal(KEY, (3001, 70), like=like))
        assert all(np.array_equal(drawn[0], other) for other in drawn)
        assert np.array_equal(drawn[0], _drawn(False, dp.random.normal, KEY, (3001, 70), like=like))

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("n_parts", [2, 3, 7])
    def test_any_split_of_the_batch(self, dtype, n_parts):
        like, bounds = np.zeros(1, dtype), np.linspace(0, 500, n_parts + 1).astype(int)
        parts = [
            dp.random.normal(KEY, (stop - start, 9), first_chain=int(start), like=like)
            for start, stop in itertools.pairwise(bounds)
        ]
        assert np.array_equal(np.concatenate(parts), dp.random.normal(KEY, (500, 9), like=like))

    def test_calls_from_several_threads(self):
        want = dp.random.normal(KEY, (5000, 50))
        results = [None] * 4

        def draw(i):
            results[i] = [dp.random.normal(KEY, (5000, 50)) for _ in range(5)]

        threads = [threading.Thread(target=draw, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(np.array_equal(want, got) for result in results for got in result)

    def test_a_row_is_a_prefix_of_a_longer_row(self):
        for function in FUNCTIONS:
            assert np.array_equal(function(KEY, (9, 5)), function(KEY, (9, 50))[:, :5])


def exact_normals(u, quarter, lowest_bits):
    radius = mpmath.sqrt(-2 * mpmath.log(u)) * (-1 if lowest_bits & 1 else 1)
    sin, cos = (
        radius * mpmath.sin(mpmath.pi / 4 * quarter),
        radius * mpmath.cos(mpmath.pi / 4 * quarter),
    )
    return (sin, cos) if lowest_bits & 2 else (cos, sin)


def hard_words(n):
    """Words of Philox blocks with many radii near 0 and in the tail, and directions near axes."""
    rng = np.random.default_rng(5)
    w = rng.integers(0, 2**32, (4, n), dtype=np.uint64)
    shift = rng.integers(0, 32, n, dtype=np.uint64)
    w[1, : n // 4] >>= shift[: n // 4]
    w[1, n // 4 : n // 2] = 2**32 - 1 - (w[1, n // 4 : n // 2] >> shift[n // 4 : n // 2])
    w[3, n // 2 : 3 * n // 4] = 2**31 + (w[3, n // 2 : 3 * n // 4] >> (shift[: n // 4] | 1))
    return w


class TestAccuracy:
    def errors_in_ulp(self, pairs, exact):
        for i, (first, second) in enumerate(exact):
            for value, truth in ((pairs[0][i], first), (pairs[1][i], second)):
                if value != 0:
                    yield abs(float((mpmath.mpf(float(value)) - truth) / np.spacing(abs(value))))

    def test_float64_normals(self):
        w = hard_words(2000)
        radius, direction = (w[1] << np.uint64(32)) | w[0], (w[3] << np.uint64(32)) | w[2]
        with mpmath.workdps(40):
            half = mpmath.mpf(0.5)
            exact = [
                exact_normals(
                    ((int(r) >> 12) + half) / 2**52, ((int(d) >> 12) + half) / 2**51 - 1, int(d) & 3
                )
                for r, d in zip(radius, direction, strict=True)
            ]
            pairs = _philox._normal_pair64(numpy_namespace, *w)
            assert max(self.errors_in_ulp(pairs, exact)) < 5

    def test_float32_normals(self):
        w = hard_words(2000)
        u = w[1].astype(np.float32) * np.float32(2.0**-32) + np.float32(2.0**-33)
        with mpmath.workdps(40):
            half = mpmath.mpf(0.5)
            exact = [
                exact_normals(mpmath.mpf(float(v)), ((int(d) >> 9) + half) / 2**22 - 1, int(d) & 3)
                for v, d in zip(u, w[3], strict=True)
            ]
            pairs = _philox._normal_pair32(numpy_namespace, w[1], w[3])
            assert pairs[0].dtype == np.float32
            assert max(self.errors_in_ulp(pairs, exact)) < 5

    def test_reach_of_the_tails(self):
        zero, one = np.array(0, np.uint64), np.array(2**32 - 1, np.uint64)
        far, _ = _philox._normal_pair64(numpy_namespace, zero, zero, zero, zero + 2**31)
        assert far == pytest.approx(math.sqrt(2 * 53 * math.log(2)))
        far, _ = _philox._normal_pair32(numpy_namespace, zero, zero + 2**31)
        assert far == pytest.approx(math.sqrt(2 * 33 * math.log(2)))
        near, _ = _philox._normal_pair64(numpy_namespace, one, one, zero, zero + 2**31)
        assert 0 < near < 2e-8


def standard_errors(sample, expected, variance):
    return (np.mean(sample, dtype=float) - expected) / math.sqrt(variance / np.size(sample))


class TestDistribution:
    n = 2_000_000

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_moments(self, dtype):
        z = dp.random.normal(KEY, (self.n // 20, 20), like=np.zeros(1, dtype)).astype(float)
        for power in range(1, 7):
            moment = special.factorial2(power - 1) if power % 2 == 0 else 0.0
            variance = special.factorial2(2 * power - 1) - moment**2
            assert abs(standard_errors(z**power, moment, variance)) < 4.5

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_tail_counts(self, dtype):
        z = dp.random.normal(KEY, (self.n // 20, 20), like=np.zeros(1, dtype), step=1)
        for threshold in (0.5, 1.0, 2.0, 3.0, 4.0, 4.5):
            for sign in (-1, 1):
                p = stats.norm.sf(threshold)
                assert abs(standard_errors(sign * z > threshold, p, p * (1 - p))) < 4.5

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_shape(self, dtype):
        z = dp.random.normal(KEY, (200_000,), like=np.zeros(1, dtype), step=2).astype(float)
        assert stats.kstest(z, "norm").pvalue > 1e-3

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_neighbours_in_a_row_are_independent(self, dtype):
        z = dp.random.normal(KEY, (self.n // 8, 8), like=np.zeros(1, dtype), step=3).astype(float)
        for i in range(8):
            for j in range(i):
                assert abs(standard_errors(z[:, i] * z[:, j], 0.0, 1.0)) < 4.5
                assert abs(standard_errors((z[:, i] * z[:, j]) ** 2, 1.0, 8.0)) < 4.5

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_direction_of_a_pair_is_uniform(self, dtype):
        z = dp.random.normal(KEY, (self.n // 2, 2), like=np.zeros(1, dtype), step=4)
        turn = np.arctan2(z[:, 1], z[:, 0]) / (2 * np.pi) % 1.0
        counts = np.bincount((turn * 64).astype(int) % 64, minlength=64)
        assert stats.chisquare(counts).pvalue > 1e-3

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_uniforms_are_equidistributed_in_pairs(self, dtype):
        u = dp.random.uniform(KEY, (self.n // 8, 8), like=np.zeros(1, dtype))
        assert u.min() > 0 and u.max() < 1
        cells = (u[:, :-1] * 32).astype(int) * 32 + (u[:, 1:] * 32).astype(int)
        for pairs in cells.T:
            assert stats.chisquare(np.bincount(pairs, minlength=1024)).pvalue > 1e-4

    @pytest.mark.parametrize("bits_from", ["top", "bottom"])
    def test_bits_are_equidistributed(self, bits_from):
        w = dp.random.bits(KEY, (self.n // 8, 8))
        byte = w >> np.uint32(24) if bits_from == "top" else w & np.uint32(255)
        for column in byte.T:
            assert stats.chisquare(np.bincount(column, minlength=256)).pvalue > 1e-4

    def test_streams_are_independent(self):
        places = [{}, {"step": 1}, {"stage": 1}, {"cloud": 1}, {"first_chain": 100_000}]
        places += [{"purpose": p} for p in Purpose if p != Purpose.NOISE]
        draws = [dp.random.normal(KEY, (100_000, 2), **place).ravel() for place in places]
        draws.append(dp.random.normal(KEY.fold("other"), (100_000, 2)).ravel())
        for i, a in enumerate(draws):
            for b in draws[:i]:
                assert abs(standard_errors(a * b, 0.0, 1.0)) < 4.5


class TestKeys:
    def test_a_generator_moves_on_by_one_draw(self):
        used, fresh = np.random.default_rng(3), np.random.default_rng(3)
        dp.random.key(used)
        fresh.integers(0, 2**64, dtype=np.uint64)
        assert used.integers(1000) == fresh.integers(1000)

    def test_names_give_different_streams(self):
        keys = {Key(1, 2).fold(name) for name in ("a", "b", "prior.sample", "langevin")}
        assert len(keys) == 4

    def test_a_key_is_taken_as_it_is(self):
        assert dp.random.key(KEY) is KEY

    def test_a_key_seeds_generators_of_numpy(self):
        """As priors of users do with what `sample` hands them."""
        key = dp.random.Key(1, 2)
        first, again, other = (np.random.default_rng(k).normal(size=1000) for k in (key, key, KEY))
        np.testing.assert_array_equal(first, again)
        assert abs(np.corrcoef(first, other)[0, 1]) < 4.5 / np.sqrt(1000)
        own = np.asarray(dp.random.normal(key, (1000, 1)))[:, 0]
        assert abs(np.corrcoef(first, own)[0, 1]) < 4.5 / np.sqrt(1000)

    def test_words_of_a_seed(self):
        key = dp.random.Key(1, 2)
        short, long = key.generate_state(8), key.generate_state(4, np.uint64)
        assert (short.dtype, long.dtype) == (np.uint32, np.uint64)
        pairs = zip(short.tolist()[::2], short.tolist()[1::2], strict=True)
        assert long.tolist() == [low + 2**32 * high for low, high in pairs]
        np.testing.assert_array_equal(key.generate_state(3), short[:3])

    def test_a_prior_of_ones_own_may_draw_with_numpy(self):
        standard = dp.priors.Gaussian(np.zeros(2), 1.0)

        class Own:
            event_shape = (2,)

            def score(self, x, sigma=0.0):
                return standard.score(x, sigma)

            def sample(self, n_samples, rng=None):
                return np.random.default_rng(rng).normal(size=(n_samples, 2))

        assert "score_of_draws" in dp.testing.check_prior(Own()).kept
        measurement = dp.LinearGaussian(np.eye(2), 0.5)
        result = dp.posterior.annealed_smc(Own(), measurement, np.ones(2), n_samples=500, rng=0)
        assert result.samples.shape == (500, 2)


LIMITS = {
    "step": 2**32,
    "purpose": 2**8,
    "stage": 2**8,
    "cloud": 2**16,
    "first_chain": 2**32 - 1,
}


class TestBadInput:
    @pytest.mark.parametrize("function", FUNCTIONS)
    @pytest.mark.parametrize("field", LIMITS)
    def test_fields_out_of_range(self, function, field):
        function(KEY, (1, 2), **{field: LIMITS[field] - 1})
        for value in (LIMITS[field] + (field == "first_chain"), -1):
            with pytest.raises(ValueError, match=field):
                function(KEY, (1, 2), **{field: value})
        with pytest.raises(TypeError, match=field):
            function(KEY, (1, 2), **{field: 1.5})

    @pytest.mark.parametrize("function", FUNCTIONS)
    def test_wrong_arguments(self, function):
        with pytest.raises(TypeError, match="key"):
            function(0, (1, 2))
        for shape in (3, (), "ab", (1, 2.5)):
            with pytest.raises(TypeError, match="shape"):
                function(KEY, shape)
        with pytest.raises(ValueError, match="shape"):
            function(KEY, (-1, 2))

    def test_like_must_be_real(self):
        with pytest.raises(TypeError, match="like"):
            dp.random.normal(KEY, (1, 2), like=np.zeros(1, complex))

    @pytest.mark.parametrize("rng", [1.5, "seed", True, object()])
    def test_wrong_seeds(self, rng):
        with pytest.raises(TypeError, match="rng"):
            dp.random.key(rng)

    def test_negative_seed(self):
        with pytest.raises(ValueError, match="rng"):
            dp.random.key(-1)

    def test_words_of_a_key(self):
        for value in (-1, 2**32):
            with pytest.raises(ValueError, match="word0"):
                Key(value, 0)
