// Reads a database from `copse serve` with software of others alone: fetch, @ipld/car,
// @ipld/dag-cbor, multiformats.
//
//   node serve_check.mjs COPSE FOLDER
//
// The documents are found three times: by walking the links block by block, in the CAR of the whole
// tree, and by asking for many blocks at once. Each block is verified against its CID.
import { CarReader } from '@ipld/car'
import * as dagCbor from '@ipld/dag-cbor'
import assert from 'node:assert/strict'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { documentsOf, linksOf, makeDatabase, serveDatabase } from './serve_support.mjs'

const [copse, folder] = process.argv.slice(2)

async function verify (cid, bytes) {
  const digest = await sha256.digest(bytes)
  assert.deepEqual(cid.multihash.bytes, digest.bytes, `${cid} is not of its bytes`)
}

const valuesOf = (blocks) => [...blocks.values()].map((bytes) => dagCbor.decode(bytes))

async function get (url, options) {
  const response = await fetch(url, options)
  assert.equal(response.status, 200, url)
  return new Uint8Array(await response.arrayBuffer())
}

async function walk (url, root) {
  const blocks = new Map()
  const next = [root]
  while (next.length > 0) {
    const cid = next.pop()
    if (!blocks.has(`${cid}`)) {
      const bytes = await get(`${url}/ipfs/${cid}`, { headers: { accept: 'application/vnd.ipld.raw' } })
      await verify(cid, bytes)
      blocks.set(`${cid}`, bytes)
      next.push(...linksOf(dagCbor.decode(bytes)).reverse())
    }
  }
  return blocks
}

async function readCar (bytes) {
  const reader = await CarReader.fromBytes(bytes)
  const blocks = new Map()
  for await (const block of reader.blocks()) {
    await verify(block.cid, block.bytes)
    blocks.set(`${block.cid}`, block.bytes)
  }
  return { roots: (await reader.getRoots()).map(String), blocks }
}

async function check (url) {
  const head = await (await fetch(`${url}/copse/v1/serve`)).json()
  const root = CID.parse(head.tree['/'])
  const asCbor = dagCbor.decode(await get(`${url}/copse/v1/serve`, { headers: { accept: 'application/vnd.ipld.dag-cbor' } }))
  assert.equal(`${asCbor.tree}`, `${root}`)
  const commit = dagCbor.decode(await get(`${url}/ipfs/${head.head['/']}?format=raw`))
  assert.equal(`${commit.tree}`, `${root}`)

  const walked = await walk(url, root)
  assert.deepEqual(documentsOf(valuesOf(walked)), documents)

  const car = await readCar(await get(`${url}/ipfs/${root}?format=car`))
  assert.deepEqual(car.roots, [`${root}`])
  assert.deepEqual([...car.blocks.keys()], [...walked.keys()], 'depth first, links in order')
  const byPath = await readCar(await get(`${url}/ipfs/${head.head['/']}/tree?format=car`))
  assert.deepEqual([...byPath.blocks.keys()], [head.head['/'], ...walked.keys()], 'the path, then the DAG')

  const cids = [...walked.keys()].reverse().map((text) => CID.parse(text))
  const batch = await readCar(await get(`${url}/copse/v1/blocks`, { method: 'POST', body: dagCbor.encode(cids) }))
  assert.deepEqual([...batch.blocks.keys()], cids.map(String))
  assert.deepEqual(documentsOf(valuesOf(batch.blocks)), documents)
  console.log(`${documents.size} documents in ${walked.size} blocks: by walking, in a CAR, in a batch`)
}

const documents = makeDatabase(copse, folder)
await serveDatabase(copse, folder, check)
