/** The example for Kubernetes has only fields that Kubernetes has, and fits the image and the server. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'

import { readConfig } from '../src/config.ts'
import { root } from './cli/command.ts'
import { reportsIn } from './docs/compiled-blocks.ts'
import { writeBlocks } from './docs/written-files.ts'

const path = 'examples/kubernetes/loom.yaml'

const resource = z.looseObject({ apiVersion: z.string(), kind: z.string() })

const resources = parseAllDocuments(readFileSync(join(root, path), 'utf8')).map((document) => {
  expect('errors' in document ? document.errors : []).toEqual([])
  return resource.parse(document.toJS())
})

/** A resource as a program, so that the compiler compares it with the types of the API of Kubernetes. */
const program = ({ apiVersion, kind }: z.infer<typeof resource>, value: unknown) => ({
  page: `${path}-${kind}`,
  line: 1,
  language: 'ts',
  code: [
    `import type { ${kind} } from 'kubernetes-types/${apiVersion.includes('/') ? apiVersion : `core/${apiVersion}`}.js'`,
    `export const value: ${kind} = ${JSON.stringify(value, null, 2)}`,
    '',
  ].join('\n'),
})

/** Some fields of the resources. Each kind has others. */
const fieldsOf = <FORM extends z.ZodType>(kind: string, form: FORM): z.infer<FORM> =>
  form.parse(resources.find((each) => each.kind === kind))

const probe = z.object({ httpGet: z.object({ path: z.string(), port: z.string() }) })

const deployment = z.object({
  spec: z.object({
    selector: z.object({ matchLabels: z.record(z.string(), z.string()) }),
    template: z.object({
      metadata: z.object({ labels: z.record(z.string(), z.string()) }),
      spec: z.object({
        terminationGracePeriodSeconds: z.number(),
        securityContext: z.object({ runAsNonRoot: z.literal(true), runAsUser: z.number() }),
        containers: z.tuple([
          z.object({
            ports: z.tuple([z.object({ name: z.string(), containerPort: z.number() })]),
            env: z.array(z.object({ name: z.string(), value: z.string() })),
            securityContext: z.object({
              allowPrivilegeEscalation: z.literal(false),
              readOnlyRootFilesystem: z.literal(true),
              capabilities: z.object({ drop: z.tuple([z.literal('ALL')]) }),
            }),
            startupProbe: probe,
            livenessProbe: probe,
            readinessProbe: probe,
            lifecycle: z.object({
              preStop: z.object({ exec: z.object({ command: z.array(z.string()) }) }),
            }),
          }),
        ]),
      }),
    }),
  }),
})

describe('the resources', () => {
  it('have the types of Kubernetes', async () => {
    expect(resources.map(({ kind }) => kind)).toEqual([
      'Deployment',
      'Service',
      'PodDisruptionBudget',
      'HorizontalPodAutoscaler',
    ])
    using written = writeBlocks(resources.map((each) => program(each, each)))
    expect((await reportsIn(written, 'ts')).map(({ text }) => text)).toEqual([])
  }, 120_000)

  it('are found wrong if a field is misspelt', async () => {
    const [first] = resources
    if (first === undefined) throw new Error('There is no resource.')
    const text = JSON.stringify(first).replace('"readinessProbe"', '"readynessProbe"')
    using written = writeBlocks([program(first, JSON.parse(text))])
    expect((await reportsIn(written, 'ts')).map(({ text }) => text)).toEqual([
      expect.stringContaining('readynessProbe'),
    ])
  }, 120_000)

  it('select the instances, and ask the addresses of the server', () => {
    const { selector, template } = fieldsOf('Deployment', deployment).spec
    const [{ ports, startupProbe, livenessProbe, readinessProbe }] = template.spec.containers
    expect(template.metadata.labels).toEqual(selector.matchLabels)
    const service = z.object({
      spec: z.object({
        selector: z.record(z.string(), z.string()),
        ports: z.array(z.object({ targetPort: z.string() })),
      }),
    })
    const { spec } = fieldsOf('Service', service)
    expect(spec.selector).toEqual(selector.matchLabels)
    expect(spec.ports.map(({ targetPort }) => targetPort)).toEqual([ports[0].name])
    const paths = [startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet)
    expect(paths).toEqual([
      { path: '/healthz', port: 'http' },
      { path: '/healthz', port: 'http' },
      { path: '/readyz', port: 'http' },
    ])
  })

  it('give a server the time to stop, and the user of the image', () => {
    const { spec } = fieldsOf('Deployment', deployment).spec.template
    const [{ env, lifecycle, ports }] = spec.containers
    const config = readConfig({
      REDIS_URL: 'redis://redis:6379',
      ...Object.fromEntries(env.map(({ name, value }) => [name, value])),
    })
    const [, preStopMs = ''] = /(\d+)\)$/.exec(lifecycle.preStop.exec.command.at(-1) ?? '') ?? []
    const stopMs = Number(preStopMs) + config.graceMs
    expect(stopMs).toBeGreaterThan(5000)
    expect(spec.terminationGracePeriodSeconds * 1000).toBeGreaterThan(stopMs)
    const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8')
    expect(dockerfile).toContain(`\nUSER ${spec.securityContext.runAsUser}:`)
    expect(dockerfile).toContain(` PORT=${ports[0].containerPort} `)
  })
})
