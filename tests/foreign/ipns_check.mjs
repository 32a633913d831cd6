// Names, IPNS records and key files beside others: npm ipns and @libp2p/crypto make and check the same
// records and names, and a key file opens by @noble/hashes and @noble/ciphers as docs/formats/key.md
// says.
//
//   node ipns_check.mjs IPNS_DRIVER ROUNDS SEED
import * as dagCbor from '@ipld/dag-cbor'
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { argon2id } from '@noble/hashes/argon2.js'
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { base32 } from 'multiformats/bases/base32'
import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { makeRandom } from './driver_support.mjs'

// @libp2p/crypto expects a newer Node than Debian's.
Promise.withResolvers ??= function () {
  let resolve, reject
  const promise = new Promise((a, b) => { resolve = a; reject = b })
  return { promise, resolve, reject }
}
const { generateKeyPairFromSeed } = await import('@libp2p/crypto/keys')
const ipns = await import('ipns')
const { ipnsSelector } = await import('ipns/selector')
const { ipnsValidator } = await import('ipns/validator')

const [driver, rounds, seedOfRun] = process.argv.slice(2)
const { random, pick, chance } = makeRandom(seedOfRun)
const hex = bytes => Buffer.from(bytes).toString('hex')
const bytesOf = text => Buffer.from(text, 'hex')
const randomBytes = size => Uint8Array.from({ length: size }, () => random(256))
const ask = (words, ...lines) =>
  execFileSync(driver, words.map(String), {
    encoding: 'utf8',
    ...(lines.length > 0 ? { input: lines.join('\n') + '\n' } : { stdio: ['ignore', 'pipe', 'inherit'] })
  }).trim().split('\n')
const number64 = () => pick([0n, 1n, BigInt(Date.now()), 2n ** 63n, 2n ** 64n - 1n, BigInt(random(1 << 30))])

async function makeKey () {
  const seed = randomBytes(32)
  const key = await generateKeyPairFromSeed('Ed25519', seed)
  const multihash = key.publicKey.toMultihash()
  return { seed: hex(seed), key, name: key.publicKey.toCID().toString(base36), routingKey: Buffer.concat([Buffer.from('/ipns/'), multihash.bytes]) }
}

function checkTexts ({ seed, key, name }) {
  const did = `did:key:${base58btc.encode(Uint8Array.of(0xed, 0x01, ...key.publicKey.raw))}`
  assert.deepEqual(ask(['texts', seed]), [did, name, key.publicKey.toCID().toString(base32), key.publicKey.toString()])
}

const later = ms => ({ ms, ns: random(1_000_000) })
const textOf = ({ ms, ns }) => new Date(ms).toISOString().replace('Z', `${String(ns).padStart(6, '0')}Z`)

function makeRecord () {
  const cid = CID.createV1(0x71, identity.digest(randomBytes(1 + random(30))))
  return { value: `/ipfs/${cid}`, sequence: number64(), eol: later(Date.now() + 60_000 + random(1e9)), ttl: number64() }
}

const ours = (who, { value, sequence, eol, ttl }) =>
  bytesOf(ask(['make', who.seed, value, sequence, eol.ms, eol.ns, ttl])[0])

const theirs = async (who, { value, sequence, eol, ttl }, v1Compatible) => ipns.marshalIPNSRecord(
  await ipns.createIPNSRecordWithExpiration(who.key, value, sequence, textOf(eol), { ttlNs: ttl, v1Compatible }))

const verify = (who, record, time = Date.now()) => ask(['verify', who.name, time], hex(record))

async function isValidToThem (who, record) {
  try {
    await ipnsValidator(who.routingKey, record)
    return true
  } catch {
    return false
  }
}

async function checkRecord (who, other) {
  const said = makeRecord()
  const parts = ['OK', said.value, said.sequence, said.eol.ms, said.eol.ns, said.ttl].map(String)
  const record = ours(who, said)
  await ipnsValidator(who.routingKey, record)
  assert.equal(hex(record), hex(await theirs(who, said, true)))
  const read = ipns.unmarshalIPNSRecord(record)
  assert.ok(await who.key.publicKey.verify(
    Buffer.concat([Buffer.from(read.value), Buffer.from(read.validity), Buffer.from('EOL')]), read.signatureV1))
  for (const v1 of [true, false]) {
    assert.deepEqual(verify(who, await theirs(who, said, v1)), parts)
  }
  assert.deepEqual(verify(other, record), ['CORRUPT'])
  assert.equal(await isValidToThem(other, record), false)
  assert.deepEqual(verify(who, record, said.eol.ms + 1), ['DENIED'])
  const ended = ours(who, { ...said, eol: later(Date.now() - 60_000) })
  assert.equal(await isValidToThem(who, ended), false)
  assert.deepEqual(verify(who, ended), ['DENIED'])
}

// What we take of a damaged record, they take too.
async function checkDamage (who) {
  const record = chance(50) ? ours(who, makeRecord()) : await theirs(who, makeRecord(), chance(50))
  const at = random(record.length)
  record[at] ^= 1 << random(8)
  const [status] = verify(who, record, 1)
  assert.ok(['OK', 'CORRUPT'].includes(status), status)
  if (status === 'OK') {
    assert.ok(await isValidToThem(who, record), `bit in byte ${at} of ${hex(record)}`)
  }
}

async function checkOrder (who) {
  const said = [makeRecord(), makeRecord()]
  if (chance(50)) {
    said[1].sequence = said[0].sequence
  }
  const records = said.map(one => ours(who, one))
  const [order] = ask(['newer', who.name], ...records.map(hex))
  assert.equal(order, ipnsSelector(who.routingKey, records) === 0 ? '1' : '-1')
}

const keyOfFile = (head, passphrase) =>
  argon2id(passphrase, head.salt, { t: head.passes, m: head.memory, p: 1, dkLen: 32, version: 0x13 })

function checkKeyFile ({ seed, key }) {
  const passphrase = 'correct horse'
  const [head, sealed] = dagCbor.decode(bytesOf(ask(['seal', seed, passphrase])[0]))
  assert.deepEqual([head.format, head.version, hex(head.public)], ['copse-key', 1, hex(key.publicKey.raw)])
  const opened = xchacha20poly1305(keyOfFile(head, passphrase), head.nonce, dagCbor.encode(head)).decrypt(sealed)
  assert.equal(hex(opened), seed)

  const made = { ...head, salt: randomBytes(16), nonce: randomBytes(24), passes: 2, memory: 64 }
  const resealed = xchacha20poly1305(keyOfFile(made, 'battery'), made.nonce, dagCbor.encode(made)).encrypt(bytesOf(seed))
  const file = hex(dagCbor.encode([made, resealed]))
  assert.match(ask(['open', 'battery'], file)[0], /^did:key:z6Mk/)
  assert.equal(ask(['open', passphrase], file)[0], 'DENIED')
}

const keys = []
for (let i = 0; i < 8; i++) {
  keys.push(await makeKey())
  checkTexts(keys[i])
}
checkKeyFile(keys[0])
for (let round = 0; round < Number(rounds); round++) {
  const [who, other] = [keys[round % 8], keys[(round + 1) % 8]]
  await checkRecord(who, other)
  await checkDamage(who)
  await checkOrder(who)
}
console.log(`names of ${keys.length} keys, a key file and ${rounds} rounds of records agree`)
