/**
 * Bad settings of the process, beyond those of `main.test.ts`. For any environment, a start that
 * fails reports in plain lines what to set, without a stack and without a key.
 */
import { afterEach, describe, expect, test } from 'vitest'

import { addressOf, endProcesses, startLoom, startNpm } from './loom-process.ts'

afterEach(endProcesses)

const secret = 'sk-test-0c5f6b1e9d7a4823'

/** The variables, and the lines of the error. */
const refused: Record<string, [variables: Record<string, string>, lines: RegExp[]]> = {
  'a model without a provider': [
    { LOOM_MODEL: 'noslash' },
    [/^loom: LOOM_MODEL must be "provider\/model-id", such as demo\/assistant$/],
  ],
  'a model id of blanks': [
    { LOOM_MODEL: 'demo/ ' },
    [/^loom: Model "demo\/ " is not of the form /],
  ],
  'a model that the demo does not have': [{ LOOM_MODEL: 'demo/nobody' }, [/^loom: .*demo\//]],
  'a misspelt provider': [
    { LOOM_MODEL: 'antrhopic/claude' },
    [/^loom: .*Did you mean "anthropic"\?.*ANTRHOPIC_BASE_URL/],
  ],
  'a key without its address': [
    { LOOM_MODEL: 'acme/large', ACME_API_KEY: secret },
    [/^loom: .*ACME_API_KEY is set.*set ACME_BASE_URL/],
  ],
  'a key where the address belongs': [
    { LOOM_MODEL: 'acme/large', ACME_BASE_URL: secret },
    [/^loom: ACME_BASE_URL must be an address/],
  ],
  'an address with a password': [
    { LOOM_MODEL: 'acme/large', ACME_BASE_URL: `https://me:${secret}@example.com/v1` },
    [/^loom: ACME_BASE_URL must not hold a user name or password/],
  ],
  'an unknown host': [
    { HOST: 'no.such.host.invalid', LOOM_AUTH: 'none' },
    [/^loom: HOST no\.such\.host\.invalid is no known name\.$/],
  ],
  'an agent named as a prototype': [{ LOOM_AGENT: '__proto__' }, [/^loom: LOOM_AGENT must be /]],
  'several bad settings, each in its line': [
    { PORT: 'http', LOOM_MODEL: 'noslash', LOOM_LOG_LEVEL: 'loud' },
    [/^loom: PORT /, /^loom: LOOM_MODEL /, /^loom: LOOM_LOG_LEVEL /],
  ],
  'a short secret for JWTs': [
    { LOOM_JWT_SECRET: secret },
    [/^loom: LOOM_JWT_SECRET must have at least 32 characters; `loom key` prints one$/],
  ],
  'a value of several lines': [{ LOOM_AGENT: 'a\nb' }, [/^loom: LOOM_AGENT .*got "a\\nb"$/]],
}

describe('loom serve', () => {
  test.each(Object.entries(refused))(
    'loom serve does not start with %s',
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

describe('npm start', () => {
  test('npm start passes SIGTERM on and leaves no process', async () => {
    const npm = startNpm()
    const url = await addressOf(npm)
    const body = JSON.stringify({ message: 'What is 12 * 34?' })
    const response = await fetch(`${url}/api/chat`, { method: 'POST', body })
    npm.child.kill('SIGTERM')
    expect(await response.text()).toMatch(/\ndata: \[DONE\]\n\n$/)
    await npm.exited
    await expect(fetch(`${url}/healthz`)).rejects.toThrow('fetch failed')
  })
})
