#!/usr/bin/env python3
# Prints tests/vectors/smpc.json: the protocol computed a second time, from the text alone.
#
# Shares no code with the product: big integers, hmac for the key derivation, AES from the
# `cryptography` package. Usage: make_vectors.py > ../vectors/smpc.json
import hashlib
import hmac
import itertools
import json

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

P = (1 << 61) - 1
CHAIN = "vector-chain"


def inverse(a):
    return pow(a % P, P - 2, P)


def centered(a):
    a %= P
    return a if a <= P // 2 else a - P


def kdf(key, purpose, *args):
    label = b"FLMPC1|" + CHAIN.encode() + b"|" + purpose.encode() + b"|"
    label += b"".join(a.to_bytes(8, "little") for a in args)
    return hmac.new(key, label + b"\x01", hashlib.sha256).digest()


def aes_words(key, count):
    encryptor = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
    stream = encryptor.update(bytes(8 * count))
    return [int.from_bytes(stream[8 * x:8 * x + 8], "little") for x in range(count)]


def element(word):
    word &= P
    return 0 if word == P else word


def words(key, domain, count):
    return aes_words(kdf(key, "prg", domain), count)


def elements(key, domain, count):
    return [element(w) for w in words(key, domain, count)]


def dot(a, b):
    return sum(x * y for x, y in zip(a, b)) % P


def value_at(points, at):
    total = 0
    for k, y in points.items():
        top = bottom = 1
        for other in points:
            if other != k:
                top = top * (at - other) % P
                bottom = bottom * (k - other) % P
        total += y * top * inverse(bottom)
    return total % P


class Committee:
    def __init__(self, n):
        self.n, self.t = n, (n - 1) // 3
        self.members = range(1, n + 1)
        self.subsets = list(itertools.combinations(self.members, n - self.t))

    def f(self, subset, k):
        value = 1
        for z in self.members:
            if z not in subset:
                value = value * (z - k) * inverse(z) % P
        return value

    def keys(self, name):
        return {a: hashlib.sha256(("%s|%s" % (name, a)).encode()).digest() for a in self.subsets}

    def shares(self, keys, domain, count):
        streams = {a: elements(keys[a], domain, count) for a in self.subsets}
        return {k: [sum(self.f(a, k) * streams[a][x] for a in self.subsets if k in a) % P
                    for x in range(count)] for k in self.members}

    def secret(self, keys, domain, count):
        streams = [elements(keys[a], domain, count) for a in self.subsets]
        return [sum(s[x] for s in streams) % P for x in range(count)]

    def zeros(self, keys, indices):
        top = (max(indices) + 1) * self.t
        streams = {a: elements(keys[a], 4, top) for a in self.subsets}
        result = {}
        for k in self.members:
            result[k] = [sum(self.f(a, k) * streams[a][x * self.t + l - 1] * pow(k, l, P)
                             for a in self.subsets if k in a
                             for l in range(1, self.t + 1)) % P for x in indices]
        return result


def rows(table):
    return [table[k] for k in sorted(table)]


def open_shares(shares, t):
    """One scalar after the other; in the end 2t+1 members must be right everywhere."""
    length = len(next(iter(shares.values())))
    values, faults = [], {}
    for x in range(length):
        found = None
        for base in itertools.combinations(sorted(shares), t + 1):
            points = {k: shares[k][x] for k in base}
            bad = [k for k in sorted(shares) if value_at(points, k) != shares[k][x]]
            if len(shares) - len(bad) >= 2 * t + 1:
                found = value_at(points, 0)
                for k in bad:
                    faults.setdefault(k, x)
                break
        if found is None:
            return None
        values.append(found)
    if len(shares) - len(faults) < 2 * t + 1:
        return None
    return {"values": values, "faults": [[k, faults[k]] for k in sorted(faults)]}


def opening_cases():
    cases = []
    for n, liars in ((4, {}), (4, {1: {2: 5}}), (4, {3: {0: 1, 2: 1}}), (7, {1: {3: 9}, 2: {0: 4}}),
                     (7, {1: {1: 7}, 6: {1: 7}}), (10, {1: {2: 1}, 2: {2: 1}, 9: {3: 8}}),
                     (4, {1: {1: 1}, 2: {1: 2}}), (7, {3: {1: 1}, 4: {1: 5}, 5: {2: 3}})):
        committee = Committee(n)
        shares = committee.shares(committee.keys("opening"), 1, 4)
        for k, errors in liars.items():
            for x, error in errors.items():
                shares[k][x] = (shares[k][x] + error) % P
        for missing in ((), (n,), (n, n - 1)):
            posted = {k: v for k, v in shares.items() if k not in missing}
            enough = len(posted) >= 2 * committee.t + 1
            result = open_shares(posted, committee.t) if enough else None
            cases.append({"n": n, "posted": [[k, posted[k]] for k in sorted(posted)],
                          "opened": result})
    return cases


def range_shape(d, nu):
    """J projections of L digits; up to 128 coordinates the projections are the coordinates."""
    return (d, nu + 2) if d <= 128 else (128, nu + 4)


def projection_rows(d, seed):
    if d <= 128:
        return [[int(x == c) for x in range(d)] for c in range(d)]
    encryptor = Cipher(algorithms.AES(seed), modes.CTR(bytes(16))).encryptor()
    stream = encryptor.update(bytes(32 * d))
    words = [int.from_bytes(stream[16 * h:16 * h + 16], "little") for h in range(2 * d)]
    return [[(words[2 * x] >> c & 1) - (words[2 * x + 1] >> c & 1) for x in range(d)]
            for c in range(128)]


def extend(values):
    """The next len(values)-1 values of the polynomial, by Newton's forward differences."""
    differences = list(values)
    edge = []
    while differences:
        edge.append(differences[-1])
        differences = [(b - a) % P for a, b in zip(differences, differences[1:])]
    result = []
    for _ in range(len(values) - 1):
        for level in range(len(edge) - 2, -1, -1):
            edge[level] = (edge[level] + edge[level + 1]) % P
        result.append(edge[0])
    return result


def range_message(projections, digits, f0):
    bound = 1 << (digits - 1)
    bits = [(y + bound) >> level & 1 for y in projections for level in range(digits)]
    assert all(-bound <= y < bound for y in projections)
    beyond = extend([f0] + bits)
    return bits + [f0, (f0 * f0 - f0) % P] + [(v * v - v) % P for v in beyond]


def evaluate(values, at):
    """The polynomial through values[j] at j, at another point."""
    top = len(values) - 1
    factorial = [1]
    for j in range(1, top + 1):
        factorial.append(factorial[-1] * j % P)
    product = 1
    for j in range(top + 1):
        product = product * (at - j) % P
    total = 0
    for j, value in enumerate(values):
        if value:
            below = (at - j) * factorial[j] * factorial[top - j] * (-1) ** (top - j)
            total += value * inverse(below)
    return total * product % P


def challenge(count, bits, seed):
    stream = [element(w) for w in aes_words(seed, count + 100)]
    return stream[:count], next(w for w in stream[count:] if w > 2 * bits)


def range_values(shape, rows_of_r, seed_t, update, message):
    """lambda, phi and psi of one share of the update and of the message."""
    count, digits = shape
    bits = count * digits
    tau, at = challenge(count, bits, seed_t)
    total = 0
    for c in range(count):
        number = sum(message[c * digits + level] << level for level in range(digits))
        total += tau[c] * (dot(rows_of_r[c], update) + (1 << (digits - 1)) - number)
    f = [message[bits]] + message[:bits]
    f2 = [message[bits + 1]] + [0] * bits + message[bits + 2:]
    return [total % P, evaluate(f, at), evaluate(f2, at)]


def word_hash(values):
    return hashlib.sha256(b"".join(v.to_bytes(8, "little") for v in values)).hexdigest()


def range_case(n, d, nu):
    """One client's proof, the members' shares of its values, and the edges of the range."""
    committee = Committee(n)
    keys = committee.keys("range%d" % d)
    seed_r, seed_t = hashlib.sha256(b"R%d" % d).digest(), hashlib.sha256(b"T%d" % d).digest()
    shape = range_shape(d, nu)
    update = [((7919 * (x + 3) + 104729 * x * x) % 60001) - 30000 for x in range(d)]
    rows_of_r = projection_rows(d, seed_r)
    projections = [sum(r * u for r, u in zip(row, update)) for row in rows_of_r]
    f0 = committee.secret(keys, 8, 1)[0]
    message = range_message(projections, shape[1], f0)
    blob = [(z - m) % P for z, m in zip(message, committee.secret(keys, 2, len(message)))]
    masked = [(u - m) % P for u, m in zip(update, committee.secret(keys, 1, d))]
    masks, proof_masks = committee.shares(keys, 1, d), committee.shares(keys, 2, len(message))
    shares = {k: range_values(shape, rows_of_r, seed_t,
                              [(e + a) % P for e, a in zip(masked, masks[k])],
                              [(e + a) % P for e, a in zip(blob, proof_masks[k])])
              for k in committee.members}
    opened = [value_at({k: shares[k][x] for k in range(1, committee.t + 2)}, 0) for x in range(3)]
    assert opened[0] == 0 and opened[2] == (opened[1] * opened[1] - opened[1]) % P
    bound = 1 << (shape[1] - 1)
    edges = [(-bound, bound - 1, 0)[c % 3] for c in range(shape[0])]
    return {"n": n, "dimension": d, "nu": nu, "keys": [keys[b].hex() for b in committee.subsets],
            "seed_r": seed_r.hex(), "seed_t": seed_t.hex(), "projections": projections,
            "update": update, "f0": f0, "blob_sha256": word_hash(blob),
            "blob_start": blob[:4], "shares": rows(shares), "opened": opened,
            "edges": edges, "edge_message_sha256": word_hash(range_message(edges, shape[1], f0))}


def round_case(n, clients, d):
    """An honest batch, norms, products, SUM statistics and two aggregates of one round."""
    committee = Committee(n)
    t = committee.t
    masks = [committee.keys("client%d" % i) for i in range(clients + 1)]
    prep, blur = committee.keys("prep"), committee.keys("blur")
    a = [committee.shares(m, 1, d) for m in masks]
    items = [(0, j) for j in range(1, clients + 1)]
    items += [(i, j) for i in range(1, clients + 1) for j in range(i, clients + 1)]
    index = [i * (clients + 1) + j for i, j in items]
    all_rho = committee.shares(prep, 3, max(index) + 1)
    rho = {k: [all_rho[k][x] for x in index] for k in committee.members}
    zeta = committee.zeros(prep, index)
    gamma = {k: [dot(a[i][k], a[j][k]) for i, j in items] for k in committee.members}
    posted = {k: [(g - r + z) % P for g, r, z in zip(gamma[k], rho[k], zeta[k])]
              for k in committee.members}
    first = range(1, 2 * t + 2)
    delta = [value_at({k: posted[k][x] for k in first}, 0) for x in range(len(items))]
    secrets = [committee.secret(m, 1, d) for m in masks]
    check = committee.secret(prep, 3, max(index) + 1)
    for x, (i, j) in enumerate(items):
        assert delta[x] == (dot(secrets[i], secrets[j]) - check[index[x]]) % P

    updates = [[((7919 * (x + 1) * i * i + 104729 * x) % 100001) - 50000 for x in range(d)]
               for i in range(1, clients + 1)]
    masked = [[(u - m) % P for u, m in zip(updates[i], secrets[i + 1])] for i in range(clients)]
    s = [{k: [(e + v) % P for e, v in zip(masked[i], a[i + 1][k])] for k in committee.members}
         for i in range(clients)]
    hb = 20

    def noise(subset, i, j, bits):
        word = words(kdf(blur[subset], "blur", i, j), 5, 1)[0]
        return (word >> (63 - bits)) - (1 << bits)

    def blurred(k, i, j, bits):
        return sum(noise(b, i, j, bits) * committee.f(b, k) for b in committee.subsets if k in b)

    def product(k, i, j):
        item = items.index((min(i, j), max(i, j)))
        return dot(s[i - 1][k], s[j - 1][k]) - gamma[k][item] + delta[item] + rho[k][item]

    ids = range(1, clients + 1)
    nu = 22
    shape, identity = range_shape(d, nu), projection_rows(d, b"")
    seed_t = hashlib.sha256(b"round seed").digest()
    messages = [range_message(update, shape[1], committee.secret(masks[i + 1], 8, 1)[0])
                for i, update in enumerate(updates)]
    blobs = [[(z - m) % P for z, m in zip(message, committee.secret(masks[i + 1], 2, len(message)))]
             for i, message in enumerate(messages)]
    z = [{k: [(e + v) % P for e, v in zip(blob, share[k])] for k in committee.members}
         for blob, share in ((b, committee.shares(masks[i + 1], 2, len(b)))
                             for i, b in enumerate(blobs))]
    reference = [((31 * x) % 997) - 498 for x in range(d)]
    stat1 = {k: [v % P for i in ids for v in (
        *range_values(shape, identity, seed_t, s[i - 1][k], z[i - 1][k]),
        product(k, i, i) + blurred(k, i, i, hb),
        dot([r % P for r in reference], s[i - 1][k]) + blurred(k, i, 2**32 - 1, hb))]
        for k in committee.members}
    pairs = [(i, j) for i in ids for j in ids if i < j]
    pairwise = {k: [(product(k, i, j) + blurred(k, i, j, hb)) % P for i, j in pairs]
                for k in committee.members}
    omega = [256 - 9 * i for i in ids]
    sums = {k: [(sum(omega[j - 1] * product(k, i, j) for j in ids if j != i)
                 + blurred(k, i, 2**32 - 2, hb + 8)) % P for i in ids] for k in committee.members}
    base = range(1, t + 2)

    def opened(table):
        return [centered(value_at({k: table[k][x] for k in base}, 0))
                for x in range(len(table[1]))]

    aggregates = []
    for weights in ([4096] * clients, [4096 - 100 * i for i in ids]):
        divisor = weights[0]
        for w in weights:
            while w:
                divisor, w = w, divisor % w
        reduced = [w // divisor for w in weights]
        bits = None if max(reduced) == 1 else (4 * max(reduced) - 1).bit_length()
        table = {k: [sum(w * s[i][k][x] for i, w in enumerate(reduced)) % P for x in range(d)]
                 for k in committee.members}
        if bits is not None:
            for b in committee.subsets:
                raw = words(kdf(blur[b], "dither"), 7, d)
                for k in b:
                    table[k] = [(v + committee.f(b, k) * ((w >> (63 - bits)) - (1 << bits))) % P
                                for v, w in zip(table[k], raw)]
        total = opened(table)
        plain = [sum(w * updates[i][x] for i, w in enumerate(reduced)) for x in range(d)]
        bound = 0 if bits is None else len(committee.subsets) << bits
        assert all(abs(y - z) <= bound for y, z in zip(total, plain))
        digest = hashlib.sha256(b"".join(v.to_bytes(8, "little", signed=True) for v in total))
        aggregates.append({"weights": weights, "reduced": reduced, "dither_bits": bits,
                           "shares": rows(table), "opened": total, "sha256": digest.hexdigest()})
    return {"n": n, "clients": clients, "dimension": d, "blur_bits": hb,
            "mask_keys": [[m[b].hex() for b in committee.subsets] for m in masks],
            "prep_keys": [prep[b].hex() for b in committee.subsets],
            "blur_keys": [blur[b].hex() for b in committee.subsets],
            "products": rows(gamma), "posted": rows(posted), "delta": delta,
            "updates": updates, "masked": masked, "reference": reference, "omega": omega,
            "nu": nu, "seed_t": seed_t.hex(), "proof_sha256": [word_hash(b) for b in blobs],
            "stat1": rows(stat1), "stat1_opened": opened(stat1),
            "pairwise": rows(pairwise), "pairwise_opened": opened(pairwise),
            "sums": rows(sums), "sums_opened": opened(sums), "aggregates": aggregates}


def coin_case(n):
    """Every kind of coin of one key set: shares, opened elements, seed, first elements."""
    committee = Committee(n)
    batch_keys, round_keys = committee.keys("pi"), committee.keys("coin")
    coins = []
    for kind, numbers in (("chi", [3, 7]), ("R", [3, 5, 0]), ("R", [3, 5, 2]), ("T", [3, 5, 2])):
        keys = batch_keys if kind == "chi" else {
            a: kdf(k, kind, numbers[2]) for a, k in round_keys.items()}
        label = kind.encode() + b"".join(v.to_bytes(8, "little") for v in numbers)
        values = committee.secret(keys, 6, 3)
        seed = hashlib.sha256(b"coin" + label
                              + b"".join(v.to_bytes(8, "little") for v in values)).digest()
        coins.append({"kind": kind, "numbers": numbers, "label": label.hex(),
                      "shares": rows(committee.shares(keys, 6, 3)), "opened": values,
                      "seed": seed.hex(), "elements": [element(w) for w in aes_words(seed, 5)]})
    return {"n": n, "batch_keys": [batch_keys[b].hex() for b in committee.subsets],
            "round_keys": [round_keys[b].hex() for b in committee.subsets], "coins": coins}


def batch_parts(n, clients, d, name):
    """Shares of one honest batch: masks, rho, zeta and delta per member, in item order."""
    committee = Committee(n)
    masks = [committee.keys("%s client%d" % (name, i)) for i in range(clients + 1)]
    prep = committee.keys(name + " prep")
    a = [committee.shares(m, 1, d) for m in masks]
    items = [(0, j) for j in range(1, clients + 1)]
    items += [(i, j) for i in range(1, clients + 1) for j in range(i, clients + 1)]
    index = [i * (clients + 1) + j for i, j in items]
    all_rho = committee.shares(prep, 3, max(index) + 1)
    rho = {k: [all_rho[k][x] for x in index] for k in committee.members}
    zeta = committee.zeros(prep, index)
    posted = {k: [(dot(a[i][k], a[j][k]) - rho[k][x] + zeta[k][x]) % P
                  for x, (i, j) in enumerate(items)] for k in committee.members}
    return committee, masks, prep, a, items, rho, zeta, posted


def dispute_case(n, clients, d, absent, errors, name):
    """One path of a batch: errors = {member: {item position: error}} on the shares of P2."""
    committee, masks, prep, a, items, rho, zeta, posted = batch_parts(n, clients, d, name)
    t = committee.t
    for k, wrong in errors.items():
        for x, error in wrong.items():
            posted[k][x] = (posted[k][x] + error) % P
    posters = [k for k in committee.members if k not in absent]
    first = posters[:2 * t + 1]
    delta = [value_at({k: posted[k][x] for k in first}, 0) for x in range(len(items))]
    bad = [x for x in range(len(items)) for k in posters[2 * t + 1:]
           if value_at({m: posted[m][x] for m in first}, k) != posted[k][x]]
    seed = hashlib.sha256(b"chi of " + name.encode()).digest()
    chi = [element(w) for w in aes_words(seed, clients)]
    ids = range(1, clients + 1)

    def at(i, j):
        return items.index((min(i, j), max(i, j)))

    w_shares = {k: [(sum(chi[i - 1] * a[i][k][x] for i in ids) - a[0][k][x]) % P
                    for x in range(d)] for k in committee.members}
    base = list(committee.members)[:t + 1]
    w = [value_at({k: w_shares[k][x] for k in base}, 0) for x in range(d)]
    checks = {k: [(sum(chi[i - 1] * (delta[at(i, j)] + rho[k][at(i, j)]) for i in ids)
                   - delta[at(0, j)] - rho[k][at(0, j)] - dot(w, a[j][k])) % P for j in ids]
              for k in committee.members}
    opened = [value_at({k: checks[k][j] for k in base}, 0) for j in range(clients)]

    def blame(left, j, terms):
        result = []
        for k in posters:
            expected = dot(left[k], a[j][k])
            expected += sum(f * (zeta[k][x] - rho[k][x]) for x, f in terms.items())
            if (expected - sum(f * posted[k][x] for x, f in terms.items())) % P:
                result.append(k)
        return result

    if bad:
        i, j = items[min(bad)]
        outcome = {"path": "type 1", "item": [i, j], "blamed": blame(a[i], j, {min(bad): 1})}
    elif any(opened):
        j = next(x for x, value in enumerate(opened) if value) + 1
        terms = {at(i, j): chi[i - 1] for i in ids}
        terms[at(0, j)] = P - 1
        outcome = {"path": "type 2", "item": [j, j], "blamed": blame(w_shares, j, terms)}
    else:
        outcome = {"path": "sacrifice" if absent else "certified", "item": [], "blamed": []}
    return {"n": n, "clients": clients, "dimension": d, "absent": absent,
            "mask_keys": [[m[b].hex() for b in committee.subsets] for m in masks],
            "prep_keys": [prep[b].hex() for b in committee.subsets],
            "posted": rows(posted), "delta": delta, "seed": seed.hex(), "chi": chi,
            "weights": rows(w_shares), "opened": w, "checks": rows(checks),
            "check_values": opened, "outcome": outcome}


def dispute_cases():
    # Two liars whose errors cancel in the interpolation at 0 through the 2t+1 posters 1,3,4,5,7.
    nodes = [1, 3, 4, 5, 7]
    at_zero = {k: value_at({m: int(m == k) for m in nodes}, 0) for k in nodes}
    cancelling = {3: {5: at_zero[4]}, 4: {5: P - at_zero[3]}}
    return [dispute_case(4, 3, 9, [], {}, "a"),
            dispute_case(4, 3, 9, [], {2: {4: 5}}, "b"),
            dispute_case(4, 3, 9, [1], {}, "c"),
            dispute_case(4, 3, 9, [1], {2: {4: 5}}, "d"),
            dispute_case(7, 2, 5, [], {3: {0: 1}, 6: {0: 7, 2: 1}}, "e"),
            dispute_case(7, 2, 5, [2, 6], {1: {3: 9}, 7: {4: 2}}, "f"),
            dispute_case(7, 3, 5, [2, 6], cancelling, "g")]


def main():
    key = bytes(range(32))
    subset_key, nonce = hashlib.sha256(b"K").digest(), hashlib.sha256(b"N").digest()
    commitment = hashlib.sha256(b"KA" + CHAIN.encode() + (7).to_bytes(8, "little")
                                + (0b1101).to_bytes(2, "little") + subset_key + nonce)
    sharing = []
    for n in (4, 7):
        committee = Committee(n)
        keys = committee.keys("sharing")
        sharing.append({"n": n, "keys": [keys[b].hex() for b in committee.subsets],
                        "shares": rows(committee.shares(keys, 1, 5)),
                        "secret": committee.secret(keys, 1, 5),
                        "zeros": rows(committee.zeros(keys, range(5)))})
    print(json.dumps({
        "chain_id": CHAIN,
        "kdf": [{"purpose": p, "args": a, "key": kdf(key, p, *a).hex()}
                for p, a in (("cl", []), ("client", [3]), ("next", []), ("blur", [2, 2**32 - 1]),
                             ("prg", [1]))],
        "prg": {"domain1_elements": elements(key, 1, 6), "domain5_words": words(key, 5, 6),
                "expand": [element(w) for w in aes_words(key, 6)]},
        "commitment": {"epoch": 7, "bitmap": 0b1101, "key": subset_key.hex(),
                       "nonce": nonce.hex(), "sha256": commitment.hexdigest()},
        "tables": [{"n": n, "bitmaps": [sum(1 << (k - 1) for k in b) for b in c.subsets],
                    "values": ([[c.f(b, k) for k in c.members] for b in c.subsets] if n < 13 else
                               [[c.f(b, k) for k in c.members] for b in c.subsets[::71]])}
                   for n, c in ((n, Committee(n)) for n in (4, 7, 13))],
        "sharing": sharing,
        "coins": [coin_case(4), coin_case(7)],
        "batches": dispute_cases(),
        "openings": opening_cases(),
        "rounds": [round_case(4, 3, 9), round_case(7, 2, 5)],
        "ranges": [range_case(4, 16, 22), range_case(7, 128, 23), range_case(4, 129, 22)],
    }, separators=(",", ":")))


if __name__ == "__main__":
    main()
