/**
 * Bad input at the door of the process, beyond what `main.test.ts` has of it: whatever is in the
 * environment, a start that cannot be says in plain lines what to set, and shows no stack and no key.
 */
import { afterEach, describe, expect, test } from 'vitest'

import { endProcesses, startLoom } from './loom-process.ts'

afterEach(endProcesses)

const secret = 'sk-test-0c5f6b1e9d7a4823'

/** What is set, and the lines that come of it. */
const refused: Record<string, [variables: Record<string, string>, lines: RegExp[]]> = {
  'a model without a provider': [
    { LOOM_MODEL: 'noslash' },
    [/^loom: LOOM_MODEL must be "provider\/model-id", such as demo\/assistant$/],
  ],
  'a model without an id': [{ LOOM_MODEL: 'demo/' }, [/^loom: LOOM_MODEL must be /]],
  'a model id of blanks': [
    { LOOM_MODEL: 'demo/ ' },
    [/^loom: Model "demo\/ " is not of the form /],
  ],
  'a model that the demo does not have': [{ LOOM_MODEL: 'demo/nobody' }, [/^loom: .*demo\//]],
  'a provider with a slip of the pen': [
    { LOOM_MODEL: 'antrhopic/claude' },
    [/^loom: .*Did you mean "anthropic"\?.*ANTRHOPIC_BASE_URL/],
  ],
  'a key without its address': [
    { LOOM_MODEL: 'acme/large', ACME_API_KEY: secret },
    [/^loom: .*ACME_API_KEY is set.*set ACME_BASE_URL/],
  ],
  'a key of blanks': [
    { LOOM_MODEL: 'anthropic/claude', ANTHROPIC_API_KEY: '  ' },
    [/^loom: .*set ANTHROPIC_API_KEY/],
  ],
  'no key for Google': [{ LOOM_MODEL: 'google/gemini' }, [/^loom: .*set GOOGLE_API_KEY or /]],
  'a key where the address belongs': [
    { LOOM_MODEL: 'acme/large', ACME_BASE_URL: secret },
    [/^loom: ACME_BASE_URL must be an address/],
  ],
  'an address with a password': [
    { LOOM_MODEL: 'acme/large', ACME_BASE_URL: `https://me:${secret}@example.com/v1` },
    [/^loom: ACME_BASE_URL must not hold a user name or password/],
  ],
  'an address that the package of a provider would take apart': [
    { LOOM_MODEL: 'anthropic/claude', ANTHROPIC_API_KEY: secret, ANTHROPIC_BASE_URL: 'http://' },
    [/^loom: ANTHROPIC_BASE_URL must be an address/],
  ],
  'a port that is too high': [{ PORT: '65536' }, [/^loom: PORT must be .*got "65536"$/]],
  'a port below zero': [{ PORT: '-1' }, [/^loom: PORT must be .*got "-1"$/]],
  'a port that is a number to JavaScript only': [{ PORT: '0x50' }, [/^loom: PORT must be /]],
  'a host that is nowhere': [
    { HOST: 'no.such.host.invalid', LOOM_AUTH: 'none' },
    [/^loom: HOST no\.such\.host\.invalid is no known name\.$/],
  ],
  'an agent of the wrong case': [
    { LOOM_AGENT: 'Assistant' },
    [/^loom: LOOM_AGENT must be one of /],
  ],
  'an agent named as a prototype': [{ LOOM_AGENT: '__proto__' }, [/^loom: LOOM_AGENT must be /]],
  'a time limit of no time': [
    { LOOM_FIRST_CHUNK_MS: '0' },
    [/^loom: LOOM_FIRST_CHUNK_MS must be a whole number from 1 /],
  ],
  'several at once, each in its line': [
    { PORT: 'http', LOOM_MODEL: 'noslash', LOOM_LOG_LEVEL: 'loud' },
    [/^loom: PORT /, /^loom: LOOM_MODEL /, /^loom: LOOM_LOG_LEVEL /],
  ],
  'a setting of a later version': [
    { LOOM_API_KEYS: secret },
    [/^loom: LOOM_API_KEYS is not supported yet: unset it to start\.$/],
  ],
  'a value of several lines': [{ LOOM_AGENT: 'a\nb' }, [/^loom: LOOM_AGENT .*got "a\\nb"$/]],
}

describe('loom serve', () => {
  test.concurrent.each(Object.entries(refused))(
    'does not start with %s',
    async (_name, [variables, lines]) => {
      const loom = startLoom(variables)
      expect(await loom.exited).toBe(3)
      const { stdout, stderr } = loom.output()
      expect(stdout).toBe('')
      expect(stderr).not.toContain(secret)
      const told = stderr.trimEnd().split('\n')
      expect(told).toHaveLength(lines.length)
      for (const [index, line] of lines.entries()) expect(told[index]).toMatch(line)
    },
  )
})

test.each([['--help'], ['serve', '--port'], ['Serve'], ['']])(
  'the command "%s" is answered with how to use it',
  async (...words) => {
    const loom = startLoom({}, words)
    expect(await loom.exited).toBe(2)
    const { stdout, stderr } = loom.output()
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^Usage: loom serve\n/)
    expect(stderr).not.toMatch(/^\s+at /m)
  },
)
