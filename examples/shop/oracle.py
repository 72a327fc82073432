#!/usr/bin/env python3
"""What the shop must answer, computed by other means: the two files, the rules in Python, and nothing of weir.

    oracle.py outcomes|stock|daily|article|customer     one row a line, tab separated, sorted

Order counts only within one article, and the files are read in order, so the answer is the same for any partitioning."""
import collections
import csv
import datetime
import os
import re
import sys

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")


def lines(name):
    with open(os.path.join(DATA, name), encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def cents(text):
    match = re.fullmatch(r"(-?)(\d+)(?:\.(\d{1,2}))?", text)
    if match is None:
        return None
    value = int(match[2]) * 100 + int((match[3] or "").ljust(2, "0"))
    return -value if match[1] else value


class Shop:
    def __init__(self):
        self.outcomes = collections.Counter()
        self.on_hand = collections.Counter()
        self.sold = collections.Counter()
        self.daily = collections.defaultdict(lambda: [0, 0, 0, 0])
        self.article = {}
        self.customer = {}

    def receive(self, row):
        self.on_hand[row["StockCode"]] += int(row["Quantity"])
        self.outcomes["accepted"] += 1

    def refusal(self, row, quantity, price):
        """The first rule that says no; None: accepted."""
        back = row["InvoiceNo"].startswith("C")
        sku = row["StockCode"]
        if price is None:
            return "unreadable"
        if quantity == 0 or (quantity < 0) != back:
            return "bad-quantity"
        if price == 0:
            return "no-price"
        if back and -quantity > self.sold[sku]:
            return "never-sold"
        if not back and quantity > self.on_hand[sku]:
            return "out-of-stock"
        return None

    def sale(self, row):
        sku, quantity, price = row["StockCode"], int(row["Quantity"]), cents(row["UnitPrice"])
        refusal = self.refusal(row, quantity, price)
        self.outcomes[refusal or "accepted"] += 1
        if refusal:
            return
        at = datetime.datetime.strptime(row["InvoiceDate"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=datetime.timezone.utc)
        self.on_hand[sku] -= quantity
        self.sold[sku] += quantity
        day = self.daily[at.strftime("%Y-%m-%d")]
        day[0] += 1
        day[1 if quantity > 0 else 2] += abs(quantity)
        day[3] += quantity * price
        if quantity > 0:
            known = self.article.get(sku, ["", 0, 0])
            self.article[sku] = [row["Description"], known[1] + quantity, known[2] + quantity * price]
        else:
            self.article[sku][1] += quantity
            self.article[sku][2] += quantity * price
        self.buy(row, quantity, price, int(at.timestamp()) * 1000)

    def buy(self, row, quantity, price, at_ms):
        if row["CustomerID"] in ("0.0", ""):
            return
        known = self.customer.setdefault(row["CustomerID"], [row["Country"], 0, 0, 0, 0, at_ms])
        if quantity > 0 and at_ms >= known[5]:
            known[0] = row["Country"]
        known[1] += 1
        known[2 if quantity > 0 else 3] += abs(quantity)
        known[4] += quantity * price
        known[5] = max(known[5], at_ms)

    def rows(self, what):
        if what == "outcomes":
            return [[code, n] for code, n in self.outcomes.items()]
        if what == "stock":
            return [[sku, n] for sku, n in self.on_hand.items()]
        return [[key, *values] for key, values in getattr(self, what).items()]


def told():
    """The shop after both files."""
    shop = Shop()
    for row in lines("opening.csv"):
        shop.receive(row)
    for row in lines("online-retail.csv"):
        shop.sale(row)
    return shop


def main():
    for row in sorted(told().rows(sys.argv[1])):
        print(*row, sep="\t")


if __name__ == "__main__":
    main()
