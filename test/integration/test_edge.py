# SPDX-License-Identifier: Apache-2.0
"""The edge: who may ask and how often, TLS, and what comes at a server that listens: tricks with paths and headers, halves of requests."""
import datetime
import json
import os
import re
import socket
import ssl
import subprocess
import time
import unittest

from weirtest import SHOP, Case, Client, Server, ServerCase, weir

GOOD, OTHER, OLD = "good-token-0123456789", "other-token-0123456789", "old-token-0123456789ab"


def raw(port, data, more=True):
    """Sends bytes as they are, and reads until the server ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(data)
        if not more:
            connection.shutdown(socket.SHUT_WR)
        said = b""
        try:
            while part := connection.recv(65536):
                said += part
        except (ConnectionError, TimeoutError):
            pass
        return said


class Tokens(Case):
    def tokens(self, text, mode=0o600):
        path = self.tmp / "tokens"
        path.write_text(text)
        path.chmod(mode)
        return path

    def bearer(self, token):
        return {"Authorization": f"Bearer {token}"}

    def test_a_file_of_tokens_that_is_wrong_is_refused_without_showing_one(self):
        cases = ((f"a {GOOD}\n", 0o644, "chmod 600"), ("# nothing\n", 0o600, "there is no token"), ("a short\n", 0o600, ":1: a token has"),
                 (f"a {GOOD}\nb {GOOD} until tomorrow\n", 0o600, ":2: 'tomorrow'"), (f"a {GOOD} for ever\n", 0o600, ":1: expected"),
                 (f"a {GOOD}\u00e9\n", 0o600, ":1: a token has"))
        for text, mode, words in cases:
            run = weir("run", SHOP, "--dir", self.dir, "--listen", "127.0.0.1:0", "--tokens", self.tokens(text, mode), check=2)
            self.assert_words(run.stderr, words)
            self.assertNotIn(GOOD, run.stderr + run.stdout)
        weir("run", SHOP, "--dir", self.dir, "--listen", "127.0.0.1:0", "--tokens", self.tmp / "none", check=None)

    def test_without_a_good_token_nothing_is_told_and_nothing_is_done(self):
        soon = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
        path = self.tokens(f"# who may ask\nann {GOOD}\nbob {OTHER} until {soon}\ncid {OLD} until 2020-01-01T00:00:00Z\n")
        with Server(self.dir, SHOP, "--tokens", path) as server:
            http = self.client(server)
            bad = (None, "", "nonsense", "Bearer", "Bearer ", "Basic " + GOOD, f"Bearer {GOOD[:-1]}", f"Bearer {GOOD}x", f"Bearer {OLD}", f"Bearer {GOOD} {OTHER}", "Bearer " + "x" * 9000)
            asked = ("/views", "/events", "/info", "/metrics", "/types", "/settings", "/quarantine", "/aggregates/stock/mug", "/openapi.json", "/nothing")
            for authorization in bad:
                headers = {} if authorization is None else {"Authorization": authorization}
                for target in asked:
                    self.assert_problem(http.get(target, headers), 401, None, "token")
                reply = http.request("POST", "/commands/ReceiveStock", json.dumps({"sku": "mug", "quantity": "1"}), headers)
                self.assert_problem(reply, 401, None)
                http.close() # it was not read: the connection is over
                self.assertIn("Bearer", reply[1]["WWW-Authenticate"])
            self.assertIn("expired", http.get("/info", self.bearer(OLD))[2]["detail"])
            for target in ("/health/live", "/health/ready", "/"):
                self.assertEqual(http.get(target)[0], 200)
            self.assertEqual(http.get("/", {"Accept": "text/html"})[0], 200)
            self.assertEqual(http.get("/aggregates/stock/mug", self.bearer(GOOD))[0], 404, "nothing was done")
            feed = {"Accept": "text/event-stream"}
            self.assert_problem(http.get("/events", feed), 401, None)
            self.assertEqual(http.get("/info", {"Authorization": f"bearer {GOOD}"})[0], 200)
            while http.get("/info", self.bearer(OTHER))[0] == 200:
                time.sleep(0.1)
            self.assertIn("expired", http.get("/info", self.bearer(OTHER))[2]["detail"])
            for _, _, text in (http.get("/settings", self.bearer(GOOD)), http.get("/metrics", self.bearer(GOOD)), http.get("/events", self.bearer(GOOD))):
                self.assertNotIn(GOOD, str(text))
            self.assertNotIn(GOOD, server.said())
            print("edge: refused for want of a token:", re.search(rb"token_refused_total (\d+)$", http.get("/metrics", self.bearer(GOOD))[2], re.M)[1].decode())

    def test_the_command_line_brings_its_token_from_a_file(self):
        path = self.tokens(f"ann {GOOD}\n")
        (self.tmp / "mine").write_text(GOOD + "\n")
        with Server(self.dir, SHOP, "--tokens", path) as server:
            send = ("send", "ReceiveStock", "sku=mug", "quantity=1", "--url", server.url)
            self.assertIn("asks for a token", weir(*send).stderr)
            self.assertIn("version", weir(*send, check=0, env={**os.environ, "WEIR_TOKEN_FILE": str(self.tmp / "mine")}).stdout)
            self.assert_fails(2, send, "none", env={**os.environ, "WEIR_TOKEN_FILE": str(self.tmp / "none")})


class Rate(Case):
    def test_who_asks_too_often_is_told_so_and_others_are_served(self):
        path = self.tmp / "tokens"
        path.write_text(f"ann {GOOD}\nbob {OTHER}\n")
        path.chmod(0o600)
        with Server(self.dir, SHOP, "--tokens", path, "--http.rate", "20") as server:
            http = self.client(server)
            ann, bob = {"Authorization": f"Bearer {GOOD}"}, {"Authorization": f"Bearer {OTHER}"}
            replies = [http.get("/info", ann) for _ in range(200)]
            refused = [reply for reply in replies if reply[0] == 429]
            self.assertGreater(len(refused), 0)
            self.assertGreaterEqual(len(replies) - len(refused), 40, "a burst of twice the rate")
            self.assert_problem(refused[0], 429, "rate-limit")
            self.assertEqual(refused[0][1]["Retry-After"], "1")
            self.assertEqual(http.get("/info", bob)[0], 200, "another asker has a rate of its own")
            self.assertEqual(http.get("/health/live")[0], 200)
            until = time.monotonic() + 30
            while http.get("/info", ann)[0] == 429:
                self.assertLess(time.monotonic(), until)
                time.sleep(0.2)
            print(f"edge: {len(refused)} of {len(replies)} requests refused at 20 a second")


class Tls(Case):
    def certificate(self, name="cert"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.tmp / f"{name}.key", "-out", self.tmp / f"{name}.pem", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        return self.tmp / f"{name}.pem", self.tmp / f"{name}.key"

    def test_what_is_no_certificate_or_key_is_refused(self):
        certificate, key = self.certificate()
        other = self.certificate("other")[1]
        run = ("run", SHOP, "--dir", self.dir, "--listen", "127.0.0.1:0")
        for words, arguments in (("needs both", ("--tls.certificate", certificate)), ("needs both", ("--tls.key", key)), ("no PEM file", ("--tls.certificate", SHOP, "--tls.key", key)),
                                 ("belong together", ("--tls.certificate", certificate, "--tls.key", other)), ("No such file", ("--tls.certificate", self.tmp / "none", "--tls.key", key))):
            said = weir(*run, *arguments)
            self.assertNotEqual(said.returncode, 0)
            self.assert_words(said.stderr, words)

    def test_requests_and_feeds_go_over_tls(self):
        certificate, key = self.certificate()
        server = Server(self.dir, SHOP, "--tls.certificate", certificate, "--tls.key", key)
        with server:
            context = ssl.create_default_context(cafile=str(certificate))
            url = f"https://127.0.0.1:{server.port}"
            run = weir("send", "ReceiveStock", "sku=mug", "quantity=1", "--url", url, check=0, env={**os.environ, "WEIR_TLS_CA": str(certificate)})
            self.assertIn("version", run.stdout)
            self.assertNotEqual(weir("send", "ReceiveStock", "sku=mug", "quantity=1", "--url", url).returncode, 0, "who vouches for it is not known")
            with context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), timeout=30), server_hostname="127.0.0.1") as connection:
                connection.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
                said = b""
                while b'"key":"mug"' not in said:
                    said += connection.recv(65536)
            self.assertNotIn(b"200 OK", raw(server.port, b"GET /info HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", more=False), "no answer in the clear")
            self.assertIn("version", weir("send", "ReceiveStock", "sku=mug", "quantity=1", "--url", url, check=0, env={**os.environ, "WEIR_TLS_CA": str(certificate)}).stdout)


class Tricks(ServerCase):
    def still_works(self):
        self.assertEqual(self.receive()[0], 200)

    def test_paths_lead_to_no_file(self):
        for path in ("/app/../../../../etc/passwd", "/app/..%2f..%2f..%2fetc%2fpasswd", "/console/..%2fmain.js", "/console/%2e%2e/main.js", "/app//etc/passwd", "/app/%2fetc%2fpasswd",
                     "/app/.%00./x", "/app/shop.js%00.html", "/console/%c0%ae%c0%ae/", "//etc/passwd", "/app/....//x", "/app\\..\\x"):
            said = raw(self.server.port, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            self.assertNotIn(b"root:", said, path)
            self.assertRegex(said, rb"^HTTP/1.1 (400|404|200)", path)
            if said.startswith(b"HTTP/1.1 200"): # an address below /app/ shows the module's page
                self.assertIn(b"<title>The shop</title>", said)
        self.still_works()

    def test_pages_forbid_what_comes_from_elsewhere(self):
        for path in ("/", "/console/main.js", "/app/", "/app/shop.js"):
            status, headers, _ = self.http.get(path, {"Accept": "text/html"})
            self.assertEqual(status, 200)
            policy = headers["Content-Security-Policy"]
            self.assert_words(policy, "default-src 'none'", "script-src 'self'", "frame-ancestors 'none'")
            self.assertNotIn("unsafe", policy)
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
            self.assertEqual(self.http.get(path, {"Accept": "text/html", "If-None-Match": headers["ETag"]})[0], 304)

    def test_nothing_of_a_request_becomes_a_header(self):
        for path in ("/commands/x%0d%0aSet-Cookie:a=b", "/aggregates/stock/x%0d%0aSet-Cookie:a=b/commands/1", "/app/%0d%0aSet-Cookie:a=b", "/views/x%0d%0aSet-Cookie:a=b/changes"):
            for method in ("GET", "POST"):
                said = raw(self.server.port, f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}".encode())
                self.assertNotRegex(said, rb"(?im)^set-cookie", path)
        for name in ("Idempotency-Key", "traceparent", "Weir-Position", "Last-Event-ID", "If-Match"):
            said = raw(self.server.port, f"GET /events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n{name}: a\rSet-Cookie: b\r\nConnection: close\r\n\r\n".encode(), more=False)
            self.assertNotRegex(said, rb"(?im)^set-cookie", name)
        self.still_works()

    def test_large_heads_and_bodies_are_refused_and_others_do_not_suffer(self):
        said = raw(self.server.port, b"GET /info HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 40000 + b"\r\n\r\n")
        self.assertRegex(said, rb"^HTTP/1.1 (431|400|413)|^$")
        said = raw(self.server.port, b"POST /commands/ReceiveStock HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
        self.assertTrue(said.startswith(b"HTTP/1.1 413"), said[:100])
        self.still_works()

    def test_halves_of_connections_take_nothing_from_others(self):
        halves = []
        for i in range(300):
            connection = socket.create_connection(("127.0.0.1", self.server.port))
            connection.sendall((b"", b"GET /ev", b"POST /commands HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", b"GET /events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")[i % 4])
            if i % 8 == 3:
                connection.shutdown(socket.SHUT_WR)
            halves.append(connection)
        for _ in range(50):
            self.still_works()
        for connection in halves:
            connection.close()
        self.still_works()


if __name__ == "__main__":
    unittest.main()
