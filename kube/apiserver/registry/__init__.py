"""The registry: the generic store of one resource, and one strategy per resource.

``strategy``, ``rest`` and ``store`` are generic; the modules named after groups hold what is special to their kinds.
Nothing here does I/O of its own: it awaits the storage that it is handed.
"""
