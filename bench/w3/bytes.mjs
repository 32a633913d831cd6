// node bytes.mjs HARNESS SIZES: what the query of W3 costs a peer with an empty cache, by the counts of
// `copse find --explain --json`: wire bytes both ways, blocks, round trips; for posts in the leaves, in
// blocks of their own, and answered from the index; with ids in the order of time, and random ones.
// Flights: round trips that a cold TCP connection needs for the answer, beginning with ten segments of
// 1,460 bytes and doubling. COPSE is the command.
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'

const [harness, sizes] = process.argv.slice(2)
const copse = process.env.COPSE
const { posts } = await import(path.resolve(harness, 'gen.mjs'))
const folder = path.join(harness, 'bytes')

const variants = {
  inline: { import: [], index: [], find: [] },
  linked: { import: ['--documents', 'linked'], index: ['--link'], find: [] },
  covered: { import: [], index: ['--include', 'text'], find: ['--project', 'text'] }
}

function build (database, size, random, variant) {
  const file = path.join(folder, 'posts.ndjson')
  const out = fs.openSync(file, 'w')
  for (const post of posts(size)) {
    if (random) {
      post._id = createHash('sha256').update(post._id).digest('hex').slice(0, 24)
    }
    fs.writeSync(out, JSON.stringify(post) + '\n')
  }
  fs.closeSync(out)
  const run = (...args) => execFileSync(copse, args, { stdio: ['ignore', 'ignore', 'ignore'] })
  run('import', database, 'posts', file, '--durability', 'off', ...variant.import)
  run('index', database, 'posts', 'tags[],-createdAt', '--durability', 'off', ...variant.index)
  run('index', database, 'posts', 'createdAt', '--durability', 'off')
  run('index', database, 'posts', 'author,-createdAt', '--durability', 'off')
  fs.rmSync(file)
}

async function serve (database, use) {
  const server = spawn(copse, ['serve', database, '--listen', '127.0.0.1:0', '--json'], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    use(JSON.parse(await new Promise((resolve) => server.stdout.once('data', resolve))).url)
  } finally {
    server.kill('SIGTERM')
  }
}

function flights (bytes) {
  let count = 0
  for (let window = 10 * 1460; bytes > 0; window *= 2, count++) {
    bytes -= window
  }
  return count
}

console.log('| posts | ids | documents | way | bytes | blocks | round trips | flights |\n|---|---|---|---|---|---|---|---|')
for (const size of sizes.split(',').map(Number)) {
  for (const random of [false, true]) {
    for (const [name, variant] of Object.entries(variants)) {
      fs.rmSync(folder, { recursive: true, force: true })
      fs.mkdirSync(folder, { recursive: true })
      const database = path.join(folder, 'w3.copse')
      build(database, size, random, variant)
      await serve(database, (url) => {
        for (const way of ['answer', 'blocks']) {
          const explained = JSON.parse(execFileSync(copse, ['find', `${url}/w3`, 'posts', '{"tags":"cats"}', '--sort', '-createdAt',
            '--limit', '32', ...variant.find, '--verify', way, '--cache', path.join(folder, `cache-${way}`), '--explain', '--json']))
          const bytes = explained.bytes_fetched + explained.bytes_sent
          console.log(`| ${size.toLocaleString('en')} | ${random ? 'random' : 'in time'} | ${name} | ${way} | ${bytes.toLocaleString('en')} | ${explained.blocks_fetched} | ${explained.round_trips} | ${way === 'answer' ? flights(explained.bytes_fetched) : '–'} |`)
        }
      })
    }
  }
}
fs.rmSync(folder, { recursive: true, force: true })
