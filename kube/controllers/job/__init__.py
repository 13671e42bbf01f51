"""The job controller: pods until enough have succeeded, each counted once.

``indexes`` are sets of completion indexes, ``backoff`` when a failed pod is replaced, ``policies`` what a failure or a
success means, ``observation`` what the pods say, ``decision`` what to do about it, ``tracking`` how the finished are
counted (KEP-2307), ``controller`` carries it out. Schedules and the deletion of finished jobs are not here.
"""
