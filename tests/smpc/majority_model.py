#!/usr/bin/env python3
# Prints tests/vectors/verdict_majority.json: entry 2 of the rule table, computed a second time.
#
# Written from docs/protocol.md, section 7, in whole numbers; shares no code with the product.
# Usage: majority_model.py [CASES SEED] > ../vectors/verdict_majority.json
import itertools
import json
import math
import random
import sys

ONE = 32768
TENTH = 3277
FAINT = 328


def cosine(x, square):
    q = min(ONE, math.isqrt((x * x << 30) // square))
    return -q if x < 0 else q


def lower_median(values):
    return sorted(values)[(len(values) - 1) // 2]


def clip_of(norm, middle):
    return 4096 if norm <= middle else math.isqrt((middle << 24) // norm)


class History:
    """HG, HF, HR by slot of the epoch."""

    def __init__(self, slots):
        self.long = [[0] * slots for _ in range(slots)]
        self.short = None
        self.reference = [None] * slots


def cosines(table, who):
    def length(a):
        return max(table[a][a], 1)
    return {(a, b): cosine(table[a][b], length(a) * length(b))
            for a in who for b in who if a != b}


def outside(cos, who):
    """The fewest that must leave so that all pairs left have 0.1: tries all sets."""
    for leavers in range(len(who) + 1):
        for gone in itertools.combinations(who, leavers):
            left = [a for a in who if a not in gone]
            if all(cos[a, b] >= TENTH for a in left for b in left if a != b):
                return leavers


def apart(cos, who, c_max):
    """Clients far from their c_max-th most similar other, furthest first, and all distances."""
    if len(who) < 3:
        return [], {}
    near = min(max(c_max, 1), len(who) - 1)
    far = {a: ONE - sorted((cos[a, b] for b in who if b != a), reverse=True)[near - 1] for a in who}
    middle = max(TENTH, sorted(far.values())[len(who) // 2])
    found = sorted((a for a in who if 2 * far[a] > 3 * middle), key=lambda a: (-far[a], a))
    return found[:(len(who) - 1) // 2], far


def judge(who, c_max, beta, gain, norms, gram, reference, data_weights, history):
    """One verdict: codes, suspects, weights by slot. who: slots from 0, ascending."""
    attackers = max(c_max, 1)
    norms = {a: max(norms[a], 1) for a in who}
    middle = max(lower_median(norms.values()), beta, 1)
    clip = {a: clip_of(norms[a], middle) for a in who}
    code = {a: 'NULL' if 32 * norms[a] < middle else 'OK' for a in who}
    rank = {a: (2, 0, a) for a in who if code[a] == 'NULL'}

    def free():
        return [a for a in who if code[a] == 'OK']

    if reference:
        products, square = reference
        for a in who:
            now = cosine(products[a], norms[a] * max(square, 1))
            old = history.reference[a]
            history.reference[a] = now if old is None else old + (3 * (now - old) >> 4)
    follows = history.reference

    clipped = {}
    for a in who:
        for b in who:
            product = norms[a] if a == b else gram[a][b]
            clipped[a, b] = product * clip[a] * clip[b] >> 24
    if history.short is None:
        history.short = [[0] * len(history.long) for _ in history.long]
    for (a, b), value in clipped.items():
        history.short[a][b] += (value >> 4) - (history.short[a][b] >> 2)
    recent = cosines(history.short, who)

    lengths = [history.long[a][a] for a in who]
    is_new = 8 * max(min(lengths), 0) < max(lower_median(lengths), 1)
    before = cosines(history.long, who)
    unlike, _ = apart(before, who, c_max)
    rest = [a for a in who if a not in unlike]
    allowed = min(attackers, (len(who) - 1) // 2 - len(unlike))
    if (is_new or outside(before, who) > attackers or outside(recent, who) <= attackers
            or outside(recent, rest) <= allowed):
        for (a, b), value in clipped.items():
            old = history.long[a][b]
            history.long[a][b] = old + (value >> 18) * min(max(gain, 1), 16384) - (old >> 4)
    settled = cosines(history.long, who)

    def majority_agrees(cos):
        found, _ = apart(cos, free(), c_max)
        rest = [a for a in free() if a not in found]
        return len(who) - len(rest) + outside(cos, rest) <= attackers

    def flag_apart(cos, is_recent):
        found, far = apart(cos, free(), c_max)
        if reference and found:
            typical = max(TENTH, lower_median([follows[a] for a in free() if a not in found]))
            found = [a for a in found if follows[a] < typical]
        if is_recent:
            room = max(0, attackers - (len(who) - len(free())))
            found = [a for a in found if far[a] >= ONE][:room]
        for a in found:
            code[a] = 'AGREE'
            rank[a] = (1, -far[a], a)

    if reference and not majority_agrees(settled):
        for a in free():
            if follows[a] <= 0:
                code[a] = 'REF'
                rank[a] = (0, follows[a], a)
    else:
        flag_apart(settled, False)
        if majority_agrees(recent):
            flag_apart(recent, True)

    limit = max(0, len(who) - max(3, c_max + 2))
    rejected = set(sorted(rank, key=lambda a: rank[a])[:limit])
    accepted = [a for a in who if a not in rejected]
    suspects = [a for a in accepted if code[a] != 'OK']

    weight = {a: 0 for a in who}
    middle = max(lower_median([norms[a] for a in accepted]), beta, 1)
    for a in accepted:
        weight[a] = clip_of(norms[a], middle) // (8 if a in suspects else 1)
    spared = max(0, c_max - len(rejected))
    ballots = max(1, len(accepted) - spared)
    votes = {a: 0 for a in accepted}
    for a in accepted:
        others = sorted((b for b in accepted if b != a), key=lambda b: (-settled[a, b], b))
        for b in ([a] + others)[:ballots]:
            votes[b] += 1
    for a in accepted:
        weight[a] = weight[a] * votes[a] // len(accepted)
    if reference:
        largest = max([0] + [follows[a] for a in accepted])
        if largest >= FAINT:
            for a in accepted:
                if a not in suspects:
                    leaned = weight[a] * max(largest // 512, follows[a]) // largest
                    weight[a] = max(min(weight[a], 1), leaned)
    for a in who:
        weight[a] *= data_weights[a]
    top = max(who, key=lambda a: (weight[a], -a))
    weight[top] = min(weight[top], sum(weight.values()) - weight[top])
    return code, suspects, weight


def reduced(weights):
    divisor = math.gcd(*weights) or 1
    weights = [w // divisor for w in weights]
    return weights, None if max(weights) <= 1 else (4 * max(weights) - 1).bit_length()


ATTACKS = ('none', 'flip', 'zero', 'sybil', 'sleeper', 'scale', 'wild')


def updates_of(rnd, slots, c_max, attack, spread, round_number, scale):
    """Random updates: with a common mean, without one from round 4 on, of two camps, ..."""
    size = 24
    drift = scale if round_number < 4 else scale >> 6
    mean = [rnd.randrange(-drift, drift) for _ in range(size)]
    out = []
    for i in range(slots):
        sign = -1 if spread == 'camps' and i % 3 == 0 else 1
        noise = {'alike': scale // 3, 'camps': scale // 3, 'apart': 2 * scale}[spread]
        update = [sign * x + rnd.randrange(-noise, noise) for x in mean]
        if i < c_max:
            if attack == 'flip' or (attack == 'sleeper' and round_number >= 3):
                update = [-2 * x + rnd.randrange(-scale, scale) // 8 for x in mean]
            elif attack == 'zero':
                update = [0] * size
            elif attack == 'sybil':
                update = [(-1) ** x * scale for x in range(size)]
            elif attack == 'scale':
                update = [20 * x for x in update]
        out.append(update)
    return out, mean


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def make_case(rnd, number):
    slots = rnd.choice([3, 4, 5, 7, 10])
    c_max = rnd.randint(1, max(1, (slots - 1) // 3))
    attack = ATTACKS[number % len(ATTACKS)]
    spread = ('alike', 'alike', 'camps', 'apart')[number % 4]
    beta = rnd.choice([0, 1 << 28, 1 << 35])
    scale = rnd.choice([100_000, 400_000])
    with_reference = number % 3 != 0
    history = History(slots)
    rounds = []
    for r in range(6):
        # One hospital is absent now and then, so that some histories are shorter.
        who = list(range(slots))
        if slots > 4 and r in (0, 1, 4):
            who.remove(rnd.randrange(slots))
        updates, mean = updates_of(rnd, slots, c_max, attack, spread, r, scale)
        noise = lambda: rnd.randint(-beta, beta)
        gram = [[0] * slots for _ in range(slots)]
        for a in range(slots):
            for b in range(a):
                gram[a][b] = gram[b][a] = dot(updates[a], updates[b]) + noise()
        norms = [dot(u, u) + noise() for u in updates]
        products = [dot(u, mean) + noise() for u in updates]
        square = dot(mean, mean)
        if attack == 'wild':  # any centred field element, as the rule assumes nothing
            wild = lambda: rnd.randint(-(1 << 60), 1 << 60)
            norms = [wild() for _ in norms]
            gram = [[0] * slots for _ in range(slots)]
            for a in range(slots):
                for b in range(a):
                    gram[a][b] = gram[b][a] = wild()
            products = [wild() for _ in products]
            square = rnd.randint(0, 1 << 60)
        gain = max(1, 4096 >> r)
        data_weights = [rnd.randint(1, 16) if r == 2 else 1 for _ in range(slots)]
        reference = (products, square) if with_reference else None
        code, suspects, weight = judge(who, c_max, beta, gain, norms, gram, reference,
                                       data_weights, history)
        weights, bits = reduced([weight[a] for a in who])
        rounds.append({
            'clients': [a + 1 for a in who], 'gain': gain,
            'data_weights': [data_weights[a] for a in who], 'norms': [norms[a] for a in who],
            'gram': [0 if a == b else gram[a][b] for a in who for b in who],
            'reference': {'products': [products[a] for a in who], 'square': square}
                         if with_reference else None,
            'codes': [code[a] for a in who], 'suspects': [a + 1 for a in suspects],
            'weights': [weight[a] for a in who], 'reduced': weights, 'dither_bits': bits,
            'follows': history.reference[:]})
    return {'slots': slots, 'c_max': c_max, 'beta': beta, 'rounds': rounds,
            'long': sum(history.long, []), 'short': sum(history.short, [])}


if __name__ == '__main__':
    count, seed = (int(x) for x in sys.argv[1:3]) if len(sys.argv) > 2 else (28, 20)
    source = random.Random(seed)
    print('[' + ',\n'.join(json.dumps(make_case(source, x), separators=(',', ':'))
                           for x in range(count)) + ']')
