#!/usr/bin/env python3
# Prints tests/vectors/smpc_large.json: the largest round there is, nu = 23 with M = 64 clients.
#
# The formulas are those of make_vectors.py beside this file. d is 16; long vectors are frozen as
# the SHA-256 of their 8-byte little-endian words. Two sets of updates: all at the norm bound B in
# one direction, so that the sums of SUM mode come as near to p/2 as they can; and random ones whose
# norm is B or just below. Usage: make_large_vectors.py > ../vectors/smpc_large.json
import hashlib
import json
import math
import random
import sys

sys.dont_write_bytecode = True
from make_vectors import (P, Committee, centered, dot, kdf, rows, value_at,  # noqa: E402
                          word_hash, words)

MEMBERS, CLIENTS, DIMENSION, NU = 4, 64, 16, 23
BOUND = 1 << NU
SEED = 23


def integer_hash(values):
    return hashlib.sha256(b"".join(v.to_bytes(8, "little", signed=True)
                                   for v in values)).hexdigest()


def default_blur_bits(n, nu):
    """2 nu - 7 - ceil(log2 C): all C terms together stay within B^2 / 128."""
    subsets = math.comb(n, (n - 1) // 3)
    bits = 2 * nu - 7 - (subsets - 1).bit_length()
    assert subsets << bits <= 1 << 2 * nu - 7 < subsets << bits + 1
    return bits


def updates_at_the_bound():
    """Clients 1..63 along the first coordinate, client 64 against them."""
    return [[(-BOUND if i == CLIENTS else BOUND)] + [0] * (DIMENSION - 1)
            for i in range(1, CLIENTS + 1)]


def random_updates():
    """Norms of B or so little below that no coordinate could grow."""
    rnd = random.Random(SEED)
    result = []
    while len(result) < CLIENTS:
        update = [rnd.randint(-2 * BOUND // 5, 2 * BOUND // 5) for _ in range(DIMENSION - 1)]
        room = BOUND * BOUND - sum(x * x for x in update)
        if room < 0:
            continue
        result.append(update + [rnd.choice((-1, 1)) * math.isqrt(room)])
    return result


class Batch:
    """An honest batch: what every member keeps of it, and the opened delta."""

    def __init__(self):
        self.committee = Committee(MEMBERS)
        committee = self.committee
        self.mask_keys = [committee.keys("large%d" % i) for i in range(CLIENTS + 1)]
        self.prep, self.blur = committee.keys("large prep"), committee.keys("large blur")
        self.a = [committee.shares(m, 1, DIMENSION) for m in self.mask_keys]
        self.secrets = [committee.secret(m, 1, DIMENSION) for m in self.mask_keys]
        self.items = [(i, j) for i in range(CLIENTS + 1) for j in range(max(i, 1), CLIENTS + 1)]
        self.position = {item: x for x, item in enumerate(self.items)}
        index = [i * (CLIENTS + 1) + j for i, j in self.items]
        assert index == sorted(index)
        all_rho = committee.shares(self.prep, 3, max(index) + 1)
        self.rho = {k: [all_rho[k][x] for x in index] for k in committee.members}
        zeta = committee.zeros(self.prep, index)
        self.gamma = {k: [dot(self.a[i][k], self.a[j][k]) for i, j in self.items]
                      for k in committee.members}
        self.posted = {k: [(g - r + z) % P for g, r, z in
                           zip(self.gamma[k], self.rho[k], zeta[k])] for k in committee.members}
        first = range(1, 2 * committee.t + 2)
        self.delta = [value_at({k: self.posted[k][x] for k in first}, 0)
                      for x in range(len(self.items))]


class Round:
    """The members' shares of one set of updates."""

    def __init__(self, batch, updates, hb):
        self.batch, self.hb, self.updates = batch, hb, updates
        self.members = batch.committee.members
        self.masked = [[(u - m) % P for u, m in zip(update, batch.secrets[i + 1])]
                       for i, update in enumerate(updates)]
        self.s = [{k: [(e + v) % P for e, v in zip(masked, batch.a[i + 1][k])]
                   for k in self.members} for i, masked in enumerate(self.masked)]
        self.pairs = {k: {(i, j): self.product(k, i, j) for i in range(1, CLIENTS + 1)
                          for j in range(i, CLIENTS + 1)} for k in self.members}

    def product(self, k, i, j):
        batch = self.batch
        x = batch.position[i, j]
        return (dot(self.s[i - 1][k], self.s[j - 1][k]) - batch.gamma[k][x] + batch.delta[x]
                + batch.rho[k][x]) % P

    def noise(self, k, i, j, bits):
        committee = self.batch.committee
        total = 0
        for b in committee.subsets:
            if k in b:
                word = words(kdf(self.batch.blur[b], "blur", i, j), 5, 1)[0]
                total += ((word >> (63 - bits)) - (1 << bits)) * committee.f(b, k)
        return total

    def opened(self, table):
        base = range(1, self.batch.committee.t + 2)
        return [centered(value_at({k: table[k][x] for k in base}, 0))
                for x in range(len(table[1]))]

    def statistics(self):
        ids = range(1, CLIENTS + 1)
        norms = {k: [(self.pairs[k][i, i] + self.noise(k, i, i, self.hb)) % P for i in ids]
                 for k in self.members}
        order = [(i, j) for i in ids for j in range(i + 1, CLIENTS + 1)]
        products = {k: [(self.pairs[k][i, j] + self.noise(k, i, j, self.hb)) % P
                        for i, j in order] for k in self.members}
        omega = [256] * CLIENTS
        sums = {k: [(sum(omega[j - 1] * self.pairs[k][min(i, j), max(i, j)]
                         for j in ids if j != i)
                     + self.noise(k, i, 2**32 - 2, self.hb + 8)) % P for i in ids]
                for k in self.members}
        found = [self.opened(x) for x in (norms, products, sums)]
        self.check(order, omega, *found)
        hashes = [[word_hash(row) for row in rows(x)] for x in (norms, products, sums)]
        return {"omega": omega, "norms": found[0], "norms_sha256": hashes[0],
                "products_ends": found[1][:4] + found[1][-4:],
                "products_opened_sha256": integer_hash(found[1]), "products_sha256": hashes[1],
                "sums": found[2], "sums_sha256": hashes[2]}

    def check(self, order, omega, norms, products, sums):
        """Opened values are those of the integers: nothing wrapped around."""
        def exact(i, j):
            return sum(x * y for x, y in zip(self.updates[i - 1], self.updates[j - 1]))
        beta = len(self.batch.committee.subsets) << self.hb
        assert all(abs(norms[i - 1] - exact(i, i)) <= beta for i in range(1, CLIENTS + 1))
        assert all(abs(v - exact(i, j)) <= beta for v, (i, j) in zip(products, order))
        for i in range(1, CLIENTS + 1):
            total = sum(omega[j - 1] * exact(i, j) for j in range(1, CLIENTS + 1) if j != i)
            assert abs(total) + 256 * beta < 1 << 60 and abs(sums[i - 1] - total) <= 256 * beta

    def aggregate(self, weights):
        assert math.gcd(*weights) == 1
        bits = (4 * max(weights) - 1).bit_length()
        committee = self.batch.committee
        table = {k: [sum(w * self.s[i][k][x] for i, w in enumerate(weights)) % P
                     for x in range(DIMENSION)] for k in self.members}
        for b in committee.subsets:
            raw = words(kdf(self.batch.blur[b], "dither"), 7, DIMENSION)
            for k in b:
                table[k] = [(v + committee.f(b, k) * ((w >> (63 - bits)) - (1 << bits))) % P
                            for v, w in zip(table[k], raw)]
        total = self.opened(table)
        plain = [sum(w * u[x] for w, u in zip(weights, self.updates)) for x in range(DIMENSION)]
        bound = len(committee.subsets) << bits
        assert all(abs(y - z) <= bound for y, z in zip(total, plain))
        return {"weights": weights, "dither_bits": bits, "shares": rows(table), "opened": total}


def main():
    batch = Batch()
    hb = default_blur_bits(MEMBERS, NU)
    hexes = [[keys[b].hex() for b in batch.committee.subsets] for keys in batch.mask_keys]
    sets = []
    for updates in (updates_at_the_bound(), random_updates()):
        current = Round(batch, updates, hb)
        weights = [65536] + [65536 - 977 * i for i in range(1, CLIENTS)]
        sets.append({"updates": updates,
                     "masked_sha256": [word_hash(masked) for masked in current.masked],
                     "statistics": current.statistics(), "aggregate": current.aggregate(weights)})
    print(json.dumps({
        "blur_bits": [[n, nu, default_blur_bits(n, nu)] for n in range(4, 14)
                      for nu in range(16, 24)],
        "scales": [[nu, d, (1 << nu) - math.isqrt(d - 1) - 1] for nu in (22, 23)
                   for d in (16, 17, 128, 129, 1 << 20)],
        "n": MEMBERS, "clients": CLIENTS, "dimension": DIMENSION, "nu": NU, "hb": hb,
        "mask_keys": hexes, "prep_keys": [batch.prep[b].hex() for b in batch.committee.subsets],
        "blur_keys": [batch.blur[b].hex() for b in batch.committee.subsets],
        "products_sha256": [word_hash(row) for row in rows(batch.gamma)],
        "posted_sha256": [word_hash(row) for row in rows(batch.posted)],
        "delta_sha256": word_hash(batch.delta), "sets": sets,
    }, separators=(",", ":")))


if __name__ == "__main__":
    main()
