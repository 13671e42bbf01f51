"""What happens between a request and the registry: verbs, patches, and the front's shells around them.

``interface`` is what fronts and in-process callers code against; ``verbs`` implements it.
"""
