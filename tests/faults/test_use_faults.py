"""What a learner does to a training: interrupts it, and goes on."""

from by_hand import batches, digits, linear, steps, weights
from jupyter_client.manager import start_new_kernel
from mnist_helpers.drawing import drawn_digits
from mnist_helpers.training import (
    History,
    TrainingInterrupted,
    fit,
    fit_one_cycle,
    trained,
    trained_cnn,
)
import pytest
import torch


def learner():
    model = linear()
    return model, torch.optim.Adam(model.parameters(), lr=0.01)


def interrupt(*arguments, **options):
    raise KeyboardInterrupt


@pytest.mark.parametrize("progress", [True, False])
@pytest.mark.parametrize(
    ("count", "epoch", "done", "left"), [(0, 1, 0, 3), (7, 2, 2, 2), (14, 3, 4, 1)]
)
def test_an_interrupted_training_says_where_and_goes_on_from_there(
    count, epoch, done, left, progress
) -> None:
    model, optimizer = learner()
    seen = []

    def interrupt_after_some(loss):
        seen.append(loss)
        if len(seen) == count + 1:
            raise KeyboardInterrupt

    with pytest.raises(TrainingInterrupted) as caught:
        fit(model, batches(), optimizer, 3, on_batch=interrupt_after_some, progress=progress)
    message, history = str(caught.value), caught.value.history
    assert f"in epoch {epoch} of 3, after {done} of its 5 batches" in message
    assert f"call fit with both again and epochs={left}: epoch {epoch} starts once more" in message
    assert len(history.losses) == len(history.train_accuracy) == epoch - 1
    # What was learned is what as many batches teach without an interruption.
    other, other_optimizer = learner()
    steps(other, [*batches(), *batches(), *batches()][:count], other_optimizer)
    assert weights(model) == weights(other)

    told = []
    options = {"history": history, "on_epoch": told.append, "progress": progress}
    assert fit(model, batches(), optimizer, left, **options) is history
    assert [len(losses) for losses in history.losses] == [5] * 3
    assert told == list(range(epoch, 4))


def test_an_interruption_in_the_validation_leaves_the_history_even() -> None:
    (model, optimizer), history = learner(), History()
    validation = (interrupt() for _ in range(1))
    with pytest.raises(TrainingInterrupted, match="after 5 of its 5 batches"):
        fit(model, batches(), optimizer, 2, validation, progress=False, history=history)
    assert history == History()


def test_an_interrupted_cycle_says_that_it_cannot_be_gone_on_with() -> None:
    with pytest.raises(KeyboardInterrupt, match="Make the network anew"):
        fit_one_cycle(linear(), batches(), 1, 0.01, augment=interrupt, progress=False)


def test_an_interrupted_trained_cnn_keeps_nothing_half_trained(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(trained, "data_root", lambda: tmp_path)
    monkeypatch.setattr(trained, "load_datasets", lambda: (digits(120), None))
    monkeypatch.setattr(trained, "drawn_digits", lambda count: drawn_digits(8))
    steps_made = []

    def interrupt_the_third(*arguments, **options):
        steps_made.append(True)
        return interrupt() if len(steps_made) == 3 else arguments[0]

    monkeypatch.setattr(trained, "random_affine", interrupt_the_third)
    with pytest.raises(KeyboardInterrupt, match="Make the network anew"):
        trained_cnn(progress=False)
    assert len(steps_made) == 3
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
        # Otherwise the kernel passes over what comes right after an error.
        sent = client.execute(TRAIN, stop_on_error=False)
        while "batch" not in client.get_iopub_msg(timeout=120)["content"].get("text", ""):
            pass
        manager.interrupt_kernel()
        reply = {"parent_header": {"msg_id": None}}
        while (
            reply["parent_header"]["msg_id"] != sent
        ):  # late answers to what was asked at the start
            reply = client.get_shell_msg(timeout=120)
        assert reply["content"]["ename"] == "TrainingInterrupted"
        assert "in epoch 1 of 50" in reply["content"]["evalue"]
        printed = []
        reply = client.execute_interactive(GO_ON, timeout=120, output_hook=printed.append)
        assert reply["content"]["status"] == "ok", reply["content"]
        assert [one["content"]["text"] for one in printed if one["msg_type"] == "stream"] == ["1\n"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
