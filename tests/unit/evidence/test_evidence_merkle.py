"""The trees against section 17, RFC 6962 and a reading of its definitions that shares nothing with them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.evidence.merkle import (
    CHAIN_START,
    Frontier,
    HashUnavailable,
    chain_hash,
    consistency_proof,
    hash_named,
    inclusion_proof,
    is_consistent,
    leaf_hash,
    node_hash,
    root_from_inclusion,
    root_of,
    sha256,
    split,
)

SECTION_17 = {
    "sha256": (
        [
            "41a0370c3d9f42773a59e8e01651911cf43b1e3f66944cbb690029debc4eb647",
            "abccbe9b24d2bbd3aa1360d605147a841dd051130131c6929d6004e1ae4796e8",
            "7d4855b4cdd233d4ad65ecd998d7b6ab284710aae965ded1522f00f2c8d1d0ef",
        ],
        [
            "022a6979e6dab7aa5ae4c3e5e45f7e977112a7e63593820dbec1ec738a24f93c",
            "b137985ff484fb600db93107c77b0365c80d78f5b429ded0fd97361d077999eb",
            "36642e73c2540ab121e3a6bf9545b0a24982cd830eb13d3cd19de3ce6c021ec1",
        ],
    ),
    "sm3": (
        [
            "58ddd1c65a313ff22b1ea9652077310f6bd67f81efc73558ba094ad6ff430ed4",
            "50e3f64d26b6a11b5e85e998d0e7513145e681c3790ff518704de2232f2860c8",
            "1406b72492981e90facb314c4633057e6247b4fbbe95af42e0104684c9a55d3a",
        ],
        [
            "c688f41bcd570f9651ccb215058a545f66f52ab4eac2968896e1637af9443d8c",
            "2c537e31416ae684fd8a1552a3bcd5a452274e02a45d67c856405b3a1108ee90",
            "2706e4e4d41c1ed9c3fe7f7822bf360a67abcc052cc2c00022c1313ec3ded965",
        ],
    ),
}
TRANSPARENCY_INPUTS = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
TRANSPARENCY_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""The records and roots that the tests of the Certificate Transparency project use."""


def leaves_of(count: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(count)]


@pytest.mark.parametrize("name", sorted(SECTION_17))
def test_vectors_of_section_17(name: str) -> None:
    digest = hash_named(name)
    try:
        digest(b"")
    except HashUnavailable as missing:
        pytest.skip(str(missing))
    links, roots = SECTION_17[name]
    chain, records = CHAIN_START, [b"a", b"b", b"c"]
    for place, record in enumerate(records):
        chain = chain_hash(chain, record, digest)
        assert chain.hex() == links[place]
        assert root_of([leaf_hash(r, digest) for r in records[: place + 1]], digest).hex() == roots[place]
    assert root_of([], digest) == digest(b"")


def test_roots_of_certificate_transparency() -> None:
    tree = Frontier()
    for data, root in zip(TRANSPARENCY_INPUTS, TRANSPARENCY_ROOTS, strict=True):
        tree.add(leaf_hash(bytes.fromhex(data)))
        assert tree.root().hex() == root


def test_an_unknown_hash_is_named() -> None:
    with pytest.raises(HashUnavailable, match="md5"):
        hash_named("md5")


def mth(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962, 2.1, word by word."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else sha256(b"")
    k = max(2**e for e in range(30) if 2**e < len(leaves))
    return node_hash(mth(leaves[:k]), mth(leaves[k:]))


def path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """RFC 6962, 2.1.1."""
    if len(leaves) == 1:
        return []
    k = max(2**e for e in range(30) if 2**e < len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: Sequence[bytes], whole: bool) -> list[bytes]:
    """RFC 6962, 2.1.2."""
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = max(2**e for e in range(30) if 2**e < len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


@pytest.mark.parametrize("size", range(1, 34))
def test_every_proof_of_small_trees(size: int) -> None:
    leaves = leaves_of(size)
    root = root_of(leaves)
    assert root == mth(leaves)
    for index in range(size):
        proof = inclusion_proof(index, leaves)
        assert proof == path(index, leaves)
        assert root_from_inclusion(index, size, leaves[index], proof) == root
    for old in range(1, size + 1):
        proof = consistency_proof(old, leaves)
        assert proof == subproof(old, leaves, True)
        assert is_consistent(old, size, root_of(leaves[:old]), root, proof)
    assert consistency_proof(0, leaves) == []
    assert is_consistent(0, size, sha256(b""), root, [])


@given(st.data(), st.integers(2, 200))
def test_no_altered_proof_holds(data: st.DataObject, size: int) -> None:
    leaves = leaves_of(size)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size - 1))
    inclusion, consistency = inclusion_proof(index, leaves), consistency_proof(old, leaves)
    root, old_root = root_of(leaves), root_of(leaves[:old])
    spoilt = bytearray(inclusion[place := data.draw(st.integers(0, len(inclusion) - 1))])
    spoilt[data.draw(st.integers(0, 31))] ^= 1 << data.draw(st.integers(0, 7))
    assert (
        root_from_inclusion(index, size, leaves[index], [*inclusion[:place], bytes(spoilt), *inclusion[place + 1 :]])
        != root
    )
    for other in {0, size - 1, index ^ 1} - {index}:
        if other < size:
            try:
                assert root_from_inclusion(other, size, leaves[index], inclusion) != root
            except ValueError:
                continue
    assert not is_consistent(old, size, old_root, root, consistency[:-1])
    assert not is_consistent(old, size, old_root, root, [*consistency, root])
    assert not is_consistent(old, size, root, root, consistency)
    spoilt = bytearray(consistency[place := data.draw(st.integers(0, len(consistency) - 1))])
    spoilt[data.draw(st.integers(0, 31))] ^= 1
    assert not is_consistent(
        old, size, old_root, root, [*consistency[:place], bytes(spoilt), *consistency[place + 1 :]]
    )


def test_proofs_of_what_is_not_there_are_refused() -> None:
    leaves = leaves_of(5)
    for index in (-1, 5):
        with pytest.raises(ValueError, match="no leaf"):
            inclusion_proof(index, leaves)
        with pytest.raises(ValueError, match="no leaf"):
            root_from_inclusion(index, 5, leaves[0], [])
    with pytest.raises(ValueError, match="too short"):
        root_from_inclusion(0, 5, leaves[0], [])
    with pytest.raises(ValueError, match="too long"):
        root_from_inclusion(0, 5, leaves[0], [leaves[1]] * 4)
    with pytest.raises(ValueError, match="begin"):
        consistency_proof(6, leaves)
    assert not is_consistent(6, 5, leaves[0], leaves[0], [])
    assert not is_consistent(3, 5, leaves[0], leaves[0], [])
    assert [split(n) for n in (2, 3, 4, 5, 8, 9)] == [1, 2, 2, 4, 4, 8]
