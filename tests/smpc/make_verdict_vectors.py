#!/usr/bin/env python3
# Prints tests/vectors/verdict_reference.json: entry 1 of the rule table with a reference.
#
# The numbers come from verdict_model.py, the oracle that belongs to the specification. Here are the
# cases: random games in which clients stay away and come back, averages of the reference at 0 and
# at both sides of it, thresholds of LOO, and flags of every kind that compete for the cap.
# Usage: make_verdict_vectors.py PATH_OF_VERDICT_MODEL > ../vectors/verdict_reference.json
import importlib.util
import json
import random
import sys

NORM = 1 << 40          # of a client and of g in the crafted games, so that a cosine of x / 32768
STEP = NORM >> 15       # is the product x * STEP exactly
SEED = 411


def load(path):
    sys.dont_write_bytecode = True
    spec = importlib.util.spec_from_file_location("verdict_model", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Game:
    """One task and epoch: the history of all slots, and the rounds judged so far."""

    def __init__(self, oracle, mode, slots, c_max, beta=0):
        self.oracle, self.mode, self.c_max, self.beta = oracle, mode, c_max, beta
        self.history = oracle.State(slots)
        self.slots = slots
        self.rounds = []

    def part(self, who):
        """The history of these slots alone, as the oracle has it."""
        state = self.oracle.State(len(who))
        state.A = [[self.history.A[a][b] for b in who] for a in who]
        state.E = [self.history.E[a] for a in who]
        state.L = [self.history.L[a] for a in who]
        return state

    def judge(self, who, norms, table, reference=None, gain=4096, data=None):
        """table: the products of all pairs of `who`, or their sums. Everything in order of who."""
        data = data or [1] * len(who)
        is_sum = self.mode == "SUM"
        state = self.part(who)
        codes, weights, suspects = self.oracle.verdict(
            len(who), self.c_max, state, norms, self.beta, None if is_sum else table,
            table if is_sum else None, reference, gain, data)
        for x, a in enumerate(who):
            self.history.E[a], self.history.L[a] = state.E[x], state.L[x]
            for y, b in enumerate(who):
                self.history.A[a][b] = state.A[x][y]
        reduced, bits = (self.oracle.reduce_weights(weights) if any(weights) else (weights, None))
        cancelled = sum(w > 0 for w in weights) < max(3, self.c_max + 2)
        self.rounds.append({
            "clients": [a + 1 for a in who], "K": gain, "q": data, "norms": norms,
            "gram": None if is_sum else table, "sigma": table if is_sum else None,
            "ref": reference and {"c": reference[0], "gamma": reference[1]},
            "codes": codes, "suspects": suspects, "weights": weights, "reduced_weights": reduced,
            "dither_bits": bits, "cancelled": cancelled,
            "E": self.history.E[:], "L": self.history.L[:], "A0": self.history.A[0][:]})
        return codes, suspects

    def result(self, name):
        return {"name": name, "mode": self.mode, "m": self.slots, "c_max": self.c_max,
                "beta": self.beta, "rounds": self.rounds, "A": self.history.A}


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def omegas(oracle, norms, beta):
    norms = [max(x, 1) for x in norms]
    middle = max(oracle.lower_median(norms), beta, 1)
    return [max(1, (4096 if x <= middle else oracle.math.isqrt((middle << 24) // x)) >> 4)
            for x in norms]


def random_game(oracle, rnd, number):
    """Clients with a common mean, attackers against it; one or two stay away in most rounds."""
    mode = ("PAIRWISE", "SUM")[number % 2]
    slots = rnd.choice([5, 6, 7, 10])
    c_max = rnd.randint(1, (slots - 2) // 2)
    beta = rnd.choice([0, 1 << 28, 1 << 35])
    scale = rnd.choice([100_000, 400_000])
    attack = ("flip", "zero", "shifted", "mixed")[number // 2 % 4]
    game = Game(oracle, mode, slots, c_max, beta)
    for r in range(5):
        need = max(c_max + 2, 2 * c_max + 1)
        away = set(rnd.sample(range(slots), rnd.randint(0, min(2, slots - need))))
        who = [a for a in range(slots) if a not in away]
        mean = [rnd.randrange(-scale, scale) for _ in range(12)]
        updates = [[x + rnd.randrange(-scale, scale) // 2 for x in mean] for _ in range(slots)]
        for a in range(c_max):
            kind = ("flip", "zero")[a % 2] if attack == "mixed" else attack
            updates[a] = {"flip": [-x for x in mean], "zero": [0] * 12,
                          "shifted": mean[1:] + mean[:1]}[kind]

        def blur(width=1):
            return rnd.randint(-width * beta, width * beta)
        norms = [dot(updates[a], updates[a]) + blur() for a in who]
        table = [[0] * len(who) for _ in who]
        for x, a in enumerate(who):
            for y, b in enumerate(who[:x]):
                table[x][y] = table[y][x] = dot(updates[a], updates[b]) + blur()
        if mode == "SUM":
            omega = omegas(oracle, norms, beta)
            table = [sum(omega[y] * dot(updates[a], updates[b])
                         for y, b in enumerate(who) if b != a) + blur(256) for a in who]
        reference = ([dot(updates[a], mean) + blur() for a in who], dot(mean, mean))
        if r == 3:
            reference = None       # a round in which no quorum had g
        data = [rnd.randint(1, 16) for _ in who] if r >= 2 else None
        game.judge(who, norms, table, reference, max(1, 4096 >> r), data)
    return game.result("random %s, %s" % (mode, attack))


def moved(old, now):
    return now if old is None else old + ((3 * (now - old)) >> 4)


def average_game(oracle, mode):
    """HR of the clients at -1, 0 and 1: at once, then as averages from far and from near."""
    slots = 8
    game = Game(oracle, mode, slots, 1)
    everybody = list(range(slots))
    table = ([256 * 6 * NORM // 2] * slots if mode == "SUM" else
             [[0 if a == b else NORM // 2 for b in everybody] for a in everybody])
    # The ends of what rounds to -1, 0 and 1, and two that follow the reference.
    products = [-2 * STEP + 1, -STEP, -STEP + 1, 0, STEP - 1, STEP, 20000 * STEP, 30000 * STEP]
    game.judge(everybody, [NORM] * slots, table, (products, NORM))
    assert game.history.E[:6] == [-1, -1, 0, 0, 0, 1], game.history.E
    game.judge(everybody, [NORM] * slots, table, ([900 * STEP, -900 * STEP] * 4, NORM))
    for wanted in ([0, 0, -1, 1, 1, 0, 0, -1], [1, -1, 0, 0, -1, 1, 1, 0]):
        for end in (min, max):     # the first and the last value with this average
            now = []
            for old, target in zip(game.history.E, wanted):
                fit = [x for x in range(-32768, 32769) if moved(old, x) == target]
                now.append(end(fit) if fit else 0)
            game.judge(everybody, [NORM] * slots, table, ([x * STEP for x in now], NORM))
    return game.result("averages of the reference around 0, " + mode)


def cap_game(oracle, mode, slots, c_max, shift, away=(0, 1, 4)):
    """More flags than may be rejected: REF by HR, then LOO, then NULL by id; ties by id."""
    game = Game(oracle, mode, slots, c_max)
    everybody = list(range(slots))
    # Roles go round, so that neither class nor HR follows the order of ids.
    role = {a: (a * 3 + shift) % slots for a in everybody}
    norms = [NORM // 33 if role[a] in (2, 5) else NORM for a in everybody]
    follows = [-8000 if role[a] == 4 else -12000 if role[a] in away else 12000
               for a in everybody]
    if mode == "SUM":
        table = [256 * NORM * (-5 if role[a] == 3 else -4 if role[a] in (0, 1, 6) else 4)
                 for a in everybody]
    else:
        table = [[0 if a == b else (-1 if (role[a] == 3) != (role[b] == 3) else 1) * NORM // 2
                  for b in everybody] for a in everybody]
    reference = ([x * STEP for x in follows], NORM)
    game.judge(everybody, norms, table, reference,
               data=[1 + (5 * a + shift) % 16 for a in everybody])
    return game.result("flags compete for the cap, %s, %d of %d" % (mode, c_max, slots))


def apart_game(oracle, shift):
    """AGREE by distance before NULL by id, without a reference."""
    game = Game(oracle, "PAIRWISE", 7, 2)
    everybody = list(range(7))
    role = {a: (a * 3 + shift) % 7 for a in everybody}
    norms = [NORM // 33 if role[a] in (2, 5) else NORM for a in everybody]
    against = {3: -2, 6: -3}
    table = [[0 if a == b else NORM // 4 * against.get(role[a], against.get(role[b], 3))
              for b in everybody] for a in everybody]
    game.judge(everybody, norms, table)
    return game.result("AGREE before NULL")


def everybody_away_game(oracle, mode):
    """Nobody follows the reference: all are flagged, the cap keeps m_min of them as suspects."""
    game = Game(oracle, mode, 5, 1)
    who = list(range(5))
    table = [256 * NORM] * 5 if mode == "SUM" else [[0 if a == b else NORM // 2 for b in who]
                                                    for a in who]
    for products in ([-3, -3, -1, 0, -2], [-30, 5, -1, 5, -2], [-9, -9, -9, -9, -9]):
        game.judge(who, [NORM] * 5, table, ([x * STEP for x in products], NORM))
    return game.result("nobody follows the reference, " + mode)


def wild_game(oracle, rnd, mode):
    """Opened values may be anything a field element holds; norms below 1 count as 1."""
    edge = (1 << 60) - 1
    game = Game(oracle, mode, 4, 1, 1 << 35)
    who = list(range(4))
    for extreme in (False, True, False, True):
        def value():
            return rnd.choice((-edge, edge)) if extreme else rnd.randint(-edge, edge)
        norms = [value() for _ in who]
        table = [[0] * 4 for _ in who]
        for a in who:
            for b in range(a):
                table[a][b] = table[b][a] = value()
        if mode == "SUM":
            table = [value() for _ in who]
        game.judge(who, norms, table, ([value() for _ in who], rnd.choice((0, -5, edge))), 16384)
    return game.result("any field elements, " + mode)


def threshold_game(oracle, with_reference, below):
    """HL at the threshold of LOO or one below it, by a search for the sum that gives it."""
    game = Game(oracle, "SUM", 5, 1)
    who, norms = list(range(5)), [NORM] * 5
    target = -below - (9830 if with_reference else 16384)
    reference = ([20000 * STEP] * 5, NORM) if with_reference else None

    def average(first):
        state = oracle.State(5)
        oracle.verdict(5, 1, state, norms, 0, None, [first] + [256 * 2 * NORM] * 4, reference)
        return state.L[0]
    low, high = -256 * 4 * NORM, 0
    while high - low > 1:                       # the largest sum with an average <= target
        middle = (low + high) // 2
        low, high = (middle, high) if average(middle) <= target else (low, middle)
    assert average(low) == target
    codes, _ = game.judge(who, norms, [low] + [256 * 2 * NORM] * 4, reference)
    assert (codes[0] == "LOO") == (below == 1)
    return game.result("threshold of LOO, " + ("with" if with_reference else "without"))


def games(oracle):
    rnd = random.Random(SEED)
    found = [random_game(oracle, rnd, x) for x in range(16)]
    for mode in ("PAIRWISE", "SUM"):
        found += [average_game(oracle, mode), everybody_away_game(oracle, mode),
                  wild_game(oracle, rnd, mode)]
        found += [cap_game(oracle, mode, slots, c_max, shift)
                  for slots, c_max in ((7, 1), (7, 2), (7, 3), (10, 3)) for shift in range(3)]
        found += [cap_game(oracle, mode, 8, 3, shift, away=()) for shift in range(3)]
    found += [apart_game(oracle, shift) for shift in range(3)]
    return found + [threshold_game(oracle, with_reference, below)
                    for with_reference in (True, False) for below in (0, 1)]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_verdict_vectors.py PATH_OF_VERDICT_MODEL")
    lines = [json.dumps(game, separators=(",", ":")) for game in games(load(sys.argv[1]))]
    print("[" + ",\n".join(lines) + "]")
