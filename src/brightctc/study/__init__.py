"""Questions answered by many runs: variants and seeds, their comparison with honest statistics, and a report."""
