#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the bank's views must show when the whole list is booked, computed by other means: the list, and nothing of weir.

    oracle.py account|movement|daily|monthly [FILE]     one row a line, tab separated, sorted; FILE as for ledger.py"""
import collections
import sys

import ledger


def account(accounts):
    for a in accounts.values():
        yield a.name, "", sum(m.cents for m in a.movements), a.limit()


def movement(accounts):
    """The version of an account's first movement is 2: it was opened before."""
    for a in accounts.values():
        for version, (m, balance) in enumerate(a.running(), 2):
            yield a.name, version, m.day, m.cents, m.text, m.number, None, balance


def report(accounts, size):
    days = collections.defaultdict(list)
    for a in accounts.values():
        for m in a.movements:
            days[m.day[:size]].append(m.cents)
    for day, cents in days.items():
        into, out = [c for c in cents if c > 0], [-c for c in cents if c < 0]
        yield day, len(into), len(out), sum(into), sum(out), max(into + out)


TABLES = {"account": account, "movement": movement, "daily": lambda accounts: report(accounts, 10),
          "monthly": lambda accounts: report(accounts, 7)}


def rows(what, accounts):
    return sorted([str(value) for value in row] for row in TABLES[what](accounts))


def main(arguments):
    if not 1 <= len(arguments) <= 2 or arguments[0] not in TABLES:
        print(__doc__, file=sys.stderr)
        return 2
    for row in rows(arguments[0], ledger.read(*arguments[1:])):
        print("\t".join(row))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
