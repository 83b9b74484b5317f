"""A small POP3 server on loopback; deletes only at QUIT, as the protocol says."""

import contextlib
import socketserver
import threading


class Pop3Server:
    """``mails``: uidl -> bytes. ``drop_before`` hangs up when that command comes."""

    def __init__(self):
        self.mails, self.commands, self.drop_before = {}, [], ""
        self.password = "himitsu-no-aikotoba"
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Session)
        self._server.daemon_threads, self._server.block_on_close, self._server.owner = True, False, self
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Session(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True  # an answer in two writes would wait 40 ms for the first one's acknowledgement

    def handle(self):
        owner = self.server.owner
        shown, deleted = list(owner.mails.items()), set()
        self.say("+OK ready")
        with contextlib.suppress(ConnectionError):
            while line := self.rfile.readline():
                name, *words = line.decode().split()
                owner.commands.append(line.decode().strip())
                name = name.upper()
                if name == owner.drop_before:
                    return
                if name == "PASS":
                    self.say("+OK" if words[0] == owner.password else f"-ERR wrong {words[0]}")
                elif name == "LIST":
                    self.lines([f"{number} {len(raw)}".encode() for number, (_, raw) in enumerate(shown, 1)])
                elif name == "UIDL":
                    self.lines([f"{number} {uidl}".encode() for number, (uidl, _) in enumerate(shown, 1)])
                elif name == "RETR":
                    self.lines(shown[int(words[0]) - 1][1].removesuffix(b"\r\n").split(b"\r\n"))
                elif name == "TOP":
                    head = shown[int(words[0]) - 1][1].partition(b"\r\n\r\n")[0]
                    self.lines([*head.split(b"\r\n"), b""])
                elif name == "DELE":
                    deleted.add(shown[int(words[0]) - 1][0])
                    self.say("+OK")
                elif name == "QUIT":
                    for uidl in deleted:
                        owner.mails.pop(uidl, None)
                    self.say("+OK")
                    return
                else:
                    self.say("+OK" if name == "USER" else "-ERR")

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def lines(self, lines):
        self.say("+OK")
        for line in lines:
            self.wfile.write((b"." if line.startswith(b".") else b"") + line + b"\r\n")
        self.wfile.write(b".\r\n")
