"""Faults of checkpoints and of saved notebooks: killed while writing, cut off, changed, from elsewhere, with code."""

import errno
import json
import os
from pathlib import Path
import random
import subprocess
import sys
import zipfile

from dying import may_write, obeying_modes
from mnist_helpers.training import load_checkpoint, save_checkpoint
import nbformat
import pytest
import run_notebooks
import torch
from torch import nn

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
FAULTS, TESTS = Path(__file__).parent, Path(__file__).parent.parent


def network(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))


def step(model, optimizer):
    images = torch.rand(6, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    loss = nn.functional.cross_entropy(model(images), torch.arange(6) % 3)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def trained(seed=0):
    model = network(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    step(model, optimizer)
    return model, optimizer


def state_of(model, optimizer):
    """What a checkpoint holds, as text that can be compared."""
    tensors = [*model.state_dict().items()]
    for number, moments in optimizer.state_dict()["state"].items():
        tensors += [((number, name), tensor) for name, tensor in moments.items()]
    return [(name, tensor.tolist()) for name, tensor in tensors], str(
        optimizer.state_dict()["param_groups"]
    )


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "network.pt"
    save_checkpoint(path, *trained(), epoch=7)
    return path


def load_into_another(path):
    """Try to load a file; return whether that went well. A network into which nothing is loaded stays as it was."""
    model, optimizer = trained(seed=1)
    before = state_of(model, optimizer)
    try:
        epoch = load_checkpoint(path, model, optimizer)
    except ValueError as error:
        assert state_of(model, optimizer) == before
        return str(error)
    assert epoch == 7
    assert state_of(model, optimizer) == state_of(*trained())
    return None


# Damaged files


def test_a_file_that_is_cut_off_anywhere_is_refused(checkpoint) -> None:
    content = checkpoint.read_bytes()
    for length in [*range(0, len(content), len(content) // 40), len(content) - 1]:
        checkpoint.write_bytes(content[:length])
        said = load_into_another(checkpoint)
        assert said is not None, length
        assert str(checkpoint) in said
        assert "Save it again" in said


def test_a_bit_flipped_anywhere_is_refused_or_changes_nothing(checkpoint) -> None:
    content = checkpoint.read_bytes()
    refused = 0
    for place in random.Random(0).sample(range(len(content)), 400):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        checkpoint.write_bytes(changed)
        said = load_into_another(checkpoint)
        refused += said is not None
        assert said is None or str(checkpoint) in said
    assert refused > 100


def change_in_place(path, old, new):
    content = path.read_bytes()
    assert content.count(old) == 1
    path.write_bytes(content.replace(old, new))


def test_a_changed_moment_of_the_optimizer_is_noticed(checkpoint) -> None:
    _, optimizer = trained()
    moment = optimizer.state_dict()["state"][0]["exp_avg"].numpy().tobytes()
    change_in_place(checkpoint, moment, moment[:-1] + bytes([moment[-1] ^ 1]))
    said = load_into_another(checkpoint)
    assert "its optimizer state or its number of epochs is not what was saved" in said


def test_a_changed_number_of_epochs_is_noticed(checkpoint) -> None:
    # As pickle writes the text and the number: with its length before the one, and a "K" before the other.
    text = b"epoch"
    with zipfile.ZipFile(checkpoint) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("data.pkl")]
        pickled = archive.read(name)
    place = pickled.index(b"K\x07", pickled.index(text))
    start = pickled[place - 6 : place + 2]
    change_in_place(checkpoint, start, start[:-1] + b"\x03")
    assert "its number of epochs is not what was saved" in load_into_another(checkpoint)


# Files from elsewhere


def test_a_training_that_was_saved_on_a_graphics_card_goes_on_without_one(
    tmp_path, monkeypatch
) -> None:
    path = tmp_path / "network.pt"
    model, optimizer = trained()
    with monkeypatch.context() as patch:
        # What torch writes beside each tensor that lies on a card.
        patch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
        save_checkpoint(path, model, optimizer, epoch=7)
    with zipfile.ZipFile(path) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("data.pkl")]
        assert b"cuda:0" in archive.read(name)
    resumed, resumed_optimizer = trained(seed=1)
    assert load_checkpoint(path, resumed, resumed_optimizer) == 7
    for pair in ((model, optimizer), (resumed, resumed_optimizer)):
        step(*pair)
    assert state_of(resumed, resumed_optimizer) == state_of(model, optimizer)
    assert {parameter.device.type for parameter in resumed.parameters()} == {"cpu"}


class MakesAFolder:
    """What an attacker would put in a file: reading it with pickle calls a function."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("entry", ["format", "network", "model", "model_sha256", "optimizer"])
def test_code_in_any_entry_of_an_otherwise_whole_file_never_runs(
    checkpoint, tmp_path, entry
) -> None:
    folder = tmp_path / "made by the file"
    content = torch.load(checkpoint, weights_only=True)
    torch.save(content | {entry: MakesAFolder(folder)}, checkpoint)
    assert "holds more than tensors and numbers" in load_into_another(checkpoint)
    assert not folder.exists()
    # The trap is real: who reads it without care springs it.
    torch.load(checkpoint, weights_only=False)
    assert folder.exists()


def test_code_among_the_weights_never_runs(checkpoint, tmp_path) -> None:
    folder = tmp_path / "made by the file"
    content = torch.load(checkpoint, weights_only=True)
    content["model"]["1.weight"] = MakesAFolder(folder)
    torch.save(content, checkpoint)
    assert "holds more than tensors and numbers" in load_into_another(checkpoint)
    assert not folder.exists()


# Places that refuse


def test_a_folder_that_may_not_be_written_is_named_with_what_to_do(checkpoint) -> None:
    before = checkpoint.read_bytes()
    checkpoint.parent.chmod(0o555)
    with obeying_modes():
        if may_write(checkpoint.parent):
            pytest.skip("this system lets this user write everywhere")
        with pytest.raises(PermissionError) as caught:
            save_checkpoint(checkpoint, network(seed=1))
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
        with pytest.raises(OSError, match="could not be written") as caught:
            save_checkpoint(checkpoint, *trained(seed=1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "what was there before is as it was" in str(caught.value)
    assert checkpoint.read_bytes() == before
    assert list(checkpoint.parent.iterdir()) == [checkpoint]


def test_a_folder_in_the_files_place_is_kept(tmp_path) -> None:
    path = tmp_path / "network.pt"
    path.mkdir()
    with pytest.raises(OSError, match="could not be written"):
        save_checkpoint(path, network())
    assert list(tmp_path.iterdir()) == [path]


# Processes that are killed


def run_python(code, *arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(FAULTS), str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
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
import json, os, random, signal, sys, time
from pathlib import Path
from dying import die_at_call, die_when_a_file_has, ended_with, forked
from mnist_helpers.models import CNN
from mnist_helpers.training import load_checkpoint, save_checkpoint
import torch

# A fork of a process that has several threads may wait for ever.
torch.set_num_threads(1)
path = Path(sys.argv[1])

def network(number):
    model = CNN()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(number)
    return model

def number_in_the_file():
    model = CNN()
    epoch = load_checkpoint(path, model)
    (value,) = {value for tensor in model.parameters() for value in tensor.unique().tolist()}
    assert value == epoch, (value, epoch)
    return epoch

def others():
    return sorted(other.name for other in path.parent.iterdir() if other != path)

def save_and_die(die):
    die()
    save_checkpoint(path, network(2), epoch=2)

def save_for_ever():
    for number in range(3, 1_000_000):
        save_checkpoint(path, network(number), epoch=number)

save_checkpoint(path, network(1), epoch=1)
size = path.stat().st_size
deaths = [lambda: die_when_a_file_has(size // 2)]
deaths += [lambda name=name: die_at_call(name) for name in ("fsync", "replace")]
at_known_points = [
    [ended_with(forked(lambda: save_and_die(die))), number_in_the_file(), len(others())]
    for die in deaths
]
save_checkpoint(path, network(2), epoch=2)
after_the_next = others()

at_random = []
waits = random.Random(0)
for _ in range(12):
    process = forked(save_for_ever)
    time.sleep(waits.uniform(0.01, 0.1))
    os.kill(process, signal.SIGKILL)
    at_random.append([ended_with(process), number_in_the_file(), len(others())])
save_checkpoint(path, network(2), epoch=2)
print(json.dumps([at_known_points, after_the_next, at_random, number_in_the_file(), others()]))
"""


@needs_fork
def test_a_process_killed_while_it_saves_leaves_a_whole_checkpoint_and_the_next_save_tidies_up(
    tmp_path,
) -> None:
    known, after_the_next, at_random, last, others = run_python(KILLED, tmp_path / "network.pt")
    for status, number, leftovers in known:
        assert status < 0, "killed by a signal"
        assert number == 1, "the old one"
        assert leftovers == 1, "and not those of the ones that were killed before"
    assert after_the_next == []
    for status, number, leftovers in at_random:
        assert status < 0
        assert number >= 1
        assert leftovers <= 1
    assert (last, others) == (2, [])


def test_only_the_leftovers_of_processes_that_ended_here_are_removed(checkpoint) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    prefix = next(
        name.removesuffix(str(os.getpid()))
        for name in names_seen_while_saving(checkpoint)
        if name.endswith(f".{os.getpid()}")
    )
    own = checkpoint.with_name(f"{prefix}{ended.pid}")
    kept = [
        checkpoint.with_name(f"{prefix}{os.getppid()}"),  # of a process that runs
        checkpoint.with_name(f".{checkpoint.name}.another-computer.{ended.pid}"),
        checkpoint.with_name(f"{prefix}notes"),
        checkpoint.with_name(f"{checkpoint.name}.{ended.pid}"),
    ]
    for path in (own, *kept):
        path.write_bytes(b"")
    save_checkpoint(checkpoint, network())
    assert sorted(checkpoint.parent.iterdir()) == sorted([checkpoint, *kept])


def names_seen_while_saving(path):
    seen = []
    replace = os.replace
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            os,
            "replace",
            lambda *names: (seen.extend(p.name for p in path.parent.iterdir()), replace(*names)),
        )
        save_checkpoint(path, network())
    return seen


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


@pytest.mark.parametrize("share", [0, 0.3, 0.9])
def test_a_notebook_that_was_saved_half_way_is_named_and_not_run(
    tmp_path, monkeypatch, share
) -> None:
    path = tmp_path / "01_a lesson.ipynb"
    content = nbformat.writes(notebook()).encode()
    path.write_bytes(content[: int(share * len(content))])
    before = path.read_bytes()

    def fail(*arguments):
        raise AssertionError("run")

    monkeypatch.setattr(run_notebooks, "execute", fail)
    with pytest.raises(ValueError, match="cannot be read as a notebook") as caught:
        run_notebooks._run([path])
    assert str(path) in str(caught.value)
    assert "git checkout" in str(caught.value)
    assert path.read_bytes() == before


def test_a_notebook_is_written_as_nbformat_writes_it(tmp_path, monkeypatch) -> None:
    path = tmp_path / "01_a lesson.ipynb"
    made = notebook("print('数字 ×')")
    nbformat.write(made, path)
    monkeypatch.setattr(run_notebooks, "execute", lambda notebook, folder: None)
    run_notebooks._run([path])
    written = path.read_bytes()
    run_notebooks.strip(made)
    nbformat.write(made, path)
    assert written == path.read_bytes()
