// Names beside others: npm ipns validates the records that `copse serve --publish` gives, @helia/ipns
// resolves the name through the server as its only router, and Helia fetches what it stands for. A record
// that npm ipns made is taken by `copse serve --accept-records`, and `copse` resolves it.
//
//   node names_check.mjs COPSE FOLDER
import { trustlessGateway } from '@helia/block-brokers'
import { delegatedHTTPRouting } from '@helia/routers'
import { defaultLogger } from '@libp2p/logger'
import * as dagCbor from '@ipld/dag-cbor'
import { MemoryBlockstore } from 'blockstore-core'
import { MemoryDatastore } from 'datastore-core'
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { base36 } from 'multiformats/bases/base36'
import { CID } from 'multiformats/cid'
import { makeDatabase, serveDatabase } from './serve_support.mjs'

// Helia expects a newer Node than Debian's.
Promise.withResolvers ??= function () {
  let resolve, reject
  const promise = new Promise((a, b) => { resolve = a; reject = b })
  return { promise, resolve, reject }
}
const { Helia } = await import('@helia/utils')
const heliaIpns = await import('@helia/ipns')
const { generateKeyPair } = await import('@libp2p/crypto/keys')
const ipns = await import('ipns')
const { ipnsValidator } = await import('ipns/validator')

const [copse, folder] = process.argv.slice(2)
const recordType = 'application/vnd.ipfs.ipns-record'
process.env.COPSE_KEYS = join(folder, 'names-keys')
process.env.COPSE_CACHE = join(folder, 'names-cache')
process.env.XDG_STATE_HOME = join(folder, 'names-state')
for (const name of ['COPSE_KEYS', 'COPSE_CACHE']) {
  rmSync(process.env[name], { recursive: true, force: true })
}
const run = (...words) => execFileSync(copse, words, { encoding: 'utf8' })
const insert = (id) => run('insert', join(folder, 'serve.copse'), 'posts', JSON.stringify({ _id: id, text: 'new' }))
const routingKeyOf = (name) => Buffer.concat([Buffer.from('/ipns/'), name.multihash.bytes])

async function headOf (url) {
  const { head, 'name-key': name } = await (await fetch(`${url}/copse/v1/serve`)).json()
  return { head: CID.parse(head['/']), name: CID.parse(name, base36) }
}

// Each way in which the record is given, in each text of the name.
async function checkRecord (url) {
  const { head, name } = await headOf(url)
  const pages = [`ipns/${name.toString(base36)}?format=ipns-record`, `routing/v1/ipns/${name.toString(base36)}`,
    `routing/v1/ipns/${name}`]
  for (const page of pages) {
    const answer = await fetch(`${url}/${page}`)
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('content-type'), recordType)
    const record = new Uint8Array(await answer.arrayBuffer())
    await ipnsValidator(routingKeyOf(name), record)
    const read = ipns.unmarshalIPNSRecord(record)
    assert.equal(read.value, `/ipfs/${head}`)
    assert.ok(Math.abs(Number(read.sequence) - Date.now()) < 120_000)
    assert.equal(read.ttl, 60_000_000_000n)
  }
}

function heliaOf (url) {
  return new Helia({
    blockstore: new MemoryBlockstore(),
    datastore: new MemoryDatastore(),
    blockBrokers: [trustlessGateway({ allowInsecure: true, allowLocal: true })],
    routers: [delegatedHTTPRouting({ url })],
    logger: defaultLogger(),
    start: false
  })
}

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

async function checkHelia (url) {
  const helia = heliaOf(url)
  // To resolve takes no libp2p: it is only asked whether it runs.
  const names = heliaIpns.ipns(Object.assign(helia, { libp2p: { status: 'stopped', services: {} } }))
  const { name } = await headOf(url)
  const resolve = async () => (await names.resolve(name, { nocache: true, signal: AbortSignal.timeout(20_000) })).cid
  for (const id of [1001, 1002]) {
    const { head } = await headOf(url)
    const resolved = await resolve()
    assert.equal(`${resolved}`, `${head}`)
    const commit = dagCbor.decode(await bytesOf(helia.blockstore.get(resolved, { signal: AbortSignal.timeout(20_000) })))
    assert.ok(CID.asCID(commit.tree) !== null)
    insert(id)
  }
  console.log('Helia resolved the name, before and after a commit')
}

// A key that Copse has never seen: whoever signs may publish what is served here.
async function checkTheirs (url) {
  const key = await generateKeyPair('Ed25519')
  const name = key.publicKey.toCID()
  const { head } = await (await fetch(`${url}/copse/v1/serve`)).json()
  for (const [sequence, status] of [[5n, 200], [4n, 409], [6n, 200]]) {
    const record = await ipns.createIPNSRecord(key, `/ipfs/${head['/']}`, sequence, 3_600_000)
    const answer = await fetch(`${url}/routing/v1/ipns/${name.toString(base36)}`,
      { method: 'PUT', headers: { 'content-type': recordType }, body: ipns.marshalIPNSRecord(record) })
    assert.equal(answer.status, status, await answer.text())
  }
  assert.match(run('count', name.toString(base36), 'posts', '--peer', url), /^50\d\n$/)
  console.log('copse resolved a record that npm ipns made')
}

makeDatabase(copse, folder)
run('key', 'new', 'serve', '--no-passphrase')
await serveDatabase(copse, folder, async (url) => {
  await checkRecord(url)
  await checkHelia(url)
  await checkRecord(url)
  await checkTheirs(url)
}, ['--publish', 'serve', '--accept-records'])
process.exit(0)
