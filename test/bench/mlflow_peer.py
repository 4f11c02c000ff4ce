"""MLflow's part of the store's benchmark; its whole answer is the last line of stdout, JSON."""
import json
import sqlite3
import sys
import time


def value(run, column):
    """A number in [0, 1) that looks random; the same as `noise` of many-params.ts."""
    x = ((run + 1) * 0x9E3779B1 ^ (column + 1) * 0x85EBCA6B) & 0xFFFFFFFF
    x = (x ^ (x >> 16)) * 0x85EBCA6B & 0xFFFFFFFF
    return ((x ^ (x >> 16)) & 0xFFFFFFFF) / 2**32


def store(file):
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    return SqlAlchemyStore(f"sqlite:///{file}", f"{file}.artifacts")


def fill(file, runs, columns):
    """Runs with `columns` values each, half of them parameters and half metrics, written past MLflow by SQL."""
    store(file)
    database = sqlite3.connect(file)
    database.execute("PRAGMA synchronous = OFF")
    ids = [f"{run:032x}" for run in range(runs)]
    now = int(time.time() * 1000)
    half = columns // 2
    database.executemany(
        "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)"
        " VALUES (?, ?, 'LOCAL', '', '', 'bench', 'FINISHED', ?, ?, '', 'active', '', 0)",
        ((id, f"run-{run}", now - (runs - run) * 1000, now - (runs - run) * 1000 + 500) for run, id in enumerate(ids)),
    )
    database.executemany(
        "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
        ((f"p{column:03}", f"v{int(value(run, column) * 20)}", id) for run, id in enumerate(ids) for column in range(half)),
    )
    database.executemany(
        "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, ?, 100, 0, ?)",
        ((f"m{column:03}", value(run, 1000 + column), now, id) for run, id in enumerate(ids) for column in range(half)),
    )
    database.commit()
    database.execute("ANALYZE")
    database.commit()


def history(file, points):
    """One series of so many points; @returns its run."""
    from mlflow.entities import Metric

    opened = store(file)
    run = opened.create_run("0", "bench", 0, [], "long series").info.run_id
    opened.log_batch(run, [Metric("loss", 0.5, 0, 0)], [], [])
    database = sqlite3.connect(file)
    database.execute("PRAGMA synchronous = OFF")
    database.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ? - 1)"
        " INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) SELECT 'loss', (i * 7919 % 1000003) / 1000003.0, i, ?, i, 0 FROM n",
        (points, run),
    )
    database.execute("UPDATE latest_metrics SET step = ?, timestamp = ? WHERE run_uuid = ?", (points - 1, points - 1, run))
    database.commit()
    return run


def ingest(file, seconds):
    """Points a second that its own store takes in-process, in batches of 1,000."""
    from mlflow.entities import Metric

    opened = store(file)
    run = opened.create_run("0", "bench", 0, [], "ingest").info.run_id
    logged, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        opened.log_batch(run, [Metric(f"m{key}", key + logged, logged, logged + step) for key in range(10) for step in range(100)], [], [])
        logged += 1000
    return logged / (time.perf_counter() - start)


def opening(file):
    """Milliseconds until its store has answered what experiments there are; importing is not counted."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore  # noqa: F401

    start = time.perf_counter()
    store(file).search_experiments()
    return (time.perf_counter() - start) * 1000


def log_batch(uris, rounds, keys):
    """Milliseconds of a log_batch of 1,000 values of so many metrics through the client, one server after the other in turn."""
    from mlflow import MlflowClient
    from mlflow.entities import Metric

    clients = [MlflowClient(uri) for uri in uris]
    runs = [client.create_run("0").info.run_id for client in clients]
    times = [[] for _ in uris]
    for turn in range(rounds + 1):
        steps = 1000 // keys
        metrics = [Metric(f"m{key}", turn + key * 0.5 + step * 1e-3, 1_700_000_000_000 + turn, turn * steps + step) for key in range(keys) for step in range(steps)]
        for client, run, took in zip(clients, runs, times):
            start = time.perf_counter()
            client.log_batch(run, metrics=metrics)
            # The first opens the connection.
            if turn > 0:
                took.append((time.perf_counter() - start) * 1000)
    return times


command, *arguments = sys.argv[1:]
answer = None
if command == "fill":
    fill(arguments[0], int(arguments[1]), int(arguments[2]))
elif command == "history":
    answer = history(arguments[0], int(arguments[1]))
elif command == "ingest":
    answer = ingest(arguments[0], float(arguments[1]))
elif command == "open":
    answer = opening(arguments[0])
elif command == "log-batch":
    answer = log_batch(arguments[2:], int(arguments[0]), int(arguments[1]))
else:
    raise SystemExit(f"unknown command {command}")
print(json.dumps(answer))
