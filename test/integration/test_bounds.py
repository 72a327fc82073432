#!/usr/bin/env python3
"""Every bound that can be reached from outside, at its limit and beyond: docs/bounds.md. Figures are printed. WEIR_TEST_STOPPED_S says for how
many seconds of load a view stands still (20), WEIR_TEST_CONNECTIONS how many connections lie idle (10000)."""
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

from weirtest import MODULES, SHOP, TOP, WEIR, Case, Server, weir

STOPPED_S = float(os.environ.get("WEIR_TEST_STOPPED_S", "20"))
CONNECTIONS = int(os.environ.get("WEIR_TEST_CONNECTIONS", "10000"))
KB, MB = 1 << 10, 1 << 20

# A foreign program that holds a read transaction of the log until its input ends.
PIN = """
import ctypes, sys
lmdb = ctypes.CDLL("liblmdb.so.0")
env, txn = ctypes.c_void_p(), ctypes.c_void_p()
assert lmdb.mdb_env_create(ctypes.byref(env)) == 0
assert lmdb.mdb_env_set_maxdbs(env, 8) == 0
assert lmdb.mdb_env_open(env, sys.argv[1].encode(), 0x20000, 0o644) == 0    # MDB_RDONLY
assert lmdb.mdb_txn_begin(env, None, 0x20000, ctypes.byref(txn)) == 0
print("pinned", flush=True)
sys.stdin.read()
"""


def metrics(client):
    """All metrics by name; those of partitions and views summed."""
    status, _, text = client.get("/metrics")
    assert status == 200, text
    values = {}
    for line in text.decode().splitlines():
        match = re.match(r"(\w+)(?:\{[^}]*\})? (-?[\d.e+]+)$", line)
        if match is not None:
            values[match[1]] = values.get(match[1], 0) + float(match[2])
    return values


def memory(process):
    """Resident bytes: all, and those that are no file's."""
    said = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return tuple(int(re.search(rf"^{name}:\s+(\d+) kB", said, re.M)[1]) * KB for name in ("VmRSS", "RssAnon"))


class Load:
    """Connections that send commands one after the other until told to stop. Refusals (503) are counted and tried again."""

    def __init__(self, port, connections=4, keys=200):
        self.port, self.keys = port, keys
        self.over = threading.Event()
        self.done, self.wrong = [0] * connections, []
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True) for i in range(connections)]

    def run(self, number):
        requests = []
        for key in range(self.keys):
            body = json.dumps({"sku": f"sku-{key}", "quantity": "1"})
            requests.append((f"POST /commands/shop.v1.ReceiveStock HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
                             f"Content-Length: {len(body)}\r\n\r\n{body}").encode())
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            i = number
            while not self.over.is_set():
                connection.sendall(requests[i % self.keys])
                reply = connection.recv(65536)
                if reply.startswith(b"HTTP/1.1 200 "):
                    self.done[number] += 1
                elif not reply.startswith(b"HTTP/1.1 503 "):
                    self.wrong.append(reply)
                    return
                i += len(self.done)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind, value, trace):
        self.over.set()
        for thread in self.threads:
            thread.join(60)
        assert not self.wrong, self.wrong[0]


def ask_all(test, server, n, body, path="/commands/testing.v1.Add"):
    """The same from n connections at once. Returns their replies."""
    clients = [test.client(server) for _ in range(n)]
    replies = [None] * n

    def ask(i):
        replies[i] = clients[i].request("POST", path, body if isinstance(body, str) else body(i), {"Content-Type": "application/json"})

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return replies


class Page(Case):
    def test_what_the_page_names_is_there(self):
        page = (TOP / "docs/bounds.md").read_text()
        table = [line.split("|") for line in page.splitlines() if line.startswith("| ")]
        settings = {name for row in table[1:] for name in re.findall(r"`([a-z.]+)`", row[3])}
        config = weir("config", check=0, cwd=self.tmp).stdout
        for name in settings:
            self.assertRegex(config, rf"(?m)^{re.escape(name)}\b")
        with Server(self.dir) as server:
            said = metrics(self.client(server))
        named = set(re.findall(r"`(weir_\w+)`", page))
        self.assertEqual(named - set(said), set())
        print(f"docs/bounds.md: {len(table) - 1} bounds, {len(settings)} settings, {len(named)} metrics", flush=True)


class Waiters(Case):
    """module_slow sleeps as many milliseconds as a command says."""

    def serve(self, *arguments):
        server = Server(self.dir, MODULES / "module_slow.so", "--partitions", "1", *arguments).start()
        self.addCleanup(server.stop)
        return server, self.client(server)

    def add(self, milliseconds, key="a"):
        return json.dumps({"counterId": key, "amount": milliseconds})

    def test_too_many_waiters_are_told_and_it_works_again(self):
        server, http = self.serve("--waiters", "10")
        replies = ask_all(self, server, 16, self.add(100))
        refused = [reply for reply in replies if reply[0] != 200]
        self.assertTrue(0 < len(refused) <= 6, [reply[0] for reply in replies])
        for reply in refused:
            self.assert_problem(reply, 503, "busy", "10 requests are waiting for their outcomes")
            self.assertEqual(reply[1]["Retry-After"], "1")
        said = metrics(http)
        self.assertEqual((said["weir_waiting_refused_total"], said["weir_waiting_requests"]), (len(refused), 0))
        self.assertEqual(http.send("testing.v1.Add", counterId="a", amount="1")[0], 200)
        self.assertEqual(http.get("/aggregates/counter/a")[2]["version"], 16 - len(refused) + 1)
        print(f"waiters: 16 at once, 10 allowed, {len(refused)} refused", flush=True)

    def test_a_connection_has_one_request_under_way(self):
        server, http = self.serve()
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            body = self.add(500)
            one = f"POST /commands/testing.v1.Add HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            connection.sendall(one.encode() * 3)
            most = 0
            while metrics(http)["weir_commands_total"] < 3:
                said = metrics(http)
                most = max(most, said["weir_waiting_requests"])
            self.assertEqual(most, 1)
            replies = b""
            while replies.count(b"HTTP/1.1 200 ") < 3:
                replies += connection.recv(65536)
        print("a connection: 3 commands sent at once, 1 under way at a time", flush=True)

    def test_the_largest_batch_is_taken_and_one_line_more_is_not(self):
        _, http = self.serve()
        headers = {"Content-Type": "application/x-ndjson"}
        line = json.dumps({"type": "testing.v1.Add", "data": {"counterId": "a", "amount": "0"}}) + "\n"
        reply = http.request("POST", "/commands", line * 10000, headers)
        self.assertEqual([json.loads(said)["status"] for said in reply[2].splitlines()], [200] * 10000)
        self.assert_problem(http.request("POST", "/commands", line * 10001, headers), 400, "invalid", "10000")
        self.assertEqual(http.get("/aggregates/counter/a")[2]["version"], 10000)

    def test_batches_that_wait_for_room_keep_nobody_out(self):
        server, http = self.serve("--queue.items", "1", "--http.threads", "1")
        lines = json.dumps([{"type": "testing.v1.Add", "data": {"counterId": "a", "amount": "50"}}] * 6)
        answered, asked = threading.Event(), []

        def look():
            while not answered.is_set():
                self.assertEqual(http.get("/health/live")[0], 200)
                asked.append(metrics(http)["weir_waiting_requests"])

        looking = threading.Thread(target=look)
        looking.start()
        replies = ask_all(self, server, 12, lines, "/commands")
        answered.set()
        looking.join()
        said = [json.loads(line) for reply in replies for line in reply[2].splitlines()]
        busy = [line for line in said if line["status"] != 200]
        self.assertEqual(len(said), 72)
        for line in busy:
            self.assertEqual((line["status"], line["code"]), (503, "busy"))
            self.assert_words(line["detail"], "the queue of partition 0 is full")
        self.assertGreaterEqual(len(said) - len(busy), 8 * 6, "eight batches may wait")
        self.assertGreater(len(asked), 30, "others are answered meanwhile")
        self.assertEqual(http.get("/aggregates/counter/a")[2]["version"], len(said) - len(busy))
        print(f"batches: 12 of 6 lines before a queue of 1; {len(busy)} lines refused, {len(asked)} other requests answered meanwhile", flush=True)


class States(Case):
    def test_more_aggregates_than_memory_holds(self):
        """20,000 articles in 1 MB of memory; all are right, also after a restart and after a replay."""
        articles, rounds = 20000, 3
        headers = {"Content-Type": "application/x-ndjson"}
        for opened in range(3):
            if opened == 2:
                subprocess.run(["rm", "-r", self.dir / "checkpoint"], check=True)
            with Server(self.dir, SHOP, "--states.memory", "1MB") as server:
                http = self.client(server)
                for _ in range(rounds if opened == 0 else 0):
                    for start in range(0, articles, 5000):
                        lines = [json.dumps({"type": "shop.v1.ReceiveStock", "data": {"sku": f"s{i}", "quantity": "1"}})
                                 for i in range(start, start + 5000)]
                        status, _, reply = http.request("POST", "/commands", "\n".join(lines), headers)
                        self.assertEqual(status, 200)
                        self.assertEqual({json.loads(line)["status"] for line in reply.splitlines()}, {200})
                said = metrics(http)
                for i in range(0, articles, 997):
                    reply = http.get(f"/aggregates/stock/s{i}")[2]
                    self.assertEqual((reply["version"], reply["state"]["onHand"]), (rounds, str(rounds)))
                    status, _, reply = http.request("POST", "/commands/shop.v1.ReceiveStock", json.dumps({"sku": f"s{i}", "quantity": "1"}),
                                                    {"Content-Type": "application/json", "If-Match": f'"{rounds + 1}"'})
                    self.assertEqual((status, reply["version"]), (412, rounds))
                print(f"states: {said['weir_aggregates']:.0f} of {said['weir_aggregates_known']:.0f} in memory, "
                      f"{said['weir_state_bytes'] / KB:.0f} of {said['weir_state_bytes_limit'] / KB:.0f} KB, "
                      f"{said['weir_states_evicted_total']:.0f} evicted, {said['weir_states_loaded_total']:.0f} loaded, "
                      f"{said['weir_states_waits_total']:.0f} waits, {said['weir_checkpoints_total']:.0f} checkpoints", flush=True)
                self.assertEqual(said["weir_aggregates_known"], articles)
                self.assertLess(said["weir_aggregates"], articles / 2)
                self.assertLessEqual(said["weir_state_bytes"], said["weir_state_bytes_limit"] + 4 * KB)
                self.assertEqual(said["weir_states_unreadable_total"], 0)


class Readers(Case):
    """PROTOCOL section 9, test 7: what a held read transaction costs, and that weir's own readers hold none."""

    def growth(self, http, port, seconds, until=None):
        """Under load: bytes that the file grew by beyond what was logged, a commit; and what the oldest reader's age came to, step by step."""
        before, ages = metrics(http), []
        with Load(port):
            end = time.monotonic() + seconds
            while time.monotonic() < end or (until is not None and not until()):
                self.assertLess(time.monotonic(), end + 60)
                time.sleep(0.25)
                ages.append(1000 * metrics(http)["weir_log_oldest_reader_seconds"])
        after = metrics(http)
        commits = after["weir_log_commits_total"] - before["weir_log_commits_total"]
        grown = after["weir_disk_used_bytes"] - before["weir_disk_used_bytes"]
        logged = after["weir_log_bytes_total"] - before["weir_log_bytes_total"]
        self.assertGreater(commits, 50)
        return (grown - logged) / commits, commits, ages

    def own_readers(self, server):
        """Clients that take nothing of large replies, and a program that reads the directory and is stopped with its output unread."""
        sockets = []
        for path in ["/events?limit=10000"] * 4 + ["/views/stock/stock?limit=10000"] * 4:
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", server.port))
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            self.assertTrue(connection.recv(64).startswith(b"HTTP/1.1 200 "))
            self.addCleanup(connection.close)
            sockets.append(connection)
        programs = []
        for _ in range(2):
            program = subprocess.Popen([WEIR, "events", "--dir", self.dir, "--module", SHOP, "--follow", "--json"], stdout=subprocess.PIPE)
            self.addCleanup(program.wait)
            self.addCleanup(program.kill)
            self.addCleanup(program.stdout.close)
            self.assertTrue(program.stdout.readline())
            programs.append(program)
        time.sleep(0.5) # the pipes are full
        for program in programs:
            program.send_signal(signal.SIGSTOP)
        return sockets, programs

    def test_held_reads_and_our_own(self):
        with Server(self.dir) as server:
            http = self.client(server)
            with Load(server.port):
                time.sleep(2) # something to read
            alone, commits, _ = self.growth(http, server.port, 3)
            print(f"nobody reads: {alone / KB:.2f} KB a commit beyond what is logged, {commits:.0f} commits", flush=True)
            readers = self.own_readers(server)
            own, commits, ages = self.growth(http, server.port, 4)
            print(f"8 slow HTTP clients, 2 stopped programs: {own / KB:.2f} KB a commit, {commits:.0f} commits, oldest reader {max(ages):.0f} ms",
                  flush=True)
            self.assertLess(own, 2 * alone + 4 * KB)
            for program in readers[1]:
                program.kill()
            pin = subprocess.Popen([sys.executable, "-c", PIN, self.dir / "log"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self.assertEqual(pin.stdout.readline().strip(), "pinned")
            held, commits, ages = self.growth(http, server.port, 4, lambda: "has been reading the log" in server.said())
            said = metrics(http)
            print(f"a foreign program holds a read: {held / KB:.2f} KB a commit, {commits:.0f} commits, oldest reader up to {max(ages):.0f} ms, "
                  f"{said['weir_disk_used_bytes'] / MB:.0f} MB", flush=True)
            self.assertGreater(held, 2 * own + 4 * KB, "the mistake that this test is about")
            self.assertEqual(said["weir_log_oldest_reader_pid"], pin.pid)
            self.assertEqual(ages, sorted(ages))
            self.assertGreater(ages[-1], ages[0])
            self.assertIn(f"process {pin.pid} has been reading the log for ", server.said())
            pin.communicate("")
            with Load(server.port):
                while "has let go of the log" not in server.said():
                    time.sleep(0.1)
            after, commits, ages = self.growth(http, server.port, 3)
            print(f"it has let go: {after / KB:.2f} KB a commit, {commits:.0f} commits", flush=True)
            self.assertLess(after, own + 4 * KB)
            for connection in readers[0]:
                connection.close()


class Memory(Case):
    def test_a_view_that_stands_still_holds_no_memory(self):
        views = self.tmp / "views"
        views.mkdir()
        (views / "stock.sql").write_text((TOP / "examples/shop/views/stock.sql").read_text())
        (views / "once.sql").write_text("-- on-error: stop\n-- schema:\nCREATE TABLE once (sku TEXT PRIMARY KEY);\n"
                                        "-- on: shop.v1.StockReceived\nINSERT INTO once (sku) VALUES (:sku);\n")
        with Server(self.dir, SHOP, "--views", views, "--window", "10000") as server:
            http = self.client(server)
            with Load(server.port):
                time.sleep(3) # buffers have grown to what they will be
            self.assertEqual(metrics(http)["weir_view_stopped"], 1)
            before, start = metrics(http), memory(server.process)
            most, end = start, time.monotonic() + STOPPED_S
            with Load(server.port, connections=8) as load:
                while time.monotonic() < end:
                    time.sleep(0.2)
                    most = tuple(map(max, most, memory(server.process)))
                    http.get("/health/live")    # a connection that lies idle for a minute is closed
            after, last = metrics(http), memory(server.process)
            lag = after["weir_view_lag_events"]
            logged = after["weir_log_bytes_total"] - before["weir_log_bytes_total"]
            print(f"a view stopped for {STOPPED_S:.0f} s of load, {sum(load.done)} commands, {logged / MB:.0f} MB logged: of no file "
                  f"{start[1] / MB:.1f} MB at the start, {most[1] / MB:.1f} at most, {last[1] / MB:.1f} at the end; "
                  f"with mapped files {start[0] / MB:.1f}, {most[0] / MB:.1f}, {last[0] / MB:.1f} MB; the view is {lag:.0f} events behind", flush=True)
            self.assertGreater(lag, sum(load.done) / 2)
            self.assertLess(most[1], start[1] + 16 * MB)


class Connections(Case):
    def raise_limit(self, files):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY and soft < files:
            try:
                most = hard if hard == resource.RLIM_INFINITY else max(hard, files)
                resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
            except (ValueError, OSError) as error:
                self.fail(f"the limit of open files is {hard}, and can't be raised to {files}: {error}")
            self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

    def test_ten_thousand_idle_connections(self):
        request = b"GET /health/live HTTP/1.1\r\nHost: h\r\n\r\n"
        self.raise_limit(CONNECTIONS + 1000)
        with Server(self.dir, SHOP, "--http.connections", CONNECTIONS + 1, "--http.idle", "600") as server:
            http = self.client(server)
            self.assertEqual(http.get("/health/live")[0], 200)
            before, idle = memory(server.process), []
            self.addCleanup(lambda: [connection.close() for connection in idle])
            while len(idle) < CONNECTIONS:
                some = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(min(500, CONNECTIONS - len(idle)))]
                for connection in some:
                    connection.sendall(request)
                for connection in some:
                    self.assertTrue(connection.recv(4096).startswith(b"HTTP/1.1 200 "))
                idle += some
            after = memory(server.process)
            said = metrics(http)
            self.assertEqual(said["weir_http_connections"], CONNECTIONS + 1)
            self.assertEqual(http.send("shop.v1.ReceiveStock", sku="a", quantity="1")[0], 200)
            each = (after[1] - before[1]) / CONNECTIONS
            print(f"{CONNECTIONS} idle connections: {before[1] / MB:.1f} MB of no file before, {after[1] / MB:.1f} MB with them, "
                  f"{each / KB:.1f} KB each; a command on another connection is answered", flush=True)
            self.assertLess(each, 32 * KB)
            with socket.create_connection(("127.0.0.1", server.port)) as more:
                reply = more.recv(4096)
                self.assertTrue(reply.startswith(b"HTTP/1.1 503 "), reply)
                self.assertIn(b"too many connections", reply)
            self.assertEqual(metrics(http)["weir_http_turned_away_total"], 1)
            for connection in idle[:100]:
                connection.close()
            while metrics(http)["weir_http_connections"] > CONNECTIONS - 99:
                time.sleep(0.01)
            again = self.client(server)
            self.assertEqual(again.get("/health/live")[0], 200)
            self.assertEqual(idle[100].send(request), len(request))
            self.assertTrue(idle[100].recv(4096).startswith(b"HTTP/1.1 200 "))

    def test_slow_clients_end(self):
        """A head that drips, a connection on which nothing comes, and a reply that is not taken."""
        with Server(self.dir, SHOP, "--http.idle", "1") as server:
            http = self.client(server)
            for i in range(20):
                lines = [json.dumps({"type": "shop.v1.ReceiveStock", "data": {"sku": f"s{n}", "quantity": "1"}}) for n in range(500)]
                self.assertEqual(http.request("POST", "/commands", "\n".join(lines), {"Content-Type": "application/x-ndjson"})[0], 200)
            quiet = socket.create_connection(("127.0.0.1", server.port))
            greedy = socket.socket()
            greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            greedy.connect(("127.0.0.1", server.port))
            greedy.sendall(b"GET /events?limit=10000 HTTP/1.1\r\nHost: h\r\n\r\n")
            slow = socket.create_connection(("127.0.0.1", server.port))
            slow.sendall(b"GET /health/live HTTP/1.1\r\nHost: h\r\n")
            sent = 0
            try:
                while True:
                    slow.sendall(b"X-A: b\r\n")
                    sent += 1
                    self.assertEqual(self.client(server).get("/health/live")[0], 200)
                    time.sleep(0.1)
            except OSError:
                pass
            self.assertEqual(quiet.recv(100), b"")
            said = metrics(self.client(server))
            print(f"a head that drips is cut after {sent} lines; {said['weir_http_cut_total']:.0f} cut, {said['weir_http_reply_bytes']:.0f} bytes of "
                  "replies are held", flush=True)
            self.assertGreaterEqual(said["weir_http_cut_total"], 1)
            self.assertLess(said["weir_http_reply_bytes"], 64 * KB, "the reply that nobody takes is gone")
            for connection in (quiet, greedy, slow):
                connection.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
