"""The actor runtime: actors, references, bounded mailboxes, supervision, introspection.

Nothing of Kubernetes lives here: this package imports only `kube.base`. The model is told in docs/actors.md.
"""
