// Follows the heads of a database with the EventSource of others, as a browser does: through moves
// of the head, and through a server that goes away and comes back.
//
//   node watch_check.mjs COPSE FOLDER
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { EventSource } from 'eventsource'
import { CID } from 'multiformats/cid'

const [copse, folder] = process.argv.slice(2)
const database = join(folder, 'watch.copse')

const insert = (id) => execFileSync(copse, ['insert', database, 'posts', JSON.stringify({ _id: id })], { stdio: 'ignore' })
const headNow = () => JSON.parse(execFileSync(copse, ['log', database, '--json', '--limit', '1'], { encoding: 'utf8' }).split('\n')[0]).commit

const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address()
    server.close(() => resolve(port))
  })
})

async function serve (port) {
  const server = spawn(copse, ['serve', database, '--listen', `127.0.0.1:${port}`, '--json'], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((resolve) => server.stdout.once('data', resolve))
  return async () => {
    const ended = new Promise((resolve) => server.on('exit', resolve))
    server.kill('SIGTERM')
    assert.equal(await ended, 0)
  }
}

// Events in their order, each taken by whoever asks next.
class Inbox {
  #events = []
  #waiting = []

  put (event) {
    const next = this.#waiting.shift()
    next === undefined ? this.#events.push(event) : next(event)
  }

  take () {
    return this.#events.length > 0 ? this.#events.shift() : new Promise((resolve) => this.#waiting.push(resolve))
  }

  get size () {
    return this.#events.length
  }
}

// The next event must tell of the head as it is.
async function expectHead (inbox) {
  const event = await inbox.take()
  const data = JSON.parse(event.data)
  assert.equal(data.name, 'watch')
  assert.equal(data.head['/'], headNow())
  assert.equal(event.lastEventId, data.head['/'])
  assert.equal(CID.parse(data.tree['/']).code, 0x71)
}

rmSync(database, { recursive: true, force: true })
execFileSync(copse, ['init', database], { stdio: 'ignore' })
insert(0)
const port = await freePort()
let stop = await serve(port)
const inbox = new Inbox()
const source = new EventSource(`http://127.0.0.1:${port}/copse/v1/watch/events`)
source.onmessage = (event) => inbox.put(event)
await expectHead(inbox)
for (let id = 1; id <= 5; id++) {
  insert(id)
  await expectHead(inbox)
}
await stop()
stop = await serve(port)
const opened = new Promise((resolve) => { source.onopen = resolve })
await opened
await new Promise((resolve) => setTimeout(resolve, 500))
assert.equal(inbox.size, 0, 'the head that was seen last is not told again: Last-Event-ID')
await stop()
insert(6)
insert(7)
stop = await serve(port)
await expectHead(inbox)
source.close()
await stop()
assert.equal(inbox.size, 0)
console.log('7 heads by EventSource, through two restarts of the server')
