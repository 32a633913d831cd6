// Copse's row of workload W3 in the peers' harness: `copse serve` at the one end, `copse find URL` with an
// empty cache at the other. Variants:
//   copse           documents in the leaves          copse+linked   in blocks of their own, index --link
//   copse+covered   answered from the index alone    copse+blocks   inline, block by block
// COPSE is the command.
import { execFileSync, spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

const copse = process.env.COPSE
const question = ['posts', '{"tags":"cats"}', '--sort', '-createdAt', '--limit', '32', '--json']

function writePosts (file, posts) {
  const out = fs.openSync(file, 'w')
  for (let at = 0; at < posts.length; at += 10000) {
    fs.writeSync(out, posts.slice(at, at + 10000).map((post) => JSON.stringify(post) + '\n').join(''))
  }
  fs.closeSync(out)
}

// Builds the database, each edit of all posts a commit of its own, and serves it.
export async function serve (gens, port, dir, variant) {
  const run = (...args) => execFileSync(copse, [...args, '--durability', 'off'], { stdio: ['ignore', 'ignore', 'inherit'] })
  const database = path.join(dir, 'w3.copse')
  const file = path.join(dir, 'posts.ndjson')
  const linked = variant === 'linked'
  for (let edit = 0; edit <= gens.edits; edit++) {
    writePosts(file, gens(edit))
    run('import', database, 'posts', file, ...(edit > 0 ? ['--upsert'] : linked ? ['--documents', 'linked'] : []))
    if (edit === 0) {
      run('index', database, 'posts', 'tags[],-createdAt', ...(linked ? ['--link'] : variant === 'covered' ? ['--include', 'text'] : []))
      run('index', database, 'posts', 'createdAt')
      run('index', database, 'posts', 'author,-createdAt')
    }
  }
  fs.rmSync(file)
  const server = spawn(copse, ['serve', database, '--listen', `127.0.0.1:${port}`, '--json'], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((resolve) => server.stdout.once('data', resolve))
  process.on('exit', () => server.kill('SIGKILL'))
  process.on('SIGTERM', () => process.exit(0))
  return {}
}

// The whole command, its start included.
export async function client (dir, port, info, variant) {
  const output = execFileSync(copse, ['find', `http://127.0.0.1:${port}/w3`, ...question, '--cache', path.join(dir, 'cache'),
    ...(variant === 'covered' ? ['--project', 'text'] : []), ...(variant === 'blocks' ? ['--verify', 'blocks'] : [])])
  return output.toString().trim().split('\n').map((line) => JSON.parse(line))
}
