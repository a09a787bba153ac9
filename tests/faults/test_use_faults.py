"""What a learner does to a training: interrupts it, and goes on."""

from collections.abc import Callable

from jupyter_client.manager import start_new_kernel
from mnist_helpers.batches import TensorBatches
from mnist_helpers.training import (
    History,
    TrainingInterrupted,
    fit,
    fit_one_cycle,
    trained_cnn,
)
import pytest
import torch
from torch import nn

BATCHES = 5


@pytest.fixture
def batches() -> TensorBatches:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (40, 28, 28), dtype=torch.uint8, generator=generator)
    return TensorBatches(images, torch.arange(40) % 10, batch_size=8)


def learner() -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    return model, torch.optim.Adam(model.parameters(), lr=0.01)


def interrupt_after(count: int) -> Callable[[float], None]:
    """Return an `on_batch` that interrupts, as the key does, at a batch."""
    seen = []

    def on_batch(loss: float) -> None:
        seen.append(loss)
        if len(seen) == count + 1:
            raise KeyboardInterrupt

    return on_batch


@pytest.mark.parametrize("progress", [True, False])
@pytest.mark.parametrize(
    ("count", "epoch", "done", "left"), [(0, 1, 0, 3), (3, 1, 3, 3), (7, 2, 2, 2), (14, 3, 4, 1)]
)
def test_an_interrupted_training_says_where_and_goes_on_from_there(
    batches, count, epoch, done, left, progress
) -> None:
    model, optimizer = learner()
    with pytest.raises(TrainingInterrupted) as caught:
        fit(model, batches, optimizer, 3, on_batch=interrupt_after(count), progress=progress)
    message = str(caught.value)
    assert f"in epoch {epoch} of 3, after {done} of its {BATCHES} batches" in message
    assert f"call fit with both again and epochs={left}" in message

    history = caught.value.history
    assert len(history.losses) == len(history.train_accuracy) == epoch - 1
    # What was learned is what as many batches teach without an interruption.
    other, other_optimizer = learner()
    for _ in range(epoch - 1):
        fit(other, batches, other_optimizer, 1, progress=False)
    for images, labels in list(batches)[:done]:
        loss = nn.functional.cross_entropy(other(images), labels)
        other_optimizer.zero_grad()
        loss.backward()
        other_optimizer.step()
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, other.state_dict()[name]), name

    told = []
    whole = fit(
        model,
        batches,
        optimizer,
        epochs=left,
        history=history,
        on_epoch=told.append,
        progress=progress,
    )
    assert whole is history
    assert [len(losses) for losses in history.losses] == [BATCHES] * 3
    assert told == list(range(epoch, 4))


def test_an_interruption_in_the_validation_leaves_the_history_even(batches) -> None:
    model, optimizer = learner()

    class Interrupting:
        def __iter__(self):
            yield next(iter(batches))
            raise KeyboardInterrupt

    with pytest.raises(TrainingInterrupted, match=f"after {BATCHES} of its {BATCHES} batches"):
        fit(model, batches, optimizer, 2, Interrupting(), progress=False, history=(h := History()))
    assert h == History()


def test_an_interrupted_cycle_says_that_it_cannot_be_gone_on_with(batches) -> None:
    model, _ = learner()

    def interrupt(images: torch.Tensor) -> torch.Tensor:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="Make the network anew"):
        fit_one_cycle(model, batches, 1, 0.01, augment=interrupt, progress=False)


def test_an_interrupted_trained_cnn_keeps_nothing_half_trained(tmp_path, monkeypatch) -> None:
    calls = []

    def interrupted(*arguments: object, **options: object) -> None:
        calls.append(1)
        raise KeyboardInterrupt

    monkeypatch.setattr("mnist_helpers.training.trained._path", lambda: tmp_path / "kept.pt")
    monkeypatch.setattr("mnist_helpers.training.trained.fit_one_cycle", interrupted)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            trained_cnn(progress=False)
    assert len(calls) == 2, "the second call begins from the start"
    assert list(tmp_path.iterdir()) == []


TRAIN = """
import torch
from mnist_helpers.batches import TensorBatches
from mnist_helpers.models import CNN
from mnist_helpers.training import fit
torch.manual_seed(0)
images, labels = torch.zeros(64_000, 28, 28, dtype=torch.uint8), torch.zeros(64_000, dtype=torch.int64)
batches = TensorBatches(images, labels)
model = CNN()
optimizer = torch.optim.Adam(model.parameters())
history = fit(model, batches, optimizer, epochs=50, on_batch=lambda loss: print("batch"))
"""
GO_ON = """
import sys
few = TensorBatches(images[:640], labels[:640])
print(len(fit(model, few, optimizer, epochs=1, history=sys.last_value.history, progress=False).losses))
"""


def test_a_kernel_that_is_interrupted_in_an_epoch_trains_on() -> None:
    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=120)
    try:
        # Otherwise the kernel passes over what comes right after an error, as over the cells below one that failed.
        sent = client.execute(TRAIN, stop_on_error=False)
        while "batch" not in client.get_iopub_msg(timeout=120)["content"].get("text", ""):
            pass
        manager.interrupt_kernel()
        reply = client.get_shell_msg(timeout=120)
        assert reply["parent_header"]["msg_id"] == sent
        assert reply["content"]["ename"] == "TrainingInterrupted"
        assert "in epoch 1 of 50" in reply["content"]["evalue"]
        printed = []
        reply = client.execute_interactive(GO_ON, timeout=120, output_hook=printed.append)
        assert reply["content"]["status"] == "ok", reply["content"]
        assert [one["content"]["text"] for one in printed if one["msg_type"] == "stream"] == ["1\n"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
