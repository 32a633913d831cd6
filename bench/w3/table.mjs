// node table.mjs results.tsv: the rows of w3.mjs as one Markdown table.
import fs from 'node:fs'

const rows = new Map()
for (const line of fs.readFileSync(process.argv[2], 'utf8').trim().split('\n')) {
  const [peer, workload, size, metric, value] = line.split('\t')
  const key = [peer, size, workload.replace('w3e', '')].join('\t')
  rows.set(key, { ...rows.get(key), [metric]: value })
}
const number = (value, digits = 0) => value === undefined ? '–' : Number(value).toLocaleString('en', { maximumFractionDigits: digits })
console.log('| peer | posts | edits each | bytes | turns | ms | ms at 50 ms round trip |\n|---|---|---|---|---|---|---|')
for (const [key, row] of rows) {
  const failed = Object.keys(row).find((metric) => metric.startsWith('ERROR'))
  const [peer, size, edits] = key.split('\t')
  console.log(`| ${peer}${failed ? ` (${failed})` : ''} | ${number(size)} | ${edits} | ${number(row.bytes)} | ${number(row.turns)} | ${number(row.answer)} | ${number(row.answer_rtt50)} |`)
}
