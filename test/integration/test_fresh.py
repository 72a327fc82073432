#!/usr/bin/env python3
"""Read your writes: 64 clients that write and then read with the token never see an older row."""
import threading
import unittest

from weirtest import Case, Client, Server

CLIENTS, ROUNDS = 64, 30


class Fresh(Case):
    def write_and_read(self, port, number):
        client = Client(port)
        sku = f"sku-{number % 8}"  # eight clients share an article
        try:
            for i in range(ROUNDS):
                status, headers, outcome = client.send("shop.v1.ReceiveStock", sku=sku, quantity="1")
                if status != 200:
                    raise AssertionError(f"{status}: {outcome}")
                status, read, rows = client.get("/views/stock/stock", {"Prefer": "wait=20", "Weir-Position": headers["Weir-Position"]}, sku=f"eq.{sku}")
                # Each command adds one, so the version is what must be on hand at least.
                if status != 200 or rows[0]["on_hand"] < int(outcome["version"]):
                    self.wrong.append((sku, outcome, status, rows))
        except Exception as error:  # told by the main thread
            self.wrong.append(repr(error))
        finally:
            client.close()

    def test_no_client_reads_an_older_row(self):
        self.wrong = []
        with Server(self.dir) as server:
            threads = [threading.Thread(target=self.write_and_read, args=(server.port, i)) for i in range(CLIENTS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(self.wrong, [])
            _, _, rows = self.client(server).get("/views/stock/stock")
            self.assertEqual(sum(row["on_hand"] for row in rows), CLIENTS * ROUNDS)


if __name__ == "__main__":
    unittest.main()
