"""Trains the network that the package comes with, `trained_cnn`: ``python tools/train_cnn.py``.

It takes a minute or two. ``--validate`` keeps 10,000 of MNIST's training digits apart, says how
many of them are read, and saves nothing: whatever is chosen is chosen by that. It computes in
float32, so that the network comes out alike wherever numbers are rounded alike.
"""

import argparse
import functools

from mnist_helpers.batches import TensorBatches, random_affine, split_indices
from mnist_helpers.data import load_datasets
from mnist_helpers.drawing import drawn_digits
from mnist_helpers.models import CNN
from mnist_helpers.training import evaluate, fit_fast, get_device, save_checkpoint
from mnist_helpers.training.trained import FILE
import torch
import torch.nn.functional as F

EPOCHS = 3
DRAWN = 6_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--validate", action="store_true")
    validate = parser.parse_args().validate
    train_set, test_set = load_datasets()
    judged = TensorBatches(test_set.data, test_set.targets, batch_size=1000)
    if validate:
        chosen, apart = split_indices(len(train_set.data), validation=10_000)
        judged = TensorBatches(train_set.data[apart], train_set.targets[apart], batch_size=1000)
        train_set.data, train_set.targets = train_set.data[chosen], train_set.targets[chosen]
    images, labels = drawn_digits(DRAWN)
    train_set.data = torch.cat([train_set.data, images])
    train_set.targets = torch.cat([train_set.targets, labels])

    torch.manual_seed(0)
    model = CNN().to(get_device())
    generator = torch.Generator().manual_seed(0)
    augment = functools.partial(random_affine, scale=0.15, shear=0.3, generator=generator)
    fit_fast(model, train_set, epochs=EPOCHS, precision=torch.float32, augment=augment)
    _, accuracy = evaluate(model, judged, F.cross_entropy)
    print(f"{accuracy:.2%} of {len(judged.labels):,} digits are read")
    if not validate:
        save_checkpoint(FILE, model.cpu(), epoch=EPOCHS)


if __name__ == "__main__":
    main()
