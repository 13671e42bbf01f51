"""What objects mean: readiness, requests, quality of service, taints. Read only; used by every component.

Each module is named for the thing that it reads. What changes objects lives in ``defaults``, what judges them in
``validation``.
"""
