#!/usr/bin/env python3
"""A running shop beside the oracle: what `weir load` said became of the lines, and every table that the views show.

    compare.py URL FILE...     FILE: what weir load printed. A line for each table; exit status 1 if one differs"""
import collections
import http.client
import json
import sys
import time
import urllib.parse

import oracle

TABLES = {"stock": "stock/stock", "daily": "sales/daily", "article": "sales/article", "customer": "customers/customer"}
SECONDS = 120  # for views that are behind


class Shop:
    def __init__(self, url):
        self.connection = http.client.HTTPConnection(urllib.parse.urlparse(url).netloc, timeout=60)

    def get(self, path):
        self.connection.request("GET", path)
        reply = self.connection.getresponse()
        body = reply.read()
        if reply.status != 200:
            raise SystemExit(f"compare.py: {path}: {reply.status} {body.decode()}")
        return json.loads(body)

    def wait_for_views(self):
        until = time.monotonic() + SECONDS
        while not all(view["lagEvents"] == 0 and view["state"] == "following" for view in self.get("/views")["views"]):
            if time.monotonic() > until:
                raise SystemExit("compare.py: the views do not catch up")
            time.sleep(0.05)

    def rows(self, what):
        return sorted([str(value) for value in row.values()] for row in self.get(f"/views/{TABLES[what]}?limit=100000"))


def told(files):
    """The counts that `weir load` ends with, a word and a number a line; those of all files together."""
    counts = collections.Counter()
    for name in files:
        with open(name, encoding="utf-8") as file:
            for words in map(str.split, file):
                if len(words) == 2 and words[1].isdigit():
                    counts[words[0]] += int(words[1])
    return counts


def main():
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    shop, expected, wrong = Shop(sys.argv[1]), oracle.told(), 0
    counts, wanted = told(sys.argv[2:]), {code: n for code, n in expected.rows("outcomes")}
    found = {code: counts[code] for code in wanted}
    print("oracle: outcomes", " ".join(f"{code} {n}" for code, n in sorted(found.items())), "as they must be" if found == wanted else f"instead of {wanted}")
    wrong += found != wanted
    shop.wait_for_views()
    for what in TABLES:
        rows, same = shop.rows(what), sorted([str(value) for value in row] for row in expected.rows(what))
        print(f"oracle: {what}: {len(rows)} rows, {'all as they must be' if rows == same else f'not the {len(same)} that must be'}")
        wrong += rows != same
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
