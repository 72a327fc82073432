# SPDX-License-Identifier: Apache-2.0
"""The little of Kafka's protocol that the test broker needs itself: who is there, make a topic or add partitions to it, give a right.

One request a connection, in the oldest version of each that brokers of 3.9 and 4.x both know (big-endian, strings with a 16-bit
length, lists with a 32-bit one). Whatever goes wrong is an OSError."""
import socket
import struct

METADATA, CREATE_TOPICS, CREATE_ACLS, CREATE_PARTITIONS = (3, 1), (19, 2), (30, 1), (37, 0)
RESOURCES = {"topic": 2, "group": 3, "cluster": 4, "transactional-id": 5}
OPERATIONS = {"all": 2, "read": 3, "write": 4, "create": 5, "delete": 6, "alter": 7, "describe": 8, "cluster-action": 9,
              "describe-configs": 10, "alter-configs": 11, "idempotent-write": 12}
LITERAL, PREFIXED, ALLOW = 3, 4, 3


def text(value):
    data = value.encode()
    return struct.pack(">h", len(data)) + data


def listing(items):
    return struct.pack(">i", len(items)) + b"".join(items)


class Reply:
    """Takes a reply apart from its beginning."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        value, = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return value

    def text(self):
        size = self.take("h")
        if size < 0:
            return None
        self.at += size
        return self.data[self.at - size:self.at].decode()

    def listing(self, one):
        return [one() for _ in range(self.take("i"))]


def ask(address, request, body, timeout=5.0):
    host, port = address.rsplit(":", 1)
    key, version = request
    message = struct.pack(">hhi", key, version, 1) + text("weir-test") + body
    try:
        with socket.create_connection((host, int(port)), timeout) as connection:
            connection.sendall(struct.pack(">i", len(message)) + message)
            stream = connection.makefile("rb")
            head = stream.read(4)
            size = struct.unpack(">i", head)[0] if len(head) == 4 else 0
            data = stream.read(size)
    except OSError as error:
        raise OSError(f"{address}: {error}") from error
    if size < 4 or len(data) < size:
        raise OSError(f"{address}: the broker closed the connection")
    reply = Reply(data)
    reply.take("i")
    return reply


def brokers(address, timeout=1.0):
    """The ids of the brokers that this one knows to be alive."""
    reply = ask(address, METADATA, struct.pack(">i", 0), timeout)

    def broker():
        node = reply.take("i")
        reply.text(), reply.take("i"), reply.text()
        return node

    return set(reply.listing(broker))


def refused(code, words):
    if code != 0:
        raise OSError(f"error {code} of the broker: {words or 'no words'}")


def create_topic(address, name, partitions=1, replication=-1, settings=()):
    settings = [text(key) + text(value) for key, value in dict(settings).items()]
    topic = text(name) + struct.pack(">ih", partitions, replication) + listing([]) + listing(settings)
    reply = ask(address, CREATE_TOPICS, listing([topic]) + struct.pack(">ib", 10000, 0), timeout=15)
    reply.take("i"), reply.take("i"), reply.text()
    refused(reply.take("h"), reply.text())


def add_partitions(address, name, count):
    """The topic has `count` partitions from now on: more than before."""
    topic = text(name) + struct.pack(">ii", count, -1)
    reply = ask(address, CREATE_PARTITIONS, listing([topic]) + struct.pack(">ib", 10000, 0), timeout=15)
    reply.take("i"), reply.take("i"), reply.text()
    refused(reply.take("h"), reply.text())


def allow(address, user, operation, kind, name):
    """A right of a user on a resource; a name that ends with * means all that begin so."""
    pattern, name = (PREFIXED, name[:-1]) if name.endswith("*") and name != "*" else (LITERAL, name)
    right = struct.pack(">b", RESOURCES[kind]) + text(name) + struct.pack(">b", pattern) + text(f"User:{user}") + text("*") \
        + struct.pack(">bb", OPERATIONS[operation], ALLOW)
    reply = ask(address, CREATE_ACLS, listing([right]))
    reply.take("i"), reply.take("i")
    refused(reply.take("h"), reply.text())
