#!/usr/bin/env python3
"""Power and failing disks. A workload is recorded below a shim (test/fault/shim.c); images of what the disk may hold after a power cut are
made from the recording, and each is opened, verified and compared with what was acknowledged. Then every write and every sync of a smaller
workload fails once, and power goes soon after. Then memory fails, an allocation at a time. WEIR_TEST_IMAGES says how many images (10000), WEIR_TEST_SEED which."""
import collections
import concurrent.futures
import os
import pathlib
import random
import re
import shutil
import subprocess
import tempfile
import time
import unittest

from weirtest import BUILD, TOP

FAULT = BUILD / "test/fault"
VIEWS = TOP / "test/fault/views"
IMAGES = int(os.environ.get("WEIR_TEST_IMAGES", "10000"))
SEED = int(os.environ.get("WEIR_TEST_SEED", random.randrange(1 << 30)))
COMMANDS, FEW_COMMANDS, ALLOCATIONS = 2000, 200, 2000
SECONDS_MOST = 60
HEARD_SIZE = 32
LAST = 8 # operations among which power goes
JOBS = min(4, os.cpu_count() or 1)


def line_again(line, in_a_row):
    """The command that takes the sample of this line once more."""
    match = re.match(r"seed (\d+) sample (\d+) of (\d+)", line)
    return f"LD_PRELOAD={FAULT}/fault_shim.so WEIR_FAULT_TRACE=1 {FAULT}/fault_allocations {VIEWS} {match[1]} {match[3]} {match[2]} 1 {in_a_row}" if match else ""


class Fault(unittest.TestCase):
    def setUp(self):
        self.tmp = pathlib.Path(tempfile.mkdtemp(prefix="weir-fault-"))
        self.dir, self.record, self.heard = self.tmp / "data", self.tmp / "record", self.tmp / "heard"

    def tearDown(self):
        shutil.rmtree(self.tmp)

    def workload(self, commands, directory=None, heard=None, views="", program="fault_workload", more=(), **shim):
        """Runs it under the shim. Returns (exit status, stdout, stderr)."""
        directory, heard = directory or self.dir, heard or self.heard
        environment = {**os.environ, "LD_PRELOAD": str(FAULT / "fault_shim.so"), "WEIR_FAULT_DIR": str(directory),
                       "WEIR_FAULT_MARKS": str(heard), **{f"WEIR_FAULT_{name}": str(value) for name, value in shim.items()}}
        first, last = commands if isinstance(commands, tuple) else (0, commands)
        run = subprocess.run([FAULT / program, directory, heard, views, str(first), str(last), *more], env=environment, capture_output=True, text=True,
                             timeout=SECONDS_MOST)
        return run.returncode, run.stdout.strip(), run.stderr.strip()

    def keep(self, record, lines, commands, last=0):
        """Keeps the recording that images with these lines of faults were made from. Returns the lines, each with the command that makes its
        image again."""
        if not lines:
            return []
        kept = pathlib.Path(tempfile.mkdtemp(prefix="weir-fault-kept-")) / "record"
        shutil.copy(record, kept)
        return [f"{line}\n    again: {FAULT}/fault_images images {kept} {commands} {VIEWS} {match[1]} {match[2]} 1 1{f' {last}' if last else ''}"
                for line in lines if (match := re.match(r"seed (\d+) image (\d+) ", line))]

    def images(self, start, count, faults):
        return subprocess.Popen([FAULT / "fault_images", "images", self.record, str(COMMANDS), VIEWS, str(SEED), str(start), str(count), str(faults)],
                                stdout=subprocess.PIPE, text=True)

    def check_images(self, total, faults):
        """All numbers below `total`, in as many processes as there are cores. Returns the lines of faults, and prints the rest."""
        each = -(-total // JOBS)
        runs = [self.images(i * each, min(each, total - i * each), faults) for i in range(JOBS)]
        lines = [line for run in runs for line in run.communicate()[0].splitlines()]
        done = sum(int(match[1]) for line in lines if (match := re.match(r"(\d+) images, ", line)))
        found = [line for line in lines if line.startswith("seed ")]
        self.assertTrue(found or done == total, f"{done} of {total} images were checked")
        print(f"seed {SEED}: {done} images of a {COMMANDS}-command workload, {len(found)} faults", flush=True)
        return found

    def test_power_cuts_lose_nothing(self):
        status, said, _ = self.workload(COMMANDS, views=VIEWS, RECORD=self.record)
        self.assertEqual((status, said), (0, "all answered"))
        found = self.keep(self.record, self.check_images(IMAGES, 5), COMMANDS)
        self.assertFalse(found, "\n" + "\n".join(found))

    def test_without_syncs_the_same_check_fails(self):
        status, said, _ = self.workload(COMMANDS, views=VIEWS, RECORD=self.record, NOSYNC=1)
        self.assertEqual((status, said), (0, "all answered"))
        found = self.check_images(400, 400)
        lost = [line for line in found if "was acknowledged and is not there" in line]
        print(f"without syncs: {len(found)} of 400 images are faulty, {len(lost)} have lost an acknowledged command", flush=True)
        self.assertGreater(len(lost), 10)
        self.assertGreater(len(found), 100)

    def nth(self, kind, n, error):
        """Fails the n-th. Returns None when there is no such one, else whether the engine has said that it can't go on, and what failed."""
        place = self.tmp / f"{kind}-{error}-{n}"
        place.mkdir()
        status, said, errors = self.workload(FEW_COMMANDS, place / "data", place / "heard", FAIL=f"{kind}:{n}:{error}", RECORD=place / "record")
        what = f"{kind} {n} {error}: exit {status}, {said}; {errors}"
        if errors:
            self.assertIn(status, (0, 3), what)
            self.assertTrue(status == 0 or re.search(r"(io|timeout|busy): .*: (Input/output error|No space left on device)", said), what)
            self.check(place, what)
        else:
            self.assertEqual(status, 0, what)
        shutil.rmtree(place)
        return (status == 3, errors.rsplit(" ", 1)[-1]) if errors else None

    def fault_images(self, *arguments):
        """Returns its lines, none if there was no fault."""
        run = subprocess.run([FAULT / "fault_images", *map(str, arguments)], capture_output=True, text=True, timeout=SECONDS_MOST)
        return (run.stdout + run.stderr).splitlines() if run.returncode != 0 else []

    def check(self, place, what, images=3):
        """The directory as it is, then as power may leave it while one of the last operations is under way."""
        found = self.fault_images("directory", place / "data", place / "heard", FEW_COMMANDS, VIEWS)
        self.assertFalse(found, what)
        found = self.keep(place / "record", self.fault_images("images", place / "record", FEW_COMMANDS, VIEWS, SEED, 1, images, images, LAST), FEW_COMMANDS,
                          LAST)
        self.assertFalse(found, f"{what}\nthen power goes:\n" + "\n".join(found))

    def every(self, kind, error):
        """Fails the n-th, for every n that there is. Returns how many the engine has ended at, and the files whose failure it could bear."""
        ended, borne, n = 0, [], 1
        with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
            while True:
                results = list(pool.map(lambda i: self.nth(kind, i, error), range(n, n + 8)))
                ended += sum(1 for result in results if result and result[0])
                borne += [result[1] for result in results if result and not result[0]]
                n += 8
                if not all(results): # the number of operations differs a little from run to run
                    return ended, borne

    def test_every_write_and_sync_failing_once(self):
        for kind, error in (("sync", "EIO"), ("write", "EIO"), ("write", "ENOSPC")):
            began = time.monotonic()
            ended, borne = self.every(kind, error)
            print(f"every {kind} of {FEW_COMMANDS} commands failed once with {error}: {ended + len(borne)} runs; the engine said so in {ended}, "
                  f"and could bear {sorted(borne)}; {time.monotonic() - began:.0f} s", flush=True)
            self.assertGreater(ended, 20)
            self.assertFalse([name for name in borne if name == "log/data.mdb"], "a log's failed write or sync is the last")

    def goes_on(self, program, kind, n):
        """The n-th operation on the log fails, and whoever sends goes on. Returns how many commands it has heard of, and the faults that there
        are in the directory and in images of it, "" for none; None when there was no n-th."""
        place = self.tmp / f"{program}-{kind}-{n}"
        place.mkdir()
        _, _, errors = self.workload(FEW_COMMANDS, place / "data", place / "heard", program=program, more=("on",),
                                     FAIL=f"{kind}:{n}:EIO:log/", RECORD=place / "record")
        if not errors:
            return None
        heard = (place / "heard").stat().st_size // HEARD_SIZE
        faults = self.fault_images("directory", place / "data", place / "heard", FEW_COMMANDS, VIEWS)[:1]
        images = self.fault_images("images", place / "record", FEW_COMMANDS, VIEWS, SEED, 1, 4, 4, LAST)
        faults += self.keep(place / "record", images, FEW_COMMANDS, LAST) if program == "fault_workload" else images[:1]
        shutil.rmtree(place)
        return heard, "\n".join(faults)

    def test_going_on_after_a_failure_is_caught(self):
        """On the engine, and on one that has the mistake: no FAILED latch."""
        for kind in ("sync", "write", "meta"):
            found = {}
            for program in ("fault_workload", "fault_workload_going_on"):
                with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
                    results = [result for result in pool.map(lambda n: self.goes_on(program, kind, n), range(8, 80, 6)) if result]
                faulty = [words for _, words in results if words]
                found[program] = faulty
                print(f"{kind} of the log fails and the sender goes on, {program}: {len(results)} runs, {sum(heard for heard, _ in results)} "
                      f"acknowledged, {len(faulty)} faulty{': ' + faulty[0].splitlines()[0] if faulty else ''}", flush=True)
                self.assertGreater(len(results), 8)
            self.assertEqual(found["fault_workload"], [])
            # After a failed write of its meta page LMDB itself goes on with nothing.
            if kind != "meta":
                self.assertGreater(len(found["fault_workload_going_on"]), 6, "the mistake is not caught")

    def killed_in_meta(self, program, n):
        """The process is killed inside the n-th write of LMDB's meta page; the next one tells what became of the commands; then power goes."""
        place = self.tmp / f"{program}-{n}"
        place.mkdir()
        status, _, _ = self.workload(FEW_COMMANDS, place / "data", place / "heard", FAIL=f"meta:{n}:KILL:log/", RECORD=place / "record")
        self.assertEqual(status, -9)
        before = (place / "heard").stat().st_size
        status, said, errors = self.workload(FEW_COMMANDS, place / "data", place / "heard", program=program, RECORD=place / "record")
        self.assertEqual((status, said), (0, "all answered"), errors)
        told = ((place / "heard").stat().st_size - before) // HEARD_SIZE
        images = self.fault_images("images", place / "record", FEW_COMMANDS, VIEWS, SEED, 1, 12, 12, 1)
        faults = self.keep(place / "record", images, FEW_COMMANDS, 1) if program == "fault_asking" else images[:1]
        shutil.rmtree(place)
        return told, "\n".join(faults)

    def test_answering_from_what_was_not_synced_is_caught(self):
        """On the engine, and on one that has the mistake: opening doesn't sync before it reads."""
        for program in ("fault_asking", "fault_asking_unsynced"):
            with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
                results = list(pool.map(lambda n: self.killed_in_meta(program, n), range(4, 52, 4)))
            faulty = [words for _, words in results if words]
            print(f"killed in the write of a meta page, asked, power cut, {program}: {len(results)} runs, {sum(told for told, _ in results)} outcomes "
                  f"told, {len(faulty)} faulty{': ' + faulty[0] if faulty else ''}", flush=True)
            if program == "fault_asking":
                self.assertEqual(faulty, [])
            else:
                self.assertGreater(len(faulty), 6, "the mistake is not caught")

    def test_every_sampled_allocation_failing(self):
        """The n-th allocation after opening fails, and for some samples the eight behind it too."""
        for samples, in_a_row in ((ALLOCATIONS, 1), (ALLOCATIONS // 10, 8)):
            began = time.monotonic()
            each = -(-samples // JOBS)
            environment = {**os.environ, "LD_PRELOAD": str(FAULT / "fault_shim.so")}
            runs = [subprocess.Popen([FAULT / "fault_allocations", VIEWS, str(SEED), str(samples), str(i * each), str(min(each, samples - i * each)),
                                      str(in_a_row)], stdout=subprocess.PIPE, text=True, env=environment) for i in range(JOBS)]
            lines = [line for run in runs for line in run.communicate()[0].splitlines()]
            counts = collections.Counter()
            for line in lines:
                if match := re.match(r"(\d+) (.*)$", line):
                    counts[match[2]] += int(match[1])
            about = max((line for line in lines if line.startswith("about ")), default="no end", key=len)
            print(f"seed {SEED}: {about}; {samples} sampled, {in_a_row} failing in a row: "
                  + ", ".join(f"{n} {words}" for words, n in counts.items()) + f"; {time.monotonic() - began:.0f} s", flush=True)
            found = [line + "\n    again: " + line_again(line, in_a_row) for line in lines if line.startswith(("seed ", "without "))]
            self.assertFalse(found, "\n" + "\n".join(found))
            self.assertEqual(sum(counts.values()), samples)
            self.assertGreater(counts["a request was refused or asked again"], samples // 10)


if __name__ == "__main__":
    unittest.main(verbosity=2)
