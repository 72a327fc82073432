#!/usr/bin/env python3
"""A bulk source over a bad line: its commands arrive in any order, twice, late or not at all, over several connections at once. By (source,
sequence, previous) each is applied once, in order, none is lost, and what comes too early is refused with the last one seen. Against the
mistake, a check that takes any sequence above the last, the same client finds what was lost."""
import collections
import http.client
import json
import random
import threading
import unittest

from weirtest import MODULES, Case, Client, Server

PARTITIONS, KEYS, LINES, WINDOW = 4, 60, 2000, 30


def murmur2(data):
    """As Kafka's Java client has it; the partition of a key is its positive part, modulo their number."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = (0x9747B28C ^ len(data)) & mask
    for i in range(0, len(data) & ~3, 4):
        k = int.from_bytes(data[i:i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = h * m & mask ^ k
    tail = data[len(data) & ~3:]
    if tail:
        h = (h ^ int.from_bytes(tail, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return (h ^ h >> 15) & 0x7FFFFFFF


class File:
    """What is to be applied: lines over many keys, each naming the one before it in its partition."""

    def __init__(self, chance, name):
        self.lines, last = [], [0] * PARTITIONS
        for sequence in range(1, LINES + 1):
            key = f"key-{chance.randrange(KEYS)}"
            partition = murmur2(key.encode()) % PARTITIONS
            self.lines.append((partition, {"type": "testing.v1.Add", "data": {"counterId": key, "amount": str(sequence)}, "source": name,
                                           "sequence": sequence, "previous": last[partition], "fingerprint": 1}))
            last[partition] = sequence
        self.last = last

    def of(self, partition):
        return [line for p, line in self.lines if p == partition]

    def amounts(self):
        """By key, in order: what its history must be."""
        amounts = collections.defaultdict(list)
        for _, line in self.lines:
            amounts[line["data"]["counterId"]].append(line["data"]["amount"])
        return amounts


def over_a_bad_line(chance, lines, seen):
    """What arrives of these: some dropped, some twice, some of long ago, in a little or a great disorder."""
    arriving = [line for line in lines if chance.random() > 0.15]
    arriving += [line for line in lines if chance.random() < 0.2] + [line for line in seen[-400:] if chance.random() < 0.02]
    reach = chance.choice((2, 8, len(arriving)))
    places = sorted(range(len(arriving)), key=lambda i: i + chance.uniform(0, reach))
    return [arriving[i] for i in places]


class Reorder(Case):
    def setUp(self):
        super().setUp()
        self.chance = random.Random(self.id())
        self.server = Server(self.dir, MODULES / "module_mended.so", "--partitions", str(PARTITIONS)).start()
        self.addCleanup(lambda: self.server.process.poll() is None and self.server.kill())

    def post(self, client, lines):
        body = "\n".join(map(json.dumps, lines))
        status, _, reply = client.request("POST", "/commands", body, {"Content-Type": "application/x-ndjson"})
        self.assertEqual(status, 200)
        return [json.loads(line) for line in reply.splitlines()]

    def reached(self, client, name):
        status, _, source = client.get(f"/sources/{name}")
        at = [0] * PARTITIONS
        for entry in source["partitions"] if status == 200 else []:
            at[entry["partition"]] = entry["sequence"]
        return at

    def what_is_wrong(self, client, file):
        """Keys whose history isn't the file's, each with what is missing and what is too much."""
        wrong = {}
        for key, expected in file.amounts().items():
            status, _, history = client.get(f"/aggregates/counter/{key}/events", order="oldest", limit=10000)
            got = [event["data"]["amount"] for event in history["events"]] if status == 200 else []
            if got != expected:
                missing, extra = collections.Counter(expected) - collections.Counter(got), collections.Counter(got) - collections.Counter(expected)
                wrong[key] = sorted(missing.elements()), sorted(extra.elements())
        return wrong

    def assert_answer(self, answer, line, last):
        """What one connection must hear of a line when its partition is at `last`. Returns where it is then, and what it was."""
        sequence, previous = line["sequence"], line["previous"]
        if sequence <= last:
            self.assertTrue(answer["status"] == 200 and answer.get("repeated"), (answer, line, last))
            return last, "repeated"
        if previous != last:
            self.assertEqual((answer["status"], answer["code"], answer["lastSequence"]), (409, "gap", last), (answer, line))
            return last, "gaps"
        self.assertTrue(answer["status"] == 200 and not answer.get("repeated"), (answer, line, last))
        return sequence, "applied"

    def send(self, file, blind):
        """Over one connection, so that each answer can be foretold. `blind`: every line claims to follow whatever is there, which
        makes the engine one that doesn't look."""
        client, last, counts, seen = self.client(self.server), [0] * PARTITIONS, collections.Counter(), []
        left = [file.of(p) for p in range(PARTITIONS)]
        while any(left):
            window = [line for lines in left for line in lines[:WINDOW]]
            arriving = over_a_bad_line(self.chance, window, seen)
            if blind:
                at = list(last)
                for i, line in enumerate(arriving):
                    p = murmur2(line["data"]["counterId"].encode()) % PARTITIONS
                    if line["sequence"] > at[p]:
                        arriving[i] = {**line, "previous": at[p]}
                        at[p] = line["sequence"]
            for line, answer in zip(arriving, self.post(client, arriving) if arriving else [], strict=True):
                p = murmur2(line["data"]["counterId"].encode()) % PARTITIONS
                last[p], what = self.assert_answer(answer, line, last[p])
                counts[what] += 1
                seen += [line] if what == "applied" else []
            left = [[line for line in left[p] if line["sequence"] > last[p]] for p in range(PARTITIONS)]
        self.assertEqual(self.reached(client, file.lines[0][1]["source"]), file.last)
        return client, counts

    def test_each_is_applied_once_in_order_and_a_gap_is_refused_with_the_last_one_seen(self):
        file = File(self.chance, "file")
        client, counts = self.send(file, blind=False)
        print(f"{LINES} lines: {dict(counts)}, each answer as foretold", flush=True)
        self.assertEqual(counts["applied"], LINES)
        self.assertGreater(min(counts["repeated"], counts["gaps"]), LINES // 2)
        self.assertEqual(self.what_is_wrong(client, file), {})

    def test_a_check_that_does_not_look_at_the_one_before_is_caught(self):
        file = File(self.chance, "file")
        client, counts = self.send(file, blind=True)
        wrong = self.what_is_wrong(client, file)
        lost = sum(len(missing) for missing, _ in wrong.values())
        print(f"without the look at the one before: {dict(counts)}, {lost} of {LINES} lost, noticed at {len(wrong)} keys", flush=True)
        self.assertEqual(lost, LINES - counts["applied"])
        self.assertGreater(lost, 0)

    def test_connections_that_race_and_an_engine_that_is_killed_lose_nothing(self):
        file = File(self.chance, "file")
        left, lock, counts = [file.of(p) for p in range(PARTITIONS)], threading.Lock(), collections.Counter()

        def race(number):
            chance, client = random.Random(f"{self.id()} {number}"), None
            while any(left):
                with lock:
                    window = [line for lines in left for line in lines[:WINDOW]]
                try:
                    client = client or Client(self.server.port, timeout=10)
                    arriving = over_a_bad_line(chance, window, [])
                    answers = self.post(client, arriving) if arriving else []
                    at = self.reached(client, "file")
                except (OSError, ValueError, http.client.HTTPException):
                    if client is not None:
                        client.close()
                    client = None
                    continue
                for line, answer in zip(arriving, answers):
                    what = answer.get("code") or ("repeated" if answer.get("repeated") else "applied")
                    with lock:
                        counts[what] += 1
                        if what == "gap" and answer["lastSequence"] >= line["sequence"]:
                            counts["gap with a last that is not before it"] += 1
                with lock:
                    for p in range(PARTITIONS):
                        left[p] = [line for line in left[p] if line["sequence"] > at[p]]
            if client is not None:
                client.close()

        racers = [threading.Thread(target=race, args=(number,), daemon=True) for number in range(4)]
        for racer in racers:
            racer.start()
        kills = 0
        while any(racer.is_alive() for racer in racers):
            racers[0].join(0.3)
            if any(left) and kills < 8:
                self.server.kill()
                self.server.start()
                kills += 1
        print(f"4 connections, {kills} kills: {dict(counts)}", flush=True)
        self.assertEqual(set(counts) - {"applied", "repeated", "gap"}, set())
        self.assertGreater(counts["gap"], 0)
        client = self.client(self.server)
        self.assertEqual(self.reached(client, "file"), file.last)
        self.assertEqual(self.what_is_wrong(client, file), {})


if __name__ == "__main__":
    unittest.main()
