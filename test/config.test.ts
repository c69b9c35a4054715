import { readFileSync } from 'node:fs'

import { describe, expect, it } from 'vitest'

import { isLoopback, readConfig, readRegistryConfig } from '../src/config.ts'
import { type Environment } from '../src/ground/environment.ts'

describe('the settings', () => {
  it('the settings have the documented defaults', () => {
    expect(readConfig({})).toEqual({
      port: 3000,
      host: '127.0.0.1',
      model: 'demo/assistant',
      agent: undefined,
      agents: undefined,
      limits: { firstChunkMs: 60_000, nextChunkMs: 30_000, stepMs: 600_000 },
      keepAliveMs: 15_000,
      idleMs: 75_000,
      corsOrigins: [],
      publicUrl: undefined,
      allowedHosts: undefined,
      fileUrls: 'public',
      graceMs: 10_000,
      logLevel: 'info',
      logFormat: 'text',
      metrics: 'auto',
      traces: 'auto',
      redisUrl: undefined,
      redisPrefix: '',
      apiKeys: [],
      access: { jwt: undefined, proxy: undefined, operatorKeys: [], tokenSecrets: [] },
      sessionTtlMs: 30 * 24 * 60 * 60 * 1000,
      heartbeatMs: 3000,
      flushMs: 20,
      redisPatienceMs: 30_000,
      rollbackMs: 86_400_000,
      quotas: {},
      storageLimits: {},
      turnsMax: 400,
      tasks: { depthMax: 3, openMax: 16, unfinishedMax: 256 },
      workspace: process.cwd(),
      sandbox: { mode: 'auto', network: false, readable: [], writable: [], variables: [] },
      modelsUrl: 'https://models.dev/api.json',
      modelsPath: undefined,
      modelsCache: undefined,
    })
  })

  it('the downloaded list is in the user’s cache folder', () => {
    const cache = (environment: Environment) => readRegistryConfig(environment).modelsCache
    expect(cache({ XDG_CACHE_HOME: '/cache', HOME: '/home/ada' })).toBe('/cache/loom/models.br')
    // The XDG specification says to ignore relative paths.
    expect(cache({ XDG_CACHE_HOME: 'cache', HOME: '/home/ada' })).toBe(
      '/home/ada/.cache/loom/models.br',
    )
    expect(cache({ XDG_CACHE_HOME: '', HOME: '' })).toBeUndefined()
    // Settings of the server alone are not checked here.
    expect(() => readRegistryConfig({ HOST: '0.0.0.0', PORT: 'x' })).not.toThrow()
    expect(() => readRegistryConfig({ LOOM_MODELS_URL: 'models.dev' })).toThrow(
      'LOOM_MODELS_URL must begin with http:// or https://, or be none',
    )
  })

  it('the folder of the sessions has the port in its name', () => {
    const folder = (environment: Environment) => readConfig(environment).dataFolder
    expect(folder({ HOME: '/home/ada' })).toBe('/home/ada/.local/state/loom/serve-3000')
    expect(folder({ HOME: '/home/ada', XDG_STATE_HOME: '/state', PORT: '81' })).toBe(
      '/state/loom/serve-81',
    )
    expect(folder({ HOME: '/home/ada', XDG_STATE_HOME: 'state' })).toMatch(/^\/home\/ada/)
    expect(folder({ HOME: '/home/ada', PORT: '0' })).toBeUndefined()
    expect(folder({})).toBeUndefined()
    expect(folder({ HOME: '/home/ada', PORT: '0', LOOM_DATA: '/data/../data' })).toBe('/data')
  })

  it('LOOM_STORE decides before REDIS_URL', () => {
    const REDIS_URL = 'redis://127.0.0.1'
    expect(readConfig({ REDIS_URL })).toMatchObject({ redisUrl: REDIS_URL, store: undefined })
    expect(readConfig({ REDIS_URL, LOOM_STORE: 'redis' }).redisUrl).toBe(REDIS_URL)
    for (const LOOM_STORE of ['file', 'memory']) {
      expect(readConfig({ REDIS_URL, LOOM_STORE }).redisUrl).toBeUndefined()
    }
    expect(() => readConfig({ LOOM_STORE: 'redis' })).toThrow('set REDIS_URL')
    expect(() => readConfig({ LOOM_STORE: 'files' })).toThrow(/^LOOM_STORE must be/)
  })

  it('the settings come from the environment', () => {
    expect(
      readConfig({
        PORT: '0',
        HOST: '0.0.0.0',
        LOOM_AUTH: 'none',
        LOOM_MODEL: 'acme/org/model:free',
        LOOM_AGENT: 'researcher',
        LOOM_AGENTS: ' coder, researcher',
        LOOM_FIRST_CHUNK_MS: '1',
        LOOM_NEXT_CHUNK_MS: '2',
        LOOM_STEP_MS: '3',
        LOOM_KEEPALIVE_MS: '4',
        LOOM_IDLE_MS: '5',
        LOOM_PUBLIC_URL: 'https://Chat.example.com/loom/',
        LOOM_CORS_ORIGINS: ' https://App.example.com , http://localhost:5173/,',
        LOOM_LOG_LEVEL: 'silent',
        LOOM_LOG_FORMAT: 'json',
        LOOM_METRICS: 'off',
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
        LOOM_REDIS_PREFIX: 'prod:chat',
        REDIS_URL: 'redis+sentinel://a:1,b:2/main',
        LOOM_API_KEYS: 'first-key, alice:second-key,alice : third:key',
        LOOM_OPERATOR_KEYS: 'ops:fourth-key',
        LOOM_SESSION_TTL: '60',
        LOOM_HEARTBEAT_MS: '500',
        LOOM_FLUSH_MS: '0',
        LOOM_REDIS_PATIENCE: '5',
        LOOM_ROLLBACK_TIME: '3600',
        LOOM_TURNS_MAX: '7',
        LOOM_LIMIT_REQUESTS: '600/60',
        LOOM_LIMIT_TOKENS: '1000000/86400',
        LOOM_LIMIT_COST: '2.5/86400',
        LOOM_LIMIT_TURNS: '4',
        LOOM_LIMIT_STREAMS: '20',
        LOOM_LIMIT_SESSIONS: '30',
        LOOM_LIMIT_BYTES: '5000000',
        LOOM_TASKS_DEPTH: '5',
        LOOM_TASKS_AT_ONCE: '4',
        LOOM_TASKS_MAX: '99',
        LOOM_WORKSPACE: '/usr/../usr/bin',
        LOOM_SANDBOX: 'required',
        LOOM_SANDBOX_NETWORK: 'host',
        LOOM_SANDBOX_READ: '/opt/data:/srv/',
        LOOM_SANDBOX_WRITE: '/var/cache/build',
        LOOM_SANDBOX_ENV: 'GITHUB_TOKEN, NODE_ENV',
        LOOM_SANDBOX_MEMORY_MB: '512',
        LOOM_SANDBOX_DISK_MB: '100',
        LOOM_MODELS_URL: 'none',
        LOOM_MODELS_PATH: '/etc/loom/models.json',
        HOME: '/home/ada',
        LOOM_ALLOWED_HOSTS: 'Chat.example.com, *.example.net:8443',
        LOOM_FILE_URLS: 'any',
        LOOM_GRACE_MS: '0',
        SOMETHING_ELSE: 'ignored',
      }),
    ).toEqual({
      port: 0,
      host: '0.0.0.0',
      model: 'acme/org/model:free',
      agent: 'researcher',
      agents: ['coder', 'researcher'],
      limits: { firstChunkMs: 1, nextChunkMs: 2, stepMs: 3 },
      keepAliveMs: 4,
      idleMs: 5,
      corsOrigins: ['https://app.example.com', 'http://localhost:5173'],
      publicUrl: 'https://chat.example.com',
      allowedHosts: ['chat.example.com', '*.example.net:8443'],
      fileUrls: 'any',
      graceMs: 0,
      logLevel: 'silent',
      logFormat: 'json',
      metrics: 'off',
      traces: 'http/protobuf',
      redisPrefix: 'prod:chat',
      redisUrl: 'redis+sentinel://a:1,b:2/main',
      apiKeys: [
        { key: 'first-key', name: undefined },
        { key: 'second-key', name: 'alice' },
        { key: 'third:key', name: 'alice' },
      ],
      access: {
        jwt: undefined,
        proxy: undefined,
        operatorKeys: [{ key: 'fourth-key', name: 'ops' }],
        tokenSecrets: [],
      },
      sessionTtlMs: 60_000,
      heartbeatMs: 500,
      flushMs: 0,
      redisPatienceMs: 5,
      rollbackMs: 3_600_000,
      quotas: {
        requests: { amount: 600, windowS: 60 },
        tokens: { amount: 1_000_000, windowS: 86_400 },
        cost: { amount: 2.5, windowS: 86_400 },
        turns: 4,
        streams: 20,
      },
      storageLimits: { sessions: 30, bytes: 5_000_000 },
      turnsMax: 7,
      tasks: { depthMax: 5, openMax: 4, unfinishedMax: 99 },
      workspace: '/usr/bin',
      sandbox: {
        mode: 'required',
        network: true,
        readable: ['/opt/data', '/srv'],
        writable: ['/var/cache/build'],
        variables: ['GITHUB_TOKEN', 'NODE_ENV'],
        memoryBytesMax: 512 * 1024 * 1024,
        diskBytesMax: 100 * 1024 * 1024,
      },
      modelsUrl: undefined,
      modelsPath: '/etc/loom/models.json',
      modelsCache: '/home/ada/.cache/loom/models.br',
    })
  })

  it.each<[string, Record<string, string>, string]>([
    ['the endpoint turns traces on', {}, 'http/protobuf'],
    [
      'the form of traces has its own variable',
      { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json' },
      'http/json',
    ],
    ['another exporter turns traces off', { OTEL_TRACES_EXPORTER: 'none' }, 'auto'],
    ['OTEL_SDK_DISABLED turns all of OpenTelemetry off', { OTEL_SDK_DISABLED: 'true' }, 'off'],
  ])('%s', (_, variables, traces) => {
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }
    expect(readConfig({ ...endpoint, ...variables }).traces).toBe(traces)
  })

  it('an endpoint that is no address is refused', () => {
    for (const endpoint of ['foo', 'collector:4318']) {
      const variables = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }
      expect(() => readConfig(variables)).toThrow('http:// or https://')
    }
  })

  it('a collector by gRPC is refused with the protocols that Loom has', () => {
    const variables = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4317',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    }
    expect(() => readConfig(variables)).toThrow('http/protobuf or http/json, not grpc')
  })

  it('an empty setting counts as not set', () => {
    const empty = { PORT: '', HOST: '', LOOM_MODEL: '', LOOM_CORS_ORIGINS: '', REDIS_URL: '' }
    expect(readConfig(empty)).toEqual(readConfig({}))
  })

  const bad: readonly [string, Environment, RegExp][] = [
    [
      'a sandbox path that is relative',
      { LOOM_SANDBOX_READ: 'data' },
      /^LOOM_SANDBOX_READ .*"data"$/,
    ],
    ['a sandbox path of all', { LOOM_SANDBOX_WRITE: '/' }, /^LOOM_SANDBOX_WRITE .*"\/"$/],
    [
      'a variable that is a key',
      { LOOM_SANDBOX_ENV: 'X_API_KEY' },
      /^LOOM_SANDBOX_ENV .*X_API_KEY/,
    ],
    ['a variable with a value', { LOOM_SANDBOX_ENV: 'A=b' }, /^LOOM_SANDBOX_ENV .*"A=b"$/],
    ['a network that is no choice', { LOOM_SANDBOX_NETWORK: 'yes' }, /^LOOM_SANDBOX_NETWORK /],
    ['a port that is a word', { PORT: 'http' }, /^PORT must be .*0 to 65535; got "http"$/],
    ['a port that is too high', { PORT: '65536' }, /^PORT must be .*65535/],
    ['a port below zero', { PORT: '-1' }, /^PORT /],
    ['a port in hex', { PORT: '0x50' }, /^PORT /],
    ['a port with a fraction', { PORT: '80.5' }, /^PORT /],
    ['a time of nothing', { LOOM_STEP_MS: '0' }, /^LOOM_STEP_MS must be .*from 1 /],
    ['a time no timer can wait', { LOOM_KEEPALIVE_MS: '2147483648' }, /^LOOM_KEEPALIVE_MS /],
    ['a time with its unit', { LOOM_FIRST_CHUNK_MS: '60s' }, /^LOOM_FIRST_CHUNK_MS .*"60s"$/],
    ['a model without a provider', { LOOM_MODEL: 'gpt' }, /^LOOM_MODEL must be "provider\/model/],
    [
      'a list of agents with a gap',
      { LOOM_AGENTS: 'coder,,a' },
      /^LOOM_AGENTS must list .*got ""$/,
    ],
    ['an unknown log level', { LOOM_LOG_LEVEL: 'loud' }, /^LOOM_LOG_LEVEL must be .*got "loud"$/],
    ['an unknown authentication', { LOOM_AUTH: 'basic' }, /^LOOM_AUTH must be none or proxy/],
    ['a host as an origin', { LOOM_CORS_ORIGINS: 'example.com' }, /^LOOM_CORS_ORIGINS .*https:/],
    ['a page as an origin', { LOOM_CORS_ORIGINS: 'https://a.b/c' }, /^LOOM_CORS_ORIGINS /],
    ['a host as its own address', { LOOM_PUBLIC_URL: 'chat.example.com' }, /^LOOM_PUBLIC_URL must/],
    ['an open address', { HOST: '0.0.0.0' }, /^HOST 0\.0\.0\.0 .*LOOM_AUTH=none/],
    ['an open address with a name', { HOST: 'example.com' }, /^HOST example\.com /],
    ['an address of no Redis', { REDIS_URL: 'http://x' }, /^REDIS_URL must begin with redis:/],
    ['a prefix with a hash tag', { LOOM_REDIS_PREFIX: 'a{b}' }, /^LOOM_REDIS_PREFIX must be at/],
    ['keys that can be guessed', { LOOM_API_KEYS: 'k' }, /^LOOM_API_KEYS .*8 characters/],
    ['a named key that can be guessed', { LOOM_API_KEYS: 'alice:k' }, /^LOOM_API_KEYS .*8 char/],
    ['a key without its name', { LOOM_API_KEYS: ':long-secret' }, /^LOOM_API_KEYS must name keys/],
    ['a key of two', { LOOM_API_KEYS: 'a:same-secret,b:same-secret' }, /^LOOM_API_KEYS must not/],
    [
      'an operator without a name',
      { LOOM_API_KEYS: 'a:long-secret', LOOM_OPERATOR_KEYS: 'another-secret' },
      /^LOOM_OPERATOR_KEYS must name each key/,
    ],
    [
      'an operator with scopes',
      { LOOM_API_KEYS: 'a:long-secret', LOOM_OPERATOR_KEYS: 'ops/read:another-secret' },
      /^LOOM_OPERATOR_KEYS must list keys without scopes/,
    ],
    [
      'an operator with the key of a tenant',
      { LOOM_API_KEYS: 'a:long-secret', LOOM_OPERATOR_KEYS: 'ops:long-secret' },
      /^LOOM_OPERATOR_KEYS must not have a key of LOOM_API_KEYS/,
    ],
    [
      'an operator of an open server',
      { LOOM_OPERATOR_KEYS: 'ops:another-secret' },
      /^LOOM_OPERATOR_KEYS has no effect/,
    ],
    ['a heartbeat that none can keep', { LOOM_HEARTBEAT_MS: '1' }, /^LOOM_HEARTBEAT_MS /],
    [
      'a workspace that is not there',
      { LOOM_WORKSPACE: '/no/where' },
      /^LOOM_WORKSPACE must be a /,
    ],
    ['a workspace that is a file', { LOOM_WORKSPACE: '/etc/passwd' }, /^LOOM_WORKSPACE must be a /],
    ['a workspace of no possible name', { LOOM_WORKSPACE: 'a\0b' }, /^LOOM_WORKSPACE must be a /],
    ['an unknown sandbox', { LOOM_SANDBOX: 'docker' }, /^LOOM_SANDBOX must be auto or bwrap or /],
    ['a misspelt name', { LOOM_MODLE: 'demo/echo' }, /^LOOM_MODLE .*Did you mean "LOOM_MODEL"\?$/],
    ['words in another order', { LOOM_KEYS_API: 'k' }, /Did you mean "LOOM_API_KEYS"\?$/],
    ['a name without its unit', { LOOM_GRACE: '5' }, /Did you mean "LOOM_GRACE_MS"\?$/],
    ['a name in small letters', { loom_model: 'demo/echo' }, /Did you mean "LOOM_MODEL"\?$/],
    ['a prefix too many', { LOOM_REDIS_URL: 'redis://x' }, /Did you mean "REDIS_URL"\?$/],
    ['a port with a prefix', { LOOM_PORT: '8080' }, /Did you mean "PORT"\?$/],
    [
      'a host with a scheme',
      { LOOM_ALLOWED_HOSTS: 'https://a.b' },
      /^LOOM_ALLOWED_HOSTS must list/,
    ],
    [
      'unknown file addresses',
      { LOOM_FILE_URLS: 'all' },
      /^LOOM_FILE_URLS must be public or any or download/,
    ],
    ['a grace that is no number', { LOOM_GRACE_MS: '10s' }, /^LOOM_GRACE_MS must be a whole/],
    ['a secret that can be guessed', { LOOM_JWT_SECRET: 'k' }, /^LOOM_JWT_SECRET must have/],
  ]
  for (const [name, environment, line] of bad) {
    it(`refuse ${name} in one line`, () => {
      expect(() => readConfig(environment)).toThrow(
        expect.objectContaining({
          code: 'invalid-config',
          message: expect.toSatisfy((text) => line.test(text) && !text.includes('\n')),
        }),
      )
    })
  }

  it('variables of other programs are ignored', () => {
    const others = {
      LOOM_SERVICE_HOST: '10.0.0.1',
      LOOM_SERVICE_PORT: '80',
      LOOM_PORT: 'tcp://10.0.0.1:80',
      LOOM_PORT_80_TCP: 'tcp://10.0.0.1:80',
      LOOM_PORT_80_TCP_PROTO: 'tcp',
      LOOM_REDIS_PORT: 'tcp://10.0.0.2:6379',
      LOOM_REDIS_SERVICE_HOST: '10.0.0.2',
      LOOM_API_KEY: 'of-the-command',
      LOOM_UNRELATED_VARIABLE: 'x',
    }
    expect(() => readConfig(others)).not.toThrow()
    expect(() => readRegistryConfig(others)).not.toThrow()
    expect(() => readRegistryConfig({ LOOM_MODEL_URL: 'none' })).toThrow('LOOM_MODELS_URL')
  })

  it('a name with a missing or doubled letter is refused', () => {
    const page = readFileSync(new URL('../docs/settings.md', import.meta.url), 'utf8')
    const names = [...page.matchAll(/^\| `(LOOM_[A-Z_]+)` \|/gm)].map(([, name = '']) => name)
    expect(names.length).toBeGreaterThan(30)
    // The command uses this name for its key.
    names.push('LOOM_API_KEY')
    for (const name of names) {
      const slips = [name.slice(0, -1), `${name}${name.at(-1)}`, name.replace(/_(?=[^_]*$)/, '')]
      for (const slip of slips.filter(
        (slip) => slip.startsWith('LOOM_') && !names.includes(slip),
      )) {
        expect(() => readConfig({ [slip]: '1' }), slip).toThrow('Did you mean')
      }
    }
  })

  it('the first agent of LOOM_AGENTS is the default agent', () => {
    expect(readConfig({ LOOM_AGENTS: 'coder,assistant' }).agent).toBe('coder')
    expect(readConfig({ LOOM_AGENTS: 'coder', LOOM_AGENT: 'x' }).agent).toBe('x')
  })

  it('an open address is allowed with keys', () => {
    expect(readConfig({ HOST: '0.0.0.0', LOOM_API_KEYS: 'a-long-key' }).host).toBe('0.0.0.0')
  })

  it('every bad value is reported in a line', () => {
    expect(() => readConfig({ PORT: 'x', LOOM_STEP_MS: 'y' })).toThrow(/^PORT .*\nLOOM_STEP_MS .*$/)
  })
})

describe('an address', () => {
  it('an address is loopback only if no other machine reaches it', () => {
    for (const host of ['127.0.0.1', '127.1.2.3', 'localhost', 'LOCALHOST', 'a.localhost', '::1']) {
      expect(isLoopback(host), host).toBe(true)
    }
    for (const host of [
      '0.0.0.0',
      '::',
      '10.0.0.1',
      '127.0.0.1.evil.net',
      'localhost.evil.net',
      '',
    ]) {
      expect(isLoopback(host), host).toBe(false)
    }
  })
})
