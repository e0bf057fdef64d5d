"""Writes inputs/*.csv: one event a line, `key,value,time`. The same events every time."""

from pathlib import Path

HERE = Path(__file__).resolve().parent


def splitmix64(seed):
    """Random numbers that stay the same whatever the version of Python."""
    mask = (1 << 64) - 1
    while True:
        seed = (seed + 0x9E3779B97F4A7C15) & mask
        n = ((seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9) & mask
        n = ((n ^ (n >> 27)) * 0x94D049BB133111EB) & mask
        yield n ^ (n >> 31)


def generated(seed, count, keys, start=0, step=2, behind=0, values=60, pause=0):
    """Times go on by 0 to `step` ms, lie up to `behind` ms back, and every twentieth goes on by `pause` more."""
    numbers, now = splitmix64(seed), start
    for n in range(count):
        now += next(numbers) % (step + 1) + (pause if n % 20 == 19 else 0)
        yield "abcdefgh"[next(numbers) % keys], next(numbers) % values, now - next(numbers) % (behind + 1)


INPUTS = {
    "orderly": generated(1, 120, 3),
    "disordered": generated(2, 150, 3, behind=8),
    "late": generated(3, 150, 3, behind=18),
    "late_before_1970": generated(4, 80, 2, start=-100, behind=15),
    "before_1970": generated(5, 90, 2, start=-60, behind=5),
    "bursts": generated(6, 120, 3, step=3, behind=4, pause=15),
    # Few values, several at one time.
    "ties": generated(7, 90, 2, step=1, values=4),
    "left": generated(8, 70, 2, step=3, behind=6),
    "right": generated(9, 70, 3, step=3, behind=6),
    "factors": generated(10, 12, 1, step=20, behind=2, values=9),
    "empty": [],
    # The first record takes the watermark beyond all others.
    "only_late": [("a", 1, 1000), *generated(11, 20, 2, behind=9)],
    # A window's first and last millisecond, and the first after it; twice the same time; a session's exact gap.
    "edges": [
        ("a", 1, 0), ("b", 2, 0), ("a", 3, 4), ("a", 4, 5), ("b", 5, 9), ("a", 6, 9), ("a", 7, 10), ("b", 8, 10),
        ("b", 9, 10), ("a", 10, 14), ("b", 11, 15), ("a", 12, 19), ("a", 13, 19), ("b", 14, 19), ("a", 15, 20),
        ("b", 16, 20), ("b", 18, 25), ("a", 17, 26), ("a", 19, 30), ("b", 20, 39), ("a", 21, 40), ("a", 22, 49),
        ("b", 23, 50),
    ],
}

if __name__ == "__main__":
    for name, events in INPUTS.items():
        lines = "".join(f"{key},{value},{time}\n" for key, value, time in events)
        (HERE / "inputs" / f"{name}.csv").write_text(lines)
