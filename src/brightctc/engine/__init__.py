"""Where tasks run.

`mapped`: many short ones on this machine, in order; an error ends them all.
`outcomes`: few long ones (trainings of minutes) on this machine or a Ray cluster, as they end; a failure is one
task's own.
"""

from brightctc.engine.local import cores, mapped, processes
from brightctc.engine.outcome import Outcome, Progress, Report
from brightctc.engine.runs import Engine, outcomes

__all__ = ["Engine", "Outcome", "Progress", "Report", "cores", "mapped", "outcomes", "processes"]
