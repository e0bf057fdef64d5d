"""The tables of a run as Markdown, and how far the sides' outputs agree."""

import statistics

ENCODERS = ("onnxruntime", "openvino", "pytorch", "ctranslate2")
# What a row says, Riverrun's figure, the endings of the peers' that compare with it, whether more is better.
ROWS = (
    ("arrival order, records/s", "stream_per_second", ("batch1", "batch8"), True),
    ("sorted batches of 8, records/s", "sorted8_per_second", ("sorted8",), True),
    ("lone text, 1 thread, p50 ms", "alone1_p50_ms", ("alone1_p50_ms",), False),
    ("lone text, 2 threads, p50 ms", "alone_p50_ms", ("alone2_p50_ms",), False),
    ("peak memory, MiB", "peak_resident_kib", ("peak_resident_kib",), False),
)
ARRANGEMENTS = {"shared": "one model, 2 callers × 1 thread", "processes": "2 processes × 1 thread", "wide": "1 × 2 threads"}
# The least ratios to ONNX Runtime that are wanted, for tweets: in arrival order, on sorted batches, alone on one and on two threads.
WANTED = {
    ("minilm", "f32"): (1.6, 1.3), ("minilm", "int8"): (2.1, 1.75, 2, 2.5), ("minilm", "int8-faithful"): (1.7, 1.45),
    ("distilbert", "f32"): (1.3, 1.15), ("distilbert", "int8"): (1.6, 1.35, 2, 2.5),
    ("bert-base", "f32"): (1.3, 1.15), ("bert-base", "int8"): (1.6, 1.35, 2, 2.5),
}


def median(rounds, side, figure):
    values = [one[side][figure] for one in rounds if one.get(side, {}).get(figure) is not None]
    return statistics.median(values) if values else None


def best(rounds, side, kinds, more):
    """The best of the side's settings by their medians, as the value and the setting's name; None without any."""
    names = {name for one in rounds for name in one.get(side, {})}
    found = []
    for name in names:
        source, figure = name.split(":")
        plan, _, rest = figure.partition("_")
        arrangement = rest.removesuffix("_per_second")
        if figure in kinds:
            found.append((median(rounds, side, name), source))
        elif plan in kinds and arrangement in ARRANGEMENTS:
            batch = plan.removeprefix("sorted").removeprefix("batch")
            setting = (source, f"batch {batch}", ARRANGEMENTS[arrangement])
            found.append((median(rounds, side, name), ", ".join(part for part in setting if part)))
    return (max if more else min)(found, default=None)


def shown(figure, value):
    if value is None:
        return "—"
    value = value / 1024 if "kib" in figure else value
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def rows(case, long):
    """The rows of a case: a shape, and a precision of Riverrun."""
    shape, precision, rounds = case["shape"], case["precision"], case["rounds"]
    wanted = () if long else WANTED.get((shape, precision), ())
    for index, (what, ours, kinds, more) in enumerate(ROWS):
        mine = median(rounds, f"riverrun {precision}", ours)
        if mine is None or (long and kinds == ("sorted8",)):
            continue
        theirs = {}
        for peer in ENCODERS:
            found = best(rounds, f"{peer} {'int8' if precision.startswith('int8') else precision}", kinds, more)
            if found:
                theirs[peer] = found
        row = {"shape": shape, "precision": precision, "what": what, "riverrun": mine, "peers": theirs}
        if theirs:
            row["best"] = (max if more else min)(theirs, key=lambda peer: theirs[peer][0])
            ratios = {peer: mine / value if more else value / mine for peer, (value, _) in theirs.items()}
            row["ratio"], row["ratio to onnxruntime"] = ratios[row["best"]], ratios.get("onnxruntime")
        row["wanted"] = wanted[index] if index < len(wanted) else None
        row["figure"] = ours
        yield row


def line(row):
    peers = [shown(row["figure"], row["peers"].get(peer, (None,))[0]) for peer in ENCODERS]
    ratio = f"**{row['ratio']:.2f}**" if "ratio" in row else ""
    to_onnxruntime = f"{row['ratio to onnxruntime']:.2f}" if row.get("ratio to onnxruntime") else ""
    setting = row["peers"][row["best"]][1] if "best" in row else ""
    setting = f"{row['best']}{': ' if setting else ''}{setting}" if "best" in row else ""
    cells = [row["shape"], row["precision"], row["what"], shown(row["figure"], row["riverrun"]), *peers]
    return "| " + " | ".join([*cells, ratio, to_onnxruntime, str(row["wanted"] or ""), setting]) + " |"


def table(cases, long):
    """The lines as Markdown, and the rows themselves. A ratio above 1 is in Riverrun's favour."""
    lines = ["| shape | precision | what | Riverrun | ONNX Runtime | OpenVINO | PyTorch | CTranslate2 | ratio to the best | to ONNX Runtime | wanted | the best |"]
    lines.append("| --- | --- | --- |" + " ---: |" * 8 + " --- |")
    found = [row for case in cases for row in rows(case, long)]
    return "\n".join(lines + [line(row) for row in found]), found


SEED_ROWS = (
    ("stream, records/s", "stream_per_second", "stream1_per_second", True, "as written: parallelism 1, PyTorch's own threads"),
    ("stream, records/s", "stream_per_second", "stream1_one_thread_per_second", True, "parallelism 1, PyTorch on 1 thread"),
    ("stream, records/s", "stream_per_second", "stream2_per_second", True, "tuned: parallelism 2, PyTorch on 1 thread each"),
    ("5 records, seconds from start to last result", "first5_seconds", "first5_seconds", False, "as written: parallelism 1"),
)


def seed_table(rounds):
    lines = ["| what | Riverrun f32 | PyFlink and BentoML | its setting | ratio |", "| --- | ---: | ---: | --- | ---: |"]
    for what, ours, theirs, more, how in SEED_ROWS:
        mine, other = median(rounds, "riverrun f32", ours), median(rounds, "seed", theirs)
        if mine is not None and other is not None:
            lines.append(f"| {what} | {shown(ours, mine)} | {shown(theirs, other)} | {how} | {mine / other if more else other / mine:.2f} |")
    return "\n".join(lines) if len(lines) > 2 else ""


def compare(outputs, mine):
    """How much of the outputs is the same, and by how much the scores of the same label differ."""
    pairs = list(zip(mine, outputs))
    same = [(left[1], right[1]) for left, right in pairs if left[0] == right[0]]
    return len(same) / len(pairs), max((abs(left - right) for left, right in same), default=0.0)
