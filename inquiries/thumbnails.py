"""Small pictures of attached pictures, drawn by us from the bytes, so that a thread does not load megabytes.

What a stranger sent is opened here, so: only the four kinds that our own reading of the bytes made sure of, a limit on
how many points a picture may unfold to before anything is unfolded, and a new file that holds points only: no place
where a photograph was taken, no camera, no text.
"""

import io
import warnings

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image, ImageOps

from inquiries.attachments import INLINE_TYPES, thumbnail_key
from inquiries.models import Attachment

EDGE = 320
# Enough to see a scratch; a photograph of a telephone is about half as large again.
LARGE_EDGE = 2_400
MEDIA_TYPE = "image/webp"
# A photograph of a telephone has 50 million points at most; one more than that would unfold to over 150 MB.
MOST_POINTS = 50_000_000
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")


class NoThumbnail(Exception):
    """The file is no picture, or one that is not opened: broken, or too large when unfolded."""


def of(file: Attachment) -> bytes:
    """The small picture, at most EDGE points wide and high, as WebP; drawn at its first use and kept.

    Raises NoThumbnail, and FileNotFoundError where the bytes are gone.
    """
    if file.media_type not in INLINE_TYPES or file.suspicious:
        raise NoThumbnail
    key = thumbnail_key(file.storage_key)
    try:
        with default_storage.open(key) as there:
            return bytes(there.read())
    except FileNotFoundError:
        pass
    with default_storage.open(file.storage_key) as content:
        small = draw(content.read())
    if not default_storage.exists(key):  # two readers at once: the second name is never asked for again
        default_storage.save(key, ContentFile(small))
    return small


def redrawn(file: Attachment) -> tuple[bytes, str]:
    """The picture as (bytes, media type) for who must not learn where it was taken: its points alone, at most
    LARGE_EDGE wide and high. Raises as :func:`of`."""
    if file.media_type not in INLINE_TYPES or file.suspicious:
        raise NoThumbnail
    with default_storage.open(file.storage_key) as content:
        points = _points(content.read(), LARGE_EDGE)
    written = io.BytesIO()
    if points.mode == "RGB":
        points.save(written, "JPEG", quality=88)
        return written.getvalue(), "image/jpeg"
    points.save(written, "PNG")
    return written.getvalue(), "image/png"


def draw(content: bytes) -> bytes:
    """A picture, made small and written anew. Raises NoThumbnail."""
    written = io.BytesIO()
    _points(content, EDGE).save(written, "WEBP", quality=78, method=2)
    return written.getvalue()


def _points(content: bytes, edge: int) -> Image.Image:
    """The points of a picture, upright and at most ``edge`` wide and high; nothing else of the file. Raises
    NoThumbnail."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
                # The header says the size; nothing is unfolded yet. Pillow's own limit is one for the whole process.
                if picture.width * picture.height > MOST_POINTS:
                    raise NoThumbnail
                picture.draft("RGB", (edge * 2, edge * 2))  # JPEG unfolds to the small size at once
                picture.thumbnail((edge, edge))
                upright = ImageOps.exif_transpose(picture)
                mode = "RGBA" if upright.has_transparency_data else "RGB"
                points = upright.convert(mode)
                bare = Image.new(mode, points.size)
                bare.paste(points)
                return bare
    except NoThumbnail:
        raise
    except Exception as error:  # a broken picture makes readers of pictures raise whatever they like
        raise NoThumbnail from error
