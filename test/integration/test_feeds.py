# SPDX-License-Identifier: Apache-2.0
"""Live feeds: no gap and no repeat for a thousand clients, half of which are killed and come again; slow ones hold one piece."""
import json
import os
import random
import re
import selectors
import socket
import struct
import subprocess
import threading
import time
import unittest

from weirtest import SHOP, WEIR, Case, Client, Server, ServerCase, weir

CLIENTS = int(os.environ.get("WEIR_TEST_FEEDS", 1000))
SECONDS = int(os.environ.get("WEIR_TEST_FEEDS_S", 15))
BATCHES, BATCH = 60, 10
FRAME = re.compile(rb"\r\n[0-9a-fA-F]+\r\n")
EVENT = re.compile(rb'"partition":(\d+),"offset":(\d+)')
ID = re.compile(rb"^id: (.*)$", re.M)


class Feed:
    """One client of a feed: knows what it has seen, and where to go on."""

    def __init__(self, port, path="/events?after=now", last=None):
        self.port, self.path, self.last, self.seen, self.ended, self.text, self.why = port, path, last, [], False, b"", "its end"

    def connect(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        again = f"Last-Event-ID: {self.last}\r\n" if self.last else ""
        self.socket.sendall(f"GET {self.path} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n{again}\r\n".encode())
        self.socket.setblocking(False)
        self.raw, self.head = b"", False

    def read(self):
        """What has come; whole blocks alone count, as in a browser."""
        try:
            more = self.socket.recv(1 << 18)
        except (BlockingIOError, InterruptedError):
            return
        except ConnectionError as error:
            self.why = error
            more = b""
        self.ended = more == b""
        self.raw += more
        if not self.head:
            end = self.raw.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self.raw.startswith(b"HTTP/1.1 200"):
                raise AssertionError(self.raw[:300])
            self.raw, self.head = self.raw[end + 2:], True
        end = self.raw.rfind(b"\n\n")
        if end < 0:
            return
        text, self.raw = FRAME.sub(b"", self.raw[:end + 2]), self.raw[end + 2:]
        self.seen += [(int(p), int(o)) for p, o in EVENT.findall(text)]
        ids = ID.findall(text)
        if ids:
            self.last = ids[-1].decode()
        self.text = text

    def kill(self):
        """Without a word, and what has not been read is lost."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, random.randrange(2)))
        self.socket.close()

    def read_until(self, enough, seconds=60):
        until = time.monotonic() + seconds
        while not enough(self):
            if time.monotonic() > until or self.ended:
                raise AssertionError(f"the feed gave {len(self.seen)} events, ended={self.ended}: {self.raw[-300:]}")
            selector = selectors.DefaultSelector()
            selector.register(self.socket, selectors.EVENT_READ)
            selector.select(0.5)
            selector.close()
            self.read()
        return self


def batch(http, first, n, kind="shop.v1.ReceiveStock", **fields):
    lines = "".join(json.dumps({"type": kind, "data": {"sku": f"f{i % 97}", "quantity": "1", **fields}}) + "\n" for i in range(first, first + n))
    status, _, body = http.request("POST", "/commands", lines, {"Content-Type": "application/x-ndjson"})
    assert status == 200 and body.count(b'"status":200') == n, body[:300]


def metric(http, name):
    text = http.request("GET", "/metrics")[2].decode()
    return float(re.search(rf"^{name} (\S+)$", text, re.M)[1])


def memory_kb(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])


def all_events(http):
    """The truth: the stream as lines, {(partition, offset)}."""
    events, after = set(), None
    while True:
        query = {"limit": 10000} | ({"after": after} if after else {})
        _, headers, body = http.get("/events", **query)
        events |= {(int(p), int(o)) for p, o in EVENT.findall(body)}
        if headers["Weir-Position"] == after:
            return events
        after = headers["Weir-Position"]


class Many(Case):
    def test_a_thousand_clients_half_of_them_killed_and_resumed(self):
        with Server(self.dir) as server:
            http = self.client(server)
            batch(http, 0, 200)
            before_kb, before = memory_kb(server), all_events(http)
            selector = selectors.DefaultSelector()
            feeds = [Feed(server.port) for _ in range(CLIENTS)]
            for feed in feeds:
                feed.connect()
                selector.register(feed.socket, selectors.EVENT_READ, feed)
            self.drain(selector, lambda: all(feed.last for feed in feeds))
            load = threading.Thread(target=self.load, args=(server,))
            load.start()
            kills = self.run_for(selector, feeds)
            load.join()
            wanted = all_events(self.client(server)) - before
            self.drain(selector, lambda: all(len(feed.seen) >= len(wanted) for feed in feeds))
            after_kb = memory_kb(server)
            repeats = sum(len(feed.seen) - len(set(feed.seen)) for feed in feeds)
            incomplete = sum(set(feed.seen) != wanted for feed in feeds)
            print(f"feeds: {CLIENTS} clients, {kills} kills and resumptions, {len(wanted)} events each, "
                  f"{sum(len(f.seen) for f in feeds)} in all; {incomplete} incomplete, {repeats} repeats; "
                  f"server memory {before_kb} KB before, {after_kb} KB after: {(after_kb - before_kb) / CLIENTS:.1f} KB a client")
            self.assertEqual((repeats, incomplete), (0, 0))
            for feed in feeds:
                last = {}
                for partition, offset in feed.seen:
                    self.assertGreater(offset, last.get(partition, -1))
                    last[partition] = offset
            self.assertLess(after_kb - before_kb, 16 * 1024 + CLIENTS * 100, "what a client may hold, and the tail")
            for feed in feeds:
                feed.socket.close()

    def load(self, server):
        http = Client(server.port)
        for i in range(BATCHES):
            batch(http, i * BATCH, BATCH)
            time.sleep(SECONDS / BATCHES)
        http.close()

    def run_for(self, selector, feeds):
        """Half of them are killed, each at least once, in random order."""
        order, kills, until = [], 0, time.monotonic() + SECONDS
        while time.monotonic() < until or kills < len(feeds) // 2:
            for key, _ in selector.select(0.01):
                key.data.read()
                self.assertFalse(key.data.ended, f"{kills} kills, a feed ended: head {key.data.head}, {len(key.data.seen)} events, {key.data.why}: {key.data.raw[-200:]}")
            for _ in range(8):
                order = order or random.sample(feeds[: len(feeds) // 2], len(feeds) // 2)
                feed = order.pop()
                selector.unregister(feed.socket)
                feed.kill()
                feed.connect()
                selector.register(feed.socket, selectors.EVENT_READ, feed)
                kills += 1
        return kills

    def drain(self, selector, enough):
        until = time.monotonic() + 120
        while not enough():
            self.assertLess(time.monotonic(), until, "the feeds do not come to their end")
            for key, _ in selector.select(0.5):
                key.data.read()


class Slow(Case):
    def test_a_slow_client_holds_one_piece_is_cut_and_goes_on(self):
        with Server(self.dir, SHOP, "--http.idle", "2") as server:
            http = self.client(server)
            for i in range(6):
                batch(http, 0, 10000)
            before_kb = memory_kb(server)
            feed = Feed(server.port, "/events?after=start")
            feed.connect()
            self.addCleanup(feed.socket.close)
            feed.read_until(lambda f: len(f.seen) > 100)
            until = time.monotonic() + 60
            held = []
            while metric(http, "weir_feeds") > 0 and time.monotonic() < until:
                held.append(metric(http, "weir_feed_bytes"))
                time.sleep(0.1)
            self.assertEqual(metric(http, "weir_feeds"), 0, "it takes nothing, and was not cut")
            while not feed.ended:
                feed.read()
            taken = len(feed.seen)
            self.assertLess(taken, 60000)
            again = Feed(server.port, "/events?after=start", feed.last)
            again.seen = feed.seen
            again.connect()
            self.addCleanup(again.socket.close)
            again.read_until(lambda f: len(f.seen) >= 60000)
            self.assertEqual(len(set(again.seen)), 60000)
            self.assertEqual(len(again.seen), 60000)
            print(f"feeds: a client that stopped reading was cut after {taken} of 60000 events, its server held at most "
                  f"{max(held):.0f} bytes for it ({memory_kb(server) - before_kb} KB more memory); it came again and has all")
            self.assertLessEqual(max(held), 64 << 10)


class Feeds(ServerCase):
    def feed(self, path, last=None):
        feed = Feed(self.server.port, path, last)
        feed.connect()
        self.addCleanup(feed.socket.close)
        return feed

    def refused(self, path, status, *words, **headers):
        reply = self.http.request("GET", path, headers={"Accept": "text/event-stream", **headers})
        self.assertEqual(reply[0], status)
        self.assert_words(reply[2]["detail"], *words)

    def test_what_cannot_be_followed_is_refused(self):
        self.refused("/events?types=StockRecieved", 404, "StockReceived")
        self.refused("/events?after=9=1", 400, "no partition 9")
        self.refused("/events?after=0=99999999", 400, "ahead of this log")
        self.refused("/events?limit=5", 400, "limit")
        self.refused("/events", 400, "expected PARTITION=NUMBER", **{"Last-Event-ID": "nonsense"})
        self.refused("/views/nothing/changes", 404, "nothing")
        self.refused("/views/stock/changes?after=0123456789abcdef:0=1", 400, "is of log")
        self.assertEqual(self.http.request("GET", "/views/stock/changes", headers={"Accept": "application/json"})[0], 406)

    def test_a_filter_lets_only_its_types_through(self):
        feed = self.feed("/events?types=StockSold&after=now").read_until(lambda f: f.last)
        self.receive()
        sold = self.post("shop.v1.RecordSale", {"sku": self.key, "quantity": "1", "unitPriceCents": "100", "soldAtMs": "1", "invoiceNo": "1"})
        self.assertEqual(sold[0], 200, sold)
        feed.read_until(lambda f: f.seen)
        self.assertEqual(len(feed.seen), 1)
        self.assertIn(b"StockSold", feed.text)

    def test_a_view_tells_that_it_has_moved(self):
        feed = self.feed("/views/stock/changes").read_until(lambda f: f.last)
        first = feed.last
        position = self.receive()[1]["Weir-Position"]
        feed.read_until(lambda f: f.last != first)
        log, _, at = position.partition(":")
        partition, source = at.split("=")
        now = dict(entry.split("=") for entry in feed.last.partition(":")[2].split(","))
        self.assertGreaterEqual(int(now[partition]), int(source))
        # Come again from where it was: it has moved since, and says so at once.
        again = self.feed("/views/stock/changes", first).read_until(lambda f: b"event: change" in f.text)
        self.assertNotEqual(again.last, first)

    def test_weir_events_follows(self):
        self.receive("1")
        follow = subprocess.Popen([str(WEIR), "events", "--follow", "--json", "--limit", "3", "--after", "now", *self.url()], stdout=subprocess.PIPE, text=True)
        self.addCleanup(follow.stdout.close)
        # It begins at what is now, whenever that is: events are made until it has its three.
        while follow.poll() is None:
            self.receive("2")
            time.sleep(0.05)
        lines = [json.loads(line) for line in follow.stdout.read().splitlines()]
        self.assertEqual((follow.returncode, len(lines)), (0, 3))
        self.assertEqual([line["data"]["quantity"] for line in lines], ["2"] * 3)
        self.assertEqual(list(lines[0])[0], "position")
        page = weir("events", "--json", "--after", lines[0]["position"], "--limit", "2", *self.url(), check=0).stdout.splitlines()
        self.assertEqual([json.loads(line)["version"] for line in page], [line["version"] for line in lines[1:]])
        self.assert_fails(2, ["events", "--follow", "--type", "StockRecieved", *self.url()], "StockReceived")
        self.assert_fails(2, ["events", "--follow", "--after", "nonsense", *self.url()], "PARTITION=NUMBER")

    def test_a_head_of_a_feed_is_no_feed(self):
        before = metric(self.http, "weir_feeds")
        status, headers, body = self.http.request("HEAD", "/events", headers={"Accept": "text/event-stream"})
        self.assertEqual((status, headers["Content-Type"], body), (200, "text/event-stream", b""))
        self.assertEqual(metric(self.http, "weir_feeds"), before)

    def test_a_server_that_stops_ends_its_feeds(self):
        with Server(self.tmp / "other") as server:
            feed = Feed(server.port)
            feed.connect()
            feed.read_until(lambda f: f.last)
            server.stop()
            feed.socket.settimeout(10)
            while not feed.ended:
                feed.read()
            feed.socket.close()


if __name__ == "__main__":
    unittest.main()
