"""What ``kubectl get`` shows of each kind: columns, and the cells of one object at a moment.

``registry.printer_for`` finds the printer of a kind; the modules beside it hold the printers by area.
Semantics: ``pkg/printers/internalversion`` of Kubernetes; the server always computes the wide cells and
the client hides those of priority 1. Building the wire's Table, and the printer columns of custom
resources, do not live here.
"""
