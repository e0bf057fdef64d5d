"""Images of Pillow."""

from __future__ import annotations

import io
import warnings
from typing import Any, Iterable

from riverrun.exceptions import BadInput
from riverrun.io.base import Body, IODescriptor, imported
from riverrun.io.file import upload_content, uploaded

__all__ = ["Image"]

# Pillow has other programs read these.
_BY_OTHER_PROGRAMS = {"EPS", "WMF"}


class Image(IODescriptor[Any]):
    """An image: the body, or the first file of a form. It is decoded when the function gets it, and one of more pixels than
    `PIL.Image.MAX_IMAGE_PIXELS` is refused.

    Args:
        pilmode: The mode that arrays are written in; that of the array for `None`. What is read stays in its own, as in BentoML.
        mime_type: The media type that is written.
        allowed_mime_types: The media types that are read; all that Pillow reads if absent.
    """

    def __init__(
        self,
        pilmode: str | None = "RGB",
        mime_type: str = "image/jpeg",
        *,
        allowed_mime_types: Iterable[str] | None = None,
    ) -> None:
        pillow = imported("PIL.Image", "pillow", "Image")
        pillow.init()
        formats = {media_type.lower(): name for name, media_type in pillow.MIME.items()}
        # Several formats of one media type; the first one is its own.
        formats |= {"image/jpeg": "JPEG", "image/png": "PNG"}
        readable = {
            kind: name
            for kind, name in formats.items()
            if name in pillow.OPEN and name not in _BY_OTHER_PROGRAMS and kind.startswith("image/")
        }
        if pilmode is not None and pilmode not in pillow.MODES:
            raise BadInput(f"pilmode is one of {', '.join(pillow.MODES)}, not {pilmode!r}")
        self._mime_type = mime_type.lower()
        if formats.get(self._mime_type) not in pillow.SAVE:
            raise BadInput(f"mime_type is a media type that Pillow writes, such as 'image/png', not {mime_type!r}")
        allowed = None if allowed_mime_types is None else [kind.lower() for kind in allowed_mime_types]
        for kind in allowed or ():
            if kind not in readable:
                raise BadInput(f"allowed_mime_types has {kind!r}, which Pillow does not read")
        self._pilmode = pilmode
        self._format = formats[self._mime_type]
        self._allowed = allowed
        self._readable = readable if allowed is None else {kind: readable[kind] for kind in allowed}

    def _from_sample(self, sample: Any) -> Any:
        import PIL.Image

        if hasattr(sample, "__array_interface__") and not hasattr(sample, "getbands"):
            return PIL.Image.fromarray(sample)
        if hasattr(sample, "getbands"):
            return sample
        with open(sample, "rb") as file:
            return _decoded(file.read(), None)

    def read(self, body: Body) -> Any:
        wanted = " or ".join(f"`{kind}`" for kind in self._allowed) if self._allowed else "an image"
        if self._allowed is None:
            file = uploaded(body, lambda kind: kind in self._readable or kind.startswith("image/"), wanted)
        else:
            file = uploaded(body, lambda kind: kind in self._readable, wanted)
        return _decoded(file.content, sorted(set(self._readable.values())))

    def write(self, value: Any) -> Body:
        import PIL.Image

        if hasattr(value, "__array_interface__") and not isinstance(value, PIL.Image.Image):
            image = PIL.Image.fromarray(value)
            if self._pilmode is not None and image.mode != self._pilmode:
                image = image.convert(self._pilmode)
        elif isinstance(value, PIL.Image.Image):
            image = value
        else:
            raise self._unfit(value, "a PIL.Image.Image or a numpy.ndarray")
        file = io.BytesIO()
        image.save(file, format=self._format)
        name = f"output.{self._format.lower()}"
        disposition = ("content-disposition", f'attachment; filename="{name}"')
        return Body(file.getvalue(), self._mime_type, name, (disposition,))

    def openapi_schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "binary"}

    def openapi_content(self, is_input: bool) -> dict[str, Any]:
        return upload_content(self._allowed or ["image/*"]) if is_input else super().openapi_content(is_input)


def _decoded(content: bytes, formats: list[str] | None) -> Any:
    import PIL.Image

    try:
        with warnings.catch_warnings():
            # Of twice as many pixels Pillow makes an error by itself.
            warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
            image = PIL.Image.open(io.BytesIO(content), formats=formats)
        # Here, so that what is wrong with it is the request's fault and not the function's.
        image.load()
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning) as error:
        raise BadInput(
            f"the image has more than the {PIL.Image.MAX_IMAGE_PIXELS} pixels that one may have; make it smaller"
        ) from error
    except PIL.UnidentifiedImageError as error:
        raise BadInput("the body is not an image that can be read") from error
    except (MemoryError, ImportError):
        raise
    # What the decoders raise is of many kinds, and all of it is about the body.
    except Exception as error:
        raise BadInput(f"the image cannot be decoded: {error}") from error
    return image
