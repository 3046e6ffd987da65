"""Faster precisions of a bundle: INT8 by quantisation, bfloat16; each held against float32 on validation cells."""

from brightctc.quantise.exporting import ExportResult, export

__all__ = ["ExportResult", "export"]
