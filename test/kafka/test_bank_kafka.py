#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The bank on a real broker in two processes: one takes commands and serves reports, one decides. Customers transfer money, and somebody
reads the monthly report again and again: while nothing else is done, while deposits are sent as fast as they are decided, and while the
deciding process is killed and started again. Every report is answered, none shows less than the one before, and money is conserved.
WEIR_TEST_KAFKA_TRANSFER_KILLS says how many kills; what each side takes from the other is printed."""
import json
import os
import sys
import threading
import time
import unittest

from kafkatest import TOP, VERSIONS, Cluster

sys.path.append(str(TOP / "test/integration"))
from banktest import BANK  # noqa: E402
from transfertest import ACCOUNTS, OPENING, TransferCase  # noqa: E402
from weirtest import Client, Server, weir  # noqa: E402

KILLS = int(os.environ.get("WEIR_TEST_KAFKA_TRANSFER_KILLS", "10"))
PHASE_S = 5
BATCH = 2000
PAUSE_S = 0.02 # between two reports
BACK_S = 120


class Reader(threading.Thread):
    """Reads the report; each answer's time, by what goes on meanwhile."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.client, self.phase, self.over = Client(port), None, threading.Event()
        self.took, self.wrong, self.most = {}, [], 0

    def run(self):
        while not self.over.is_set():
            phase, began = self.phase, time.monotonic()
            if phase is None:
                time.sleep(0.01)
                continue
            status, _, rows = self.client.get("/views/report/queries/by_month")
            self.took.setdefault(phase, []).append(time.monotonic() - began)
            turned = sum(row["in_cents"] + row["out_cents"] for row in rows) if status == 200 else -1
            if turned < self.most:
                self.wrong.append((phase, status, rows, self.most))
            self.most = max(self.most, turned)
            time.sleep(PAUSE_S)
        self.client.close()

    def figures(self, phase):
        took = sorted(self.took[phase])
        return f"{phase} {len(took)} ({1000 * took[len(took) // 2]:.1f} ms, 99 of 100 in {1000 * took[len(took) * 99 // 100]:.1f})"


class BankOnKafka(TransferCase):
    def sent(self):
        return sum(customer.sent for customer in self.customers)

    def rate(self, client):
        """Deposits decided a second, sent in batches, one after the other."""
        lines = [json.dumps({"type": "bank.v1.Deposit", "data": {"accountId": f"bulk-{i % ACCOUNTS}", "cents": "1"}}) for i in range(BATCH)]
        decided, began = 0, time.monotonic()
        while time.monotonic() < began + PHASE_S:
            status, _, reply = client.request("POST", "/commands", "\n".join(lines), {"Content-Type": "application/x-ndjson"})
            self.assertEqual(status, 200, reply)
            decided += reply.count(b'"events"')
        self.assertGreater(decided, 0)
        return decided / (time.monotonic() - began)

    def wait_until_it_decides(self):
        """Until a transfer is answered that was sent now, at the earliest."""
        before, until = self.sent(), time.monotonic() + BACK_S
        while self.sent() < before + 2 * len(self.customers):
            self.assertLess(time.monotonic(), until, "nothing is decided any more")
            time.sleep(0.05)

    def test_reports_and_decisions_leave_each_other_alone(self):
        cluster = Cluster(VERSIONS[-1])
        self.addCleanup(cluster.remove)
        on_kafka = ("--log", "kafka", "--brokers", cluster.bootstrap, "--allow-weak-cluster")
        weir("topics", "apply", "--app", "bank", *on_kafka[2:], check=0)
        decider = Server(self.tmp / "lane", BANK, *on_kafka, "--roles", "lane").start()
        self.server = Server(self.dir, BANK, *on_kafka, "--roles", "front,views").start()
        for server in (decider, self.server):
            self.addCleanup(lambda server=server: server.process.poll() is None and server.kill())
        self.wait_until_ready(self.client(self.server))
        self.wait_until_ready(self.client(decider))
        self.open_accounts()
        reader = Reader(self.server.port)
        reader.start()
        reader.phase = "at rest"
        time.sleep(PHASE_S)
        client = self.client(self.server)
        for i in range(ACCOUNTS):
            self.assertEqual(client.send("bank.v1.OpenAccount", accountId=f"bulk-{i}")[0], 200)
        reader.phase = "under load"
        with_reports = self.rate(client)
        reader.phase = None
        without_reports = self.rate(client)
        self.start_customers()
        reader.phase = "under kills"
        for _ in range(KILLS):
            time.sleep(self.chance.random())
            decider.kill()
            decider.start()
            self.wait_until_it_decides()
        reader.phase = None
        self.stop_customers()
        reader.over.set()
        reader.join()
        self.assertEqual(reader.wrong, [])
        client = self.client(self.server)
        self.wait_until_quiet(client)
        ends = self.assert_money_is_conserved(client)
        self.assertEqual(sum(ends.values()), self.sent())
        decider.stop()
        self.server.stop()
        print(f"{sum(ends.values())} transfers on Kafka, {KILLS} kill -9 of the lanes' process: {ends['completed']} completed, "
              f"{ends['insufficient-funds']} refused, {ends['no-account']} given back; {ACCOUNTS * OPENING} cents before and after; "
              f"WEIR_TEST_SEED={self.seed}")
        print(f"reports answered, all of them: {'; '.join(map(reader.figures, reader.took))}")
        print(f"deposits decided a second: {with_reports:.0f} beside reports, {without_reports:.0f} without")


if __name__ == "__main__":
    unittest.main()
