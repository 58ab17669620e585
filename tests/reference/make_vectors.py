#!/usr/bin/env python3
# An independent model of the reference trainer, and the maker of tests/vectors/reference.txt.
#
# Written from the specification and from the order of operations stated in fl_engine/reference, in
# Python's floats (IEEE binary64, one operation at a time). Usage: make_vectors.py > reference.txt
import hashlib
import math
import struct

ONE = 1 << 32
CASES = [
    ("logistic-15", [15, 1], 1, 64, 2, 16, 50_000, 0, 0, 22, 2 * ONE),
    ("logistic-15-short-clip", [15, 1], 2, 64, 2, 16, 50_000, 0, 0, 22, ONE // 64),
    ("logistic-30-momentum", [30, 1], 3, 100, 3, 7, 100_000, 900_000, 1_000, 23, 3 * ONE),
    ("mlp-15-16-1", [15, 16, 1], 4, 64, 2, 16, 50_000, 0, 0, 22, 2 * ONE),
    ("mlp-30-16-1", [30, 16, 1], 5, 64, 4, 16, 100_000, 0, 0, 22, 3 * ONE),
    ("mlp-30-16-1-short-clip", [30, 16, 1], 6, 70, 1, 64, 100_000, 0, 0, 20, ONE // 1000),
    ("mlp-7-5-3-1-decay", [7, 5, 3, 1], 7, 65, 5, 10, 300_000, 500_000, 20_000, 16, ONE),
    ("mlp-784-32-1", [784, 32, 1], 8, 64, 1, 32, 30_000, 0, 0, 22, 4 * ONE),
]
MASK = (1 << 64) - 1


class Stream:
    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def centred(self, bits):
        return (self.next() >> (63 - bits)) - (1 << bits)


FACTORIALS = [1.0 / float(math.factorial(i)) for i in range(13, -1, -1)]
LOG2E = float.fromhex("0x1.71547652b82fep0")
LN2_HIGH = float.fromhex("0x1.62e42feep-1")
LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")


def exp_of_minus(x):
    if not x < 700:
        return 0.0
    k = -int(x * LOG2E + 0.5)
    r = (-x - k * LN2_HIGH) - k * LN2_LOW
    total = FACTORIALS[0]
    for c in FACTORIALS[1:]:
        total = total * r + c
    return total * 2.0 ** k


def tanh(x):
    size = abs(x)
    if size < 0.5:
        square = size * size
        below = 17.0
        for odd in range(15, 0, -2):
            below = odd + square / below
        value = size / below
    else:
        e = exp_of_minus(2 * size)
        value = (1 - e) / (1 + e)
    return -value if x < 0 else value


def sigmoid(x):
    if x >= 0:
        return 1 / (1 + exp_of_minus(x))
    e = exp_of_minus(-x)
    return e / (1 + e)


def tagged(tag, data):
    t = hashlib.sha256(tag.encode()).digest()
    return hashlib.sha256(t + t + data).digest()


def order(task, rnd, epoch, records):
    key = lambda r: tagged("consilium/reference-order/v1", struct.pack("<4Q", task, rnd, epoch, r))
    return sorted(range(records), key=key)


def offsets(layers):
    places = []
    at = 0
    for i, o in zip(layers, layers[1:]):
        places.append((at, i, o))
        at += (i + 1) * o
    return places, at


def gradient(layers, p, rows, labels, batch):
    places, count = offsets(layers)
    acts = [[rows[r] for r in batch]]
    for n, (at, i, o) in enumerate(places):
        out = []
        for a in acts[-1]:
            line = []
            for u in range(o):
                s = 0.0
                for w, v in zip(p[at + u * i:at + u * i + i], a):
                    s += w * v
                s += p[at + i * o + u]
                line.append(tanh(s) if n + 1 < len(places) else s)
            out.append(line)
        acts.append(out)
    share = 1.0 / len(batch)
    g = [0.0] * count
    delta = [[(sigmoid(acts[-1][b][0]) - labels[r]) * share] for b, r in enumerate(batch)]
    for n in range(len(places) - 1, -1, -1):
        at, i, o = places[n]
        below = [[0.0] * i for _ in batch]
        for b in range(len(batch)):
            for u in range(o):
                slope = delta[b][u]
                for x in range(i):
                    g[at + u * i + x] += slope * acts[n][b][x]
                g[at + i * o + u] += slope
                if n:
                    for x in range(i):
                        below[b][x] += slope * p[at + u * i + x]
        delta = [[d * (1.0 - a * a) for d, a in zip(db, ab)] for db, ab in zip(below, acts[n])]
    return g


def encode(update, nu, clip):
    d = len(update)
    bound = 1 << nu
    largest = max(abs(v) for v in update)
    direction = [0.0] * d
    norm = 0.0
    if largest:
        direction = [v / largest for v in update]
        total = 0.0
        for v in direction:
            total += v * v
        root = math.sqrt(total)
        direction = [v / root for v in direction]
        norm = largest * root
    ratio = norm / (clip * 2.0 ** -32)
    length = float(bound - (math.isqrt(d - 1) + 1)) * min(ratio, 1.0)
    while True:
        out = [round(v * length) for v in direction]
        if sum(v * v for v in out) <= bound * bound:
            return out
        length *= 1.0 - 2.0 ** -16


def run(case):
    name, layers, seed, records, epochs, batch, rate, momentum, decay, nu, clip = case
    stream = Stream(seed)
    _, count = offsets(layers)
    model = [stream.centred(30) for _ in range(count)]
    cells = [stream.centred(33) for _ in range(records * layers[0])]
    rows = [[v * 2.0 ** -32 for v in cells[r * layers[0]:(r + 1) * layers[0]]]
            for r in range(records)]
    labels = []
    for r in range(records):
        noise = stream.next() % 8 == 0
        labels.append(1 if (cells[r * layers[0]] > 0) != noise else 0)
    start = [v * 2.0 ** -32 for v in model]
    p = list(start)
    velocity = [0.0] * count
    for epoch in range(epochs):
        places = order(1, seed, epoch, records)
        for at in range(0, records, batch):
            g = gradient(layers, p, rows, labels, places[at:at + batch])
            for x in range(count):
                velocity[x] = momentum / 1e6 * velocity[x] + g[x] + decay / 1e6 * p[x]
                p[x] -= rate / 1e6 * velocity[x]
    update = encode([a - b for a, b in zip(p, start)], nu, clip)
    digest = hashlib.sha256(struct.pack("<%dq" % count, *update)).hexdigest()
    print(name, digest, sum(v * v for v in update), flush=True)


if __name__ == "__main__":
    for one in CASES:
        run(one)
