"""One self-contained HTML file: what runs reached on cells they have not seen, or the scores of a new sample."""

from brightctc.report.reporting import ReportResult, report

__all__ = ["ReportResult", "report"]
