#!/usr/bin/env python3
"""The host example: libweir inside a program, without HTTP."""
import subprocess
import unittest

from weirtest import BUILD, Case

HOST = BUILD / "examples/host/host"


class Host(Case):
    def run_host(self):
        run = subprocess.run([str(HOST), f"dir={self.dir} partitions=4"], capture_output=True, text=True, timeout=60)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout.splitlines()

    def test_a_second_run_repeats_every_command_and_changes_nothing(self):
        first = self.run_host()
        # i % 7 of sku i % 100: a quantity of zero is refused, 143 of 1,000 times.
        self.assertEqual(first[-1], "857 accepted, 143 rejected, 0 failed")
        stock = {f"sku-{s}": sum(i % 7 for i in range(s, 1000, 100)) for s in range(100)}
        low = sorted(((n, sku) for sku, n in stock.items() if n < 20))
        self.assertEqual(first[:-1], [f"{sku} {n}" for n, sku in low])
        self.assertEqual(self.run_host(), first)


if __name__ == "__main__":
    unittest.main()
