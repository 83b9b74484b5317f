"""How much may be sent with one request, before anything of it is written to the disk."""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler

# Five files of 10 MB in a form, an import of 20 MB, a provider's mail of 60 MB: no page of ours takes more. Each form
# looks at its own files, but only when all of them lie on the disk.
MOST = 64 * 1024 * 1024


class Limit(FileUploadHandler):
    """The first of the upload handlers: refuses a request that is too large, and leaves all others to the next ones."""

    def handle_raw_input(
        self,
        input_data: Any,
        META: dict[str, Any],  # noqa: N803  # Django's own name
        content_length: int,
        boundary: str,
        encoding: str | None = None,
    ) -> None:
        if content_length > MOST:
            raise RequestDataTooBig("The request is larger than any form of ours.")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None
