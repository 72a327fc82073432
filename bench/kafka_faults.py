#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long a partition doesn't answer: two processes with lanes, a front, and one thing that happens to them.

    kafka_faults.py BROKERS DIR [ROUNDS [OPTION...]]     prints: fault, median seconds, all of them. OPTION: of weir run;
                                                         WEIR_TEST_BUILD names the build directory

A client sends to each of four partitions again and again, and if it hears nothing within a second sends anew. What is measured is the
longest time between two answers of a partition, over all partitions, from the fault until all have been answered for some seconds."""
import pathlib
import statistics
import sys
import tempfile
import threading
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(TOP / "test/integration"))
from weirtest import SHOP, Client, Server, weir  # noqa: E402

PARTITIONS, QUIET_S = 4, 4


class Shop:
    def __init__(self, brokers, home, options):
        self.app = f"faults{time.time_ns() % 10**9}"
        weir("topics", "apply", "--app", self.app, "--brokers", brokers, "--partitions", PARTITIONS, "--replication", "1", "--allow-weak-cluster", check=0)
        self.programs = {name: Server(home / name, SHOP, "--log", "kafka", "--brokers", brokers, "--app", self.app, "--roles", name[:-1],
                                      "--allow-weak-cluster", "--outcome.timeout", "1000", "--views", "", *options) for name in ("lane1", "lane2", "front1")}
        for program in self.programs.values():
            program.start()
        self.answered, self.over = {}, threading.Event()
        self.keys = self.find_keys()
        self.threads = [threading.Thread(target=self.probe, args=item, daemon=True) for item in self.keys.items()]
        for thread in self.threads:
            thread.start()

    def send(self, key):
        """The partition that answered, or None."""
        try:
            client = Client(self.programs["front1"].port, timeout=5)
            try:
                status, headers, _ = client.send("shop.v1.ReceiveStock", sku=key, quantity="1")
            finally:
                client.close()
        except (OSError, AttributeError, ValueError):
            return None
        return int(headers["Weir-Position"].rsplit(":", 1)[1].split("=")[0]) if status == 200 else None

    def find_keys(self):
        keys, n = {}, 0
        while len(keys) < PARTITIONS:
            partition = self.send(f"k{n}")
            if partition is None:
                time.sleep(0.05)
            else:
                keys.setdefault(partition, f"k{n}")
                n += 1
        return keys

    def probe(self, partition, key):
        while not self.over.is_set():
            began = time.monotonic()
            if self.send(key) is not None:
                self.answered.setdefault(partition, []).append((began, time.monotonic()))
            time.sleep(0.01)

    def until_answered(self, began, most=90):
        while time.monotonic() < began + most:
            if all(partition in self.answered and self.answered[partition][-1][0] >= began for partition in self.keys):
                return
            time.sleep(0.005)
        raise SystemExit("no answers:\n" + "\n".join(program.said()[-1000:] for program in self.programs.values()))

    def pause(self, began):
        """The longest after `began`; what was answered last before counts from `began` on."""
        longest = 0
        for answers in self.answered.values():
            times = [began] + [at for _, at in answers if at >= began]
            longest = max(longest, *(b - a for a, b in zip(times, times[1:])))
        return longest

    def close(self):
        self.over.set()
        for program in self.programs.values():
            if program.process.poll() is None:
                program.kill()


def measure(shop, what, name, restart):
    program = shop.programs[name]
    shop.until_answered(time.monotonic())
    began = time.monotonic()
    if what == "kill":
        program.kill()
    elif what == "stop":
        program.stop()
    if restart or what == "start":
        program.start()
    shop.until_answered(began)
    time.sleep(QUIET_S)
    shop.until_answered(time.monotonic())
    return shop.pause(began)


CASES = (("a lane is killed and started again at once", "kill", "lane1", True), ("a lane is killed and stays away", "kill", "lane2", False),
         ("a lane comes", "start", "lane2", False), ("a lane is stopped and stays away", "stop", "lane2", False), ("a lane comes back", "start", "lane2", False),
         ("a front is killed and started again at once", "kill", "front1", True))


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    with tempfile.TemporaryDirectory(dir=sys.argv[2]) as home:
        shop = Shop(sys.argv[1], pathlib.Path(home), sys.argv[4:])
        try:
            took = {}
            for _ in range(rounds):
                for words, *case in CASES:
                    took.setdefault(words, []).append(measure(shop, *case))
            for words, all_of in took.items():
                print(f"kafka-again\t{words}\t{statistics.median(all_of):.2f} s\t" + " ".join(f"{t:.2f}" for t in sorted(all_of)), flush=True)
        finally:
            shop.close()


if __name__ == "__main__":
    main()
