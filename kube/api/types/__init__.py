"""One generated module per API group and version; written by ``python -m kube.api.generator``.

Never edited by hand. ``fields.tsv`` is the generator's input and, at run time, the schema that
``kube.api.schema`` reads. The types of ``meta/v1`` are in ``kube.apimachinery.meta.v1``.
"""
