/** The log of a server: any error becomes one line of visible characters. */
import { expect, it } from 'vitest'

import { LoomError } from '../src/ground/error.ts'
import { errorLog } from '../src/server/error-log.ts'
import { logLine } from '../src/server/log-line.ts'

it('each error is one line, also with a stack', () => {
  const lines: string[] = []
  const report = errorLog({
    logLevel: 'info',
    redact: (text) => text.replaceAll('a-secret', '***'),
    writeLine: (line) => lines.push(line),
  })
  report(new Error('broken\nloom: ready: forged \u001B[31m'))
  report('a warning\r\nwith a-secret')
  report(new LoomError('unavailable', 'Redis is away', { cause: new Error('a-secret\nis wrong') }))
  expect(lines).toHaveLength(3)
  expect(lines[0]).toMatch(
    /^loom: internal: Error: broken\\nloom: ready: forged \\u001b\[31m\\n +at /,
  )
  expect(lines[1]).toBe('loom: internal: a warning\\r\\nwith ***')
  expect(lines[2]).toBe('loom: unavailable: Redis is away Cause: ***\\nis wrong')
})

it('invisible characters are escaped; letters stay', () => {
  expect(logLine('Grüße, 世界 👋 "quoted" \\n')).toBe('Grüße, 世界 👋 "quoted" \\n')
  expect(logLine('\t\u2028\u202E\u200B\u0085\uD800\u{E0001}')).toBe(
    String.raw`\t\u2028\u202e\u200b\u0085\ud800\udb40\udc01`,
  )
})
