"""The admission plug-ins, one module each, by upstream's names; ``chain`` puts them in order.

Webhooks and admission policies are not here.
"""
