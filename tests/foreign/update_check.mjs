// Compares Copse's updates with those of mingo: random updates of random documents.
//
//   node update_check.mjs UPDATE_DRIVER [CASES [SEED]]
//
// mingo does nothing where MongoDB refuses (a path through a number, $inc of a text); refusal() says
// where that is, from the manual, and Copse must fail exactly there. Where mingo and the manual
// differ in what comes out, the manual wins; KNOWN lists these. What is random comes from SEED, which
// is printed.
import assert from 'node:assert/strict'
import { update as mingoUpdate } from 'mingo/updater'
import { Query } from 'mingo'
import { encode, isObject, makeRandom, normal, startDriver } from './driver_support.mjs'

const [program, cases = '5000', seedText = '1'] = process.argv.slice(2)
const { random, pick, chance } = makeRandom(seedText)
const driver = startDriver(program)
const NOW = 1700000000000

// ---- Documents ----
const NUMBERS = [-5, -1, 0, 1, 2, 3, 7, 10, 2.5, -0.5, 1e6]
const WORDS = ['', 'a', 'ab', 'B', 'cats', 'é', 'dog']
const scalar = () => pick([() => pick(NUMBERS), () => random(6), () => random(6), () => pick(WORDS), () => chance(50), () => null, () => new Date(random(3) * 1000)])()
const inner = () => Object.fromEntries(['p', 'q', 'rr'].filter(() => chance(70)).map(k => [k, chance(80) ? scalar() : chance(50) ? { p: scalar() } : list()]))
const list = () => Array.from({ length: random(5) }, () => pick([scalar, () => random(4), () => random(4)])())
const objects = () => Array.from({ length: random(4) }, () => chance(90) ? inner() : scalar())
const value = () => pick([scalar, scalar, inner, list, objects, () => [list(), list()]])()
function newDocument () {
  const document = { _id: random(100) }
  for (const field of ['a', 'b', 'cc', 'd']) if (chance(70)) document[field] = value()
  if (chance(60)) document.n = random(10)
  if (chance(60)) document.l = list()
  if (chance(60)) document.o = objects()
  if (chance(60)) document.t = inner()
  return document
}

// ---- Updates ----
const KEYS = ['a', 'b', 'cc', 'd', 'n', 'l', 'o', 't', 'x']
const TYPICAL = { n: ['$inc', '$mul', '$bit', '$min', '$max'], l: ['$push', '$addToSet', '$pop', '$pull', '$pullAll'] }
function path () {
  const parts = [pick(KEYS)]
  while (parts.length < 4 && chance(40)) parts.push(pick(['p', 'q', 'rr', '0', '1', '5', 'p']))
  return parts.join('.')
}
const PULLS = [() => random(4), scalar, () => ({ $gt: random(4) }), () => ({ $in: [random(4), random(4)] }), () => ({ p: scalar() }), () => ({ p: { $gte: random(4) }, q: { $ne: 2 } })]
const ARGUMENTS = {
  $set: value,
  $unset: () => '',
  $inc: () => pick(NUMBERS),
  $mul: () => pick(NUMBERS),
  $min: scalar,
  $max: scalar,
  $currentDate: () => pick([true, { $type: 'date' }]),
  $push: () => chance(40) ? value() : modifiers(),
  $addToSet: () => chance(50) ? scalar() : { $each: list() },
  $pop: () => pick([1, -1]),
  $pull: () => pick(PULLS)(),
  $pullAll: list,
  $bit: () => ({ [pick(['and', 'or', 'xor'])]: random(16) - 4 }),
  $rename: () => chance(70) ? pick(['y', 'z', 'y.p', 't.q']) : path()
}
function modifiers () {
  const push = { $each: chance(30) ? objects() : list() }
  if (chance(40)) push.$slice = random(9) - 4
  if (chance(40)) push.$position = random(9) - 4
  if (chance(40)) push.$sort = chance(50) ? pick([1, -1]) : { p: pick([1, -1]) }
  return push
}
function newCase () {
  const document = newDocument()
  const update = {}
  const given = { document, update, now: NOW }
  for (let i = random(4); i >= 0; i--) {
    const where = path()
    const op = pick(chance(50) && TYPICAL[where] ? TYPICAL[where] : Object.keys(ARGUMENTS))
    update[op] = { ...update[op], [where]: ARGUMENTS[op]() }
  }
  if (chance(35)) positional(given)
  return given
}
// One path with a position, in an array of the document or elsewhere.
function positional (given) {
  const base = pick(['l', 'o', 'o', pick(KEYS)])
  const array = Array.isArray(given.document[base]) ? given.document[base] : []
  const op = pick(['$set', '$inc', '$unset', '$push', '$min', '$set', '$pop'])
  const rest = chance(50) && base !== 'l' ? '.' + pick(['p', 'q', 'rr.p', 'new']) : ''
  let part = '$[]'
  if (chance(40)) {
    part = '$[x]'
    given.arrayFilters = [base === 'l' ? { x: { $gte: random(4) } } : { 'x.p': pick([{ $gte: random(3) }, { $exists: true }, random(4)]) }]
  } else if (chance(50) && array.length > 0) {
    const element = pick(array)
    if (isObject(element) && typeof element.p === 'number') given.filter = { [base + '.p']: element.p }
    else if (typeof element === 'number') given.filter = { [base]: element }
    if (given.filter) part = '$'
  }
  if (given.filter) given.position = array.findIndex(e => new Query(given.filter).test({ [base]: [e] }))
  given.update[op] = { ...given.update[op], [`${base}.${part}${rest}`]: ARGUMENTS[op]() }
}

// ---- What MongoDB refuses ----
const actions = update => Object.entries(update).flatMap(([op, paths]) => Object.entries(paths).map(([where, argument]) => ({ op, where, argument, parts: where.split('.') })))
const isIndex = part => /^(0|[1-9]\d*)$/.test(part)
function conflict (update) {
  const paths = actions(update).flatMap(({ op, where, argument }) => op === '$rename' ? [where, argument] : [where])
  return paths.some((a, i) => paths.some((b, j) => i < j && (a === b || a.startsWith(b + '.') || b.startsWith(a + '.')))) ||
    // Elements by selectors and by keys in one array.
    paths.some(a => paths.some(b => { const i = a.indexOf('.$['); return i > 0 && b.startsWith(a.slice(0, i) + '.') && !b.startsWith(a.slice(0, i) + '.$[') }))
}
const ARRAY_OPERATORS = ['$push', '$addToSet', '$pop', '$pull', '$pullAll']
function leafRefused (op, there, found) {
  if (!there) return false
  if (op === '$inc' || op === '$mul') return typeof found !== 'number'
  if (op === '$bit') return !Number.isInteger(found)
  return ARRAY_OPERATORS.includes(op) && !Array.isArray(found)
}
function refused (given, op, there, found, parts) {
  const [part, ...rest] = parts
  if (part === undefined) return leafRefused(op, there, found)
  if (part.startsWith('$[')) {
    if (!there || !Array.isArray(found)) return true
    return found.some(e => (part === '$[]' || new Query(given.arrayFilters[0]).test({ x: e })) && refused(given, op, true, e, rest))
  }
  const key = part === '$' ? String(given.position) : part
  if (!there) return refused(given, op, false, undefined, rest)
  if (isObject(found)) return refused(given, op, key in found, found[key], rest)
  if (Array.isArray(found) && isIndex(key)) return refused(given, op, Number(key) < found.length, found[key], rest)
  return op !== '$unset'
}
// 'none': it is not there, 'refused', or 'there'.
function follow (found, parts) {
  for (const part of parts) {
    if (!isObject(found)) return 'refused'
    if (!(part in found)) return 'none'
    found = found[part]
  }
  return 'there'
}
function refusal (given) {
  if (conflict(given.update)) return 'conflict'
  for (const { op, where, argument, parts } of actions(given.update)) {
    if (op !== '$rename') {
      if (refused(given, op, true, given.document, parts)) return op
      continue
    }
    const from = follow(given.document, parts)
    if (from === 'refused' || (from === 'there' && follow(given.document, argument.split('.')) === 'refused')) return op
  }
  return null
}

// ---- What differs, and why ----
const reach = (document, parts) => parts.reduce((x, part) => x?.[part], document)
const hasArrays = x => Array.isArray(x) && x.some(Array.isArray)
const duplicates = x => Array.isArray(x) && new Set(x.map(e => JSON.stringify(normal(encode(e))))).size < x.length
const KNOWN = {
  // The new array is sorted, cut and without equal values like any other; mingo takes the list as it is.
  '$push with modifiers where there is nothing': (a, old) => a.op === '$push' && old === undefined && isObject(a.argument) && ('$sort' in a.argument || '$slice' in a.argument),
  '$addToSet of equal values where there is nothing': (a, old) => a.op === '$addToSet' && old === undefined && duplicates(a.argument?.$each),
  // Equal values that the array has already stay; mingo drops them.
  '$addToSet to an array with equal values': (a, old) => a.op === '$addToSet' && duplicates(old),
  // A value to pull is compared with the element itself, not with what is in it.
  '$pull, $pullAll of elements that are arrays': (a, old) => (a.op === '$pull' || a.op === '$pullAll') && hasArrays(old),
  // Conditions on fields are for elements that are objects only.
  '$pull by fields of what is no object': (a, old) => a.op === '$pull' && isObject(a.argument) && 'p' in a.argument && Array.isArray(old) && !old.every(isObject),
  // null is below numbers and an array above objects, the empty one too; mingo compares as it sorts.
  '$min or $max with null or an array': (a, old) => (a.op === '$min' || a.op === '$max') && (a.argument === null || old === null || Array.isArray(old)),
  // Elements without the field sort as null, and arrays by their lowest; and objects pair by pair.
  'sort of objects, arrays, or by a field that is not there': (a, old) => a.op === '$push' && isObject(a.argument) && '$sort' in a.argument && [...(Array.isArray(old) ? old : []), ...a.argument.$each].some(e => isObject(a.argument.$sort) ? !isObject(e) || e.p === undefined || e.p === null || typeof e.p === 'object' : typeof e === 'object')
}
function known (given) {
  for (const action of actions(given.update)) {
    const old = action.where.includes('$') ? [] : reach(given.document, action.parts)
    for (const [name, test] of Object.entries(KNOWN)) if (test(action, old)) return name
  }
  const positions = actions(given.update).filter(a => a.where.includes('$'))
  // mingo takes two paths into one array for a conflict if one has a position.
  if (positions.some(a => actions(given.update).some(b => a !== b && b.parts[0] === a.parts[0]))) return 'a position and another path in one field'
  if (given.filter && positions.length > 0 && hasArrays(given.document[positions[0].parts[0]])) return 'positions among arrays in arrays'
  return null
}

// ---- Comparing ----
const counts = { agree: 0, changed: 0, refused: {}, known: {} }
const add = (group, name) => { group[name] = (group[name] ?? 0) + 1 }
const same = (a, b) => assert.deepEqual(normal(encode(a)), normal(encode(b)))
// Now, as it was given; holes of arrays are null; -0 is 0, since JavaScript has no integers.
const plain = x => x instanceof Date
  ? x.getTime() > NOW + 1e10 ? new Date(NOW) : x
  : Array.isArray(x) ? Array.from(x, e => plain(e ?? null)) : isObject(x) ? Object.fromEntries(Object.entries(x).map(([k, v]) => [k, plain(v)])) : x === 0 ? 0 : x
async function compare () {
  let given
  do given = newCase(); while ((refusal(given) || known(given)) && chance(85)) // most are to be compared
  const answer = await driver.ask({ ...given, position: 0 })
  try {
    const why = refusal(given)
    if (why) {
      assert.ok(answer.error, `refused by MongoDB: ${why}`)
      add(counts.refused, why)
      return
    }
    assert.ok(!answer.error, answer.error)
    const name = known(given)
    if (name) { add(counts.known, name); return }
    const expected = structuredClone(given.document)
    mingoUpdate(expected, given.update, given.arrayFilters ?? [], given.filter ?? {}, { cloneMode: 'deep' })
    const fixed = plain(expected)
    same(plain(answer.document), fixed)
    let differs = false
    try { same(plain(given.document), fixed) } catch { differs = true }
    // 0 * -0.5 is -0.0, a float: that is a change which JavaScript does not see.
    assert.ok(answer.changed === differs || (answer.changed && '$mul' in given.update), 'changed')
    counts.agree++
    counts.changed += differs
  } catch (error) {
    console.error(`seed ${seedText}: ${JSON.stringify(encode(given))}\n${JSON.stringify(encode(answer))}`)
    throw error
  }
}
for (let i = 0; i < Number(cases); i++) await compare()
driver.end()
const sum = group => Object.values(group).reduce((a, b) => a + b, 0)
const share = Math.round(100 * counts.changed / counts.agree)
console.log(`mingo: ${counts.agree} updates agree (${share}% change the document), ${sum(counts.refused)} are refused, seed ${seedText}`)
console.log('refused:', JSON.stringify(counts.refused))
console.log('left out, where the manual differs:', JSON.stringify(counts.known))
assert.ok(share >= 30 && counts.agree > Number(cases) / 2, 'too few updates that are compared')
