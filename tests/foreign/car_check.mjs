// Checks Copse's CARs and DAG-JSON with the JavaScript implementations, and theirs with Copse's.
//
//   node car_check.mjs FOLDER CAR_MAKE     after: CAR_MAKE write FOLDER
import { execFileSync } from 'node:child_process'
import { createReadStream, readFileSync, writeFileSync } from 'node:fs'
import assert from 'node:assert/strict'
import { CarReader, CarBlockIterator, CarWriter, CarIndexer } from '@ipld/car'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { sha256 } from 'multiformats/hashes/sha2'

const [folder, carMake] = process.argv.slice(2)
const BLOCKS = 500

async function verify ({ cid, bytes }) {
  assert.equal(cid.multihash.code, sha256.code)
  const digest = await sha256.digest(bytes)
  assert.deepEqual(digest.digest, cid.multihash.digest)
}

// What Copse wrote is read whole, by both of the readers, and every block is right.
for (const name of ['v1.car', 'v2.car']) {
  const reader = await CarReader.fromBytes(readFileSync(`${folder}/${name}`))
  assert.equal(reader.version, name === 'v1.car' ? 1 : 2)
  const [root] = await reader.getRoots()
  const seen = []
  for await (const block of reader.blocks()) {
    await verify(block)
    seen.push(block.cid.toString())
  }
  assert.equal(seen.length, BLOCKS)
  assert.equal(seen[0], root.toString())
  let streamed = 0
  for await (const { cid } of await CarBlockIterator.fromIterable(createReadStream(`${folder}/${name}`, { highWaterMark: 777 }))) {
    assert.equal(cid.toString(), seen[streamed++])
  }
  assert.equal(streamed, BLOCKS)
}
for await (const entry of await CarIndexer.fromBytes(readFileSync(`${folder}/v1.car`))) {
  assert.ok(entry.blockLength <= 64)
}

// DAG-CBOR blocks decode; those that JavaScript can hold (it makes 1.0 an integer) encode again to
// the same block, and their DAG-JSON is the same to the byte.
const lines = readFileSync(`${folder}/cbor.jsonl`, 'utf8').split('\n')
let same = 0
let at = 0
for await (const block of (await CarReader.fromBytes(readFileSync(`${folder}/cbor.car`))).blocks()) {
  const line = lines[at++]
  await verify(block)
  const value = dagCbor.decode(block.bytes)
  if (Buffer.compare(dagCbor.encode(value), block.bytes) !== 0) {
    continue
  }
  assert.equal(new TextDecoder().decode(dagJson.encode(value)), line)
  const back = dagCbor.encode(dagJson.decode(new TextEncoder().encode(line)))
  assert.equal(Buffer.compare(back, block.bytes), 0)
  same++
}
assert.equal(at, BLOCKS)
assert.ok(same > BLOCKS / 2, `only ${same} blocks compared`)

// What the JavaScript writer wrote is read by Copse, which verifies each block.
const blocks = []
for (let i = 0; i < BLOCKS; i++) {
  const bytes = new Uint8Array(i * 7 % 3000).fill(i)
  blocks.push({ cid: CID.createV1(raw.code, await sha256.digest(bytes)), bytes })
}
const { writer, out } = CarWriter.create([blocks[3].cid, blocks[4].cid])
const collected = (async () => {
  const chunks = []
  for await (const chunk of out) {
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
})()
for (const block of blocks) {
  await writer.put(block)
}
await writer.close()
writeFileSync(`${folder}/js.car`, await collected)
const expected = [`root ${blocks[3].cid}`, `root ${blocks[4].cid}`,
  ...blocks.map(({ cid, bytes }) => `${cid} ${bytes.length}`), ''].join('\n')
assert.equal(execFileSync(carMake, ['read', `${folder}/js.car`], { encoding: 'utf8' }), expected)

console.log(`CAR: ${BLOCKS} blocks each way; DAG-JSON: ${same} of ${BLOCKS} blocks the same to the byte`)
