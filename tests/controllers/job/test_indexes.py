import pytest
from hypothesis import given
from hypothesis import strategies as st
from objects import meta, template

from kube.api.types.batch_v1 import Job, JobSpec
from kube.controllers.job.indexes import Indexes, indexed_template, pod_prefix_with_index

SOME = st.frozensets(st.integers(0, 60))


def of(values):
    return Indexes().with_indexes(values)


@given(SOME, SOME)
def test_it_is_a_set(a, b):
    assert of(a).union(of(b)) == of(a | b)
    assert of(a).overlap(of(b)) == len(a & b)
    assert len(of(a)) == len(a)
    assert [each for each in range(61) if each in of(a)] == sorted(a)


@given(SOME, st.integers(1, 70))
def test_text_and_back(values, completions):
    held = {each for each in values if each < completions}
    assert Indexes.parse(str(of(values)), completions) == of(held)


@given(SOME, st.integers(0, 20), st.integers(0, 70))
def test_free_are_the_first_that_are_not_in_it(values, count, completions):
    expected = [each for each in range(completions) if each not in values][:count]
    assert of(values).free(count, completions) == expected


@pytest.mark.parametrize(
    ("values", "text"),
    [
        pytest.param([], "", id="none"),
        pytest.param([3], "3", id="one"),
        pytest.param([3, 4], "3,4", id="two-in-a-row"),
        pytest.param([1, 3, 4, 5, 7], "1,3-5,7", id="mixed"),
    ],
)
def test_text(values, text):
    assert str(of(values)) == text


@pytest.mark.parametrize("text", ["x", "1-x", "-3", ",,"])
def test_what_cannot_be_read_is_left_out(text):
    assert Indexes.parse(f"{text},9", 10) == of([9])


def test_the_template_of_an_index_says_so_everywhere():
    job = Job(metadata=meta("work"), spec=JobSpec(template=template()))
    made = indexed_template(job, 7)
    assert made.metadata.annotations["batch.kubernetes.io/job-completion-index"] == "7"
    assert made.metadata.labels == {"app": "web", "batch.kubernetes.io/job-completion-index": "7"}
    assert made.spec.hostname == "work-7"
    (variable,) = made.spec.containers[0].env
    assert variable.name == "JOB_COMPLETION_INDEX"
    assert (
        variable.value_from.field_ref.field_path
        == "metadata.labels['batch.kubernetes.io/job-completion-index']"
    )


@pytest.mark.parametrize(
    ("name", "prefix"),
    [pytest.param("work", "work-12-", id="usual"), pytest.param("w" * 63, "w" * 54 + "-12-", id="cut")],
)
def test_prefix(name, prefix):
    assert pod_prefix_with_index(name, 12) == prefix
