import errno
import os
import pickle

from mnist_helpers.data import DataError, data_root, load_datasets
from mnist_helpers.drawing import drawn_digits
from mnist_helpers.models import CNN, WideCNN
from mnist_helpers.training import save_checkpoint, trained, trained_cnn
import pytest
import torch


class Training:
    """Stands in for `fit_one_cycle`, which takes twenty seconds: notes what it is given, and fills the weights with the
    number of the call."""

    def __init__(self):
        self.calls = []
        self.error = None

    def __call__(self, model, batches, **arguments):
        start = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        self.calls.append({"batches": batches, "start": start, **arguments})
        if self.error is not None:
            raise self.error
        # As the real one leaves it.
        model.train()
        model.to(memory_format=torch.channels_last)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.fill_(len(self.calls))


@pytest.fixture(scope="module")
def digits():
    """The digits that the training adds, drawn once: it takes seconds."""
    return drawn_digits(3_000)


@pytest.fixture
def training(monkeypatch, digits):
    def as_asked(count, seed=0):
        assert seed == 0
        return tuple(part[:count] for part in digits)

    monkeypatch.setattr(trained, "drawn_digits", as_asked)
    # Measuring it takes a second.
    monkeypatch.setenv("MNIST_PRECISION", "float32")
    monkeypatch.setenv("MNIST_DEVICE", "cpu")
    training = Training()
    monkeypatch.setattr(trained, "fit_one_cycle", training)
    return training


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of its own for what is kept, with the digits of the usual one."""
    folder = tmp_path / "digits"
    folder.mkdir()
    try:
        (folder / "MNIST").symlink_to(data_root() / "MNIST", target_is_directory=True)
    except OSError:
        pytest.skip("this system makes no symbolic links")
    monkeypatch.setenv("MNIST_DATA_DIR", str(folder))
    return folder


def kept(folder):
    """What lies in the folder beside the digits: the kept network, and nothing else."""
    return [path for path in sorted(folder.iterdir()) if path.name != "MNIST"]


def number(model):
    """The number of the training that a model comes from."""
    (value,) = {value for tensor in model.parameters() for value in tensor.unique().tolist()}
    return value


def test_the_first_call_trains_and_keeps_and_says_so(training, folder, capsys) -> None:
    model = trained_cnn()
    assert len(training.calls) == 1
    assert number(model) == 1
    (path,) = kept(folder)
    assert path.suffix == ".pt"
    said = capsys.readouterr().out
    assert said == "trained_cnn: a network trained now, and kept for the next call\n"


def test_the_next_call_loads_and_does_not_train_and_says_so(training, folder, capsys) -> None:
    trained_cnn()
    (path,) = kept(folder)
    before = path.read_bytes()
    capsys.readouterr()
    model = trained_cnn()
    assert len(training.calls) == 1
    assert number(model) == 1
    assert capsys.readouterr().out == "trained_cnn: the network kept from an earlier call\n"
    assert kept(folder) == [path]
    assert path.read_bytes() == before


def test_a_trained_network_and_a_loaded_one_answer_alike(training, folder) -> None:
    images = torch.rand(5, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    first, second = trained_cnn(progress=False), trained_cnn(progress=False)
    assert len(training.calls) == 1
    assert first is not second
    with torch.no_grad():
        assert torch.allclose(first(images), second(images))


def test_the_network_comes_in_evaluation_mode_on_the_device_of_the_lessons(
    training, folder
) -> None:
    for model in (trained_cnn(progress=False), trained_cnn(progress=False)):
        assert type(model) is CNN
        assert not any(module.training for module in model.modules())
        assert {parameter.device.type for parameter in model.parameters()} == {"cpu"}


def test_without_progress_nothing_is_printed(training, folder, capfd) -> None:
    trained_cnn(progress=False)
    trained_cnn(progress=False)
    kept(folder)[0].write_bytes(b"damaged")
    trained_cnn(progress=False)
    assert [call["progress"] for call in training.calls] == [False, False]
    assert capfd.readouterr() == ("", "")


def test_with_progress_the_training_shows_its_bar(training, folder) -> None:
    trained_cnn()
    assert training.calls[0]["progress"] is True


def flip_a_bit_of_the_weights(path):
    content = bytearray(path.read_bytes())
    weights = torch.ones(64).numpy().tobytes()
    assert content.count(weights) > 0, "the stub fills the weights with ones"
    content[content.index(weights) + 100] ^= 1
    path.write_bytes(content)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1000])


def empty(path):
    path.write_bytes(b"")


def put_another_network(path):
    save_checkpoint(path, WideCNN())


def put_weights_alone(path):
    torch.save(CNN().state_dict(), path)


class MakesAFolder:
    """What an attacker would put in a file: reading it with pickle calls a function."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def put_code(path):
    path.write_bytes(pickle.dumps(MakesAFolder(path.with_name("made by the file")), protocol=2))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (truncate, "cannot be read as a checkpoint"),
        (empty, "cannot be read as a checkpoint"),
        (flip_a_bit_of_the_weights, "weights are not those that were saved"),
        (put_another_network, "saved from WideCNN and does not fit this CNN"),
        (put_weights_alone, "not one that save_checkpoint wrote"),
        (put_code, "cannot be read as a checkpoint"),
    ],
)
def test_a_file_that_is_damaged_or_does_not_fit_is_replaced_and_the_reason_said(
    training, folder, capsys, damage, reason
) -> None:
    trained_cnn(progress=False)
    (path,) = kept(folder)
    damage(path)
    assert number(trained_cnn()) == 2
    said = capsys.readouterr().out
    assert said.startswith("trained_cnn: a network trained anew, and kept for the next call, ")
    assert reason in said
    assert str(path) in said
    assert said.count("\n") == 1
    assert kept(folder) == [path], "no code was run, and nothing was left behind"
    assert number(trained_cnn()) == 2
    assert len(training.calls) == 2
    assert "kept from an earlier call" in capsys.readouterr().out


def test_a_network_trained_anew_starts_as_the_first_one_did(training, folder) -> None:
    trained_cnn(progress=False)
    flip_a_bit_of_the_weights(kept(folder)[0])
    trained_cnn(progress=False)
    first, second = (call["start"] for call in training.calls)
    assert all(torch.equal(first[name], second[name]) for name in first)


def refuse_to_write(*arguments):
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def have_no_space(*arguments):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("refuse", "name"), [(refuse_to_write, "PermissionError"), (have_no_space, "OSError")]
)
@pytest.mark.parametrize("old", [False, True])
def test_a_network_that_cannot_be_kept_is_returned_all_the_same(
    training, folder, monkeypatch, capsys, refuse, name, old
) -> None:
    if old:
        trained_cnn(progress=False)
        truncate(kept(folder)[0])
    before = {path: path.read_bytes() for path in kept(folder)}
    monkeypatch.setattr(trained, "save_checkpoint", refuse)
    model = trained_cnn()
    assert number(model) == (2 if old else 1)
    assert not model.training
    said = capsys.readouterr().out
    assert f"but not kept for the next call ({name} in the folder of the data)" in said
    assert ("cannot be read as a checkpoint" in said) == old
    assert said.count("\n") == 1
    assert {path: path.read_bytes() for path in kept(folder)} == before


def test_a_folder_in_the_files_place_leaves_the_network_to_be_trained_each_time(
    training, folder, capsys
) -> None:
    trained_cnn(progress=False)
    (path,) = kept(folder)
    path.unlink()
    path.mkdir()
    assert number(trained_cnn()) == 2
    assert "but not kept" in capsys.readouterr().out
    assert kept(folder) == [path]


def test_a_disk_that_is_full_costs_no_trained_network(training, folder, capsys) -> None:
    # Not simulated: torch reports it in another way than Python does.
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        model = trained_cnn()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert number(model) == 1
    assert "but not kept" in capsys.readouterr().out
    assert kept(folder) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_training_that_is_broken_off_keeps_nothing(training, folder, capsys, error) -> None:
    training.error = error
    with pytest.raises((KeyboardInterrupt, RuntimeError)):
        trained_cnn()
    assert kept(folder) == []
    assert capsys.readouterr().out == ""
    # The next call begins from the start.
    training.error = None
    assert number(trained_cnn()) == 2
    first, second = (call["start"] for call in training.calls)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_training_that_is_broken_off_leaves_the_file_as_it_was(training, folder) -> None:
    trained_cnn(progress=False)
    (path,) = kept(folder)
    put_another_network(path)
    before = path.read_bytes()
    training.error = KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        trained_cnn()
    assert kept(folder) == [path]
    assert path.read_bytes() == before


def test_loading_is_not_followed_by_saving(training, folder, monkeypatch) -> None:
    trained_cnn(progress=False)

    def fail(*arguments):
        raise AssertionError("saved")

    monkeypatch.setattr(trained, "save_checkpoint", fail)
    trained_cnn(progress=False)


def test_data_that_cannot_be_prepared_is_said(training, tmp_path, monkeypatch) -> None:
    in_the_way = tmp_path / "a file"
    in_the_way.write_bytes(b"")
    monkeypatch.setenv("MNIST_DATA_DIR", str(in_the_way))
    with pytest.raises(DataError, match="a file is in the way"):
        trained_cnn()
    assert training.calls == []


def test_the_global_random_numbers_are_neither_read_nor_moved(training, folder) -> None:
    for seed, damaged in ((1, False), (2, False), (3, True)):
        if damaged:
            truncate(kept(folder)[0])
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        trained_cnn(progress=False)
        assert torch.equal(torch.get_rng_state(), before)
    first, second = (call["start"] for call in training.calls)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert first["block_1.0.weight"].std() > 0.05, "drawn at random all the same"


def test_it_is_trained_on_mnists_training_set_and_on_3000_drawn_digits(
    training, folder, digits
) -> None:
    trained_cnn(progress=False)
    batches = training.calls[0]["batches"]
    train_set, _ = load_datasets()
    assert batches.images.shape == (63_000, 28, 28)
    assert batches.images.dtype == torch.uint8
    assert torch.equal(batches.images[:60_000], train_set.data)
    assert torch.equal(batches.labels[:60_000], train_set.targets)
    assert torch.equal(batches.images[60_000:], digits[0])
    assert torch.equal(batches.labels[60_000:], digits[1])


def test_it_is_trained_as_its_docstring_says(training, folder) -> None:
    trained_cnn(progress=False)
    (call,) = training.calls
    assert call["epochs"] == 3
    assert call["precision"] == torch.float32, "as MNIST_PRECISION asks for"
    assert (call["batches"].batch_size, call["batches"].shuffle) == (128, True)
    assert call["label_smoothing"] == 0.1


def test_the_changes_of_each_batch_keep_shape_and_range_and_spare_the_global_random_numbers(
    training, folder
) -> None:
    trained_cnn(progress=False)
    (call,) = training.calls
    images, labels = next(iter(call["batches"]))
    assert (images.shape, labels.shape) == ((128, 1, 28, 28), (128,))
    before = torch.get_rng_state()
    first, second = (call["augment"](images) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    for changed in (first, second):
        assert (changed.shape, changed.dtype) == (images.shape, torch.float32)
        assert changed.min() >= 0
        assert changed.max() <= 1 + 1e-6
        assert not torch.allclose(changed, images, atol=0.01)
    assert not torch.allclose(first, second, atol=0.01), "each batch in its own way"


def test_the_changes_of_a_training_slant_by_up_to_17_degrees(training, folder) -> None:
    trained_cnn(progress=False)
    # An upright: where its upper and its lower part lie tells its slant and rotation, together at most 27 degrees.
    upright = torch.zeros(500, 1, 28, 28)
    upright[:, :, 6:22, 13:15] = 1
    changed = training.calls[0]["augment"](upright)[:, 0]
    columns, rows = torch.arange(28.0), torch.arange(28.0)
    places = (changed * columns).sum(dim=2) / changed.sum(dim=2).clamp(min=1e-6)
    weights = changed.sum(dim=2)
    middle = (weights * rows).sum(dim=1, keepdim=True) / weights.sum(dim=1, keepdim=True)
    height = weights * (rows - middle)
    slopes = (height * places).sum(dim=1) / (height * (rows - middle)).sum(dim=1)
    slants = torch.rad2deg(torch.atan(slopes))
    assert 17 < slants.max() < 32
    assert -32 < slants.min() < -17
