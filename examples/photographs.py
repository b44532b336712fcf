"""The photographs of the examples: those that a prior is fitted to, and those it is tested on.

All come inside the wheels of scikit-learn and scikit-image, nothing is downloaded. Their sources
and licences, as those packages state them:

===========  =======================================================================
china        danielbuechele on Flickr, CC BY 2.0 (scikit-learn)
flower       vultilion on Flickr, CC BY 2.0 (scikit-learn)
coffee       Rachel Michetti, courtesy of Pikolo Espresso Bar, CC0 (scikit-image)
rocket       SpaceX, public domain (scikit-image)
brick        CC0Textures "Bricks25", CC0 (scikit-image)
grass        linolafett on DeviantArt, CC0 (scikit-image)
gravel       CC0Textures "Gravel04", CC0 (scikit-image)
coins        Brooklyn Museum, no known copyright (scikit-image)
moon         scikit-image
camera       Lav Varshney, CC0 (scikit-image); tested on
astronaut    NASA, public domain (scikit-image); tested on
cat          Stefan van der Walt, CC0 (scikit-image); tested on
motorcycle   Middlebury stereo benchmark of 2014 (scikit-image); tested on
===========  =======================================================================
"""

import numpy as np
import skimage.data
import sklearn.datasets

NAMES = ("camera", "astronaut", "cat", "motorcycle")
GREY = np.array([0.2125, 0.7154, 0.0721])


def _plain(image):
    """Float32 in [0, 1]."""
    return np.asarray(image, np.float32) / np.float32(255)


def grey(image):
    """The luminance of an image (h, w) or (h, w, 3)."""
    return image if image.ndim == 2 else (image @ GREY).astype(np.float32)


def halved(image):
    """Means of blocks of 2 x 2."""
    h, w = (n // 2 for n in image.shape[:2])
    blocks = image[: 2 * h, : 2 * w].reshape(h, 2, w, 2, *image.shape[2:])
    return blocks.mean(axis=(1, 3))


def training():
    """Grey photographs to fit a prior to, at the scales at which they are used."""
    china, flower = (
        grey(_plain(sklearn.datasets.load_sample_image(f"{name}.jpg")))
        for name in ("china", "flower")
    )
    named = ("coffee", "brick", "grass", "gravel", "coins", "moon", "rocket")
    own = {name: grey(_plain(getattr(skimage.data, name)())) for name in named}
    whole = [own[name] for name in named[:-1]] + [china, flower]
    half = [own[name] for name in ("rocket", "coffee", "brick", "gravel", "grass")]
    return whole + [halved(image) for image in (*half, china, flower)]


def test(name, size=256, colour=False):
    """A test photograph (size, size) or (3, size, size), in [0, 1]; size is 256 or 512."""
    if size == 512 and name not in NAMES[:2]:
        raise ValueError(f"only {NAMES[:2]} have 512 x 512 pixels, got {name}")
    if name in ("camera", "astronaut"):
        image = _plain(getattr(skimage.data, name)())
        image = image if size == 512 else halved(image)
    elif name == "cat":
        image = _plain(skimage.data.chelsea())[20:276, 80:336]
    else:
        image = _plain(skimage.data.stereo_motorcycle()[0])[100:356, 200:456]
    if not colour:
        return np.ascontiguousarray(grey(image))
    if image.ndim == 2:
        raise ValueError(f"{name} has no colours")
    return np.ascontiguousarray(np.moveaxis(image, -1, 0))
