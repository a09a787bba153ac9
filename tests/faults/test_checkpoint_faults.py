import hashlib
import io
import os
import pickle
import random

from by_hand import batches, learner, linear, steps, weights
from dying import ended, forked, needs_fork, read_only
from mnist_helpers.training import load_checkpoint, save_checkpoint
import nbformat
import pytest
import run_notebooks
import torch


def trained(seed=0):
    model, optimizer = learner(seed=seed)
    steps(model, batches(8), optimizer)
    return model, optimizer


def state_of(model, optimizer):
    return weights(model), str(optimizer.state_dict())


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "network.pt"
    save_checkpoint(path, *trained(), epoch=7)
    return path


def expect_refusal(path, said):
    other = trained(seed=1)
    before = state_of(*other)
    with pytest.raises(ValueError, match="nothing of it was loaded") as caught:
        load_checkpoint(path, *other)
    assert state_of(*other) == before
    assert f"{path} {said}" in str(caught.value)
    assert "weights_only" not in str(caught.value)


def test_a_file_that_was_changed_anywhere_is_refused(checkpoint):
    content, buffer = checkpoint.read_bytes(), io.BytesIO()
    torch.save(linear().state_dict(), buffer)
    contents = [buffer.getvalue(), b"epoch,loss\n"]
    contents += [content[:length] for length in [*range(0, len(content), 4000), len(content) - 1]]
    for place in [*random.Random(0).sample(range(len(content)), 40), len(content) - 1]:
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        contents.append(bytes(changed))
    for one in contents:
        checkpoint.write_bytes(one)
        expect_refusal(checkpoint, "is damaged, or of an older version: nothing of it was loaded")


def test_code_in_a_file_never_runs(checkpoint, tmp_path):
    folder, buffer = tmp_path / "made by the file", io.BytesIO()

    class MakesAFolder:
        def __reduce__(self):
            return os.mkdir, (str(folder),)

    torch.save(torch.load(checkpoint) | {"epoch": MakesAFolder()}, buffer)
    checkpoint.write_bytes(buffer.getvalue() + hashlib.sha256(buffer.getvalue()).digest())
    expect_refusal(checkpoint, "holds more than tensors and numbers")
    (tmp_path / "bare.pt").write_bytes(pickle.dumps(MakesAFolder()))
    expect_refusal(tmp_path / "bare.pt", "is damaged")
    assert not folder.exists()
    # The trap is real: who reads it without care springs it.
    torch.load(checkpoint, weights_only=False)
    assert folder.exists()


def expect_failure(path, error):
    said = r"could not be written .*before is as it was.*save elsewhere"
    with pytest.raises(error, match=rf"The checkpoint \S*{path.name} {said}"):
        save_checkpoint(path, *trained(seed=1))


def test_a_folder_that_may_not_be_written_is_named(checkpoint):
    before = checkpoint.read_bytes()
    with read_only(checkpoint.parent):
        expect_failure(checkpoint, PermissionError)
    assert checkpoint.read_bytes() == before


def test_a_disk_that_fills_up_leaves_the_old_file_whole(checkpoint):
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    before = checkpoint.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        expect_failure(checkpoint, OSError)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert checkpoint.read_bytes() == before
    assert list(checkpoint.parent.iterdir()) == [checkpoint]


def test_a_folder_in_the_files_place_is_kept(tmp_path):
    (tmp_path / "network.pt").mkdir()
    expect_failure(tmp_path / "network.pt", IsADirectoryError)
    expect_failure(tmp_path / "absent" / "a.pt", FileNotFoundError)
    assert list(tmp_path.rglob("*")) == [tmp_path / "network.pt"]


@needs_fork
def test_a_killed_save_leaves_the_old_checkpoint(checkpoint):
    before, other = checkpoint.read_bytes(), trained(seed=1)

    def save():
        save_checkpoint(checkpoint, *other)

    for call in ("fsync", "replace"):
        assert ended(forked(save, call)) < 0
        assert checkpoint.read_bytes() == before
        left, kept = sorted(os.listdir(checkpoint.parent))
        assert (left.startswith(".network.pt."), kept) == (True, "network.pt")
    save()
    assert list(checkpoint.parent.iterdir()) == [checkpoint]
    assert checkpoint.read_bytes() != before


def test_of_two_saves_at_once_each_is_whole(checkpoint, monkeypatch):
    def meanwhile(_):  # what the first save has written is not moved yet
        monkeypatch.undo()
        save_checkpoint(checkpoint, *trained(seed=2))
        loaded.append(load_checkpoint(checkpoint, model))

    model, loaded, first = linear(), [], trained(seed=1)
    monkeypatch.setattr(os, "fsync", meanwhile)
    save_checkpoint(checkpoint, *first, epoch=5)
    loaded.append(load_checkpoint(checkpoint, model))
    assert (loaded, weights(model)) == ([0, 5], weights(first[0]))
    assert list(checkpoint.parent.iterdir()) == [checkpoint]


@pytest.fixture
def lesson(tmp_path):
    path = tmp_path / "01_a lesson.ipynb"
    cell = nbformat.v4.new_code_cell("print(1)", id="first")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    path.chmod(0o640)
    return path


@needs_fork
def test_a_run_killed_while_it_saves_leaves_the_old_notebook(lesson, monkeypatch):
    old, new = lesson.read_bytes(), "print('new')"

    def fill(notebook, folder):
        notebook.cells[0].source = new

    monkeypatch.setattr(run_notebooks, "execute", fill)
    for call in ("fsync", "replace"):
        assert ended(forked(lambda: run_notebooks._run([lesson]), call)) < 0
        assert lesson.read_bytes() == old
        assert list(lesson.parent.glob("*.ipynb")) == [lesson]
    run_notebooks._run([lesson])
    assert list(lesson.parent.iterdir()) == [lesson]
    assert nbformat.read(lesson, as_version=4).cells[0].source == new
    assert lesson.stat().st_mode & 0o777 == 0o640


def test_a_half_saved_notebook_is_named_and_not_run(lesson, monkeypatch):
    half = lesson.read_bytes()[:100]
    lesson.write_bytes(half)
    monkeypatch.delattr(run_notebooks, "execute")
    with pytest.raises(ValueError, match=r"lesson.ipynb cannot be read as a notebook .*checkout"):
        run_notebooks._run([lesson])
    assert lesson.read_bytes() == half
