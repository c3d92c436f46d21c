"""A TCP relay that knows where the server's WebSocket frames end, so that one can be put in between,
and that may answer for the server.

    with SignalRelay(server) as relay, Record(relay, room, folder=out) as record:
        relay.inject(leave(RESUME))
        relay.status = 503          # every request from now on is answered so
        relay.cut(); relay.heal(); relay.stall()"""

import threading

from .relay import TcpRelay

DISCONNECT, RESUME, RECONNECT = range(3)
SERVER_SHUTDOWN, STATE_MISMATCH = 3, 6


def leave(action, reason=0):
    """SignalResponse.leave (field 8) with LeaveRequest's reason (2) and action (3)."""
    body = bytes([0x10, reason, 0x18, action])
    return bytes([0x42, len(body)]) + body


def frame_end(data):
    """Where the first of the server's frames in `data` ends; 0 when it is not all there."""
    if len(data) < 2:
        return 0
    length, head = data[1] & 127, 2
    if length >= 126:
        head = 4 if length == 126 else 10
        if len(data) < head:
            return 0
        length = int.from_bytes(data[2:head], "big")
    return head + length if len(data) >= head + length else 0


class SignalRelay(TcpRelay):
    """Looks like the harness's server to Record."""

    def __init__(self, server):
        self.KEY, self.SECRET, self.status = server.KEY, server.SECRET, None
        self.requests = []  # first lines, in the order in which they came
        self.injected = 0
        self._write = threading.Lock()
        super().__init__((server.address, server.port))
        self.url = f"ws://127.0.0.1:{self.port}"

    def inject(self, message):
        """As if the server had sent it, on the newest connection."""
        client = self._pairs[-1][0]
        with self._write:
            client.sendall(bytes([0x82, len(message)]) + message)
        self.injected += 1

    def _pump(self, source, target):
        try:
            if any(source is server for _, server in self._pairs):
                self._pump_down(source, target)
            else:
                self._pump_up(source, target)
        except OSError:
            self._abort(target)
            self._abort(source)

    def _pump_up(self, client, server):
        is_first = True
        while data := client.recv(65536):
            if is_first:
                self.requests.append(data.split(b"\r\n", 1)[0].decode())
                if self.status:
                    client.sendall(
                        f"HTTP/1.1 {self.status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
                    )
                    raise OSError("answered in place of the server")
            is_first = False
            self._flowing.wait()
            server.sendall(data)

    def _pump_down(self, server, client):
        rest, is_open = b"", False
        while data := server.recv(65536):
            self._flowing.wait()
            rest += data
            if not is_open:
                end = rest.find(b"\r\n\r\n") + 4
                if end < 4:
                    continue
                is_open = rest.startswith(b"HTTP/1.1 101")
                self._send(client, rest[:end] if is_open else rest)
                rest = rest[end:] if is_open else b""
            while is_open and (end := frame_end(rest)):
                self._send(client, rest[:end])
                rest = rest[end:]
        raise OSError("the server closed it")

    def _send(self, client, data):
        with self._write:
            client.sendall(data)
