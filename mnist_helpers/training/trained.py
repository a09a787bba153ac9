"""A network that is trained already: kept from an earlier call, or trained now."""

import functools
from pathlib import Path

import torch

from ..batches import TensorBatches, random_affine
from ..checks import require_bool
from ..data import data_root, load_datasets
from ..drawing import drawn_digits
from ..models import CNN
from .checkpoints import load_checkpoint, save_checkpoint
from .fast import choose_precision, fit_one_cycle, keep_freed_memory
from .loops import get_device

# To be raised with every change of the recipe, so that no network of an older one is taken for one of the new.
_RECIPE = 1


def trained_cnn(progress: bool = True) -> CNN:
    """Return a `CNN` that reads digits, MNIST's and those that people draw, in evaluation mode, on the device that
    `get_device` names.

    The first call trains it, in some twenty seconds on two cores, and keeps it in the folder of `data_root`; later
    calls, in any process, load it from there. A file that is damaged or does not fit is replaced. One line says which.

    It is trained as in lesson 05, with one cycle of the learning rate, for three epochs, and every batch is changed at
    random: rotated by up to 10°, stretched by up to 15 %, moved by up to two pixels, slanted by up to 17°. MNIST's
    60,000 digits are joined by 3,000 of `drawn_digits`: ones with a long upstroke, sevens with a bar, open fours.

    Args:
        progress: print that line, and show a progress bar.

    Raises:
        TypeError: `progress` is neither True nor False.
        DataError: MNIST could not be prepared.
    """
    require_bool("progress", progress)
    model = _new_network()
    try:
        load_checkpoint(_path(), model)
        said = "trained_cnn: the network kept from an earlier call"
    except FileNotFoundError:
        said = f"trained_cnn: a network trained now, {_trained_and_kept(model, progress)}"
    except ValueError as error:
        kept = _trained_and_kept(model, progress)
        said = f"trained_cnn: a network trained anew, {kept}, because of the old one: {error}"
    if progress:
        print(said)
    return model.eval()


def _path() -> Path:
    return data_root() / f"trained_cnn_{_RECIPE}.pt"


def _new_network() -> CNN:
    # The caller's random numbers go on as if nothing had been drawn.
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return CNN().to(get_device())


def _trained_and_kept(model: CNN, progress: bool) -> str:
    """Train a network, try to keep it, and return in words whether that went well."""
    train_set, _ = load_datasets()
    images, labels = drawn_digits(3_000)
    batches = TensorBatches(
        torch.cat([train_set.data, images]),
        torch.cat([train_set.targets, labels]),
        batch_size=128,
        shuffle=True,
    )
    device = next(model.parameters()).device
    augment = functools.partial(
        random_affine, scale=0.15, shear=0.3, generator=torch.Generator().manual_seed(0)
    )
    keep_freed_memory()
    fit_one_cycle(
        model,
        batches,
        epochs=3,
        peak_rate=0.005,
        precision=choose_precision(device).dtype,
        label_smoothing=0.1,
        augment=augment,
        progress=progress,
    )
    try:
        save_checkpoint(_path(), model)
    except OSError as error:
        return f"but not kept for the next call ({type(error).__name__} in the folder of the data)"
    return "and kept for the next call"
