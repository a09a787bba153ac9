from concurrent.futures import ThreadPoolExecutor
import contextlib
import errno
import gzip
import hashlib
import json
from multiprocessing.connection import wait
import os
from pathlib import Path
import random
import shutil
import sys
from unittest.mock import Mock

from dying import ended, forked, needs_fork, obeying_modes, read_only
from filelock import FileLock
from mnist_helpers import data
from mnist_helpers.data import MNIST_FILES, DataError, data_root, load_datasets
import pytest

NAMES = list(MNIST_FILES)
SMALL = NAMES[3]
RECORD, LOCK = ".verified.json", ".lock"


@pytest.fixture
def raw(own_digits):
    return own_digits / "MNIST" / "raw"


def files_in(root):
    paths = (root / "MNIST" / "raw").iterdir()
    return {path.name: path for path in paths if path.name not in (RECORD, LOCK)}


def is_whole(root, expected=MNIST_FILES):
    """Whether these files alone lie there, looked at without the package's help."""
    found = files_in(root).items()
    return {name: hashlib.sha256(one.read_bytes()).hexdigest() for name, one in found} == expected


def refused(*words):
    with pytest.raises(DataError) as caught:
        data_root()
    assert [word for word in words if str(word) not in str(caught.value)] == [], caught.value


def flipped(content, place):
    return content[:place] + bytes([content[place] ^ 8]) + content[place + 1 :]


def spoilt(content, fault):
    return {
        "empty": b"",
        "cut off": content[:1000],
        "one bit": flipped(content, len(content) // 2),
        "a web page": b"<!DOCTYPE html>",
        # Of the same name and size, and with the same header.
        "Fashion-MNIST's": content[:16] + random.Random(0).randbytes(len(content) - 16),
    }[fault]


def replace(path, content):
    path.unlink()  # a link to a file of all tests
    path.write_bytes(content)


def link(path, target):
    try:
        path.symlink_to(target)
    except OSError:
        pytest.skip("this system makes no symbolic links")


def test_an_archive_that_is_not_mnists_makes_no_wrong_digit(empty_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(data.resources, "files", lambda package: tmp_path)
    monkeypatch.setattr(data, "MNIST_FILES", {SMALL: MNIST_FILES[SMALL]})
    archive = tmp_path / "archives" / f"{SMALL}.gz"
    archive.parent.mkdir()
    monkeypatch.chdir(archive.parent)
    whole = (Path(data.__file__).parent / "archives" / archive.name).read_bytes()
    contents = [spoilt(whole, fault) for fault in ("empty", "cut off", "a web page")]
    contents += [gzip.compress(spoilt(gzip.decompress(whole), "Fashion-MNIST's"))]
    places = random.Random(0).sample(range(35, len(whole)), 40)
    for content in [None, *contents, *(flipped(whole, place) for place in places)]:
        if content is not None:
            archive.write_bytes(content)
        refused(archive, "is missing or damaged", "git checkout -- mnist_helpers/archives")
        assert files_in(empty_folder) == {}
    # The header holds a time, and a name, which some programs unpack to.
    packed = gzip.compress(gzip.decompress(whole))
    named = packed[:3] + b"\x08" + packed[4:10] + b"../elsewhere\0" + packed[10:]
    for content in [named, *(flipped(whole, place) for place in range(35))]:
        archive.write_bytes(content)
        with contextlib.suppress(DataError):
            data_root()
            assert is_whole(empty_folder, data.MNIST_FILES)
            assert not list(tmp_path.rglob("else*"))
            shutil.rmtree(empty_folder)


DAMAGE = [
    ("cut off", "empty" if os.name == "nt" else "unreadable", "one bit", "empty"),
    ("missing", "a link to nowhere", "a web page", "Fashion-MNIST's"),
    ("whole", "whole", "whole", "cut off"),  # of which only its size tells
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_files_that_are_not_mnists_are_rebuilt_and_told(raw, own_digits, caplog, damage):
    expected = []
    for path, fault in zip(map(raw.joinpath, NAMES), damage, strict=True):
        content, times = path.read_bytes(), path.stat()
        if fault == "whole":
            continue
        path.unlink()
        if fault == "a link to nowhere":
            link(path, "nowhere")
        elif fault == "unreadable":
            path.touch(0)
            expected.append(f"{path.name} in {raw} is damaged")
        elif fault != "missing":
            path.write_bytes(spoilt(content, fault))
            expected.append(f"{path.name} in {raw} is damaged")
        if fault == "cut off":
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    umask = os.umask(0o077)
    with obeying_modes():
        assert load_datasets()[0].targets[:5].tolist() == [5, 0, 4, 1, 9]
    os.umask(umask)
    assert is_whole(own_digits)
    for message, said in zip(caplog.messages, expected, strict=True):
        assert message.startswith(said)
    assert all((raw / name).stat().st_mode & 0o444 == 0o444 for name in NAMES)


def test_whole_files_are_kept(raw, caplog, monkeypatch):
    replace(raw / SMALL, (raw / SMALL).read_bytes())
    before = [(raw / name).stat().st_ino for name in NAMES]
    for content in ((raw / RECORD).read_bytes(), b"", b"{", b"[]", b"\xff\xfe"):
        (raw / RECORD).write_bytes(content)
        data_root()
        assert set(json.loads((raw / RECORD).read_bytes())) == set(NAMES)
    assert [(raw / name).stat().st_ino for name in NAMES] == before
    assert not caplog.records
    monkeypatch.delattr(hashlib, "file_digest")
    monkeypatch.delattr(data, "FileLock")
    data_root()  # reads no file and takes no lock


@pytest.mark.parametrize("how", ["a folder", "in use"])
def test_a_file_that_cannot_be_replaced_is_named_and_kept(raw, own_digits, monkeypatch, how):
    path = raw / SMALL
    kept = path / "kept" if how == "a folder" else path
    if how == "in use":  # as Windows has it, where a file that is open cannot be replaced
        error = PermissionError(errno.EACCES, "It is in use", str(path))
        monkeypatch.setattr(os, "replace", Mock(side_effect=error))
        (raw / RECORD).unlink()
        assert data_root() == own_digits, "no more than the record of whole files was refused"
    path.unlink()
    kept.parent.mkdir(exist_ok=True)
    kept.write_bytes(b"kept")
    refused(f"in the folder {own_digits}: ", path, "MNIST_DATA_DIR")
    assert kept.read_bytes() == b"kept"
    assert set(files_in(own_digits)) == set(NAMES)


def test_a_lock_that_is_never_released_is_named(raw, own_digits, monkeypatch):
    (raw / RECORD).unlink()
    monkeypatch.setattr(data, "_LONGEST_WAIT", 0.2)
    with FileLock(raw / LOCK):
        assert data_root() == own_digits
        (raw / SMALL).unlink()
        refused(f"another process has held {raw / LOCK}", "MNIST_DATA_DIR")


def test_who_comes_in_the_middle_waits_and_shares(empty_folder, monkeypatch):
    decompress = Mock(wraps=gzip.decompress)
    monkeypatch.setattr(gzip, "decompress", decompress)
    monkeypatch.delattr(hashlib, "file_digest")  # what the first has made is not read again
    with ThreadPoolExecutor() as pool:
        assert list(pool.map(lambda _: data_root(), range(2))) == [empty_folder] * 2
    assert decompress.call_count == len(NAMES)
    assert is_whole(empty_folder)


@pytest.mark.parametrize("lacking", [[], [RECORD], [RECORD, LOCK]])
def test_a_read_only_folder_will_do_when_whole(raw, own_digits, monkeypatch, lacking):
    for name in lacking:
        (raw / name).unlink()
    with read_only(own_digits):
        assert data_root() == own_digits
    replace(raw / SMALL, b"")
    with read_only(own_digits):
        refused(f"in the folder {own_digits}: ", "Permission denied", "MNIST_DATA_DIR")
        assert set(files_in(own_digits)) == set(NAMES)
        monkeypatch.setenv("MNIST_DATA_DIR", str(own_digits / "new"))
        refused(f"in the folder {own_digits / 'new'}: ", "Permission denied", "MNIST_DATA_DIR")


@pytest.mark.parametrize("place", [".", "digits", "digits/MNIST", "digits/MNIST/raw"])
def test_what_is_in_a_folders_place_is_named_and_kept(tmp_path, monkeypatch, place):
    monkeypatch.setenv("MNIST_DATA_DIR", str(tmp_path / "base" / "digits"))
    path = tmp_path / "base" / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"kept")
    refused(f"in the folder {tmp_path / 'base' / 'digits'}: ", path, "MNIST_DATA_DIR")
    assert path.read_bytes() == b"kept"
    path.unlink()
    link(path, tmp_path / "nowhere")
    refused(path, f"a symbolic link to {tmp_path / 'nowhere'}", "MNIST_DATA_DIR")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("form", ["{0}", "~/{0.name}", "{0.name}", "link"])
def test_an_odd_folder_may_be_named_in_each_way(digits, tmp_path, monkeypatch, form):
    for home in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(home, str(digits.parent))
    monkeypatch.chdir(tmp_path if form == "link" else digits.parent)
    if form == "link":
        link(tmp_path / "link", digits)
    monkeypatch.setenv("MNIST_DATA_DIR", form.format(digits))
    assert data_root().is_absolute()
    assert data_root().samefile(digits)
    assert load_datasets()[1][0][1] == 7


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="homes are known in another way")
@pytest.mark.parametrize("chosen", ["", "~/digits", "~nobody-of-this-name/digits", "digits"])
def test_a_folder_that_is_not_known_is_said(tmp_path, monkeypatch, chosen):
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("pwd.getpwuid", "pwd.getpwnam"):
        monkeypatch.setattr(name, Mock(side_effect=KeyError("nobody knows this user")))
    monkeypatch.setenv("MNIST_DATA_DIR", chosen)
    monkeypatch.chdir(tmp_path)
    if chosen == "digits":
        tmp_path.rmdir()  # now nobody knows where a relative folder lies
    refused(f"MNIST_DATA_DIR is {chosen!r}", "to the full path of a folder")
    assert not tmp_path.exists() or list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_keeps_what_is_whole(empty_folder, monkeypatch):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", Mock(side_effect=full))  # there is not even room for a folder
        refused(f"in the folder {empty_folder}: the disk is full: 0 MB are free")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", Mock(side_effect=[None, None, full]))
        patch.setattr(shutil, "disk_usage", Mock(return_value=Mock(free=7e6)))
        refused(f"in the folder {empty_folder}: the disk is full: 7 MB are free", "MNIST_DATA_DIR")
    assert set(files_in(empty_folder)) == set(NAMES[:2])
    data_root()
    assert is_whole(empty_folder)


@needs_fork
def test_of_killed_preparations_only_whole_files_stay(empty_folder, monkeypatch):
    # With the first file written; with it not yet moved; then each time with one more.
    deaths = [("fsync",), ("replace",), *[("replace", 2)] * 4]
    for count, death in zip([0, 0, 1, 2, 3, 4], deaths, strict=True):
        assert ended(forked(data_root, *death)) < 0
        names = set(files_in(empty_folder))
        assert len(names & set(NAMES)) == count
        assert len(names - set(NAMES)) == 1
    data_root()
    assert is_whole(empty_folder)

    monkeypatch.setenv("MNIST_DATA_DIR", str(empty_folder / "second"))
    doomed = [forked(data_root, "replace", count) for count in (1, 2, 3, 5)]
    # Whichever of them is first at the lock dies; from then on the others are there, too.
    wait([one.sentinel for one in doomed])
    others = [forked(data_root) for _ in range(4)]
    statuses = sorted(map(ended, doomed))
    assert statuses[0] < 0
    assert statuses[-1] <= 0
    assert list(map(ended, others)) == [0] * 4
    assert is_whole(empty_folder / "second")
