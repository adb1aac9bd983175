"""Merkle trees and proofs of RFC 6962 (sections 2.1 to 2.1.2; verification as RFC 9162, 2.1.3.2 and 2.1.4.2), and the
hash chain of the interface's rules (section 17). Pure.

    leaf  H(0x00 || record)    node  H(0x01 || left || right)    empty tree  H()    chain  h_n = H(h_{n-1} || record_n)

A tree of n leaves is split at the largest power of two below n, so the tree of a longer log contains that of a shorter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

Hash = Callable[[bytes], bytes]
Range = tuple[int, int]
"""From the first leaf to before the last."""
Node = tuple[int, int]
"""Level and place of a complete subtree: 2^level leaves from place * 2^level on."""

CHAIN_START = bytes(32)
"""h_0."""


class HashUnavailable(ValueError):
    """This machine cannot compute the hash that a log is made with."""


def sha256(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


def sm3(data: bytes) -> bytes:
    """SM3, where OpenSSL has it; raises HashUnavailable."""
    try:
        return hashlib.new("sm3", data).digest()
    except ValueError:
        raise HashUnavailable("this OpenSSL has no SM3") from None


HASHES: dict[str, Hash] = {"sha256": sha256, "sm3": sm3}


def hash_named(name: str) -> Hash:
    """The hash of that name; raises HashUnavailable."""
    try:
        return HASHES[name]
    except KeyError:
        raise HashUnavailable(f"there is no hash {name!r}; there are {', '.join(sorted(HASHES))}") from None


def leaf_hash(record: bytes, digest: Hash = sha256) -> bytes:
    """Hash of a record as a leaf."""
    return digest(b"\x00" + record)


def node_hash(left: bytes, right: bytes, digest: Hash = sha256) -> bytes:
    """Hash of two subtrees."""
    return digest(b"\x01" + left + right)


def chain_hash(before: bytes, record: bytes, digest: Hash = sha256) -> bytes:
    """The next link of the chain."""
    return digest(before + record)


def split(size: int) -> int:
    """The largest power of two below `size` >= 2: how many leaves stand on the left."""
    return 1 << ((size - 1).bit_length() - 1)


def nodes_of(low: int, high: int) -> list[Node]:
    """The complete subtrees that leaves `low` to before `high` are made of, where a split of a tree made this range."""
    found = []
    while low < high:
        level = (high - low).bit_length() - 1
        assert low % (1 << level) == 0
        found.append((level, low >> level))
        low += 1 << level
    return found


def joined(parts: Sequence[bytes], digest: Hash = sha256) -> bytes:
    """The root over complete subtrees, the largest first."""
    if not parts:
        return digest(b"")
    root = parts[-1]
    for part in reversed(parts[:-1]):
        root = node_hash(part, root, digest)
    return root


@dataclass(slots=True)
class Frontier:
    """A growing tree in log(n) hashes: the roots of its complete subtrees, the largest first."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)
    digest: Hash = sha256

    def add(self, leaf: bytes) -> list[bytes]:
        """Append a leaf hash; the subtrees that are complete with it, from the one of two leaves upwards."""
        self.peaks.append(leaf)
        self.size += 1
        merges = (self.size & -self.size).bit_length() - 1
        made = []
        for _ in range(merges):
            right = self.peaks.pop()
            made.append(node_hash(self.peaks.pop(), right, self.digest))
            self.peaks.append(made[-1])
        return made

    def root(self) -> bytes:
        """The root of the tree so far."""
        return joined(self.peaks, self.digest)


def root_of(leaves: Iterable[bytes], digest: Hash = sha256) -> bytes:
    """The root over leaf hashes."""
    tree = Frontier(digest=digest)
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


def inclusion_proof(index: int, leaves: Sequence[bytes], digest: Hash = sha256) -> list[bytes]:
    """The audit path of a leaf, from its sibling upwards; raises ValueError for a place outside the tree."""
    return [root_of(leaves[low:high], digest) for low, high in inclusion_ranges(index, len(leaves))]


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """The subtrees whose roots are the audit path of a leaf; raises ValueError for a place outside the tree."""
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} in a tree of {size}")
    path: list[Range] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + split(high - low)
        if index < middle:
            path.append((middle, high))
            high = middle
        else:
            path.append((low, middle))
            low = middle
    return path[::-1]


def root_from_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes], digest: Hash = sha256) -> bytes:
    """The root that a leaf and its audit path lead to; raises ValueError for a path of the wrong length."""
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} in a tree of {size}")
    place, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise ValueError("the path is too long")
        if place & 1 or place == last:
            root = node_hash(sibling, root, digest)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            root = node_hash(root, sibling, digest)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise ValueError("the path is too short")
    return root


def consistency_proof(old_size: int, leaves: Sequence[bytes], digest: Hash = sha256) -> list[bytes]:
    """What shows that the tree of the first `old_size` leaves is the beginning of the tree of all; empty for equal or
    empty ones. Raises ValueError for an older tree that is larger."""
    return [root_of(leaves[low:high], digest) for low, high in consistency_ranges(old_size, len(leaves))]


def consistency_ranges(old_size: int, size: int) -> list[Range]:
    """The subtrees whose roots are that proof; raises ValueError for an older tree that is larger."""
    if not 0 <= old_size <= size:
        raise ValueError(f"a tree of {size} does not begin with one of {old_size}")
    path: list[Range] = []
    low, high, whole = 0, size, True
    while old_size not in (low, high):
        middle = low + split(high - low)
        if old_size <= middle:
            path.append((middle, high))
            high = middle
        else:
            path.append((low, middle))
            low, whole = middle, False
    if old_size == high and not whole:
        path.append((low, high))
    return path[::-1] if old_size else []


def is_consistent(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, path: Sequence[bytes], digest: Hash = sha256
) -> bool:
    """Whether a proof shows that the older tree is the beginning of the newer one."""
    if old_size > new_size:
        return False
    if old_size in (0, new_size):
        right = digest(b"") if old_size == 0 else new_root
        return not path and old_root == right
    proof = [old_root, *path] if old_size & (old_size - 1) == 0 else list(path)
    if not proof:
        return False
    place, last = old_size - 1, new_size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = proof[0]
    for sibling in proof[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = node_hash(sibling, old, digest), node_hash(sibling, new, digest)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, sibling, digest)
        place, last = place >> 1, last >> 1
    return last == 0 and old == old_root and new == new_root
