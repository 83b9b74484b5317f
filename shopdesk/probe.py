"""Asks a running web process how it is: ``python -m shopdesk.probe healthz``, ``… readyz``, ``… readyz beat``.

Exit status 0 when the answer is 200, or, where a part is named, when that part is well. The request carries the public
host's name, so that it passes ALLOWED_HOSTS. PROBE_HOST and PORT say where the web process is (default this machine,
8000).
"""

import http.client
import json
import os
import sys
from typing import Any
from urllib.parse import urlsplit


def ask(path: str, *, port: int, host: str, at: str = "127.0.0.1", timeout: float = 5.0) -> tuple[int, dict[str, Any]]:
    """Status and JSON of the answer; (0, {}) when nobody answers."""
    connection = http.client.HTTPConnection(at, port, timeout=timeout)
    try:
        connection.request("GET", f"/{path}", headers={"Host": host})
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException):
        return 0, {}
    finally:
        connection.close()
    try:
        return response.status, json.loads(body)
    except ValueError:
        return response.status, {}


def main() -> int:
    """The command: path, and perhaps the part of it that counts."""
    site = urlsplit(os.environ.get("SITE_URL", "http://localhost"))
    at = os.environ.get("PROBE_HOST", "127.0.0.1")
    status, body = ask(sys.argv[1], port=int(os.environ.get("PORT", "8000")), host=site.netloc, at=at)
    sys.stdout.write(f"{status} {json.dumps(body)}\n")
    if len(sys.argv) > 2:
        return 0 if body.get("checks", {}).get(sys.argv[2], {}).get("ok") else 1
    return 0 if status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main())
