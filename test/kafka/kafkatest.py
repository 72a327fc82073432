# SPDX-License-Identifier: Apache-2.0
"""What the tests on Kafka share: a cluster of its own for a test, and kcat, which is neither weir nor a Java client."""
import pathlib
import shutil
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
VERSIONS = ("3.9.2", "4.4.0")


def run(words, check=0, timeout=300, **options):
    """Runs a program; `check`: the exit status that it must have, None: any."""
    words = [str(word) for word in words]
    done = subprocess.run(words, capture_output=True, text=True, timeout=timeout, **options)
    if check is not None and done.returncode != check:
        raise AssertionError(f"{' '.join(words)}: exit {done.returncode} instead of {check}\n{done.stdout}\n{done.stderr}")
    return done


def broker(command, *arguments, check=0, **options):
    return run([HERE / "broker", command, *arguments], check, **options)


def kcat(*arguments, check=0, timeout=120, **options):
    """kcat gives up after a while, and says why."""
    return run(["kcat", "-X", "message.timeout.ms=60000", *arguments], check, timeout, **options)


class Cluster:
    """Brokers in a directory that goes with them."""

    def __init__(self, version, brokers=1, *options):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="weir-kafka-"))
        try:
            self.bootstrap = self("start", brokers, "--version", version, *options).stdout.strip()
        except BaseException:
            self.remove()
            raise

    def __call__(self, command, *arguments, **options):
        return broker(command, self.dir, *arguments, **options)

    def address(self, node):
        return self.bootstrap.split(",")[node - 1]

    def status(self, check=None):
        """What each broker does, by its number: running, paused, stopped."""
        return {int(line.split()[1]): line.split()[3] for line in self("status", check=check).stdout.splitlines()}

    def remove(self):
        if (self.dir / "bootstrap").exists():
            self("kill", check=None)
        shutil.rmtree(self.dir, ignore_errors=True)
