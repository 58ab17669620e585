#!/usr/bin/env python3
# Prints tests/vectors/verdict_majority_edges.json: entry 2 at every edge of its text.
#
# Random games (majority_model.py beside this file) hardly ever meet an equality. Here cosines are
# exact multiples of 1/32768: norms of 2^42 and products x 2^27 make x after the first round, in
# both histories. Usage: majority_cases.py > ../vectors/verdict_majority_edges.json
import json
import sys

sys.dont_write_bytecode = True
from majority_model import History, judge, reduced  # noqa: E402

NORM = 1 << 42
STEP = NORM >> 15
BETA = NORM >> 7


class Game:
    def __init__(self, slots, c_max):
        self.slots, self.c_max, self.history, self.rounds = slots, c_max, History(slots), []

    def play(self, cosine, follows=None, norms=None, gain=4096, products=None):
        """cosine(a, b) and follows[a] in 1/32768; products: {(a, b): opened value} instead."""
        who = list(range(self.slots))
        norms = norms or [NORM] * self.slots
        gram = [[0] * self.slots for _ in who]
        for a in who:
            for b in range(a):
                value = (products or {}).get((b, a), cosine(b, a) * STEP)
                gram[a][b] = gram[b][a] = value
        reference = follows and ([x * STEP for x in follows], NORM)
        before = [row[:] for row in self.history.long]
        data = [1] * self.slots
        code, suspects, weight = judge(who, self.c_max, BETA, gain, norms, gram, reference, data,
                                       self.history)
        weights, bits = reduced([weight[a] for a in who])
        self.rounds.append({
            "clients": [a + 1 for a in who], "gain": gain, "data_weights": data, "norms": norms,
            "gram": sum(gram, []),
            "reference": reference and {"products": reference[0], "square": reference[1]},
            "codes": [code[a] for a in who], "suspects": [a + 1 for a in suspects],
            "weights": [weight[a] for a in who], "reduced": weights, "dither_bits": bits,
            "follows": self.history.reference[:]})
        self.rested = before == self.history.long
        return [code[a] for a in who]

    def result(self, name):
        return {"name": name, "slots": self.slots, "c_max": self.c_max, "beta": BETA,
                "rounds": self.rounds, "long": sum(self.history.long, []),
                "short": sum(self.history.short, [])}


def alike(value):
    return lambda a, b: value


def but(first, special, others):
    """A cosine for every pair: `special` with the clients of `first`, else `others`."""
    return lambda a, b: special if a in first or b in first else others


def rest_cases():
    """HG rests when the shortest history is an eighth of the lower median one, no less."""
    found = []
    # What the last client has, and what client 0 has, which is not the median.
    for last, first, rests in ((NORM // 8, NORM, True), (NORM // 8 - (1 << 18), NORM, False),
                               (NORM // 8 - (1 << 18), NORM // 2, False)):
        game = Game(5, 1)
        norms = [first] + [NORM] * 3 + [last]
        products = {(a, 4): NORM // 8 * 3 // 4 for a in range(4)}
        game.play(alike(16000), norms=norms, products=products)
        game.play(alike(-16000))
        assert game.rested == rests
        found.append(game.result("an eighth of the median history"))
    return found


def unlike_cases():
    """Who is apart in HG takes no place in HF, as long as more than half agree there."""
    found = []
    # (clients, c, those apart in HG, those outside in HF, whether HG rests)
    for slots, c_max, before, then, rests in (
            (5, 1, (0,), (0, 1), False), (5, 1, (0,), (1, 2), True), (5, 1, (0,), (0, 1, 2), True),
            (5, 1, (), (0,), False), (5, 1, (), (0, 1), True), (4, 1, (0,), (0, 1), True),
            (6, 1, (0,), (0, 1), False), (6, 1, (0,), (0, 1, 2), True),
            (7, 2, (0,), (0, 1, 2), False), (7, 2, (0,), (1, 2, 3), True),
            (7, 2, (0,), (0, 1, 2, 3), True), (7, 2, (0, 1), (0, 1, 2), False),
            (7, 2, (0, 1), (0, 2, 3), True), (7, 2, (0, 1), (0, 1, 2, 3), True),
            (9, 2, (0, 1), (0, 1, 2, 3), False), (9, 2, (0, 1), (1, 2, 3), False),
            (9, 2, (0, 1), (2, 3, 4), True), (9, 2, (0, 1), (0, 1, 2, 3, 4), True),
            (7, 3, (0, 1, 2), (0, 1, 2), False), (7, 3, (0, 1, 2), (0, 1, 2, 3), True)):
        game = Game(slots, c_max)
        for _ in range(3):
            game.play(but(before, -9000, 20000))
        # One round brings HF below 0.1 and leaves the long history where it was.
        game.play(but(then, -32768, 32768), gain=1)
        assert game.rested == rests, (slots, c_max, before, then)
        found.append(game.result("%s of %d apart, then %s outside" % (before, slots, then)))
    return found


def spare_cases():
    """Apart in HG, spared for its reference: the middle one's HR, and 0.1, both included."""
    found = []
    for own, others, code in ((9000, 9000, "OK"), (8999, 9000, "AGREE"), (3277, 100, "OK"),
                              (3276, 100, "AGREE")):
        game = Game(5, 1)
        codes = game.play(but((0,), -3000, 26000), [own] + [others] * 4)
        assert codes == [code] + ["OK"] * 4
        found.append(game.result("spared for its reference"))
    # The lower median of those that stay: 5000 of 4000, 5000, 6000, 7000.
    for own, code in ((5000, "OK"), (4999, "AGREE")):
        game = Game(5, 1)
        codes = game.play(but((0,), -3000, 26000), [own, 7000, 6000, 4000, 5000])
        assert codes == [code] + ["OK"] * 4
        found.append(game.result("spared for the lower median"))
    return found


def turning_products(game, clients, wanted):
    """Opened products that bring HF of these clients with all others to a cosine of `wanted`."""
    short = game.history.short
    result = {}
    for a in clients:
        for b in range(game.slots):
            if b in clients:
                continue
            length = short[a][a] + (NORM >> 4) - (short[a][a] >> 2)
            target = -(-wanted * length // 32768)      # rounded up, so that the floor is `wanted`
            old = short[a][b]
            result[min(a, b), max(a, b)] = (target - old + (old >> 2)) << 4
    return result


def turned_cases():
    """Who turns is flagged by HF from a cosine of 0 down, unless the reference spares it."""
    found = []
    for wanted, follows, code in ((0, None, "AGREE"), (1, None, "OK"), (-1, None, "AGREE"),
                                  (0, [9000] * 5, "OK"), (0, [-9000] + [9000] * 4, "AGREE")):
        game = Game(5, 1)
        for _ in range(6):
            assert game.play(alike(20000), follows) == ["OK"] * 5
        codes = game.play(alike(20000), follows, gain=1,
                          products=turning_products(game, (0,), wanted))
        assert codes == [code] + ["OK"] * 4, (wanted, codes)
        found.append(game.result("turned to %d" % wanted))
    # Client 0 is flagged by HG and has come back in HF; 1 and 2 have turned. Those flagged count:
    # three of seven are more than c = 2, no majority agrees in HF.
    game = Game(7, 2)
    for _ in range(6):
        game.play(but((0,), -9000, 20000))
    for _ in range(4):
        game.play(alike(20000), gain=1)
    for _ in range(3):
        codes = game.play(lambda a, b: 20000 if a == 0 and b > 2 else
                          20000 if (a in (1, 2)) == (b in (1, 2)) else -20000, gain=1)
    assert codes == ["AGREE"] + ["OK"] * 6
    found.append(game.result("the flagged use up c"))
    # The same two alone are found.
    game = Game(7, 2)
    for _ in range(6):
        game.play(alike(20000))
    for _ in range(3):
        codes = game.play(but((1, 2), -20000, 20000), gain=1)
    assert codes == ["OK", "AGREE", "AGREE"] + ["OK"] * 4
    found.append(game.result("two that turned"))
    return found


def weight_cases():
    """The lean on the reference: from an HR of 328 on, at least HR_max / 512, never to nothing."""
    found = []
    for largest in (327, 328, 329):
        game = Game(5, 1)
        game.play(alike(20000), [largest, 100, 50, 0, -5])
        found.append(game.result("faint reference of %d" % largest))
    for largest in (32768, 20000, 1023, 1024):
        game = Game(5, 1)
        game.play(alike(20000), [largest, largest // 512 + 1, largest // 512, largest // 512 - 1,
                                 -20000])
        found.append(game.result("a trace of weight"))
    game = Game(5, 1)
    game.play(alike(20000), [32768] * 4 + [0], norms=[NORM] * 4 + [NORM << 14],
              products={(a, 4): 20000 * STEP << 7 for a in range(4)})
    assert game.rounds[0]["weights"][4] == 1
    found.append(game.result("a weight of 1 stays"))
    game = Game(5, 1)
    game.play(but((4,), -20000, 20000), [32768] * 4 + [-20000])
    game.play(but((3, 4), -20000, 20000), [32768] * 4 + [-20000])
    found.append(game.result("a suspect is not leaned"))
    return found


def apart_cases():
    """AGREE: beyond half as far again as the middle one, where the middle is 0.1 at least."""
    found = []
    for distance, others, codes in ((4915, 100, "OK"), (4916, 100, "AGREE"), (6000, 4000, "OK"),
                                    (6001, 4000, "AGREE")):
        game = Game(5, 1)
        assert game.play(but((0,), 32768 - distance, 32768 - others))[0] == codes
        found.append(game.result("apart by %d" % distance))
    # Fewer to compare with than c: three unflagged of seven, c = 3.
    game = Game(7, 3)
    game.play(but((6,), -5000, 20000), norms=[NORM >> 6] * 4 + [NORM << 4] * 3)
    found.append(game.result("few left to compare"))
    return found


def outside_cases():
    """A cosine of 0.1 agrees; the fewest leave; c = 0 counts as 1."""
    found = []
    for value, code in ((3277, "OK"), (3276, "REF")):
        game = Game(5, 1)
        assert game.play(alike(value), [-100] * 5) == [code] * 5
        found.append(game.result("a cosine of %d" % value))
    # Each colluder is against two of three honest clients: the colluders leave, whatever their ids.
    against = {(0, 3), (0, 4), (1, 3), (2, 4)}
    for pairs in (against, {(4 - b, 4 - a) for a, b in against}):
        game = Game(5, 2)
        codes = game.play(lambda a, b: -6000 if (a, b) in pairs else 6000,
                          [1000, 1000, -1000, 1000, 1000])
        assert "REF" not in codes
        found.append(game.result("colluders leave"))
    for c_max, slots in ((0, 4), (2, 3), (3, 3)):
        game = Game(slots, c_max)
        game.play(but((0,), -20000, 20000), [-5000] + [5000] * (slots - 1))
        game.play(but((0,), -20000, 20000))
        found.append(game.result("c = %d of %d" % (c_max, slots)))
    return found


if __name__ == "__main__":
    cases = (rest_cases() + unlike_cases() + spare_cases() + turned_cases() + weight_cases()
             + apart_cases() + outside_cases())
    print("[" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "]")
