import functools
import shutil

from by_hand import cycle, digits, weights
from mnist_helpers.batches import TensorBatches, random_affine
from mnist_helpers.data import data_root
from mnist_helpers.drawing import drawn_digits
from mnist_helpers.models import CNN, WideCNN
from mnist_helpers.training import save_checkpoint, trained, trained_cnn
import pytest
import torch


def place(patch, folder, share):
    """Keep the network in a folder, and train for real, but on one in so many of the digits."""
    patch.setattr(trained, "load_datasets", lambda: (digits(60_000 // share), None))
    patch.setattr(trained, "drawn_digits", lambda count: drawn_digits(count // share))
    patch.setenv("MNIST_DATA_DIR", str(folder))
    patch.setenv("MNIST_PRECISION", "float32")
    patch.setenv("MNIST_DEVICE", "cpu")


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """The folder and the network of a first call."""
    folder = tmp_path_factory.mktemp("digits")
    (folder / "MNIST").symlink_to(data_root() / "MNIST", target_is_directory=True)
    with pytest.MonkeyPatch.context() as patch:
        place(patch, folder, share=100)
        before = torch.get_rng_state()
        model = trained_cnn(progress=False)
    assert torch.equal(torch.get_rng_state(), before), "the caller's random numbers go on"
    return folder, model


@pytest.fixture
def kept(first, tmp_path, monkeypatch):
    """A copy of the file that the first call kept."""
    shutil.copytree(first[0], tmp_path / "digits", symlinks=True)
    place(monkeypatch, tmp_path / "digits", share=500)
    (path,) = (path for path in (tmp_path / "digits").iterdir() if path.name != "MNIST")
    return path


def test_the_recipe_is_what_pytorch_makes_of_it_by_hand(first) -> None:
    few, (images, labels) = digits(600), drawn_digits(30)
    batches = TensorBatches(
        torch.cat([few.data, images]), torch.cat([few.targets, labels]), 128, shuffle=True, seed=0
    )
    generator = torch.Generator().manual_seed(0)
    changed = functools.partial(
        random_affine, degrees=10, scale=0.15, shift=2, shear=0.3, generator=generator
    )
    pairs = [(changed(images), labels) for _ in range(3) for images, labels in batches]
    torch.manual_seed(0)
    by_hand = CNN()
    cycle(by_hand, pairs, 0.005, smoothing=0.1)
    assert weights(first[1]) == weights(by_hand)


def test_the_next_call_loads_what_was_kept_in_evaluation_mode_and_says_so(
    first, kept, capsys
) -> None:
    before = kept.read_bytes()
    model = trained_cnn()
    assert capsys.readouterr() == ("trained_cnn: the network kept from an earlier call\n", "")
    assert kept.read_bytes() == before
    assert type(model) is CNN
    assert weights(model) == weights(first[1])
    assert not any(module.training for one in (model, first[1]) for module in one.modules())


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (flip_a_bit, "is damaged, or was not written by this version of save_checkpoint"),
        (lambda path: save_checkpoint(path, WideCNN()), "from WideCNN and does not fit this CNN"),
        (lambda path: path.unlink(), ""),
    ],
    ids=["a flipped bit", "another network", "none"],
)
def test_a_file_that_does_not_fit_is_replaced_and_the_reason_said(
    kept, capsys, damage, reason
) -> None:
    damage(kept)
    model = trained_cnn()
    said, bar = capsys.readouterr()
    when = f"anew, and kept for the next call, because of the old one: {kept} " if reason else "now"
    assert said.startswith(f"trained_cnn: a network trained {when}")
    assert reason in said
    assert said.count("\n") == 1
    assert "3/3" in bar, "three epochs of one batch"
    assert weights(trained_cnn(progress=False)) == weights(model)
    assert capsys.readouterr() == ("", "")


def test_a_network_that_cannot_be_kept_is_returned_all_the_same(kept, capsys) -> None:
    kept.unlink()
    kept.mkdir()
    assert not trained_cnn().training
    said = capsys.readouterr().out
    assert "but not kept for the next call (IsADirectoryError in the folder of the data)" in said
    assert list(kept.iterdir()) == []
