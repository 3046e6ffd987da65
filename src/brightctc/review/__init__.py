"""The review app: readers grade ranked cells in a browser, and agree on which to pick."""

from brightctc.review.serving import Served, serve

__all__ = ["Served", "serve"]
