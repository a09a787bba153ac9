"""Faults of checkpoints and of saved notebooks: killed while writing, damaged, from elsewhere."""

import errno
import hashlib
import io
import json
import os
from pathlib import Path
import pickle
import random
import subprocess
import sys

from by_hand import batches, linear, steps, weights
from dying import may_write, obeying_modes
from mnist_helpers.training import load_checkpoint, save_checkpoint
import nbformat
import pytest
import run_notebooks
import torch

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
FAULTS = Path(__file__).parent
TOOLS = FAULTS.parent.parent / "tools"


def trained(seed=0):
    model = linear(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    steps(model, batches(8), optimizer)
    return model, optimizer


def state_of(model, optimizer):
    return weights(model), str(optimizer.state_dict())


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "network.pt"
    save_checkpoint(path, *trained(), epoch=7)
    return path


def refusal(path, other):
    """Load a file that has to be refused, and return what was said; the network stays as it was."""
    before = state_of(*other)
    with pytest.raises(ValueError, match="nothing of it was loaded") as caught:
        load_checkpoint(path, *other)
    assert state_of(*other) == before
    assert str(path) in str(caught.value)
    return str(caught.value)


# Damaged files, and files from elsewhere


def test_a_file_that_is_cut_off_anywhere_is_refused(checkpoint) -> None:
    content, other = checkpoint.read_bytes(), trained(seed=1)
    for length in [*range(0, len(content), len(content) // 20), len(content) - 1]:
        checkpoint.write_bytes(content[:length])
        assert "is damaged" in refusal(checkpoint, other)


def test_a_bit_flipped_anywhere_is_refused(checkpoint) -> None:
    content, other = checkpoint.read_bytes(), trained(seed=1)
    for place in [*random.Random(0).sample(range(len(content)), 60), len(content) - 1]:
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        checkpoint.write_bytes(changed)
        assert "is damaged" in refusal(checkpoint, other)


@pytest.mark.parametrize("content", [b"epoch,loss\n", linear().state_dict(), {"format": "2"}])
def test_a_file_of_another_kind_or_of_an_older_version_is_refused(tmp_path, content) -> None:
    path = tmp_path / "network.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    said = refusal(path, trained())
    assert "was not written by this version of save_checkpoint" in said
    assert "Save it again" in said


def test_a_training_that_was_saved_on_a_graphics_card_goes_on_without_one(
    tmp_path, monkeypatch
) -> None:
    path, saved, resumed = tmp_path / "network.pt", trained(), trained(seed=1)
    with monkeypatch.context() as patch:
        # What torch writes beside each tensor that lies on a card.
        patch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
        save_checkpoint(path, *saved)
    assert b"cuda:0" in path.read_bytes()
    load_checkpoint(path, *resumed)
    for model, optimizer in (saved, resumed):
        steps(model, batches(8), optimizer)
    assert state_of(*resumed) == state_of(*saved)
    assert {parameter.device.type for parameter in resumed[0].parameters()} == {"cpu"}


class MakesAFolder:
    """What an attacker would put in a file: reading it with pickle calls a function."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("entry", ["network", "model", "optimizer", "1.weight"])
def test_code_in_an_otherwise_whole_file_never_runs(checkpoint, tmp_path, entry) -> None:
    folder, buffer = tmp_path / "made by the file", io.BytesIO()
    content = torch.load(checkpoint, weights_only=True)
    place = content if entry in content else content["model"]
    place[entry] = MakesAFolder(folder)
    torch.save(content, buffer)
    checkpoint.write_bytes(buffer.getvalue() + hashlib.sha256(buffer.getvalue()).digest())
    said = refusal(checkpoint, trained(seed=1))
    assert "holds more than tensors and numbers" in said
    assert "weights_only" not in said, "nobody is told how to have it run"
    assert not folder.exists()
    # The trap is real: who reads it without care springs it.
    torch.load(checkpoint, weights_only=False)
    assert folder.exists()


def test_code_in_a_bare_pickle_never_runs(tmp_path) -> None:
    (tmp_path / "network.pt").write_bytes(pickle.dumps(MakesAFolder(tmp_path / "made")))
    refusal(tmp_path / "network.pt", trained())
    assert not (tmp_path / "made").exists()


# Places that refuse


def test_a_folder_that_may_not_be_written_is_named_with_what_to_do(checkpoint) -> None:
    before = checkpoint.read_bytes()
    checkpoint.parent.chmod(0o555)
    with obeying_modes():
        if may_write(checkpoint.parent):
            pytest.skip("this system lets this user write everywhere")
        with pytest.raises(PermissionError) as caught:
            save_checkpoint(checkpoint, linear(seed=1))
    checkpoint.parent.chmod(0o755)
    assert caught.value.errno == errno.EACCES
    assert f"The checkpoint {checkpoint} could not be written" in str(caught.value)
    assert "save elsewhere" in str(caught.value)
    assert checkpoint.read_bytes() == before


def test_a_disk_that_fills_up_half_way_leaves_the_old_file_whole(checkpoint) -> None:
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    before = checkpoint.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, hard))
    try:
        with pytest.raises(OSError, match=r"could not be written.* was there before is as it was"):
            save_checkpoint(checkpoint, *trained(seed=1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert checkpoint.read_bytes() == before
    assert list(checkpoint.parent.iterdir()) == [checkpoint]


@pytest.mark.parametrize(
    ("name", "error"), [("network.pt", IsADirectoryError), ("absent/a.pt", FileNotFoundError)]
)
def test_a_folder_in_the_files_place_is_kept_and_a_missing_one_not_made(
    tmp_path, name, error
) -> None:
    (tmp_path / "network.pt").mkdir()
    with pytest.raises(error, match="could not be written"):
        save_checkpoint(tmp_path / name, linear())
    assert list(tmp_path.rglob("*")) == [tmp_path / "network.pt"]


# Processes that are killed


def run_python(code, *arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(FAULTS), str(TOOLS), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


KILLED = """
import json, sys
from pathlib import Path
from dying import die_at_call, die_when_a_file_has, ended_with, forked
from mnist_helpers.models import CNN
from mnist_helpers.training import load_checkpoint, save_checkpoint
import torch

# A fork of a process that has several threads may wait for ever.
torch.set_num_threads(1)
path = Path(sys.argv[1])

def save(number, die=lambda: None):
    model = CNN()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(number)
    die()
    save_checkpoint(path, model, epoch=number)

def seen():
    model = CNN()
    epoch = load_checkpoint(path, model)
    (value,) = {value for tensor in model.parameters() for value in tensor.unique().tolist()}
    assert value == epoch, (value, epoch)
    return [epoch, sorted(other.name for other in path.parent.iterdir() if other != path)]

save(1)
size = path.stat().st_size
deaths = [lambda: die_when_a_file_has(size // 2)]
deaths += [lambda name=name: die_at_call(name) for name in ("fsync", "replace")]
at_known_points = [[ended_with(forked(lambda: save(2, die))), *seen()] for die in deaths]
save(2)
print(json.dumps([at_known_points, seen()]))
"""


@needs_fork
def test_a_process_killed_while_it_saves_leaves_a_whole_checkpoint_and_the_next_save_tidies_up(
    tmp_path,
) -> None:
    known, last = run_python(KILLED, tmp_path / "network.pt")
    for status, number, others in known:
        assert status < 0, "killed by a signal"
        assert number == 1, "the old one"
        assert others == [".network.pt.part"]
    assert last == [2, []]


# Notebooks


def notebook(text="print(1)"):
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text)])
    made.cells[0].id = "first"
    return made


HALF_SAVED = """
import json, sys
from pathlib import Path
from dying import die_at_call, die_when_a_file_has, ended_with, forked
import run_notebooks

path = Path(sys.argv[1])

def fill(notebook, folder):
    notebook.cells[0].source = "print('new')" + 50_000 * " "

def save_and_die(die):
    die()
    run_notebooks._run([path])

run_notebooks.execute = fill
old = path.read_bytes()
seen = []
for die in (lambda: die_when_a_file_has(20_000), lambda: die_at_call("replace"), lambda: None):
    # What it prints would come into the answer.
    run_notebooks.print = lambda *_, **__: None
    status = ended_with(forked(lambda: save_and_die(die)))
    seen.append([status, path.read_bytes() == old, sorted(p.name for p in path.parent.iterdir())])
print(json.dumps(seen))
"""


@needs_fork
def test_a_run_that_is_killed_while_it_saves_a_notebook_leaves_the_old_one(tmp_path) -> None:
    path = tmp_path / "01_a lesson.ipynb"
    nbformat.write(notebook(), path)
    path.chmod(0o640)
    *killed, (status, unchanged, names) = run_python(HALF_SAVED, path)
    for killed_with, as_before, left in killed:
        assert killed_with < 0, "killed by a signal"
        assert as_before
        assert len(left) == 2, "the old one, and what was being written"
        assert [name for name in left if name.endswith(".ipynb")] == [path.name]
    assert (status, unchanged, names) == (0, False, [path.name])
    assert "print('new')" in nbformat.read(path, as_version=4).cells[0].source
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_notebook_that_was_saved_half_way_is_named_and_not_run(tmp_path, monkeypatch) -> None:
    path = tmp_path / "01_a lesson.ipynb"
    content = nbformat.writes(notebook()).encode()
    path.write_bytes(content[: len(content) // 2])
    before = path.read_bytes()

    def fail(*arguments):
        raise AssertionError("run")

    monkeypatch.setattr(run_notebooks, "execute", fail)
    with pytest.raises(ValueError, match="cannot be read as a notebook") as caught:
        run_notebooks._run([path])
    assert str(path) in str(caught.value)
    assert "git checkout" in str(caught.value)
    assert path.read_bytes() == before
