/**
 * What `npm publish` in the folder of the project sends to a registry. The registry is a server of
 * this test. The folder has the manifest and its scripts, without the build of the library.
 */
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'

import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'

import { folder, root, tidy } from '../cli/command.ts'
import { serveInTest } from '../fixtures/open-server.ts'

const run = promisify(execFile)

const manifestOf = z.looseObject({ scripts: z.record(z.string(), z.string()) })
const publicationOf = z.object({
  versions: z.record(z.string(), z.record(z.string(), z.unknown())),
  _attachments: z.record(z.string(), z.object({ data: z.base64() })),
})

interface Registry {
  url: string
  /** The bodies of the publications. */
  bodies: string[]
}

/** A registry without packages. It answers a publication with this status. */
async function openRegistry(status: number): Promise<Registry> {
  const bodies: string[] = []
  const url = await serveInTest((request, response) => {
    const isPublication = request.method === 'PUT'
    let body = ''
    request.setEncoding('utf8').on('data', (piece: string) => (body += piece))
    request.once('end', () => {
      if (isPublication) bodies.push(body)
      response.writeHead(isPublication ? status : 404, { 'content-type': 'application/json' })
      response.end('{}')
    })
  })
  return { url: `${url}/`, bodies }
}

/** Makes a project with the manifest and the scripts of this one. */
async function project(): Promise<{ path: string; manifest: () => string; restored: string }> {
  const path = await folder()
  const content = manifestOf.parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')))
  const { prepack = '', prepare: _, ...scripts } = content.scripts
  const [, withoutBuild = ''] = prepack.split('main.ts library >&2 && ')
  expect(withoutBuild).not.toBe('')
  const restored = JSON.stringify({ ...content, scripts: { ...scripts, prepack: withoutBuild } })
  const file = join(path, 'package.json')
  writeFileSync(file, restored)
  for (const name of ['bin/build/published-manifest.ts', 'bin/build/place.ts', 'bin/loom.mjs'])
    cpSync(join(root, name), join(path, name))
  mkdirSync(join(path, 'bin/node'))
  cpSync(join(root, 'bin/node/package.json'), join(path, 'bin/node/package.json'))
  return { path, manifest: () => readFileSync(file, 'utf8'), restored }
}

function publish(cwd: string, { url }: Registry, ...words: string[]) {
  const login = `--${url.replace('http:', '')}:_authToken=none`
  const options = ['--registry', url, login, '--fetch-retries=0', '--loglevel=notice']
  const env = { ...process.env, NO_PROXY: '127.0.0.1', no_proxy: '127.0.0.1' }
  return run('npm', ['publish', ...options, ...words], { cwd, env })
}

afterEach(tidy)

describe('npm publish', () => {
  it('sends the manifest of the package also beside the tarball, and keeps the file', async () => {
    const registry = await openRegistry(201)
    const { path, manifest, restored } = await project()
    await publish(path, registry)
    await expect.poll(manifest).toBe(restored)
    const [body = ''] = registry.bodies
    const { versions, _attachments } = publicationOf.parse(JSON.parse(body))
    const [sent = {}] = Object.values(versions)
    expect(sent).toMatchObject({ name: 'loomkit', peerDependencies: { ai: expect.any(String) } })
    const ofCheckout = ['scripts', 'devDependencies', 'workspaces']
    expect(Object.keys(sent).filter((name) => ofCheckout.includes(name))).toEqual([])
    const packed = Object.values(_attachments)[0]?.data ?? ''
    const tarball = gunzipSync(Buffer.from(packed, 'base64')).toString('latin1')
    expect(tarball).toContain('"name": "loomkit"')
    expect(tarball).not.toContain('"devDependencies"')
  })

  it('keeps the file in a dry run, and has nothing to correct', async () => {
    const registry = await openRegistry(201)
    const { path, manifest, restored } = await project()
    const { stderr } = await publish(path, registry, '--dry-run')
    expect(stderr).toContain('(dry-run)')
    expect(stderr).not.toMatch(/npm (warn|error)/)
    expect(registry.bodies).toEqual([])
    await expect.poll(manifest).toBe(restored)
  })

  it('keeps the file also if the registry refuses the package', async () => {
    const registry = await openRegistry(403)
    const { path, manifest, restored } = await project()
    await expect(publish(path, registry)).rejects.toThrow(/E403|403/)
    await expect.poll(manifest).toBe(restored)
    // The process that restores the file removes its copy after it.
    await expect.poll(() => existsSync(join(path, 'dist/package.json'))).toBe(false)
  })
})
