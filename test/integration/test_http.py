#!/usr/bin/env python3
"""HTTP against a running shop: every refusal of the table of answers first, then what each path and header promises."""
import csv
import http.client
import io
import json
import threading
import unittest

from weirtest import Case, Client, Server

RECEIVE, SELL = "shop.v1.ReceiveStock", "shop.v1.RecordSale"
SALE = dict(invoice_no="536365", description="mug", unit_price_cents="255", sold_at_ms="1291191960000", customer_id="17850", country="UK")
FORM = {"Content_Type": "application/x-www-form-urlencoded"}
JSON = {"Content_Type": "application/json"}


class Http(Case):
    def setUp(self):
        super().setUp()
        self.server = Server(self.dir).start()
        self.addCleanup(lambda: self.server.process.poll() is None and self.server.stop())
        self.client = Client(self.server.port)
        self.addCleanup(self.client.close)

    def ask(self, method, path, body=None, **headers):
        return self.client.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})

    def assert_problem(self, reply, status, code, words):
        self.assertEqual(reply[0], status, reply[2])
        self.assertEqual(reply[1]["Content-Type"], "application/problem+json")
        self.assertEqual((reply[2]["status"], reply[2].get("code")), (status, code), reply[2])
        for member in ("type", "title", "detail"):
            self.assertIn(member, reply[2])
        self.assertIn(words, reply[2]["detail"])

    def receive(self, sku="mug", quantity="10", **more):
        reply = self.client.send(RECEIVE, sku=sku, quantity=quantity, **more)
        self.assertEqual(reply[0], 200, reply[2])
        return reply

    # ---- refusals

    def test_bad_bodies_name_what_is_wrong(self):
        self.assert_problem(self.ask("POST", "/commands/" + RECEIVE, '{"sku":"mug",', **JSON), 400, "invalid", "")
        self.assert_problem(self.client.send(RECEIVE, sku="mug", qantity="1"), 400, "invalid", "qantity")
        self.assert_problem(self.client.send(RECEIVE, sku="mug", quantity="many"), 400, "invalid", "quantity")
        self.assert_problem(self.client.send(RECEIVE, sku="mug", quantity="9223372036854775808"), 400, "invalid", "quantity")
        self.assert_problem(self.client.send(RECEIVE, quantity="1"), 400, "invalid", "sku")
        self.assert_problem(self.client.send(RECEIVE, sku="a\nb", quantity="1"), 400, "invalid", "")
        self.assert_problem(self.ask("POST", "/commands/" + RECEIVE, b'{"sku":"\xff"}', **JSON), 400, "invalid", "UTF-8")
        self.assert_problem(self.ask("POST", "/commands/" + RECEIVE, "sku=mug&qantity=1", **FORM), 400, "invalid", "did you mean 'quantity'?")
        self.assert_problem(self.ask("POST", "/commands/" + RECEIVE, b"\xff\xff", Content_Type="application/protobuf"), 400, "invalid", "")

    def test_what_is_not_there_is_404(self):
        self.assert_problem(self.client.send("shop.v1.Nothing", sku="mug"), 404, "not-found", "Nothing")
        self.assert_problem(self.client.send("shop.v1.StockSold", sku="mug"), 404, "not-found", "StockSold")
        for path, words in (("/nothing", "nothing at"), ("/views/stok/stock", "did you mean 'stock'?"), ("/views/stock/stok", "did you mean 'stock'?"),
                            ("/views/stock/queries/runing_low", "did you mean 'running_low'?"), ("/aggregates/stok/mug", "did you mean 'stock'?"),
                            ("/aggregates/stock/none", "none"), ("/aggregates/stock/none/commands/1", ""), ("/sources/none", "none"),
                            ("/views/stok/changes", "stok"), ("/app/nothing.js", "nothing.js"), ("/console/nothing.js", "nothing.js")):
            self.assert_problem(self.ask("GET", path), 404, "not-found", words)
        self.assert_problem(self.ask("POST", "/views/stok/rebuild"), 404, "not-found", "did you mean 'stock'?")

    def test_bad_conditions_and_parameters_are_400_by_name(self):
        for header, value in (("Prefer", "wait=soon"), ("If-Match", "W/\"1\""), ("If-Match", "1"), ("If-None-Match", "\"1\""),
                              ("Idempotency-Key", "\"open"), ("Idempotency-Key", "k" * 129)):
            reply = self.ask("POST", "/commands/" + RECEIVE, '{"sku":"mug","quantity":"1"}', **JSON, **{header: value})
            self.assert_problem(reply, 400, "invalid", header)
        for path, words in (("/views/stock/stock?skuu=eq.1", "did you mean 'sku'?"), ("/views/stock/stock?on_hand=lt.x", "on_hand"),
                            ("/views/stock/stock?on_hand=foo.1", "foo"), ("/views/stock/queries/running_low?threshold=x", "threshold"),
                            ("/events?after=x", ""), ("/events?limit=0", "limit"), ("/events?typs=x", "did you mean 'types'?"),
                            ("/aggregates/stock/%zz", "hexadecimal"), ("/aggregates/stock/a%00", "NUL"), ("/aggregates/stock/mug?version=-1", "version")):
            self.assert_problem(self.ask("GET", path), 400, "invalid", words)

    def test_http_s_own_refusals(self):
        reply = self.ask("DELETE", "/aggregates/stock/mug")
        self.assertEqual((reply[0], reply[1]["Allow"]), (405, "GET, HEAD, OPTIONS"))
        reply = self.ask("GET", "/commands/" + RECEIVE)
        self.assertEqual((reply[0], reply[1]["Allow"]), (405, "POST, OPTIONS"))
        self.assert_problem(self.ask("POST", "/commands/" + RECEIVE, "<a/>", Content_Type="text/xml"), 415, None, "application/json")
        self.assert_problem(self.ask("POST", "/commands/" + RECEIVE, "sku=mug", Origin="http://elsewhere.example", **FORM), 403, None, "another site")
        self.assert_problem(self.ask("POST", "/commands/" + RECEIVE, b"x" * (2 << 20), **JSON), 413, None, "1048576")
        self.client.close()  # a body refused before it was read ends its connection
        self.assert_problem(self.client.request("POST", "/commands", b"x" * (9 << 20), {"Content-Type": "application/x-ndjson"}), 413, None, "8388608")

    # ---- commands

    def test_a_command_and_its_reply(self):
        status, headers, outcome = self.receive()
        self.assertEqual(headers["ETag"], '"1"')
        self.assertRegex(headers["Weir-Position"], r"^[0-9a-f]{16}:\d+=\d+$")
        self.assertEqual({**outcome, "id": ""}, {"id": "", "aggregate": "stock", "key": "mug", "version": 1, "events": [{"type": "shop.v1.StockReceived", "version": 1}]})
        status, headers, outcome = self.ask("POST", "/commands/ReceiveStock", "sku=mug&quantity=5", Prefer="return=representation",
                                            traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", **FORM)
        self.assertEqual(status, 200, outcome)
        self.assertEqual(outcome["events"][0]["data"], {"sku": "mug", "quantity": "5"})
        self.assertIn("0af7651916cd43dd8448eb211c80319c", headers["traceparent"])
        _, _, history = self.ask("GET", "/aggregates/stock/mug/events")
        self.assertIn("0af7651916cd43dd8448eb211c80319c", history["events"][0]["traceparent"])

    def test_a_rejection_has_the_domain_s_code(self):
        self.receive(quantity="1")
        self.assert_problem(self.client.send(SELL, sku="mug", quantity="2", **SALE), 422, "out-of-stock", "1 on hand")
        self.assert_problem(self.client.send(SELL, sku="mug", quantity="0", **SALE), 422, "bad-quantity", "")

    def test_the_same_id_gets_the_same_outcome(self):
        first = self.client.send(RECEIVE, id="k-1", sku="mug", quantity="3")
        bare = self.ask("POST", "/commands/" + RECEIVE, ' {"quantity":3, "sku":"mug"}', Idempotency_Key="k-1", **JSON)
        self.assertEqual((first[0], first[2]), (bare[0], bare[2]))
        self.assertEqual(first[1]["Weir-Position"], bare[1]["Weir-Position"])
        self.assert_problem(self.client.send(RECEIVE, id="k-1", sku="mug", quantity="4"), 422, "id-reused", "")
        _, _, found = self.ask("GET", "/aggregates/stock/mug/commands/k-1")
        self.assertEqual((found["id"], found["version"]), ("k-1", 1))

    def test_one_outcome_for_an_id_sent_from_many_at_once(self):
        outcomes = []

        def send():
            client = Client(self.server.port)
            outcomes.append(client.send(RECEIVE, id="same", sku="mug", quantity="1")[2]["version"])
            client.close()
        threads = [threading.Thread(target=send) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(outcomes, [1] * 16)

    def test_expected_versions(self):
        body = '{"sku":"mug","quantity":"1"}'
        self.assertEqual(self.ask("POST", "/commands/" + RECEIVE, body, If_None_Match="*", **JSON)[0], 200)
        reply = self.ask("POST", "/commands/" + RECEIVE, body, If_None_Match="*", **JSON)
        self.assert_problem(reply, 412, "conflict", "")
        self.assertEqual(reply[1]["ETag"], '"1"')
        self.assert_problem(self.ask("POST", "/commands/" + RECEIVE, body, If_Match='"7"', **JSON), 412, "conflict", "")
        self.assertEqual(self.ask("POST", "/commands/" + RECEIVE, body, If_Match='"1"', **JSON)[2]["version"], 2)

    def test_respond_async_tells_where_the_outcome_will_be(self):
        status, headers, _ = self.ask("POST", "/commands/" + RECEIVE, '{"sku":"a/b c","quantity":"1"}', Prefer="respond-async", **JSON)
        self.assertEqual(status, 202)
        status, _, outcome = self.ask("GET", headers["Location"])
        self.assertEqual((status, outcome["key"], outcome["version"]), (200, "a/b c", 1))

    def test_a_batch_answers_line_by_line_in_order(self):
        lines = [{"type": RECEIVE, "data": {"sku": "mug", "quantity": "1"}, "id": "b-1"}, {"type": "Nothing", "data": {}},
                 {"type": SELL, "data": {"sku": "mug", "quantity": "9", **SALE}}, {"type": RECEIVE, "data": {"sku": "cup", "quantity": "2"}}]
        body = "\n".join(map(json.dumps, lines))
        for content, text in (("application/x-ndjson", body), ("application/json", json.dumps(lines))):
            status, _, reply = self.ask("POST", "/commands", text, Content_Type=content)
            self.assertEqual(status, 200)
            reply = [json.loads(line) for line in reply.splitlines()]
            self.assertEqual([line["status"] for line in reply], [200, 404, 422, 200], reply)
            self.assertEqual((reply[0]["id"], reply[0]["version"], reply[3]["key"]), ("b-1", 1, "cup"))
        self.assert_problem(self.ask("POST", "/commands", "[]", Idempotency_Key="x", **JSON), 400, "invalid", "its own \"id\"")
        self.assert_problem(self.ask("POST", "/commands", "{}", **JSON), 400, "invalid", "")

    def test_a_source_tells_how_far_it_is(self):
        line = {"type": RECEIVE, "data": {"sku": "mug", "quantity": "1"}, "source": "file.csv", "sequence": 2, "previous": 0, "fingerprint": 7}
        for again in (False, True):
            _, _, reply = self.ask("POST", "/commands", json.dumps(line), Content_Type="application/x-ndjson")
            reply = json.loads(reply)
            self.assertEqual((reply["status"], reply.get("repeated", False)), (200, again), reply)
        _, _, source = self.ask("GET", "/sources/file.csv")
        self.assertEqual([partition["sequence"] for partition in source["partitions"]], [2])
        line.update(sequence=9, previous=5)
        reply = json.loads(self.ask("POST", "/commands", json.dumps(line), Content_Type="application/x-ndjson")[2])
        self.assertEqual((reply["status"], reply["code"]), (409, "gap"), reply)

    # ---- reading

    def test_state_history_and_etags(self):
        for quantity in ("1", "2", "3"):
            self.receive(quantity=quantity)
        status, headers, state = self.ask("GET", "/aggregates/stock/mug")
        self.assertEqual((headers["ETag"], state["state"]["onHand"]), ('"3"', "6"))
        self.assertEqual(self.ask("GET", "/aggregates/stock/mug", If_None_Match='"3"')[0], 304)
        self.assertEqual(self.ask("GET", "/aggregates/stock/mug?version=2")[2]["state"]["onHand"], "3")
        self.client.connection.request("HEAD", "/aggregates/stock/mug")
        reply = self.client.connection.getresponse()
        self.assertEqual((reply.status, reply.getheader("ETag"), reply.read()), (200, '"3"', b""))
        _, _, newest = self.ask("GET", "/aggregates/stock/mug/events?limit=2")
        self.assertEqual([event["version"] for event in newest["events"]], [3, 2])
        _, _, rest = self.ask("GET", f"/aggregates/stock/mug/events?limit=2&after={newest['next']}")
        self.assertEqual([event["version"] for event in rest["events"]], [1])
        self.assertNotIn("next", rest)
        _, _, oldest = self.ask("GET", "/aggregates/stock/mug/events?order=oldest&states=true")
        self.assertEqual([event["state"]["onHand"] for event in oldest["events"]], ["1", "3", "6"])

    def test_views_by_table_query_and_as_csv(self):
        position = [self.receive(sku=sku, quantity=quantity)[1]["Weir-Position"] for sku, quantity in (("a,b", "3"), ("mug", "9"), ("cup", "1"))]
        log = position[0].split(":")[0]
        parts = dict(part.split("=") for one in position for part in one.split(":")[1].split(","))
        token = log + ":" + ",".join(f"{p}={n}" for p, n in sorted(parts.items()))
        fresh = {"Prefer": "wait=20", "Weir-Position": token}
        status, headers, rows = self.client.get("/views/stock/stock", fresh, on_hand="lt.5", order="on_hand.desc")
        self.assertEqual((status, rows), (200, [{"sku": "a,b", "on_hand": 3}, {"sku": "cup", "on_hand": 1}]))
        self.assertTrue(headers["Weir-Position"].startswith(log))
        self.assertEqual(self.client.get("/views/stock/queries/running_low", fresh, threshold="2")[2], [{"sku": "cup", "on_hand": 1}])
        status, headers, text = self.client.get("/views/stock/stock", {**fresh, "Accept": "text/csv"}, order="sku")
        self.assertTrue(headers["Content-Type"].startswith("text/csv"))
        self.assertEqual(list(csv.reader(io.StringIO(text.decode()))), [["sku", "on_hand"], ["a,b", "3"], ["cup", "1"], ["mug", "9"]])

    def test_positions_that_are_not_of_this_log(self):
        position = self.receive()[1]["Weir-Position"]
        for token, code in ((position + "9999", "future-token"), ("0" * 16 + ":0=1", "foreign-token"), ("rubbish", "invalid")):
            self.assert_problem(self.client.get("/views/stock/stock", {"Weir-Position": token}), 400, code, "")

    def test_the_stream_of_events_page_by_page(self):
        for i in range(25):
            self.receive(sku=f"sku-{i}")
        seen, after = [], None
        while True:
            status, headers, text = self.client.get("/events", limit=7, **({"after": after} if after else {}))
            self.assertEqual(status, 200)
            seen += [json.loads(line)["key"] for line in text.splitlines()]
            if headers["Weir-Position"] == after:
                break
            after = headers["Weir-Position"]
        self.assertEqual(sorted(seen), sorted(f"sku-{i}" for i in range(25)))
        self.assertEqual(self.client.get("/events", types="StockSold")[2], b"")
        self.assert_problem(self.client.get("/events", types="StockSould"), 404, "not-found", "StockSold")

    def test_what_the_engine_tells_about_itself(self):
        self.assertIn(b"/views/{view}/{table}", self.ask("GET", "/")[2])
        self.assertEqual(self.ask("GET", "/health/live")[0], 200)
        self.assertEqual(self.ask("GET", "/health/ready")[0], 200)
        self.assertEqual(self.ask("GET", "/info")[2]["module"], "shop")
        self.assertIn(RECEIVE, [kind["name"] for kind in self.ask("GET", "/types")[2]["types"]])
        self.assertEqual(sorted(view["name"] for view in self.ask("GET", "/views")[2]["views"]), ["balance", "customers", "orders", "sales", "stock"])
        status, headers, text = self.ask("GET", "/metrics")
        self.assertTrue(headers["Content-Type"].startswith("text/plain; version=0.0.4"))
        self.assertIn(b"weir_commands_total", text)
        self.assertEqual(self.ask("POST", "/views/stock/rebuild")[0], 202)

    # ---- the end

    def test_a_stop_answers_what_was_asked(self):
        answers, go = [], threading.Event()

        def send(number):
            client = Client(self.server.port)
            try:
                for i in range(100000):
                    status, _, outcome = client.send(RECEIVE, id=f"{number}-{i}", sku=f"sku-{number}", quantity="1")
                    answers.append((status, number, i))
                    go.set()
                    if status != 200:
                        return
            except (OSError, http.client.HTTPException):
                pass  # the server has gone
        threads = [threading.Thread(target=send, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        go.wait(30)
        self.server.stop()
        for thread in threads:
            thread.join()
        self.assertTrue(all(status in (200, 503) for status, _, _ in answers), answers[-8:])
        with Server(self.dir) as server:
            client = Client(server.port)
            for number in range(8):
                done = [i for status, n, i in answers if n == number and status == 200]
                if done:
                    state = client.get(f"/aggregates/stock/sku-{number}")[2]
                    self.assertIn(state["version"] - len(done), (0, 1))  # the last may have been taken and not heard of

    def test_a_taken_port_says_so(self):
        with self.assertRaisesRegex(AssertionError, f"127.0.0.1:{self.server.port} is taken by another program; choose another with --listen"):
            Server(self.tmp / "other.data", self.server.module, "--listen", f"127.0.0.1:{self.server.port}").start()


if __name__ == "__main__":
    unittest.main()
