"""Admission: what may change or refuse a write between authorization and storage.

``interface`` and ``chain`` are generic; plug-ins live in ``plugins``.
"""
