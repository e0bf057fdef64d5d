"""The libraries' side of run.py: `train DIRECTORY ROWS`, or `measure MODEL ROWS.f32 BATCH THREADS SECONDS`."""

import json
import sys
import time
from pathlib import Path

import lightgbm as lgb
import numpy as np
import xgboost as xgb

FEATURES = 28


def train(directory, rows):
    """100 rounds on made-up rows with gaps: sizes that people train for tables."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(rows, FEATURES)).astype(np.float32)
    x[rng.random(x.shape) < 0.05] = np.nan
    clean = np.nan_to_num(x)
    y = clean[:, 0] + clean[:, 1] * clean[:, 2] - np.abs(clean[:, 3]) + 0.3 * rng.normal(size=rows)
    x.tofile(directory / "rows.f32")
    labels = {"binary": (y > 0).astype(int), "regression": y, "multiclass": np.digitize(y, (-1, 0, 1))}
    for name, objective, depth in (("binary", "binary:logistic", 6), ("regression", "reg:squarederror", 8)):
        model = xgb.train({"objective": objective, "max_depth": depth}, xgb.DMatrix(x, labels[name]), 100)
        model.save_model(directory / f"xgboost-{name}-depth{depth}.ubj")
    parameters = {"objective": "multi:softprob", "num_class": 4, "max_depth": 6}
    xgb.train(parameters, xgb.DMatrix(x, labels["multiclass"]), 100).save_model(directory / "xgboost-multiclass-depth6.ubj")
    for name, leaves in (("binary", 31), ("regression", 127), ("multiclass", 31)):
        parameters = {"objective": name, "num_leaves": leaves, "verbose": -1}
        if name == "multiclass":
            parameters["num_class"] = 4
        lgb.train(parameters, lgb.Dataset(x, labels[name]), 100).save_model(directory / f"lightgbm-{name}-{leaves}leaves.txt")


def fast(call, batches, seconds, prepare=lambda rows: rows):
    """The time in µs that one call in ten keeps within, after a fifth of the time to warm up; what `prepare` takes is not in it."""
    begin, times = time.perf_counter(), []
    while True:
        for rows in batches:
            rows = prepare(rows)
            now = time.perf_counter()
            call(rows)
            done = time.perf_counter()
            if done - begin > seconds / 5:
                times.append(done - now)
            if done - begin > seconds:
                return sorted(times)[len(times) // 10] * 1e6


def peak_resident():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1])


def measure(path, rows, batch, threads, seconds):
    x = np.fromfile(rows, np.float32).reshape(-1, FEATURES)
    batches = [x[at:at + batch] for at in range(0, len(x) - batch + 1, batch)]
    if path.suffix == ".ubj":
        model = xgb.Booster({"nthread": threads}, model_file=path)
        matrix = lambda rows: xgb.DMatrix(rows, nthread=threads)
        predict = lambda rows: model.predict(matrix(rows))
        figures = {
            "predict_us": fast(predict, batches, seconds),
            # A matrix for each call: of one that was asked for before, XGBoost remembers the predictions.
            "prepared_us": fast(model.predict, batches, seconds, matrix),
            "inplace_us": fast(model.inplace_predict, batches, seconds),
        }
    else:
        model = lgb.Booster(model_file=path)
        predict = lambda rows: model.predict(rows, num_threads=threads)
        figures = {"predict_us": fast(predict, batches, seconds)}
    resident = peak_resident()
    print(json.dumps(figures | {"predictions": predict(x).flatten().tolist(), "peak_resident_kib": resident}))


if __name__ == "__main__":
    if sys.argv[1] == "train":
        train(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        measure(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), float(sys.argv[6]))
