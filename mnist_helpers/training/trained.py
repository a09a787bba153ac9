"""A network that is trained already: kept from an earlier call, or trained now."""

import functools
from pathlib import Path

import torch

from ..batches import random_affine
from ..data import data_root, load_datasets
from ..drawing import drawn_digits
from ..models import CNN
from .checkpoints import load_checkpoint, save_checkpoint
from .fast import choose_precision, fit_fast
from .loops import get_device

# To be raised with every change of the recipe.
_RECIPE = 2


def trained_cnn(progress: bool = True) -> CNN:
    """Return a `CNN` in evaluation mode that reads digits, MNIST's and those that people draw.

    The first call trains it in some twenty seconds, on MNIST's digits and 6,000 of `drawn_digits`,
    and keeps it in the folder of `data_root`, from where later calls load it.
    """
    path = data_root() / f"trained_cnn_{_RECIPE}.pt"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = CNN().to(get_device())
    try:
        load_checkpoint(path, model)
        said = "the network kept from an earlier call"
    except FileNotFoundError:
        said = f"a network trained now, {_trained_and_kept(model, path, progress)}"
    except (OSError, ValueError) as error:
        kept = _trained_and_kept(model, path, progress)
        said = f"a network trained anew, {kept}, because of the old one: {error}"
    if progress:
        print(f"trained_cnn: {said}")
    return model.eval()


def _trained_and_kept(model: CNN, path: Path, progress: bool) -> str:
    train_set, _ = load_datasets()
    images, labels = drawn_digits(6_000)
    train_set.data = torch.cat([train_set.data, images])
    train_set.targets = torch.cat([train_set.targets, labels])
    generator = torch.Generator().manual_seed(0)
    augment = functools.partial(random_affine, scale=0.15, shear=0.3, generator=generator)
    precision, _ = choose_precision(next(model.parameters()).device)
    fit_fast(model, train_set, epochs=3, precision=precision, progress=progress, augment=augment)
    try:
        save_checkpoint(path, model)
    except OSError as error:
        return f"but not kept for the next call ({type(error).__name__} in the folder of the data)"
    return "and kept for the next call"
