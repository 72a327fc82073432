#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The clients in examples/clients: built by Maven in one go, and each run against a shop on a real broker. Beside them the handler
as it is usually shown, which must be seen to do what weir prevents."""
import json
import subprocess
import sys
import time
import unittest

from kafkatest import TOP, VERSIONS, Cluster, kcat, run

sys.path.append(str(TOP / "test/integration"))
from weirtest import SHOP, Server, weir  # noqa: E402

CLIENTS = TOP / "examples/clients"
SEND = {"java": ["SendCommand"], "scala": ["SendCommand"], "kotlin": ["SendCommandKt"], "clojure": ["clojure.main", "-m", "shop.send-command"]}
HANDLE = {"java": ["OrderHandler"], "scala": ["OrderHandler"], "kotlin": ["OrderHandlerKt"], "clojure": ["clojure.main", "-m", "shop.order-handler"]}
SECONDS = 120  # for what is waited for; nothing is measured


def java(module, *words):
    target = CLIENTS / module / "target"
    return ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{target}/classes:{(target / 'classpath').read_text().strip()}", *words]


def start_shop(cluster):
    """The shop on Kafka. Returns how to stop it."""
    on_kafka = ("--brokers", cluster.bootstrap, "--allow-weak-cluster")
    weir("topics", "apply", "--app", "shop", *on_kafka, check=0)
    return Server(cluster.dir / "shop.data", SHOP, "--log", "kafka", *on_kafka).start().stop


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        run(["mvn", "-B", "-q", "-T2", "-f", CLIENTS / "pom.xml", "compile"], timeout=900)
        cls.cluster = Cluster(VERSIONS[-1])
        cls.addClassCleanup(cls.cluster.remove)
        cls.addClassCleanup(start_shop(cls.cluster))

    def send(self, language, status, *words):
        """Runs the client; its lines but the first, each taken apart at blanks."""
        done = run(java(language, *SEND[language], self.cluster.bootstrap, *words), status)
        first, *lines = done.stdout.splitlines()
        self.assertTrue(first.startswith(f"sent {words[0]} {words[1]} id "), first)
        return lines

    def start(self, words, **options):
        process = subprocess.Popen(words, text=True, **options)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_each_sends_and_hears_what_became_of_it(self):
        for language in SEND:
            with self.subTest(language=language):
                key = f"mug-{language}"
                received = ("shop.v1.ReceiveStock", key, json.dumps({"sku": key, "quantity": "10"}), f"first-{language}")
                event, outcome = self.send(language, 0, *received)
                self.assertTrue(event.startswith("event shop.v1.StockReceived version 1 {"), event)
                self.assertEqual(json.loads(event[event.index("{"):]), {"sku": key, "quantity": "10"})
                self.assertEqual(outcome, "outcome weir.accepted")
                self.assertEqual(self.send(language, 0, *received), ["outcome weir.repeated"])
                sale = json.dumps({"sku": key, "invoiceNo": "1", "quantity": "11", "unitPriceCents": "250"})
                self.assertEqual(self.send(language, 1, "shop.v1.RecordSale", key, sale), [f"outcome weir.rejected out-of-stock 11 of {key} wanted, 10 on hand"])

    def test_spring_reads_the_events(self):
        self.send("java", 0, "shop.v1.ReceiveStock", "spring", json.dumps({"sku": "spring", "quantity": "3"}))
        app = self.start(java("spring", "shop.StockWatch", f"--brokers={self.cluster.bootstrap}"), stdout=subprocess.PIPE)
        self.addCleanup(app.stdout.close)
        stop = self.start(["sh", "-c", f"sleep {SECONDS}; kill {app.pid}"])
        self.assertTrue(any(line.startswith('event shop.v1.StockReceived stock/spring version 1 {') for line in app.stdout))
        stop.kill()

    def orders(self, cluster):
        """A function that places an order, some copies of it, and one that tells what the handler said about an article."""
        for topic in ("order-commands", "order-events"):
            cluster("topic", topic)

        def place(sku, quantity, copies=1):
            order = json.dumps({"type": "PlaceOrder", "orderId": f"o-{sku}", "sku": sku, "quantity": quantity})
            kcat("-b", cluster.bootstrap, "-P", "-t", "order-commands", "-k", sku, input=f"{order}\n" * copies)

        def placed(sku):
            lines = kcat("-b", cluster.bootstrap, "-C", "-t", "order-events", "-e", "-q").stdout.splitlines()
            return [event["quantity"] for event in map(json.loads, lines) if event["sku"] == sku and event["type"] == "OrderPlaced"]

        return place, placed

    def wait_until(self, function, expected):
        until = time.monotonic() + SECONDS
        while (got := function()) != expected:
            self.assertLess(time.monotonic(), until, got)
            time.sleep(0.1)

    def handler(self, language, cluster):
        return self.start(java(language, *HANDLE[language], cluster.bootstrap))

    def test_the_usual_handler_sells_twice(self):
        other = Cluster(VERSIONS[0])
        self.addCleanup(other.remove)
        place, placed = self.orders(other)
        first = self.handler("java", other)
        place("plate", 8)
        self.wait_until(lambda: placed("plate"), [8])
        first.kill()
        first.wait()
        self.handler("java", other)  # its group lets it in when the killed one's session is over: meanwhile, the others
        self.one_order_sent_twice()
        place("plate", 8)
        self.wait_until(lambda: sum(placed("plate")) > 10, True)
        print("java's usual handler, killed and started again: sold", sum(placed("plate")), "of 10 plates")

    def one_order_sent_twice(self):
        """By a client that was not sure. Each handler reads what the others were sent, too, but only one runs at a time."""
        place, placed = self.orders(self.cluster)
        for language in HANDLE:
            with self.subTest(language=language):
                running = self.handler(language, self.cluster)
                place(language, 4, copies=2)
                self.wait_until(lambda: placed(language), [4, 4])
                print(f"{language}'s usual handler: one order sent twice was placed {len(placed(language))} times")
                running.kill()


if __name__ == "__main__":
    unittest.main()
