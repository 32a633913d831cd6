// Compares Copse's queries with those of mingo, on random documents, with random sets of indexes,
// after random writes.
//
//   node mingo_check.mjs QUERY_DRIVER [ROUNDS [SEED]]
//
// Where mingo and MongoDB's manual differ, the manual wins; KNOWN lists these. What is random comes
// from SEED, which is printed.
import assert from 'node:assert/strict'
import { Query } from 'mingo'
import { encode, makeRandom, normal, startDriver } from './driver_support.mjs'

const [program, rounds = '60', seedText = '1'] = process.argv.slice(2)
const { random, pick, chance } = makeRandom(seedText)
const driver = startDriver(program)
const copse = driver.ask

// ---- Random documents and queries ----
const WORDS = ['', 'a', 'ab', 'abc', 'b', 'ba', 'cats', 'Cats', 'é', 'z\u0000z', 'x'.repeat(260), 'x'.repeat(260) + 'y']
const NUMBERS = [0, 1, 2, 3, 5, 7, -1, -2.5, 0.5, 1.5, 100, 1e6, -1e6, 2 ** 53, 1e300]
const DATES = [0, 1, 86400000, -1, 1.6e12].map(ms => new Date(ms))
const scalar = () => pick([() => pick(NUMBERS), () => pick(NUMBERS), () => random(8), () => pick(WORDS), () => pick(WORDS), () => chance(50), () => null, () => pick(DATES)])()
const inner = () => Object.fromEntries(['p', 'q'].filter(() => chance(75)).map(k => [k, scalar()]))
const value = depth => {
  const kind = random(20)
  if (kind < 12 || depth > 2) return scalar()
  if (kind < 16) return Array.from({ length: random(4) }, () => value(depth + 1))
  if (kind < 18) return Array.from({ length: random(4) }, inner)
  return inner()
}
let nextId = 0
let plain = false // in half of the rounds only `a` holds arrays and objects: those sort by all fields
const newDocument = () => {
  const document = { _id: chance(80) ? nextId++ : `id${nextId++}` }
  for (const field of ['a', 'b', 'c', 'd']) if (chance(75)) document[field] = field === 'a' || (!plain && chance(60)) ? value(0) : scalar()
  if (chance(50)) document.n = inner()
  if (chance(40)) document.o = Array.from({ length: random(4) }, inner)
  return document
}
const PATHS = ['a', 'b', 'c', 'd', 'n.p', 'n.q', 'o.p', 'o.q', 'a.0', 'a.p', 'b.p', '_id']
const operand = documents => {
  if (chance(40)) return scalar()
  const found = pick(documents)[pick(['a', 'b', 'c', 'd', '_id'])]
  return found === undefined ? scalar() : Array.isArray(found) && found.length > 0 && chance(70) ? pick(found) : found
}
function comparison (documents) {
  const x = operand(documents)
  switch (random(17)) {
    case 0: case 1: case 2: return x
    case 3: return { $gt: x }
    case 4: return { $gte: x }
    case 5: return { $lt: x }
    case 6: return { $lte: x }
    case 7: return { $gte: pick(NUMBERS), $lt: pick(NUMBERS) }
    case 8: return { $ne: x }
    case 9: return { $in: Array.from({ length: random(4) }, () => operand(documents)) }
    case 10: return { $nin: Array.from({ length: random(3) }, () => operand(documents)) }
    case 11: return { $exists: chance(50) }
    case 12: return { $type: pick(['string', 'number', 'bool', 'array', 'object', 'null', 'date']) }
    case 13: return pick([/^a/, /^ab/, /b/, /^CATS/i, /s$/, /^x{3}/])
    case 14: return { $size: random(4) }
    case 15: return { $all: Array.from({ length: 1 + random(2) }, () => scalar()) }
    default: return pick([{ $elemMatch: { $gte: random(4), $lt: 6 } }, { $elemMatch: { p: scalar() } }, { $not: { $gt: x } }, { $mod: [1 + random(4), random(3)] }])
  }
}
function filter (documents, depth = 0) {
  const result = {}
  for (let i = random(3); i >= 0; i--) {
    if (depth < 2 && chance(15)) result[pick(['$and', '$or', '$nor'])] = Array.from({ length: 1 + random(3) }, () => filter(documents, depth + 1))
    else result[pick(PATHS)] = comparison(documents)
  }
  return result
}

// ---- What differs, and why ----
const isObject = x => x !== null && typeof x === 'object' && !(x instanceof Date) && !(x instanceof RegExp)
const hasNull = x => x === null || (Array.isArray(x) && x.includes(null))
const KNOWN = {
  // Documented: {item: null} matches missing fields, in elements too; mingo looks at each element alone.
  'null at a path into an array': (path, op, x) => path.includes('.') && hasNull(x),
  // Documented: $gte and $lte null are true of null and missing; mingo compares with nothing.
  'range with null': (path, op, x) => ['$gt', '$gte', '$lt', '$lte'].includes(op) && hasNull(x),
  // Arrays and objects compare as wholes with arrays and objects; mingo compares neither.
  'range with an array or object': (path, op, x) => ['$gt', '$gte', '$lt', '$lte'].includes(op) && isObject(x),
  // $exists, $type, $size at paths through arrays of arrays, and by index: mingo flattens.
  'path through an array': (path, op) => path.includes('.') && ['$exists', '$type', '$size', '$ne', '$nin', '$not', '$mod', '$all', '$elemMatch'].includes(op),
  // JavaScript's regexes are matched in UTF-16 code units; U+0000 and newlines at $ differ.
  'regex at a path into an array': (path, op, x) => path.includes('.') && (x instanceof RegExp),
  // Only 64-bit integral numbers take part in bit tests and $mod; mingo takes any.
  '$mod of what is no integer': (path, op) => op === '$mod',
  // $all: [[…]] and $in with arrays as elements.
  'array operand in a list': (path, op, x) => ['$all', '$in', '$nin'].includes(op) && Array.isArray(x) && x.some(isObject),
  // Documented: {$all: [7]} is {$and: [{a: 7}]}, true of 7 itself; mingo wants an array.
  '$all of a value that is no array': (path, op) => op === '$all',
  // An empty object in a filter is equality with {}.
  'array or object as value': (path, op, x) => isObject(x) && (op === '$eq' || op === '$ne')
}
// Documented: a path goes into objects in an array, not into arrays in it; mingo goes on.
const arraysInArrays = (documents, field) => documents.some(d => Array.isArray(d[field]) && d[field].some(Array.isArray))
const hasArrays = (documents, field) => documents.some(d => Array.isArray(d[field]))
const skipped = {}
const skip = name => { skipped[name] = (skipped[name] ?? 0) + 1; return true }
function known (query, documents) {
  for (const [key, x] of Object.entries(query)) {
    if (key.startsWith('$')) { if (x.some(y => known(y, documents))) return true; continue }
    if (key.includes('.') && arraysInArrays(documents, key.split('.')[0])) return skip('path into an array in an array')
    const operators = isObject(x) && Object.keys(x).some(k => k.startsWith('$')) ? Object.entries(x) : [['$eq', x]]
    for (const [op, y] of operators) {
      // Documented: true of an array if one of its elements is of the type.
      if (op === '$type' && hasArrays(documents, key)) return skip('$type of elements')
      // Documented: an element that is no object has no field p; mingo calls 2 a match of {p: 2}.
      if (op === '$elemMatch' && 'p' in y && documents.some(d => Array.isArray(d[key]) && d[key].some(e => !isObject(e)))) return skip('$elemMatch on what is no object')
      if (op === '$elemMatch' && Object.values(y).includes(null)) return skip('null in $elemMatch')
      if ((op === '$elemMatch' || y instanceof RegExp) && arraysInArrays(documents, key)) return skip('path into an array in an array')
      const inside = op === '$not' && isObject(y) ? Object.entries(y) : [[op, y]]
      for (const [inOp, inX] of inside) {
        for (const [name, test] of Object.entries(KNOWN)) {
          if (test(key, inOp, inX)) return skip(name)
        }
      }
      if (op === '$not' && key.includes('.')) return true
    }
  }
  return false
}

// ---- Comparing ----
const sorted = list => [...list].sort((x, y) => (JSON.stringify(x) < JSON.stringify(y) ? -1 : 1))
const same = (a, b) => assert.deepEqual(normal(a), normal(b))
const counts = { queries: 0, some: 0, plans: {}, sorts: 0, projections: 0 }

// mingo puts missing before null, and 'a' before or behind ['a']; both pairs are equal. So it is given
// null for what is missing, and of an array the element that counts.
const lowest = (list, direction) => list.length === 0 ? [] : new Query({}).find(list.map(x => ({ x }))).sort({ x: direction }).all()[0].x
function expected (documents, query, sort) {
  const found = documents.filter(d => new Query(query).test(d))
  if (!sort) return found
  const fields = Object.keys(sort)
  const filled = found.map(d => { const copy = { ...d }; for (const f of fields) { copy[f] ??= null; if (Array.isArray(copy[f])) copy[f] = lowest(copy[f], sort[f]) } return copy })
  const order = new Query({}).find(filled).sort({ ...sort, _id: sort[fields.at(-1)] }).all()
  const byId = new Map(found.map(d => [JSON.stringify(d._id), d]))
  return order.map(d => byId.get(JSON.stringify(d._id)))
}
async function compare (documents) {
  let query
  do query = filter(documents); while (known(query, documents))
  const fields = ['a', 'b', 'c', 'd'].filter(() => chance(25)).slice(0, 2)
  const sort = fields.length > 0 ? Object.fromEntries(fields.map(f => [f, pick([1, -1])])) : null
  const skipCount = chance(20) ? random(5) : 0
  const limit = chance(40) ? 1 + random(10) : 0
  const request = { find: query, skip: skipCount, limit }
  if (sort) { request.sort = fields.map(f => (sort[f] < 0 ? '-' : '') + f).join(','); counts.sorts++ }
  if (sort && fields.some(f => arraysInArrays(documents, f))) {
    skip('sort by an array with arrays in it')
    return
  }
  // Ours: objects compare pair by pair in the order of DAG-CBOR.
  if (sort && fields.some(f => documents.some(d => Array.isArray(d[f]) ? d[f].some(isObject) : isObject(d[f])))) {
    skip('sort by objects')
    return
  }
  const all = expected(documents, query, sort)
  const answer = await copse(request)
  const report = () => `seed ${seedText}: ${JSON.stringify(encode(request))}\n${JSON.stringify(answer.explain ?? answer.error)}`
  try {
    assert.ok(answer.documents, answer.error)
    const end = limit > 0 ? skipCount + limit : undefined
    if (sort) same(answer.documents, all.slice(skipCount, end))
    else if (skipCount === 0 && limit === 0) same(sorted(answer.documents.map(normal)), sorted(all.map(normal)))
    else {
      assert.equal(answer.documents.length, all.slice(skipCount, end).length)
      const ids = new Set(all.map(d => JSON.stringify(d._id)))
      const given = answer.documents.map(d => JSON.stringify(d._id))
      assert.equal(new Set(given).size, given.length)
      for (const id of given) assert.ok(ids.has(id), `${id} does not match`)
    }
    const { count } = await copse({ count: query })
    assert.equal(count, all.length)
  } catch (error) {
    console.error(report())
    const show = d => JSON.stringify([d._id, ...(sort ? fields.map(f => d[f]) : [])])
    console.error('expected', all.map(show).join(' '), '\ngot', answer.documents?.map(show).join(' '))
    throw error
  }
  counts.queries++
  if (all.length > 0 && all.length < documents.length) counts.some++
  counts.plans[answer.explain.plan] = (counts.plans[answer.explain.plan] ?? 0) + 1
}

const PROJECTIONS = [{ a: 1 }, { a: 0 }, { b: 1, c: 1 }, { 'n.p': 1 }, { 'n.p': 0, a: 0 }, { 'o.p': 1, _id: 0 }, { 'o.q': 0 },
  { _id: 0, d: 1 }, { _id: 0 }, { _id: 1 }, { a: { $slice: 2 }, c: 1 }, { a: { $slice: -1 }, b: 1 }, { o: { $slice: [1, 2] }, b: 1 },
  { o: { $elemMatch: { p: 2 } } }, { 'n.q': true, 'n.p': true }]
async function compareProjection (documents) {
  const project = pick(PROJECTIONS)
  const given = documents.filter(d => !Object.keys(project).some(key => arraysInArrays([d], key.split('.')[0])))
  const answer = await copse({ find: { _id: { $in: given.map(d => d._id) } }, project })
  assert.ok(answer.documents, answer.error)
  // $slice alone keeps all other fields, as documented; mingo drops them. And mingo changes its input.
  const all = new Query({}).find(structuredClone(given), project).all()
  const show = list => sorted(list.map(d => JSON.stringify(normal(encode(d)))))
  try {
    assert.deepEqual(show(answer.documents), show(all))
  } catch (error) {
    console.error(`seed ${seedText}: ${JSON.stringify(project)}`)
    throw error
  }
  counts.projections++
}

// ---- Rounds ----
const INDEXES = ['a', 'b', '-b', 'c,-d', 'a[],c', 'd,a', 'n.p', 'o.p', 'n.q,-b', '-c,-d', 'o.q', '_id,b', 'b,c', 'd']
const okay = answer => assert.ok(answer.ok, answer.error)
async function round () {
  plain = chance(50)
  let documents = Array.from({ length: 5 + random(120) }, newDocument)
  okay(await copse({ reset: true }))
  const indexes = INDEXES.filter(() => chance(30))
  const early = indexes.filter(() => chance(50))
  // Documents with arrays in two fields of one index can't be in it.
  const request = name => ({ index: name, ...(chance(20) ? { where: { b: { $exists: true } }, name: name + ' partial' } : {}), ...(chance(20) ? { include: 'n.p,d' } : {}) })
  okay(await copse({ insert: documents.slice(0, 3) }))
  const made = []
  const make = async name => { const answer = await copse(request(name)); if (answer.ok) made.push(name); else assert.match(answer.error, /parallel arrays/) }
  for (const name of early) await make(name)
  const kept = documents.slice(0, 3)
  for (const document of documents.slice(3)) {
    const answer = await copse({ insert: [document] })
    if (answer.ok) kept.push(document); else assert.match(answer.error, /parallel arrays/)
  }
  documents = kept
  for (const name of indexes) if (!early.includes(name)) await make(name)
  for (let i = 0; i < 20; i++) await compare(documents)
  for (let i = random(30); i > 0; i--) {
    const at = random(documents.length)
    if (chance(50)) {
      const document = { ...newDocument(), _id: documents[at]._id }
      const answer = await copse({ replace: document })
      if (answer.ok) documents[at] = document; else assert.match(answer.error, /parallel arrays/)
    } else if (documents.length > 3) {
      okay(await copse({ delete: documents[at]._id }))
      documents.splice(at, 1)
    }
  }
  for (let i = 0; i < 20; i++) await compare(documents)
  for (let i = 0; i < 5; i++) await compareProjection(documents)
  const { defects } = await copse({ check: true })
  assert.equal(defects, 0)
}
for (let i = 0; i < Number(rounds); i++) await round()
driver.end()
const share = Math.round(100 * counts.some / counts.queries)
console.log(`mingo: ${counts.queries} queries agree (${counts.sorts} sorted; ${share}% have some but not all documents), ${counts.projections} projections, seed ${seedText}`)
console.log('plans:', JSON.stringify(counts.plans))
console.log('left out, where the manual differs:', JSON.stringify(skipped))
assert.ok(share >= 30, 'too few queries with some but not all documents')
