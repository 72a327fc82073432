# SPDX-License-Identifier: Apache-2.0
"""A proxy before one broker that sees requests whole, and so can cut the network right at the end of a transaction, or hold that up.
It knows who asks by client.id. Invariant: from the moment a client is cut off until it is let back, no byte of it passes, either way.
One thread accepts, two a connection copy; `lock` guards everything that they share."""
import socket
import struct
import threading

END_TRANSACTION = 26
BEFORE, AFTER, HOLD = "before", "after", "hold"


class Trap:
    """For the next end of a transaction of a client. BEFORE: it never reaches the broker, and the client is cut off. AFTER: the broker
    has done it, the answer is lost, the client is cut off. HOLD: it stays on its way until `release` is set."""

    def __init__(self, client, kind):
        self.client, self.kind = client, kind
        self.sprung, self.release, self.answered = threading.Event(), threading.Event(), threading.Event()
        self.error = None  # what the broker said to it; 0: done


class Connection:
    def __init__(self, client, server):
        self.ends, self.name, self.watched = (client, server), None, {}

    def close(self):
        for end in self.ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Proxy:
    def __init__(self):
        self.lock, self.open, self.away, self.trap, self.target = threading.Lock(), set(), set(), None, None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.port = self.listener.getsockname()[1]

    def serve(self, target):
        host, port = target.rsplit(":", 1)
        self.target = (host, int(port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            try:
                server = socket.create_connection(self.target, timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(client, server)
            with self.lock:
                self.open.add(connection)
            for copy in (self.requests, self.replies):
                threading.Thread(target=self.run, args=(copy, connection), daemon=True).start()

    def run(self, copy, connection):
        try:
            copy(connection, *connection.ends)
        except OSError:
            pass
        connection.close()
        with self.lock:
            self.open.discard(connection)

    def requests(self, connection, client, server):
        stream = client.makefile("rb")
        while (frame := read_frame(stream)) is not None:
            key, _, correlation, size = struct.unpack_from(">hhih", frame, 4)
            with self.lock:
                connection.name = frame[14:14 + max(size, 0)].decode()
                trap = None
                if key == END_TRANSACTION and self.trap is not None and self.trap.client == connection.name:
                    trap, self.trap = self.trap, None
                    connection.watched[correlation] = trap
                gone = connection.name in self.away
            if gone:
                return
            if trap is not None and trap.kind == BEFORE:
                self.cut(trap.client)
                trap.sprung.set()
                return
            if trap is not None and trap.kind == HOLD:
                trap.sprung.set()
                trap.release.wait()
            server.sendall(frame)

    def replies(self, connection, client, server):
        stream = server.makefile("rb")
        while (frame := read_frame(stream)) is not None:
            correlation, = struct.unpack_from(">i", frame, 4)
            with self.lock:
                trap = connection.watched.pop(correlation, None)
            if trap is not None:
                trap.error, = struct.unpack_from(">h", frame, 12)  # after size, correlation and throttle time
                trap.answered.set()
                if trap.kind == AFTER:
                    self.cut(trap.client)
                    trap.sprung.set()
                    return
            client.sendall(frame)

    def set(self, trap):
        with self.lock:
            self.trap = trap
        return trap

    def cut(self, name):
        """Ends every connection of a client; new ones come to nothing until it is let back."""
        with self.lock:
            self.away.add(name)
            gone = [connection for connection in self.open if connection.name == name]
        for connection in gone:
            connection.close()

    def let_back(self, name):
        with self.lock:
            self.away.discard(name)

    def close(self):
        self.listener.close()
        with self.lock:
            gone = list(self.open)
        for connection in gone:
            connection.close()


def read_frame(stream):
    """A request or a reply with its size; None: the connection is over."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    size, = struct.unpack(">i", head)
    data = stream.read(size)
    return head + data if len(data) == size else None
