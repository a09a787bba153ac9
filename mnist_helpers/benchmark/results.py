"""What the benchmark measured, summed up: a row for each recipe, as a table, and as JSON that lesson 05 reads."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
import json
import os
from pathlib import Path
import statistics
import tempfile

from ..checks import require_number, require_sequence, require_type
from .measure import Loading, Training


@dataclass(frozen=True)
class Row:
    """What is said of one recipe.

    recipe: its name.
    seeds: how many networks were trained, or, of `loading`, how many passes were timed.
    epochs: how often each went through the training set.
    seconds: of training, the mean of the seeds.
    ratio: `seconds` over those of the classic recipe's ten epochs, None where those are not known; of `loading`, over
        those of a `DataLoader`.
    accuracy, accuracy_sd: mean and standard deviation of the final accuracy on the test set, in per cent.
    peak_mb: the most memory that was held, in MB.
    """

    recipe: str
    seeds: int
    epochs: float
    seconds: float
    ratio: float | None
    accuracy: float | None
    accuracy_sd: float | None
    peak_mb: float


def row_of_trainings(
    trainings: Sequence[Training], epochs: float, classic_seconds: float | None
) -> Row:
    """Sum up the trainings of one recipe; `classic_seconds` is what the classic recipe's ten epochs take, if known.

    Raises:
        TypeError: `trainings` are no trainings, or another argument is no number.
        ValueError: there is no training, or another argument is not above 0.
    """
    require_sequence("trainings", trainings, Training, "trainings")
    require_number("epochs", epochs, above=0)
    if classic_seconds is not None:
        require_number("classic_seconds", classic_seconds, above=0)
    accuracies = [100 * training.accuracy for training in trainings]
    seconds = statistics.mean(training.seconds for training in trainings)
    return Row(
        recipe=trainings[0].recipe,
        seeds=len(trainings),
        epochs=round(epochs, 3),
        seconds=round(seconds, 3),
        ratio=None if classic_seconds is None else round(seconds / classic_seconds, 5),
        accuracy=round(statistics.mean(accuracies), 3),
        accuracy_sd=round(statistics.stdev(accuracies), 3) if len(accuracies) > 1 else None,
        peak_mb=round(max(training.peak_mb for training in trainings)),
    )


def row_of_loadings(loadings: Sequence[Loading]) -> Row:
    """Sum up the passes over the training set.

    Raises:
        TypeError: they are no passes.
        ValueError: there is none, or the loader took no time.
    """
    require_sequence("loadings", loadings, Loading, "passes, those that measure_loading returns")
    for loading in loadings:
        require_number("loader_seconds of a pass", loading.loader_seconds, above=0)
    seconds = statistics.mean(loading.seconds for loading in loadings)
    loader_seconds = statistics.mean(loading.loader_seconds for loading in loadings)
    return Row(
        recipe="loading",
        seeds=len(loadings),
        epochs=1,
        seconds=round(seconds, 3),
        ratio=round(seconds / loader_seconds, 5),
        accuracy=None,
        accuracy_sd=None,
        peak_mb=round(max(loading.peak_mb for loading in loadings)),
    )


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table to be printed.

    Raises:
        TypeError: they are no rows.
    """
    require_sequence("rows", rows, Row, "rows", empty=True)
    lines = [
        f"{'recipe':<16}{'seeds':>6}{'epochs':>8}{'seconds':>9}{'ratio':>9}{'accuracy, %':>16}{'peak MB':>9}"
    ]
    for row in rows:
        spread = "" if row.accuracy_sd is None else f" ± {row.accuracy_sd:.2f}"
        accuracy = "" if row.accuracy is None else f"{row.accuracy:.2f}{spread}"
        lines.append(
            f"{row.recipe:<16}{row.seeds:>6}{row.epochs:>8.3g}{row.seconds:>9.2f}{fraction(row.ratio):>9}"
            f"{accuracy:>16}{row.peak_mb:>9.0f}"
        )
    return "\n".join(lines)


def fraction(ratio: float | None) -> str:
    """Return a ratio of times as it is read best: 0.05 as ``1/20.0``, 0.93 as ``0.93``, None as nothing.

    Raises:
        TypeError: it is no number.
        ValueError: it is less than 0, or not finite.
    """
    if ratio is None:
        return ""
    require_number("ratio", ratio, at_least=0)
    return f"1/{1 / ratio:.1f}" if 0 < ratio < 0.5 else f"{ratio:.2f}"


def summary(trainings: Sequence[Training]) -> str:
    """Return one line: how many got stuck, and mean and standard deviation of the accuracy of those that did not.

    Raises:
        TypeError: they are no trainings.
    """
    require_sequence("trainings", trainings, Training, "trainings", empty=True)
    learned = [100 * training.accuracy for training in trainings if not training.stuck]
    line = f"{len(trainings) - len(learned)} of {len(trainings)} seeds stuck"
    if learned:
        spread = f" ± {statistics.stdev(learned):.2f}" if len(learned) > 1 else ""
        line += f"; accuracy of the others {statistics.mean(learned):.2f}{spread} %"
    return line


def write_json(path: Path, records: Sequence[Row] | Sequence[Mapping[str, object]]) -> None:
    """Write rows, or other records, as a JSON list of objects, one to a line; the file is replaced as a whole.

    Raises:
        TypeError: `path` is no path, or a record is none or holds what JSON cannot.
        ValueError: a record holds NaN or infinity, for which JSON has no number.
        OSError: the file cannot be written.
    """
    require_type("path", path, Path, "a pathlib.Path")
    require_sequence("records", records, (Row, Mapping), "rows or dictionaries", empty=True)
    objects = [asdict(one) if isinstance(one, Row) else one for one in records]
    try:
        lines = [f"  {json.dumps(one, allow_nan=False)}" for one in objects]
    except (TypeError, ValueError) as error:
        raise type(error)(f"records hold something that JSON cannot: {error}") from error
    text = "[\n" + ",\n".join(lines) + "\n]\n"
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(beside, 0o644)
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def load_results(name: str) -> list[dict]:
    """Return what the benchmark wrote in a longer run, from the files that lie in the package.

    Args:
        name: ``"recipes"``, a list of what is in `Row`; or ``"steps"``, for each setting its name, its epochs and the
            validation accuracy of every seed in per cent.

    Raises:
        TypeError: `name` is no text.
        ValueError: there is no such file.
    """
    require_type("name", name, str, 'text: "recipes" or "steps"')
    folder = resources.files("mnist_helpers.benchmark")
    known = sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".json"))
    if name not in known:
        raise ValueError(f"There are no results {name!r}; there are {', '.join(known)}.")
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
