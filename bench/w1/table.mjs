// Prints the medians of a TSV of the harness as a table, a row a peer: node table.mjs RESULTS
import fs from 'node:fs'
const columns = [
  ['load_rand', 'load random, k/s', v => v / 1e3], ['load_sorted', 'load sorted, k/s', v => v / 1e3],
  ['get', 'get after reopening, us', v => v], ['get_warm', 'get, warm, us', v => v],
  ['scan', 'scan after reopening, M rows/s', v => v / 1e6], ['scan_warm', 'scan, warm, M rows/s', v => v / 1e6],
  ['commit', 'commits, k/s', v => v / 1e3], ['commit_wchar', 'written a commit, kB', v => v / 1e3],
  ['disk', 'disk, MB', v => v / 1e6], ['rss_peak', 'peak RSS, MB', v => v]
]
const rows = new Map()
for (const line of fs.readFileSync(process.argv[2], 'utf8').trim().split('\n')) {
  const [peer, , , metric, value] = line.split('\t')
  if (!rows.has(peer)) rows.set(peer, new Map())
  const metrics = rows.get(peer)
  if (!metrics.has(metric)) metrics.set(metric, [])
  metrics.get(metric).push(Number(value))
  if (metric.startsWith('ERROR')) console.log(`${peer}: ${metric} ${value}`)
}
const median = values => values.toSorted((a, b) => a - b)[values.length >> 1]
console.log('| | ' + columns.map(c => c[1]).join(' | ') + ' |')
console.log('|---|' + '---|'.repeat(columns.length))
for (const [peer, metrics] of rows) {
  const cell = ([metric, , scale]) => metrics.has(metric) ? String(+scale(median(metrics.get(metric))).toPrecision(3)) : '–'
  console.log(`| ${peer} | ` + columns.map(cell).join(' | ') + ' |')
}
