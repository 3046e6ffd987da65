"""`check`: everything that is wrong with a cohort, at once; a family of problems a module."""

from brightctc.check.checking import check
from brightctc.check.problems import CheckReport, Problem, Severity

__all__ = ["CheckReport", "Problem", "Severity", "check"]
