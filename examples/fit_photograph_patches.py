"""Fit the mixture that `dp.priors.photograph_patches` loads, and write its table.

Patches of 8 x 8 pixels, less their means, follow a mixture of Gaussians with mean zero, fitted
by expectation-maximisation. Both of its steps are one matrix product with the products of
entries of the patches.
"""

import argparse

import numpy as np
import photographs

SIDE = 8
FLOOR = 2e-6
"""Smallest variance of a component: about a third of a grey level."""


def sampled(images, n, rng):
    """n patches (n, 64), less their means, in the eight orientations of a square."""
    parts = []
    for image, m in zip(images, np.bincount(np.arange(n) % len(images)), strict=True):
        windows = np.lib.stride_tricks.sliding_window_view(image, (SIDE, SIDE))
        rows, columns = (rng.integers(side, size=m) for side in windows.shape[:2])
        parts.append(windows[rows, columns])
    patches = np.concatenate(parts)
    turned = [np.rot90(patches, k, axes=(1, 2)) for k in range(4)]
    turned += [np.swapaxes(a, 1, 2) for a in turned]
    which = np.arange(n) % 8
    patches = np.select([which[:, None, None] == k for k in range(8)], turned)
    patches = patches.reshape(n, -1)
    return rng.permutation(patches - patches.mean(axis=1, keepdims=True))


def without_mean():
    """Orthonormal coordinates (64, 63) of patches whose mean is zero."""
    eye = np.eye(SIDE * SIDE)
    eye[:, 0] = 1
    return np.linalg.qr(eye)[0][:, 1:]


class Products:
    """The products z_i z_j, i <= j, of the entries of each row, in blocks of rows."""

    def __init__(self, z):
        self.z = z.astype(np.float32)
        self.i, self.j = np.triu_indices(z.shape[1])

    def __iter__(self):
        for start in range(0, len(self.z), 4096):
            z = self.z[start : start + 4096]
            yield slice(start, start + len(z)), z[:, self.i] * z[:, self.j]

    def packed(self, matrices):
        """Symmetric matrices (K, d, d) as coefficients (K, d (d + 1) / 2) of the products."""
        return matrices[:, self.i, self.j] * np.where(self.i == self.j, 1.0, 2.0)

    def unpacked(self, sums, d):
        """The matrices whose entries are sums of the products."""
        matrices = np.zeros((len(sums), d, d))
        matrices[:, self.i, self.j] = matrices[:, self.j, self.i] = sums
        return matrices


def started(z, n_components, rng):
    """Responsibilities from the likeness to random patches, in direction and in size."""
    size = np.sqrt(np.sum(z * z, axis=1)) + 1e-3
    seeds = rng.choice(len(z), n_components, replace=False)
    cosine = (z / size[:, None]) @ (z[seeds] / size[seeds, None]).T
    apart = np.log(size)[:, None] - np.log(size[seeds])
    return np.eye(n_components)[np.argmax(cosine**2 - 0.5 * apart**2, axis=1)]


def maximised(products, responsibilities):
    """Weights and covariances, with a floor, of the rows that each component answers for."""
    d = products.z.shape[1]
    sums = sum(responsibilities[rows].T.astype(np.float32) @ block for rows, block in products)
    counts = responsibilities.sum(axis=0) + 1e-3
    values, vectors = np.linalg.eigh(products.unpacked(sums / counts[:, None], d))
    values = np.maximum(values, FLOOR)
    covs = (vectors * values[:, None, :]) @ np.swapaxes(vectors, 1, 2)
    return counts / counts.sum(), covs


def expected(products, weights, covs):
    """Responsibilities, and the mean log density."""
    values, vectors = np.linalg.eigh(covs)
    precisions = (vectors / values[:, None, :]) @ np.swapaxes(vectors, 1, 2)
    constant = np.log(weights) - 0.5 * np.sum(np.log(2 * np.pi * values), axis=1)
    packed = (-0.5 * products.packed(precisions)).T.astype(np.float32)
    logits = np.concatenate([block @ packed for _, block in products]) + constant
    peak = logits.max(axis=1, keepdims=True)
    likely = np.exp(logits - peak)
    total = likely.sum(axis=1, keepdims=True)
    return likely / total, float(np.mean(peak + np.log(total)))


def fitted(z, n_components, n_iterations, rng):
    """Weights (K,) and covariances (K, 63, 63)."""
    products, responsibilities = Products(z), started(z, n_components, rng)
    for i in range(n_iterations):
        weights, covs = maximised(products, responsibilities)
        responsibilities, density = expected(products, weights, covs)
        print(f"iteration {i + 1}: log density {density:.3f} nats per patch", flush=True)
    return maximised(products, responsibilities)


def main(options):
    rng = np.random.default_rng(0)
    patches, basis = sampled(photographs.training(), options.patches, rng), without_mean()
    weights, covs = fitted(patches @ basis, options.components, options.iterations, rng)
    i, j = np.triu_indices(SIDE * SIDE)
    packed = (basis @ covs @ basis.T)[:, i, j].astype(np.float32)
    np.savez_compressed(options.out, weights=weights.astype(np.float32), covs=packed)
    print(f"table: {options.out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--components", type=int, default=100)
    parser.add_argument("--patches", type=int, default=100_000)
    parser.add_argument("--iterations", type=int, default=40)
    parser.add_argument("--out", default="photograph_patches.npz")
    main(parser.parse_args())
