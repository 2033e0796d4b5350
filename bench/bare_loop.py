"""The same pictures by the least code that makes them: Pillow in two processes. What the daemon is measured against.

`python bench/bare_loop.py PHOTOS OUT`. Per picture: SHA-256, a copy of the original, a preview, a thumb, both upright.
It keeps no catalog, survives no crash, flushes nothing, and dies of the first damaged file.
"""

from __future__ import annotations

import hashlib
import io
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from PIL import Image, ImageOps

PROCESSES = 2
PREVIEW = 1600  # px, long side
THUMB = (300, 300)  # px
QUALITY = 82
ORIENTATION = 0x0112
TURNS = {
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_270,
    8: Image.Transpose.ROTATE_90,
}


def develop(path: Path, out: Path) -> None:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    preview = _preview(content)
    preview.save(out / "preview" / f"{digest}.jpg", quality=QUALITY)
    thumb = ImageOps.fit(preview, THUMB, Image.Resampling.LANCZOS)
    thumb.save(out / "thumb" / f"{digest}.jpg", quality=QUALITY)
    (out / "originals" / f"{digest}.jpg").write_bytes(content)


def _preview(content: bytes) -> Image.Image:
    opened = Image.open(io.BytesIO(content))
    turn = TURNS.get(opened.getexif().get(ORIENTATION, 1))
    scale = PREVIEW / max(opened.size)
    size = (round(opened.width * scale), round(opened.height * scale))
    opened.draft("RGB", size)
    small = opened.resize(size, Image.Resampling.LANCZOS)
    return small if turn is None else small.transpose(turn)


def main(photos: Path, out: Path) -> None:
    for kind in ("originals", "preview", "thumb"):
        (out / kind).mkdir(parents=True)
    paths = sorted(photos.iterdir())
    with ProcessPoolExecutor(PROCESSES) as pool:
        for _ in pool.map(develop, paths, [out] * len(paths)):
            pass


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
