"""Runs that outlive the page: the queue in the database, who runs what is in it, and what becomes of the results."""

from studio.jobs.queue import CRASHES, ENDED, WAITING, Job, Jobs, Limits, Standing, State

__all__ = ["CRASHES", "ENDED", "WAITING", "Job", "Jobs", "Limits", "Standing", "State"]
