// Logs points at a steady rate over the tracking API, in batches of 1,000 of ten series, one batch after the other on
// each of two connections. `steady-writer.mjs URI POINTS_PER_SECOND SECONDS`; prints the points a second that were taken.
const [uri, rate, seconds] = process.argv.slice(2);
const batch = 1000;

async function post(path, body) {
  const answer = await fetch(`${uri}/api/2.0/mlflow/${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${text}`);
  return JSON.parse(text);
}

const runs = await Promise.all([0, 1].map(async (writer) => (await post('runs/create', { experiment_id: '0', start_time: Date.now(), run_name: `writer ${writer}` })).run.info.run_id));
const start = performance.now();
const end = start + Number(seconds) * 1000;
let taken = 0;

async function write(run, place) {
  for (let turn = 0; performance.now() < end; turn += 1) {
    const due = start + ((turn * runs.length + place) * batch * 1000) / Number(rate);
    const pause = due - performance.now();
    if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
    const timestamp = Date.now();
    const metrics = Array.from({ length: batch }, (_, index) => ({ key: `m${index % 10}`, value: Math.sin(turn + index), timestamp, step: turn * 100 + Math.floor(index / 10) }));
    await post('runs/log-batch', { run_id: run, metrics });
    taken += batch;
  }
}

await Promise.all(runs.map(write));
process.stdout.write(String(taken / ((performance.now() - start) / 1000)));
