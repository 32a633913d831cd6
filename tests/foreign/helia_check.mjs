// Reads databases through Helia, the IPFS node in JavaScript, from `copse serve` as its only peer: its
// trustless gateway block broker fetches each block by CID and verifies it. It is told of the server once
// as a gateway, and once only as a delegated router, which it asks who has a block.
//
//   node helia_check.mjs COPSE FOLDER VECTORS
import { trustlessGateway } from '@helia/block-brokers'
import { delegatedHTTPRouting, httpGatewayRouting } from '@helia/routers'
import { defaultLogger } from '@libp2p/logger'
import { CarReader } from '@ipld/car'
import * as dagCbor from '@ipld/dag-cbor'
import { MemoryBlockstore } from 'blockstore-core'
import { MemoryDatastore } from 'datastore-core'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { documentsOf, linksOf, makeDatabase, serveDatabase } from './serve_support.mjs'

// Helia expects a newer Node than Debian's.
Promise.withResolvers ??= function () {
  let resolve, reject
  const promise = new Promise((a, b) => { resolve = a; reject = b })
  return { promise, resolve, reject }
}
const { Helia } = await import('@helia/utils')

const [copse, folder, vectors] = process.argv.slice(2)
const missing = CID.parse('bafyreifepiu23okq5zuyvyhsoiazv2icw2van3s7ko6d3ixl5jx2yj2yhu')

async function bytesOf (source) { // a Promise of bytes, or an iterable of them, by version
  const found = await source
  if (found instanceof Uint8Array) {
    return found
  }
  const parts = []
  for await (const part of found) {
    parts.push(part)
  }
  return Buffer.concat(parts)
}

function heliaOf (router) {
  return new Helia({
    blockstore: new MemoryBlockstore(),
    datastore: new MemoryDatastore(),
    blockBrokers: [trustlessGateway({ allowInsecure: true, allowLocal: true })],
    routers: [router],
    logger: defaultLogger(),
    start: false
  })
}

const get = (helia, cid, ms = 20_000) => bytesOf(helia.blockstore.get(cid, { signal: AbortSignal.timeout(ms) }))

// All blocks of the database, by their CIDs.
async function checkDatabase (helia, url, documents) {
  const head = await (await fetch(`${url}/copse/v1/serve`)).json()
  const blocks = new Map()
  const next = [CID.parse(head.head['/'])]
  while (next.length > 0) {
    const cid = next.pop()
    if (!blocks.has(`${cid}`)) {
      const bytes = await get(helia, cid)
      blocks.set(`${cid}`, bytes)
      next.push(...linksOf(dagCbor.decode(bytes)).reverse())
    }
  }
  assert.deepEqual(documentsOf([...blocks.values()].map((bytes) => dagCbor.decode(bytes))), documents)
  await assert.rejects(get(helia, missing, 2_000))
  console.log(`Helia found ${documents.size} documents in ${blocks.size} blocks`)
}

// All blocks of a CAR file, of whatever codec.
async function checkFile (helia, file) {
  const reader = await CarReader.fromBytes(readFileSync(file))
  let count = 0
  for await (const { cid, bytes } of reader.blocks()) {
    assert.deepEqual(Buffer.from(await get(helia, cid)), Buffer.from(bytes))
    count++
  }
  console.log(`Helia got ${count} blocks of ${file}`)
}

async function check (url, documents, files) {
  await checkDatabase(heliaOf(httpGatewayRouting({ gateways: [url], shuffle: false })), url, documents)
  const routed = heliaOf(delegatedHTTPRouting({ url }))
  await checkDatabase(routed, url, documents)
  for (const file of files) {
    await checkFile(routed, file)
  }
}

const documents = makeDatabase(copse, folder)
const files = ['dag-cbor-traversal.car', 'dir-with-duplicate-files.car', 'gateway-json-cbor.car']
  .map((name) => join(vectors, 'gateway', name))
await serveDatabase(copse, folder, (url) => check(url, documents, files), files)
process.exit(0)
