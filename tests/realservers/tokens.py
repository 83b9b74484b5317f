"""A provider's two addresses: where access tokens are given out, and where Dovecot asks what one is worth."""

import json
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Provider:
    """``valid`` maps an access token to its user; ``refresh`` maps a refresh token to the tokens that it will give."""

    def __init__(self):
        self.valid, self.refresh, self.asked = {}, {}, []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads, self._server.owner = True, self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        """Token information: who it belongs to, or 400 as Google says it of a token that has expired."""
        words = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        user = self.server.owner.valid.get(words.get("access_token", [""])[0])
        self._say(*((200, {"email": user}) if user else (400, {"error": "invalid_token"})))

    def do_POST(self):
        """A refresh token becomes the next access token of its list."""
        owner = self.server.owner
        words = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        owner.asked.append(words["refresh_token"][0])
        tokens = owner.refresh.get(words["refresh_token"][0])
        if tokens:
            self._say(200, {"access_token": tokens.pop(0), "expires_in": 3600, "token_type": "Bearer"})
        else:
            self._say(400, {"error": "invalid_grant"})

    def _say(self, status, answer):
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass
