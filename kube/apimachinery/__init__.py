"""What every API object is made of, below any particular kind: meta types, scalars, selectors, errors,
serialization and patches.

Everything here is pure. The kinds themselves live in `kube.api`.
"""
