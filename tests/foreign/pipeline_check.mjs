// Compares Copse's pipelines with those of mingo: random pipelines over random collections, without
// indexes and with some, in much memory and in little.
//
//   node pipeline_check.mjs QUERY_DRIVER [ROUNDS [SEED]]
//
// A pipeline is made so that its answer is one: what depends on the order of documents has a $sort by
// _id before it. Where mingo and MongoDB's manual differ, the manual wins; the comments at `decided`
// say where, and how often that was is printed. What is random comes from SEED, which is printed.
import assert from 'node:assert/strict'
import { Aggregator } from 'mingo'
import { encode, isObject, makeRandom, normal, startDriver } from './driver_support.mjs'

const [program, rounds = '60', seedText = '1'] = process.argv.slice(2)
const { random, pick, chance } = makeRandom(seedText)
const driver = startDriver(program)
const copse = driver.ask

// ---- Documents ----
const WORDS = ['a', 'ab', 'b', 'cats', 'dogs', 'é']
const scalar = () => pick([() => random(6), () => random(6), () => random(12) / 4, () => pick(WORDS), () => pick(WORDS), () => chance(50), () => new Date(random(3) * 1000)])()
const nullable = () => chance(10) ? null : scalar()
const inner = () => Object.fromEntries(['p', 'q', 'r'].filter(() => chance(70)).map(k => [k, nullable()]))
let large = false // documents that don't fit into the least memory
function newDocument (id) {
  const document = { _id: id, k: random(8) }
  if (large) document.pad = 'x'.repeat(random(400))
  if (chance(80)) document.w = pick(WORDS)
  if (chance(80)) document.n = random(40) / 4 - 2
  if (chance(70)) document.x = nullable()
  if (chance(70)) document.l = Array.from({ length: random(4) }, scalar)
  if (chance(60)) document.o = inner()
  if (chance(60)) document.s = Array.from({ length: random(3) }, inner)
  return document
}

// ---- Stages. Each is made for what the fields are then; `ids`: _id is still each document's own ----
const PATHS = ['k', 'w', 'n', 'x', 'o.p', 'o.q', '_id']
const condition = () => pick([
  () => ({ k: { $gte: random(8) } }), () => ({ w: pick(WORDS) }), () => ({ n: { $lt: random(8) } }), () => ({ l: random(6) }),
  () => ({ x: { $exists: true } }), () => ({ 'o.p': { $gte: random(4) } }), () => ({ w: { $in: [pick(WORDS), pick(WORDS)] } }),
  () => ({ $expr: { $gt: ['$n', '$k'] } }), () => ({ $or: [{ k: random(8) }, { w: pick(WORDS) }] })
])()
const number = () => pick(['$n', '$k', { $add: ['$k', 1] }, { $multiply: ['$k', 2] }, { $cond: [{ $gt: ['$k', 3] }, '$k', 0] }])
const value = () => pick(['$x', '$w', '$o.p', '$k', '$o', '$s.p', { a: '$k', b: '$w' }, number()])
const unordered = () => pick([
  () => ({ $sum: pick([1, number()]) }), () => ({ $avg: number() }), () => ({ $min: pick(['$k', '$w', '$n']) }), () => ({ $max: pick(['$k', '$w', '$n']) }),
  () => ({ $count: {} }), () => ({ $sum: '$x' })
])()
const ordered = () => pick([
  () => ({ $first: value() }), () => ({ $last: value() }), () => ({ $push: { $ifNull: [value(), 'none'] } }), () => ({ $addToSet: pick(['$w', '$k']) }),
  () => ({ $firstN: { input: '$_id', n: 1 + random(3) } }), () => ({ $lastN: { input: '$_id', n: 1 + random(3) } }),
  () => ({ $minN: { input: '$k', n: 1 + random(3) } }), () => ({ $maxN: { input: '$k', n: 1 + random(3) } }),
  () => ({ $top: { sortBy: { k: pick([1, -1]), _id: 1 }, output: '$_id' } }), () => ({ $bottom: { sortBy: { k: pick([1, -1]), _id: 1 }, output: '$_id' } }),
  () => ({ $topN: { n: 2, sortBy: { w: -1, _id: 1 }, output: '$k' } }), () => ({ $bottomN: { n: 2, sortBy: { n: 1, _id: 1 }, output: '$_id' } }),
  () => ({ $mergeObjects: '$o' })
])()
const byId = { $sort: { _id: 1 } }
const someFields = () => Object.fromEntries(['k', 'w', 'n', 'x', 'l', 'o', 's', 'o.p', 's.q'].filter(() => chance(40)).map(f => [f, 1])
  .filter(([f], i, all) => !all.some(([g]) => f !== g && (f.startsWith(g + '.') || g.startsWith(f + '.')))))
function group () {
  const key = pick(['$w', '$k', null, { w: '$w', k: '$k' }, '$n', '$o.p', { $gt: ['$k', 3] }])
  const fields = Object.fromEntries(['f', 'g', 'h'].filter(() => chance(70)).map(f => [f, chance(50) ? unordered() : ordered()]))
  return [byId, { $group: { _id: key, ...fields } }]
}
// What leaves documents with the fields that they had, and their _id.
const keeping = () => pick([
  () => [{ $match: condition() }], () => [{ $match: condition() }],
  () => [{ $sort: { [pick(PATHS)]: pick([1, -1]), _id: 1 } }, ...(chance(70) ? [{ $skip: random(4) }, { $limit: 1 + random(20) }].filter(() => chance(60)) : [])],
  () => [{ $addFields: { z: number(), 'o.z': '$k' } }], () => [{ $set: { y: { $concat: ['x', { $ifNull: ['$w', '-'] }] } } }],
  () => [{ $unset: pick(['x', ['l', 'o.p'], 's.q']) }]
])()
const ending = () => pick([
  () => group(), () => group(), () => group(),
  () => [{ $project: { ...someFields(), k: 1, t: value() } }],
  () => [{ $project: { k: 1, ...(chance(50) ? { _id: 0 } : {}), a: { b: '$w', c: number() } } }],
  () => [{ $project: pick([{ x: 0, 'o.p': 0 }, { _id: 0, s: 0 }, { l: 0 }]) }],
  () => [{ $unwind: '$l' }, { $project: { l: 1, k: 1 } }],
  () => [{ $unwind: { path: '$l', includeArrayIndex: 'at', preserveNullAndEmptyArrays: chance(50) } }, { $project: { l: 1, at: 1 } }],
  () => [{ $unwind: '$s' }, { $group: { _id: '$s.p', n: { $sum: 1 }, k: { $sum: '$k' } } }],
  () => [{ $replaceRoot: { newRoot: { a: '$k', b: '$o', c: '$w' } } }],
  () => [{ $match: { o: { $type: 'object' } } }, { $replaceWith: '$o' }],
  () => [{ $group: { _id: null, lo: { $min: pick(['$k', '$n', '$w', '$_id']) }, hi: { $max: pick(['$k', '$n', '$w', '$_id']) } } }], () => [{ $count: 'all' }], () => [{ $group: { _id: null, n: { $sum: 1 } } }], () => [{ $sortByCount: '$w' }],
  () => [{ $lookup: { from: 'others', localField: pick(['k', 'w', 'l']), foreignField: pick(['_id', 'g', 'h']), as: 'found' } }, { $project: { found: 1 } }],
  () => [{ $lookup: { from: 'others', let: { v: '$k' }, pipeline: [{ $match: { $expr: { $lt: ['$g', '$$v'] } } }, byId, { $project: { g: 1, d: { $subtract: ['$$v', '$g'] } } }], as: 'found' } }, { $project: { found: 1 } }],
  () => [{ $project: { k: 1 } }, { $unionWith: chance(50) ? 'others' : { coll: 'others', pipeline: [{ $match: { g: { $gte: 3 } } }, { $project: { g: 1 } }] } }],
  () => [byId, { $facet: { a: [{ $count: 'n' }], b: [...group()], c: [{ $match: condition() }, byId, { $limit: 3 }, { $project: { k: 1 } }] } }],
  () => []
])()
const pipeline = () => [...Array.from({ length: random(3) }, keeping).flat(), ...ending(), ...(chance(20) ? [{ $limit: 5000 }] : [])]

// ---- What was decided otherwise ----
// As documented, where mingo gives something else: $top and $bottom give the value, not an array of
// it; $addToSet takes no missing values (no `w` and `k` is null), and neither does $push; $count of none
// gives none.
const counts = { pipelines: 0, some: 0, spilled: 0, corrected: 0, stages: {} }
const corrections = { $top: x => x[0], $bottom: x => x[0], $addToSet: x => x.filter(y => y != null) }
const correctGroup = (document, group) => Object.fromEntries(Object.entries(document).map(([k, v]) => {
  const [name] = Object.keys(group[k] ?? {})
  if (k === '_id' || !corrections[name]) return [k, v]
  counts.corrected++
  return [k, corrections[name](v)]
}))
function corrected (documents, stages) {
  for (const s of stages) {
    if (s.$group) documents = documents.map(d => correctGroup(d, s.$group))
    if (s.$count) documents = documents.filter(d => d[s.$count] !== 0)
    if (s.$facet) documents = documents.map(d => ({ ...d, a: corrected(d.a, s.$facet.a), b: corrected(d.b, s.$facet.b) }))
  }
  return documents
}

// ---- Comparing ----
// Floats that differ in the last digit: sums are added with what rounding loses.
const near = x => typeof x === 'number' && !Number.isInteger(x) ? Number(x.toPrecision(12)) : Array.isArray(x) ? x.map(near) : isObject(x) ? Object.fromEntries(Object.entries(x).map(([k, v]) => [k, near(v)])) : x
const clean = x => Array.isArray(x) ? x.filter(y => y !== undefined).map(clean) : isObject(x) ? Object.fromEntries(Object.entries(x).filter(([, v]) => v !== undefined).map(([k, v]) => [k, clean(v)])) : x
// What $addToSet and a $lookup give has no order.
const setFields = stages => new Set(stages.flatMap(s => s.$lookup ? [s.$lookup.as] : s.$group ? Object.entries(s.$group).filter(([, v]) => isObject(v) && v?.$addToSet).map(([k]) => k) : s.$facet ? [...Object.values(s.$facet)].flatMap(b => [...setFields(b)]) : []))
const unsets = (x, fields) => Array.isArray(x) ? x.map(y => unsets(y, fields)) : isObject(x) ? Object.fromEntries(Object.entries(x).map(([k, v]) => [k, fields.has(k) && Array.isArray(v) ? v.map(y => JSON.stringify(y)).sort() : unsets(v, fields)])) : x
const lines = (documents, stages) => documents.map(d => JSON.stringify(encode(unsets(normal(near(clean(d))), setFields(stages)))))
// Documents without an order but for the last $sort, if its fields tell all apart.
function isOrdered (stages) {
  for (let i = stages.length - 1; i >= 0; i--) {
    const name = Object.keys(stages[i])[0]
    if (name === '$sort') return '_id' in stages[i].$sort
    if (!['$limit', '$skip', '$match', '$addFields', '$set', '$unset', '$project', '$replaceRoot', '$replaceWith', '$lookup', '$unwind'].includes(name)) return false
  }
  return false
}
// Arrays of groups inside of a $facet too.
const unorderGroups = (documents, stages) => stages.some(s => s.$facet) ? documents.map(d => ({ ...d, b: lines(d.b, stages).sort() })) : documents

async function compare (collection, others, indexed) {
  const stages = pipeline()
  for (const s of stages) counts.stages[Object.keys(s)[0]] = (counts.stages[Object.keys(s)[0]] ?? 0) + 1
  const options = { collectionResolver: name => structuredClone(name === 'others' ? others : []) }
  const expected = unorderGroups(corrected(new Aggregator(structuredClone(stages), options).run(structuredClone(collection)), stages), stages)
  const text = JSON.stringify(encode(stages))
  for (const memory of [0, 1]) {
    let answer = await copse({ aggregate: text, memory })
    const least = /take at least (\d+) bytes/.exec(answer.error ?? '')
    if (least) answer = await copse({ aggregate: text, memory: Number(least[1]) })
    const report = `seed ${seedText}, indexes ${indexed}: ${text}`
    assert.ok(answer.documents, `${report}\n${answer.error}`)
    const got = unorderGroups(answer.documents, stages)
    const [a, b] = [lines(got, stages), lines(expected, stages)]
    if (!isOrdered(stages)) { a.sort(); b.sort() }
    assert.deepEqual(a, b, report)
    counts.spilled += answer.explain.stages.some(s => s.spilled_bytes > 0)
  }
  counts.pipelines++
  if (expected.length > 1 || (expected.length === 1 && collection.length > 0)) counts.some++
}

// ---- Rounds ----
const INDEXES = ['k', '-k,w', 'w', 'n,k', 'x', 'o.p', 'l[]', 'w,-n']
for (let i = 0; i < Number(rounds); i++) {
  large = i % 10 === 9
  const collection = Array.from({ length: large ? 1500 : 3 + random(60) }, (_, id) => newDocument(id))
  const others = Array.from({ length: random(10) }, (_, id) => ({ _id: pick([id, 'a' + id]), g: random(6), ...(chance(60) ? { h: pick(WORDS) } : {}) }))
  assert.ok((await copse({ reset: true })).ok)
  assert.ok((await copse({ insert: collection })).ok)
  if (others.length > 0) assert.ok((await copse({ insert: others, collection: 'others' })).ok)
  const indexes = chance(70) ? INDEXES.filter(() => chance(40)) : []
  for (const index of indexes) assert.ok((await copse({ index, ...(chance(20) ? { include: 'n,o' } : {}) })).ok)
  if (others.length > 0 && chance(50)) assert.ok((await copse({ index: 'g', collection: 'others' })).ok)
  for (let j = 0; j < 25; j++) await compare(collection, others, indexes)
}
driver.end()
const share = Math.round(100 * counts.some / counts.pipelines)
console.log(`pipelines: ${counts.pipelines} agree with mingo (${share}% give something), each in much memory and in little; seed ${seedText}`)
console.log('stages:', JSON.stringify(counts.stages))
console.log(`spilled: ${counts.spilled}; values where the manual differs from mingo: ${counts.corrected}`)
assert.ok(share >= 60, 'too few pipelines give something')
assert.ok(Number(rounds) < 10 || counts.spilled > 0, 'nothing was spilled')
