// What comparisons with a driver of Copse share: numbers from a seed, a program that answers lines,
// Extended JSON.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export function makeRandom (seed) {
  let state = Number(seed) >>> 0
  const random = n => {
    state = (state + 0x9e3779b9) >>> 0
    let z = state
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return ((z ^ (z >>> 15)) >>> 0) % n
  }
  return { random, pick: list => list[random(list.length)], chance: percent => random(100) < percent }
}

// ask(request) sends a line and gives what the program answers; end() lets it end.
export function startDriver (program) {
  const driver = spawn(program, [], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: driver.stdout })[Symbol.asyncIterator]()
  let ended = false
  driver.on('exit', code => { if (!ended) { console.error(`the driver ended: ${code}`); process.exit(1) } })
  return {
    ask: async request => {
      driver.stdin.write(JSON.stringify(encode(request)) + '\n')
      const { value } = await lines.next()
      return decode(JSON.parse(value))
    },
    end: () => { ended = true; driver.stdin.end() }
  }
}

export function encode (value) { // to Extended JSON
  if (value instanceof Date) return { $date: { $numberLong: String(value.getTime()) } }
  if (value instanceof RegExp) return { $regularExpression: { pattern: value.source, options: value.flags } }
  if (Array.isArray(value)) return value.map(encode)
  if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, encode(v)]))
  return value
}

export function decode (value) {
  if (Array.isArray(value)) return value.map(decode)
  if (value !== null && typeof value === 'object') {
    if ('$date' in value) return new Date(typeof value.$date === 'string' ? value.$date : Number(value.$date.$numberLong))
    if ('$numberDouble' in value) return Number(value.$numberDouble)
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, decode(v)]))
  }
  return value
}

export const isObject = x => x !== null && typeof x === 'object' && !Array.isArray(x) && !(x instanceof Date) && !(x instanceof RegExp)

// With keys in one order, to be compared.
export const normal = x => Array.isArray(x)
  ? x.map(normal)
  : isObject(x) ? Object.fromEntries(Object.entries(x).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, normal(v)])) : x
