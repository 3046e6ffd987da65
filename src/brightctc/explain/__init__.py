"""What a network looks at, and what makes the classes differ."""

from brightctc.explain.explaining import ExplainResult, explain

__all__ = ["ExplainResult", "explain"]
