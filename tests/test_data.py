import hashlib
from pathlib import Path
import sys

from mnist_helpers import data
from mnist_helpers.data import MNIST_FILES, data_root, load_datasets, make_loaders
import pytest
import torch
from torchvision.datasets import MNIST

ARCHIVES = Path(data.__file__).parent / "archives"


def test_the_archives_are_torchvisions():
    packed = {f"{name}.gz": (ARCHIVES / f"{name}.gz").read_bytes() for name in MNIST_FILES}
    md5 = {name: hashlib.md5(content).hexdigest() for name, content in packed.items()}
    assert md5 == dict(MNIST.resources)
    listed = (ARCHIVES / "SHA256SUMS").read_text(encoding="ascii").split()
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in packed.items()}
    assert dict(zip(listed[1::2], listed[::2], strict=True)) == sums


@pytest.mark.skipif(sys.platform != "linux", reason="only there XDG_CACHE_HOME has a say")
@pytest.mark.parametrize("chosen", [None, ""])
def test_the_folder_lies_in_the_users_cache(tmp_path, monkeypatch, chosen):
    monkeypatch.setattr(data, "_is_recorded", lambda raw: True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("MNIST_DATA_DIR", "")
    if chosen is None:
        monkeypatch.delenv("MNIST_DATA_DIR")
    assert data_root() == tmp_path / "mnist_helpers"


def test_the_datasets_are_torchvisions_with_digits_as_tensors():
    for dataset, count, first_label in zip(load_datasets(), (60_000, 10_000), (5, 7), strict=True):
        assert isinstance(dataset, MNIST)
        assert len(dataset) == count
        image, label = dataset[0]
        assert (image.shape, image.dtype) == ((1, 28, 28), torch.float32)
        assert torch.equal(image[0], dataset.data[0] / 255)
        assert (type(label), label) == (int, first_label)


def test_the_loaders_keep_the_files_order():
    for loader, last in zip(make_loaders(), (32, 16), strict=True):
        indices = list(loader.batch_sampler)
        assert (len(indices[0]), len(indices[-1])) == (64, last)
        order = [index for batch in indices for index in batch]
        assert order == list(range(len(loader.dataset)))
        images, labels = next(iter(loader))
        assert (images.shape, images.dtype) == ((64, 1, 28, 28), torch.float32)
        assert torch.equal(labels, loader.dataset.targets[:64])


def test_shuffling_draws_a_new_order_for_each_epoch():
    orders = []
    for seed in (7, 7, 8):
        torch.manual_seed(seed)
        train_loader, test_loader = make_loaders(batch_size=1000, shuffle=True)
        orders.append([list(train_loader.sampler) for _ in range(2)])
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0][0]) == list(range(60_000)) != orders[0][0] != orders[0][1]
    assert list(test_loader.sampler) == list(range(10_000))
    assert (train_loader.batch_size, test_loader.batch_size) == (1000, 1000)
