import os
import shutil

from mnist_helpers.data import data_root
import pytest


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """A prepared folder, under an odd name. No test may change it."""
    folder = tmp_path_factory.mktemp("数字 与 空格") / "手写 数字"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNIST_DATA_DIR", str(folder))
        return data_root()


@pytest.fixture
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MNIST_DATA_DIR", str(tmp_path / "digits"))
    return tmp_path / "digits"


@pytest.fixture
def own_digits(digits, empty_folder):
    """Digits that a test may damage: links to the shared ones, to be replaced, not written into."""
    return shutil.copytree(digits, empty_folder, copy_function=os.link)
