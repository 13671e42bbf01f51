"""Conversion between the versions of a kind that share their storage: a table in ``convert``, one module for each kind.

Kinds with a single version need none, and neither do versions that differ in nothing but their name.
"""
