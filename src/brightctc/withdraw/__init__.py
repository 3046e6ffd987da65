"""A donor withdraws: where their cells are, and taking them out."""

from brightctc.withdraw.holdings import Holding
from brightctc.withdraw.withdrawing import WithdrawResult, withdraw

__all__ = ["Holding", "WithdrawResult", "withdraw"]
