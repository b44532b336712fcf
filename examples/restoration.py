"""Four tasks of image restoration: what is measured, how it is sampled, what others do, scores."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import skimage.metrics
import skimage.restoration
import skimage.transform
from scipy.ndimage import distance_transform_edt

import diffpost_np as dp

WIDTH = 1.6
"""Standard deviation of the blur in pixels."""


class Task(NamedTuple):
    """A task, and how it is sampled: the last coupling and the sweeps between two draws."""

    noise: float
    rho: float
    thin: int
    measurement: Callable[..., Any]
    start: Callable[..., Any]
    classical: Callable[..., Any]


def psnr(image, truth):
    """Peak signal to noise ratio in dB, of values in [0, 1]."""
    return -10 * np.log10(np.mean((np.clip(image, 0, 1) - truth) ** 2))


def ssim(image, truth):
    """Structural similarity."""
    axis = 0 if truth.ndim == 3 else None
    image = np.clip(image, 0, 1).astype(np.float64)
    truth = truth.astype(np.float64)
    return skimage.metrics.structural_similarity(image, truth, data_range=1, channel_axis=axis)


def channels(function):
    """A function of grey images that colour ones, (3, h, w), go through one channel at a time."""

    def on_any(image, *arguments):
        if image.ndim == 2:
            return function(image, *arguments)
        return np.stack([function(channel, *arguments) for channel in image])

    return on_any


def kept_pixels(shape, seed):
    """Half of the pixels, in all channels alike."""
    return np.broadcast_to(np.random.default_rng(seed).random(shape[-2:]) < 0.5, shape)


def filled(measurement, y):
    """The measured image; what is missing takes the nearest pixel."""
    keep = measurement.operator.keep_image
    image = np.zeros(keep.shape, y.dtype)
    image[keep] = y
    plane = keep if keep.ndim == 2 else keep[0]
    nearest = distance_transform_edt(~plane, return_distances=False, return_indices=True)
    return image[(..., *nearest)]


def inpainting(shape, seed):
    keep = kept_pixels(shape, seed)
    operator = dp.operators.mask(keep)
    operator.keep_image = keep
    return operator


def denoising(shape, seed):
    operator = dp.operators.mask(np.ones(shape, bool))
    operator.keep_image = np.ones(shape, bool)
    return operator


def deblurring(shape, seed):
    return dp.operators.convolution(dp.operators.gaussian_kernel(WIDTH), shape)


def superresolution(shape, seed):
    return dp.operators.downsample(shape, 2)


def biharmonic(measurement, y, truth):
    keep, image = measurement.operator.keep_image, filled(measurement, y)
    if image.ndim == 2:
        return skimage.restoration.inpaint_biharmonic(image, ~keep)
    image = np.moveaxis(image, 0, -1)
    found = skimage.restoration.inpaint_biharmonic(image, ~keep[0], channel_axis=-1)
    return np.moveaxis(found, -1, 0)


@channels
def _wiener(image):
    """The filter is periodic as the blur is: a margin would make it worse."""
    kernel = dp.operators.gaussian_kernel(WIDTH)
    return skimage.restoration.unsupervised_wiener(image.astype(float), kernel, rng=0)[0]


@channels
def _bicubic(image):
    shape = tuple(2 * side for side in image.shape)
    return skimage.transform.resize(image.astype(float), shape, order=3, mode="reflect")


def tuned(measurement, y, truth):
    """Non-local means or total variation, whichever is nearest to the truth at any strength."""
    image, noise = filled(measurement, y), measurement.noise_std
    axis = 0 if image.ndim == 3 else None
    r = skimage.restoration
    nlm = (
        r.denoise_nl_means(image, 5, 6, h=h * noise, sigma=noise, fast_mode=True, channel_axis=axis)
        for h in (0.4, 0.6, 0.8, 1.0)
    )
    tv = (
        r.denoise_tv_chambolle(image, weight=w * noise, channel_axis=axis)
        for w in (0.6, 0.8, 1.0, 1.2, 1.5)
    )
    return max((*nlm, *tv), key=lambda found: psnr(found, truth))


TASKS = {
    "inpainting": Task(1 / 255, 0.015, 8, inpainting, filled, biharmonic),
    "deblurring": Task(
        2 / 255, 0.03, 12, deblurring, lambda m, y: y, lambda m, y, truth: _wiener(y)
    ),
    "super-resolution": Task(
        1 / 255,
        0.025,
        12,
        superresolution,
        lambda m, y: y.repeat(2, axis=-1).repeat(2, axis=-2),
        lambda m, y, truth: _bicubic(y),
    ),
    "denoising": Task(25 / 255, 0.05, 8, denoising, filled, tuned),
}


class Restored(NamedTuple):
    """A measured photograph, the run on it, and the classical result."""

    measured: np.ndarray
    result: dp.posterior.Result
    classical: np.ndarray
    scores: dict[str, float]


def measured(task, truth, seed):
    """The measurement of a task, and y in float32."""
    measurement = dp.LinearGaussian(task.measurement(truth.shape, seed), task.noise)
    return measurement, measurement.simulate(truth, rng=seed).astype(np.float32)


def sampled(task, measurement, y, shape, seed, n_samples=100, **options):
    """Draws of the photograph behind y, by four chains."""
    prior = dp.priors.PatchProduct(dp.priors.photograph_patches(), shape, (8, 8))
    return dp.posterior.split_gibbs(
        prior,
        measurement,
        y,
        n_samples=n_samples,
        n_chains=4,
        rho=task.rho,
        rho_max=0.3,
        thin=task.thin,
        initial=task.start(measurement, y),
        rng=seed,
        **options,
    )


def judged(result, classical, truth, measurement):
    """PSNR and SSIM of the mean, of a sample and of the classical result; coverage of 90 %."""
    low, high = result.quantile([0.05, 0.95])
    inside = (low <= truth) & (truth <= high)
    keep = getattr(measurement.operator, "keep_image", None)
    if keep is not None and not keep.all():
        inside = inside[~keep]
    mean = result.stages["mean"]
    return {
        "mean PSNR": psnr(mean, truth),
        "mean SSIM": ssim(mean, truth),
        "sample PSNR": psnr(result.samples[0], truth),
        "coverage": float(inside.mean()),
        "classical PSNR": psnr(classical, truth),
        "classical SSIM": ssim(classical, truth),
        "gain": psnr(mean, truth) - psnr(classical, truth),
        "R-hat": float(np.nanmean(result.trace["rhat"])),
        "seconds": result.seconds,
    }


def restored(name, truth, seed, **options):
    """A task from the photograph to the scores."""
    task = TASKS[name]
    measurement, y = measured(task, truth, seed)
    result = sampled(task, measurement, y, truth.shape, seed, **options)
    classical = task.classical(measurement, y, truth)
    shown = task.start(measurement, y) if name != "inpainting" else holes(measurement, y)
    return Restored(shown, result, classical, judged(result, classical, truth, measurement))


def holes(measurement, y):
    """The measured pixels on black."""
    image = np.zeros(measurement.event_shape, y.dtype)
    image[measurement.operator.keep_image] = y
    return image
