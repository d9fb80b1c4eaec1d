"""Algebra of tensor trains: sums, contractions, rounding by singular values in an orthogonal gauge, and operators by zip-up.

A train is a list of cores of shape ``(left, 2, right)``, one a qubit; its entry at the bits ``s`` is the product of the matrices
``core[:, s_j, :]``. An operator has cores ``(left, out, in, right)``; one that is diagonal is a train. Sources: Oseledets, SIAM J.
Sci. Comput. 33, 2295 (2011); Schollwoeck, Ann. Phys. 326, 96 (2011); Stoudenmire and White, New J. Phys. 12, 055026 (2010).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Train = list[np.ndarray]
ZIP = 0.1  # of the tolerance: what the cuts of a zip-up may leave out
_WIDE = 3  # columns a row, above which a triangle is made first


def svd(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Singular values and vectors; of the transpose where the divide-and-conquer routine does not converge."""
    try:
        u, s, v = np.linalg.svd(matrix, full_matrices=False)
    except np.linalg.LinAlgError:
        right, s, left = np.linalg.svd(matrix.T, full_matrices=False)
        u, v = left.T, right.T
    return u, s, v


def leading(matrix: np.ndarray, share: float, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal columns and the rows beside them, whose product is the matrix but for what :func:`kept` may leave out.

    Of a wide matrix the singular values are those of the triangle of its rows, which is small.

    >>> wide = np.outer([1.0, 2.0], np.arange(9.0))
    >>> [part.shape for part in leading(wide, 1e-9, 8)], np.allclose(np.matmul(*leading(wide, 1e-9, 8)), wide)
    ([(2, 1), (1, 9)], True)
    """
    if matrix.shape[1] > _WIDE * matrix.shape[0]:
        u, s, _ = svd(np.asarray(np.linalg.qr(matrix.conj().T, mode="r")).conj().T)
        u = u[:, : kept(s, share, most)[0]]
        return u, u.conj().T @ matrix
    u, s, v = svd(matrix)
    count = kept(s, share, most)[0]
    return u[:, :count], s[:count, None] * v[:count]


def kept(values: np.ndarray, tolerance: float, most: int) -> tuple[int, float]:
    """How many singular values to keep so that the 2-norm of the rest is at most that share of the whole, and that norm.

    >>> kept(np.array([1.0, 1e-3, 1e-9]), 1e-6, 10)
    (2, 1e-09)
    """
    tails = np.sqrt(np.cumsum(values[::-1] ** 2))[::-1]
    count = min(max(1, int(np.sum(tails > tolerance * tails[0]))), most)
    return count, float(tails[count]) if count < len(tails) else 0.0


def bonds(train: Sequence[np.ndarray]) -> list[int]:
    """Ranks between neighbouring cores."""
    return [core.shape[-1] for core in train[:-1]]


def largest_bond(train: Sequence[np.ndarray]) -> int:
    """The largest rank."""
    return max(bonds(train), default=1)


def left_canonical(train: Sequence[np.ndarray]) -> Train:
    """The same train with orthonormal cores but for the last, which holds the norm."""
    out = list(train)
    for i in range(len(out) - 1):
        left, two, right = out[i].shape
        q, r = np.linalg.qr(out[i].reshape(left * two, right))
        out[i], out[i + 1] = q.reshape(left, two, -1), np.tensordot(r, out[i + 1], 1)
    return out


def cut_back(train: Sequence[np.ndarray], tolerance: float, most: int) -> tuple[Train, float]:
    """Round a left-canonical train from its end to its beginning; the result is right-canonical, its first core holds the norm.

    In this gauge the discarded singular values of a bond are the error that their loss makes, and those of different bonds are
    orthogonal, so that the error is the root of the sum of their squares.

    Returns:
        The train, and the 2-norm of what was left out.
    """
    out, lost = list(train), 0.0
    share = tolerance / np.sqrt(max(1, len(out) - 1))
    for i in range(len(out) - 1, 0, -1):
        left, two, right = out[i].shape
        u, s, v = svd(out[i].reshape(left, two * right))
        count, rest = kept(s, share, most)
        lost += rest**2
        out[i] = v[:count].reshape(count, two, right)
        out[i - 1] = np.tensordot(out[i - 1], u[:, :count] * s[:count], 1)
    return out, float(np.sqrt(lost))


def rounded(train: Sequence[np.ndarray], tolerance: float, most: int) -> tuple[Train, float]:
    """The train of the least ranks within that relative 2-norm, right-canonical, and the 2-norm of what was left out.

    >>> doubled = added(product([np.ones(2)] * 4), product([np.ones(2)] * 4))
    >>> bonds(doubled), bonds(rounded(doubled, 1e-12, 8)[0])
    ([2, 2, 2], [1, 1, 1])
    """
    return cut_back(left_canonical(train), tolerance, most)


def product(vectors: Sequence[np.ndarray]) -> Train:
    """The train of rank 1 with these two entries at each site."""
    return [np.asarray(v, dtype=complex).reshape(1, 2, 1) for v in vectors]


def contiguous(train: Sequence[np.ndarray]) -> Train:
    """The same train with every core in one piece, as one of a file is, so that sums over either are the same to the bit."""
    return [np.ascontiguousarray(core) for core in train]


def scaled(train: Sequence[np.ndarray], factor: complex) -> Train:
    """The train times a number."""
    return [train[0] * factor, *train[1:]]


def added(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> Train:
    """The sum of two trains, of the sum of their ranks."""
    if len(a) == 1:
        return [a[0] + b[0]]
    out: Train = [np.concatenate([a[0], b[0]], axis=2)]
    for x, y in zip(a[1:-1], b[1:-1]):
        core = np.zeros((x.shape[0] + y.shape[0], x.shape[1], x.shape[2] + y.shape[2]), dtype=complex)
        core[: x.shape[0], :, : x.shape[2]] = x
        core[x.shape[0] :, :, x.shape[2] :] = y
        out.append(core)
    return [*out, np.concatenate([a[-1], b[-1]], axis=0)]


def inner(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> complex:
    """``<a|b>``, the first one conjugated."""
    left = np.ones((1, 1), dtype=complex)
    for x, y in zip(a, b):
        part = np.tensordot(left, y, 1)
        left = np.tensordot(x.conj(), part, ((0, 1), (0, 1)))
    return complex(left[0, 0])


def mean(train: Sequence[np.ndarray], diagonal: Sequence[np.ndarray]) -> complex:
    """``<a| diag(d) |a>`` for a train ``d`` on the same bits."""
    left = np.ones((1, 1, 1), dtype=complex)
    for core, d in zip(train, diagonal):
        part = np.tensordot(left, core, ((2,), (0,)))  # bra, w, s, ket
        part = np.einsum("bwsk,wsv->bsvk", part, d)
        left = np.tensordot(core.conj(), part, ((0, 1), (0, 1)))
    return complex(left[0, 0, 0])


def norm(train: Sequence[np.ndarray]) -> float:
    """The 2-norm, by orthogonalisation: small norms of large differences keep their digits."""
    return float(np.linalg.norm(left_canonical(train)[-1]))


def distance(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> float:
    """``|a - b|`` in the 2-norm."""
    return norm(added(a, scaled(b, -1.0)))


def evaluated(train: Sequence[np.ndarray], bits: np.ndarray) -> np.ndarray:
    """Entries at some bits, shape ``(m, sites)``."""
    value = np.ones((len(bits), 1), dtype=complex)
    for site, core in enumerate(train):
        by_bit = np.stack([value @ core[:, 0], value @ core[:, 1]])
        value = by_bit[bits[:, site], np.arange(len(bits))]
    return np.asarray(value[:, 0])


def dense(train: Sequence[np.ndarray]) -> np.ndarray:
    """All entries, flat, the first site the highest bit."""
    out = np.ones((1, 1), dtype=complex)
    for core in train:
        out = np.tensordot(out, core, 1).reshape(-1, core.shape[2])
    return np.asarray(out[:, 0])


def from_dense(vector: np.ndarray, tolerance: float, most: int) -> Train:
    """The train of a vector of ``2**n`` entries, by singular values, the first site the highest bit."""
    sites = int(vector.size).bit_length() - 1
    rest, rank = np.asarray(vector, dtype=complex).reshape(1, -1), 1
    out: Train = []
    share = tolerance / np.sqrt(max(1, sites - 1))
    for _ in range(sites - 1):
        u, s, v = svd(rest.reshape(rank * 2, -1))
        count, _lost = kept(s, share, most)
        out.append(u[:, :count].reshape(rank, 2, count))
        rest, rank = s[:count, None] * v[:count], count
    return [*out, rest.reshape(rank, 2, 1)]


def reversed_order(cores: Sequence[np.ndarray]) -> Train:
    """The same train or operator with its sites in the other order."""
    return [np.swapaxes(core, 0, -1) for core in cores[::-1]]


def round_operator(cores: Sequence[np.ndarray], tolerance: float) -> Train:
    """An operator of least ranks within that relative Frobenius norm."""
    two = cores[0].shape[1]
    flat = [core.reshape(core.shape[0], two * two, core.shape[3]) for core in cores]
    return [core.reshape(core.shape[0], two, two, core.shape[2]) for core in rounded(flat, tolerance, 1 << 30)[0]]


def multiplied(a: Sequence[np.ndarray], b: Sequence[np.ndarray], tolerance: float) -> Train:
    """The product ``a b`` of a unitary and a right-canonical operator, by zip-up, within that relative Frobenius norm."""
    carry = np.ones((1, 1, 1), dtype=complex)
    out: Train = []
    share = ZIP * tolerance / np.sqrt(max(1, len(a) - 1))
    for x, y in zip(a, b):
        part = np.tensordot(np.tensordot(carry, y, 1), x, ((1, 2), (0, 2)))  # c, in, right of b, out, right of a
        part = part.transpose(0, 3, 1, 4, 2)
        c, two, _, p, q = part.shape
        if len(out) == len(a) - 1:
            out.append(part.reshape(c, two * two, 1))
            break
        u, rows = leading(part.reshape(c * two * two, p * q), share, 1 << 30)
        out.append(u.reshape(c, two * two, -1))
        carry = rows.reshape(-1, p, q)
    short, _lost = cut_back(out, tolerance, 1 << 30)
    return [core.reshape(core.shape[0], 2, 2, core.shape[2]) for core in short]


def zipped(operator: Sequence[np.ndarray], train: Sequence[np.ndarray], tolerance: float, most: int) -> Train:
    """An operator, or a diagonal, times a right-canonical train: contracted and cut site by site; left-canonical.

    The cuts are not in an orthogonal gauge, so that their tails say nothing of the error: they are made far below the tolerance, and
    the rounding that follows cuts what may be cut.
    """
    carry = np.ones((1, 1, 1), dtype=complex)
    out: Train = []
    last, share = len(train) - 1, tolerance / np.sqrt(max(1, len(train) - 1))
    for i, (w, a) in enumerate(zip(operator, train)):
        part = np.tensordot(carry, a, 1)  # c, w, in, a'
        if w.ndim == 4:
            part = np.tensordot(part, w, ((1, 2), (0, 2))).transpose(0, 2, 3, 1)  # c, out, w', a'
        else:
            by_bit = [np.tensordot(part[:, :, s], w[:, s], ((1,), (0,))) for s in range(2)]  # c, a', w'
            part = np.stack(by_bit, axis=1).transpose(0, 1, 3, 2)
        c, two, right, ket = part.shape
        if i == last:
            return [*out, part.reshape(c, two, 1)]
        u, rows = leading(part.reshape(c * two, right * ket), share, most)
        out.append(u.reshape(c, two, -1))
        carry = rows.reshape(-1, right, ket)
    raise AssertionError("a train has at least one site")


def applied(
    operator: Sequence[np.ndarray], train: Sequence[np.ndarray], tolerance: float, most: int
) -> tuple[Train, float]:
    """An operator, or a diagonal, times a right-canonical train, right-canonical again.

    Returns:
        The train, and the 2-norm of what the rounding in the orthogonal gauge left out.
    """
    return cut_back(zipped(operator, train, ZIP * tolerance, 2 * most), tolerance, most)


def drawn(train: Sequence[np.ndarray], shots: int, rng: np.random.Generator) -> np.ndarray:
    """Exact samples of ``|train|^2``: bits ``(shots, sites)``, each by its law given those before it (right-canonical trains).

    Source: Ferris and Vidal, Phys. Rev. B 85, 165146 (2012).
    """
    state = np.ones((shots, 1), dtype=complex)
    bits = np.empty((shots, len(train)), dtype=np.int8)
    for site, core in enumerate(train):
        both = np.stack([state @ core[:, 0], state @ core[:, 1]])
        weight = (np.abs(both) ** 2).sum(axis=2)
        chosen = (rng.random(shots) * weight.sum(axis=0) >= weight[0]).astype(np.int8)
        bits[:, site] = chosen
        state = both[chosen, np.arange(shots)]
        state /= np.linalg.norm(state, axis=1)[:, None]
    return bits
