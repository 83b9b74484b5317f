"""Asks a running web process how it is: ``python -m shopdesk.probe healthz`` (or readyz). Standard library only.

Exit status 0 when the answer is 200. The request carries the public host's name, so that it passes ALLOWED_HOSTS.
"""

import http.client
import json
import os
import sys
from typing import Any
from urllib.parse import urlsplit


def ask(path: str, *, port: int, host: str, timeout: float = 5.0) -> tuple[int, dict[str, Any]]:
    """Status and JSON of the answer; (0, {}) when nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
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
    site = urlsplit(os.environ.get("SITE_URL", "http://localhost"))
    status, body = ask(sys.argv[1], port=int(os.environ.get("PORT", "8000")), host=site.netloc)
    sys.stdout.write(f"{status} {json.dumps(body)}\n")
    return 0 if status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main())
