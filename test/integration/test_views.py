#!/usr/bin/env python3
"""Views that change and fail while the engine runs: versions swapped under a hundred clients, files that break, events that a view can't take."""
import json
import shutil
import threading
import time
import unittest

from weirtest import SHOP, TOP, Case, Client, Server, weir

CLIENTS, SWAPS = 100, 4

LEDGER = """-- schema:
CREATE TABLE entry (sku TEXT NOT NULL, quantity INTEGER NOT NULL CHECK (quantity <> 13));
-- on: shop.v1.StockReceived
INSERT INTO entry VALUES (:sku, :quantity);
-- query: sum
SELECT count(*) AS n, coalesce(sum(quantity), 0) AS quantity FROM entry;
"""


class Views(Case):
    def setUp(self):
        super().setUp()
        self.views = self.tmp / "views"
        shutil.copytree(TOP / "examples/shop/views", self.views)

    def server(self):
        return Server(self.dir, SHOP, "--views", self.views)

    def put(self, name, text):
        """In one step, as whoever deploys should."""
        path = self.tmp / "new.sql"
        path.write_text(text)
        path.rename(self.views / name)

    def status(self, client, name):
        return next(view for view in client.get("/views")[2]["views"] if view["name"] == name)

    def wait_for(self, client, name, what, so):
        until = time.monotonic() + 60
        while not so(status := self.status(client, name)):
            self.assertLess(time.monotonic(), until, f"{what}: {status}")
            time.sleep(0.02)
        return status

    def receive(self, client, sku, quantity):
        status, headers, outcome = client.send("shop.v1.ReceiveStock", sku=sku, quantity=str(quantity))
        self.assertEqual(status, 200, outcome)
        return headers["Weir-Position"]

    def read(self, client, token, path="/views/ledger/queries/sum", **query):
        return client.get(path, {"Prefer": "wait=20", "Weir-Position": token}, **query)

    # ---- versions ---------------------------------------------------------------------------------------------

    def write_and_read(self, port, number):
        client = Client(port)
        sku, last = f"sku-{number % 10}", {}
        try:
            while not self.over.is_set():
                status, headers, outcome = client.send("shop.v1.ReceiveStock", sku=sku, quantity="1")
                if status != 200:
                    raise AssertionError(f"{status}: {outcome}")
                status, read, rows = self.read(client, headers["Weir-Position"], "/views/stock/stock", sku=f"eq.{sku}")
                self.questions[number] += 1
                if status != 200 or rows[0]["on_hand"] < int(outcome["version"]):
                    self.wrong.append((sku, outcome, status, rows))
                    continue
                seen = dict(pair.split("=") for pair in read["Weir-Position"].split(":")[1].split(","))
                if any(int(n) < last.get(p, 0) for p, n in seen.items()):
                    self.wrong.append(("a step back", last, seen))
                last = {p: int(n) for p, n in seen.items()}
        except Exception as error:  # told by the main thread
            self.wrong.append(repr(error))
        finally:
            client.close()

    def test_versions_are_swapped_under_a_hundred_clients(self):
        self.wrong, self.over, self.questions = [], threading.Event(), [0] * CLIENTS
        text = (self.views / "stock.sql").read_text()
        with self.server() as server:
            client = self.client(server)
            threads = [threading.Thread(target=self.write_and_read, args=(server.port, i)) for i in range(CLIENTS)]
            for thread in threads:
                thread.start()
            version = self.status(client, "stock")["version"]
            for i in range(SWAPS):
                self.put("stock.sql", text.replace("on_hand INTEGER NOT NULL)", f"on_hand INTEGER NOT NULL, v{i} INTEGER)"))
                status = self.wait_for(client, "stock", "swapped", lambda s: s["version"] != version and "building" not in s)
                version = status["version"]
            self.over.set()
            for thread in threads:
                thread.join()
            self.assertEqual(self.wrong[:3], [])
            print(f"{SWAPS} versions swapped under {CLIENTS} write-then-read clients: {sum(self.questions)} questions, 0 failed, 0 steps back")
            self.assertEqual(weir("view", "diff", "stock", "--url", server.url, check=0).stdout, "")
            self.assertEqual(len(list((self.dir / "views").glob("stock-*.db"))), 1)

    def test_a_file_that_breaks_changes_nothing(self):
        with self.server() as server:
            client = self.client(server)
            before = self.status(client, "stock")["version"]
            text = (self.views / "stock.sql").read_text()
            self.put("stock.sql", text.replace(":quantity", ":qantity"))
            status = self.wait_for(client, "stock", "told", lambda s: "broken" in s)
            self.assertIn("has no field 'qantity'; did you mean 'quantity'?", status["broken"])
            self.assertIn("the version of before serves on", status["broken"])
            self.assertEqual(status["version"], before)
            token = self.receive(client, "mug", 3)
            self.assertEqual(self.read(client, token, "/views/stock/stock")[2], [{"sku": "mug", "on_hand": 3}])
            self.put("stock.sql", text)
            self.wait_for(client, "stock", "mended", lambda s: "broken" not in s)

    def test_pause_resume_and_rebuild(self):
        with self.server() as server:
            client = self.client(server)
            self.read(client, self.receive(client, "mug", 3), "/views/stock/stock")
            weir("view", "pause", "stock", "--url", server.url, check=0)
            token = self.receive(client, "mug", 4)
            self.assertEqual(self.status(client, "stock")["state"], "paused")
            self.assert_problem(client.get("/views/stock/stock", {"Weir-Position": token}), 409, "behind")
            weir("view", "resume", "stock", "--url", server.url, check=0)
            self.assertEqual(self.read(client, token, "/views/stock/stock")[2], [{"sku": "mug", "on_hand": 7}])
            weir("view", "rebuild", "stock", "--url", server.url, check=0)
            self.wait_for(client, "stock", "built", lambda s: "built anew" in s.get("note", "") and "building" not in s)
            self.assertEqual(self.read(client, token, "/views/stock/stock")[2], [{"sku": "mug", "on_hand": 7}])
            weir("view", "pause", "stok", "--url", server.url, check=2)

    # ---- letters ----------------------------------------------------------------------------------------------

    def dead(self, check, *words):
        return weir("dead", *words, "--url", self.url, check=check)

    def test_what_a_view_cannot_take_is_parked_retried_and_discarded(self):
        self.put("ledger.sql", LEDGER)
        with self.server() as server:
            self.url, client = server.url, self.client(server)
            self.receive(client, "mug", 1)
            token = self.receive(client, "mug", 13)
            last = self.receive(client, "mug", 2)
            other = self.receive(client, "pen", 5)
            self.assertEqual(self.read(client, other)[0], 200)
            status, headers, rows = self.read(client, last)
            self.assertEqual((status, rows[0]["n"]), (200, 2 if rows[0]["quantity"] == 6 else 1))
            self.assertEqual(headers["Weir-Parked"], "2;token")
            self.assertIn(";token", self.read(client, token)[1]["Weir-Parked"])
            seen = self.wait_for(client, "ledger", "parked", lambda s: s["parked"] == 2)
            self.assertEqual((seen["parkedKeys"], seen["state"]), (1, "following"))
            self.assertIn('weir_view_parked_events{view="ledger"} 2', client.get("/metrics")[2].decode())

            letters = json.loads(self.dead(0, "list", "--json").stdout)
            self.assertEqual([letter["state"] for letter in letters["letters"]], ["parked", "waits"])
            event = "ledger:" + letters["letters"][0]["event"]
            self.assertRegex(self.dead(0, "list").stdout, rf"(?m)^{event} +parked +stock/mug +shop.v1.StockReceived .*CHECK constraint failed")
            self.assertIn('"quantity":"13"', self.dead(0, "show", event, "--json").stdout)
            self.dead(1, "retry", event)  # it fails as before
            self.dead(2, "discard", event)  # without a reason
            self.assert_problem(client.request("POST", f"/letters/ledger/{letters['letters'][0]['event']}/discard"), 400, "invalid", "needs a reason")
            self.dead(2, "show", "ledger:0-77-0")
            self.dead(2, "show", "ledger:nonsense")
            self.dead(2, "release", event)
            self.dead(0, "discard", event, "--reason", "a test of the scanner", "--who", "ada")
            self.wait_for(client, "ledger", "discarded", lambda s: s["parked"] == 0 and s["discarded"] == 1)
            self.assertEqual(self.read(client, last)[2], [{"n": 3, "quantity": 8}])
            self.assertNotIn("Weir-Parked", self.read(client, last)[1])
            self.dead(3, "discard", event, "--reason", "again")
            self.dead(3, "retry", event)
        with self.server() as server:
            self.url, client = server.url, self.client(server)
            # A version that would take it: it stays out.
            self.put("ledger.sql", LEDGER.replace(" CHECK (quantity <> 13)", ""))
            before = self.status(client, "ledger")["version"]
            self.wait_for(client, "ledger", "mended", lambda s: s["version"] != before and "building" not in s)
            self.assertEqual(self.read(client, last)[2], [{"n": 3, "quantity": 8}])
            self.assertRegex(self.dead(0, "list", "ledger").stdout, rf"(?m)^{event} +discarded +stock/mug .*a test of the scanner +ada$")
        weir("verify", "--dir", self.dir, check=0)

    def test_a_mended_view_takes_in_what_was_parked(self):
        self.put("ledger.sql", LEDGER)
        with self.server() as server:
            self.url, client = server.url, self.client(server)
            for i in range(1, 27):
                token = self.receive(client, f"sku-{i % 3}", i)
            self.read(client, token)
            self.wait_for(client, "ledger", "parked", lambda s: s["parked"] > 0)
            before = self.status(client, "ledger")["version"]
            self.put("ledger.sql", LEDGER.replace(" CHECK (quantity <> 13)", ""))
            self.wait_for(client, "ledger", "mended", lambda s: s["version"] != before and "building" not in s)
            status, headers, rows = self.read(client, token)
            self.assertEqual((status, rows, headers["Weir-Parked"]), (200, [{"n": 26, "quantity": 351}], None))
            log, vector = token.split(":")
            self.assert_problem(self.read(client, f"{log}:{vector.split('=')[0]}=9999"), 400, "future-token")
            self.assert_problem(self.read(client, f"0123456789abcdef:{vector}"), 400, "foreign-token")


if __name__ == "__main__":
    unittest.main()
