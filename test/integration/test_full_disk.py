#!/usr/bin/env python3
"""A full disk at every stage: making a directory, opening one, under load, for checkpoints, for views, for the attempt file. Reads go on,
commands are refused with the reason, it resumes by itself when room is made, and nothing is lost. The disk is a file system of some
megabytes where one may be mounted, and always also the shim (test/fault/shim.c), which says that nothing may grow; what was used is printed."""
import json
import os
import pathlib
import shutil
import subprocess
import threading
import time
import unittest

from weirtest import BUILD, SHOP, Case, Client, Server, weir

SHIM = BUILD / "test/fault/fault_shim.so"
DISK_MB, RESERVE_MB = 24, 4
SETTINGS = ("--disk.reserve", f"{RESERVE_MB}MB", "--partitions", "1", "--queue.size", "2MB", "--checkpoint.events", "300")
NOTE = "x" * 3000 # a command with it takes 6 KB of the log
WAIT_S = 60


class Shim:
    """The disk is full when the test says so; `part`: only for files whose name begins with it."""
    name = "the shim"

    def __init__(self, tmp, part=""):
        self.directory, self.switch = tmp / "data", tmp / "full"
        self.environment = {**os.environ, "LD_PRELOAD": str(SHIM), "WEIR_FAULT_DIR": str(self.directory),
                            "WEIR_FAULT_FULL": f"{self.switch}:{part}" if part else str(self.switch)}

    def fill_slowly(self):
        """No room is left but the reserve."""
        self.switch.touch()

    def fill(self):
        self.switch.write_text("full")

    def make_room(self):
        self.switch.unlink()

    def remove(self):
        pass


class FileSystem:
    """A real one, of DISK_MB: the whole data directory, or `part` of it alone."""
    name = f"a file system of {DISK_MB} MB"
    environment = None

    def __init__(self, tmp, part=""):
        self.directory = tmp / "disk" / "data" if not part else tmp / "data"
        self.mounted = tmp / "disk" if not part else self.directory / part
        self.mounted.mkdir(parents=True)
        run = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "weir-test", str(self.mounted)], capture_output=True, text=True)
        if run.returncode != 0:
            raise OSError(run.stderr.strip())
        self.filler = self.mounted / "filler"

    def fill_slowly(self):
        pass # the load does

    def fill(self):
        file = os.open(self.filler, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    os.write(file, b"0" * size)
            except OSError:
                pass
        os.close(file)

    def make_room(self):
        if self.filler.exists():
            self.filler.unlink()
        else:
            subprocess.run(["mount", "-o", f"remount,size={2 * DISK_MB}m", str(self.mounted)], check=True)

    def remove(self):
        subprocess.run(["umount", "-l", str(self.mounted)], check=True)


def may_mount():
    probe = pathlib.Path("/tmp") / f"weir-mount-{os.getpid()}"
    probe.mkdir()
    try:
        FileSystem(probe).remove()
        return True
    except OSError as error:
        print(f"no file system can be mounted here ({error}): the shim alone is used", flush=True)
        return False
    finally:
        shutil.rmtree(probe)


DISKS = [Shim, FileSystem] if may_mount() else [Shim]


class Loader(threading.Thread):
    """Sends commands one by one, the same id until it is taken. Counts what was acknowledged and what was refused, with the last reason."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.client, self.over = Client(server.port), threading.Event()
        self.acknowledged, self.refused, self.reason, self.wrong = 0, 0, "", []

    def run(self):
        i = 0
        while not self.over.is_set():
            status, _, body = self.client.send("RecordSale", f"sale-{i}", sku="mug", invoiceNo=str(i), description=NOTE, quantity="1",
                                               unitPriceCents="100")
            if status == 200:
                self.acknowledged += 1
                i += 1
            elif status == 503:
                self.refused, self.reason = self.refused + 1, body["detail"]
                time.sleep(0.01)
            else:
                self.wrong.append((status, body))
                return

    def end(self):
        self.over.set()
        self.join(WAIT_S)
        self.client.close()


class FullDisk(Case):
    def each(self, part=""):
        for disk in DISKS:
            tmp = self.tmp / disk.__name__
            tmp.mkdir()
            made = disk(tmp, part)
            self.addCleanup(made.remove)
            yield made

    def server(self, disk):
        server = Server(disk.directory, SHOP, *SETTINGS)
        server.environment = disk.environment
        return server

    def wait_until(self, what, condition):
        until = time.monotonic() + WAIT_S
        while not condition():
            self.assertLess(time.monotonic(), until, what)
            time.sleep(0.02)

    def receive(self, client, id="stock"):
        return client.send("ReceiveStock", id, sku="mug", quantity="1000000")

    def reads(self, client, failed=False):
        """Everything that may be asked is answered; where the log has failed, not what a lane knows."""
        for path in ("/aggregates/stock/mug", "/aggregates/stock/mug/events?limit=10", "/events?limit=10", "/views", "/views/stock/stock",
                     "/metrics", "/info", "/types", "/aggregates/stock/mug/commands/stock"):
            status, _, body = client.get(path)
            self.assertEqual(status, 503 if failed and path.startswith("/aggregates") else 200, (path, body))

    def all_there(self, disk, sales, unknown=0):
        """Every sale that was acknowledged, once, in the log and in the views; and perhaps those whose outcome nobody knows."""
        report = weir("verify", "--dir", disk.directory, check=0).stdout
        with self.server(disk) as server:
            client = Client(server.port)
            token = self.receive(client, "afterwards")[1]["Weir-Position"]
            status, _, rows = client.get("/views/stock/stock", {"Weir-Position": token, "Prefer": "wait=60"})
            self.assertEqual(status, 200, rows)
            sold = 2000000 - rows[0]["on_hand"]
            self.assertIn(sold, range(sales, sales + unknown + 1), report)
            self.assertEqual(client.get("/aggregates/stock/mug")[2]["version"], 2 + sold)
            client.close()

    def told(self, disk, words):
        print(f"{self.id().rsplit('.', 1)[1]}, {disk.name}: {words}", flush=True)

    # ---- opening ----

    def test_nothing_is_made_on_a_full_disk_and_all_of_it_once_there_is_room(self):
        for disk in self.each():
            disk.fill()
            with self.assertRaises(AssertionError) as refused:
                self.server(disk).start()
            said = str(refused.exception)
            self.assertRegex(said, r"ended with [1-9]")
            self.assertRegex(said, r"(No space left on device|disk)")
            self.told(disk, said.splitlines()[-1][:160])
            disk.make_room()
            with self.server(disk) as server:
                client = Client(server.port)
                self.assertEqual(self.receive(client)[0], 200)
                client.close()
            self.all_there(disk, 0)

    def test_a_directory_on_a_full_disk_is_read_or_refused_in_words_and_opens_once_there_is_room(self):
        for disk in self.each():
            with self.server(disk) as server:
                client = Client(server.port)
                self.assertEqual(self.receive(client)[0], 200)
                client.close()
            (disk.directory / "attempts").unlink() # so that it has to be made, too
            disk.fill()
            try:
                with self.server(disk) as server:
                    client = Client(server.port)
                    self.reads(client)
                    status, _, body = client.send("ReceiveStock", "more", sku="mug", quantity="1")
                    self.assertEqual(status, 503)
                    self.told(disk, body["detail"])
                    client.close()
            except AssertionError as refused:
                self.assertRegex(str(refused), r"ended with [1-9](.|\n)*(No space left on device|disk)")
                self.told(disk, str(refused).splitlines()[-1][:160])
            disk.make_room()
            self.all_there(disk, 0)

    # ---- under load ----

    def test_under_load_commands_are_refused_and_taken_again(self):
        for disk in self.each():
            with self.server(disk) as server:
                client = Client(server.port)
                self.assertEqual(self.receive(client)[0], 200)
                loader = Loader(server)
                loader.start()
                self.wait_until("a load", lambda: loader.acknowledged > 100)
                disk.fill_slowly()
                self.wait_until("a refusal", lambda: loader.refused > 20 or loader.wrong)
                self.assertEqual(loader.wrong, [])
                self.assertRegex(loader.reason, "^disk: .* free of a reserve of ")
                self.reads(client)
                status, _, body = client.get("/health/ready")
                self.assertEqual(status, 503, body)
                before = loader.acknowledged
                disk.make_room()
                self.wait_until("commands are taken again", lambda: loader.acknowledged > before + 100 or loader.wrong)
                loader.end()
                self.assertEqual(loader.wrong, [])
                self.assertEqual(client.get("/health/ready")[0], 200)
                self.told(disk, f"{before} taken, {loader.refused} refused ({loader.reason}), {loader.acknowledged - before} taken again")
                client.close()
            self.all_there(disk, loader.acknowledged)

    def test_a_disk_that_another_fills_at_once_ends_the_log_and_a_restart_has_everything(self):
        for disk in self.each():
            with self.server(disk) as server:
                client = Client(server.port)
                self.assertEqual(self.receive(client)[0], 200)
                loader = Loader(server)
                loader.start()
                self.wait_until("a load", lambda: loader.acknowledged > 100)
                disk.fill()
                self.wait_until("the end of it", lambda: loader.refused > 20 or loader.wrong)
                loader.end()
                unknown = [status for status, _ in loader.wrong]
                self.assertIn(unknown, ([], [504]), loader.wrong)
                said = loader.wrong[0][1]["detail"] if loader.wrong else loader.reason
                self.reads(client, failed="takes no more" in said)
                self.assertRegex(said, "No space left on device| with 0 MB free on its disk|^disk: ")
                self.told(disk, f"{loader.acknowledged} taken, then: {said}")
                client.close()
            disk.make_room()
            self.all_there(disk, loader.acknowledged, len(unknown))

    # ---- one part of the directory alone ----

    def checkpoints(self, client):
        return sum(int(line.rsplit(" ", 1)[1]) for line in client.get("/metrics")[2].decode().splitlines()
                   if line.startswith("weir_checkpoints_total"))

    def fill_part(self, part, behind):
        """Commands go on while `part` has no room; afterwards all is as it should be. `behind`: what must be seen meanwhile."""
        for disk in self.each(part):
            with self.server(disk) as server:
                client = Client(server.port)
                self.assertEqual(self.receive(client)[0], 200)
                loader = Loader(server)
                loader.start()
                self.wait_until("a load", lambda: loader.acknowledged > 50 or loader.wrong)
                disk.fill()
                before = loader.acknowledged
                self.wait_until("the load goes on", lambda: loader.acknowledged > before + 1000 or loader.wrong)
                seen = behind(client)
                disk.make_room()
                written = self.checkpoints(client)
                self.wait_until("checkpoints are written", lambda: self.checkpoints(client) > written or loader.wrong)
                loader.end()
                self.wait_until("the views catch up", lambda: all(view["lagEvents"] == 0 for view in client.get("/views")[2]["views"]))
                self.assertEqual((loader.wrong, loader.refused), ([], 0))
                self.told(disk, f"{loader.acknowledged} taken meanwhile; {seen}")
                client.close()
            self.all_there(disk, loader.acknowledged)

    def test_views_without_room_wait_and_catch_up(self):
        def behind(client):
            views = []
            def without_room():
                views[:] = [view for view in client.get("/views")[2]["views"] if "full" in view.get("error", "")]
                return views
            self.wait_until("a view says that its disk is full", without_room)
            self.reads(client)
            return f"view {views[0]['name']} {views[0]['state']}, {views[0]['lagEvents']} events behind: {views[0]['error']}"
        self.fill_part("views", behind)

    def test_checkpoints_without_room_are_left_out(self):
        self.fill_part("checkpoint", lambda client: self.reads(client) or f"{self.checkpoints(client)} checkpoints were written")


if __name__ == "__main__":
    unittest.main(verbosity=2)
