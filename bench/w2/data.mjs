// Writes the posts of workload W2: node data.mjs GEN N
import fs from 'node:fs'
import path from 'node:path'
const { posts } = await import(path.resolve(process.argv[2]))
const n = Number(process.argv[3])
fs.mkdirSync('data', { recursive: true })
const write = (name, documents) => {
  const file = fs.openSync(`data/${name}-${n}.ndjson`, 'w')
  let text = ''
  for (const document of documents) {
    text += JSON.stringify(document) + '\n'
    if (text.length > 1e6) { fs.writeSync(file, text); text = '' }
  }
  fs.writeSync(file, text)
  fs.closeSync(file)
}
const all = posts(n)
write('posts', all)
// A thousand more, of other ids and times between those that are there.
write('more', all.filter((_, i) => i % Math.max(1, Math.floor(n / 1000)) === 0).slice(0, 1000)
  .map(p => ({ ...p, _id: p._id.slice(0, 20) + 'beef', createdAt: p.createdAt + 1 })))
// Four thousand that are updated, all over the collection.
const step = Math.max(1, Math.floor(n / 4000))
fs.writeFileSync(`data/ids-${n}.ndjson`, all.filter((_, i) => i % step === step >> 1).map(p => p._id + '\n')
  .sort((a, b) => a.slice(-9) < b.slice(-9) ? -1 : 1).join(''))
