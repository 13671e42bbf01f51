import uuid

from kube.base.chance import SAFE_ALPHABET, Chance


def drawn(chance):
    return chance.uid(), chance.suffix(), chance.suffix(10), chance.token(16), chance.random()


def test_one_seed_gives_one_run():
    assert drawn(Chance(7)) == drawn(Chance(7))
    assert drawn(Chance(7)) != drawn(Chance(8))


def test_uids_are_random_uuids_of_version_4():
    chance = Chance(1)
    uids = [chance.uid() for _ in range(1000)]
    assert len(set(uids)) == 1000
    for uid in uids:
        parsed = uuid.UUID(uid)
        assert (str(parsed), parsed.version, parsed.variant) == (uid, 4, uuid.RFC_4122)


def test_suffixes_use_the_safe_alphabet_alone():
    chance = Chance(1)
    text = chance.suffix(5000)
    assert len(chance.suffix()) == 5
    assert sorted(set(text)) == sorted(SAFE_ALPHABET)


def test_a_fork_depends_on_the_seed_and_its_name_and_not_on_what_was_drawn():
    parent = Chance(3)
    before = drawn(parent.fork("scheduler"))
    parent.random()
    parent.token()
    assert drawn(parent.fork("scheduler")) == before
    assert drawn(parent.fork("kubelet")) != before
    assert drawn(Chance(4).fork("scheduler")) != before


def test_tokens_are_no_part_of_the_public_sequence():
    chance, other = Chance(5), Chance(5)
    chance.token()
    assert chance.uid() == other.uid()
    assert chance.token() != other.token()


def test_the_systems_chance_has_no_seed_to_repeat():
    assert drawn(Chance.system()) != drawn(Chance.system())
    first, second = Chance.system(), Chance.system()
    assert first.fork("a").token() != second.fork("a").token()
    assert len(first.token(48)) == 48
