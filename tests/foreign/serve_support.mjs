// What the checks of `copse serve` share: a database, a server of it, and reading what it serves.
import { execFileSync, spawn } from 'node:child_process'
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'

// Links of a block, in the order of its bytes.
export function linksOf (value, found = []) {
  const cid = CID.asCID(value)
  if (cid !== null) {
    found.push(cid)
  } else if (value !== null && typeof value === 'object' && !(value instanceof Uint8Array)) {
    for (const member of Object.values(value)) {
      linksOf(member, found)
    }
  }
  return found
}

// The documents in the leaves and blocks of a tree, from their decoded blocks.
export function documentsOf (values) {
  const found = new Map()
  const add = (value) => {
    if (value !== null && typeof value === 'object' && typeof value._id === 'number' && 'text' in value) {
      found.set(value._id, value)
    }
  }
  for (const value of values) {
    add(value)
    if (Array.isArray(value) && value[0] === true) {
      value[2].forEach(add)
    }
  }
  return found
}

const databaseIn = (folder) => join(folder, 'serve.copse')

// Makes the database 'serve' of 500 posts; returns them by their ids.
export function makeDatabase (copse, folder) {
  const documents = new Map()
  for (let id = 1; id <= 500; id++) {
    // Every tenth is too large for a leaf, and is a block of its own.
    documents.set(id, { _id: id, text: `post ${id} `.repeat(id % 10 === 0 ? 200 : 5), n: id / 4 })
  }
  rmSync(databaseIn(folder), { recursive: true, force: true })
  execFileSync(copse, ['init', databaseIn(folder)])
  execFileSync(copse, ['insert', databaseIn(folder), 'posts', '-'],
    { input: [...documents.values()].map((document) => JSON.stringify(document)).join('\n') })
  return documents
}

// Serves it, and other databases and files, while `use(url)` runs.
export async function serveDatabase (copse, folder, use, others = []) {
  const server = spawn(copse, ['serve', databaseIn(folder), ...others, '--listen', '127.0.0.1:0', '--json'],
    { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => server.on('exit', resolve))
  try {
    const { url } = JSON.parse(await new Promise((resolve) => server.stdout.once('data', resolve)))
    await use(url)
  } finally {
    server.kill('SIGTERM')
  }
  assert.equal(await ended, 0)
}
