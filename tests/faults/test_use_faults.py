from unittest.mock import DEFAULT, Mock

from by_hand import batches, learner, steps, weights
from mnist_helpers.training import History, TrainingInterrupted, fit
import pytest


def interrupt_at(count):
    results = [*[DEFAULT] * (count - 1), KeyboardInterrupt]
    return Mock(wraps=lambda first, **_: first, side_effect=results)


@pytest.mark.parametrize(
    ("count", "epoch", "done", "left", "progress"),
    [(0, 1, 0, 3, True), (7, 2, 2, 2, False), (14, 3, 4, 1, True)],
)
def test_an_interrupted_training_goes_on(count, epoch, done, left, progress):
    model, optimizer = learner()
    on_batch, told = interrupt_at(count + 1), []
    with pytest.raises(TrainingInterrupted) as caught:
        fit(model, batches(), optimizer, 3, on_batch=on_batch, progress=progress)
    message, history = str(caught.value), caught.value.history
    assert f"in epoch {epoch} of 3, after {done} of its 5 batches" in message
    assert "sys.last_value.history; fit adds to one" in message
    assert f"call fit with both again and epochs={left}: epoch {epoch} starts once more" in message
    assert len(history.losses) == len(history.train_accuracy) == epoch - 1
    # What was learned is what as many batches teach without an interruption.
    other, other_optimizer = learner()
    steps(other, [*batches(), *batches(), *batches()][:count], other_optimizer)
    assert weights(model) == weights(other)

    options = {"history": history, "on_epoch": told.append, "progress": False}
    assert fit(model, batches(), optimizer, left, **options) is history
    assert [len(losses) for losses in history.losses] == [5] * 3
    assert told == list(range(epoch, 4))


def test_an_interrupted_validation_leaves_the_history_even():
    (model, optimizer), history = learner(), History()
    validation = map(interrupt_at(1), [None])
    with pytest.raises(KeyboardInterrupt, match="after 5 of its 5 batches"):
        fit(model, batches(), optimizer, 2, validation, progress=False, history=history)
    assert history == History()
