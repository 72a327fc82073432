# SPDX-License-Identifier: Apache-2.0
"""Clients of an engine that is killed and started again under them. A life has `seed`, `server` (the engine that runs now), `over` and
`pause` (events)."""
import http.client
import json
import random
import threading
import time

from weirtest import Client


class Broken(Exception):
    """No answer: the engine has been killed under the request."""


class Caller(threading.Thread):
    """A client that asks again until it is answered, over whichever engine runs by then."""

    def __init__(self, life, number):
        super().__init__(daemon=True)
        self.life, self.number, self.chance = life, number, random.Random(f"{life.seed} {number}")
        self.connection = None
        self.wrong, self.idle = [], False

    def ask(self, *arguments):
        try:
            if self.connection is None:
                self.connection = Client(self.life.server.port, timeout=10)
            return self.connection.request(*arguments)
        except (OSError, http.client.HTTPException, json.JSONDecodeError, UnicodeDecodeError):
            self.connection.close()
            self.connection = None
            time.sleep(0.005)
            raise Broken from None

    def until_answered(self, *arguments):
        while True:
            try:
                reply = self.ask(*arguments)
            except Broken:
                continue
            if reply[0] not in (503, 504):
                return reply
            time.sleep(0.005)

    def run(self):
        try:
            while not self.life.over.is_set():
                self.idle = self.life.pause.is_set()
                if self.idle:
                    time.sleep(0.01)
                else:
                    self.step()
        except Exception as error:  # a thread's end would go unnoticed
            self.wrong.append(repr(error))
        self.idle = True
        if self.connection is not None:
            self.connection.close()

    def rows(self, path, token):
        """The rows as of a token, waited for; None while the view isn't there yet or the engine is away."""
        try:
            status, _, rows = self.ask("GET", path, None, {"Weir-Position": token, "Prefer": "wait=5"})
        except Broken:
            return None
        if status != 200:
            if status not in (409, 503, 504):
                self.wrong.append((path, token, status, rows))
            return None
        return rows
