// Reads a database through Helia, the IPFS node in JavaScript, from `copse serve` as its only peer: its
// trustless gateway block broker fetches each block by CID and verifies it.
//
//   node helia_check.mjs COPSE FOLDER
import { trustlessGateway } from '@helia/block-brokers'
import { httpGatewayRouting } from '@helia/routers'
import { defaultLogger } from '@libp2p/logger'
import * as dagCbor from '@ipld/dag-cbor'
import { MemoryBlockstore } from 'blockstore-core'
import { MemoryDatastore } from 'datastore-core'
import assert from 'node:assert/strict'
import { CID } from 'multiformats/cid'
import { documentsOf, linksOf, makeDatabase, serveDatabase } from './serve_support.mjs'

// Helia expects a newer Node than Debian's.
Promise.withResolvers ??= function () {
  let resolve, reject
  const promise = new Promise((a, b) => { resolve = a; reject = b })
  return { promise, resolve, reject }
}
const { Helia } = await import('@helia/utils')

const [copse, folder] = process.argv.slice(2)

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

async function check (url, documents) {
  const head = await (await fetch(`${url}/copse/v1/serve`)).json()
  const gateway = httpGatewayRouting({ gateways: [url], shuffle: false })
  const helia = new Helia({
    blockstore: new MemoryBlockstore(),
    datastore: new MemoryDatastore(),
    blockBrokers: [trustlessGateway({ allowInsecure: true, allowLocal: true })],
    routers: [gateway],
    logger: defaultLogger(),
    start: false
  })
  const blocks = new Map()
  const next = [CID.parse(head.head['/'])]
  while (next.length > 0) {
    const cid = next.pop()
    if (!blocks.has(`${cid}`)) {
      const bytes = await bytesOf(helia.blockstore.get(cid, { signal: AbortSignal.timeout(20_000) }))
      blocks.set(`${cid}`, bytes)
      next.push(...linksOf(dagCbor.decode(bytes)).reverse())
    }
  }
  assert.deepEqual(documentsOf([...blocks.values()].map((bytes) => dagCbor.decode(bytes))), documents)
  await assert.rejects(bytesOf(helia.blockstore.get(
    CID.parse('bafyreifepiu23okq5zuyvyhsoiazv2icw2van3s7ko6d3ixl5jx2yj2yhu'), { signal: AbortSignal.timeout(2_000) })))
  console.log(`Helia found ${documents.size} documents in ${blocks.size} blocks`)
}

const documents = makeDatabase(copse, folder)
await serveDatabase(copse, folder, (url) => check(url, documents))
process.exit(0)
