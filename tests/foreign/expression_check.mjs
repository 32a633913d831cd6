// Compares Copse's expressions with those of mingo: random expressions over random documents.
//
//   node expression_check.mjs EXPRESSION_DRIVER [CASES [SEED]]
//
// Where mingo and MongoDB's manual differ, the manual wins; KNOWN lists these. What is random comes
// from SEED, which is printed.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import assert from 'node:assert/strict'
import { Aggregator } from 'mingo'

const [program, cases = '20000', seedText = '1'] = process.argv.slice(2)
let state = Number(seedText) >>> 0
const random = n => {
  state = (state + 0x9e3779b9) >>> 0
  let z = state
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
  return ((z ^ (z >>> 15)) >>> 0) % n
}
const pick = list => list[random(list.length)]
const chance = percent => random(100) < percent
const times = (least, most, make) => Array.from({ length: least + random(most - least + 1) }, make)

// ---- Copse ----
const driver = spawn(program, [], { stdio: ['pipe', 'pipe', 'inherit'] })
const lines = createInterface({ input: driver.stdout })[Symbol.asyncIterator]()
driver.on('exit', code => { if (!driver.ended) { console.error(`the driver ended: ${code}`); process.exit(1) } })
async function copse (expression, document) {
  driver.stdin.write(JSON.stringify(encode({ expression, document })) + '\n')
  const { value } = await lines.next()
  const answer = JSON.parse(value)
  if ('value' in answer) answer.value = decode(answer.value)
  return answer
}
function encode (value) { // to Extended JSON
  if (value instanceof Date) return { $date: { $numberLong: String(value.getTime()) } }
  if (value instanceof RegExp) return { $regularExpression: { pattern: value.source, options: value.flags } }
  if (Array.isArray(value)) return value.map(encode)
  if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, encode(v)]))
  return value
}
function decode (value) {
  if (Array.isArray(value)) return value.map(decode)
  if (value !== null && typeof value === 'object') {
    if ('$date' in value) return new Date(typeof value.$date === 'string' ? value.$date : Number(value.$date.$numberLong))
    if ('$numberDouble' in value) return Number(value.$numberDouble)
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, decode(v)]))
  }
  return value
}

// ---- Random documents ----
const WORDS = ['', 'a', 'ab', 'abc', 'b', 'Cats', 'cats and dogs', 'é', 'aéb', ' x ', 'a,b,,c', '12', '2.5', 'true', 'Ab']
const INTEGERS = [0, 1, 2, 3, 4, 5, 7, -1, -3, 10, 100, 1000]
const NUMBERS = [...INTEGERS, 0.5, 1.5, 2.5, -2.5, 3.25, 1e6, -1e6]
const DATES = [0, 1, 86400000, -1, 951782400000, 1.6e12, 1704067199999, 1609459200000, 1709210096789].map(ms => new Date(ms))
const scalar = () => pick([() => pick(NUMBERS), () => pick(NUMBERS), () => pick(WORDS), () => pick(WORDS), () => chance(50), () => null, () => pick(DATES)])()
const DOCUMENT = () => ({
  _id: 1,
  i: pick(INTEGERS),
  n: pick(NUMBERS),
  s: pick(WORDS),
  t: pick(WORDS),
  f: chance(50),
  z: null,
  d: pick(DATES),
  e: pick(DATES),
  x: scalar(),
  o: { p: scalar(), q: pick(NUMBERS), r: { p: pick(WORDS) } },
  in: times(0, 4, () => pick(INTEGERS)), // integers
  an: times(0, 4, () => pick(NUMBERS)),
  as: times(0, 4, () => pick(WORDS)),
  ax: times(0, 4, scalar),
  ao: times(0, 3, () => ({ p: scalar(), q: pick(NUMBERS) })),
  k: times(0, 3, () => ({ k: pick(['a', 'b', 'cc']), v: scalar() }))
})

// ---- Random expressions, by what they give ----
const args = (...makers) => makers.map(make => make())
let depth = 0
let bound = []
const deeper = (leaves, nodes) => {
  if (depth >= 4 || chance(35)) return pick(leaves)()
  depth++
  const made = pick(nodes)()
  depth--
  return made
}
const bind = (names, make) => {
  const outer = bound
  bound = [...bound, ...names]
  const made = make()
  bound = outer
  return made
}
// An argument alone. mingo takes a list of one for its element, whether that is a list or not.
const one = x => Array.isArray(x) ? { $concatArrays: [x] } : x
const variable = otherwise => bound.length > 0 && chance(70) ? '$$' + pick(bound) : otherwise()
const wrong = make => () => chance(4) ? any() : make() // sometimes of another type
const integer = wrong(() => deeper([() => pick(INTEGERS), () => '$i', () => '$i', () => variable(() => '$i')], [
  () => ({ $add: args(integer, integer) }),
  () => ({ $subtract: args(integer, integer) }),
  () => ({ $multiply: args(integer, integer) }),
  () => ({ $mod: args(integer, integer) }),
  () => ({ $abs: integer() }),
  () => ({ $strLenCP: one(text()) }),
  () => ({ $strLenBytes: one(text()) }),
  () => ({ $size: one(array()) }),
  () => ({ $cmp: args(any, any) }),
  () => ({ $indexOfArray: args(array, any) }),
  () => ({ $indexOfBytes: args(text, text) }),
  () => ({ $strcasecmp: args(text, text) }),
  () => ({ $toInt: one(number()) }),
  () => ({ [pick(['$year', '$month', '$dayOfMonth', '$dayOfWeek', '$dayOfYear', '$hour', '$minute', '$second', '$millisecond', '$week', '$isoWeek', '$isoWeekYear', '$isoDayOfWeek'])]: chance(70) ? one(date()) : { date: date(), timezone: zone() } }),
  () => ({ $dateDiff: { startDate: date(), endDate: date(), unit: unit(), ...(chance(30) ? { startOfWeek: pick(['monday', 'sunday', 'wednesday']) } : {}) } }),
  () => ({ $bitAnd: args(integer, integer) }),
  () => ({ $bitOr: args(integer, integer) })
]))
const number = wrong(() => deeper([integer, () => pick(NUMBERS), () => '$n', () => '$n', () => '$o.q'], [
  integer,
  () => ({ $add: times(1, 3, number) }),
  () => ({ $subtract: args(number, number) }),
  () => ({ $multiply: times(1, 3, number) }),
  () => ({ $divide: args(number, number) }),
  () => ({ $mod: args(number, number) }),
  () => ({ [pick(['$abs', '$ceil', '$floor'])]: one(number()) }),
  () => ({ [pick(['$round', '$trunc'])]: [number(), random(4)] }),
  () => ({ [pick(['$exp', '$ln', '$log10', '$sqrt', '$sin', '$cos', '$atan'])]: one(number()) }),
  () => ({ $pow: args(number, integer) }),
  () => ({ $log: args(number, number) }),
  () => ({ [pick(['$sum', '$avg', '$max', '$min', '$stdDevPop', '$stdDevSamp'])]: chance(50) ? one(numbers()) : times(2, 3, number) }),
  () => ({ $subtract: args(date, date) }),
  () => ({ $toDouble: one(number()) }),
  () => ({ $toLong: one(date()) })
]))
const text = wrong(() => deeper([() => pick(WORDS), () => '$s', () => '$t', () => '$o.r.p', () => variable(() => '$s')], [
  () => ({ $concat: times(1, 3, text) }),
  () => ({ [pick(['$toLower', '$toUpper'])]: one(text()) }),
  () => ({ $substrCP: [text(), random(4), random(4)] }),
  () => ({ $substrBytes: [pick(['abc', 'xyz', '$u']), random(3), random(3)] }),
  () => ({ [pick(['$trim', '$ltrim', '$rtrim'])]: chance(60) ? { input: text() } : { input: text(), chars: pick(['a', 'ab', ' ', 'xé']) } }),
  () => ({ [pick(['$replaceOne', '$replaceAll'])]: { input: text(), find: pick(['a', 'b', 'ab', ',', 'é']), replacement: text() } }),
  () => ({ $toString: one(any()) }),
  () => ({ $type: one(any()) }),
  () => ({ $arrayElemAt: ['$as', integer()] }),
  () => ({ $dateToString: { date: date(), format: pick(['%Y-%m-%d', '%H:%M:%S.%L', '%j %w %u', '%G-W%V', '%Y-%m-%dT%H:%M:%S.%LZ %%']), ...(chance(30) ? { timezone: zone() } : {}) } })
]))
const unit = () => pick(['year', 'quarter', 'month', 'week', 'day', 'hour', 'minute', 'second', 'millisecond'])
const zone = () => pick(['UTC', '+02:00', '-0530', '+10', '-03:30'])
const date = wrong(() => deeper([() => '$d', () => '$e', () => pick(DATES)], [
  () => ({ [pick(['$dateAdd', '$dateSubtract'])]: { startDate: date(), unit: unit(), amount: pick(INTEGERS) } }),
  () => ({ $add: args(date, () => pick([1, 1000, -86400000])) }),
  () => ({ $subtract: args(date, () => pick([1, 1000, 86400000])) }),
  () => ({ $toDate: pick([0, 1e12, 86400000]) }),
  () => ({ $dateTrunc: { date: date(), unit: unit(), ...(chance(30) ? { binSize: 1 + random(3) } : {}), ...(chance(30) ? { startOfWeek: pick(['monday', 'sunday', 'friday']) } : {}) } }),
  () => ({ $dateFromParts: { year: 1990 + random(40), month: 1 + random(14), day: random(33), hour: random(26), minute: random(70) } }),
  () => ({ $dateFromString: { dateString: pick(['2024-02-29', '2020-12-31T23:59:59Z', '2020-12-31T23:59:59.123Z', '1999-01-01T00:00:00Z']) } })
]))
const boolean = wrong(() => deeper([() => chance(50), () => '$f', () => '$f'], [
  () => ({ [pick(['$eq', '$ne', '$gt', '$gte', '$lt', '$lte'])]: chance(50) ? args(number, number) : chance(50) ? args(text, text) : args(any, any) }),
  () => ({ [pick(['$and', '$or'])]: times(1, 3, any) }),
  () => ({ $not: [any()] }),
  () => ({ $in: args(any, array) }),
  () => ({ $isArray: [any()] }),
  () => ({ $isNumber: one(any()) }),
  () => ({ $toBool: one(any()) }),
  () => ({ $regexMatch: { input: text(), regex: pick(['^a', 'b', 'A', '[0-9]+', /AB/i, /é/]) } }),
  () => ({ [pick(['$anyElementTrue', '$allElementsTrue'])]: [one(array())] }),
  () => ({ $setEquals: args(array, array) }),
  () => ({ $setIsSubset: args(array, array) })
]))
const numbers = wrong(() => deeper([() => '$in', () => '$an', () => times(0, 3, number), () => '$ao.q'], [
  () => ({ $range: [pick(['$i', 0, 5]), pick(['$i', 0, 9]), pick([1, 2, -1, 3])] }),
  () => ({ $map: { input: numbers(), as: 'm', in: bind(['m'], number) } }),
  () => ({ $map: { input: numbers(), in: bind(['this'], integer) } })
]))
const array = wrong(() => deeper([numbers, () => '$as', () => '$ax', () => '$ax', () => '$ao', () => '$ao.p', () => times(0, 3, any)], [
  numbers,
  () => ({ $concatArrays: times(1, 3, array) }),
  () => ({ $filter: { input: array(), as: 'y', cond: bind(['y'], boolean) } }),
  () => ({ $filter: { input: numbers(), cond: { [pick(['$gt', '$lte'])]: ['$$this', number()] }, limit: 1 + random(3) } }),
  () => ({ $reverseArray: one(array()) }),
  () => ({ $slice: [array(), pick([1, 2, -1, -2, 5])] }),
  () => ({ $slice: [array(), pick([0, 1, -1, -2, 9]), 1 + random(3)] }),
  () => ({ $split: [text(), pick([',', 'a', ' '])] }),
  () => ({ $sortArray: { input: numbers(), sortBy: pick([1, -1]) } }),
  () => ({ $sortArray: { input: '$ao', sortBy: { q: pick([1, -1]) } } }),
  () => ({ [pick(['$firstN', '$lastN'])]: { n: 1 + random(3), input: array() } }),
  () => ({ [pick(['$maxN', '$minN'])]: { n: 1 + random(3), input: numbers() } }),
  () => ({ [pick(['$setUnion', '$setIntersection', '$setDifference'])]: args(array, array) }),
  () => ({ $zip: { inputs: [array(), array()], ...(chance(40) ? { useLongestLength: true } : {}) } }),
  () => ({ $objectToArray: one(object()) }),
  () => ({ $regexFindAll: { input: text(), regex: pick(['a', '(a)(b)?', '[bc]+']) } })
]))
const object = wrong(() => deeper([() => '$o', () => '$o.r', () => ({ a: any(), bb: any() })], [
  () => ({ $mergeObjects: [object(), object()] }),
  () => ({ $arrayToObject: pick([() => '$k', () => ({ $concatArrays: [[['a', any()], ['b', any()]]] })])() }),
  () => ({ $setField: { field: pick(['p', 'new']), input: object(), value: any() } }),
  () => ({ $unsetField: { field: pick(['p', 'q']), input: object() } }),
  () => ({ $regexFind: { input: text(), regex: pick(['a', '(a)(b)?', '[bc]+']) } }),
  () => ({ $dateToParts: { date: date(), ...(chance(30) ? { iso8601: true } : {}) } })
]))
function any () {
  return deeper([() => '$x', () => '$z', () => '$missing', () => scalar(), () => '$o.p', integer, number, text, boolean], [
    integer, number, text, date, boolean, array, object,
    () => ({ $cond: chance(50) ? [boolean(), any(), any()] : { if: boolean(), then: any(), else: any() } }),
    () => ({ $ifNull: times(2, 3, any) }),
    () => ({ $switch: { branches: times(1, 2, () => ({ case: boolean(), then: any() })), default: any() } }),
    () => ({ [pick(['$first', '$last'])]: one(array()) }),
    () => ({ $arrayElemAt: [array(), pick([0, 1, -1, 5])] }),
    () => ({ $getField: chance(50) ? pick(['x', 'n']) : { field: pick(['p', 'q']), input: object() } }),
    () => ({ $let: { vars: { v: any(), w: any() }, in: bind(['v', 'w'], any) } }),
    () => ({ $reduce: { input: numbers(), initialValue: 0, in: { $add: ['$$value', '$$this'] } } }),
    () => ({ $reduce: { input: '$as', initialValue: '', in: { $concat: ['$$value', '$$this'] } } }),
    () => ({ $literal: pick(['$x', 5, ['$a']]) }),
    () => ({ $max: one(array()) }),
    () => ({ $min: [any(), any()] })
  ])
}

// ---- What differs, and why ----
// Each with how often it may be met in 20,000 expressions, which is somewhat more than any of 60
// seeds met: what breaks an operator must not pass for what is known of it.
// What we refuse, by our message. MongoDB refuses it too; mingo gives null, NaN or something else.
const REFUSED_BY_US = {
  'a number out of a function\'s range': [/^\$(log|ln|log10|sqrt) takes numbers/, 185],
  'by zero': [/^\$(mod|divide) by zero/, 70],
  'no object': [/^\$mergeObjects takes objects/, 40],
  'no array': [/^\$\w+ takes (an array|arrays)/, 25],
  'no string': [/^\$\w+ takes (a string|strings)/, 55],
  'out of the range of dates': [/^\$\w+ leaves the range of dates/, 4],
  'no date': [/^\$(date\w+|year|month|day\w+|hour|minute|second|millisecond|week|iso\w+) takes (a date|numbers)/, 60],
  'no whole number': [/^\$(bitAnd|bitOr|arrayElemAt|dateAdd|dateSubtract|substrCP) takes (integers|a whole number)/, 6],
  'dates and other types': [/^\$(add|subtract) takes/, 5],
  'no number': [/^\$(multiply|divide|mod|abs|ceil|floor|round|trunc|exp|pow|sin|cos|atan) takes numbers/, 5],
  'no conversion': [/^\$to\w+ (can't (read|convert)|has no)/, 11]
}
// What mingo refuses and MongoDB does not, by mingo's message.
const REFUSED_BY_MINGO = {
  '$first and $last of []: missing': [/^\$(first|last) expression must resolve to/, 230],
  'a value that is no array, of which it is the $max': [/^arguments must resolve to array for/, 110],
  'timezone UTC': [/^timezone 'UTC' is invalid/, 70],
  '$substrBytes up to the end': [/^\$substrBytes count extends/, 60],
  'null before an argument that is refused': [/is not a function|cannot (divide|convert|subtract|add)/, 20],
  'a missing value in a list is null': [/^Cannot read properties of undefined/, 55],
  'null and missing: null, "" or the empty array': [/expression must resolve to|must resolve to integers/, 125]
}
// Where values differ, by what stands in the expression.
const DIFFER = {
  // The manual: %G the ISO year, %w from 1 for Sunday, %% a percent sign.
  'letters of $dateToString': [/%[Gw%V]/, 135],
  'ISO years and weeks': [/isoWeek|iso8601|"\$week"/, 50],
  // The bins of the manual are counted from the year 2000; mingo's of quarters end elsewhere.
  'bins of dates': [/\$dateTrunc/, 40],
  'quarters': [/"quarter"/, 17],
  // mingo lets days pass over from short months; the manual takes the last day.
  'months of other sizes': [/\$date(Add|Subtract)/, 25],
  '$dateDiff before 1970, and of weeks': [/\$dateDiff/, 25],
  // Parts that are too large carry over.
  '$dateFromParts beyond the month': [/\$dateFromParts/, 25],
  '$dateToParts of null': [/\$dateToParts/, 35],
  // One value has no deviation of a sample: null. Of no values all are null.
  'deviations of too few': [/\$stdDev/, 30],
  // ASCII only; null becomes "".
  'case': [/\$to(Upper|Lower)/, 55],
  // Sets have no order in the manual: ours is that of values.
  'order in sets': [/\$set(Union|Intersection|Difference)/, 60],
  // Field order is not kept.
  'order in objects': [/\$objectToArray/, 50],
  // Values of different types have an order.
  'order of types': [/"\$(gte?|lte?|cmp|min|max|maxN|minN|sortArray)"/, 140],
  'a missing value in a list is null': [/missing|\$(arrayElemAt|first|last|getField|let|cond|map)/, 55],
  // Integers have no width.
  '$type of integers': [/\$type/, 11],
  // The shortest of [] and others is [].
  '$zip of []': [/\$zip/, 11],
  // mingo takes an array as a pair's value for the pair, and drops missing values.
  '$arrayToObject of arrays': [/\$arrayToObject/, 12],
  // mingo finds a later match at the place of the first text like it.
  'idx of $regexFindAll': [/\$regexFindAll/, 4],
  'bytes of letters': [/\$indexOfBytes/, 4],
  'the last digits of functions': [/\$(pow|exp|ln|log|log10|sin|cos|atan)"/, 7],
  '$trunc behind the point': [/\$(trunc|round)/, 4],
  // "" is true in a condition; so is everything but false, null and 0.
  'truth of ""': [/\$(not|and|or|cond|switch|filter|anyElementTrue|allElementsTrue|toBool)/, 11]
}
const OTHER = 'other refusals of mingo' // of what null makes of an expression in it
const ROUNDED = 'fractions of milliseconds are rounded'
const most = { [OTHER]: 5, [ROUNDED]: 5 }
for (const table of [REFUSED_BY_US, REFUSED_BY_MINGO, DIFFER]) {
  for (const [name, [, times]] of Object.entries(table)) most[name] = (most[name] ?? 0) + times
}
function known (expression, ours, theirs) {
  const tables = [[REFUSED_BY_US, ours.error], [REFUSED_BY_MINGO, theirs.error], [DIFFER, theirs.error ? null : JSON.stringify(encode(expression))]]
  for (const [table, text] of tables) for (const [name, [pattern]] of Object.entries(table)) if (text && pattern.test(text)) return name
  if (theirs.error) return OTHER
  const times = [ours, theirs].map(x => x.value instanceof Date ? x.value.getTime() : NaN)
  return Math.abs(times[0] - times[1]) <= 1 ? ROUNDED : null
}

// ---- Comparing ----
const isObject = x => x !== null && typeof x === 'object' && !Array.isArray(x) && !(x instanceof Date)
const close = (a, b) => a === b || (Number.isNaN(a) && Number.isNaN(b)) || Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b))
function same (a, b) {
  if (typeof a === 'number' && typeof b === 'number') return close(a, b)
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime()
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((x, i) => same(x, b[i]))
  if (isObject(a) && isObject(b)) {
    const keys = Object.keys(a).filter(k => a[k] !== undefined)
    return keys.length === Object.keys(b).filter(k => b[k] !== undefined).length && keys.every(k => k in b && same(a[k], b[k]))
  }
  return a === b || ((a ?? null) === null && (b ?? null) === null)
}
function mingo (expression, document) {
  try {
    const [result] = new Aggregator([{ $addFields: { result: expression } }]).run([structuredClone(document)])
    return 'result' in result && result.result !== undefined ? { value: result.result } : { missing: true }
  } catch (error) {
    return { error: error.message }
  }
}
const counts = { agree: 0, refused: 0 }
const differ = {}
for (let i = 0; i < Number(cases); i++) {
  depth = 0
  bound = []
  const document = DOCUMENT()
  const expression = any()
  const ours = await copse(expression, document)
  const theirs = mingo(expression, document)
  if (ours.error && theirs.error) { counts.refused++; continue }
  if (ours.missing ? theirs.missing : 'value' in ours && 'value' in theirs && same(ours.value, theirs.value)) { counts.agree++; continue }
  const name = known(expression, ours, theirs)
  const show = x => JSON.stringify(encode(x))
  assert.ok(name, `seed ${seedText}: ${show(expression)}\n${show(document)}\nours  ${show(ours)}\nmingo ${show(theirs)}`)
  differ[name] = (differ[name] ?? 0) + 1
}
driver.ended = true
driver.stdin.end()
console.log(`mingo: ${counts.agree} of ${cases} expressions agree, ${counts.refused} are refused by both, seed ${seedText}`)
console.log('where the manual differs from mingo:', JSON.stringify(differ))
for (const [name, times] of Object.entries(differ)) {
  const allowed = most[name] * Math.max(1, Number(cases) / 20000)
  assert.ok(times <= allowed, `${name}: ${times} times, and ${allowed} are known`)
}
assert.ok(counts.agree > 0.85 * Number(cases), 'too few agree')
