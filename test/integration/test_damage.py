#!/usr/bin/env python3
"""Damage. A log, checkpoints and views are damaged in a thousand ways, one at a time (test/fault/flips.c): each damage is told or harmless,
nothing wrong is served, nothing hangs, and no start loses a command without a word. WEIR_TEST_FLIPS says how many (1200, of which every
sixth is a page or file), WEIR_TEST_SEED which. Then what the program says of a damaged batch, page and view."""
import os
import pathlib
import random
import re
import shutil
import struct
import subprocess
import tempfile
import unittest

from weirtest import BUILD, SHOP, TOP, Case, Server, weir

FAULT = BUILD / "test/fault"
VIEWS = TOP / "test/fault/views"
TRIALS = int(os.environ.get("WEIR_TEST_FLIPS", "1200"))
SEED = int(os.environ.get("WEIR_TEST_SEED", random.randrange(1 << 30)))
COMMANDS = 600
JOBS = min(4, os.cpu_count() or 1)
PAGE = 4096


def blind(mode, page=None):
    """The environment of a program without something that it relies on: see test/fault/blind.c."""
    return {**os.environ, "LD_PRELOAD": str(FAULT / "fault_blind.so"), "WEIR_BLIND": mode, "WEIR_BLIND_PAGE": str(page)}


class Flips(unittest.TestCase):
    def setUp(self):
        self.tmp = pathlib.Path(tempfile.mkdtemp(prefix="weir-damage-"))
        self.addCleanup(shutil.rmtree, self.tmp, ignore_errors=True)

    def make(self, environment=None):
        """A data directory that is sound, and its data.mdb as it was halfway."""
        data, heard = self.tmp / "data", self.tmp / "heard"

        def run(program, *arguments):
            subprocess.run([FAULT / program, *map(str, arguments)], env=environment, check=True, stdout=subprocess.DEVNULL, timeout=60)

        run("fault_workload", data, heard, "", 0, COMMANDS // 2)
        shutil.copy(data / "log/data.mdb", self.tmp / "old")
        run("fault_workload", data, heard, "", COMMANDS // 2, COMMANDS)
        run("fault_images", "directory", data, heard, COMMANDS, VIEWS)

    def hurt(self, what, total, environment=None):
        """In as many processes as there are cores. Returns the lines of faults, and prints the sums of the rest."""
        old = self.tmp / "old" if what == "log" else "-"
        each = -(-total // JOBS)
        runs = [subprocess.Popen([FAULT / "fault_flips", what, self.tmp / "data", old, self.tmp / "heard", VIEWS, str(SEED), str(i * each),
                                  str(min(each, total - i * each))], stdout=subprocess.PIPE, text=True, errors="replace", env=environment) for i in range(JOBS)]
        lines = [line for run in runs for line in run.communicate()[0].splitlines()]
        counts = [line for line in lines if re.match(r"\d+ trials:", line)]
        self.assertEqual(len(counts), JOBS, lines)
        words = re.split(r"\d+", counts[0])
        sums = [sum(column) for column in zip(*(map(int, re.findall(r"\d+", line)) for line in counts))]
        self.assertEqual(sums[0], total)
        print(f"seed {SEED}, {what}: " + "".join(word + str(number) for word, number in zip(words, sums)) + words[-1], flush=True)
        return [line for line in lines if line.startswith("seed ")]

    def test_damage_of_a_log_is_told_or_harmless(self):
        self.make()
        self.assertEqual(self.hurt("log", TRIALS), [], "\n(any one again: the same seed, its number, count 1; see test/fault/flips.c)")

    def test_damage_of_checkpoints_costs_time_alone(self):
        self.make()
        self.assertEqual(self.hurt("checkpoint", max(TRIALS // 10, 100)), [])

    def test_damage_of_views_is_told_or_mended(self):
        self.make()
        self.assertEqual(self.hurt("views", max(TRIALS // 10, 100)), [])

    def test_without_checksums_the_same_check_fails(self):
        self.make(blind("checksums"))
        found = self.hurt("log", 240, blind("checksums"))
        wrong = [line for line in found if "another record than was written" in line]
        print(f"without checksums: {len(found)} of 240 are faults, {len(wrong)} have served another record", flush=True)
        self.assertGreater(len(wrong), 10)


class Words(Case):
    """What is said of a damaged batch: topic, partition, offset; and what lies before it is still read."""

    def setUp(self):
        super().setUp()
        with Server(self.dir, SHOP, "--partitions", "1", "--checkpoint.events", "1000000") as server:
            client = self.client(server)
            for i in range(40):
                self.assertEqual(client.send("shop.v1.ReceiveStock", sku=f"sku-{i}", quantity="5")[0], 200)

    def find(self, topic, offset):
        """Where the batch of partition 0 begins in data.mdb."""
        data = (self.dir / "log/data.mdb").read_bytes()
        for match in re.finditer(b"WRB1", data):
            base, = struct.unpack_from("<Q", data, match.start() + 16)
            if base == offset and data[match.start() + 64] == topic:
                yield match.start()

    def flip(self, path, places, bit=1):
        data = bytearray(path.read_bytes())
        for at in places:
            data[at] ^= bit
        path.write_bytes(data)

    def test_a_damaged_batch_is_named_and_what_lies_before_it_is_read(self):
        where = "events, partition 0, offset 20: the batch's checksum is "
        self.flip(self.dir / "log/data.mdb", [at + 100 for at in self.find(1, 20)])
        self.assert_fails(1, ("verify", "--dir", self.dir), where)
        events = self.assert_fails(4, ("events", "--dir", self.dir), where)
        self.assertEqual(len(events.stdout.splitlines()), 20)
        self.assert_fails(4, ("show", "stock/sku-30", "--history", "--dir", self.dir), where)
        shutil.rmtree(self.dir / "checkpoint")
        shutil.rmtree(self.dir / "views")
        self.assert_fails(4, ("run", SHOP, "--dir", self.dir, "--listen", "127.0.0.1:0"), where)

    def test_a_damaged_page_is_named_and_the_batches_beside_it_are_verified(self):
        """A leaf in the middle of the log that is gone as a whole."""
        data, pages = (self.dir / "log/data.mdb").read_bytes(), set()
        for place in self.find(1, 20):
            page = place // PAGE * PAGE
            entries = struct.unpack_from(f"<{(struct.unpack_from('<H', data, page + 12)[0] - 16) // 2}H", data, page + 16)
            if place - 13 - 8 - page in entries:  # else it is what a page held before
                pages.add(page // PAGE)
        self.flip(self.dir / "log/data.mdb", [page * PAGE + 12 for page in pages], 0xff)
        run = self.assert_fails(1, ("verify", "--dir", self.dir), " of data.mdb is damaged: ")
        self.assertRegex(run.stderr, r"(?m)^[a-z]+, partition 0, offset \d+: page ")

    def test_a_reader_that_dies_or_stands_still_is_a_fault_with_its_place(self):
        page = list(self.find(1, 20))[-1] // PAGE
        for mode, words in (("crash", "ended the process: Segmentation fault"), ("still", "came to nothing for ")):
            run = self.assert_fails(1, ("verify", "--dir", self.dir), words, env=blind(mode, page))
            self.assertEqual(run.stdout, "")

    def test_a_log_that_is_cut_off_is_not_begun_anew(self):
        for size in (0, 100, PAGE, 2 * PAGE):
            data = (self.dir / "log/data.mdb").read_bytes()
            (self.dir / "log/data.mdb").write_bytes(data[:size])
            self.assert_fails(4, ("run", SHOP, "--dir", self.dir, "--listen", "127.0.0.1:0"), str(self.dir))
            self.assertNotEqual(weir("verify", "--dir", self.dir).returncode, 0)
            (self.dir / "log/data.mdb").write_bytes(data)


if __name__ == "__main__":
    unittest.main()
