"""Images as a person sees them, and the same pixels wherever they go."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from scorer.images import ImageFault, as_shown, data_url, located

SEEN = Image.new("RGB", (30, 20), "white")
SEEN.paste((10, 200, 30), (0, 0, 30, 8))
"""Green above, white below."""


def sent(path: Path) -> Image.Image:
    """What a data URL's image decodes to."""
    return Image.open(io.BytesIO(base64.b64decode(data_url(path).partition("base64,")[2])))


def make(kind: str, folder: Path) -> Path:
    """SEEN, stored in an odd way."""
    path = folder / f"{kind}.png"
    if kind == "transparent":
        image = Image.new("RGBA", SEEN.size, (255, 0, 0, 0))
        image.paste((10, 200, 30, 255), (0, 0, 30, 8))
        image.save(path)
    elif kind == "opaque":
        image = Image.new("RGBA", SEEN.size, (255, 255, 255, 255))
        image.paste((10, 200, 30, 255), (0, 0, 30, 8))
        image.save(path)
    elif kind == "transparent colour":
        SEEN.save(path, transparency=(255, 255, 255))
    elif kind == "turned":
        exif = Image.Exif()
        exif[0x0112] = 3  # upside down
        SEEN.transpose(Image.Transpose.ROTATE_180).save(path, exif=exif)
    elif kind == "palette":
        SEEN.quantize(4).save(path)
    elif kind == "webp":
        SEEN.save(path, format="WEBP", lossless=True)
    else:
        SEEN.save(path)
    return path


@pytest.mark.parametrize("kind", ["plain", "transparent", "opaque", "transparent colour", "turned", "palette", "webp"])
def test_what_is_sent_is_what_is_seen(tmp_path: Path, kind: str) -> None:
    path = make(kind, tmp_path)
    assert as_shown(path).mode == "RGB"
    assert as_shown(path).tobytes() == SEEN.tobytes()
    image = sent(path)
    assert (image.mode, image.getexif().get(0x0112, 1), image.info.get("transparency")) == ("RGB", 1, None)
    assert image.tobytes() == SEEN.tobytes()


def test_a_plain_file_is_sent_as_it_is(tmp_path: Path) -> None:
    path = make("plain", tmp_path)
    assert data_url(path) == f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
    SEEN.save(tmp_path / "a.dat", format="JPEG")
    assert data_url(tmp_path / "a.dat").startswith("data:image/jpeg;base64,/9j/")  # told by the bytes, not the name


def test_faults_are_told_apart(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    path = make("plain", tmp_path)
    folder.mkdir()
    (folder / "cut.png").write_bytes(path.read_bytes()[:-30])
    assert located(tmp_path, "plain.png") == path
    for name, fault in (("../plain.png", "outside"), ("none.png", "missing"), ("a\0b", "unreadable")):
        with pytest.raises(ImageFault) as caught:
            located(folder, name)
        assert caught.value.fault == fault
    for show in (as_shown, data_url):
        with pytest.raises(ImageFault) as caught:
            show(folder / "cut.png")
        assert caught.value.fault == "truncated"
