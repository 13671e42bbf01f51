"""What every layer stands on: clock, chance, causes, owned tasks, back-off, logging, metrics, version.

Nothing of Kubernetes lives here, and nothing here imports another folder of the project.
"""
