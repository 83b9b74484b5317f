"""The demo's mail server: takes every letter and lets none out. Each is stored as a file; the newest 2000 are kept.

python -m shopdesk.demo_sink FOLDER PORT
"""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

KEPT = 2000
SIZE_LIMIT = 64 * 1024 * 1024


class Sink:
    """Writes letters into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        self.count += 1
        name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{self.count:05d}.eml"
        content = envelope.content or b""
        data = content if isinstance(content, bytes) else content.encode()
        # The envelope is what a real server would have used: it stands on top of the file.
        lines = [f"X-Envelope-From: {envelope.mail_from}", *(f"X-Envelope-To: {to}" for to in envelope.rcpt_tos)]
        head = "".join(f"{line}\r\n" for line in lines).encode("utf-8", "replace")
        unfinished = self.folder / f".{name}"
        unfinished.write_bytes(head + data)
        unfinished.rename(self.folder / name)
        for old in sorted(self.folder.glob("*.eml"))[:-KEPT]:
            old.unlink()
        return "250 2.0.0 Kept here; it goes nowhere"


async def serve(folder: Path, port: int) -> None:
    """Listen on loopback until the process is stopped."""
    loop = asyncio.get_running_loop()
    sink = Sink(folder)
    server = await loop.create_server(
        lambda: SMTP(sink, data_size_limit=SIZE_LIMIT, hostname="localhost", enable_SMTPUTF8=True), "127.0.0.1", port
    )
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.mkdir(parents=True, exist_ok=True)
    asyncio.run(serve(place, int(sys.argv[2])))
