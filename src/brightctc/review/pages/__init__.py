"""Every address of the app: a file for what belongs together, and one table of rules."""

from brightctc.review.pages import audit, cell, door, gallery, new, people, reading, result, start
from brightctc.review.web import Rule

RULES: tuple[Rule, ...] = tuple(
    rule for module in (door, start, reading, gallery, cell, result, new, people, audit) for rule in module.RULES
)
