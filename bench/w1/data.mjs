// Writes the data of workload W1 for N entries: node data.mjs GEN N
import fs from 'node:fs'
import path from 'node:path'
const { kv, w1plan } = await import(path.resolve(process.argv[2]))
const n = Number(process.argv[3])
const { keys, vals } = kv(n)
const plan = w1plan(keys)
fs.mkdirSync('data', { recursive: true })
fs.writeFileSync(`data/kv-${n}.bin`, Buffer.concat(keys.flatMap((k, i) => [Buffer.from(k), vals[i]])))
fs.writeFileSync(`data/plan-${n}.bin`, Buffer.concat([
  ...plan.gets.map(k => Buffer.from(k)),
  ...plan.starts.map(k => Buffer.from(k)),
  ...plan.upKeys.flatMap((k, i) => [Buffer.from(k), plan.upVals[i]])
]))
