"""What all nodes say to one kind of pod, kept up to date row by row while pods of that kind come.

A fresh evaluation asks every plugin about all rows at once. ``refresh`` asks those whose answer depends on the pods of a row
about the rows that have changed since; a change of labels, taints, images or of the set of nodes starts anew. The result is
the same either way.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

import numpy as np

from kube.scheduler.cache.columns import Bools, Columns, Ints, View
from kube.scheduler.cache.pod_facts import PodInfo
from kube.scheduler.framework.cycle_state import CycleState
from kube.scheduler.framework.diagnosis import Diagnosis, Rejection
from kube.scheduler.framework.interface import VectorFilterPlugin
from kube.scheduler.framework.runtime import Framework, Scorer
from kube.scheduler.framework.status import Status, unresolvable

_ROWS_ONE_BY_ONE: Final = 24
"""From so many changed rows on, asking about all at once is cheaper."""
REJECTED: Final = -1


class Evaluation:
    """``total`` holds each row's weighted score, REJECTED where the pod does not fit."""

    def __init__(
        self,
        framework: Framework,
        columns: Columns,
        pod: PodInfo,
        state: CycleState,
        only: Ints | None = None,
    ) -> None:
        """``only``: the rows that PreFilter has left, ascending; such an evaluation is for one cycle."""
        self._framework = framework
        self._columns = columns
        self._pod = pod
        self.state = state
        self._only = only
        skipped = state.skip_filter
        self._filters = tuple(f for f in framework.filters if f.name not in skipped)
        self._dynamic_filters = tuple(f for f in self._filters if f.reads_pods)
        self._compute()

    def refresh(self) -> None:
        columns = self._columns
        if columns.structure != self._structure:
            self._compute()
            return
        changed = columns.changed_since(self._position)
        if changed is None or len(changed) > _ROWS_ONE_BY_ONE:
            self._compute()
            return
        self._reused = True
        for row in changed:
            self._refresh_row(row)
            if self._best:
                self._keep_best(row)
        self._position += len(changed)

    def _remember(self) -> None:
        self._structure = self._columns.structure
        self._position = self._columns.position

    # All rows

    def _compute(self) -> None:
        self._remember()
        self._reused = False
        self._best: list[int] = []
        """The best rows, kept up to date from the second look on; empty: not known."""
        columns = self._columns
        view = self._view = View.everything(columns) if self._only is None else View(columns, self._only)
        feasible: Bools = columns.valid[view.rows].copy()
        self._run_filters(feasible, view, dynamic=False)
        self._static_ok = feasible.copy() if self._dynamic_filters else feasible
        self._run_filters(feasible, view, dynamic=True)
        self.feasible = feasible
        self._scored = False
        if feasible.any():
            self._score()
        else:
            self.total: Ints = np.full(len(feasible), REJECTED, np.int64)

    def _run_filters(self, feasible: Bools, view: View, *, dynamic: bool) -> None:
        for plugin in self._filters:
            if plugin.reads_pods is dynamic:
                rejected = plugin.filter_all(self.state, self._pod, view)
                if rejected is not None:
                    feasible &= rejected == 0 if rejected.dtype != np.bool_ else ~rejected

    def _score(self) -> None:
        self._framework.run_pre_score(self.state, self._pod)
        skipped = self.state.skip_score
        self._constant = 0
        self._static: Ints | None = None
        self._dynamic: list[Scorer] = []
        self._normalized: list[tuple[Scorer, Ints]] = []
        base: Ints | None = None
        for scorer in self._framework.scorers:
            if scorer.plugin.name in skipped:
                continue
            scores = scorer.plugin.score_all(self.state, self._pod, self._view)
            if scorer.normalize is not None:
                self._add_normalized(scorer, scores)
            elif scorer.plugin.reads_pods:
                self._dynamic.append(scorer)
                if scores is not None:
                    weighed = scores if scorer.weight == 1 else scores * scorer.weight
                    base = weighed if base is None else base + weighed
            elif scores is not None:
                weighed = scores * scorer.weight
                self._static = weighed if self._static is None else self._static + weighed
        if self._static is not None:
            base = self._static.copy() if base is None else base + self._static
        self._base = np.zeros(self._view.size, np.int64) if base is None else base
        self._scored = True
        self._totals()

    def _add_normalized(self, scorer: Scorer, scores: Ints | None) -> None:
        if scores is None or not scores.any():
            self._constant += scorer.of_zeros
        else:
            self._normalized.append((scorer, scores))

    def _totals(self) -> None:
        feasible = self.feasible
        total = self._base + self._constant if self._constant else self._base.copy()
        for scorer, scores in self._normalized:
            total[feasible] += scorer.weight * scorer.normalize(scores[feasible])
        np.putmask(total, ~feasible, REJECTED)
        self.total = total
        self._best = []

    # One row

    def _refresh_row(self, row: int) -> None:
        pod, columns, state = self._pod, self._columns, self.state
        fits = self._static_ok.item(row)
        if fits:
            for plugin in self._dynamic_filters:
                if plugin.filter_row(state, pod, columns, row):
                    fits = False
                    break
        changed = fits is not self.feasible.item(row)
        if changed:
            self.feasible[row] = fits
        if not self._scored:
            if fits:
                self._score()
            return
        if not fits and not changed:
            return
        if fits or self._normalized:
            self._refresh_score(row)
        if self._normalized:
            if changed or any(scorer.plugin.reads_pods for scorer, _ in self._normalized):
                self._totals()
                return
            self.total[row] += self._base.item(row) - self._old_base
        else:
            self.total[row] = self._base.item(row) + self._constant if fits else REJECTED

    def _refresh_score(self, row: int) -> None:
        pod, columns, state = self._pod, self._columns, self.state
        base = self._static.item(row) if self._static is not None else 0
        for scorer in self._dynamic:
            base += scorer.weight * scorer.plugin.score_row(state, pod, columns, row)
        for scorer, scores in self._normalized:
            if scorer.plugin.reads_pods:
                scores[row] = scorer.plugin.score_row(state, pod, columns, row)
        self._old_base = self._base.item(row)
        self._base[row] = base

    # Answers

    def best(self) -> Sequence[int] | Ints:
        """The rows of the highest score, ascending; none where the pod fits nowhere."""
        if self._best:
            return self._best
        total = self.total
        if not len(total):
            return total
        self._highest = highest = total.item(total.argmax())
        if highest == REJECTED:
            return total[:0]
        found = np.flatnonzero(total == highest)
        if self._only is not None:
            return self._only[found]
        if self._reused:
            self._best = found.tolist()
        return found

    def _keep_best(self, row: int) -> None:
        """The row's total has changed: it may have joined the best, or left them."""
        best, total = self._best, self.total.item(row)
        if total > self._highest:
            self._highest = total
            self._best = [row]
            return
        index = bisect_left(best, row)
        was_there = index < len(best) and best[index] == row
        if total < self._highest:
            if was_there:
                del best[index]
        elif not was_there:
            best.insert(index, row)

    def diagnose(self, narrowing: list[str]) -> Diagnosis:
        """Why no row fits: for each row the first plugin that rejects it, in the profile's order."""
        diagnosis = Diagnosis()
        columns = self._columns
        rows = np.arange(columns.size) if self._only is None else self._only
        rows = rows[columns.valid[rows]]
        plugins = set()
        for plugin in self._filters:
            if not len(rows):
                break
            view = View(columns, rows)
            rejected = plugin.filter_all(self.state, self._pod, view)
            if rejected is None:
                continue
            is_rejected = rejected != 0
            if is_rejected.any():
                plugins.add(plugin.name)
                diagnosis.rejections += self._rejections(plugin, rows[is_rejected])
                rows = rows[~is_rejected]
        if narrowing:
            plugins |= set(narrowing)
            names = " ".join(sorted(narrowing))
            diagnosis.absent = unresolvable(f"node(s) didn't satisfy plugin(s) [{names}]")
        diagnosis.unschedulable_plugins = frozenset(plugins)
        return diagnosis

    def _rejections(self, plugin: VectorFilterPlugin, rows: Ints) -> list[Rejection]:
        codes = plugin.codes_of(self.state, self._pod, View(self._columns, rows))
        statuses: dict[Status, list[Ints]] = {}
        for code in np.unique(codes).tolist():
            status = plugin.status_of(self.state, self._pod, code).said_by(plugin.name)
            statuses.setdefault(status, []).append(rows[codes == code])
        return [Rejection(status, np.concatenate(parts)) for status, parts in statuses.items()]

    def rows_that_fit(self) -> Ints:
        """Ascending."""
        return np.flatnonzero(self.feasible) if self._only is None else self._only[self.feasible]

    def scores(self) -> dict[str, Ints]:
        """Each Score plugin's part, normalized and not weighed, for the rows that fit (ascending)."""
        rows = self.rows_that_fit()
        view = View(self._columns, rows)
        parts = {}
        for scorer in self._framework.scorers:
            if scorer.plugin.name not in self.state.skip_score:
                scores = scorer.plugin.score_all(self.state, self._pod, view)
                found = np.zeros(len(rows), np.int64) if scores is None else scores
                parts[scorer.plugin.name] = found if scorer.normalize is None else scorer.normalize(found)
        return parts
