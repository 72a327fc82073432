# SPDX-License-Identifier: Apache-2.0
"""The bank's list of transactions, and what its views must show of it. On whichever log."""
import sys

from weirtest import BUILD, TOP

BANK = BUILD / "examples/bank/bank.so"
sys.path.insert(0, str(TOP / "examples/bank"))

import ledger # noqa: E402
import oracle # noqa: E402

TABLES = {"account": "statement", "movement": "statement", "daily": "report", "monthly": "report"}


def which():
    """Never where it lies: that is of one machine."""
    return "the made list (WEIR_BANK_FILE names no other)" if ledger.chosen() == ledger.MADE else "the list that WEIR_BANK_FILE names"
