// Prints the medians of a TSV of results as a table, a line a metric: node table.mjs RESULTS
import fs from 'node:fs'
const lines = [
  ['load', 'load, docs/s', 1], ['rss_load', 'peak memory of the load, MB', 0], ['disk', 'disk, MB', 0, 1e-6],
  ['q_tag', 'first 32 of a tag, newest first, us', 0], ['q_tag_covered', 'the same, covered, us', 0],
  ['q_month', 'one month of posts, us', 0], ['q_author', "an author's last 20, us", 0],
  ['q_scan', 'filter on an unindexed field, ms', 0, 1e-3], ['insert', 'inserts, each committed, /s', 1],
  ['insert_wchar', 'written a commit, kB', 0, 1e-3], ['update', 'updates of an indexed field by _id, each committed, /s', 1],
  ['update_cpu', 'processor time of one, us', 0], ['update_wchar', 'written a commit, kB', 0, 1e-3],
  ['group', 'group by author, ms', 0, 1e-3], ['diff', 'two versions with one changed document, us', 0],
  ['index', 'index on a text field, s', 0]
]
const values = new Map()
for (const line of fs.readFileSync(process.argv[2], 'utf8').trim().split('\n')) {
  const [peer, , , metric, value, unit] = line.split('\t')
  if (unit === 'WRONG') console.log(`${peer}: ${metric} ${value}: wrong`)
  const key = `${peer} ${metric}`
  if (!values.has(key)) values.set(key, [])
  values.get(key).push(Number(value))
}
const median = key => values.has(key) ? values.get(key).toSorted((a, b) => a - b)[values.get(key).length >> 1] : NaN
console.log('| | Copse | SQLite | ratio |\n|---|---|---|---|')
for (const [metric, label, more, scale = 1] of lines) {
  const [copse, sqlite] = [median(`copse ${metric}`), median(`sqlite ${metric}`)]
  const show = v => Number.isNaN(v) ? '–' : String(+(v * scale).toPrecision(3))
  const ratio = more ? copse / sqlite : sqlite / copse
  console.log(`| ${label} | ${show(copse)} | ${show(sqlite)} | ${Number.isNaN(ratio) ? '–' : ratio.toFixed(2) + ' ×'} |`)
}
