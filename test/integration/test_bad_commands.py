#!/usr/bin/env python3
"""Commands that can't be done: what HTTP answers and what the command line ends with, row by row of the table of answers."""
import http.client
import json
import shutil
import signal
import socket
import threading
import time
import unittest

from weirtest import MODULES, Case, Client, Server, ServerCase

RECEIVE, SALE = "shop.v1.ReceiveStock", "shop.v1.RecordSale"


class Refused(ServerCase):
    def send(self, status, *arguments_and_words, kind=RECEIVE, words=(), **options):
        return self.assert_fails(status, ("send", kind, *arguments_and_words, *self.url()), *words, **options)

    # ---- outcomes --------------------------------------------------------------------------------------------

    def test_a_rejection_has_the_domains_code(self):
        self.receive()
        sale = {"sku": self.key, "quantity": "50", "invoiceNo": "1", "unitPriceCents": "1"}
        body = self.assert_problem(self.post(SALE, sale), 422, "out-of-stock", f"50 of {self.key} wanted, 5 on hand")
        self.assertEqual((body["aggregate"], body["key"], body["version"]), ("stock", self.key, 1))
        self.send(1, f"sku={self.key}", "quantity=50", "invoice_no=1", "unit_price_cents=1", kind=SALE,
                  words=("rejected out-of-stock: ", "5 on hand"))

    def test_another_version_is_a_conflict_that_says_which(self):
        self.receive()
        for headers, words in (({"If_Match": '"9"'}, "is at version 1, not 9"), ({"If_None_Match": "*"}, "exists already, at version 1")):
            reply = self.receive(**headers)
            body = self.assert_problem(reply, 412, "conflict", words)
            self.assertEqual((body["version"], reply[1]["ETag"]), (1, '"1"'))
        self.send(3, f"sku={self.key}", "quantity=1", "--expect", 9, words=("is at version 1, not 9",))
        self.assertEqual(self.http.get(f"/aggregates/stock/{self.key}")[2]["version"], 1)

    def test_an_id_of_another_command_is_refused(self):
        first = self.receive("5", Idempotency_Key='"k"')
        self.assertEqual(self.receive("5", Idempotency_Key='"k"')[2], first[2])
        self.assert_problem(self.receive("6", Idempotency_Key='"k"'), 422, "id-reused", "used for another command")
        self.send(1, f"sku={self.key}", "quantity=6", "--id", "k", words=("rejected id-reused: ",))

    # ---- what can't be read ----------------------------------------------------------------------------------

    def test_malformed_json_is_told_by_line_and_column(self):
        self.assert_problem(self.post(RECEIVE, '{"sku":"a",\n "quantity":5'), 400, "invalid", "line 2, column 14: ", "'}'")
        self.assert_problem(self.post(RECEIVE, '{"sku":"a",}'), 400, "invalid", "line 1, column 12: ")
        self.assert_problem(self.post(RECEIVE, ""), 400, "invalid")
        self.send(2, "-f", "-", input='{"sku":"a",\n "quantity":5', words=("line 2, column 14",))

    def test_what_is_not_utf_8_is_told(self):
        self.assert_problem(self.post(RECEIVE, b'{"sku":"\xff"}'), 400, "invalid", "sku: the string is not valid UTF-8")

    def test_an_unknown_field_is_told_by_its_path_with_the_nearest(self):
        self.assert_problem(self.post(RECEIVE, {"sku": "a", "quantty": 5}), 400, "invalid", "no field 'quantty'", "did you mean 'quantity'?")
        self.send(2, "sku=a", "quantty=5", words=("no field 'quantty'", "did you mean 'quantity'?"))

    def test_a_value_of_another_type_or_out_of_range_is_told_with_the_field_and_what_was_expected(self):
        for value, words in (("9223372036854775808", "9223372036854775807"), ('"x"', '"x"'), ("1.5", "1.5"), ("[]", "integer")):
            self.assert_problem(self.post(RECEIVE, f'{{"sku":"a","quantity":{value}}}'), 400, "invalid", "quantity: expected an integer", words)
        self.assert_problem(self.post(RECEIVE, {"sku": 7}), 400, "invalid", "sku: expected a string, got 7")
        self.send(2, "sku=a", "quantity=9223372036854775808", words=("quantity: expected an integer from -9223372036854775808 to ",))
        self.send(2, "sku=a", "quantity=x", words=("quantity: expected an integer", '"x"'))

    def test_a_key_must_be_there_and_be_one(self):
        for key in ("", "x" * 256, "a\nb"):
            self.assert_problem(self.post(RECEIVE, {"sku": key, "quantity": 1}), 400, "invalid", "sku: the key of shop.v1.ReceiveStock", "1-255")
        self.send(2, "quantity=1", words=("sku: the key",))

    def test_protobuf_that_is_none_is_told(self):
        reply = self.post(RECEIVE, b"\x0a\xff", Content_Type="application/protobuf")
        self.assert_problem(reply, 400, "invalid", RECEIVE)

    def test_an_unknown_command_is_told_with_the_nearest(self):
        self.assert_problem(self.post("shop.v1.ReceiveStok", {}), 404, "not-found", "did you mean 'shop.v1.ReceiveStock'?")
        self.send(2, kind="shop.v1.ReceiveStok", words=("did you mean 'shop.v1.ReceiveStock'?",))

    def test_an_event_can_not_be_sent(self):
        self.assert_problem(self.post("shop.v1.StockReceived", {"sku": "a"}), 404, "not-found", "StockReceived")

    # ---- headers ---------------------------------------------------------------------------------------------

    def test_a_condition_is_one_strong_etag(self):
        for etag, words in (('W/"7"', "weak"), ("7", "in quotes"), ("*", "in quotes"), ('"a"', "in quotes"), ('"1","2"', "in quotes")):
            self.assert_problem(self.receive(If_Match=etag), 400, "invalid", "If-Match", etag.split(",")[0], words)
        self.assert_problem(self.receive(If_None_Match='"7"'), 400, "invalid", "If-None-Match", "*")
        self.assert_problem(self.receive(If_Match='"1"', If_None_Match="*"), 400, "invalid", "exclude each other")

    def test_an_id_has_1_to_128_printable_characters(self):
        for key in ('""', '"' + "x" * 129 + '"', '"a'):
            self.assert_problem(self.receive(Idempotency_Key=key), 400, "invalid", "Idempotency-Key")
        self.send(2, "sku=a", "quantity=1", "--id", "x" * 129, words=("128",))

    def test_another_method_is_told_which_there_are(self):
        reply = self.http.request("DELETE", f"/commands/{RECEIVE}")
        self.assert_problem(reply, 405, None, "DELETE", "POST")
        self.assertEqual(reply[1]["Allow"], "POST, OPTIONS")
        self.assertEqual(self.http.request("POST", "/views")[1]["Allow"], "GET, HEAD, OPTIONS")

    def test_a_body_above_the_limit_is_refused(self):
        self.assert_problem(self.post(RECEIVE, "x" * (1 << 20) + "x"), 413, None, "1048577", "1048576")
        chunked = Client(self.server.port)
        self.addCleanup(chunked.close)
        body = iter([b"x" * 65536] * 17)
        self.assert_problem(chunked.request("POST", f"/commands/{RECEIVE}", body, {"Content-Type": "application/json"}), 413, None, "1048576")

    def test_another_content_type_is_told_what_is_taken(self):
        self.assert_problem(self.post(RECEIVE, "{}", Content_Type="text/xml"), 415, None, "text/xml", "application/json", "application/protobuf")
        self.assert_problem(self.post(RECEIVE, "{}", Content_Type="application/json; charset=latin1"), 415, None, "utf-8")

    def test_async_answers_with_a_place_that_answers(self):
        status, headers, body = self.receive(Prefer="respond-async", Idempotency_Key='"later"')
        self.assertEqual((status, body["id"]), (202, "later"))
        self.assertEqual(headers["Location"], f"/aggregates/stock/{self.key}/commands/later")
        until = time.monotonic() + 30
        while (reply := self.http.get(headers["Location"]))[0] == 404 and time.monotonic() < until:
            time.sleep(0.01)
        self.assertEqual((reply[0], reply[2]["id"], reply[2]["version"]), (200, "later", 1))
        missing = self.http.get(f"/aggregates/stock/{self.key}/commands/never")
        self.assert_problem(missing, 404, "not-found", "'never'", f"stock/{self.key}")

    # ---- batches ---------------------------------------------------------------------------------------------

    def batch(self, *commands, **more):
        body = "".join(json.dumps(c) + "\n" if isinstance(c, dict) else c + "\n" for c in commands)
        reply = self.http.request("POST", "/commands", body, {"Content-Type": "application/x-ndjson", **more})
        self.assertEqual(reply[0], 200, reply[2])
        return [json.loads(line) for line in reply[2].splitlines()]

    def line(self, sequence, previous, quantity="1", fingerprint=7):
        return {"type": RECEIVE, "data": {"sku": self.key, "quantity": quantity}, "source": self.key, "sequence": sequence,
                "previous": previous, "fingerprint": fingerprint}

    def test_a_gap_says_where_to_go_on(self):
        self.assertEqual(self.batch(self.line(2, 0))[0]["status"], 200)
        gap = self.batch(self.line(5, 4))[0]
        self.assertEqual((gap["status"], gap["code"], gap["lastSequence"]), (409, "gap", 2))
        self.assert_words(gap["detail"], "2", "4")
        again = self.batch(self.line(4, 2), self.line(5, 4), self.line(2, 0))
        self.assertEqual([(line["status"], line.get("repeated", False)) for line in again], [(200, False), (200, False), (200, True)])
        self.assertEqual(self.http.get(f"/aggregates/stock/{self.key}")[2]["state"]["onHand"], "3")

    def test_a_source_with_other_content_is_refused(self):
        self.assertEqual(self.batch(self.line(2, 0))[0]["status"], 200)
        other = self.batch(self.line(3, 2, fingerprint=8))[0]
        self.assertEqual((other["status"], other["code"]), (422, "source-reused"))
        self.assert_words(other["detail"], "source")

    def test_a_bad_line_is_told_by_its_number_and_spoils_no_other(self):
        good = {"type": RECEIVE, "data": {"sku": self.key, "quantity": "1"}}
        said = self.batch(good, '{"type":', {"type": "shop.v1.ReceiveStok", "data": {}}, {"type": RECEIVE, "data": {"sku": 1}},
                          {**good, "idd": "x"}, {"type": RECEIVE, "sku": "a"}, {"data": {}}, good)
        self.assertEqual([line["status"] for line in said], [200, 400, 404, 400, 400, 400, 400, 200])
        self.assertEqual([line.get("line") for line in said], [None, 2, 3, 4, 5, 6, 7, None])
        for line, words in zip(said[1:], ("column", "'shop.v1.ReceiveStock'", "sku: expected a string", "did you mean 'id'?", '"data"', "type")):
            self.assertTrue(line["detail"].startswith(f"line {line['line']}: "), line)
            self.assert_words(line["detail"], words)

    def test_a_batch_that_is_none_is_refused_as_a_whole(self):
        for body, words in (("[", "line 1, column"), ("[]", "empty"), ("{}", "array"), ("[" + ",".join(["{}"] * 10001) + "]", "10000")):
            self.assert_problem(self.http.request("POST", "/commands", body, {"Content-Type": "application/json"}), 400, "invalid", words)
        keyed = self.http.request("POST", "/commands", "[]", {"Content-Type": "application/json", "Idempotency-Key": '"k"'})
        self.assert_problem(keyed, 400, "invalid", "Idempotency-Key", '"id"')

    # ---- the command line alone ------------------------------------------------------------------------------

    def test_what_is_not_there_is_told_with_the_nearest(self):
        self.receive()
        for path, words in (("/aggregates/stok/a", "did you mean 'stock'?"), ("/aggregates/stock/nobody", "'nobody'"),
                            (f"/aggregates/stock/{self.key}?version=9", "version 9"), ("/nowhere", "/nowhere"), ("/sources/none", "'none'")):
            self.assert_problem(self.http.get(path), 404, "not-found", words)
        self.assert_fails(2, ("show", "stok/a", *self.url()), "did you mean 'stock'?")
        self.assert_fails(2, ("show", "stock/nobody", *self.url()), "'nobody'")
        self.assert_fails(2, ("show", f"stock/{self.key}", "--at", 9, *self.url()), "it is at version 1")
        self.assert_fails(2, ("show", "stock", *self.url()), "AGGREGATE/KEY")

    def test_a_word_that_is_none_is_told_with_the_nearest(self):
        self.assert_fails(2, ("sned",), "did you mean 'send'?")
        self.assert_fails(2, ("send", RECEIVE, "--idd", "x"), "--idd", "did you mean '--id'?")
        self.assert_fails(2, ("send", RECEIVE, "--if-match", "1"), "'--if-match'", "weir send --help")
        self.assert_fails(2, ("send",), "TYPE")
        self.send(2, "sku", words=("sku", "field=value"))
        self.send(2, "-f", "/nowhere/x.json", words=("/nowhere/x.json: No such file",))

    def test_a_server_that_is_not_there_is_4(self):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets it, and nobody answers
            url = f"http://127.0.0.1:{closed.getsockname()[1]}"
            for arguments in (("send", RECEIVE, "sku=a"), ("show", "stock/a"), ("view", "list"), ("events",)):
                self.assert_fails(4, (*arguments, "--url", url), f"nothing answers at {url}", "weir run")
        self.assert_fails(2, ("send", RECEIVE, "sku=a", "--url", "foo"), "'foo' is not an address like http://")


class Slow(ServerCase):
    """A module whose command takes as many milliseconds as it says."""
    module, arguments = MODULES / "module_slow.so", ("--partitions", "1")

    def add(self, client, id, ms, prefer=None):
        headers = {"Content-Type": "application/json", "Idempotency-Key": f'"{id}"', **({"Prefer": prefer} if prefer else {})}
        return client.request("POST", "/commands/testing.v1.Add", json.dumps({"counterId": self.key, "amount": ms}), headers)

    def test_a_repeat_while_the_first_still_runs_has_the_same_outcome(self):
        replies = [None] * 8

        def add(i):
            client = Client(self.server.port)
            replies[i] = self.add(client, "k", 500)
            client.close()

        threads = [threading.Thread(target=add, args=(i,)) for i in range(len(replies))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([reply[0] for reply in replies], [200] * 8)
        self.assertEqual([reply[2] for reply in replies], [replies[0][2]] * 8)
        self.assertEqual(replies[0][2]["version"], 1)
        self.assertEqual(self.http.get(f"/aggregates/counter/{self.key}")[2]["version"], 1)

    def test_no_outcome_in_time_is_unknown_and_the_same_id_tells(self):
        self.assert_problem(self.add(self.http, "k", 1500, "wait=0"), 504, "unknown", "same id")
        status, _, body = self.add(self.http, "k", 1500)
        self.assertEqual((status, body["version"]), (200, 1))

    def test_a_rule_that_is_wrong_is_an_error_of_the_module_and_says_which(self):
        reply = self.http.send("testing.v1.Add", counterId=self.key, note="wrong")
        self.assert_problem(reply, 500, "failed", "testing.v1.WasReset", "counter")
        self.assert_fails(1, ("send", "testing.v1.Add", f"counter_id={self.key}", "note=wrong", *self.url()), "failed: ", "testing.v1.WasReset")
        self.assertEqual(self.http.send("testing.v1.Add", counterId=self.key)[2]["version"], 1)


class Poison(Case):
    def test_a_command_that_ends_the_process_twice_is_not_tried_again(self):
        server = Server(self.dir, MODULES / "module_slow.so")
        for _ in range(2):
            server.start()
            with self.assertRaises((OSError, http.client.HTTPException)):
                self.client(server).send("testing.v1.Add", id="k", counterId="a", note="die")
            self.assertEqual(server.process.wait(60), -signal.SIGKILL)
        with server:
            client = self.client(server)
            self.assert_problem(client.send("testing.v1.Add", id="k", counterId="a", note="die"), 422, "quarantined", "twice", "not tried again")
            self.assert_fails(1, ("send", "testing.v1.Add", "counter_id=a", "note=die", "--id", "k", "--url", server.url), "rejected quarantined: ")
            self.assertEqual(client.send("testing.v1.Add", id="l", counterId="b")[2]["version"], 1)


class Disk(ServerCase):
    """A reserve that no disk has: nothing is taken, everything can be read."""
    arguments = ("--disk.reserve", "1024GB")

    def test_a_disk_down_to_its_reserve_is_busy(self):
        if shutil.disk_usage(self.home).free >= 1 << 40:
            self.skipTest("this disk has more free than the largest reserve that can be set")
        reply = self.receive()
        self.assert_problem(reply, 503, "busy", "disk")
        self.assertEqual(reply[1]["Retry-After"], "1")
        self.assert_fails(4, ("send", RECEIVE, "sku=a", "quantity=1", *self.url()), "disk")
        self.assertEqual(self.http.get("/views/stock/stock")[0], 200)
        self.assertEqual((self.http.get("/health/live")[0], self.http.get("/health/ready")[0]), (200, 503))


class Full(ServerCase):
    """A queue of one command: the next is refused, nothing is dropped."""
    module, arguments = MODULES / "module_slow.so", ("--partitions", "1", "--queue.items", "1")

    def test_a_full_queue_is_busy_and_says_when_to_come_again(self):
        clients = [self.client(self.server) for _ in range(6)]
        replies = [None] * len(clients)

        def add(i):
            body = json.dumps({"counterId": self.key, "amount": 300})
            replies[i] = clients[i].request("POST", "/commands/testing.v1.Add", body, {"Content-Type": "application/json"})

        threads = [threading.Thread(target=add, args=(i,)) for i in range(len(clients))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        busy = [reply for reply in replies if reply[0] != 200]
        self.assertTrue(0 < len(busy) < len(replies), [reply[0] for reply in replies])
        for reply in busy:
            self.assert_problem(reply, 503, "busy", "queue")
            self.assertEqual(reply[1]["Retry-After"], "1")
        self.assertEqual(self.http.get(f"/aggregates/counter/{self.key}")[2]["version"], len(replies) - len(busy))


if __name__ == "__main__":
    unittest.main()
