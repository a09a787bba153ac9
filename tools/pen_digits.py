"""How many digits the drawing pad's network reads of people whom it has not seen:
``python tools/pen_digits.py ujipenchars2.txt``.

The file is that of the data set *UJI Pen Characters (Version 2)* (Llorens et al., "The UJIpenchars
Database", LREC 2008; UCI Machine Learning Repository); its letters are left out.
"""

from collections import Counter
from pathlib import Path
import sys

from mnist_helpers.drawing import predict
from mnist_helpers.training import trained_cnn

Stroke = list[tuple[float, float]]


def load_pen_digits(path: Path) -> list[tuple[int, str, list[Stroke]]]:
    """Return label, writer and strokes of each digit."""
    digits = []
    strokes: list[Stroke] = []
    for line in path.read_text(encoding="latin-1").splitlines():
        words = line.split()
        if words[:1] == ["WORD"]:
            strokes = []
            if words[1] in set("0123456789"):
                digits.append((int(words[1]), words[2].rpartition("-")[0], strokes))
        elif words[:1] == ["POINTS"]:
            values = [float(word) for word in words[3:]]
            strokes.append(list(zip(values[::2], values[1::2], strict=True)))
    return digits


def main(path: Path) -> None:
    model = trained_cnn()
    digits = load_pen_digits(path)
    pairs = Counter((label, predict(model, pens).argmax().item()) for label, _, pens in digits)
    right = sum(times for (label, said), times in pairs.items() if label == said)
    writers = len({writer for _, writer, _ in digits})
    print(f"{len(digits)} digits of {writers} writers: {right / len(digits):.2%} read")
    for (label, said), times in pairs.most_common():
        if label != said:
            print(f"{label} taken for {said}: {times}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
