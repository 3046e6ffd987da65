"""What `check` looks for, a family of problems a module."""

from brightctc.cohort.checks.problems import CheckReport, Problem, Severity

__all__ = ["CheckReport", "Problem", "Severity"]
