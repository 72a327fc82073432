#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A bank's list of transactions as accounts with their movements in the order of booking. The list tells the day and, rounded to a tenth,
the bank's own balance after each; the order within a day it does not tell. So the order is looked for in which the balances fit.

    ledger.py commands [FILE]    opens every account and books its movements: JSON lines for `weir send -`
    ledger.py chains [FILE]      how many accounts chain, and the first day of each that does not

FILE: ;-separated with a header, as data/made.csv; default: $WEIR_BANK_FILE, else data/made.csv. An account chains when the sum of its
amounts is within a tenth of the bank's balance after every movement, in the order found. Amounts are in hundredths."""
import collections
import csv
import datetime
import json
import os
import re
import sys

MADE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "made.csv")
ROUNDING = 10
LIMIT_STEP = 100000
SIGN = {"PRIJEM": 1, "VYDAJ": -1, "VYBER": -1}
TEXT = {"VKLAD": "cash in", "PREVOD Z UCTU": "from another bank", "VYBER": "cash out", "PREVOD NA UCET": "to another bank",
        "VYBER KARTOU": "card", "UROK": "interest", "SLUZBY": "fee", "SIPO": "household", "DUCHOD": "pension", "POJISTNE": "insurance",
        "UVER": "loan", "SANKC. UROK": "penalty interest"}

Movement = collections.namedtuple("Movement", "number day cents balance text")


class Account:
    """movements: in the order of booking. broken: the first day whose movements fit no balance, None: the account chains.
    steps: each movement fits the bank's balance before it, whatever the sum of all before has lost by rounding."""

    def __init__(self, name):
        self.name, self.days = name, collections.defaultdict(list)
        self.movements, self.broken, self.steps = [], None, True

    def arrange(self):
        balance = recorded = 0
        for day in sorted(self.days):
            summed = chain(self.days[day], balance, lambda computed, _: computed)
            stepwise = chain(self.days[day], recorded, lambda _, own: own)
            if summed is None:
                self.broken = self.broken or day
            self.steps = self.steps and stepwise is not None
            order = summed or stepwise or self.days[day]
            self.movements += order
            balance += sum(movement.cents for movement in order)
            recorded = order[-1].balance
        return self

    def running(self):
        """Each movement with the computed balance after it."""
        balance = 0
        for movement in self.movements:
            balance += movement.cents
            yield movement, balance

    def limit(self):
        """An overdraft limit that all of it fits in."""
        deepest = min(0, *(balance for _, balance in self.running()))
        return -(deepest // LIMIT_STEP) * LIMIT_STEP


def chain(movements, balance, goes_on):
    """The order in which each movement leads to the bank's balance after it, within its rounding; None: there is none. Tried from the
    first movement of the list on; a set of movements that led nowhere from a balance is not tried again."""
    found, dead = [], set()

    def follow(left, balance):
        if not left:
            return True
        if (left, balance) in dead:
            return False
        for i in sorted(left):
            after = balance + movements[i].cents
            if abs(after - movements[i].balance) <= ROUNDING:
                found.append(movements[i])
                if follow(left - {i}, goes_on(after, movements[i].balance)):
                    return True
                found.pop()
        dead.add((left, balance))
        return False

    return found if follow(frozenset(range(len(movements))), balance) else None


def cents(text):
    match = re.fullmatch(r"(-?)(\d+)\.(\d\d)", text)
    if match is None:
        raise ValueError(f"{text!r} is no amount")
    value = int(match[2]) * 100 + int(match[3])
    return -value if match[1] else value


def chosen(path=None):
    return path or os.environ.get("WEIR_BANK_FILE") or MADE


def read(path=None):
    """Accounts by name, arranged."""
    accounts = {}
    with open(chosen(path), encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter=";"):
            day = datetime.datetime.strptime(row["date"], "%y%m%d").date().isoformat()
            text = row["k_symbol"].strip() or row["operation"]
            name = row["account_id"]
            accounts.setdefault(name, Account(name)).days[day].append(Movement(
                row["trans_id"], day, SIGN[row["type"]] * cents(row["amount"]), cents(row["balance"]), TEXT.get(text, text)))
    return {name: account.arrange() for name, account in accounts.items()}


def commands(accounts):
    """Account by account: what order there is, is one account's own. The bank's numbers are the ids, so a second time changes nothing."""
    for account in accounts.values():
        yield {"type": "bank.v1.OpenAccount", "id": f"open-{account.name}",
               "data": {"accountId": account.name, "overdraftCents": str(account.limit())}}
        for m in account.movements:
            booked_on = datetime.datetime.fromisoformat(m.day).replace(tzinfo=datetime.timezone.utc)
            yield {"type": "bank.v1.Deposit" if m.cents > 0 else "bank.v1.Withdraw", "id": f"movement-{m.number}",
                   "data": {"accountId": account.name, "cents": str(abs(m.cents)), "text": m.text, "reference": m.number,
                            "bookedOnMs": int(booked_on.timestamp()) * 1000}}


def chains(accounts):
    """The figures, and the accounts that do not chain with their first day, as lines."""
    broken = [account for account in accounts.values() if account.broken is not None]
    exact = sum(all(balance == m.balance for m, balance in account.running()) for account in accounts.values())
    yield (f"{len(accounts)} accounts, {sum(len(account.movements) for account in accounts.values())} movements: "
           f"{len(accounts) - len(broken)} chain ({exact} to the hundredth), {len(broken)} do not; "
           f"movement by movement {sum(account.steps for account in accounts.values())} do")
    for account in sorted(broken, key=lambda account: (account.broken, account.name)):
        yield f"account {account.name} does not chain on {account.broken}"


def main(arguments):
    acts = {"commands": lambda accounts: map(json.dumps, commands(accounts)), "chains": chains}
    if not 1 <= len(arguments) <= 2 or arguments[0] not in acts:
        print(__doc__, file=sys.stderr)
        return 2
    for line in acts[arguments[0]](read(*arguments[1:])):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
