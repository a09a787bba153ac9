import pytest
import torch


@pytest.fixture
def one_way_to_reckon(monkeypatch):
    monkeypatch.setenv("MNIST_DEVICE", "cpu")
    monkeypatch.setenv("MNIST_PRECISION", "float32")


@pytest.fixture
def random_numbers_stay():
    before = torch.get_rng_state()
    yield
    assert torch.equal(torch.get_rng_state(), before)
