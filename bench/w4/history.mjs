// node history.mjs FOLDER SIZES COMMITS: sizes of a store in which COMMITS commits change the text of one
// post each, before and after `copse gc --shallow`, beside a store into which the same posts were imported;
// and what an insert adds. COPSE is the command; FOLDER has gen.mjs and takes the stores.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

const [folder, sizes, commits] = [process.argv[2], process.argv[3].split(' ').map(Number), Number(process.argv[4])]
const { posts, text, rng } = await import(path.resolve(folder, 'gen.mjs'))
const INSERTS = 100

function copse (args, input = '') {
  return execFileSync(process.env.COPSE, args, {
    cwd: folder, input, maxBuffer: 1 << 30, stdio: 'pipe', encoding: 'utf8',
    env: { ...process.env, COPSE_HISTORY: path.join(folder, 'shell') }
  })
}

const lines = documents => documents.map(document => JSON.stringify(document) + '\n').join('')
const size = store => fs.readdirSync(path.join(folder, store))
  .reduce((sum, name) => sum + fs.statSync(path.join(folder, store, name)).size, 0)
const blocks = store => JSON.parse(copse(['gc', store, '--dry-run', '--json'])).blocks

function build (store, documents) {
  copse(['import', store, 'posts', '-', '--durability', 'off'], lines(documents))
  for (const index of ['tags[],-createdAt', 'createdAt', 'author,-createdAt']) {
    copse(['index', store, 'posts', index, '--durability', 'off'])
  }
}

// Each script line is a commit.
const shell = (store, script) => copse(['shell', store], script.join('\n') + '\n')

function measure (count) {
  const random = rng(4)
  const documents = posts(count + INSERTS)
  const later = documents.splice(count)
  build('history', documents)
  const before = { size: size('history'), blocks: blocks('history') }
  shell('history', Array.from({ length: commits }, (_, i) => {
    const post = documents[random() % count]
    return `db.posts.updateOne({_id: ${JSON.stringify(post._id)}}, {$set: {text: ${JSON.stringify(text(i, 1))}}})`
  }))
  const after = { size: size('history'), blocks: blocks('history') }
  const began = Date.now()
  copse(['gc', 'history', '--shallow'])
  const seconds = (Date.now() - began) / 1000
  const shallow = size('history')
  build('fresh', copse(['export', 'history', 'posts']).trim().split('\n').map(line => JSON.parse(line)))
  copse(['gc', 'fresh', '--shallow'])
  const fresh = size('fresh')
  if (copse(['tree', 'root', 'fresh']) !== copse(['tree', 'root', 'history'])) {
    throw new Error('the two are not the same database')
  }
  shell('fresh', later.map(post => `db.posts.insertOne(${JSON.stringify(post)})`))
  const inserted = size('fresh') - fresh
  fs.rmSync(path.join(folder, 'history'), { recursive: true })
  fs.rmSync(path.join(folder, 'fresh'), { recursive: true })
  return [count, fresh, Math.round((after.size - before.size) / commits),
    ((after.blocks - before.blocks) / commits).toFixed(1), after.size, shallow, (shallow / fresh).toFixed(4),
    Math.round(inserted / INSERTS), seconds.toFixed(2)]
}

console.log(`${commits} commits, each of another text of one post; ${INSERTS} inserts\n`)
console.log('| posts | imported, B | a commit, B | blocks | with history, B | after `gc --shallow`, B | ratio | an insert, B | gc, s |')
console.log('|---|---|---|---|---|---|---|---|---|')
for (const count of sizes) {
  console.log(`| ${measure(count).map(value => typeof value === 'number' ? value.toLocaleString('en') : value).join(' | ')} |`)
}
