// Reads what `copse publish --static` writes with software of others alone: @ipld/car,
// @ipld/dag-cbor, multiformats. Nothing of Copse is running.
//
//   node static_check.mjs COPSE FOLDER
//
// Of the CAR: every section is verified, the root is the first, the index names every section, and
// a walk over links finds all documents. Of the blocks: every file is what its name says.
import { CarIndexer, CarReader } from '@ipld/car'
import * as dagCbor from '@ipld/dag-cbor'
import { execFileSync } from 'node:child_process'
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { documentsOf, linksOf, makeDatabase } from './serve_support.mjs'

const [copse, folder] = process.argv.slice(2)

async function verify (cid, bytes) {
  const digest = await sha256.digest(bytes)
  assert.deepEqual(cid.multihash.bytes, digest.bytes, `${cid} is not of its bytes`)
}

// The records of a MultihashIndexSorted of sha2-256: digest -> offset in the payload.
function indexOf (file) {
  const at = Number(file.readBigUInt64LE(43))
  assert.deepEqual([...file.subarray(at, at + 2)], [0x81, 0x08])
  assert.equal(file.readInt32LE(at + 2), 1) // hash codes
  assert.equal(file.readBigUInt64LE(at + 6), 0x12n)
  assert.equal(file.readInt32LE(at + 14), 1) // widths
  assert.equal(file.readUInt32LE(at + 18), 40)
  const size = Number(file.readBigUInt64LE(at + 22))
  assert.equal(at + 30 + size, file.length)
  const records = new Map()
  for (let i = at + 30; i < file.length; i += 40) {
    records.set(file.subarray(i, i + 32).toString('hex'), Number(file.readBigUInt64LE(i + 32)))
  }
  return records
}

const documents = makeDatabase(copse, folder)
const database = `${folder}/serve.copse`
const www = `${folder}/www`
rmSync(www, { recursive: true, force: true })
for (const form of [[], ['--blocks']]) {
  execFileSync(copse, ['publish', database, '--static', www, '--name', 'blog', ...form])
}

const file = readFileSync(`${www}/blog.car`)
const said = JSON.parse(readFileSync(`${www}/blog.json`))
const reader = await CarReader.fromBytes(file)
const [root] = await reader.getRoots()
assert.equal(reader.version, 2)
assert.equal(`${root}`, said.head['/'])
assert.equal(file[11] & 0x80, 0x80) // fully indexed
const blocks = new Map()
let sections = 0
for await (const { cid, bytes } of reader.blocks()) {
  await verify(cid, bytes)
  assert.equal(sections++ === 0, cid.equals(root))
  blocks.set(`${cid}`, bytes)
}

const payload = file.subarray(51, 51 + Number(file.readBigUInt64LE(35)))
const records = indexOf(file)
for await (const entry of await CarIndexer.fromBytes(payload)) {
  assert.equal(records.get(Buffer.from(entry.cid.multihash.digest).toString('hex')), entry.offset)
}

function walk (get) {
  const found = new Map()
  const next = [CID.parse(said.tree['/'])]
  while (next.length > 0) {
    const cid = next.pop()
    if (!found.has(`${cid}`)) {
      const value = dagCbor.decode(get(cid))
      found.set(`${cid}`, value)
      next.push(...linksOf(value).reverse())
    }
  }
  return [...found.values()]
}
assert.deepEqual(documentsOf(walk((cid) => blocks.get(`${cid}`))), documents)

const names = readdirSync(`${www}/ipfs`)
for (const name of names) {
  await verify(CID.parse(name), readFileSync(`${www}/ipfs/${name}`))
}
assert.equal(names.length, said.count)
assert.deepEqual(documentsOf(walk((cid) => readFileSync(`${www}/ipfs/${cid}`))), documents)
const head = dagCbor.decode(readFileSync(`${www}/copse/v1/blog`))
assert.ok(head.head.equals(root) && `${head.tree}` === said.tree['/'])

console.log(`static: ${sections} sections, ${names.length} files, ${documents.size} documents: as they were`)
