import contextlib
import errno
import gzip
import hashlib
import json
import logging
import os
from pathlib import Path
import shutil
import socket
import subprocess
import sys
import time

from filelock import FileLock
import mnist_helpers
from mnist_helpers.data import MNIST_FILES, DataError, data_root, load_datasets, make_loaders
import platformdirs
import pytest
import torch
from torchvision.datasets import MNIST

PACKAGE = Path(mnist_helpers.__file__).parent
NAMES = [file.name for file in MNIST_FILES]
OWN_FILES = {".lock", ".verified.json"}


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """A cache folder, its name not plain ASCII, in which the package's own folder is prepared."""
    cache = tmp_path_factory.mktemp("a café, naïve")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNIST_DATA_DIR", str(cache / "mnist_helpers"))
        data_root()
    yield cache
    # 55 MB that pytest would keep for three runs.
    shutil.rmtree(cache)


@pytest.fixture
def prepared(cache, monkeypatch):
    """The prepared folder that all tests share, chosen with MNIST_DATA_DIR."""
    monkeypatch.setenv("MNIST_DATA_DIR", str(cache / "mnist_helpers"))
    return cache / "mnist_helpers"


@pytest.fixture(scope="session")
def workbench(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workbench") / "digits"
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def own_copy(cache, workbench, monkeypatch):
    """A prepared folder that a test may damage."""
    make_equal(raw(workbench), raw(cache / "mnist_helpers"))
    monkeypatch.setenv("MNIST_DATA_DIR", str(workbench))
    return workbench


def make_equal(folder, original):
    """Copy only the files that differ, for the largest has 47 MB and there are many tests."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if not (original / path.name).exists():
            path.unlink()
    for path in original.iterdir():
        copy = folder / path.name
        if not copy.exists() or size_and_time(copy) != size_and_time(path):
            shutil.copy2(path, copy)


def size_and_time(path):
    return path.stat().st_size, path.stat().st_mtime_ns


@pytest.fixture
def empty_folder(tmp_path, monkeypatch):
    folder = tmp_path / "digits"
    monkeypatch.setenv("MNIST_DATA_DIR", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*arguments, **keywords):
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def raw(root):
    return root / "MNIST" / "raw"


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digests(root):
    return {name: digest(raw(root) / name) for name in NAMES}


WHOLE = {file.name: file.sha256 for file in MNIST_FILES}


def names_in(root):
    """The files of the folder, without the two that the package keeps there for itself."""
    return {path.name for path in raw(root).iterdir()} - OWN_FILES


def set_later(path):
    # Some file systems keep times in steps of up to two seconds.
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 10_000_000_000))


def remove(path):
    path.unlink()


def truncate(path):
    os.truncate(path, 100)


def truncate_and_keep_the_time(path):
    status = path.stat()
    os.truncate(path, 100)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def alter_one_bit(path):
    with path.open("r+b") as stream:
        stream.seek(5000)
        byte = stream.read(1)[0]
        stream.seek(5000)
        stream.write(bytes([byte ^ 1]))
    set_later(path)


def test_the_archives_are_the_ones_whose_checksums_stand_beside_them() -> None:
    folder = PACKAGE / "archives"
    lines = (folder / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    listed = {name: checksum for checksum, name in (line.split() for line in lines)}
    assert listed == {path.name: digest(path) for path in folder.glob("*.gz")}


def test_the_archives_are_the_ones_that_torchvision_would_download() -> None:
    archives = (PACKAGE / "archives").glob("*.gz")
    md5 = {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in archives}
    assert md5 == dict(MNIST.resources)


@pytest.mark.parametrize("file", MNIST_FILES, ids=NAMES)
def test_each_archive_unpacks_to_the_size_and_checksum_in_the_code(file) -> None:
    content = gzip.decompress((PACKAGE / "archives" / f"{file.name}.gz").read_bytes())
    assert len(content) == file.size
    assert hashlib.sha256(content).hexdigest() == file.sha256


@pytest.mark.parametrize("form", ["absolute", "home", "relative"])
def test_the_folder_is_the_one_that_the_variable_names(cache, monkeypatch, form) -> None:
    forms = {
        "absolute": str(cache / "mnist_helpers"),
        "home": os.path.join("~", "mnist_helpers"),
        "relative": "mnist_helpers",
    }
    monkeypatch.setenv("HOME", str(cache))
    monkeypatch.setenv("USERPROFILE", str(cache))
    monkeypatch.chdir(cache)
    monkeypatch.setenv("MNIST_DATA_DIR", forms[form])
    root = data_root()
    assert root.is_absolute()
    assert root.samefile(cache / "mnist_helpers")


@pytest.mark.parametrize("value", [None, ""])
def test_without_the_variable_the_folder_lies_in_the_users_cache(cache, monkeypatch, value) -> None:
    # So that a failing test prepares nothing in the real home.
    for name in ("HOME", "USERPROFILE", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(cache))
    monkeypatch.setattr(
        platformdirs, "user_cache_dir", lambda name, *_, **__: str(cache / str(name))
    )
    if value is None:
        monkeypatch.delenv("MNIST_DATA_DIR", raising=False)
    else:
        monkeypatch.setenv("MNIST_DATA_DIR", value)
    assert data_root() == cache / "mnist_helpers"


@pytest.mark.skipif(sys.platform != "linux", reason="only there XDG_CACHE_HOME has a say")
def test_on_linux_the_cache_folder_is_the_one_of_the_xdg_standard(cache, monkeypatch) -> None:
    monkeypatch.delenv("MNIST_DATA_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    assert data_root() == cache / "mnist_helpers"


def test_a_first_preparation_makes_all_files_whole_and_says_nothing(empty_folder, caplog) -> None:
    caplog.set_level(logging.DEBUG, logger="mnist_helpers")
    assert data_root() == empty_folder
    assert digests(empty_folder) == WHOLE
    assert names_in(empty_folder) == set(NAMES)
    assert [record for record in caplog.records if record.name.startswith("mnist_helpers")] == []


def test_the_prepared_files_may_be_read_by_everyone(prepared) -> None:
    assert all((raw(prepared) / name).stat().st_mode & 0o444 == 0o444 for name in NAMES)


@pytest.mark.parametrize(("train", "count"), [(True, 60_000), (False, 10_000)])
def test_torchvision_finds_all_digits_there_without_a_connection(
    prepared, no_network, train, count
) -> None:
    assert len(MNIST(root=data_root(), train=train, download=True)) == count


def test_the_datasets_hold_digits_as_tensors_with_their_labels(prepared, no_network) -> None:
    train_set, test_set = load_datasets()
    assert (len(train_set), len(test_set)) == (60_000, 10_000)
    for dataset, first_label in ((train_set, 5), (test_set, 7)):
        image, label = dataset[0]
        assert (image.shape, image.dtype) == ((1, 28, 28), torch.float32)
        assert image.min() == 0
        assert 0.9 < image.max() <= 1
        assert type(label) is int
        assert label == first_label


@pytest.mark.parametrize(
    ("damage", "fault", "name"),
    [
        *((truncate, "had 100 bytes instead of", name) for name in NAMES),
        *((alter_one_bit, "did not match its checksum", name) for name in NAMES),
        (truncate_and_keep_the_time, "had 100 bytes instead of", NAMES[1]),
    ],
)
def test_a_damaged_file_is_rebuilt_and_one_line_says_so(
    own_copy, caplog, damage, fault, name
) -> None:
    damage(raw(own_copy) / name)
    data_root()
    assert digests(own_copy) == WHOLE
    assert names_in(own_copy) == set(NAMES)
    [record] = [record for record in caplog.records if record.name == "mnist_helpers.data"]
    assert record.levelno == logging.WARNING
    assert name in record.getMessage()
    assert fault in record.getMessage()


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_rebuilt_without_a_word(own_copy, caplog, name) -> None:
    remove(raw(own_copy) / name)
    data_root()
    assert digests(own_copy) == WHOLE
    assert [record for record in caplog.records if record.name == "mnist_helpers.data"] == []


def test_a_file_that_may_not_be_read_is_rebuilt_and_one_line_says_so(
    own_copy, caplog, monkeypatch
) -> None:
    (raw(own_copy) / ".verified.json").unlink()
    name = NAMES[1]
    path_open = Path.open

    # Mode bits do not stop root, as whom tests run in containers.
    def refuse_one(path, mode="r", *arguments, **keywords):
        if path.name == name and mode == "rb":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return path_open(path, mode, *arguments, **keywords)

    before = (raw(own_copy) / name).stat().st_mtime_ns
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse_one)
        data_root()
    [record] = [record for record in caplog.records if record.name == "mnist_helpers.data"]
    assert name in record.getMessage()
    assert "could not be read" in record.getMessage()
    assert (raw(own_copy) / name).stat().st_mtime_ns != before
    assert digests(own_copy) == WHOLE


def test_files_that_are_whole_but_have_new_times_are_verified_again_and_kept(
    own_copy, caplog
) -> None:
    for name in NAMES:
        set_later(raw(own_copy) / name)
    before = {name: (raw(own_copy) / name).stat().st_mtime_ns for name in NAMES}
    data_root()
    assert {name: (raw(own_copy) / name).stat().st_mtime_ns for name in NAMES} == before
    assert [record for record in caplog.records if record.name == "mnist_helpers.data"] == []


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'"text"', b"\xff\xfe"], ids=lambda content: repr(content)
)
def test_a_damaged_record_is_made_anew_after_looking_at_the_files(own_copy, content) -> None:
    record = raw(own_copy) / ".verified.json"
    record.write_bytes(content)
    alter_one_bit(raw(own_copy) / NAMES[3])
    data_root()
    assert digests(own_copy) == WHOLE
    assert set(json.loads(record.read_bytes())) == set(NAMES)


@pytest.mark.parametrize("damage", [None, remove, truncate, alter_one_bit])
def test_the_call_after_a_preparation_hashes_nothing_and_takes_no_lock(
    own_copy, monkeypatch, damage
) -> None:
    if damage is not None:
        damage(raw(own_copy) / NAMES[3])
    data_root()

    def refuse(*arguments, **keywords):
        raise AssertionError("a file was read or locked")

    monkeypatch.setattr(hashlib, "file_digest", refuse)
    monkeypatch.setattr(hashlib, "sha256", refuse)
    monkeypatch.setattr("mnist_helpers.data.FileLock", refuse)
    assert data_root() == own_copy


CHILD = """
import gzip, hashlib, json, sys
from mnist_helpers.data import MNIST_FILES, data_root

def count_and_decompress(content, decompress=gzip.decompress, unpacked=[]):
    unpacked.append(len(content))
    return decompress(content)

gzip.decompress = count_and_decompress
print("ready", flush=True)
sys.stdin.readline()
print("entering", flush=True)
raw = data_root() / "MNIST" / "raw"
digests = {file.name: hashlib.sha256((raw / file.name).read_bytes()).hexdigest() for file in MNIST_FILES}
print(json.dumps({"digests": digests, "unpacked": len(count_and_decompress.__defaults__[1])}))
"""


@pytest.fixture
def other_process():
    """Another Python that has made its imports, which take seconds, and waits for a line to call data_root."""
    paths = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    with subprocess.Popen(
        [sys.executable, "-c", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    ) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def test_a_process_that_comes_in_the_middle_waits_and_shares_the_preparation(
    empty_folder, other_process, monkeypatch
) -> None:
    decompress = gzip.decompress
    unpacked = []

    def let_the_other_in_and_decompress(content):
        if not unpacked:
            other_process.stdin.write("go\n")
            other_process.stdin.flush()
            assert other_process.stdout.readline() == "entering\n"
            # Time for the other to see that nothing is there yet; too short, and the test proves less.
            time.sleep(0.3)
        unpacked.append(len(content))
        return decompress(content)

    monkeypatch.setattr(gzip, "decompress", let_the_other_in_and_decompress)
    root = data_root()
    report = json.loads(other_process.communicate(timeout=120)[0])
    assert (len(unpacked), report["unpacked"]) == (len(NAMES), 0)
    assert digests(root) == report["digests"] == WHOLE
    assert names_in(empty_folder) == set(NAMES)


def test_a_call_that_waited_for_the_lock_uses_what_was_prepared_meanwhile(
    own_copy, monkeypatch
) -> None:
    record = raw(own_copy) / ".verified.json"
    recorded = record.read_bytes()
    record.unlink()

    class LockHeldByAnother(FileLock):
        def __enter__(self):
            record.write_bytes(recorded)
            return super().__enter__()

    def refuse(*arguments, **keywords):
        raise AssertionError("a file was verified a second time")

    monkeypatch.setattr("mnist_helpers.data.FileLock", LockHeldByAnother)
    monkeypatch.setattr(hashlib, "file_digest", refuse)
    assert data_root() == own_copy


@pytest.mark.parametrize("in_the_way", ["digits", "digits/MNIST", "digits/MNIST/raw", "."])
def test_a_file_where_a_folder_is_needed_is_named(tmp_path, monkeypatch, in_the_way) -> None:
    base = tmp_path / "base"
    blocking = base / in_the_way
    blocking.parent.mkdir(parents=True, exist_ok=True)
    blocking.write_bytes(b"kept")
    monkeypatch.setenv("MNIST_DATA_DIR", str(base / "digits"))
    with pytest.raises(DataError) as caught:
        data_root()
    message = str(caught.value)
    assert f"in the folder {base / 'digits'}:" in message
    assert f"a file is in the way where a folder is needed ({blocking})" in message
    assert "MNIST_DATA_DIR" in message
    assert blocking.read_bytes() == b"kept"


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_a_full_disk_is_named_and_nothing_partial_is_left(empty_folder, monkeypatch, where) -> None:
    def refuse(*arguments, **keywords):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, where, refuse)
        with pytest.raises(DataError) as caught:
            data_root()
    message = str(caught.value)
    assert str(empty_folder) in message
    assert "the disk is full, or your share of it" in message
    assert "55 MB are needed" in message
    assert "MNIST_DATA_DIR" in message
    assert names_in(empty_folder) == set()


@contextlib.contextmanager
def file_size_limited_to(size):
    """Let the system break off writing at that size: a failed write that is not simulated."""
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        # Before pytest writes its next line, which may go to a file.
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_the_system_breaks_off_leaves_nothing_partial(empty_folder) -> None:
    with pytest.raises(DataError, match="MNIST_DATA_DIR"), file_size_limited_to(1_000_000):
        data_root()
    assert names_in(empty_folder) == set()


def test_whole_files_will_do_where_the_record_of_them_cannot_be_written(own_copy) -> None:
    (raw(own_copy) / ".verified.json").unlink()
    with file_size_limited_to(50):
        root = data_root()
    assert root == own_copy
    assert names_in(own_copy) == set(NAMES)


def drop(archive):
    archive.unlink()


def break_off(archive):
    archive.write_bytes(archive.read_bytes()[:-100])


def spoil_the_middle(archive):
    content = bytearray(archive.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 50] = bytes(50)
    archive.write_bytes(content)


def leave_only_its_beginning_right(archive):
    archive.write_bytes(archive.read_bytes()[:50] + b"\xff" * 200)


def put_text_there(archive):
    archive.write_bytes(b"<html>404</html>")


def pack_something_else(archive):
    archive.write_bytes(gzip.compress(bytes(10_008)))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (drop, "is missing"),
        (break_off, "cannot be unpacked"),
        (spoil_the_middle, "cannot be unpacked"),
        (leave_only_its_beginning_right, "cannot be unpacked"),
        (put_text_there, "cannot be unpacked"),
        (pack_something_else, "does not unpack to MNIST's t10k-labels-idx1-ubyte"),
    ],
)
def test_a_damaged_archive_is_named_and_nothing_is_made_of_it(
    own_copy, tmp_path, monkeypatch, damage, words
) -> None:
    name = "t10k-labels-idx1-ubyte"
    remove(raw(own_copy) / name)
    archive = tmp_path / "package" / "archives" / f"{name}.gz"
    archive.parent.mkdir(parents=True)
    shutil.copy(PACKAGE / "archives" / archive.name, archive)
    damage(archive)
    monkeypatch.setattr("mnist_helpers.data.resources.files", lambda package: tmp_path / "package")
    with pytest.raises(DataError) as caught:
        data_root()
    assert f"The archive {archive} {words}" in str(caught.value)
    assert "git checkout -- mnist_helpers/archives" in str(caught.value)
    assert names_in(own_copy) == set(NAMES) - {name}


@pytest.fixture(params=[errno.EACCES, errno.EROFS], ids=["forbidden", "read-only disk"])
def unwritable_lock(request, monkeypatch):
    # A folder's mode bits would not stop root, as whom tests run in containers.
    def refuse(path):
        raise OSError(request.param, os.strerror(request.param), str(path))

    monkeypatch.setattr("mnist_helpers.data.FileLock", refuse)


def test_a_whole_folder_that_refuses_the_lock_file_still_works(own_copy, unwritable_lock) -> None:
    (raw(own_copy) / ".verified.json").unlink()
    assert data_root() == own_copy


@pytest.mark.parametrize("damage", [remove, truncate, alter_one_bit])
def test_a_damaged_folder_that_refuses_the_lock_file_is_named(
    own_copy, unwritable_lock, damage
) -> None:
    damage(raw(own_copy) / NAMES[2])
    with pytest.raises(DataError) as caught:
        data_root()
    assert str(own_copy) in str(caught.value)
    assert "it cannot be written" in str(caught.value)
    assert "MNIST_DATA_DIR" in str(caught.value)


def test_a_folder_that_may_not_be_entered_is_named(empty_folder, monkeypatch) -> None:
    def refuse(path, *arguments, **keywords):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    with monkeypatch.context() as patch:
        # Even asking whether a file is there fails in such a folder.
        for method in ("mkdir", "stat", "open"):
            patch.setattr(Path, method, refuse)
        with pytest.raises(DataError) as caught:
            data_root()
    assert str(empty_folder) in str(caught.value)
    assert "it cannot be written" in str(caught.value)
    assert "MNIST_DATA_DIR" in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "which", "batches", "last"),
    [
        ({}, 0, 938, 32),
        ({}, 1, 157, 16),
        ({"shuffle": True}, 0, 938, 32),
        ({"batch_size": 1000}, 0, 60, 1000),
        ({"batch_size": 1000}, 1, 10, 1000),
    ],
)
def test_the_loaders_cut_all_digits_into_batches(prepared, arguments, which, batches, last) -> None:
    loader = make_loaders(**arguments)[which]
    indices = list(loader.batch_sampler)
    assert len(loader) == len(indices) == batches
    assert {len(batch) for batch in indices[:-1]} == {arguments.get("batch_size", 64)}
    assert len(indices[-1]) == last
    assert sorted(index for batch in indices for index in batch) == list(range(len(loader.dataset)))


@pytest.mark.parametrize("which", [0, 1])
def test_a_batch_is_float_images_from_0_to_1_and_whole_labels(prepared, which) -> None:
    images, labels = next(iter(make_loaders()[which]))
    assert (images.shape, images.dtype) == ((64, 1, 28, 28), torch.float32)
    assert (images.min(), images.max()) == (0, 1)
    assert (labels.shape, labels.dtype) == ((64,), torch.int64)
    assert set(labels.tolist()) <= set(range(10))


def first_labels(loader):
    return next(iter(loader))[1]


@pytest.mark.parametrize(("which", "shuffle"), [(0, False), (1, False), (1, True)])
def test_an_order_that_is_not_shuffled_is_the_order_of_the_file(prepared, which, shuffle) -> None:
    loader = make_loaders(shuffle=shuffle)[which]
    for _ in range(2):
        assert torch.equal(first_labels(loader), loader.dataset.targets[:64])


def test_shuffling_draws_a_new_order_of_the_training_set_for_each_epoch(prepared) -> None:
    torch.manual_seed(0)
    loader, _ = make_loaders(shuffle=True)
    first, second = first_labels(loader), first_labels(loader)
    assert not torch.equal(first, loader.dataset.targets[:64])
    assert not torch.equal(first, second)


def test_the_same_seed_shuffles_to_the_same_order_and_another_to_another(prepared) -> None:
    orders = []
    for seed in (7, 7, 8):
        torch.manual_seed(seed)
        orders.append(first_labels(make_loaders(shuffle=True)[0]))
    assert torch.equal(orders[0], orders[1])
    assert not torch.equal(orders[0], orders[2])
