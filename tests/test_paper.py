import io

from mnist_helpers.drawing import read_photo
import numpy as np
from paper_digits import misread
from PIL import Image, ImageDraw, ImageOps
import pytest
import torch

FIVE = [(90, 52, 140, 48), (90, 60, 85, 120), (85, 120, 130, 135), (130, 135, 80, 190)]


def page(*lines, ink=30, width=5):
    picture = Image.new("L", (260, 260), 235)
    for line in lines:
        ImageDraw.Draw(picture).line(line, ink, width)
    return picture


def saved(picture, kind="PNG", **options):
    picture.save(file := io.BytesIO(), kind, **options)
    return file.getvalue()


RULED = page(*[(0, y, 260, y) for y in range(20, 260, 30)], ink=60, width=1)
DESK = page((0, 4, 260, 2), (4, 0, 2, 260), (0, 257, 260, 257), (258, 0, 254, 260), width=24)
SPECKS = page((0, 20, 30, 240), (240, 20, 244, 20))
NOISE = np.random.default_rng(0).normal(230, 6, (260, 260)).astype(np.uint8)
HEAD = saved(page(), "JPEG")


def test_photographs_made_from_strokes_are_read():
    assert len(found := misread(range(700_000, 700_030))) <= 1, found


def test_what_disturbs_makes_no_difference_and_each_step_is_a_picture(tmp_path):
    drawn, exif, image = page(*FIVE), Image.Exif(), read_photo(saved(page(*FIVE))).image[0]
    assert image.any(dim=1).sum() == 20
    assert 7 < image.any(dim=0).sum() < 13, "half as wide as high"
    assert image[4:7, 15:].sum() > 2, "the bar, which stands apart, is a part of it"
    thin = read_photo(saved(page(*FIVE, width=2))).image
    assert thin.sum() > image.sum() / 2, "a thin pen is widened"
    (tmp_path / "five.jpg").write_bytes(saved(drawn, "JPEG", quality=95))
    clear = Image.new("RGBA", drawn.size)
    clear.putalpha(drawn.point(lambda grey: 235 - grey))
    exif[0x0112] = 6
    for source in (
        saved(ImageOps.invert(drawn)),
        saved(clear),
        memoryview(saved(drawn.resize((2600, 2600)))),
        saved(drawn.rotate(90), "JPEG", quality=95, exif=exif),
        str(tmp_path / "five.jpg"),
        *[saved(Image.fromarray(np.minimum(drawn, other))) for other in (DESK, SPECKS, RULED)],
    ):
        photo = read_photo(source)
        assert {step.shape for step in photo[:4]} == {(1, 800, 800)}
        assert all(0 <= step.min() < step.max() <= 1 for step in photo)
        assert torch.corrcoef(torch.stack([photo.image[0], image]).flatten(1))[0, 1] > 0.98


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (saved(Image.fromarray(NOISE)), "No ink was found"),
        (saved(page((0, 90, 260, 90))), "No ink was found"),
        (saved(page((90, 60, 90, 190), (130, 55, 120, 190))), "several digits"),
        (b"no picture", "no whole PNG or JPEG"),
        (saved(page(*FIVE))[:200], "no whole PNG or JPEG"),
        (saved(page(*FIVE), "GIF"), "no whole PNG or JPEG"),
        # The header says that each of the sides, 260, is longer.
        (HEAD.replace(b"\x01\x04" * 2, (7_072).to_bytes(2) * 2), "more than 50 megapixels"),
        (HEAD.replace(b"\x01\x04" * 2, (60_000).to_bytes(2) * 2), "more than 50 megapixels"),
    ],
)
def test_what_cannot_be_read_is_named(source, reason):
    with pytest.raises(ValueError, match=reason):
        read_photo(source)
