# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the shop on Kafka, for clients alone: it takes commands, answers with the headers that weir writes, and forgets
everything at its end. It is no engine: one thread, no transactions, stock in memory. Thread: its own; stop() ends it."""
import json
import subprocess
import threading

from kafkatest import kcat


class StandIn:
    TOPICS = ("shop.commands", "shop.events", "shop.outcomes")

    def __init__(self, cluster):
        self.bootstrap, self.known, self.stock, self.versions = cluster.bootstrap, {}, {}, {}
        for topic in self.TOPICS:
            cluster("topic", topic, 4)
        self.reader = subprocess.Popen(["kcat", "-b", self.bootstrap, "-C", "-t", "shop.commands", "-o", "beginning", "-u", "-q",
                                        "-f", r"%p\t%o\t%k\t%h\t%s\n"], stdout=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def stop(self):
        self.reader.kill()
        self.thread.join()
        self.reader.wait()
        self.reader.stdout.close()

    def run(self):
        for line in self.reader.stdout:
            partition, offset, key, headers, value = line.rstrip("\n").split("\t")
            headers = dict(header.split("=", 1) for header in headers.split(","))
            self.decide(partition, offset, key, headers["ce_id"], headers["ce_type"], json.loads(value))

    def decide(self, partition, offset, key, id, kind, command):
        if id in self.known:
            return self.outcome(partition, offset, key, id, "weir.repeated", "", **{"weir-original": self.known[id]})
        self.known[id] = offset
        change = int(command["quantity"]) * (1 if kind == "shop.v1.ReceiveStock" else -1)
        left = self.stock.get(key, 0)
        if left + change < 0:
            return self.outcome(partition, offset, key, id, "weir.rejected", f"{-change} of {key} wanted, {left} on hand", **{"weir-code": "out-of-stock"})
        self.stock[key] = left + change
        self.versions[key] = self.versions.get(key, 0) + 1
        event = "shop.v1.StockReceived" if change > 0 else "shop.v1.StockSold"
        self.write("shop.events", partition, key, json.dumps(command), ce_id=f"{partition}-{offset}-0", ce_type=event, ce_subject=f"stock/{key}",
                   ce_sequence=self.versions[key], **{"weir-causation": id, "weir-command-offset": offset, "content-type": "application/json"})
        return self.outcome(partition, offset, key, id, "weir.accepted", "", **{"weir-events": 1})

    def outcome(self, partition, offset, key, id, kind, words, **headers):
        self.write("shop.outcomes", partition, key, words, ce_id=f"{partition}-{offset}-outcome", ce_type=kind,
                   **{"weir-causation": id, "weir-command-offset": offset, **headers})

    def write(self, topic, partition, key, value, **headers):
        more = [word for name, text in {"ce_specversion": "1.0", "ce_source": "weir/shop", **headers}.items() for word in ("-H", f"{name}={text}")]
        kcat("-b", self.bootstrap, "-P", "-t", topic, "-p", partition, "-K", "|", *more, input=f"{key}|{value}\n")
