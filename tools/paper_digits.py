"""How many digits on paper the pad's network reads: ``python tools/paper_digits.py``.

They are photographs made from pen strokes, each with everything that disturbs at once.
"""

from collections import Counter
import io

from mnist_helpers.drawing import random_strokes, read_photo
from mnist_helpers.insights import predict_all
from mnist_helpers.training import trained_cnn
import numpy as np
from PIL import Image, ImageDraw, ImageFilter
import torch

INKS = ["#202024", "#1c3f94", "#b3202c", "#1d6b3a", "#5c5c60"]
SIZE = 900


def photograph(digit: int, seed: int, light_ink: bool = False) -> tuple[list, bytes]:
    """Return the strokes of a digit and, as a JPEG, a photograph of it: coloured ink on ruled and
    rough paper, tilted by up to 10°, in a shadow, blurred; `light_ink` is chalk on a board."""
    random = np.random.default_rng(seed)
    strokes = random_strokes(digit, torch.Generator().manual_seed(seed))
    points, place = np.concatenate(strokes), random.uniform(0.42, 0.58, 2) * SIZE
    height = random.uniform(0.25, 0.55) * SIZE
    scale, pen = height / np.ptp(points, axis=0).max(), height * random.uniform(0.03, 0.11)
    shift = place - scale * (points.min(0) + points.max(0)) / 2

    page = Image.new("RGB", (SIZE, SIZE), "#28352f" if light_ink else "#f4f1e8")
    draw, gap = ImageDraw.Draw(page), random.integers(50, 110)
    for y in range(int(random.integers(gap)), SIZE, gap):
        draw.line((-SIZE, y, 2 * SIZE, y), "#46564e" if light_ink else "#b4c6dc", 3)
    ink = "#dedbd0" if light_ink else INKS[random.integers(len(INKS))]
    for stroke in strokes:
        drawn = [tuple(scale * np.array(point) + shift) for point in stroke]
        draw.line(drawn, ink, round(pen))
        for x, y in drawn:
            draw.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), ink)
    turned = page.rotate(random.uniform(-10, 10), Image.Resampling.BICUBIC)
    cut = SIZE // 10
    page = turned.crop((cut, cut, SIZE - cut, SIZE - cut))

    side = page.width
    rough = Image.fromarray(
        random.normal(128, 40, (side // 3, side // 3)).clip(0, 255).astype("u1")
    )
    texture = np.asarray(rough.resize((side, side)), float) / 128 - 1
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    angle = random.uniform(0, 2 * np.pi)
    across = np.cos(angle) * x + np.sin(angle) * y + random.uniform(-0.5, 0.5)
    shadow = 1 - random.uniform(0.3, 0.55) / (1 + np.exp(-across / random.uniform(0.02, 0.3)))
    light = (shadow * (1 + 0.1 * texture) * (1 - 0.15 * (x**2 + y**2)))[..., None]
    seen = np.asarray(page, float) * light + random.normal(0, 6, (side, side, 1))
    blurred = Image.fromarray(seen.clip(0, 255).astype("u1")).filter(
        ImageFilter.GaussianBlur(random.uniform(0.5, 2.5))
    )
    blurred.save(file := io.BytesIO(), "JPEG", quality=int(random.integers(40, 90)))
    return strokes, file.getvalue()


def main(count: int = 500) -> None:
    model, pairs = trained_cnn(), Counter()
    for number in range(count):
        _, photo = photograph(number % 10, number, light_ink=number % 40 >= 30)
        said = predict_all(model, read_photo(photo).image[None]).argmax().item()
        pairs[number % 10, said] += 1
    right = sum(times for (label, said), times in pairs.items() if label == said)
    print(f"{count} digits on paper: {right / count:.1%} read")
    for (label, said), times in pairs.most_common():
        if label != said:
            print(f"{label} taken for {said}: {times}")


if __name__ == "__main__":
    main()
